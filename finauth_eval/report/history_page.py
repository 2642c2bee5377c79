"""A history becomes one HTML page: a strip of verdicts, every guarded figure over time, links to the runs' reports."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import pandas as pd
from markupsafe import Markup

from finauth_eval.places import Remote, place, relative
from finauth_eval.report.moments import Moments, moment
from finauth_eval.report.over_time import legend, over_time
from finauth_eval.report.rendering import render, write_page
from finauth_eval.report.tables import Cell, Table, columns, count_cell, row, threshold_cell
from finauth_eval.report.wording import times
from finauth_eval.shown import numbers
from finauth_eval.shown.text import name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from finauth_eval.history import History
    from finauth_eval.places import Place

__all__ = ["Chip", "render_history", "write_history"]

_REPORT: Final = "report.html"
_VERDICTS: Final = {
    "pass": ("good", "✓"),
    "fail": ("bad", "✕"),
    "inconclusive": ("unknown", "○"),
    "invalid": ("warn", "⊘"),
}
_NO_VERDICT: Final = ("none", "·")
_STRIP: Final = 60
"""Runs in the strip; the table has all."""
_LONGEST: Final = 120
_DIGEST: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """One run in the strip of verdicts: its place, its verdict as icon and word, and its name."""

    place: int
    look: str
    icon: str
    words: str
    run: Markup


def render_history(history: History, *, links: Mapping[str, str] | None = None) -> str:
    """The history as one self-contained HTML page without scripts; the same input gives the same bytes.

    Args:
        history: The runs.
        links: The address of each run's report, by the run's name; runs without one are not linked.
    """
    frame = history.frame
    moments = Moments.of([str(own) for own in frame["started_at"]])
    return render(
        "history.html.j2",
        title=f"History of {history.folder.name or history.folder}",
        headline=_headline(frame),
        lead=_lead(frame),
        chips=[_chip(k, own) for k, own in enumerate(frame.to_dict("records"), start=1)][-_STRIP:],
        figures=over_time(history, moments),
        legend=legend(frame),
        runs=_runs_table(frame, links or {}),
        left_out=_left_out(history),
    )


def write_history(history: History, *, path: Path | str | Remote) -> Place:
    """Write the page of ``render_history``, with links to the reports that lie in the runs' folders.

    Args:
        history: The runs.
        path: Where to; missing folders are made, an older page is replaced.

    Returns:
        The path.
    """
    path = place(path)
    return write_page(render_history(history, links=_links(history, path.parent)), path)


def _links(history: History, here: Place) -> dict[str, str]:
    """Relative addresses, so that page and runs can be moved together; none from one store into another."""
    found = {}
    for run in map(str, history.frame["run"]):
        report = history.folder / run / _REPORT
        address = relative(report, here) if report.is_file() else None
        if address is not None:
            found[run] = quote(os.fsencode(address))
    return found


def _headline(frame: pd.DataFrame) -> str:
    said = [_text(own) for own in frame["verdict"]]
    parts = [f"{said.count(word)} {word}" for word in _VERDICTS if word in said]
    if "" in said:
        parts.append(f"{said.count('')} without a verdict")
    return f"{times(len(frame), 'run')}: {', '.join(parts)}"


def _lead(frame: pd.DataFrame) -> str:
    first, last = (moment(str(frame["started_at"].iloc[k])) for k in (0, -1))
    when = ""
    if first is not None and last is not None:
        when = f"From {first:%Y-%m-%d} to {last:%Y-%m-%d}, the first run first. " if len(frame) > 1 else ""
    if len(frame) > _STRIP:
        when += f"The strip has the latest {_STRIP}, the table below all of them. "
    return f"{when}A verdict is what the gate left in the run's folder."


def _text(value: Any) -> str:
    return "" if pd.isna(value) else str(value)


def _chip(place: int, own: Mapping[Any, Any]) -> Chip:
    word = _text(own["verdict"])
    look, icon = _VERDICTS.get(word, _NO_VERDICT)
    words = word if word in _VERDICTS else "no verdict"
    return Chip(place=place, look=look, icon=icon, words=words, run=name(str(own["run"]), 24))


def _runs_table(frame: pd.DataFrame, links: Mapping[str, str]) -> Table:
    rows = [_run_row(k, own, links) for k, own in enumerate(frame.to_dict("records"), start=1)]
    texts = ("Verdict", "Started (UTC)", "Answered by", "Dataset", "Changed")
    return Table(
        caption="Runs, the latest first",
        columns=columns(
            "Run", "Verdict", "Started (UTC)", "Samples", "Threshold", "Answered by", "Dataset", "Changed",
            texts=texts,
        ),
        rows=tuple(reversed(rows)),
        note="Changed: what differs from the run before it.",
    )  # fmt: skip


def _run_row(place: int, own: Mapping[Any, Any], links: Mapping[str, str]) -> tuple[Cell, ...]:
    run = str(own["run"])
    shown = name(run, _LONGEST)
    if run in links:
        shown = Markup('<a href="{}">{}</a>').format(links[run], shown)
    word = _text(own["verdict"])
    icon = _VERDICTS.get(word, _NO_VERDICT)[1]
    started = moment(str(own["started_at"]))
    scored = int(own["bona_fide"]) + int(own["attack"])
    samples = count_cell(int(own["samples"]), note=f"{numbers.count(scored)} scored")
    return row(
        Cell(
            text=Markup('<bdi id="run-{}">{}</bdi>').format(place, shown),
            flag="baseline" if own["baseline"] else None,
            note=name(_text(own["baseline_reason"]), _LONGEST) if own["baseline"] else None,
        ),
        f"{icon} {word}" if word in _VERDICTS else numbers.NOT_KNOWN,
        f"{started:%Y-%m-%d %H:%M}"
        if started is not None
        else name(str(own["started_at"]) or numbers.NOT_KNOWN, 30),
        samples,
        threshold_cell(float(own["threshold"])),
        _named(own["endpoint"], own["region"]),
        _named(own["dataset_name"], _text(own["dataset_digest"])[:_DIGEST]),
        _text(own["changed"]) or "nothing",
    )


def _named(first: Any, second: Any) -> Cell:
    words, more = _text(first), _text(second)
    return Cell(text=name(words, 60) if words else "—", note=name(more, 60) if more else None)


def _left_out(history: History) -> Table | None:
    if not history.left_out:
        return None
    rows = [
        row(Cell(text=name(folder, _LONGEST)), Cell(text=name(why)))
        for folder, why in history.left_out.items()
    ]
    return Table(
        caption="Folders left out",
        columns=columns("Folder", "Why", texts=("Why",)),
        rows=tuple(rows),
    )
