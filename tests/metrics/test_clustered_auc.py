from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from finauth_eval.metrics.clustered import ClusteredScores
from finauth_eval.metrics.clustered_auc import area_variance, clustered_auc
from finauth_eval.metrics.counts import ScoreCounts
from finauth_eval.metrics.delong import auc


def together(scores, attack, clusters) -> ClusteredScores:
    scores, attack = np.asarray(scores, dtype=float), np.asarray(attack, dtype=bool)
    counts = ScoreCounts.from_arrays(scores, attack)
    return ClusteredScores.of(counts, scores, is_attack=attack, clusters=np.asarray(clusters))


def drawn(seed: int, n: int = 40, clusters: int = 7):
    """Scores with ties, clusters of unequal size, some with both classes and some with one."""
    rng = np.random.default_rng(seed)
    attack = rng.random(n) < 0.4
    scores = np.round(rng.normal(size=n) + attack, 1)
    own = rng.integers(clusters, size=n)
    own[own == 0] = np.where(attack[own == 0], 0, clusters)  # cluster 0 has attacks only, the last none
    return scores, attack, own


def by_pairs(scores, attack, clusters) -> tuple[float, float, float, float]:
    """Obuchowski's area, S10, S01 and S11 as printed, over the matrix of all pairs."""
    x, y = scores[attack], scores[~attack]
    kernel = (x[:, None] > y).astype(float) + (x[:, None] == y) / 2
    area, m, n = kernel.mean(), x.size, y.size
    v10, v01 = kernel.mean(axis=1), kernel.mean(axis=0)
    s10 = s01 = s11 = 0.0
    names = sorted(set(clusters))
    i10, i01 = len(set(clusters[attack])), len(set(clusters[~attack]))
    for name in names:
        mine10, mine01 = v10[clusters[attack] == name], v01[clusters[~attack] == name]
        s10 += (mine10.sum() - mine10.size * area) ** 2
        s01 += (mine01.sum() - mine01.size * area) ** 2
        s11 += (mine10.sum() - mine10.size * area) * (mine01.sum() - mine01.size * area)
    s10 *= i10 / ((i10 - 1) * m)
    s01 *= i01 / ((i01 - 1) * n)
    s11 *= len(names) / (len(names) - 1)
    return area, s10 / m, s01 / n, 2 * s11 / (m * n)


@pytest.mark.parametrize("seed", range(20))
def test_the_variance_is_obuchowskis_over_all_pairs(seed):
    scores, attack, clusters = drawn(seed)
    area, s10, s01, s11 = by_pairs(scores, attack, clusters)
    found = area_variance(together(scores, attack, clusters))
    assert (found.attack, found.bona_fide, found.shared) == pytest.approx((s10, s01, s11), abs=1e-12)
    estimate = clustered_auc(together(scores, attack, clusters))
    assert (estimate.value, estimate.se) == pytest.approx((area, math.sqrt(s10 + s01 + s11)), abs=1e-12)


def test_with_one_sample_a_cluster_the_terms_are_delongs_and_nothing_is_shared():
    scores, attack, _ = drawn(1)
    samples = together(scores, attack, np.arange(scores.size))
    found, plain = area_variance(samples), auc(samples.counts)
    assert found.shared == 0
    assert math.sqrt(found.attack + found.bona_fide) == pytest.approx(plain.se, abs=1e-12)
    assert clustered_auc(samples) == plain


def test_copies_of_every_sample_leave_the_error_where_it_was():
    # each image sent five times under one subject: no more is known than from one of each
    scores, attack, _ = drawn(2)
    once = together(scores, attack, np.arange(scores.size))
    five = together(np.repeat(scores, 5), np.repeat(attack, 5), np.repeat(np.arange(scores.size), 5))
    assert area_variance(five).total == pytest.approx(area_variance(once).total, rel=1e-12)
    assert auc(five.counts).se < 0.5 * auc(once.counts).se


def test_limits_are_a_t_interval_on_the_logit_scale():
    rng = np.random.default_rng(5)
    clusters = np.repeat(np.arange(12), 6)  # every cluster has three of each class
    attack = np.tile([True, False], 36)
    found = clustered_auc(together(rng.normal(size=72) + attack, attack, clusters), confidence=0.9)
    logit = [math.log(p / (1 - p)) for p in (found.low, found.value, found.high)]
    half = stats.t.ppf(0.95, 11) * found.se / (found.value * (1 - found.value))
    assert logit == pytest.approx([logit[1] - half, logit[1], logit[1] + half], abs=1e-9)
    assert (found.n, found.method) == (72, "delong-clustered-logit-t")


@pytest.mark.parametrize("seed", range(8))
def test_the_degrees_of_freedom_are_the_least_of_three(seed):
    scores, attack, clusters = drawn(seed, clusters=9)
    scores = scores + attack  # little overlap
    x, y = scores[attack], scores[~attack]
    kernel = (x[:, None] > y).astype(float) + (x[:, None] == y) / 2
    own = np.array([
        (kernel - kernel.mean())[clusters[attack] == name].sum()
        + (kernel - kernel.mean())[:, clusters[~attack] == name].sum()
        for name in sorted(set(clusters))
    ])  # fmt: skip
    g = own.size
    _, s10, s01, _ = by_pairs(scores, attack, clusters)
    terms = ((s10, len(set(clusters[attack]))), (s01, len(set(clusters[~attack]))))
    welch = (s10 + s01) ** 2 / sum(s * s / (own_clusters - 1) for s, own_clusters in terms)
    spread = 2 / (g - 1) + stats.kurtosis(own) / g  # relative variance of a sample variance
    found = area_variance(together(scores, attack, clusters)).degrees_of_freedom
    assert found == pytest.approx(min(g - 1, welch, 2 / spread if spread > 0 else math.inf), rel=1e-9)


def test_few_clusters_of_one_class_set_the_degrees_of_freedom():
    rng = np.random.default_rng(6)
    attack = np.repeat([True, False], [15, 1000])
    clusters = np.concatenate([np.repeat(np.arange(3), 5), 3 + np.repeat(np.arange(200), 5)])
    scores = 0.8 * rng.normal(size=203)[clusters] + 0.6 * rng.normal(size=1015) + attack
    assert 1 < area_variance(together(scores, attack, clusters)).degrees_of_freedom < 3


def test_perfect_separation_counts_pairs_of_clusters():
    scores = [0.1, 0.2, 0.3, 0.8, 0.9, 0.7, 0.6, 0.95]
    attack = [False] * 3 + [True] * 5
    # attacks in 0, 1, 2; bona fide samples in 2, 3: two pairs share no cluster
    found = clustered_auc(together(scores, attack, [2, 3, 3, 0, 0, 1, 1, 2]))
    assert (found.value, found.low, found.high) == (1.0, pytest.approx(0.025**0.5), 1.0)
    assert found.method == "exact-pairs-clusters"
    swapped = clustered_auc(together([-score for score in scores], attack, [2, 3, 3, 0, 0, 1, 1, 2]))
    assert (swapped.value, swapped.low, swapped.high) == (0.0, 0.0, pytest.approx(1 - 0.025**0.5))


def test_three_clusters_of_both_classes_make_one_pair():
    found = clustered_auc(together([0.1, 0.9] * 3, [False, True] * 3, [0, 0, 1, 1, 2, 2]))
    assert (found.low, found.high) == (pytest.approx(0.025), 1.0)
    tied = clustered_auc(together([0.5] * 6, [False, True] * 3, [0, 0, 1, 1, 2, 2]))
    assert (tied.value, tied.low, tied.high) == (0.5, pytest.approx(0.0125), pytest.approx(0.9875))


@pytest.mark.parametrize(
    ("clusters", "reason"),
    [
        ([0, 0, 0, 0], "at least two clusters of each class"),
        ([0, 0, 1, 2], "at least two clusters of each class"),
        ([0, 1, 1, 0], None),
    ],
)
def test_without_a_second_cluster_of_each_class_there_is_no_interval(clusters, reason):
    found = clustered_auc(together([0.1, 0.4, 0.35, 0.8], [False, False, True, True], clusters))
    assert found.value == 0.75
    if reason is None:
        assert found.low < found.value < found.high
    else:
        assert math.isnan(found.low)
        assert math.isnan(found.high)
        assert reason in found.reason


def test_clusters_that_do_not_vary_give_no_interval_instead_of_a_certain_one():
    found = clustered_auc(together([0.1, 0.5, 0.3] * 4, [False, False, True] * 4, np.repeat(range(4), 3)))
    assert found.value == 0.5
    assert math.isnan(found.low)
    assert "do not vary" in found.reason


def test_one_cluster_with_separated_classes_gives_no_interval():
    found = clustered_auc(together([0.1, 0.9], [False, True], [3, 3]))
    assert (found.value, found.reason) == (1.0, "an interval needs at least two clusters")


def test_a_missing_class_is_undefined_as_without_clusters():
    found = clustered_auc(together([0.1, 0.9], [True, True], [3, 3]))
    assert found.reason == "no bona fide sample has a score"
