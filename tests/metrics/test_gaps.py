"""A part against the rest: statsmodels' score test where samples are independent, simulation where they are not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from statsmodels.stats.proportion import test_proportions_2indep as proportions_test

from finauth_eval.metrics.gaps import Whole


@pytest.mark.parametrize(("a", "n", "b", "m"), [(20, 100, 10, 100), (1, 30, 40, 400), (0, 25, 9, 60)])
def test_independent_samples_agree_with_statsmodels(a: int, n: int, b: int, m: int) -> None:
    wrong = np.array([True] * a + [False] * (n - a) + [True] * b + [False] * (m - b))
    found = Whole.of_samples(wrong).gap(np.arange(n))
    expected = proportions_test(a, n, b, m, method="score", compare="diff", correction=True)
    assert found.difference.value == pytest.approx(a / n - b / m)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-6)


def test_a_part_that_is_everything_or_nothing_has_no_gap() -> None:
    whole = Whole.of_samples([True, False, False], of="attack")
    for part in (np.arange(3), np.arange(0)):
        found = whole.gap(part)
        assert math.isnan(found.p_value)
        assert found.difference.reason == "no attack has a score"


def test_clusters_of_one_are_independent_samples() -> None:
    wrong = np.random.default_rng(0).random(60) < 0.3
    alone = Whole.of_samples(wrong, np.arange(60)[::-1]).gap(np.arange(25))
    assert alone.p_value == Whole.of_samples(wrong).gap(np.arange(25)).p_value


def test_clustered_samples_are_called_different_no_more_often_than_promised() -> None:
    rng = np.random.default_rng(4)
    rejected = {True: 0, False: 0}
    for _ in range(400):
        clusters = np.repeat(np.arange(60), 5)
        wrong = rng.random(300) < np.repeat(rng.beta(0.6, 1.4, 60), 5)  # samples of a cluster are alike
        for together in rejected:
            whole = Whole.of_samples(wrong, clusters if together else None)
            rejected[together] += whole.gap(np.arange(100)).p_value < 0.05
    assert rejected[True] / 400 < 0.075  # 5% and three standard errors of 400 trials
    assert rejected[False] / 400 > 0.15  # what taking the samples as independent would do
