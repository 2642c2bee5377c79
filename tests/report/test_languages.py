"""Every word of a page goes through the catalogues, and the catalogues are complete."""

from __future__ import annotations

import gettext
import hashlib
import json
import re
from html.parser import HTMLParser
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
SILENT = {"script", "style", "bdi", "code", "textarea"}
# what fills the gaps of a text must come from the catalogue by itself
GAPS = re.compile(r"(<[^>]*>|\{\{|\}\}|\{[a-z_0-9]+\}|%\([a-z_]+\)s)")
FILES = re.compile(r"\b[a-z0-9_-]+\.(?:csv|json)\b")
SPOKEN = {"aria-label", "aria-description", "aria-valuetext", "alt", "title", "placeholder"}
# terms of the field, which are the same in every language, and how texts of the page's own data begin
TERMS = {
    *(
        "APCER",
        "BPCER",
        "AUC",
        "EER",
        "ROC",
        "DET",
        "PSI",
        "KS",
        "Holm",
        "JSON",
        "CSV",
        "API",
        "DeLong",
        "Wilson",
    ),
    *("Clopper", "Pearson", "Youden", "Brier", "ECE", "Cllr", "ms", "finauth", "eval", "Ctrl"),
}


class Brackets(gettext.NullTranslations):
    """A language in which every text of the catalogue stands in brackets, but for its gaps and its markup."""

    def gettext(self, message: str) -> str:
        parts = GAPS.split(message)
        return "".join(
            part if k % 2 or not part.strip() else f"{OPEN}{part}{CLOSE}" for k, part in enumerate(parts)
        )

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return self.gettext(msgid1 if n == 1 else msgid2)


class Outside(HTMLParser):
    """Collects what a reader is told outside of all brackets."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.depth = 0
        self.silent: list[str] = []
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in SILENT:
            self.silent.append(tag)
        for name, value in attrs:
            if name in SPOKEN:
                self.found += self._outside(value or "", 0)[0]

    def handle_endtag(self, tag: str) -> None:
        if self.silent and self.silent[-1] == tag:
            self.silent.pop()

    def handle_data(self, data: str) -> None:
        found, depth = self._outside(data, self.depth)
        self.depth = depth
        if not self.silent:
            self.found += found

    @staticmethod
    def _outside(text: str, depth: int) -> tuple[list[str], int]:
        kept: list[str] = []
        for char in text:
            if char == OPEN:
                depth += 1
            elif char == CLOSE:
                depth -= 1
            elif depth == 0:
                kept.append(char)
                continue
            kept.append("\0")
        words = re.split("\0+", "".join(kept))
        return [own for own in words if own.strip()], depth


def unspoken(page: str, names: set[str]) -> list[str]:
    """What stands outside of brackets and has a word in it that is neither a term nor one of these names."""
    reader = Outside()
    reader.feed(page)
    reader.close()
    assert reader.depth == 0
    return [own for own in reader.found if has_words(own, names)]


def has_words(text: str, names: set[str]) -> bool:
    allowed = TERMS | names
    return any(word not in allowed for word in re.findall(r"[^\W\d_]{2,}", FILES.sub("", text)))


def outside(text: str) -> str:
    """What of a text stands outside of brackets."""
    return re.sub(f"{OPEN}[^{CLOSE}]*{CLOSE}", "", text)


@pytest.fixture
def brackets(monkeypatch):
    monkeypatch.setattr(phrases, "_catalogue", lambda wanted: Brackets())


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


def unspoken_by_the_page(
    evaluation: Evaluation, recommendations: Recommendations | None, **options: Any
) -> list[str]:
    """What the report leaves in English: on the page, in the warnings (where names from outside are isolated together with
    the sentence, so that the page is no help), and in what the script says."""
    page = render_report(evaluation, recommendations, lang="id", **options)
    with phrases.speaking("id"):
        warnings = [phrases.translated(own) for own in evaluation.warnings]
    found = re.search(r'id="explorer-data">(.*?)</script>', page, re.DOTALL)
    words = [] if found is None else [*json.loads(found[1])["words"].values()]
    gaps = {word for own in words for word in re.findall(r"{(\w+)}", own)}
    said = [own for own in words if has_words(outside(own), gaps)]
    return [*unspoken(page, NAMES), *(own for own in warnings if has_words(outside(own), NAMES)), *said]


def test_every_word_of_a_report_is_in_the_catalogue(brackets, evaluation, recommendations, table):
    page = render_report(evaluation, recommendations, scores=table, lang="id")
    assert unspoken(page, NAMES) == []


@pytest.mark.parametrize("held_back", [None, 0.5])
def test_a_report_with_every_kind_of_goal_speaks(brackets, table, held_back):
    evaluation = evaluate(table, thresholds=[0.35], by=["region", "media_type", "device"], bootstrap=0)
    answers = recommend(table, POLICIES, holdout=held_back, seed=7)
    assert unspoken_by_the_page(evaluation, answers, scores=table, command="finauth-eval report x") == []


def test_a_report_of_results_alone_speaks(brackets, table):
    assert unspoken_by_the_page(evaluate(table, cluster="none", bootstrap=0), None) == []


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
def test_a_report_of_unusual_data_speaks(brackets, frame, kind):
    run = {"not_sent": {"missing": 1}, "dataset": {}, "lists": [[]], **{f"kind{k}": k for k in range(70)}}
    table = ScoreTable.from_frame(varied(frame(), kind)).with_provenance(**provenance_of_run(run))
    evaluation = evaluate(table, by=["region"], bootstrap=0)
    answers = recommend(table, FEW, seed=3) if kind != "one" else None
    assert unspoken_by_the_page(evaluation, answers, scores=table) == []
    assert unspoken_by_the_page(evaluation, answers) == []


def test_a_report_with_pictures_speaks(brackets, frame, tmp_path: Path):
    cv2 = pytest.importorskip("cv2", reason="thumbnails need the demo extra: pip install -e '.[demo]'")
    done, coded = cv2.imencode(".png", np.full((40, 40, 3), 90, np.uint8))
    assert done
    content = bytes(coded.tobytes())
    (tmp_path / "a.png").write_bytes(content)
    table = ScoreTable.from_frame(frame().assign(sha256=hashlib.sha256(content).hexdigest()))
    evaluation = evaluate(table, bootstrap=0)
    assert unspoken_by_the_page(evaluation, None, scores=table, thumbnails=tmp_path) == []
    (tmp_path / "a.png").unlink()
    assert unspoken_by_the_page(evaluation, None, scores=table, thumbnails=tmp_path) == []


def test_why_pictures_are_missing_is_said_in_every_language(brackets):
    missing = {phrases.phrase("not in the folder"): 1, phrases.phrase("could not be decoded"): 2}
    words = Thumbnails(by_content={}, missing=missing).words
    assert (
        words == "No picture of every sample: 1 content not in the folder; 2 contents could not be decoded."
    )
    with speaking("id"):
        words = Thumbnails(by_content={}, missing=missing).words
    assert words is not None
    assert not has_words(outside(words), NAMES)


def test_goals_and_reasons_are_said_in_every_language(brackets):
    with speaking("id"):
        for policy in POLICIES:
            assert not has_words(outside(policy_words(policy)), {"F"})
        assert outside(reason_words("no_face_found")) == ""
        assert reason_words("some_new_reason") == "some_new_reason"


def test_months_are_said_in_every_language(brackets):
    scale = TimeScale(low=0.0, high=4 * 86_400.0)
    months = TimeScale(low=0.0, high=300 * 86_400.0)
    assert [tick.label for tick in months.ticks()][:2] == ["Jan 1970", "Mar 1970"]
    with speaking("id"):
        assert scale.ticks()[0].label == f"1 {OPEN}Jan{CLOSE}"
        assert months.ticks()[0].label == f"{OPEN}Jan{CLOSE} 1970"
