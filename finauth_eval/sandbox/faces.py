"""Finding faces with CenterFace (https://arxiv.org/abs/1911.03599) by OpenCV's own network runtime."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["Face", "FaceFinder", "Picture"]

Picture = NDArray[np.uint8]
"""Height x width x 3, blue-green-red, 8 bits."""

# the network's variable shapes give garbage under cv2.dnn, fixed squares do not; the small one takes a third of the
# time and is enough for a picture that fits into it
SIDES = (320, 512)
STRIDE = 4
OUTPUTS = ("537", "538", "539", "540")  # heat map, log size, offset, landmarks
MAX_OVERLAP = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """A face in a picture's pixels.

    Attributes:
        box: Left, top, right, bottom; float64, shape (4,).
        score: The detector's confidence in [0, 1].
        landmarks: Both eyes, tip of the nose, both corners of the mouth as x, y; float64, shape (5, 2).
    """

    box: NDArray[np.float64]
    score: float
    landmarks: NDArray[np.float64]

    @property
    def height(self) -> float:
        """Height of the box in pixels."""
        return float(self.box[3] - self.box[1])

    @property
    def centre(self) -> NDArray[np.float64]:
        """Centre of the box as x, y."""
        return (self.box[:2] + self.box[2:]) / 2


class FaceFinder:
    """CenterFace on a letterbox of 320 or 512 pixels a side; may be called from several threads.

    Args:
        weights: The ONNX file.
        threshold: Least confidence of a face, in [0, 1].
    """

    def __init__(self, weights: Path, *, threshold: float = 0.35) -> None:
        self._weights = str(weights)
        self._threshold = threshold
        self._threads = threading.local()

    def find(self, picture: Picture) -> list[Face]:
        """Return the faces, the most confident first.

        Args:
            picture: Height x width x 3, blue-green-red, 8 bits.
        """
        height, width = picture.shape[:2]
        side = SIDES[0] if max(height, width) <= SIDES[0] else SIDES[1]
        scale = side / max(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        canvas = np.zeros((side, side, 3), np.uint8)
        canvas[: size[1], : size[0]] = cv2.resize(picture, size, interpolation=method)
        network = self._network(side)
        network.setInput(cv2.dnn.blobFromImage(canvas, 1.0, (side, side), (0, 0, 0), swapRB=True, crop=False))
        faces = _decode(network.forward(OUTPUTS), self._threshold, side, 1 / scale)
        return _without_overlaps(faces)

    def _network(self, side: int) -> Any:
        # a network keeps its input between two calls, and one shape: each thread needs its own for each side
        networks = self._threads.__dict__.setdefault("networks", {})
        if side not in networks:
            networks[side] = cv2.dnn.readNetFromONNX(self._weights)
        return networks[side]


def _decode(outputs: Any, threshold: float, side: int, scale: float) -> list[Face]:
    heat, log_size, offset, marks = (np.asarray(output, np.float64)[0] for output in outputs)
    faces = []
    for row, column in zip(*np.nonzero(heat[0] > threshold), strict=True):
        size = np.exp(log_size[::-1, row, column]) * STRIDE
        middle = (np.array([column, row]) + offset[::-1, row, column] + 0.5) * STRIDE
        start = np.maximum(middle - size / 2, 0)
        end = np.minimum(start + size, side)
        landmarks = marks[:, row, column].reshape(5, 2)[:, ::-1] * size + start
        score = float(heat[0, row, column])
        faces.append(Face(box=np.concatenate([start, end]) * scale, score=score, landmarks=landmarks * scale))
    return sorted(faces, key=lambda face: -face.score)


def _without_overlaps(faces: list[Face]) -> list[Face]:
    kept: list[Face] = []
    for face in faces:
        if all(_overlap(face.box, other.box) <= MAX_OVERLAP for other in kept):
            kept.append(face)
    return kept


def _overlap(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Intersection over union."""
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    shared = float(np.prod(np.maximum(sides, 0)))
    return shared / (float(np.prod(a[2:] - a[:2])) + float(np.prod(b[2:] - b[:2])) - shared)
