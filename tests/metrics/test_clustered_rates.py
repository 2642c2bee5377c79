from __future__ import annotations

import math

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from finauth_eval.metrics.clustered import ClusteredScores
from finauth_eval.metrics.clustered_rates import (
    clustered_points,
    clustered_rate,
    design_effect,
    effective_size,
)
from finauth_eval.metrics.counts import ScoreCounts
from finauth_eval.metrics.intervals import rate
from finauth_eval.metrics.rates import operating_points


def test_the_design_effect_by_hand():
    # rate 6/20 = 0.3; apart 3.5, -1.5, -1.5, -0.5: squares sum to 17; 4/3 * 17/400 against 0.21/20
    assert design_effect([5, 0, 0, 1], [5, 5, 5, 5]) == pytest.approx((4 / 3 * 17 / 400) / (0.21 / 20))


@pytest.mark.parametrize("seed", range(5))
def test_the_design_effect_is_that_of_cluster_robust_regression_on_a_constant(seed):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 9, size=15)
    events = np.minimum(rng.integers(0, 9, size=15), sizes)
    single = np.concatenate([[1.0] * e + [0.0] * (n - e) for e, n in zip(events, sizes, strict=True)])
    fitted = sm.OLS(single, np.ones(single.size)).fit(
        cov_type="cluster", cov_kwds={"groups": np.repeat(np.arange(15), sizes)}
    )
    share = single.mean()
    binomial = share * (1 - share) / single.size
    assert design_effect(events, sizes) == pytest.approx(max(1, fitted.bse[0] ** 2 / binomial), rel=1e-10)


def test_limits_are_clopper_pearsons_at_the_effective_size():
    events, sizes = [5, 0, 0, 1, 2, 0], [5] * 6
    size = effective_size(events, sizes)
    ratio = stats.t.ppf(0.975, 29) / stats.t.ppf(0.975, 5)
    assert size == pytest.approx(30 / design_effect(events, sizes) * ratio**2)
    found, x = clustered_rate(events, sizes), 8 / 30 * size
    assert found.low == pytest.approx(stats.beta.ppf(0.025, x, size - x + 1), abs=1e-10)
    assert found.high == pytest.approx(stats.beta.ppf(0.975, x + 1, size - x), abs=1e-10)
    assert (found.value, found.n, found.method) == (8 / 30, 30, "korn-graubard")


def test_the_effective_size_is_never_more_than_the_samples():
    assert (
        design_effect([1] * 10, [5] * 10) == 1
    )  # every cluster the same: less spread than chance would give
    ratio = stats.t.ppf(0.975, 49) / stats.t.ppf(0.975, 9)
    assert effective_size([1] * 10, [5] * 10) == pytest.approx(50 * ratio**2)


@pytest.mark.parametrize("events", [0, 5])
def test_where_nothing_or_everything_happened_each_cluster_counts_once(events):
    found, plain = clustered_rate([events] * 12, [5] * 12), rate(12 * events // 5, 12)
    assert (found.value, found.low, found.high) == pytest.approx((plain.value, plain.low, plain.high))
    assert found.n == 60


def test_one_sample_a_cluster_gives_the_plain_interval():
    assert clustered_rate([0, 1, 0, 0], [1, 1, 1, 1]) == rate(1, 4)
    assert clustered_rate([0, 1, 0, 0], [1, 1, 0, 1]) == rate(1, 3)
    assert clustered_rate([], [], of="attack").reason == "no attack has a score"


def test_a_single_cluster_says_as_much_as_one_sample():
    found = clustered_rate([3], [10])
    assert found.low < 0.01
    assert found.high > 0.98


def points(seed: int = 0, threshold: float = 0.55):
    rng = np.random.default_rng(seed)
    n = 300
    attack, clusters = rng.random(n) < 0.6, rng.integers(40, size=n)
    codes = np.where(attack, rng.integers(3, size=n), -1)
    scores = np.round(np.clip(0.4 + 0.25 * attack + 0.1 * rng.normal(size=n), 0, 1), 2)
    types = ("mask", "print", "swap")
    counts = ScoreCounts.from_codes(scores, attack, type_codes=codes, types=types)
    samples = ClusteredScores.of(
        counts, scores, is_attack=attack, clusters=clusters, type_codes=codes, types=types
    )
    plain = operating_points(counts, [(threshold, "requested")])
    [found] = clustered_points(plain, samples)
    return scores, attack, codes, clusters, plain[0], found


@pytest.mark.parametrize("threshold", [0.0, 0.5, 0.55, 2.0])
def test_every_rate_of_a_point_counts_its_own_samples(threshold):
    scores, attack, codes, clusters, plain, found = points(threshold=threshold)

    def expected(own, event, confidence=0.95):
        return clustered_rate(
            [(own & event & (clusters == c)).sum() for c in range(40)],
            [(own & (clusters == c)).sum() for c in range(40)],
            confidence=confidence,
        )

    missed = scores < threshold
    assert found.bpcer == expected(~attack, ~missed)
    assert found.apcer == expected(attack, missed)
    assert (found.bpcer.value, found.apcer.value) == (plain.bpcer.value, plain.apcer.value)
    by_type = {name: attack & (codes == i) for i, name in enumerate(("mask", "print", "swap"))}
    for name, own in by_type.items():
        assert found.apcer_by_attack_type[name] == expected(own, missed)
    worst = found.apcer_worst
    assert worst.attack_type == plain.apcer_worst.attack_type
    assert worst.estimate.value == plain.apcer_worst.estimate.value
    assert worst.estimate.low == max(expected(own, missed, 1 - 0.05 / 3).low for own in by_type.values())
    assert worst.estimate.high == max(rate.high for rate in found.apcer_by_attack_type.values())
    assert worst.estimate.method == "max-of-korn-graubard"
    assert found.confusion == plain.confusion
    assert math.isclose(found.recall, plain.recall, abs_tol=0)
