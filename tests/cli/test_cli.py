"""The shell's side of the contract: commands, exit codes, messages, JSON."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from finauth_eval.cli import app
from finauth_eval.deployed import load_policy

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("FINAUTH")}


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Runs a command in this process, in an empty folder, without credentials unless they are given."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object, **variables: str) -> Any:
        environment = {"FINAUTH_API_KEY": None, "FINAUTH_API_SECRET": None, **variables}
        done = CliRunner().invoke(
            app, [str(word) for word in arguments], env=environment, catch_exceptions=False
        )
        assert "Traceback" not in done.stderr
        return done

    return run


def shell(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Runs a command as a shell would."""
    command = [sys.executable, "-m", "finauth_eval", *map(str, arguments)]
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    lines = ["label,score,attack_type,site"]
    lines += [f"real,{i / 100:.2f},,{'a' if i % 2 else 'b'}" for i in range(60)]
    lines += [
        f"fake,{0.4 + i / 100:.2f},{'swap' if i % 3 else 'replay'},{'a' if i % 2 else 'b'}" for i in range(60)
    ]
    (tmp_path / "x.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "x.csv"


COMMANDS = [
    "production",
    "demo",
    "dataset check",
    "dataset build-demo",
    "run",
    "evaluate",
    "recommend",
    "plan",
    "report",
    "sandbox",
    "cache stats",
    "cache explain",
    "cache verify",
    "cache export",
    "cache import",
    "cache prune",
    "doctor",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(cli, command):
    done = cli(*command.split(), "--help")
    assert done.exit_code == 0
    assert done.stdout.startswith("Usage:")
    assert len(done.stdout.splitlines()) > 4


def test_importing_the_package_and_asking_for_help_load_nothing_heavy():
    code = (
        "import sys, finauth_eval, finauth_eval.cli\n"
        "heavy = {'matplotlib', 'httpx', 'sklearn', 'pandas', 'numpy', 'scipy', 'diskcache', 'jinja2', 'pydantic'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_evaluating_needs_neither_matplotlib_nor_httpx_nor_scikit_learn(table):
    code = (
        "import sys, finauth_eval as fe\n"
        f"fe.recommend(fe.read_scores({str(table)!r}), [fe.MaxBpcer(0.1)]); fe.evaluate(fe.read_scores({str(table)!r}))\n"
        "print(sorted({'matplotlib', 'httpx', 'sklearn', 'diskcache', 'jinja2'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_evaluate_prints_for_people_and_writes_json_for_machines(cli, table, tmp_path):
    done = cli("evaluate", table, "--by", "site", "--threshold", "0.44", "--json", tmp_path / "e.json")
    assert done.exit_code == 0
    for words in ("60 bona fide and 60 attacks", "AUC", "swap", "site"):
        assert words in done.stdout
    result = json.loads((tmp_path / "e.json").read_text())
    assert result["schema"] == "finauth-eval/evaluation/1"
    assert result["counts"] == {"bona_fide": 60, "attack": 60, "no_response": {"bona_fide": 0, "attack": 0}}
    assert [point["threshold"] for point in result["operating_points"]] == [0.5, 0.44]
    first = result["operating_points"][0]["confusion"]
    assert first == {
        "tp": 50,
        "fn": 10,
        "fp": 10,
        "tn": 50,
    }  # 0.40..0.49 below, 0.50..0.59 above: counted by hand
    assert set(result["slices"]["site"]) == {"a", "b"}


def test_json_on_standard_output_is_alone_there(cli, table):
    done = cli("evaluate", table, "--json", "-")
    assert json.loads(done.stdout)["schema"] == "finauth-eval/evaluation/1"
    done = cli("recommend", table, "--max-bpcer", "0.1", "--json", "-")
    answer = json.loads(done.stdout)
    assert answer["schema"] == "finauth-eval/recommendation/1"
    assert [item["policy"]["name"] for item in answer["recommendations"]] == [
        "max_bpcer",
        "equal_error",
        "youden",
        "best_f_beta",
    ]


def test_recommend_names_a_threshold_or_says_what_is_missing(cli, table):
    done = cli("recommend", table, "--max-bpcer", "0.05", "--max-bpcer", "0.01", "--cost", "miss=20,alarm=1",
               "--prior", "0.02")  # fmt: skip
    assert done.exit_code == 0
    assert "With 95% confidence at most 5%" in done.stdout
    assert "needs 299 bona fide samples, has 60" in done.stdout
    assert "min_cost" in done.stdout


def test_recommend_takes_goals_from_a_file_and_exports_the_first_for_a_service(cli, table, tmp_path):
    (tmp_path / "goals.toml").write_text(
        'schema = "finauth-eval/policies/1"\n[[policy]]\nname = "max_bpcer"\ntarget = 0.2\n'
    )
    done = cli(
        "recommend", table, "--policy", "goals.toml", "--max-apcer", "0.3", "--pooled", "--cost", "miss=20,alarm=1",
        "--prior", "0.02", "--review-capacity", "0.1", "--by", "site", "--export", "out/policy.json", "--json", "-",
    )  # fmt: skip
    assert done.exit_code == 0
    assert "policy: out/policy.json" in done.stderr
    answer = json.loads(done.stdout)
    names = [
        "max_bpcer",
        "max_apcer",
        "min_cost",
        "accept_review_reject",
        "equal_error",
        "youden",
        "best_f_beta",
    ]
    assert {*answer["recommendations"]} == {"a", "b"}
    for items in (answer["pooled"], *answer["recommendations"].values()):
        assert [item["policy"]["name"] for item in items] == names
    policy = load_policy(tmp_path / "out" / "policy.json")
    threshold = answer["pooled"][0]["threshold"]
    assert policy.decide(threshold) == "reject"
    assert policy.decide(threshold - 0.01) == "accept"
    assert [*policy.segments] == ["a", "b"]


def test_the_least_cost_keeps_the_promises_that_are_asked_for(cli, table):
    asked = (
        "recommend",
        table,
        "--max-bpcer",
        "0.1",
        "--cost",
        "miss=20,alarm=1",
        "--prior",
        "0.5",
        "--json",
        "-",
    )
    promise, free = json.loads(cli(*asked).stdout)["recommendations"][:2]
    _, kept = json.loads(cli(*asked, "--keep-promises").stdout)["recommendations"][:2]
    assert free["threshold"] < promise["threshold"] <= kept["threshold"]
    assert kept["guarantee"] == promise["guarantee"]
    assert kept["policy"]["subject_to"] == [{"name": "max_bpcer", "target": 0.1}]


def test_what_has_no_threshold_is_told_and_not_exported(cli, table, tmp_path):
    done = cli("recommend", table, "--max-bpcer", "0.01")
    assert done.exit_code == 0
    assert "no threshold: needs 299 bona fide samples, has 60" in done.stdout
    done = cli("recommend", table, "--max-bpcer", "0.01", "--export", "policy.json")
    assert done.exit_code == 2
    assert "nothing to export: needs 299 bona fide samples, has 60" in done.stderr
    assert not (tmp_path / "policy.json").exists()
    done = cli("recommend", table, "--export", "policy.json")
    assert (done.exit_code, "name one" in done.stderr) == (2, True)
    (tmp_path / "low.csv").write_text("label,score\n" + "real,0.1\n" * 60 + "fake,\n" * 100)
    done = cli("recommend", "low.csv", "--max-bpcer", "0.05", "--export", "policy.json")
    assert done.exit_code == 7
    assert not (tmp_path / "policy.json").exists()


def test_promises_of_a_policy_file_are_kept_too(cli, table, tmp_path):
    (tmp_path / "goals.toml").write_text(
        'schema = "finauth-eval/policies/1"\n[[policy]]\nname = "max_bpcer"\ntarget = 0.1\n'
    )
    done = cli("recommend", table, "--policy", "goals.toml", "--cost", "miss=20,alarm=1", "--prior", "0.5",
               "--keep-promises", "--json", "-")  # fmt: skip
    _, kept = json.loads(done.stdout)["recommendations"][:2]
    assert kept["policy"]["subject_to"] == [{"name": "max_bpcer", "target": 0.1}]


@pytest.fixture
def parts(table: Path) -> Path:
    """The same scores as `table`, in a folder of Parquet files."""
    frame = pd.read_csv(table)
    folder = table.parent / "scores"
    folder.mkdir()
    for i in range(3):
        frame[i::3].to_parquet(folder / f"part-{i}.parquet", index=False)
    return folder


@pytest.mark.parametrize(
    "command",
    [("evaluate", "--by", "site"), ("recommend", "--max-bpcer", "0.1", "--by", "site", "--holdout", "0.3")],
)
def test_a_folder_or_pattern_of_parquet_files_gives_the_output_of_the_one_table(cli, table, parts, command):
    verb, *options = command
    whole = cli(verb, table, *options)
    for path in (parts, parts / "*.parquet"):
        done = cli(verb, path, *options)
        assert (done.stdout, done.exit_code) == (whole.stdout, 0)
    assert json.loads(cli(verb, parts, *options, "--json", "-").stdout) == json.loads(
        cli(verb, table, *options, "--json", "-").stdout
    )


@pytest.mark.parametrize("a_subject", [1, 2])
def test_a_large_file_is_counted_and_says_what_it_says_as_a_table(
    cli, parts, monkeypatch, tmp_path, a_subject
):
    from finauth_eval import scores
    from finauth_eval.scanned import files

    frame = pd.concat(pd.read_parquet(file) for file in sorted(parts.iterdir()))
    subjects = [f"p{i // a_subject}" for i in range(len(frame))]
    frame.assign(subject=subjects).to_parquet(tmp_path / "all.parquet")
    asked = (
        ["evaluate", tmp_path / "all.parquet", "--by", "region"],
        ["recommend", tmp_path / "all.parquet", "--max-bpcer", "0.1"],
    )
    whole = [cli(*own).stdout for own in asked]
    assert ("come from 60 subjects" in whole[0]) == (a_subject == 2)
    monkeypatch.setattr(files, "MOST_AT_ONCE", 100)
    monkeypatch.setattr(scores, "read_scores", lambda *_, **__: pytest.fail("was read as a whole"))
    assert [cli(*own).stdout for own in asked] == whole
    assert cli("evaluate", tmp_path / "all.parquet", "--cluster", "none").exit_code == 0


def test_persons_in_several_files_are_told_apart_as_in_one(cli, parts, tmp_path):
    frames = [pd.read_parquet(file) for file in sorted(parts.iterdir())]
    (tmp_path / "many").mkdir()
    for i, own in enumerate(frames):
        own["subject"] = [f"p{k % 11}" for k in range(len(own))]
        own.to_parquet(tmp_path / "many" / f"{i}.parquet")
    pd.concat(frames).to_parquet(tmp_path / "one.parquet")
    for verb, *options in (
        ("evaluate", "--by", "region"),
        ("recommend", "--max-bpcer", "0.1", "--by", "region"),
    ):
        many, one = (
            json.loads(cli(verb, tmp_path / name, *options, "--json", "-").stdout)
            for name in ("many", "one.parquet")
        )
        assert many == one
    assert "come from 11 subjects" in cli("evaluate", tmp_path / "many").stdout


def test_more_persons_than_can_be_told_apart_are_refused_with_advice(cli, parts, monkeypatch, tmp_path):
    from finauth_eval.counting import cells

    monkeypatch.setattr(cells, "MOST_CELLS", 30)
    for i, file in enumerate(sorted(parts.iterdir())):
        own = pd.read_parquet(file)
        own.assign(subject=[f"{i}-{k // 2}" for k in range(len(own))]).to_parquet(file)
    done = cli("evaluate", parts)
    assert done.exit_code == 2
    assert "more than 30 different combinations of subject" in done.stderr
    assert "cluster 'none'" in done.stderr
    assert cli("evaluate", parts, "--cluster", "none").exit_code == 0


def test_low_coverage_of_counted_scores_exits_7_too(cli, parts):
    frame = pd.read_parquet(parts / "part-0.parquet")
    frame.assign(score=None).to_parquet(parts / "part-3.parquet")
    assert cli("evaluate", parts, "--min-coverage", "0.9").exit_code == 7


def test_production_says_alerts_shift_and_the_share_of_attacks(cli, table, parts, tmp_path):
    frame = pd.read_csv(table).drop(columns=["label", "attack_type"])
    frame["received_at"] = pd.date_range("2026-11-02", periods=len(frame), freq="6h", tz="UTC").astype(str)
    frame.to_csv(tmp_path / "production.csv", index=False)
    options = ("--reference", parts, "--labelled", table, "--by-time", "received_at", "--every", "week")
    done = cli("production", tmp_path / "production.csv", *options, "--json", tmp_path / "p.json")
    assert done.exit_code == 0
    assert "2026-11-09" in done.stdout
    found = json.loads((tmp_path / "p.json").read_text())
    assert found["schema"] == "finauth-eval/production/1"
    assert found["prevalence"]["estimate"]["value"] == pytest.approx(0.5)
    assert found["score_shift"]["ks"] == 0.0
    assert len(found["windows"]["values"]) == 5
    assert cli("production", tmp_path / "production.csv").exit_code == 0
    assert (
        "--every needs --by-time" in cli("production", tmp_path / "production.csv", "--every", "day").stderr
    )


def test_a_plan_says_what_given_numbers_of_samples_allow(cli):
    answer = json.loads(cli("plan", "--max-bpcer", "0.01", "--n", "298", "--n", "1000", "--json", "-").stdout)
    assert [(row["n"], row["m"]) for row in answer["rows"]] == [(298, None), (1000, 4)]
    assert answer["rows"][0]["power"] == 0
    assert 0 < answer["rows"][1]["interval_width"] < answer["rows"][0]["interval_width"]
    assert "width of the rate's interval" in cli("plan", "--max-apcer", "0.05").stdout


@pytest.mark.parametrize(("target", "minimum"), [("0.05", 59), ("0.01", 299), ("0.001", 2995)])
def test_plan_says_how_many_samples_a_target_needs(cli, target, minimum):
    done = cli("plan", "--max-bpcer", target, "--json", "-")
    answer = json.loads(done.stdout)
    assert (answer["schema"], answer["minimum"]) == ("finauth-eval/plan/1", {"bona_fide": minimum})
    assert json.loads(cli("plan", "--max-apcer", target, "--json", "-").stdout)["minimum"] == {
        "attack_type": minimum
    }


def test_report_writes_one_file_and_names_it(cli, table, tmp_path):
    done = cli("report", table, "-o", tmp_path / "out" / "r.html")
    assert (done.exit_code, done.stdout) == (0, f"report: {tmp_path / 'out' / 'r.html'}\n")
    page = (tmp_path / "out" / "r.html").read_text(encoding="utf-8")
    assert page.lower().startswith("<!doctype html>")
    assert [entry.name for entry in (tmp_path / "out").iterdir()] == ["r.html"]


BAD_INPUT = [
    ("label,score\nreal,0.1\nfake,1.7\n", 2, ["row 2 (line 3)", "score is 1.7", "[0, 1]"]),
    ("label,score\nfak,0.1\n", 2, ["row 1 (line 2)", "'fak'", "attack/bona_fide"]),
    ("", 2, ["the file is empty"]),
    ("label,score\n", 7, ["none of 0 samples has a score"]),
    ("label,score\nreal,\nfake,\n", 7, ["none of 2 samples has a score"]),
    ("a,b\n1,2\n", 2, ["no column 'label'"]),
]


@pytest.mark.parametrize("command", ["evaluate", "recommend", "report"])
@pytest.mark.parametrize(("text", "code", "parts"), BAD_INPUT)
def test_bad_tables_are_a_clear_message_and_the_right_exit_code(cli, tmp_path, command, text, code, parts):
    (tmp_path / "x.csv").write_text(text)
    extra = ["-o", tmp_path / "r.html"] if command == "report" else []
    done = cli(command, tmp_path / "x.csv", *extra)
    assert done.exit_code == code
    for part in [str(tmp_path / "x.csv"), *parts]:
        assert part in done.stderr
    # where there is a table, but no score in it, the report says why
    assert (tmp_path / "r.html").exists() == (command == "report" and code == 7)


def test_a_table_of_one_class_is_evaluated_as_far_as_it_goes(cli, tmp_path):
    (tmp_path / "x.csv").write_text("label,score\n" + "".join(f"real,{i / 100}\n" for i in range(100)))
    done = cli("evaluate", tmp_path / "x.csv", "--json", "-")
    assert done.exit_code == 0
    result = json.loads(done.stdout)
    assert result["auc"]["value"] is None
    assert "attack" in result["auc"]["reason"]
    assert result["operating_points"][0]["bpcer"]["value"] == 0.5
    assert result["operating_points"][0]["apcer"]["value"] is None
    shown = cli("evaluate", tmp_path / "x.csv")
    assert "attack" in shown.stdout.split("note:")[1]
    report = cli("report", tmp_path / "x.csv", "-o", tmp_path / "r.html")
    assert report.exit_code == 0


def test_low_coverage_exits_7_after_saying_what_there_is(cli, tmp_path):
    (tmp_path / "x.csv").write_text("label,score\nreal,0.1\nfake,0.9\nfake,\nreal,\nreal,\n")
    done = cli("evaluate", tmp_path / "x.csv")
    assert done.exit_code == 7
    assert "AUC" in done.stdout
    assert "coverage is 40.0% (2 of 5 samples have a score)" in done.stderr
    assert cli("evaluate", tmp_path / "x.csv", "--min-coverage", "0.4").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate", "X", "--by", "nowhere"], "nowhere"),
        (["evaluate", "X", "--threshold", "1.5"], "1.5"),
        (["evaluate", "X", "--confidence", "95"], "95"),
        (["recommend", "X", "--max-bpcer", "5"], "5"),
        (["recommend", "X", "--cost", "miss=1,alarm=1"], "--prior"),
        (["recommend", "X", "--cost", "20:1", "--prior", "0.1"], "miss=20,alarm=1"),
        (["recommend", "X", "--cost", "miss=1,alarm=1,miss=2", "--prior", "0.1"], "miss=20,alarm=1"),
        (["evaluate", "X", "--min-coverage", "nan"], "--min-coverage"),
        (["recommend", "X", "--holdout", "2"], "2"),
        (["recommend", "X", "--max-bpcer", "0.1", "--by", "nowhere"], "nowhere"),
        (["recommend", "X", "--max-bpcer", "0.1", "--joint"], "--by"),
        (["recommend", "X", "--max-bpcer", "0.1", "--review-capacity", "0.1"], "--cost"),
        (["recommend", "X", "--max-bpcer", "0.1", "--keep-promises"], "--cost"),
        (
            ["recommend", "X", "--cost", "miss=1,alarm=1", "--prior", "0.1", "--keep-promises"],
            "a promise to keep",
        ),
        (["recommend", "X", "--max-bpcer", "0.1", "--prior", "0.1"], "--cost"),
        (["recommend", "X", "--max-bpcer", "0.1", "--pooled"], "--max-apcer"),
        (["plan", "--max-bpcer", "0.1", "--n", "99999999999999999999"], "at most"),
        (["recommend", "X", "--cost", "miss=1,alarm=1", "--prior", "2"], "prior is 2.0"),
        (
            ["recommend", "X", "--cost", "miss=1,alarm=1", "--prior", "0.1", "--review-capacity", "2"],
            "capacity is 2.0",
        ),
        (["recommend", "X", "--policy", "none.toml"], "none.toml"),
        (["plan", "--max-bpcer", "0.1", "--n", "0"], "expected at least 1 sample"),
        (["plan"], "--max-bpcer"),
        (["run", "X", "--out", "r"], "--region"),
        (["run", "X", "--out", "r", "--region", "usa"], "sgp or idn"),
        (["run", "X", "--out", "r", "--endpoint", "http://example.com"], "https"),
        (["run", "X", "--region", "sgp"], "--out"),
        (["sandbox", "--fault", "500"], "500"),
        (["evaluate", "no-such-file.csv"], "no such file"),
        (["dataset", "check", "no-such-file.csv"], "no such folder or file"),
    ],
)
def test_a_request_that_cannot_be_met_exits_2_and_says_why(
    cli, table, picture_folder, tmp_path, arguments, message
):
    source = picture_folder() if arguments[0] == "run" else table
    done = cli(*(source if word == "X" else word for word in arguments))
    assert done.exit_code == 2
    assert message in done.stderr


def test_dataset_check_lists_findings_and_exits_2_on_errors(cli, picture_folder, tmp_path):
    root = picture_folder()
    good = cli("dataset", "check", root, "--json", tmp_path / "c.json")
    assert good.exit_code == 0
    assert good.stdout.startswith("5 samples, 0 errors, 0 warnings\ndigest ")
    assert json.loads((tmp_path / "c.json").read_text())["findings"] == []
    (root / "m.csv").write_text(
        "path,label\nbona_fide/00000.png,real\ngone.png,fake\nbona_fide/00001.png,maybe\n"
    )
    bad = cli("dataset", "check", root / "m.csv")
    assert bad.exit_code == 2
    assert re.search(r"row 2 \(line 3\): gone\.png: missing", bad.stdout)
    assert re.search(r"row 3 \(line 4\): label is 'maybe'", bad.stdout)


def test_a_run_from_the_shell_leaves_its_folder_and_resumes_for_nothing(
    cli, picture_folder, tmp_path, sandbox
):
    server, root = sandbox(), picture_folder()
    keys = {"FINAUTH_API_KEY": "demo-key", "FINAUTH_API_SECRET": "demo-secret"}
    options = ["--endpoint", server.endpoint, "--cache", tmp_path / "cache"]
    dry = cli("run", root, *options, "--dry-run", "--json", "-")
    assert (dry.exit_code, json.loads(dry.stdout)["planned_calls"]) == (0, 5)
    done = cli("run", root, *options, "--out", tmp_path / "run", **keys)
    assert done.exit_code == 0, done.stderr
    assert "5 samples, 5 different contents: 5 scored" in done.stdout
    assert {entry.name for entry in (tmp_path / "run").iterdir()} == {"scores.parquet", "run.json"}
    again = cli("run", root, *options, "--out", tmp_path / "again", "--json", "-", **keys)
    summary = json.loads(again.stdout)
    assert (summary["schema"], summary["sends"], summary["from_cache"]) == ("finauth-eval/run/1", 0, 5)
    replayed = cli("run", root, *options, "--out", tmp_path / "replayed", "--replay")
    assert replayed.exit_code == 0
    assert cli("evaluate", tmp_path / "run").exit_code == 0


def test_a_run_without_credentials_exits_4_and_one_with_wrong_ones_too(
    cli, picture_folder, tmp_path, sandbox
):
    server, root = sandbox(), picture_folder()
    options = ["run", root, "--endpoint", server.endpoint, "--out", tmp_path / "r", "--cache", tmp_path / "c"]
    none = cli(*options)
    assert none.exit_code == 4
    assert "FINAUTH_API_KEY" in none.stderr
    wrong = cli(*options, FINAUTH_API_KEY="demo-key", FINAUTH_API_SECRET="not-the-secret")
    assert wrong.exit_code == 4
    assert "signature was refused" in wrong.stderr
    assert "not-the-secret" not in wrong.stderr + wrong.stdout + (tmp_path / "r" / "run.json").read_text()


def test_a_port_that_is_taken_is_a_clear_message(cli):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = cli("sandbox", "--scorer", "hash", "--port", taken.getsockname()[1])
    assert done.exit_code == 2
    assert "can't be had" in done.stderr


def test_certificates_that_are_not_there_are_a_clear_message(cli, picture_folder, tmp_path):
    done = cli("run", picture_folder(), "--region", "sgp", "--out", tmp_path / "r", "--cache", tmp_path / "c",
               FINAUTH_API_KEY="k", FINAUTH_API_SECRET="s", SSL_CERT_FILE="/nowhere.pem")  # fmt: skip
    assert done.exit_code == 2
    assert "SSL_CERT_FILE" in done.stderr


def test_a_report_that_cannot_be_written_is_a_clear_message(cli, table):
    done = cli("report", table, "-o", "/proc/nowhere/r.html")
    assert done.exit_code == 2
    assert "/proc/nowhere/r.html: the report can't be written" in done.stderr


def test_capped_runs_exit_5(cli, picture_folder, tmp_path, sandbox):
    server, root = sandbox(), picture_folder()
    done = cli("run", root, "--endpoint", server.endpoint, "--out", tmp_path / "r", "--cache", tmp_path / "c",
               "--max-calls", "2", FINAUTH_API_KEY="demo-key", FINAUTH_API_SECRET="demo-secret")  # fmt: skip
    assert done.exit_code == 5
    assert "--max-calls 2 reached" in done.stderr


def test_names_from_outside_cannot_steer_the_terminal(cli, tmp_path):
    (tmp_path / "x.csv").write_text(
        "label,score,attack_type\nfake,0.5,\x1b[2Jevil\nfake,0.6,\x1b[2Jevil\nreal,0.1,\n"
    )
    done = cli("evaluate", tmp_path / "x.csv")
    assert "\x1b" not in done.stdout
    assert "\\x1b[2Jevil" in done.stdout


def test_a_reader_that_has_seen_enough_is_no_error(table):
    command = [sys.executable, "-m", "finauth_eval", "evaluate", str(table), "--json", "-"]
    with subprocess.Popen(
        command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()  # before a byte was written
        assert process.stderr.read() == ""


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["plan", "--max-bpcer", "0.05"], 0), (["evaluate", "gone.csv"], 2), (["nonsense"], 2)],
)
def test_exit_codes_reach_the_shell(arguments, code):
    done = shell(*arguments)
    assert done.returncode == code
    assert "Traceback" not in done.stderr
