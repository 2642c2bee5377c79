"""What thresholds are chosen on: the samples' counts, the settable grid, and scores that may be taken as independent."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from finauth_eval.breakdown import rates_at
from finauth_eval.choosing.choice import Infeasible, Need
from finauth_eval.metrics.clusters import OnePerCluster
from finauth_eval.metrics.decimals import ScoreGrid, score_grid
from finauth_eval.metrics.order_statistics import rank_interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from finauth_eval.metrics.clustered import ClusteredScores
    from finauth_eval.metrics.counts import ScoreCounts
    from finauth_eval.metrics.rates import OperatingPoint
    from finauth_eval.policies import Policy
    from finauth_eval.samples import ClusteredSamples

__all__ = ["Basis", "Group"]

_DRAWS: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Group:
    """The scores that one order statistic is about: of the bona fide samples, of the attacks, or of one type.

    Attributes:
        items: All scores, ascending, shape (n,).
        draws: Draws one score a cluster; ``None`` where the scores may be taken as independent.
        cluster: The column that the clusters are from; ``None`` where the scores may be taken as independent.
        rng: Source of the draws.
    """

    items: NDArray[np.float64]
    draws: OnePerCluster | None
    cluster: str | None
    rng: np.random.Generator

    @property
    def n(self) -> int:
        """How many independent scores there are."""
        return self.items.size if self.draws is None else self.draws.n_clusters

    def independent(self) -> NDArray[np.float64]:
        """Scores, ascending, that may be taken as independent; a new draw each time."""
        return self.items if self.draws is None else self.draws.draw(self.rng)

    def interval(self, rank: int, *, confidence: float) -> tuple[float, float]:
        """Between which scores the order statistic moves: by the exact bootstrap, or over further draws."""
        if self.draws is None:
            low, high = rank_interval(rank, self.n, confidence=confidence)
            return float(self.items[low - 1]), float(self.items[high - 1])
        found = np.sort([self.draws.draw(self.rng)[rank - 1] for _ in range(_DRAWS)])
        tail = (1 - confidence) / 2
        low_end, high_end = np.quantile(found, [tail, 1 - tail], method="inverted_cdf")
        return float(low_end), float(high_end)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Basis:
    """What thresholds are chosen on.

    Attributes:
        samples: The samples.
        counts: Their counts.
        clustered: The same with their clusters; ``None`` where samples are independent.
        grid: Where a threshold can be set.
        confidence: Confidence of guarantees and coverage of intervals, in (0, 1).
        current: The threshold in force.
        rng: Source of the draws.
    """

    samples: ClusteredSamples
    counts: ScoreCounts
    clustered: ClusteredScores | None
    grid: ScoreGrid
    confidence: float
    current: float
    rng: np.random.Generator

    @classmethod
    def of(
        cls, samples: ClusteredSamples, *, confidence: float, current: float, rng: np.random.Generator
    ) -> Basis:
        """From scored samples; the arguments are the attributes."""
        counts = samples.arrays.counts()
        return cls(
            samples=samples,
            counts=counts,
            clustered=samples.arrays.clustered(counts, samples.clusters),
            grid=score_grid(counts.scores),
            confidence=confidence,
            current=current,
            rng=rng,
        )

    def bona_fide(self) -> Group:
        """The bona fide samples."""
        return self._group(~self.samples.arrays.is_attack, self.counts.bona_fide)

    def attacks(self) -> Group:
        """All attacks together."""
        return self._group(self.samples.arrays.is_attack, self.counts.attack)

    def attacks_by_type(self) -> dict[str, Group]:
        """The attacks of each type, by name."""
        arrays = self.samples.arrays
        return {
            name: self._group(arrays.is_attack & (arrays.type_codes == arrays.types.index(name)), counted)
            for name, counted in self.counts.by_attack_type.items()
        }

    def _group(self, rows: NDArray[np.bool_], counted: NDArray[np.int64]) -> Group:
        """The group of these rows, which are ``counted`` at each distinct score and so need no sort."""
        items = np.repeat(self.counts.scores, counted)
        if self.samples.clusters is not None:
            draws = OnePerCluster.of(self.samples.arrays.scores[rows], self.samples.clusters[rows])
            if not draws.single:
                return Group(items=items, draws=draws, cluster=self.samples.cluster, rng=self.rng)
        return Group(items=items, draws=None, cluster=None, rng=self.rng)

    def missing_class(self) -> Infeasible | None:
        """What a policy that weighs both classes lacks, if anything."""
        sizes = {"bona_fide": self.counts.n_bona_fide, "attack": self.counts.n_attack}
        needs = {name: Need(required=1, has=0) for name, n in sizes.items() if not n}
        if not needs:
            return None
        missing = " and ".join(name.replace("_", " ") for name in needs)
        return Infeasible(
            reason=f"needs scored samples of both classes; there is no {missing} one", needs=needs
        )

    def neighbour_above(self, score: float) -> float:
        """The next distinct score above, of either class; infinite above the last."""
        row = int(np.searchsorted(self.counts.scores, score, side="right"))
        return float(self.counts.scores[row]) if row < self.counts.scores.size else math.inf

    def neighbour_below(self, score: float) -> float:
        """The next distinct score below, of either class; minus infinite below the first."""
        row = int(np.searchsorted(self.counts.scores, score, side="left"))
        return float(self.counts.scores[row - 1]) if row else -math.inf

    def middle(self, low: float, high: float) -> float:
        """A settable threshold near the middle of (low, high]; one end may be infinite."""
        if math.isinf(low):
            return high
        if math.isinf(high):
            return self.grid.above(low)
        return high if low == high else self.grid.nearest((low + high) / 2, low, high)

    def point(self, threshold: float, policy: Policy) -> OperatingPoint:
        """The rates at a threshold, on these very samples."""
        asked = [(threshold, policy.name)]
        return rates_at(asked, self.counts, self.clustered, confidence=self.confidence)[0]
