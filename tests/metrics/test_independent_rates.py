"""Rates of different samples: Miettinen and Nurminen's score, against published limits, statsmodels and a search."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import brentq, minimize_scalar
from statsmodels.stats.proportion import test_proportions_2indep as score_test_of_statsmodels

from finauth_eval.metrics.clustered_rates import clustered_rate, effective_size
from finauth_eval.metrics.independent_rates import independent_rates, score_interval, score_statistic
from finauth_eval.metrics.intervals import rate

COUNTS = [
    (10, 100, 20, 100), (48, 80, 56, 70), (3, 10, 9, 10), (15, 72, 0, 16), (0, 20, 0, 10), (0, 20, 10, 10),
    (20, 20, 3, 10), (1, 1000, 7, 300), (1, 1, 0, 1), (2.5, 40.5, 7.25, 33.25),
]  # fmt: skip
score_test_of_statsmodels.__test__ = False  # its name is not a test's


def searched_statistic(
    events_a: float, n_a: float, events_b: float, n_b: float, difference: float = 0.0
) -> float:
    """The score statistic at the most likely rates with this difference, which are searched for."""
    cells = ((events_a, 0), (n_a - events_a, 1), (events_b, 2), (n_b - events_b, 3))

    def unlikelihood(rate_a: float) -> float:
        rates = (rate_a, 1 - rate_a, rate_a + difference, 1 - rate_a - difference)
        return -sum(
            count * math.log(rates[at]) if rates[at] > 0 else -1e9 for count, at in cells if count > 0
        )

    bounds = (max(0.0, -difference), min(1.0, 1 - difference))
    found = minimize_scalar(unlikelihood, bounds=bounds, method="bounded", options={"xatol": 1e-12})
    own = min((*bounds, found.x), key=unlikelihood)
    other, total = own + difference, n_a + n_b
    variance = (own * (1 - own) / n_a + other * (1 - other) / n_b) * total / (total - 1)
    apart = events_b / n_b - events_a / n_a - difference
    return apart / math.sqrt(variance) if abs(apart) > 1e-12 else 0.0


def searched_limits(counts, *, z: float) -> tuple[float, float]:
    """Where the score statistic passes z on either side of the estimate."""
    estimate = counts[2] / counts[3] - counts[0] / counts[1]

    def limit(outside: float, wanted: float) -> float:
        if abs(outside - estimate) < 1e-6:
            return round(outside)
        return brentq(lambda own: searched_statistic(*counts, own) - wanted, estimate, outside)

    return limit(-1 + 1e-9, z), limit(1 - 1e-9, -z)


@pytest.mark.parametrize("counts", [own for own in COUNTS if own[0]])  # statsmodels divides by A's rate
def test_the_statistic_of_no_difference_is_that_of_statsmodels(counts):
    events_a, n_a, events_b, n_b = counts
    expected = score_test_of_statsmodels(
        events_b, n_b, events_a, n_a, compare="diff", method="score", correction=True
    )
    assert score_statistic(*counts) == pytest.approx(expected.statistic, rel=1e-9)


@pytest.mark.parametrize("counts", COUNTS)
@pytest.mark.parametrize("difference", [-0.97, -0.6, -0.2, -0.013, 0.0, 0.01, 0.1, 0.35, 0.8, 0.99])
def test_the_statistic_of_any_difference_is_that_of_a_search_for_the_most_likely_rates(counts, difference):
    expected = searched_statistic(*counts, difference)
    assert score_statistic(*counts, difference) == pytest.approx(expected, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(
    ("counts", "published"),
    [
        ((48, 80, 56, 70), (0.0528, 0.3382)),  # Newcombe (1998), table II, method 6
        ((3, 10, 9, 10), (0.1700, 0.8406)),
        ((15, 72, 0, 16), (-0.3164, -0.0056)),  # Fagerland, Lydersen and Laake (2017), chapter 4
    ],
)
def test_the_limits_are_the_published_ones(counts, published):
    assert tuple(round(limit, 4) for limit in score_interval(*counts)) == published


@pytest.mark.parametrize("counts", COUNTS)
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_at_the_limits_the_statistic_is_z(counts, confidence):
    z = stats.norm.isf((1 - confidence) / 2)
    low, high = score_interval(*counts, confidence=confidence)
    assert (low, high) == pytest.approx(searched_limits(counts, z=z), abs=2e-6)
    if low > -1:
        assert searched_statistic(*counts, low) == pytest.approx(z, rel=1e-4)
    if high < 1:
        assert searched_statistic(*counts, high) == pytest.approx(-z, rel=1e-4)


@pytest.mark.parametrize("n", [1, 40])
def test_a_rate_that_went_from_none_to_all_has_a_limit_of_one(n):
    low, high = score_interval(0, n, n, n)
    assert high == 1
    assert -1 < low < 1
    assert score_interval(n, n, 0, n) == pytest.approx((-1, -low))


def test_equal_rates_of_none_are_no_evidence_and_still_leave_room():
    assert score_statistic(0, 30, 0, 60) == 0
    low, high = score_interval(0, 30, 0, 60)
    assert low < -0.05 < 0.03 < high, "fewer samples of A leave more room below"


counts_of_both = st.tuples(st.integers(1, 200), st.integers(1, 200)).flatmap(
    lambda sizes: st.tuples(
        st.integers(0, sizes[0]), st.just(sizes[0]), st.integers(0, sizes[1]), st.just(sizes[1])
    )
)


@given(counts_of_both, st.sampled_from([0.6, 0.9, 0.95, 0.999]))
def test_limits_keep_to_what_limits_of_a_difference_must(counts, confidence):
    events_a, n_a, events_b, n_b = counts
    low, high = score_interval(*counts, confidence=confidence)
    assert -1 <= low <= events_b / n_b - events_a / n_a <= high <= 1
    assert low < high
    exchanged = score_interval(events_b, n_b, events_a, n_a, confidence=confidence)
    assert exchanged == pytest.approx((-high, -low), abs=1e-9)
    of_others = score_interval(n_a - events_a, n_a, n_b - events_b, n_b, confidence=confidence)
    assert of_others == pytest.approx((-high, -low), abs=1e-9)
    of_more = score_interval(*(5 * own for own in counts), confidence=confidence)
    assert of_more[1] - of_more[0] < high - low
    z = stats.norm.isf((1 - confidence) / 2)
    outside = abs(score_statistic(*counts)) > z * (1 + 1e-9)
    inside = abs(score_statistic(*counts)) < z * (1 - 1e-9)
    assert not (outside and low < -1e-9 and high > 1e-9), "test and interval tell the same"
    assert not (inside and (low > 1e-9 or high < -1e-9)), "test and interval tell the same"


@given(counts_of_both, st.floats(-0.99, 0.99))
def test_the_statistic_changes_sign_when_the_runs_change_places(counts, difference):
    events_a, n_a, events_b, n_b = counts
    one = score_statistic(*counts, difference)
    assert score_statistic(events_b, n_b, events_a, n_a, -difference) == pytest.approx(
        -one, rel=1e-6, abs=1e-6
    )


@pytest.mark.parametrize("confidence", [0, 1, 1.5, -1])
def test_a_confidence_out_of_range_is_refused(confidence):
    with pytest.raises(ValueError, match="expected a number between 0 and 1"):
        score_interval(1, 10, 2, 10, confidence=confidence)


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_the_change_has_the_tests_p_values_and_limits_to_one_and_to_two_sides(confidence):
    a, b = rate(48, 80, confidence=confidence), rate(56, 70, confidence=confidence)
    change, lower, upper = independent_rates(a, b, effective_a=80, effective_b=70, confidence=confidence)
    z = searched_statistic(48, 80, 56, 70)
    assert change.z == pytest.approx(z)
    assert (change.p_value, change.p_increase, change.p_decrease) == pytest.approx(
        (2 * stats.norm.sf(z), stats.norm.sf(z), stats.norm.cdf(z))
    )
    difference = change.difference
    two_sided = searched_limits((48, 80, 56, 70), z=stats.norm.isf((1 - confidence) / 2))
    assert (difference.low, difference.high) == pytest.approx(two_sided, abs=2e-6)
    assert (lower, upper) == pytest.approx(
        searched_limits((48, 80, 56, 70), z=stats.norm.ppf(confidence)), abs=2e-6
    )
    assert difference.value == pytest.approx(56 / 70 - 48 / 80)
    assert (difference.n, difference.confidence) == (150, confidence)
    assert difference.method == change.test == "miettinen-nurminen"


def test_a_fall_is_a_fall():
    change, lower, upper = independent_rates(rate(56, 70), rate(48, 80), effective_a=70, effective_b=80)
    assert change.difference.value == pytest.approx(-0.2)
    assert change.z < 0
    assert change.p_decrease < 0.01 < 0.99 < change.p_increase
    assert lower < -0.2 < upper < 0


def test_samples_that_count_for_less_make_the_change_less_sure():
    a, b = rate(20, 100), rate(60, 200)
    change, lower, upper = independent_rates(a, b, effective_a=25.5, effective_b=48)
    counts = (0.2 * 25.5, 25.5, 0.3 * 48, 48)
    limits = searched_limits(counts, z=stats.norm.isf(0.025))
    assert (change.difference.low, change.difference.high) == pytest.approx(limits, abs=2e-6)
    assert (lower, upper) == pytest.approx(searched_limits(counts, z=stats.norm.isf(0.05)), abs=2e-6)
    assert change.p_value == pytest.approx(2 * stats.norm.sf(searched_statistic(*counts)))
    assert change.difference.n == 300
    plain, _, _ = independent_rates(a, b, effective_a=100, effective_b=200)
    assert change.p_value > plain.p_value


@pytest.mark.parametrize("missing", ["a", "b", "both"])
def test_a_rate_of_nothing_leaves_the_change_undefined_with_its_reason(missing):
    known, unknown = rate(3, 10), rate(0, 0, of="attack")
    a, b = {"a": (unknown, known), "b": (known, unknown), "both": (unknown, unknown)}[missing]
    change, lower, upper = independent_rates(a, b, effective_a=a.n, effective_b=b.n)
    assert change.difference.reason == "no attack has a score"
    assert np.isnan([change.difference.value, change.p_value, change.p_increase, change.p_decrease]).all()
    assert np.isnan([lower, upper]).all()


def test_a_confidence_of_less_than_a_half_has_no_one_sided_limit_inside_the_interval():
    change, lower, upper = independent_rates(
        rate(20, 100), rate(30, 100), effective_a=100, effective_b=100, confidence=0.3
    )
    assert lower == change.difference.low < 0.1 < change.difference.high == upper


@pytest.mark.parametrize("events", [[2, 0], [1, 0]])
def test_two_clusters_in_each_run_are_no_certainty(events):
    a, b = clustered_rate([2, 0], [2, 2]), clustered_rate(events, [2, 2])
    sizes = [effective_size(own, [2, 2]) for own in ([2, 0], events)]
    change, lower, upper = independent_rates(a, b, effective_a=sizes[0], effective_b=sizes[1])
    assert change.p_value > 0.05
    assert change.difference.high - change.difference.low > 0.5
    assert upper - lower > 0.5


def test_one_effective_sample_in_all_is_no_error():
    half = replace(rate(1, 2), n=4)
    independent_rates(half, half, effective_a=0.5, effective_b=0.5)
