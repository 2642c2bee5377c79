from __future__ import annotations

import pytest

from finauth_eval.metrics.counts import ScoreCounts
from finauth_eval.metrics.fixed_apcer import allowed_misses, bpcer_at_apcer


@pytest.mark.parametrize("limit", [0.0, 0.01, 0.05, 0.07, 0.1, 0.29, 0.57, 1 / 3, 0.999])
def test_allowed_misses_are_the_most_whose_share_keeps_the_limit(limit):
    for n in range(1, 400):
        assert allowed_misses(n, limit) == max(m for m in range(n + 1) if m / n <= limit)


@pytest.mark.parametrize("limit", [-0.1, 1, 5])
def test_a_limit_that_is_no_apcer_is_refused(limit):
    with pytest.raises(ValueError, match="expected an APCER"):
        bpcer_at_apcer(ScoreCounts.from_arrays([0.1, 0.2], [True, False]), limit)


def test_a_missing_class_leaves_it_undefined_with_a_reason():
    found = bpcer_at_apcer(ScoreCounts.from_arrays([0.1], [False]), 0.05)
    assert found.to_dict()["threshold"] is None
    assert found.pooled.reason == found.worst_type.reason == "no attack has a score"
