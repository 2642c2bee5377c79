"""Least costs, review bands and F-beta against brute force over every threshold, or every pair of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import fbeta_score

from finauth_eval.metrics.cost import best_f_beta, least_cost
from finauth_eval.metrics.counts import ScoreCounts
from finauth_eval.metrics.review import best_band

NUMBERS = settings(max_examples=150, deadline=None)  # a busy machine is no failure
COSTS = st.one_of(st.just(0.0), st.floats(0.01, 30))
SHARES = st.one_of(st.sampled_from([0.0, 1.0, 0.5, 0.02]), st.floats(0, 1))


@st.composite
def two_classes(draw):
    """Scores with ties on a grid in [0, 1], the ends included, and their classes."""
    n = draw(st.integers(2, 40))
    ticks = draw(st.sampled_from([4, 10, 200]))
    scores = np.array(draw(st.lists(st.integers(0, ticks), min_size=n, max_size=n))) / ticks
    attack = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    attack[:2] = [True, False]
    return scores, attack


def every_threshold(scores) -> list[float]:
    """Each distinct score, and one above all: below the lowest score a threshold decides as at it."""
    return [*np.unique(scores), 1.5]


def pair_cost(scores, attack, first, second, *, miss, alarm, prior, review):
    """Expected cost and reviewed share, sample by sample."""
    accepted, rejected = scores < first, scores >= second
    reviewed = ~accepted & ~rejected
    share = prior * reviewed[attack].mean() + (1 - prior) * reviewed[~attack].mean()
    cost = prior * miss * accepted[attack].mean() + (1 - prior) * alarm * rejected[~attack].mean()
    return cost + review * share, share


@NUMBERS
@given(two_classes(), COSTS, COSTS, SHARES, st.one_of(COSTS, st.none()), SHARES)
def test_a_band_equals_brute_force_over_all_pairs(drawn, miss, alarm, prior, review, capacity):
    scores, attack = drawn
    terms = {"miss": miss, "alarm": alarm, "prior": prior}
    pairs = []
    for first in every_threshold(scores):
        for second in every_threshold(scores):
            if first <= second:
                cost, share = pair_cost(scores, attack, first, second, **terms, review=review or 0.0)
                if review is not None or share <= capacity + 1e-9:
                    pairs.append(cost)
    found = best_band(
        ScoreCounts.from_arrays(scores, attack), **terms, review=review,
        capacity=None if review is not None else capacity,
    )  # fmt: skip
    assert found.cost == pytest.approx(min(pairs), abs=1e-9)
    # and the thresholds named do cost that: the ends, which are included, unless only a threshold above 1 would do
    first, second = (1.5 if low == 1.0 else high for low, high in (found.first, found.second))
    cost, share = pair_cost(scores, attack, first, second, **terms, review=review or 0.0)
    assert cost == pytest.approx(found.cost, abs=1e-9)
    assert share == pytest.approx(found.share, abs=1e-9)
    assert first <= second


@NUMBERS
@given(two_classes(), COSTS, COSTS, st.integers(0, 20), st.integers(0, 20), st.floats(0, 1))
def test_a_band_within_bounds_equals_brute_force_over_the_pairs_that_keep_them(
    drawn, miss, alarm, low, high, capacity
):
    scores, attack = drawn
    at_least, at_most = low / 20, high / 20
    # thresholds at the bounds too, for a bound may lie between two scores
    candidates = sorted({*every_threshold(scores), at_least, at_most})
    pairs = []
    for first in candidates:
        for second in candidates:
            if first <= second and first <= at_most and second >= at_least:
                cost, share = pair_cost(
                    scores, attack, first, second, miss=miss, alarm=alarm, prior=0.3, review=0.0
                )
                if share <= capacity + 1e-9:
                    pairs.append(cost)
    found = best_band(
        ScoreCounts.from_arrays(scores, attack), miss=miss, alarm=alarm, prior=0.3, capacity=capacity,
        at_least=at_least, at_most=at_most,
    )  # fmt: skip
    if not pairs:
        assert found is None
        return
    assert found.cost == pytest.approx(min(pairs), abs=1e-9)
    assert found.first[0] < at_most or found.first[1] <= at_most
    assert found.second[1] >= at_least


@NUMBERS
@given(two_classes(), COSTS, COSTS, st.integers(0, 20), st.integers(0, 20))
def test_the_least_cost_within_bounds_is_that_of_the_thresholds_within(drawn, miss, alarm, low, high):
    scores, attack = drawn
    at_least, at_most = low / 20, high / 20
    costs = {
        t: miss * np.mean(scores[attack] < t) + alarm * np.mean(scores[~attack] >= t)
        for t in {*every_threshold(scores), at_least, at_most}
        if at_least <= t <= at_most
    }
    found = least_cost(
        ScoreCounts.from_arrays(scores, attack), miss=miss, alarm=alarm, at_least=at_least, at_most=at_most
    )
    if not costs:
        assert found is None
        return
    assert found.value == pytest.approx(min(costs.values()), abs=1e-9)
    assert found.low < found.high <= at_most or found.high == 0
    assert found.high >= at_least
    t = found.high
    assert miss * np.mean(scores[attack] < t) + alarm * np.mean(scores[~attack] >= t) == pytest.approx(
        found.value, abs=1e-9
    )


@NUMBERS
@given(two_classes(), st.sampled_from([0.5, 1.0, 2.0, 7.0]))
def test_the_best_f_beta_is_scikit_learns_greatest(drawn, beta):
    scores, attack = drawn
    best = max(
        fbeta_score(attack, scores >= t, beta=beta, zero_division=0.0) for t in every_threshold(scores)
    )
    found = best_f_beta(ScoreCounts.from_arrays(scores, attack), beta=beta)
    assert found.value == pytest.approx(best, abs=1e-12)
    assume(found.low < found.high)
    assert fbeta_score(attack, scores >= found.high, beta=beta) == pytest.approx(best, abs=1e-12)


def test_f_beta_at_another_prior_weighs_the_classes_as_there():
    scores = np.array([0.1, 0.2, 0.6, 0.3, 0.7, 0.8])
    attack = np.array([False, False, False, True, True, True])
    # at 1% attacks each bona fide sample stands for 33 of a hundred, each attack for a third of one
    weights = np.where(attack, 0.01, 0.99)
    values = [fbeta_score(attack, scores >= t, beta=1, sample_weight=weights) for t in np.unique(scores)]
    found = best_f_beta(ScoreCounts.from_arrays(scores, attack), prior=0.01)
    assert found.value == pytest.approx(max(values), abs=1e-12)
    assert found.high == np.unique(scores)[int(np.argmax(values))]


def test_without_one_class_nothing_is_weighed():
    for attack in (True, False):
        with pytest.raises(ValueError, match="both classes"):
            best_f_beta(ScoreCounts.from_arrays([0.1], [attack]))
    with pytest.raises(ValueError, match="expected numbers of at least 0"):
        least_cost(ScoreCounts.from_arrays([0.1, 0.2], [True, False]), miss=-1, alarm=math.nan)


@NUMBERS
@given(two_classes(), st.floats(0, 1))
def test_of_pairs_that_cost_the_same_the_one_with_the_least_review_is_taken(drawn, capacity):
    scores, attack = drawn
    costs = {}
    for first in every_threshold(scores):
        for second in every_threshold(scores):
            if first <= second:
                cost, share = pair_cost(scores, attack, first, second, miss=1, alarm=1, prior=0.5, review=0.0)
                if share <= capacity + 1e-9:
                    costs[first, second] = (cost, share)
    best = min(cost for cost, _ in costs.values())
    least = min(share for cost, share in costs.values() if cost <= best + 1e-9)
    found = best_band(ScoreCounts.from_arrays(scores, attack), miss=1, alarm=1, prior=0.5, capacity=capacity)
    assert found.share == pytest.approx(least, abs=1e-9)
