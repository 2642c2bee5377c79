"""What the data themselves look like: ties, decimals, and whether the answers follow from their own scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from finauth_eval.report.tables import Cell, Table, columns, count_cell, row
from finauth_eval.shown import numbers

if TYPE_CHECKING:
    from finauth_eval.evaluation import Evaluation
    from finauth_eval.recommendation import Recommendations

__all__ = ["quality_table"]

_MOST_THRESHOLDS = 8


def quality_table(evaluation: Evaluation, recommendations: Recommendations | None) -> Table:
    """Facts about the scores and the answers, each with what it means."""
    counts, audit = evaluation.score_counts, evaluation.decision_audit
    each = counts.bona_fide + counts.attack
    scored = int(each.sum())
    tied = int(each[each > 1].sum())
    rows = [
        row(
            "Distinct scores",
            count_cell(len(counts.scores)),
            "the finer, the more thresholds make a difference",
        ),
        row("Samples that share their score with another", count_cell(tied), f"of {numbers.count(scored)}"),
    ]
    if scored:
        heaviest = int(np.argmax(each))
        at = numbers.threshold(float(counts.scores[heaviest]))
        rows.append(row("Most samples at one score", count_cell(int(each[heaviest])), f"at score {at}"))
    if recommendations is not None:
        decimals = recommendations.score_decimals
        rows.append(
            row(
                "Decimals on which thresholds are given",
                count_cell(decimals),
                "the next tick is another policy",
            )
        )
    rows.append(
        row(
            "Answers with a decision of their own",
            count_cell(audit.audited),
            "the API's result; never the truth",
        )
    )
    if audit.audited:
        rows += [
            row("of them not as “score ≥ threshold” says", count_cell(audit.ge_mismatches), "0 is right"),
            row(
                "of them not as “score > threshold” says",
                count_cell(audit.gt_mismatches),
                "differs at ties only",
            ),
            row(
                "of them with a score equal to the threshold",
                count_cell(audit.at_threshold),
                "where the two differ",
            ),
        ]
    rows.append(
        row(
            "Thresholds seen in the answers",
            Cell(text=_thresholds(audit.thresholds_seen)),
            _mixed(audit.thresholds_seen),
        )
    )
    return Table(
        caption="Scores and answers",
        columns=columns("Fact", "Value", "Meaning", texts=("Meaning",)),
        rows=tuple(rows),
    )


def _thresholds(seen: tuple[float, ...]) -> str:
    if not seen:
        return "none"
    more = f" and {len(seen) - _MOST_THRESHOLDS} more" if len(seen) > _MOST_THRESHOLDS else ""
    return ", ".join(numbers.short_threshold(value) for value in seen[:_MOST_THRESHOLDS]) + more


def _mixed(seen: tuple[float, ...]) -> str:
    if not seen:
        return "the answers carry no threshold"
    return "one for all" if len(seen) == 1 else "mixed: the answers were not all decided alike"
