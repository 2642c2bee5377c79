"""Figures that need no threshold to be chosen: areas, equal error rate, BPCER at a fixed APCER."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from finauth_eval.phrases import marked, say
from finauth_eval.report.tables import Cell, Table, area_cell, columns, rate_cell, row, score_cell
from finauth_eval.report.wording import why_undefined
from finauth_eval.shown import numbers

if TYPE_CHECKING:
    from finauth_eval.evaluation import Evaluation
    from finauth_eval.metrics.equal_error import EqualErrorRate
    from finauth_eval.metrics.fixed_apcer import ThresholdAtApcer

__all__ = ["summary_table"]


def summary_table(evaluation: Evaluation) -> Table:
    """AUC, partial AUC, average precision, EER, BPCER10, 20 and 100, each with what it means."""
    part = evaluation.partial_auc
    return Table(
        caption=say("Figures without a chosen threshold"),
        columns=columns(say("Figure"), say("Value"), say("Meaning"), texts=(say("Meaning"),)),
        rows=(
            row("AUC", area_cell(evaluation.auc), say("how often an attack scores above a genuine sample")),
            row(
                say("Partial AUC"),
                score_cell(part.mcclish),
                say(
                    "the same where at most {limit} of genuine are blocked (McClish)",
                    limit=numbers.limit(part.max_bpcer),
                ),
            ),
            row(
                say("Average precision"),
                area_cell(evaluation.average_precision),
                say("at this data's mix of classes"),
            ),
            row("EER", _equal_error(evaluation.eer), say("both errors equal, on the interpolated curve")),
            *(_fixed(key, found) for key, found in evaluation.bpcer_at_apcer.items()),
        ),
    )


def _equal_error(eer: EqualErrorRate) -> Cell:
    if math.isnan(eer.linear):
        return Cell(text=numbers.NOT_KNOWN, note=why_undefined(eer.reason))
    limits = "" if math.isnan(eer.low) else f" ({numbers.interval(eer.low, eer.high)})"
    others = say(
        "nearest {nearest}, on the hull {hull}",
        nearest=numbers.percent(eer.nearest),
        hull=numbers.percent(eer.rocch),
    )
    return Cell(text=numbers.percent(eer.linear) + limits, value=eer.linear, note=others)


def _fixed(key: str, found: ThresholdAtApcer) -> tuple[Cell, ...]:
    value = rate_cell(found.worst_type)
    limit = numbers.limit(found.apcer)
    return row(
        f"BPCER{key}",
        value,
        marked(
            "genuine blocked while at most {limit} of any attack type pass; of all pooled: {rate}",
            limit=limit,
            rate=numbers.rate(found.pooled),
        ),
    )
