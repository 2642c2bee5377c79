"""Rates of the same samples in two runs, against published figures, scipy, statsmodels and brute force."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import brentq, minimize_scalar
from statsmodels.stats.contingency_tables import mcnemar as mcnemar_of_statsmodels

from finauth_eval.metrics.paired_rates import mcnemar, paired_rates, sign_flip, tango, tango_upper

DISCORDANT = [(0, 1), (1, 0), (1, 7), (16, 6), (3, 3), (0, 12), (40, 41), (5, 60), (300, 260), (1000, 1000)]


def unlikely(totals) -> tuple[float, float, float]:
    """Two-sided, increase, decrease: mid-p values by writing down every pattern of signs."""
    signs = np.array(list(itertools.product([-1, 1], repeat=len(totals)))).reshape(-1, len(totals))
    sums, seen = signs @ np.array(totals), sum(totals)

    def mid(statistic, own) -> float:
        return float(np.mean(statistic > own) + np.mean(statistic == own) / 2)

    return mid(abs(sums), abs(seen)), mid(sums, seen), mid(-sums, -seen)


def restricted_statistic(a_only: float, b_only: float, n: float, difference: float) -> float:
    """The score statistic at the most likely rates with this difference, which are searched for."""
    same = n - a_only - b_only

    def unlikelihood(rate_a_only: float) -> float:
        rates = (rate_a_only, rate_a_only + difference, 1 - 2 * rate_a_only - difference)
        seen = zip((a_only, b_only, same), rates, strict=True)
        return -sum(count * math.log(rate) if rate > 0 else -1e9 for count, rate in seen if count > 1e-12)

    bounds = (max(0.0, -difference), (1 - difference) / 2)
    found = minimize_scalar(unlikelihood, bounds=bounds, method="bounded", options={"xatol": 1e-12})
    best = min((*bounds, found.x), key=unlikelihood)
    variance = n * (2 * best + difference - difference**2)
    apart = b_only - a_only - n * difference
    return apart / math.sqrt(variance) if abs(apart) > 1e-12 else 0.0


def searched_limits(a_only: float, b_only: float, n: float, *, z: float) -> tuple[float, float]:
    """Where the score statistic passes z on either side of the estimate."""
    estimate = (b_only - a_only) / n

    def limit(outside: float, wanted: float) -> float:
        if abs(outside - estimate) < 1e-9:
            return outside
        return brentq(
            lambda difference: restricted_statistic(a_only, b_only, n, difference) - wanted, estimate, outside
        )

    return limit(-1 + 1e-9, z), limit(1 - 1e-9, -z)


@pytest.mark.parametrize(
    ("a_only", "b_only", "published"),
    [(1, 7, 0.0391), (7, 1, 0.0391), (6, 16, 0.0347), (16, 6, 0.034690)],
)
def test_mid_p_is_that_of_fagerland_lydersen_and_laake(a_only, b_only, published):
    digits = 6 if published == 0.034690 else 4
    assert round(mcnemar(a_only, b_only).p_value, digits) == published


@pytest.mark.parametrize(("a_only", "b_only"), DISCORDANT)
def test_mid_p_is_the_exact_p_value_less_the_probability_of_what_was_seen(a_only, b_only):
    exact = mcnemar_of_statsmodels([[5, a_only], [b_only, 5]], exact=True).pvalue
    seen = stats.binom.pmf(a_only, a_only + b_only, 0.5)
    expected = 1 - seen / 2 if a_only == b_only else exact - seen
    assert mcnemar(a_only, b_only).p_value == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("a_only", "b_only"), DISCORDANT)
def test_one_sided_mid_p_values_are_the_exact_ones_less_half_the_probability_of_what_was_seen(a_only, b_only):
    half = stats.binom.pmf(b_only, a_only + b_only, 0.5) / 2
    found = mcnemar(a_only, b_only)
    more = stats.binomtest(b_only, a_only + b_only, alternative="greater").pvalue - half
    fewer = stats.binomtest(b_only, a_only + b_only, alternative="less").pvalue - half
    assert (found.p_increase, found.p_decrease) == pytest.approx((more, fewer), rel=1e-9)
    assert found.p_increase + found.p_decrease == pytest.approx(1)


def test_twelve_of_1471_blocked_more_and_none_less_is_one_chance_in_4096():
    found = paired_rates(np.zeros(1471, dtype=bool), np.arange(1471) % 123 == 7)
    exact_two_sided = 2 * 0.5**12
    assert (found.a_only, found.b_only) == (0, 12)
    assert found.change.p_value == pytest.approx(exact_two_sided - 0.5**12)
    assert found.change.p_increase == pytest.approx(0.5**13)
    assert found.change.difference.value == pytest.approx(12 / 1471)


def test_without_a_sample_that_differs_nothing_speaks_against_no_change():
    assert mcnemar(0, 0) == sign_flip([]) == sign_flip([0, 0, 0]) == (1.0, 1.0, 1.0)


@given(st.lists(st.integers(-5, 5), max_size=9))
def test_sign_flipping_is_that_of_every_pattern_of_signs(totals):
    found = sign_flip(totals)
    if any(totals):
        assert tuple(found) == pytest.approx(unlikely([own for own in totals if own]), abs=1e-12)
    else:
        assert tuple(found) == (1, 1, 1)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 5), st.integers(1, 6))
def test_clusters_that_change_by_the_same_number_are_tested_as_single_samples(a_only, b_only, neither, size):
    totals = [*[-size] * a_only, *[0] * neither, *[size] * b_only]
    assert tuple(sign_flip(totals)) == pytest.approx(tuple(mcnemar(a_only, b_only)), rel=1e-9)


@given(st.lists(st.integers(-6, 6), max_size=30))
def test_exchanging_the_runs_exchanges_the_sides_of_the_sign_test(totals):
    one, other = sign_flip(totals), sign_flip([-own for own in totals])
    assert (one.p_value, one.p_increase, one.p_decrease) == pytest.approx(
        (other.p_value, other.p_decrease, other.p_increase)
    )


@pytest.mark.parametrize("less", [0, 20, 47])
def test_beyond_20000_changes_the_normal_distribution_takes_over_where_the_exact_one_ends(less):
    # clusters of 10 changes each: the exact distribution is a binomial one, whatever the number of clusters
    for clusters in (2000, 2001):
        up, down = clusters // 2 + less, clusters - clusters // 2 - less
        found = sign_flip([10] * up + [-10] * down)
        assert tuple(found) == pytest.approx(tuple(mcnemar(down, up)), rel=0.02)
        exact = tuple(mcnemar(down, up))
        z = (up - down) / math.sqrt(clusters)
        normal = (2 * stats.norm.sf(abs(z)), stats.norm.sf(z), stats.norm.cdf(z))
        assert tuple(found) == pytest.approx(exact if clusters == 2000 else normal, rel=1e-9)


def test_the_normal_distribution_of_unequal_clusters_has_the_sum_of_their_squares():
    sizes = np.repeat([1, 4, 25], [200, 400, 800])
    signs = np.where(np.arange(1400) % 100 < 53, 1, -1)
    z = (signs * sizes).sum() / math.sqrt((sizes**2).sum())
    assert sign_flip(signs * sizes).p_value == pytest.approx(2 * stats.norm.sf(abs(z)), rel=1e-12)


@pytest.mark.parametrize(
    ("counts", "published", "digits"),
    [((7, 1, 21), (-0.517, -0.026), 3), ((16, 6, 161), (-0.1240, -0.0054), 4)],
)
def test_tangos_limits_are_the_published_ones(counts, published, digits):
    # airway hyper-responsiveness and complete response: Fagerland, Lydersen and Laake (2014, 2017)
    assert tuple(round(limit, digits) for limit in tango(*counts)) == published


@pytest.mark.parametrize(
    "counts",
    [
        (7, 1, 21), (16, 6, 161), (0, 0, 30), (0, 5, 40), (5, 0, 40), (0, 12, 1471), (4, 6, 10), (10, 0, 10),
        (0, 10, 10), (0, 9, 10), (1, 0, 1), (2.4, 0.7, 5.9), (0.3, 0.0, 0.8), (250, 240, 5000),
    ],
)  # fmt: skip
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_tangos_limits_are_those_of_a_search_for_the_most_likely_rates(counts, confidence):
    expected = searched_limits(*counts, z=stats.norm.isf((1 - confidence) / 2))
    assert tango(*counts, confidence=confidence) == pytest.approx(expected, abs=2e-6)
    one_sided = searched_limits(*counts, z=stats.norm.ppf(confidence))
    assert tango_upper(*counts, confidence=confidence) == pytest.approx(one_sided[1], abs=2e-6)


@pytest.mark.parametrize("n", [1, 30, 1471])
def test_where_no_sample_differs_the_limit_is_z_squared_over_n_plus_z_squared(n):
    square = stats.norm.isf(0.025) ** 2
    assert tango(0, 0, n) == pytest.approx((-square / (n + square), square / (n + square)))


counts_of_samples = st.integers(1, 400).flatmap(
    lambda n: st.integers(0, n).flatmap(
        lambda differing: st.tuples(st.integers(0, differing), st.just(differing), st.just(n))
    )
)


@given(counts_of_samples, st.sampled_from([0.6, 0.9, 0.95, 0.999]))
def test_tangos_limits_keep_to_what_limits_of_a_difference_must(counts, confidence):
    b_only, differing, n = counts
    a_only = differing - b_only
    low, high = tango(a_only, b_only, n, confidence=confidence)
    assert -1 <= low <= (b_only - a_only) / n <= high <= 1
    assert low < high
    assert tango(b_only, a_only, n, confidence=confidence) == pytest.approx((-high, -low))
    assert high == tango_upper(a_only, b_only, n, confidence=1 - (1 - confidence) / 2)
    of_more = tango(4 * a_only, 4 * b_only, 4 * n, confidence=confidence)
    assert of_more[1] - of_more[0] < high - low
    wider = tango(a_only, b_only, n, confidence=0.9995)
    assert wider[0] <= low
    assert wider[1] >= high


@pytest.mark.parametrize(
    "counts", [(1, 2, 2), (-1, 1, 5), (1, -1, 5), (0, 0, 0), (0, 0, math.nan), (6, 0, 5.9)]
)
def test_impossible_counts_are_refused(counts):
    with pytest.raises(ValueError, match="expected counts of at most all samples"):
        tango(*counts)


@pytest.mark.parametrize("confidence", [0, 1, 95, -0.5])
def test_a_confidence_out_of_range_is_refused(confidence):
    nothing = np.zeros(0, dtype=bool)
    for call in (
        lambda: tango(1, 2, 9, confidence=confidence),
        lambda: tango_upper(1, 2, 9, confidence=confidence),
        lambda: paired_rates(nothing, nothing, confidence=confidence),
    ):
        with pytest.raises(ValueError, match="expected a number between 0 and 1"):
            call()


def test_an_upper_limit_of_less_than_half_the_confidence_lies_below_the_estimate():
    assert tango_upper(4, 6, 500, confidence=0.3) == pytest.approx(
        searched_limits(4, 6, 500, z=stats.norm.ppf(0.7))[0], abs=2e-6
    )


def drawn(seed: int, *, n: int = 300, clusters: int = 40):
    """Two runs whose changes go by clusters, of unequal sizes."""
    rng = np.random.default_rng(seed)
    own = rng.integers(clusters, size=n)
    worse = rng.random(clusters) < 0.15
    in_a = rng.random(n) < 0.2
    in_b = np.where(worse[own], in_a | (rng.random(n) < 0.6), in_a ^ (rng.random(n) < 0.02))
    return in_a, in_b, own


def test_the_change_is_of_shares_and_its_limits_are_tangos():
    in_a, in_b, _ = drawn(1)
    found = paired_rates(in_a, in_b, confidence=0.9)
    a_only, b_only = int(sum(in_a & ~in_b)), int(sum(in_b & ~in_a))
    assert (found.n, found.a_only, found.b_only) == (300, a_only, b_only)
    difference = found.change.difference
    assert difference.value == pytest.approx(in_b.mean() - in_a.mean())
    assert (difference.n, difference.confidence, difference.method) == (300, 0.9, "tango")
    expected = searched_limits(a_only, b_only, 300, z=stats.norm.isf(0.05))
    assert (difference.low, difference.high) == pytest.approx(expected, abs=2e-6)
    one_sided = searched_limits(a_only, b_only, 300, z=stats.norm.isf(0.1))
    assert (found.lower, found.upper) == pytest.approx(one_sided, abs=2e-6)
    exact = mcnemar_of_statsmodels([[1, a_only], [b_only, 1]], exact=True).pvalue
    assert found.change.p_value == pytest.approx(exact - stats.binom.pmf(a_only, a_only + b_only, 0.5))
    assert found.change.test == "mcnemar-mid-p"
    assert found.change.p_increase < found.change.p_decrease


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40), st.randoms())
def test_clusters_of_one_sample_each_change_nothing(samples, random):
    in_a, in_b = np.array(samples).T
    clusters = np.array(random.sample(range(1000), len(samples)))
    assert paired_rates(in_a, in_b, clusters=clusters) == paired_rates(in_a, in_b)


@pytest.mark.parametrize("seed", range(6))
def test_clustered_limits_are_tangos_of_the_effective_number_of_samples(seed):
    in_a, in_b, clusters = drawn(seed)
    names = sorted(set(clusters.tolist()))
    n, groups = 300, len(names)
    # the variance of a mean of clustered values, as survey sampling has it, over that of independent values
    apart = in_b.astype(float) - in_a
    mean = apart.mean()
    sums = [float((apart[clusters == name] - mean).sum()) for name in names]
    variance = groups / (groups - 1) * sum(own**2 for own in sums) / n**2
    effect = max(1.0, variance / (np.var(apart) / n))
    assert effect > 1.2
    ratio = stats.t.ppf(0.975, n - 1) / stats.t.ppf(0.975, groups - 1)
    share = ratio**2 / effect
    a_only, b_only = int(sum(in_a & ~in_b)), int(sum(in_b & ~in_a))
    found = paired_rates(in_a, in_b, clusters=clusters)
    counted = (a_only * share, b_only * share, n * share)
    expected = searched_limits(*counted, z=stats.norm.isf(0.025))
    difference = found.change.difference
    assert (difference.low, difference.high) == pytest.approx(expected, abs=2e-6)
    assert (found.lower, found.upper) == pytest.approx(
        searched_limits(*counted, z=stats.norm.isf(0.05)), abs=2e-6
    )
    assert difference.value == pytest.approx(mean)
    assert (difference.method, found.change.test) == ("tango-clusters", "sign-flip-mid-p")
    plain = paired_rates(in_a, in_b).change.difference
    assert difference.low < plain.low
    assert difference.high > plain.high


def test_the_clustered_test_flips_whole_clusters():
    in_a = np.array([0, 0, 0, 0, 1, 0, 0, 0, 0, 1], dtype=bool)
    in_b = np.array([1, 1, 1, 0, 0, 1, 1, 0, 1, 1], dtype=bool)
    clusters = np.array([5, 5, 5, 5, 9, 9, 9, 2, 2, 2])  # totals 3, 1, 1
    found = paired_rates(in_a, in_b, clusters=clusters).change
    assert (found.p_value, found.p_increase, found.p_decrease) == pytest.approx((0.125, 0.0625, 0.9375))


def test_clusters_in_which_nothing_differs_count_as_one_sample_each():
    same = np.arange(60) % 3 == 0
    found = paired_rates(same, same, clusters=np.repeat(np.arange(20), 3))
    square = stats.norm.isf(0.025) ** 2
    difference = found.change.difference
    assert (difference.value, found.change.p_value) == (0, 1)
    assert difference.high == pytest.approx(square / (20 + square))
    assert difference.low == -difference.high


def test_one_cluster_counts_as_one_sample():
    found = paired_rates(np.arange(10) < 2, np.arange(10) < 7, clusters=np.zeros(10, dtype=int))
    expected = searched_limits(0, 0.5, 1, z=stats.norm.isf(0.025))
    assert (found.change.difference.low, found.change.difference.high) == pytest.approx(expected, abs=2e-6)
    assert found.change.p_value == 0.5, "a single sign is as likely to be this one as the other"


@pytest.mark.parametrize("copies", [2, 5, 40])
@pytest.mark.parametrize("seed", range(4))
def test_copies_of_samples_that_go_with_their_cluster_make_nothing_surer(seed, copies):
    in_a, in_b, clusters = drawn(seed)
    for own in (clusters, np.arange(300)):
        once = paired_rates(in_a, in_b, clusters=own)
        again = [np.repeat(values, copies) for values in (in_a, in_b, own)]
        often = paired_rates(again[0], again[1], clusters=again[2])
        assert often.change.difference.value == pytest.approx(once.change.difference.value)
        assert often.change.difference.low <= once.change.difference.low + 1e-9
        assert often.change.difference.high >= once.change.difference.high - 1e-9
        assert often.lower <= once.lower + 1e-9
        assert often.upper >= once.upper - 1e-9
        for p_value in ("p_value", "p_increase", "p_decrease"):
            assert getattr(often.change, p_value) == pytest.approx(getattr(once.change, p_value))


@given(
    st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 5)), min_size=1, max_size=25),
    st.integers(2, 9),
)
def test_copies_never_make_the_test_surer(samples, copies):
    in_a, in_b, clusters = (np.array(own) for own in zip(*samples, strict=True))
    once = paired_rates(in_a, in_b, clusters=clusters).change
    often = paired_rates(
        np.repeat(in_a, copies), np.repeat(in_b, copies), clusters=np.repeat(clusters, copies)
    ).change
    assert (often.p_value, often.p_increase, often.p_decrease) == pytest.approx(
        (once.p_value, once.p_increase, once.p_decrease)
    )


@pytest.mark.parametrize("size", [3, 10, 49])  # 49 * (1 / 49) is not quite 1
def test_clusters_that_all_change_alike_do_not_say_how_much_clusters_vary(size):
    after = np.arange(20 * size) % size == 0  # one of each cluster
    found = paired_rates(
        np.zeros_like(after), after, clusters=np.repeat(np.arange(20), size)
    ).change.difference
    expected = searched_limits(0, 20 / size, 20, z=stats.norm.isf(0.025))
    assert (found.low, found.high) == pytest.approx(expected, abs=2e-6)


def test_copies_make_nothing_surer_where_the_changes_of_each_cluster_cancel():
    in_a = np.tile([True, False], 20)
    clusters = np.repeat(np.arange(20), 2)
    once = paired_rates(in_a, ~in_a, clusters=clusters).change.difference
    often = paired_rates(
        np.repeat(in_a, 50), np.repeat(~in_a, 50), clusters=np.repeat(clusters, 50)
    ).change.difference
    assert often.high >= once.high - 1e-9


def test_without_a_sample_there_is_no_change_and_it_is_said_why():
    nothing = np.zeros(0, dtype=bool)
    for clusters in (None, np.zeros(0, dtype=int)):
        found = paired_rates(nothing, nothing, clusters=clusters, of="attack")
        assert found.n == found.a_only == found.b_only == 0
        assert found.change.difference.reason == "no attack has a score in both"
        assert np.isnan([found.change.p_value, found.change.p_increase, found.lower, found.upper]).all()
        assert found.change.to_dict()["p_value"] is None
