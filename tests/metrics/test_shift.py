"""How far two sets of scores lie apart, against scipy and by counting."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from finauth_eval.metrics.shift import QUANTILES, score_shift, stability_index

scores = st.lists(st.integers(0, 20).map(lambda own: own / 20), min_size=1, max_size=60)


def counted_bins(a, b, bins: int) -> tuple[list[float], list[int], list[int]]:
    """The edges and the samples of each bin, as the binning is stated.

    A decile is the lowest score of A with a tenth of A's steps below it; one that more than a tenth of A shares is a bin
    of its own. The lowest score of A need not be one.
    """
    ascending = sorted(a)
    deciles = {ascending[-(-k * (len(a) - 1) // bins)] for k in range(1, bins)}
    edges = deciles - {ascending[0]}
    for own in deciles:
        if a.count(own) * bins > len(a):
            edges |= {own, math.nextafter(own, math.inf)}
    bounds = [-math.inf, *sorted(edges), math.inf]
    pairs = list(itertools.pairwise(bounds))
    return sorted(edges), *([sum(low <= own < high for own in run) for low, high in pairs] for run in (a, b))


@pytest.mark.parametrize(
    ("lowest", "edges", "of_a", "of_b"),
    [
        (2, [0.3, math.nextafter(0.3, 1)], (2, 10, 0), (3, 1, 1)),
        (3, [0.1, math.nextafter(0.1, 1), 0.3, math.nextafter(0.3, 1)], (0, 3, 0, 9, 0), (1, 1, 1, 1, 1)),
    ],
)
def test_the_lowest_score_is_a_bin_of_its_own_only_where_it_is_a_decile(lowest, edges, of_a, of_b):
    a = [0.1] * lowest + [0.3] * (12 - lowest)  # the first decile is the third score from below
    assert (0.1 in np.quantile(a, np.arange(1, 10) / 10, method="higher")) == (lowest == 3)
    found = stability_index(np.array(a), np.array([0.0, 0.1, 0.2, 0.3, 0.4]))
    assert found.edges == pytest.approx(edges, abs=0)
    assert (found.a, found.b) == (of_a, of_b)
    words = "deciles of A; one that more than a tenth of A shares is a bin of its own; half a sample"
    assert found.to_dict()["binning"].startswith(words)


@given(scores, scores)
def test_distances_are_scipys(a, b):
    found = score_shift(np.array(a), np.array(b))
    assert found.wasserstein == pytest.approx(stats.wasserstein_distance(a, b), abs=1e-12)
    up_to = [stats.ecdf(own).cdf.evaluate([*a, *b]) for own in (a, b)]
    assert found.ks == pytest.approx(max(abs(up_to[0] - up_to[1])), abs=1e-12)
    assert (found.n_a, found.n_b) == (len(a), len(b))


@pytest.mark.parametrize("seed", range(3))
def test_distances_of_many_scores_of_any_size_are_scipys(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=3000) * 50, rng.gamma(2.0, size=1700) * 30 - 20
    found = score_shift(a, b)
    assert found.wasserstein == pytest.approx(stats.wasserstein_distance(a, b))
    assert found.ks == pytest.approx(stats.ks_2samp(a, b).statistic)


@given(scores, scores)
def test_exchanging_the_runs_leaves_the_distances_and_exchanges_the_quantiles(a, b):
    one, other = score_shift(np.array(a), np.array(b)), score_shift(np.array(b), np.array(a))
    assert (one.wasserstein, one.ks) == pytest.approx((other.wasserstein, other.ks), abs=1e-12)
    assert one.quantiles == {share: pair[::-1] for share, pair in other.quantiles.items()}


@given(scores)
def test_the_same_scores_in_another_order_lie_nowhere_apart(a):
    found = score_shift(np.array(a), np.array(a[::-1]))
    assert (found.wasserstein, found.ks, found.psi.value) == (0, 0, 0)
    assert found.psi.a == found.psi.b


def test_scores_that_all_moved_by_as_much_lie_that_far_apart():
    a = np.array([0.2, 0.2, 0.5, 0.7, 0.7, 0.7])
    found = score_shift(a, a + 0.25)
    assert found.wasserstein == pytest.approx(0.25)
    assert found.ks == pytest.approx(4 / 6)  # at 0.7, where all six of A are and two of B


def test_quantiles_lie_between_the_two_nearest_scores():
    found = score_shift(np.arange(1.0, 102.0), np.array([3.0, 3.0, 3.0]))
    assert list(found.quantiles) == list(QUANTILES)
    assert {share: pair[0] for share, pair in found.quantiles.items()} == pytest.approx({
        0.01: 2, 0.05: 6, 0.25: 26, 0.5: 51, 0.75: 76, 0.95: 96, 0.99: 100
    })  # fmt: skip
    assert {pair[1] for pair in found.quantiles.values()} == {3.0}
    assert score_shift(np.array([1.0, 2.0]), np.array([1.0, 2.0])).quantiles[0.25] == (1.25, 1.25)


@given(scores, scores, st.sampled_from([2, 4, 10]))
def test_the_stability_index_is_the_sum_over_the_bins_as_stated(a, b, bins):
    edges, of_a, of_b = counted_bins(a, b, bins)
    found = stability_index(np.array(a), np.array(b), bins=bins)
    assert found.edges == tuple(edges)
    assert (found.a, found.b) == (tuple(of_a), tuple(of_b))
    expected = 0.0
    for one, other in zip(of_a, of_b, strict=True):
        share_a = (one + 0.5) / (len(a) + 0.5 * len(of_a))
        share_b = (other + 0.5) / (len(b) + 0.5 * len(of_b))
        expected += (share_b - share_a) * math.log(share_b / share_a)
    assert found.value == pytest.approx(expected, abs=1e-12)


def test_the_stability_index_of_four_bins_by_hand():
    a = np.array([1.0, 2, 3, 4, 5, 6, 7, 8])
    b = np.array([1.0, 6, 6, 8, 8, 9])
    found = stability_index(a, b, bins=4)
    # a quarter of A's 7 steps is 1.75, so the edges are the third, the fifth and the seventh score
    assert (found.edges, found.a, found.b) == ((3, 5, 7), (2, 2, 2, 2), (1, 0, 2, 3))
    shares = [(0.25, 1.5 / 8), (0.25, 0.5 / 8), (0.25, 2.5 / 8), (0.25, 3.5 / 8)]
    assert found.value == pytest.approx(sum((q - p) * math.log(q / p) for p, q in shares))


def test_a_score_on_an_edge_is_in_the_upper_bin():
    found = stability_index(np.arange(10.0), np.array([4.9, 5.0, 5.1]), bins=2)
    assert (found.edges, found.a, found.b) == ((5.0,), (5, 5), (1, 2))


def test_scores_that_many_samples_share_are_bins_of_their_own():
    a = np.repeat([0.0, 0.5, 1.0], [50, 30, 20])
    found = stability_index(a, np.repeat([0.0, 0.25, 0.5, 0.75, 1.0], [20, 7, 30, 9, 34]))
    # below 0, 0, up to 0.5, 0.5, up to 1, 1, above
    assert (found.a, found.b) == ((0, 50, 0, 30, 0, 20, 0), (0, 20, 7, 30, 9, 34, 0))
    assert found.edges[::2] == (0, 0.5, 1)


def test_a_bin_that_one_run_leaves_empty_is_not_infinitely_far():
    found = stability_index(np.linspace(0, 0.4, 50), np.linspace(0.6, 1, 50))
    assert found.b == (0,) * 9 + (50,)
    assert 1 < found.value < math.inf


def test_unchanged_runs_have_the_index_that_is_said_of_them():
    rng = np.random.default_rng(3)
    found = [stability_index(rng.random(800), rng.random(800)).value for _ in range(200)]
    assert np.mean(found) == pytest.approx(9 * 2 / 800, rel=0.15)


def test_a_run_of_one_score_has_a_bin_for_it_and_one_on_either_side():
    found = score_shift(np.full(9, 0.5), np.full(9, 0.5))
    assert (found.wasserstein, found.ks, found.psi.value) == (0, 0, 0)
    assert (found.psi.a, found.psi.b) == ((0, 9, 0), (0, 9, 0))
    apart = score_shift(np.full(9, 0.5), np.full(4, 0.75))
    assert (apart.wasserstein, apart.ks) == (0.25, 1)
    assert (apart.psi.a, apart.psi.b) == ((0, 9, 0), (0, 0, 4))


def test_an_index_over_scores_that_most_of_a_shares_sees_that_b_has_none_of_them():
    a = np.concatenate([np.zeros(95), np.linspace(0.2, 1, 5)])
    assert stability_index(a, np.ones(100)).value > 0.25
    assert stability_index(a, a).value == 0


@pytest.mark.parametrize(("n_a", "n_b"), [(0, 3), (3, 0), (0, 0)])
def test_without_scores_nothing_is_known_and_json_can_say_so(n_a, n_b):
    found = score_shift(np.full(n_a, 0.5), np.full(n_b, 0.25))
    assert np.isnan([found.wasserstein, found.ks, found.psi.value]).all()
    assert (found.psi.a, found.psi.b, found.psi.edges) == ((n_a,), (n_b,), ())
    plain = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert plain["n"] == {"a": n_a, "b": n_b}
    assert plain["quantiles"]["0.5"] == {"a": 0.5 if n_a else None, "b": 0.25 if n_b else None}
    assert plain["wasserstein"] is plain["ks"] is plain["psi"]["value"] is None


def test_the_plain_values_name_the_quantiles_and_the_binning():
    plain = score_shift(np.arange(1.0, 12.0), np.array([0.0, 3.5, 3.5, 99.0])).to_dict()
    assert list(plain["quantiles"]) == ["0.01", "0.05", "0.25", "0.5", "0.75", "0.95", "0.99"]
    assert plain["psi"]["binning"].startswith("deciles of A")
    assert plain["psi"]["edges"] == [2, 3, 4, 5, 6, 7, 8, 9, 10]
    assert plain["psi"]["a"] == [1, 1, 1, 1, 1, 1, 1, 1, 1, 2]
    assert plain["psi"]["b"] == [1, 0, 2, 0, 0, 0, 0, 0, 0, 1]
