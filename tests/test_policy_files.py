"""Policy files: goals in, decisions out, and what is refused on either way."""

from __future__ import annotations

import json
import math
from importlib import resources

import jsonschema
import numpy as np
import pandas as pd
import pytest

import finauth_eval as fe
from finauth_eval.deployed import DeployedPolicy, deploy, load_policy
from finauth_eval.errors import InputError
from finauth_eval.policies import POLICIES
from finauth_eval.policy_files import read_policies
from finauth_eval.recommendation import AcceptReviewReject, MaxApcer, MaxBpcer, MinCost, recommend
from finauth_eval.scores import ScoreTable

HEAD = 'schema = "finauth-eval/policies/1"\n'
GOALS = (
    HEAD
    + """
[[policy]]
name = "max_bpcer"
target = 0.05

[[policy]]
name = "max_apcer"
target = 0.2
pooled = true
confidence = 0.9

[[policy]]
name = "min_cost"
miss = 20
alarm = 1
prior = 0.02
subject_to = [{ name = "max_bpcer", target = 0.05 }]

[[policy]]
name = "accept_review_reject"
miss = 20
alarm = 1
prior = 0.02
capacity = 0.1

[[policy]]
name = "youden"

[[policy]]
name = "best_f_beta"
beta = 2
"""
)


@pytest.fixture(scope="module")
def table() -> ScoreTable:
    rng = np.random.default_rng(4)
    attack = rng.random(900) < 0.5
    return ScoreTable.from_frame(pd.DataFrame({
        "label": np.where(attack, "attack", "bona_fide"),
        "score": np.round(rng.beta(2 + 2.2 * attack, 4.2 - 2.2 * attack), 2),
        "region": np.resize(["sgp", "idn", "idn"], 900),
    }))  # fmt: skip


def written(folder, text: str):
    path = folder / "goals.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_goals_are_read_in_their_order(tmp_path):
    found = read_policies(written(tmp_path, GOALS))
    assert [policy.name for policy in found] == [
        "max_bpcer", "max_apcer", "min_cost", "accept_review_reject", "youden", "best_f_beta",
    ]  # fmt: skip
    assert found[1] == MaxApcer(0.2, pooled=True, confidence=0.9)
    assert found[2] == MinCost(miss=20, alarm=1, prior=0.02, subject_to=(MaxBpcer(0.05),))
    assert found[3] == AcceptReviewReject(miss=20, alarm=1, prior=0.02, capacity=0.1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nonsense", "not readable as TOML"),
        ("", "schema is None; expected 'finauth-eval/policies/1'"),
        ('schema = "finauth-eval/policies/2"\n', "schema is 'finauth-eval/policies/2'"),
        (HEAD, r"no \[\[policy\]\] table"),
        (HEAD + "policy = 3\n", r"no \[\[policy\]\] table"),
        (HEAD + "policy = [3]\n", "policy 1: 3 is no table"),
        (HEAD + "goal = 1\n", "'goal' is not known here"),
        (HEAD + "[[policy]]\ntarget = 0.1\n", "policy 1: name is None; expected one of max_bpcer"),
        (HEAD + '[[policy]]\nname = ["max_bpcer"]\n', "policy 1: name is"),
        (HEAD + '[[policy]]\nname = "max_bpcer"\ntargt = 0.1\n', "max_bpcer has no 'targt'; it has target"),
        (HEAD + '[[policy]]\nname = "max_bpcer"\n', "max_bpcer lacks 'target'"),
        (HEAD + '[[policy]]\nname = "max_bpcer"\ntarget = "0.1"\n', "target is '0.1'; expected a number"),
        (HEAD + '[[policy]]\nname = "max_bpcer"\ntarget = 1' + "0" * 400 + "\n", "a number of 401 digits"),
        ("x = " + "[" * 5_000, "not readable as TOML"),
        (HEAD + '[[policy]]\nname = "best_f_beta"\nbeta = 1e200\n', "beta is 1e"),
        (HEAD + '[[policy]]\nname = "max_bpcer"\ntarget = true\n', "target is True; expected a number"),
        (HEAD + '[[policy]]\nname = "max_bpcer"\ntarget = nan\n', "target is nan; expected a share"),
        (HEAD + '[[policy]]\nname = "max_bpcer"\ntarget = 1.5\n', "target is 1.5; expected a share"),
        (HEAD + '[[policy]]\nname = "max_apcer"\ntarget = 0.1\npooled = 1\n', "pooled is 1; expected true or false"),
        (
            HEAD + '[[policy]]\nname = "min_cost"\nmiss = 1\nalarm = 1\nprior = 0.5\nsubject_to = [{ name = "youden" }]\n',
            "subject to Youden",
        ),
        (HEAD + '[[policy]]\nname = "max_bpcer"\ntarget = 0.1\nsubject_to = 1\n', "expected a list of tables"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_said_with_its_name_and_table(tmp_path, text, words):
    path = written(tmp_path, text)
    with pytest.raises(InputError, match=words) as refused:
        read_policies(path)
    assert str(refused.value).startswith(str(path))


def test_a_missing_file_and_one_that_is_no_text_are_told_apart(tmp_path):
    with pytest.raises(InputError, match="can't be read"):
        read_policies(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not readable as TOML"):
        read_policies(tmp_path / "binary.toml")


# --- round trip


def test_from_goals_to_a_decision(tmp_path, table):
    goals = read_policies(written(tmp_path, GOALS))
    found = recommend(table, goals)
    for name in ("max_bpcer", "max_apcer", "min_cost", "accept_review_reject", "youden", "best_f_beta"):
        path = tmp_path / f"{name}.json"
        path.write_text(deploy(found, name).to_json(), encoding="utf-8")
        policy, item = load_policy(path), found[name]
        at = item.threshold
        below, above = math.nextafter(at, 0), math.nextafter(at, 1)
        first = at if item.review_from is None else item.review_from
        # by hand: reject from the threshold on, review from the first one on, accept below
        for score in (0.0, math.nextafter(first, 0), first, math.nextafter(first, 1), below, at, above, 1.0):
            expected = "reject" if score >= at else "review" if score >= first else "accept"
            assert policy.decide(score) == expected
        assert policy.decide(below) == ("review" if first < at else "accept")
        assert policy.decide(np.float64(at)) == "reject"
        assert policy.data.digest == table.provenance.digest
        assert (policy.data.bona_fide, policy.data.attack) == (
            found.sizes["bona_fide"],
            found.sizes["attack"],
        )
        assert policy.policy == item.policy.to_dict()
        assert fe.load_policy(path).to_json() == policy.to_json()


def test_the_first_goal_that_is_no_orientation_is_exported(table):
    found = recommend(table, [*read_descriptive(), MaxBpcer(0.05)])
    assert deploy(found).policy["name"] == "max_bpcer"


def read_descriptive():
    return [POLICIES["youden"](), POLICIES["equal_error"]()]


@pytest.mark.parametrize(
    "score",
    [10**400, math.nan, math.inf, -math.inf, -0.01, 1.01, "0.5", None, True, b"1", [0.5], complex(0.5, 0)],
)
def test_what_is_no_score_is_not_decided(table, score):
    policy = deploy(recommend(table, [MaxBpcer(0.05)]))
    with pytest.raises(ValueError, match="expected a number"):
        policy.decide(score)


def test_scores_of_any_range_are_decided_where_the_data_had_such(table):
    frame = table.frame[["label", "score"]].assign(score=lambda own: 9 * own["score"] - 4)
    policy = deploy(recommend(ScoreTable.from_frame(frame, score_range="any"), [MaxBpcer(0.05)]))
    assert policy.score_range == [None, None]
    assert (policy.decide(-100), policy.decide(100)) == ("accept", "reject")
    with pytest.raises(ValueError, match="finite"):
        policy.decide(math.inf)


def test_segments_decide_by_their_own_thresholds(table, tmp_path):
    # 1.5% with 95% needs 199 bona fide samples: about 300 are from idn, about 150 from sgp
    found = recommend(table, [MaxBpcer(0.015)], by="region")
    path = tmp_path / "policy.json"
    path.write_text(deploy(found).to_json(), encoding="utf-8")
    policy = load_policy(path)
    alone = deploy(found.segment("idn"))
    assert alone.data.segment == {"region": "idn"}
    assert alone.data.bona_fide == found.segment("idn")["max_bpcer"].guarantee.n
    own = found.segment("idn")["max_bpcer"].threshold
    assert policy.decide(own, segment="idn") == "reject"
    assert policy.decide(math.nextafter(own, 0), segment="idn") == "accept"
    with pytest.raises(ValueError, match="segment 'sgp' has no threshold: needs 199"):
        policy.decide(0.5, segment="sgp")
    with pytest.raises(ValueError, match="no segment 'usa'; the segments are idn, sgp"):
        policy.decide(0.5, segment="usa")
    assert policy.decide(found["max_bpcer"].threshold) == "reject"


def test_a_goal_without_a_threshold_is_not_exported(table):
    with pytest.raises(InputError, match="no goal was asked for"):
        deploy(recommend(table, read_descriptive()))
    with pytest.raises(InputError, match=r"max_bpcer has no threshold, .* needs 2995 bona fide samples"):
        deploy(recommend(table, [MaxBpcer(0.001)]))


def test_the_export_follows_the_schema_that_ships_and_the_schema_is_the_codes(table):
    text = (
        resources.files("finauth_eval")
        .joinpath("schemas", "policy-1.schema.json")
        .read_text(encoding="utf-8")
    )
    schema = json.loads(text)
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)
    for goal in (MaxBpcer(0.05), AcceptReviewReject(miss=20, alarm=1, prior=0.02, capacity=0.1)):
        plain = json.loads(deploy(recommend(table, [goal], by="region")).to_json())
        validator.validate(plain)
        plain["cut"]["reject_from"] = "0.5"
        assert not validator.is_valid(plain)
        del plain["data"]
        assert not validator.is_valid(plain)
    own = {key: value for key, value in schema.items() if not key.startswith("$s") and key != "$id"}
    assert own == json.loads(json.dumps(DeployedPolicy.model_json_schema(by_alias=True)))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda plain: plain.pop("cut"), "cut: Field required"),
        (
            lambda plain: plain["cut"].update(reject_from="0.5"),
            "cut.reject_from: Input should be a valid number",
        ),
        (lambda plain: plain["cut"].update(reject_from=True), "cut.reject_from"),
        (lambda plain: plain["cut"].update(review_from=0.99), "expected review_from <= reject_from"),
        (lambda plain: plain.update(schema="finauth-eval/policy/9"), "schema: Input should be"),
        (lambda plain: plain.update(score_range=[0]), "score_range"),
        (lambda plain: plain.update(score_range=[1, 0]), "expected .null, null. or two ascending numbers"),
        (lambda plain: plain["cut"].update(reject_from=5.0), "expected a threshold in score_range"),
        (lambda plain: plain.update(score_range=[0, math.nan]), "NaN is no JSON"),
        (lambda plain: plain["data"].pop("digest"), "data.digest: Field required"),
    ],
)
def test_a_tampered_or_broken_export_is_refused_with_its_field(tmp_path, table, change, words):
    plain = json.loads(deploy(recommend(table, [MaxBpcer(0.05)])).to_json())
    change(plain)
    path = tmp_path / "policy.json"
    path.write_text(json.dumps(plain), encoding="utf-8")
    with pytest.raises(InputError, match=words) as refused:
        load_policy(path)
    assert str(refused.value).startswith(str(path))


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b"{" * 100_000, b"null"])
def test_what_is_no_policy_at_all_is_refused(tmp_path, content):
    path = tmp_path / "policy.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"policy\.json"):
        load_policy(path)
    with pytest.raises(InputError, match="can't be read"):
        load_policy(tmp_path / "none.json")
