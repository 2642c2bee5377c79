"""Two runs against each other: every number by another road, and what is said of runs that are hard to compare."""

from __future__ import annotations

import html
import json
import math
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.optimize import brentq, minimize_scalar
from sklearn.metrics import confusion_matrix, roc_auc_score
from statsmodels.stats.contingency_tables import mcnemar as mcnemar_of_statsmodels
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.proportion import test_proportions_2indep as score_test_of_statsmodels

from finauth_eval.comparing import overview
from finauth_eval.comparing.evidence import Unpaired
from finauth_eval.comparison import compare
from finauth_eval.errors import NothingToEvaluate, ScoresError
from finauth_eval.evaluation import evaluate
from finauth_eval.scores import ScoreTable, read_scores

score_test_of_statsmodels.__test__ = False  # its name is not a test's
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "a\u202egpj.exe",
    "=1+1",
    "x" * 300,
)


def frame(n: int = 120, *, seed: int = 1, **columns) -> pd.DataFrame:
    """Samples of both classes with scores of two decimals."""
    rng = np.random.default_rng(seed)
    attack = np.arange(n) % 5 < 2
    return pd.DataFrame({
        "sample_id": [f"s{i:05d}" for i in range(n)],
        "label": np.where(attack, "attack", "bona_fide"),
        "attack_type": np.where(attack, np.array(["mask", "swap", "replay"])[rng.integers(3, size=n)], None),
        "score": np.round(rng.beta(2 + 3 * attack, 5 - 3 * attack), 2),
        "region": np.array(["sgp", "idn"])[rng.integers(2, size=n)],
        **columns,
    })  # fmt: skip


def rescored(
    own: pd.DataFrame, *, seed: int = 2, up: float = 0.0, noise: float = 0.08, **columns
) -> pd.DataFrame:
    """The same samples with scores that moved."""
    moved = own["score"] + np.random.default_rng(seed).normal(up, noise, size=len(own))
    return own.assign(score=np.round(moved.clip(0, 1), 2), **columns)


def table(own: pd.DataFrame, **options) -> ScoreTable:
    return ScoreTable.from_frame(own, **options)


def compared(a: pd.DataFrame, b: pd.DataFrame, **options):
    return compare(table(a), table(b), **{"bootstrap": 0, **options})


def strict(found):
    """Through JSON that knows neither NaN nor infinity, as any reader sees it."""
    return json.loads(json.dumps(found.to_dict(), allow_nan=False))


def mid_p(a_only: int, b_only: int) -> float:
    """McNemar's mid-p from the exact test."""
    seen = stats.binom.pmf(a_only, a_only + b_only, 0.5)
    if a_only == b_only:
        return 1 - seen / 2 if a_only else 1.0
    return mcnemar_of_statsmodels([[1, a_only], [b_only, 1]], exact=True).pvalue - seen


def tango_limit(a_only: int, b_only: int, n: int, z: float) -> float:
    """Where the score statistic is z, with the most likely rates searched for."""

    def statistic(difference: float) -> float:
        def unlikelihood(rate: float) -> float:
            rates = (rate, rate + difference, 1 - 2 * rate - difference)
            seen = zip((a_only, b_only, n - a_only - b_only), rates, strict=True)
            return -sum(count * math.log(max(own, 1e-300)) for count, own in seen if count)

        bounds = (max(0.0, -difference), (1 - difference) / 2)
        found = minimize_scalar(unlikelihood, bounds=bounds, method="bounded", options={"xatol": 1e-12})
        best = min((*bounds, found.x), key=unlikelihood)
        return (b_only - a_only - n * difference) / math.sqrt(n * (2 * best + difference - difference**2)) - z

    middle = (b_only - a_only) / n
    return brentq(statistic, *((middle - 1e-9, -1 + 1e-9) if z > 0 else (middle + 1e-9, 1 - 1e-9)))


def errors(own: pd.DataFrame, threshold: float, kind: str) -> pd.Series:
    """Of the samples of one class, which are decided wrong."""
    part = own[own["label"] == kind]
    return (part["score"] >= threshold) == (kind == "bona_fide")


def assert_is_rate(found, wrong: pd.Series) -> None:
    assert (found.value, found.n) == (wrong.mean(), len(wrong))
    assert (found.low, found.high) == pytest.approx(
        proportion_confint(wrong.sum(), len(wrong), alpha=0.05, method="beta"), abs=1e-9
    )


def assert_is_paired(rates, before: pd.Series, after: pd.Series) -> None:
    a_only, b_only = int((before & ~after).sum()), int((after & ~before).sum())
    assert_is_rate(rates.a, before)
    assert_is_rate(rates.b, after)
    assert (rates.a_only, rates.b_only, rates.independent) == (a_only, b_only, len(before))
    assert rates.change.difference.value == pytest.approx(after.mean() - before.mean())
    assert rates.change.p_value == pytest.approx(mid_p(a_only, b_only))
    limits = [tango_limit(a_only, b_only, len(before), z) for z in (1.959964, -1.959964, 1.644854, -1.644854)]
    found = (rates.change.difference.low, rates.change.difference.high, rates.lower, rates.upper)
    assert found == pytest.approx(limits, abs=1e-5)


# identical runs


@pytest.mark.parametrize("clusters", [False, True])
def test_of_identical_runs_nothing_is_said_and_nothing_differs(clusters):
    subjects = {"subject": [f"p{i // 3}" for i in range(120)]} if clusters else {}
    own = frame(sha256=[f"c{i}" for i in range(120)], time_used_ms=np.arange(120), **subjects)
    found = compared(own, own, by=["region"], bootstrap=50)
    assert found.verdict == "identical"
    assert (found.flips, found.warnings, found.comparability) == ((), (), ())
    assert (found.n, found.paired, found.pairing.only_in_a, found.pairing.only_in_b) == (120, True, 0, 0)
    plain = strict(found)
    assert plain["at_current_threshold"]["bpcer_difference"]["value"] == 0
    assert plain["at_current_threshold"]["mcnemar"]["attack"]["p_value"] == 1
    assert plain["auc"]["difference"]["value"] == plain["score_shift"]["all"]["psi"]["value"] == 0
    assert plain["score_shift"]["moves"]["same"] == 120
    for own_points in found.bpcer_at_apcer.values():
        assert own_points.worst_type.value == own_points.pooled.value == 0
        # the same samples are drawn for both runs
        assert "every bootstrap replicate gave the same difference" in own_points.worst_type.reason
    assert overview.sentence(found).startswith("B gives every sample the score that A gave it (120 pairs")


def test_one_score_that_moved_is_a_difference():
    own = frame()
    found = compared(own, own.assign(score=own["score"].where(own.index != 7, 0.001)))
    assert found.verdict in ("equivalent", "inconclusive")
    assert (found.shift.moves.same, found.flips) == (119, ())


def test_the_order_of_the_rows_changes_nothing():
    a = frame()
    b = rescored(a)
    plain, shuffled = strict(compared(a, b)), strict(compared(a, b.sample(frac=1, random_state=5)))
    assert shuffled == plain


def test_exchanging_the_runs_turns_every_difference():
    a = frame(time_used_ms=range(120))
    b = rescored(a, up=0.05)
    one, other = compared(a, b, by=["region"]), compared(b, a, by=["region"])
    rates = [(one.at_threshold.bona_fide, other.at_threshold.bona_fide), (one.alerts, other.alerts)]
    rates += [(one.attack_types[name].rates, other.attack_types[name].rates) for name in one.attack_types]
    rates += [
        (one.slices["region"][value][metric].rates, other.slices["region"][value][metric].rates)
        for value in ("idn", "sgp")
        for metric in ("bpcer", "apcer")
    ]
    for forth, back in rates:
        assert (forth.a_only, forth.b_only) == (back.b_only, back.a_only)
        assert forth.change.difference.value == pytest.approx(-back.change.difference.value)
        assert (forth.lower, forth.upper) == pytest.approx((-back.upper, -back.lower))
        assert forth.change.p_increase == pytest.approx(back.change.p_decrease)
    assert one.auc.difference.value == pytest.approx(-other.auc.difference.value)
    assert one.shift.moves.mean.value == pytest.approx(-other.shift.moves.mean.value)
    assert {flip.sample_id for flip in one.flips} == {flip.sample_id for flip in other.flips}
    assert all(flip.worse != back.worse for flip, back in zip(
        sorted(one.flips, key=lambda own: own.sample_id), sorted(other.flips, key=lambda own: own.sample_id),
        strict=True,
    ))  # fmt: skip


# every number of paired runs


def test_error_rates_of_pairs_are_counted_and_tested_as_pairs():
    a = frame()
    b = rescored(a, up=0.04)
    found = compared(a, b)
    at = found.at_threshold
    for kind, rates in (("bona_fide", at.bona_fide), ("attack", at.attack)):
        assert_is_paired(rates, errors(a, 0.5, kind), errors(b, 0.5, kind))
    for own, point in ((a, at.a), (b, at.b)):
        truth, decided = own["label"] == "attack", own["score"] >= 0.5
        tn, fp, fn, tp = confusion_matrix(truth, decided).ravel()
        assert point.confusion.to_dict() == {"tp": tp, "fn": fn, "fp": fp, "tn": tn}
        assert (point.bpcer.value, point.apcer.value) == (fp / (fp + tn), fn / (fn + tp))
        assert point.source == "default"
    plain = strict(found)["at_current_threshold"]
    assert plain["mcnemar"]["bona_fide"]["b_only"] == at.bona_fide.b_only
    for name, kind in (("bpcer_difference", "bona_fide"), ("apcer_difference", "attack")):
        assert plain[name]["test"] == "mcnemar-mid-p"
        assert plain[name]["value"] == pytest.approx(
            errors(b, 0.5, kind).mean() - errors(a, 0.5, kind).mean()
        )


def test_areas_of_pairs_are_those_of_scikit_learn_with_delongs_error_over_all_pairs():
    a = frame(60)
    b = rescored(a)
    found = compared(a, b)
    attack = (a["label"] == "attack").to_numpy()

    def kernel(own):
        high, low = own["score"].to_numpy()[attack], own["score"].to_numpy()[~attack]
        return (high[:, None] > low) + (high[:, None] == low) / 2

    apart = kernel(b) - kernel(a)
    se = math.sqrt(
        apart.mean(axis=1).var(ddof=1) / attack.sum() + apart.mean(axis=0).var(ddof=1) / (~attack).sum()
    )
    areas = [roc_auc_score(attack, own["score"]) for own in (a, b)]
    assert (found.auc_a.value, found.auc_b.value) == pytest.approx(areas)
    assert (found.auc.difference.value, found.auc.difference.se) == pytest.approx((areas[1] - areas[0], se))
    plain = strict(found)["auc"]
    assert plain["z"] == pytest.approx((areas[1] - areas[0]) / se)
    assert plain["p_value"] == pytest.approx(2 * stats.norm.sf(abs(plain["z"])))


def test_the_alert_rate_is_of_all_samples_together():
    a = frame()
    b = rescored(a, up=0.1)
    found = compared(a, b, threshold=0.43)
    assert_is_paired(found.alerts, a["score"] >= 0.43, b["score"] >= 0.43)
    assert strict(found)["alert_rate"]["difference"]["value"] == pytest.approx(
        (b["score"] >= 0.43).mean() - (a["score"] >= 0.43).mean()
    )


def test_flips_are_the_samples_that_are_decided_differently_the_worse_first():
    a = frame()
    b = rescored(a, up=0.03)
    found = compared(a, b)
    both = a.assign(b=b["score"])[(a["score"] >= 0.5) != (b["score"] >= 0.5)]
    both = both.assign(
        worse=(both["b"] >= 0.5) != (both["label"] == "attack"), apart=(both["b"] - both["score"]).abs()
    )
    assert {(flip.sample_id, flip.a, flip.b, flip.worse, flip.label) for flip in found.flips} == {
        *zip(both["sample_id"], both["score"], both["b"], both["worse"], both["label"], strict=True)
    }
    assert {True, False} <= {flip.worse for flip in found.flips}
    order = [(not flip.worse, -abs(flip.b - flip.a), flip.sample_id) for flip in found.flips]
    assert order == sorted(order)
    types = a.set_index("sample_id")["attack_type"].dropna().to_dict()
    assert all(flip.attack_type == types.get(flip.sample_id) for flip in found.flips)
    shown = found.flip_frame()
    assert list(shown.columns) == ["sample_id", "label", "attack_type", "a", "b", "worse"]
    assert shown["sample_id"].tolist() == [flip.sample_id for flip in found.flips]
    first = found.flips[0]
    assert strict(found)["flips"][0] == {
        "sample_id": first.sample_id, "label": first.label, "attack_type": first.attack_type, "a": first.a,
        "b": first.b, "worse": True,
    }  # fmt: skip
    elsewhere = a["sample_id"][(a["score"] >= 0.3) != (b["score"] >= 0.3)]
    assert {flip.sample_id for flip in found.flips_at(0.3)} == {*elsewhere} != {*both["sample_id"]}
    assert found.flips_at(0.5) == found.flips


def test_the_shift_is_of_all_samples_and_of_each_class():
    a = frame()
    b = rescored(a, up=0.02)
    found = compared(a, b)
    for name, own in found.shift.by_class.items():
        kept = a["label"].isin(["bona_fide", "attack"] if name == "all" else [name])
        one, other = a["score"][kept], b["score"][kept]
        assert own.wasserstein == pytest.approx(stats.wasserstein_distance(one, other))
        assert own.ks == pytest.approx(stats.ks_2samp(one, other).statistic)
        assert own.quantiles[0.95] == pytest.approx((one.quantile(0.95), other.quantile(0.95)))
        assert (own.n_a, own.n_b) == (kept.sum(), kept.sum())
    assert list(found.shift.by_class) == ["all", "bona_fide", "attack"]
    change = b["score"] - a["score"]
    moves = found.shift.moves
    assert (moves.up, moves.down, moves.same) == ((change > 0).sum(), (change < 0).sum(), (change == 0).sum())
    assert moves.largest == change.abs().max()
    interval = stats.ttest_rel(b["score"], a["score"]).confidence_interval(0.95)
    assert (moves.mean.value, moves.mean.low, moves.mean.high) == pytest.approx((change.mean(), *interval))


@pytest.mark.parametrize("key", ["10", "20", "100"])
def test_bpcer_at_an_apcer_is_the_lowest_that_some_threshold_has(key):
    a = frame(200)
    b = rescored(a, noise=0.2)
    found = compared(a, b).bpcer_at_apcer[key]
    limit = 1 / int(key)

    def lowest(own, groups) -> float:
        kept = [
            (own["score"][own["label"] == "bona_fide"] >= at).mean()
            for at in own["score"]
            if all((own["score"][rows] < at).mean() <= limit for rows in groups)
        ]
        return min(kept)

    attack = a["label"] == "attack"
    types = [a["attack_type"] == name for name in ("mask", "swap", "replay")]
    pooled, worst = ([lowest(own, groups) for own in (a, b)] for groups in ([attack], types))
    assert (found.a.pooled.value, found.b.pooled.value) == pytest.approx(pooled)
    assert (found.a.worst_type.value, found.b.worst_type.value) == pytest.approx(worst)
    assert found.pooled.value == pytest.approx(pooled[1] - pooled[0])
    assert found.worst_type.value == pytest.approx(worst[1] - worst[0])
    assert found.pooled.reason == "an interval needs the bootstrap"


@pytest.mark.parametrize("paired", [True, False])
def test_the_intervals_of_reselected_differences_are_those_of_another_bootstrap(paired):
    a = frame(150)
    b = rescored(a, noise=0.15)
    if not paired:
        b = rescored(frame(150, seed=9), noise=0.15)
        b["sample_id"] = "other " + b["sample_id"]
    found = compared(a, b, bootstrap=1000).bpcer_at_apcer["10"]
    rng = np.random.default_rng(77)

    def bpcer10(own, rows) -> tuple[float, float]:
        """Of all attacks pooled, and where every type keeps the limit."""
        scores, kinds = own["score"].to_numpy()[rows], own["attack_type"].astype(object).to_numpy()[rows]
        attack = (own["label"] == "attack").to_numpy()[rows]
        groups = [scores[attack], *(scores[kinds == name] for name in ("mask", "swap", "replay"))]
        # a tenth of the attacks may be below
        allowed = [np.sort(group)[math.floor(0.1 * group.size + 1e-9)] for group in groups]
        return (scores[~attack] >= allowed[0]).mean(), (scores[~attack] >= min(allowed[1:])).mean()

    def draw(own):
        kinds = [np.flatnonzero(own["label"] == kind) for kind in ("bona_fide", "attack")]
        return np.concatenate([rng.choice(rows, rows.size) for rows in kinds])

    values = []
    for _ in range(1000):
        rows = draw(a)
        values.append(np.subtract(bpcer10(b, rows if paired else draw(b)), bpcer10(a, rows)))
    limits = np.quantile(values, [0.025, 0.975], axis=0)
    for estimate, expected in zip((found.pooled, found.worst_type), limits.T, strict=True):
        assert (estimate.low, estimate.high) == pytest.approx(expected, abs=0.04)
        assert (estimate.method, estimate.reason) == ("bootstrap-percentile", None)


def test_the_bootstrap_is_repeatable_and_may_be_left_to_the_number_of_samples():
    a = frame(40)
    b = rescored(a)
    one, other, third = (
        strict(compared(a, b, bootstrap=200, seed=seed))["bpcer_at_apcer"] for seed in (None, 0, 4)
    )
    assert one == other != third
    assert strict(compared(a, b, bootstrap=None))["bpcer_at_apcer"]["10"]["difference"]["low"] is not None


@pytest.mark.parametrize("alone", ["a", "b", "both"])
def test_subjects_and_not_samples_are_independent_where_a_run_names_them(alone):
    subjects = [f"p{i // 6}" for i in range(120)]
    own = frame()
    worse = np.isin(np.arange(120) // 6, [2, 5, 11, 17])
    after = own.assign(score=np.where(worse & (own["label"] == "bona_fide"), 0.9, own["score"]))
    a = own.assign(subject=subjects) if alone in ("a", "both") else own
    b = after.assign(subject=subjects) if alone in ("b", "both") else after
    b = b.sample(frac=1, random_state=3)
    found = compared(a, b)
    rates = found.at_threshold.bona_fide
    before, later = errors(own, 0.5, "bona_fide"), errors(after, 0.5, "bona_fide")
    totals = (later.astype(int) - before).groupby(np.arange(120)[before.index] // 6).sum()
    totals = totals[totals != 0].to_numpy()
    assert totals.size == 4
    signs = np.array(np.meshgrid(*[[-1, 1]] * 4)).reshape(4, -1)
    sums = np.abs(totals @ signs)
    assert rates.change.p_value == pytest.approx(
        (sums > totals.sum()).mean() + (sums == totals.sum()).mean() / 2
    )
    assert rates.change.test == "sign-flip-mid-p"
    assert (rates.n, rates.independent) == (72, 20)
    assert rates.change.p_value > 20 * mid_p(0, int(totals.sum())), "as if independent it would look surer"
    assert rates.a.method == "korn-graubard"
    assert found.shift.moves.mean.method == "t-clusters"
    change = (after["score"] - own["score"]).to_numpy()
    sums = [(change - change.mean())[np.arange(120) // 6 == g].sum() for g in range(20)]
    half = stats.t.ppf(0.975, 19) * math.sqrt(20 / 19 * np.square(sums).sum()) / 120
    assert found.shift.moves.mean.high == pytest.approx(change.mean() + half)
    assert "20 subjects" in overview.sentence(found)
    independent = compared(a, b, cluster="none").at_threshold.bona_fide
    assert independent.change.p_value == pytest.approx(mid_p(0, int(totals.sum())))


@pytest.mark.parametrize("blank", ["a", "b"])
def test_subjects_that_are_not_known_of_all_are_not_used_and_that_is_said(blank):
    own = frame()
    subjects = pd.Series([f"p{i // 6}" for i in range(120)], dtype=object).where(own.index >= 2)
    one, other = (
        part.assign(subject=subjects) if name == blank else part for name, part in (("a", own), ("b", own))
    )
    found = compared(one, rescored(other))
    assert len(found.warnings) == 1
    assert found.warnings[0].startswith("2 scored samples have no subject, so all are taken as independent")
    assert found.at_threshold.bona_fide.change.test == "mcnemar-mid-p"


def test_another_column_can_say_what_belongs_together():
    own = frame(device=[f"d{i // 10}" for i in range(120)])
    found = compared(own, rescored(own, up=0.05), cluster="device")
    assert found.at_threshold.bona_fide.independent == 12
    with pytest.raises(ValueError, match="there is no column 'gadget'"):
        compared(own, own, cluster="gadget")


# parts


def test_parts_are_compared_each_by_itself_and_holm_is_over_all_of_them():
    a = frame(300, site=np.resize(["x", "y", None], 300))
    b = rescored(a, up=0.05)
    found = compared(a, b, by=["region", "site"])
    p_values, adjusted = [], []
    for name in ("mask", "replay", "swap"):
        kept = a["attack_type"] == name
        part = found.attack_types[name]
        assert_is_paired(part.rates, errors(a[kept], 0.5, "attack"), errors(b[kept], 0.5, "attack"))
        p_values.append(part.rates.change.p_value)
        adjusted.append(part.p_holm)
        assert part.small == (kept.sum() < 30)
    assert list(found.attack_types) == ["mask", "replay", "swap"]
    for column, values in (("region", ["idn", "sgp"]), ("site", ["(missing)", "x", "y"])):
        assert list(found.slices[column]) == values
        for value, metrics in found.slices[column].items():
            kept = a[column].isna() if value == "(missing)" else a[column] == value
            for metric, kind in (("bpcer", "bona_fide"), ("apcer", "attack")):
                assert_is_paired(
                    metrics[metric].rates, errors(a[kept], 0.5, kind), errors(b[kept], 0.5, kind)
                )
                p_values.append(metrics[metric].rates.change.p_value)
                adjusted.append(metrics[metric].p_holm)
    assert len(p_values) == 13
    assert adjusted == pytest.approx(multipletests(p_values, method="holm")[1])
    plain = strict(found)
    assert plain["slices"]["site"]["x"]["bpcer"]["p_holm"] == found.slices["site"]["x"]["bpcer"].p_holm
    assert plain["attack_types"]["mask"]["difference"]["p_value"] == pytest.approx(p_values[0])


def test_a_part_without_samples_of_a_class_is_undefined_and_not_counted_by_holm():
    a = frame(60)
    a["site"] = np.where(a["label"] == "attack", "x", "y")
    b = rescored(a, up=0.1)
    found = compared(a, b, by=["site"])
    nothing = found.slices["site"]["x"]["bpcer"]
    assert nothing.rates.change.difference.reason == "no bona fide sample has a score in both"
    assert math.isnan(nothing.p_holm)
    assert nothing.small
    known = list(found.attack_types.values()) + [
        part for metrics in found.slices["site"].values() for part in metrics.values() if part.rates.n
    ]
    assert len(known) == 5
    assert [part.small for part in known] == [True, True, True, True, False], (
        "36 bona fide samples are not few"
    )
    expected = multipletests([part.rates.change.p_value for part in known], method="holm")[1]
    assert [part.p_holm for part in known] == pytest.approx(expected)
    assert strict(found)["slices"]["site"]["x"]["bpcer"]["p_holm"] is None


@pytest.mark.parametrize("side", ["a", "b"])
def test_a_column_of_one_run_slices_the_pairs_of_both(side):
    a = frame()
    b = rescored(a)
    site = np.resize(["x", "y"], 120)
    a, b = (a.assign(site=site), b) if side == "a" else (a, b.assign(site=site))
    found = compared(a, b, by=["site"]).slices["site"]["x"]["bpcer"].rates
    kept = site == "x"
    assert_is_paired(found, errors(a[kept], 0.5, "bona_fide"), errors(b[kept], 0.5, "bona_fide"))


def test_attacks_without_a_type_are_a_type_where_others_have_one():
    a = frame(100)
    a.loc[a["attack_type"] == "swap", "attack_type"] = None
    found = compared(a, rescored(a))
    assert list(found.attack_types) == ["mask", "replay", "unspecified"]


# non-inferiority and verdicts


def plain_run(*, blocked: int, missed: int, n: int = 1000) -> pd.DataFrame:
    """So many bona fide samples blocked and attacks missed at 0.5, the first ones of n each."""
    at = np.arange(n)
    return pd.DataFrame({
        "sample_id": [f"{kind}{i}" for kind in "ba" for i in range(n)],
        "label": np.repeat(["bona_fide", "attack"], n),
        "score": np.concatenate([np.where(at < blocked, 0.6, 0.2), np.where(at < missed, 0.4, 0.8)]),
    })  # fmt: skip


@pytest.mark.parametrize(
    ("blocked", "missed", "verdict"),
    [
        (50, 50, "identical"), (80, 50, "worse"), (50, 80, "worse"), (20, 50, "better"), (20, 20, "better"),
        (80, 20, "mixed"), (51, 49, "equivalent"), (80, 80, "worse"),
    ],
)  # fmt: skip
def test_the_verdict_is_what_became_of_the_error_rates(blocked, missed, verdict):
    found = compared(plain_run(blocked=50, missed=50), plain_run(blocked=blocked, missed=missed))
    assert found.verdict == strict(found)["verdict"] == verdict
    words = {
        "worse": "B is worse than A", "better": "B is better than A", "mixed": "in the other it is worse, or",
        "equivalent": "B is as good as A within 1 point", "identical": "the score that A gave it",
    }  # fmt: skip
    assert words[verdict] in overview.sentence(found)


@pytest.mark.parametrize(("margin", "verdict"), [(0.01, "better"), (0.005, "mixed")])
def test_a_rate_that_fell_is_no_gain_where_the_other_may_have_risen_by_more_than_the_margin(margin, verdict):
    a, b = plain_run(blocked=50, missed=50), plain_run(blocked=20, missed=54)
    found = compared(a, b, margin=margin)
    assert found.at_threshold.attack.change.p_value == 0.5**4, "which is not significant"
    assert 0.005 < tango_limit(0, 4, 1000, -1.6448536) < 0.01
    assert found.verdict == verdict


def test_too_few_samples_leave_the_verdict_open():
    a, b = plain_run(blocked=2, missed=2, n=40), plain_run(blocked=3, missed=2, n=40)
    found = compared(a, b)
    assert found.verdict == "inconclusive"
    assert "none can be ruled out" in overview.sentence(found)


def test_two_error_rates_are_two_chances_to_be_wrong():
    # 6 of 6 for the worse: mid-p 0.5^6 = 0.0156; with 5 it is 0.03125, which Holm makes 0.0625
    for more, verdict in ((6, "worse"), (5, "inconclusive")):
        found = compared(
            plain_run(blocked=50, missed=50), plain_run(blocked=50 + more, missed=50), margin=0.001
        )
        assert found.at_threshold.bona_fide.change.p_value == pytest.approx(0.5**more)
        assert found.verdict == verdict


@pytest.mark.parametrize(("more", "margin"), [(0, 0.01), (5, 0.01), (5, 0.02), (12, 0.012), (-20, 0.001)])
def test_non_inferiority_is_an_upper_limit_below_the_margin(more, margin):
    a, b = plain_run(blocked=50, missed=50), plain_run(blocked=50 + more, missed=50)
    found = compared(a, b, margin=margin).non_inferiority
    if more:
        upper = tango_limit(max(0, -more), max(0, more), 1000, -1.6448536)
    else:
        upper = 1.6448536**2 / (1000 + 1.6448536**2)
    assert found.bpcer_upper == pytest.approx(upper, abs=1e-6)
    assert found.bpcer is (upper < margin)
    assert found.apcer_upper == pytest.approx(1.6448536**2 / (1000 + 1.6448536**2), abs=1e-6)
    plain = found.to_dict()
    assert (plain["margin"], plain["bpcer"], plain["confidence"]) == (margin, found.bpcer, 0.95)


def test_one_class_alone_leaves_the_other_rate_unknown():
    own = frame(40)
    bona_fide = own[own["label"] == "bona_fide"]
    found = compared(bona_fide, rescored(bona_fide, up=0.1), bootstrap=20)
    assert found.non_inferiority.apcer is None
    assert found.at_threshold.attack.change.difference.reason == "no attack has a score in both"
    assert found.auc.difference.reason == "no attack has a score in both"
    plain = strict(found)
    assert plain["non_inferior"]["apcer"] is plain["non_inferior"]["apcer_upper"] is None
    assert plain["bpcer_at_apcer"]["10"]["difference"]["value"] is None
    assert plain["bpcer_at_apcer"]["10"]["pooled_difference"]["reason"] == "no attack has a score"


# thresholds


def test_each_run_is_decided_at_its_own_threshold_and_that_is_said():
    a = frame(threshold=0.4)
    b = rescored(a, threshold=0.6)
    found = compared(a, b)
    assert found.thresholds == (0.4, 0.6)
    assert_is_paired(found.at_threshold.attack, errors(a, 0.4, "attack"), errors(b, 0.6, "attack"))
    assert [own.source for own in (found.at_threshold.a, found.at_threshold.b)] == ["run", "run"]
    assert "the threshold in force is 0.40 in A and 0.60 in B" in found.comparability
    assert "At 0.40 in A and 0.60 in B" in overview.sentence(found)
    asked = compared(a, b, threshold=0.45)
    assert asked.thresholds == (0.45, 0.45)
    assert asked.comparability == ()
    assert asked.at_threshold.a.source == "requested"
    assert_is_paired(asked.at_threshold.attack, errors(a, 0.45, "attack"), errors(b, 0.45, "attack"))
    assert {flip.sample_id for flip in asked.flips} == {
        *a["sample_id"][(a["score"] >= 0.45) != (b["score"] >= 0.45)]
    }


@pytest.mark.parametrize(("seen", "words"), [([None], "no threshold"), ([0.3, 0.4], "several thresholds")])
@pytest.mark.parametrize("letters", ["AB", "BA"])
def test_a_default_is_not_called_the_threshold_in_force(seen, words, letters):
    a = frame(threshold=np.resize(np.array(seen, dtype=float), 120))
    b = rescored(a, threshold=0.6)
    found = compared(*((a, b) if letters == "AB" else (b, a)))
    assert sorted(found.thresholds) == [0.5, 0.6]
    one, other = letters
    assert found.comparability[0] == (
        f"{one} names {words}, so the default 0.50 is taken; the threshold in force in {other} is 0.60"
    )


def test_scores_on_any_scale_are_decided_at_a_threshold_on_it():
    a = frame().assign(score=lambda own: 10 * own["score"])
    one, other = (table(own, score_range="any") for own in (a, a.assign(score=a["score"] + 1)))
    found = compare(one, other, threshold=2.5, bootstrap=0)
    assert_is_paired(found.at_threshold.attack, errors(a, 2.5, "attack"), errors(a, 1.5, "attack"))


def test_answers_that_name_several_thresholds_are_decided_at_a_half():
    a = frame(threshold=np.resize([0.4, 0.6], 120))
    found = compared(a, rescored(a, threshold=0.5))
    assert found.thresholds == (0.5, 0.5)
    assert "the answers of frame name several thresholds; 0.5 is used" in found.comparability
    assert compared(a, rescored(a, threshold=0.5), threshold=0.4).comparability == ()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"margin": 0}, "margin is 0; expected a share"), ({"margin": 1.0}, "margin is 1.0"),
        ({"threshold": math.nan}, "threshold is nan; expected a finite number"),
        ({"threshold": math.inf}, "threshold is inf"),
        ({"threshold": 1.01}, r"threshold is 1\.01; expected a number in \[0, 1\]"),
        ({"threshold": -0.2}, r"threshold is -0\.2"), ({"bootstrap": -1}, "bootstrap is -1"),
        ({"confidence": 95}, "expected a number between 0 and 1"), ({"by": ["nowhere"]}, "no column 'nowhere'"),
        ({"by": ["sample_id"]}, "column 'sample_id' has 600 different values"),
    ],
)  # fmt: skip
def test_options_out_of_range_are_refused(options, message):
    own = frame(600)
    with pytest.raises(ValueError, match=message):
        compared(own, own, **options)


# what keeps runs from being compared like with like


def test_a_different_dataset_is_said_first():
    a, b = frame(), frame(100).assign(threshold=0.6)
    one = table(a).with_provenance(dataset_digest="d1", dataset_name="faces", run={"exit": 3})
    other = table(b).with_provenance(dataset_digest="d2", dataset_name="faces, new")
    found = compare(one, other, bootstrap=0)
    assert found.comparability[0].startswith("the runs scored different datasets (faces and faces, new;")
    assert len(found.comparability) > 2
    assert strict(found)["same_dataset"] is False
    assert f"Note: {found.comparability[0]}." in found._repr_html_()


@pytest.mark.parametrize(("digests", "same"), [(("d", "d"), True), (("d", None), None), ((None, None), None)])
def test_the_same_dataset_or_one_that_is_not_known_is_no_remark(digests, same):
    a, b = (table(frame()).with_provenance(dataset_digest=own) for own in digests)
    found = compare(a, b, bootstrap=0)
    assert (strict(found)["same_dataset"], found.comparability) == (same, ())


def test_samples_of_one_run_only_are_left_out_and_counted():
    a, b = frame(), frame().iloc[20:110]
    found = compared(a, rescored(b))
    assert found.comparability == ("90 samples are in both runs; 30 only in A and 0 only in B are left out",)
    assert (found.n, strict(found)["only_in_a"], strict(found)["only_in_b"]) == (90, 30, 0)
    kept = a.iloc[20:110]
    assert found.at_threshold.bona_fide.n == (kept["label"] == "bona_fide").sum()


def test_samples_with_another_label_are_left_out_and_named():
    a = frame()
    b = a.assign(label=np.where(np.arange(120) < 4, "attack", a["label"]))
    found = compared(a, b)
    assert any(
        "2 samples have another label in B than in A and are left out" in own for own in found.comparability
    )
    assert found.n == 118
    assert found.verdict != "identical"


def test_attacks_of_another_type_count_under_the_type_of_a():
    a = frame()
    attack = np.flatnonzero(a["label"] == "attack")[:3]
    b = a.copy()
    b.loc[attack, "attack_type"] = "new"
    found = compared(a, b)
    assert found.comparability == ("3 attacks have another attack type in B; A's is used",)
    assert list(found.attack_types) == ["mask", "replay", "swap"]


def test_a_run_that_ended_early_is_said_to_be_incomplete():
    a = frame()
    b = rescored(a)
    b.loc[:5, "score"] = None
    found = compare(table(a), table(b).with_provenance(run={"exit": 5}), bootstrap=0)
    assert found.comparability[-1] == (
        "frame is not complete (95.0% of the samples have a score): the run ended with exit code 5"
    )
    assert found.comparability[0].startswith("no response rose by 5 points")
    assert found.n == 114
    assert {flip.sample_id for flip in found.flips_at(0.3)}.isdisjoint(a["sample_id"][:6])


def test_repeated_rows_are_counted_once_and_that_is_said():
    own = frame(sha256=[f"c{i}" for i in range(120)])
    found = compared(pd.concat([own, own.iloc[:7]]), own)
    assert found.n == 120
    assert any("7 rows repeat a content" in said for said in found.comparability)


# different samples


def apart(a: pd.DataFrame, *, seed: int = 8, common: int = 0, n: int = 150) -> pd.DataFrame:
    """Other samples, of which so many are also in A."""
    b = frame(n, seed=seed)
    b["sample_id"] = [*a["sample_id"][:common], *(f"other {i}" for i in range(n - common))]
    b.loc[: common - 1, ["label", "attack_type"]] = a.loc[: common - 1, ["label", "attack_type"]]
    return b


@pytest.mark.parametrize("common", [0, 40, 59])
def test_runs_with_less_than_half_in_common_are_compared_as_independent_and_that_is_said(common):
    a = frame()
    b = apart(a, common=common)
    found = compared(a, b, by=["region"])
    said = f"only {common} of 120 and 150 samples are in both runs" if common else "no sample is in both runs"
    assert found.comparability[0].startswith(f"{said}: the runs are compared as independent samples")
    assert (found.paired, found.flips, found.shift.moves, found.noise) == (False, (), None, None)
    assert found.flips_at(0.3) == ()
    assert "of different samples, taken as independent" in overview.sentence(found)
    rates = found.at_threshold.bona_fide
    before, after = errors(a, 0.5, "bona_fide"), errors(b, 0.5, "bona_fide")
    assert_is_rate(rates.a, before)
    assert_is_rate(rates.b, after)
    expected = score_test_of_statsmodels(
        after.sum(), len(after), before.sum(), len(before), compare="diff", method="score", correction=True
    )
    assert rates.change.p_value == pytest.approx(expected.pvalue)
    assert rates.change.difference.value == pytest.approx(after.mean() - before.mean())
    assert rates.change.difference.low < rates.lower < rates.change.difference.value < rates.upper
    assert (rates.a_only, rates.b_only, rates.independent) == (None, None, min(len(before), len(after)))
    attack_a, attack_b = a["label"] == "attack", b["label"] == "attack"
    areas = roc_auc_score(attack_a, a["score"]), roc_auc_score(attack_b, b["score"])
    assert found.auc.difference.value == pytest.approx(areas[1] - areas[0])
    assert found.auc.difference.se == pytest.approx(math.hypot(found.auc_a.se, found.auc_b.se))
    part = found.slices["region"]["sgp"]["apcer"].rates
    assert part.b.value == pytest.approx(errors(b[b["region"] == "sgp"], 0.5, "attack").mean())
    assert found.shift.by_class["attack"].ks == pytest.approx(
        stats.ks_2samp(a["score"][attack_a], b["score"][attack_b]).statistic
    )
    plain = strict(found)
    assert plain["at_current_threshold"]["mcnemar"]["attack"]["a_only"] is None
    assert plain["score_shift"]["moves"] is plain["stability"] is None


def test_tables_without_contents_and_ids_cannot_be_matched_and_that_is_said():
    own = frame().drop(columns="sample_id")
    found = compared(own, own)
    assert found.comparability[0].startswith("the tables have neither sha256 nor sample_id in common")
    assert not found.paired
    assert found.verdict == "inconclusive"


def test_different_samples_of_the_same_subjects_are_not_independent_and_that_is_said():
    a = frame(subject=[f"p{i // 3}" for i in range(120)])
    b = apart(a).assign(subject=[f"p{30 + i // 3}" for i in range(150)])
    found = compared(a, b)
    assert not found.paired
    assert len(found.warnings) == 1
    assert "10 subjects are in both runs" in found.warnings[0]
    assert found.at_threshold.bona_fide.independent == 40
    assert found.auc_a.method == "delong-clustered-logit-t"
    plain = compared(a, b, cluster="none")
    assert plain.warnings == ()
    assert plain.at_threshold.bona_fide.independent == 72


def test_different_samples_of_several_a_subject_count_for_as_many_as_tell_as_much():
    a = frame(subject=[f"p{i // 6}" for i in range(120)])
    b = apart(a).assign(subject=[f"q{i // 10}" for i in range(150)])
    # whole subjects are blocked or not
    a["score"] = np.where(np.arange(120) // 6 % 7 == 1, 0.8, 0.2)
    b["score"] = np.where(np.arange(150) // 10 % 3 == 1, 0.8, 0.2)
    counts = []
    for own in (a, b):
        part = own[own["label"] == "bona_fide"]
        wrong = part["score"] >= 0.5
        n, groups = len(part), part["subject"].nunique()
        sums = (wrong - wrong.mean()).groupby(part["subject"]).sum()
        effect = groups / (groups - 1) * (sums**2).sum() / (n * wrong.var(ddof=0))
        assert effect > 3
        ratio = stats.t.ppf(0.975, n - 1) / stats.t.ppf(0.975, groups - 1)
        counts.append((wrong.mean() * n / effect * ratio**2, n / effect * ratio**2))
    expected = score_test_of_statsmodels(
        *counts[1], *counts[0], compare="diff", method="score", correction=True
    )
    found = compared(a, b).at_threshold.bona_fide
    assert found.change.p_value == pytest.approx(expected.pvalue)
    assert (found.a_only, found.independent) == (None, 15)


# without labels


def unlabelled(own: pd.DataFrame) -> pd.DataFrame:
    return own.drop(columns=["label", "attack_type"])


def test_without_labels_only_the_shift_and_the_alert_rate_are_told(tmp_path):
    a = frame()
    b = rescored(a, up=0.1)
    for own, name in ((a, "a"), (b, "b")):
        unlabelled(own).to_csv(tmp_path / f"{name}.csv", index=False)
    one, other = (read_scores(tmp_path / f"{name}.csv", require_labels=False) for name in "ab")
    found = compare(one, other, by=["region"])
    assert (found.labelled, found.verdict) == (False, "unlabelled")
    assert_is_paired(found.alerts, a["score"] >= 0.5, b["score"] >= 0.5)
    assert list(found.shift.by_class) == list(found.no_response) == ["all"]
    assert found.shift.by_class["all"].ks == pytest.approx(stats.ks_2samp(a["score"], b["score"]).statistic)
    plain = strict(found)
    for name in ("auc", "at_current_threshold", "non_inferior"):
        assert plain[name] is None
    for name in ("bpcer_at_apcer", "attack_types", "slices"):
        assert plain[name] == {}
    flipped = a["sample_id"][(a["score"] >= 0.5) != (b["score"] >= 0.5)]
    assert {flip.sample_id for flip in found.flips} == {*flipped}
    assert {(flip.worse, flip.label) for flip in found.flips} == {(None, None)}
    assert found.comparability[0].startswith(
        f"there are no labels in {tmp_path / 'a.csv'}: only the score shift"
    )
    assert found.warnings == ("without labels nothing is compared by column",)
    assert "without labels it cannot be told" in overview.sentence(found).lower()
    assert "alert rate" in found._repr_html_()


@pytest.mark.parametrize("missing", ["a", "b"])
def test_labels_of_one_run_alone_are_not_used(missing):
    own = frame()
    one, other = (
        table(unlabelled(part) if missing == name else part, require_labels=False, source=name)
        for name, part in (("a", own), ("b", rescored(own, up=0.1)))
    )
    found = compare(one, other)
    assert found.verdict == "unlabelled"
    assert any(said.startswith(f"there are no labels in {missing}:") for said in found.comparability)
    assert found.alerts.n == 120


def test_identical_runs_are_identical_without_labels_too():
    own = table(unlabelled(frame()), require_labels=False)
    assert compare(own, own).verdict == "identical"


def test_different_samples_without_labels_have_alert_rates_to_compare():
    a = frame()
    one, other = (table(unlabelled(own), require_labels=False) for own in (a, apart(a)))
    found = compare(one, other)
    assert not found.paired
    expected = score_test_of_statsmodels(
        (other.scores >= 0.5).sum(), 150, (one.scores >= 0.5).sum(), 120, compare="diff", method="score",
        correction=True,
    )  # fmt: skip
    assert found.alerts.change.p_value == pytest.approx(expected.pvalue)
    strict(found)


def test_a_table_without_labels_cannot_be_evaluated_and_says_so(tmp_path):
    unlabelled(frame()).to_csv(tmp_path / "production.csv", index=False)
    own = read_scores(tmp_path / "production.csv", require_labels=False)
    with pytest.raises(ScoresError, match=r"production\.csv: there is no column 'label'; .* only compare"):
        evaluate(own)
    with pytest.raises(ScoresError, match="there is no column 'label'"):
        read_scores(tmp_path / "production.csv")


# the service


def test_samples_without_a_score_are_compared_as_pairs():
    a = frame(60, outcome="scored")
    b = a.copy()
    a.loc[[0, 3], ["score", "outcome"]] = [None, "no_response"]
    b.loc[[0, 5, 6, 7, 10, 11, 12], ["score", "outcome"]] = [None, "no_response"]
    b.loc[[20, 21], ["score", "outcome"]] = [None, "not_sent"]
    found = compared(a, b)
    silent = found.no_response["all"]
    assert (silent.a_only, silent.b_only) == (1, 6)
    assert (silent.a.value, silent.b.value) == (2 / 60, 7 / 58)
    assert silent.change.difference.value == pytest.approx(5 / 58), "of the pairs that both runs sent"
    assert silent.change.p_value == pytest.approx(mid_p(1, 6))
    bona_fide, attack = found.no_response["bona_fide"], found.no_response["attack"]
    assert (bona_fide.a_only, bona_fide.b_only) == (1, 2)  # row 3; rows 7 and 12
    assert (attack.a_only, attack.b_only) == (0, 4)  # rows 5, 6, 10 and 11
    assert found.n == 60 - 8 - 2
    assert strict(found)["no_response"]["all"]["difference"]["p_value"] == pytest.approx(mid_p(1, 6))
    alone = compared(a, apart(a)).no_response["all"]
    assert (alone.change, alone.a_only, alone.b_only) == (None, None, None)


def test_samples_of_one_subject_that_all_fall_silent_are_one_event():
    a = frame(60, subject=[f"p{i // 6}" for i in range(60)])
    b = a.copy()
    b.loc[12:17, "score"] = None
    found = compared(a, b).no_response["all"].change
    assert found.p_value == 0.5
    assert compared(a, b, cluster="none").no_response["all"].change.p_value == pytest.approx(0.5**6)


def test_latency_is_compared_by_quantiles_with_exact_limits():
    rng = np.random.default_rng(4)
    a = frame(time_used_ms=rng.integers(50, 500, 120), round_trip_ms=rng.integers(80, 900, 120))
    b = rescored(a, time_used_ms=rng.integers(60, 700, 120))
    b["round_trip_ms"] = None
    found = compared(a, b)
    assert list(found.latency) == ["time_used"], "both runs must say it"
    for own, side in ((a, found.latency["time_used"].a), (b, found.latency["time_used"].b)):
        ascending = np.sort(own["time_used_ms"])
        for name, share in (("median", 0.5), ("p95", 0.95), ("p99", 0.99)):
            assert side[name].value == pytest.approx(ascending[math.ceil(round(120 * share, 9)) - 1])
        # of 120 values 50 to 71 are the ranks between which a median lies with 95%
        ranks = [rank for rank in range(1, 121) if stats.binom.cdf(rank - 1, 120, 0.5) <= 0.025]
        assert (side["median"].low, side["median"].high) == (
            ascending[max(ranks) - 1],
            ascending[-max(ranks)],
        )
    plain = strict(found)["latency"]["time_used"]
    assert plain["b"]["p99"]["high"] is None
    assert plain["b"]["p99"]["reason"] == "too few values for both limits"


# asking again


def asked_again(own: ScoreTable, *repeats: tuple[str, float | None]) -> ScoreTable:
    again = pd.DataFrame(repeats, columns=["sha256", "score"]).assign(
        sample_id="s", replicate=1, outcome="scored", threshold=0.5
    )
    return replace(own, replicates=again)


def test_changes_are_held_against_those_of_asking_again():
    own = pd.DataFrame({
        "sample_id": [*"uvwxyz"], "sha256": [f"c{i}" for i in range(6)], "label": ["real", "fake"] * 3,
        "score": [0.25, 0.75, 0.375, 0.875, 0.4375, 0.625],
    })  # fmt: skip
    after = own.assign(score=[0.25, 0.625, 0.1875, 0.75, 0.5, 0.25])  # 0, 0.125, 0.1875, 0.125, 0.0625, 0.375
    a = asked_again(
        table(own), ("c0", 0.25), ("c0", 0.25), ("c1", 0.75), ("c1", 0.625), ("c2", 0.375), ("c3", None),
        ("c3", 0.5),
    )  # fmt: skip
    b = asked_again(table(after), ("c4", 0.5), ("c4", 0.4375), ("c4", 0.46875))
    found = compare(a, b, bootstrap=0)
    assert found.noise.to_dict() == {
        "a": {"contents": 2, "changed": 1, "flipped": 0, "largest": 0.125},
        "b": {"contents": 1, "changed": 1, "flipped": 1, "largest": 0.0625},
        "pairs": 6, "changed": 5, "beyond_replicates": 2, "flips_beyond_replicates": 1,
    }  # fmt: skip
    assert strict(found)["stability"]["beyond_replicates"] == 2
    assert [flip.sample_id for flip in found.flips] == ["z", "y"]
    alone = compare(table(own), b, bootstrap=0).noise
    assert (alone.a, alone.beyond) == (None, 4)
    assert compare(table(own), table(after), bootstrap=0).noise is None
    assert "beyond that noise" in found._repr_html_()


def test_contents_asked_once_tell_nothing_of_noise():
    a = table(frame(sha256=[f"c{i}" for i in range(120)]))
    assert compare(asked_again(a, ("c0", 0.5), ("c1", 0.5)), a, bootstrap=0).noise is None


# degenerate and hostile


def test_without_a_score_in_both_there_is_nothing_to_compare():
    a = frame(20)
    b = rescored(a)
    blank = a.assign(score=np.nan)
    crossed = a.assign(score=a["score"].where(a.index < 10)), b.assign(score=b["score"].where(b.index >= 10))
    for one, other in ((blank, b), (a, blank), (blank, blank), crossed):
        with pytest.raises(NothingToEvaluate, match="frame and frame: no sample has a score in both"):
            compared(one, other)
    with pytest.raises(NothingToEvaluate, match="one of them has no scored sample"):
        compared(blank, apart(a))
    with pytest.raises(NothingToEvaluate, match="one of them has no scored sample"):
        compared(a.iloc[:0], a)


DEGENERATE = {
    "one sample": lambda own: own.iloc[:1],
    "one of each class": lambda own: own.iloc[[0, 4]],
    "attacks only": lambda own: own[own["label"] == "attack"],
    "bona fide only": lambda own: own[own["label"] == "bona_fide"],
    "one attack": lambda own: own[(own["label"] == "bona_fide") | (own.index == 0)],
    "every score the same": lambda own: own.assign(score=0.5),
    "separated": lambda own: own.assign(score=np.where(own["label"] == "attack", 0.9, 0.1)),
    "separated the wrong way": lambda own: own.assign(score=np.where(own["label"] == "attack", 0.1, 0.9)),
    "one scored": lambda own: own.assign(score=own["score"].where(own.index == 2)),
    "no types": lambda own: own.drop(columns="attack_type"),
    "one subject": lambda own: own.assign(subject="p"),
    "two subjects": lambda own: own.assign(subject=np.resize(["p", "q"], len(own))),
    "a subject a class": lambda own: own.assign(subject=own["label"]),
    "long names": lambda own: own.assign(attack_type=own["attack_type"].str.cat(["x" * 300] * len(own)),
                                         region="r" * 300, sample_id=own["sample_id"].str.cat(["y" * 300] * len(own))),
    "hostile names": lambda own: own.assign(
        attack_type=np.where(own["label"] == "attack", np.resize(HOSTILE, len(own)), None),
        region=np.resize(HOSTILE[::-1], len(own)), sample_id=own["sample_id"] + np.resize(HOSTILE, len(own))),
}  # fmt: skip


@pytest.mark.parametrize("case", DEGENERATE)
@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("moved", [True, False])
def test_degenerate_runs_are_strict_json_and_plain_tables(case, paired, moved):
    own = DEGENERATE[case](frame(50))
    other = own.assign(score=1 - own["score"]) if moved else own
    if not paired:
        other = other.assign(sample_id="b " + other["sample_id"])
    found = compared(own, other, by=["region"], bootstrap=10)
    plain = strict(found)
    assert plain["schema"] == "finauth-eval/comparison/1"
    assert plain["paired"] == paired
    assert found.verdict in {"identical", "better", "worse", "mixed", "equivalent", "inconclusive"}
    assert (found.verdict == "identical") == (paired and (not moved or case == "every score the same"))
    shown = found._repr_html_()
    assert len(shown.encode()) < 60_000
    assert all(len(row) == len(own.header) for own in overview.tables(found) for row in own.rows)
    for flip in plain["flips"]:
        assert 0 <= flip["a"] <= 1
        assert isinstance(flip["worse"], bool)


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.seen.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_ten_thousand_flips_of_hostile_names_are_a_small_and_safe_page():
    n = 10_000
    names = [f"{HOSTILE[i % len(HOSTILE)]} {i}" for i in range(n)]
    own = pd.DataFrame({
        "sample_id": names, "label": np.resize(["real", "fake"], n), "score": np.resize([0.1, 0.9], n),
        "attack_type": np.resize(HOSTILE, n), "region": np.resize(HOSTILE, n),
    })  # fmt: skip
    found = compared(own, own.assign(score=1 - own["score"]), by=["region"])
    assert len(found.flips) == n
    shown = found._repr_html_()
    assert len(shown.encode()) < 60_000
    tags = Tags()
    tags.feed(shown)
    tags.close()
    assert not tags.open
    assert tags.seen <= {
        "div",
        "p",
        "table",
        "caption",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "details",
        "summary",
        "bdi",
    }
    assert tags.attributes == {"scope"}
    assert "\u202e" not in shown
    assert "Flipped decisions, the first 20 of 10,000" in shown
    assert len(strict(found)["flips"]) == n


def test_a_notebook_shows_the_whole_sentence_and_every_note():
    a = plain_run(blocked=200, missed=300, n=6000).assign(threshold=0.5123)
    b = plain_run(blocked=350, missed=200, n=6000).assign(threshold=0.6)
    a["subject"] = [f"p{i // 3}" for i in range(12_000)]
    found = compared(a.iloc[3:], b)
    shown = html.unescape(found._repr_html_())
    assert overview.sentence(found) in shown
    assert len(found.comparability) == 2
    assert all(note in shown for note in found.comparability)


def test_the_tables_have_the_numbers():
    a = frame(time_used_ms=np.arange(120))
    b = rescored(a, up=0.05, time_used_ms=np.arange(120) + 50)
    found = compared(a, b, by=["region"])
    tables = {own.caption.split(",")[0].split(";")[0]: own for own in overview.tables(found)}
    main = {row[0]: row for row in tables["Error rates. At 0.50"].rows}
    rates = found.at_threshold.bona_fide
    assert main["BPCER"][1].startswith(f"{100 * errors(a, 0.5, 'bona_fide').mean():.1f}%")
    assert main["BPCER"][-2:] == (str(rates.a_only), str(rates.b_only))
    assert main["AUC"][1].startswith(f"{roc_auc_score(a['label'] == 'attack', a['score']):.3f}")
    assert set(main) >= {"APCER, pooled", "APCER, worst type"}
    assert [row[0] for row in tables["APCER by attack type"].rows] == ["mask", "replay", "swap"]
    assert [row[:2] for row in tables["By region"].rows] == [
        ("idn", "BPCER"), ("idn", "APCER"), ("sgp", "BPCER"), ("sgp", "APCER")
    ]  # fmt: skip
    assert len(tables["Flipped decisions"].rows) == min(20, len(found.flips))
    assert [row[0] for row in tables["Score shift"].rows] == ["all", "bona fide", "attack"]
    service = {row[0]: row[1:] for row in tables["No response and latency"].rows}
    assert service["time used, median"][0].startswith("59 ms (")
    shown = found._repr_html_()
    assert all(own.caption.split(";")[0] in shown for own in overview.tables(found))


# exchanged runs, for a gate's false alarms


def test_exchanging_pairs_at_random_keeps_each_sample_its_two_scores():
    own = frame(subject=[f"p{i // 4}" for i in range(120)])
    moved = own["score"] * np.linspace(0.5, 0.9, 120)
    evidence = compared(own, own.assign(score=moved), cluster="none", threshold=0.5).evidence
    mixed, _ = evidence.exchanged(np.random.default_rng(1))
    swapped = mixed.a.arrays.scores != evidence.a.arrays.scores
    assert 40 < swapped.sum() < 80
    np.testing.assert_array_equal(mixed.a.arrays.scores, np.where(swapped, moved, own["score"]))
    np.testing.assert_array_equal(mixed.b.arrays.scores, np.where(swapped, own["score"], moved))
    by_subject = compared(own, own.assign(score=moved)).evidence
    whole = by_subject.exchanged(np.random.default_rng(1))[0].a.arrays.scores != own["score"].to_numpy()
    assert {len({*group}) for group in whole.reshape(30, 4)} == {1}, "a subject's samples go together"
    assert 5 < whole.reshape(30, 4)[:, 0].sum() < 25


@pytest.mark.parametrize("clusters", [False, True])
def test_dealing_out_different_samples_anew_keeps_the_size_of_each_class(clusters):
    a = frame()
    b = apart(a)
    if clusters:
        a, b = (own.assign(subject=[f"{i % 5 < 2}{i // 10}" for i in range(len(own))]) for own in (a, b))
        b["subject"] = "b" + b["subject"]
    evidence = compared(a, b).evidence
    assert isinstance(evidence, Unpaired)
    for seed in range(5):
        dealt, _ = evidence.exchanged(np.random.default_rng(seed))
        pooled = sorted([*a["score"], *b["score"]])
        assert sorted([*dealt.a.arrays.scores, *dealt.b.arrays.scores]) == pooled
        for before, after in ((evidence.a, dealt.a), (evidence.b, dealt.b)):
            assert after.arrays.scores.tolist() != before.arrays.scores.tolist()
            for attack in (False, True):
                one, other = (own.arrays.is_attack == attack for own in (before, after))
                if clusters:
                    assert np.unique(after.clusters[other]).size == np.unique(before.clusters[one]).size
                else:
                    assert other.sum() == one.sum()
        types = dict.fromkeys(("mask", "swap", "replay"), 0)
        for side in (dealt.a, dealt.b):
            for code in side.arrays.type_codes[side.arrays.is_attack]:
                types[side.arrays.types[code]] += 1
        assert types == pd.concat([a, b])["attack_type"].value_counts().to_dict()


@pytest.mark.parametrize("clusters", [False, True])
def test_samples_that_are_dealt_out_take_their_part_with_them(clusters):
    a, b = frame(), apart(frame())
    if clusters:
        a, b = (own.assign(subject=[f"{i // 7}" for i in range(len(own))]) for own in (a, b))
        b["subject"] = "b" + b["subject"]
    evidence = compared(a, b).evidence
    high = {("score", "high"): tuple(own.arrays.scores > 0.6 for own in (evidence.a, evidence.b))}
    for seed in range(5):
        dealt, parts = evidence.exchanged(np.random.default_rng(seed), high)
        for own, inside in zip((dealt.a, dealt.b), parts["score", "high"], strict=True):
            np.testing.assert_array_equal(inside, own.arrays.scores > 0.6)


# what was once said wrongly


def test_a_run_that_lost_nearly_every_answer_is_not_identical():
    a = frame()
    found = compared(a, a.assign(score=a["score"].where(a.index < 3)))
    assert found.no_response["all"].b_only == 117
    assert found.verdict != "identical"


def test_a_run_that_stopped_before_most_samples_is_not_identical():
    a = frame()
    later = a.index >= 3
    stopped = a.assign(score=a["score"].mask(later), outcome=np.where(later, "not_sent", "scored"))
    assert compared(a, stopped).verdict != "identical"


def test_a_run_with_half_of_the_samples_is_not_identical():
    a = frame()
    assert compared(a, a.iloc[:60]).verdict != "identical"


def test_equal_scores_that_are_decided_differently_are_not_identical():
    a = frame(threshold=0.5)
    found = compared(a, a.assign(threshold=0.7))
    assert found.flips
    assert found.at_threshold.attack.change.p_value < 0.01
    assert found.verdict in {"mixed", "worse"}


def test_of_samples_with_another_label_it_is_not_said_that_one_run_lacks_them():
    a = frame()
    found = compared(a, a.assign(label=np.where(np.arange(120) < 4, "attack", a["label"])))
    assert not any("only in A" in said for said in found.comparability)


def test_of_identical_runs_that_repeat_a_content_it_is_not_said_that_one_lacks_it():
    own = frame(sha256=[f"c{i // 2}" if i > 117 else f"c{i + 200}" for i in range(120)])
    own.loc[119, ["label", "attack_type"]] = own.loc[118, ["label", "attack_type"]].to_numpy()
    found = compared(own, own)
    assert not any("only in A" in said for said in found.comparability)


def test_different_samples_of_which_one_run_names_subjects_are_doubtful():
    a = frame(subject=[f"p{i // 6}" for i in range(120)])
    assert compared(a, apart(a)).warnings


def test_a_change_as_large_as_that_of_asking_again_is_not_beyond_it():
    own = pd.DataFrame(
        {"sample_id": [*"xy"], "sha256": ["c0", "c1"], "label": ["real", "fake"], "score": [0.2, 0.9]}
    )
    a = asked_again(table(own), ("c1", 0.1), ("c1", 0.3))
    assert compare(a, table(own.assign(score=[0.4, 0.9])), bootstrap=0).noise.beyond == 0


def test_a_half_that_is_used_for_want_of_one_threshold_is_the_default():
    a = frame(threshold=np.resize([0.5, 0.7], 120))
    assert compared(a, a).at_threshold.a.source == "default"


def test_flips_are_neither_better_nor_worse_without_labels_in_both():
    a = frame()
    found = compare(table(a), table(unlabelled(rescored(a, up=0.1)), require_labels=False))
    assert found.flips
    assert {flip.worse for flip in found.flips} == {None}


def test_two_subjects_in_each_run_are_no_certainty():
    a = frame(8, subject=["p", "q"] * 4)
    b = apart(a, n=8).assign(subject=["r", "s"] * 4, score=[0.9, 0.1] * 4)
    a["score"] = [0.1, 0.9, 0.1, 0.1, 0.9, 0.1, 0.1, 0.1]
    found = compared(a, b).at_threshold.bona_fide.change
    assert found.p_value > 0.05
    assert found.difference.high - found.difference.low > 0.5


def test_of_a_handful_of_subjects_a_run_the_areas_differ_by_welchs_t():
    a = frame(40, subject=[f"p{i // 10}" for i in range(40)])
    b = apart(a, n=60).assign(subject=[f"q{i // 10}" for i in range(60)])
    found = compared(a, b)
    one, other, auc = found.auc_a, found.auc_b, found.auc
    welch = stats.ttest_ind_from_stats(
        other.value, other.se * math.sqrt(6), 6, one.value, one.se * math.sqrt(4), 4, equal_var=False
    )
    assert (auc.z, auc.p_value) == pytest.approx((welch.statistic, welch.pvalue))
    plain = compared(a, b, cluster="none").auc
    assert plain.p_value == pytest.approx(2 * stats.norm.sf(abs(plain.z)))


# silence


def silent(own: pd.DataFrame, where) -> pd.DataFrame:
    return own.assign(score=own["score"].mask(where))


def wrong(own: pd.DataFrame) -> pd.Series:
    return (own["score"] >= 0.5) != (own["label"] == "attack")


def test_a_run_that_is_silent_where_the_other_was_wrong_is_not_as_good_and_that_is_said():
    a = plain_run(blocked=100, missed=100)
    b = silent(a, wrong(a)).assign(score=lambda own: own["score"].where(a.index != 500, 0.21))
    found = compared(a, b)
    assert found.no_response["all"].b_only == 200
    assert found.verdict == strict(found)["verdict"] == "inconclusive"
    [note] = found.comparability
    assert note == (
        "no response rose by 10 points (p < 0.001): B has no score for 200 samples that A scored, 200 of which A decided"
        " wrong; the error rates leave them out, so B is called neither better than A nor equivalent"
    )
    assert "o difference of the error rates is shown, but B more often gives no score" in overview.sentence(
        found
    )


def test_a_run_that_was_silent_where_the_other_is_wrong_is_told_with_numbers():
    b = plain_run(blocked=100, missed=100)
    a = silent(b, wrong(b)).assign(score=lambda own: own["score"].where(b.index != 500, 0.21))
    found = compared(a, b)
    assert found.verdict == "equivalent"
    [note] = found.comparability
    assert note == (
        "no response fell by 10 points (p < 0.001): A has no score for 200 samples that B scored, 200 of which B decided"
        " wrong; the error rates leave them out"
    )


@pytest.mark.parametrize(
    ("blocked", "missed", "talking", "verdict"),
    [
        (20, 50, "better", "mixed"), (51, 50, "equivalent", "inconclusive"), (80, 50, "worse", "worse"),
        (80, 20, "mixed", "mixed"),
    ],
)  # fmt: skip
def test_silence_takes_back_what_is_good_and_nothing_that_is_bad(blocked, missed, talking, verdict):
    a, b = plain_run(blocked=50, missed=50), plain_run(blocked=blocked, missed=missed)
    assert compared(a, b).verdict == talking
    assert compared(a, b).comparability == ()
    found = compared(a, silent(b, (b.index >= 1100) & (b.index < 1110)))  # attacks that both are right about
    assert found.verdict == verdict
    assert "10 samples that A scored, 0 of which A decided wrong" in found.comparability[0]
    assert found.held_back == (talking in ("better", "equivalent"))
    told = "B is better than A in an error rate, but more often gives no score" in overview.sentence(found)
    assert told == (talking == "better")
    if talking == "mixed":  # what rose surely is not hidden behind what is missing
        assert "in the other it is worse" in overview.sentence(found)


def test_a_run_that_is_silent_on_a_whole_class_is_not_better():
    a, b = plain_run(blocked=50, missed=50), plain_run(blocked=20, missed=50)
    found = compared(a, silent(b, b["label"] == "attack"))
    assert found.verdict == "mixed"


@pytest.mark.parametrize("more", range(4, 9))
def test_silence_counts_where_its_test_is_sure_by_holm_over_all_and_both_classes(more):
    a = plain_run(blocked=50, missed=50)
    b = silent(plain_run(blocked=51, missed=50), (a.index >= 500) & (a.index < 500 + more))
    p_values = [mid_p(0, more), mid_p(0, more), 1.0]
    sure = multipletests(p_values, alpha=0.05, method="holm")[0].any()
    found = compared(a, b)
    assert found.more_silent == sure
    assert bool(found.comparability) == sure
    assert found.verdict == ("inconclusive" if sure else "equivalent")


def test_silence_on_attacks_counts_though_the_other_run_is_as_often_silent_on_genuine_samples():
    a = plain_run(blocked=50, missed=50)
    b = silent(a, a.index.isin(range(1020, 1080)))  # 30 of these missed, the others caught
    a = silent(a, a.index.isin(range(40, 100)))  # 10 of these blocked
    found = compared(a, b)
    assert found.no_response["all"].change.difference.value == 0
    assert found.verdict == "inconclusive"
    for_the_attacks, for_the_genuine = sorted(
        found.comparability, reverse=True, key=lambda own: "rose" in own
    )
    assert for_the_attacks.startswith(
        "no response of attacks rose by 6 points (p < 0.001): B has no score for 60 attacks that A scored, 30 of which"
    )
    assert for_the_genuine.startswith(
        "no response of bona fide samples fell by 6 points (p < 0.001): A has no score for 60 bona fide samples that B"
        " scored, 10 of which B decided wrong"
    )


def test_what_is_left_out_for_silence_is_counted_at_the_threshold_of_the_run_that_speaks():
    a = plain_run(blocked=100, missed=100)
    quiet = a.index < 100
    for at, count in ((0.5, 100), (0.65, 0)):  # the first 100 bona fide samples score 0.6
        found = compared(a, silent(a, quiet), threshold=at)
        assert f"100 samples that A scored, {count} of which A decided wrong" in found.comparability[0]
        mirrored = compared(a.assign(score=a["score"].mask(quiet), threshold=0.1), a.assign(threshold=at))
        assert f"100 samples that B scored, {count} of which B decided wrong" in mirrored.comparability[0]


def test_silence_without_labels_is_told_without_what_was_wrong():
    a = plain_run(blocked=50, missed=50)
    runs = (run.drop(columns="label") for run in (a, silent(a, a.index < 40)))
    own = [table(run, require_labels=False) for run in runs]
    found = compare(*own, bootstrap=0)
    assert found.verdict == "unlabelled"
    assert found.comparability[-1] == (
        "no response rose by 2 points (p < 0.001): B has no score for 40 samples that A scored; they are left out"
    )


def test_samples_that_were_never_sent_are_no_silence():
    a = plain_run(blocked=50, missed=50).assign(outcome="scored")
    b = plain_run(blocked=51, missed=50).assign(outcome="scored")
    b.loc[b.index < 40, ["score", "outcome"]] = [None, "not_sent"]
    found = compared(a, b)
    assert (found.verdict, found.comparability, found.more_silent) == ("equivalent", (), False)
    b.loc[(b.index >= 990) & (b.index < 1010), ["score", "outcome"]] = [None, "no_response"]
    assert "20 samples that A scored, 10 of which A decided wrong" in compared(a, b).comparability[0]


def test_one_subject_that_falls_silent_is_one_event_and_no_note():
    a = plain_run(blocked=50, missed=50).assign(subject=lambda own: own.index // 20)
    b = silent(plain_run(blocked=51, missed=50).assign(subject=a["subject"]), a["subject"] == 30)
    assert compared(a, b).comparability == ()
    assert compared(a, b, cluster="none").more_silent
