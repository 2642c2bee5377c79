"""A change with its test, and Holm's adjustment against statsmodels."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from finauth_eval.metrics.change import Change, holm
from finauth_eval.metrics.estimate import Estimate


@pytest.mark.parametrize("n", [1, 2, 7, 40])
@pytest.mark.parametrize("digits", [1, 9])
def test_holm_is_that_of_statsmodels(n, digits):
    values = np.round(np.random.default_rng(n).random(n) ** 4, digits)
    found = holm({f"test {i}": own for i, own in enumerate(values)})
    assert list(found) == [f"test {i}" for i in range(n)]
    assert list(found.values()) == pytest.approx(list(multipletests(values, method="holm")[1]), abs=1e-15)


@given(st.lists(st.one_of(st.just(math.nan), st.floats(0, 1)), max_size=15))
def test_what_is_not_known_is_not_counted_and_stays_unknown(values):
    found = holm({str(i): own for i, own in enumerate(values)})
    known = [own for own in values if not math.isnan(own)]
    alone = holm({str(i): own for i, own in enumerate(values) if not math.isnan(own)})
    assert {name: own for name, own in found.items() if not math.isnan(own)} == alone
    assert sum(map(math.isnan, found.values())) == len(values) - len(known)
    assert list(found) == [str(i) for i in range(len(values))]


def test_holm_steps_down_from_the_smallest_and_never_falls():
    assert holm({"a": 0.04, "b": 0.01, "c": 0.03}) == pytest.approx({"a": 0.06, "b": 0.03, "c": 0.06})
    assert holm({"a": 0.4, "b": 0.4, "c": 0.02}) == pytest.approx({"a": 0.8, "b": 0.8, "c": 0.06})
    assert holm({"a": 0.6, "b": 0.9}) == {"a": 1.0, "b": 1.0}
    assert holm({}) == {}


def test_one_test_alone_keeps_its_p_value():
    assert holm({"a": 0.037, "b": math.nan}) == pytest.approx({"a": 0.037, "b": math.nan}, nan_ok=True)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_adjusted_p_values_are_those_of_the_closed_test_with_bonferroni(values):
    # a hypothesis is rejected when every intersection that it is part of is, each by Bonferroni
    found = holm({str(i): own for i, own in enumerate(values)})
    for i in range(len(values)):
        sets = [
            own
            for size in range(1, len(values) + 1)
            for own in itertools.combinations(range(len(values)), size)
            if i in own
        ]
        closed = max(min(1.0, len(own) * min(values[j] for j in own)) for own in sets)
        assert found[str(i)] == pytest.approx(closed, abs=1e-12)


def test_the_callers_p_values_are_not_changed():
    own = {"a": 0.01, "b": 0.02}
    holm(own)
    assert own == {"a": 0.01, "b": 0.02}


@pytest.mark.parametrize(("z", "plain"), [(1.5, 1.5), (math.nan, None), (math.inf, None), (-math.inf, None)])
def test_a_change_becomes_plain_values_beside_those_of_its_difference(z, plain):
    difference = Estimate(value=0.02, low=-0.01, high=0.05, confidence=0.95, n=100, method="tango")
    change = Change(
        difference=difference, p_value=0.2, p_increase=0.1, p_decrease=0.9, z=z, test="mcnemar-mid-p"
    )
    found = json.loads(json.dumps(change.to_dict(), allow_nan=False))
    assert found == {
        "value": 0.02, "low": -0.01, "high": 0.05, "confidence": 0.95, "n": 100, "method": "tango",
        "p_value": 0.2, "z": plain, "test": "mcnemar-mid-p",
    }  # fmt: skip


def test_an_undefined_change_says_why():
    nan = math.nan
    nothing = Estimate.undefined("no attack has a score in both", confidence=0.9, method="tango")
    change = Change(difference=nothing, p_value=nan, p_increase=nan, p_decrease=nan, test="mcnemar-mid-p")
    found = json.loads(json.dumps(change.to_dict(), allow_nan=False))
    assert (found["value"], found["p_value"], found["reason"]) == (
        None,
        None,
        "no attack has a score in both",
    )
    assert np.isnan(change.z)
