"""Bootstrap replicates of many distinct scores, one at a time, each stratum in its own few rows."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from finauth_eval.metrics.fixed_apcer import LIMITS, allowed_misses

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from finauth_eval.metrics.counts import ScoreCounts

__all__ = ["Strata", "Stratum"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stratum:
    """The samples that are drawn among themselves.

    Attributes:
        rows: Rows of the scores that they have, ascending, shape (r,).
        counts: How many of them have each, shape (r,).
        samples: Each sample's position in ``rows``, shape (n,); ``None`` where drawing counts is quicker than samples.
    """

    rows: NDArray[np.intp]
    counts: NDArray[np.int64]
    samples: NDArray[np.intp] | None

    @classmethod
    def of(cls, counts: NDArray[Any]) -> Stratum:
        """From its counts at each of all scores, shape (k,)."""
        rows = np.flatnonzero(counts != 0)
        own = counts[rows].astype(np.int64)
        few_ties = rows.size > int(own.sum()) // 4
        return cls(rows=rows, counts=own, samples=np.repeat(np.arange(rows.size), own) if few_ties else None)

    @property
    def n(self) -> int:
        """How many samples there are."""
        return int(self.counts.sum())

    def draw(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """How often each of its scores is drawn in a sample of the same size, shape (r,)."""
        n = self.n
        if self.samples is None:
            return rng.multinomial(n, self.counts / n)
        drawn = rng.integers(n, size=n, dtype=np.int32 if n < 1 << 31 else np.int64)
        if self.samples.size != self.rows.size:  # else each sample has a row of its own
            return np.bincount(self.samples[drawn], minlength=self.rows.size)
        return np.bincount(drawn, minlength=self.rows.size)


class Strata:
    """The bona fide samples, each attack type and the attacks without a type, and where they stand to each other."""

    def __init__(self, counts: ScoreCounts) -> None:
        """From counts of both classes.

        Args:
            counts: Counts with a sample of each class.
        """
        typed = [Stratum.of(own) for own in counts.by_attack_type.values()]
        untyped = counts.attack.astype(np.int64)
        for own in counts.by_attack_type.values():
            untyped -= own
        self._bona_fide = Stratum.of(counts.bona_fide)
        self._types = [own for own in typed if own.rows.size]
        self._attacks = [*self._types, Stratum.of(untyped)] if untyped.any() else self._types
        rows = np.flatnonzero(counts.attack != 0)
        self._n_rows, self._n_attack_rows = counts.scores.size, rows.size
        # where each stratum's rows stand among the rows of all attacks, and among those of the bona fide samples
        self._places = [np.searchsorted(rows, own.rows) for own in self._attacks]
        self._below = np.searchsorted(self._bona_fide.rows, rows)
        self._up_to = np.searchsorted(self._bona_fide.rows, rows, side="right")
        self._below_types = [np.searchsorted(self._bona_fide.rows, own.rows) for own in self._types]
        self._attack_rows = np.cumsum(counts.attack != 0)
        self._bona_fide_rows = np.cumsum(counts.bona_fide != 0)
        self._allowed = {
            limit: [allowed_misses(own.n, limit) for own in self._types] for limit in LIMITS.values()
        }

    def replicate(self, rng: np.random.Generator) -> dict[str, float]:
        """Draw every stratum anew and compute everything again.

        Returns:
            The statistics by name, as a block of replicates has them.
        """
        cleared = _sums_before(self._bona_fide.draw(rng))
        drawn = [own.draw(rng) for own in self._attacks]
        attack = np.zeros(self._n_attack_rows, dtype=np.int64)
        for places, own in zip(self._places, drawn, strict=True):
            attack[places] += own
        missed = _sums_before(attack)
        m, n = int(missed[-1]), int(cleared[-1])
        below = cleared[self._below]
        hits, alarms = m - missed[:-1], n - below
        precision = hits / np.maximum(hits + alarms, 1)
        found = {
            "auc": int(attack @ (below + cleared[self._up_to])) / (2 * m * n),
            "average_precision": float((attack * precision).sum()) / m,
            "equal_error": self._equal_error(missed, cleared),
        }
        sums = [np.cumsum(own) for own in drawn[: len(self._types)]]
        for key, limit in LIMITS.items():
            kept = int(below[_first_above(missed[1:], allowed_misses(m, limit))])
            found[f"pooled {key}"] = 1 - kept / n
            by_type = [
                int(cleared[under[_first_above(own, allowed)]])
                for own, under, allowed in zip(sums, self._below_types, self._allowed[limit], strict=True)
            ]
            found[f"worst {key}"] = 1 - min(by_type, default=kept) / n
        return found

    def _equal_error(self, missed: NDArray[np.int64], cleared: NDArray[np.int64]) -> float:
        m, n = int(missed[-1]), int(cleared[-1])

        def apart(row: int) -> int:  # APCER - BPCER just above the score of a row, times m * n
            return (
                int(missed[self._attack_rows[row]]) * n + int(cleared[self._bona_fide_rows[row]]) * m - m * n
            )

        cross = bisect_left(range(self._n_rows), 0, key=apart)
        at = apart(cross)
        earlier, low = (apart(cross - 1), int(missed[self._attack_rows[cross - 1]])) if cross else (-m * n, 0)
        high = int(missed[self._attack_rows[cross]])
        return (low + (high - low) * (-earlier / (at - earlier))) / m


def _sums_before(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The sum before each position and, last, of all; shape (r + 1,)."""
    sums = np.zeros(counts.size + 1, dtype=np.int64)
    np.cumsum(counts, out=sums[1:])
    return sums


def _first_above(sums: NDArray[np.int64], limit: int) -> int:
    return int(np.searchsorted(sums, limit, side="right"))
