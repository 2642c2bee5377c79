"""Gates on thousands of pairs of runs whose truth is known: nothing changed, or just so much did. By `make simulate`."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from finauth_eval.comparison import compare
from finauth_eval.gate import Rule, check
from finauth_eval.metrics.paired_rates import paired_rates, tango_upper
from finauth_eval.scores import ScoreTable

pytestmark = pytest.mark.timeout(900)

RULES = [
    Rule(metric="bpcer"),
    Rule(metric="apcer"),
    Rule(metric="apcer_worst"),
    Rule(metric="auc"),
    Rule(metric="coverage"),
]
TYPES = ["mask", "replay", "swap", "morph"]


def say(*words) -> None:
    print(*words)  # noqa: T201 - the figures are what a simulation is run for; `pytest -s` shows them


def allowed(draws: int, risk: float) -> float:
    """The risk, and three standard errors of the simulation."""
    return risk + 3 * math.sqrt(risk * (1 - risk) / draws)


def samples(n: int, *, each: int = 1) -> ScoreTable:
    """n bona fide samples and n attacks of four types; with ``each`` above 1 so many of a subject."""
    frame = pd.DataFrame({
        "sample_id": [f"{i:06d}" for i in range(2 * n)],
        "label": ["bona_fide"] * n + ["attack"] * n,
        "attack_type": [None] * n + [TYPES[i % 4] for i in range(n)],
        "score": 0.5,
    })  # fmt: skip
    if each > 1:
        frame["subject"] = np.arange(2 * n) // each
    return ScoreTable.from_frame(frame)


def with_scores(table: ScoreTable, latent) -> ScoreTable:
    """The same samples with scores of a standard normal latent variable; some get none."""
    return replace(table, frame=table.frame.assign(score=np.round(stats.norm.cdf(latent), 4)))


class Detector:
    """Two models of equal quality: what a sample is like is shared, and each model errs in its own way."""

    def __init__(self, table: ScoreTable, rng: np.random.Generator, *, jitter: float) -> None:
        attack = table.is_attack
        self._rng, self._jitter = rng, jitter
        self._centre = np.where(attack, 1.3, -1.5)
        subjects = table.frame["subject"]
        self._groups = None if subjects.isna().all() else pd.factorize(subjects)[0]
        self._shared = self._of_samples()
        self._silent = rng.random(attack.size) < 0.01

    def _of_samples(self):
        own = self._rng.normal(size=self._centre.size)
        if self._groups is None:
            return own
        theirs = self._rng.normal(size=self._groups.max() + 1)[self._groups]
        return math.sqrt(0.6) * theirs + math.sqrt(0.4) * own

    def scores(self):
        """As one model, trained anew, gives them: error shares of a sample and, with subjects, of a person."""
        keep = math.sqrt(1 - self._jitter**2)
        latent = self._centre + keep * self._shared + self._jitter * self._of_samples()
        flaky = self._rng.random(latent.size) < 0.005
        return np.where(self._silent | flaky, np.nan, latent)


def false_alarms(table: ScoreTable, draws: int, *, jitter: float, seed: int) -> float:
    rng = np.random.default_rng(seed)
    failed = 0
    for _ in range(draws):
        model = Detector(table, rng, jitter=jitter)
        a, b = (with_scores(table, model.scores()) for _ in range(2))
        failed += check(compare(a, b, bootstrap=0), RULES, exchanges=0).verdict == "fail"
    return failed / draws


@pytest.mark.parametrize("jitter", [0.1, 0.4])
@pytest.mark.parametrize(("n", "draws"), [(500, 1_000), (5_000, 200)])
def test_a_retrained_model_of_equal_quality_fails_at_most_as_often_as_the_gate_says(n, draws, jitter):
    rate = false_alarms(samples(n), draws, jitter=jitter, seed=n)
    say(f"\nA/A, {n} a class, jitter {jitter}, five rules: {rate:.4f} of {draws} pairs fail (nominal 0.05)")
    assert rate <= allowed(draws, 0.05)


def test_ten_samples_of_each_person_do_not_make_the_gate_cry_wolf():
    table = samples(500, each=10)
    rate = false_alarms(table, 1_000, jitter=0.4, seed=3)
    naive = replace(table, frame=table.frame.assign(subject=None))
    rng = np.random.default_rng(3)
    failed = 0
    for _ in range(300):
        model = Detector(table, rng, jitter=0.4)
        a, b = (with_scores(naive, model.scores()) for _ in range(2))
        failed += check(compare(a, b, bootstrap=0), RULES, exchanges=0).verdict == "fail"
    say(
        f"\nA/A, 50 persons a class with 10 samples each: {rate:.4f} fail; as if independent {failed / 300:.3f}"
    )
    assert rate <= allowed(1_000, 0.05)


def test_the_measured_false_alarm_rate_is_the_one_that_unchanged_pairs_show():
    table = samples(500)
    rng = np.random.default_rng(11)
    rules = [Rule(metric="bpcer", tolerance=0.0), Rule(metric="apcer", tolerance=0.0)]
    failed, measured = 0, []
    for _ in range(300):
        model = Detector(table, rng, jitter=0.4)
        a, b = (with_scores(table, model.scores()) for _ in range(2))
        verdict = check(compare(a, b, bootstrap=0), rules, exchanges=200)
        failed += verdict.verdict == "fail"
        measured.append(verdict.false_alarms.value)
    say(f"\nA/A by exchanging answers: {np.mean(measured):.4f}; seen {failed / 300:.4f}")
    assert abs(np.mean(measured) - failed / 300) <= 3 * math.sqrt(0.05 * 0.95 / 300)


def test_bpcer_at_a_fixed_apcer_with_thresholds_chosen_anew_keeps_the_nominal_rate():
    table = samples(500)
    rng = np.random.default_rng(5)
    draws, failed = 300, 0
    for _ in range(draws):
        model = Detector(table, rng, jitter=0.3)
        a, b = (with_scores(table, model.scores()) for _ in range(2))
        rules = [Rule(metric="bpcer_at_apcer.20")]
        failed += check(compare(a, b, bootstrap=0), rules, exchanges=200).verdict == "fail"
    say(f"\nA/A, BPCER20 with thresholds chosen anew: {failed / draws:.4f} of {draws} fail")
    assert failed / draws <= allowed(draws, 0.05)


def test_twelve_one_way_flips_among_1471_are_caught_whatever_else_jitters():
    """Most of what jitters flips few decisions: up to 4 each way beside the twelve."""
    rng = np.random.default_rng(8)
    n, draws, caught = 1_471, 500, 0
    frame = pd.DataFrame({
        "sample_id": [f"{i:05d}" for i in range(n + 300)],
        "label": ["bona_fide"] * n + ["attack"] * 300,
        "score": np.r_[np.full(n, 0.2), np.full(300, 0.8)],
    })  # fmt: skip
    a = ScoreTable.from_frame(frame)
    for _ in range(draws):
        scores = frame["score"].to_numpy().copy()
        scores[rng.choice(n, 12, replace=False)] = 0.7
        b = replace(a, frame=a.frame.assign(score=scores))
        caught += check(compare(a, b, bootstrap=0), RULES[:3], exchanges=0).verdict == "fail"
    assert caught == draws


@pytest.mark.parametrize(("n", "rate", "flips"), [(500, 0.05, 0.02), (2_000, 0.05, 0.02), (2_000, 0.2, 0.1)])
def test_non_inferiority_is_claimed_wrongly_at_most_as_often_as_it_says_when_b_is_worse_by_the_margin(
    n, rate, flips
):
    rng = np.random.default_rng([n, int(100 * rate)])
    margin, draws = 0.01, 20_000
    # of all samples a share is wrong in B only and another in A only, and their difference is just the margin
    b_only, a_only = (flips + margin) / 2, (flips - margin) / 2
    seen = rng.multinomial(n, [a_only, b_only, 1 - a_only - b_only], size=draws)
    claimed = np.mean([tango_upper(one, other, n) < margin for one, other, _ in seen.tolist()])
    say(f"\nnon-inferior at the margin, n = {n}, {flips:.0%} flip: claimed {claimed:.4f} (nominal 0.05)")
    assert (
        claimed <= allowed(draws, 0.05) + 0.005
    )  # a score test, right on average: its discreteness swings by half a point
    assert claimed > 0.02  # nor does it give power away


def test_non_inferiority_of_clusters_keeps_its_level_where_samples_as_independent_would_not():
    rng = np.random.default_rng(21)
    persons, each, margin, draws = 100, 10, 0.02, 2_000
    clusters = np.repeat(np.arange(persons), each)
    claimed = naive = 0
    for _ in range(draws):
        # a person either differs as a whole or not: 4% for the worse, 2% for the better, a difference of the margin
        kind = rng.choice([-1, 0, 1], size=persons, p=[0.02, 0.94, 0.04])[clusters]
        keep = rng.random(clusters.size) < 0.9
        in_a, in_b = (kind < 0) & keep, (kind > 0) & keep
        claimed += paired_rates(in_a, in_b, clusters=clusters).upper < margin * 0.9
        naive += paired_rates(in_a, in_b).upper < margin * 0.9
    say(
        f"\nnon-inferior at the margin, 100 persons: claimed {claimed / draws:.4f}; as if independent {naive / draws:.3f}"
    )
    assert (
        claimed / draws <= allowed(draws, 0.05) + 0.015
    )  # few persons differ: what is known of their spread is little
    assert naive / draws > 0.1
