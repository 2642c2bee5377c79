"""ROC, precision-recall and DET curves as figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from finauth_eval.metrics.curves import det_curve, precision_recall_curve, roc_curve
from finauth_eval.phrases import phrase, say
from finauth_eval.report.charts.frame import Axis
from finauth_eval.report.charts.layers import Line
from finauth_eval.report.charts.pins import Pin
from finauth_eval.report.charts.plot import plot
from finauth_eval.report.charts.scales import PROBIT_TICKS, LinearScale, LogScale, ProbitScale
from finauth_eval.report.figures import Figure, Key, rows_to_show, thinned_words
from finauth_eval.report.tables import Table, columns, row, score_cell, share_cell, threshold_cell
from finauth_eval.shown import numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from finauth_eval.evaluation import Evaluation
    from finauth_eval.metrics.curves import Curve
    from finauth_eval.report.marks import Mark
    from finauth_eval.report.sweep import Sweep
    from finauth_eval.report.tables import Cell

__all__ = ["det", "precision_recall", "roc", "roc_log"]

_PERCENT: Final = LinearScale(low=0.0, high=1.0, as_percent=True)
_BLOCKED: Final = phrase("genuine customers blocked (BPCER)")
_CAUGHT: Final = phrase("attacks caught (1 − APCER)")
_PASSED: Final = phrase("attacks that pass (APCER)")


def roc(evaluation: Evaluation, rates: Sweep, marks: Sequence[Mark]) -> Figure:
    """Attacks caught against genuine customers blocked."""
    curve = roc_curve(evaluation.score_counts)
    lead = say(
        "Blocking at most {few} of genuine customers catches {some} of the attacks; blocking at most {more} catches"
        " {most}.",
        few=numbers.limit(0.01),
        some=_share(_best(curve, 0.01)),
        more=numbers.limit(0.05),
        most=_share(_best(curve, 0.05)),
    )
    chart = plot(
        anchor="roc",
        title=say("ROC curve"),
        description=say(
            "{lead} The area under the curve is {area}.", lead=lead, area=numbers.area(evaluation.auc)
        ),
        x=Axis(label=_BLOCKED, scale=_PERCENT),
        y=Axis(label=_CAUGHT, scale=_PERCENT),
        layers=[
            Line(x=np.array([0.0, 1.0]), y=np.array([0.0, 1.0]), look="reference"),
            Line(x=curve.x, y=curve.y, look="main"),
        ],
        pins=_roc_pins(rates, marks),
        pinned="curve",
        explored="bpcer caught",
    )
    area = say("all attacks, area {area}", area=numbers.area(evaluation.auc))
    return Figure(
        id="roc",
        title=say("ROC: caught against blocked"),
        lead=lead,
        chart=chart,
        keys=(Key(look="main", label=area), _guessing()),
        marks=tuple(marks),
        notes=(),
        table=_roc_table(curve),
    )


def roc_log(evaluation: Evaluation, rates: Sweep, marks: Sequence[Mark]) -> Figure:
    """The ROC curve's left end, where few customers are blocked, on a logarithmic axis."""
    curve = roc_curve(evaluation.score_counts)
    n = int(evaluation.score_counts.bona_fide.sum())
    low = 10.0 ** np.floor(np.log10(min(0.1, 1.0 / n)))
    lead = say(
        "With no genuine customer blocked in this data, {caught} of the attacks are caught.",
        caught=_share(_best(curve, 0.0)),
    )
    guess = np.geomspace(low, 1.0, 60)
    chart = plot(
        anchor="roc-log",
        title=say("ROC curve, logarithmic"),
        description=lead,
        x=Axis(
            label=say("genuine customers blocked (BPCER), logarithmic"), scale=LogScale(low=low, high=1.0)
        ),
        y=Axis(label=_CAUGHT, scale=_PERCENT),
        layers=[Line(x=guess, y=guess, look="reference"), Line(x=curve.x, y=curve.y, look="main")],
        pins=_roc_pins(rates, marks),
        pinned="curve",
        explored="bpcer caught",
    )
    return Figure(
        id="roc-log",
        title=say("ROC, few customers blocked"),
        lead=lead,
        chart=chart,
        keys=(_all_attacks(), _guessing()),
        marks=tuple(marks),
        notes=(
            say(
                "A logarithmic axis has no zero: what blocks nobody is drawn at the left edge. One of {n} genuine samples"
                " is {share}; left of it nothing is measured.",
                n=numbers.count(n),
                share=numbers.percent(1 / n, n=n),
            ),
        ),
        table=_roc_table(curve, up_to=0.1),
    )


def precision_recall(evaluation: Evaluation, rates: Sweep, marks: Sequence[Mark]) -> Figure:
    """Share of attacks among what is blocked against the share of attacks caught."""
    counts = evaluation.score_counts
    curve = precision_recall_curve(counts)
    genuine, attack = int(counts.bona_fide.sum()), int(counts.attack.sum())
    share = attack / (genuine + attack)
    lead = say(
        "Average precision is {area}; guessing would reach {share}.",
        area=numbers.area(evaluation.average_precision),
        share=_share(share),
    )
    pins = []
    for mark in marks:
        bpcer, apcer, _ = rates.at(mark.threshold)
        blocked = (1 - apcer) * attack + bpcer * genuine
        if blocked > 0:  # where nobody is blocked there is no precision to show
            pins.append(Pin(letter=mark.letter, x=1 - apcer, y=(1 - apcer) * attack / blocked))
    chart = plot(
        anchor="pr",
        title=say("Precision-recall curve"),
        description=lead,
        x=Axis(label=say("attacks caught (recall)"), scale=_PERCENT),
        y=Axis(label=say("precision"), scale=_PERCENT),
        layers=[
            Line(x=np.array([0.0, 1.0]), y=np.array([share, share]), look="reference"),
            Line(x=curve.x, y=curve.y, look="main"),
        ],
        pins=pins,
        pinned="curve",
        explored="caught precision",
    )
    return Figure(
        id="pr",
        title=say("Precision and recall"),
        lead=lead,
        chart=chart,
        keys=(_all_attacks(), _guessing()),
        marks=tuple(marks),
        notes=(
            say(
                "Precision depends on the mix: {share} of the samples here are attacks. In traffic with fewer attacks it"
                " is lower.",
                share=_share(share),
            ),
        ),
        table=_pr_table(curve),
    )


def det(evaluation: Evaluation, rates: Sweep, marks: Sequence[Mark]) -> Figure:
    """Both error rates against each other on normal-deviate axes."""
    curve = det_curve(evaluation.score_counts)
    points = [rates.at(mark.threshold)[:2] for mark in marks]
    scale = _det_scale(curve, points)
    ends = int(((curve.x <= 0) | (curve.x >= 1) | (curve.y <= 0) | (curve.y >= 1)).sum())
    lead = say(
        "Both errors are equally frequent at {share}, near threshold {threshold}.",
        share=_share(evaluation.eer.linear),
        threshold=numbers.short_threshold(round(evaluation.eer.threshold, 4)),
    )
    chart = plot(
        anchor="det",
        title=say("DET curve"),
        description=lead,
        x=Axis(label=_BLOCKED, scale=scale),
        y=Axis(label=_PASSED, scale=scale),
        layers=[
            Line(x=np.array([scale.low, scale.high]), y=np.array([scale.low, scale.high]), look="reference"),
            _within(curve, scale),
        ],
        pins=[
            Pin(letter=mark.letter, x=x, y=y)
            for mark, (x, y) in zip(marks, points, strict=True)
            if scale.low <= min(x, y) and max(x, y) <= scale.high
        ],
        pinned="curve",
        explored="bpcer apcer",
    )
    return Figure(
        id="det",
        title=say("DET: the two errors against each other"),
        lead=lead,
        chart=chart,
        keys=(_all_attacks(), Key(look="reference", label=say("both errors equal"))),
        marks=tuple(marks),
        notes=(
            say(
                "On normal-deviate axes a curve of two bell-shaped score distributions is straight; nearer to the lower"
                " left is better. Rates of {none} and {all} lie at infinity: {n} of {total} points are there and not"
                " drawn, nor are points and thresholds beyond {low} and {high}.",
                none=numbers.limit(0.0),
                all=numbers.limit(1.0),
                n=numbers.count(ends),
                total=numbers.count(len(curve.x)),
                low=f"{100 * scale.low:g}%",
                high=f"{100 * scale.high:g}%",
            ),
        ),
        table=_det_table(curve),
    )


def _all_attacks() -> Key:
    return Key(look="main", label=say("all attacks"))


def _guessing() -> Key:
    return Key(look="reference", label=say("guessing"))


def _within(curve: Curve, scale: ProbitScale) -> Line:
    """The part of the curve between the ends of the axes, with a step towards the edge on either side."""
    inside = (
        (curve.x >= scale.low) & (curve.x <= scale.high) & (curve.y >= scale.low) & (curve.y <= scale.high)
    )
    inside[:-1] |= inside[1:]
    inside[1:] |= inside[:-1]
    return Line(x=curve.x[inside], y=curve.y[inside], look="main")


def _det_scale(curve: Curve, points: Sequence[tuple[float, float]]) -> ProbitScale:
    inner = np.concatenate([curve.x, curve.y])
    inner = inner[(inner > 0) & (inner < 1)]
    least = float(inner.min()) if len(inner) else 0.01
    low = max((tick for tick in PROBIT_TICKS if tick <= least), default=PROBIT_TICKS[0])
    low = min(low, 0.1)
    worst = max((rate for point in points for rate in point if rate < 1), default=0.5)
    high = min((tick for tick in PROBIT_TICKS if tick >= max(0.6, worst)), default=PROBIT_TICKS[-1])
    return ProbitScale(low=low, high=high)


def _best(curve: Curve, limit: float) -> float:
    """The most attacks caught with at most a share ``limit`` of the genuine samples blocked."""
    return float(curve.y[curve.x <= limit].max())


def _share(value: float) -> str:
    return numbers.percent(value)


def _roc_pins(rates: Sweep, marks: Sequence[Mark]) -> list[Pin]:
    found = [(mark.letter, rates.at(mark.threshold)) for mark in marks]
    return [Pin(letter=letter, x=bpcer, y=1 - apcer) for letter, (bpcer, apcer, _) in found]


def _threshold(curve: Curve, index: int) -> Cell:
    """The threshold of a point; a precision-recall curve ends in a point without one."""
    at = float(curve.thresholds[index]) if index < len(curve.thresholds) else np.inf
    return threshold_cell(at)


def _roc_table(curve: Curve, *, up_to: float = 1.0) -> Table:
    """The points whose BPCER is at most ``up_to``, thinned."""
    within = int(np.searchsorted(curve.x, up_to, side="right"))
    shown = rows_to_show(within)
    return Table(
        caption=(
            say("Points of the ROC curve up to {limit} blocked", limit=numbers.limit(up_to))
            if up_to < 1
            else say("Points of the ROC curve")
        ),
        columns=columns(say("Threshold"), say("Genuine blocked (BPCER)"), say("Attacks caught (1 − APCER)")),
        rows=tuple(row(_threshold(curve, k), share_cell(curve.x[k]), share_cell(curve.y[k])) for k in shown),
        note=thinned_words(shown, within),
    )


def _pr_table(curve: Curve) -> Table:
    shown = rows_to_show(len(curve.x))
    return Table(
        caption=say("Points of the precision-recall curve"),
        columns=columns(say("Threshold"), say("Attacks caught (recall)"), say("Precision"), "F1"),
        rows=tuple(
            row(
                _threshold(curve, k),
                share_cell(curve.x[k]),
                share_cell(curve.y[k]),
                score_cell(_f1(curve, k)),
            )
            for k in shown
        ),
        note=thinned_words(shown, len(curve.x)),
    )


def _f1(curve: Curve, k: int) -> float:
    total = float(curve.x[k] + curve.y[k])
    return 2 * float(curve.x[k]) * float(curve.y[k]) / total if total else 0.0


def _det_table(curve: Curve) -> Table:
    shown = rows_to_show(len(curve.x))
    return Table(
        caption=say("Points of the DET curve"),
        columns=columns(say("Threshold"), say("Genuine blocked (BPCER)"), say("Attacks that pass (APCER)")),
        rows=tuple(row(_threshold(curve, k), share_cell(curve.x[k]), share_cell(curve.y[k])) for k in shown),
        note=thinned_words(shown, len(curve.x)),
    )
