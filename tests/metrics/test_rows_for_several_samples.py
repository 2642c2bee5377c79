"""Where a row stands for several samples of a cluster, everything is as with a row for each of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finauth_eval.holdout import fold_parts, hold_out
from finauth_eval.metrics.clustered import ClusteredScores, without_gaps
from finauth_eval.metrics.clustered_auc import clustered_auc
from finauth_eval.metrics.clustered_bootstrap import bootstrap_clusters, drawn_cluster_counts
from finauth_eval.metrics.clustered_rates import clustered_points
from finauth_eval.metrics.clusters import OnePerCluster
from finauth_eval.metrics.counts import ScoreCounts
from finauth_eval.metrics.gaps import Whole
from finauth_eval.metrics.rates import operating_points
from finauth_eval.metrics.swept_rates import swept_rates
from finauth_eval.samples import ClusteredSamples, SampleArrays


@st.composite
def weighted(draw) -> ClusteredScores:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n = draw(st.integers(4, 40))
    scores, attack = rng.integers(0, 8, n) / 8, np.append([False, True], rng.random(n - 2) < 0.5)
    types = np.where(attack, rng.integers(0, 2, n), -1)
    clusters, weights = np.sort(rng.integers(0, draw(st.integers(2, 12)), n)), rng.integers(1, 6, n)
    each = np.repeat(np.arange(n), weights)
    counts = ScoreCounts.from_codes(scores[each], attack[each], type_codes=types[each], types=("a", "b"))
    return ClusteredScores.of(
        counts,
        scores,
        is_attack=attack,
        clusters=clusters,
        type_codes=types,
        types=("a", "b"),
        weights=weights,
    )


@settings(max_examples=50, deadline=None)
@given(weighted(), st.integers(0, 2**32))
def test_clustered_figures_are_those_of_the_samples_one_by_one(samples, seed):
    apart = samples.one_by_one()
    assert (apart.weights, apart.n, apart.n_clusters) == (None, samples.n, samples.n_clusters)
    assert apart.clusters.size == samples.weights.sum()
    mine, theirs = (clustered_auc(own).to_dict() for own in (samples, apart))
    for name, value in theirs.items():
        assert mine[name] == (
            pytest.approx(value, rel=1e-9, abs=1e-12) if isinstance(value, float) else value
        )
    points = operating_points(samples.counts, [(0.3, "asked"), (0.5, "asked")])
    assert clustered_points(points, samples) == clustered_points(points, apart)
    one, other = (bootstrap_clusters(own, 20, rng=np.random.default_rng(seed)) for own in (samples, apart))
    assert one.equal_error.tolist() == other.equal_error.tolist()
    for name, own in one.equal_error_by_type.items():
        np.testing.assert_array_equal(own, other.equal_error_by_type[name])
    drawn, likewise = (
        [own.bona_fide.tolist() for own in drawn_cluster_counts(part, 5, np.random.default_rng(seed))]
        for part in (samples, apart)
    )
    assert drawn == likewise
    swept, again = (swept_rates(samples.counts, [0.25, 0.5], clustered=own) for own in (samples, apart))
    assert swept.blocked.low.tolist() == again.blocked.low.tolist()


@given(weighted(), st.integers(0, 2**32))
def test_one_of_each_cluster_is_drawn_as_often_as_it_has_samples(samples, seed):
    apart = samples.one_by_one()
    one = OnePerCluster.of(samples.counts.scores[samples.rows], samples.clusters, samples.weights)
    other = OnePerCluster.of(apart.counts.scores[apart.rows], apart.clusters)
    drawn, likewise = (own.draw(np.random.default_rng(seed)).tolist() for own in (one, other))
    assert drawn == likewise
    assert (one.n_clusters, one.single) == (other.n_clusters, other.single)


@given(weighted(), st.lists(st.integers(0, 39), min_size=1, unique=True))
def test_gaps_are_those_of_the_samples_one_by_one(samples, part):
    wrong, each = samples.rows % 2 == 0, np.repeat(np.arange(samples.rows.size), samples.weights)
    own = np.array([row for row in part if row < wrong.size], dtype=np.intp)
    for clusters, apart in ((samples.clusters, samples.clusters[each]), (None, None)):
        one = Whole.of_samples(wrong, clusters, samples.weights).gap(own)
        assert one == Whole.of_samples(wrong[each], apart).gap(np.flatnonzero(np.isin(each, own)))


@given(weighted(), st.integers(0, 2**32))
def test_whole_clusters_are_held_out_with_all_their_samples(samples, seed):
    arrays = SampleArrays(
        scores=samples.counts.scores[samples.rows], is_attack=samples.is_attack, type_codes=samples.type_codes,
        types=samples.types, not_sent=np.zeros(samples.rows.size, dtype=bool), weights=samples.weights,
    )  # fmt: skip
    together = ClusteredSamples(arrays=arrays, clusters=samples.clusters, cluster="subject")
    rng = np.random.default_rng(seed)
    apart = hold_out(together, 0.4, splits=None, rng=rng)
    unseen = np.zeros(samples.rows.size, dtype=np.int64) if apart.measured_on is None else apart.measured_on
    assert (apart.chosen_on + unseen).tolist() == samples.weights.tolist()
    assert not {*samples.clusters[unseen > 0]} & {*samples.clusters[apart.chosen_on > 0]}
    folds = fold_parts(together, 3, rng=rng)
    assert sum(folds).tolist() == samples.weights.tolist()


@given(st.lists(st.integers(-3, 5)))
def test_clusters_without_gaps_are_numbered_in_their_order(clusters):
    codes = np.array(clusters, dtype=np.int64)
    for own in (codes, np.sort(codes)):
        assert without_gaps(own).tolist() == np.unique(own, return_inverse=True)[1].tolist()
