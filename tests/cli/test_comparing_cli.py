"""The shell's side of compare, gate, baseline and history: exit codes, messages, JSON."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from finauth_eval.cli import app
from finauth_eval.scores import ScoreTable
from finauth_eval.verdict_files import STEP_SUMMARY_BYTES

GENUINE, ATTACKS = 200, 100
RULES = '[[rule]]\nmetric = "bpcer"\n[[rule]]\nmetric = "auc"\ntolerance = 0.02\n'


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Runs a command in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gate.toml").write_text(RULES)

    def run(*arguments: object) -> Any:
        done = CliRunner().invoke(app, [str(word) for word in arguments], catch_exceptions=False)
        assert "Traceback" not in done.stderr
        return done

    return run


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """A run folder of 200 genuine samples, of which some are blocked, and 100 attacks, of which some have no score."""

    def run(
        name: str,
        *,
        blocked: int = 0,
        silent: int = 0,
        ids: str = "s",
        names: list[str] | None = None,
        **summary: Any,
    ) -> Path:
        genuine, attacks = np.linspace(0.05, 0.45, GENUINE), np.linspace(0.55, 0.95, ATTACKS)
        genuine[:blocked] = 0.9
        scores = np.concatenate([genuine, attacks])
        scores[len(scores) - silent :] = np.nan
        frame = pd.DataFrame(
            {
                "sample_id": names or [f"{ids}{i:03d}" for i in range(GENUINE + ATTACKS)],
                "label": ["bona_fide"] * GENUINE + ["attack"] * ATTACKS,
                "score": scores,
            }
        )
        about = {
            "dataset": {"name": "q3", "digest": "aa" * 32},
            "exit": 0,
            "started_at": f"2026-{name}",
            **summary,
        }
        return ScoreTable.from_frame(frame).with_provenance(run=about).write(tmp_path / name)

    return run


@pytest.mark.parametrize("command", ["compare", "gate", "baseline accept", "history build"])
def test_every_command_has_help(cli, command):
    done = cli(*command.split(), "--help")
    assert (done.exit_code, done.stdout.startswith("Usage:")) == (0, True)


def test_a_gate_that_passes_exits_0(cli, write):
    done = cli(
        "gate", write("week", blocked=1), "--baseline", write("base", blocked=1), "--config", "gate.toml"
    )
    assert done.exit_code == 0
    assert done.stdout.startswith("Pass: 2 checks, none of which failed\n")
    assert "had nothing changed, these rules would fail in 0%" in done.stdout
    assert done.stderr == ""


def test_a_gate_that_fails_exits_1_and_names_the_flips(cli, write):
    done = cli("gate", write("week", blocked=12), "--baseline", write("base"), "--config", "gate.toml")
    assert done.exit_code == 1
    assert "Fail: " in done.stdout
    assert "decided wrongly now and rightly before: 12" in done.stdout
    assert "  s011 (bona_fide): " in done.stdout


def test_a_gate_that_cannot_tell_exits_3(cli, write, tmp_path):
    (tmp_path / "gate.toml").write_text('minimum_n = 1000\n[[rule]]\nmetric = "bpcer"\n')
    done = cli("gate", write("week", blocked=12), "--baseline", write("base"), "--config", "gate.toml")
    assert (done.exit_code, "200 samples are too few, 1000 are needed" in done.stdout) == (3, True)


OUTPUTS = ("--json", "out/v.json", "--junit", "out/j.xml", "--github-summary", "summary.md")


def test_nothing_scored_is_an_invalid_gate_that_exits_7_and_leaves_every_file(cli, write, tmp_path):
    done = cli(
        "gate", write("week", silent=300), "--baseline", write("base"), "--config", "gate.toml", *OUTPUTS
    )
    assert done.exit_code == 7
    assert done.stdout.startswith("Invalid: ")
    content = json.loads((tmp_path / "out" / "v.json").read_text())
    assert (content["verdict"], content["exit"], content["rules"]) == ("invalid", 7, [])
    assert "coverage is 0.0% (0 of 300 samples have a score)" in content["reason"]
    suite = ET.parse(tmp_path / "out" / "j.xml").getroot()[0]  # noqa: S314 - our own text
    assert (suite.get("errors"), suite[0][0].get("message")) == ("1", content["reason"])
    assert (tmp_path / "summary.md").read_text(encoding="utf-8").startswith("## ⛔ Invalid")


def test_low_coverage_of_either_run_is_invalid_until_it_is_allowed(cli, write):
    thin, whole = write("thin", silent=200), write("whole")
    for run, baseline in ((thin, whole), (whole, thin)):
        asked = ("gate", run, "--baseline", baseline, "--config", "gate.toml", "--json", "-")
        content = json.loads(cli(*asked).stdout)
        assert (content["verdict"], "coverage is 33.3%" in content["reason"]) == ("invalid", True)
        assert str(thin) in content["reason"]
        assert json.loads(cli(*asked, "--min-coverage", "0.3").stdout)["verdict"] != "invalid"
    done = cli("gate", thin, "--baseline", whole, "--config", "gate.toml", "--min-coverage", "2")
    assert (done.exit_code, "--min-coverage is 2.0" in done.stderr) == (2, True)


def test_no_label_is_an_invalid_gate_too(cli, write, tmp_path):
    (tmp_path / "x.csv").write_text("sample_id,score\ns000,0.1\ns001,0.9\n")
    done = cli("gate", "x.csv", "--baseline", write("base"), "--config", "gate.toml", "--json", "-")
    content = json.loads(done.stdout)
    assert (done.exit_code, content["verdict"]) == (7, "invalid")
    assert "there are no labels" in content["reason"]


@pytest.mark.parametrize("blocked", [0, 12])
def test_json_on_standard_output_is_alone_there(cli, write, blocked):
    done = cli(
        "gate",
        write("week", blocked=blocked),
        "--baseline",
        write("base"),
        "--config",
        "gate.toml",
        "--json",
        "-",
    )
    content = json.loads(done.stdout)
    assert content["schema"] == "finauth-eval/verdict/1"
    assert content["exit"] == done.exit_code == (1 if blocked else 0)
    assert len(content["flips"]) == blocked
    assert (content["run"], content["baseline"]) == (str(Path("week").resolve()), str(Path("base").resolve()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"--config": "none.toml"}, "none.toml: can't be read"),
        ({"--config": "bad.toml"}, "bad.toml: rule 1: metric is 'bpcr'"),
        ({"--config": "slice.toml"}, "there is no column 'sight'"),
        ({"--baseline": "nowhere"}, "nowhere: no such file"),
        ({"--baseline": "nowhere.json"}, "nowhere.json: can't be read"),
        ({"--json": "/proc/nowhere/v.json"}, "/proc/nowhere/v.json: can't be written"),
        ({"--junit": "/proc/nowhere/j.xml"}, "/proc/nowhere/j.xml: can't be written"),
        ({"--github-summary": "/proc/nowhere/s.md"}, "/proc/nowhere/s.md: can't be written"),
        ({"--cluster": "nobody"}, "there is no column 'nobody'"),
    ],
)
def test_a_gate_that_cannot_be_asked_exits_2_and_says_why(cli, write, tmp_path, change, message):
    (tmp_path / "bad.toml").write_text('[[rule]]\nmetric = "bpcr"\n')
    (tmp_path / "slice.toml").write_text('[[rule]]\nmetric = "bpcer"\nslice = "sight=north"\n')
    options = {"--config": "gate.toml", "--baseline": write("base"), **change}
    done = cli("gate", write("week"), *(word for option in options.items() for word in option))
    assert (done.exit_code, message in done.stderr) == (2, True)


def test_a_gate_without_baseline_or_rules_is_a_wrong_call(cli, write):
    week = write("week")
    assert cli("gate", week, "--config", "gate.toml").exit_code == 2
    assert cli("gate", week, "--baseline", week).exit_code == 2


def test_runs_of_different_datasets_say_so_first(cli, write):
    week = write("week", dataset={"name": "q4", "digest": "bb" * 32})
    asked = ("gate", week, "--baseline", write("base"), "--config", "gate.toml")
    done = cli(*asked)
    assert done.stdout.startswith("note: the runs scored different datasets (q3 and q4;")
    assert json.loads(cli(*asked, "--json", "-").stdout)["comparability"][0].startswith(
        "the runs scored different"
    )


def test_runs_that_share_no_sample_are_compared_as_independent_ones(cli, write):
    done = cli(
        "gate", write("week", blocked=30, ids="t"), "--baseline", write("base"), "--config", "gate.toml"
    )
    assert (done.exit_code, done.stdout.startswith("note: no sample is in both runs")) == (1, True)


def test_seed_and_exchanges_are_the_gates(cli, write):
    asked = (
        "gate",
        write("week", blocked=3),
        "--baseline",
        write("base"),
        "--config",
        "gate.toml",
        "--json",
        "-",
    )
    assert cli(*asked).stdout == cli(*asked, "--seed", "0").stdout
    assert json.loads(cli(*asked, "--exchanges", "150").stdout)["aa"]["n"] == 150
    assert json.loads(cli(*asked, "--exchanges", "0").stdout)["aa_false_alarm_rate"] is None


def test_tables_with_columns_of_other_names_are_read_by_the_reading_options(cli, tmp_path):
    lines = ["sample_id,truth,points"] + [
        f"s{i},{'fake' if i % 2 else 'real'},{0.9 if i % 2 else 0.1}" for i in range(80)
    ]
    (tmp_path / "x.csv").write_text("\n".join(lines) + "\n")
    named = ("--label-column", "truth", "--score-column", "points")
    assert cli("gate", "x.csv", "--baseline", "x.csv", "--config", "gate.toml", *named).exit_code == 0
    assert cli("gate", "x.csv", "--baseline", "x.csv", "--config", "gate.toml").exit_code == 2


HOSTILE = "evil <b>|\n| ]]> \x1b[2J \ufffe @octocat 🦊 \u202egpj.exe"


def test_hostile_names_reach_every_output_as_text(cli, write, tmp_path):
    names = [f"{HOSTILE}{i:03d}" for i in range(GENUINE + ATTACKS)]
    week, base = write("week", blocked=12, names=names), write("base", names=names)
    done = cli("gate", week, "--baseline", base, "--config", "gate.toml", *OUTPUTS)
    assert done.exit_code == 1
    assert not {"\x1b", "\u202e"} & {*done.stdout}
    assert json.loads((tmp_path / "out" / "v.json").read_text())["flips"][0]["label"] == "bona_fide"
    root = ET.parse(tmp_path / "out" / "j.xml").getroot()  # noqa: S314 - our own text
    assert "evil <b>|" in (root.findtext(".//failure") or "")
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert "evil &lt;b&gt;&#124;" in summary
    assert "@octocat" not in summary
    assert "<b>" not in summary


@pytest.mark.parametrize("there", [0, 5, 900_000, STEP_SUMMARY_BYTES - 2_000, STEP_SUMMARY_BYTES - 1])
def test_the_summary_is_added_to_what_is_there_and_stays_below_the_limit_in_sum(cli, write, tmp_path, there):
    names = ["|" * 300 + f"{i:03d}" for i in range(GENUINE + ATTACKS)]
    (tmp_path / "summary.md").write_bytes(b"x" * there)
    done = cli("gate", write("week", blocked=200, names=names), "--baseline", write("base", names=names), "--config",
               "gate.toml", "--github-summary", "summary.md")  # fmt: skip
    assert done.exit_code == 1
    content = (tmp_path / "summary.md").read_bytes()
    assert content.startswith(b"x" * there)
    assert len(content) <= STEP_SUMMARY_BYTES
    if there <= 900_000:
        assert "❌ Fail".encode() in content
        assert b"</details>" in content


def test_a_summary_that_is_full_is_left_as_it_is(cli, write, tmp_path):
    (tmp_path / "summary.md").write_bytes(b"x" * STEP_SUMMARY_BYTES)
    cli(
        "gate",
        write("week"),
        "--baseline",
        write("base"),
        "--config",
        "gate.toml",
        "--github-summary",
        "summary.md",
    )
    assert len((tmp_path / "summary.md").read_bytes()) == STEP_SUMMARY_BYTES


def test_an_accepted_baseline_is_what_a_gate_holds_against(cli, write, tmp_path):
    first = write("weeks/W31")
    done = cli("baseline", "accept", first, "--reason", "the first week", "--who", "Ada")
    file = tmp_path / "weeks" / "baseline.json"
    assert (done.exit_code, done.stdout) == (0, f"baseline: {file}\n")
    worse = write("weeks/W32", blocked=12)
    asked = ("gate", worse, "--baseline", file, "--config", "gate.toml", "--json", "-")
    content = json.loads(cli(*asked).stdout)
    assert (content["verdict"], content["baseline"]) == ("fail", str(tmp_path / "weeks" / "W31"))
    assert cli("baseline", "accept", worse, "--reason", "agreed with FinAuth").exit_code == 0
    assert json.loads(cli(*asked).stdout)["verdict"] == "pass"  # held against itself now
    assert [own["reason"] for own in json.loads(file.read_text())["accepted"]] == [
        "the first week",
        "agreed with FinAuth",
    ]


def test_an_acceptance_may_be_written_elsewhere(cli, write, tmp_path):
    done = cli("baseline", "accept", write("W31"), "--reason", "r", "-o", "kept/b.json")
    assert (done.exit_code, done.stdout) == (0, "baseline: kept/b.json\n")
    assert cli("gate", write("W32"), "--baseline", "kept/b.json", "--config", "gate.toml").exit_code == 0


def test_a_baseline_whose_scores_changed_exits_2_without_a_verdict(cli, write, tmp_path):
    cli("baseline", "accept", write("W31"), "--reason", "r")
    write("W31", blocked=1)  # somebody ran that week again, with other answers
    done = cli("gate", write("W32"), "--baseline", "baseline.json", "--config", "gate.toml", *OUTPUTS)
    assert done.exit_code == 2
    assert "the scores of W31 are not those that were accepted" in done.stderr
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "summary.md").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["RUN"], "--reason"),
        (["RUN", "--reason", " "], "the reason is blank"),
        (["nowhere", "--reason", "r"], "nowhere: no such run folder"),
        (["SILENT", "--reason", "r"], "no sample has a score"),
        (["RUN", "--reason", "r", "-o", "/proc/nowhere/b.json"], "can't be written"),
    ],
)
def test_what_cannot_be_accepted_exits_2(cli, write, arguments, message):
    places = {"RUN": write("W31"), "SILENT": write("silent", silent=300)}
    done = cli("baseline", "accept", *(places.get(word, word) for word in arguments))
    assert (done.exit_code, message in done.stderr) == (2, True)


def test_compare_exits_0_whatever_the_difference_and_writes_json(cli, write, tmp_path):
    base, week = write("base"), write("week", blocked=12)
    done = cli("compare", base, week, "--json", tmp_path / "c.json")
    assert done.exit_code == 0
    assert "12 decisions flipped" in done.stdout
    content = json.loads((tmp_path / "c.json").read_text())
    assert (content["schema"], content["paired"], content["n"]) == ("finauth-eval/comparison/1", True, 300)
    assert content["at_current_threshold"]["mcnemar"]["bona_fide"]["b_only"] == 12
    alone = cli("compare", base, week, "--json", "-")
    assert json.loads(alone.stdout) == content


def test_compare_without_labels_tells_how_the_scores_moved(cli, tmp_path):
    for name, add in (("a", 0.0), ("b", 0.05)):
        rows = [f"s{i},{i / 100 + add:.2f}" for i in range(90)]
        (tmp_path / f"{name}.csv").write_text("sample_id,score\n" + "\n".join(rows) + "\n")
    done = cli("compare", "a.csv", "b.csv")
    assert done.exit_code == 0
    assert done.stdout.startswith("note: there are no labels in a.csv")
    assert "Score shift; 90 went up, 0 down, 0 stayed" in done.stdout
    assert "BPCER" not in done.stdout
    content = json.loads(cli("compare", "a.csv", "b.csv", "--json", "-").stdout)
    assert (content["auc"], content["at_current_threshold"]) == (None, None)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["A", "nowhere.csv"], 2, "nowhere.csv: no such file"),
        (["A", "B", "--margin", "2"], 2, "margin is 2.0"),
        (["A", "B", "--confidence", "95"], 2, "95"),
        (["A", "B", "--by", "nowhere"], 2, "nowhere"),
        (["A", "B", "--threshold", "nan"], 2, "threshold is nan"),
        (["A", "SILENT"], 7, "no sample has a score in both"),
        (["A", "THIN"], 7, "coverage is 33.3% (100 of 300 samples have a score)"),
        (["A"], 2, "Missing argument"),
    ],
)
def test_compare_says_why_it_cannot_be_done(cli, write, arguments, code, message):
    places = {
        "A": write("a"),
        "B": write("b"),
        "SILENT": write("s", silent=300),
        "THIN": write("t", silent=200),
    }
    done = cli("compare", *(places.get(word, word) for word in arguments))
    assert (done.exit_code, message in done.stderr) == (code, True)
    assert ("THIN" in arguments) == (
        "decisions flipped" in done.stdout
    )  # told first, where there is something to tell


def test_a_history_is_a_table_with_what_changed_and_the_baseline(cli, write, tmp_path):
    write("weeks/W31", endpoint="https://a.example/v5")
    write(
        "weeks/W32", endpoint="https://a.example/v5", dataset={"name": "q4", "digest": "bb" * 32}, blocked=12
    )
    write("weeks/W33", endpoint="https://b.example/v5", dataset={"name": "q4", "digest": "bb" * 32})
    for name in ("W31", "W32"):
        asked = ("gate", f"weeks/{name}", "--baseline", "weeks/W31", "--config", "gate.toml")
        cli(*asked, "--json", f"weeks/{name}/verdict.json")
    cli("baseline", "accept", "weeks/W31", "--reason", "the first week")
    (tmp_path / "weeks" / "W30").mkdir()
    (tmp_path / "weeks" / "W30" / "run.json").write_text("{}")
    (tmp_path / "weeks" / "W30" / "scores.parquet").write_bytes(b"cut off")
    done = cli("history", "build", "weeks")
    assert done.exit_code == 0
    assert done.stdout.startswith("table: weeks/history.parquet\n")
    assert "finauth-eval: left out W30: " in done.stderr
    frame = pd.read_parquet("weeks/history.parquet")
    assert frame["run"].tolist() == ["W31", "W32", "W33"]
    assert frame["changed"].tolist() == ["", "dataset", "endpoint"]
    assert frame["baseline"].tolist() == [True, False, False]
    assert frame["verdict"].tolist()[:2] == ["pass", "fail"]
    assert frame["bpcer"].tolist() == [0, 12 / 200, 0]
    assert "W31 (baseline)" in done.stdout


def test_a_history_may_be_written_elsewhere_and_says_what_it_cannot(cli, write, tmp_path):
    write("weeks/W31")
    assert cli("history", "build", "weeks", "--table", "out/h.parquet").stdout.startswith(
        "table: out/h.parquet\n"
    )
    assert not (tmp_path / "weeks" / "history.parquet").exists()
    for arguments, message in (
        (["nowhere"], "nowhere: no such folder"),
        ([tmp_path / "out"], "no run in it"),
        (["weeks", "--table", "/proc/nowhere/h.parquet"], "can't be written"),
        (["weeks", "--confidence", "7"], "7"),
    ):
        done = cli("history", "build", *arguments)
        assert (done.exit_code, message in done.stderr) == (2, True)


def test_a_history_cannot_be_steered_by_the_names_of_its_runs(cli, write):
    write("weeks/W31\x1b[2J")
    done = cli("history", "build", "weeks")
    assert "\x1b" not in done.stdout + done.stderr


def test_output_files_are_whole_or_not_there(cli, write, tmp_path, monkeypatch):
    week = write("week")

    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    done = cli("gate", week, "--baseline", week, "--config", "gate.toml", "--json", "v.json")
    assert (done.exit_code, "v.json: can't be written (No space left on device)" in done.stderr) == (2, True)
    assert not [*tmp_path.glob("*v.json*")]
