"""Data that leave questions open: the page renders and says so."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from finauth_eval.evaluation import ClassCounts, evaluate
from finauth_eval.metrics.counts import ScoreCounts
from finauth_eval.recommendation import EqualError, MaxApcer, MaxBpcer, recommend
from finauth_eval.report import render_report

if TYPE_CHECKING:
    from collections.abc import Callable

    from finauth_eval.evaluation import Evaluation
    from finauth_eval.scores import ScoreTable

POLICIES = [MaxBpcer(0.05), MaxApcer(0.05), EqualError()]


@pytest.fixture
def verdict(parse: Callable[[str], Any]) -> Callable[[str], str]:
    return lambda page: parse(page).by_id("verdict").text


def rendered(table: ScoreTable, **options: Any) -> str:
    return render_report(evaluate(table, bootstrap=0, **options), recommend(table, POLICIES), scores=table)


@pytest.mark.parametrize(
    ("label", "missing"), [("real", "no attack has a score"), ("fake", "no genuine sample has a score")]
)
def test_one_class_is_not_enough_data(
    as_table: Callable[..., ScoreTable], verdict: Callable[[str], str], label: str, missing: str
) -> None:
    table = as_table(pd.DataFrame({"label": [label] * 40, "score": np.arange(40) / 40}))
    page = rendered(table)
    assert "Not enough data" in verdict(page)
    assert missing in verdict(page)
    assert "They need both classes" in page
    assert "nan" not in verdict(page).lower()


def test_a_class_that_never_got_an_answer_is_not_enough_data(
    as_table: Callable[..., ScoreTable], verdict: Callable[[str], str], parse: Callable[[str], Any]
) -> None:
    table = as_table(
        pd.DataFrame({"label": ["fake"] * 30 + ["real"] * 30, "score": [None] * 30 + [0.2] * 30})
    )
    page = rendered(table)
    assert "Not enough data" in verdict(page)
    shown = parse(page).table("Samples by class").row("Attacks")
    assert [cell.value for cell in shown[1:4]] == [30, 0, 30]
    bounds = parse(page).table("What samples without a score could change, at threshold 0.50")
    assert bounds.row("all of them let pass")[1].text == "100%"


def test_a_single_sample_renders(as_table: Callable[..., ScoreTable], verdict: Callable[[str], str]) -> None:
    page = rendered(as_table(pd.DataFrame({"label": ["fake"], "score": [0.7]})))
    assert "Not enough data" in verdict(page)


def test_nothing_scored_says_that_nothing_can_be_said(
    evaluation: Evaluation, verdict: Callable[[str], str]
) -> None:
    nothing = np.array([], dtype=np.int64)
    empty = replace(
        evaluation,
        counts=ClassCounts(bona_fide=0, attack=0, no_response_bona_fide=3, no_response_attack=4),
        score_counts=ScoreCounts(scores=np.array([]), bona_fide=nothing, attack=nothing, by_attack_type={}),
        attack_types={},
        slices={},
        operating_points=(),
    )
    page = render_report(empty)
    assert "No sample has a score, so nothing can be said." in verdict(page)
    assert "Not enough data" in verdict(page)


def test_two_hundred_attack_types_render(
    as_table: Callable[..., ScoreTable], parse: Callable[[str], Any], frame: Callable[..., pd.DataFrame]
) -> None:
    rows = frame(n=1200)
    attack = rows["label"] == "attack"
    rows.loc[attack, "attack_type"] = [f"type_{k % 200:03}" for k in range(attack.sum())]
    page = rendered(as_table(rows))
    shown = parse(page).table("Attack types at threshold 0.50")
    assert {row[0].text for row in shown.rows} == {f"type_{k:03}" for k in range(200)}
    assert "further types in the table" in page
    assert len(page.encode()) < 600_000  # with its JSON, which names every type at every threshold


def test_forty_slices_render_within_the_size(
    as_table: Callable[..., ScoreTable], parse: Callable[[str], Any], frame: Callable[..., pd.DataFrame]
) -> None:
    rows = frame(n=2000)
    for k in range(4):
        rows[f"column{k}"] = np.random.default_rng(k).integers(0, 10, len(rows)).astype(str)
    page = rendered(as_table(rows), by=[f"column{k}" for k in range(4)])
    assert sum(len(parse(page).table(f"By column{k}").rows) for k in range(4)) == 40
    assert len(page.encode()) < 500_000


def test_fourteen_slices_and_five_types_stay_small(
    as_table: Callable[..., ScoreTable], frame: Callable[..., pd.DataFrame]
) -> None:
    rows = frame(n=2000)
    rows["column"] = np.random.default_rng(0).integers(0, 14, len(rows)).astype(str)
    assert len(rendered(as_table(rows), by=["column"]).encode()) < 500_000


def test_a_score_that_points_the_wrong_way_is_called_that(
    as_table: Callable[..., ScoreTable], verdict: Callable[[str], str], frame: Callable[..., pd.DataFrame]
) -> None:
    rows = frame()
    rows["score"] = 1 - rows["score"]
    text = verdict(rendered(as_table(rows)))
    assert "The scores point the wrong way" in text
    assert "nothing was turned here" in text


def test_guessing_is_called_not_enough_data(
    as_table: Callable[..., ScoreTable], verdict: Callable[[str], str], frame: Callable[..., pd.DataFrame]
) -> None:
    rows = frame()
    rows["score"] = np.random.default_rng(1).permutation(rows["score"].to_numpy())
    assert "do not show that the score beats guessing" in verdict(rendered(as_table(rows)))


def test_a_perfect_score_has_an_interval_and_no_needless_certainty(
    as_table: Callable[..., ScoreTable], verdict: Callable[[str], str]
) -> None:
    table = as_table(
        pd.DataFrame({"label": ["real"] * 80 + ["fake"] * 80, "score": [0.01] * 80 + [0.99] * 80})
    )
    text = verdict(rendered(table))
    assert "0% of attacks pass" in text
    assert "95% interval 0–4.5%" in text  # Clopper-Pearson for 0 of 80: 1 - 0.025 ** (1 / 80)
    assert round(100 * (1 - 0.025 ** (1 / 80)), 1) == 4.5


def test_scores_of_any_range_and_thresholds_at_the_ends_render(
    as_table: Callable[..., ScoreTable], parse: Callable[[str], Any], frame: Callable[..., pd.DataFrame]
) -> None:
    rows = frame()
    rows["score"] = rows["score"] * 40 - 20
    rows["threshold"] = None
    page = rendered(as_table(rows, score_range="any"), thresholds=[-20.0, 20.0])
    assert any(table.caption.endswith("At -20.00: asked for") for table in parse(page).tables())
    assert len(parse(rendered(as_table(frame()), thresholds=[0.0, 1.0])).tables()) > 15


def test_without_recommendations_types_or_run_the_page_says_so(
    as_table: Callable[..., ScoreTable],
) -> None:
    table = as_table(pd.DataFrame({"label": ["real", "fake"] * 50, "score": np.linspace(0, 1, 100)}))
    page = render_report(evaluate(table, calibration=False))
    assert "No threshold was asked for." in page
    assert "No attack with a score has a type." in page
    assert "Reliability" not in page


def test_a_million_rows_take_no_longer_to_draw_than_they_are_allowed(
    as_table: Callable[..., ScoreTable],
) -> None:
    rng = np.random.default_rng(0)
    n = 300_000
    attack = rng.random(n) < 0.5
    table = as_table(
        pd.DataFrame({"label": np.where(attack, "fake", "real"), "score": rng.beta(2 + attack, 3 - attack)})
    )
    evaluation = evaluate(table, bootstrap=0)
    page = render_report(evaluation, scores=table)
    assert len(page.encode()) < 300_000
    assert not math.isnan(evaluation.auc.value)
