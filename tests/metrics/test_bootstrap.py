from __future__ import annotations

import numpy as np
import pytest

from finauth_eval.metrics.areas import average_precision
from finauth_eval.metrics.bootstrap import _draws, _resampled, bootstrap
from finauth_eval.metrics.counts import ScoreCounts
from finauth_eval.metrics.delong import auc
from finauth_eval.metrics.equal_error import equal_error_rate
from finauth_eval.metrics.fixed_apcer import LIMITS, bpcer_at_apcer
from finauth_eval.metrics.replicates import Replicates, statistics


def table(n: int, decimals: int, seed: int = 0) -> ScoreCounts:
    rng = np.random.default_rng(seed)
    attack = rng.random(n) < 0.4
    scores = np.round(np.clip(rng.normal(0.35 + 0.3 * attack, 0.18), 0, 1), decimals)
    return ScoreCounts.from_arrays(scores, attack, rng.choice(["mask", "swap", None], n).tolist())


@pytest.mark.parametrize("decimals", [1, 2, 9])
def test_a_replicates_numbers_are_those_of_its_own_counts(decimals):
    """The block arithmetic against the scalar functions, replicate by replicate."""
    counts = table(300, decimals)
    [(cleared, missed, types)] = list(_draws(counts, 25, np.random.default_rng(1)))
    found = statistics(cleared, missed, types)
    for i in range(25):
        own = ScoreCounts(
            scores=counts.scores,
            bona_fide=np.diff(cleared[i], prepend=0),
            attack=np.diff(missed[i], prepend=0),
            by_attack_type={name: np.diff(part[i], prepend=0) for name, part in types.items()},
        )
        assert found.auc[i] == pytest.approx(auc(own).value, abs=1e-12)
        assert found.average_precision[i] == pytest.approx(average_precision(own), abs=1e-12)
        assert found.equal_error[i] == pytest.approx(equal_error_rate(own).linear, abs=1e-12)
        for name, values in found.equal_error_by_type.items():
            assert values[i] == pytest.approx(equal_error_rate(own.select(name)).linear, abs=1e-12)
        for key, limit in LIMITS.items():
            at = bpcer_at_apcer(own, limit)
            assert found.bpcer_at_apcer[key][i] == pytest.approx(at.pooled.value, abs=1e-12)
            assert found.bpcer_at_worst_apcer[key][i] == pytest.approx(at.worst_type.value, abs=1e-12)


@pytest.mark.parametrize("decimals", [1, 9])
def test_every_stratum_keeps_its_size_and_its_mean(decimals):
    own = table(2_000, decimals).bona_fide
    drawn = _resampled(own, 400, np.random.default_rng(2))
    assert (drawn.sum(axis=1) == own.sum()).all()
    assert not drawn[:, own == 0].any()
    # the mean position over 400 replicates, within five of its standard errors
    position = np.arange(own.size)
    n = own.sum()
    mean, spread = (own @ position) / n, np.sqrt((own @ position**2) / n - ((own @ position) / n) ** 2)
    assert (drawn @ position / n).mean() == pytest.approx(mean, abs=5 * spread / np.sqrt(n * 400))
    assert (drawn @ position / n).std() == pytest.approx(spread / np.sqrt(n), rel=0.2)


def test_the_same_seed_gives_the_same_replicates():
    counts = table(200, 2)
    one, same, other = (bootstrap(counts, 50, rng=np.random.default_rng(seed)) for seed in (7, 7, 8))
    np.testing.assert_array_equal(one.equal_error, same.equal_error)
    assert (one.equal_error != other.equal_error).any()


def test_replicates_that_do_not_vary_give_no_limits():
    counts = ScoreCounts.from_arrays([0.1, 0.2, 0.8, 0.9], [False, False, True, True])
    found = bootstrap(counts, 20, rng=np.random.default_rng(0))
    assert np.isnan(Replicates.limits(found.equal_error, confidence=0.95)).all()


def test_a_bootstrap_without_a_class_or_without_replicates_is_refused():
    with pytest.raises(ValueError, match="both classes"):
        bootstrap(ScoreCounts.from_arrays([0.1], [True]), 5, rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match="expected at least 1"):
        bootstrap(table(50, 2), 0, rng=np.random.default_rng(0))
