"""Quantiles with limits by order statistics: exact binomial probabilities, by hand and by enumeration."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from finauth_eval.metrics.quantiles import quantile


def ranks(n: int, share: float, confidence: float) -> tuple[int | None, int | None]:
    """The highest and the lowest rank that is a limit: the value of that rank is on the wrong side rarely enough."""
    tail = (1 - confidence) / 2
    # the value of rank r lies above the quantile when at most r - 1 of n lie below it
    lower = [r for r in range(1, n + 1) if stats.binom.cdf(r - 1, n, share) <= tail]
    # and below it when at least r of n do
    upper = [r for r in range(1, n + 1) if stats.binom.sf(r - 1, n, share) <= tail * (1 + 1e-12)]
    return max(lower, default=None), min(upper, default=None)


@pytest.mark.parametrize("n", [1, 5, 6, 20, 59, 100, 299, 1471])
@pytest.mark.parametrize("share", [0.5, 0.95, 0.99, 0.05])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_limits_are_the_narrowest_ranks_that_the_binomial_distribution_allows(n, share, confidence):
    values = np.random.default_rng(n).permutation(np.arange(1.0, n + 1))
    lower, upper = ranks(n, share, confidence)
    found = quantile(values, share, confidence=confidence)
    for limit, rank in ((found.low, lower), (found.high, upper)):
        assert math.isnan(limit) if rank is None else limit == rank
    assert (found.reason is None) == (lower is not None and upper is not None)
    assert (found.n, found.confidence, found.method) == (n, confidence, "order-statistics")


@pytest.mark.parametrize(("n", "lower", "upper"), [(6, 1, 6), (10, 2, 9), (25, 8, 18), (100, 40, 61)])
def test_limits_of_a_median_are_the_tabled_ones(n, lower, upper):
    # ranks of the 95% limits of a median, as in the tables of Conover and of Altman
    found = quantile(np.arange(1.0, n + 1), 0.5)
    assert (found.low, found.high) == (lower, upper)


def test_59_values_are_the_fewest_whose_highest_bounds_a_95th_percentile():
    for n, known in ((58, False), (59, True)):
        found = quantile(np.arange(1.0, n + 1), 0.95, confidence=0.9)
        assert (found.high == n) == known
        assert (found.reason == "too few values for both limits") != known


def coverage(n: int, share: float, confidence: float) -> float:
    """How often the limits hold the quantile, by every number of values that can lie below it."""
    covered = 0.0
    for below in range(n + 1):
        # only how many of the values lie below the quantile matters: let it be 0, and so many be negative
        values = np.concatenate([-np.arange(1.0, below + 1), np.arange(1.0, n - below + 1)])
        found = quantile(values, share, confidence=confidence)
        low = -math.inf if math.isnan(found.low) else found.low
        high = math.inf if math.isnan(found.high) else found.high
        covered += stats.binom.pmf(below, n, share) * (low < 0 < high)
    return covered


@pytest.mark.parametrize("n", [3, 10, 40, 150])
@pytest.mark.parametrize("share", [0.5, 0.95, 0.99])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_limits_hold_the_quantile_at_least_as_often_as_promised(n, share, confidence):
    found = coverage(n, share, confidence)
    assert found >= confidence - 1e-12
    if n == 150 and share == 0.5:
        assert found < confidence + 0.05, "and not much more often where there are values enough"


@given(
    st.lists(st.integers(0, 30).map(float), min_size=1, max_size=80),
    st.sampled_from([0.05, 0.5, 0.95, 0.99]),
    st.sampled_from([0.8, 0.95, 0.99]),
)
def test_limits_are_values_on_either_side_of_the_estimate(values, share, confidence):
    found = quantile(np.array(values), share, confidence=confidence)
    rank = -(-round(100 * share) * len(values) // 100)  # as many values as the share asks for, rounded up
    assert found.value == sorted(values)[rank - 1]
    if not math.isnan(found.low):
        assert found.low in values
        assert found.low <= found.value
    if not math.isnan(found.high):
        assert found.high in values
        assert found.high >= found.value
    turned = quantile(-np.array(values), 1 - share, confidence=confidence)
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low), nan_ok=True)


@pytest.mark.parametrize(("n", "confidence"), [(2, 0.95), (4, 0.9)])
def test_the_99th_percentile_of_a_few_values_is_not_below_its_lower_limit(n, confidence):
    found = quantile(np.arange(1.0, n + 1), 0.99, confidence=confidence)
    assert (found.low, found.value) == (n, n)
    assert math.isnan(found.high)


def test_the_callers_values_are_not_sorted():
    values = np.array([3.0, 1.0, 2.0])
    quantile(values, 0.5)
    assert values.tolist() == [3, 1, 2]


def test_no_values_have_no_quantile():
    found = quantile(np.zeros(0), 0.5)
    assert found.reason == "there are no values"
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["value"] is None


@pytest.mark.parametrize("confidence", [0, 1, 95])
@pytest.mark.parametrize("n", [0, 5])
def test_a_confidence_out_of_range_is_refused(confidence, n):
    with pytest.raises(ValueError, match="expected a number between 0 and 1"):
        quantile(np.zeros(n), 0.5, confidence=confidence)
