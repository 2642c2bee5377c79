"""Displays draw what the evaluation holds and leave pyplot as it was."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from scipy import stats
from sklearn import metrics as oracle

from finauth_eval import plots
from finauth_eval.evaluation import evaluate
from finauth_eval.recommendation import MaxBpcer, MinCost, recommend
from finauth_eval.scores import ScoreTable

if TYPE_CHECKING:
    from finauth_eval.evaluation import Evaluation

CURVES = [plots.RocDisplay, plots.PrecisionRecallDisplay, plots.DetDisplay, plots.ThresholdDisplay]
DISPLAYS = [*CURVES, plots.ScoreDistributionDisplay, plots.ReliabilityDisplay, plots.ConfusionDisplay]


@pytest.fixture(scope="module")
def truth() -> Any:
    rng = np.random.default_rng(8)
    attack = rng.random(300) < 0.5
    return attack, np.round(1 / (1 + np.exp(-(rng.normal(0, 1.2, 300) + np.where(attack, 1, -1)))), 2)


@pytest.fixture(scope="module")
def evaluation(truth: Any) -> Evaluation:
    attack, score = truth
    frame = pd.DataFrame({"label": np.where(attack, "attack", "bona_fide"), "score": score})
    return evaluate(ScoreTable.from_frame(frame), thresholds=[0.3], bootstrap=0)


@pytest.mark.parametrize("display", DISPLAYS)
def test_without_axes_a_figure_of_its_own_is_drawn_and_shows_in_a_notebook(
    evaluation: Evaluation, display: type[plots.Display]
) -> None:
    drawn = display.from_evaluation(evaluation)
    assert drawn.ax_.figure is drawn.figure_
    assert drawn.ax_.has_data()
    assert len(drawn.frame())
    png = drawn._repr_png_()  # what a notebook calls
    assert png is not None
    assert png.startswith(b"\x89PNG")


@pytest.mark.parametrize("display", DISPLAYS)
def test_given_axes_are_drawn_on_and_left_to_their_owner(
    evaluation: Evaluation, display: type[plots.Display]
) -> None:
    ax = Figure().subplots()
    drawn = display.from_evaluation(evaluation, ax=ax, name="mine")
    assert drawn.ax_ is ax
    assert drawn._repr_png_() is None
    other = Figure().subplots()
    assert drawn.plot(other).ax_ is other


def test_a_notebook_shows_the_last_expression(evaluation: Evaluation) -> None:
    formatter = pytest.importorskip("IPython.core.formatters").DisplayFormatter()
    data, _ = formatter.format(plots.RocDisplay.from_evaluation(evaluation))
    assert "image/png" in data
    data, _ = formatter.format(plots.RocDisplay.from_evaluation(evaluation).figure_)
    assert "image/png" in data


def test_pyplot_and_its_settings_stay_as_they_were(evaluation: Evaluation) -> None:
    before = dict(mpl.rcParams)
    for display in DISPLAYS:
        display.from_evaluation(evaluation)
    assert dict(mpl.rcParams) == before
    code = "import sys, finauth_eval.plots; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_importing_the_package_loads_no_matplotlib() -> None:
    code = "import sys, finauth_eval; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_roc_is_scikit_learns(evaluation: Evaluation, truth: Any) -> None:
    attack, score = truth
    x, y, thresholds = oracle.roc_curve(attack, score, drop_intermediate=False)
    drawn = plots.RocDisplay.from_evaluation(evaluation)
    np.testing.assert_array_equal(drawn.frame().to_numpy(), np.column_stack([thresholds, x, y]))
    np.testing.assert_array_equal(drawn.ax_.lines[0].get_xydata(), np.column_stack([x, y]))
    assert (
        f"AUC {oracle.roc_auc_score(attack, score):.3f}" in drawn.ax_.get_legend().get_texts()[0].get_text()
    )


def test_precision_and_recall_are_scikit_learns(evaluation: Evaluation, truth: Any) -> None:
    precision, recall, thresholds = oracle.precision_recall_curve(*truth, drop_intermediate=False)
    frame = plots.PrecisionRecallDisplay.from_evaluation(evaluation).frame()
    np.testing.assert_allclose(frame["recall"], recall)
    np.testing.assert_allclose(frame["precision"], precision)
    np.testing.assert_array_equal(frame["threshold"], [*thresholds, np.nan])


@pytest.mark.parametrize("display", [plots.DetDisplay, plots.ThresholdDisplay])
def test_error_rates_are_those_of_a_count_by_hand(
    evaluation: Evaluation, truth: Any, display: type[plots.Display]
) -> None:
    attack, score = truth
    if display is plots.ThresholdDisplay:
        assert display.from_evaluation(evaluation).frame()["threshold"].tolist() == sorted(set(score))
    for row in display.from_evaluation(evaluation).frame().itertuples():
        assert row.bpcer == pytest.approx((score[~attack] >= row.threshold).mean())
        assert row.apcer == pytest.approx((score[attack] < row.threshold).mean())


def test_det_leaves_out_what_lies_at_infinity(evaluation: Evaluation) -> None:
    drawn = plots.DetDisplay.from_evaluation(evaluation)
    xy = drawn.ax_.lines[0].get_xydata()
    assert np.isfinite(xy).all()
    assert 0 < len(xy) < len(drawn.frame())


def test_bins_hold_every_sample_once(evaluation: Evaluation) -> None:
    frame = plots.ScoreDistributionDisplay.from_evaluation(evaluation).frame()
    assert frame["bona_fide"].sum() == evaluation.counts.bona_fide
    assert frame["attack"].sum() == evaluation.counts.attack


def test_confusion_is_that_of_a_count_by_hand(evaluation: Evaluation, truth: Any) -> None:
    attack, score = truth
    frame = plots.ConfusionDisplay.from_evaluation(evaluation).frame()
    expected = [[(mine & (score >= 0.5)).sum(), (mine & (score < 0.5)).sum()] for mine in (attack, ~attack)]
    assert frame.to_numpy().tolist() == expected


@pytest.mark.parametrize("display", CURVES)
def test_one_class_cannot_be_compared(display: type[plots.Display]) -> None:
    frame = pd.DataFrame({"label": ["real"] * 5, "score": [0.1, 0.2, 0.3, 0.4, 0.5]})
    only = evaluate(ScoreTable.from_frame(frame))
    with pytest.raises(ValueError, match="no attack has a score"):
        display.from_evaluation(only)
    assert len(plots.ScoreDistributionDisplay.from_evaluation(only).frame()) == 20


def test_reliability_needs_its_bins(evaluation: Evaluation, truth: Any) -> None:
    attack, score = truth
    frame = pd.DataFrame({"label": np.where(attack, "attack", "bona_fide"), "score": score})
    without = evaluate(ScoreTable.from_frame(frame), calibration=False, bootstrap=0)
    with pytest.raises(ValueError, match="calibration=True"):
        plots.ReliabilityDisplay.from_evaluation(without)
    assert plots.ReliabilityDisplay.from_evaluation(evaluation).frame()["n"].sum() == 300


def test_the_band_of_the_whole_roc_curve_is_drawn_where_it_is_asked_for(evaluation: Evaluation) -> None:
    assert not plots.RocDisplay.from_evaluation(evaluation).ax_.collections
    drawn = plots.RocDisplay.from_evaluation(evaluation, band=True)
    [shade] = drawn.ax_.collections
    assert shade.get_label() == "95% band of the whole curve"
    corners = shade.get_paths()[0].vertices
    counts = evaluation.score_counts
    half = np.sqrt(np.log(2 / 0.025) / 2)
    middle = corners[np.isclose(corners[:, 0], 0.5)]
    assert len(middle) >= 2
    for x, y in middle:
        apart = half / np.sqrt(counts.n_bona_fide)
        blocked = 1 - np.append(0, np.cumsum(counts.bona_fide)) / counts.n_bona_fide
        caught = 1 - np.append(0, np.cumsum(counts.attack)) / counts.n_attack
        most = caught[blocked <= x + apart].max() + half / np.sqrt(counts.n_attack)
        least = caught[blocked >= x - apart].min() - half / np.sqrt(counts.n_attack)
        assert any(np.isclose(y, limit) for limit in (min(1, most), max(0, least)))


def test_no_band_is_drawn_of_samples_that_belong_together(truth: Any) -> None:
    attack, score = truth
    frame = pd.DataFrame({
        "label": np.where(attack, "attack", "bona_fide"), "score": score, "subject": np.arange(300) // 5,
    })  # fmt: skip
    found = evaluate(ScoreTable.from_frame(frame), bootstrap=0)
    with pytest.raises(ValueError, match="the band takes samples as independent"):
        plots.RocDisplay.from_evaluation(found, band=True)
    assert plots.RocDisplay.from_evaluation(found).ax_.has_data()
    with pytest.raises(ValueError, match="the band takes samples as independent"):
        plots.ThresholdDisplay.from_evaluation(found, band=True)
    assert "bpcer_low" not in plots.ThresholdDisplay.from_evaluation(found).frame()


def test_bands_of_the_rates_are_scipys_exact_limits_at_each_threshold(
    evaluation: Evaluation, truth: Any
) -> None:
    attack, scores = truth
    drawn = plots.ThresholdDisplay.from_evaluation(evaluation).frame()
    for row in drawn.iloc[::7].itertuples():
        for own, events, low, high in (
            (~attack, scores >= row.threshold, row.bpcer_low, row.bpcer_high),
            (attack, scores < row.threshold, row.apcer_low, row.apcer_high),
        ):
            exact = stats.binomtest(int(events[own].sum()), int(own.sum())).proportion_ci(method="exact")
            assert (low, high) == pytest.approx((exact.low, exact.high), abs=1e-10)


def test_costs_are_drawn_on_their_own_axis_and_recommendations_marked(
    evaluation: Evaluation, truth: Any
) -> None:
    attack, scores = truth
    frame = pd.DataFrame({"label": np.where(attack, "attack", "bona_fide"), "score": scores})
    advice = recommend(ScoreTable.from_frame(frame), [MaxBpcer(0.2), MaxBpcer(0.0001)])
    costs = MinCost(miss=20, alarm=3, prior=0.1)
    shown = plots.ThresholdDisplay.from_evaluation(evaluation, cost=costs, recommendations=advice)
    for row in shown.frame().iloc[::9].itertuples():
        by_hand = 2 * np.mean(scores[attack] < row.threshold) + 2.7 * np.mean(
            scores[~attack] >= row.threshold
        )
        assert row.cost == pytest.approx(by_hand)
    assert shown.cost_ax_.get_ylabel() == "expected cost per 10,000 decisions"
    marked = [text.get_text() for text in shown.ax_.get_legend().get_texts()]
    # the one that is not feasible has no threshold to mark
    assert [words for words in marked if "max_bpcer" in words] == [f"max_bpcer {advice.items[0].threshold:g}"]
    assert marked[-1] == "expected cost"
    plain = plots.ThresholdDisplay.from_evaluation(evaluation, band=False)
    assert plain.cost_ax_ is None
    assert list(plain.frame().columns) == ["threshold", "bpcer", "apcer"]


@pytest.mark.parametrize("kind", CURVES[:3])
def test_a_second_curve_on_the_same_axes_is_told_apart_with_and_without_colour(evaluation, kind):
    first = kind.from_evaluation(evaluation, name="A")
    kind.from_evaluation(evaluation, name="B", ax=first.ax_)
    curves = [line for line in first.ax_.lines if line.get_label().startswith(("A", "B"))]
    assert len({line.get_color() for line in curves}) == len({line.get_linestyle() for line in curves}) == 2
    words = [text.get_text() for text in first.ax_.get_legend().get_texts()]
    assert len(words) == len({*words})
