"""Making one picture of the plan: the same crop, size and compression for every class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from finauth_eval.demo.forge import ALTERATIONS, face_swap
from finauth_eval.demo.plan import Item
from finauth_eval.demo.portraits import Crop, Portrait, crop_face, seeded
from finauth_eval.sandbox.faces import Picture

__all__ = ["SIDE", "compress", "forge", "make_picture", "make_room_picture", "resize_to"]

SIDE = 288
QUALITIES = (78, 96)
WORN_PORTRAITS = 2  # a donor's selfie and studio portrait; the others show the whole body

Portraits = Mapping[str, Sequence[Portrait]]


def make_picture(item: Item, portraits: Portraits) -> bytes:
    """Return one picture as JPEG of 288 x 288 pixels and a quality of 78 to 95.

    Args:
        item: What to make; not a room.
        portraits: The people's portraits by id.
    """
    rng = seeded("picture", item.id)
    own = portraits[item.subject.id]
    crop = crop_face(own[item.index % len(own)], rng)
    return compress(forge(item, crop, portraits, rng), rng)


def forge(item: Item, crop: Crop, portraits: Portraits, rng: np.random.Generator) -> Picture:
    """Return the crop as the item wants it: untouched for a bona fide or generated one, else forged."""
    if item.donor is not None:
        worn = portraits[item.donor.id][item.index % WORN_PORTRAITS]
        return face_swap(crop, crop_face(worn, rng), rng)
    return ALTERATIONS[item.kind](crop, rng) if item.kind in ALTERATIONS else crop.picture


def make_room_picture(item: Item, picture: Picture) -> bytes:
    """Return a square of a room, made as the pictures of people are."""
    rng = seeded("picture", item.id)
    side = int(min(picture.shape[:2]) * 0.9)
    top, left = (int(rng.integers(0, length - side + 1)) for length in picture.shape[:2])
    return compress(picture[top : top + side, left : left + side], rng)


def compress(picture: Picture, rng: np.random.Generator) -> bytes:
    """Bring a picture to its final size and compress it with a quality drawn by chance."""
    quality = int(rng.integers(*QUALITIES))
    _, encoded = cv2.imencode(".jpg", resize_to(picture, SIDE), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return bytes(encoded.tobytes())


def resize_to(picture: Picture, side: int) -> Picture:
    """Resize a square picture, averaging when it gets smaller."""
    method = cv2.INTER_AREA if picture.shape[0] > side else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (side, side), interpolation=method), np.uint8)
