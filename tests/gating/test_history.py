"""The runs of a folder in the order of time, with what changed between them and which of them was accepted."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from finauth_eval.baselines import accept_baseline
from finauth_eval.errors import InputError
from finauth_eval.history import FIGURES, read_history
from finauth_eval.scores import ScoreTable
from finauth_eval.terminal.texts import history_text

GENUINE = np.linspace(0.05, 0.45, 40)
FAKES = np.linspace(0.55, 0.95, 30)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def week(table, runs: Path) -> Callable[..., Path]:
    """A run folder of a week: so many genuine samples blocked, so many attacks missed, so many without a score."""

    def write(
        number: int, *, blocked: int = 0, missed: int = 0, silent: int = 0, threshold: float = 0.5, name: str = "",
        columns: dict[str, Any] | None = None, **summary: Any,
    ) -> Path:  # fmt: skip
        genuine, fakes = GENUINE.copy(), FAKES.copy()
        genuine[:blocked] = 0.8
        fakes[:missed] = 0.2
        fakes[len(fakes) - silent :] = np.nan
        genuine[len(genuine) - max(0, silent - len(fakes)) :] = np.nan
        n = genuine.size + fakes.size
        attack_type = [""] * genuine.size + ["swap", "replay"] * (fakes.size // 2)
        run = {
            "dataset": {"name": "q3", "digest": "aa" * 32}, "endpoint": "https://api.example/v5", "region": "sgp",
            "campaign": f"2026-W{number}", "started_at": f"2026-08-{number - 28:02d}T03:00:00+00:00", "exit": 0,
        }  # fmt: skip
        own = table(
            genuine, fakes, attack_type=attack_type, threshold=[threshold] * n, **(columns or {})
        ).with_provenance(run={**run, **summary})
        return own.write(runs / (name or f"2026-W{number}"))

    return write


def test_every_run_is_a_row_in_the_order_of_time_with_its_figures(week, runs):
    week(33, blocked=4)
    week(31, missed=6, name="deep/er/first")
    week(32, silent=3)
    frame = read_history(runs).frame
    assert frame["run"].tolist() == ["deep/er/first", "2026-W32", "2026-W33"]
    assert frame["campaign"].tolist() == ["2026-W31", "2026-W32", "2026-W33"]
    assert frame["bpcer"].tolist() == [0, 0, 4 / 40]
    assert frame["apcer"].tolist() == [6 / 30, 0, 0]
    assert frame["apcer_worst"].tolist()[0] == 3 / 15  # the first six are three of each type
    assert frame["coverage"].tolist() == [1, 67 / 70, 1]
    assert frame["samples"].tolist() == [70, 70, 70]
    assert frame["attack"].tolist() == [30, 27, 30]
    low, high = stats.binomtest(4, 40).proportion_ci(0.95, method="exact")
    last = frame.iloc[2]
    assert (last["bpcer_low"], last["bpcer_high"]) == (pytest.approx(low), pytest.approx(high))
    real = GENUINE.copy()
    real[:4] = 0.8
    assert last["auc"] == pytest.approx(roc_auc_score([0] * 40 + [1] * 30, np.concatenate([real, FAKES])))
    assert last["auc_low"] < last["auc"] < last["auc_high"]
    for name in FIGURES:
        assert {name, *([] if name == "coverage" else [f"{name}_low", f"{name}_high"])} <= {*frame.columns}


def test_the_time_that_answers_took_is_a_figure_too(week, runs):
    week(31, columns={"round_trip_ms": [float(i) for i in range(70)]})
    own = read_history(runs).frame.iloc[0]
    assert own["round_trip_p95_ms_low"] < own["round_trip_p95_ms"]
    # all of 70 answers lie below the quantile with a chance of 0.95**70 = 2.8%: no exact upper limit is among them
    assert np.isnan(own["round_trip_p95_ms_high"])
    assert abs(own["round_trip_p95_ms"] - np.quantile(np.arange(70), 0.95)) <= 1


def test_a_run_says_what_differs_from_the_one_before_it(week, runs):
    week(30)
    week(31, dataset={"name": "q4", "digest": "bb" * 32})
    week(32, dataset={"name": "q4", "digest": "bb" * 32}, threshold=0.6)
    week(33, dataset={"name": "q4", "digest": "bb" * 32}, threshold=0.6, endpoint_name="idn")
    week(34)
    frame = read_history(runs).frame
    assert frame["changed"].tolist() == [
        "",
        "dataset",
        "threshold",
        "endpoint",
        "dataset, threshold, endpoint",
    ]
    assert frame["threshold"].tolist() == [0.5, 0.5, 0.6, 0.6, 0.5]
    assert frame["endpoint"].tolist()[-2:] == ["idn", "https://api.example/v5"]


def test_what_is_not_known_of_two_runs_did_not_change_between_them(week, runs):
    week(31, dataset={}, endpoint=None)
    week(32, dataset={}, endpoint=None)
    week(33)
    assert read_history(runs).frame["changed"].tolist() == ["", "", "dataset, endpoint"]


def test_baselines_and_verdicts_are_marked(week, runs):
    first, second, third = week(31), week(32), week(33)
    accept_baseline(first, reason="the first")
    accept_baseline(third, reason="the next", file=runs / "kept" / "baseline.json")
    (second / "verdict.json").write_text('{"verdict": "fail"}')
    (third / "verdict.json").write_text('{"verdict": "<b>great</b>"}')
    frame = read_history(runs).frame
    assert frame["baseline"].tolist() == [True, False, True]
    assert frame["baseline_reason"].tolist()[0::2] == ["the first", "the next"]
    assert pd.isna(frame["baseline_reason"][1])
    assert frame["verdict"][1] == "fail"
    assert frame["verdict"].isna().tolist() == [True, False, True]
    text = history_text(read_history(runs))
    assert "2026-W31 (baseline)" in text
    assert "2026-W32 (baseline)" not in text


def broken_scores(folder: Path) -> None:
    (folder / "scores.parquet").write_bytes(b"PAR1 no more")


def broken_summary(folder: Path) -> None:
    (folder / "run.json").write_text("{")


def broken_verdict(folder: Path) -> None:
    (folder / "verdict.json").write_text("[" * 100_000)


def empty_scores(folder: Path) -> None:
    (folder / "scores.parquet").write_bytes(b"")


@pytest.mark.parametrize("harm", [broken_scores, broken_summary, broken_verdict, empty_scores])
def test_a_broken_run_is_left_out_and_named_and_keeps_no_other_from_being_shown(week, runs, harm):
    week(31)
    harm(week(32))
    week(33, threshold=0.6)
    found = read_history(runs)
    assert found.frame["run"].tolist() == ["2026-W31", "2026-W33"]
    assert found.frame["changed"].tolist() == ["", "threshold"]  # against the one before that is shown
    assert [*found.left_out] == ["2026-W32"]
    assert str(runs / "2026-W32") in found.left_out["2026-W32"]
    assert "left out: " in history_text(found)


def test_a_broken_record_of_baselines_is_named_and_the_runs_are_shown(week, runs):
    week(31)
    (runs / "baseline.json").write_text("{")
    found = read_history(runs)
    assert (found.frame["baseline"].tolist(), [*found.left_out]) == ([False], ["baseline.json"])


def test_what_is_no_run_is_not_spoken_of(week, runs):
    week(31)
    (runs / "notes").mkdir()
    (runs / "scores").mkdir()
    (runs / "scores" / "scores.parquet").write_bytes(b"no run.json beside it")
    found = read_history(runs)
    assert (len(found.frame), found.left_out) == (1, {})


def test_a_run_in_which_nothing_was_scored_is_a_row_without_figures(week, runs):
    week(31)
    week(32, silent=70)
    found = read_history(runs)
    assert found.left_out == {}
    own = found.frame.iloc[1]
    assert (own["samples"], own["bona_fide"], own["coverage"]) == (70, 0, 0.0)
    assert np.isnan(own["bpcer"])
    assert np.isnan(own["threshold"])


def test_a_folder_without_a_run_is_refused_and_says_which_were_left_out(week, runs, tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        read_history(tmp_path / "nowhere")
    broken_scores(week(31))
    with pytest.raises(
        InputError, match=r"no run in it; expected folders with scores\.parquet and run\.json\n2026-W31: "
    ):
        read_history(runs)


def test_the_table_is_a_parquet_file_that_any_reader_takes(week, runs, tmp_path):
    week(31, name="häufig & <b>")
    week(32, blocked=1)
    found = read_history(runs)
    assert found.write() == runs / "history.parquet"
    read = pd.read_parquet(runs / "history.parquet")
    pd.testing.assert_frame_equal(read, found.frame, check_dtype=False)
    assert found.write(tmp_path / "a" / "b.parquet").is_file()
    assert [own.name for own in runs.iterdir() if own.name.startswith(".")] == []
    with pytest.raises(InputError, match=r"/proc/nowhere/h\.parquet: can't be written"):
        found.write("/proc/nowhere/h.parquet")
    assert len(read_history(runs).frame) == 2  # the table itself is no run


def test_names_from_outside_cannot_steer_the_terminal(week, runs):
    week(31, name="run\x1b[2J", dataset={"name": "\x1b]0;x\x07", "digest": "aa"})
    text = history_text(read_history(runs))
    assert (
        json.dumps("run\x1b[2J") not in text
    )  # the command prints it through what writes such characters out


def test_each_run_is_told_while_it_is_looked_at(week, runs):
    week(31)
    week(32)
    told: list[str] = []
    read_history(runs, progress=told.append)
    assert told == ["2026-W31", "2026-W32"]


def test_a_higher_confidence_gives_wider_limits(week, runs):
    week(31, blocked=4)
    narrow, wide = (read_history(runs, confidence=own).frame.iloc[0] for own in (0.9, 0.99))
    assert wide["bpcer_low"] < narrow["bpcer_low"] < narrow["bpcer_high"] < wide["bpcer_high"]


def test_runs_are_in_the_order_of_time_whatever_their_offset_and_one_without_scores_changes_nothing(tmp_path):
    # 09:30+09:00 is 00:30 UTC: before 01:00 UTC, though its text comes after
    scores = pd.DataFrame(
        {"sample_id": [*"ab"], "label": ["real", "fake"], "score": [0.1, 0.9], "threshold": 0.6}
    )
    for name, at, own in (
        ("late", "2026-01-02T01:00:00+00:00", scores),
        ("early", "2026-01-02T09:30:00+09:00", scores),
        ("silent", "2026-01-03T00:00:00+00:00", scores.assign(score=np.nan, threshold=np.nan)),
        ("last", "2026-01-04T00:00:00+00:00", scores),
    ):
        ScoreTable.from_frame(own).with_provenance(run={"started_at": at}).write(tmp_path / name)
    found = read_history(tmp_path).frame
    assert found["run"].tolist() == ["early", "late", "silent", "last"]
    assert found["changed"].tolist() == ["", "", "", ""]
