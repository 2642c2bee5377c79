"""The chart writer: scales, labels that keep apart, lines with fewer points and the same shape."""

from __future__ import annotations

import itertools
import math
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from finauth_eval.report.charts import svg
from finauth_eval.report.charts.labels import Box, place_beside, spread
from finauth_eval.report.charts.scales import LinearScale, LogScale, ProbitScale
from finauth_eval.report.charts.simplify import simplify

COORDINATES = st.floats(0, 400, allow_nan=False)


@settings(max_examples=60, deadline=None)
@given(st.lists(COORDINATES, max_size=12).map(sorted))
def test_labels_along_an_axis_keep_their_order_their_gap_and_inside(wanted: list[float]) -> None:
    places = spread(wanted, gap=19.0, low=0.0, high=400.0)
    assert all(-1e-9 <= place <= 400 + 1e-9 for place in places)
    assert all(after - before >= 19 - 1e-6 for before, after in itertools.pairwise(places))


def test_labels_with_room_stay_where_they_are_wanted() -> None:
    assert spread([10.0, 60.0, 200.0], gap=19.0, low=0.0, high=400.0) == [10.0, 60.0, 200.0]


def test_more_labels_than_room_share_it_evenly() -> None:
    assert spread([5.0] * 5, gap=50.0, low=0.0, high=100.0) == pytest.approx([0, 25, 50, 75, 100])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(COORDINATES, st.floats(0, 270)), max_size=5))
def test_labels_beside_points_do_not_overlap_each_other_and_stay_inside(
    points: list[tuple[float, float]],
) -> None:
    boxes = place_beside(points, size=17.0, distance=20.0, width=400.0, height=270.0)
    for k, box in enumerate(boxes):
        assert 8.5 <= box.x <= 391.5
        assert 8.5 <= box.y <= 261.5
        assert all(box.overlap(other) == 0 for other in boxes[k + 1 :])


def test_boxes_that_touch_do_not_overlap() -> None:
    one = Box(x=0, y=0, width=10, height=10)
    assert one.overlap(Box(x=10, y=0, width=10, height=10)) == 0
    assert one.overlap(Box(x=4, y=3, width=10, height=10)) == 6 * 7


def test_probit_positions_are_normal_deviates_between_the_ends() -> None:
    scale = ProbitScale(low=0.001, high=0.6)
    rates = np.array([0.001, 0.01, 0.3, 0.6])
    low, high = norm.ppf([0.001, 0.6])
    assert scale.position(rates) == pytest.approx((norm.ppf(rates) - low) / (high - low))
    assert scale.position(np.array([0.0, 1.0])).tolist() == [0.0, 1.0]


def test_a_power_of_ten_is_a_step_on_a_log_scale() -> None:
    scale = LogScale(low=1e-4, high=1.0)
    assert scale.position(np.array([0.0, 1e-4, 1e-3, 1e-2, 1.0])) == pytest.approx([0, 0, 0.25, 0.5, 1])
    assert [tick.label for tick in scale.ticks()] == ["0.01%", "0.1%", "1%", "10%", "100%"]


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-20.0, 20.0), (0.2, 0.25), (0.0, 3e6), (-1e-3, 1e-3)])
def test_linear_ticks_are_few_round_and_inside(low: float, high: float) -> None:
    ticks = LinearScale(low=low, high=high).ticks()
    assert 4 <= len(ticks) <= 11
    assert all(low - 1e-9 <= tick.value <= high + 1e-9 for tick in ticks)
    assert all(float(tick.label) == pytest.approx(tick.value, abs=(high - low) * 1e-6) for tick in ticks)


def test_a_simplified_line_stays_within_its_tolerance_and_keeps_its_ends() -> None:
    rng = np.random.default_rng(4)
    x, y = np.sort(rng.uniform(0, 400, 5000)), np.cumsum(rng.normal(0, 0.4, 5000))
    kept = simplify(x, y, tolerance=0.3)
    assert (kept[0], kept[-1]) == (0, 4999)
    assert len(kept) < 3000
    drawn = np.interp(x, x[kept], y[kept])
    # a tolerance of the distance to the line, and half a cell of repeated points dropped before
    assert np.abs(drawn - y).max() < 10 * 0.3
    assert np.median(np.abs(drawn - y)) < 0.3


def test_a_staircase_keeps_its_corners() -> None:
    x, y = np.array([0.0, 10.0, 10.0, 20.0, 20.0, 30.0]), np.array([0.0, 0.0, 5.0, 5.0, 9.0, 9.0])
    assert simplify(x, y, tolerance=0.3).tolist() == [0, 1, 2, 3, 4, 5]
    assert simplify(np.arange(9.0), np.zeros(9), tolerance=0.3).tolist() == [0, 8]


def test_text_and_attributes_are_escaped() -> None:
    made = svg.element("g", svg.text('<b>&"\u202e', class_='x" onload="y'), id="a'b")
    seen: list[tuple[str, list[tuple[str, str | None]]]] = []
    words: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            seen.append((tag, attrs))

        def handle_data(self, data: str) -> None:
            words.append(data)

    Reader().feed(made)
    assert seen == [("g", [("id", "a'b")]), ("text", [("class", 'x" onload="y')])]
    assert "".join(words) == '<b>&"\\u202e'


def test_what_is_not_finite_cannot_be_drawn() -> None:
    for value in (math.nan, math.inf):
        with pytest.raises(ValueError, match="cannot be drawn"):
            svg.coordinate(value)
