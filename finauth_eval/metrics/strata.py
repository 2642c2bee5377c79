"""Bootstrap replicates of many distinct scores, one at a time, each stratum in its own few rows."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from finauth_eval.metrics.fixed_apcer import LIMITS, allowed_misses
from finauth_eval.metrics.replicates import Replicates

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
        untyped = counts.attack.astype(np.int64)
        for own in counts.by_attack_type.values():
            untyped -= own
        self._bona_fide = Stratum.of(counts.bona_fide)
        self._types = {name: Stratum.of(own) for name, own in counts.by_attack_type.items() if own.any()}
        types = [*self._types.values()]
        self._attacks = [*types, Stratum.of(untyped)] if untyped.any() else types
        rows = np.flatnonzero(counts.attack != 0)
        self._n_rows, self._n_attack_rows = counts.scores.size, rows.size
        # where each stratum's rows stand among the rows of all attacks, and among those of the bona fide samples
        self._places = [np.searchsorted(rows, own.rows) for own in self._attacks]
        self._below = np.searchsorted(self._bona_fide.rows, rows)
        self._up_to = np.searchsorted(self._bona_fide.rows, rows, side="right")
        self._below_types = [np.searchsorted(self._bona_fide.rows, own.rows) for own in types]
        self._attack_rows = rows
        self._allowed = {limit: [allowed_misses(own.n, limit) for own in types] for limit in LIMITS.values()}

    def replicate(self, rng: np.random.Generator) -> Replicates:
        """Draw every stratum anew and compute everything again.

        Returns:
            The statistics of this one replicate.
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
        by_type = {name: _sums_before(own) for name, own in zip(self._types, drawn, strict=False)}
        pooled, worst = {}, {}
        for key, limit in LIMITS.items():
            kept = int(below[_first_above(missed[1:], allowed_misses(m, limit))])
            pooled[key] = np.array([1 - kept / n])
            kept_by_type = [
                int(cleared[under[_first_above(own[1:], allowed)]])
                for own, under, allowed in zip(
                    by_type.values(), self._below_types, self._allowed[limit], strict=True
                )
            ]
            worst[key] = np.array([1 - min(kept_by_type, default=kept) / n])
        return Replicates(
            auc=np.array([int(attack @ (below + cleared[self._up_to])) / (2 * m * n)]),
            average_precision=np.array([float((attack * precision).sum()) / m]),
            equal_error=self._equal_error(missed, self._attack_rows, cleared),
            equal_error_by_type={
                name: self._equal_error(own, self._types[name].rows, cleared) for name, own in by_type.items()
            },
            bpcer_at_apcer=pooled,
            bpcer_at_worst_apcer=worst,
        )

    def _equal_error(
        self, missed: NDArray[np.int64], rows: NDArray[np.intp], cleared: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Of attacks that have scores at these rows, ``missed`` before each of them and, last, in all."""
        m, n = int(missed[-1]), int(cleared[-1])

        def passed(row: int) -> int:
            return int(missed[rows.searchsorted(row, side="right")])

        def apart(row: int) -> int:  # APCER - BPCER just above the score of a row, times m * n
            kept = int(cleared[self._bona_fide.rows.searchsorted(row, side="right")])
            return passed(row) * n + kept * m - m * n

        cross = bisect_left(range(self._n_rows), 0, key=apart)
        at = apart(cross)
        earlier, low = (apart(cross - 1), passed(cross - 1)) if cross else (-m * n, 0)
        return np.array([(low + (passed(cross) - low) * (-earlier / (at - earlier))) / m])


def _sums_before(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The sum before each position and, last, of all; shape (r + 1,)."""
    sums = np.zeros(counts.size + 1, dtype=np.int64)
    np.cumsum(counts, out=sums[1:])
    return sums


def _first_above(sums: NDArray[np.int64], limit: int) -> int:
    return int(np.searchsorted(sums, limit, side="right"))
