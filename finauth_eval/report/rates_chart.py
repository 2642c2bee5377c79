"""Both error rates against the threshold, and the reliability of the score as a probability."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from finauth_eval.phrases import phrase, say, translated
from finauth_eval.report.charts.frame import Axis
from finauth_eval.report.charts.layers import Dots, Layer, Line
from finauth_eval.report.charts.pins import Pin
from finauth_eval.report.charts.plot import plot
from finauth_eval.report.charts.scales import LinearScale
from finauth_eval.report.figures import Figure, Key, Missing
from finauth_eval.report.marks import letter_of
from finauth_eval.report.tables import (
    Table,
    columns,
    count_cell,
    rate_cell,
    row,
    score_cell,
    share_cell,
    threshold_cell,
)
from finauth_eval.shown import numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from finauth_eval.metrics.calibration import Calibration
    from finauth_eval.report.marks import Mark
    from finauth_eval.report.sweep import Sweep

__all__ = ["rates_against_threshold", "reliability"]

_TITLE: Final = phrase("Both errors against the threshold")
_PERCENT: Final = LinearScale(low=0.0, high=1.0, as_percent=True)


def rates_against_threshold(rates: Sweep, marks: Sequence[Mark]) -> Figure | Missing:
    """APCER (pooled and of the worst type) rising and BPCER falling with the threshold."""
    if not len(rates.scores):
        return Missing(title=_TITLE, reason=say("No sample has a score."))
    low, high = min(0.0, float(rates.scores[0])), max(1.0, float(rates.scores[-1]))
    if rates.scores[0] < 0 or rates.scores[-1] > 1:
        low, high = float(rates.scores[0]), float(rates.scores[-1])
    low, high = (low, high) if low < high else (low - 0.5, high + 0.5)
    x = np.concatenate([[low], rates.scores])
    lines = [
        ("genuine", say("genuine customers blocked (BPCER)"), rates.bpcer),
        ("attack", say("attacks that pass, all types (APCER)"), rates.apcer),
        ("worst", say("attacks that pass, worst type at each threshold"), rates.worst),
    ]
    drawn = [line for line in lines if not np.isnan(line[2]).any()]
    layers: list[Layer] = [
        Line(x=_to(x, high), y=_to(y, y[-1]), look=look, step=True) for look, _, y in drawn
    ]
    lead = _lead(rates, marks)
    return Figure(
        id="rates",
        title=_TITLE,
        lead=lead,
        chart=plot(
            anchor="rates",
            title=_TITLE,
            description=lead,
            x=Axis(label=say("threshold"), scale=LinearScale(low=low, high=high)),
            y=Axis(label=say("error rate"), scale=_PERCENT),
            layers=layers,
            pins=[Pin(letter=mark.letter, x=mark.threshold) for mark in marks],
            explored="threshold",
        ),
        keys=tuple(Key(look=look, label=label) for look, label, _ in drawn),
        marks=tuple(marks),
        notes=(),
        table=_table(rates, marks, low, high),
    )


def _to(values: NDArray[np.float64], last: float) -> NDArray[np.float64]:
    return np.append(values, last)


def _lead(rates: Sweep, marks: Sequence[Mark]) -> str:
    if not marks:
        return say("A higher threshold blocks fewer genuine customers and lets more attacks pass.")
    bpcer, apcer, _ = rates.at(marks[0].threshold)
    return say(
        "A higher threshold blocks fewer genuine customers and lets more attacks pass; at {threshold} the two are"
        " {blocked} and {missed}.",
        threshold=numbers.short_threshold(marks[0].threshold),
        blocked=numbers.percent(bpcer),
        missed=numbers.percent(apcer),
    )


def _table(rates: Sweep, marks: Sequence[Mark], low: float, high: float) -> Table:
    grid = {low + (high - low) * k / 20 if (low, high) != (0.0, 1.0) else k / 20 for k in range(21)}
    thresholds = sorted(grid | {mark.threshold for mark in marks})
    rows = []
    for at in thresholds:
        bpcer, apcer, worst = rates.at(at)
        key = letter_of(at, marks)
        rows.append(row(threshold_cell(at, key=key), share_cell(bpcer), share_cell(apcer), share_cell(worst)))
    return Table(
        caption=say("Error rates by threshold"),
        columns=columns(say("Threshold"), "BPCER", say("APCER, all types"), say("APCER, worst type")),
        rows=tuple(rows),
        note=say(
            "Steps of a twentieth and the lettered thresholds; the chart is drawn from every distinct score."
        ),
    )


def reliability(calibration: Calibration) -> Figure | Missing:
    """Whether a score can be read as the probability of an attack."""
    title = say("Can the score be read as a probability?")
    bins = [part for part in calibration.reliability if part.attack_share.defined]
    if not bins:
        return Missing(title=title, reason=say("No bin of scores holds a sample."))
    shares = [part.attack_share for part in bins]
    off = [part for part in bins if not part.attack_share.low <= part.mean_score <= part.attack_share.high]
    lead = (
        say(
            "In {n} of {total} bins the mean score lies outside the interval of the share of attacks.",
            n=len(off),
            total=len(bins),
        )
        if off
        else say(
            "In all {total} bins the mean score lies within the interval of the share of attacks.",
            total=len(bins),
        )
    )
    chart = plot(
        anchor="reliability",
        title=say("Reliability"),
        description=lead,
        x=Axis(label=say("mean score in the bin"), scale=LinearScale(low=0.0, high=1.0)),
        y=Axis(label=say("attacks in the bin"), scale=_PERCENT),
        layers=[
            Line(x=np.array([0.0, 1.0]), y=np.array([0.0, 1.0]), look="reference"),
            Dots(
                x=np.array([part.mean_score for part in bins]),
                y=np.array([share.value for share in shares]),
                low=np.array([share.low for share in shares]),
                high=np.array([share.high for share in shares]),
                look="main",
            ),
        ],
        explored="threshold",
    )
    table = Table(
        caption=say("Reliability bins"),
        columns=columns(say("Score"), say("Samples"), say("Mean score"), say("Share of attacks")),
        rows=tuple(
            row(
                f"{part.low:.2f}–{part.high:.2f}",
                count_cell(part.attack_share.n),
                score_cell(part.mean_score),
                rate_cell(part.attack_share),
            )
            for part in calibration.reliability
        ),
    )
    return Figure(
        id="reliability",
        title=title,
        lead=lead,
        chart=chart,
        keys=(
            Key(look="main", shape="range", label=say("bins with intervals")),
            Key(look="reference", label=say("score = probability")),
        ),
        marks=(),
        notes=(
            _scores_of(calibration),
            say("At this data's mix of classes; another mix moves every bin."),
        ),
        table=table,
    )


def _scores_of(calibration: Calibration) -> str:
    named = (
        (say("Brier score"), "brier"),
        (say("expected calibration error"), "ece"),
        ("Cllr", "cllr"),
        (say("min-Cllr"), "min_cllr"),
    )
    parts = []
    for words, field in named:
        value = getattr(calibration, field)
        if math.isnan(value):
            why = translated(calibration.reasons.get(field, phrase("no reason given")))
            parts.append(say("{figure} undefined ({why})", figure=words, why=why))
        else:
            parts.append(f"{words} {value:.3f}")
    text = ", ".join(parts)
    return f"{text[0].upper()}{text[1:]}."
