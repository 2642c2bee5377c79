"""Figures that need no threshold to be chosen: areas, equal error rate, BPCER at a fixed APCER."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from markupsafe import Markup

from finauth_eval.report.tables import Cell, Table, area_cell, columns, rate_cell, row, score_cell
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
        caption="Figures without a chosen threshold",
        columns=columns("Figure", "Value", "Meaning", texts=("Meaning",)),
        rows=(
            row("AUC", area_cell(evaluation.auc), "how often an attack scores above a genuine sample"),
            row(
                "Partial AUC",
                score_cell(part.mcclish),
                f"the same where at most {numbers.limit(part.max_bpcer)} of genuine are blocked (McClish)",
            ),
            row(
                "Average precision", area_cell(evaluation.average_precision), "at this data's mix of classes"
            ),
            row("EER", _equal_error(evaluation.eer), "both errors equal, on the interpolated curve"),
            *(_fixed(key, found) for key, found in evaluation.bpcer_at_apcer.items()),
        ),
    )


def _equal_error(eer: EqualErrorRate) -> Cell:
    if math.isnan(eer.linear):
        return Cell(text=numbers.NOT_KNOWN, note=eer.reason or "undefined")
    limits = "" if math.isnan(eer.low) else f" ({numbers.interval(eer.low, eer.high)})"
    others = f"nearest {numbers.percent(eer.nearest)}, on the hull {numbers.percent(eer.rocch)}"
    return Cell(text=numbers.percent(eer.linear) + limits, value=eer.linear, note=others)


def _fixed(key: str, found: ThresholdAtApcer) -> tuple[Cell, ...]:
    value = rate_cell(found.worst_type)
    limit = numbers.limit(found.apcer)
    return row(
        f"BPCER{key}",
        value,
        Markup("genuine blocked while at most {} of any attack type pass; of all pooled: {}").format(
            limit, numbers.rate(found.pooled)
        ),
    )
