"""The explorer's grid, its packed numbers and its first state, without a browser."""

from __future__ import annotations

import itertools
import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finauth_eval.evaluation import evaluate
from finauth_eval.report import render_report
from finauth_eval.report.explorer.grid import even_steps, grid_of
from finauth_eval.report.explorer.packing import distances, packed

if TYPE_CHECKING:
    from collections.abc import Callable

    from finauth_eval.evaluation import Evaluation
    from finauth_eval.recommendation import Recommendations
    from finauth_eval.scores import ScoreTable

COUNTS = st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=40)


@settings(max_examples=60, deadline=None)
@given(COUNTS, st.integers(0, 3))
def test_packed_columns_come_back_whole(first: list[int], shift: int) -> None:
    columns = [first, [own // (shift + 1) for own in first]]
    gaps, *changes = packed(*columns)
    at = list(itertools.accumulate(gaps))
    for column, own in zip(columns, changes, strict=True):
        back = np.zeros(len(column), dtype=np.int64)
        for start, change in zip(at, own, strict=True):
            back[start:] += change
        assert back.tolist() == column


def test_limits_are_carried_to_a_ten_millionth() -> None:
    values, low, high = (
        np.array([0.1, math.nan]),
        np.array([0.0123456789, math.nan]),
        np.array([0.9, math.nan]),
    )
    below, above = distances(values, low, high)
    assert abs((values[0] - below[0] / 1e7) - low[0]) <= 5.1e-8
    assert (above[0], below[1], above[1]) == (8_000_000, 0, 0)


def test_grid_over_probabilities_is_thousandths_as_people_type_them() -> None:
    grid = grid_of(np.array([0.1, 0.9]), [0.5, 0.12345, math.nan, math.inf])
    assert grid.tolist() == sorted([*(float(f"{k / 1000:.3f}") for k in range(1001)), 0.12345])


@settings(max_examples=80, deadline=None)
@given(st.floats(-1e9, 1e9, allow_nan=False), st.floats(1e-6, 1e9), st.integers(0, 3))
def test_grid_of_any_range_covers_it_in_at_most_a_thousand_even_steps(
    low: float, width: float, extra: int
) -> None:
    scores = np.unique([low, low + width, *np.linspace(low, low + width, extra)])
    steps, step = even_steps(scores)
    if scores[0] >= 0 and scores[-1] <= 1:
        return
    assert steps[0] <= scores[0] + 1e-6 * step
    assert steps[-1] >= scores[-1] - 1e-6 * step
    assert 2 <= steps.size <= 1003 or scores.size == 1
    assert np.all(np.diff(steps) > 0)


def test_every_threshold_that_the_page_speaks_of_is_on_offer(
    page: str, parse: Callable[[str], Any], evaluation: Evaluation, recommendations: Recommendations
) -> None:
    data = json.loads(parse(page).by_id("explorer-data").text)
    chosen = {item.threshold for item in recommendations if item.feasible}
    assert {0.5, 0.35, *chosen, *evaluation.decision_audit.thresholds_seen} <= set(data["thresholds"])
    assert data["thresholds"][data["at"]] == evaluation.operating_points[0].threshold


def test_first_state_is_the_evaluations_first_operating_point(
    page: str, parse: Callable[[str], Any], evaluation: Evaluation
) -> None:
    shown = parse(page).table("Errors and cost at the explored threshold")
    point = evaluation.operating_points[0]
    assert [row[1].value for row in shown.rows[:3]] == [
        point.bpcer.value, point.apcer.value, point.apcer_worst.estimate.value,
    ]  # fmt: skip
    assert shown.rows[3][1].value == 10_000 * (
        0.02 * 20 * point.apcer.value + (1 - 0.02) * 1 * point.bpcer.value
    )
    matrix = parse(page).table("Decisions at the explored threshold")
    own = point.confusion
    assert [cell.value for row in matrix.rows for cell in row[1:]] == [own.tp, 0, own.fn, own.fp, 0, own.tn]


def test_costs_that_nobody_stated_are_called_an_example(evaluation: Evaluation, page: str) -> None:
    assert "these three are an example" in render_report(evaluation)
    assert "these three are an example" not in page


@pytest.mark.parametrize("label", ["real", "fake"])
def test_one_class_is_explored_without_a_cost(
    as_table: Callable[..., ScoreTable], parse: Callable[[str], Any], label: str
) -> None:
    table = as_table(pd.DataFrame({"label": [label] * 40, "score": np.arange(40) / 40}))
    page = render_report(evaluate(table, bootstrap=0))
    shown = parse(page).table("Errors and cost at the explored threshold")
    [cost] = [row[1] for row in shown.rows if row[0].text.startswith("Expected cost")]
    assert (cost.text, cost.value, cost.note) == ("—", None, "needs both classes")
    assert "It needs both classes" in page
    assert "NaN" not in parse(page).by_id("explorer-data").text
