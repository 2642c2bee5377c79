"""Labels that do not collide: along an axis, and beside points of a curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["Box", "place_beside", "spread"]


def spread(wanted: Sequence[float], *, gap: float, low: float, high: float) -> list[float]:
    """Positions as near as can be to the wanted ones (ascending) that keep ``gap`` apart between the two ends.

    Neighbours that collide are joined into a block about their mean, and so on until no block touches another.

    Example:
        >>> spread([10.0, 12.0, 50.0], gap=10.0, low=0.0, high=100.0)
        [6.0, 16.0, 50.0]
    """
    if len(wanted) > 1:
        gap = min(gap, (high - low) / (len(wanted) - 1))
    blocks: list[tuple[float, int]] = []  # first position, labels
    for position in wanted:
        block = (_within(position, 1, gap, low, high), 1)
        while blocks and blocks[-1][0] + blocks[-1][1] * gap > block[0]:
            block = _joined(blocks.pop(), block, gap, low, high)
        blocks.append(block)
    return [first + k * gap for first, size in blocks for k in range(size)]


def _joined(
    left: tuple[float, int], right: tuple[float, int], gap: float, low: float, high: float
) -> tuple[float, int]:
    size = left[1] + right[1]
    first = (left[0] * left[1] + (right[0] - left[1] * gap) * right[1]) / size
    return _within(first, size, gap, low, high), size


def _within(first: float, size: int, gap: float, low: float, high: float) -> float:
    return max(low, min(first, high - (size - 1) * gap))


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A rectangle about its centre."""

    x: float
    y: float
    width: float
    height: float

    def overlap(self, other: Box) -> float:
        """The area that two boxes share."""
        across = (self.width + other.width) / 2 - abs(self.x - other.x)
        down = (self.height + other.height) / 2 - abs(self.y - other.y)
        return max(0.0, across) * max(0.0, down)


_DIRECTIONS: Final = (
    (1, 1), (1, 0), (0, 1), (-1, 1), (1, -1), (-1, 0), (0, -1), (-1, -1),
    (2, 1), (1, 2), (2, 0), (2, 2), (0, 2), (-2, 1), (-2, 0), (2, -1), (-2, -1), (3, 1), (1, 3), (3, 3),
)  # fmt: skip


def place_beside(
    points: Sequence[tuple[float, float]], *, size: float, distance: float, width: float, height: float
) -> list[Box]:
    """A square box of ``size`` beside each point, inside a plot, with the least overlap of boxes and points.

    Points are taken in turn; the first direction without an overlap wins, else the one that overlaps least. Down
    and to the right comes first: the useful side of an ROC curve is empty there.
    """
    taken = [Box(x=x, y=y, width=8, height=8) for x, y in points]
    boxes: list[Box] = []
    for x, y in points:
        candidates = [
            Box(
                x=max(size / 2, min(x + across * distance, width - size / 2)),
                y=max(size / 2, min(y + down * distance, height - size / 2)),
                width=size,
                height=size,
            )
            for across, down in _DIRECTIONS
        ]
        best = min(candidates, key=lambda box: sum(box.overlap(other) for other in (*taken, *boxes)))
        boxes.append(best)
    return boxes
