"""What a gate.toml may say, and what becomes of one that says something else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finauth_eval.errors import InputError
from finauth_eval.gating.rules import DEFAULT_TOLERANCE, METRICS, Rule, read_rules

ROOT = Path(__file__).parents[2]
GOOD = '[[rule]]\nmetric = "auc"\n'


@pytest.fixture
def gate(tmp_path: Path) -> Callable[[str], Path]:
    """A gate.toml with this text."""

    def write(text: str) -> Path:
        file = tmp_path / "gate.toml"
        file.write_text(text, encoding="utf-8")
        return file

    return write


BAD_VALUES = [
    ('metric = "bpcr"', "metric is 'bpcr'", "expected one of bpcer, apcer"),
    ("metric = 3", "metric is 3", "expected a text"),
    ("", "there is no metric", "expected one of bpcer, apcer"),
    ('metric = "bpcer"\ntolerance = 1', "tolerance is 1.0", "expected a share in [0, 1)"),
    ('metric = "bpcer"\ntolerance = 5', "tolerance is 5.0", "0.005 for half a point"),
    ('metric = "bpcer"\ntolerance = -0.1', "tolerance is -0.1", "expected a share in [0, 1)"),
    ('metric = "bpcer"\ntolerance = nan', "tolerance is nan", "expected a finite number"),
    ('metric = "bpcer"\ntolerance = inf', "tolerance is inf", "expected a finite number"),
    ('metric = "bpcer"\ntolerance = true', "tolerance is True", "expected a number"),
    ('metric = "bpcer"\ntolerance = "0.01"', "tolerance is '0.01'", "expected a number"),
    ('metric = "bpcer"\ntolerance = [0.01]', "tolerance is [0.01]", "expected a number"),
    ('metric = "bpcer"\ntolerance = 2026-08-01', "tolerance is datetime.date(2026, 8, 1)", "expected a number"),
    ('metric = "bpcer"\nceiling = 1.0', "ceiling is 1.0", "expected a share in [0, 1)"),
    ('metric = "bpcer"\nfloor = 0.1', "bpcer has a ceiling", "no floor"),
    ('metric = "bpcer_at_apcer.20"\nfloor = 0.1', "bpcer_at_apcer.20 has a ceiling", "no floor"),
    ('metric = "auc"\nceiling = 0.1', "auc has a floor", "no ceiling"),
    ('metric = "coverage"\nceiling = 0.1', "coverage has a floor", "no ceiling"),
    ('metric = "auc"\nfloor = 1.1', "floor is 1.1", "expected a share"),
    ('metric = "bpcer"\nconfidence = 95', "confidence is 95.0", "expected a number between 0 and 1"),
    ('metric = "bpcer"\nconfidence = 1', "confidence is 1.0", "expected a number between 0 and 1"),
    ('metric = "bpcer"\nconfidence = "high"', "confidence is 'high'", "expected a number"),
    ('metric = "bpcer"\nminimum_n = 0', "minimum_n is 0", "at least 1"),
    ('metric = "bpcer"\nminimum_n = inf', "minimum_n is inf", "expected a finite number"),
    ('metric = "bpcer"\nminimum_n = nan', "minimum_n is nan", "expected a finite number"),
    ('metric = "bpcer"\nminimum_n = 30.5', "minimum_n is 30.5", "expected a whole number"),
    ('metric = "bpcer"\nminimum_n = "30"', "minimum_n is '30'", "expected a number"),
    ('metric = "bpcer"\nthreshold = inf', "threshold is inf", "expected a finite number"),
    ('metric = "bpcer"\nthreshold = "0.5"', "threshold is '0.5'", "expected a number"),
    ('metric = "bpcer"\nslice = "video"', "slice is 'video'", 'expected "column=value"'),
    ('metric = "bpcer"\nslice = " =video"', "slice is ' =video'", 'expected "column=value"'),
    ('metric = "bpcer"\nslice = {media_type = "video"}', "slice is {'media_type': 'video'}", "expected a text"),
    ('metric = "coverage"\nslice = "a=b"', "coverage is that of the whole run", "no slice"),
    ('metric = "bpcer"\nname = 7', "name is 7", "expected a text"),
    ('metric = "bpcer"\ntolerence = 0.01', "'tolerence' is not known", "a rule has metric, tolerance"),
    ('metric = "bpcer"\n"__class__" = 1', "'__class__' is not known", "a rule has metric"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "seen", "expected"), BAD_VALUES)
def test_a_bad_value_is_named_with_its_file_and_rule_and_what_is_expected(gate, body, seen, expected):
    file = gate(f"{GOOD}[[rule]]\n{body}\n")
    with pytest.raises(InputError) as found:
        read_rules(file)
    message = str(found.value)
    assert message.startswith(f"{file}: rule 2: ")
    assert seen in message
    assert expected in message


BAD_FILES = [
    ("[[rule]]\nmetric = bpcer\n", "not readable as TOML", "line 2"),
    ("", "no [[rule]] table", "expected at least one"),
    ("rule = []", "no [[rule]] table", "expected at least one"),
    ('[rule]\nmetric = "bpcer"', "no [[rule]] table", "expected at least one"),
    ('rule = "bpcer"', "no [[rule]] table", "expected at least one"),
    ('rule = ["bpcer"]', "rule 1: 'bpcer' is no table", "expected one with a metric"),
    (f"tolerance = 0.01\n{GOOD}", "'tolerance' is not known here", "confidence, minimum_n and threshold"),
    (f"[[rules]]\n{GOOD}", "'rules' is not known here", "expected [[rule]] tables"),
    (f'schema = "finauth-eval/gate/2"\n{GOOD}', "schema is 'finauth-eval/gate/2'", "finauth-eval/gate/1"),
    (f"confidence = 95\n{GOOD}", "confidence is 95.0", "between 0 and 1"),
]


@pytest.mark.parametrize(("text", "seen", "expected"), BAD_FILES)
def test_a_file_that_is_no_gate_is_named_with_what_is_expected(gate, text, seen, expected):
    file = gate(text)
    with pytest.raises(InputError) as found:
        read_rules(file)
    assert str(found.value).startswith(f"{file}: ")
    assert seen in str(found.value)
    assert expected in str(found.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.toml: can't be read \(No such file"):
        read_rules(tmp_path / "none.toml")
    with pytest.raises(InputError, match="can't be read"):
        read_rules(tmp_path)
    (tmp_path / "latin.toml").write_bytes('[[rule]]\nmetric = "bpcer"\nname = "é"'.encode("latin-1"))
    with pytest.raises(InputError, match=r"latin\.toml: not readable as TOML"):
        read_rules(tmp_path / "latin.toml")
    (tmp_path / "deep.toml").write_text("x = " + "[" * 100_000)
    with pytest.raises(InputError, match=r"deep\.toml: not readable as TOML"):
        read_rules(tmp_path / "deep.toml")


def test_a_rule_of_nothing_but_a_metric_has_the_documented_defaults(gate):
    (rule,) = read_rules(gate('[[rule]]\nmetric = "bpcer"\n'))
    assert rule == Rule(metric="bpcer", confidence=0.95, minimum_n=30)
    (check,) = rule.checks()
    assert (check.kind, check.limit, DEFAULT_TOLERANCE) == ("tolerance", 0.005, 0.005)
    assert check.name == "bpcer: at most 0.5 points worse"


def test_a_limit_takes_the_place_of_the_default_tolerance_and_several_are_several_checks(gate):
    one, both, auc = read_rules(
        gate(
            '[[rule]]\nmetric = "bpcer"\nceiling = 0.02\n'
            '[[rule]]\nmetric = "apcer"\ntolerance = 0\nceiling = 0.1\n'
            '[[rule]]\nmetric = "auc"\nfloor = 0.97\ntolerance = 0.01\n'
        )
    )
    assert [(own.kind, own.limit) for own in one.checks()] == [("ceiling", 0.02)]
    assert [(own.kind, own.limit) for own in both.checks()] == [("tolerance", 0.0), ("ceiling", 0.1)]
    assert [own.name for own in both.checks()] == ["apcer: at most 0 points worse", "apcer: at most 10%"]
    assert [own.name.partition(": ")[2] for own in auc.checks()][1] == "at least 0.97"


def test_what_is_set_for_all_rules_holds_where_a_rule_does_not_say_otherwise(gate):
    first, second = read_rules(
        gate(
            'schema = "finauth-eval/gate/1"\nconfidence = 0.99\nminimum_n = 50\nthreshold = 0.4\n'
            '[[rule]]\nmetric = "bpcer"\n'
            '[[rule]]\nmetric = "apcer"\nconfidence = 0.9\nminimum_n = 7\nthreshold = 0.6\n'
        )
    )
    assert (first.confidence, first.minimum_n, first.threshold) == (0.99, 50, 0.4)
    assert (second.confidence, second.minimum_n, second.threshold) == (0.9, 7, 0.6)


def test_the_names_of_checks_say_what_tells_them_apart(gate):
    rules = read_rules(
        gate(
            '[[rule]]\nmetric = "bpcer"\n[[rule]]\nmetric = "bpcer"\nthreshold = 0.44\n'
            '[[rule]]\nmetric = "bpcer"\nslice = "media_type=video"\n[[rule]]\nmetric = "bpcer"\nname = "ours"\n'
        )
    )
    assert [own.name for rule in rules for own in rule.checks()] == [
        "bpcer: at most 0.5 points worse",
        "bpcer at 0.44: at most 0.5 points worse",
        "bpcer where media_type=video: at most 0.5 points worse",
        "ours: at most 0.5 points worse",
    ]


def test_two_rules_that_say_the_same_are_refused_until_one_has_a_name(gate):
    twice = '[[rule]]\nmetric = "bpcer"\n[[rule]]\nmetric = "bpcer"\ntolerance = 0.005\n'
    with pytest.raises(InputError, match=r"two rules say the same: 'bpcer: at most 0\.5 points worse'.*name"):
        read_rules(gate(twice))
    assert len(read_rules(gate(twice + 'name = "again"\n'))) == 2


def test_a_value_may_hold_an_equals_sign_and_a_column_blanks(gate):
    (rule,) = read_rules(gate('[[rule]]\nmetric = "bpcer"\nslice = "capture device = a=b "\n'))
    assert rule.slice == ("capture device", "a=b")


TOML_VALUES = st.one_of(
    st.integers(-(10**6), 10**20),
    st.floats(),
    st.booleans(),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc"], exclude_characters="\x7f"), max_size=20),
    st.sampled_from(["bpcer", "auc", "coverage", "a=b"]),
)


def toml(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) if not isinstance(value, float) else repr(value)


@given(
    rules=st.lists(
        st.dictionaries(st.sampled_from([own.name for own in fields(Rule)]), TOML_VALUES, max_size=4),
        min_size=1,
        max_size=3,
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
def test_any_toml_gives_rules_or_one_clear_refusal(gate, rules):
    text = "".join("[[rule]]\n" + "".join(f"{key} = {toml(own[key])}\n" for key in own) for own in rules)
    file = gate(text)
    said = ""
    try:
        found = read_rules(file)
    except InputError as error:
        said = str(error)
    if said:
        assert re.match(rf"{re.escape(str(file))}: (rule [123]: |two rules say the same: )", said)
    else:
        assert len(found) == len(rules)


def test_the_example_is_a_gate_as_it_is_and_with_everything_that_it_offers(gate):
    text = (ROOT / "examples" / "gate.toml").read_text(encoding="utf-8")
    rules = read_rules(gate(text))
    assert [rule.metric for rule in rules] == ["bpcer", "apcer_worst", "auc", "coverage"]
    offered = re.sub(r"^# (?=\[\[rule\]\]|\w+ = )", "", text, flags=re.MULTILINE)
    everything = read_rules(gate(offered))
    assert len(everything) == text.count("[[rule]]") > len(rules)
    assert everything[0].threshold == 0.5


def documented() -> str:
    return (ROOT / "docs" / "gating.md").read_text(encoding="utf-8")


def test_the_page_on_gating_names_every_key_and_metric_and_its_examples_are_read(gate):
    page = documented()
    for word in (*METRICS, *(own.name for own in fields(Rule))):
        assert f"`{word}`" in page
    blocks = re.findall(r"^```toml\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    assert blocks
    for block in blocks:
        assert read_rules(gate(block))
