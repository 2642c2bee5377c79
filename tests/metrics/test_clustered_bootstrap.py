from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from finauth_eval.metrics import clustered_bootstrap
from finauth_eval.metrics.bootstrap import bootstrap
from finauth_eval.metrics.clustered import ClusteredScores
from finauth_eval.metrics.clustered_bootstrap import bootstrap_clusters, draw_cluster_replicates
from finauth_eval.metrics.counts import ScoreCounts
from finauth_eval.metrics.equal_error import equal_error_rate
from finauth_eval.metrics.fixed_apcer import LIMITS, bpcer_at_apcer
from finauth_eval.metrics.replicates import Replicates

TYPES = ("mask", "swap")


def samples(n: int = 120, groups: int = 15, seed: int = 0):
    rng = np.random.default_rng(seed)
    clusters = rng.integers(groups, size=n)
    attack = np.where(clusters < 3, True, np.where(clusters < 6, False, rng.random(n) < 0.5))
    codes = np.where(attack, rng.integers(2, size=n), -1)
    scores = np.round(rng.normal(size=n) + 1.5 * attack, 1)
    counts = ScoreCounts.from_codes(scores, attack, type_codes=codes, types=TYPES)
    found = ClusteredScores.of(
        counts, scores, is_attack=attack, clusters=clusters, type_codes=codes, types=TYPES
    )
    return scores, attack, codes, found


def test_each_replicate_is_what_its_drawn_samples_give_one_by_one(monkeypatch):
    scores, attack, codes, found = samples()
    blocks = []
    plainly = clustered_bootstrap._draws
    monkeypatch.setattr(clustered_bootstrap, "_CELLS_AT_ONCE", 7 * scores.size)  # several blocks
    monkeypatch.setattr(
        clustered_bootstrap, "_draws", lambda *args: (blocks.append(b) or b for b in plainly(*args))
    )
    replicates = bootstrap_clusters(found, 30, rng=np.random.default_rng(3))
    times = np.concatenate(blocks)
    assert (len(blocks), times.shape) == (5, (30, 15))
    for i, drawn in enumerate(times):
        rows = np.repeat(np.arange(scores.size), drawn[found.clusters])
        again = ScoreCounts.from_codes(scores[rows], attack[rows], type_codes=codes[rows], types=TYPES)
        assert replicates.average_precision[i] == pytest.approx(
            average_precision_score(attack[rows], scores[rows]), abs=1e-12
        )
        assert replicates.equal_error[i] == pytest.approx(equal_error_rate(again).linear, abs=1e-12)
        for key, limit in LIMITS.items():
            expected = bpcer_at_apcer(again, limit)
            assert replicates.bpcer_at_apcer[key][i] == pytest.approx(expected.pooled.value, abs=1e-12)
            assert replicates.bpcer_at_worst_apcer[key][i] == pytest.approx(
                expected.worst_type.value, abs=1e-12
            )


def test_clusters_of_each_kind_are_drawn_as_often_as_they_are_there():
    _, _, _, found = samples()
    [times] = clustered_bootstrap._draws(found, 200, np.random.default_rng(1))
    for own in (slice(0, 3), slice(3, 6), slice(6, None)):  # attacks only, bona fide only, both
        assert (times[:, own].sum(axis=1) == times[0, own].size).all()
    assert times.mean(axis=0) == pytest.approx(np.ones(15), abs=0.3)


def test_a_type_that_a_replicate_lacks_is_left_out_of_its_worst_type():
    # type swap stands in cluster 0 only, and lies lowest: with it nothing is allowed to pass
    scores = np.array([0.0, 0.9, 0.8, 0.1, 0.2, 0.95])
    attack = np.array([True, True, True, False, False, True])
    codes = np.array([1, 0, 0, -1, -1, 0])
    counts = ScoreCounts.from_codes(scores, attack, type_codes=codes, types=TYPES)
    found = ClusteredScores.of(
        counts, scores, is_attack=attack, clusters=np.array([0, 1, 2, 3, 4, 1]), type_codes=codes, types=TYPES
    )
    values = bootstrap_clusters(found, 200, rng=np.random.default_rng(0)).bpcer_at_worst_apcer["10"]
    assert {*np.unique(values)} == {0.0, 1.0}


def test_with_one_sample_a_cluster_the_limits_are_those_of_the_plain_bootstrap():
    scores, attack, codes, found = samples(400)
    alone = ClusteredScores.of(
        found.counts, scores, is_attack=attack, clusters=np.arange(400), type_codes=codes, types=TYPES
    )
    ours = bootstrap_clusters(alone, 3000, rng=np.random.default_rng(1))
    plain = bootstrap(found.counts, 3000, rng=np.random.default_rng(2))
    for name in ("average_precision", "equal_error"):
        limits = [Replicates.limits(getattr(own, name), confidence=0.95) for own in (ours, plain)]
        assert limits[0] == pytest.approx(limits[1], abs=0.01)


def test_subjects_that_differ_widen_the_interval():
    rng = np.random.default_rng(4)
    clusters = np.repeat(np.arange(30), 10)
    attack = clusters % 2 == 0
    scores = rng.normal(size=30)[clusters] + 0.5 * rng.normal(size=300) + attack
    counts = ScoreCounts.from_arrays(scores, attack)
    found = ClusteredScores.of(counts, scores, is_attack=attack, clusters=clusters)
    spread = [
        own.equal_error.std()
        for own in (
            bootstrap_clusters(found, 500, rng=np.random.default_rng(1)),
            bootstrap(found.counts, 500, rng=np.random.default_rng(1)),
        )
    ]
    assert spread[0] > 1.5 * spread[1]


def test_nothing_is_drawn_where_nothing_can_be_or_is_wanted():
    scores, attack, _codes, found = samples()
    assert draw_cluster_replicates(found, 0, seed=1) is None
    one = np.flatnonzero(attack)
    counts = ScoreCounts.from_arrays(scores[one], attack[one])
    lonely = ClusteredScores.of(counts, scores[one], is_attack=attack[one], clusters=found.clusters[one])
    assert draw_cluster_replicates(lonely, 100, seed=1) is None
    with pytest.raises(ValueError, match="needs samples of both classes"):
        bootstrap_clusters(lonely, 5, rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match="0 replicates"):
        bootstrap_clusters(found, 0, rng=np.random.default_rng(0))
