"""The score distributions of both classes, mirrored: genuine samples upwards, attacks downwards."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from finauth_eval.phrases import phrase, say
from finauth_eval.report.charts.frame import Axis
from finauth_eval.report.charts.layers import Bars
from finauth_eval.report.charts.pins import Pin
from finauth_eval.report.charts.plot import plot
from finauth_eval.report.charts.scales import LinearScale, Tick
from finauth_eval.report.figures import Figure, Key, Missing
from finauth_eval.report.tables import Table, columns, count_cell, row, share_cell
from finauth_eval.shown import numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from finauth_eval.metrics.counts import ScoreCounts
    from finauth_eval.report.marks import Mark

__all__ = ["bin_edges", "distribution", "histogram"]

_TITLE: Final = phrase("Scores of both classes")
_FEW: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class _MirrorScale:
    """A linear scale about zero whose ticks are percentages without a sign."""

    reach: float

    def position(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return LinearScale(low=-self.reach, high=self.reach).position(values)

    def ticks(self) -> tuple[Tick, ...]:
        upper = LinearScale(low=0.0, high=self.reach, as_percent=True).ticks()[::2]
        lower = tuple(Tick(value=-tick.value, label=tick.label) for tick in reversed(upper[1:]))
        return (*lower, *upper)

    def spec(self) -> str:
        return f"linear {-self.reach!r} {self.reach!r}"


def bin_edges(scores: NDArray[np.float64], *, bins: int) -> NDArray[np.float64]:
    """Equal bins over [0, 1], or over the scores' own range where they leave it; shape (bins + 1,).

    Edges are k / bins, each the nearest float to that fraction, so that a score of exactly 0.3 falls into the bin
    that starts at 0.3.
    """
    if scores[0] >= 0.0 and scores[-1] <= 1.0:
        return np.arange(bins + 1) / bins
    low, high = float(scores[0]), float(scores[-1])
    if low == high:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, bins + 1)


def histogram(
    scores: NDArray[np.float64], weights: NDArray[np.int64], edges: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Samples in each bin, shape (bins,): left edge in, right edge out, but for the last bin.

    Example:
        >>> histogram(np.array([0.0, 0.5, 1.0]), np.array([2, 3, 4]), np.array([0.0, 0.5, 1.0])).tolist()
        [2, 7]
    """
    index = np.clip(np.searchsorted(edges, scores, side="right") - 1, 0, len(edges) - 2)
    return np.bincount(index, weights=weights, minlength=len(edges) - 1).astype(np.int64)


def distribution(counts: ScoreCounts, marks: Sequence[Mark]) -> Figure | Missing:
    """The figure, or why there is none."""
    if not len(counts.scores):
        return Missing(title=_TITLE, reason=say("No sample has a score."))
    genuine_n, attack_n = int(counts.bona_fide.sum()), int(counts.attack.sum())
    edges = bin_edges(counts.scores, bins=20 if genuine_n + attack_n < _FEW else 40)
    genuine = histogram(counts.scores, counts.bona_fide, edges)
    attack = histogram(counts.scores, counts.attack, edges)
    up, down = genuine / max(1, genuine_n), attack / max(1, attack_n)
    width = numbers.score(float(edges[1] - edges[0])).rstrip("0")
    lead = _lead(counts, genuine_n, attack_n)
    chart = plot(
        anchor="scores",
        title=_TITLE,
        description=lead,
        x=Axis(
            label=say("score: the higher, the more likely an attack"),
            scale=LinearScale(low=float(edges[0]), high=float(edges[-1])),
        ),
        y=Axis(
            label=say("share of the class per {width}", width=width),
            scale=_MirrorScale(reach=_reach(up.max(), down.max())),
        ),
        layers=[
            Bars(edges=edges, heights=up, look="genuine"),
            Bars(edges=edges, heights=-down, look="attack"),
        ],
        pins=[Pin(letter=mark.letter, x=mark.threshold) for mark in marks],
        explored="threshold",
    )
    return Figure(
        id="scores",
        title=_TITLE,
        lead=lead,
        chart=chart,
        keys=(
            Key(
                look="genuine",
                label=say("genuine, upwards (n = {n})", n=numbers.count(genuine_n)),
                shape="area",
            ),
            Key(
                look="attack",
                label=say("attacks, downwards (n = {n})", n=numbers.count(attack_n)),
                shape="area",
            ),
        ),
        marks=tuple(marks),
        notes=(say("What lies at or to the right of a threshold is blocked, what lies to its left passes."),),
        table=_table(edges, genuine, attack, up, down),
    )


def _lead(counts: ScoreCounts, genuine_n: int, attack_n: int) -> str:
    def middle(weights: NDArray[np.int64], n: int) -> str:
        return numbers.short_threshold(float(counts.scores[np.searchsorted(np.cumsum(weights), n / 2)]))

    genuine = (
        say("half of the genuine samples score {score} or less", score=middle(counts.bona_fide, genuine_n))
        if genuine_n
        else say("no score for genuine samples")
    )
    attacks = (
        say("half of the attacks score {score} or less", score=middle(counts.attack, attack_n))
        if attack_n
        else say("no score for attacks")
    )
    return f"{genuine[:1].upper()}{genuine[1:]}; {attacks}."


def _reach(*highest: float) -> float:
    top = max(*highest, 0.01)
    step = 10.0 ** math.floor(math.log10(top))
    return next(k * step for k in (1, 2, 4, 5, 8, 10, 20) if k * step >= top)


def _table(
    edges: NDArray[np.float64],
    genuine: NDArray[np.int64],
    attack: NDArray[np.int64],
    up: NDArray[np.float64],
    down: NDArray[np.float64],
) -> Table:
    rows = [
        row(
            f"{edges[k]:.4g}–{edges[k + 1]:.4g}",
            count_cell(int(genuine[k])),
            share_cell(float(up[k])),
            count_cell(int(attack[k])),
            share_cell(float(down[k])),
        )
        for k in range(len(genuine))
    ]
    return Table(
        caption=say("Samples by score"),
        columns=columns(
            say("Score"), say("Genuine"), say("Share of genuine"), say("Attacks"), say("Share of attacks")
        ),
        rows=tuple(rows),
        note=say("The left edge belongs to its row, the right edge to the next."),
    )
