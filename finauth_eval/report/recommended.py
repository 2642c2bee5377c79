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

    from finauth_eval.metrics.estimate import Estimate
    from finauth_eval.metrics.rates import OperatingPoint
    from finauth_eval.recommendation import Recommendation, Recommendations
    from finauth_eval.report.marks import Mark

__all__ = ["notes_table", "recommended_table"]

_INDEPENDENT: Final = "Of several samples of one subject only one counts as independent."
_NO_OTHERS: Final = "No samples were held back to measure them on others."
_OTHERS: Final = {
    "split": "“Other samples” are those of the split “test”, which were not looked at for the choice.",
    "holdout": "“Other samples” were held back and not looked at for the choice.",
    "cross-fit": (
        "“Other samples”: each sample was decided by a threshold chosen in the same way on the rest, without it"
        " (cross-fitting)."
    ),
}


def recommended_table(recommendations: Recommendations, marks: Sequence[Mark]) -> Table:
    """Policies, thresholds, guarantees and rates."""
    ways = [by for by in dict.fromkeys(item.unseen_by for item in recommendations) if by is not None]
    return Table(
        caption="Recommended thresholds",
        columns=columns(
            "Goal", "Threshold", "What is promised", "Attacks pass", "Genuine blocked", texts=("What is promised",)
        ),
        rows=tuple(_row(item, marks) for item in recommendations),
        note=" ".join([
            "The first figure of a rate is on the samples that the threshold was chosen on, and flatters it.",
            *([_OTHERS[by] for by in ways] or [_NO_OTHERS]),
            *([_INDEPENDENT] if any(item.needs for item in recommendations) else []),
        ]),
    )  # fmt: skip


def notes_table(recommendations: Recommendations) -> Table | None:
    """Why each threshold, and what to know of it; ``None`` when there is nothing to say."""
    rows = [
        row(Cell(text=policy_words(item.policy)), Cell(text=" ".join(_notes(item))))
        for item in recommendations
        if _notes(item)
    ]
    if not rows:
        return None
    return Table(
        caption="Why these thresholds", columns=columns("Goal", "Reason and notes", texts=("Reason and notes",)),
        rows=tuple(rows),
    )  # fmt: skip


def _notes(item: Recommendation) -> list[str]:
    reason = f"{item.reason[:1].upper()}{item.reason[1:]}." if item.feasible and item.reason else ""
    return [*([reason] if reason else []), *item.notes]


def _row(item: Recommendation, marks: Sequence[Mark]) -> tuple[Cell, ...]:
    goal = Cell(
        text=policy_words(item.policy),
        flag="for orientation only" if item.descriptive else None,
    )
    return row(goal, _threshold(item, marks), _promise(item), *_rates(item.in_sample, item.out_of_sample))


def _threshold(item: Recommendation, marks: Sequence[Mark]) -> Cell:
    if not item.feasible:
        return Cell(text="none", flag="not feasible")
    low, high = item.threshold_interval
    known = math.isfinite(low) and math.isfinite(high)
    limits = f"({numbers.short_threshold(low)}–{numbers.short_threshold(high)})"
    span = Markup('<span class="whole">{}</span>').format(limits) if known else None
    if item.review_from is not None:
        review = f"review from {numbers.short_threshold(item.review_from)} on"
        unseen = item.review_share_unseen
        others = "" if math.isnan(unseen) else f", {numbers.percent(unseen)} on other samples"
        share = f"({numbers.percent(item.review_share)} of the traffic{others})"
        span = Markup("{} {} {}").format(span or "", review, share)
    return threshold_cell(item.threshold, key=letter_of(item.threshold, marks), note=span)


def _promise(item: Recommendation) -> Cell:
    if not item.feasible:
        needs = needs_words(item)
        return Cell(text=f"Not enough data: {needs}." if needs else item.reason)
    return Cell(text=" ".join(_statements(item)) or "Nothing.")


def _statements(item: Recommendation) -> list[str]:
    kept = [own.guarantee for own in item.kept]
    return [own.statement for own in dict.fromkeys([item.guarantee, *kept]) if own is not None]


def _rates(seen: OperatingPoint | None, unseen: OperatingPoint | None) -> tuple[Cell, Cell]:
    if seen is None:
        absent = Cell(text=numbers.NOT_KNOWN)
        return absent, absent
    others = (None, None) if unseen is None else (unseen.apcer, unseen.bpcer)
    worst = None if seen.apcer_worst is None else seen.apcer_worst.estimate
    attacks = [("worst type", worst)] if worst is not None and worst.defined else []
    return (
        _rate_cell(seen.apcer, [("other samples", others[0]), *attacks]),
        _rate_cell(seen.bpcer, [("other samples", others[1])]),
    )


def _rate_cell(estimate: Estimate, below: Sequence[tuple[str, Estimate | None]]) -> Cell:
    lines = [
        Markup('{} <span class="whole">{}</span>').format(words, numbers.rate(own))
        for words, own in below
        if own is not None
    ]
    return Cell(
        text=numbers.rate(estimate),
        value=_value(estimate.value),
        note=Markup("<br>").join(lines) if lines else None,
    )


def _value(value: float) -> float | None:
    return None if math.isnan(value) else value
