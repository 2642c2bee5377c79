"""Numbers as people read them: percentages with the digits that the sample size supports, intervals beside them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from finauth_eval.phrases import phrase

if TYPE_CHECKING:
    from finauth_eval.metrics.estimate import Estimate

__all__ = [
    "NOT_KNOWN",
    "amount",
    "area",
    "confidence_words",
    "count",
    "duration",
    "interval",
    "limit",
    "p_words",
    "percent",
    "points",
    "rate",
    "signed",
    "threshold",
]

NOT_KNOWN: Final = "—"


def count(number: int) -> str:
    """A whole number with thousands marked.

    Example:
        >>> count(12345)
        '12,345'
    """
    return f"{number:,}"


def percent(value: float, *, n: int = 0) -> str:
    """A share of one as a percentage: one decimal, two from 10,000 samples on; never a 0% or 100% that is not one.

    Example:
        >>> percent(0.0614, n=500), percent(0.0, n=500), percent(0.0001, n=500), percent(0.9999, n=500)
        ('6.1%', '0%', '<0.1%', '>99.9%')
    """
    if math.isnan(value):
        return NOT_KNOWN
    return _share(value, n) + "%"


def _share(value: float, n: int) -> str:
    digits = 2 if n >= 10_000 else 1
    tick = 10.0**-digits
    shown = 100 * value
    if shown in (0.0, 100.0):
        return f"{shown:.0f}"
    if abs(shown) < tick / 2:
        return f"<{tick:g}"
    if 100 - tick / 2 < shown < 100:
        return f">{100 - tick:g}"
    return f"{shown:.{digits}f}"


def interval(low: float, high: float, *, n: int = 0) -> str:
    """Two limits as a range of percentages.

    Example:
        >>> interval(0.053, 0.071)
        '5.3–7.1%'
    """
    if math.isnan(low) or math.isnan(high):
        return NOT_KNOWN
    return f"{_share(low, n)}–{_share(high, n)}%"


def rate(estimate: Estimate) -> str:
    """An estimated rate with its interval; a dash when it is undefined.

    Example:
        >>> from finauth_eval.metrics.estimate import Estimate
        >>> rate(Estimate(value=0.061, low=0.053, high=0.071, confidence=0.95, n=500, method="clopper-pearson"))
        '6.1% (5.3–7.1%)'
    """
    if not estimate.defined:
        return NOT_KNOWN
    value = percent(estimate.value, n=estimate.n)
    if math.isnan(estimate.low) or math.isnan(estimate.high):
        return value
    return f"{value} ({interval(estimate.low, estimate.high, n=estimate.n)})"


def points(share: float, *, n: int = 0, sign: bool = False) -> str:
    """A difference of two shares, in points: hundredths.

    Example:
        >>> points(0.01), points(-0.0082, sign=True), points(0.0002, n=20_000, sign=True)
        ('1 point', '-0.8 points', '+0.02 points')
    """
    if math.isnan(share):
        return NOT_KNOWN
    number = _points(share, n=n, sign=sign)
    one = number.lstrip("+-") == "1"
    return phrase("{number} point", number=number) if one else phrase("{number} points", number=number)


def _points(share: float, *, n: int, sign: bool) -> str:
    shown = round(100 * share, 2 if n >= 10_000 or 0 < abs(share) < 0.0005 else 1) + 0.0
    return f"{shown:+g}" if sign and shown else f"{shown:g}"


def signed(estimate: Estimate) -> str:
    """A difference of two shares with its interval, in points; a dash when it is undefined.

    Example:
        >>> from finauth_eval.metrics.estimate import Estimate
        >>> signed(Estimate(value=0.008, low=0.005, high=0.014, confidence=0.95, n=1471, method="tango"))
        '+0.8 points (+0.5 to +1.4)'
    """
    if not estimate.defined:
        return NOT_KNOWN
    value = points(estimate.value, n=estimate.n, sign=True)
    if math.isnan(estimate.low) or math.isnan(estimate.high):
        return value
    low, high = (_points(own, n=estimate.n, sign=True) for own in (estimate.low, estimate.high))
    return phrase("{value} ({low} to {high})", value=value, low=low, high=high)


def p_words(p_value: float) -> str:
    """A p-value: three decimals, never one of 0.

    Example:
        >>> p_words(0.0312), p_words(0.00024), p_words(1.0)
        ('p = 0.031', 'p < 0.001', 'p = 1')
    """
    if math.isnan(p_value):
        return NOT_KNOWN
    if p_value < 0.001:
        return "p < 0.001"
    return f"p = {p_value:.3f}" if p_value < 0.9995 else "p = 1"


def area(estimate: Estimate) -> str:
    """An area under a curve with its interval, to three decimals; never a 1.000 that is not one.

    Example:
        >>> from finauth_eval.metrics.estimate import Estimate
        >>> area(Estimate(value=0.9421, low=0.921, high=0.9996, confidence=0.95, n=500, method="delong"))
        '0.942 (0.921–>0.999)'
    """
    if not estimate.defined:
        return NOT_KNOWN
    value = score(estimate.value)
    if math.isnan(estimate.low) or math.isnan(estimate.high):
        return value
    return f"{value} ({score(estimate.low)}–{score(estimate.high)})"


def score(value: float) -> str:
    """A figure between 0 and 1 to three decimals.

    Example:
        >>> score(0.25), score(0.99999), score(1.0)
        ('0.250', '>0.999', '1')
    """
    if math.isnan(value):
        return NOT_KNOWN
    if value in (0.0, 1.0):
        return f"{value:.0f}"
    if 0.9995 <= value < 1:
        return ">0.999"
    return "<0.001" if 0 < value < 0.0005 else f"{value:.3f}"


def threshold(value: float) -> str:
    """A threshold to all its digits, two at least: a rounded one would decide differently.

    Example:
        >>> threshold(0.5), threshold(0.4417), threshold(0.123456789012)
        ('0.50', '0.4417', '0.123456789012')
    """
    if math.isnan(value):
        return NOT_KNOWN
    if math.isinf(value):
        return phrase("above every score") if value > 0 else phrase("below every score")
    shortest = repr(float(value))
    if "e" in shortest:
        return shortest
    whole, _, decimals = shortest.partition(".")
    return f"{whole}.{decimals:0<2}"


def short_threshold(value: float) -> str:
    """A threshold for a chart or a sentence: at most four decimals, marked when that is not all of it.

    Example:
        >>> short_threshold(0.5), short_threshold(0.123456789012)
        ('0.50', '≈0.1235')
    """
    exact = threshold(value)
    return exact if len(exact) <= 7 or not math.isfinite(value) else f"≈{value:.4f}"


def limit(share: float) -> str:
    """A share that somebody chose: as many digits as it was given, no more.

    Example:
        >>> limit(0.05), limit(0.001)
        ('5%', '0.1%')
    """
    return f"{100 * share:.6g}%"


def duration(milliseconds: float) -> str:
    """A time span.

    Example:
        >>> duration(87.2), duration(1834.0)
        ('87 ms', '1.83 s')
    """
    if math.isnan(milliseconds):
        return NOT_KNOWN
    return f"{milliseconds:.0f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.2f} s"


def amount(value: float) -> str:
    """A cost in any unit: whole from 100 on, two decimals below.

    Example:
        >>> amount(12345.6), amount(7.5), amount(0.0)
        ('12,346', '7.50', '0')
    """
    if math.isnan(value):
        return NOT_KNOWN
    if value == 0:
        return "0"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"


def confidence_words(confidence: float) -> str:
    """A confidence level without needless decimals.

    Example:
        >>> confidence_words(0.95), confidence_words(0.995)
        ('95%', '99.5%')
    """
    return f"{round(100 * confidence, 4):g}%"
