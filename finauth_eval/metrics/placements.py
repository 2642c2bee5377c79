"""Where the attacks stand among the bona fide samples: what areas, equal error rates and limits on APCER share.

Only rows that an attack has are looked at, block by block: an attack type costs what it has samples, and nothing of
the size of all samples is made anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["Placed", "Placements", "cumulated"]

# Rows whose intermediate results stay in the processor's cache; a dot product of more than 10,000 would be shared among
# threads, and waiting for those takes longer than the product.
_BLOCK: Final = 1 << 13
_NARROW: Final = np.iinfo(np.int32).max


class Placed(NamedTuple):
    """Some scores that attacks have, ascending; every array int64 of shape (r,).

    Attributes:
        attack: Attacks at each score.
        missed: Attacks below it.
        tied: Bona fide samples at it.
        below: Bona fide samples below it.
    """

    attack: NDArray[np.int64]
    missed: NDArray[np.int64]
    tied: NDArray[np.int64]
    below: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Placements:
    """The scores that attacks have, and how many samples of both classes lie below each.

    Attributes:
        rows: Their rows among all scores, ascending, shape (r,).
        passed: Attacks at or below each of them, shape (r,).
        below: Bona fide samples below each of them, shape (r,).
        tied: Bona fide samples at each of them, shape (r,); ``None`` where there is none at any.
        cleared: Bona fide samples at or below each of all scores, shape (k,).
    """

    rows: NDArray[Any]
    passed: NDArray[Any]
    below: NDArray[Any]
    tied: NDArray[Any] | None
    cleared: NDArray[Any]

    @classmethod
    def of(cls, attack: NDArray[Any], bona_fide: NDArray[Any], cleared: NDArray[Any]) -> Placements:
        """From the counts of both classes, and the cumulated ones of the bona fide samples; each of shape (k,)."""
        rows = np.flatnonzero(attack != 0)  # of booleans it is several times as fast as of integers
        below, tied = cleared[rows], bona_fide[rows]
        shared = bool(tied.any())
        if shared:
            below -= tied
        passed = cumulated(attack[rows])
        if attack.size <= _NARROW:
            rows = rows.astype(np.int32)
        return cls(rows=rows, passed=passed, below=below, tied=tied if shared else None, cleared=cleared)

    @property
    def n_attack(self) -> int:
        """How many attacks there are."""
        return int(self.passed[-1]) if self.passed.size else 0

    @property
    def n_bona_fide(self) -> int:
        """How many bona fide samples there are."""
        return int(self.cleared[-1]) if self.cleared.size else 0

    def missed_at(self, row: int) -> int:
        """Attacks below the score of a row, or of all rows where it is the last one's successor."""
        position = self.position(row)
        return int(self.passed[position - 1]) if position else 0

    def alarms_at(self, row: int) -> int:
        """Bona fide samples at or above the score of a row; 0 for the last row's successor."""
        return self.n_bona_fide - (int(self.cleared[row - 1]) if row else 0)

    def position(self, row: int) -> int:
        """How many of the attacks' scores lie below a row."""
        # of the array's own type, else numpy would convert the whole array to that of the number
        return int(np.searchsorted(self.rows, self.rows.dtype.type(row)))

    def row_within(self, misses: int) -> int:
        """The highest row whose score, as threshold, misses at most ``misses`` of the attacks, fewer than all."""
        return int(self.rows[np.searchsorted(self.passed, self.passed.dtype.type(misses), side="right")])

    def row_with_alarms(self, alarms: int) -> int:
        """The lowest row whose score, as threshold, alarms on at most ``alarms`` of the bona fide samples."""
        needed = self.n_bona_fide - alarms
        if needed <= 0:
            return 0
        return int(np.searchsorted(self.cleared, self.cleared.dtype.type(needed))) + 1

    def blocks(self, start: int = 0) -> Iterator[Placed]:
        """Every score that attacks have, from a position on, in blocks."""
        for first in range(start, self.rows.size, _BLOCK):
            part = slice(first, first + _BLOCK)
            passed = self.passed[part].astype(np.int64)
            missed = np.empty_like(passed)
            missed[0] = self.passed[first - 1] if first else 0
            missed[1:] = passed[:-1]
            yield Placed(
                attack=passed - missed,
                missed=missed,
                tied=np.zeros_like(passed) if self.tied is None else self.tied[part].astype(np.int64),
                below=self.below[part].astype(np.int64),
            )


def cumulated(counts: NDArray[Any]) -> NDArray[Any]:
    """The cumulated counts: of four bytes each where that suffices, else of eight.

    Example:
        >>> cumulated(np.array([1, 0, 2])).tolist()
        [1, 1, 3]
    """
    return np.cumsum(counts, dtype=np.int32 if int(counts.sum(dtype=np.int64)) <= _NARROW else np.int64)
