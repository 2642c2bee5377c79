"""One exact count of (score, class) pairs; the only sort of scores in the package.

Three roads give the same answer, the fastest that applies is taken:

* scores on a decimal grid (0.12, 0.1234) are counted without any sort;
* scores in [0, 1] leave the sign bit and the top bit of a float64's exponent free, so that up to four classes share
  one integer with the score, and one sort of integers orders both;
* anything else is one sort of the scores and one sort within each class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["tally"]

_GRIDS: Final = (2, 3, 4, 5, 6)  # decimals tried for counting without a sort
_CHUNK: Final = 1 << 16  # rows that stay in the processor's cache
_PROBE: Final = 1_000
_CLASSES_IN_SPARE_BITS: Final = 4


def tally(
    scores: NDArray[np.float64], codes: NDArray[np.uint8], n_codes: int
) -> tuple[NDArray[np.float64], list[NDArray[np.int64]]]:
    """Count how often each class occurs at each distinct score.

    Args:
        scores: Finite scores, shape (n,).
        codes: The class of each score, shape (n,), in [0, ``n_codes``).
        n_codes: How many classes there are.

    Returns:
        The distinct scores, ascending, shape (k,), and for each class its counts, each of shape (k,).

    Example:
        >>> values, counts = tally(np.array([0.5, 0.1, 0.5]), np.array([0, 0, 1], dtype=np.uint8), 2)
        >>> values.tolist(), [count.tolist() for count in counts]
        ([0.1, 0.5], [[1, 1], [0, 1]])
    """
    if not scores.size:
        return np.empty(0), [np.empty(0, dtype=np.int64) for _ in range(n_codes)]
    in_unit = bool(scores.min() >= 0 and scores.max() <= 1)
    if in_unit and (decimals := _grid(scores)) is not None:
        counted = _count_on_grid(scores, codes, n_codes, decimals)
        if counted is not None:
            return counted
    if in_unit and n_codes <= _CLASSES_IN_SPARE_BITS:
        return _count_packed(scores, codes, n_codes)
    return _count_by_class([scores[codes == code] for code in range(n_codes)])


def _grid(scores: NDArray[np.float64]) -> int | None:
    """The decimals on which a probe of the scores lies, where counting there is worth while."""
    probe = scores[:: max(1, scores.size // _PROBE)]
    for decimals in _GRIDS:
        steps = 10.0**decimals
        if steps <= 2 * scores.size and np.array_equal(np.rint(probe * steps) / steps, probe):
            return decimals
    return None


def _count_on_grid(
    scores: NDArray[np.float64], codes: NDArray[np.uint8], n_codes: int, decimals: int
) -> tuple[NDArray[np.float64], list[NDArray[np.int64]]] | None:
    steps = 10.0**decimals
    n_ticks = int(steps) + 1
    counts = np.zeros(n_codes * n_ticks, dtype=np.int64)
    for start in range(0, scores.size, _CHUNK):
        part = scores[start : start + _CHUNK]
        ticks = np.rint(part * steps)
        if not np.array_equal(ticks / steps, part):
            return None  # the probe lay on the grid, but not every score does
        cells = codes[start : start + _CHUNK] * np.int64(n_ticks) + ticks.astype(np.int64)
        counts += np.bincount(cells, minlength=counts.size) if n_ticks <= _CHUNK else 0
        if n_ticks > _CHUNK:
            np.add.at(counts, cells, 1)
    by_code = counts.reshape(n_codes, n_ticks)
    seen = np.flatnonzero(by_code.any(axis=0))
    return seen / steps, [row[seen] for row in by_code]


def _count_packed(
    scores: NDArray[np.float64], codes: NDArray[np.uint8], n_codes: int
) -> tuple[NDArray[np.float64], list[NDArray[np.int64]]]:
    packed = (scores + 0.0).view(np.uint64)  # + 0.0 copies, and makes -0.0 the same score as 0.0
    packed <<= np.uint64(2)
    packed |= codes
    packed.sort()
    code = (packed & np.uint64(3)).astype(np.uint8)
    packed >>= np.uint64(2)
    values = packed.view(np.float64)
    first = np.empty(values.size, dtype=bool)
    first[0] = True
    np.not_equal(values[1:], values[:-1], out=first[1:])
    if first.all():
        return values, [(code == own).astype(np.int64) for own in range(n_codes)]
    starts = np.flatnonzero(first)
    return values[starts], [np.add.reduceat(code == own, starts, dtype=np.int64) for own in range(n_codes)]


def _count_by_class(
    scores_by_class: Sequence[NDArray[np.float64]],
) -> tuple[NDArray[np.float64], list[NDArray[np.int64]]]:
    values = np.unique(np.concatenate(scores_by_class) + 0.0)
    counts = []
    for scores in scores_by_class:
        own, count = np.unique(scores + 0.0, return_counts=True)
        placed = np.zeros(values.size, dtype=np.int64)
        placed[np.searchsorted(values, own)] = count
        counts.append(placed)
    return values, counts
