"""Every word of a page goes through the catalogues, and the catalogues are complete."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from finauth_eval import phrases
from finauth_eval.evaluation import Evaluation, evaluate
from finauth_eval.phrases import speaking
from finauth_eval.recommendation import (
    AcceptReviewReject,
    BestFBeta,
    EqualError,
    MaxApcer,
    MaxBpcer,
    MinCost,
    Policy,
    Recommendations,
    Youden,
    recommend,
)
from finauth_eval.report import render_report
from finauth_eval.report.charts.times import TimeScale
from finauth_eval.report.thumbnails import Thumbnails
from finauth_eval.report.wording import policy_words, reason_words
from finauth_eval.scores import ScoreTable, provenance_of_run

if TYPE_CHECKING:
    from pathlib import Path

OPEN, CLOSE = "⟦", "⟧"
NAMES = {
    "face",
    "swap",
    "replay",
    "morph",
    "inpainting",
    "puppeteering",
    "sgp",
    "idn",
    "hkg",
    "image",
    "video",
    "demo",
}
NAMES |= {"region", "media", "type", "phone", "laptop", "kiosk", "device", "Run"}


NAMES |= {"kind"}
# further terms of the field, which are the same in every language
NAMES |= {"EER", "CSV", "DeLong", "Wilson", "Clopper", "Pearson", "Youden", "Brier", "ECE", "Cllr", "Ctrl"}

POLICIES: list[Policy] = [
    MaxBpcer(0.05),
    MaxApcer(0.05),
    MaxApcer(0.1, pooled=True),
    MinCost(miss=20, alarm=1, prior=0.02),
    MinCost(miss=20, alarm=1, prior=0.02, subject_to=(MaxBpcer(0.05), MaxApcer(0.1, pooled=True))),
    AcceptReviewReject(miss=20, alarm=1, prior=0.02, review=0.1),
    AcceptReviewReject(miss=20, alarm=1, prior=0.02, capacity=0.1),
    MaxBpcer(0.0001),
    EqualError(),
    Youden(),
    BestFBeta(2.0),
]
FEW: list[Policy] = [MaxBpcer(0.05), MaxApcer(0.05), EqualError()]


@pytest.fixture
def left_in_english(brackets, unspoken, unspoken_words):
    """What a report leaves in English: on the page, in the warnings (where names from outside are isolated together with
    the sentence, so that the page is no help), and in what the script says."""

    def find(evaluation: Evaluation, recommendations: Recommendations | None, **options: Any) -> list[str]:
        page = render_report(evaluation, recommendations, lang="id", **options)
        with speaking("id"):
            said = [phrases.translated(own) for own in evaluation.warnings]
        data = re.search(r'id="explorer-data">(.*?)</script>', page, re.DOTALL)
        words = [] if data is None else [*json.loads(data[1])["words"].values()]
        gaps = {gap for own in words for gap in re.findall(r"{(\w+)}", own)}
        found = unspoken(page, NAMES)
        found += [piece for own in said for piece in unspoken_words(own, NAMES)]
        return found + [piece for own in words for piece in unspoken_words(own, gaps | NAMES)]

    return find


def test_every_word_of_a_report_is_in_the_catalogue(left_in_english, evaluation, recommendations, table):
    assert left_in_english(evaluation, recommendations, scores=table) == []


@pytest.mark.parametrize("held_back", [None, 0.5])
def test_a_report_with_every_kind_of_goal_speaks(left_in_english, table, held_back):
    evaluation = evaluate(table, thresholds=[0.35], by=["region", "media_type", "device"], bootstrap=0)
    answers = recommend(table, POLICIES, holdout=held_back, seed=7)
    assert left_in_english(evaluation, answers, scores=table, command="finauth-eval report x") == []


def test_a_report_of_results_alone_speaks(left_in_english, table):
    assert left_in_english(evaluate(table, cluster="none", bootstrap=0), None) == []


def scored(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["score"].notna()]


def varied(frame: pd.DataFrame, kind: str) -> pd.DataFrame:
    known, count = frame["score"].notna(), np.arange(len(frame))
    match kind:
        case "attacks":
            return frame[frame["label"] == "attack"]
        case "genuine":
            return frame[frame["label"] == "bona_fide"]
        case "one":
            return scored(frame).head(1)
        case "two":
            return scored(frame).groupby("label").head(1)
        case "ten":
            return scored(frame).groupby("label").head(5).drop(columns="subject")
        case "flipped":
            return frame.assign(score=1 - frame["score"])
        case "constant":
            return frame.assign(score=frame["score"] * 0 + 0.5)
        case "perfect":
            return frame.assign(score=np.where(frame["label"] == "attack", 0.9, 0.1))
        case "guess":
            return frame.assign(score=np.random.default_rng(1).random(len(frame)).round(4))
        case "thresholds":
            return frame.assign(threshold=np.where(known, (count % 11) / 20, np.nan))
        case "untyped":
            return frame.drop(columns=["attack_type", "sample_id", "threshold", "result"]).assign(reason=None)
        case "split":
            parts = np.where(count % 2, "test", "validation")
            return frame.assign(split=parts, round_trip_ms=frame["time_used_ms"] + 5)
        case "reasons":
            return frame.assign(
                reason=np.where(known, None, [f"kind{k}" for k in count]), score=frame["score"]
            )
        case "types":
            names = [f"kind{k % 50}" for k in count]
            return frame.assign(attack_type=np.where(frame["label"] == "attack", names, None))
        case _:
            raise AssertionError(kind)


KINDS = (
    "attacks", "genuine", "one", "two", "ten", "flipped", "constant", "perfect", "guess", "thresholds", "untyped", "split",
    "reasons", "types",
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_report_of_unusual_data_speaks(left_in_english, frame, kind):
    run = {"not_sent": {"missing": 1}, "dataset": {}, "lists": [[]], **{f"kind{k}": k for k in range(70)}}
    table = ScoreTable.from_frame(varied(frame(), kind)).with_provenance(**provenance_of_run(run))
    evaluation = evaluate(table, by=["region"], bootstrap=0)
    answers = recommend(table, FEW, seed=3) if kind != "one" else None
    assert left_in_english(evaluation, answers, scores=table) == []
    assert left_in_english(evaluation, answers) == []


def test_a_report_with_pictures_speaks(left_in_english, frame, tmp_path: Path):
    cv2 = pytest.importorskip("cv2", reason="thumbnails need the demo extra: pip install -e '.[demo]'")
    done, coded = cv2.imencode(".png", np.full((40, 40, 3), 90, np.uint8))
    assert done
    content = bytes(coded.tobytes())
    (tmp_path / "a.png").write_bytes(content)
    table = ScoreTable.from_frame(frame().assign(sha256=hashlib.sha256(content).hexdigest()))
    evaluation = evaluate(table, bootstrap=0)
    assert left_in_english(evaluation, None, scores=table, thumbnails=tmp_path) == []
    (tmp_path / "a.png").unlink()
    assert left_in_english(evaluation, None, scores=table, thumbnails=tmp_path) == []


def test_why_pictures_are_missing_is_said_in_every_language(brackets, unspoken_words):
    missing = {phrases.phrase("not in the folder"): 1, phrases.phrase("could not be decoded"): 2}
    words = Thumbnails(by_content={}, missing=missing).words
    assert (
        words == "No picture of every sample: 1 content not in the folder; 2 contents could not be decoded."
    )
    with speaking("id"):
        words = Thumbnails(by_content={}, missing=missing).words
    assert words is not None
    assert unspoken_words(words, NAMES) == []


def test_goals_and_reasons_are_said_in_every_language(brackets, unspoken_words):
    with speaking("id"):
        for policy in POLICIES:
            assert unspoken_words(policy_words(policy), {"F"}) == []
        assert reason_words("no_face_found") == f"{OPEN}no face found{CLOSE}"
        assert reason_words("some_new_reason") == "some_new_reason"


def test_months_are_said_in_every_language(brackets):
    scale = TimeScale(low=0.0, high=4 * 86_400.0)
    months = TimeScale(low=0.0, high=300 * 86_400.0)
    assert [tick.label for tick in months.ticks()][:2] == ["Jan 1970", "Mar 1970"]
    with speaking("id"):
        assert scale.ticks()[0].label == f"1 {OPEN}Jan{CLOSE}"
        assert months.ticks()[0].label == f"{OPEN}Jan{CLOSE} 1970"
