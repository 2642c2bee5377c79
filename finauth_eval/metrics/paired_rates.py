"""Rates of the same samples in two runs: McNemar's test, Tango's interval, and both where samples are clustered."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from scipy.special import bdtr, ndtr, ndtri, stdtrit

from finauth_eval.metrics.change import Change
from finauth_eval.metrics.estimate import Estimate
from finauth_eval.metrics.intervals import valid_confidence
from finauth_eval.phrases import phrase

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "PairedRates", "SignTest", "mcnemar", "paired_rates", "sign_flip", "tango", "tango_upper",
]  # fmt: skip

_HALVINGS: Final = 52
_MOST_STEPS: Final = 20_000
"""Up to this sum of the clusters' totals the null distribution is exact, beyond it normal."""


class SignTest(NamedTuple):
    """Mid-p values: half of the probability of exactly what was seen counts as more extreme.

    Attributes:
        p_value: Two-sided.
        p_increase: One-sided, small when B has more events.
        p_decrease: One-sided, small when B has fewer.
    """

    p_value: float
    p_increase: float
    p_decrease: float


def mcnemar(a_only: int, b_only: int) -> SignTest:
    """McNemar's test of two rates of the same samples, with mid-p values.

    Args:
        a_only: Samples with the event in A only.
        b_only: Samples with the event in B only.

    Returns:
        The p-values; all of them are 1 where no sample differs, for then nothing speaks against "no change".

    References:
        McNemar, Q. (1947). Psychometrika 12, 153-157. Fagerland, M., Lydersen, S. and Laake, P. (2013). The McNemar
        test for binary matched-pairs data: mid-p and asymptotic are better than exact conditional. BMC Medical Research
        Methodology 13, 91.

    Example:
        >>> round(mcnemar(1, 7).p_value, 4)
        0.0391
    """
    n = a_only + b_only
    if not n:
        return SignTest(1.0, 1.0, 1.0)
    exactly = float(bdtr(b_only, n, 0.5)) - (float(bdtr(b_only - 1, n, 0.5)) if b_only else 0.0)
    fewer = float(bdtr(b_only - 1, n, 0.5)) if b_only else 0.0
    more = float(bdtr(a_only - 1, n, 0.5)) if a_only else 0.0  # by symmetry
    return _both_sides(fewer=fewer, exactly=exactly, more=more)


def sign_flip(totals: ArrayLike) -> SignTest:
    """McNemar's test for clusters: each cluster's total is as likely to be negative as positive when nothing changed.

    Where no total is beyond one either way this is `mcnemar`. The null distribution is exact up to a sum of 20,000
    over all clusters, beyond it normal.

    Args:
        totals: Of each cluster the samples with the event in B only less those with it in A only, whole numbers, shape
            (g,).

    References:
        Fisher, R. (1935). The Design of Experiments, section 21 (the sign-flipping test of paired differences).

    Example:
        >>> round(sign_flip([2, 1, 1]).p_increase, 4), round(sign_flip([-1, *[1] * 7]).p_value, 4)
        (0.0625, 0.0391)
    """
    own = np.asarray(totals, dtype=np.int64)
    own = own[own != 0]
    if not own.size:
        return SignTest(1.0, 1.0, 1.0)
    sizes, seen = np.abs(own), int(own.sum())
    if sizes.max() == 1:
        return mcnemar(int(np.count_nonzero(own < 0)), int(np.count_nonzero(own > 0)))
    if int(sizes.sum()) > _MOST_STEPS:
        z = seen / math.sqrt(float(np.dot(sizes, sizes)))
        return SignTest(2 * float(ndtr(-abs(z))), float(ndtr(-z)), float(ndtr(z)))
    chances, reach = _null_distribution(sizes)
    at = seen + reach
    return _both_sides(
        fewer=float(chances[:at].sum()), exactly=float(chances[at]), more=float(chances[at + 1 :].sum())
    )


def _null_distribution(sizes: NDArray[np.int64]) -> tuple[NDArray[np.float64], int]:
    """The chance of each sum from -reach to reach of these sizes under random signs."""
    reach = int(sizes.sum())
    chances = np.zeros(2 * reach + 1)
    chances[reach] = 1.0
    for size in sizes.tolist():
        moved = np.zeros_like(chances)
        moved[size:] += chances[: chances.size - size]
        moved[: chances.size - size] += chances[size:]
        chances = moved / 2
    return chances, reach


def _both_sides(*, fewer: float, exactly: float, more: float) -> SignTest:
    """From the chances, when nothing changed, of fewer than was seen in B, exactly that, and more."""
    if abs(fewer - more) <= 1e-12 * max(fewer, more):  # as many either way
        two_sided = 1 - exactly / 2
    else:
        two_sided = 2 * min(fewer, more) + exactly
    return SignTest(
        p_value=min(1.0, two_sided),
        p_increase=min(1.0, more + exactly / 2),
        p_decrease=min(1.0, fewer + exactly / 2),
    )


def tango(a_only: float, b_only: float, n: float, *, confidence: float = 0.95) -> tuple[float, float]:
    """Limits of the difference of two rates of the same samples, B less A, by Tango's score test.

    Args:
        a_only: Samples with the event in A only; may be a fraction where clusters make samples count for less.
        b_only: Samples with the event in B only.
        n: All samples, more than 0.
        confidence: Nominal coverage, in (0, 1).

    Returns:
        Lower and upper limit, in [-1, 1].

    Raises:
        ValueError: The counts don't fit together, or ``confidence`` is not in (0, 1).

    References:
        Tango, T. (1998). Equivalence test and confidence interval for the difference in proportions for the
        paired-sample design. Statistics in Medicine 17, 891-908.

    Example:
        >>> [round(limit, 3) for limit in tango(7, 1, 21)]
        [-0.517, -0.026]
    """
    tail = (1 - valid_confidence(confidence)) / 2
    return -tango_upper(b_only, a_only, n, confidence=1 - tail), tango_upper(
        a_only, b_only, n, confidence=1 - tail
    )


def tango_upper(a_only: float, b_only: float, n: float, *, confidence: float = 0.95) -> float:
    """The one-sided upper limit of the difference, for non-inferiority; arguments as of `tango`.

    Example:
        >>> round(tango_upper(4, 6, 500), 4)
        0.016
    """
    z = float(-ndtri(1 - valid_confidence(confidence)))
    if not (n > 0 and a_only >= 0 and b_only >= 0 and a_only + b_only <= n * (1 + 1e-9)):
        raise ValueError(
            f"{a_only} and {b_only} of {n} samples differ; expected counts of at most all samples"
        )
    return 1.0 if b_only - a_only >= n else _crossing(a_only, b_only, n, -z)


def _crossing(a_only: float, b_only: float, n: float, z: float) -> float:
    """Where the score statistic, which falls as the difference grows, passes ``z``."""
    low, high = -1.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _score(a_only, b_only, n, middle) < z:
            high = middle
        else:
            low = middle
    return (low + high) / 2


def _score(a_only: float, b_only: float, n: float, difference: float) -> float:
    """Tango's statistic of a hypothesised difference."""
    second = -b_only - a_only + (2 * n - b_only + a_only) * difference
    third = -a_only * difference * (1 - difference)
    q = (math.sqrt(max(0.0, second * second - 8 * n * third)) - second) / (4 * n)
    variance = n * (2 * q + difference * (1 - difference))
    apart = b_only - a_only - n * difference
    return math.copysign(math.inf, apart) if variance <= 0 else apart / math.sqrt(variance)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedRates:
    """Two rates of the same samples.

    Attributes:
        n: Samples.
        a_only: Samples with the event in A only.
        b_only: Samples with the event in B only.
        change: The difference of the rates, B less A, Tango's interval and McNemar's mid-p (their forms for clusters
            where samples are clustered).
        upper: One-sided upper limit of the difference at the confidence, for non-inferiority.
        lower: One-sided lower limit.
    """

    n: int
    a_only: int
    b_only: int
    change: Change
    upper: float
    lower: float


def paired_rates(
    in_a: NDArray[np.bool_],
    in_b: NDArray[np.bool_],
    *,
    clusters: NDArray[np.integer[Any]] | None = None,
    confidence: float = 0.95,
    of: str = phrase("sample"),
) -> PairedRates:
    """Compare the share of samples with an event in two runs of the same samples.

    Where a cluster has several samples, clusters and not samples are taken as independent: the test flips the signs of
    whole clusters (`sign_flip`), and Tango's interval is that of as many independent samples as tell as much, n over
    the difference's design effect times Korn and Graubard's factor for the degrees of freedom. A design effect below 1,
    of clusters whose samples move against each other, is taken as 1: the interval is then wider than need be. Where no
    sample differs, or where clusters do not vary, the design effect is not known and each cluster counts as one sample.

    Args:
        in_a: Whether each sample has the event in A, shape (n,).
        in_b: The same in B.
        clusters: Whole numbers that are equal for samples which belong together, shape (n,); ``None`` where they are
            independent.
        confidence: Nominal coverage, in (0, 1).
        of: What the samples are, for the reason when there is none.

    Example:
        >>> blocked = np.zeros(1471, dtype=bool)
        >>> found = paired_rates(blocked, np.arange(1471) < 12)
        >>> round(found.change.difference.value, 5), round(found.change.p_value, 5)
        (0.00816, 0.00024)
    """
    valid_confidence(confidence)
    n = in_a.size
    totals = in_b.astype(np.int64) - in_a
    a_only, b_only = int(np.count_nonzero(totals < 0)), int(np.count_nonzero(totals > 0))
    sizes = np.ones(0, dtype=np.int64) if clusters is None else np.unique(clusters, return_counts=True)[1]
    clustered = bool(sizes.size) and sizes.size < n
    method, test = ("tango-clusters", "sign-flip-mid-p") if clustered else ("tango", "mcnemar-mid-p")
    if not n:
        nothing = Estimate.undefined(
            phrase("no {of} has a score in both", of=of), confidence=confidence, method=method
        )
        nan = math.nan
        change = Change(difference=nothing, p_value=nan, p_increase=nan, p_decrease=nan, test=test)
        return PairedRates(n=0, a_only=0, b_only=0, change=change, upper=nan, lower=nan)
    counted, tested = 1.0, mcnemar(a_only, b_only)
    if clustered and clusters is not None:
        together = np.unique(clusters, return_inverse=True)[1]
        by_cluster = np.bincount(together, totals).astype(np.int64)
        tested = sign_flip(by_cluster)
        counted = _effective_share(by_cluster, sizes, a_only + b_only, confidence=confidence)
    effective = (a_only * counted, b_only * counted, n * counted)
    low, high = tango(*effective, confidence=confidence)
    return PairedRates(
        n=n,
        a_only=a_only,
        b_only=b_only,
        change=Change(
            difference=Estimate(
                value=(b_only - a_only) / n, low=low, high=high, confidence=confidence, n=n, method=method
            ),
            p_value=tested.p_value,
            p_increase=tested.p_increase,
            p_decrease=tested.p_decrease,
            test=test,
        ),
        upper=tango_upper(*effective, confidence=confidence),
        lower=-tango_upper(effective[1], effective[0], effective[2], confidence=confidence),
    )


def _effective_share(
    totals: NDArray[np.int64], sizes: NDArray[np.int64], differing: int, *, confidence: float
) -> float:
    """How much of a sample each one counts for, in (0, 1]."""
    n, groups = int(sizes.sum()), sizes.size
    if groups < 2 or not differing:
        return groups / n
    difference = float(totals.sum()) / n
    apart = totals - sizes * difference
    variance = groups / (groups - 1) * float(np.dot(apart, apart))
    plain = differing - n * difference * difference
    if not plain > 0 or variance <= 1e-12 * plain:  # how much clusters vary is not known; less is rounding
        return groups / n
    effect = max(1.0, variance / plain)
    tail = (1 - confidence) / 2
    ratio = float(stdtrit(n - 1, tail) / stdtrit(groups - 1, tail))
    return ratio * ratio / effect
