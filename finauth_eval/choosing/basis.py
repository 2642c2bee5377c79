"""What thresholds are chosen on: the samples' counts, the settable grid, and scores that may be taken as independent."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from finauth_eval.breakdown import rates_at
from finauth_eval.choosing.choice import Infeasible, Need
from finauth_eval.metrics.ascending import Ascending
from finauth_eval.metrics.clusters import OnePerCluster
from finauth_eval.metrics.decimals import ScoreGrid, score_grid
from finauth_eval.metrics.order_statistics import rank_interval
from finauth_eval.phrases import phrase

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from finauth_eval.choosing.choice import Choice
    from finauth_eval.metrics.clustered import ClusteredScores
    from finauth_eval.metrics.counts import ScoreCounts
    from finauth_eval.metrics.rates import OperatingPoint
    from finauth_eval.policies import Policy, Promise
    from finauth_eval.samples import ClusteredSamples

__all__ = ["DRAWS", "Basis", "Group"]

DRAWS: Final = 100
"""Draws of one item a cluster over which the spread of a threshold is shown."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Group:
    """The scores that one order statistic is about: of the bona fide samples, of the attacks, or of one type.

    Attributes:
        items: All scores, ascending.
        draws: Draws one score a cluster; ``None`` where the scores may be taken as independent.
        cluster: The column that the clusters are from; ``None`` where the scores may be taken as independent.
        rng: Source of the draws.
    """

    items: Ascending
    draws: OnePerCluster | None
    cluster: str | None
    rng: np.random.Generator

    @property
    def n(self) -> int:
        """How many independent scores there are."""
        return self.items.size if self.draws is None else self.draws.n_clusters

    def independent(self) -> NDArray[np.float64] | Ascending:
        """Scores, ascending, that may be taken as independent; a new draw each time."""
        return self.items if self.draws is None else self.draws.draw(self.rng)

    def interval(self, rank: int, *, confidence: float) -> tuple[float, float]:
        """Between which scores the order statistic moves: by the exact bootstrap, or over further draws."""
        if self.draws is None:
            low, high = rank_interval(rank, self.n, confidence=confidence)
            return float(self.items[low - 1]), float(self.items[high - 1])
        found = np.sort([self.draws.draw(self.rng)[rank - 1] for _ in range(DRAWS)])
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
        seed: Makes every draw repeatable; the same draw serves every policy, so that a stricter one is never laxer.
        unit: Whether the scores of the whole table keep to [0, 1], and thresholds with them.
        types: The attack types that a promise about every type has to cover, whether they have samples here or not.
        shared_by: Among how many promises the risk is shared, so that all of them hold at once with their confidence.
        quickly: Whether to leave out how far thresholds may move, which takes draws.
    """

    samples: ClusteredSamples
    counts: ScoreCounts
    clustered: ClusteredScores | None
    grid: ScoreGrid
    confidence: float
    current: float
    seed: int
    unit: bool
    types: tuple[str, ...]
    shared_by: int = 1
    quickly: bool = False

    @classmethod
    def of(
        cls,
        samples: ClusteredSamples,
        *,
        confidence: float,
        current: float,
        seed: int,
        unit: bool | None = None,
        types: tuple[str, ...] | None = None,
        shared_by: int = 1,
        quickly: bool = False,
    ) -> Basis:
        """From scored samples; the arguments are the attributes, range and types by default those of the samples."""
        counts = samples.arrays.counts()
        return cls(
            samples=samples,
            counts=counts,
            clustered=samples.arrays.clustered(counts, samples.clusters),
            grid=score_grid(counts.scores),
            confidence=confidence,
            current=current,
            seed=seed,
            unit=counts.in_unit_range if unit is None else unit,
            types=tuple(counts.by_attack_type) if types is None else types,
            shared_by=shared_by,
            quickly=quickly,
        )

    def promised(self, policy: Promise) -> float:
        """The confidence with which a promise is to hold by itself."""
        confidence = policy.own_confidence or self.confidence
        return 1 - (1 - confidence) / self.shared_by

    def bona_fide(self) -> Group:
        """The bona fide samples."""
        return self._group(~self.samples.arrays.is_attack, self.counts.bona_fide, stream=0)

    def attacks(self) -> Group:
        """All attacks together."""
        return self._group(self.samples.arrays.is_attack, self.counts.attack, stream=1)

    def attacks_by_type(self) -> dict[str, Group]:
        """The attacks of each type that has to be covered, by name; of some there may be no sample here."""
        arrays, nothing = self.samples.arrays, np.zeros_like(self.counts.attack)
        return {
            name: self._group(
                arrays.is_attack & (arrays.type_codes == arrays.types.index(name)), counted, stream=2 + i
            )
            for i, name in enumerate(self.types)
            for counted in (self.counts.by_attack_type.get(name, nothing),)
        }

    def _group(self, rows: NDArray[np.bool_], counted: NDArray[np.int64], *, stream: int) -> Group:
        """The group of these rows, which are ``counted`` at each distinct score and so need no sort."""
        items = Ascending.of(self.counts.scores, counted)
        rng = np.random.default_rng([self.seed, stream])
        if self.samples.clusters is not None:
            weights = self.samples.arrays.weights
            draws = OnePerCluster.of(
                self.samples.arrays.scores[rows],
                self.samples.clusters[rows],
                None if weights is None else weights[rows],
            )
            if not draws.single:
                return Group(items=items, draws=draws, cluster=self.samples.cluster, rng=rng)
        return Group(items=items, draws=None, cluster=None, rng=rng)

    def interval(self, group: Group, rank: int) -> tuple[float, float]:
        """Between which scores an order statistic of a group moves; ``nan`` where nobody wants to know."""
        return (math.nan, math.nan) if self.quickly else group.interval(rank, confidence=self.confidence)

    def missing_class(self) -> Infeasible | None:
        """What a policy that weighs both classes lacks, if anything."""
        sizes = {"bona_fide": self.counts.n_bona_fide, "attack": self.counts.n_attack}
        needs = {name: Need(required=1, has=0) for name, n in sizes.items() if not n}
        if not needs:
            return None
        if len(needs) == 2:
            why = phrase("needs scored samples of both classes; there is no bona fide and attack one")
        elif "attack" in needs:
            why = phrase("needs scored samples of both classes; there is no attack one")
        else:
            why = phrase("needs scored samples of both classes; there is no bona fide one")
        return Infeasible(reason=why, needs=needs)

    def settable_above(self, score: float) -> float:
        """The lowest settable threshold that does not flag ``score``, but the next score seen; ``nan`` of ``nan``."""
        return math.nan if math.isnan(score) else self.grid.above(score, self.neighbour_above(score))

    def settable_at(self, score: float) -> float:
        """The highest settable threshold that flags ``score``, but not the one seen before; ``nan`` of ``nan``."""
        return math.nan if math.isnan(score) else self.grid.at_most(score, self.neighbour_below(score))

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

    def measured(self, choice: Choice, policy: Policy) -> OperatingPoint:
        """The rates of a choice on these samples, reviews being right."""
        if choice.review_from is None:
            return self.point(choice.threshold, policy)
        blocked = choice.decide(self.samples.arrays)[0]
        return self.decided(self.samples, blocked, choice.threshold, policy.name)

    def on(self, samples: ClusteredSamples) -> Basis:
        """The same terms on other samples, without how far thresholds may move."""
        return Basis.of(
            samples, confidence=self.confidence, current=self.current, seed=self.seed, unit=self.unit,
            types=self.types, shared_by=self.shared_by, quickly=True,
        )  # fmt: skip

    def decided(
        self, samples: ClusteredSamples, blocked: NDArray[np.bool_], threshold: float, source: str
    ) -> OperatingPoint:
        """The rates of decisions that are not all made by one threshold.

        Args:
            samples: The samples, in the order of the decisions.
            blocked: Whether each sample is decided attack, shape (n,).
            threshold: The threshold that the rates are shown under.
            source: Where it is from.
        """
        decisions = samples.with_scores(blocked.astype(np.float64))
        counts = decisions.arrays.counts()
        clustered = decisions.arrays.clustered(counts, decisions.clusters)
        point = rates_at([(0.5, source)], counts, clustered, confidence=self.confidence)[0]
        return replace(point, threshold=threshold)

    def step(self) -> float | None:
        """How far apart settable thresholds are; ``None`` where scores have no grid."""
        return None if self.grid.continuous else 10.0**-self.grid.decimals
