"""Quantiles with limits that assume nothing of the distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import bdtr

from finauth_eval.metrics.estimate import Estimate
from finauth_eval.metrics.intervals import valid_confidence
from finauth_eval.phrases import phrase

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["quantile"]


def quantile(values: NDArray[np.float64], share: float, *, confidence: float = 0.95) -> Estimate:
    """A quantile with exact limits, which are two of the values themselves.

    The lower limit is the highest value with so few below it that the quantile lies under it in at most half of
    1 - confidence of all samples; the upper one likewise. Where there are too few values a limit is ``nan``, and the
    reason says so.

    Args:
        values: Finite, shape (n,).
        share: Which quantile, in (0, 1).
        confidence: Nominal coverage, in (0, 1).

    References:
        Hahn, G. and Meeker, W. (1991). Statistical Intervals, section 5.2.

    Example:
        >>> found = quantile(np.arange(1.0, 101.0), 0.5)
        >>> found.value, found.low, found.high
        (50.0, 40.0, 61.0)
    """
    tail = (1 - valid_confidence(confidence)) / 2
    n = values.size
    method = "order-statistics"
    if not n:
        return Estimate.undefined(phrase("there are no values"), confidence=confidence, method=method)
    ascending = np.sort(values)
    up_to = bdtr(
        np.arange(n), n, share
    )  # the chance that at most k values lie below the quantile, k = 0 .. n - 1
    below = int(np.searchsorted(up_to, tail, side="right"))  # so many may be left below the lower limit
    above = int(np.searchsorted(up_to, 1 - tail))
    low = float(ascending[below - 1]) if below else float("nan")
    high = float(ascending[above]) if above < n else float("nan")
    reason = phrase("too few values for both limits") if np.isnan(low) or np.isnan(high) else None
    value = float(
        np.quantile(ascending, share, method="inverted_cdf")
    )  # one of the values, as the limits are
    return Estimate(value=value, low=low, high=high, confidence=confidence, n=n, method=method, reason=reason)
