from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from finauth_eval.metrics.counts import ScoreCounts
from finauth_eval.metrics.delong import auc
from finauth_eval.metrics.intervals import clopper_pearson, clopper_pearson_limits, rate, wilson
from finauth_eval.metrics.rates import worst_type

CASES = [(0, 1), (1, 1), (0, 59), (3, 59), (59, 59), (1, 10_000), (5_000, 10_000), (123, 4567)]


@pytest.mark.parametrize(("events", "n"), CASES)
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.999])
def test_clopper_pearson_equals_scipys_and_statsmodels(events, n, confidence):
    ours = clopper_pearson(events, n, confidence=confidence)
    exact = stats.binomtest(events, n).proportion_ci(confidence, method="exact")
    assert ours == pytest.approx((exact.low, exact.high), abs=1e-10)
    assert ours == pytest.approx(
        proportion_confint(events, n, alpha=1 - confidence, method="beta"), abs=1e-10
    )


@pytest.mark.parametrize("n", [1, 59, 400])
def test_many_exact_limits_at_once_equal_scipys_one_by_one(n):
    events = np.arange(n + 1)
    exact = [stats.binomtest(int(k), n).proportion_ci(0.9, method="exact") for k in events]
    low, high = clopper_pearson_limits(events, n, confidence=0.9)
    np.testing.assert_allclose(low, [own.low for own in exact], atol=1e-10)
    np.testing.assert_allclose(high, [own.high for own in exact], atol=1e-10)
    for wrong in ([-1, 0], [0, n + 1]):
        with pytest.raises(ValueError, match="expected 0 <= events <= n"):
            clopper_pearson_limits(wrong, n)


@pytest.mark.parametrize(("events", "n"), CASES)
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.999])
def test_wilson_equals_statsmodels(events, n, confidence):
    ours = wilson(events, n, confidence=confidence)
    assert ours == pytest.approx(
        proportion_confint(events, n, alpha=1 - confidence, method="wilson"), abs=1e-10
    )


def test_a_rate_of_nothing_is_undefined_and_says_why():
    nothing = rate(0, 0, of="attack")
    assert nothing.to_dict() == {
        "value": None,
        "low": None,
        "high": None,
        "confidence": 0.95,
        "n": 0,
        "method": "clopper-pearson",
        "reason": "no attack has a score",
    }


@pytest.mark.parametrize("confidence", [0, 1, -0.1, 95])
def test_a_confidence_out_of_range_is_refused(confidence):
    for call in (lambda: rate(1, 2, confidence=confidence), lambda: rate(0, 0, confidence=confidence)):
        with pytest.raises(ValueError, match="expected a number between 0 and 1"):
            call()


@pytest.mark.parametrize(("events", "n"), [(3, 2), (-1, 2), (0, 0)])
def test_impossible_counts_are_refused(events, n):
    with pytest.raises(ValueError, match="expected 0 <= events <= n"):
        clopper_pearson(events, n)


def test_the_worst_types_lower_limit_is_bonferronis():
    found = worst_type({"a": rate(2, 40), "b": rate(5, 40), "c": rate(0, 0)})
    strict = stats.binomtest(5, 40).proportion_ci(1 - 0.05 / 2, method="exact")
    plain = stats.binomtest(5, 40).proportion_ci(0.95, method="exact")
    assert found.attack_type == "b"
    assert (found.estimate.low, found.estimate.high) == pytest.approx((strict.low, plain.high), abs=1e-10)


def test_a_small_type_can_set_the_upper_limit_of_the_worst_rate():
    found = worst_type({"large": rate(20, 100), "tiny": rate(0, 3)})
    assert found.attack_type == "large"
    assert found.estimate.high == rate(0, 3).high > rate(20, 100).high


@pytest.mark.parametrize(("scores", "value"), [([0.1, 0.2, 0.8, 0.9], 1.0), ([0.8, 0.9, 0.1, 0.2], 0.0)])
def test_perfect_separation_is_no_certainty(scores, value):
    area = auc(ScoreCounts.from_arrays(scores, [False, False, True, True]))
    surely = 0.025 ** (1 / 2)  # two disjoint pairs, both in order
    assert area.value == value
    expected = (surely, 1.0) if value else (0.0, 1 - surely)
    assert (area.low, area.high) == pytest.approx(expected)
    assert "se" not in area.to_dict()


def test_equal_scores_leave_the_area_open():
    area = auc(ScoreCounts.from_arrays([0.5] * 20, [False, True] * 10))
    assert area.value == 0.5
    assert area.low < 0.5 < area.high


def test_one_attack_has_an_area_but_no_interval():
    area = auc(ScoreCounts.from_arrays([0.1, 0.7, 0.3], [False, False, True]))
    assert area.value == 0.5
    assert np.isnan([area.low, area.high]).all()
    assert area.reason == "an interval needs at least two samples of each class"


def test_a_missing_class_leaves_the_area_undefined():
    assert auc(ScoreCounts.from_arrays([0.1], [False])).reason == "no attack has a score"
    assert auc(ScoreCounts.from_arrays([0.1], [True])).reason == "no bona fide sample has a score"


def test_a_million_nearly_separated_samples_keep_the_area_below_one():
    rng = np.random.default_rng(5)
    scores = np.concatenate([rng.beta(1, 9, 500_000), rng.beta(9, 1, 500_000)])
    area = auc(ScoreCounts.from_arrays(scores, np.arange(1_000_000) >= 500_000))
    assert area.low < area.value < area.high < 1
