"""The differences of the two runs: error rates, areas, and whether B is worse by less than the margin."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from finauth_eval.phrases import phrase, say
from finauth_eval.report.compared.cells import count_or_dash, difference_cell, p_cell
from finauth_eval.report.tables import Cell, Table, area_cell, columns, rate_cell, row
from finauth_eval.shown import numbers
from finauth_eval.shown.text import name

if TYPE_CHECKING:
    from finauth_eval.comparing.evidence import Rates
    from finauth_eval.comparing.outcome import Comparison

__all__ = ["difference_table", "margin_table"]


def difference_table(found: Comparison) -> Table:
    """Every figure of both runs with its difference, B less A."""
    at = found.at_threshold
    rows: list[tuple[Cell, ...]] = []
    if at is None:
        rows.append(_rates(phrase("Samples flagged"), found.alerts))
    else:
        rows += [
            _rates(phrase("Genuine blocked (BPCER)"), at.bona_fide),
            _rates(phrase("Attacks that pass (APCER)"), at.attack),
        ]
        rows += _worst(found)
    rows += _areas(found)
    a, b = found.thresholds
    caption = (
        say("Error rates at {a}", a=numbers.threshold(a))
        if a == b
        else say("Error rates at {a} in A, {b} in B", a=numbers.threshold(a), b=numbers.threshold(b))
    )
    only = (
        (say("Flagged in A only"), say("Flagged in B only"))
        if at is None
        else (say("Wrong in A only"), say("Wrong in B only"))
    )
    return Table(
        caption=caption,
        columns=columns(say("Figure"), "A", "B", say("Difference B − A"), "p", *only),
        rows=tuple(rows),
        note=_note(found),
    )


def _note(found: Comparison) -> str:
    said = [say("A rate that rose is a positive difference.")]
    if found.bpcer_at_apcer:
        said.append(
            say(
                "BPCER10, 20 and 100 have a threshold of their own in each run, chosen anew in each bootstrap replicate."
            )
        )
    return " ".join(said)


def _rates(words: str, own: Rates) -> tuple[Cell, ...]:
    return row(
        words, rate_cell(own.a), rate_cell(own.b), difference_cell(own.change.difference),
        p_cell(own.change.p_value), count_or_dash(own.a_only), count_or_dash(own.b_only),
    )  # fmt: skip


def _worst(found: Comparison) -> list[tuple[Cell, ...]]:
    at = found.at_threshold
    if at is None or at.a.apcer_worst is None or at.b.apcer_worst is None:
        return []
    of_a, of_b = at.a.apcer_worst, at.b.apcer_worst
    apart = of_b.estimate.value - of_a.estimate.value
    dash = Cell(text=numbers.NOT_KNOWN)
    difference = Cell(
        text=numbers.points(apart, sign=True), value=None if math.isnan(apart) else apart, note=phrase("no test: picked as the worst")
    )  # fmt: skip
    cells = [
        Cell(
            text=numbers.rate(own.estimate), value=own.estimate.value, note=name(own.attack_type, 60)
        )
        for own in (of_a, of_b)
    ]  # fmt: skip
    return [row(phrase("APCER, worst type of each"), *cells, difference, dash, dash, dash)]


def _areas(found: Comparison) -> list[tuple[Cell, ...]]:
    dash = Cell(text=numbers.NOT_KNOWN)
    rows = []
    if found.auc is not None and found.auc_a is not None and found.auc_b is not None:
        difference = difference_cell(found.auc.difference, area=True)
        rows.append(
            row("AUC", area_cell(found.auc_a), area_cell(found.auc_b), difference, p_cell(found.auc.p_value), dash, dash)
        )  # fmt: skip
    for key, own in found.bpcer_at_apcer.items():
        typed = own.a.worst_type.defined and own.b.worst_type.defined
        one, other = (own.a.worst_type, own.b.worst_type) if typed else (own.a.pooled, own.b.pooled)
        share = numbers.limit(own.a.apcer)
        note = (
            say("at most {share} of every type pass", share=share)
            if typed
            else say("at most {share} of all attacks pass", share=share)
        )
        heading = Cell(text=f"BPCER{key}", note=note)
        rows.append(
            row(heading, rate_cell(one), rate_cell(other), difference_cell(own.worst_type), dash, dash, dash)
        )
    return rows


def margin_table(found: Comparison) -> Table | None:
    """Whether B is worse by less than the margin; ``None`` without labels."""
    own = found.non_inferiority
    if own is None:
        return None
    answers = {None: say("— not known"), True: say("✓ yes"), False: say("○ not shown")}
    rows = [
        row(
            words,
            Cell(
                text=numbers.points(upper, sign=True),
                value=None if math.isnan(upper) else upper,
            ),
            answers[answer],
        )
        for words, upper, answer in (
            (phrase("Genuine blocked (BPCER)"), own.bpcer_upper, own.bpcer),
            (phrase("Attacks that pass (APCER)"), own.apcer_upper, own.apcer),
        )
    ]
    within = say("Within the margin")
    return Table(
        caption=say("Is B worse by less than {margin}?", margin=numbers.points(own.margin)),
        columns=columns(say("Error"), say("Worse by at most"), within, texts=(within,)),
        rows=tuple(rows),
        note=say(
            "One-sided limits, each with {confidence} confidence. “Not shown” is no proof that it is worse.",
            confidence=numbers.confidence_words(own.confidence),
        ),
    )
