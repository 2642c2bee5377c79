"""Each guarded figure of a history as a chart over time: where it was, how surely, and what else changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from finauth_eval.history import FIGURES
from finauth_eval.phrases import counted, phrase, say, translated
from finauth_eval.report.charts.frame import Axis
from finauth_eval.report.charts.plot import plot
from finauth_eval.report.charts.scales import LinearScale
from finauth_eval.report.charts.series import LANE, Broken, Lanes, Rings
from finauth_eval.report.figures import Figure, Key, Missing
from finauth_eval.report.tables import Cell, Table, columns, row
from finauth_eval.shown import numbers
from finauth_eval.shown.text import name

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from finauth_eval.history import History
    from finauth_eval.report.moments import Moments

__all__ = ["legend", "over_time"]

_DENSE: Final = 60
"""From how many runs on intervals are a band and dots are left out."""
_MOST_ROWS: Final = 200
_LONGEST_NAME: Final = 40
_EVENTS: Final = {
    "dataset": ("D", phrase("dataset changed")),
    "threshold": ("T", phrase("threshold changed")),
    "endpoint": ("E", phrase("endpoint changed")),
    "baseline": ("B", phrase("accepted as baseline")),
}
_TITLES: Final = {
    "bpcer": phrase("BPCER, blocked genuine customers"),
    "apcer": phrase("APCER, missed attacks"),
    "apcer_worst": phrase("APCER of the worst attack type"),
    "auc": phrase("AUC"),
    "bpcer20": phrase("BPCER at {share} missed attacks of every type", share="5%"),
    "coverage": phrase("Share of samples with a score"),
    "round_trip_p95_ms": phrase("{share} of answers within, ms", share="95%"),
}
_AXES: Final = {
    "bpcer": phrase("genuine blocked (BPCER)"),
    "apcer": phrase("attacks missed (APCER)"),
    "apcer_worst": phrase("missed, worst type (APCER)"),
    "auc": phrase("area under the curve"),
    "bpcer20": phrase("genuine blocked (BPCER20)"),
    "coverage": phrase("samples with a score"),
    "round_trip_p95_ms": phrase("milliseconds"),
}
_AREAS: Final = frozenset({"auc"})
_TIMES: Final = frozenset({"round_trip_p95_ms"})
_HIGH_IS_GOOD: Final = frozenset({"auc", "coverage"})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Track:
    """One figure of every run."""

    name: str
    value: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    @classmethod
    def of(cls, frame: pd.DataFrame, figure: str) -> _Track:
        nothing = np.full(len(frame), np.nan)
        parts = [
            frame[own].to_numpy(dtype=np.float64, na_value=np.nan) if own in frame.columns else nothing
            for own in (figure, f"{figure}_low", f"{figure}_high")
        ]
        value, low, high = parts
        return cls(name=figure, value=value, low=low, high=high)

    def words(self, k: int) -> str:
        """The figure of a run with its interval."""
        value, low, high = float(self.value[k]), float(self.low[k]), float(self.high[k])
        if np.isnan(value):
            return numbers.NOT_KNOWN
        if self.name in _TIMES:
            shown, limits = numbers.duration(value), [numbers.duration(own) for own in (low, high)]
        elif self.name in _AREAS:
            shown, limits = numbers.score(value), [numbers.score(own) for own in (low, high)]
        else:
            both = numbers.interval(low, high)
            return numbers.percent(value) + ("" if both == numbers.NOT_KNOWN else f" ({both})")
        return shown if np.isnan(low) and np.isnan(high) else f"{shown} ({limits[0]}–{limits[1]})"

    def short(self, value: float) -> str:
        """A value of the figure alone."""
        if self.name in _TIMES:
            return numbers.duration(value)
        return numbers.score(value) if self.name in _AREAS else numbers.percent(value)

    def scale(self) -> LinearScale:
        """An axis that holds every value and interval."""
        seen = np.concatenate([self.value, self.low, self.high])
        seen = seen[np.isfinite(seen)]
        if self.name in _HIGH_IS_GOOD:
            low = float(min(0.9, np.floor(10 * seen.min()) / 10))
            return LinearScale(low=low, high=1.0, as_percent=self.name not in _AREAS)
        if self.name in _TIMES:
            return LinearScale(low=0.0, high=max(1.0, float(seen.max()) * 1.05))
        reach = next(end for end in (0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0) if end >= min(1.0, seen.max()))
        return LinearScale(low=0.0, high=reach, as_percent=True)


def over_time(history: History, moments: Moments) -> tuple[Figure | Missing, ...]:
    """A chart a guarded figure, or why there is none."""
    return tuple(_figure(history.frame, figure, moments) for figure in FIGURES)


def _figure(frame: pd.DataFrame, figure: str, moments: Moments) -> Figure | Missing:
    title = translated(_TITLES[figure])
    track = _Track.of(frame, figure)
    known = np.flatnonzero(~np.isnan(track.value))
    if not known.size:
        return Missing(title=title, reason=say("No run has this figure."))
    lead = _lead(track, known, len(frame))
    lanes = _lanes(frame, moments)
    baselines = frame["baseline"].to_numpy(dtype=bool) & ~np.isnan(track.value)
    cut = moments.x[_changed(frame, "dataset")]
    dense = len(frame) > _DENSE
    chart = plot(
        anchor=f"over-time-{figure.replace('_', '-')}",
        title=title,
        description=lead,
        x=moments.axis,
        y=Axis(label=_AXES[figure], scale=track.scale()),
        layers=[
            Lanes(rows=lanes, rules=cut),
            Broken(
                x=moments.x,
                y=track.value,
                low=track.low,
                high=track.high,
                pieces=np.cumsum(_changed(frame, "dataset")),
                dense=dense,
            ),
            Rings(x=moments.x[baselines], y=track.value[baselines]),
        ],
        headroom=14.0 + LANE * len(lanes),
    )
    return Figure(
        id=f"figure-{figure.replace('_', '-')}",
        title=title,
        lead=lead,
        chart=chart,
        keys=_keys(track, known, dense=dense),
        marks=(),
        notes=() if moments.note is None else (moments.note,),
        table=_table(frame, track, title),
    )


def _changed(frame: pd.DataFrame, word: str) -> NDArray[np.bool_]:
    """Which runs differ from the one before in something, shape (runs,)."""
    return np.array([word in own.split(", ") for own in frame["changed"]], dtype=bool)


def _events(frame: pd.DataFrame, word: str) -> NDArray[np.bool_]:
    return frame["baseline"].to_numpy(dtype=bool) if word == "baseline" else _changed(frame, word)


def _lanes(frame: pd.DataFrame, moments: Moments) -> list[tuple[str, NDArray[np.float64]]]:
    found = [(letter, moments.x[_events(frame, word)]) for word, (letter, _) in _EVENTS.items()]
    return [(letter, at) for letter, at in found if at.size]


def _lead(track: _Track, known: NDArray[np.intp], n: int) -> str:
    last = int(known[-1])
    found = track.words(last)
    if n == 1:
        words = say("The only run: {found}.", found=found)
    elif last == n - 1:
        words = say("The latest run: {found}.", found=found)
    else:
        words = say("The latest run that has it: {found}.", found=found)
    if known.size == 1:
        return words
    seen = track.value[known]
    over = counted(
        "Over {n} run between {low} and {high}.",
        "Over {n} runs between {low} and {high}.",
        int(known.size),
        low=track.short(float(seen.min())),
        high=track.short(float(seen.max())),
    )
    return f"{words} {over}"


def _keys(track: _Track, known: NDArray[np.intp], *, dense: bool) -> tuple[Key, ...]:
    limits = not np.isnan(track.low[known]).all()
    if dense:
        line = Key(look="series", label=say("the figure"))
        return (line, Key(look="series", shape="area", label=say("its interval"))) if limits else (line,)
    return (
        Key(look="main", shape="range", label=say("a run with its interval") if limits else say("a run")),
    )


def legend(frame: pd.DataFrame) -> tuple[str, ...]:
    """What the marks mean that all charts share, of those that there are."""
    said = []
    seen = [
        f"{letter} {translated(words)}"
        for word, (letter, words) in _EVENTS.items()
        if _events(frame, word).any()
    ]
    if seen:
        said.append(say("Marks above a plot: {marks}.", marks=", ".join(seen)))
    if _changed(frame, "dataset").any():
        said.append(
            say(
                "Lines are broken, and a dotted rule drawn, where the set of samples changed: before and after are not"
                " like with like."
            )
        )
    if frame["baseline"].any():
        said.append(say("A diamond is about each run that was accepted as the baseline."))
    return tuple(said)


def _table(frame: pd.DataFrame, track: _Track, title: str) -> Table:
    first = max(0, len(frame) - _MOST_ROWS)
    rows = []
    for k in range(first, len(frame)):
        value = float(track.value[k])
        cell = Cell(text=track.words(k), value=None if np.isnan(value) else value)
        rows.append(row(Cell(text=name(str(frame["run"].iloc[k]), _LONGEST_NAME)), cell))
    note = (
        say("The latest {most} of {n} runs; the chart has all.", most=_MOST_ROWS, n=numbers.count(len(frame)))
        if first
        else None
    )
    return Table(
        caption=title, columns=columns(say("Run"), say("Value and interval")), rows=tuple(rows), note=note
    )
