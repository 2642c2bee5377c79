"""Attack types and slices of the two runs: a forest of differences, and the tables with Holm's p-values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from finauth_eval.phrases import counted, phrase, say, translated
from finauth_eval.report.charts.forest import Range, forest
from finauth_eval.report.charts.frame import Axis
from finauth_eval.report.charts.scales import LinearScale, Tick
from finauth_eval.report.compared.cells import count_or_dash, difference_cell, p_cell
from finauth_eval.report.figures import Figure, Key
from finauth_eval.report.tables import Cell, Table, columns, count_cell, rate_cell, row
from finauth_eval.shown import numbers
from finauth_eval.shown.text import name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from finauth_eval.comparing.outcome import Comparison
    from finauth_eval.comparing.parts import Part

__all__ = ["PartsView", "parts_of"]

_CHARTED: Final = 20
_WORDS: Final = {"bpcer": phrase("blocked"), "apcer": phrase("missed")}
_LONGEST: Final = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class PartsView:
    """One way to divide the samples: its chart, where there is something to draw, and its table."""

    figure: Figure | None
    table: Table


@dataclass(frozen=True, slots=True, kw_only=True)
class _Named:
    """A part with what it is of: its own name and the error rate."""

    of: str
    rate: str
    part: Part


@dataclass(frozen=True, slots=True, kw_only=True)
class _PointScale:
    """Differences in points, with signs at the ticks."""

    low: float
    high: float

    def position(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return LinearScale(low=self.low, high=self.high).position(values)

    def spec(self) -> str:
        return f"linear {float(self.low)!r} {float(self.high)!r}"

    def ticks(self) -> tuple[Tick, ...]:
        inner = LinearScale(low=100 * self.low, high=100 * self.high).ticks()
        return tuple(Tick(value=tick.value / 100, label=_signed(tick)) for tick in inner)


def _signed(tick: Tick) -> str:
    return f"+{tick.label}" if tick.value > 1e-9 else tick.label.replace("-", "−")


def parts_of(found: Comparison) -> tuple[PartsView, ...]:
    """The attack types, then each column; nothing without labels."""
    views = []
    if found.attack_types:
        types = [_Named(of=own, rate="apcer", part=part) for own, part in found.attack_types.items()]
        views.append(_view(found, types, "types", say("Attack types"), say("Attack type")))
    for k, (column, values) in enumerate(found.slices.items(), start=1):
        parts = [
            _Named(of=value, rate=metric, part=part)
            for value, metrics in values.items()
            for metric, part in metrics.items()
        ]
        if parts:
            views.append(_view(found, parts, f"slice-{k}", say("By {column}", column=column), column))
    return tuple(views)


def _view(found: Comparison, parts: Sequence[_Named], anchor: str, title: str, heading: str) -> PartsView:
    single = anchor == "types"
    texts = () if single else (say("Error"),)
    return PartsView(
        figure=_figure(found, parts, anchor, title, single=single),
        table=Table(
            caption=title,
            columns=columns(
                heading,
                *texts,
                "n",
                "A",
                "B",
                say("Difference B − A"),
                "p",
                "p (Holm)",
                say("Wrong in A only"),
                say("Wrong in B only"),
                texts=texts,
            ),
            rows=tuple(_row(own, single=single) for own in parts),
            note=say(
                "p (Holm) allows for every attack type and slice that this page looks at; act on that one."
            ),
        ),
    )


def _row(own: _Named, *, single: bool) -> tuple[Cell, ...]:
    rates, part = own.part.rates, own.part
    heading = Cell(text=name(own.of, _LONGEST), flag=phrase("few: n < 30") if part.small else None)
    kind = () if single else (_WORDS[own.rate],)
    return row(
        heading, *kind, count_cell(rates.n), rate_cell(rates.a), rate_cell(rates.b),
        difference_cell(rates.change.difference), p_cell(rates.change.p_value), p_cell(part.p_holm),
        count_or_dash(rates.a_only), count_or_dash(rates.b_only),
    )  # fmt: skip


def _figure(
    found: Comparison, parts: Sequence[_Named], anchor: str, title: str, *, single: bool
) -> Figure | None:
    drawable = [own for own in parts if not math.isnan(own.part.rates.change.difference.low)]
    if not drawable:
        return None
    order = {id(own): k for k, own in enumerate(parts)}
    surest = sorted(drawable, key=_doubt)[:_CHARTED]
    shown = sorted(surest, key=lambda own: order[id(own)])
    level = 1 - found.confidence
    sure = [own for own in parts if own.part.p_holm <= level]
    lead = _lead(sure, len(parts), found)
    heading = say("{title}: difference, B less A", title=title)
    reach = max(
        max(abs(own.part.rates.change.difference.low), abs(own.part.rates.change.difference.high))
        for own in shown
    )
    end = next(step for step in (0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0) if step >= min(1.0, reach))
    chart = forest(
        [
            Range(
                name=own.of if single else f"{own.of}, {translated(_WORDS[own.rate])}",
                value=own.part.rates.change.difference.value,
                low=own.part.rates.change.difference.low,
                high=own.part.rates.change.difference.high,
                strong=own in sure,
                look="attack" if own.rate == "apcer" else "genuine",
            )
            for own in shown
        ],
        anchor=f"{anchor}-chart",
        title=heading,
        description=lead,
        x=Axis(
            label=say("B less A, in points: to the right B is worse"), scale=_PointScale(low=-end, high=end)
        ),
        reference=0.0,
    )
    left = len(parts) - len(shown)
    return Figure(
        id=f"{anchor}-figure",
        title=heading,
        lead=lead,
        chart=chart,
        keys=_keys(found, shown),
        marks=(),
        notes=(_left_words(len(shown), left),) if left else (),
        table=_ranges_table(title, shown, single=single),
    )


def _left_words(shown: int, left: int) -> str:
    return counted(
        "The {shown} surest; {n} more row in the table.",
        "The {shown} surest; {n} more rows in the table.",
        left,
        shown=shown,
    )


def _doubt(own: _Named) -> tuple[float, float]:
    p_value, apart = own.part.rates.change.p_value, own.part.rates.change.difference.value
    return (1.0 if math.isnan(p_value) else p_value, -abs(apart))


def _lead(sure: Sequence[_Named], n: int, found: Comparison) -> str:
    level = numbers.confidence_words(found.confidence)
    if not sure:
        return counted(
            "None of {n} difference is sure at {level} once it is allowed for that there are {n}.",
            "None of {n} differences is sure at {level} once it is allowed for that there are {n}.",
            n,
            level=level,
        )
    worse = sum(own.part.rates.change.difference.value > 0 for own in sure)
    return counted(
        "Of {n} difference {worse} for the worse and {better} for the better are sure at {level}, allowing for their number.",
        "Of {n} differences {worse} for the worse and {better} for the better are sure at {level}, allowing for their number.",
        n,
        worse=worse,
        better=len(sure) - worse,
        level=level,
    )


def _keys(found: Comparison, shown: Sequence[_Named]) -> tuple[Key, ...]:
    level = numbers.confidence_words(found.confidence)
    words = {
        "bpcer": ("genuine", say("genuine blocked, with {level} interval; bold where sure", level=level)),
        "apcer": ("attack", say("attacks that pass, with {level} interval; bold where sure", level=level)),
    }
    return tuple(
        Key(look=look, shape="range", label=label)
        for rate, (look, label) in words.items()
        if any(own.rate == rate for own in shown)
    )


def _ranges_table(title: str, shown: Sequence[_Named], *, single: bool) -> Table:
    texts = () if single else (say("Error"),)
    return Table(
        caption=say("{title}, as drawn", title=title),
        columns=columns(say("Part"), *texts, say("Difference B − A"), texts=texts),
        rows=tuple(
            row(
                Cell(text=name(own.of, 60)),
                *(() if single else (_WORDS[own.rate],)),
                difference_cell(own.part.rates.change.difference),
            )
            for own in shown
        ),
    )
