"""Rates at many thresholds equal those at one threshold at a time, which have their own tests by other roads."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finauth_eval.metrics.clustered import ClusteredScores
from finauth_eval.metrics.clustered_rates import clustered_points
from finauth_eval.metrics.counts import ScoreCounts
from finauth_eval.metrics.rates import operating_points
from finauth_eval.metrics.swept_rates import swept_rates

TYPES = ("mask", "replay", "swap")


def drawn(seed: int, n: int, decimals: int, clusters: int) -> tuple[ScoreCounts, ClusteredScores]:
    rng = np.random.default_rng(seed)
    attack = rng.random(n) < 0.5
    together = rng.integers(0, clusters, n)
    scores = np.clip(np.round(rng.normal(0.4 + 0.2 * attack + 0.1 * (together % 3), 0.2), decimals), 0, 1)
    codes = np.where(attack, rng.integers(-1, len(TYPES), n), -1)
    counts = ScoreCounts.from_codes(scores, attack, type_codes=codes, types=TYPES)
    samples = ClusteredScores.of(
        counts, scores, is_attack=attack, clusters=together, type_codes=codes, types=TYPES
    )
    return counts, samples


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(1, 60),
    decimals=st.sampled_from([1, 2, 6]),
    clusters=st.integers(1, 40),
    together=st.booleans(),
    confidence=st.sampled_from([0.9, 0.95]),
)
def test_equal_the_operating_points_one_by_one(
    seed: int, n: int, decimals: int, clusters: int, together: bool, confidence: float
) -> None:
    counts, samples = drawn(seed, n, decimals, clusters)
    thresholds = np.unique(np.concatenate([np.arange(21) / 20, counts.scores, [-0.5, 1.5]]))
    points = operating_points(counts, [(float(at), "x") for at in thresholds], confidence=confidence)
    if together:
        points = clustered_points(points, samples, confidence=confidence)
    found = swept_rates(counts, thresholds, clustered=samples if together else None, confidence=confidence)
    for k, point in enumerate(points):
        assert (found.blocked.events[k], found.missed.events[k]) == (point.confusion.fp, point.confusion.fn)
        pairs = [(found.blocked, point.bpcer), (found.missed, point.apcer)]
        pairs += [
            (found.by_attack_type[name], point.apcer_by_attack_type[name]) for name in found.by_attack_type
        ]
        for rate, one in pairs:
            assert (rate.n, rate.values[k]) == (one.n, pytest.approx(one.value, abs=0, nan_ok=True))
            assert (rate.low[k], rate.high[k]) == pytest.approx((one.low, one.high), abs=1e-9, nan_ok=True)
        if found.worst is None:
            assert point.apcer_worst is None
        else:
            worst, estimate = found.worst, point.apcer_worst.estimate
            assert worst.names[worst.which[k]] == point.apcer_worst.attack_type
            assert worst.events[k] / worst.sizes[k] == estimate.value
            assert (worst.low[k], worst.high[k]) == pytest.approx((estimate.low, estimate.high), abs=1e-9)
