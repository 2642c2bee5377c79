"""Both error rates at many thresholds in one pass, with the same limits as `operating_points` one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, stdtrit

from finauth_eval.metrics.intervals import clopper_pearson_limits, valid_confidence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike

    from finauth_eval.metrics.clustered import ClusteredScores
    from finauth_eval.metrics.counts import ScoreCounts

__all__ = ["SweptRate", "SweptRates", "SweptWorst", "swept_rates"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SweptRate:
    """One rate at each threshold.

    Attributes:
        events: Samples with the event, shape (g,).
        n: Samples of the class or type.
        low: Lower limits, shape (g,); NaN without samples.
        high: Upper limits, shape (g,); NaN without samples.
    """

    events: NDArray[np.int64]
    n: int
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    @property
    def values(self) -> NDArray[np.float64]:
        """The rates, shape (g,); NaN without samples."""
        return self.events / self.n if self.n else np.full(self.events.size, np.nan)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SweptWorst:
    """The attack type that is missed most often at each threshold, as `worst_type` has it.

    Attributes:
        names: The types with samples, in order.
        which: Position of the worst one in ``names``, shape (g,).
        events: Its misses, shape (g,).
        sizes: Its samples, shape (g,).
        low: Lower limits of the highest rate, shape (g,).
        high: Upper limits of the highest rate, shape (g,).
    """

    names: tuple[str, ...]
    which: NDArray[np.intp]
    events: NDArray[np.int64]
    sizes: NDArray[np.int64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SweptRates:
    """Both errors at each of some thresholds.

    Attributes:
        thresholds: Shape (g,).
        blocked: Bona fide samples at or above each threshold.
        missed: Attacks below it, of every type together.
        by_attack_type: Attacks below it, of each type.
        worst: The type missed most often; ``None`` where no attack has a type.
    """

    thresholds: NDArray[np.float64]
    blocked: SweptRate
    missed: SweptRate
    by_attack_type: Mapping[str, SweptRate]
    worst: SweptWorst | None


def swept_rates(
    counts: ScoreCounts,
    thresholds: ArrayLike,
    *,
    clustered: ClusteredScores | None = None,
    confidence: float = 0.95,
) -> SweptRates:
    """Both error rates at each threshold.

    Args:
        counts: Counts of both classes.
        thresholds: Finite, shape (g,).
        clustered: The same samples with their clusters; ``None`` where they are independent.
        confidence: Nominal coverage of each interval by itself, in (0, 1).

    Example:
        >>> from finauth_eval.metrics.counts import ScoreCounts
        >>> counts = ScoreCounts.from_arrays([0.1, 0.5, 0.35, 0.8], [False, False, True, True])
        >>> found = swept_rates(counts, [0.2, 0.5, 0.9])
        >>> found.blocked.events.tolist(), found.missed.events.tolist()
        ([1, 1, 0], [0, 1, 2])
    """
    valid_confidence(confidence)
    at = np.asarray(thresholds, dtype=np.float64)
    rows = np.searchsorted(counts.scores, at, side="left")
    blocked = _Group.of(counts.bona_fide, rows, from_above=True)
    missed = _Group.of(counts.attack, rows)
    types = {name: _Group.of(own, rows) for name, own in counts.by_attack_type.items() if own.sum()}
    if clustered is not None:
        clustered = clustered.one_by_one()
        blocked = blocked.clustered(clustered, ~clustered.is_attack, from_above=True)
        missed = missed.clustered(clustered, clustered.is_attack)
        types = {name: own.clustered(clustered, clustered.of_type(name)) for name, own in types.items()}
    by_type = {name: own.rate(confidence) for name, own in types.items()}
    return SweptRates(
        thresholds=at,
        blocked=blocked.rate(confidence),
        missed=missed.rate(confidence),
        by_attack_type=by_type,
        worst=_worst(by_type, tuple(types.values()), confidence=confidence) if types else None,
    )


def _worst(rates: Mapping[str, SweptRate], groups: Sequence[_Group], *, confidence: float) -> SweptWorst:
    """Bonferroni's lower limits, plain upper limits, the highest of each."""
    own = list(rates.values())
    values = np.array([rate.values for rate in own])
    which = values.argmax(axis=0)  # ties: the first
    strict = 1 - (1 - confidence) / len(own)
    across = np.arange(which.size)
    return SweptWorst(
        names=tuple(rates),
        which=which,
        events=np.array([rate.events for rate in own])[which, across],
        sizes=np.array([rate.n for rate in own])[which],
        low=np.max([group.rate(strict).low for group in groups], axis=0),
        high=np.max([rate.high for rate in own], axis=0),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Group:
    """The events of one class or type, and what is needed to say how much its samples tell.

    Attributes:
        events: Shape (g,).
        n: Samples.
        groups: Clusters; ``n`` where samples are independent.
        apart: For 0 to n events the sum over clusters of (events - samples * rate)^2; ``None`` for independent ones.
    """

    events: NDArray[np.int64]
    n: int
    groups: int
    apart: NDArray[np.float64] | None = None

    @classmethod
    def of(cls, counts: NDArray[np.integer], rows: NDArray[np.intp], *, from_above: bool = False) -> Self:
        below = np.concatenate(([0], np.cumsum(counts, dtype=np.int64)))
        n = int(below[-1])
        return cls(events=n - below[rows] if from_above else below[rows], n=n, groups=n)

    def clustered(
        self, samples: ClusteredScores, own: NDArray[np.bool_], *, from_above: bool = False
    ) -> _Group:
        """Events are nested: as the threshold moves, samples join one by one in the order of their scores."""
        order = np.argsort(samples.rows[own], kind="stable")
        clusters = samples.clusters[own][order[::-1] if from_above else order]
        sizes = np.bincount(clusters)
        groups = int(np.count_nonzero(sizes))
        if groups == self.n:
            return self
        by_cluster = np.argsort(clusters, kind="stable")
        starts = np.cumsum(sizes) - sizes
        earlier = np.empty(clusters.size, dtype=np.int64)  # how many of the same cluster joined before
        earlier[by_cluster] = np.arange(clusters.size) - np.repeat(starts, sizes)
        squares = np.concatenate(([0], np.cumsum(2 * earlier + 1)))
        products = np.concatenate(([0], np.cumsum(sizes[clusters])))
        share = np.arange(self.n + 1) / self.n
        apart = squares - 2 * share * products + share * share * float(np.dot(sizes, sizes))
        return _Group(events=self.events, n=self.n, groups=groups, apart=apart)

    def rate(self, confidence: float) -> SweptRate:
        if not self.n:
            nothing = np.full(self.events.size, np.nan)
            return SweptRate(events=self.events, n=0, low=nothing, high=nothing)
        distinct, place = np.unique(self.events, return_inverse=True)
        if self.apart is None:
            low, high = clopper_pearson_limits(distinct, self.n, confidence=confidence)
        else:
            low, high = self._limits(distinct, confidence)
        return SweptRate(events=self.events, n=self.n, low=low[place], high=high[place])

    def _limits(
        self, events: NDArray[np.int64], confidence: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """As `clustered_rate`: Clopper-Pearson at the effective sample size."""
        tail = (1 - confidence) / 2
        size = self._effective_sizes(events, tail)
        x = events / self.n * size
        none, every = events == 0, events == self.n
        low = betaincinv(np.where(none, 1.0, x), size - x + 1, tail)
        high = betaincinv(x + 1, np.where(every, 1.0, size - x), 1 - tail)
        return np.where(none, 0.0, low), np.where(every, 1.0, high)

    def _effective_sizes(self, events: NDArray[np.int64], tail: float) -> NDArray[np.float64]:
        some = (events > 0) & (events < self.n)
        if self.apart is None or self.groups < 2 or not some.any():
            return np.full(events.size, float(self.groups))
        share = np.where(some, events / self.n, 0.5)
        variance = self.groups / (self.groups - 1) * self.apart[events] / self.n**2
        effect = np.maximum(1.0, variance / (share * (1 - share) / self.n))
        ratio = float(stdtrit(self.n - 1, tail) / stdtrit(self.groups - 1, tail))
        return np.where(some, self.n / effect * ratio * ratio, float(self.groups))
