"""Every number on heavily tied scores, against scikit-learn or brute force over the samples themselves."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from finauth_eval.metrics.areas import average_precision, partial_auc
from finauth_eval.metrics.calibration import calibration, prior_shift
from finauth_eval.metrics.cost import least_cost
from finauth_eval.metrics.counts import ScoreCounts
from finauth_eval.metrics.curves import det_curve, precision_recall_curve, roc_curve
from finauth_eval.metrics.delong import auc
from finauth_eval.metrics.equal_error import equal_error_rate
from finauth_eval.metrics.fixed_apcer import bpcer_at_apcer
from finauth_eval.metrics.rates import operating_points

TYPES = ("mask", "swap", None)
NUMBERS = settings(max_examples=60, deadline=None)  # a busy machine is no failure


class Samples(NamedTuple):
    scores: np.ndarray
    attack: np.ndarray
    types: list[str | None]

    def counts(self, rows=slice(None)) -> ScoreCounts:
        return ScoreCounts.from_arrays(self.scores[rows], self.attack[rows], self.types[rows])


@st.composite
def samples(draw, both_classes=True):
    """Scores on one or two decimals, on a continuum, or beyond [0, 1]."""
    n = draw(st.integers(2, 60))
    scale = draw(st.sampled_from([10, 100]))
    ticks = draw(st.lists(st.integers(0, scale), min_size=n, max_size=n))
    scores = np.array(ticks) / scale
    if draw(st.booleans()):
        scores = draw(st.sampled_from([np.sqrt, lambda s: s * 7 - 3, lambda s: s / 3]))(scores)
    attack = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    if both_classes:
        attack[:2] = [True, False]
    types = draw(st.lists(st.sampled_from(TYPES), min_size=n, max_size=n))
    return Samples(scores, attack, types)


def brute_rates(drawn: Samples, threshold: float, rows=None) -> tuple[float, float]:
    """APCER and BPCER by looking at each sample."""
    flagged = [score >= threshold for score in drawn.scores]
    attacks = [
        f for f, a, t in zip(flagged, drawn.attack, drawn.types, strict=True) if a and rows in (None, t)
    ]
    others = [f for f, a in zip(flagged, drawn.attack, strict=True) if not a]
    return sum(not f for f in attacks) / len(attacks), sum(others) / len(others)


def thresholds_of(drawn: Samples) -> list[float]:
    return [*np.unique(drawn.scores), np.inf]


@settings(NUMBERS)
@given(samples())
def test_curves_equal_scikit_learns_to_the_last_point(drawn):
    counts = drawn.counts()
    fpr, tpr, at = sk.roc_curve(drawn.attack, drawn.scores, drop_intermediate=False)
    roc = roc_curve(counts)
    for ours, theirs in ((roc.x, fpr), (roc.y, tpr), (roc.thresholds, at)):
        np.testing.assert_array_equal(ours, theirs)
    precision, recall, at = sk.precision_recall_curve(drawn.attack, drawn.scores, drop_intermediate=False)
    pr = precision_recall_curve(counts)
    for ours, theirs in ((pr.x, recall), (pr.y, precision), (pr.thresholds, at)):
        np.testing.assert_array_equal(ours, theirs)
    fpr, fnr, at = sk.det_curve(drawn.attack, drawn.scores, drop_intermediate=False)
    det = det_curve(counts)
    for ours, theirs in ((det.x, fpr), (det.y, fnr), (det.thresholds, at)):
        np.testing.assert_array_equal(ours, theirs)


@settings(NUMBERS)
@given(samples(), st.sampled_from([0.01, 0.05, 0.3, 1.0]))
def test_areas_equal_scikit_learns(drawn, max_bpcer):
    counts = drawn.counts()
    assert auc(counts).value == pytest.approx(sk.roc_auc_score(drawn.attack, drawn.scores), abs=1e-12)
    expected = sk.average_precision_score(drawn.attack, drawn.scores)
    assert average_precision(counts) == pytest.approx(expected, abs=1e-12)
    corrected = sk.roc_auc_score(drawn.attack, drawn.scores, max_fpr=max_bpcer)
    assert partial_auc(counts, max_bpcer=max_bpcer).mcclish == pytest.approx(corrected, abs=1e-10)


@settings(NUMBERS)
@given(samples())
def test_delong_equals_brute_force_placements(drawn):
    attacks, others = drawn.scores[drawn.attack], drawn.scores[~drawn.attack]
    wins = (attacks[:, None] > others) + 0.5 * (attacks[:, None] == others)
    found = auc(drawn.counts())
    assert found.value == pytest.approx(wins.mean(), abs=1e-12)
    assert not found.low < 0
    assert not found.high > 1
    if min(wins.shape) > 1:
        se = np.sqrt(wins.mean(1).var(ddof=1) / wins.shape[0] + wins.mean(0).var(ddof=1) / wins.shape[1])
        if se > 0:
            assert found.se == pytest.approx(se, abs=1e-12)
            assert 0 < found.low < found.value < found.high < 1
        else:
            assert found.method == "exact-pairs"
            assert found.low < found.high


@settings(NUMBERS)
@given(samples(both_classes=False), st.integers(0, 60))
def test_merging_any_split_equals_the_whole(drawn, cut):
    whole, merged = drawn.counts(), drawn.counts(slice(None, cut)) + drawn.counts(slice(cut, None))
    np.testing.assert_array_equal(merged.scores, whole.scores)
    np.testing.assert_array_equal(merged.bona_fide, whole.bona_fide)
    np.testing.assert_array_equal(merged.attack, whole.attack)
    assert [*merged.by_attack_type] == [*whole.by_attack_type]
    for name, own in whole.by_attack_type.items():
        np.testing.assert_array_equal(merged.by_attack_type[name], own)


@settings(NUMBERS)
@given(samples(), st.integers(0, 100))
def test_rates_equal_counting_by_hand_and_the_worst_type_is_the_maximum(drawn, tick):
    threshold = tick / 100
    point = operating_points(drawn.counts(), [(threshold, "requested")])[0]
    apcer, bpcer = brute_rates(drawn, threshold)
    assert (point.apcer.value, point.bpcer.value) == (apcer, bpcer)
    tn, fp, fn, tp = sk.confusion_matrix(drawn.attack, drawn.scores >= threshold).ravel()
    assert (point.confusion.tn, point.confusion.fp, point.confusion.fn, point.confusion.tp) == (
        tn,
        fp,
        fn,
        tp,
    )
    by_type = {
        name: brute_rates(drawn, threshold, name)[0]
        for name in {t for t, a in zip(drawn.types, drawn.attack, strict=True) if a} - {None}
    }
    assert {name: own.value for name, own in point.apcer_by_attack_type.items()} == by_type
    if by_type:
        worst = point.apcer_worst
        assert worst.estimate.value == max(by_type.values()) == by_type[worst.attack_type]
        assert worst.estimate.low <= worst.estimate.value <= worst.estimate.high
        assert worst.estimate.high == max(own.high for own in point.apcer_by_attack_type.values())
    else:
        assert point.apcer_worst is None
    flagged = drawn.scores >= threshold
    if flagged.any():
        assert point.precision == pytest.approx(sk.precision_score(drawn.attack, flagged))
        assert point.f1 == pytest.approx(sk.f1_score(drawn.attack, flagged))
    else:
        assert np.isnan(point.precision)
        assert np.isnan(point.f1)
    assert point.accuracy == pytest.approx(sk.accuracy_score(drawn.attack, flagged))


@settings(NUMBERS)
@given(samples(), st.sampled_from([0.0, 0.01, 0.05, 0.1, 0.3, 0.5]))
def test_bpcer_at_apcer_is_the_lowest_over_every_threshold_that_keeps_the_limit(drawn, limit):
    found = bpcer_at_apcer(drawn.counts(), limit)
    kept = [brute_rates(drawn, t)[1] for t in thresholds_of(drawn) if brute_rates(drawn, t)[0] <= limit]
    assert found.pooled.value == pytest.approx(min(kept), abs=1e-15)
    assert brute_rates(drawn, found.pooled_threshold) == (pytest.approx(limit, abs=limit), found.pooled.value)
    types = {t for t, a in zip(drawn.types, drawn.attack, strict=True) if a} - {None}
    if types:
        kept = [
            brute_rates(drawn, t)[1]
            for t in thresholds_of(drawn)
            if max(brute_rates(drawn, t, name)[0] for name in types) <= limit
        ]
        assert found.worst_type.value == pytest.approx(min(kept), abs=1e-15)
    else:
        assert np.isnan(found.worst_type.value)
        assert found.worst_type.reason == "no attack has a type"


def test_the_equal_error_threshold_is_no_higher_than_the_highest_score():
    assert 0.3 + 1.0 * (0.9 - 0.3) > 0.9
    assert equal_error_rate(ScoreCounts.from_arrays([0.3, 0.9], [False, True])).threshold == 0.9


@settings(NUMBERS)
@given(samples())
def test_equal_error_rates_equal_brute_force(drawn):
    found = equal_error_rate(drawn.counts())
    rates = [brute_rates(drawn, t) for t in thresholds_of(drawn)]
    gap = min(abs(apcer - bpcer) for apcer, bpcer in rates)
    first = next(pair for pair in rates if abs(pair[0] - pair[1]) <= gap + 1e-12)
    assert found.nearest == pytest.approx(sum(first) / 2, abs=1e-12)
    # the interpolated rate by root finding on the polyline, the hull's as the greatest least cost over all priors
    apcer, bpcer = np.array(rates).T
    along = np.interp(0, apcer - bpcer, np.arange(len(rates)))
    assert found.linear == pytest.approx(np.interp(along, np.arange(len(rates)), apcer), abs=1e-12)
    slopes = {0.0, 1.0}
    for i in range(len(rates)):
        for j in range(i):
            rise, run = apcer[i] - apcer[j], bpcer[j] - bpcer[i]
            slopes.add(run / (rise + run))  # the prior at which both thresholds cost the same
    worst = max(np.min(p * apcer + (1 - p) * bpcer) for p in slopes)
    assert found.rocch == pytest.approx(worst, abs=1e-9)
    assert drawn.scores.min() <= found.threshold <= drawn.scores.max()


@settings(NUMBERS)
@given(samples())
def test_the_complement_mirrors_and_a_monotone_transform_changes_nothing(drawn):
    plain = drawn.counts()
    mirrored = ScoreCounts.from_arrays(-drawn.scores, ~drawn.attack)
    assert auc(mirrored).value == pytest.approx(auc(plain).value, abs=1e-12)
    assert equal_error_rate(mirrored).linear == pytest.approx(equal_error_rate(plain).linear, abs=1e-12)
    moved = ScoreCounts.from_arrays(np.exp(drawn.scores), drawn.attack, drawn.types)
    if moved.scores.size == plain.scores.size:  # exp joins no two scores
        assert auc(moved).to_dict() == auc(plain).to_dict()
        assert average_precision(moved) == average_precision(plain)
        for name in ("nearest", "linear", "rocch"):
            assert getattr(equal_error_rate(moved), name) == getattr(equal_error_rate(plain), name)
        for limit in (0.05, 0.3):
            ours, theirs = bpcer_at_apcer(moved, limit), bpcer_at_apcer(plain, limit)
            assert ours.pooled.value == theirs.pooled.value
            assert ours.worst_type.to_dict() == theirs.worst_type.to_dict()


@settings(NUMBERS)
@given(samples(), st.floats(0, 5), st.floats(0, 5))
def test_the_least_cost_equals_brute_force_over_every_threshold_and_both_ends(drawn, miss, alarm):
    costs = {
        t: miss * apcer + alarm * bpcer
        for t in thresholds_of(drawn)
        for apcer, bpcer in [brute_rates(drawn, t)]
    }
    found = least_cost(drawn.counts(), miss=miss, alarm=alarm)
    assert found.value == pytest.approx(min(costs.values()), abs=1e-12)
    if np.isfinite(found.low) and np.isfinite(found.high) and found.low < found.high:
        for t in ((found.low + found.high) / 2, found.high):
            apcer, bpcer = brute_rates(drawn, t)
            assert miss * apcer + alarm * bpcer == pytest.approx(found.value, abs=1e-9)


@settings(NUMBERS)
@given(samples())
def test_calibration_equals_scikit_learns_brier_and_a_plain_cllr(drawn):
    found = calibration(drawn.counts())
    if drawn.scores.min() < 0 or drawn.scores.max() > 1:
        assert np.isnan([found.brier, found.ece, found.cllr]).all()
        assert {*found.reasons} == {"brier", "ece", "cllr"}
        return
    assert found.brier == pytest.approx(sk.brier_score_loss(drawn.attack, drawn.scores), abs=1e-12)
    attacks, others = drawn.scores[drawn.attack], drawn.scores[~drawn.attack]
    with np.errstate(divide="ignore"):
        odds_attack, odds_others = attacks / (1 - attacks), others / (1 - others)
        cllr = (np.log2(1 + 1 / odds_attack).mean() + np.log2(1 + odds_others).mean()) / 2
    if np.isfinite(cllr):
        assert found.cllr == pytest.approx(cllr, abs=1e-9)
        assert found.min_cllr <= found.cllr + 1e-12
    else:
        assert np.isnan(found.cllr)
        assert "infinite" in found.reasons["cllr"]
    assert 0 <= found.min_cllr <= 1 + 1e-12
    assert sum(own.attack_share.n for own in found.reliability) == drawn.scores.size


@settings(NUMBERS)
@given(samples())
def test_min_cllr_equals_scikit_learns_isotonic_fit(drawn):
    m, n = drawn.attack.sum(), (~drawn.attack).sum()
    weights = np.where(drawn.attack, 1 / m, 1 / n)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of scikit-learn's own making, on constant scores
        model = IsotonicRegression(y_min=0, y_max=1).fit(drawn.scores, drawn.attack, weights)
        fitted = model.predict(drawn.scores)
    with np.errstate(divide="ignore"):
        expected = -(np.log2(fitted[drawn.attack]).mean() + np.log2(1 - fitted[~drawn.attack]).mean()) / 2
    assert calibration(drawn.counts()).min_cllr == pytest.approx(expected, abs=1e-10)


@settings(NUMBERS)
@given(st.floats(0.001, 0.999), st.floats(0.01, 0.99), st.floats(0.001, 0.999))
def test_a_shifted_prior_multiplies_the_odds_and_shifts_back(posterior, data_prior, prior):
    odds = posterior / (1 - posterior) * (prior / (1 - prior)) / (data_prior / (1 - data_prior))
    found = float(prior_shift(posterior, data_prior=data_prior, prior=prior))
    assert found == pytest.approx(odds / (1 + odds), abs=1e-12)
    back = prior_shift(found, data_prior=prior, prior=data_prior)
    assert back == pytest.approx(posterior, abs=1e-9)


def test_a_shifted_prior_is_the_share_of_attacks_at_each_score_of_the_other_mix():
    """Bayes by counting: three scores with given frequencies in each class, at one mix and at another."""
    attack, bona_fide = np.array([0.2, 0.3, 0.5]), np.array([0.6, 0.3, 0.1])
    posterior = 0.4 * attack / (0.4 * attack + 0.6 * bona_fide)
    elsewhere = 0.02 * attack / (0.02 * attack + 0.98 * bona_fide)
    np.testing.assert_allclose(prior_shift(posterior, data_prior=0.4, prior=0.02), elsewhere, atol=1e-12)
    for prior, expected in ((0.0, [0, 0, 1]), (1.0, [0, 1, 1])):
        np.testing.assert_array_equal(prior_shift([0.0, 0.5, 1.0], data_prior=0.5, prior=prior), expected)


@pytest.mark.parametrize(
    ("posterior", "data_prior", "prior", "words"),
    [(1.5, 0.5, 0.5, "posterior"), (0.5, 0.0, 0.5, "data_prior is 0.0"), (0.5, 0.5, -0.1, "prior is -0.1")],
)
def test_a_prior_that_is_no_share_is_refused(posterior, data_prior, prior, words):
    with pytest.raises(ValueError, match=words):
        prior_shift(posterior, data_prior=data_prior, prior=prior)


@settings(NUMBERS)
@given(samples(both_classes=False))
def test_numbers_of_any_table_are_defined_or_have_a_reason(drawn):
    counts = drawn.counts()
    for estimate in (auc(counts), *(p.apcer for p in operating_points(counts, [(0.5, "default")]))):
        assert estimate.defined or estimate.reason
    assert not np.isnan(equal_error_rate(counts).linear) or equal_error_rate(counts).reason
    found = calibration(counts)
    for name in ("brier", "ece", "cllr", "min_cllr"):
        assert np.isnan(getattr(found, name)) == (name in found.reasons)
