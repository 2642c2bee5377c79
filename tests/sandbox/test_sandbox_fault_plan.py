"""Reading fault specifications, and drawing from them."""

from __future__ import annotations

import random
import re
from collections import Counter

import pytest

from finauth_eval.sandbox.faults import FAULT_KINDS, parse_faults


def test_rates_come_true() -> None:
    plan = parse_faults("500:0.2, reset:0.05,nan:0.1")
    rng = random.Random(3)
    drawn = Counter(plan.draw(number, rng.random()) for number in range(1, 20_001))
    # five standard deviations of a binomial count
    for kind, rate in (("500", 0.2), ("reset", 0.05), ("nan", 0.1), (None, 0.65)):
        assert abs(drawn[kind] - 20_000 * rate) < 5 * (20_000 * rate * (1 - rate)) ** 0.5


def test_a_numbered_fault_hits_its_request_and_no_other() -> None:
    plan = parse_faults("stall@3,500@5+")
    assert [plan.draw(number, 0.0) for number in range(1, 8)] == [
        None,
        None,
        "stall",
        None,
        "500",
        "500",
        "500",
    ]


def test_a_number_goes_before_a_rate() -> None:
    plan = parse_faults("500:1,reset@2")
    assert [plan.draw(number, 0.3) for number in (1, 2, 3)] == ["500", "reset", "500"]


def test_no_specification_is_no_fault() -> None:
    assert parse_faults("").draw(1, 0.0) is None


def test_every_kind_can_be_asked_for() -> None:
    for kind in FAULT_KINDS:
        assert parse_faults(f"{kind}@1").draw(1, 0.5) == kind


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("509:0.1", "'509:0.1' is not KIND:RATE, KIND@N or KIND@N+ with a KIND out of 500, 504"),
        ("500", "'500' is not KIND:RATE"),
        ("500:often", "the rate 'often' is not a number in [0, 1]"),
        ("500:1.2", "the rate 1.2 is not in [0, 1]"),
        ("500:nan", "the rate nan is not in [0, 1]"),
        ("500:-0.1", "the rate -0.1 is not in [0, 1]"),
        ("500@0", "'0' is not a request's number from 1"),
        ("500@x", "'x' is not a request's number from 1"),
        ("500@²", "'²' is not a request's number from 1"),
        ("500@", "'' is not a request's number from 1"),
        ("500:0.6,504:0.6", "the fault rates add up to 1.2"),
    ],
)
def test_a_bad_specification_is_named(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        parse_faults(text)
