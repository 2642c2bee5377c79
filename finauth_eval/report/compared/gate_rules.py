"""A gate's verdict on the page: its badge, and each rule with the reason for its own verdict."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from finauth_eval.phrases import phrase, say, translated
from finauth_eval.report.compared.cells import p_cell
from finauth_eval.report.tables import Cell, Table, columns, count_cell, row
from finauth_eval.report.verdict import Badge
from finauth_eval.shown import numbers
from finauth_eval.shown.text import name

if TYPE_CHECKING:
    from finauth_eval.gate import RuleVerdict, Verdict

__all__ = ["GateView", "gate_view"]

_ICONS: Final = {"pass": "✓", "fail": "✕", "inconclusive": "○", "invalid": "⊘"}
_WORDS: Final = {
    "pass": phrase("pass"),
    "fail": phrase("fail"),
    "inconclusive": phrase("inconclusive"),
    "invalid": phrase("invalid"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GateView:
    """Badge, sentence, and the rules where there are any."""

    badge: Badge
    headline: str
    rules: Table | None
    alarms: str | None


def gate_view(verdict: Verdict) -> GateView:
    """What the section shows."""
    looks = {"pass": "good", "fail": "bad", "inconclusive": "unknown"}
    look = looks.get(verdict.verdict, "warn")
    badge = Badge(
        look="good" if look == "good" else "bad" if look == "bad" else "unknown" if look == "unknown" else "warn",
        icon=_ICONS[verdict.verdict],
        words=say("Gate: {verdict}", verdict=_WORDS[verdict.verdict]),
    )  # fmt: skip
    alarms = verdict.false_alarms
    words = None
    if alarms.defined:
        words = say(
            "If nothing had changed, these rules would fail in {rate} of such runs, measured by exchanging the two runs'"
            " answers {n} times.",
            rate=numbers.rate(alarms),
            n=numbers.count(alarms.n),
        )
    return GateView(
        badge=badge,
        headline=verdict.headline,
        rules=_rules(verdict.rules) if verdict.rules else None,
        alarms=words,
    )


def _rules(rules: tuple[RuleVerdict, ...]) -> Table:
    texts = (say("Verdict"), say("What was seen"))
    return Table(
        caption=say("Rules of the gate"),
        columns=columns(
            say("Rule"), *texts, say("Observed"), say("Limit"), "p (Holm)", "n", texts=texts
        ),
        rows=tuple(
            row(
                Cell(text=name(translated(own.name))),
                Cell(text=f"{_ICONS[own.verdict]} {translated(_WORDS[own.verdict])}"),
                Cell(text=name(translated(own.explanation), 600)),
                _figure(own.observed),
                _figure(own.limit),
                p_cell(own.p_holm),
                count_cell(own.n),
            )
            for own in rules
        ),
    )  # fmt: skip


def _figure(value: float) -> Cell:
    if math.isnan(value):
        return Cell(text=numbers.NOT_KNOWN)
    return Cell(text=f"{value:.4f}".rstrip("0").rstrip("."), value=value)
