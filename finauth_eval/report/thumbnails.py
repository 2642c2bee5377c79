"""Small pictures of samples, found by their content and made anew: what comes from outside is decoded, never passed on.

A file is read only if it is one that could have been sent, and only the pixels of it go on: no EXIF, no names, no
places. Whatever can't be decoded has no picture; a page is never worse for it.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from markupsafe import Markup

from finauth_eval.errors import InputError, MissingExtra
from finauth_eval.media import forget_folders, pixels_of, read_media, sniff
from finauth_eval.phrases import counted, phrase, say
from finauth_eval.shown.text import shorten, visible

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

__all__ = ["Thumbnail", "Thumbnails", "thumbnails_of"]

MOST: Final = 24
MOST_BYTES: Final = 150_000
"""Of all pictures together, as they are written into the page."""
SIDE: Final = 96
_QUALITY: Final = 72
_LARGEST_SIDE: Final = 8192
_LARGEST_AREA: Final = 40_000_000
"""Pixels: a small file may claim to hold gigabytes of them."""
_LONGEST_ID: Final = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Thumbnail:
    """A picture as a page holds it: its address, which has the picture inside, and its size in pixels."""

    address: str
    width: int
    height: int

    def shown(self, sample: str) -> Markup:
        """The picture of this sample."""
        return Markup('<img class="thumb" src="{}" width="{}" height="{}" alt="{}">').format(
            self.address, self.width, self.height, shorten(visible(sample), _LONGEST_ID)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Thumbnails:
    """The pictures that there are, by the digest of their sample's content, and why the others are missing."""

    by_content: Mapping[str, Thumbnail]
    missing: Mapping[str, int]

    @property
    def words(self) -> str | None:
        """Why not every sample has a picture; ``None`` where each has."""
        if not self.missing:
            return None
        reasons = "; ".join(
            say("{contents} {why}", contents=counted("{n} content", "{n} contents", n), why=why)
            for why, n in self.missing.items()
        )
        return say("No picture of every sample: {reasons}.", reasons=reasons)


def thumbnails_of(wanted: Collection[str], folder: Path | str) -> Thumbnails:
    """Pictures of the files below a folder whose content has one of these digests.

    Args:
        wanted: Digests (sha256, hex) in the order of their importance.
        folder: Where the samples' files are; links that lead out of it are not followed.

    Raises:
        InputError: There is no such folder.
        MissingExtra: OpenCV is not installed.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder; expected the one with the samples' files")
    if find_spec("cv2") is None:
        raise MissingExtra("cv2 is not installed; thumbnails need: pip install 'finauth-eval[demo]'")
    chosen = list(dict.fromkeys(wanted))
    found = _contents({*chosen[:MOST]}, folder)
    made: dict[str, Thumbnail] = {}
    missing: Counter[str] = Counter()
    left = MOST_BYTES
    for place, digest in enumerate(chosen):
        content = found.get(digest)
        if place >= MOST:
            missing[phrase("beyond the first {most}", most=MOST)] += 1
        elif content is None:
            missing[phrase("not in the folder")] += 1
        elif (picture := _thumbnail(content)) is None:
            missing[phrase("could not be decoded")] += 1
        elif len(picture.address) > left:
            missing[phrase("beyond {most} kB", most=MOST_BYTES // 1000)] += 1
        else:
            left -= len(picture.address)
            made[digest] = picture
    return Thumbnails(by_content=made, missing=missing)


def _contents(wanted: set[str], folder: Path) -> dict[str, bytes]:
    forget_folders()
    found: dict[str, bytes] = {}
    for file in _files(folder):
        if len(found) == len(wanted):
            break
        content = read_media(file, root=folder, media_type="image")  # the larger of the two limits
        if isinstance(content, bytes):
            digest = hashlib.sha256(content).hexdigest()
            if digest in wanted:
                found[digest] = content
    return found


def _files(folder: Path) -> Iterator[Path]:
    for where, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            yield Path(where, name)


def _thumbnail(content: bytes) -> Thumbnail | None:
    import cv2

    kind, _ = sniff(content)
    picture = _first_frame(content) if kind == "video" else _picture(content)
    if picture is None:
        return None
    height, width = picture.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    try:
        small = picture if scale == 1 else cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        done, coded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    except cv2.error:
        return None
    if not done:
        return None
    text = base64.b64encode(coded.tobytes()).decode("ascii")
    return Thumbnail(address=f"data:image/jpeg;base64,{text}", width=size[0], height=size[1])


def _picture(content: bytes) -> NDArray[np.uint8] | None:
    """The pixels of a jpg or png, upright; other formats are not what the API takes."""
    import cv2

    size = pixels_of(content)
    if size is None or not _bearable(*size):
        return None
    try:
        picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    return None if picture is None else np.asarray(picture, np.uint8)


def _first_frame(content: bytes) -> NDArray[np.uint8] | None:
    try:
        import av
    except ImportError:
        return None
    try:
        # a playlist could name other files and addresses: no protocol is allowed to open them
        options = {"protocol_whitelist": ""}
        with av.open(io.BytesIO(content), "r", options=options, metadata_errors="ignore") as container:
            if not container.streams.video:
                return None
            stream = container.streams.video[0]
            stream.thread_type = "NONE"
            if not _bearable(stream.width, stream.height):
                return None
            frame: Any = next(container.decode(stream), None)
            if frame is None or not _bearable(frame.width, frame.height):
                return None
            return np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
    except (av.FFmpegError, ValueError):
        return None


def _bearable(width: int, height: int) -> bool:
    return 0 < width <= _LARGEST_SIDE and 0 < height <= _LARGEST_SIDE and width * height <= _LARGEST_AREA
