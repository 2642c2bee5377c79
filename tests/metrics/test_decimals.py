from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finauth_eval.metrics.decimals import ScoreGrid, score_grid


@pytest.mark.parametrize("decimals", range(10))
def test_the_decimals_of_written_scores_are_found(decimals):
    scores = np.round(np.random.default_rng(decimals).random(2_000), decimals)
    grid = score_grid(scores)
    assert (grid.decimals, grid.continuous) == (decimals, False)


def test_scores_off_every_grid_are_a_continuum():
    assert score_grid(np.random.default_rng(0).random(100)).continuous
    assert score_grid(np.float32([0.1, 0.7]).astype(np.float64)).continuous


@given(st.integers(0, 6).flatmap(lambda d: st.tuples(st.just(d), st.integers(0, 10**d))))
def test_the_next_tick_of_every_score_on_a_grid_is_one_step_up(case):
    decimals, tick = case
    grid = ScoreGrid(decimals=decimals, continuous=False)
    score = float(f"{tick / 10**decimals:.{decimals}f}")
    following = float(f"{(tick + 1) / 10**decimals:.{decimals}f}")
    assert grid.above(score) == following > score
    assert grid.at_most(score) == score


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_threshold_on_a_continuum_splits_two_neighbours_as_asked(one, other):
    low, high = sorted((one, other))
    if low == high:
        return
    grid = ScoreGrid(decimals=6, continuous=True)
    assert low < grid.above(low, high) <= high
    assert low < grid.at_most(high, low) <= high
    assert low < grid.nearest((low + high) / 2, low, high) <= high


def test_above_the_last_float_of_the_range_comes_a_value_out_of_range():
    assert ScoreGrid(decimals=2, continuous=False).above(1.0) == 1.01
    assert ScoreGrid(decimals=6, continuous=True).above(1.0, math.inf) > 1
