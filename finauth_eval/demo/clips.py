"""Making one clip of the plan: the camera pans and zooms over a genuine or forged picture."""

from __future__ import annotations

import io
from collections.abc import Iterator

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from finauth_eval.demo.pictures import Portraits, forge
from finauth_eval.demo.plan import Item
from finauth_eval.demo.portraits import crop_face, seeded
from finauth_eval.sandbox.faces import Picture

__all__ = ["FRAMES", "FRAMES_PER_SECOND", "make_clip", "make_room_clip"]

SIDE = 288
FRAMES = 60
FRAMES_PER_SECOND = 24
SCALES = (2.2, 2.6)  # more room around the face than in a picture, for the camera to move in
RATE_FACTORS = (20, 27)  # x264's constant rate factor, drawn by chance for every class


def make_clip(item: Item, portraits: Portraits) -> bytes:
    """Return one clip of 2.5 s, 288 x 288 pixels, as H.264 in MP4.

    Args:
        item: What to make; not a room.
        portraits: The people's portraits by id.
    """
    rng = seeded("clip", item.id)
    own = portraits[item.subject.id]
    crop = crop_face(own[item.index % len(own)], rng, scales=SCALES)
    return _encode(_camera(forge(item, crop, portraits, rng), rng), int(rng.integers(*RATE_FACTORS)))


def make_room_clip(item: Item, picture: Picture) -> bytes:
    """Return a clip over a room, made as those of people are."""
    rng = seeded("clip", item.id)
    side = min(picture.shape[:2])
    left = (picture.shape[1] - side) // 2
    return _encode(_camera(picture[:side, left : left + side], rng), int(rng.integers(*RATE_FACTORS)))


def _camera(picture: Picture, rng: np.random.Generator) -> Iterator[Picture]:
    """Move a window over a square picture: from one place and size to another, with a slight tremor."""
    side = picture.shape[0]
    sizes = rng.uniform(0.82, 0.95, 2) * side
    starts = [rng.uniform(0, side - size, 2) for size in sizes]
    for step in np.linspace(0, 1, FRAMES):
        pace = step * step * (3 - 2 * step)
        size = sizes[0] + (sizes[1] - sizes[0]) * pace
        corner = starts[0] + (starts[1] - starts[0]) * pace + rng.normal(0, 0.001 * side, 2)
        yield _window(picture, np.clip(corner, 0, side - size), float(size))


def _window(picture: Picture, corner: NDArray[np.float64], size: float) -> Picture:
    scale = SIDE / size
    # averaging first where the window gets smaller, as a camera's sensor does
    source = cv2.GaussianBlur(picture, (0, 0), 0.4 / scale) if scale < 0.8 else picture
    motion = np.array([[scale, 0, -corner[0] * scale], [0, scale, -corner[1] * scale]])
    seen = cv2.warpAffine(
        source, motion, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    return np.asarray(seen, np.uint8)


def _encode(frames: Iterator[Picture], rate_factor: int) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=FRAMES_PER_SECOND)
        stream.width = stream.height = SIDE
        stream.pix_fmt = "yuv420p"
        # with more threads, or with x264's macroblock tree, the same frames give other bytes from run to run
        stream.options = {"crf": str(rate_factor), "preset": "fast", "x264-params": "threads=1:mbtree=0"}
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="bgr24")))
        container.mux(stream.encode())
    return buffer.getvalue()
