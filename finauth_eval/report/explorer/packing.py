"""Numbers along the grid, packed for the page: only where something changes, and by how much."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["UNITS", "distances", "packed"]

UNITS: Final = 10_000_000
"""Limits of intervals are written as their distances from the rate, in units of 1e-7."""


def distances(
    values: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How far each limit lies from its rate, in whole `UNITS`: that changes less along the grid than the limit does.

    NaN, which a class without samples has, becomes 0.
    """
    below, above = (
        np.round(np.nan_to_num(apart) * UNITS).astype(np.int64) for apart in (values - low, high - values)
    )
    return below, above


def packed(*columns: ArrayLike) -> list[list[int]]:
    """Columns of whole numbers, all of shape (g,): how far apart the changes are, then the changes of each column.

    Example:
        >>> packed([9, 9, 9, 7, 7], [1, 1, 1, 2, 2])
        [[0, 3], [9, -2], [1, 1]]
    """
    values = np.array(columns, dtype=np.int64)
    changes = np.diff(values, axis=1, prepend=0)
    at = np.flatnonzero((changes != 0).any(axis=0))
    gaps = np.diff(at, prepend=0)
    return [gaps.tolist(), *changes[:, at].tolist()]
