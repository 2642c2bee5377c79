"""Every word of the pages of comparisons and of histories goes through the catalogues, whatever the runs are."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from finauth_eval.baselines import accept_baseline
from finauth_eval.comparison import Comparison, compare
from finauth_eval.gate import Rule, Verdict, check, invalid
from finauth_eval.gating.explaining import judged
from finauth_eval.gating.observing import Seen
from finauth_eval.history import FIGURES, History, read_history
from finauth_eval.phrases import Phrase, speaking, translated
from finauth_eval.report import render_comparison, render_history
from finauth_eval.scores import ScoreTable

if TYPE_CHECKING:
    from collections.abc import Callable

    Unspoken = Callable[[str, set[str]], list[str]]

pytestmark = pytest.mark.usefixtures("brackets")

# names in the data, and code names
NAMES = {
    *("device", "face", "swap", "replay", "morph", "inpainting", "puppeteering", "sgp", "idn", "hkg", "demo", "region"),
    *("media", "type", "video", "bpcer", "apcer", "worst", "auc", "coverage", "at"),
}  # fmt: skip


@pytest.fixture
def spoken(unspoken: Unspoken) -> Callable[..., None]:
    """Asserts that all of a comparison's page is said in the other language."""

    def holds(found: Comparison, verdict: Verdict | None = None) -> None:
        page = render_comparison(found, verdict, lang="id")
        assert unspoken(page, NAMES) == []

    return holds


def moved(frame: pd.DataFrame, by: float, *, lose: int = 0, spread: float = 0.05) -> pd.DataFrame:
    rng = np.random.default_rng(2)
    score = (frame["score"] + rng.normal(by, spread, len(frame))).clip(0, 1).round(4)
    if lose:
        score.iloc[rng.choice(len(frame), lose, replace=False)] = np.nan
    known = score.notna()
    return frame.assign(
        score=score, threshold=np.where(known, 0.5, np.nan), result=np.where(known, score >= 0.5, None)
    )


def other_half(frame: pd.DataFrame, kind: str) -> pd.DataFrame:
    known, count = frame["score"].notna(), np.arange(len(frame))
    match kind:
        case "same":
            return frame
        case "worse":
            return moved(frame, 0.25)
        case "better":
            return frame.assign(score=np.where(frame["label"] == "attack", 0.99, 0.01))
        case "lost":
            return moved(frame, 0.0, lose=80)
        case "threshold":
            return frame.assign(threshold=np.where(known, 0.6, np.nan))
        case "unpaired":
            return moved(frame, 0.05).assign(
                sample_id=[f"q{k}" for k in count], subject=[f"z{k % 90}" for k in count]
            )
        case "relabelled":
            return frame.assign(label=np.where(count % 40 == 0, "bona_fide", frame["label"]))
        case _:
            raise AssertionError(kind)


KINDS = ("same", "worse", "better", "lost", "threshold", "unpaired", "relabelled")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cluster", [None, "none"])
def test_a_comparison_speaks(kind, cluster, spoken, frame, run_summary, as_table):
    a = frame(n=200)
    one, other = as_table(a, run_summary()), as_table(other_half(a, kind), run_summary(campaign="w2"))
    spoken(compare(one, other, by=["region"], cluster=cluster, bootstrap=100))


def test_a_comparison_of_clusters_that_are_no_subjects_speaks(spoken, frame, as_table):
    a = frame(n=200).drop(columns="subject")
    spoken(compare(as_table(a), as_table(moved(a, 0.1)), cluster="device", bootstrap=0))


def test_a_comparison_without_labels_speaks(spoken, frame, as_table):
    a = frame(n=200).drop(columns=["label", "attack_type"])
    spoken(compare(*(as_table(own, require_labels=False) for own in (a, moved(a, 0.1)))))
    apart = moved(a, 0.1).assign(sample_id=[f"q{k}" for k in range(len(a))])
    spoken(compare(*(as_table(own, require_labels=False) for own in (a, apart))))


@pytest.mark.parametrize("label", ["attack", "bona_fide"])
def test_a_comparison_of_one_class_speaks(label, spoken, frame, as_table):
    a = frame(n=200)
    a = a[a["label"] == label]
    spoken(compare(as_table(a), as_table(moved(a, 0.1)), bootstrap=0))


def test_small_and_even_comparisons_speak(spoken, frame, as_table):
    a = frame(n=200)
    few = a[a["score"].notna()].groupby("label").head(2)
    spoken(compare(as_table(few), as_table(moved(few, 0.2)), bootstrap=0))
    equal = a.assign(score=a["score"] * 0 + 0.5)
    spoken(compare(as_table(equal), as_table(equal), bootstrap=0))
    full = a.assign(score=a["score"].notna() * 1.0)
    spoken(compare(as_table(a), as_table(full), bootstrap=0))
    # both equivalent and inconclusive verdicts
    spoken(compare(as_table(a), as_table(moved(a, 0.0, spread=0.001)), margin=0.3, bootstrap=0))
    spoken(compare(as_table(a), as_table(moved(a, 0.0, spread=0.02)), margin=0.001, bootstrap=0))


def test_a_comparison_with_many_flips_and_slices_speaks(spoken, frame, as_table):
    a = pd.concat([frame(n=300, seed=k) for k in range(5)], ignore_index=True)
    a = a.assign(
        sample_id=[f"m{k}" for k in range(len(a))], region=[f"r{k % 40}" for k in range(len(a))]
    ).drop(columns="subject")
    b = a.assign(score=1 - a["score"], round_trip_ms=30.0)
    spoken(compare(as_table(a.assign(round_trip_ms=20.0)), as_table(b), by=["region"], bootstrap=0))


def test_a_comparison_with_samples_asked_again_speaks(spoken, frame, as_table):
    a = frame(n=200)
    a = a.assign(sha256=[f"{k // 2:064x}" for k in range(len(a))], label="attack", attack_type="replay")
    spoken(compare(as_table(a), as_table(moved(a, 0.1)), bootstrap=0))


def test_the_script_of_a_table_is_given_its_words(frame, as_table):
    a = frame(n=200)
    page = render_comparison(compare(as_table(a), as_table(moved(a, 0.3)), bootstrap=0), lang="id")
    assert 'data-filter="⟦Show only rows with⟧" data-shown="{shown}⟦ of ⟧{all}⟦ rows⟧"' in page
    assert "Show only" not in page[page.rindex("<script>") :]


RULES = (
    Rule(metric="bpcer"),
    Rule(metric="bpcer", tolerance=0.3, ceiling=0.9, threshold=0.4),
    Rule(metric="apcer", tolerance=0.01, ceiling=0.01, slice=("media_type", "video")),
    Rule(metric="apcer_worst", tolerance=0.05, ceiling=0.2),
    Rule(metric="auc", tolerance=0.01, floor=0.999),
    Rule(metric="auc", floor=0.5, name="own"),
    Rule(metric="bpcer_at_apcer.20", tolerance=0.05, ceiling=0.01),
    Rule(metric="coverage", tolerance=0.01, floor=0.5),
    Rule(metric="bpcer", minimum_n=10_000),
)


@pytest.mark.parametrize("kind", ["same", "worse", "better", "lost", "unpaired"])
def test_gates_speak(kind, spoken, unspoken_words, frame, as_table):
    a = frame(n=200)
    found = compare(as_table(a), as_table(other_half(a, kind)), bootstrap=0)
    rules = RULES
    verdict = check(found, rules, exchanges=100)
    spoken(found, verdict)
    names = NAMES | {"own"}
    with speaking("id"):
        for text in (verdict.headline, *(own.explanation for own in verdict.rules)):
            assert unspoken_words(translated(text), names) == []
        for own in verdict.rules:
            assert unspoken_words(translated(own.name), names) == []


@pytest.mark.parametrize(
    ("rules", "word"),
    [
        ([Rule(metric="bpcer", tolerance=0.9)], "pass"),
        ([Rule(metric="bpcer")], "fail"),
        ([Rule(metric="bpcer", minimum_n=10_000)], "inconclusive"),
    ],
)
def test_each_verdict_of_a_gate_is_in_the_other_language(
    rules, word, spoken, unspoken_words, frame, as_table
):
    a = frame(n=200)
    found = compare(as_table(a), as_table(moved(a, 0.3)), bootstrap=0)
    verdict = check(found, rules, exchanges=0)
    assert verdict.verdict == word
    spoken(found, verdict)
    page = render_comparison(found, verdict, lang="id")
    assert f"⟦Gate: ⟧⟦{word}⟧" in page
    with speaking("id"):
        assert unspoken_words(translated(verdict.headline), set()) == []


def test_invalid_verdicts_and_verdicts_of_files_are_shown(spoken, frame, as_table):
    a = frame(n=200).drop(columns=["label", "attack_type"])
    found = compare(*(as_table(own, require_labels=False) for own in (a, moved(a, 0.1))))
    verdict = check(found, [Rule(metric="bpcer")])
    assert verdict.verdict == "invalid"
    assert isinstance(verdict.headline, Phrase)
    spoken(found, verdict)
    # what is read back is the English text
    spoken(found, invalid(str(verdict.reason), baseline="a", run="b"))


def test_every_sentence_about_a_check_is_a_phrase(unspoken_words):
    nan = np.nan
    for metric in ("bpcer", "auc", "apcer_worst"):
        limit = {"floor": 0.9} if metric == "auc" else {"ceiling": 0.1}
        checks = Rule(metric=metric, tolerance=0.005, **limit).checks()
        for own in checks:
            for observed in (-0.2, 0.0, 0.001, 0.2, 0.95, nan):
                for p_value in (0.0001, 0.9, nan):
                    for n in (10, 1000):
                        for worst in (nan, 0.5):
                            seen = Seen(
                                observed=observed, p_value=p_value, before=0.2, after=0.2, worst_case=worst, n=n,
                                independent=3 if n == 1000 and worst == 0.5 else n,
                                about="replay" if metric == "apcer_worst" else "",
                            )  # fmt: skip
                            _, words = judged(own, seen, p_value, m=2, paired=True)
                            assert isinstance(words, Phrase)
                            with speaking("id"):
                                assert unspoken_words(translated(words), {"replay"}) == []


@pytest.fixture(scope="module")
def history(
    tmp_path_factory: pytest.TempPathFactory,
    frame: Callable[..., pd.DataFrame],
    run_summary: Callable[..., dict[str, Any]],
    as_table: Callable[..., ScoreTable],
) -> History:
    """Five runs with every verdict, of two datasets and two thresholds, and a folder that is left out."""
    root = tmp_path_factory.mktemp("runs")
    for k, verdict in enumerate(["pass", "fail", "inconclusive", "invalid", None]):
        rows = frame(n=60, seed=k)
        if k == 4:
            rows["threshold"] = rows["threshold"].replace(0.5, 0.6)
        started = datetime(2026, 1, 5, 9, tzinfo=UTC) + timedelta(days=k)
        summary = run_summary(
            started_at=started.isoformat(), dataset={"name": "demo", "digest": ("ab" if k < 3 else "cd") * 32}
        )
        folder = as_table(rows, summary).write(root / f"run{k}")
        if verdict is not None:
            (folder / "verdict.json").write_text(json.dumps({"verdict": verdict}))
    accept_baseline(root / "run1", reason="the first", who="me")
    (root / "broken").mkdir()
    (root / "broken" / "scores.parquet").write_bytes(b"")
    (root / "broken" / "run.json").write_text("{}")
    return read_history(root)


def made(n: int, **columns: Any) -> History:
    """A history of n runs, a day apart, of which only BPCER is known."""
    frame = pd.DataFrame({
        "run": [f"r{k:03d}" for k in range(n)],
        "started_at": [(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=k)).isoformat() for k in range(n)],
        "campaign": "default", "region": "sgp", "endpoint": "v5", "dataset_name": "demo", "dataset_digest": "ab" * 32,
        "threshold": 0.5, "samples": 100, "bona_fide": 50, "attack": 50,
        **{f"{name}{suffix}": np.nan for name in FIGURES for suffix in ("", "_low", "_high")},
        "worst_type": None, "verdict": None, "baseline": False, "baseline_reason": None, "changed": "",
    })  # fmt: skip
    frame["bpcer"] = np.linspace(0.05, 0.15, n)
    frame["bpcer_low"], frame["bpcer_high"] = frame["bpcer"] - 0.02, frame["bpcer"] + 0.02
    return History(folder=Path("demo"), frame=frame.assign(**columns), left_out={})


def of_history(found: History, unspoken: Unspoken) -> list[str]:
    return unspoken(render_history(found, lang="id"), NAMES | {"runs"})  # the folder's name


def test_a_history_with_verdicts_and_folders_left_out_speaks(history, unspoken):
    assert history.left_out
    assert of_history(history, unspoken) == []
    page = render_history(history, lang="id")
    for word in ("pass", "fail", "inconclusive", "invalid", "no verdict"):
        assert f"<b>⟦{word}⟧</b>" in page


@pytest.mark.parametrize(
    ("n", "columns"),
    [
        (1, {}),
        (3, {}),
        (70, {"changed": ["" if k % 9 else "dataset, endpoint" for k in range(70)]}),
        (210, {"baseline": True, "baseline_reason": "why"}),
        (70, {"bpcer_low": np.nan, "bpcer_high": np.nan}),
        (3, {"bpcer_low": np.nan, "bpcer_high": np.nan}),
        (3, {"bpcer": [0.1, 0.2, np.nan]}),
        (3, {"started_at": ["2026-01-05", "", "soon"]}),
        (3, {"started_at": ["2027-01-01", "2026-01-01", "2028-01-01"]}),
        (3, {"started_at": ["2026-01-05T09:00:00"] * 3}),
    ],
)
def test_histories_without_verdicts_speak(n, columns, unspoken):
    assert of_history(made(n, **columns), unspoken) == []


def test_titles_of_figures_are_those_of_the_history():
    page = render_history(made(3))
    for words in FIGURES.values():
        assert f"<h3>{words[:1].upper()}{words[1:]}</h3>" in page
