"""The difference of two areas under the ROC curve, of the same samples or of different ones."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from finauth_eval.metrics.change import Change
from finauth_eval.metrics.clustered_auc import AreaVariance
from finauth_eval.metrics.estimate import Estimate
from finauth_eval.metrics.intervals import valid_confidence
from finauth_eval.phrases import phrase

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["independent_areas", "paired_areas"]

_METHOD: Final = "delong-paired"
_EXACT: Final = "exact-pairs"
_NO_SPREAD: Final = 1e-20
"""A variance, in units of that of samples which differ as much as these in the mean of squares, that is rounding."""


def paired_areas(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    *,
    is_attack: NDArray[np.bool_],
    clusters: NDArray[np.integer[Any]] | None = None,
    confidence: float = 0.95,
) -> Change:
    """The area of B less that of A, where both scored the same samples.

    DeLong's covariance, as the variance of each sample's difference of placements: what both runs find hard cancels.
    Where a cluster has several samples it is Obuchowski's, with a t quantile. Where no sample's placement differs, the
    limits are exact ones from the min(m, n) disjoint pairs of an attack and a bona fide sample (of clusters, where
    there are any), none of which is ordered differently.

    Args:
        a: Scores of A, shape (n,), every one finite.
        b: Scores of B of the same samples.
        is_attack: Whether each sample is an attack, shape (n,).
        clusters: Whole numbers that are equal for samples which belong together; ``None`` where they are independent.
        confidence: Nominal coverage, in (0, 1).

    Returns:
        The change; undefined when a class is missing, without limits when a class has one sample or cluster only.

    References:
        DeLong, E., DeLong, D. and Clarke-Pearson, D. (1988). Comparing the areas under two or more correlated receiver
        operating characteristic curves. Biometrics 44, 837-845. Obuchowski, N. (1997). Nonparametric analysis of
        clustered ROC curve data. Biometrics 53, 567-578.

    Example:
        >>> attack = np.array([False, False, False, True, True, True])
        >>> a, b = np.array([0.1, 0.2, 0.6, 0.3, 0.7, 0.9]), np.array([0.1, 0.5, 0.6, 0.3, 0.4, 0.9])
        >>> change = paired_areas(a, b, is_attack=attack)
        >>> round(change.difference.value, 4), round(change.difference.se, 4)
        (-0.3333, 0.2722)
    """
    valid_confidence(confidence)
    m = int(np.count_nonzero(is_attack))
    n = is_attack.size - m
    if not m or not n:
        missing = phrase("attack") if n else phrase("bona fide sample")
        return _undefined(phrase("no {of} has a score in both", of=missing), confidence=confidence, n=m + n)
    of_attack, of_bona_fide = (
        after - before
        for before, after in zip(_placements(a, is_attack), _placements(b, is_attack), strict=True)
    )
    value = float(of_attack.mean())
    plain = Estimate(value=value, low=math.nan, high=math.nan, confidence=confidence, n=m + n, method=_METHOD)
    variance, freedom, pairs = _variance(of_attack, of_bona_fide, is_attack, clusters)
    if clusters is not None and math.isfinite(freedom):
        plain = replace(plain, method="delong-paired-clustered-t")
    if math.isnan(variance):
        return _without_spread(
            plain, pairs, reason=phrase("an interval needs at least two samples of each class")
        )
    squares = float(of_attack @ of_attack) / m**2 + float(of_bona_fide @ of_bona_fide) / n**2
    if variance <= _NO_SPREAD * squares:
        clustered = clusters is not None and math.isfinite(freedom)
        reason = (
            phrase("no interval: the clusters do not vary, so they cannot tell how sure this is")
            if clustered
            else phrase("no interval: every sample moved by the same")
        )
        return _without_spread(plain, pairs, reason=reason)
    return _by_variance(plain, variance, freedom)


def independent_areas(
    a: Estimate, b: Estimate, *, freedom_a: float = math.inf, freedom_b: float = math.inf
) -> Change:
    """The area of B less that of A, where the runs have no samples in common.

    Where a cluster has several samples, the quantile is a t with Welch and Satterthwaite's degrees of freedom.

    Args:
        a: The area of A with its standard error (`finauth_eval.metrics.delong.auc` or its form for clusters).
        b: The area of B.
        freedom_a: Degrees of freedom of A's variance, its clusters less one; infinite for independent samples.
        freedom_b: The same of B.

    References:
        Hanley, J. and McNeil, B. (1982). The meaning and use of the area under a receiver operating characteristic
        curve. Radiology 143, 29-36 (the variances add); the variances are DeLong's. Welch, B. (1947). The
        generalization of "Student's" problem when several different population variances are involved. Biometrika 34,
        28-35.

    Example:
        >>> from finauth_eval.metrics.counts import ScoreCounts
        >>> from finauth_eval.metrics.delong import auc
        >>> a = auc(ScoreCounts.from_arrays([0.1, 0.4, 0.35, 0.8], [False, False, True, True]))
        >>> independent_areas(a, a).p_value
        1.0
    """
    confidence, n = a.confidence, a.n + b.n
    for own in (a, b):
        if not own.defined:
            return _undefined(own.reason or "undefined", confidence=confidence, n=n)
    value = b.value - a.value
    variance = a.se**2 + b.se**2
    clustered = math.isfinite(freedom_a) or math.isfinite(freedom_b)
    method = "delong-unpaired-clustered-t" if clustered else "delong-unpaired"
    plain = Estimate(value=value, low=math.nan, high=math.nan, confidence=confidence, n=n, method=method)
    if not variance > 0:  # also where a standard error is not known
        nan = math.nan
        return Change(
            difference=replace(plain, reason=phrase("no interval: a run separates the classes perfectly or too few samples")),
            p_value=nan, p_increase=nan, p_decrease=nan, test=method,
        )  # fmt: skip
    apart = a.se**4 / freedom_a + b.se**4 / freedom_b
    return _by_variance(plain, variance, variance**2 / apart if apart else math.inf)


def _by_variance(plain: Estimate, variance: float, freedom: float) -> Change:
    """Limits and test of a difference with a variance above 0: by t, or by the normal where freedom is infinite."""
    se = math.sqrt(variance)
    z = plain.value / se
    tail = (1 - plain.confidence) / 2
    if math.isfinite(freedom):
        half = -float(stdtrit(freedom, tail)) * se
        lower, upper = float(stdtr(freedom, z)), float(stdtr(freedom, -z))
    else:
        half = -float(ndtri(tail)) * se
        lower, upper = float(ndtr(z)), float(ndtr(-z))
    return Change(
        difference=replace(
            plain, low=max(-1.0, plain.value - half), high=min(1.0, plain.value + half), se=se
        ),
        p_value=min(1.0, 2 * min(lower, upper)),
        p_increase=upper,
        p_decrease=lower,
        z=z,
        test=plain.method,
    )


def _placements(
    scores: NDArray[np.float64], is_attack: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The share of bona fide samples below each attack, and of attacks above each bona fide sample; ties count half."""
    attack, bona_fide = scores[is_attack], scores[~is_attack]
    return _below(attack, np.sort(bona_fide)), 1 - _below(bona_fide, np.sort(attack))


def _below(own: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    twice = np.searchsorted(others, own) + np.searchsorted(others, own, side="right")
    return np.asarray(twice / (2 * others.size))


def _variance(
    of_attack: NDArray[np.float64],
    of_bona_fide: NDArray[np.float64],
    is_attack: NDArray[np.bool_],
    clusters: NDArray[np.integer[Any]] | None,
) -> tuple[float, float, int]:
    """The difference's variance, the degrees of freedom (infinite for independent samples), and disjoint pairs."""
    m, n = of_attack.size, of_bona_fide.size
    together = None if clusters is None else np.unique(clusters, return_inverse=True)[1]
    if together is None or int(together.max()) + 1 == m + n:
        if min(m, n) < 2:
            return math.nan, math.inf, min(m, n)
        return float(of_attack.var(ddof=1) / m + of_bona_fide.var(ddof=1) / n), math.inf, min(m, n)
    groups = int(together.max()) + 1
    of, others = together[is_attack], together[~is_attack]
    with_attack, with_bona_fide = np.unique(of).size, np.unique(others).size
    found = AreaVariance.of_contributions(
        np.bincount(of, of_attack - of_attack.mean(), minlength=groups) / m,
        np.bincount(others, of_bona_fide - of_bona_fide.mean(), minlength=groups) / n,
        with_attack=with_attack,
        with_bona_fide=with_bona_fide,
    )
    return found.total, found.degrees_of_freedom, min(with_attack, with_bona_fide, groups // 2)


def _without_spread(plain: Estimate, pairs: int, *, reason: str) -> Change:
    """Where the variance says nothing: by pairs that are ordered differently in none, or in all, of so many."""
    nan = math.nan
    if not plain.value and pairs:
        reach = 1 - (1 - plain.confidence) ** (1 / pairs)
        unchanged = replace(plain, low=-reach, high=reach, method=_EXACT)
        return Change(difference=unchanged, p_value=1.0, p_increase=1.0, p_decrease=1.0, test=_EXACT)
    surely = 0.5**pairs if pairs else nan
    up = plain.value > 0
    return Change(
        difference=replace(plain, reason=reason),
        p_value=min(1.0, 2 * surely),
        p_increase=surely if up else 1 - surely,
        p_decrease=1 - surely if up else surely,
        test=_EXACT,
    )


def _undefined(reason: str, *, confidence: float, n: int) -> Change:
    nan = math.nan
    nothing = Estimate.undefined(reason, confidence=confidence, method="none", n=n)
    return Change(difference=nothing, p_value=nan, p_increase=nan, p_decrease=nan, test="none")
