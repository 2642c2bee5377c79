"""Thresholds chosen on scores that know nothing: they look good where they were chosen, and must not elsewhere."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from finauth_eval.recommendation import AcceptReviewReject, MinCost, Youden, recommend
from finauth_eval.scores import ScoreTable


def test_pure_noise_shows_no_advantage_under_cross_fitting():
    """On scores that know nothing each chosen threshold looks good where it was chosen, and must not elsewhere."""
    policies = [
        MinCost(miss=1, alarm=1, prior=0.5),
        Youden(),
        AcceptReviewReject(miss=1, alarm=1, prior=0.5, capacity=0),
    ]
    seen, unseen, priced = [], [], []
    for seed in range(250):
        rng = np.random.default_rng(seed)
        frame = pd.DataFrame({"label": ["real", "fake"] * 30, "score": rng.random(60)})
        for answer in recommend(ScoreTable.from_frame(frame), policies, seed=seed):
            if answer.feasible and answer.out_of_sample is not None:
                seen.append((answer.in_sample.apcer.value + answer.in_sample.bpcer.value) / 2)
                unseen.append((answer.out_of_sample.apcer.value + answer.out_of_sample.bpcer.value) / 2)
                if answer.cost is not None:
                    priced.append(answer.cost.out_of_sample_per_decision)
    assert len(unseen) > 700
    assert np.mean(seen) < 0.45
    # 250 independent tables: three standard errors of their mean, on the safe side of the three policies each
    assert np.mean(unseen) > 0.5 - 3 * np.std(unseen) / np.sqrt(250)
    assert np.mean(priced) == pytest.approx(np.mean(unseen), abs=0.01)


def test_noise_shows_no_advantage_out_of_sample():
    """The least cost on noise looks better than flagging nobody; on unseen samples it must not."""
    seen, unseen = [], []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        frame = pd.DataFrame({"label": ["real"] * 40 + ["fake"] * 40, "score": rng.random(80)})
        scores = ScoreTable.from_frame(frame)
        answer = recommend(scores, [MinCost(miss=1, alarm=1, prior=0.5)], holdout=0.5, seed=seed)["min_cost"]
        for point, into in ((answer.in_sample, seen), (answer.out_of_sample, unseen)):
            into.append(point.apcer.value / 2 + point.bpcer.value / 2)
    assert np.mean(seen) < 0.45
    assert np.mean(unseen) == pytest.approx(0.5, abs=3 * np.std(unseen) / np.sqrt(200))
