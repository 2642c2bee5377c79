"""Confidence intervals of a rate at a fixed threshold."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.special import betaincinv, ndtri

from finauth_eval.metrics.estimate import Estimate
from finauth_eval.phrases import phrase

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["clopper_pearson", "clopper_pearson_limits", "rate", "valid_confidence", "wilson"]

RateMethod = Literal["clopper-pearson", "wilson"]


def clopper_pearson(events: int, n: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Exact limits of a binomial rate: never cover less often than ``confidence`` says.

    Args:
        events: How many of the ``n`` samples showed the event.
        n: How many independent samples there are, at least 1.
        confidence: Nominal coverage, in (0, 1).

    Returns:
        Lower and upper limit, in [0, 1].

    Raises:
        ValueError: ``events`` is not in [0, ``n``], or ``confidence`` not in (0, 1).

    References:
        Clopper, C. and Pearson, E. (1934). The use of confidence or fiducial limits illustrated in the case of the
        binomial. Biometrika 26, 404-413.

    Example:
        >>> [round(limit, 4) for limit in clopper_pearson(0, 59)]
        [0.0, 0.0606]
    """
    tail = _checked_tail(events, n, confidence)
    low = 0.0 if events == 0 else float(betaincinv(events, n - events + 1, tail))
    high = 1.0 if events == n else float(betaincinv(events + 1, n - events, 1 - tail))
    return low, high


def clopper_pearson_limits(
    events: ArrayLike, n: int, *, confidence: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """`clopper_pearson` of many numbers of events at once.

    Args:
        events: How many of the ``n`` samples showed the event, any shape.
        n: How many independent samples there are, at least 1.
        confidence: Nominal coverage of each interval by itself, in (0, 1).

    Returns:
        Lower and upper limits, of the shape of ``events``, in [0, 1].

    Raises:
        ValueError: Some number of events is not in [0, ``n``], or ``confidence`` not in (0, 1).

    Example:
        >>> low, high = clopper_pearson_limits([0, 59], 59)
        >>> low.round(4).tolist(), high.round(4).tolist()
        ([0.0, 0.9394], [0.0606, 1.0])
    """
    seen = np.asarray(events)
    tail = _checked_tail(int(seen.min(initial=0)), n, confidence)
    _checked_tail(int(seen.max(initial=0)), n, confidence)
    low = np.where(seen == 0, 0.0, betaincinv(np.maximum(seen, 1), n - seen + 1, tail))
    high = np.where(seen == n, 1.0, betaincinv(seen + 1, np.maximum(n - seen, 1), 1 - tail))
    return low, high


def wilson(events: int, n: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Limits of a binomial rate by the score test: narrower than Clopper-Pearson, right on average.

    Args and errors are those of `clopper_pearson`.

    References:
        Wilson, E. (1927). Probable inference, the law of succession, and statistical inference. JASA 22, 209-212.

    Example:
        >>> [round(limit, 4) for limit in wilson(1, 20)]
        [0.0089, 0.2361]
    """
    z = float(-ndtri(_checked_tail(events, n, confidence)))
    share = events / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low = 0.0 if events == 0 else max(0.0, middle - half)
    high = 1.0 if events == n else min(1.0, middle + half)
    return low, high


def rate(
    events: int,
    n: int,
    *,
    confidence: float = 0.95,
    method: RateMethod = "clopper-pearson",
    of: str = phrase("sample"),
) -> Estimate:
    """A share with its interval; undefined, with a reason, when there is nothing to divide by.

    Args:
        events: How many of the ``n`` samples showed the event.
        n: How many samples there are; 0 gives an undefined estimate.
        confidence: Nominal coverage, in (0, 1).
        method: ``"clopper-pearson"`` or ``"wilson"``.
        of: What the samples are, for the reason.

    Example:
        >>> rate(3, 100).value
        0.03
        >>> rate(0, 0, of="attack").reason
        'no attack has a score'
    """
    if n == 0:
        valid_confidence(confidence)
        return Estimate.undefined(phrase("no {of} has a score", of=of), confidence=confidence, method=method)
    limits = {"clopper-pearson": clopper_pearson, "wilson": wilson}[method]
    low, high = limits(events, n, confidence=confidence)
    return Estimate(value=events / n, low=low, high=high, confidence=confidence, n=n, method=method)


def valid_confidence(confidence: float) -> float:
    """The confidence, when it is one.

    Raises:
        ValueError: It is not in (0, 1).
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence!r}; expected a number between 0 and 1, such as 0.95")
    return confidence


def _checked_tail(events: int, n: int, confidence: float) -> float:
    if not 0 <= events <= n or n < 1:
        raise ValueError(f"{events} events in {n} samples; expected 0 <= events <= n and n >= 1")
    return (1 - valid_confidence(confidence)) / 2
