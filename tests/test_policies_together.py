"""Constraints, review bands, segments and cross-fitting: what a recommendation makes of policies together."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from finauth_eval.metrics.order_statistics import allowed_errors, minimum_n
from finauth_eval.recommendation import (
    AcceptReviewReject,
    BestFBeta,
    EqualError,
    MaxApcer,
    MaxBpcer,
    MinCost,
    Youden,
    plan_sample_size,
    recommend,
)
from finauth_eval.scores import ScoreTable

LEAST = {"miss": 20, "alarm": 1, "prior": 0.02}


def drawn(n: int = 800, *, seed: int = 0, decimals: int = 3, **columns) -> ScoreTable:
    rng = np.random.default_rng(seed)
    attack = rng.random(n) < 0.5
    return ScoreTable.from_frame(pd.DataFrame({
        "label": np.where(attack, "attack", "bona_fide"),
        "score": np.round(rng.beta(2 + 2.2 * attack, 4.2 - 2.2 * attack), decimals),
        "attack_type": np.where(attack, rng.choice(["mask", "swap"], n), None),
        **columns,
    }))  # fmt: skip


def rates(table: ScoreTable, threshold: float) -> tuple[float, float]:
    """APCER and BPCER, sample by sample."""
    blocked = table.scores >= threshold
    return float(np.mean(~blocked[table.is_attack])), float(np.mean(blocked[~table.is_attack]))


# --- constraints


def test_the_least_cost_under_promises_is_the_least_of_the_thresholds_that_keep_them():
    table = drawn()
    promise, other = MaxBpcer(0.05), MaxApcer(0.8)
    found = recommend(table, [promise, other, MinCost(**LEAST, subject_to=(promise, other))])
    low, high = found["max_bpcer"].threshold, found["max_apcer"].threshold
    answer = found["min_cost"]
    ticks = np.arange(round(1000 * low), round(1000 * high) + 1) / 1000
    costs = [0.4 * apcer + 0.98 * bpcer for apcer, bpcer in (rates(table, t) for t in ticks)]
    assert low <= answer.threshold <= high
    assert answer.cost.per_decision == pytest.approx(min(costs), abs=1e-12)
    assert [kept.policy for kept in answer.kept] == [promise, other]
    assert [kept.threshold for kept in answer.kept] == [low, high]
    assert answer.guarantee == found["max_bpcer"].guarantee
    plain = answer.to_dict()
    assert [each["policy"]["name"] for each in plain["constraints"]] == ["max_bpcer", "max_apcer"]
    assert plain["policy"]["subject_to"] == [{"name": "max_bpcer", "target": 0.05}, other.to_dict()]


def test_promises_that_no_threshold_keeps_together_are_told_so():
    strict = (MaxBpcer(0.05), MaxApcer(0.05))
    answers = recommend(
        drawn(), [MinCost(**LEAST, subject_to=strict), MaxBpcer(0.05, subject_to=(MaxApcer(0.05),))]
    )
    for answer in answers:
        assert not answer.feasible
        assert answer.reason.startswith(
            "no threshold keeps every promise: that on bona fide samples needs at least"
        )
    lacking = recommend(drawn(), [MinCost(**LEAST, subject_to=(MaxBpcer(0.001),))])["min_cost"]
    n = int((~drawn().is_attack).sum())
    assert lacking.reason == (
        f"to block at most 0.1% of bona fide samples: needs 2995 bona fide samples, has {n}"
    )
    assert lacking.needs["bona_fide"].required == 2995


def test_a_promise_under_another_keeps_both_and_moves_no_further():
    table = drawn()
    both = recommend(table, [MaxBpcer(0.5, subject_to=(MaxApcer(0.5),)), MaxBpcer(0.5), MaxApcer(0.5)])
    first, bpcer, apcer = both
    assert bpcer.threshold == first.threshold < apcer.threshold
    assert first.kept[0].threshold == apcer.threshold
    other = recommend(table, [MaxApcer(0.5, subject_to=(MaxBpcer(0.5),))])["max_apcer"]
    assert other.threshold == apcer.threshold


def test_a_policys_own_confidence_goes_before_that_of_the_call():
    table = drawn()
    sure, asked = recommend(table, [MaxBpcer(0.05, confidence=0.999), MaxBpcer(0.05)], confidence=0.8)
    n = int((~table.is_attack).sum())
    assert (sure.guarantee.confidence, sure.guarantee.m) == (
        pytest.approx(0.999), allowed_errors(n, 0.05, confidence=0.999),
    )  # fmt: skip
    assert asked.guarantee.m == allowed_errors(n, 0.05, confidence=0.8)
    assert sure.threshold > asked.threshold


# --- accept, review, reject


@pytest.mark.parametrize("terms", [{"capacity": 0.1}, {"review": 0.3}, {"capacity": 0.0}, {"capacity": 1.0}])
def test_a_review_band_is_the_best_pair_and_its_rates_are_those_of_right_reviews(terms):
    table = drawn(400, decimals=2)
    answer = recommend(table, [AcceptReviewReject(**LEAST, **terms)])["accept_review_reject"]
    first, second = answer.review_from, answer.threshold
    scores, attack = table.scores, table.is_attack
    reviewed = (scores >= first) & (scores < second)
    share = 0.02 * reviewed[attack].mean() + 0.98 * reviewed[~attack].mean()
    assert answer.review_share == pytest.approx(share)
    assert share <= terms.get("capacity", 1) + 1e-12
    assert answer.in_sample.apcer.value == pytest.approx(np.mean(scores[attack] < first))
    assert answer.in_sample.bpcer.value == pytest.approx(np.mean(scores[~attack] >= second))
    cost = 0.4 * answer.in_sample.apcer.value + 0.98 * answer.in_sample.bpcer.value
    assert answer.cost.per_decision == pytest.approx(cost + terms.get("review", 0) * share)
    plain = answer.to_dict()
    assert plain["review_band"] == [first, second]
    assert plain["review_share"] == answer.review_share
    if terms.get("capacity") == 0:
        assert first == second
        # without reviews it is the least cost of one threshold
        one = recommend(table, [MinCost(**LEAST)])["min_cost"]
        assert answer.cost.per_decision == pytest.approx(one.cost.per_decision)
    if terms.get("capacity") == 1:
        assert answer.cost.per_decision == pytest.approx(0)


def test_a_review_band_keeps_promises_that_one_threshold_cannot():
    table = drawn()
    strict = (MaxBpcer(0.05), MaxApcer(0.05))
    answer = recommend(table, [AcceptReviewReject(**LEAST, capacity=0.9, subject_to=strict)])
    band = answer["accept_review_reject"]
    alone = recommend(table, strict)
    assert band.review_from <= alone["max_apcer"].threshold < alone["max_bpcer"].threshold <= band.threshold
    too_few = recommend(table, [AcceptReviewReject(**LEAST, capacity=0.01, subject_to=strict)])
    assert "the reviews that may be made do not suffice" in too_few["accept_review_reject"].reason


# --- what was not seen


def test_cross_fitted_figures_are_those_of_choosing_without_each_part(monkeypatch):
    from finauth_eval.choosing import unseen

    table = drawn(300)
    parts = []
    plainly = unseen.fold_parts
    monkeypatch.setattr(
        unseen,
        "fold_parts",
        lambda samples, *args, **kwargs: (
            parts.append((samples.arrays, plainly(samples, *args, **kwargs))) or parts[-1][1]
        ),
    )
    answer = recommend(table, [MaxBpcer(0.2)])["max_bpcer"]
    [(rows, folds)] = parts
    kinds = np.array([*rows.types, None], dtype=object)[rows.type_codes]
    assert np.array_equal(sum(folds), rows.weights)
    blocked = np.zeros(rows.scores.size, dtype=int)
    for own in folds:
        rest = pd.DataFrame({
            "label": np.where(rows.is_attack, "attack", "bona_fide"), "score": rows.scores, "attack_type": kinds,
        }).iloc[np.repeat(np.arange(rows.scores.size), rows.weights - own)]  # fmt: skip
        threshold = recommend(ScoreTable.from_frame(rest), [MaxBpcer(0.2)], cross_fit=False)[
            "max_bpcer"
        ].threshold
        blocked += np.where(rows.scores >= threshold, own, 0)
    passed = rows.weights - blocked
    assert answer.unseen_by == "cross-fit"
    assert answer.out_of_sample.bpcer.value == blocked[~rows.is_attack].sum() / (~table.is_attack).sum()
    assert answer.out_of_sample.apcer.value == passed[rows.is_attack].sum() / table.is_attack.sum()
    for name, own in answer.out_of_sample.apcer_by_attack_type.items():
        assert own.value == passed[kinds == name].sum() / (table.frame["attack_type"] == name).sum()
    assert answer.optimism["bpcer"] == answer.out_of_sample.bpcer.value - answer.in_sample.bpcer.value
    # every part has as many of each class and type as the others, but for one
    for own in (~rows.is_attack, kinds == "mask", kinds == "swap"):
        counted = [part[own].sum() for part in folds]
        assert max(counted) - min(counted) <= 1


def test_subjects_stay_together_in_a_fold(monkeypatch):
    from finauth_eval.choosing import unseen

    parts = []
    plainly = unseen.fold_parts
    monkeypatch.setattr(
        unseen, "fold_parts", lambda *args, **kwargs: parts.append(plainly(*args, **kwargs)) or parts[-1]
    )
    subject = np.arange(800) // 8
    recommend(drawn(subject=subject), [MaxBpcer(0.3)])
    for folds in parts:
        fold = np.argmax(folds, axis=0)
        assert np.array_equal(sum(own.astype(int) for own in folds), np.ones(800))
        assert len({*zip(subject.tolist(), fold.tolist(), strict=True)}) == 100


def test_what_is_too_little_to_leave_any_out_says_so():
    n = minimum_n(0.05)
    table = ScoreTable.from_frame(
        pd.DataFrame({"label": ["real"] * n + ["fake"] * 20, "score": np.linspace(0.1, 0.9, n + 20)})
    )
    answer = recommend(table, [MaxBpcer(0.05)])["max_bpcer"]
    assert answer.feasible
    assert (answer.out_of_sample, answer.unseen_by) == (None, None)
    assert any("nothing is out of sample" in note for note in answer.notes)
    assert answer.to_dict()["optimism"] == {"apcer": None, "bpcer": None}
    # with a few more, twentieths can be left out although fifths can't
    more = pd.DataFrame({"label": ["real"] * 64 + ["fake"] * 20, "score": np.linspace(0.1, 0.9, 84)})
    answer = recommend(ScoreTable.from_frame(more), [MaxBpcer(0.05)])["max_bpcer"]
    assert any("20 times chosen on the rest" in note for note in answer.notes)


# --- how far a threshold moves


@pytest.mark.parametrize("policy", [MinCost(**LEAST), Youden(), BestFBeta(), EqualError()])
def test_a_thresholds_interval_holds_the_threshold_of_the_whole_distribution(policy):
    truth = recommend(drawn(400_000, seed=1), [policy], cross_fit=False).items[0].threshold
    found = [recommend(drawn(2_000, seed=seed), [policy], cross_fit=False).items[0] for seed in range(2, 42)]
    covered = [item.threshold_interval[0] <= truth <= item.threshold_interval[1] for item in found]
    # forty tables: 95% of them less three standard errors; the percentile bootstrap is no better than that
    assert np.mean(covered) >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / 40)
    widths = [item.threshold_interval[1] - item.threshold_interval[0] for item in found]
    assert np.mean(widths) == pytest.approx(3.92 * np.std([item.threshold for item in found]), rel=0.4)


def test_many_distinct_scores_give_the_interval_of_few():
    rng = np.random.default_rng(3)
    attack = rng.random(20_000) < 0.5
    scores = rng.beta(2 + 2.2 * attack, 4.2 - 2.2 * attack)
    found = []
    for own in (scores, np.round(scores, 3)):
        frame = pd.DataFrame({"label": np.where(attack, "fake", "real"), "score": own})
        found.append(recommend(ScoreTable.from_frame(frame), [MinCost(**LEAST)], cross_fit=False))
    (low, high), (coarse_low, coarse_high) = (each["min_cost"].threshold_interval for each in found)
    assert (low, high) == (pytest.approx(coarse_low, abs=0.02), pytest.approx(coarse_high, abs=0.02))


# --- segments


def test_each_segment_has_its_own_threshold_beside_that_of_all():
    region = np.resize(["sgp", "idn", "idn"], 800)
    table = drawn(region=region)
    found = recommend(table, [MaxBpcer(0.05), Youden()], by="region")
    assert [*found.segments] == ["idn", "sgp"]
    for value in ("idn", "sgp"):
        alone = recommend(ScoreTable.from_frame(table.frame[region == value]), [MaxBpcer(0.05), Youden()])
        assert [item.threshold for item in found.segment(value)] == [item.threshold for item in alone]
        assert found.segment(value)["max_bpcer"].guarantee == alone["max_bpcer"].guarantee
    pooled = recommend(table, [MaxBpcer(0.05), Youden()])
    assert [item.threshold for item in found] == [item.threshold for item in pooled]
    plain = found.to_dict()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert (plain["by"], plain["joint"]) == ("region", False)
    assert [*plain["recommendations"]] == ["idn", "sgp"]
    assert plain["pooled"] == pooled.to_dict()["recommendations"]
    apart = [recommend(table, [MaxBpcer(0.05)], by=by, holdout=0.3) for by in ("region", None)]
    assert apart[0].to_dict()["pooled"] == apart[1].to_dict()["recommendations"]
    frame = found.frame()
    assert frame["segment"].isna().sum() == 2
    assert frame["segment"].dropna().tolist() == ["idn", "idn", "sgp", "sgp"]
    assert found.segment("sgp").within == ("region", "sgp")
    assert found.segment("sgp").sizes["bona_fide"] == found.segment("sgp")["max_bpcer"].guarantee.n
    with pytest.raises(KeyError, match="no segment 'usa'; the segments are: idn, sgp"):
        found.segment("usa")


def test_a_joint_promise_shares_the_risk_and_refuses_where_samples_are_few():
    # 100 and 59 bona fide samples: each suffices for 5% by itself, the second not for both at once
    frame = pd.DataFrame({
        "label": "real", "score": np.linspace(0.1, 0.6, 159), "region": ["a"] * 100 + ["b"] * 59,
    })  # fmt: skip
    table = ScoreTable.from_frame(frame)
    each = recommend(table, [MaxBpcer(0.05)], by="region")
    assert all(each.segment(value)["max_bpcer"].feasible for value in "ab")
    joint = recommend(table, [MaxBpcer(0.05)], by="region", joint=True)
    assert joint.segment("a")["max_bpcer"].guarantee.confidence == pytest.approx(0.975)
    needed = math.ceil(math.log(0.025) / math.log(0.95))
    assert joint.segment("b")["max_bpcer"].reason == f"needs {needed} bona fide samples, has 59"
    assert joint["max_bpcer"].guarantee.confidence == pytest.approx(0.95)


def test_a_stricter_promise_is_never_laxer_under_one_draw_a_subject():
    table = drawn(2_000, subject=np.arange(2_000) // 5)
    targets = (0.02, 0.05, 0.1, 0.2, 0.4)
    thresholds = [item.threshold for item in recommend(table, [*map(MaxBpcer, targets)], cross_fit=False)]
    assert thresholds == sorted(thresholds, reverse=True)
    # and adding a goal changes no other
    alone = recommend(table, [MaxBpcer(0.1)], cross_fit=False)["max_bpcer"]
    assert alone.threshold == thresholds[2]


# --- notes, planning, notebooks


def test_the_next_step_is_explained_with_what_it_would_do():
    table = drawn(decimals=2)
    answer = recommend(table, [MaxBpcer(0.05)])["max_bpcer"]
    below = round(answer.threshold - 0.01, 2)
    more = int(np.sum(~table.is_attack & (table.scores >= below) & (table.scores < answer.threshold)))
    assert any(f"at {below:g} {more} more of these samples would be blocked" in note for note in answer.notes)
    apcer = recommend(table, [MaxApcer(0.1)])["max_apcer"]
    above = round(apcer.threshold + 0.01, 2)
    more = int(np.sum(table.is_attack & (table.scores >= apcer.threshold) & (table.scores < above)))
    assert any(f"at {above:g} {more} more of these samples would pass" in note for note in apcer.notes)
    continuous = recommend(drawn(decimals=15), [MaxBpcer(0.05)])["max_bpcer"]
    assert not any("set in steps" in note for note in continuous.notes)


def test_under_clusters_the_naive_threshold_of_attacks_is_named_too():
    table = drawn(1_600, subject=np.arange(1_600) // 8)
    answer = recommend(table, [MaxApcer(0.3)])["max_apcer"]
    naive = recommend(table, [MaxApcer(0.3)], cluster="none")["max_apcer"]
    assert any(f"(naive) would give {naive.threshold:g}" in note for note in answer.notes)
    assert any("100 further draws" in note for note in answer.notes)


@pytest.mark.parametrize(("n", "rate"), [(10, 0.3), (299, 0.005), (2_000, 0.05)])
def test_the_expected_width_is_the_mean_of_simulated_widths(n, rate):
    row = plan_sample_size(MaxBpcer(2 * rate), sizes=[n]).rows[0]
    events = np.random.default_rng(n).binomial(n, rate, 4_000)
    limits = {k: stats.binomtest(k, n).proportion_ci(method="exact") for k in np.unique(events).tolist()}
    widths = np.array([limits[k].high - limits[k].low for k in events.tolist()])
    assert row.interval_width == pytest.approx(widths.mean(), abs=4 * widths.std() / np.sqrt(4_000))


def test_a_notebook_shows_thresholds_promises_and_reasons():
    region = np.resize(["sgp", "<b>idn"], 800)
    found = recommend(
        drawn(region=region),
        [MaxBpcer(0.05), MaxBpcer(0.001), AcceptReviewReject(**LEAST, capacity=0.1)],
        by="region",
    )
    page = found._repr_html_()
    assert len(page.encode()) <= 60_000
    for words in (
        "With 95% confidence at most 5%",
        "needs 2995 bona fide samples",
        "review from",
        "region: sgp",
        "&lt;b&gt;idn",
    ):
        assert words in page
    assert "<b>" not in page


# --- what a review of this found


def test_a_type_that_is_only_measured_is_not_promised_for():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({
        "label": ["real"] * 300 + ["fake"] * 303,
        "score": np.r_[rng.random(300) * 0.5, rng.random(300) * 0.5 + 0.5, [0.01, 0.02, 0.03]].round(3),
        "attack_type": [None] * 300 + ["swap"] * 300 + ["mask"] * 3,
        "split": ["calibration"] * 150 + ["test"] * 150 + ["calibration"] * 200 + ["test"] * 103,
    })  # fmt: skip
    answer = recommend(ScoreTable.from_frame(frame), [MaxApcer(0.2)])["max_apcer"]
    assert answer.reason == "needs 14 attacks of type mask, has 0"
    asked = recommend(ScoreTable.from_frame(frame), [MaxApcer(0.2, without_insufficient=True)])["max_apcer"]
    assert "No promise is made for mask" in " ".join(asked.notes)
    assert "of the types swap pass" in asked.guarantee.statement
    # a hold-out leaves at least one of each kind to choose on
    held = recommend(ScoreTable.from_frame(frame.drop(columns="split")), [MaxApcer(0.2)], holdout=0.9)[
        "max_apcer"
    ]
    assert held.needs["mask"].has == 1


def test_a_blank_subject_among_filled_ones_is_said_with_the_promise():
    subject = [f"s{i // 10}" for i in range(799)] + [None]
    answer = recommend(drawn(subject=subject), [MaxBpcer(0.2)])["max_bpcer"]
    assert any("1 scored samples have no subject while others have one" in note for note in answer.notes)
    told = recommend(drawn(subject=subject), [MaxBpcer(0.2)], cluster="none")["max_bpcer"]
    assert not any("no subject" in note for note in told.notes)


def test_subjects_in_both_splits_are_said():
    subject = [f"s{i % 100}" for i in range(800)]
    split = ["calibration"] * 400 + ["test"] * 400
    answer = recommend(drawn(subject=subject, split=split), [MaxBpcer(0.3)])["max_bpcer"]
    assert any("100 subjects are in both calibration and test" in note for note in answer.notes)
    apart = [f"s{i // 8}" for i in range(800)]
    answer = recommend(drawn(subject=apart, split=split), [MaxBpcer(0.3)])["max_bpcer"]
    assert not any("in both" in note for note in answer.notes)


def test_the_range_is_the_tables_and_not_that_of_a_part():
    # the scores of a lie in [0, 1] by chance, some at 1; b's show that thresholds may be higher
    frame = pd.DataFrame({
        "label": ["real"] * 200,
        "score": [0.5] * 86 + [1.0] * 14 + list(np.linspace(-10, 10, 100).round(1)),
        "region": ["a"] * 100 + ["b"] * 100,
    })  # fmt: skip
    found = recommend(ScoreTable.from_frame(frame, score_range="any"), [MaxBpcer(0.05)], by="region")
    assert found.segment("a")["max_bpcer"].threshold > 1
    assert found.score_range == (-math.inf, math.inf)


def test_the_reviewed_share_is_shown_on_unseen_samples_and_not_promised():
    answer = recommend(drawn(), [AcceptReviewReject(**LEAST, capacity=0.05)])["accept_review_reject"]
    assert 0 < answer.review_share_unseen < 0.2
    assert answer.to_dict()["review_share_out_of_sample"] == answer.review_share_unseen
    assert any("The capacity is met on these samples" in note for note in answer.notes)


def test_a_constraint_that_decides_brings_its_own_reason_and_interval():
    table = drawn()
    alone = recommend(table, [MaxBpcer(0.05)])["max_bpcer"]
    moved = recommend(table, [MaxBpcer(0.4, subject_to=(MaxBpcer(0.05),))])["max_bpcer"]
    assert (moved.threshold, moved.threshold_interval, moved.reason) == (
        alone.threshold, alone.threshold_interval, alone.reason,
    )  # fmt: skip
    assert "at most 40%" in moved.guarantee.statement
    assert "A constraint decides the threshold." in moved.notes


def test_an_intervals_ends_decide_as_thresholds_of_replicates_do():
    rng = np.random.default_rng(0)
    scores = np.r_[rng.integers(1, 10, 200), rng.integers(5, 11, 200)] / 10
    frame = pd.DataFrame({"label": ["real"] * 200 + ["fake"] * 200, "score": scores})
    frame.loc[0, "score"] = 0.9
    for item in recommend(ScoreTable.from_frame(frame), [MinCost(miss=1, alarm=50, prior=0.5), Youden()]):
        low, high = item.threshold_interval
        assert low <= item.threshold <= high
    tiny = frame.assign(score=frame["score"] * 1e-7)
    item = recommend(ScoreTable.from_frame(tiny), [Youden()])["youden"]
    assert 0 < item.threshold_interval[0] <= item.threshold_interval[1] < 1e-6


@pytest.mark.parametrize(
    "policy", [MaxBpcer(0.05), MaxApcer(0.05), MinCost(**LEAST), BestFBeta(prior=5e-324)]
)
def test_scores_and_numbers_at_the_ends_of_floats_are_answered(policy):
    frame = pd.DataFrame({
        "label": ["real"] * 70 + ["fake"] * 70,
        "score": np.r_[np.random.default_rng(0).random(139), [-1.7e308]],
    })  # fmt: skip
    answer = recommend(ScoreTable.from_frame(frame, score_range="any"), [policy]).items[0]
    json.dumps(answer.to_dict(), allow_nan=False)


def test_small_targets_are_planned_for_and_absurd_sizes_refused():
    assert minimum_n(1e-9) == math.ceil(math.log(0.05) / math.log1p(-1e-9))
    assert minimum_n(1e-10) == pytest.approx(-math.log(0.05) * 1e10, rel=1e-9)
    json.dumps(plan_sample_size(MaxBpcer(1e-10)).to_dict(), allow_nan=False)
    with pytest.raises(ValueError, match="at most"):
        plan_sample_size(MaxBpcer(0.01), sizes=[10**20])


def test_a_confidence_that_is_not_certain_is_not_called_so():
    answer = recommend(drawn(4_000), [MaxBpcer(0.2, confidence=0.9999999)], cross_fit=False)["max_bpcer"]
    assert answer.guarantee.statement.startswith("With 99.99999% confidence")


def test_a_segment_called_missing_and_blank_ones_are_one():
    region = ["(missing)"] * 200 + [None] * 200 + ["sgp"] * 400
    found = recommend(drawn(region=region), [MaxBpcer(0.2)], by="region", cross_fit=False)
    assert [*found.segments] == ["sgp", "(missing)"]
    assert sum(sum(own.sizes.values()) for own in found.segments.values()) == 800
