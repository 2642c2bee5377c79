"""The cache commands as a shell sees them: exit codes, messages, JSON."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from finauth_eval.cli import app
from finauth_eval.detection import Detection, Kind, NoResponse
from finauth_eval.run.records import Question, Stored
from finauth_eval.run.store import open_store

QUESTION = Question(
    sha256="ab" * 32, size=10, media_type="image", endpoint="sgp", api_version="v5", campaign="default"
)
SCORED = Stored(
    outcome=Detection(score=0.25, received_at="2026-01-01T00:00:00+00:00"),
    attempts=1,
    key_fingerprint="00000000",
)
NO_FACE = Stored(
    outcome=NoResponse(kind=Kind.PERMANENT, reason="no_face_found", received_at="2026-03-01T00:00:00+00:00"),
    attempts=2,
    key_fingerprint="00000000",
)
KEYS = {"FINAUTH_API_KEY": "demo-key", "FINAUTH_API_SECRET": "demo-secret"}


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Runs a cache command in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object, **variables: str) -> Any:
        words = [str(word) for word in arguments]
        words = words if words[0] == "run" else ["cache", *words]
        return CliRunner().invoke(app, words, env=variables, catch_exceptions=False)

    return run


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """The default folder with a score, a NO_FACE_FOUND, an open send, and an answer of an endpoint with a sly name."""
    folder = tmp_path / ".finauth-cache"
    with open_store(folder) as store:
        answers = [
            (QUESTION, SCORED),
            (replace(QUESTION, size=11), NO_FACE),
            (replace(QUESTION, endpoint="\x1b[2Jsly\nanswers: 9"), SCORED),
        ]
        store.add_answers(answers)
        store.record_send(replace(QUESTION, size=12), at="2026-01-01T00:00:00+00:00")
    return folder


def edit(folder: Path, statement: str, values: tuple[object, ...] = ()) -> None:
    connection = sqlite3.connect(folder / "cache.db")
    with connection:
        assert connection.execute(statement, values).rowcount != 0
    connection.close()


def count(folder: Path, prefix: str = "answer/") -> int:
    connection = sqlite3.connect(folder / "cache.db")
    (n,) = connection.execute("SELECT count(*) FROM Cache WHERE key LIKE ? || '%'", (prefix,)).fetchone()
    connection.close()
    return int(n)


READING = [
    ["stats"],
    ["verify"],
    ["export", "a.jsonl"],
    ["prune", "--outcome", "scored"],
    ["prune", "--outcome", "scored", "--yes"],
    ["explain", "x.png", "--region", "sgp"],
]


@pytest.mark.parametrize("arguments", READING)
def test_a_cache_that_is_not_there_exits_2_and_is_not_made(cli, tmp_path, make_png, arguments):
    (tmp_path / "x.png").write_bytes(make_png())
    done = cli(*arguments, "--cache", "nowhere")
    assert done.exit_code == 2
    assert "nowhere: there is no cache" in done.stderr
    assert not (tmp_path / "nowhere").exists()
    assert not (tmp_path / "a.jsonl").exists()


@pytest.mark.parametrize("arguments", [*READING, ["import", "rows.jsonl"]])
def test_a_cache_in_use_exits_6_naming_the_holder(cli, cache, tmp_path, make_png, arguments):
    (tmp_path / "x.png").write_bytes(make_png())
    cli("export", "rows.jsonl")
    with open_store(cache):
        done = cli(*arguments)
    assert done.exit_code == 6
    assert "in use by another run in this process" in done.stderr


@pytest.mark.parametrize("arguments", READING)
@pytest.mark.parametrize("content", [b"garbage " * 1000, b"SQLite format 3\x00" + b"\xff" * 5000, b""])
def test_a_cache_that_is_no_database_exits_6_with_one_line(
    cli, cache, tmp_path, make_png, content, arguments
):
    (tmp_path / "x.png").write_bytes(make_png())
    (cache / "cache.db").write_bytes(content)
    done = cli(*arguments)
    if arguments[-1] == "--yes" and content == b"":  # SQLite takes an empty file for a new database
        assert (done.exit_code, done.stdout) == (0, "0 answers removed\n")
        return
    assert done.exit_code == 6
    assert len(done.stderr.splitlines()) == 1
    assert str(cache.name) in done.stderr
    assert not (tmp_path / "a.jsonl").exists()


def test_stats_count_by_endpoint_campaign_and_outcome(cli, cache):
    done = cli("stats", "--json", "-")
    assert done.exit_code == 0
    stats = json.loads(done.stdout)
    assert (stats["schema"], stats["answers"], stats["open_sends"]) == ("finauth-eval/cache-stats/1", 3, 1)
    assert stats["campaigns"][1] == {
        "endpoint": "sgp", "campaign": "default", "answers": 2, "scored": 1, "no_response": {"no_face_found": 1},
        "oldest": "2026-01-01T00:00:00+00:00", "newest": "2026-03-01T00:00:00+00:00", "open_sends": 1,
        "possibly_billed": 1,
    }  # fmt: skip
    shown = cli("stats").stdout
    assert "endpoint sgp, campaign default\n  2 answers: 1 scored, 1 no_face_found\n" in shown
    assert "1 sends possibly billed without an answer, 1 of them open" in shown


def test_names_in_a_cache_cannot_steer_the_terminal_nor_make_lines_of_their_own(cli, cache):
    for arguments in (["stats"], ["prune", "--outcome", "scored"]):
        shown = cli(*arguments).stdout
        assert "\x1b" not in shown
        assert "\\x1b[2Jsly\\nanswers: 9" in shown


def test_explain_says_hit_or_miss_and_why(cli, tmp_path, sandbox, picture_folder):
    server, root = sandbox(), picture_folder()
    asked = ["--endpoint", server.endpoint]
    assert cli("run", root, *asked, "--out", "r", **KEYS).exit_code == 0
    file = root / "attack" / "replay" / "00000.png"
    hit = cli("explain", file, *asked, "--json", "-")
    assert hit.exit_code == 0
    answer = json.loads(hit.stdout)
    assert (answer["schema"], answer["hit"]) == ("finauth-eval/cache-explanation/1", True)
    (tmp_path / "copy.png").write_bytes(file.read_bytes())
    shown = cli("explain", "copy.png", *asked).stdout
    assert f"hit: score {answer['answer']['score']:g}, received 20" in shown
    assert "1 attempt\n" in shown
    miss = cli("explain", file, "--region", "sgp", "--campaign", "w2")
    assert miss.exit_code == 0
    assert "miss: this content was answered, but to another question" in miss.stdout
    assert f"same content under endpoint {server.endpoint}, campaign default: score" in miss.stdout
    assert (
        cli("explain", file, "--region", "sgp", "--endpoint-name", server.endpoint).stdout.count("hit: ") == 1
    )
    (tmp_path / "new.png").write_bytes(file.read_bytes() + b"x")
    assert "miss: nothing is stored for these bytes" in cli("explain", "new.png", *asked).stdout


def test_explain_tells_of_a_row_that_is_refused_and_of_a_send_without_an_answer(
    cli, tmp_path, sandbox, picture_folder
):
    server, root = sandbox(), picture_folder()
    asked = ["--endpoint", server.endpoint]
    cli("run", root, *asked, "--out", "r", **KEYS)
    cache, file = tmp_path / ".finauth-cache", root / "attack" / "replay" / "00000.png"
    key = json.loads(cli("explain", file, *asked, "--json", "-").stdout)["key"]
    edit(
        cache,
        "UPDATE Cache SET value = json_set(value, '$.outcome.score', 7.0) WHERE key = 'answer/' || ?",
        (key,),
    )
    shown = cli("explain", file, *asked).stdout
    assert "miss: an answer is stored, but it can't be used: score is 7.0" in shown
    edit(
        cache,
        "UPDATE Cache SET key = replace(key, 'answer/', 'send/') || '/1' WHERE key = 'answer/' || ?",
        (key,),
    )
    shown = cli("explain", file, *asked).stdout
    assert "miss: this content was sent, but no answer is stored" in shown
    assert "a send without an answer is on record: no_answer_seen; possibly billed" in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["explain", "x.png"], "--region"),
        (["explain", "x.png", "--region", "usa"], "sgp or idn"),
        (["explain", "x.png", "--region", "sgp", "--endpoint", "https://x"], "--region"),
        (["explain", "gone.png", "--region", "sgp"], "gone.png: missing"),
        (["explain", ".", "--region", "sgp"], "not_a_file"),
        (["explain", "loop.png", "--region", "sgp"], "loop.png: unreadable"),
        (["prune"], "at least one of --endpoint-name"),
        (["prune", "--yes"], "at least one of --endpoint-name"),
        (["prune", "--older-than", "nan"], "--older-than is nan"),
        (["export", "a.csv"], ".jsonl or .parquet"),
        (["import", "a.csv"], ".jsonl or .parquet"),
        (["import", "gone.parquet"], "gone.parquet: there is no such file"),
        (["export", "a.jsonl", "--campaign", "w9"], "no answer to export"),
    ],
)
def test_a_request_that_cannot_be_met_exits_2_and_says_why(
    cli, cache, tmp_path, make_png, arguments, message
):
    (tmp_path / "x.png").write_bytes(make_png())
    (tmp_path / "loop.png").symlink_to("loop.png")
    done = cli(*arguments)
    assert done.exit_code == 2
    assert message in done.stderr
    assert count(cache) == 3


def test_verify_exits_0_when_all_is_sound_and_6_with_every_problem_listed(cli, cache):
    done = cli("verify")
    assert (done.exit_code, done.stdout) == (0, "3 answers and 1 records of sends are sound\n")
    edit(cache, "UPDATE Cache SET value = json_set(value, '$.outcome.score', 7.0) WHERE key = ?",
         (f"answer/{QUESTION.key}",))  # fmt: skip
    edit(cache, "UPDATE Cache SET mode = 4, value = x'80' WHERE value LIKE '%no_face_found%'")
    done = cli("verify")
    assert done.exit_code == 6
    assert f"answer/{QUESTION.key[:12]}…: score is 7.0" in done.stdout
    assert len(done.stdout.splitlines()) == 3
    assert "2 problems" in done.stderr
    found = json.loads(cli("verify", "--json", "-").stdout)
    assert (found["schema"], found["ok"], len(found["problems"])) == (
        "finauth-eval/cache-verification/1",
        False,
        2,
    )


def test_what_is_exported_is_imported_elsewhere_and_replayed_without_a_key(
    cli, tmp_path, sandbox, picture_folder
):
    server, root = sandbox(), picture_folder()
    asked = ["run", root, "--endpoint", server.endpoint]
    cli(*asked, "--out", "r", **KEYS)
    done = cli("export", "a.parquet", "--campaign", "default")
    assert (done.exit_code, done.stdout) == (0, "5 answers: a.parquet\n")
    done = cli("import", "a.parquet", "--cache", "theirs")
    assert (done.exit_code, done.stdout) == (0, "5 answers added, 0 were there already\n")
    done = cli(*asked, "--out", "again", "--cache", "theirs", "--replay", "--json", "-")
    summary = json.loads(done.stdout)
    assert (done.exit_code, summary["sends"], summary["from_cache"]) == (0, 0, 5)


def test_a_file_with_one_bad_row_is_refused_whole_and_makes_no_cache(cli, cache, tmp_path):
    cli("export", "a.jsonl")
    lines = (tmp_path / "a.jsonl").read_text().splitlines()
    (tmp_path / "b.jsonl").write_text("\n".join([lines[0], lines[1].replace("no_face_found", "\\u001b[2J"),
                                                lines[2].replace("0.25", "7.0")]))  # fmt: skip
    done = cli("import", "b.jsonl", "--cache", "new")
    assert done.exit_code == 2
    assert "b.jsonl: row 3: score is 7.0" in done.stderr
    assert "nothing was imported" in done.stderr
    assert not (tmp_path / "new").exists()


def test_a_conflict_is_refused_and_named_unless_the_existing_answer_is_to_be_kept(cli, cache, tmp_path):
    cli("export", "a.jsonl", "--endpoint-name", "sgp")
    text = (tmp_path / "a.jsonl").read_text()
    (tmp_path / "b.jsonl").write_text(text.replace("0.25", "0.75").replace('"default"', '"default"'))
    done = cli("import", "b.jsonl")
    assert done.exit_code == 2
    assert "the cache has the score 0.25, the file the score 0.75" in done.stderr
    done = cli("import", "b.jsonl", "--keep", "existing")
    assert done.exit_code == 0
    assert "0 answers added, 1 were there already\n1 with another outcome" in done.stdout
    assert cli("export", "c.jsonl", "--endpoint-name", "sgp").exit_code == 0
    assert (tmp_path / "c.jsonl").read_text() == text


def test_prune_only_says_what_would_go_until_it_is_told_yes(cli, cache):
    done = cli("prune", "--endpoint-name", "sgp", "--older-than", "1", "--outcome", "scored")
    assert done.exit_code == 0
    assert done.stdout == (
        "endpoint sgp, campaign default: 1 scored\n1 answers would be removed; --yes removes them\n"
    )
    assert count(cache) == 3
    done = cli("prune", "--endpoint-name", "sgp", "--older-than", "1", "--outcome", "scored", "--yes")
    assert (done.exit_code, count(cache)) == (0, 2)
    assert "1 answers removed" in done.stdout
    assert count(cache, "send/") == 1


def test_an_answer_just_received_is_not_old(cli, cache):
    now = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
    edit(
        cache,
        "UPDATE Cache SET value = json_set(value, '$.outcome.received_at', ?) WHERE key LIKE 'answer/%'",
        (now,),
    )
    assert cli("prune", "--older-than", "1", "--yes").stdout == "0 answers removed\n"
    assert count(cache) == 3
