"""Intervals for several images of one subject against simulated sets whose truth is known; run by `make simulate`."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from finauth_eval.metrics.area_difference import independent_areas
from finauth_eval.metrics.clustered import ClusteredScores
from finauth_eval.metrics.clustered_auc import clustered_auc
from finauth_eval.metrics.clustered_bootstrap import bootstrap_clusters
from finauth_eval.metrics.clustered_rates import clustered_points, clustered_rate
from finauth_eval.metrics.counts import ScoreCounts
from finauth_eval.metrics.delong import auc
from finauth_eval.metrics.intervals import rate
from finauth_eval.metrics.rates import operating_points
from finauth_eval.metrics.replicates import Replicates

pytestmark = pytest.mark.timeout(900)

DRAWS = 1_000
IMAGES = 5


def say(*words) -> None:
    print(*words)  # noqa: T201 - the figures are what a simulation is run for; `pytest -s` shows them


def alike(rng, clusters, share: float):
    """Standard normal scores; subjects make up this share of their variance."""
    own = rng.normal(size=clusters.max() + 1)[clusters]
    return math.sqrt(share) * own + math.sqrt(1 - share) * rng.normal(size=clusters.size)


def together(scores, attack, clusters, *, type_codes=None, types=()) -> ClusteredScores:
    codes = np.full(attack.size, -1) if type_codes is None else type_codes
    counts = ScoreCounts.from_codes(scores, attack, type_codes=codes, types=types)
    return ClusteredScores.of(
        counts, scores, is_attack=attack, clusters=clusters, type_codes=codes, types=types
    )


def apart(subjects: int, area: float, share: float, *, both: bool):
    """Subjects, classes, shift of the attacks and expected area; pairs within a subject have an area of their own."""
    clusters = np.repeat(np.arange(subjects), IMAGES)
    shift = math.sqrt(2) * stats.norm.ppf(area)
    if not both:
        return clusters, clusters % 2 == 0, shift, area
    within = stats.norm.cdf(shift / math.sqrt(2 * (1 - share)))
    attack = np.tile(np.arange(IMAGES) < 3, subjects)
    return clusters, attack, shift, area + (within - area) / subjects


@pytest.mark.parametrize("both", [True, False], ids=["both classes a subject", "one class a subject"])
@pytest.mark.parametrize("area", [0.8, 0.9, 0.95])
@pytest.mark.parametrize("subjects", [10, 20, 50])
def test_obuchowskis_interval_covers_the_area(subjects, area, both):
    rng = np.random.default_rng([subjects, int(100 * area), both])
    share = 0.5
    clusters, attack, shift, truth = apart(subjects, area, share, both=both)
    covered = naive = 0
    for _ in range(DRAWS):
        samples = together(alike(rng, clusters, share) + shift * attack, attack, clusters)
        found, plain = clustered_auc(samples), auc(samples.counts)
        covered += found.low <= truth <= found.high
        naive += plain.low <= truth <= plain.high
    say(
        f"\nAUC {truth:.3f}, {subjects} subjects, both = {both}: {covered / DRAWS:.3f}, naive {naive / DRAWS:.3f}"
    )
    assert covered / DRAWS >= 0.93
    if not both:
        assert naive / DRAWS < 0.93  # why clusters are the default


@pytest.mark.parametrize("subjects", [3, 5, 10, 20])
def test_areas_of_two_runs_of_different_subjects_seldom_differ_when_nothing_changed(subjects):
    rng = np.random.default_rng(subjects)
    share, area = 0.5, 0.8
    clusters, attack, shift, _ = apart(subjects, area, share, both=True)
    alarms = naive = 0
    for _ in range(DRAWS):
        a, b = (
            clustered_auc(together(alike(rng, clusters, share) + shift * attack, attack, clusters))
            for _ in range(2)
        )
        found = independent_areas(a, b, freedom_a=subjects - 1, freedom_b=subjects - 1)
        alarms += found.p_value < 0.05
        naive += independent_areas(a, b).p_value < 0.05
    say(f"\nfalse alarms, {subjects} subjects a run: {alarms / DRAWS:.3f}, normal {naive / DRAWS:.3f}")
    assert alarms / DRAWS <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / DRAWS)
    if subjects <= 5:
        assert naive / DRAWS > 0.07  # why it is a t


@pytest.mark.parametrize("share", [0.3, 0.7])
@pytest.mark.parametrize("truth", [0.05, 0.2, 0.5])
@pytest.mark.parametrize("subjects", [10, 20, 50])
def test_korn_and_graubards_interval_covers_a_rate(subjects, truth, share):
    rng = np.random.default_rng([subjects, int(100 * truth), int(10 * share)])
    clusters = np.repeat(np.arange(subjects), IMAGES)
    covered = naive = 0
    for _ in range(DRAWS):
        hits = alike(rng, clusters, share) >= stats.norm.isf(truth)
        events = hits.reshape(subjects, IMAGES).sum(axis=1)
        found, plain = clustered_rate(events, [IMAGES] * subjects), rate(int(hits.sum()), hits.size)
        covered += found.low <= truth <= found.high
        naive += plain.low <= truth <= plain.high
    say(
        f"\nrate {truth}, {subjects} subjects, {share} of the variance theirs: {covered / DRAWS:.3f},"
        f" naive {naive / DRAWS:.3f}"
    )
    assert covered / DRAWS >= 0.93


@pytest.mark.parametrize("kinds", [2, 13])
@pytest.mark.parametrize("subjects", [10, 30])
def test_the_worst_types_interval_covers_the_highest_rate_under_clusters(kinds, subjects):
    rng = np.random.default_rng([kinds, subjects])
    truth, types = 0.1, tuple(f"type {k:02}" for k in range(kinds))
    # every subject is attacked by every type, five times each
    clusters = np.repeat(np.arange(subjects), IMAGES * kinds)
    codes = np.tile(np.arange(kinds), subjects * IMAGES)
    attack = np.ones(codes.size, dtype=bool)
    covered = 0
    for _ in range(DRAWS):
        scores = np.round(alike(rng, clusters, 0.5), 3)
        samples = together(scores, attack, clusters, type_codes=codes, types=types)
        points = operating_points(samples.counts, [(stats.norm.ppf(truth), "requested")])
        interval = clustered_points(points, samples)[0].apcer_worst.estimate
        covered += interval.low <= truth <= interval.high
    say(f"\nworst of {kinds} equal types, {subjects} subjects: {covered / DRAWS:.3f}")
    assert covered / DRAWS >= 0.93


@pytest.mark.parametrize("subjects", [40, 100])
def test_the_bootstrap_of_subjects_covers_the_equal_error_rate(subjects):
    rng = np.random.default_rng(subjects)
    clusters, shift, draws = np.repeat(np.arange(subjects), IMAGES), 2.0, DRAWS
    attack, truth = clusters % 2 == 0, stats.norm.sf(1.0)
    covered = 0
    for _ in range(draws):
        samples = together(np.round(alike(rng, clusters, 0.5) + shift * attack, 2), attack, clusters)
        low, high = Replicates.limits(bootstrap_clusters(samples, 400, rng=rng).equal_error, confidence=0.95)
        covered += low <= truth <= high
    say(f"\nEER {truth:.3f}, {subjects} subjects: {covered / draws:.3f}")
    assert covered / draws >= 0.93 - 3 * math.sqrt(0.07 * 0.93 / draws)
