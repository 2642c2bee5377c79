"""The table of recommended thresholds: a row a policy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from finauth_eval.report.marks import letter_of
from finauth_eval.report.tables import Cell, Table, columns, row, threshold_cell
from finauth_eval.report.wording import needs_words, policy_words
from finauth_eval.shown import numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from finauth_eval.metrics.rates import OperatingPoint
    from finauth_eval.recommendation import Recommendation, Recommendations
    from finauth_eval.report.marks import Mark

__all__ = ["recommended_table"]

_INDEPENDENT: Final = " Of several samples of one subject only one counts as independent."
_NO_OTHERS: Final = "No samples were held back to measure them on others."


def recommended_table(recommendations: Recommendations, marks: Sequence[Mark]) -> Table:
    """Policies, thresholds, guarantees and rates."""
    held_out = any(item.out_of_sample is not None for item in recommendations)
    return Table(
        caption="Recommended thresholds",
        columns=columns(
            "Goal",
            "Threshold",
            "What is promised",
            "Attacks pass, own samples",
            "Genuine blocked, own samples",
            *(("Attacks pass, other samples", "Genuine blocked, other samples") if held_out else ()),
            texts=("What is promised",),
        ),
        rows=tuple(_row(item, marks, held_out=held_out) for item in recommendations),
        note=(
            "“Own samples” are those the threshold was chosen on: these rates flatter it. "
            + ("“Other samples” were not looked at for the choice." if held_out else _NO_OTHERS)
            + (_INDEPENDENT if any(item.needs for item in recommendations) else "")
        ),
    )


def _row(item: Recommendation, marks: Sequence[Mark], *, held_out: bool) -> tuple[Cell, ...]:
    goal = Cell(
        text=policy_words(item.policy),
        flag="for orientation only" if item.descriptive else None,
    )
    return row(
        goal,
        _threshold(item, marks),
        _promise(item),
        *_rates(item.in_sample),
        *(_rates(item.out_of_sample) if held_out else ()),
    )


def _threshold(item: Recommendation, marks: Sequence[Mark]) -> Cell:
    if not item.feasible:
        return Cell(text="none", flag="not feasible")
    low, high = item.threshold_interval
    known = math.isfinite(low) and math.isfinite(high)
    limits = f"({numbers.short_threshold(low)}–{numbers.short_threshold(high)})"
    span = Markup('<span class="whole">{}</span>').format(limits) if known else None
    return threshold_cell(item.threshold, key=letter_of(item.threshold, marks), note=span)


def _promise(item: Recommendation) -> Cell:
    if not item.feasible:
        needs = needs_words(item)
        return Cell(text=f"Not enough data: {needs}." if needs else item.reason)
    reason = f"{item.reason[:1].upper()}{item.reason[1:]}." if item.reason else ""
    return Cell(
        text="Nothing." if item.guarantee is None else item.guarantee.statement,
        note=" ".join([reason, *item.notes]).strip() or None,
    )


def _rates(point: OperatingPoint | None) -> tuple[Cell, Cell]:
    if point is None:
        absent = Cell(text=numbers.NOT_KNOWN)
        return absent, absent
    worst = point.apcer_worst
    note = (
        Markup('worst type <span class="whole">{}</span>').format(numbers.rate(worst.estimate))
        if worst is not None and worst.estimate.defined
        else None
    )
    return (
        Cell(text=numbers.rate(point.apcer), value=_value(point.apcer.value), note=note),
        Cell(text=numbers.rate(point.bpcer), value=_value(point.bpcer.value)),
    )


def _value(value: float) -> float | None:
    return None if math.isnan(value) else value
