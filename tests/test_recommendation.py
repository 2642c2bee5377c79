from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest

from finauth_eval.errors import NothingToEvaluate
from finauth_eval.evaluation import evaluate
from finauth_eval.metrics.order_statistics import allowed_errors
from finauth_eval.recommendation import (
    AcceptReviewReject,
    BestFBeta,
    EqualError,
    MaxApcer,
    MaxBpcer,
    MinCost,
    Policy,
    Youden,
    plan_sample_size,
    recommend,
)
from finauth_eval.scores import ScoreTable

EVERY_POLICY = (
    MaxBpcer(0.05),
    MaxBpcer(0.001),
    MaxApcer(0.05),
    MaxApcer(0.05, pooled=True),
    MinCost(miss=20, alarm=1, prior=0.02),
    MinCost(miss=20, alarm=1, prior=0.02, subject_to=(MaxBpcer(0.05), MaxApcer(0.9))),
    MaxBpcer(0.3, subject_to=(MaxApcer(0.3),)),
    AcceptReviewReject(miss=20, alarm=1, prior=0.02, review=0.1),
    AcceptReviewReject(miss=20, alarm=1, prior=0.02, capacity=0.05),
    AcceptReviewReject(miss=0, alarm=1, prior=1, capacity=0),
    AcceptReviewReject(miss=1, alarm=1, prior=0.5, capacity=1, subject_to=(MaxBpcer(0.05), MaxApcer(0.05))),
    EqualError(),
    Youden(),
    BestFBeta(),
)


def table(bona_fide, attacks=None, **columns) -> ScoreTable:
    """From bona fide scores and, by type, attack scores."""
    groups = [
        (None, "bona_fide", bona_fide),
        *((name, "attack", own) for name, own in (attacks or {}).items()),
    ]
    data = pd.concat([
        pd.DataFrame({"label": label, "score": np.asarray(own, dtype=float), "attack_type": name})
        for name, label, own in groups if len(own)
    ], ignore_index=True)  # fmt: skip
    return ScoreTable.from_frame(data.assign(**columns))


def drawn(n=1_000, *, decimals=2, seed=0) -> ScoreTable:
    rng = np.random.default_rng(seed)

    def scores(mean, size):
        return np.round(np.clip(rng.normal(mean, 0.15, size), 0, 1), decimals)

    return table(scores(0.3, n), {"mask": scores(0.7, n // 2), "swap": scores(0.6, n // 2)})


@pytest.mark.parametrize(("target", "n"), [(0.05, 59), (0.01, 299), (0.001, 2995)])
def test_one_sample_fewer_than_the_least_is_infeasible_and_says_what_is_needed(target, n):
    scores = np.linspace(0.1, 0.5, n)
    enough = recommend(table(scores), [MaxBpcer(target)])["max_bpcer"]
    assert enough.feasible
    assert (enough.guarantee.m, enough.guarantee.n, dict(enough.needs)) == (0, n, {})
    few = recommend(table(scores[:-1]), [MaxBpcer(target)])["max_bpcer"]
    assert not few.feasible
    assert math.isnan(few.threshold)
    assert few.needs["bona_fide"].to_dict() == {"required": n, "has": n - 1}
    assert few.reason == f"needs {n} bona fide samples, has {n - 1}"
    assert (few.guarantee, few.in_sample) == (None, None)


@pytest.mark.parametrize("decimals", [1, 2, 4])
def test_the_bpcer_threshold_is_the_next_tick_above_the_order_statistic(decimals):
    scores = drawn(decimals=decimals)
    bona_fide = np.sort(scores.scores[~scores.is_attack])
    found = recommend(scores, [MaxBpcer(0.05)])
    m = allowed_errors(1_000, 0.05)
    boundary = bona_fide[1_000 - m - 1]
    assert found.score_decimals == decimals
    assert found["max_bpcer"].threshold == pytest.approx(boundary + 10.0**-decimals, abs=1e-12)
    assert found["max_bpcer"].threshold == round(found["max_bpcer"].threshold, decimals)
    assert found["max_bpcer"].in_sample.confusion.fp == (bona_fide > boundary).sum() <= m


def test_on_a_continuum_the_threshold_keeps_every_detection_of_the_order_statistic():
    scores = drawn(decimals=15)
    bona_fide, attacks = np.sort(scores.scores[~scores.is_attack]), scores.scores[scores.is_attack]
    point = recommend(scores, [MaxBpcer(0.01)])["max_bpcer"].in_sample
    boundary = bona_fide[1_000 - 4 - 1]
    assert (point.confusion.fp, point.confusion.tp) == (
        (bona_fide > boundary).sum(),
        (attacks > boundary).sum(),
    )


def test_scores_at_the_top_of_the_range_leave_no_threshold():
    scores = table([0.2] * 860 + [1.0] * 140, {"mask": [0.9] * 100})
    answer = recommend(scores, [MaxBpcer(0.05)])["max_bpcer"]
    assert not answer.feasible
    assert answer.reason == ("no threshold in [0, 1] keeps it: at 1.00, 14% of bona fide samples are blocked")
    assert not answer.needs


def test_the_apcer_threshold_is_the_lowest_of_the_types_order_statistics():
    scores = drawn()
    answer = recommend(scores, [MaxApcer(0.05)])["max_apcer"]
    m = allowed_errors(500, 0.05)
    kinds = scores.frame["attack_type"].to_numpy()
    ends = {name: np.sort(scores.scores[kinds == name])[m] for name in ("mask", "swap")}
    assert answer.threshold == min(ends.values()) == ends["swap"]
    assert (answer.guarantee.m, answer.guarantee.n) == (m, 500)
    assert "of type swap" in answer.reason
    for own in answer.in_sample.apcer_by_attack_type.values():
        assert own.value * 500 <= m
    pooled = recommend(scores, [MaxApcer(0.05, pooled=True)])["max_apcer"]
    assert pooled.threshold == np.sort(scores.scores[scores.is_attack])[allowed_errors(1_000, 0.05)]


def test_a_type_with_too_few_samples_is_named_and_left_out_only_on_request():
    scores = table([0.1] * 10, {"mask": np.linspace(0.5, 0.9, 100), "print": [0.05, 0.1, 0.2]})
    refused = recommend(scores, [MaxApcer(0.05)])["max_apcer"]
    assert not refused.feasible
    assert refused.reason == "needs 59 attacks of type print, has 3"
    assert {name: need.to_dict() for name, need in refused.needs.items()} == {
        "print": {"required": 59, "has": 3}
    }
    asked = recommend(scores, [MaxApcer(0.05, without_insufficient=True)])["max_apcer"]
    assert asked.feasible
    # the second lowest of the hundred, 0.5 + 0.4 / 99, cut to six decimals
    assert asked.threshold == 0.50404
    assert "of the types mask" in asked.guarantee.statement
    assert "No promise is made for print" in asked.notes[0]
    assert asked.needs["print"].has == 3


def test_several_types_with_too_few_samples_are_named_in_one_sentence():
    scores = table([0.1] * 10, {"mask": np.linspace(0.5, 0.9, 100), "print": [0.05] * 3, "swap": [0.6] * 40})
    refused = recommend(scores, [MaxApcer(0.05)])["max_apcer"]
    assert refused.reason == "needs 59 attacks of each type; print has 3, swap has 40"


@pytest.mark.parametrize(
    ("column", "apart"), [("subject", "different subjects"), ("camera", "different values of 'camera'")]
)
def test_types_with_too_few_clusters_say_what_must_differ(column, apart):
    attacks = {"print": [0.6] * 60, "swap": [0.7] * 80, "mask": [0.8] * 59}
    # 12 prints and 20 swaps of different clusters; every mask is of another one, and suffices
    of = [*range(12)] * 5 + [*range(20)] * 4 + [*range(59)]
    scores = table([], attacks, **{column: [f"c{i}" for i in of]})
    refused = recommend(scores, [MaxApcer(0.05)], cluster=column)["max_apcer"]
    assert refused.reason == f"needs 59 attacks of each type of {apart}; print has 12, swap has 20"
    del attacks["print"]
    alone = table([], attacks, **{column: [f"c{i}" for i in of[60:]]})
    one = recommend(alone, [MaxApcer(0.05)], cluster=column)["max_apcer"]
    assert one.reason == f"needs 59 attacks of type swap of {apart}, has 20"


def test_without_types_the_apcer_promise_is_for_all_attacks_together():
    scores = table([0.1], {None: [0.5] * 59})
    answer = recommend(scores, [MaxApcer(0.05)])["max_apcer"]
    assert answer.threshold == 0.5
    assert "No attack has a type" in answer.notes[0]
    few = recommend(table([0.1], {None: [0.5] * 58}), [MaxApcer(0.05)])["max_apcer"]
    assert few.reason == "needs 59 attack samples, has 58"


def test_the_least_cost_is_in_the_middle_of_the_widest_interval_on_the_grid():
    scores = table([0.1, 0.2, 0.3], {"mask": [0.3, 0.8, 0.9]})
    answer = recommend(scores, [MinCost(miss=1, alarm=10, prior=0.5)])["min_cost"]
    # (0.3, 0.8] misses one of three attacks and blocks nobody
    assert (answer.cost.alike_from, answer.cost.alike_to) == (0.3, 0.8)
    assert answer.threshold in (0.5, 0.6)
    assert answer.cost.per_decision == pytest.approx(0.5 / 3)
    assert answer.cost.normalised == pytest.approx(1 / 3)
    assert answer.cost.current_threshold == 0.5
    assert answer.cost.saved_per_10000 == pytest.approx(0)
    assert answer.guarantee is None


def test_of_two_optimal_intervals_the_wider_one_is_taken():
    # (0.1, 0.2] has one false alarm of two, (0.3, 0.8] misses one attack of two: the same cost
    scores = table([0.1, 0.3], {"mask": [0.2, 0.8]})
    answer = recommend(scores, [MinCost(miss=1, alarm=1, prior=0.5)])["min_cost"]
    assert (answer.cost.alike_from, answer.cost.alike_to) == (0.3, 0.8)


def test_the_value_of_a_cost_threshold_is_against_the_runs_own():
    scores = table([0.1, 0.2, 0.6, 0.3], {"mask": [0.7, 0.8]}, threshold=0.55)
    cost = recommend(scores, [MinCost(miss=10, alarm=1, prior=0.1)])["min_cost"].cost
    assert cost.current_threshold == 0.55
    assert cost.current_per_decision == pytest.approx(0.9 * 1 / 4)
    assert cost.saved_per_10000 == pytest.approx(2250)


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (MinCost(miss=0, alarm=0, prior=0.5), "every threshold costs nothing"),
        (MinCost(miss=5, alarm=0, prior=0), "every threshold costs nothing"),
        (
            MinCost(miss=1, alarm=1, prior=0),
            "block nobody, and no threshold in [0, 1] does that: at 1.00, 50%",
        ),
    ],
)
def test_a_cost_that_no_threshold_serves_is_answered_in_words(policy, words):
    answer = recommend(table([0.2, 1.0], {"mask": [0.4, 1.0]}), [policy])["min_cost"]
    assert not answer.feasible
    assert words in answer.reason


def test_costs_that_count_one_class_only_flag_all_or_nobody():
    scores = table([0.0, 0.2], {"mask": [0.0, 0.8]})
    everybody = recommend(scores, [MinCost(miss=1, alarm=0, prior=0.5)])["min_cost"]
    assert everybody.threshold == 0.0
    assert everybody.in_sample.apcer.value == 0
    nobody = recommend(scores, [MinCost(miss=0, alarm=1, prior=0.5)])["min_cost"]
    assert nobody.in_sample.bpcer.value == 0
    assert nobody.to_dict()["cost"]["normalised"] is None


def test_the_descriptive_ones_are_marked_and_promise_nothing():
    found = recommend(drawn(), [EqualError(), Youden()])
    for answer in found:
        assert answer.feasible
        assert answer.descriptive
        assert answer.guarantee is None
        assert answer.threshold == round(answer.threshold, 2)
    point = found["equal_error"].in_sample
    assert point.apcer.value == pytest.approx(point.bpcer.value, abs=0.03)
    youden = found["youden"].in_sample
    attacks, others = drawn().scores[drawn().is_attack], drawn().scores[~drawn().is_attack]
    rates = [(attacks < t).mean() + (others >= t).mean() for t in np.arange(101) / 100]
    assert youden.apcer.value + youden.bpcer.value == pytest.approx(min(rates))


def clustered(subjects: int, each: int, *, seed: int = 0) -> ScoreTable:
    rng = np.random.default_rng(seed)
    centres = np.repeat(rng.normal(0.4, 0.1, subjects), each)
    scores = np.round(np.clip(centres + rng.normal(0, 0.01, subjects * each), 0, 1), 3)
    return table(scores, {}, subject=np.repeat([f"s{i}" for i in range(subjects)], each))


def test_with_subjects_the_promise_counts_subjects():
    scores = clustered(15, 20)
    found = recommend(scores, [MaxBpcer(0.2), MaxBpcer(0.01)], seed=3)
    feasible, infeasible = found
    assert (feasible.guarantee.n, feasible.guarantee.m) == (15, 0)
    assert feasible.guarantee.method == "order-statistic-one-per-cluster"
    assert feasible.guarantee.statement.endswith(
        "these 15 subjects, one sample of each drawn at random, and subjects are independent."
    )
    assert feasible.threshold_interval[0] <= feasible.threshold_interval[1]
    assert sum("(naive)" in note for note in feasible.notes) == 1
    assert infeasible.needs["bona_fide"].to_dict() == {"required": 299, "has": 15}
    assert infeasible.reason == "needs 299 bona fide samples of different subjects, has 15"
    off = recommend(scores, [MaxBpcer(0.01)], cluster="none")["max_bpcer"]
    assert (off.feasible, off.guarantee.n) == (True, 300)
    assert "samples are independent" in off.guarantee.statement


def test_one_sample_a_subject_is_as_without_subjects():
    scores = clustered(100, 1)
    with_subjects, without = (
        recommend(scores, [MaxBpcer(0.05)], cluster=c)["max_bpcer"] for c in (None, "none")
    )
    assert with_subjects.to_dict() == without.to_dict()


def test_the_draw_of_one_sample_a_subject_is_seeded():
    scores = clustered(60, 5)
    found = [recommend(scores, [MaxBpcer(0.05)], seed=seed).to_dict() for seed in (1, 1, 2, 3, 4)]
    assert found[0] == found[1]
    assert any(found[0] != other for other in found[2:])


def test_a_split_column_chooses_on_calibration_and_measures_on_test():
    rng = np.random.default_rng(0)
    split = np.where(np.arange(400) % 2 == 0, "calibration", "test")
    scores = table(rng.random(200).round(2), {"mask": rng.random(200).round(2)}, split=split)
    answer = recommend(scores, [MaxBpcer(0.1)])["max_bpcer"]
    alone = ScoreTable.from_frame(scores.frame[scores.frame["split"] == "calibration"])
    assert answer.threshold == recommend(alone, [MaxBpcer(0.1)])["max_bpcer"].threshold
    assert answer.guarantee.n == answer.in_sample.bpcer.n == answer.out_of_sample.bpcer.n == 100
    test = ScoreTable.from_frame(scores.frame[scores.frame["split"] == "test"])
    blocked = (test.scores[~test.is_attack] >= answer.threshold).mean()
    assert answer.out_of_sample.bpcer.value == blocked


@pytest.mark.parametrize("subjects", [None, 40])
def test_a_holdout_keeps_whole_subjects_away_from_choosing(subjects):
    rng = np.random.default_rng(0)
    columns = {} if subjects is None else {"subject": [f"s{i % subjects}" for i in range(800)]}
    scores = table(rng.random(400).round(3), {"mask": rng.random(400).round(3)}, **columns)
    answer = recommend(scores, [MaxBpcer(0.2)], holdout=0.25, seed=5)["max_bpcer"]
    assert answer.in_sample.bpcer.n + answer.out_of_sample.bpcer.n == 400
    assert answer.out_of_sample.bpcer.n == 100
    assert answer.out_of_sample.apcer.n == 100
    assert answer.guarantee.n == (300 if subjects is None else 30)


def odd_tables():
    yield "bona fide only", table(np.linspace(0, 1, 100))
    yield "attacks only", table([], {"mask": np.linspace(0, 1, 100)})
    yield "one of each", table([0.1], {"mask": [0.9]})
    yield "equal scores", table([0.5] * 100, {"mask": [0.5] * 100})
    yield "all zero", table([0.0] * 100, {"mask": [0.0] * 100})
    yield "all one", table([1.0] * 100, {"mask": [1.0] * 100})
    yield "some at one", table([0.5] * 86 + [1.0] * 14, {"mask": [0.7] * 60, "swap": [0.2] * 3})
    data = drawn().frame[["label", "score", "attack_type"]].assign(score=lambda own: own["score"] * 9 - 4)
    yield "any range", ScoreTable.from_frame(data, score_range="any")


@pytest.mark.parametrize("scores", [pytest.param(own, id=name) for name, own in odd_tables()])
@pytest.mark.parametrize("holdout", [None, 0.5])
def test_every_case_is_answered_in_words_and_plain_json(scores, holdout):
    found = recommend(scores, EVERY_POLICY, holdout=holdout)
    assert [answer.policy for answer in found] == [*EVERY_POLICY]
    for answer in found:
        assert answer.reason
        assert answer.feasible == (not math.isnan(answer.threshold)) == (answer.in_sample is not None)
        if answer.feasible and scores.scores.max() <= 1:
            assert 0 <= answer.threshold <= 1
    plain = found.to_dict()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["schema"] == "finauth-eval/recommendation/1"
    for entry in plain["recommendations"]:
        assert {*entry} >= {
            "policy", "feasible", "threshold", "threshold_interval", "guarantee", "in_sample", "out_of_sample",
            "reason", "needs",
        }  # fmt: skip
    assert len(found.frame()) == len(EVERY_POLICY)


def test_answers_are_found_by_name_or_the_name_is_refused():
    found = recommend(drawn(), EVERY_POLICY)
    assert found["max_bpcer"].policy == MaxBpcer(0.05)
    assert len(found) == len(EVERY_POLICY)
    with pytest.raises(KeyError, match="no recommendation for 'nothing'"):
        found["nothing"]
    frame = found.frame()
    assert frame["policy"].tolist() == [policy.name for policy in EVERY_POLICY]
    assert frame["goal"].str.len().gt(10).all()


def test_a_table_without_scores_is_nothing_to_evaluate():
    with pytest.raises(NothingToEvaluate, match="no threshold can be chosen"):
        recommend(table([np.nan], {"mask": [np.nan]}), [MaxBpcer(0.05)])


@pytest.mark.parametrize(
    "call",
    [
        lambda: MaxBpcer(1),
        lambda: MaxBpcer(0),
        lambda: MaxApcer(5),
        lambda: MinCost(miss=-1, alarm=1, prior=0.1),
        lambda: MinCost(miss=math.nan, alarm=1, prior=0.1),
        lambda: MinCost(miss=1, alarm=1, prior=1.5),
        lambda: MinCost(miss=1, alarm=1, prior=0.5, subject_to=(Youden(),)),
        lambda: MaxBpcer(0.05, subject_to=(MaxApcer(0.1, subject_to=(MaxBpcer(0.1),)),)),
        lambda: MaxBpcer(0.05, confidence=1),
        lambda: AcceptReviewReject(miss=1, alarm=1, prior=0.5),
        lambda: AcceptReviewReject(miss=1, alarm=1, prior=0.5, review=1, capacity=0.1),
        lambda: AcceptReviewReject(miss=1, alarm=1, prior=0.5, capacity=1.1),
        lambda: AcceptReviewReject(miss=1, alarm=1, prior=0.5, review=-1),
        lambda: BestFBeta(0),
        lambda: BestFBeta(1, prior=1),
        lambda: recommend(drawn(), [MaxBpcer(0.05)], by="region!"),
        lambda: recommend(drawn(), [MaxBpcer(0.05)], holdout=1),
        lambda: recommend(drawn(), [MaxBpcer(0.05)], confidence=95),
        lambda: recommend(drawn(), [MaxBpcer(0.05)], cluster="person"),
        lambda: recommend(drawn(), []),
        lambda: recommend(drawn(), [Policy()]),
        lambda: plan_sample_size(MaxBpcer(0.05), sizes=[0]),
    ],
)
def test_requests_that_make_no_sense_are_refused(call):
    with pytest.raises(ValueError, match=r"expected|no column|no policy|not a policy"):
        call()


def test_a_plan_says_how_many_samples_a_promise_needs():
    plan = plan_sample_size(MaxBpcer(0.01)).to_dict()
    assert plan["schema"] == "finauth-eval/plan/1"
    assert plan["target"] == {"name": "max_bpcer", "target": 0.01, "confidence": 0.95}
    assert plan["minimum"] == {"bona_fide": 299}
    assert plan["rows"][0]["n"] == 299
    assert plan["rows"][0]["power"] == pytest.approx((1 - 0.005) ** 299)
    assert [row["m"] for row in plan["rows"]] == [0, 1, 2, 3, 5, 10, 20]
    powers = [row["power"] for row in plan["rows"]]
    assert powers == sorted(powers)
    few = plan_sample_size(MaxApcer(0.05), sizes=[58, 59])
    assert few.to_dict()["minimum"] == {"attack_type": 59}
    assert [(row.n, row.m) for row in few.rows] == [(58, None), (59, 0)]
    assert few.rows[0].power == 0


@pytest.mark.parametrize("cluster", [None, "none"])
def test_the_rates_of_a_recommendation_are_those_that_evaluate_gives_at_its_threshold(cluster):
    rng = np.random.default_rng(11)
    subject = np.repeat(np.arange(30), 6)
    attack = np.tile([False, False, False, True, True, True], 30)
    score = np.clip(rng.normal(0.4 + 0.2 * attack + 0.15 * rng.normal(size=30)[subject], 0.1), 0, 1).round(3)
    frame = pd.DataFrame(
        {"label": np.where(attack, "fake", "real"), "score": score, "subject": subject.astype(str)}
    )
    table = ScoreTable.from_frame(frame)
    (answer,) = recommend(table, [MaxBpcer(0.2)], cluster=cluster)
    point = evaluate(table, thresholds=[answer.threshold], cluster=cluster, bootstrap=0).operating_points[1]
    assert answer.in_sample is not None
    assert (answer.in_sample.bpcer, answer.in_sample.apcer) == (point.bpcer, point.apcer)
    assert ("korn-graubard" in point.apcer.method) == (cluster is None)
