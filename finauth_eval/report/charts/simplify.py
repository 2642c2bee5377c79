"""Fewer points for the same picture: a curve of a million points has at most a thousand pixels to show."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["simplify"]


def simplify(x: NDArray[np.float64], y: NDArray[np.float64], *, tolerance: float) -> NDArray[np.intp]:
    """Indices of the points that keep a polyline within ``tolerance`` of itself, first and last among them.

    Repeated points go first, then what Ramer (1972) and Douglas and Peucker (1973) leave out.

    Args:
        x: Shape (k,), in drawing units.
        y: Shape (k,), in drawing units.
        tolerance: Largest distance between a dropped point and the line drawn, in drawing units.

    Example:
        >>> line = np.array([0.0, 1.0, 2.0, 3.0])
        >>> simplify(line, np.array([0.0, 0.01, 0.0, 5.0]), tolerance=0.1).tolist()
        [0, 2, 3]
    """
    rows = np.stack([x, y], axis=1)
    cells = np.round(rows / tolerance)
    fresh = np.ones(len(rows), dtype=bool)
    fresh[1:] = (cells[1:] != cells[:-1]).any(axis=1)
    fresh[-1:] = True
    index = np.flatnonzero(fresh)
    return index[_keep(rows[index], tolerance)]


def _keep(points: NDArray[np.float64], tolerance: float) -> NDArray[np.bool_]:
    keep = np.zeros(len(points), dtype=bool)
    keep[:1] = keep[-1:] = True
    pending = [(0, len(points) - 1)]
    while pending:
        first, last = pending.pop()
        if last - first < 2:
            continue
        distances = _distances(points[first + 1 : last], points[first], points[last])
        worst = int(np.argmax(distances))
        if distances[worst] > tolerance:
            middle = first + 1 + worst
            keep[middle] = True
            pending += [(first, middle), (middle, last)]
    return keep


def _distances(
    points: NDArray[np.float64], start: NDArray[np.float64], end: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Distances of points of shape (k, 2) from the segment between two points."""
    along = end - start
    length = float(along @ along)
    if length == 0.0:
        return np.asarray(np.hypot(*(points - start).T))
    where = np.clip((points - start) @ along / length, 0.0, 1.0)
    return np.asarray(np.hypot(*(points - start - where[:, None] * along).T))
