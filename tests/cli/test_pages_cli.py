"""report --against and history build: pages of two runs and of many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from finauth_eval.baselines import accept_baseline
from finauth_eval.cli import app
from finauth_eval.scores import ScoreTable

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    rng = np.random.default_rng(1)
    attack = np.arange(200) % 2 == 1
    score = np.clip(np.where(attack, 0.7, 0.3) + rng.normal(0, 0.15, 200), 0, 1)
    frame = pd.DataFrame(
        {"sample_id": [f"s{k}" for k in range(200)], "label": np.where(attack, "fake", "real")}
    )
    run: dict[str, Any] = {
        "schema": "finauth-eval/run/1",
        "started_at": "2026-01-05T09:00:00+00:00",
        "exit": 0,
    }
    folders = []
    for name, move in (("a", 0.0), ("b", 0.15)):
        table = ScoreTable.from_frame(frame.assign(score=np.clip(score + move, 0, 1)))
        folders.append(table.with_provenance(run=run).write(tmp_path / "runs" / name))
    return folders[0], folders[1]


def called(*words: object) -> tuple[int, str]:
    found = CliRunner().invoke(app, [str(word) for word in words])
    return found.exit_code, found.output + str(found.exception or "")


def test_report_against_another_run_is_a_comparison_with_the_rules(
    runs: tuple[Path, Path], tmp_path: Path
) -> None:
    rules = tmp_path / "gate.toml"
    rules.write_text('[[rule]]\nmetric = "bpcer"\n')
    page = tmp_path / "change.html"
    assert called("report", runs[1], "--against", runs[0], "-o", page, "--gate", rules)[0] == 0
    text = page.read_text(encoding="utf-8")
    assert "Better in one error, not in the other" in text
    assert "Gate: fail" in text
    assert "bpcer: at most 0.5 points worse" in text


def test_reference_may_be_an_accepted_baseline(runs: tuple[Path, Path], tmp_path: Path) -> None:
    page = tmp_path / "change.html"
    accepted = accept_baseline(runs[0], reason="first", who="me")
    assert called("report", runs[1], "--against", accepted, "-o", page, "--margin", "0.02")[0] == 0
    assert "Is B worse by less than 2 points?" in page.read_text(encoding="utf-8")


def test_gate_on_too_few_scores_is_invalid_there_too(runs: tuple[Path, Path], tmp_path: Path) -> None:
    rules, page = tmp_path / "gate.toml", tmp_path / "change.html"
    rules.write_text('[[rule]]\nmetric = "bpcer"\n')
    found = called(
        "report", runs[1], "--against", runs[0], "-o", page, "--gate", rules, "--min-coverage", "1"
    )
    assert found[0] == 0  # every sample has a score
    frame = pd.read_parquet(runs[1] / "scores.parquet")
    frame.loc[:150, "score"] = np.nan
    frame.loc[:150, "outcome"] = "no_response"
    frame.to_parquet(runs[1] / "scores.parquet")
    found = called("report", runs[1], "--against", runs[0], "-o", page, "--gate", rules)
    assert found[0] == 7
    assert "Gate: invalid" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--against", "{a}", "--max-bpcer", "0.1"], "--max-bpcer is for the report of a single run"),
        (["--against", "{a}", "--holdout", "0.5"], "--holdout is for the report of a single run"),
        (["--against", "{a}", "--threshold", "0.4", "--threshold", "0.5"], "compared at one"),
        (["--gate", "gate.toml"], "say with --against"),
        (["--margin", "0.1"], "say with --against"),
    ],
)
def test_options_of_the_other_report_are_refused(
    runs: tuple[Path, Path], tmp_path: Path, words: list[str], said: str
) -> None:
    page = tmp_path / "change.html"
    code, output = called("report", runs[1], "-o", page, *(word.format(a=runs[0]) for word in words))
    assert code != 0
    assert said in output
    assert not page.exists()


def test_history_build_writes_a_page_beside_the_table(runs: tuple[Path, Path], tmp_path: Path) -> None:
    page = tmp_path / "pages" / "history.html"
    code, output = called("history", "build", tmp_path / "runs", "-o", page)
    assert code == 0
    assert f"page: {page}" in output
    assert "2 runs: 2 without a verdict" in page.read_text(encoding="utf-8")


def test_page_that_cannot_be_written_is_said(runs: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for words in (["report", runs[1], "--against", runs[0]], ["history", "build", tmp_path / "runs"]):
        code, output = called(*words, "-o", tmp_path / "file" / "page.html")
        assert code != 0
        assert "can't be written" in output
