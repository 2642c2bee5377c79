"""ROC and DET curves of both runs over each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from finauth_eval.metrics.curves import det_curve, roc_curve
from finauth_eval.phrases import phrase, say
from finauth_eval.report.charts.frame import Axis
from finauth_eval.report.charts.layers import Line
from finauth_eval.report.charts.pins import Pin
from finauth_eval.report.charts.plot import plot
from finauth_eval.report.charts.scales import PROBIT_TICKS, LinearScale, ProbitScale
from finauth_eval.report.compared.cells import area_words
from finauth_eval.report.figures import Figure, Key, Missing, rows_to_show, thinned_words
from finauth_eval.report.tables import Table, columns, row, share_cell, threshold_cell
from finauth_eval.shown import numbers

if TYPE_CHECKING:
    from finauth_eval.comparing.outcome import Comparison
    from finauth_eval.metrics.curves import Curve

__all__ = ["curves_of"]

_PERCENT: Final = LinearScale(low=0.0, high=1.0, as_percent=True)
_BLOCKED: Final = phrase("genuine customers blocked (BPCER)")
_PINS: Final = phrase("Pins are the thresholds in force, each on its own curve.")


def curves_of(found: Comparison) -> tuple[Figure | Missing, ...]:
    """Both charts, or why there are none."""
    counts = [own.arrays.counts() for own in (found.evidence.a, found.evidence.b)]
    if found.at_threshold is None or not all(own.n_attack and own.n_bona_fide for own in counts):
        reason = (
            say("They need labels.")
            if found.at_threshold is None
            else say("Each run needs scores of both classes.")
        )
        return (Missing(title=say("ROC and DET curves"), reason=reason),)
    return _roc(found, [roc_curve(own) for own in counts]), _det(found, [det_curve(own) for own in counts])


def _points(found: Comparison) -> list[tuple[str, float, float]]:
    """Letter, BPCER and APCER of each run at its threshold."""
    at = found.at_threshold
    if at is None:
        return []
    return [(letter, own.bpcer.value, own.apcer.value) for letter, own in (("A", at.a), ("B", at.b))]


def _keys(found: Comparison, *, reference: str) -> tuple[Key, ...]:
    if found.auc_a is None or found.auc_b is None:
        words = ("A", say("B, dashed"))
    else:
        words = (
            say("A, AUC {area}", area=numbers.area(found.auc_a)),
            say("B, dashed, AUC {area}", area=numbers.area(found.auc_b)),
        )
    return (
        Key(look="run-a", label=words[0]),
        Key(look="run-b", label=words[1]),
        Key(look="reference", label=reference),
    )


def _roc(found: Comparison, curves: list[Curve]) -> Figure:
    lead = say("Caught against blocked; nearer to the upper left is better.")
    if found.auc is not None:
        apart = say("The area of B less that of A is {area}.", area=area_words(found.auc.difference))
        lead = f"{lead} {apart}"
    ends = np.array([0.0, 1.0])
    return Figure(
        id="roc",
        title=say("ROC of both runs"),
        lead=lead,
        chart=plot(
            anchor="roc-chart",
            title=say("ROC curves of both runs"),
            description=lead,
            x=Axis(label=_BLOCKED, scale=_PERCENT),
            y=Axis(label=say("attacks caught (1 − APCER)"), scale=_PERCENT),
            layers=[
                Line(x=ends, y=ends, look="reference"),
                Line(x=curves[0].x, y=curves[0].y, look="run-a"),
                Line(x=curves[1].x, y=curves[1].y, look="run-b"),
            ],
            pins=[Pin(letter=letter, x=bpcer, y=1 - apcer) for letter, bpcer, apcer in _points(found)],
            pinned="curve",
            explored="bpcer caught",
            runs=2,
        ),
        keys=_keys(found, reference=say("guessing")),
        marks=(),
        notes=(_PINS,),
        table=_table(say("Points of both ROC curves"), say("Attacks caught (1 − APCER)"), curves),
    )


def _det(found: Comparison, curves: list[Curve]) -> Figure:
    points = _points(found)
    scale = _scale(curves, points)
    ends = np.array([scale.low, scale.high])
    lead = say("The two errors against each other; nearer to the lower left is better.")
    return Figure(
        id="det",
        title=say("DET of both runs"),
        lead=lead,
        chart=plot(
            anchor="det-chart",
            title=say("DET curves of both runs"),
            description=lead,
            x=Axis(label=_BLOCKED, scale=scale),
            y=Axis(label=say("attacks that pass (APCER)"), scale=scale),
            layers=[
                Line(x=ends, y=ends, look="reference"),
                *(_within(curve, scale, look) for curve, look in zip(curves, ("run-a", "run-b"), strict=True)),
            ],
            pins=[
                Pin(letter=letter, x=x, y=y)
                for letter, x, y in points
                if scale.low <= min(x, y) and max(x, y) <= scale.high
            ],
            pinned="curve",
            explored="bpcer apcer",
            runs=2,
        ),
        keys=_keys(found, reference=say("both errors equal")),
        marks=(),
        notes=(_PINS, _off_the_chart(scale)),
        table=_table(say("Points of both DET curves"), say("Attacks that pass (APCER)"), curves),
    )  # fmt: skip


def _off_the_chart(scale: ProbitScale) -> str:
    return say(
        "On normal-deviate axes; rates of {none} and {all} lie at infinity and are not drawn, nor is what lies beyond"
        " {low} and {high}.",
        none="0%",
        all="100%",
        low=f"{100 * scale.low:g}%",
        high=f"{100 * scale.high:g}%",
    )


def _scale(curves: list[Curve], points: list[tuple[str, float, float]]) -> ProbitScale:
    inner = np.concatenate([own for curve in curves for own in (curve.x, curve.y)])
    inner = inner[(inner > 0) & (inner < 1)]
    least = float(inner.min()) if inner.size else 0.01
    low = min(0.1, max((tick for tick in PROBIT_TICKS if tick <= least), default=PROBIT_TICKS[0]))
    worst = max((rate for _, *rates in points for rate in rates if rate < 1), default=0.5)
    high = min((tick for tick in PROBIT_TICKS if tick >= max(0.6, worst)), default=PROBIT_TICKS[-1])
    return ProbitScale(low=low, high=high)


def _within(curve: Curve, scale: ProbitScale, look: str) -> Line:
    """The part of the curve between the ends of the axes, with a step towards the edge on either side."""
    inside = np.minimum(curve.x, curve.y) >= scale.low
    inside &= np.maximum(curve.x, curve.y) <= scale.high
    wider = inside.copy()
    wider[:-1] |= inside[1:]
    wider[1:] |= inside[:-1]
    return Line(x=curve.x[wider], y=curve.y[wider], look=look)


def _table(caption: str, heading: str, curves: list[Curve]) -> Table:
    rows, shown, total = [], 0, 0
    for run, curve in zip("AB", curves, strict=True):
        picked = rows_to_show(len(curve.x))
        shown, total = shown + len(picked), total + len(curve.x)
        rows += [
            row(
                run,
                threshold_cell(float(curve.thresholds[k])),
                share_cell(float(curve.x[k])),
                share_cell(float(curve.y[k])),
            )
            for k in picked
        ]
    return Table(
        caption=caption,
        columns=columns(say("Run"), say("Threshold"), say("Genuine blocked (BPCER)"), heading),
        rows=tuple(rows),
        note=thinned_words(range(shown), total),
    )
