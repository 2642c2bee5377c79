"""The history page: every run, every figure with its interval, what changed in between, and nothing made up."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest

from finauth_eval.baselines import accept_baseline
from finauth_eval.history import FIGURES, History, read_history
from finauth_eval.report import render_history, write_history
from finauth_eval.report.charts.scales import LinearScale
from finauth_eval.report.charts.times import TimeScale
from finauth_eval.report.moments import Moments

if TYPE_CHECKING:
    from collections.abc import Callable

    from finauth_eval.scores import ScoreTable

VERDICTS = ["pass", "fail", "inconclusive", "invalid", None, "pass"]
ICONS = {"pass": "✓", "fail": "✕", "inconclusive": "○", "invalid": "⊘", None: "·"}


@pytest.fixture(scope="module")
def runs(
    tmp_path_factory: pytest.TempPathFactory,
    frame: Callable[..., pd.DataFrame],
    run_summary: Callable[..., dict[str, Any]],
    as_table: Callable[..., ScoreTable],
) -> Path:
    """Six runs: the fourth of another dataset, the fifth at another threshold, the last without a score."""
    root = tmp_path_factory.mktemp("runs")
    for k, verdict in enumerate(VERDICTS):
        rows = frame(n=160, seed=k)
        rows["round_trip_ms"] = rows["time_used_ms"] + 20
        if k >= 4:
            rows["threshold"] = rows["threshold"].replace(0.5, 0.6)
        if k == 5:
            rows = rows.assign(
                score=np.nan, threshold=np.nan, result=None, reason="gave_up", round_trip_ms=np.nan
            )
        started = datetime(2026, 1, 5, 9, tzinfo=UTC) + timedelta(days=k)
        summary = run_summary(
            started_at=started.isoformat(),
            dataset={"name": "onboarding", "digest": ("ab" if k < 3 else "cd") * 32},
        )
        folder = as_table(rows, summary).write(root / f"run {k}#1%")
        if verdict is not None:
            (folder / "verdict.json").write_text(json.dumps({"verdict": verdict}))
        if k % 2 == 0:
            (folder / "report.html").write_text("<p>report</p>")
    accept_baseline(root / "run 1#1%", reason="the first <week>", who="me")
    (root / "broken").mkdir()
    (root / "broken" / "scores.parquet").write_bytes(b"")
    (root / "broken" / "run.json").write_text("{}")
    return root


@pytest.fixture(scope="module")
def history(runs: Path) -> History:
    return read_history(runs)


@pytest.fixture(scope="module")
def document(history: History, parse: Callable[[str], Any]) -> Any:
    return parse(render_history(history))


def made(n: int, **columns: Any) -> History:
    """A history of n runs, a day apart, of which only BPCER is known."""
    frame = pd.DataFrame({
        "run": [f"r{k:03d}" for k in range(n)],
        "started_at": [(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=k)).isoformat() for k in range(n)],
        "campaign": "default", "region": "sgp", "endpoint": "v5", "dataset_name": "d", "dataset_digest": "ab" * 32,
        "threshold": 0.5, "samples": 100, "bona_fide": 50, "attack": 50,
        **{f"{name}{suffix}": np.nan for name in FIGURES for suffix in ("", "_low", "_high")},
        "worst_type": None, "verdict": None, "baseline": False, "baseline_reason": None, "changed": "",
    })  # fmt: skip
    frame["bpcer"] = np.linspace(0.05, 0.15, n)
    frame["bpcer_low"], frame["bpcer_high"] = frame["bpcer"] - 0.02, frame["bpcer"] + 0.02
    return History(folder=Path("runs"), frame=frame.assign(**columns), left_out={})


def drawn(document: Any, figure: str, tag: str, look: str) -> list[Any]:
    chart = document.by_id(f"figure-{figure}")
    return [e for e in document.all(tag) if e.inside("figure") is chart and look in e.get("class").split() and e.inside("svg").get("class") == "chart"]  # fmt: skip


def test_every_run_has_a_verdict_as_icon_and_word(document: Any) -> None:
    strip = [item.text for item in document.all("li") if item.inside("ol")]
    assert strip == [f"{ICONS[own]} {own or 'no verdict'} run {k}#1%" for k, own in enumerate(VERDICTS)]
    assert (
        document.by_id("strip-h").text
        == "6 runs: 2 pass, 1 fail, 1 inconclusive, 1 invalid, 1 without a verdict"
    )


@pytest.mark.parametrize("figure", list(FIGURES))
def test_every_figure_is_that_of_the_history(figure: str, history: History, document: Any) -> None:
    words = FIGURES[figure][0].upper() + FIGURES[figure][1:]
    table = document.table(words)
    values = [np.nan if row[1].value is None else row[1].value for row in table.rows]
    np.testing.assert_array_equal(values, history.frame[figure])
    assert [row[0].text for row in table.rows] == history.frame["run"].tolist()


def test_a_run_without_scores_has_no_figures_and_is_not_left_out(document: Any) -> None:
    assert document.table("AUC").rows[-1][1].text == "—"
    assert document.table("Runs, the latest first").rows[0][3].note == "0 scored"


def test_lines_break_where_the_dataset_changed_and_where_a_figure_is_missing(
    parse: Callable[[str], Any],
) -> None:
    changed = [""] * 12
    changed[4] = "dataset, endpoint"
    values = np.linspace(0.05, 0.1, 12)
    values[9] = np.nan
    document = parse(render_history(made(12, changed=changed, bpcer=values)))
    lines = drawn(document, "bpcer", "path", "series")
    # in drawing units a run is at 366 * (air + k) / (11 + 2 * air) of the width
    ends = [
        tuple(float(pair.split()[0]) for pair in line["d"].removeprefix("M").split("L")) for line in lines
    ]
    air = 11 * 0.03
    place = [round(369 * (air + k) / (11 + 2 * air), 1) for k in range(12)]
    assert [(own[0], own[-1]) for own in ends] == [
        (place[0], place[3]),
        (place[4], place[8]),
        (place[10], place[11]),
    ]
    [rule] = drawn(document, "bpcer", "path", "rule")
    assert rule["d"].startswith(f"M{place[4]:g} ")
    [dots] = drawn(document, "bpcer", "path", "dot")
    assert dots["d"].count("h0") == 11


def test_changes_and_baselines_are_marked_in_rows_with_letters(document: Any, history: History) -> None:
    lanes = [element.text for element in drawn(document, "bpcer", "text", "lane")]
    assert lanes == ["D", "T", "B"]
    events = [element["d"].count("Z") for element in drawn(document, "bpcer", "path", "event")]
    frame = history.frame
    assert events == [
        frame["changed"].str.contains("dataset").sum(),
        frame["changed"].str.contains("threshold").sum(),
        1,
    ]
    assert len(drawn(document, "bpcer", "path", "ring")) == 1
    legend = document.by_id("figures").text
    assert "D dataset changed, T threshold changed, B accepted as baseline" in legend
    row = document.table("Runs, the latest first").row("run 1#1%")
    assert (row[0].flag, row[0].note) == ("baseline", "the first <week>")


def test_links_lead_to_the_reports_that_are_there(
    history: History, runs: Path, tmp_path: Path, parse: Callable[[str], Any]
) -> None:
    for page in (runs / "history.html", tmp_path / "elsewhere" / "deep" / "history.html"):
        document = parse(write_history(history, path=page).read_text(encoding="utf-8"))
        links = [a["href"] for a in document.all("a") if a.inside("table")]
        found = [(page.parent / unquote(link)).resolve() for link in links]
        assert found == [(runs / f"run {k}#1%" / "report.html").resolve() for k in (4, 2, 0)]
        assert links[0].endswith("run%204%231%25/report.html")
    (runs / "history.html").unlink()


def test_folders_left_out_are_named_with_why(document: Any) -> None:
    [row] = document.table("Folders left out").rows
    assert row[0].text == "broken"
    assert "the file is empty" in row[1].text


def test_one_run_is_a_history(parse: Callable[[str], Any]) -> None:
    document = parse(render_history(made(1)))
    assert document.by_id("figure-bpcer").text.count("The only run: 5.0% (3.0–7.0%).") >= 1
    assert "No run has this figure." in document.by_id("figures").text
    assert not drawn(document, "bpcer", "path", "series")


def test_two_hundred_runs_fit_and_their_intervals_become_a_band(parse: Callable[[str], Any]) -> None:
    n = 200
    changed = ["" if k % 50 else "dataset" for k in range(n)]
    changed[0] = ""
    figures = {f"{name}{suffix}": np.linspace(0.4, 0.5, n) + shift for name in FIGURES for suffix, shift in (("", 0), ("_low", -0.1), ("_high", 0.1))}  # fmt: skip
    names = [f"nightly/2026/{k:03d}/{'deep/' * 10}" for k in range(n)]
    page = render_history(made(n, changed=changed, run=names, verdict="pass", **figures))
    assert len(page.encode()) <= 500_000
    document = parse(page)
    assert len(drawn(document, "bpcer", "path", "band")) == len(drawn(document, "bpcer", "path", "line")) == 4
    assert len(document.table("Runs, the latest first").rows) == n
    assert len([item for item in document.all("li") if item.inside("ol")]) == 60
    assert "The strip has the latest 60" in document.by_id("verdict").text


def test_a_thousand_runs_list_the_latest(parse: Callable[[str], Any]) -> None:
    document = parse(render_history(made(1000)))
    assert len(document.table("BPCER, blocked genuine customers").rows) == 200
    assert "The latest 200 of 1,000 runs" in document.by_id("figure-bpcer").text


@pytest.mark.parametrize(
    ("started", "words"),
    [
        (["2026-01-05T09:00:00+00:00", "", "soon"], "runs, in their order"),
        (["2026-01-05T09:00:00+00:00", "2026-01-05T09:00:00Z", "2026-01-05T09:00:00"], "2026-01-05, UTC"),
        (
            ["2026-01-05T09:00:00+00:00", "2027-01-05T09:00:00+00:00", "2028-01-05"],
            "2026-01-05 to 2028-01-05, UTC",
        ),
        (["2027-01-01", "2026-01-01", "2028-01-01"], "runs, in their order"),
        (["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-01-01"], "runs, in their order"),
    ],
)
def test_axis_is_time_where_every_run_tells_its_own(
    started: list[str], words: str, parse: Callable[[str], Any]
) -> None:
    document = parse(render_history(made(3, started_at=started)))
    assert words in [element.text for element in drawn(document, "bpcer", "text", "axis")]


@pytest.mark.parametrize(
    ("span", "labels"),
    [
        (timedelta(seconds=4), ["09:00:00", "09:00:01", "09:00:02", "09:00:03", "09:00:04"]),
        (timedelta(hours=6), [f"{hour:02}:00" for hour in range(9, 16)]),
        (timedelta(days=5), ["6 Jan", "7 Jan", "8 Jan", "9 Jan", "10 Jan"]),
        (timedelta(days=150), ["Feb 2026", "Mar 2026", "Apr 2026", "May 2026", "Jun 2026"]),
        (timedelta(days=365 * 4), ["2027", "2028", "2029", "2030"]),
    ],
)
def test_ticks_of_time_are_whole(span: timedelta, labels: list[str]) -> None:
    start = datetime(2026, 1, 5, 9, tzinfo=UTC)
    ticks = TimeScale(low=start.timestamp(), high=(start + span).timestamp()).ticks()
    assert [tick.label for tick in ticks] == labels


def test_moments_of_one_run_have_room() -> None:
    own = Moments.of(["2026-01-05"])
    assert 0 < own.axis.scale.position(own.x)[0] < 1
    assert isinstance(Moments.of(["?"]).axis.scale, LinearScale)


def test_figures_beyond_the_usual_are_drawn(parse: Callable[[str], Any]) -> None:
    extremes = {
        "auc": [0.0, 1.0, 0.5],
        "coverage": [0.0, 0.2, 1.0],
        "round_trip_p95_ms": [0.0, 1e7, np.nan],
        "bpcer": [0.0, 1.0, 0.0],
    }
    document = parse(render_history(made(3, bpcer_low=np.nan, bpcer_high=np.nan, **extremes)))
    for figure in ("auc", "coverage", "round-trip-p95-ms", "bpcer"):
        assert drawn(document, figure, "path", "dot")


def test_the_same_history_gives_the_same_bytes(history: History, tmp_path: Path) -> None:
    first = write_history(history, path=tmp_path / "a.html").read_bytes()
    assert first == write_history(history, path=tmp_path / "b.html").read_bytes()
    assert len(first) <= 500_000
