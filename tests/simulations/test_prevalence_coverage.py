from __future__ import annotations

import itertools

import numpy as np
import pytest

from finauth_eval.metrics.prevalence import Detector, prevalence

RUNS = 3_000
SHARES = (0.0, 0.001, 0.01, 0.05, 0.3)


@pytest.mark.parametrize(("tpr", "fpr"), [*itertools.product((0.7, 0.95), (0.001, 0.01, 0.05))])
@pytest.mark.parametrize(("n_attack", "n_bona_fide"), [(50, 300), (500, 3000), (50, 3000), (500, 300)])
def test_the_interval_of_the_adjusted_count_holds_the_share_of_attacks_as_often_as_it_says(
    tpr, fpr, n_attack, n_bona_fide
):
    rng = np.random.default_rng([int(tpr * 100), int(fpr * 1000), n_attack, n_bona_fide])
    for share, n in itertools.product(SHARES, (1_000, 100_000)):
        alerts = rng.binomial(n, share * tpr + (1 - share) * fpr, RUNS)
        found = rng.binomial(n_attack, tpr, RUNS), rng.binomial(n_bona_fide, fpr, RUNS)
        held = 0
        for flagged, of_attack, of_bona_fide in zip(
            alerts.tolist(), *(own.tolist() for own in found), strict=True
        ):
            detector = Detector(
                tpr=of_attack / n_attack,
                fpr=of_bona_fide / n_bona_fide,
                n_attack=n_attack,
                n_bona_fide=n_bona_fide,
            )
            estimate = prevalence(flagged, n, detector).estimate
            held += estimate.low <= share <= estimate.high
        # nominal 95%; least seen 93%, and 3,000 runs have a standard error of 0.4 points
        assert held / RUNS > 0.92, (share, n)


def test_taking_the_detector_as_known_would_not():
    """What the labelled samples' own uncertainty is worth: without it the interval misses most of the time."""
    rng = np.random.default_rng(5)
    share, tpr, fpr, n = 0.01, 0.9, 0.02, 100_000
    held = 0
    for _ in range(500):
        known = {"tpr": rng.binomial(200, tpr) / 200, "fpr": rng.binomial(500, fpr) / 500}
        alerts = int(rng.binomial(n, share * tpr + (1 - share) * fpr))
        estimate = prevalence(alerts, n, Detector(**known, n_attack=10**9, n_bona_fide=10**9)).estimate
        held += estimate.low <= share <= estimate.high
    assert held / 500 < 0.6
