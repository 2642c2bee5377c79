"""The threshold for B that keeps A's blocked customers, in words and as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from finauth_eval.comparing.kept import keeping_blocked
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
        missing = "genuine samples with a score in both runs" if found.labelled else "labels"
        return f"There is none to name: it needs {missing}."
    blocked = numbers.percent(kept.a.bpcer.value, n=kept.a.bpcer.n)
    if kept.b is None:
        return f"A blocks {blocked} of genuine customers at {numbers.threshold(kept.a.threshold)}. {kept.reason}."
    missed = numbers.percent(kept.b.apcer.value, n=kept.b.apcer.n)
    before = numbers.percent(kept.a.apcer.value, n=kept.a.apcer.n)
    attacks = f" {missed} of attacks then pass, against {before} in A." if kept.b.apcer.defined else ""
    return (
        f"To block no more genuine customers than A does at {numbers.threshold(kept.a.threshold)} ({blocked}), B needs a"
        f" threshold of {numbers.threshold(kept.threshold)} or higher.{attacks}"
    )


def _table(kept: KeptBlocked) -> Table:
    rows = [
        row(
            words, threshold_cell(own.threshold), rate_cell(own.bpcer), rate_cell(own.apcer),
            "—" if own.apcer_worst is None else rate_cell(own.apcer_worst.estimate),
        )
        for words, own in (("A, at its threshold", kept.a), ("B, so that no more are blocked", kept.b))
        if own is not None
    ]  # fmt: skip
    return Table(
        caption="The threshold for B that keeps A's blocked customers",
        columns=columns(
            "Run", "Threshold", "Genuine blocked (BPCER)", "Attacks that pass (APCER)", "Of the worst type"
        ),
        rows=tuple(rows),
        note=(
            "For orientation only: chosen on these very samples, which flatters it. It describes them and promises"
            " nothing of others; for a threshold with a promise, ask for recommendations on B."
        ),
    )
