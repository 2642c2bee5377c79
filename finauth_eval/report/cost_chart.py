"""Expected cost against the threshold, for one prevalence and one pair of costs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from finauth_eval.phrases import phrase, say
from finauth_eval.report.charts.frame import Axis
from finauth_eval.report.charts.layers import Line
from finauth_eval.report.charts.pins import Pin
from finauth_eval.report.charts.plot import plot
from finauth_eval.report.charts.scales import LinearScale, Tick
from finauth_eval.report.explorer.assumptions import DECISIONS
from finauth_eval.report.explorer.panel import least_cost_at
from finauth_eval.report.figures import Figure, Key, Missing
from finauth_eval.report.marks import letter_of
from finauth_eval.report.tables import Cell, Table, columns, row, threshold_cell
from finauth_eval.shown import numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from finauth_eval.report.explorer import Explorer
    from finauth_eval.report.explorer.assumptions import Assumptions
    from finauth_eval.report.marks import Mark

__all__ = ["costs_against_threshold"]

_TITLE: Final = phrase("Expected cost against the threshold")
_PARTS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class _CostScale:
    """From zero to a round cost in four parts; the script changes only the words of the ticks."""

    top: float

    def position(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return LinearScale(low=0.0, high=self.top).position(values)

    def ticks(self) -> tuple[Tick, ...]:
        steps = [self.top * part / _PARTS for part in range(_PARTS + 1)]
        return tuple(Tick(value=step, label=tick_words(step)) for step in steps)

    def spec(self) -> str:
        return f"linear 0 {self.top!r}"


def costs_against_threshold(explorer: Explorer, marks: Sequence[Mark]) -> Figure | Missing:
    """What 10,000 decisions cost at each threshold of the grid."""
    side, assumed = explorer.sides[0], explorer.assumed
    if not (side.rates.blocked.n and side.rates.missed.n):
        reason = (
            say("It needs both classes; no genuine sample has a score.")
            if side.rates.missed.n
            else say("It needs both classes; no attack has a score.")
        )
        return Missing(title=_TITLE, reason=reason)
    costs = np.array(
        [
            assumed.cost(float(apcer), float(bpcer))
            for apcer, bpcer in zip(side.rates.missed.values, side.rates.blocked.values, strict=True)
        ]
    )
    least = least_cost_at(side, assumed)
    lead = say(
        "With {prior} attacks in the traffic, {miss} for a missed attack and {alarm} for a blocked customer: {n}"
        " decisions cost least at {threshold}, {cost} on these samples.",
        prior=numbers.limit(assumed.prior),
        miss=f"{assumed.miss:g}",
        alarm=f"{assumed.alarm:g}",
        n=numbers.count(DECISIONS),
        threshold=numbers.threshold(least.threshold),
        cost=numbers.amount(least.cost),
    )
    grid = explorer.grid
    return Figure(
        id="costs",
        title=_TITLE,
        lead=lead,
        chart=plot(
            anchor="costs",
            title=_TITLE,
            description=lead,
            x=Axis(label=say("threshold"), scale=LinearScale(low=float(grid[0]), high=_end(grid))),
            y=Axis(
                label=say("cost of {n} decisions", n=numbers.count(DECISIONS)),
                scale=_CostScale(top=round_top(float(costs.max()))),
            ),
            layers=[Line(x=grid, y=costs, look="main")],
            pins=[Pin(letter=mark.letter, x=mark.threshold) for mark in marks],
            explored="threshold",
        ),
        keys=(Key(look="main", label=say("attacks that pass and customers blocked, together")),),
        marks=tuple(marks),
        notes=(
            say("The least cost found on the samples that it was looked for on is lower than on others."),
        ),
        table=_table(explorer, costs, marks, _words(assumed)),
    )


def _end(grid: NDArray[np.float64]) -> float:
    return float(grid[-1]) if grid[-1] > grid[0] else float(grid[0]) + 1.0


def _words(assumed: Assumptions) -> str:
    return say(
        "With {prior} attacks in the traffic, {miss} for a missed attack and {alarm} for a blocked customer",
        prior=numbers.limit(assumed.prior),
        miss=f"{assumed.miss:g}",
        alarm=f"{assumed.alarm:g}",
    )


def tick_words(cost: float) -> str:
    """A cost in as few characters as there is room for beside an axis.

    Example:
        >>> tick_words(0.25), tick_words(2500.0), tick_words(10_000_000.0)
        ('0.25', '2.5k', '10M')
    """
    for factor, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if cost >= factor:
            return f"{cost / factor:.12g}{letter}"
    return f"{cost:.12g}"


def round_top(highest: float) -> float:
    """A round number at or above a cost.

    Example:
        >>> round_top(3150.0), round_top(0.0)
        (4000.0, 1.0)
    """
    if highest <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(highest))
    return next(factor * power for factor in (1, 2, 4, 6, 8, 10, 20) if factor * power >= highest)


def _table(explorer: Explorer, costs: NDArray[np.float64], marks: Sequence[Mark], words: str) -> Table:
    grid = explorer.grid
    wanted = np.unique(
        np.concatenate(
            [
                [int(np.abs(grid - at).argmin()) for at in np.linspace(grid[0], grid[-1], 21)],
                np.searchsorted(grid, [mark.threshold for mark in marks]).astype(np.intp),
            ]
        )
    )
    shown = [int(k) for k in wanted if k < grid.size]
    return Table(
        caption=say("Expected cost by threshold"),
        columns=columns(say("Threshold"), say("Cost of {n} decisions", n=numbers.count(DECISIONS))),
        rows=tuple(
            row(
                threshold_cell(float(grid[k]), key=letter_of(float(grid[k]), marks)),
                Cell(text=numbers.amount(float(costs[k])), value=float(costs[k])),
            )
            for k in shown
        ),
        note=f"{words}.",
    )
