"""Cells of differences and p-values."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from finauth_eval.report.tables import Cell
from finauth_eval.shown import numbers

if TYPE_CHECKING:
    from finauth_eval.metrics.estimate import Estimate

__all__ = ["area_words", "count_or_dash", "difference_cell", "p_cell"]


def difference_cell(estimate: Estimate, *, area: bool = False) -> Cell:
    """A difference, B less A, with its interval: of rates in points, of areas as it is; or a dash and the reason."""
    if not estimate.defined:
        return Cell(text=numbers.NOT_KNOWN, note=estimate.reason or "undefined")
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
    limits = "" if math.isnan(estimate.low) else f" ({estimate.low:+.3f} to {estimate.high:+.3f})"
    return f"{estimate.value:+.3f}{limits}" if estimate.value else f"0{limits}"


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
