"""What the data themselves look like: ties, decimals, and whether the answers follow from their own scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from finauth_eval.phrases import say, translated
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
            say("Distinct scores"),
            count_cell(len(counts.scores)),
            say("the finer, the more thresholds make a difference"),
        ),
        row(
            say("Samples that share their score with another"),
            count_cell(tied),
            say("of {n}", n=numbers.count(scored)),
        ),
    ]
    if scored:
        heaviest = int(np.argmax(each))
        at = numbers.threshold(float(counts.scores[heaviest]))
        rows.append(
            row(
                say("Most samples at one score"),
                count_cell(int(each[heaviest])),
                say("at score {score}", score=at),
            )
        )
    if recommendations is not None:
        decimals = recommendations.score_decimals
        rows.append(
            row(
                say("Decimals on which thresholds are given"),
                count_cell(decimals),
                say("the next tick is another policy"),
            )
        )
    rows.append(
        row(
            say("Answers with a decision of their own"),
            count_cell(audit.audited),
            say("the API's result; never the truth"),
        )
    )
    if audit.audited:
        rows += [
            row(
                say("of them not as “score ≥ threshold” says"),
                count_cell(audit.ge_mismatches),
                say("0 is right"),
            ),
            row(
                say("of them not as “score > threshold” says"),
                count_cell(audit.gt_mismatches),
                say("differs at ties only"),
            ),
            row(
                say("of them with a score equal to the threshold"),
                count_cell(audit.at_threshold),
                say("where the two differ"),
            ),
        ]
    rows.append(
        row(
            say("Thresholds seen in the answers"),
            Cell(text=_thresholds(audit.thresholds_seen)),
            _mixed(audit.thresholds_seen),
        )
    )
    return Table(
        caption=say("Scores and answers"),
        columns=columns(say("Fact"), say("Value"), say("Meaning"), texts=(say("Meaning"),)),
        rows=tuple(rows),
    )


def _thresholds(seen: tuple[float, ...]) -> str:
    if not seen:
        return say("none")
    listed = ", ".join(translated(numbers.short_threshold(value)) for value in seen[:_MOST_THRESHOLDS])
    more = len(seen) - _MOST_THRESHOLDS
    return say("{thresholds} and {n} more", thresholds=listed, n=more) if more > 0 else listed


def _mixed(seen: tuple[float, ...]) -> str:
    if not seen:
        return say("the answers carry no threshold")
    return say("one for all") if len(seen) == 1 else say("mixed: the answers were not all decided alike")
