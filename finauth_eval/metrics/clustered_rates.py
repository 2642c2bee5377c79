"""Rates at fixed thresholds where several samples belong to one cluster: design effects."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Self

import numpy as np
from scipy.special import betaincinv, stdtrit

from finauth_eval.metrics.clustered import sizes_of
from finauth_eval.metrics.estimate import Estimate
from finauth_eval.metrics.intervals import rate, valid_confidence
from finauth_eval.metrics.rates import WorstType
from finauth_eval.phrases import phrase

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from finauth_eval.metrics.clustered import ClusteredScores
    from finauth_eval.metrics.rates import OperatingPoint

__all__ = ["clustered_points", "clustered_rate", "design_effect", "effective_size"]

_METHOD: Final = "korn-graubard"


def clustered_rate(
    events: ArrayLike, sizes: ArrayLike, *, confidence: float = 0.95, of: str = phrase("sample")
) -> Estimate:
    """A share with an interval that takes clusters, not samples, as independent.

    Clopper-Pearson limits at the effective sample size (`effective_size`). Where every cluster has one sample, they
    are the plain ones.

    Args:
        events: How many samples of each cluster showed the event, shape (g,).
        sizes: How many samples each cluster has, shape (g,); a cluster with none is left out.
        confidence: Nominal coverage, in (0, 1).
        of: What the samples are, for the reason when there is none.

    Returns:
        The estimate, ``n`` being the samples.

    References:
        Korn, E. and Graubard, B. (1998). Confidence intervals for proportions with small expected number of positive
        counts estimated from survey data. Survey Methodology 24, 193-201.

    Example:
        >>> found = clustered_rate([5, 0, 0, 1], [5, 5, 5, 5])
        >>> found.value, round(found.low, 3), round(found.high, 3), found.method
        (0.3, 0.0, 0.974, 'korn-graubard')
    """
    seen, out_of = _with_samples(events, sizes)
    n, total = int(out_of.sum()), int(seen.sum())
    if n == out_of.size:
        return rate(total, n, confidence=confidence, of=of)
    share, tail = total / n, (1 - valid_confidence(confidence)) / 2
    size = effective_size(seen, out_of, confidence=confidence)
    x = share * size
    low = 0.0 if total == 0 else float(betaincinv(x, size - x + 1, tail))
    high = 1.0 if total == n else float(betaincinv(x + 1, size - x, 1 - tail))
    return Estimate(value=share, low=low, high=high, confidence=confidence, n=n, method=_METHOD)


def effective_size(events: ArrayLike, sizes: ArrayLike, *, confidence: float = 0.95) -> float:
    """How many independent samples would tell as much of the rate as these do.

    The samples over their design effect, times Korn and Graubard's factor for the degrees of freedom,
    (t(n - 1) / t(g - 1))^2, which is at most 1; so it is never more than the samples. Where no sample or every
    sample showed the event the design effect is not known, and each cluster counts as one sample; so does a single
    cluster.

    Args:
        events: How many samples of each cluster showed the event, shape (g,).
        sizes: How many samples each cluster has, shape (g,).
        confidence: Nominal coverage of the interval that the size is for, in (0, 1).

    Example:
        >>> effective_size([0, 0, 0], [5, 5, 5]), effective_size([2], [5])
        (3.0, 1.0)
    """
    seen, out_of = _with_samples(events, sizes)
    n, groups, total = int(out_of.sum()), out_of.size, int(seen.sum())
    if groups < 2 or total in (0, n):
        return float(groups)
    tail = (1 - confidence) / 2
    ratio = float(stdtrit(n - 1, tail) / stdtrit(groups - 1, tail))
    return n / design_effect(seen, out_of) * ratio * ratio


def design_effect(events: ArrayLike, sizes: ArrayLike) -> float:
    """How many times the binomial variance the rate's variance between clusters is; at least 1.

    The variance is that of a ratio, g / (g - 1) * sum((events - sizes * rate)^2) / n^2.

    Args:
        events: How many samples of each cluster showed the event, shape (g,); neither none nor all.
        sizes: How many samples each cluster has, shape (g,), of at least two clusters.

    References:
        Rao, J. and Scott, A. (1992). A simple method for the analysis of clustered binary data. Biometrics 48,
        577-585.

    Example:
        >>> round(design_effect([5, 0, 0, 1], [5, 5, 5, 5]), 3)
        5.397
    """
    seen, out_of = _with_samples(events, sizes)
    n, groups = int(out_of.sum()), out_of.size
    share = float(seen.sum()) / n
    apart = seen - out_of * share
    variance = groups / (groups - 1) * float(np.dot(apart, apart)) / (n * n)
    # below 1 would say that clustered samples tell more than independent ones: noise, for few clusters
    return max(1.0, variance / (share * (1 - share) / n))


def clustered_points(
    points: Sequence[OperatingPoint], samples: ClusteredScores, *, confidence: float = 0.95
) -> tuple[OperatingPoint, ...]:
    """Operating points with the intervals of their rates replaced by those that allow for clusters.

    Args:
        points: Operating points of the same samples.
        samples: The samples with their clusters.
        confidence: Nominal coverage, in (0, 1).
    """
    attack = _Group.of(samples, samples.is_attack, phrase("attack"))
    bona_fide = _Group.of(samples, ~samples.is_attack, phrase("bona fide sample"))
    types = {
        name: _Group.of(samples, samples.of_type(name), phrase("attack of type {name}", name=name))
        for name in samples.counts.by_attack_type
    }
    found = []
    for point in points:
        row = int(np.searchsorted(samples.counts.scores, point.threshold))
        by_type = {name: own.rate_below(row, confidence=confidence) for name, own in types.items()}
        found.append(
            replace(
                point,
                apcer=attack.rate_below(row, confidence=confidence),
                bpcer=bona_fide.rate_from(row, confidence=confidence),
                apcer_by_attack_type=by_type,
                apcer_worst=_worst_type(by_type, types, row),
            )
        )
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Group:
    """The samples of one class or type: rows of their scores, clusters, weights, and samples a cluster."""

    rows: NDArray[np.intp]
    clusters: NDArray[np.intp]
    weights: NDArray[np.int64] | None
    sizes: NDArray[np.int64]
    name: str

    @classmethod
    def of(cls, samples: ClusteredScores, own: NDArray[np.bool_], name: str) -> Self:
        return cls(
            rows=samples.rows[own],
            clusters=samples.clusters[own],
            weights=None if samples.weights is None else samples.weights[own],
            sizes=samples.sizes(own),
            name=name,
        )

    def rate_below(self, row: int, *, confidence: float) -> Estimate:
        """The share whose score is below that of a row."""
        return clustered_rate(self._sizes(self.rows < row), self.sizes, confidence=confidence, of=self.name)

    def rate_from(self, row: int, *, confidence: float) -> Estimate:
        """The share whose score is that of a row or above."""
        return clustered_rate(self._sizes(self.rows >= row), self.sizes, confidence=confidence, of=self.name)

    def _sizes(self, own: NDArray[np.bool_]) -> NDArray[np.int64]:
        weights = None if self.weights is None else self.weights[own]
        return sizes_of(self.clusters[own], weights, self.sizes.size)


def _worst_type(by_type: Mapping[str, Estimate], groups: Mapping[str, _Group], row: int) -> WorstType | None:
    """As `finauth_eval.metrics.rates.worst_type`: Bonferroni's lower limits, plain upper limits, the highest of each."""
    rates = {name: own for name, own in by_type.items() if own.defined}
    if not rates:
        return None
    name = max(rates, key=lambda key: rates[key].value)
    strict = 1 - (1 - rates[name].confidence) / len(rates)
    dependent = any(own.method == _METHOD for own in rates.values())
    estimate = replace(
        rates[name],
        low=max(groups[key].rate_below(row, confidence=strict).low for key in rates),
        high=max(own.high for own in rates.values()),
        method=f"max-of-{_METHOD if dependent else 'clopper-pearson'}",
    )
    return WorstType(attack_type=name, estimate=estimate)


def _with_samples(events: ArrayLike, sizes: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    seen, out_of = np.asarray(events, dtype=np.int64), np.asarray(sizes, dtype=np.int64)
    return seen[out_of > 0], out_of[out_of > 0]
