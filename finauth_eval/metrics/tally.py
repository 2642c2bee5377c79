"""One exact count of (score, class) pairs; the only sort of scores in the package.

Three roads give the same answer, the fastest that applies is taken:

* scores on a decimal grid (0.12, 0.1234) are counted without any sort;
* the bits of floats that are not negative, read as an integer, ascend as the floats do, and scores of a limited range
  leave some of the 64 bits free ([0, 1] leaves two, [0.001, 1] six): class and score share one integer, and one sort
  of integers orders both;
* anything else is one sort of the scores and one sort within each class.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Tally = tuple[NDArray[np.float64], list[NDArray[Any]]]

__all__ = ["on_grid", "tally"]

_GRIDS: Final = (2, 3, 4, 5, 6)  # decimals tried for counting without a sort
_CHUNK: Final = 1 << 16  # rows that stay in the processor's cache
_PROBE: Final = 1_000
_WORTH_TWO_THREADS: Final = 1 << 19
_FEW_RUNS: Final = 1 << 31  # so many samples fit counts of four bytes


def tally(scores: NDArray[np.float64], codes: NDArray[np.unsignedinteger[Any]], n_codes: int) -> Tally:
    """Count how often each class occurs at each distinct score.

    Args:
        scores: Finite scores, shape (n,).
        codes: The class of each score, shape (n,), in [0, ``n_codes``).
        n_codes: How many classes there are.

    Returns:
        The distinct scores, ascending, shape (k,), and for each class its counts, each of shape (k,): int64, int32
        where there are about as many distinct scores as samples, or int8 where no score occurs twice.

    Raises:
        ValueError: A score is not finite.

    Example:
        >>> values, counts = tally(np.array([0.5, 0.1, 0.5]), np.array([0, 0, 1], dtype=np.uint8), 2)
        >>> values.tolist(), [count.tolist() for count in counts]
        ([0.1, 0.5], [[1, 1], [0, 1]])
    """
    if not scores.size:
        return np.empty(0), [np.empty(0, dtype=np.int64) for _ in range(n_codes)]
    low, high = float(scores.min()), float(scores.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError("a score is NaN or infinite; count only samples that have a score")
    if low >= 0 and high <= 1 and (decimals := _grid(scores)) is not None:
        counted = _count_on_grid(scores, codes, n_codes, decimals)
        if counted is not None:
            return counted
    if low >= 0 and n_codes <= 1 << _spare_bits(low, high):
        return _count_packed(scores, codes, n_codes, low)
    return _count_by_class([scores[codes == code] for code in range(n_codes)])


def on_grid(scores: NDArray[np.float64]) -> bool:
    """Whether scores seem to lie in [0, 1] on a decimal grid so coarse that they are counted without a sort."""
    return bool(scores.size and scores.min() >= 0 and scores.max() <= 1 and _grid(scores) is not None)


def _grid(scores: NDArray[np.float64]) -> int | None:
    """The decimals on which a probe of the scores lies, where counting there is worth while."""
    probe = scores[:: max(1, scores.size // _PROBE)]
    for decimals in _GRIDS:
        steps = 10.0**decimals
        if steps <= 2 * scores.size and np.array_equal(np.rint(probe * steps) / steps, probe):
            return decimals
    return None


def _count_on_grid(
    scores: NDArray[np.float64], codes: NDArray[np.unsignedinteger[Any]], n_codes: int, decimals: int
) -> Tally | None:
    steps = 10.0**decimals
    n_ticks = int(steps) + 1
    counts = np.zeros(n_codes * n_ticks, dtype=np.int64)
    # as many rows are counted together as there are counts, for each time all of these are added up
    together = -(-min(scores.size, counts.size) // _CHUNK) * _CHUNK if n_ticks <= _CHUNK else _CHUNK
    cells, filled = np.empty(together, dtype=np.int64), 0
    ticks, other = (
        np.empty(_CHUNK),
        np.empty(_CHUNK),
    )  # written again for every chunk, so that they stay in cache
    for start in range(0, scores.size, _CHUNK):
        part, own = scores[start : start + _CHUNK], codes[start : start + _CHUNK]
        tick, spare = ticks[: part.size], other[: part.size]
        np.rint(np.multiply(part, steps, out=tick), out=tick)
        if not (np.divide(tick, steps, out=spare) == part).all():
            return None  # the probe lay on the grid, but not every score does
        if n_codes > 1:
            tick += np.multiply(own, float(n_ticks), out=spare)
        # whole numbers, far below 2^53
        np.copyto(cells[filled : filled + part.size], tick, casting="unsafe")
        filled += part.size
        if filled == together or start + part.size == scores.size:
            if n_ticks <= _CHUNK:
                counts += np.bincount(cells[:filled], minlength=counts.size)
            else:
                np.add.at(counts, cells[:filled], 1)
            filled = 0
    by_code = counts.reshape(n_codes, n_ticks)
    seen = np.flatnonzero(by_code.any(axis=0))
    return seen / steps, [row[seen] for row in by_code]


def _bits(value: float) -> int:
    """The bits of a float that is not negative, as an integer that ascends with it."""
    return int(np.array([value + 0.0]).view(np.uint64)[0])  # + 0.0: -0.0 has the sign bit set


def _spare_bits(low: float, high: float) -> int:
    """How many bits the floats from ``low`` to ``high``, neither negative, leave free."""
    return 64 - max(1, (_bits(high) - _bits(low)).bit_length())


def _count_packed(
    scores: NDArray[np.float64], codes: NDArray[np.unsignedinteger[Any]], n_codes: int, low: float
) -> Tally:
    shift, lowest = np.uint64((n_codes - 1).bit_length()), np.uint64(_bits(low))
    mask = (np.uint64(1) << shift) - np.uint64(1)
    packed = scores + 0.0  # copies, and makes -0.0 the same score as 0.0
    bits = packed.view(np.uint64)
    for start in range(0, bits.size, _CHUNK):  # chunk by chunk: each pass finds its rows in the cache
        part = bits[start : start + _CHUNK]
        part -= lowest
        part <<= shift
        part |= codes[start : start + _CHUNK]
    _sort(bits)
    code = np.empty(bits.size, dtype=codes.dtype)
    for start in range(0, bits.size, _CHUNK):
        part = bits[start : start + _CHUNK]
        np.bitwise_and(part, mask, out=code[start : start + _CHUNK], casting="unsafe")
        part >>= shift
        part += lowest
    return _count_runs(packed, code, n_codes)


def _sort(bits: NDArray[np.uint64]) -> None:
    """Sort in place; of many, both halves at once, for numpy lets go of the interpreter while it sorts."""
    if bits.size < _WORTH_TWO_THREADS:
        bits.sort()
        return
    half = bits.size // 2
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(np.ndarray.sort, (bits[:half], bits[half:])))
    bits.sort(kind="stable")  # two ascending runs are merged in one pass


def _count_runs(values: NDArray[np.float64], code: NDArray[np.unsignedinteger[Any]], n_codes: int) -> Tally:
    """Count the runs of equal values, which are sorted."""
    narrow = np.int32 if values.size < _FEW_RUNS else np.int64
    first = np.empty(values.size, dtype=bool)
    first[0] = True
    np.not_equal(values[1:], values[:-1], out=first[1:])
    if first.all():
        return values, [(code == own).view(np.int8) for own in range(n_codes)]
    starts = np.flatnonzero(first)
    del first
    counts = []
    for own in range(n_codes):
        before = np.cumsum(code == own, dtype=narrow)  # three times as fast as np.add.reduceat
        counts.append(np.diff(before[np.append(starts[1:], values.size) - 1], prepend=narrow(0)))
    return values[starts], counts


def _count_by_class(scores_by_class: Sequence[NDArray[np.float64]]) -> Tally:
    values = np.unique(np.concatenate(scores_by_class) + 0.0)
    counts = []
    for scores in scores_by_class:
        own, count = np.unique(scores + 0.0, return_counts=True)
        placed = np.zeros(values.size, dtype=np.int64)
        placed[np.searchsorted(values, own)] = count
        counts.append(placed)
    return values, counts
