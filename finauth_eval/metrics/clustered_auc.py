"""The area under the ROC curve where several samples belong to one cluster, such as images of one person."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import expit, logit, stdtrit

from finauth_eval.metrics.delong import auc
from finauth_eval.metrics.intervals import clopper_pearson, valid_confidence
from finauth_eval.phrases import phrase

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from finauth_eval.metrics.clustered import ClusteredScores
    from finauth_eval.metrics.estimate import Estimate

__all__ = ["AreaVariance", "area_variance", "clustered_auc"]

_METHOD: Final = "delong-clustered-logit-t"
_EXACT: Final = "exact-pairs-clusters"
_NO_SPREAD: Final = 1e-14  # of the variance of a single pair: what rounding leaves of none


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaVariance:
    """The variance of an area under the ROC curve, and how well it is known.

    Attributes:
        attack: What the attacks' clusters contribute, S10 / M.
        bona_fide: What the bona fide samples' clusters contribute, S01 / N.
        shared: What clusters that hold both classes contribute, 2 S11 / (M N); may be negative.
        degrees_of_freedom: Of the t quantile.
    """

    attack: float
    bona_fide: float
    shared: float
    degrees_of_freedom: float

    @classmethod
    def of_contributions(
        cls,
        attack: NDArray[np.float64],
        bona_fide: NDArray[np.float64],
        *,
        with_attack: int,
        with_bona_fide: int,
    ) -> AreaVariance:
        """From what each cluster adds to the area, or to the difference of two areas, beyond the mean.

        Args:
            attack: The attacks' placements less their mean, summed in each cluster, over the attacks; shape (g,).
            bona_fide: The same of the bona fide samples, shape (g,).
            with_attack: Clusters with an attack.
            with_bona_fide: Clusters with a bona fide sample.
        """
        groups = attack.size
        s10 = _summed(attack, attack, with_attack)
        s01 = _summed(bona_fide, bona_fide, with_bona_fide)
        return cls(
            attack=s10,
            bona_fide=s01,
            shared=2 * _summed(attack, bona_fide, groups),
            degrees_of_freedom=min(
                groups - 1,
                _satterthwaite((s10, with_attack), (s01, with_bona_fide)),
                _by_kurtosis(attack + bona_fide),
            ),
        )

    @property
    def total(self) -> float:
        """The variance of the area; ``nan`` when a class has one cluster only."""
        return self.attack + self.bona_fide + self.shared


def clustered_auc(samples: ClusteredScores, *, confidence: float = 0.95) -> Estimate:
    """The probability that an attack scores higher than a bona fide sample, with clusters as what is independent.

    The value is that of `finauth_eval.metrics.delong.auc`; the variance is Obuchowski's, and limits are symmetric on
    the logit scale with a t quantile. Where every cluster has one sample, everything is as there. Where the classes
    are perfectly separated or every score is the same, limits are exact ones from disjoint pairs of clusters: k
    pairs of an attack and a bona fide sample, no two of which share a cluster, are independent trials; k is the
    least of the clusters with attacks, those with bona fide samples, and half of all.

    Args:
        samples: Samples with their clusters.
        confidence: Nominal coverage, in (0, 1).

    Returns:
        The estimate, ``n`` being all samples; without limits, and with a reason, when a class has one cluster only
        or the clusters do not vary.

    References:
        Obuchowski, N. (1997). Nonparametric analysis of clustered ROC curve data. Biometrics 53, 567-578.

    Example:
        >>> from finauth_eval.metrics.clustered import ClusteredScores
        >>> from finauth_eval.metrics.counts import ScoreCounts
        >>> scores = np.array([0.1, 0.3, 0.4, 0.7, 0.35, 0.8, 0.9, 0.6])
        >>> attack = np.arange(8) > 3
        >>> area = clustered_auc(ClusteredScores.of(
        ...     ScoreCounts.from_arrays(scores, attack), scores, is_attack=attack,
        ...     clusters=np.array([0, 0, 1, 2, 0, 1, 2, 2]),
        ... ))
        >>> area.value, area.method, round(area.se, 4)
        (0.8125, 'delong-clustered-logit-t', 0.0716)
    """
    tail = (1 - valid_confidence(confidence)) / 2
    plain = auc(samples.counts, confidence=confidence)
    if not plain.defined or not samples.repeated:
        return plain
    nan = math.nan
    value = plain.value
    unknown = replace(plain, low=nan, high=nan, se=nan, method=_METHOD)
    if value in (0.0, 1.0) or samples.rows.min() == samples.rows.max():
        return _from_pairs(unknown, _disjoint_pairs(samples))
    variance = area_variance(samples)
    if math.isnan(variance.total):
        return replace(unknown, reason=phrase("an interval needs at least two clusters of each class"))
    if variance.total <= _NO_SPREAD * value * (1 - value):
        return replace(
            unknown,
            reason=phrase("no interval: the clusters do not vary, so they cannot tell how sure this is"),
        )
    se = math.sqrt(variance.total)
    half = -float(stdtrit(variance.degrees_of_freedom, tail)) * se / (value * (1 - value))
    low, high = (float(expit(logit(value) + sign * half)) for sign in (-1, 1))
    return replace(unknown, low=low, high=high, se=se)


def area_variance(samples: ClusteredScores) -> AreaVariance:
    """Obuchowski's variance of the area, from placements: no matrix of all pairs is built.

    Where every cluster has one sample S10 and S01 are DeLong's and S11 is 0.

    The degrees of freedom are the clusters less one, or fewer: Welch and Satterthwaite's for the two classes' terms,
    so that few clusters of one class against many of the other count as few; and what the kurtosis of the clusters'
    contributions leaves, 2 / (2 / (g - 1) + (kurtosis - 3) / g), for near an area of 1 the variance rests on the few
    clusters that overlap at all, and is known less well than their number says.

    Args:
        samples: Samples of both classes with their clusters.

    References:
        Obuchowski (1997), formulas for S10, S01 and S11. Satterthwaite, F. (1946). An approximate distribution of
        estimates of variance components. Biometrics Bulletin 2, 110-114. Cramér, H. (1946). Mathematical Methods of
        Statistics, section 27.4 (variance of a sample variance, by its kurtosis).
    """
    counts = samples.counts
    m, n = counts.n_attack, counts.n_bona_fide
    below = (2 * np.cumsum(counts.bona_fide) - counts.bona_fide) / (2 * n)
    above = (2 * (m - np.cumsum(counts.attack)) + counts.attack) / (2 * m)
    value = float(np.dot(counts.attack, below)) / m
    attack, bona_fide = samples.is_attack, ~samples.is_attack
    apart_attack = samples.totals(below[samples.rows[attack]] - value, attack) / m
    apart_bona_fide = samples.totals(above[samples.rows[bona_fide]] - value, bona_fide) / n
    return AreaVariance.of_contributions(
        apart_attack,
        apart_bona_fide,
        with_attack=samples.n_clusters_with(attack),
        with_bona_fide=samples.n_clusters_with(bona_fide),
    )


def _summed(a: NDArray[np.float64], b: NDArray[np.float64], clusters: int) -> float:
    """The products' sum with the correction for as many clusters; ``nan`` for a single one."""
    return float(np.dot(a, b)) * clusters / (clusters - 1) if clusters > 1 else math.nan


def _satterthwaite(*terms: tuple[float, int]) -> float:
    apart = sum(variance * variance / (clusters - 1) for variance, clusters in terms if clusters > 1)
    total = sum(variance for variance, _ in terms)
    return total * total / apart if apart > 0 else math.inf


def _by_kurtosis(contributions: NDArray[np.float64]) -> float:
    """Degrees of freedom of the variance of these contributions, which sum to 0."""
    groups = contributions.size
    squares = contributions * contributions
    total = float(squares.sum())
    if groups < 2 or total == 0:
        return math.inf
    excess = groups * float(np.dot(squares, squares)) / (total * total) - 3
    left = 2 / (groups - 1) + excess / groups
    return 2 / left if left > 0 else math.inf


def _disjoint_pairs(samples: ClusteredScores) -> int:
    with_attack, with_bona_fide = (
        samples.n_clusters_with(own) for own in (samples.is_attack, ~samples.is_attack)
    )
    return min(with_attack, with_bona_fide, samples.n_clusters // 2)


def _from_pairs(unknown: Estimate, pairs: int) -> Estimate:
    if not pairs:
        return replace(unknown, reason=phrase("an interval needs at least two clusters"))
    if unknown.value in (0.0, 1.0):
        low, high = clopper_pearson(pairs if unknown.value else 0, pairs, confidence=unknown.confidence)
    else:  # every pair is tied, and a share of at least the limit's of all pairs is
        low = clopper_pearson(pairs, pairs, confidence=unknown.confidence)[0] / 2
        high = 1 - low
    return replace(unknown, low=low, high=high, method=_EXACT)
