"""The table of recommended thresholds: a row a policy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from finauth_eval.phrases import marked, phrase, say, translated
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

_INDEPENDENT: Final = phrase("Of several samples of one subject only one counts as independent.")
_NO_OTHERS: Final = phrase("No samples were held back to measure them on others.")
_OTHERS: Final = {
    "split": phrase(
        "“Other samples” are those of the split “test”, which were not looked at for the choice."
    ),
    "holdout": phrase("“Other samples” were held back and not looked at for the choice."),
    "cross-fit": phrase(
        "“Other samples”: each sample was decided by a threshold chosen in the same way on the rest, without it"
        " (cross-fitting)."
    ),
}


def recommended_table(recommendations: Recommendations, marks: Sequence[Mark]) -> Table:
    """Policies, thresholds, guarantees and rates."""
    ways = [by for by in dict.fromkeys(item.unseen_by for item in recommendations) if by is not None]
    return Table(
        caption=say("Recommended thresholds"),
        columns=columns(
            say("Goal"), say("Threshold"), say("What is promised"), say("Attacks pass"), say("Genuine blocked"),
            texts=(say("What is promised"),),
        ),
        rows=tuple(_row(item, marks) for item in recommendations),
        note=" ".join([
            say("The first figure of a rate is on the samples that the threshold was chosen on, and flatters it."),
            *([translated(_OTHERS[by]) for by in ways] or [translated(_NO_OTHERS)]),
            *([translated(_INDEPENDENT)] if any(item.needs for item in recommendations) else []),
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
        caption=say("Why these thresholds"),
        columns=columns(say("Goal"), say("Reason and notes"), texts=(say("Reason and notes"),)),
        rows=tuple(rows),
    )  # fmt: skip


def _notes(item: Recommendation) -> list[str]:
    notes = [translated(own) for own in item.notes]
    if not (item.feasible and item.reason):
        return notes
    reason = translated(item.reason)
    return [f"{reason[:1].upper()}{reason[1:]}.", *notes]


def _row(item: Recommendation, marks: Sequence[Mark]) -> tuple[Cell, ...]:
    goal = Cell(
        text=policy_words(item.policy),
        flag=say("for orientation only") if item.descriptive else None,
    )
    return row(goal, _threshold(item, marks), _promise(item), *_rates(item.in_sample, item.out_of_sample))


def _threshold(item: Recommendation, marks: Sequence[Mark]) -> Cell:
    if not item.feasible:
        return Cell(text=say("none"), flag=say("not feasible"))
    low, high = item.threshold_interval
    known = math.isfinite(low) and math.isfinite(high)
    limits = f"({numbers.short_threshold(low)}–{numbers.short_threshold(high)})"
    span = Markup('<span class="whole">{}</span>').format(limits) if known else None
    if item.review_from is not None:
        span = Markup("{} {}").format(span or "", _review(item, item.review_from))
    return threshold_cell(item.threshold, key=letter_of(item.threshold, marks), note=span)


def _review(item: Recommendation, review_from: float) -> str:
    gaps = {
        "threshold": numbers.short_threshold(review_from),
        "share": numbers.percent(item.review_share),
    }
    if math.isnan(item.review_share_unseen):
        return say("review from {threshold} on ({share} of the traffic)", **gaps)
    return say(
        "review from {threshold} on ({share} of the traffic, {unseen} on other samples)",
        unseen=numbers.percent(item.review_share_unseen),
        **gaps,
    )


def _promise(item: Recommendation) -> Cell:
    if not item.feasible:
        needs = needs_words(item)
        return Cell(text=say("Not enough data: {needs}.", needs=needs) if needs else item.reason)
    return Cell(text=" ".join(_statements(item)) or say("Nothing."))


def _statements(item: Recommendation) -> list[str]:
    kept = [own.guarantee for own in item.kept]
    return [translated(own.statement) for own in dict.fromkeys([item.guarantee, *kept]) if own is not None]


def _rates(seen: OperatingPoint | None, unseen: OperatingPoint | None) -> tuple[Cell, Cell]:
    if seen is None:
        absent = Cell(text=numbers.NOT_KNOWN)
        return absent, absent
    others = (None, None) if unseen is None else (unseen.apcer, unseen.bpcer)
    worst = None if seen.apcer_worst is None else seen.apcer_worst.estimate
    attacks = [_worst_type(worst)] if worst is not None and worst.defined else []
    return (
        _rate_cell(seen.apcer, [*_others(others[0]), *attacks]),
        _rate_cell(seen.bpcer, _others(others[1])),
    )


def _others(estimate: Estimate | None) -> list[Markup]:
    if estimate is None:
        return []
    return [marked('other samples <span class="whole">{rate}</span>', rate=numbers.rate(estimate))]


def _worst_type(estimate: Estimate) -> Markup:
    return marked('worst type <span class="whole">{rate}</span>', rate=numbers.rate(estimate))


def _rate_cell(estimate: Estimate, lines: Sequence[Markup]) -> Cell:
    return Cell(
        text=numbers.rate(estimate),
        value=_value(estimate.value),
        note=Markup("<br>").join(lines) if lines else None,
    )


def _value(value: float) -> float | None:
    return None if math.isnan(value) else value
