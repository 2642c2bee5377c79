"""A history becomes one HTML page: a strip of verdicts, every guarded figure over time, links to the runs' reports."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import pandas as pd
from markupsafe import Markup

from finauth_eval.phrases import counted, phrase, say, speaking, translated
from finauth_eval.places import Remote, place, relative
from finauth_eval.report.moments import Moments, moment
from finauth_eval.report.over_time import legend, over_time
from finauth_eval.report.rendering import render, write_page
from finauth_eval.report.tables import Cell, Table, columns, count_cell, row, threshold_cell
from finauth_eval.shown import numbers
from finauth_eval.shown.text import name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from finauth_eval.history import History
    from finauth_eval.phrases import Language
    from finauth_eval.places import Place

__all__ = ["Chip", "render_history", "write_history"]

_REPORT: Final = "report.html"
_VERDICTS: Final = {
    "pass": ("good", "✓", phrase("pass")),
    "fail": ("bad", "✕", phrase("fail")),
    "inconclusive": ("unknown", "○", phrase("inconclusive")),
    "invalid": ("warn", "⊘", phrase("invalid")),
}
_NO_VERDICT: Final = ("none", "·", phrase("no verdict"))
_CHANGED: Final = {
    "dataset": phrase("dataset"),
    "threshold": phrase("threshold"),
    "endpoint": phrase("endpoint"),
}
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


def render_history(history: History, *, links: Mapping[str, str] | None = None, lang: Language = "en") -> str:
    """The history as one self-contained HTML page without scripts; the same input gives the same bytes.

    Args:
        history: The runs.
        links: The address of each run's report, by the run's name; runs without one are not linked.
        lang: The page's language: ``"en"`` or ``"id"`` (Indonesian). Numbers are written alike in all of them.

    Raises:
        ValueError: There is no such language.
    """
    frame = history.frame
    moments = Moments.of([str(own) for own in frame["started_at"]])
    with speaking(lang):
        return render(
            "history.html.j2",
            title=say("History of {folder}", folder=history.folder.name or history.folder),
            headline=_headline(frame),
            lead=_lead(frame),
            chips=[_chip(k, own) for k, own in enumerate(frame.to_dict("records"), start=1)][-_STRIP:],
            figures=over_time(history, moments),
            legend=legend(frame),
            runs=_runs_table(frame, links or {}),
            left_out=_left_out(history),
        )


def write_history(history: History, *, path: Path | str | Remote, lang: Language = "en") -> Place:
    """Write the page of ``render_history``, with links to the reports that lie in the runs' folders.

    Args:
        history: The runs.
        path: Where to; missing folders are made, an older page is replaced.
        lang: As for ``render_history``.

    Returns:
        The path.

    Raises:
        ValueError: As ``render_history``.
    """
    path = place(path)
    return write_page(render_history(history, links=_links(history, path.parent), lang=lang), path)


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
    parts = [
        say("{n} {verdict}", n=said.count(word), verdict=words)
        for word, (_, _, words) in _VERDICTS.items()
        if word in said
    ]
    if "" in said:
        parts.append(say("{n} without a verdict", n=said.count("")))
    return counted("{n} run: {verdicts}", "{n} runs: {verdicts}", len(frame), verdicts=", ".join(parts))


def _lead(frame: pd.DataFrame) -> str:
    first, last = (moment(str(frame["started_at"].iloc[k])) for k in (0, -1))
    said = []
    if first is not None and last is not None and len(frame) > 1:
        days = {"first": f"{first:%Y-%m-%d}", "last": f"{last:%Y-%m-%d}"}
        said.append(say("From {first} to {last}, the first run first.", **days))
    if len(frame) > _STRIP:
        said.append(say("The strip has the latest {n}, the table below all of them.", n=_STRIP))
    said.append(say("A verdict is what the gate left in the run's folder."))
    return " ".join(said)


def _text(value: Any) -> str:
    return "" if pd.isna(value) else str(value)


def _chip(place: int, own: Mapping[Any, Any]) -> Chip:
    word = _text(own["verdict"])
    look, icon, words = _VERDICTS.get(word, _NO_VERDICT)
    return Chip(place=place, look=look, icon=icon, words=words, run=name(str(own["run"]), 24))


def _runs_table(frame: pd.DataFrame, links: Mapping[str, str]) -> Table:
    rows = [_run_row(k, own, links) for k, own in enumerate(frame.to_dict("records"), start=1)]
    first, last = (
        (say("Verdict"), say("Started (UTC)")),
        (say("Answered by"), say("Dataset"), say("Changed")),
    )
    return Table(
        caption=say("Runs, the latest first"),
        columns=columns(say("Run"), *first, say("Samples"), say("Threshold"), *last, texts=(*first, *last)),
        rows=tuple(reversed(rows)),
        note=say("Changed: what differs from the run before it."),
    )


def _run_row(place: int, own: Mapping[Any, Any], links: Mapping[str, str]) -> tuple[Cell, ...]:
    run = str(own["run"])
    shown = name(run, _LONGEST)
    if run in links:
        shown = Markup('<a href="{}">{}</a>').format(links[run], shown)
    word = _text(own["verdict"])
    _, icon, words = _VERDICTS.get(word, _NO_VERDICT)
    started = moment(str(own["started_at"]))
    scored = int(own["bona_fide"]) + int(own["attack"])
    samples = count_cell(int(own["samples"]), note=say("{n} scored", n=numbers.count(scored)))
    return row(
        Cell(
            text=Markup('<bdi id="run-{}">{}</bdi>').format(place, shown),
            flag=phrase("baseline") if own["baseline"] else None,
            note=name(_text(own["baseline_reason"]), _LONGEST) if own["baseline"] else None,
        ),
        f"{icon} {translated(words)}" if word in _VERDICTS else numbers.NOT_KNOWN,
        f"{started:%Y-%m-%d %H:%M}"
        if started is not None
        else name(str(own["started_at"]) or numbers.NOT_KNOWN, 30),
        samples,
        threshold_cell(float(own["threshold"])),
        _named(own["endpoint"], own["region"]),
        _named(own["dataset_name"], _text(own["dataset_digest"])[:_DIGEST]),
        _changed(_text(own["changed"])),
    )


def _changed(found: str) -> str:
    if not found:
        return say("nothing")
    return ", ".join(translated(_CHANGED.get(word, word)) for word in found.split(", "))


def _named(first: Any, second: Any) -> Cell:
    words, more = _text(first), _text(second)
    return Cell(text=name(words, 60) if words else "—", note=name(more, 60) if more else None)


def _left_out(history: History) -> Table | None:
    if not history.left_out:
        return None
    rows = [
        row(Cell(text=name(folder, _LONGEST)), Cell(text=name(reason)))
        for folder, reason in history.left_out.items()
    ]
    why = say("Why")
    return Table(
        caption=say("Folders left out"),
        columns=columns(say("Folder"), why, texts=(why,)),
        rows=tuple(rows),
    )
