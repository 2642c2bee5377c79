"""Source pictures with the face that is in them, and square crops around that face."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from finauth_eval.demo.people import Person, SourcePicture
from finauth_eval.errors import DatasetError
from finauth_eval.sandbox.faces import Face, FaceFinder, Picture

__all__ = ["Crop", "Portrait", "crop_around", "crop_face", "decode", "load_portraits", "seeded"]

# generated pictures are 2,000 pixels high; as large faces only they would be told apart by their size
FACE_HEIGHTS = (170, 400)
PUBLISHED_QUALITIES = (82, 96)
MIRRORED = [1, 0, 2, 4, 3]  # the landmarks' order after left and right have changed places


@dataclass(frozen=True, slots=True, kw_only=True)
class Portrait:
    """A source picture of one person with the face that was found in it."""

    picture: Picture
    face: Face


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """A square part of a portrait.

    Attributes:
        picture: Side x side x 3, blue-green-red, 8 bits.
        box: The face's left, top, right, bottom in it; float64, shape (4,).
        landmarks: The face's five landmarks in it as x, y; float64, shape (5, 2).
    """

    picture: Picture
    box: NDArray[np.float64]
    landmarks: NDArray[np.float64]


def seeded(*names: object) -> np.random.Generator:
    """Return a generator that depends on names alone, so that no item's chance depends on another's.

    Example:
        >>> seeded("P001", 3).random() == seeded("P001", 3).random()
        True
    """
    return np.random.default_rng(zlib.crc32("|".join(map(str, names)).encode()))


def decode(content: bytes) -> Picture:
    """Decode a pinned source picture."""
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise DatasetError("a pinned source picture does not decode: is this OpenCV built with JPEG and PNG?")
    return np.asarray(picture, np.uint8)


def load_portraits(
    people: Iterable[Person], contents: Mapping[SourcePicture, bytes], finder: FaceFinder
) -> dict[str, list[Portrait]]:
    """Decode the people's pictures and find their faces.

    Args:
        people: Whose pictures.
        contents: Bytes of each source picture.
        finder: Finds the faces.

    Returns:
        Portraits by the person's id, in the order of the person's pictures.

    Raises:
        DatasetError: No face is found in a picture.
    """
    return {
        person.id: [_portrait(person, source, contents[source], finder) for source in person.pictures]
        for person in people
    }


def _portrait(person: Person, source: SourcePicture, content: bytes, finder: FaceFinder) -> Portrait:
    picture = decode(content)
    if not person.is_real:
        picture = _as_published(picture, finder, seeded("published", source.member))
    return Portrait(picture=picture, face=_one_face(picture, finder, source))


def _one_face(picture: Picture, finder: FaceFinder, source: SourcePicture) -> Face:
    faces = finder.find(picture)
    if not faces:
        raise DatasetError(f"no face is found in {source.member} of {source.package}")
    return max(faces, key=lambda face: face.height)


def _as_published(picture: Picture, finder: FaceFinder, rng: np.random.Generator) -> Picture:
    """Give a generated picture the size and the compression of a real one on a web page."""
    faces = finder.find(picture)
    height = max((face.height for face in faces), default=float(FACE_HEIGHTS[1]))
    scale = min(1.0, float(rng.uniform(*FACE_HEIGHTS)) / height)
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    quality = int(rng.integers(*PUBLISHED_QUALITIES))
    _, encoded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return decode(encoded.tobytes())


def crop_face(
    portrait: Portrait, rng: np.random.Generator, *, scales: tuple[float, float] = (1.7, 2.2)
) -> Crop:
    """Cut a square around the face, shifted, scaled and mirrored by chance, and kept inside the picture.

    Args:
        portrait: Where to cut.
        rng: Chance.
        scales: Least and greatest side, as multiples of the face's height.
    """
    # a face may fill its picture; some room is left, or every crop of it would be the whole picture
    room = float(rng.uniform(0.86, 0.98)) * min(portrait.picture.shape[:2])
    side = min(float(rng.uniform(*scales)) * portrait.face.height, room)
    centre = portrait.face.centre + rng.uniform(-0.08, 0.08, 2) * side
    crop = crop_around(portrait, centre, side)
    return _mirrored(crop) if rng.random() < 0.5 else crop


def crop_around(portrait: Portrait, centre: NDArray[np.float64], side: float) -> Crop:
    """Cut a square, made smaller and moved where it would leave the picture.

    Args:
        portrait: Where to cut.
        centre: Middle of the square as x, y; float64, shape (2,).
        side: Side of the square in pixels.
    """
    size = np.array(portrait.picture.shape[1::-1])
    length = int(min(side, *size))
    left, top = (int(v) for v in np.clip(np.rint(centre - length / 2), 0, size - length))
    offset = np.array([left, top])
    return Crop(
        picture=portrait.picture[top : top + length, left : left + length].copy(),
        box=portrait.face.box - np.tile(offset, 2),
        landmarks=portrait.face.landmarks - offset,
    )


def _mirrored(crop: Crop) -> Crop:
    width = crop.picture.shape[1] - 1
    left, top, right, bottom = crop.box
    landmarks = crop.landmarks[MIRRORED] * [-1, 1] + [width, 0]
    box = np.array([width - right, top, width - left, bottom])
    return Crop(picture=crop.picture[:, ::-1].copy(), box=box, landmarks=landmarks)
