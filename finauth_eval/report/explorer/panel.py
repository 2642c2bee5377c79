"""The explorer as the page first shows it: every number at one threshold, with the ids that the script changes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from finauth_eval.phrases import gapped, say
from finauth_eval.report.explorer.assumptions import DECISIONS
from finauth_eval.report.tables import Cell, Table, columns, row
from finauth_eval.shown import numbers
from finauth_eval.shown.text import name as isolated

if TYPE_CHECKING:
    from finauth_eval.metrics.estimate import Estimate
    from finauth_eval.report.explorer.assumptions import Assumptions
    from finauth_eval.report.explorer.side import Side

__all__ = [
    "Least",
    "figures_table",
    "least_cost_at",
    "matrix_table",
    "script_words",
    "sentence",
    "types_table",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Least:
    """The least expected cost over the grid, and the first threshold that has it."""

    cost: float
    threshold: float


def least_cost_at(side: Side, assumed: Assumptions) -> Least:
    """The least cost; NaN where a class has no samples."""
    apcer, bpcer = side.rates.missed.values, side.rates.blocked.values
    costs = [assumed.cost(float(a), float(b)) for a, b in zip(apcer, bpcer, strict=True)]
    best = min(range(len(costs)), key=lambda k: math.inf if math.isnan(costs[k]) else costs[k])
    return Least(cost=costs[best], threshold=float(side.rates.thresholds[best]))


def figures_table(sides: tuple[Side, ...], at: int, assumed: Assumptions) -> Table:
    """Both rates, the worst type, expected cost and reviews; a column a run."""
    heads = [side.name or say("At this threshold") for side in sides]
    found = [_figures(k, side, at, assumed) for k, side in enumerate(sides)]
    words = (
        say("Genuine customers blocked (BPCER)"),
        say("Attacks that pass (APCER)"),
        say("of the type that passes most"),
        say("Expected cost of {n} decisions", n=numbers.count(DECISIONS)),
        say("Reviews in {n} decisions", n=numbers.count(DECISIONS)),
    )
    return Table(
        caption=say("Errors and cost at the explored threshold"),
        columns=columns(say("Figure"), *heads),
        rows=tuple(row(label, *(cells[k] for cells in found)) for k, label in enumerate(words)),
    )


def _figures(k: int, side: Side, at: int, assumed: Assumptions) -> list[Cell]:
    bpcer, apcer, worst = side.blocked(at), side.missed(at), side.worst(at)
    cost = assumed.cost(apcer.value, bpcer.value)
    least = least_cost_at(side, assumed)
    note = (
        say("needs both classes")
        if math.isnan(cost)
        else say(
            "least with one threshold: {cost} at {threshold}",
            cost=numbers.amount(least.cost),
            threshold=numbers.threshold(least.threshold),
        )
    )
    missing = Cell(text=numbers.NOT_KNOWN, note=say("no attack has a type"), id=f"x{k}-worst")
    return [
        _rate_cell(f"x{k}-bpcer", bpcer, _of(int(side.rates.blocked.events[at]), bpcer.n)),
        _rate_cell(f"x{k}-apcer", apcer, _of(int(side.rates.missed.events[at]), apcer.n)),
        missing if worst is None else _rate_cell(f"x{k}-worst", worst[1], isolated(worst[0], 80)),
        Cell(text=numbers.amount(cost), value=_known(cost), note=note, id=f"x{k}-cost"),
        Cell(text="0", value=0.0, note=say("nothing is reviewed"), id=f"x{k}-review"),
    ]


def matrix_table(k: int, side: Side, at: int) -> Table:
    """The decisions, counted."""
    missed, attacks = int(side.rates.missed.events[at]), side.rates.missed.n
    blocked, genuine = int(side.rates.blocked.events[at]), side.rates.blocked.n
    counted = (
        (
            "attacks",
            say("Attacks ({n})", n=numbers.count(attacks)),
            attacks,
            (attacks - missed, 0, missed),
            (False, False, True),
        ),
        (
            "genuine",
            say("Genuine ({n})", n=numbers.count(genuine)),
            genuine,
            (blocked, 0, genuine - blocked),
            (True, False, False),
        ),
    )
    return Table(
        caption=_of_run(say("Decisions at the explored threshold"), side),
        columns=columns(say("Class"), say("Blocked"), say("Reviewed"), say("Let pass")),
        rows=tuple(
            row(
                words,
                *(
                    Cell(
                        text=numbers.count(own),
                        value=float(own),
                        note=numbers.percent(own / n if n else math.nan, n=n),
                        strong=wrong,
                        id=f"x{k}-{key}-{column}",
                    )
                    for column, own, wrong in zip((0, 1, 2), cells, wrongs, strict=True)
                ),
            )
            for key, words, n, cells, wrongs in counted
        ),
    )


def types_table(k: int, side: Side, at: int) -> Table | None:
    """The attack types; ``None`` where there are fewer than two."""
    if len(side.types) < 2:
        return None
    more = side.more_types
    return Table(
        caption=_of_run(say("Attack types at the explored threshold"), side),
        columns=columns(say("Attack type"), say("Scored"), say("Attacks that pass (APCER)")),
        rows=tuple(
            row(
                isolated(own, 80),
                numbers.count(side.rates.by_attack_type[own].n),
                _rate_cell(f"x{k}-type-{i}", side.missed_of(own, at), ""),
            )
            for i, own in enumerate(side.types)
        ),
        note=say(
            "{n} further types are not listed; the type that passes most is found among all.",
            n=numbers.count(more),
        )
        if more
        else None,
    )


def sentence(side: Side, at: int, cost: float) -> str:
    """What the threshold does, in a sentence."""
    at_words = numbers.threshold(float(side.rates.thresholds[at]))
    return say(
        "At {threshold}, {missed} of attacks pass and {blocked} of genuine customers are blocked; {n} decisions cost"
        " {cost}.",
        threshold=at_words,
        missed=numbers.rate(side.missed(at)),
        blocked=numbers.rate(side.blocked(at)),
        n=numbers.count(DECISIONS),
        cost=numbers.amount(cost),
    )


def script_words() -> dict[str, str]:
    """What the explorer's script says, with gaps that it fills."""
    return {
        "of": gapped("{n} of {total}"),
        "says": gapped(
            "At {threshold}, {missed} of attacks pass and {blocked} of genuine customers are blocked; {n} decisions cost"
            " {cost}."
        ),
        "saysReview": gapped(
            "At {threshold}, with reviews from {review} on, {missed} of attacks pass and {blocked} of genuine customers"
            " are blocked; {n} decisions cost {cost}."
        ),
        "least": gapped("least with one threshold: {cost} at {threshold}"),
        "nothing": gapped("nothing is reviewed"),
        "traffic": gapped("{share} of the traffic"),
        "costs": gapped(
            "With {prior} attacks in the traffic, {miss} for a missed attack and {alarm} for a blocked customer: {n}"
            " decisions cost least at {threshold}, {cost} on these samples."
        ),
        "copied": gapped("Copied."),
        "selected": gapped("Selected: copy it with Ctrl+C."),
    }


def _of_run(caption: str, side: Side) -> str:
    return f"{caption}, {side.name}" if side.name else caption


def _rate_cell(identity: str, estimate: Estimate, note: str | Markup) -> Cell:
    if not estimate.defined:
        return Cell(text=numbers.NOT_KNOWN, note=estimate.reason, id=identity)
    return Cell(
        text=numbers.rate(estimate),
        value=estimate.value,
        note=note,
        id=identity,
        limits=(estimate.low, estimate.high),
    )


def _of(events: int, n: int) -> str:
    return say("{n} of {total}", n=numbers.count(events), total=numbers.count(n))


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
