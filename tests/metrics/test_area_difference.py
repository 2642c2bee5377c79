"""The difference of two areas: DeLong's covariance over all pairs, a published example, and what has no variance."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from finauth_eval.metrics.area_difference import independent_areas, paired_areas
from finauth_eval.metrics.clustered import ClusteredScores
from finauth_eval.metrics.clustered_auc import clustered_auc
from finauth_eval.metrics.counts import ScoreCounts
from finauth_eval.metrics.delong import auc

# albumin, total protein, K-G score, outcome: 43 patients of DeLong, DeLong and Clarke-Pearson (1988), as printed in
# SAS/STAT, "Comparing Receiver Operating Characteristic Curves"
_PRINTED = """
    3.0 5.8 10 0 3.2 6.3 5 1 3.9 6.8 3 1 2.8 4.8 6 0 3.2 5.8 3 1 0.9 4.0 5 0 2.5 5.7 8 0 1.6 5.6 5 1 3.8 5.7 5 1
    3.7 6.7 6 1 3.2 5.4 4 1 3.8 6.6 6 1 4.1 6.6 5 1 3.6 5.7 5 1 4.3 7.0 4 1 3.6 6.7 4 0 2.3 4.4 6 1 4.2 7.6 4 0
    4.0 6.6 6 0 3.5 5.8 6 1 3.8 6.8 7 1 3.0 4.7 8 0 4.5 7.4 5 1 3.7 7.4 5 1 3.1 6.6 6 1 4.1 8.2 6 1 4.3 7.0 5 1
    4.3 6.5 4 1 3.2 5.1 5 1 2.6 4.7 6 1 3.3 6.8 6 0 1.7 4.0 7 0 3.7 6.1 5 1 3.3 6.3 7 1 4.2 7.7 6 1 3.5 6.2 5 1
    2.9 5.7 9 0 2.1 4.8 7 1 2.8 6.2 8 0 4.0 7.0 7 1 3.3 5.7 6 1 3.7 6.9 5 1 3.6 6.6 5 1
"""
OVARIAN = np.array(_PRINTED.split(), dtype=float).reshape(-1, 4)
MARKERS = {"albumin": OVARIAN[:, 0], "protein": OVARIAN[:, 1], "score": 10 - OVARIAN[:, 2]}
OUTCOME = OVARIAN[:, 3] == 1


def kernel(scores, attack):
    """Every attack against every bona fide sample: 1 above, 1/2 as high, 0 below."""
    high, low = np.asarray(scores)[attack], np.asarray(scores)[~attack]
    return (high[:, None] > low).astype(float) + (high[:, None] == low) / 2


def delong_covariance(a, b, attack):
    """The 2 x 2 covariance of both areas by DeLong's formulas over the m x n matrices of pairs."""
    pairs = [kernel(own, attack) for own in (a, b)]
    m, n = pairs[0].shape
    areas = [own.mean() for own in pairs]
    s10 = np.zeros((2, 2))
    s01 = np.zeros((2, 2))
    for r in range(2):
        for s in range(2):
            for i in range(m):
                s10[r, s] += (pairs[r][i].mean() - areas[r]) * (pairs[s][i].mean() - areas[s]) / (m - 1)
            for j in range(n):
                s01[r, s] += (pairs[r][:, j].mean() - areas[r]) * (pairs[s][:, j].mean() - areas[s]) / (n - 1)
    return areas, s10 / m + s01 / n


def drawn(seed: int, *, n: int = 60, decimals: int = 1):
    rng = np.random.default_rng(seed)
    attack = rng.random(n) < 0.4
    common = rng.normal(size=n)
    a, b = (np.round(common + own * rng.normal(size=n) + attack, decimals) for own in (0.5, 1.0))
    return a, b, attack


@pytest.mark.parametrize(
    ("marker", "area", "se"),
    [("albumin", 0.7366, 0.0927), ("score", 0.7258, 0.1028), ("protein", 0.6478, 0.1000)],
)
def test_the_areas_of_the_published_example_are_the_published_ones(marker, area, se):
    found = auc(ScoreCounts.from_arrays(MARKERS[marker], OUTCOME))
    assert (round(found.value, 4), round(found.se, 4)) == (area, se)


@pytest.mark.parametrize(
    ("one", "other", "difference", "se", "chi_square", "p_value"),
    [
        ("albumin", "score", 0.0108, 0.0953, 0.0127, 0.9102),
        ("protein", "score", -0.0780, 0.1046, 0.5554, 0.4561),
    ],
)
def test_the_contrasts_of_the_published_example_are_the_published_ones(
    one, other, difference, se, chi_square, p_value
):
    found = paired_areas(MARKERS[other], MARKERS[one], is_attack=OUTCOME)
    assert round(found.difference.value, 4) == difference
    assert round(found.difference.se, 4) == se
    assert round(found.z**2, 4) == chi_square
    assert round(found.p_value, 4) == p_value


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("decimals", [0, 1, 9])
def test_the_variance_is_delongs_over_all_pairs(seed, decimals):
    a, b, attack = drawn(seed, decimals=decimals)
    areas, covariance = delong_covariance(a, b, attack)
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    found = paired_areas(a, b, is_attack=attack, confidence=0.9)
    difference = found.difference
    assert difference.value == pytest.approx(areas[1] - areas[0], abs=1e-12)
    assert difference.value == pytest.approx(roc_auc_score(attack, b) - roc_auc_score(attack, a), abs=1e-12)
    assert difference.se == pytest.approx(math.sqrt(variance), rel=1e-9)
    z = difference.value / math.sqrt(variance)
    half = stats.norm.ppf(0.95) * math.sqrt(variance)
    assert (difference.low, difference.high) == pytest.approx(
        (difference.value - half, difference.value + half)
    )
    assert (found.z, found.p_value) == pytest.approx((z, 2 * stats.norm.sf(abs(z))))
    assert (found.p_increase, found.p_decrease) == pytest.approx((stats.norm.sf(z), stats.norm.cdf(z)))
    assert (difference.n, difference.confidence, difference.method) == (60, 0.9, "delong-paired")


few_scores = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.booleans()), min_size=4, max_size=14)


@given(few_scores)
def test_with_many_ties_it_is_still_the_sum_over_all_pairs(samples):
    a, b, attack = (np.array(own) for own in zip(*samples, strict=True))
    assume(2 <= attack.sum() <= attack.size - 2)
    areas, covariance = delong_covariance(a, b, attack)
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    found = paired_areas(a.astype(float), b.astype(float), is_attack=attack)
    difference = found.difference
    assert difference.value == pytest.approx(areas[1] - areas[0], abs=1e-12)
    if variance > 1e-9:
        assert difference.se == pytest.approx(math.sqrt(variance), rel=1e-6)
        assert -1 <= difference.low <= difference.value <= difference.high <= 1
        assert 0 <= found.p_value <= 1
    else:
        assert found.test == "exact-pairs"
        assert "se" not in difference.to_dict()
    back = paired_areas(b.astype(float), a.astype(float), is_attack=attack)
    assert back.difference.value == pytest.approx(-difference.value, abs=1e-12)
    assert (back.p_value, back.p_increase) == pytest.approx((found.p_value, found.p_decrease))
    turned = paired_areas(-a.astype(float), -b.astype(float), is_attack=~attack)
    assert turned.difference.value == pytest.approx(difference.value, abs=1e-12)
    assert turned.p_value == pytest.approx(found.p_value)


@pytest.mark.parametrize("seed", range(3))
def test_against_scores_that_are_all_equal_the_error_is_that_of_one_area(seed):
    a, _, attack = drawn(seed)
    plain = auc(ScoreCounts.from_arrays(a, attack))
    found = paired_areas(np.zeros_like(a), a, is_attack=attack).difference
    assert (found.value, found.se) == pytest.approx((plain.value - 0.5, plain.se))


def test_what_both_find_hard_cancels():
    a, b, attack = drawn(3, n=400, decimals=6)
    apart = independent_areas(*(auc(ScoreCounts.from_arrays(own, attack)) for own in (a, b)))
    assert paired_areas(a, b, is_attack=attack).difference.se < 0.8 * apart.difference.se


def test_limits_stay_within_what_a_difference_of_areas_can_be():
    attack = np.array([True, True, False, False])
    found = paired_areas(np.array([1.0, 2, 3, 4]), np.array([4.0, 2, 3, 1]), is_attack=attack).difference
    assert (found.value, found.high) == (0.75, 1.0)
    assert -1 <= found.low < 0.75


@pytest.mark.parametrize("again", [lambda own: own, lambda own: np.exp(own) + 3, lambda own: own**3])
def test_scores_in_the_same_order_leave_the_area_where_it_was_but_not_for_sure(again):
    a, _, attack = drawn(4)
    found = paired_areas(a, again(a), is_attack=attack)
    pairs = min(attack.sum(), (~attack).sum())
    # so many pairs without a sample in common are in the order that they were in: the others may not be
    may_differ = 1 - 0.05 ** (1 / pairs)
    assert found.difference.value == 0
    assert (found.difference.low, found.difference.high) == pytest.approx((-may_differ, may_differ))
    assert (1 - may_differ) ** pairs == pytest.approx(0.05)
    assert (found.p_value, found.p_increase, found.p_decrease) == (1, 1, 1)
    assert (found.test, found.difference.method, found.difference.reason) == (
        "exact-pairs",
        "exact-pairs",
        None,
    )


def test_perfect_separation_in_both_is_no_difference():
    attack = np.arange(40) >= 25
    found = paired_areas(np.arange(40.0), np.where(attack, 9.0, 1.0), is_attack=attack)
    assert (found.difference.value, found.p_value) == (0, 1)
    assert found.difference.high == pytest.approx(1 - 0.05 ** (1 / 15))


def test_perfect_separation_in_one_run_leaves_the_error_of_the_other():
    _, b, attack = drawn(5)
    other = auc(ScoreCounts.from_arrays(b, attack))
    found = paired_areas(attack.astype(float), b, is_attack=attack)
    assert (found.difference.value, found.difference.se) == pytest.approx((other.value - 1, other.se))
    assert found.p_decrease < 0.01
    back = paired_areas(b, attack.astype(float), is_attack=attack)
    assert (back.difference.value, back.difference.se) == pytest.approx((1 - other.value, other.se))


@pytest.mark.parametrize(("b", "value"), [(0.0, -0.5), (-1.0, -1.0)])
def test_where_every_pair_moved_by_the_same_the_signs_of_disjoint_pairs_are_the_test(b, value):
    attack = np.arange(12) >= 7
    found = paired_areas(attack.astype(float), b * attack, is_attack=attack)
    assert found.difference.value == value
    assert np.isnan([found.difference.low, found.difference.high]).all()
    assert found.difference.reason == "no interval: every sample moved by the same"
    sign_test = [
        stats.binomtest(5, 5, alternative=alternative).pvalue for alternative in ("two-sided", "greater")
    ]
    assert (found.p_value, found.p_decrease) == pytest.approx(sign_test)
    back = paired_areas(b * attack, attack.astype(float), is_attack=attack)
    assert (back.p_value, back.p_increase, back.p_decrease) == pytest.approx((*sign_test, 1 - sign_test[1]))


def test_clusters_in_which_the_same_samples_moved_are_not_samples_that_all_moved():
    # in each of four clusters one attack rises above the bona fide samples and one stays above them
    clusters, attack = np.repeat(np.arange(4), 3), np.tile([True, True, False], 4)
    a, b = np.tile([0.4, 0.6, 0.5], 4), np.tile([0.6, 0.6, 0.5], 4)
    found = paired_areas(a, b, is_attack=attack, clusters=clusters).difference
    assert found.value == 0.5
    assert np.isnan([found.low, found.high]).all()
    assert found.reason == "no interval: the clusters do not vary, so they cannot tell how sure this is"
    assert paired_areas(a, b, is_attack=attack).difference.reason is None


@pytest.mark.parametrize("turned", [False, True])
def test_one_sample_of_a_class_has_a_difference_but_no_limits(turned):
    attack = np.array([True, False, False, False]) ^ turned
    found = paired_areas(np.array([0.5, 0.1, 0.4, 0.6]), np.array([0.3, 0.1, 0.4, 0.6]), is_attack=attack)
    assert found.difference.value == pytest.approx(1 / 3 if turned else -1 / 3)
    assert np.isnan([found.difference.low, found.difference.high]).all()
    assert found.difference.reason == "an interval needs at least two samples of each class"
    assert found.p_value == 1


def test_a_missing_class_leaves_it_undefined():
    scores = np.array([0.1, 0.2])
    for attack, reason in (
        (np.zeros(2, dtype=bool), "no attack has a score in both"),
        (np.ones(2, dtype=bool), "no bona fide sample has a score in both"),
        (np.zeros(0, dtype=bool), "no bona fide sample has a score in both"),
    ):
        found = paired_areas(scores[: attack.size], scores[: attack.size], is_attack=attack)
        assert found.difference.reason == reason
        assert found.difference.n == attack.size
        assert found.to_dict()["p_value"] is None


@pytest.mark.parametrize("confidence", [0, 1, 95])
def test_a_confidence_out_of_range_is_refused(confidence):
    with pytest.raises(ValueError, match="expected a number between 0 and 1"):
        paired_areas(np.arange(4.0), np.arange(4.0), is_attack=np.arange(4) > 1, confidence=confidence)


def clustered(seed: int, *, n: int = 70, clusters: int = 13):
    """Clusters of unequal size, most with both classes, one with attacks only and one with none."""
    a, b, attack = drawn(seed, n=n)
    own = np.random.default_rng(seed + 100).integers(clusters, size=n)
    own[own == 0] = np.where(attack[own == 0], 0, clusters)
    return a, b, attack, own


def obuchowski(a, b, attack, clusters):
    """Obuchowski's variance of a difference by loops, with S10, S01 and each cluster's contribution."""
    pairs = kernel(b, attack) - kernel(a, attack)
    m, n = pairs.shape
    names = sorted(set(clusters.tolist()))
    with_attack = len(set(clusters[attack].tolist()))
    with_bona_fide = len(set(clusters[~attack].tolist()))
    s10 = s01 = s11 = 0.0
    contributions = []
    for name in names:
        of_attack = of_bona_fide = 0.0
        for i, cluster in enumerate(clusters[attack]):
            of_attack += pairs[i].mean() - pairs.mean() if cluster == name else 0
        for j, cluster in enumerate(clusters[~attack]):
            of_bona_fide += pairs[:, j].mean() - pairs.mean() if cluster == name else 0
        s10 += with_attack / ((with_attack - 1) * m) * of_attack**2
        s01 += with_bona_fide / ((with_bona_fide - 1) * n) * of_bona_fide**2
        s11 += len(names) / (len(names) - 1) * of_attack * of_bona_fide
        contributions.append(of_attack / m + of_bona_fide / n)
    terms = ((s10 / m, with_attack), (s01 / n, with_bona_fide))
    return s10 / m + s01 / n + 2 * s11 / (m * n), terms, np.array(contributions)


@pytest.mark.parametrize("seed", range(8))
def test_with_clusters_the_variance_is_obuchowskis_and_the_quantile_a_t(seed):
    a, b, attack, clusters = clustered(seed)
    variance, terms, contributions = obuchowski(a, b, attack, clusters)
    groups = contributions.size
    welch = sum(own for own, _ in terms) ** 2 / sum(own**2 / (count - 1) for own, count in terms)
    spread = 2 / (groups - 1) + stats.kurtosis(contributions) / groups
    freedom = min(groups - 1, welch, 2 / spread if spread > 0 else math.inf)
    found = paired_areas(a, b, is_attack=attack, clusters=clusters, confidence=0.9)
    value = roc_auc_score(attack, b) - roc_auc_score(attack, a)
    assert (found.difference.value, found.difference.se) == pytest.approx((value, math.sqrt(variance)))
    z = value / math.sqrt(variance)
    assert (found.z, found.p_value) == pytest.approx((z, 2 * stats.t.sf(abs(z), freedom)))
    assert (found.p_increase, found.p_decrease) == pytest.approx(
        (stats.t.sf(z, freedom), stats.t.cdf(z, freedom))
    )
    half = stats.t.ppf(0.95, freedom) * math.sqrt(variance)
    assert (found.difference.low, found.difference.high) == pytest.approx((value - half, value + half))
    assert found.difference.method == found.test == "delong-paired-clustered-t"


@given(few_scores, st.randoms())
def test_clusters_of_one_sample_each_change_nothing(samples, random):
    a, b, attack = (np.array(own) for own in zip(*samples, strict=True))
    clusters = np.array(random.sample(range(99), len(samples)))
    one = paired_areas(a.astype(float), b.astype(float), is_attack=attack, clusters=clusters)
    assert one.to_dict() == paired_areas(a.astype(float), b.astype(float), is_attack=attack).to_dict()


def test_copies_of_every_sample_make_nothing_surer():
    a, b, attack = drawn(7)
    once = paired_areas(a, b, is_attack=attack)
    own = np.repeat(np.arange(60), 5)
    five = paired_areas(np.repeat(a, 5), np.repeat(b, 5), is_attack=np.repeat(attack, 5), clusters=own)
    assert five.difference.se == pytest.approx(once.difference.se, rel=1e-9)
    assert five.p_value > once.p_value, "t instead of normal"
    same = paired_areas(np.repeat(a, 5), np.repeat(a, 5), is_attack=np.repeat(attack, 5), clusters=own)
    assert same.difference.high == pytest.approx(paired_areas(a, a, is_attack=attack).difference.high)


@pytest.mark.parametrize(
    ("clusters", "pairs"),
    [([0, 0, 1, 1, 2, 2, 3, 3], 2), ([0, 1, 2, 3, 4, 4, 4, 4], 1), ([0, 1, 2, 2, 3, 4, 5, 5], 3)],
)
def test_unchanged_clusters_count_pairs_that_share_no_cluster(clusters, pairs):
    attack = np.array([True, False] * 4) if pairs == 2 else np.arange(8) >= 4
    scores = np.array([0.1, 0.4, 0.3, 0.2, 0.7, 0.5, 0.6, 0.8])
    found = paired_areas(scores, scores, is_attack=attack, clusters=np.array(clusters)).difference
    assert (found.low, found.high) == pytest.approx((-1 + 0.05 ** (1 / pairs), 1 - 0.05 ** (1 / pairs)))


@pytest.mark.parametrize("clusters", [[0, 0, 0, 0, 0, 0], [0, 0, 0, 1, 2, 3], [1, 2, 3, 0, 0, 0]])
def test_one_cluster_of_a_class_gives_no_limits(clusters):
    attack = np.arange(6) >= 3
    a, b = np.array([0.1, 0.4, 0.6, 0.2, 0.5, 0.7]), np.array([0.1, 0.3, 0.6, 0.5, 0.7, 0.8])
    found = paired_areas(a, b, is_attack=attack, clusters=np.array(clusters)).difference
    assert found.value == pytest.approx(roc_auc_score(attack, b) - roc_auc_score(attack, a))
    assert np.isnan([found.low, found.high]).all()
    assert found.reason == "an interval needs at least two samples of each class"


def test_of_different_samples_the_variances_add():
    a, _, attack_a = drawn(8)
    _, b, attack_b = drawn(9, n=80)
    one, other = (
        auc(ScoreCounts.from_arrays(own, attack), confidence=0.9)
        for own, attack in ((a, attack_a), (b, attack_b))
    )
    found = independent_areas(one, other)
    value = roc_auc_score(attack_b, b) - roc_auc_score(attack_a, a)
    variances = [delong_covariance(own, own, of)[1][0, 0] for own, of in ((a, attack_a), (b, attack_b))]
    se = math.sqrt(sum(variances))
    difference = found.difference
    assert (difference.value, difference.se) == pytest.approx((value, se))
    assert (difference.low, difference.high) == pytest.approx(
        (value - stats.norm.ppf(0.95) * se, value + stats.norm.ppf(0.95) * se)
    )
    z = value / se
    assert (found.z, found.p_value, found.p_increase, found.p_decrease) == pytest.approx(
        (z, 2 * stats.norm.sf(abs(z)), stats.norm.sf(z), stats.norm.cdf(z))
    )
    assert (difference.n, difference.confidence, difference.method) == (140, 0.9, "delong-unpaired")


def clustered_area(scores, attack, clusters, **options):
    counts = ScoreCounts.from_arrays(scores, attack)
    return clustered_auc(ClusteredScores.of(counts, scores, is_attack=attack, clusters=clusters), **options)


@pytest.mark.parametrize("clusters", [(6, 13), (4, 4), (9, None)])
def test_of_different_samples_in_clusters_the_test_is_welchs(clusters):
    a, _, attack_a, together_a = clustered(11, clusters=clusters[0])
    groups_a = np.unique(together_a).size
    variance_a = obuchowski(np.zeros(a.size), a, attack_a, together_a)[0]
    one = clustered_area(a, attack_a, together_a, confidence=0.9)
    if clusters[1] is None:  # each sample by itself: a variance that is taken as known
        _, b, attack_b = drawn(12, n=80)
        other = auc(ScoreCounts.from_arrays(b, attack_b), confidence=0.9)
        variance_b, groups_b = delong_covariance(b, b, attack_b)[1][0, 0], math.inf
    else:
        _, b, attack_b, together_b = clustered(12, n=80, clusters=clusters[1])
        other = clustered_area(b, attack_b, together_b, confidence=0.9)
        variance_b, groups_b = (
            obuchowski(np.zeros(b.size), b, attack_b, together_b)[0],
            np.unique(together_b).size,
        )
    found = independent_areas(one, other, freedom_a=groups_a - 1, freedom_b=groups_b - 1)
    # two means of so many clusters whose standard errors are these; "infinitely many" are a million million
    counted = [groups_a, min(groups_b, 10**12)]
    spreads = [math.sqrt(own * count) for own, count in zip((variance_a, variance_b), counted, strict=True)]
    welch = stats.ttest_ind_from_stats(
        roc_auc_score(attack_b, b), spreads[1], counted[1], roc_auc_score(attack_a, a), spreads[0], counted[0],
        equal_var=False,
    )  # fmt: skip
    assert (found.z, found.p_value) == pytest.approx((welch.statistic, welch.pvalue))
    assert found.p_increase + found.p_decrease == pytest.approx(1)
    assert 2 * min(found.p_increase, found.p_decrease) == pytest.approx(welch.pvalue)
    difference = found.difference
    assert difference.method == found.test == "delong-unpaired-clustered-t"
    # the interval's ends are the differences that a test at the same level just does not exclude
    apart = stats.ttest_ind_from_stats(
        difference.high - difference.value, spreads[1], counted[1], 0, spreads[0], counted[0], equal_var=False
    )
    assert apart.pvalue == pytest.approx(0.1)
    assert difference.high - difference.value == pytest.approx(difference.value - difference.low)


@pytest.mark.parametrize("separated", ["a", "b", "both"])
def test_of_different_samples_perfect_separation_gives_no_limits(separated):
    a, _, attack = drawn(10)
    usual = auc(ScoreCounts.from_arrays(a, attack))
    perfect = auc(ScoreCounts.from_arrays(attack.astype(float), attack))
    one, other = {"a": (perfect, usual), "b": (usual, perfect), "both": (perfect, perfect)}[separated]
    found = independent_areas(one, other)
    assert found.difference.value == pytest.approx(other.value - one.value)
    assert np.isnan([found.difference.low, found.difference.high, found.p_value, found.p_increase]).all()
    assert found.difference.reason.startswith("no interval")


def test_of_different_samples_a_missing_class_leaves_it_undefined():
    a, _, attack = drawn(10)
    usual = auc(ScoreCounts.from_arrays(a, attack))
    nothing = auc(ScoreCounts.from_arrays(a, np.zeros(60, dtype=bool)))
    for pair in ((usual, nothing), (nothing, usual)):
        found = independent_areas(*pair)
        assert found.difference.reason == "no attack has a score"
        assert math.isnan(found.p_value)


def test_two_samples_of_10000_that_change_places_are_no_certain_change():
    attack = np.arange(10_000) >= 5_000
    a = np.arange(10_000) / 10_000
    b = a.copy()
    b[[4_999, 5_000]] = a[[5_000, 4_999]]
    found = paired_areas(a, b, is_attack=attack)
    assert found.difference.se == pytest.approx(math.sqrt(2) / 5_000**2, rel=1e-3)
    assert found.p_value > 0.3
