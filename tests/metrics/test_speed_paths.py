"""Every quick road against the plain one: same counts, same numbers, whatever the scores are."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st

from finauth_eval import plots
from finauth_eval.evaluation import evaluate
from finauth_eval.metrics.areas import average_precision, partial_auc
from finauth_eval.metrics.bootstrap import _draws, bootstrap
from finauth_eval.metrics.calibration import calibration
from finauth_eval.metrics.cost import least_cost
from finauth_eval.metrics.counts import ScoreCounts
from finauth_eval.metrics.curves import roc_curve
from finauth_eval.metrics.delong import auc
from finauth_eval.metrics.equal_error import equal_error_rate
from finauth_eval.metrics.fixed_apcer import LIMITS, bpcer_at_apcer
from finauth_eval.metrics.replicates import statistics
from finauth_eval.metrics.strata import Strata, Stratum
from finauth_eval.metrics.tally import tally
from finauth_eval.report.sweep import sweep
from finauth_eval.scores import ScoreTable

EDGES = (0.0, -0.0, 1.0, 5e-324, 2.2e-308, np.nextafter(1, 0), 0.5, 0.1, 0.1 + 1e-17, 0.3, 1 / 3)
OUTSIDE = (-1.0, 1.5, 1e308, -1e-320, 7.25)
QUICK = settings(max_examples=200, deadline=None)  # a busy machine is no failure
ROWS = 40_000  # several blocks


@st.composite
def coded_scores(draw):
    """Scores with ends of the range, subnormals and ties, in or beyond [0, 1], of one to many classes."""
    some = st.one_of(st.sampled_from(EDGES), st.floats(0, 1), st.integers(0, 20).map(lambda tick: tick / 20))
    if draw(st.booleans()):
        some = st.one_of(some, st.sampled_from(OUTSIDE), st.floats(-1e6, 1e6))
    n_codes = draw(st.sampled_from([1, 2, 3, 4, 5, 9]))
    scores = draw(st.lists(some, min_size=1, max_size=40))
    codes = draw(st.lists(st.integers(0, n_codes - 1), min_size=len(scores), max_size=len(scores)))
    return np.array(scores), np.array(codes, dtype=np.uint8), n_codes


@QUICK
@given(coded_scores())
def test_a_tally_is_what_a_dictionary_counts(drawn):
    scores, codes, n_codes = drawn
    expected = Counter(zip((scores + 0.0).tolist(), codes.tolist(), strict=True))
    values, counts = tally(scores, codes, n_codes)
    assert not np.signbit(values[values == 0]).any()
    found = {
        (value, code): int(counts[code][row])
        for row, value in enumerate(values.tolist())
        for code in range(n_codes)
        if counts[code][row]
    }
    assert found == dict(expected)
    assert values.tolist() == sorted({*(scores + 0.0).tolist()})


@pytest.mark.parametrize("n_types", [0, 1, 3, 13, 40])
@pytest.mark.parametrize("low", [0.0, 1e-3, 5.0, -5.0])
def test_many_types_on_a_continuum_are_counted_as_one_by_one(n_types, low):
    rng = np.random.default_rng(n_types)
    scores = low + rng.random(3_000)
    scores[::7] = scores[3]
    attack = rng.random(3_000) < 0.6
    types = [f"t{i:02}" for i in range(n_types)]
    codes = rng.integers(-1, n_types, 3_000).astype(np.int8)
    counts = ScoreCounts.from_codes(scores, attack, type_codes=codes, types=types)
    np.testing.assert_array_equal(counts.scores, np.unique(scores))
    for name, own in counts.by_attack_type.items():
        chosen = scores[attack & (codes == types.index(name))]
        np.testing.assert_array_equal(own, [np.sum(chosen == score) for score in counts.scores])
    np.testing.assert_array_equal(
        counts.attack, np.diff(np.searchsorted(np.sort(scores[attack]), np.append(counts.scores, np.inf)))
    )


def many(decimals: int | None, *, balance: float = 0.5) -> tuple[np.ndarray, np.ndarray, ScoreCounts]:
    rng = np.random.default_rng(5)
    attack = rng.random(ROWS) < balance
    scores = np.where(attack, rng.beta(4, 2, ROWS), rng.beta(2, 4, ROWS))
    if decimals is not None:
        scores = np.round(scores, decimals)
    types = rng.choice(["mask", "print", "swap"], ROWS).tolist()
    return scores, attack, ScoreCounts.from_arrays(scores, attack, types)


@pytest.mark.parametrize("balance", [0.5, 0.01, 0.99])
@pytest.mark.parametrize("decimals", [None, 5, 2])
def test_numbers_of_several_blocks_equal_scikit_learns_and_plain_formulas(decimals, balance):
    scores, attack, counts = many(decimals, balance=balance)
    assert average_precision(counts) == pytest.approx(sk.average_precision_score(attack, scores), abs=1e-12)
    for limit in (0.01, 0.05, 0.5, 1.0):
        area = partial_auc(counts, max_bpcer=limit).mcclish
        assert area == pytest.approx(sk.roc_auc_score(attack, scores, max_fpr=limit), abs=1e-12)
    for own in (counts, *(counts.select(name) for name in counts.by_attack_type)):
        value, se = plain_delong(own)
        assert auc(own).value == pytest.approx(value, abs=1e-14)
        assert auc(own).se == pytest.approx(se, rel=1e-10)
        assert equal_error_rate(own).rocch == pytest.approx(plain_hull(own), abs=1e-12)


def plain_delong(counts: ScoreCounts) -> tuple[float, float]:
    """By each sample's placement among the samples of the other class, both sorted."""
    attacks = np.repeat(counts.scores, counts.attack)
    others = np.repeat(counts.scores, counts.bona_fide)
    below = (np.searchsorted(others, attacks) + np.searchsorted(others, attacks, side="right")) / 2
    above = (np.searchsorted(attacks, others) + np.searchsorted(attacks, others, side="right")) / 2
    first, second = below / others.size, 1 - above / attacks.size
    return first.mean(), np.sqrt(first.var(ddof=1) / first.size + second.var(ddof=1) / second.size)


def plain_hull(counts: ScoreCounts) -> float:
    """The greatest least cost over all priors, by golden section: the cost is concave in the prior."""
    missed = np.append(0, np.cumsum(counts.attack)) / counts.n_attack
    alarms = 1 - np.append(0, np.cumsum(counts.bona_fide)) / counts.n_bona_fide
    low, high = 0.0, 1.0
    for _ in range(90):
        a, b = low + 0.382 * (high - low), low + 0.618 * (high - low)
        if np.min(a * missed + (1 - a) * alarms) < np.min(b * missed + (1 - b) * alarms):
            low = a
        else:
            high = b
    return float(np.min(low * missed + (1 - low) * alarms))


@pytest.mark.parametrize("untyped", [False, True])
@pytest.mark.parametrize("decimals", [2, 4, 15])
def test_a_replicate_by_strata_has_the_numbers_of_its_own_counts(decimals, untyped):
    rng = np.random.default_rng(decimals)
    attack = rng.random(4_000) < 0.4
    scores = np.round(np.clip(rng.normal(0.35 + 0.3 * attack, 0.18), 0, 1), decimals)
    counts = ScoreCounts.from_arrays(
        scores, attack, rng.choice(["mask", "swap", None if untyped else "mask"], 4_000).tolist()
    )
    found = Strata(counts).replicate(np.random.default_rng(1))
    again = np.random.default_rng(1)
    typed = sum(counts.by_attack_type.values())
    drawn = []
    for own in (counts.bona_fide, *counts.by_attack_type.values(), counts.attack - typed):
        if own.any():
            stratum = Stratum.of(own)
            dense = np.zeros(counts.scores.size, dtype=np.int64)
            dense[stratum.rows] = stratum.draw(again)
            assert dense.sum() == own.sum()
            drawn.append(dense)
    types = dict(zip(counts.by_attack_type, drawn[1:], strict=False))
    own = ScoreCounts(scores=counts.scores, bona_fide=drawn[0], attack=sum(drawn[1:]), by_attack_type=types)
    assert found.auc == pytest.approx(auc(own).value, abs=1e-12)
    assert found.average_precision == pytest.approx(average_precision(own), abs=1e-12)
    assert found.equal_error == pytest.approx(equal_error_rate(own).linear, abs=1e-12)
    assert [*found.equal_error_by_type] == [*types]
    for name, value in found.equal_error_by_type.items():
        assert value == pytest.approx(equal_error_rate(own.select(name)).linear, abs=1e-12)
    for key, limit in LIMITS.items():
        at = bpcer_at_apcer(own, limit)
        assert found.bpcer_at_apcer[key] == pytest.approx(at.pooled.value, abs=1e-12)
        assert found.bpcer_at_worst_apcer[key] == pytest.approx(at.worst_type.value, abs=1e-12)


def test_both_ways_to_bootstrap_spread_alike():
    rng = np.random.default_rng(3)
    attack = rng.random(1_500) < 0.5
    counts = ScoreCounts.from_arrays(rng.normal(attack.astype(float)), attack)
    one_by_one = bootstrap(counts, 600, rng=np.random.default_rng(1)).auc
    blocks = [statistics(*drawn).auc for drawn in _draws(counts, 600, np.random.default_rng(2))]
    at_once = np.concatenate(blocks)
    assert one_by_one.mean() == pytest.approx(at_once.mean(), abs=0.003)
    assert one_by_one.std() == pytest.approx(at_once.std(), rel=0.15)
    assert one_by_one.std() == pytest.approx(auc(counts).se, rel=0.15)


@pytest.mark.parametrize("attack", [True, False])
def test_one_sample_and_one_class_are_undefined_with_a_reason(attack):
    for scores in ([0.25], [0.25, 1 / 3, 1.0]):
        counts = ScoreCounts.from_arrays(scores, [attack] * len(scores))
        assert (counts.n_attack, counts.n_bona_fide) == ((len(scores), 0) if attack else (0, len(scores)))
        assert auc(counts).reason
        assert equal_error_rate(counts).reason
        assert np.isnan(partial_auc(counts).value)
        assert average_precision(counts) == 1.0 if attack else np.isnan(average_precision(counts))


def test_a_type_shares_the_bona_fide_sums_of_all():
    _, _, counts = many(None)
    own = counts.select("mask")
    assert own.cleared is counts.cleared
    assert counts.select("mask") is own
    assert own.placements.rows.size == own.n_attack == int(own.attack.sum())


def test_numbers_of_single_byte_counts_are_those_of_wide_ones():
    """Every score its own: counts of one byte, which must overflow nowhere, not in plots and reports either."""
    rng = np.random.default_rng(8)
    attack = rng.random(3_000) < 0.5
    frame = pd.DataFrame({
        "label": np.where(attack, "attack", "bona_fide"),
        "score": rng.beta(2 + 2 * attack, 4 - 2 * attack),
        "attack_type": np.where(attack, rng.choice(["mask", "swap"], 3_000), None),
    })  # fmt: skip
    scores = ScoreTable.from_frame(frame)
    narrow = evaluate(scores, bootstrap=50)
    assert narrow.score_counts.attack.dtype == np.int8
    own = narrow.score_counts
    wide = ScoreCounts(
        scores=own.scores,
        bona_fide=own.bona_fide.astype(np.int64),
        attack=own.attack.astype(np.int64),
        by_attack_type={name: part.astype(np.int64) for name, part in own.by_attack_type.items()},
    )
    bins = plots.ScoreDistributionDisplay.from_evaluation(narrow).frame()
    assert bins["attack"].sum() == attack.sum()
    assert bins["attack"].max() > 127
    for made in (auc, calibration, equal_error_rate, roc_curve, lambda c: bpcer_at_apcer(c, 0.05), sweep):
        assert repr(made(own)) == repr(made(wide))
    assert repr(own + own) == repr(wide + wide)
    one, same = (bootstrap(c, 20, rng=np.random.default_rng(1)) for c in (own, wide))
    assert repr(one) == repr(same)
    assert least_cost(own, miss=1, alarm=3) == least_cost(wide, miss=1, alarm=3)
