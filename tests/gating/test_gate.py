"""The verdict of a gate: what fails, what passes, what can't be told, and how sure that is."""

from __future__ import annotations

import itertools
import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import test_proportions_2indep as proportions_2indep

from finauth_eval.comparison import compare
from finauth_eval.gate import check, invalid
from finauth_eval.gating.exchanging import holm_by_level
from finauth_eval.gating.rules import METRICS, Rule, read_rules
from finauth_eval.scores import ScoreTable
from finauth_eval.terminal.texts import verdict_text

GENUINE, ATTACKS = 1471, 400
TYPES = ["swap", "replay"] * (ATTACKS // 2)


@pytest.fixture
def genuine() -> np.ndarray[Any, Any]:
    """1,471 scores, all of them below 0.5."""
    return np.random.default_rng(1).beta(2, 8, GENUINE) * 0.49


@pytest.fixture
def attacks() -> np.ndarray[Any, Any]:
    """400 scores, all of them above 0.5."""
    return 0.51 + 0.48 * np.random.default_rng(2).beta(2, 2, ATTACKS)


def blocked(scores: np.ndarray[Any, Any], rows: Any, score: float = 0.9) -> np.ndarray[Any, Any]:
    """The scores with some of them changed."""
    changed = scores.copy()
    changed[rows] = score
    return changed


def sign_test(worse: int, better: int) -> float:
    """The one-sided mid-p value of a sign test, from scipy's binomial distribution."""
    n = worse + better
    if not n:
        return 1.0
    return float(stats.binom.sf(worse, n, 0.5) + stats.binom.pmf(worse, n, 0.5) / 2)


EVERY_RULE = [Rule(metric=metric) for metric in METRICS]


def test_identical_runs_pass_every_rule_with_no_flip_no_note_and_no_false_alarm(
    table, judge, genuine, attacks
):
    one = table(
        blocked(genuine, range(40)), blocked(attacks, range(30), 0.2), attack_type=[""] * GENUINE + TYPES
    )
    found = judge(one, one, *EVERY_RULE, exchanges=50)
    assert (found.verdict, found.exit_code) == ("pass", 0)
    assert (found.flips, found.comparability, found.reason) == ((), (), None)
    assert [own.observed for own in found.rules] == [0.0] * len(METRICS)
    assert {own.verdict for own in found.rules} == {"pass"}
    assert {own.p_value for own in found.rules} == {1.0}
    assert (found.false_alarms.value, found.false_alarms.n) == (0.0, 50)
    assert found.headline == "Pass: 8 checks, none of which failed"


@pytest.mark.parametrize(
    ("worse", "better", "verdict", "tail"),
    [
        (
            12,
            0,
            "fail",
            "0.8 points worse. That is more than the 0.5 points put up with, and more than chance",
        ),
        (
            8,
            0,
            "fail",
            "0.5 points worse. That is more than the 0.5 points put up with, and more than chance",
        ),
        (7, 0, "pass", "0.5 points worse: within the 0.5 points put up with"),
        (40, 28, "pass", "more than the 0.5 points put up with, but no more than chance brings about"),
        (200, 195, "pass", "0.3 points worse: within the 0.5 points put up with"),
        (20, 32, "pass", "0.8 points better: not worse"),
    ],
)
def test_a_change_is_caught_when_it_is_beyond_the_tolerance_and_beyond_chance(
    table, judge, genuine, attacks, worse, better, verdict, tail
):
    before = table(blocked(genuine, range(better)), attacks)
    after = table(blocked(genuine, range(500, 500 + worse)), attacks)
    found = judge(before, after, Rule(metric="bpcer"))
    (rule,) = found.rules
    assert rule.verdict == found.verdict == verdict
    assert rule.observed == pytest.approx((worse - better) / GENUINE, abs=1e-12)
    assert rule.p_value == pytest.approx(sign_test(worse, better), rel=1e-9)
    assert rule.p_holm == pytest.approx(rule.p_value, rel=1e-12)
    assert (rule.n, rule.limit) == (GENUINE, 0.005)
    assert tail in rule.explanation
    assert len(found.flips) == worse + better
    assert [own.worse for own in found.flips] == [True] * worse + [False] * better


def test_the_flips_of_a_failure_are_named_the_worst_first(table, judge, genuine, attacks):
    after = genuine.copy()
    after[[3, 700, 11]] = [0.6, 0.99, 0.8]
    found = judge(table(genuine, attacks), table(after, blocked(attacks, 5, 0.01)), Rule(metric="bpcer"))
    assert {own.sample_id for own in found.flips} == {"s00003", "s00700", "s00011", "s01476"}
    moved = [abs(own.b - own.a) for own in found.flips]
    assert moved == sorted(moved, reverse=True)


@pytest.mark.parametrize(
    ("events", "ceiling", "verdict"),
    [
        (60, 0.02, "fail"),  # 4.1% of 1,471
        (35, 0.02, "inconclusive"),  # 2.4%, which chance can bring about
        (29, 0.02, "pass"),  # 1.97%
        (1, 0.0, "fail"),  # none is allowed, and one was seen
        (0, 0.0, "pass"),
    ],
)
def test_a_ceiling_fails_by_the_exact_binomial_test(table, judge, genuine, attacks, events, ceiling, verdict):
    after = table(blocked(genuine, range(events)), attacks)
    found = judge(after, after, Rule(metric="bpcer", ceiling=ceiling))
    (rule,) = found.rules
    assert rule.verdict == found.verdict == verdict
    assert rule.observed == pytest.approx(events / GENUINE)
    exact = stats.binomtest(events, GENUINE, ceiling, alternative="greater").pvalue
    assert rule.p_value == pytest.approx(exact, rel=1e-9)


def test_ceilings_hold_whatever_the_baseline_was_and_look_at_all_samples_of_the_run(
    table, judge, genuine, attacks
):
    worse = table(blocked(genuine, range(200)), attacks)
    better = table(blocked(genuine, range(100)), attacks)
    assert judge(worse, better, Rule(metric="bpcer", ceiling=0.02)).verdict == "fail"
    half = ScoreTable.from_frame(
        better.frame.iloc[50:][["sample_id", "label", "score"]]
    )  # 50 blocked samples fewer
    (rule,) = judge(half, better, Rule(metric="bpcer", ceiling=0.02)).rules
    assert rule.observed == pytest.approx(100 / GENUINE)


@pytest.mark.parametrize(
    ("missed", "verdict"), [((60, 5), "fail"), ((24, 20), "inconclusive"), ((20, 19), "pass")]
)
def test_a_ceiling_on_the_worst_type_is_tested_on_the_worst_of_so_many_types(
    table, judge, genuine, attacks, missed, verdict
):
    after = attacks.copy()
    for first, events in enumerate(missed):  # swap at even places, replay at odd ones
        after[first : 2 * events : 2] = 0.1
    week = table(genuine, after, attack_type=[""] * GENUINE + TYPES)
    (rule,) = judge(week, week, Rule(metric="apcer_worst", ceiling=0.10)).rules
    worst = max(missed)
    exact = stats.binomtest(worst, 200, 0.10, alternative="greater").pvalue
    assert rule.verdict == verdict
    assert rule.observed == worst / 200
    assert rule.p_value == pytest.approx(min(1.0, 2 * exact), rel=1e-9)
    assert "swap" in rule.explanation


def placements(scores: np.ndarray[Any, Any], others: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Of each score the share of the others that it is above; ties count half. All pairs, one by one."""
    return ((scores[:, None] > others) + 0.5 * (scores[:, None] == others)).mean(axis=1)


def overlapping(seed: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    rng = np.random.default_rng(seed)
    return rng.beta(2, 5, 150), rng.beta(4, 3, 90)


@pytest.mark.parametrize("floor", [0.6, 0.85, 0.9, 0.99])
def test_a_floor_of_the_auc_fails_by_delongs_error(table, judge, floor):
    real, fake = overlapping(3)
    week = table(real, fake)
    (rule,) = judge(week, week, Rule(metric="auc", floor=floor)).rules
    above = placements(fake, real)
    below = 1 - placements(real, fake)
    se = math.sqrt(above.var(ddof=1) / fake.size + below.var(ddof=1) / real.size)
    assert rule.observed == pytest.approx(above.mean())
    assert rule.p_value == pytest.approx(float(stats.norm.cdf((above.mean() - floor) / se)), rel=1e-6)
    wanted = "pass" if rule.observed >= floor else "fail" if rule.p_value <= 0.05 else "inconclusive"
    assert rule.verdict == wanted
    assert {0.6: "pass", 0.99: "fail"}.get(floor, wanted) == wanted


def test_a_fall_of_the_auc_is_tested_by_paired_delong(table, judge):
    real, fake = overlapping(4)
    moved = np.clip(fake - 0.12 * np.random.default_rng(5).random(fake.size), 0, 1)
    (rule,) = judge(table(real, fake), table(real, moved), Rule(metric="auc", tolerance=0.01)).rules
    change_above = placements(moved, real) - placements(fake, real)
    change_below = (1 - placements(real, moved)) - (1 - placements(real, fake))
    se = math.sqrt(change_above.var(ddof=1) / fake.size + change_below.var(ddof=1) / real.size)
    assert rule.observed == pytest.approx(-change_above.mean())
    assert rule.p_value == pytest.approx(float(stats.norm.cdf(change_above.mean() / se)), rel=1e-6)
    assert rule.verdict == "fail"
    assert judge(table(real, moved), table(real, fake), Rule(metric="auc", tolerance=0.01)).verdict == "pass"


def test_the_worst_type_may_be_another_one_than_before(table, judge, genuine, attacks):
    before, after = attacks.copy(), attacks.copy()
    before[0:20:2] = 0.1  # 10 of 200 swaps missed, no replay
    after[1:61:2] = 0.1  # 30 of 200 replays missed, no swap
    columns = {"attack_type": [""] * GENUINE + TYPES}
    found = judge(
        table(genuine, before, **columns), table(genuine, after, **columns), Rule(metric="apcer_worst")
    )
    (rule,) = found.rules
    assert rule.verdict == "fail"
    assert rule.observed == pytest.approx(30 / 200 - 10 / 200)
    assert rule.p_value == pytest.approx(2 * sign_test(30, 0), rel=1e-9)  # times two types
    assert rule.n == 200
    assert "worst type, replay" in rule.explanation
    back = judge(
        table(genuine, after, **columns), table(genuine, before, **columns), Rule(metric="apcer_worst")
    )
    assert back.verdict == "pass"


def test_without_attack_types_the_worst_type_is_inconclusive(table, judge, genuine, attacks):
    week = table(genuine, attacks)
    found = judge(
        week, week, Rule(metric="apcer_worst"), Rule(metric="apcer_worst", ceiling=0.1, name="ceiling")
    )
    assert [own.verdict for own in found.rules] == ["inconclusive", "inconclusive"]
    assert {"no attack has a type" in own.explanation for own in found.rules} == {True}
    assert found.exit_code == 3


def bpcer_at(limit: float, genuine: np.ndarray[Any, Any], by_type: list[np.ndarray[Any, Any]]) -> float:
    """The lowest BPCER of all thresholds at which no type is missed more often; by trying every score."""
    tried = np.unique(np.concatenate([genuine, *by_type]))
    kept = [at for at in tried if all((own < at).mean() <= limit for own in by_type)]
    return min(float((genuine >= at).mean()) for at in kept)


def test_bpcer_at_a_fixed_apcer_takes_its_p_value_from_exchanges(table, judge):
    rng = np.random.default_rng(8)
    real, fake = rng.beta(2, 5, 120), rng.beta(5, 2, 60)
    worse = np.clip(fake - 0.15, 0, 1)
    before, after = table(real, fake), table(real, worse)
    (rule,) = judge(before, after, Rule(metric="bpcer_at_apcer.20", tolerance=0.01), exchanges=None).rules
    change = bpcer_at(0.05, real, [worse]) - bpcer_at(0.05, real, [fake])
    assert rule.observed == pytest.approx(change)
    own = np.random.default_rng(99)
    drawn = []
    for _ in range(400):
        swap = own.random(60) < 0.5
        one, other = np.where(swap, worse, fake), np.where(swap, fake, worse)
        drawn.append(bpcer_at(0.05, real, [other]) - bpcer_at(0.05, real, [one]))
    share = float((np.array(drawn) >= change - 1e-12).mean())
    assert abs(rule.p_value - share) < 4 * math.sqrt(max(share, 0.005) * (1 - share) / 400)
    assert rule.verdict == ("fail" if rule.p_value <= 0.05 else "pass")
    assert rule.p_value > 0  # never 0: what was seen is one of the exchanges


def test_bpcer_at_a_fixed_apcer_is_that_of_the_worst_type_where_there_are_types(table, judge):
    rng = np.random.default_rng(9)
    real, fake = rng.beta(2, 5, 120), rng.beta(5, 2, 60)
    kinds = np.array(["swap", "replay"] * 30)
    worse = np.where(kinds == "replay", np.clip(fake - 0.2, 0, 1), fake)
    columns = {"attack_type": [""] * 120 + kinds.tolist()}
    (rule,) = judge(
        table(real, fake, **columns),
        table(real, worse, **columns),
        Rule(metric="bpcer_at_apcer.10"),
        exchanges=20,
    ).rules
    split = [[own[kinds == name] for name in ("swap", "replay")] for own in (fake, worse)]
    assert rule.observed == pytest.approx(bpcer_at(0.1, real, split[1]) - bpcer_at(0.1, real, split[0]))


def test_without_exchanges_a_rule_that_needs_them_is_refused_and_others_go_on(table, judge, genuine, attacks):
    week = table(genuine, attacks)
    with pytest.raises(ValueError, match=r"bpcer_at_apcer needs exchanges.*exchanges is 0"):
        judge(week, week, Rule(metric="bpcer_at_apcer.20"))
    found = judge(
        week, week, Rule(metric="bpcer_at_apcer.20", ceiling=0.5), Rule(metric="bpcer"), exchanges=0
    )
    assert found.verdict == "pass"
    assert not found.false_alarms.defined
    assert found.to_dict()["aa_false_alarm_rate"] is None
    with pytest.raises(ValueError, match="exchanges is -1"):
        judge(week, week, Rule(metric="bpcer"), exchanges=-1)


def test_coverage_is_held_against_the_baseline_and_against_a_floor(table, judge, genuine, attacks):
    before = table(genuine, attacks)
    after = table(blocked(genuine, range(40), math.nan), attacks)
    lost, floor = judge(before, after, Rule(metric="coverage", tolerance=0.01, floor=0.98)).rules
    assert (lost.verdict, lost.n) == ("fail", GENUINE + ATTACKS)
    assert lost.observed == pytest.approx(40 / (GENUINE + ATTACKS))
    assert "went from 100% to 97.9%, 2.1 points worse" in lost.explanation
    assert lost.p_value == pytest.approx(sign_test(40, 0), rel=1e-9)
    assert floor.verdict == "fail"  # no chance is involved: all samples are there
    assert floor.observed == pytest.approx(1 - 40 / (GENUINE + ATTACKS))
    assert math.isnan(floor.p_value)
    assert floor.to_dict()["p_value"] is None
    assert judge(before, after, Rule(metric="coverage", floor=0.97)).verdict == "pass"
    assert judge(after, before, Rule(metric="coverage")).verdict == "pass"


def test_a_rule_of_a_slice_looks_at_that_slice_alone(table, judge, genuine, attacks):
    site = ["north" if i % 10 else "south" for i in range(GENUINE + ATTACKS)]
    south = np.arange(0, GENUINE, 10)
    before, after = table(genuine, attacks, site=site), table(blocked(genuine, south[:6]), attacks, site=site)
    assert judge(before, after, Rule(metric="bpcer")).verdict == "pass"  # 6 of 1,471 are within half a point
    there, elsewhere = judge(
        before,
        after,
        Rule(metric="bpcer", slice=("site", "south")),
        Rule(metric="bpcer", slice=("site", "north")),
    ).rules
    assert (there.verdict, there.n, there.observed) == ("fail", south.size, pytest.approx(6 / south.size))
    assert (elsewhere.verdict, elsewhere.n, elsewhere.observed) == ("pass", GENUINE - south.size, 0.0)
    assert there.p_value == pytest.approx(sign_test(6, 0), rel=1e-9)
    (own,) = judge(before, after, Rule(metric="bpcer", slice=("site", "south"), ceiling=0.001)).rules
    assert own.p_value == pytest.approx(
        stats.binomtest(6, south.size, 0.001, alternative="greater").pvalue, rel=1e-9
    )
    assert "where site is south" in own.explanation


def test_a_slice_that_there_is_not_is_refused_with_what_there_is(table, judge, genuine, attacks):
    week = table(genuine, attacks, site=["north"] * (GENUINE + ATTACKS))
    with pytest.raises(ValueError, match=r"there is no column .sight.; the columns with values are .*site"):
        judge(week, week, Rule(metric="bpcer", slice=("sight", "north")))
    with pytest.raises(ValueError, match="column 'site' has no value 'south'; it has north"):
        judge(week, week, Rule(metric="bpcer", slice=("site", "south")))


def test_a_rule_may_decide_both_runs_at_a_threshold_of_its_own(table, judge, genuine, attacks):
    low = np.full(GENUINE, 0.1)
    before, after = table(low, attacks), table(blocked(low, range(12), 0.3), attacks)
    at_half, at_fifth = judge(before, after, Rule(metric="bpcer"), Rule(metric="bpcer", threshold=0.2)).rules
    assert (at_half.verdict, at_half.observed) == ("pass", 0.0)
    assert (at_fifth.verdict, at_fifth.observed) == ("fail", pytest.approx(12 / GENUINE))
    assert at_fifth.name == "bpcer at 0.2: at most 0.5 points worse"
    (own,) = judge(before, after, Rule(metric="bpcer", threshold=0.2, ceiling=0.001)).rules
    assert own.observed == pytest.approx(12 / GENUINE)


def test_a_failure_at_a_rules_own_threshold_names_what_flipped_there(table, judge, attacks):
    low = np.full(200, 0.1)
    found = judge(
        table(low, attacks), table(blocked(low, range(20), 0.3), attacks), Rule(metric="bpcer", threshold=0.2)
    )
    assert found.verdict == "fail"
    assert len(found.flips) == 20


def test_a_threshold_that_no_score_can_reach_is_refused_for_at_it_nothing_gets_worse(
    table, judge, genuine, attacks
):
    week = table(genuine, attacks)
    with pytest.raises(
        ValueError, match=r"rule 'apcer at 50: .*': threshold is 50; expected a number in \[0, 1\]"
    ):
        judge(week, week, Rule(metric="apcer", threshold=50))
    assert judge(week, week, Rule(metric="apcer", threshold=1)).verdict == "pass"


def test_two_contents_under_one_id_are_two_flips(table, judge, genuine, attacks):
    contents = [f"{i:064x}" for i in range(GENUINE + ATTACKS)]
    ids = ["same", "same", *(f"s{i}" for i in range(GENUINE + ATTACKS - 2))]
    before = table(genuine, attacks, ids=ids, sha256=contents)
    after = table(blocked(genuine, [0, 1]), attacks, ids=ids, sha256=contents)
    assert [own.sample_id for own in compare(before, after, bootstrap=0).flips] == ["same", "same"]
    assert [own.sample_id for own in judge(before, after, Rule(metric="bpcer")).flips] == ["same", "same"]


def test_too_few_samples_are_inconclusive_however_bad_they_look(table, judge, attacks):
    before, after = np.full(30, 0.1), np.full(30, 0.9)
    few = judge(table(before[:29], attacks), table(after[:29], attacks), Rule(metric="bpcer"))
    assert (few.verdict, few.exit_code) == ("inconclusive", 3)
    assert "29 samples are too few, 30 are needed" in few.rules[0].explanation
    assert judge(table(before, attacks), table(after, attacks), Rule(metric="bpcer")).verdict == "fail"
    low = judge(table(before[:29], attacks), table(after[:29], attacks), Rule(metric="bpcer", minimum_n=29))
    assert low.verdict == "fail"
    ceiling = judge(table(after[:29], attacks), table(after[:29], attacks), Rule(metric="bpcer", ceiling=0.1))
    assert ceiling.verdict == "inconclusive"


@pytest.mark.parametrize(
    ("subjects", "rules", "verdict"), [(3, 1, "inconclusive"), (4, 1, "fail"), (4, 2, "inconclusive")]
)
def test_a_few_persons_with_many_pictures_are_inconclusive(table, judge, attacks, subjects, rules, verdict):
    # one-sided mid-p of k persons who all got worse is 0.5 ** (k + 1): 0.0625 of 3 and 0.03125 of 4
    assert (sign_test(3, 0), sign_test(4, 0)) == (0.5**4, 0.5**5)
    subject = [f"p{i % subjects}" for i in range(60)] + [f"a{i}" for i in range(ATTACKS)]
    before, after = (
        table(np.full(60, 0.1), attacks, subject=subject),
        table(np.full(60, 0.9), attacks, subject=subject),
    )
    found = judge(before, after, *[Rule(metric="bpcer"), Rule(metric="apcer")][:rules])
    assert found.rules[0].verdict == found.verdict == verdict
    assert found.rules[0].p_value == pytest.approx(0.5 ** (subjects + 1))
    if verdict == "inconclusive":
        assert f"only {subjects} subjects or samples are independent" in found.rules[0].explanation
    apart = judge(before, after, Rule(metric="bpcer"), cluster="none")
    assert (apart.verdict, apart.rules[0].p_value < 1e-15) == ("fail", True)


@pytest.mark.parametrize("metric", ["auc", "bpcer_at_apcer.20"])
def test_one_attack_or_a_few_persons_leave_the_other_figures_inconclusive_too(table, judge, metric):
    genuine = np.linspace(0.1, 0.3, 100)
    rule = Rule(metric=metric, tolerance=0.01)
    one = judge(table(genuine, [0.9]), table(genuine, [0.05]), rule, exchanges=100)
    assert one.rules[0].observed > 0.9  # from perfect to worse than a coin
    assert one.verdict == "inconclusive"
    subject = [f"p{i % 3}" for i in range(120)]
    before, after = np.full(60, 0.9), np.full(60, 0.05)
    few = judge(
        table(np.full(60, 0.1), before, subject=subject), table(np.full(60, 0.1), after, subject=subject),
        rule, exchanges=100,
    )  # fmt: skip
    assert few.verdict == "inconclusive"


def test_a_class_without_a_score_is_inconclusive_and_says_so(table, judge, genuine):
    week = table(genuine, [])
    found = judge(week, week, Rule(metric="apcer"), Rule(metric="auc"), Rule(metric="bpcer"))
    assert [own.verdict for own in found.rules] == ["inconclusive", "inconclusive", "pass"]
    assert "can't be told: no attack" in found.rules[0].explanation
    assert (found.rules[0].to_dict()["observed"], found.rules[0].to_dict()["p_value"]) == (None, None)


MANY = [
    Rule(metric="bpcer", tolerance=0.001, ceiling=0.05),
    Rule(metric="apcer", tolerance=0.001),
    Rule(metric="apcer_worst", tolerance=0.001),
    Rule(metric="auc", tolerance=0.001, floor=0.9),
    Rule(metric="coverage", tolerance=0.001, floor=0.5),
    Rule(metric="bpcer_at_apcer.20", tolerance=0.001),
]


def test_p_values_are_corrected_by_holm_over_all_checks(table, judge):
    rng = np.random.default_rng(11)
    real, fake = rng.beta(2, 5, 300), rng.beta(5, 2, 200)
    columns = {"attack_type": [""] * 300 + ["swap", "replay"] * 100}
    before = table(real, fake, **columns)
    after = table(
        np.clip(real + rng.normal(0.02, 0.1, 300), 0, 1),
        np.clip(fake - rng.normal(0.02, 0.1, 200), 0, 1),
        **columns,
    )
    found = judge(before, after, *MANY, exchanges=200)
    known = [own for own in found.rules if not math.isnan(own.p_value)]
    assert len(known) == len(found.rules) - 1  # the floor of coverage has none
    wanted = multipletests([own.p_value for own in known], method="holm")[1]
    assert [own.p_holm for own in known] == pytest.approx(wanted.tolist(), rel=1e-12)
    assert len({own.p_holm for own in known}) > 2
    for own in known:
        if own.verdict == "fail":
            assert own.p_holm <= 0.05


def test_a_regression_that_is_sure_by_itself_is_not_among_many_rules(table, judge, genuine, attacks):
    before, after = table(genuine, attacks), table(blocked(genuine, range(4)), attacks)
    rule = Rule(metric="bpcer", tolerance=0.001)
    assert judge(before, after, rule).verdict == "fail"  # 0.5 ** 5 = 0.031
    found = judge(before, after, rule, Rule(metric="apcer"))
    assert found.verdict == "pass"  # 0.0625 of two
    assert found.rules[0].p_holm == pytest.approx(2 * found.rules[0].p_value)


@pytest.mark.parametrize(
    "p_values", [[0.04], [0.02, 0.03, 0.03], [0.0, 1.0, 0.5, 0.5, 1e-9], [0.6, 0.01, 0.4, 0.013]]
)
def test_with_one_confidence_the_correction_is_holms_and_what_has_no_p_value_does_not_count(p_values):
    known = np.array([[*p_values, math.nan], [*p_values[::-1], math.nan]])  # two gates at once
    for found, own in zip(
        holm_by_level(known, [0.95] * known.shape[1]), (p_values, p_values[::-1]), strict=True
    ):
        assert found[:-1] == pytest.approx(multipletests(own, method="holm")[1], rel=1e-12)
        assert np.isnan(found[-1])


@given(
    checks=st.lists(
        st.tuples(st.floats(1e-6, 0.2), st.sampled_from([0.8, 0.9, 0.95, 0.99])), min_size=1, max_size=6
    )
)
def test_with_several_confidences_it_rejects_what_a_step_down_at_each_ones_level_does(checks):
    p_values, confidences = (np.array(own) for own in zip(*checks, strict=True))
    adjusted = holm_by_level(p_values[None], confidences.tolist())[0]
    levels = 1 - confidences
    order = np.argsort(p_values / levels, kind="stable")
    rejected = np.zeros(p_values.size, dtype=bool)
    for step, i in enumerate(order):
        if p_values[i] > levels[i] / (p_values.size - step):
            break
        rejected[i] = True
    close = np.isclose(adjusted, levels, rtol=1e-9)
    assert ((adjusted <= levels) == rejected)[~close].all()


def test_without_labels_there_is_no_verdict(table, judge):
    frame = pd.DataFrame({"sample_id": [f"s{i}" for i in range(50)], "score": np.linspace(0, 1, 50)})
    nameless = ScoreTable.from_frame(frame, require_labels=False)
    labelled = ScoreTable.from_frame(frame.assign(label=["real", "fake"] * 25))
    for pair in itertools.product((nameless, labelled), repeat=2):
        found = judge(*pair, Rule(metric="bpcer"))
        assert (found.verdict == "invalid") == any(own is nameless for own in pair)
    found = judge(nameless, nameless, Rule(metric="bpcer"))
    assert (found.verdict, found.exit_code, found.rules) == ("invalid", 7, ())
    assert found.headline == "Invalid: there are no labels: without them nothing can be said about errors"
    assert not found.false_alarms.defined


def test_runs_of_different_samples_are_told_apart_by_the_score_test_of_two_shares(
    table, judge, genuine, attacks
):
    before = table(blocked(genuine, range(20)), attacks)
    others = [f"t{i:05d}" for i in range(GENUINE + ATTACKS)]
    after = table(blocked(genuine, range(60)), attacks, ids=others)
    found = judge(before, after, Rule(metric="bpcer"), exchanges=200)
    (rule,) = found.rules
    assert any("independent samples" in note for note in found.comparability)
    assert found.flips == ()
    assert rule.observed == pytest.approx(40 / GENUINE)
    exact = proportions_2indep(
        60, GENUINE, 20, GENUINE, method="score", compare="diff", alternative="larger", correction=True
    )
    assert rule.p_value == pytest.approx(exact.pvalue, rel=1e-6)
    assert rule.verdict == "fail"
    assert found.false_alarms.value < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 200)
    as_many = table(blocked(genuine, range(30)), attacks, ids=others)
    assert judge(before, as_many, Rule(metric="bpcer")).verdict == "pass"  # 10 more of 1,471 by chance


def jittered(seed: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The same 800 samples, half of them attacks, asked twice of a service whose answers jitter."""
    rng = np.random.default_rng(seed)
    truth = rng.random(800)
    one, other = (np.clip(truth + rng.normal(0, 0.1, 800), 0, 1) for _ in range(2))
    return one, other


def test_the_measured_false_alarm_rate_is_that_of_asking_an_unchanged_service_again(table, judge):
    rule = Rule(metric="bpcer", tolerance=0.0)
    one, other = jittered(21)
    found = judge(table(one[:400], one[400:]), table(other[:400], other[400:]), rule, exchanges=None)
    assert found.false_alarms.n == 1000
    assert found.false_alarms.low <= 0.05 <= found.false_alarms.high + 0.01
    alarms = []
    for seed in range(150):
        one, other = jittered(1000 + seed)
        again = judge(table(one[:400], one[400:]), table(other[:400], other[400:]), rule)
        alarms.append(again.verdict == "fail")
    # 150 fresh pairs of runs of an unchanged service: the rate that was measured on one pair is theirs
    low, high = stats.binomtest(sum(alarms), 150).proportion_ci(0.999, method="exact")
    assert low <= found.false_alarms.value <= high


def test_many_rules_together_raise_no_more_false_alarms_than_one(table, judge):
    one, other = jittered(22)
    columns = {"attack_type": [""] * 400 + ["swap", "replay"] * 200}
    rules = [
        Rule(metric=name, tolerance=0.0)
        for name in ("bpcer", "apcer", "apcer_worst", "auc", "bpcer_at_apcer.10")
    ]
    found = judge(
        table(one[:400], one[400:], **columns),
        table(other[:400], other[400:], **columns),
        *rules,
        exchanges=400,
    )
    assert found.false_alarms.value > 0
    assert found.false_alarms.low <= 0.05


def test_a_wide_tolerance_is_seen_in_the_false_alarm_rate(table, judge):
    one, other = jittered(23)
    tables = table(one[:400], one[400:]), table(other[:400], other[400:])
    wide, narrow = (judge(*tables, Rule(metric="bpcer", tolerance=own), exchanges=300) for own in (0.1, 0.0))
    assert wide.false_alarms.value == 0 < narrow.false_alarms.value


def test_the_false_alarm_rate_is_that_of_the_corrected_gate_with_its_limits(table, judge):
    one, other = jittered(25)
    tables = table(one[:400], one[400:]), table(other[:400], other[400:])
    rule = Rule(metric="bpcer", tolerance=0.0)
    limits = [Rule(metric=metric, ceiling=0.99) for metric in ("bpcer", "apcer")]
    alone, among = (judge(*tables, *own, exchanges=600).false_alarms for own in ([rule], [rule, *limits]))
    assert among.value < alone.value  # each p-value counts three times as much


def test_a_gate_that_cannot_fail_raises_no_false_alarm(table, judge):
    one, other = jittered(26)
    tables = table(one[:400], one[400:]), table(other[:400], other[400:])
    found = judge(*tables, Rule(metric="bpcer", tolerance=0.0, minimum_n=1000), exchanges=300)
    assert (found.verdict, found.false_alarms.value) == ("inconclusive", 0)


def test_the_same_seed_gives_the_same_verdict_and_another_one_other_exchanges(table, judge):
    one, other = jittered(24)
    tables = table(one[:400], one[400:]), table(other[:400], other[400:])
    rules = [Rule(metric="bpcer_at_apcer.10", tolerance=0.0), Rule(metric="bpcer", tolerance=0.0)]
    first, again, else_ = (
        judge(*tables, *rules, exchanges=100, seed=seed).to_dict() for seed in (None, 0, 1)
    )
    assert first == again
    assert first != else_


def test_a_gate_over_ceilings_alone_measures_no_false_alarms(table, judge, genuine, attacks):
    week = table(genuine, attacks)
    found = judge(week, week, Rule(metric="bpcer", ceiling=0.1))
    assert found.to_dict()["aa_false_alarm_rate"] is None
    assert found.to_dict()["aa"]["reason"] == "not measured"


def named(own: ScoreTable, name: str, digest: str | None) -> ScoreTable:
    return own.with_provenance(dataset_name=name, dataset_digest=digest)


def test_runs_of_different_datasets_are_said_to_be_that_before_anything_else(table, judge, genuine, attacks):
    one = table(genuine, attacks)
    week = table(blocked(genuine, range(12)), attacks, threshold=[0.6] * (GENUINE + ATTACKS))
    found = judge(named(one, "q3", "aa" * 32), named(week, "q4", "bb" * 32), Rule(metric="bpcer"))
    assert found.comparability[0].startswith("the runs scored different datasets (q3 and q4;")
    said = "A names no threshold, so the default 0.50 is taken; the threshold in force in B is 0.60"
    assert said in found.comparability[1:]
    text = verdict_text(found)
    assert text.startswith("note: the runs scored different datasets")
    assert text.index("note:") < text.index(found.headline) < text.index("FAIL")
    content = found.to_dict()
    assert content["comparability"][0] == found.comparability[0]
    assert [*content].index("comparability") < [*content].index("rules")
    for other in ("aa" * 32, None):  # the same, or not known
        same = judge(named(one, "q3", "aa" * 32), named(week, "q4", other), Rule(metric="bpcer"))
        assert not any("different datasets" in note for note in same.comparability)


def test_the_thresholds_in_force_decide_each_run_and_their_difference_is_said(table, judge, genuine, attacks):
    n = GENUINE + ATTACKS
    before = table(genuine, attacks, threshold=[0.5] * n)
    after = table(genuine, attacks, threshold=[0.2] * n)  # the same scores, decided more strictly
    found = judge(before, after, Rule(metric="bpcer"))
    assert found.comparability == ("the threshold in force is 0.50 in A and 0.20 in B",)
    assert found.rules[0].observed == pytest.approx((genuine >= 0.2).mean())
    assert found.verdict == "fail"
    assert judge(before, after, Rule(metric="bpcer", threshold=0.5)).verdict == "pass"


def test_one_failed_check_fails_the_gate_and_an_undecided_one_keeps_it_from_passing(
    table, judge, genuine, attacks
):
    before, after = table(genuine, attacks), table(blocked(genuine, range(12)), attacks)
    undecided = Rule(metric="apcer_worst")  # there are no types
    found = judge(before, after, undecided, Rule(metric="bpcer"))
    assert (found.verdict, found.exit_code) == ("fail", 1)
    assert found.headline == "Fail: 1 of 2 checks failed"
    found = judge(before, before, undecided, Rule(metric="bpcer"))
    assert (found.verdict, found.exit_code) == ("inconclusive", 3)
    assert found.headline == "Inconclusive: 1 of 2 checks could not be decided, and none failed"


def test_no_rule_is_no_gate(table, judge, genuine, attacks):
    week = table(genuine, attacks)
    with pytest.raises(ValueError, match="there is no rule; expected at least one"):
        judge(week, week)


def test_the_json_is_strict_and_has_the_fields_of_its_schema(table, judge, genuine, attacks):
    before, after = table(genuine, attacks), table(blocked(genuine, range(12)), attacks)
    content = json.loads(
        json.dumps(judge(before, after, *EVERY_RULE, exchanges=20).to_dict(), allow_nan=False)
    )
    assert content["schema"] == "finauth-eval/verdict/1"
    assert {
        "verdict",
        "exit",
        "headline",
        "reason",
        "comparability",
        "rules",
        "aa_false_alarm_rate",
        "flips",
    } <= {*content}
    for rule in content["rules"]:
        assert {*rule} == {"name", "verdict", "observed", "limit", "p_value", "p_holm", "n", "explanation"}
    assert {*content["flips"][0]} == {"sample_id", "label", "attack_type", "a", "b", "worse"}
    nothing = json.loads(json.dumps(invalid("why", baseline="a", run="b").to_dict(), allow_nan=False))
    assert (nothing["verdict"], nothing["exit"], nothing["reason"], nothing["rules"]) == (
        "invalid",
        7,
        "why",
        [],
    )


def test_rules_read_from_a_file_give_the_verdict_of_the_same_rules(tmp_path, table, genuine, attacks):
    (tmp_path / "gate.toml").write_text('[[rule]]\nmetric = "bpcer"\ntolerance = 0.005\n')
    found = compare(table(genuine, attacks), table(blocked(genuine, range(12)), attacks), bootstrap=0)
    assert check(found, read_rules(tmp_path / "gate.toml")) == check(
        found, [Rule(metric="bpcer", tolerance=0.005)]
    )
