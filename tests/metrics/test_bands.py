from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from finauth_eval.metrics.bands import roc_band
from finauth_eval.metrics.counts import ScoreCounts


def drawn(seed: int, n: int = 60, shift: float = 1.0) -> ScoreCounts:
    rng = np.random.default_rng(seed)
    attack = np.arange(n) % 3 == 0
    return ScoreCounts.from_arrays(np.round(rng.normal(size=n) + shift * attack, 1), attack)


def test_the_margins_by_hand():
    band = roc_band(drawn(0), confidence=0.9)  # 40 bona fide samples, 20 attacks, risk 0.05 each
    assert band.bpcer_margin == pytest.approx(math.sqrt(math.log(40) / 80))
    assert band.apcer_margin == pytest.approx(math.sqrt(math.log(40) / 40))


@pytest.mark.parametrize("seed", range(5))
def test_the_band_is_the_union_of_rectangles_around_each_threshold(seed):
    counts = drawn(seed, 600)
    band = roc_band(counts)
    x = np.linspace(0, 1, 301)
    low, high = band.at(x)
    points = [
        (counts.bona_fide[row:].sum() / 400, counts.attack[row:].sum() / 200)
        for row in range(counts.scores.size + 1)
    ]
    for at, lower, upper in zip(x, low, high, strict=True):
        most = max(y for own, y in points if own - band.bpcer_margin <= at)
        least = min(y for own, y in points if own + band.bpcer_margin >= at)
        assert upper == pytest.approx(min(1, most + band.apcer_margin), abs=1e-12)
        assert lower == pytest.approx(max(0, least - band.apcer_margin), abs=1e-12)
    assert (np.diff(low) >= 0).all()
    assert (np.diff(high) >= 0).all()


@pytest.mark.parametrize("n", [90, 900])
def test_the_whole_curve_lies_in_the_band_as_often_as_promised(n):
    x = np.linspace(0, 1, 501)
    truth = stats.norm.sf(stats.norm.isf(x) - 1)
    held = 0
    for seed in range(300):
        rng = np.random.default_rng([n, seed])
        attack = np.arange(n) % 3 == 0
        low, high = roc_band(ScoreCounts.from_arrays(rng.normal(size=n) + attack, attack)).at(x)
        held += bool(((low <= truth + 1e-12) & (truth <= high + 1e-12)).all())
    assert held / 300 >= 0.95


def test_the_margin_itself_still_belongs_to_the_point_it_is_measured_from():
    scores = np.arange(2000) / 2000
    band = roc_band(ScoreCounts.from_arrays(scores, scores >= 0.5))
    edge = (
        band.bpcer_margin
    )  # nothing blocked and nothing caught may be a threshold that blocks as much as this
    low, _ = band.at([edge, edge + 1e-6])
    assert low.tolist() == [0, pytest.approx(1 - band.apcer_margin)]


def test_few_samples_give_a_band_that_says_nothing():
    low, high = roc_band(drawn(1, 6)).at([0.0, 0.5, 1.0])
    assert (low.tolist(), high.tolist()) == ([0, 0, 0], [1, 1, 1])


def test_a_missing_class_has_no_band():
    low, high = roc_band(ScoreCounts.from_arrays([0.1, 0.2], [True, True])).at([0.5])
    assert np.isnan(low).all()
    assert np.isnan(high).all()
    with pytest.raises(ValueError, match="expected a number between 0 and 1"):
        roc_band(drawn(0), confidence=95)
