"""Cells of differences and p-values."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from finauth_eval.phrases import Phrase, say
from finauth_eval.report.tables import Cell
from finauth_eval.report.wording import why_undefined
from finauth_eval.shown import numbers

if TYPE_CHECKING:
    from finauth_eval.metrics.estimate import Estimate

__all__ = ["area_parts", "area_words", "count_or_dash", "difference_cell", "p_cell", "signed_parts"]


def difference_cell(estimate: Estimate, *, area: bool = False) -> Cell:
    """A difference, B less A, with its interval: of rates in points, of areas as it is; or a dash and the reason."""
    if not estimate.defined:
        return Cell(text=numbers.NOT_KNOWN, note=why_undefined(estimate.reason))
    text = area_words(estimate) if area else numbers.signed(estimate)
    note = estimate.reason if math.isnan(estimate.low) else None
    return Cell(text=text, value=estimate.value, note=note)


def area_words(estimate: Estimate) -> str:
    """A difference of two areas.

    Example:
        >>> from finauth_eval.metrics.estimate import Estimate
        >>> area_words(Estimate(value=0.01, low=-0.02, high=0.04, confidence=0.95, n=9, method="delong-paired"))
        '+0.010 (-0.020 to +0.040)'
    """
    if not estimate.defined:
        return numbers.NOT_KNOWN
    value = f"{estimate.value:+.3f}" if estimate.value else "0"
    if math.isnan(estimate.low):
        return value
    return say(
        "{value} ({low} to {high})", value=value, low=f"{estimate.low:+.3f}", high=f"{estimate.high:+.3f}"
    )


def area_parts(estimate: Estimate) -> tuple[str, str]:
    """A difference of two areas, and its interval or an empty text."""
    if not estimate.defined or math.isnan(estimate.low):
        return area_words(estimate), ""
    limits = say("{low} to {high}", low=f"{estimate.low:+.3f}", high=f"{estimate.high:+.3f}")
    return f"{estimate.value:+.3f}" if estimate.value else "0", limits


def signed_parts(estimate: Estimate) -> tuple[str, str]:
    """A difference of two shares in points, and its interval or an empty text.

    Example:
        >>> from finauth_eval.metrics.estimate import Estimate
        >>> signed_parts(Estimate(value=0.008, low=0.005, high=0.014, confidence=0.95, n=1471, method="tango"))
        ('+0.8 points', '+0.5 to +1.4')
    """
    words = numbers.signed(estimate)
    if not isinstance(words, Phrase) or "low" not in words.values:
        return words, ""
    limits = say("{low} to {high}", low=words.values["low"], high=words.values["high"])
    return numbers.points(estimate.value, n=estimate.n, sign=True), limits


def p_cell(p_value: float) -> Cell:
    """A p-value."""
    if math.isnan(p_value):
        return Cell(text=numbers.NOT_KNOWN)
    return Cell(text=numbers.p_words(p_value).removeprefix("p ").removeprefix("= "), value=p_value)


def count_or_dash(number: int | None) -> Cell:
    """A whole number, or a dash where it does not apply."""
    if number is None:
        return Cell(text=numbers.NOT_KNOWN)
    return Cell(text=numbers.count(number), value=float(number))
