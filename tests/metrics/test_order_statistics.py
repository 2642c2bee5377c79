from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from finauth_eval.metrics.order_statistics import allowed_errors, minimum_n, rank_interval


@pytest.mark.parametrize(
    ("target", "confidence", "n"), [(0.05, 0.95, 59), (0.01, 0.95, 299), (0.001, 0.95, 2995), (0.2, 0.95, 14)]
)
def test_the_least_n_is_the_zero_error_one_and_one_fewer_promises_nothing(target, confidence, n):
    assert minimum_n(target, confidence=confidence) == n
    assert allowed_errors(n, target, confidence=confidence) == 0
    assert allowed_errors(n - 1, target, confidence=confidence) is None


@pytest.mark.parametrize("n", [59, 93, 180, 299, 1000, 5000, 123_456])
@pytest.mark.parametrize("target", [0.01, 0.05, 0.2])
def test_allowed_errors_are_the_binomial_quantile(n, target):
    m = allowed_errors(n, target)
    # ppf is the least j with cdf(j) >= risk, so that the one below it is the last that keeps the risk
    expected = int(stats.binom.ppf(0.05, n, target)) - 1
    if stats.binom.cdf(expected + 1, n, target) <= 0.05:
        expected += 1
    assert (-1 if m is None else m) == expected


@pytest.mark.parametrize("errors", [0, 1, 4, 20])
def test_the_least_n_for_some_errors_is_the_first_that_allows_them(errors):
    n = minimum_n(0.05, errors=errors)
    assert allowed_errors(n, 0.05) == errors
    assert (allowed_errors(n - 1, 0.05) or -1) < errors


def test_the_rank_interval_equals_a_resampling_bootstrap():
    rng = np.random.default_rng(11)
    drawn = np.sort(rng.integers(1, 201, size=(40_000, 200)), axis=1)[:, 190 - 1]
    low, high = np.quantile(drawn, [0.025, 0.975], method="inverted_cdf")
    assert rank_interval(190, 200) == pytest.approx((low, high), abs=1)


@pytest.mark.parametrize("target", [0, 1, -0.1, 5])
def test_a_target_that_is_no_share_is_refused(target):
    for call in (lambda: minimum_n(target), lambda: allowed_errors(100, target)):
        with pytest.raises(ValueError, match="expected a share between 0 and 1"):
            call()
