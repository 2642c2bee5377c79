"""Intervals of independent samples against simulated sets whose truth is known; run by `make simulate`."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from finauth_eval.metrics.bootstrap import bootstrap
from finauth_eval.metrics.counts import ScoreCounts
from finauth_eval.metrics.delong import auc
from finauth_eval.metrics.intervals import clopper_pearson, rate
from finauth_eval.metrics.rates import worst_type
from finauth_eval.metrics.replicates import Replicates

pytestmark = pytest.mark.timeout(900)


def say(*words) -> None:
    print(*words)  # noqa: T201 - the figures are what a simulation is run for; `pytest -s` shows them


@pytest.mark.parametrize(("n", "area"), [(20, 0.8), (50, 0.9), (200, 0.8), (200, 0.97), (1000, 0.9)])
def test_delong_on_the_logit_scale_covers_the_area(n, area):
    rng = np.random.default_rng(n)
    shift = math.sqrt(2) * stats.norm.ppf(area)
    attack = np.arange(2 * n) < n
    draws, covered = 2_000, 0
    for _ in range(draws):
        found = auc(ScoreCounts.from_arrays(rng.normal(size=2 * n) + shift * attack, attack))
        covered += found.low <= area <= found.high
    say(f"\nAUC {area}, n = {n} a class: covered {covered / draws:.4f}")
    assert covered / draws >= 0.93
    if n >= 200:
        assert covered / draws <= 0.97


@pytest.mark.parametrize("types", [2, 13])
def test_the_worst_types_interval_covers_the_highest_rate(types):
    rng = np.random.default_rng(types)
    draws, covered = 2_000, 0
    for _ in range(draws):
        rates = {
            f"type {k}": rate(int(events), 100) for k, events in enumerate(rng.binomial(100, 0.1, types))
        }
        interval = worst_type(rates).estimate
        covered += interval.low <= 0.1 <= interval.high
    say(f"\nworst of {types} equal types: covered {covered / draws:.4f}")
    assert covered / draws >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / draws)


@pytest.mark.parametrize("shift", [1.5, 2.5])
@pytest.mark.parametrize("n", [50, 100, 200])
def test_the_percentile_bootstrap_covers_the_equal_error_rate_and_bpcer20(n, shift):
    rng = np.random.default_rng([n, int(10 * shift)])
    attack, draws = np.arange(2 * n) < n, 2_000
    truth = {"EER": stats.norm.sf(shift / 2), "BPCER20": stats.norm.sf(shift + stats.norm.ppf(0.05))}
    covered = dict.fromkeys(truth, 0)
    for _ in range(draws):
        counts = ScoreCounts.from_arrays(np.round(rng.normal(size=2 * n) + shift * attack, 2), attack)
        drawn = bootstrap(counts, 400, rng=rng)
        for name, values in (("EER", drawn.equal_error), ("BPCER20", drawn.bpcer_at_apcer["20"])):
            low, high = Replicates.limits(values, confidence=0.95)
            covered[name] += low <= truth[name] <= high
    for name, hits in covered.items():
        say(f"\n{name} {truth[name]:.3f}, n = {n} a class: covered {hits / draws:.4f}")
        assert hits / draws >= 0.93


@pytest.mark.parametrize(("n", "truth"), [(10, 0.5), (59, 0.05), (100, 0.01), (400, 0.2)])
def test_clopper_pearson_covers_as_often_as_the_binomial_distribution_says(n, truth):
    rng, draws = np.random.default_rng([n, int(100 * truth)]), 20_000
    holds = np.array([low <= truth <= high for low, high in (clopper_pearson(k, n) for k in range(n + 1))])
    exact = float(stats.binom.pmf(np.arange(n + 1), n, truth)[holds].sum())
    covered = holds[rng.binomial(n, truth, draws)].mean()
    say(f"\nrate {truth}, n = {n}: covered {covered:.4f}, by the binomial distribution {exact:.4f}")
    assert exact >= 0.95
    assert covered == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / draws) + 1e-9)
