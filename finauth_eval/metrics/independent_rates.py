"""Rates of different samples in two runs: the score test and interval of Miettinen and Nurminen."""

from __future__ import annotations

import math
from typing import Final

from scipy.special import ndtr, ndtri

from finauth_eval.metrics.change import Change
from finauth_eval.metrics.estimate import Estimate
from finauth_eval.metrics.intervals import valid_confidence

__all__ = ["independent_rates", "score_interval", "score_statistic"]

_HALVINGS: Final = 80
_METHOD: Final = "miettinen-nurminen"


def score_statistic(
    events_a: float, n_a: float, events_b: float, n_b: float, difference: float = 0.0
) -> float:
    """How many standard errors the rates, B less A, lie above a hypothesised difference.

    Args:
        events_a: Samples of A with the event; may be a fraction where clusters make samples count for less.
        n_a: Samples of A, more than 0.
        events_b: Samples of B with the event.
        n_b: Samples of B, more than 0.
        difference: The hypothesis, in [-1, 1].

    References:
        Miettinen, O. and Nurminen, M. (1985). Comparative analysis of two rates. Statistics in Medicine 4, 213-226.

    Example:
        >>> round(score_statistic(10, 100, 20, 100), 3)
        1.975
    """
    apart = events_b / n_b - events_a / n_a - difference
    rate = _restricted_rate(events_a, n_a, events_b, n_b, difference)
    other, total = rate + difference, n_a + n_b
    variance = (max(0.0, rate * (1 - rate)) / n_a + max(0.0, other * (1 - other)) / n_b) * total / (total - 1)
    if apart == 0:
        return 0.0
    return math.copysign(math.inf, apart) if variance <= 0 else apart / math.sqrt(variance)


def _restricted_rate(events_a: float, n_a: float, events_b: float, n_b: float, difference: float) -> float:
    """The most likely rate of A when B's is higher by just ``difference``: a root of a cubic, in closed form."""
    total, events = n_a + n_b, events_a + events_b
    third = total
    second = (n_b + 2 * n_a) * difference - total - events
    first = (n_a * difference - total - 2 * events_a) * difference + events
    constant = events_a * difference * (1 - difference)
    q = (second / (3 * third)) ** 3 - first * second / (6 * third**2) + constant / (2 * third)
    p = math.copysign(math.sqrt(max(0.0, (second / (3 * third)) ** 2 - first / (3 * third))), q)
    angle = (math.pi + math.acos(min(1.0, max(-1.0, q / p**3)))) / 3 if p else math.pi / 2
    found = 2 * p * math.cos(angle) - second / (3 * third)
    return min(max(found, 0.0, -difference), 1.0, 1 - difference)


def score_interval(
    events_a: float, n_a: float, events_b: float, n_b: float, *, confidence: float = 0.95
) -> tuple[float, float]:
    """Limits of the difference of two independent rates, B less A; arguments as of `score_statistic`.

    Returns:
        Lower and upper limit, in [-1, 1].

    Example:
        >>> [round(limit, 4) for limit in score_interval(10, 100, 20, 100)]
        [0.0008, 0.2018]
    """
    z = float(-ndtri((1 - valid_confidence(confidence)) / 2))
    middle = events_b / n_b - events_a / n_a

    def crossing(outside: float) -> float:
        inside = middle
        for _ in range(_HALVINGS):
            tried = (inside + outside) / 2
            if abs(score_statistic(events_a, n_a, events_b, n_b, tried)) > z:
                outside = tried
            else:
                inside = tried
        return (inside + outside) / 2

    return (-1.0 if middle <= -1 else crossing(-1.0)), (1.0 if middle >= 1 else crossing(1.0))


def independent_rates(
    a: Estimate,
    b: Estimate,
    *,
    effective_a: float,
    effective_b: float,
    confidence: float = 0.95,
) -> tuple[Change, float, float]:
    """Compare the rates of two runs that have no samples in common.

    Args:
        a: The rate in A.
        b: The rate in B.
        effective_a: How many independent samples tell as much as those of A; their number where they are independent.
            Less than one is taken as one.
        effective_b: The same of B.
        confidence: Nominal coverage, in (0, 1).

    Returns:
        The change, and the one-sided lower and upper limits of the difference at ``confidence``.

    Example:
        >>> from finauth_eval.metrics.intervals import rate
        >>> change, _, upper = independent_rates(rate(10, 100), rate(20, 100), effective_a=100, effective_b=100)
        >>> round(change.p_value, 4), round(upper, 4)
        (0.0482, 0.1848)
    """
    for own in (a, b):
        if not own.defined:
            nan = math.nan
            nothing = Estimate.undefined(own.reason or "undefined", confidence=confidence, method=_METHOD)
            change = Change(difference=nothing, p_value=nan, p_increase=nan, p_decrease=nan, test=_METHOD)
            return change, nan, nan
    # with a pair of clusters the degrees of freedom leave less than one sample, of which no variance is known
    size_a, size_b = max(1.0, effective_a), max(1.0, effective_b)
    counts = (a.value * size_a, size_a, b.value * size_b, size_b)
    z = score_statistic(*counts)
    low, high = score_interval(*counts, confidence=confidence)
    difference = Estimate(
        value=b.value - a.value, low=low, high=high, confidence=confidence, n=a.n + b.n, method=_METHOD
    )
    change = Change(
        difference=difference, p_value=2 * float(ndtr(-abs(z))), p_increase=float(ndtr(-z)),
        p_decrease=float(ndtr(z)), z=z, test=_METHOD,
    )  # fmt: skip
    one_sided = score_interval(*counts, confidence=2 * confidence - 1) if confidence > 0.5 else (low, high)
    return change, *one_sided
