"""The area under the ROC curve with DeLong's variance, from counts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit, logit, ndtri

from finauth_eval.metrics.estimate import Estimate
from finauth_eval.metrics.intervals import valid_confidence
from finauth_eval.phrases import phrase

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from finauth_eval.metrics.counts import ScoreCounts
    from finauth_eval.metrics.placements import Placements

__all__ = ["auc"]

_METHOD = "delong-logit"


def auc(counts: ScoreCounts, *, confidence: float = 0.95) -> Estimate:
    """The probability that an attack scores higher than a bona fide sample, ties counting half.

    The variance is DeLong's, from the placements of each distinct score, in float64 and without the matrix of all
    pairs. Limits are symmetric on the logit scale, hence inside (0, 1). Where the variance vanishes (the classes are
    perfectly separated, or every score is the same) DeLong has nothing to say; then the limits are exact ones from
    the min(m, n) disjoint pairs of an attack and a bona fide sample, which are independent trials: p perfect pairs
    of p give the Clopper-Pearson limit (alpha / 2)^(1 / p). They are valid, and wider than need be.

    Args:
        counts: Counts of both classes.
        confidence: Nominal coverage, in (0, 1).

    Returns:
        The estimate, ``n`` being all samples; undefined when a class is missing, without limits when a class has
        only one sample and the variance is not known.

    References:
        DeLong, E., DeLong, D. and Clarke-Pearson, D. (1988). Comparing the areas under two or more correlated
        receiver operating characteristic curves. Biometrics 44, 837-845.
        Pepe, M. (2003). The Statistical Evaluation of Medical Tests, section 5.2 (logit scale).

    Example:
        >>> from finauth_eval.metrics.counts import ScoreCounts
        >>> area = auc(ScoreCounts.from_arrays([0.1, 0.4, 0.35, 0.8], [False, False, True, True]))
        >>> area.value, round(area.se, 4)
        (0.75, 0.3536)
    """
    valid_confidence(confidence)
    m, n = counts.n_attack, counts.n_bona_fide
    if not m or not n:
        missing = phrase("attack") if n else phrase("bona fide sample")
        return Estimate.undefined(
            phrase("no {of} has a score", of=missing), confidence=confidence, method=_METHOD, n=m + n
        )
    value, variance, all_tied = _area_and_variance(counts, m, n)
    tail = (1 - confidence) / 2
    reason = None
    method, se = _METHOD, math.sqrt(variance)
    if all_tied or value in (0.0, 1.0):
        method, se = "exact-pairs", math.nan
        low, high = _limits_without_variance(value, min(m, n), tail)
    elif math.isnan(variance):
        low = high = math.nan
        reason = phrase("an interval needs at least two samples of each class")
    else:
        half = float(-ndtri(tail)) * se / (value * (1 - value))
        low, high = (float(expit(logit(value) + sign * half)) for sign in (-1, 1))
    return Estimate(
        value=value, low=low, high=high, se=se, confidence=confidence, n=m + n, method=method, reason=reason
    )


def _area_and_variance(counts: ScoreCounts, m: int, n: int) -> tuple[float, float, bool]:
    """The area, its variance (``nan`` where that is not known), and whether it vanishes."""
    placements = counts.placements
    # twice the placements, so that they are whole numbers and the sum is exact
    twice = sum(int(np.dot(placed.attack, 2 * placed.below + placed.tied)) for placed in placements.blocks())
    value = twice / (2 * m * n)
    if twice in (0, 2 * m * n):
        return value, math.nan, False
    if min(m, n) < 2:
        return value, math.nan, False
    of_attacks, of_bona_fide = _squares(placements, value, m, n)
    variance = of_attacks / (m - 1) / m + of_bona_fide / (n - 1) / n
    return value, variance, variance == 0


def _squares(placements: Placements, mean: float, m: int, n: int) -> tuple[float, float]:
    """The squared distances of the placements from their mean, summed over the attacks and over the bona fide samples.

    Bona fide samples between the same two attacks have the same placement, so that both sums need only the rows that
    attacks have.
    """
    of_attacks = of_bona_fide = 0.0
    cleared = 0  # bona fide samples at or below the attacks so far
    for placed in placements.blocks():
        of_attacks += _weighted(placed.attack, 2 * placed.below + placed.tied, 2 * n, mean)
        above = 2 * (m - placed.missed)  # of the bona fide samples since the row before
        since = placed.below - np.append(cleared, placed.below[:-1] + placed.tied[:-1])
        of_bona_fide += _weighted(since, above, 2 * m, mean)
        if placements.tied is not None:
            of_bona_fide += _weighted(placed.tied, above - placed.attack, 2 * m, mean)
        cleared = int(placed.below[-1] + placed.tied[-1])
    return of_attacks, of_bona_fide + (n - cleared) * mean**2


def _weighted(weight: NDArray[np.int64], placements: NDArray[np.int64], scale: int, mean: float) -> float:
    apart = placements / scale
    apart -= mean
    apart *= apart
    return float(np.dot(weight.astype(np.float64), apart))


def _limits_without_variance(value: float, pairs: int, tail: float) -> tuple[float, float]:
    surely = tail ** (1 / pairs)
    if value == 1:
        return surely, 1.0
    if value == 0:
        return 0.0, 1 - surely
    return surely / 2, 1 - surely / 2  # every pair is tied, and a share of at least `surely` of all pairs is
