"""The main job on real pictures, once: what the demo leaves behind, and that its detector is honest."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from finauth_eval.demo.journey import DEMO_POLICIES, Journey, run_demo
from finauth_eval.evaluation import evaluate
from finauth_eval.recommendation import recommend
from finauth_eval.sandbox.weights import cache_directory
from finauth_eval.scores import ScoreTable, read_scores

pytestmark = [pytest.mark.demo, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def journey(demo_directory: Path, out: Path) -> Journey:
    # answers of an unchanged detector are kept from one run of the tests to the next, as the tool promises
    answers = cache_directory() / "demo" / "answers-of-the-tests"
    return run_demo(out=out, data=demo_directory, cache=answers, say=lambda _: None)


@pytest.fixture(scope="module")
def scores(journey: Journey) -> ScoreTable:
    return read_scores(journey.run)


def test_it_leaves_a_report_and_the_run_beside_it(journey: Journey, out: Path) -> None:
    assert journey.exit_code == 0
    assert {entry.name for entry in out.iterdir()} == {
        "report.html", "run.json", "scores.parquet", "region-idn", "version-5.1", "regions.json", "versions.json",
        "regions.html", "versions.html",
    }  # fmt: skip
    summary = json.loads((out / "run.json").read_text())
    assert (summary["samples"], summary["scored"], summary["no_response"]) == (333, 329, {"no_face_found": 4})
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "Weak reference detector" in page


def test_run_again_it_sends_nothing(journey: Journey, demo_directory: Path, tmp_path: Path) -> None:
    said: list[str] = []
    answers = cache_directory() / "demo" / "answers-of-the-tests"
    again = run_demo(out=tmp_path, data=demo_directory, cache=answers, say=said.append)
    assert json.loads((again.run / "run.json").read_text())["sends"] == 0
    assert sum("is in the cache" in line for line in said) == 3
    first, second = read_scores(journey.run), read_scores(tmp_path)
    assert first.provenance.digest == second.provenance.digest


def test_it_names_a_threshold_that_the_data_support_and_says_where_they_do_not(scores: ScoreTable) -> None:
    advice = recommend(scores, DEMO_POLICIES)
    feasible = {(item.policy.name, getattr(item.policy, "target", None)): item.feasible for item in advice}
    assert feasible["max_bpcer", 0.20] is True
    assert feasible["max_bpcer", 0.01] is False
    needs = advice.items[1].needs["bona_fide"]
    assert (needs.required, needs.has) == (299, 15)


def test_the_area_is_real_and_that_of_permuted_labels_is_a_half(scores: ScoreTable) -> None:
    kept = scores.scored
    labels, values = scores.is_attack[kept], scores.scores[kept]
    area = evaluate(scores, bootstrap=0).auc
    assert area.value == pytest.approx(roc_auc_score(labels, values), abs=1e-12)
    assert area.low > 0.5
    assert area.high < 1
    chance = np.random.default_rng(7)
    permuted = [roc_auc_score(chance.permutation(labels), values) for _ in range(300)]
    # each has a standard deviation of about 0.036, so their mean is within 0.01 of a half
    assert abs(np.mean(permuted) - 0.5) < 0.01
    assert area.value > max(permuted)
