"""The threshold for B that keeps A's blocked customers, in words and as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from finauth_eval.comparing.kept import keeping_blocked
from finauth_eval.phrases import phrase, say
from finauth_eval.report.tables import Table, columns, rate_cell, row, threshold_cell
from finauth_eval.shown import numbers

if TYPE_CHECKING:
    from finauth_eval.comparing.kept import KeptBlocked
    from finauth_eval.comparing.outcome import Comparison

__all__ = ["Keeping"]


class Keeping:
    """What the section says: a sentence, and a table where there is such a threshold."""

    def __init__(self, found: Comparison) -> None:
        kept = keeping_blocked(found)
        self.words = _words(kept, found)
        self.table = None if kept is None or kept.b is None else _table(kept)


def _words(kept: KeptBlocked | None, found: Comparison) -> str:
    if kept is None:
        return (
            say("There is none to name: it needs genuine samples with a score in both runs.")
            if found.labelled
            else say("There is none to name: it needs labels.")
        )
    blocked = numbers.percent(kept.a.bpcer.value, n=kept.a.bpcer.n)
    at = numbers.threshold(kept.a.threshold)
    if kept.b is None:
        return say(
            "A blocks {blocked} of genuine customers at {threshold}. {reason}.",
            blocked=blocked,
            threshold=at,
            reason=kept.reason,
        )
    missed = numbers.percent(kept.b.apcer.value, n=kept.b.apcer.n)
    before = numbers.percent(kept.a.apcer.value, n=kept.a.apcer.n)
    words = say(
        "To block no more genuine customers than A does at {at} ({blocked}), B needs a threshold of {threshold} or higher.",
        at=at,
        blocked=blocked,
        threshold=numbers.threshold(kept.threshold),
    )
    if not kept.b.apcer.defined:
        return words
    passing = say("{missed} of attacks then pass, against {before} in A.", missed=missed, before=before)
    return f"{words} {passing}"


def _table(kept: KeptBlocked) -> Table:
    rows = [
        row(
            words, threshold_cell(own.threshold), rate_cell(own.bpcer), rate_cell(own.apcer),
            "—" if own.apcer_worst is None else rate_cell(own.apcer_worst.estimate),
        )
        for words, own in (
            (phrase("A, at its threshold"), kept.a),
            (phrase("B, so that no more are blocked"), kept.b),
        )
        if own is not None
    ]  # fmt: skip
    return Table(
        caption=say("The threshold for B that keeps A's blocked customers"),
        columns=columns(
            say("Run"),
            say("Threshold"),
            say("Genuine blocked (BPCER)"),
            say("Attacks that pass (APCER)"),
            say("Of the worst type"),
        ),
        rows=tuple(rows),
        note=say(
            "For orientation only: chosen on these very samples, which flatters it. It describes them and promises"
            " nothing of others; for a threshold with a promise, ask for recommendations on B."
        ),
    )
