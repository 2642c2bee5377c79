"""What the tables say is what the evaluation found, and what a count by hand finds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from finauth_eval.metrics.counts import ScoreCounts
from finauth_eval.report.distribution import bin_edges, histogram
from finauth_eval.report.sweep import sweep

if TYPE_CHECKING:
    from collections.abc import Callable

    from finauth_eval.evaluation import Evaluation
    from finauth_eval.metrics.estimate import Estimate
    from finauth_eval.recommendation import Recommendations
    from finauth_eval.scores import ScoreTable


@pytest.fixture(scope="module")
def document(page: str, parse: Callable[[str], Any]) -> Any:
    return parse(page)


def percentages(text: str) -> list[float]:
    """The numbers of '6.1% (5.3–7.1%)' as shares."""
    plain = text.replace("%", "").replace("(", " ").replace(")", " ").replace("–", " ")
    return [float(part.lstrip("<>")) / 100 for part in plain.split()]


def assert_rate(cell: Any, estimate: Estimate) -> None:
    assert cell.value == estimate.value
    shown = percentages(cell.text)
    assert shown == pytest.approx([estimate.value, estimate.low, estimate.high], abs=0.00051)


def test_counts_by_class_are_those_of_the_table(document: Any, table: ScoreTable) -> None:
    shown = document.table("Samples by class")
    for heading, attack in (("Genuine", False), ("Attacks", True)):
        mine = table.is_attack == attack
        scored = int((mine & table.scored).sum())
        cells = [cell.value for cell in shown.row(heading)[1:4]]
        assert cells == [int(mine.sum()), scored, int(mine.sum()) - scored]


def test_reasons_add_up_to_the_samples_without_a_score(document: Any, table: ScoreTable) -> None:
    shown = document.table("Samples without a score, by reason")
    frame = table.frame[~table.scored]
    assert sum(row[2].value + row[3].value for row in shown.rows) == len(frame)
    [row] = [row for row in shown.rows if row[0].note == "no_face_found"]
    mine = frame[frame["reason"] == "no_face_found"]
    assert [row[2].value, row[3].value] == [(mine["label"] == kind).sum() for kind in ("bona_fide", "attack")]


def test_latencies_are_times_that_occurred(document: Any, table: ScoreTable) -> None:
    shown = document.table("Time the detector took for an answer, by its own account")
    times = sorted(table.frame["time_used_ms"].dropna())
    cells = shown.row("all answers")
    assert cells[1].value == len(times)
    # the smallest time within which at least that share of the answers came
    expected = [times[math.ceil(share * len(times)) - 1] for share in (0.5, 0.95, 0.99)]
    assert [cell.value for cell in cells[2:]] == expected
    assert [cell.text for cell in cells[2:]] == [f"{time:.0f} ms" for time in expected]


def test_what_the_run_sent_is_shown(document: Any) -> None:
    shown = document.table("What the run sent")
    assert shown.row("Calls sent")[1].value == 325
    assert shown.row("Possibly billed")[1].value == 319


def test_bounds_are_the_evaluations(document: Any, evaluation: Evaluation) -> None:
    shown = document.table("What samples without a score could change, at threshold 0.50")
    bounds = evaluation.no_response_bounds
    passed, blocked = shown.row("all of them let pass"), shown.row("all of them blocked")
    assert [cell.value for cell in passed[1:]] == [bounds.as_pass.apcer, bounds.as_pass.bpcer]
    assert [cell.value for cell in blocked[1:]] == [bounds.as_block.apcer, bounds.as_block.bpcer]


def test_attack_types_stand_with_the_worst_first(document: Any, evaluation: Evaluation) -> None:
    shown = document.table("Attack types at threshold 0.50")
    point = evaluation.operating_points[0]
    names = [row[0].text for row in shown.rows]
    assert sorted(names) == sorted(evaluation.attack_types)
    assert point.apcer_worst is not None
    assert names[0] == point.apcer_worst.attack_type
    assert "passes most" in shown.rows[0][0].flag
    for name, scored, apcer, auc, eer in shown.rows:
        result = evaluation.attack_types[name.text]
        assert scored.value == result.n
        assert_rate(apcer, point.apcer_by_attack_type[name.text])
        assert auc.value == result.auc.value
        assert auc.text.startswith(f"{result.auc.value:.3f} (")
        assert eer.value == result.eer.linear
        assert ("few: n < 30" in name.flag) == (result.n < 30)


@pytest.mark.parametrize("column", ["region", "media_type", "device"])
def test_slices_are_the_evaluations(document: Any, evaluation: Evaluation, column: str) -> None:
    shown = document.table(f"By {column}")
    assert [row[0].text for row in shown.rows] == list(evaluation.slices[column])
    for name, genuine, attacks, apcer, bpcer, auc in shown.rows:
        part = evaluation.slices[column][name.text]
        assert [genuine.value, attacks.value] == [part.counts.bona_fide, part.counts.attack]
        assert_rate(apcer, part.operating_points[0].apcer)
        assert_rate(bpcer, part.operating_points[0].bpcer)
        assert auc.value == part.auc.value
        assert ("few" in name.flag) == part.small


def test_confusion_matrices_are_those_of_a_count_by_hand(document: Any, table: ScoreTable) -> None:
    scored, attack = table.scored, table.is_attack
    for caption, threshold in (("A At 0.50: the threshold in use", 0.5), ("C At 0.35: asked for", 0.35)):
        shown = document.table(caption)
        blocked = table.scores >= threshold
        for row, mine in zip(shown.rows, (attack, ~attack), strict=True):
            expected = [int((scored & mine & blocked).sum()), int((scored & mine & ~blocked).sum())]
            assert [cell.value for cell in row[1:]] == expected


def test_recommended_thresholds_are_the_recommendations(
    document: Any, recommendations: Recommendations
) -> None:
    shown = document.table("Recommended thresholds")
    assert len(shown.rows) == len(recommendations)
    for row, item in zip(shown.rows, recommendations, strict=True):
        assert ("for orientation only" in row[0].flag) == item.descriptive
        if not item.feasible:
            assert (row[1].text, row[1].flag) == ("none", "not feasible")
            assert row[2].text.startswith("Not enough data: needs ")
            assert [cell.text for cell in row[3:]] == ["—"] * 2
            continue
        assert row[1].value == item.threshold
        assert item.in_sample is not None
        assert item.out_of_sample is not None
        for cell, seen, unseen in zip(
            row[3:],
            (item.in_sample.apcer, item.in_sample.bpcer),
            (item.out_of_sample.apcer, item.out_of_sample.bpcer),
            strict=True,
        ):
            assert_rate(cell, seen)
            assert cell.note.startswith("other samples ")
            others = [unseen.value, unseen.low, unseen.high]
            rate = cell.note.removeprefix("other samples ").partition("%)")[0] + "%)"
            assert percentages(rate) == pytest.approx(others, abs=0.00051)


def test_figures_without_a_threshold_are_the_evaluations(document: Any, evaluation: Evaluation) -> None:
    shown = document.table("Figures without a chosen threshold")
    assert shown.row("AUC")[1].value == evaluation.auc.value
    assert shown.row("Average precision")[1].value == evaluation.average_precision.value
    assert shown.row("EER")[1].value == evaluation.eer.linear
    for key in ("10", "20", "100"):
        assert shown.row(f"BPCER{key}")[1].value == evaluation.bpcer_at_apcer[key].worst_type.value


def test_points_behind_the_curves_are_on_the_curves(document: Any, table: ScoreTable) -> None:
    genuine = table.scores[table.scored & ~table.is_attack]
    attack = table.scores[table.scored & table.is_attack]
    for row in document.table("Points of the ROC curve").rows[1:]:
        assert row[1].value == (genuine >= row[0].value).mean()
        assert row[2].value == pytest.approx((attack >= row[0].value).mean(), abs=1e-15)
    for row in document.table("Points of the DET curve").rows:
        assert row[2].value == pytest.approx((attack < row[0].value).mean(), abs=1e-15)


def test_rates_by_threshold_are_those_of_a_count_by_hand(document: Any, table: ScoreTable) -> None:
    shown = document.table("Error rates by threshold")
    genuine = table.scores[table.scored & ~table.is_attack]
    attack = table.scored & table.is_attack
    kinds = table.frame["attack_type"].astype(object).to_numpy()
    assert len(shown.rows) > 21
    for row in shown.rows:
        threshold = row[0].value
        per_type = [
            (table.scores[attack & (kinds == kind)] < threshold).mean() for kind in set(kinds[attack])
        ]
        expected = [(genuine >= threshold).mean(), (table.scores[attack] < threshold).mean(), max(per_type)]
        assert [cell.value for cell in row[1:]] == pytest.approx(expected, abs=1e-15)


def test_bars_hold_every_sample_once(document: Any, evaluation: Evaluation) -> None:
    shown = document.table("Samples by score")
    assert sum(row[1].value for row in shown.rows) == evaluation.counts.bona_fide
    assert sum(row[3].value for row in shown.rows) == evaluation.counts.attack


def test_verdict_names_the_rates_the_worst_type_and_the_answers(
    document: Any, evaluation: Evaluation, recommendations: Recommendations
) -> None:
    point = evaluation.operating_points[0]
    headline = document.by_id("verdict-h").text
    assert headline == (
        f"At 0.50, {100 * point.apcer.value:.1f}% of attacks pass and"
        f" {100 * point.bpcer.value:.1f}% of genuine customers are blocked."
    )
    verdict = document.by_id("verdict").text
    assert point.apcer_worst is not None
    assert f"Attacks of type {point.apcer_worst.attack_type} pass most often" in verdict
    assert f"{point.confusion.fn} of {evaluation.counts.attack} attacks" in verdict
    infeasible = sum(not item.feasible and not item.descriptive for item in recommendations)
    assert f"Not enough data for {infeasible} of 3 goals" in verdict


def test_each_distinct_threshold_has_one_letter_everywhere(
    document: Any, recommendations: Recommendations
) -> None:
    letters: dict[float, str] = {}
    for table in (document.table("Recommended thresholds"), document.table("Error rates by threshold")):
        column = 1 if table.caption.startswith("Rec") else 0
        for row in table.rows:
            if row[column].key:
                assert letters.setdefault(row[column].value, row[column].key) == row[column].key
    assert len(set(letters.values())) == len(letters)
    assert set(letters) == {0.5, 0.35, *(item.threshold for item in recommendations if item.feasible)}


def test_letters_go_first_to_what_is_in_use_and_to_what_is_recommended(
    document: Any, recommendations: Recommendations
) -> None:
    [recommended] = [item for item in recommendations if item.feasible and not item.descriptive]
    letters = {
        row[0].value: row[0].key for row in document.table("Error rates by threshold").rows if row[0].key
    }
    assert (letters[0.5], letters[recommended.threshold], letters[0.35]) == ("A", "B", "C")


def test_sweep_equals_a_count_at_every_score_and_between_them() -> None:
    rng = np.random.default_rng(3)
    scores, attack = rng.integers(0, 12, 90) / 10, rng.random(90) < 0.6
    kinds = [["x", "y"][k] for k in rng.integers(0, 2, 90)]
    rates = sweep(ScoreCounts.from_arrays(scores, attack, kinds))
    for threshold in np.arange(-1, 27) / 20:
        per_type = [(scores[attack & (np.array(kinds) == kind)] < threshold).mean() for kind in ("x", "y")]
        expected = ((scores[~attack] >= threshold).mean(), (scores[attack] < threshold).mean(), max(per_type))
        assert rates.at(threshold) == pytest.approx(expected, abs=1e-15)


def test_a_score_on_a_bins_edge_falls_into_the_bin_that_starts_there() -> None:
    edges = bin_edges(np.array([0.0, 1.0]), bins=20)
    for k in range(20):
        found = histogram(np.array([round(k * 0.05, 2)]), np.array([1]), edges)
        assert found[k] == 1, k
    assert histogram(np.array([1.0]), np.array([4]), edges)[19] == 4
