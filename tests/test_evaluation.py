from __future__ import annotations

import json
import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from finauth_eval.errors import NothingToEvaluate
from finauth_eval.evaluation import cluster_column, evaluate
from finauth_eval.metrics.intervals import clopper_pearson
from finauth_eval.scores import ScoreTable


def frame(n: int = 400, *, seed: int = 0, decimals: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    attack = rng.random(n) < 0.5
    score = np.round(np.clip(rng.normal(0.35 + 0.3 * attack, 0.15), 0.001, 0.999), decimals)
    return pd.DataFrame({
        "label": np.where(attack, "attack", "bona_fide"),
        "score": score,
        "attack_type": rng.choice(["mask", "swap"], n),
        "region": rng.choice(["sgp", "idn", None], n),
        "age": rng.choice([20, 30, 40], n),
        "glasses": rng.choice([True, False], n),
    })  # fmt: skip


def table(data: pd.DataFrame, **options) -> ScoreTable:
    return ScoreTable.from_frame(data, **options)


def walk(value):
    """Every leaf of nested plain values, or a failure."""
    if isinstance(value, dict):
        for key, inner in value.items():
            assert isinstance(key, str)
            yield from walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from walk(inner)
    else:
        assert value is None or type(value) in (str, int, float, bool), type(value)
        yield value


def undefined_without_reason(value, path=""):
    """Where an estimate is null and does not say why."""
    if isinstance(value, dict):
        if "method" in value and value.get("value", 0) is None and not value.get("reason"):
            yield path
        for key, inner in value.items():
            yield from undefined_without_reason(inner, f"{path}/{key}")
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from undefined_without_reason(inner, f"{path}/{i}")


CONTRACT = {
    "schema", "confidence", "counts", "auc", "average_precision", "partial_auc", "eer", "bpcer_at_apcer", "brier",
    "ece", "cllr", "min_cllr", "operating_points", "attack_types", "slices", "no_response_bounds", "decision_audit",
}  # fmt: skip


def test_the_json_has_every_field_of_the_contract():
    found = evaluate(table(frame()), thresholds=[0.44], by=["region"], bootstrap=50).to_dict()
    assert {*found} >= CONTRACT
    assert found["schema"] == "finauth-eval/evaluation/1"
    assert {*found["auc"]} == {"value", "low", "high", "confidence", "n", "method", "se"}
    assert {*found["eer"]} >= {"nearest", "linear", "rocch", "threshold", "low", "high"}
    assert {*found["bpcer_at_apcer"]} == {"10", "20", "100"}
    assert {*found["bpcer_at_apcer"]["20"]} >= {"threshold", "worst_type", "pooled"}
    assert {*found["no_response_bounds"]} >= {"as_pass", "as_block"}
    assert {*found["decision_audit"]} >= {"ge_mismatches", "gt_mismatches", "at_threshold"}
    assert {*found["attack_types"]["mask"]} == {"n", "auc", "eer"}
    assert {*found["slices"]["region"]["sgp"]} >= {"counts", "auc", "operating_points"}
    [first, second] = found["operating_points"]
    assert (first["threshold"], first["source"], second["threshold"], second["source"]) == (
        0.5, "default", 0.44, "requested",
    )  # fmt: skip
    assert {*first["confusion"]} == {"tp", "fn", "fp", "tn"}
    assert "attack_type" in first["apcer_worst"]
    json.dumps(found, allow_nan=False)
    assert not list(undefined_without_reason(found))


def odd_tables():
    mixed = frame(30)
    mixed["score"] = mixed["score"].where(mixed.index % 3 != 0)
    yield "blanks", mixed
    yield "bona fide only", frame().query("label == 'bona_fide'")
    yield "attacks only", frame().query("label == 'attack'")
    yield "one bona fide sample", pd.DataFrame({"label": ["real"], "score": [0.2]})
    yield "one attack", pd.DataFrame({"label": ["fake"], "score": [0.2], "attack_type": ["mask"]})
    yield "one of each", pd.DataFrame({"label": ["real", "fake"], "score": [0.2, 0.4]})
    yield "one of each, reversed", pd.DataFrame({"label": ["real", "fake"], "score": [0.4, 0.2]})
    yield "equal scores", pd.DataFrame({"label": ["real", "fake"] * 5, "score": [0.5] * 10})
    yield "perfect", pd.DataFrame({"label": ["real", "fake"] * 5, "score": [0.0, 1.0] * 5})
    yield "infinite cllr", pd.DataFrame({"label": ["real", "fake"] * 5, "score": [1.0, 0.0] * 5})
    yield "type without a score", pd.DataFrame({
        "label": ["real", "fake", "fake"], "score": [0.1, 0.7, None], "attack_type": ["", "mask", "swap"],
    })  # fmt: skip


@pytest.mark.parametrize(("name", "data"), [pytest.param(*case, id=case[0]) for case in odd_tables()])
@pytest.mark.parametrize("bootstrap", [0, 20])
def test_whatever_is_undefined_is_null_with_a_reason(name, data, bootstrap):
    columns = [column for column in ("region", "glasses", "label") if column in data or column == "label"]
    found = evaluate(table(data), thresholds=[0, 1], by=columns, bootstrap=bootstrap).to_dict()
    json.dumps(found, allow_nan=False)
    assert all(math.isfinite(leaf) for leaf in walk(found) if isinstance(leaf, float))
    assert not list(undefined_without_reason(found))
    for key in ("brier", "ece", "cllr", "min_cllr"):
        assert (found[key] is None) == (key in found["calibration_reasons"])
    for part in (found, *found["attack_types"].values()):
        assert part["eer"]["linear"] is not None or part["eer"]["reason"]


def test_scores_beyond_the_unit_range_are_evaluated_without_calibration():
    data = frame()
    data["score"] = 20 * data["score"] - 10
    found = evaluate(table(data, score_range="any"), bootstrap=20).to_dict()
    assert found["brier"] is None
    assert found["calibration_reasons"]["brier"] == "a score lies outside [0, 1]"
    assert found["min_cllr"] is not None
    json.dumps(found, allow_nan=False)


def test_a_table_without_any_score_is_nothing_to_evaluate():
    for data in (pd.DataFrame({"label": ["real", "fake"], "score": [None, None]}), frame().head(0)):
        with pytest.raises(NothingToEvaluate, match=r"none of \d samples has a score"):
            evaluate(table(data))


def test_attack_types_are_compared_with_all_bona_fide_samples():
    data = frame()
    found = evaluate(table(data), bootstrap=0)
    for name, result in found.attack_types.items():
        rows = data.query("label == 'bona_fide' or attack_type == @name")
        assert result.auc.value == pytest.approx(
            roc_auc_score(rows["label"] == "attack", rows["score"]), abs=1e-12
        )
        assert result.n == ((data["label"] == "attack") & (data["attack_type"] == name)).sum()


@pytest.mark.parametrize("subjects", [False, True])
def test_each_types_equal_error_rate_has_its_interval(subjects):
    data = frame(300)
    if subjects:
        data["subject"] = [f"s{i // 3}" for i in range(300)]
    found = evaluate(table(data), bootstrap=300)
    for own in found.attack_types.values():
        assert own.eer.low < own.eer.linear < own.eer.high
        # resampled by hand, with scikit-learn's curve: the same interval but for the draws
        if not subjects:
            by_hand = resampled_equal_error(data, own.attack_type)
            assert own.eer.low == pytest.approx(by_hand[0], abs=0.03)
            assert own.eer.high == pytest.approx(by_hand[1], abs=0.03)
    without = evaluate(table(data), bootstrap=0).attack_types["mask"].eer
    assert math.isnan(without.low)
    assert "needs the bootstrap" in without.reason


def resampled_equal_error(data: pd.DataFrame, attack_type: str) -> tuple[float, float]:
    rng, found = np.random.default_rng(5), []
    bona_fide = data["score"][data["label"] == "bona_fide"].to_numpy()
    own = (data["label"] == "attack") & (data["attack_type"] == attack_type)
    attack = data["score"][own].to_numpy()
    for _ in range(400):
        drawn = [rng.choice(own, own.size) for own in (bona_fide, attack)]
        truth = np.repeat([0, 1], [bona_fide.size, attack.size])
        fpr, tpr, _ = roc_curve(truth, np.concatenate(drawn), drop_intermediate=False)
        cross = np.argmax(fpr >= 1 - tpr)
        before, after = (1 - tpr - fpr)[cross - 1], (1 - tpr - fpr)[cross]
        share = before / (before - after)
        found.append(fpr[cross - 1] + share * (fpr[cross] - fpr[cross - 1]))
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def test_untyped_attacks_beside_typed_ones_form_a_type():
    data = frame()
    data.loc[data.index % 2 == 0, "attack_type"] = None
    found = evaluate(table(data), bootstrap=0)
    assert [*found.attack_types] == ["mask", "swap", "unspecified"]
    assert sum(result.n for result in found.attack_types.values()) == found.counts.attack
    assert any("'unspecified'" in warning for warning in found.warnings)


def test_without_any_type_there_is_no_worst_one():
    found = evaluate(table(frame().drop(columns="attack_type")), bootstrap=0)
    assert found.operating_points[0].apcer_worst is None
    assert found.to_dict()["operating_points"][0]["apcer_worst"] is None
    assert found.bpcer_at_apcer["20"].worst_type.reason == "no attack has a type"
    assert found.bpcer_at_apcer["20"].threshold == found.bpcer_at_apcer["20"].pooled_threshold


@pytest.mark.parametrize("subjects", [False, True])
@pytest.mark.parametrize(
    ("column", "values"),
    [("region", ["idn", "sgp", "(missing)"]), ("age", ["20", "30", "40"]), ("glasses", ["False", "True"])],
)
def test_slices_equal_evaluating_their_rows_alone(column, values, subjects):
    data = with_subjects() if subjects else frame()
    parts = evaluate(table(data), by=[column], thresholds=[0.44], bootstrap=0).slices[column]
    assert [*parts] == values
    for value, part in parts.items():
        keys = data[column].map(lambda own: "(missing)" if own is None or own != own else str(own))
        alone = evaluate(table(data[keys == value]), thresholds=[0.44], bootstrap=0)
        assert part.counts == alone.counts
        assert part.auc == alone.auc
        assert [p.to_dict() for p in part.operating_points] == [p.to_dict() for p in alone.operating_points]


def test_a_small_slice_is_flagged():
    data = frame()
    bona_fide = data["label"] == "bona_fide"
    # 29 bona fide samples beside many attacks are too few; 30 are not
    data["site"] = np.where(
        ~bona_fide, np.where(data.index % 2, "a", "b"), np.where(bona_fide.cumsum() <= 29, "a", "b")
    )
    data = data[~bona_fide | (bona_fide.cumsum() <= 59)]
    parts = evaluate(table(data), by=["site"], bootstrap=0).slices["site"]
    assert (parts["a"].counts.bona_fide, parts["b"].counts.bona_fide) == (29, 30)
    assert (parts["a"].small, parts["b"].small) == (True, False)
    assert parts["a"].to_dict()["small"] is True


def test_an_unknown_column_is_refused_with_those_there_are():
    with pytest.raises(
        ValueError, match=r"no column 'country'; the columns with values are .*, age, glasses$"
    ):
        evaluate(table(frame()), by=["country"])
    data = frame(600)
    data["row"] = range(600)
    with pytest.raises(ValueError, match="'row' has 600 different values"):
        evaluate(table(data), by=["row"])


def test_the_first_threshold_is_the_runs_own_where_all_answers_agree():
    data = frame()
    data["threshold"] = 0.62
    agreed = evaluate(table(data), bootstrap=0)
    assert (agreed.operating_points[0].threshold, agreed.operating_points[0].source) == (0.62, "run")
    data.loc[:9, "threshold"] = 0.5
    mixed = evaluate(table(data), bootstrap=0)
    assert (mixed.operating_points[0].threshold, mixed.operating_points[0].source) == (0.5, "default")
    assert mixed.decision_audit.thresholds_seen == (0.5, 0.62)
    assert any("2 different thresholds (0.5, 0.62)" in warning for warning in mixed.warnings)


@pytest.mark.parametrize("threshold", [math.nan, math.inf, 44, -0.1])
def test_a_threshold_that_cannot_be_meant_is_refused(threshold):
    with pytest.raises(ValueError, match=r"expected a number in \[0, 1\]"):
        evaluate(table(frame()), thresholds=[threshold])


def test_the_audit_counts_decisions_against_their_own_thresholds():
    data = pd.DataFrame({
        "label": ["real"] * 6,
        "score": [0.4, 0.5, 0.5, 0.6, 0.9, None],
        "threshold": [0.5, 0.5, 0.5, 0.5, None, 0.5],
        "result": [True, True, True, False, True, True],
    })  # fmt: skip
    audit = evaluate(table(data)).decision_audit
    # >=: rows 1 and 4 differ; >: rows 1 to 4 differ; the last two lack a threshold or a score
    assert (audit.ge_mismatches, audit.gt_mismatches, audit.at_threshold, audit.audited) == (2, 4, 2, 4)


def test_no_response_counted_both_ways_bounds_the_rates():
    data = pd.DataFrame({
        "label": ["real"] * 10 + ["fake"] * 10,
        "score": [0.1] * 6 + [0.9] * 2 + [None] * 2 + [0.9] * 5 + [0.2] * 1 + [None] * 4,
        "outcome": [""] * 19 + ["not_sent"],
    })  # fmt: skip
    found = evaluate(table(data))
    bounds = found.no_response_bounds
    assert (found.counts.no_response_bona_fide, found.counts.no_response_attack) == (2, 3)
    assert (bounds.as_pass.apcer, bounds.as_pass.bpcer) == (4 / 9, 2 / 10)
    assert (bounds.as_block.apcer, bounds.as_block.bpcer) == (1 / 9, 4 / 10)
    assert (bounds.apnrr.value, bounds.bpnrr.value) == (3 / 9, 2 / 10)
    assert (bounds.apnrr.low, bounds.apnrr.high) == clopper_pearson(3, 9)
    assert any("1 samples were never sent" in warning for warning in found.warnings)


def test_warnings_say_plainly_what_is_odd():
    data = frame(decimals=2)
    data["label"] = np.where(data["label"] == "attack", "real", "fake")
    data.loc[:3, "attack_type"] = "print"
    data.loc[:3, "label"] = "fake"
    data.loc[9, "score"] = 0.5
    data["subject"] = [f"s{i % 20}" for i in range(len(data))]
    text = "\n".join(evaluate(table(data)).warnings)
    for words in (
        "below 0.5: attacks score lower",
        "fewer than 30 scored samples, about which little can be said: print (4)",
        "have 2 decimals",
        "the threshold 0.5 exactly",
        "400 scored samples come from 20 subjects;",
    ):
        assert words in text


def test_a_cluster_column_other_than_the_subject_is_called_by_its_name():
    data = frame(40)
    data["camera"] = [f"c{i % 5}" for i in range(len(data))]
    text = "\n".join(evaluate(table(data), cluster="camera", bootstrap=0).warnings)
    assert "40 scored samples come from 5 values of 'camera';" in text


def with_subjects(n: int = 300) -> pd.DataFrame:
    """Five images a subject, alike in score."""
    data = frame(n)
    rng = np.random.default_rng(1)
    data["subject"] = [f"s{i // 5}" for i in range(n)]
    own = rng.normal(0, 0.12, n // 5)[np.arange(n) // 5]
    data["score"] = np.round(np.clip(data["score"] + own, 0.001, 0.999), 3)
    return data


def methods(found) -> set[str]:
    if isinstance(found, dict):
        own = {found["method"]} if "low" in found and "method" in found else set()
        return own.union(*map(methods, found.values()))
    return set().union(*map(methods, found)) if isinstance(found, list) else set()


def test_subjects_with_several_samples_are_what_the_intervals_take_as_independent():
    data = with_subjects()
    found = evaluate(table(data), by=["region"], bootstrap=200).to_dict()
    names = {"delong-clustered-logit-t", "korn-graubard", "max-of-korn-graubard"}
    drawn = "bootstrap-clusters-percentile"
    assert found["auc"]["method"] == "delong-clustered-logit-t"
    assert methods(found["operating_points"]) == names - {"delong-clustered-logit-t"}
    # gaps are Miettinen and Nurminen's, at the subjects' effective sizes
    assert methods(found["slices"]) == {*names, "miettinen-nurminen"}
    assert methods(found["attack_types"]) == {"delong-clustered-logit-t"}
    assert methods(found["bpcer_at_apcer"]) == methods({"": found["average_precision"]}) == {drawn}
    naive = evaluate(table(data), by=["region"], cluster="none", bootstrap=200).to_dict()
    assert not methods(naive) & {*names, drawn}
    assert found["auc"]["value"] == naive["auc"]["value"]
    assert found["auc"]["n"] == naive["auc"]["n"] == 300
    for name in ("apcer", "bpcer", "apcer_worst"):
        ours, plain = (own["operating_points"][0][name] for own in (found, naive))
        assert (ours["value"], ours["n"]) == (plain["value"], plain["n"])
        assert ours["high"] - ours["low"] > plain["high"] - plain["low"]
    assert not any("belong" in text or "subjects" in text for text in naive["warnings"])


def test_one_sample_a_subject_changes_nothing():
    data = frame()
    naive = evaluate(table(data), bootstrap=50).to_dict()
    data["subject"] = [f"s{i}" for i in range(len(data))]
    assert evaluate(table(data), bootstrap=50).to_dict() == naive


def test_samples_without_a_score_need_no_subject():
    data = with_subjects(100)
    data.loc[::7, ["score", "subject"]] = None
    found = evaluate(table(data), by=["region"], bootstrap=0)
    scored = evaluate(table(data.dropna(subset=["score"])), by=["region"], bootstrap=0)
    assert found.auc == scored.auc
    assert found.auc.method == "delong-clustered-logit-t"
    assert found.slices["region"]["sgp"].auc == scored.slices["region"]["sgp"].auc


def test_few_subjects_are_called_few():
    data = frame(40)
    data["subject"] = [f"s{i % 9}" for i in range(40)]
    text = "\n".join(evaluate(table(data), bootstrap=0).warnings)
    assert "take the subjects, not the samples, as independent." in text
    assert "With fewer than 10 subjects even these intervals may be too narrow; there are 9." in text


@pytest.mark.parametrize("size", [1, 3])
def test_too_much_for_a_quick_bootstrap_is_said(size):
    data = frame(11_000, decimals=9)
    data["subject"] = [f"s{i // size}" for i in range(len(data))]
    text = "\n".join(evaluate(table(data)).warnings)
    what = "distinct scores" if size == 1 else "samples that belong together"
    assert f"More than 10000 {what}: intervals that need the bootstrap were left out" in text


def test_the_same_table_and_seed_give_the_same_result():
    one, same, other = (evaluate(table(frame()), bootstrap=100, seed=seed).to_dict() for seed in (1, 1, 2))
    assert one == same
    assert one["eer"] != other["eer"]


def test_intervals_that_need_a_bootstrap_are_null_without_and_say_so():
    found = evaluate(table(frame()), bootstrap=0).to_dict()
    for part in (found["eer"], found["average_precision"], found["bpcer_at_apcer"]["20"]["worst_type"]):
        assert (part["low"], part["high"]) == (None, None)
        assert "needs the bootstrap" in part["reason"]
    filled = evaluate(table(frame()), bootstrap=200).to_dict()
    for part in (filled["average_precision"], filled["bpcer_at_apcer"]["20"]["worst_type"]):
        assert part["low"] < part["value"] < part["high"]
    assert filled["eer"]["low"] < filled["eer"]["linear"] < filled["eer"]["high"]


def test_calibration_can_be_left_out():
    found = evaluate(table(frame()), bootstrap=0, calibration=False)
    assert found.calibration is None
    assert {*found.to_dict()} >= CONTRACT


def test_clusters_are_the_subjects_where_every_scored_sample_has_one():
    data = frame(20)
    assert cluster_column(table(data)) is None
    data["subject"] = "s"
    assert cluster_column(table(data)) == "subject"
    assert cluster_column(table(data), "none") is None
    assert cluster_column(table(data), "age") == "age"
    data.loc[0, "subject"] = None
    assert cluster_column(table(data)) is None
    with pytest.raises(ValueError, match="'subject' is blank for 1 scored samples"):
        cluster_column(table(data), "subject")
    with pytest.raises(ValueError, match="no column 'person'"):
        evaluate(table(data), cluster="person")


@pytest.mark.parametrize("options", [{"confidence": 95}, {"bootstrap": -1}])
def test_options_out_of_range_are_refused(options):
    with pytest.raises(ValueError, match="expected a number"):
        evaluate(table(frame()), **options)


def test_importing_loads_neither_plots_nor_network_nor_scikit_learn():
    code = (
        "import sys, finauth_eval.evaluation, finauth_eval.recommendation;"
        "print([name for name in ('matplotlib', 'httpx', 'sklearn', 'scipy.stats', 'jinja2') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
