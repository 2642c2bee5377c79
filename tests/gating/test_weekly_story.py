"""The weekly job as a scheduler runs it: examples/weekly.sh in a shell, against a real server that gets worse.

The first part tells the weeks of one service end to end; the second puts a stand-in where the command is, and looks at
what the script makes of every outcome.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from finauth_eval.sandbox.server import RunningSandbox, started_sandbox
from finauth_eval.sandbox.settings import SandboxSettings

EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPT = EXAMPLES / "weekly.sh"
COMMAND = Path(sys.executable).with_name("finauth-eval")
SHELLS = {name: path for name in ("dash", "bash", "busybox") if (path := shutil.which(name))}
NOT_OURS = (
    "FINAUTH",
    "GITHUB_",
    "DATASET",
    "REGION",
    "ENDPOINT",
    "RUNS",
    "CAMPAIGN",
    "BASELINE",
    "GATE",
    "CACHE",
    "MAX_CALLS",
)
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(NOT_OURS)}
KEYS = {"FINAUTH_API_KEY": "demo-key", "FINAUTH_API_SECRET": "demo-secret"}


def words_of(shell: str) -> list[str]:
    return [SHELLS[shell], "sh"] if shell == "busybox" else [SHELLS[shell]]


pytestmark = pytest.mark.skipif(not SHELLS, reason="there is no shell to run the script in")


@pytest.fixture
def weekly(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the script in an otherwise clean environment and an empty folder."""
    shutil.copy(EXAMPLES / "gate.toml", tmp_path)

    def run(shell: str = "", **variables: object) -> subprocess.CompletedProcess[str]:
        words = [*words_of(shell or next(iter(SHELLS))), SCRIPT]
        environment = {
            **CLEAN,
            "FINAUTH_EVAL": str(COMMAND),
            **{key: str(own) for key, own in variables.items()},
        }
        return subprocess.run(
            words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
        )

    return run


# -- part one: the weeks of a service -----------------------------------------------------------------------------------

DETECTOR = '''
"""A sandbox with a detector that knows the pictures' seeds: genuine ones are below 61; some of them it blocks."""
import re, sys
from finauth_eval.sandbox import server
from finauth_eval.sandbox.scoring import Scored
from finauth_eval.sandbox.settings import SandboxSettings

blocked = int(sys.argv[1])

def score(media, data_type):
    text = re.search(rb"\\0\\0\\0(.)tEXtseed\\0", media, re.DOTALL)  # its length, and then its content
    seed = int(media[text.end() :][: text[1][0] - len("seed.")])
    genuine = seed <= 60
    return Scored(score=0.1 + seed / 1000 if genuine and seed > blocked else 0.6 + seed / 1000)

server._load_scorer = lambda settings: score
server.serve(SandboxSettings(scorer="hash", keys={"weekly-key": "kept-to-ourselves"}), until_eof=True)
'''


@pytest.fixture
def detector(tmp_path: Path) -> Callable[[int], Any]:
    """Starts the server in a process of its own, with so many genuine pictures blocked."""
    (tmp_path / "detector.py").write_text(DETECTOR)

    @contextmanager
    def start(blocked: int) -> Iterator[RunningSandbox]:
        command = [sys.executable, str(tmp_path / "detector.py"), str(blocked)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            line = process.stdout.readline()
            yield RunningSandbox(endpoint=line.removeprefix("sandbox listening on ").strip(), pid=process.pid)
        finally:
            process.terminate()
            process.communicate(timeout=20)

    return start


def verdict(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "verdict.json").read_text())
    return content


def summary(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "run.json").read_text())
    return content


@pytest.mark.timeout(600)
def test_weeks_of_a_service_that_gets_worse_and_well_again(weekly, detector, picture_folder, tmp_path):
    faces = picture_folder(bona_fide=60, attack=40, name="faces of the team")
    runs = tmp_path / "all our runs"
    keys = {"FINAUTH_API_KEY": "weekly-key", "FINAUTH_API_SECRET": "kept-to-ourselves"}
    settings = {
        **keys,
        "DATASET": faces,
        "RUNS": runs,
        "CACHE": tmp_path / "the cache",
        "ENDPOINT_NAME": "production",
    }

    with ExitStack() as stack:
        good = stack.enter_context(detector(0))

        # the first week: no baseline yet, and that is said
        first = weekly(**settings, ENDPOINT=good.endpoint, CAMPAIGN="2026-W31")
        assert first.returncode == 0, first.stderr
        assert {own.name for own in (runs / "2026-W31").iterdir()} == {
            "scores.parquet",
            "run.json",
            "report.html",
        }
        assert "no baseline yet" in first.stderr
        accept = re.search(r"baseline accept '(.*)' --reason", first.stderr)
        assert accept
        assert good.stats()["requests"] == 100

        # somebody looks at the report and accepts it, as they are told
        said = [str(COMMAND), "baseline", "accept", accept[1], "--reason", "looked at"]
        assert subprocess.run(said, cwd=tmp_path, env=CLEAN, check=True).returncode == 0
        assert (runs / "baseline.json").is_file()

        # the second week: a worse detector
        bad = stack.enter_context(detector(12))
        second = weekly(
            **settings,
            ENDPOINT=bad.endpoint,
            CAMPAIGN="2026-W32",
            GITHUB_STEP_SUMMARY=tmp_path / "summary.md",
        )
        assert second.returncode == 1, second.stderr
        week = runs / "2026-W32"
        assert {own.name for own in week.iterdir()} == {
            "scores.parquet", "run.json", "report.html", "verdict.json", "junit.xml",
        }  # fmt: skip
        told = verdict(week)
        assert (told["verdict"], told["exit"]) == ("fail", 1)
        failed = [own["name"] for own in told["rules"] if own["verdict"] == "fail"]
        assert "bpcer: at most 0.5 points worse" in failed
        flipped = [f"bona_fide/{i:05d}.png" for i in range(12)]
        assert sorted(own["sample_id"] for own in told["flips"]) == flipped
        assert all(name in second.stdout for name in flipped)
        suite = ET.parse(week / "junit.xml").getroot()[0]  # noqa: S314 - our own text
        assert int(suite.get("failures") or 0) == len(failed)
        assert "❌ Fail" in (tmp_path / "summary.md").read_text(encoding="utf-8")
        assert summary(week)["sends"] == 100
        assert bad.stats()["requests"] == 100

        # the same week again: nothing is sent, and the verdict is the same
        again = weekly(**settings, ENDPOINT=bad.endpoint, CAMPAIGN="2026-W32")
        assert again.returncode == 1
        assert bad.stats()["requests"] == 100
        assert (summary(week)["sends"], summary(week)["from_cache"]) == (0, 100)
        assert verdict(week) == told

        # the third week: the detector is well again
        third = weekly(**settings, ENDPOINT=good.endpoint, CAMPAIGN="2026-W33")
        assert third.returncode == 0, third.stderr
        assert verdict(runs / "2026-W33")["verdict"] == "pass"
        assert verdict(runs / "2026-W33")["flips"] == []
        assert good.stats()["requests"] == 200

    # the fourth week: nobody answers
    fourth = weekly(**settings, ENDPOINT=good.endpoint, CAMPAIGN="2026-W34")
    assert fourth.returncode == 3  # the run's; the report's and the gate's are 7
    assert verdict(runs / "2026-W34")["verdict"] == "invalid"
    page = (runs / "2026-W34" / "report.html").read_text(encoding="utf-8")
    assert "No sample has a score, so nothing can be said." in page
    assert summary(runs / "2026-W34")["exit"] == 3

    history = pd.read_parquet(runs / "history.parquet")
    assert history["run"].tolist() == ["2026-W31", "2026-W32", "2026-W33", "2026-W34"]
    assert history["verdict"].tolist()[1:] == ["fail", "pass", "invalid"]
    assert history["baseline"].tolist() == [True, False, False, False]
    assert history["bpcer"].tolist()[:3] == [0, 12 / 60, 0]

    # and the good week again, without a key: whatever was said before of that week, no verdict is left of it
    lost = weekly(**{**settings, "FINAUTH_API_KEY": ""}, ENDPOINT=good.endpoint, CAMPAIGN="2026-W35")
    assert lost.returncode == 4
    assert not (runs / "2026-W35").exists()
    secret = keys["FINAUTH_API_SECRET"]
    outputs = [own.stdout + own.stderr for own in (first, second, again, third, fourth, lost)]
    assert not any(secret in text for text in outputs)
    assert not any(
        secret.encode() in own.read_bytes()
        for own in tmp_path.rglob("*")
        if own.is_file() and own.name != "detector.py"
    )


@pytest.mark.timeout(300)
def test_a_stricter_threshold_of_the_same_detector_is_a_regression_too(weekly, picture_folder, tmp_path):
    faces = picture_folder(bona_fide=60, attack=40)
    settings = {**KEYS, "DATASET": faces, "RUNS": "runs", "ENDPOINT_NAME": "production"}
    with started_sandbox(SandboxSettings(scorer="hash")) as server:
        first = weekly(**settings, ENDPOINT=server.endpoint, CAMPAIGN="one")
    assert first.returncode == 0, first.stderr
    with started_sandbox(SandboxSettings(scorer="hash", threshold=0.3)) as server:
        second = weekly(**settings, ENDPOINT=server.endpoint, CAMPAIGN="two", BASELINE="runs/one")
    assert second.returncode == 1, second.stderr
    told = verdict(tmp_path / "runs" / "two")
    assert told["comparability"] == ["the threshold in force is 0.50 in A and 0.30 in B"]
    scores = pd.read_parquet(tmp_path / "runs" / "two" / "scores.parquet")
    between = scores[(scores["score"] >= 0.3) & (scores["score"] < 0.5)]
    assert {own["sample_id"] for own in told["flips"]} == {*between["sample_id"]}


# -- part two: what the script makes of every outcome -------------------------------------------------------------------

STAND_IN = """#!/bin/sh
# writes down what it is asked, leaves what the real command would leave, and ends with the code that a test says
printf '%s\\n' "$@" >>"$STAND_IN/$1.words"
echo "$1" >>"$STAND_IN/order"
case $1 in
run)
    while [ "$1" != --out ]; do shift; done
    [ -n "${RUN_LEAVES_NOTHING:-}" ] || { mkdir -p "$2" && echo new >"$2/scores.parquet" && echo new >"$2/run.json"; }
    [ -z "${RUN_TAKES:-}" ] || { trap 'kill "$!"; exit 130' TERM; sleep "$RUN_TAKES" >/dev/null 2>&1 9>&- & wait; }
    exit "${RUN_EXIT:-0}" ;;
report)
    [ "${REPORT_EXIT:-0}" -eq 7 ] || echo new >"$3"
    exit "${REPORT_EXIT:-0}" ;;
gate)
    while [ $# -gt 1 ]; do
        case $1 in --json | --junit) [ "${GATE_EXIT:-0}" -eq 2 ] || echo new >"$2" ;; esac
        shift
    done
    exit "${GATE_EXIT:-0}" ;;
history) exit "${HISTORY_EXIT:-0}" ;;
esac
"""


@pytest.fixture
def stand_in(weekly, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the script with the stand-in, which has a blank in its name, as every path here."""
    command = tmp_path / "stand in"
    command.write_text(STAND_IN)
    command.chmod(0o755)
    (tmp_path / "told").mkdir()
    (tmp_path / "our runs").mkdir()

    def run(**variables: object) -> subprocess.CompletedProcess[str]:
        usual = {
            "FINAUTH_EVAL": command, "STAND_IN": tmp_path / "told", "DATASET": "our faces/m.csv", "REGION": "sgp",
            "RUNS": "our runs", "CAMPAIGN": "2026-W31", "CACHE": "our cache",
        }  # fmt: skip
        return weekly(**{**usual, **variables})

    return run


def asked(tmp_path: Path, command: str) -> list[str]:
    return (tmp_path / "told" / f"{command}.words").read_text().splitlines()


def order(tmp_path: Path) -> list[str]:
    file = tmp_path / "told" / "order"
    return file.read_text().split() if file.exists() else []


def with_baseline(tmp_path: Path) -> None:
    (tmp_path / "our runs" / "baseline.json").write_text("{}")


def test_run_report_gate_and_history_are_asked_in_this_order_with_paths_as_they_are(stand_in, tmp_path):
    with_baseline(tmp_path)
    done = stand_in(MAX_CALLS=500, ENDPOINT_NAME="a name", GITHUB_STEP_SUMMARY=tmp_path / "step summary.md")
    assert done.returncode == 0, done.stderr
    assert order(tmp_path) == ["run", "report", "gate", "history"]
    assert asked(tmp_path, "run") == [
        "run", "--campaign", "2026-W31", "--cache", "our cache", "--out", "our runs/.attempt", "--verbose",
        "--region", "sgp", "--endpoint-name", "a name", "--max-calls", "500", "--", "our faces/m.csv",
    ]  # fmt: skip
    week = "our runs/2026-W31"
    assert asked(tmp_path, "report") == ["report", "--output", f"{week}/report.html", "--", week]
    assert asked(tmp_path, "gate") == [
        "gate", "--baseline", "our runs/baseline.json", "--config", "gate.toml", "--json", f"{week}/verdict.json",
        "--junit", f"{week}/junit.xml", "--github-summary", str(tmp_path / "step summary.md"), "--", week,
    ]  # fmt: skip
    assert asked(tmp_path, "history") == ["history", "build", "--", "our runs"]
    assert {own.name for own in (tmp_path / "our runs").iterdir()} == {"2026-W31", "baseline.json", ".lock"}


@pytest.mark.parametrize(
    ("run", "report", "gate", "code"),
    [
        (0, 0, 0, 0), (0, 0, 1, 1), (0, 0, 3, 3), (0, 0, 7, 7), (0, 0, 2, 2), (0, 7, 1, 7), (3, 0, 0, 3), (3, 7, 7, 3),
        (5, 0, 1, 5), (4, 7, 7, 4), (6, 0, 0, 6),
    ],
)  # fmt: skip
def test_the_exit_code_is_the_first_that_is_not_0_and_all_of_them_are_asked(
    stand_in, tmp_path, run, report, gate, code
):
    with_baseline(tmp_path)
    done = stand_in(RUN_EXIT=run, REPORT_EXIT=report, GATE_EXIT=gate)
    assert done.returncode == code
    assert order(tmp_path) == ["run", "report", "gate", "history"]
    last = done.stderr.splitlines()[-1]
    assert last == f"weekly: 2026-W31: run {run}, report {report}, gate {gate}; exit code {code}"


def test_a_history_that_cannot_be_built_is_said_and_changes_no_code(stand_in, tmp_path):
    with_baseline(tmp_path)
    done = stand_in(HISTORY_EXIT=2)
    assert (done.returncode, "the history was not rebuilt (exit code 2)" in done.stderr) == (0, True)
    assert stand_in(HISTORY_EXIT=2, GATE_EXIT=1).returncode == 1


LEFT_OVERS = ("scores.parquet", "run.json", "report.html", "verdict.json", "junit.xml")


def left_overs(tmp_path: Path) -> Path:
    """The folder of a week that went through once."""
    week = tmp_path / "our runs" / "2026-W31"
    week.mkdir()
    for name in LEFT_OVERS:
        (week / name).write_text("old\n")
    return week


def test_every_file_of_an_earlier_attempt_is_replaced(stand_in, tmp_path):
    with_baseline(tmp_path)
    week = left_overs(tmp_path)
    stand_in()
    assert {own.name: own.read_text() for own in week.iterdir()} == dict.fromkeys(LEFT_OVERS, "new\n")


@pytest.mark.parametrize(
    ("outcome", "stay"),
    [
        (
            {"RUN_EXIT": 4, "RUN_LEAVES_NOTHING": 1},
            {"scores.parquet": "old", "run.json": "old", "report.html": "old"},
        ),
        ({"RUN_EXIT": 3, "REPORT_EXIT": 7, "GATE_EXIT": 2}, {"scores.parquet": "new", "run.json": "new"}),
        ({"GATE_EXIT": 2}, {"scores.parquet": "new", "run.json": "new", "report.html": "new"}),
    ],
)
def test_no_verdict_and_no_report_of_other_scores_is_left_from_an_earlier_attempt(
    stand_in, tmp_path, outcome, stay
):
    with_baseline(tmp_path)
    week = left_overs(tmp_path)
    (tmp_path / "our runs" / "history.parquet").write_text("old")
    done = stand_in(**outcome)
    assert done.returncode == next(code for key, code in outcome.items() if key.endswith("EXIT"))
    assert {own.name: own.read_text().strip() for own in week.iterdir()} == stay
    assert order(tmp_path)[-1] == "history"  # so that it does not show the verdict that is gone either


def test_a_run_that_left_no_scores_is_neither_reported_nor_judged(stand_in, tmp_path):
    with_baseline(tmp_path)
    done = stand_in(RUN_EXIT=6, RUN_LEAVES_NOTHING=1, GITHUB_STEP_SUMMARY=tmp_path / "s.md")
    assert (done.returncode, order(tmp_path)) == (6, ["run"])
    assert "the run left no scores" in done.stderr
    assert (tmp_path / "s.md").read_text() == "2026-W31: the run left no scores (exit code 6)\n\n"
    assert stand_in(RUN_EXIT=0, RUN_LEAVES_NOTHING=1).returncode == 6  # which can't be, and is no success


@pytest.mark.parametrize(("run", "code"), [(0, 0), (3, 3)])
def test_without_a_baseline_the_code_is_that_of_run_and_report(stand_in, tmp_path, run, code):
    done = stand_in(RUN_EXIT=run, GITHUB_STEP_SUMMARY=tmp_path / "s.md")
    assert (done.returncode, order(tmp_path)) == (code, ["run", "report", "history"])
    assert "baseline accept 'our runs/2026-W31' --reason 'why'" in done.stderr
    assert (tmp_path / "s.md").read_text() == "2026-W31: no baseline yet, so nothing was judged\n\n"
    assert done.stderr.splitlines()[-1].endswith(f"no gate; exit code {code}")


def test_the_baseline_may_be_a_run_or_a_file_elsewhere(stand_in, tmp_path):
    (tmp_path / "kept base").mkdir()
    assert stand_in(BASELINE="kept base").returncode == 0
    assert asked(tmp_path, "gate")[1:3] == ["--baseline", "kept base"]


def test_the_campaign_is_the_iso_week_where_nothing_else_is_said(stand_in, tmp_path):
    assert stand_in(CAMPAIGN="").returncode == 0
    today = subprocess.run(["date", "+%G-W%V"], capture_output=True, text=True, check=True).stdout.strip()
    assert re.fullmatch(r"\d{4}-W\d\d", today)
    assert asked(tmp_path, "run")[2] == today


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"DATASET": ""}, "DATASET is not set; expected a manifest or a folder"),
        (
            {"REGION": ""},
            "neither REGION nor ENDPOINT is set; expected REGION=sgp, REGION=idn or ENDPOINT=URL",
        ),
        (
            {"ENDPOINT": "https://x.example"},
            "REGION is sgp and ENDPOINT is https://x.example; expected one of them",
        ),
        ({"CAMPAIGN": "../../etc"}, "CAMPAIGN is '../../etc'; expected letters, digits"),
        ({"CAMPAIGN": "a b"}, "CAMPAIGN is 'a b'"),
        ({"CAMPAIGN": ".hidden"}, "CAMPAIGN is '.hidden'"),
        ({"CAMPAIGN": "-rf"}, "CAMPAIGN is '-rf'"),
        ({"CAMPAIGN": "a\nb"}, "CAMPAIGN is 'a\nb'"),
        ({"GATE": "none.toml"}, "GATE is none.toml: no such file; expected the rules"),
        ({"BASELINE": "nowhere.json"}, "BASELINE is nowhere.json: no such file or folder"),
        ({"FINAUTH_EVAL": "no-such-command"}, "FINAUTH_EVAL is no-such-command: no such command"),
    ],
)
def test_settings_that_cannot_work_exit_2_before_anything_is_asked(stand_in, tmp_path, change, message):
    done = stand_in(**change)
    assert (done.returncode, done.stderr.startswith(f"weekly: {message}")) == (2, True)
    assert order(tmp_path) == []
    assert [*(tmp_path / "our runs").iterdir()] == []


def test_a_folder_that_cannot_be_written_exits_6(stand_in, tmp_path):
    done = stand_in(RUNS="/proc/nowhere")
    assert (done.returncode, "RUNS is /proc/nowhere: can't be written" in done.stderr) == (6, True)
    assert order(tmp_path) == []


@pytest.fixture
def going_on(tmp_path: Path, stand_in) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts the script and comes back when its run is under way."""
    started: list[subprocess.Popen[str]] = []

    def start(shell: str) -> subprocess.Popen[str]:
        environment = {
            **CLEAN, "FINAUTH_EVAL": str(tmp_path / "stand in"), "STAND_IN": str(tmp_path / "told"), "DATASET": "m.csv",
            "REGION": "sgp", "RUNS": "our runs", "CAMPAIGN": "2026-W30", "RUN_TAKES": "60",
        }  # fmt: skip
        process = subprocess.Popen(
            [*words_of(shell), SCRIPT],
            cwd=tmp_path,
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        while not (tmp_path / "our runs" / ".attempt" / "run.json").exists():
            assert process.poll() is None
            time.sleep(0.02)
        return process

    yield start
    for process in started:
        with suppress(ProcessLookupError):  # the group may have ended by itself
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.mark.skipif(shutil.which("flock") is None, reason="there is no flock here")
def test_two_at_once_do_not_get_in_each_others_way(stand_in, going_on, tmp_path):
    with_baseline(tmp_path)
    week = left_overs(tmp_path)
    first = going_on(next(iter(SHELLS)))
    second = stand_in()
    assert (second.returncode, "another one is at work in our runs; nothing was done" in second.stderr) == (
        6,
        True,
    )
    assert order(tmp_path) == ["run"]
    assert (week / "verdict.json").read_text() == "old\n"  # the second one touched nothing
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    lock = tmp_path / "our runs" / ".lock"
    while subprocess.run(
        ["flock", "-n", lock, "true"], check=False
    ).returncode:  # what it started dies a moment later
        time.sleep(0.02)
    assert stand_in().returncode == 0  # a lock dies with its holder
    assert not (tmp_path / "our runs" / ".attempt").exists()


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("wish", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_wish_to_stop_reaches_the_run_and_nothing_is_judged(going_on, tmp_path, shell, wish):
    with_baseline(tmp_path)
    process = going_on(shell)
    process.send_signal(wish)  # to the shell alone, as a container or a supervisor does
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "2026-W30: stopped; the same command goes on" in said
    assert order(tmp_path) == ["run"]
    assert {own.name for own in (tmp_path / "our runs").iterdir()} == {"baseline.json", ".lock"}


def test_where_there_is_no_flock_that_is_said(stand_in, tmp_path):
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "date", "mkdir", "rm", "mv", "sleep"):
        (tools / name).symlink_to(str(shutil.which(name)))
    done = stand_in(PATH=tools)
    assert (done.returncode, "there is no flock here" in done.stderr) == (0, True)


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_here_reads_it_alike(stand_in, tmp_path, shell):
    with_baseline(tmp_path)
    assert stand_in(shell=shell, GATE_EXIT=1).returncode == 1
    assert order(tmp_path) == ["run", "report", "gate", "history"]


# -- the recipes around it ----------------------------------------------------------------------------------------------


def test_the_script_may_be_run_as_it_lies_there():
    assert os.access(SCRIPT, os.X_OK)
    assert SCRIPT.read_text().startswith("#!/bin/sh\n")


def test_the_settings_that_the_script_reads_are_those_that_it_explains():
    text = SCRIPT.read_text()
    head = text.partition("set -u")[0]
    explained = set(re.findall(r"^#   ([A-Z_]+) ", head, flags=re.MULTILINE))
    read = set(re.findall(r"\$\{([A-Z_]+):-", text)) - {"GITHUB_STEP_SUMMARY"}
    assert explained == read


def test_the_workflow_keeps_the_answers_whatever_happens_and_hides_the_secrets():
    content = yaml.safe_load((EXAMPLES / "github-actions.yml").read_text(encoding="utf-8"))
    assert set(content[True]) == {"schedule", "workflow_dispatch"}  # YAML 1.1 reads "on" as true
    assert content["permissions"] == {"contents": "read"}
    assert content["concurrency"]["cancel-in-progress"] is False
    (job,) = content["jobs"].values()
    steps = {step.get("uses", step.get("id", "")).partition("@")[0]: step for step in job["steps"]}
    restore, save = steps["actions/cache/restore"], steps["actions/cache/save"]
    assert restore["with"]["path"] == save["with"]["path"]
    assert save["if"] == steps["actions/upload-artifact"]["if"] == "always()"
    assert restore["with"]["key"] == save["with"]["key"]
    for part in ("campaign", "github.run_id", "github.run_attempt"):
        assert part in save["with"]["key"]
    first = restore["with"]["restore-keys"].splitlines()[0]
    assert save["with"]["key"].startswith(first)
    elsewhere = {key: own for key, own in {**content, **job}.items() if key not in ("jobs", "steps")}
    assert "secrets." not in json.dumps({str(key): own for key, own in elsewhere.items()})
    holders = [step for step in job["steps"] if "secrets." in json.dumps(step)]
    assert len(holders) == 1
    assert "weekly.sh" in holders[0]["run"]
    assert "secrets." not in holders[0]["run"]


def test_the_crontab_has_no_bare_percent_sign_and_no_secret():
    lines = (EXAMPLES / "crontab").read_text(encoding="utf-8").splitlines()
    entries = [line for line in lines if line and not line.startswith("#")]
    jobs = [line for line in entries if not re.match(r"[A-Z]+=", line)]
    assert len(jobs) == 1
    assert re.match(r"(\S+ ){5}\S", jobs[0])
    assert not re.search(r"(?<!\\)%", jobs[0])  # cron makes a new line of it
    assert "SECRET" not in "".join(entries)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze here")
def test_systemd_takes_the_units(tmp_path):
    for name in ("finauth-eval-weekly.service", "finauth-eval-weekly.timer"):
        text = (EXAMPLES / name).read_text(encoding="utf-8")
        program = re.search(r"^ExecStart=(\S+)$", text, flags=re.MULTILINE)
        if program:  # the one thing that is not on this machine
            text = text.replace(program[1], str(SCRIPT))
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, sorted(tmp_path.glob("finauth*")))],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    complaints = [line for line in done.stderr.splitlines() if "finauth-eval-weekly" in line]
    assert (done.returncode, complaints) == (0, [])
    calendar = re.search(
        r"^OnCalendar=(.*)$", (EXAMPLES / "finauth-eval-weekly.timer").read_text(), flags=re.MULTILINE
    )
    assert calendar
    assert (
        subprocess.run(
            ["systemd-analyze", "calendar", calendar[1]], capture_output=True, check=False
        ).returncode
        == 0
    )
