"""Looking after a cache: what is counted, found wrong, explained, handed on and forgotten, and what never is."""

from __future__ import annotations

import json
import os
import pickle
import sqlite3
import subprocess
import sys
from contextlib import suppress
from dataclasses import fields, replace
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from finauth_eval.detection import Detection, Kind, NoResponse
from finauth_eval.errors import InputError, StoreError, StoreLocked
from finauth_eval.run.endpoint import resolve_endpoint
from finauth_eval.run.exchange import COLUMNS, export_answers, import_answers, read_answers
from finauth_eval.run.explaining import explain, question_of
from finauth_eval.run.pruning import PruneFilter, find_prunable
from finauth_eval.run.records import Question, Stored
from finauth_eval.run.store import open_store, read_store
from finauth_eval.run.upkeep import measure, verify

QUESTION = Question(
    sha256="ab" * 32, size=10, media_type="image", endpoint="sgp", api_version="v5", campaign="default"
)
SCORED = Stored(
    outcome=Detection(
        score=0.25, threshold=0.5, result=False, request_id="1,x", received_at="2026-01-01T00:00:00+00:00"
    ),
    attempts=1,
    key_fingerprint="00000000",
)
NO_FACE = Stored(
    outcome=NoResponse(
        kind=Kind.PERMANENT,
        reason="no_face_found",
        received_at="2026-03-01T00:00:00+00:00",
        retry_after_s=2.0,
    ),
    attempts=2,
    key_fingerprint="00000000",
)
NOW = datetime(2026, 3, 11, tzinfo=UTC)  # 69 days after SCORED, 10 after NO_FACE


class Exploit:
    """Unpickling this would leave a trace."""

    def __init__(self, trace):
        self.trace = str(trace)

    def __reduce__(self):
        return (os.mkdir, (self.trace,))


def other(n, **changes):
    return replace(QUESTION, sha256=f"{n:064x}", **changes)


def keep(store, question=QUESTION, stored=SCORED):
    store.record_answer(store.record_send(question, at="2026-01-01T00:00:00+00:00"), question, stored)


def lose(store, question, reason="ambiguous"):
    send = store.record_send(question, at="2026-01-01T00:00:00+00:00")
    store.record_possibly_billed(send, question, NoResponse(kind=Kind.AMBIGUOUS, reason=reason))


def edit(folder, statement, values=()):
    connection = sqlite3.connect(folder / "cache.db")
    with connection:
        changed = connection.execute(statement, values).rowcount
    connection.close()
    return changed


def edit_answer(folder, question, change):
    """Change the JSON of a stored answer in place."""
    connection = sqlite3.connect(folder / "cache.db")
    (text,) = connection.execute(
        "SELECT value FROM Cache WHERE key = ?", (f"answer/{question.key}",)
    ).fetchone()
    connection.close()
    record = json.loads(text)
    change(record)
    values = (json.dumps(record), f"answer/{question.key}")
    assert edit(folder, "UPDATE Cache SET value = ? WHERE key = ?", values) == 1


@pytest.fixture
def cache(tmp_path):
    """Two scores and a NO_FACE_FOUND at sgp, a score at idn in a campaign of its own, one lost and one open send."""
    folder = tmp_path / "cache"
    with open_store(folder) as store:
        keep(store, other(1))
        keep(store, other(2))
        keep(store, other(3), NO_FACE)
        keep(store, other(1, endpoint="idn", campaign="w2"))
        lose(store, other(4))
        store.record_send(other(5), at="2026-01-02T00:00:00+00:00")
    return folder


# --- reading without changing ------------------------------------------------------------------------------------


def test_reading_changes_no_byte_of_the_database_and_makes_no_cache(cache, tmp_path):
    before = (cache / "cache.db").read_bytes()
    with read_store(cache) as store:
        measure(store)
        verify(store)
        explain(store, QUESTION)
    assert (cache / "cache.db").read_bytes() == before
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "none", tmp_path / "empty"):
        with pytest.raises(InputError, match="there is no cache"), read_store(folder):
            pass
    assert not (tmp_path / "none").exists()
    assert list((tmp_path / "empty").iterdir()) == []


def test_a_cache_that_a_run_holds_is_refused_naming_the_holder(cache):
    code = (
        "import sys; from finauth_eval.run.store import open_store\n"
        "with open_store(sys.argv[1]): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(cache)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(StoreLocked, match=f"in use by the process {holder.pid}"), read_store(cache):
            pass
        holder.kill()
    with read_store(cache) as store:
        assert measure(store).answers == 4


def test_a_cache_that_is_looked_at_is_refused_to_a_run_for_as_long(cache):
    with (
        read_store(cache),
        pytest.raises(StoreLocked, match="another run in this process"),
        open_store(cache),
    ):
        pass
    with open_store(cache) as store:
        keep(store)


def test_what_a_killed_run_had_acknowledged_is_counted(tmp_path):
    code = (
        "import os, signal, sys; sys.path.insert(0, sys.argv[2])\n"
        "from finauth_eval.run.records import Question\n"
        "from finauth_eval.run.store import open_store\n"
        "ask = dict(size=10, media_type='image', endpoint='sgp', api_version='v5', campaign='c')\n"
        "with open_store(sys.argv[1]) as store:\n"
        "    for n in range(7): store.record_send(Question(sha256=f'{n:064x}', **ask), at='')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "c"), "."], check=False)
    assert done.returncode == -9
    with read_store(tmp_path / "c") as store:
        (campaign,) = measure(store).campaigns
        assert verify(store).problems == ()
    assert (campaign.open_sends, campaign.possibly_billed, campaign.answers) == (7, 7, 0)


def test_a_link_in_the_place_of_the_holders_note_is_not_followed(cache, tmp_path):
    dear = tmp_path / "dear"
    dear.write_text("dear")
    (cache / "holder.json").symlink_to(dear)
    with read_store(cache):
        assert (cache / "holder.json").is_file()
    assert dear.read_text() == "dear"


# --- stats -------------------------------------------------------------------------------------------------------


def test_answers_are_counted_by_endpoint_campaign_and_outcome(cache):
    with read_store(cache) as store:
        stats = measure(store)
    idn, sgp = stats.campaigns
    assert (idn.endpoint, idn.campaign, idn.scored, dict(idn.no_response)) == ("idn", "w2", 1, {})
    assert (sgp.endpoint, sgp.campaign, sgp.scored) == ("sgp", "default", 2)
    assert dict(sgp.no_response) == {"no_face_found": 1}
    assert (sgp.oldest, sgp.newest) == ("2026-01-01T00:00:00+00:00", "2026-03-01T00:00:00+00:00")
    assert (sgp.open_sends, sgp.possibly_billed, idn.possibly_billed) == (1, 2, 0)
    assert (stats.answers, stats.not_ours, stats.unusable_answers, stats.unreadable_sends) == (4, 0, 0, 0)
    assert stats.size_bytes >= (cache / "cache.db").stat().st_size
    assert json.loads(json.dumps(stats.to_dict()))["possibly_billed"] == 2


def test_possibly_billed_is_what_a_run_would_say_it_is(cache):
    edit(cache, "UPDATE Cache SET value = '[[' WHERE key LIKE 'billed/%'")
    with open_store(cache) as store:
        said = len(store.possibly_billed(endpoint="sgp", campaign="default"))
    with read_store(cache) as store:
        stats = measure(store)
    (sgp,) = [one for one in stats.campaigns if one.endpoint == "sgp"]
    assert sgp.possibly_billed + stats.unreadable_sends == said == 2
    assert stats.unreadable_sends == 1


def test_what_is_not_ours_is_counted_and_not_mixed_with_what_is(cache):
    edit(cache, "INSERT INTO Cache (key, raw, mode, value) VALUES ('other', 1, 1, 'x')")
    edit(cache, "INSERT INTO Cache (key, raw, mode, value) VALUES (x'80', 0, 4, x'80')")
    edit(cache, "INSERT INTO Cache (key, raw, mode, value) VALUES (NULL, 1, 1, NULL)")
    edit_answer(cache, other(2), lambda record: record["outcome"].update(score=7.0))
    with read_store(cache) as store:
        stats = measure(store)
    assert (stats.answers, stats.not_ours, stats.unusable_answers) == (3, 3, 1)


@pytest.mark.parametrize("at", ["", "yesterday", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_an_answer_that_does_not_say_when_it_came_is_counted_and_never_old(tmp_path, at):
    undated = replace(SCORED, outcome=replace(SCORED.outcome, received_at=at))
    with open_store(tmp_path / "c") as store:
        keep(store, stored=undated)
        (campaign,) = measure(store).campaigns
        assert find_prunable(store, PruneFilter(older_than_days=0), now=NOW).keys == ()
    assert (campaign.scored, campaign.oldest, campaign.newest) == (1, None, None)


# --- verify ------------------------------------------------------------------------------------------------------


def test_a_sound_cache_has_no_problems(cache):
    with read_store(cache) as store:
        found = verify(store)
    assert (found.answers, found.sends, found.problems) == (4, 2, ())
    assert found.to_dict()["ok"] is True


TAMPERED = {
    "a score of 7": (lambda r: r["outcome"].update(score=7.0), "score is 7.0"),
    "a score that is NaN": (lambda r: r["outcome"].update(score=float("nan")), "score is nan"),
    "another content": (lambda r: r["question"].update(sha256="cd" * 32), "answers another question"),
    "another campaign": (lambda r: r["question"].update(campaign="w3"), "answers another question"),
    "no question": (lambda r: r.pop("question"), "'question' is missing"),
    "no attempts": (lambda r: r.update(attempts=0), "attempts is 0"),
    "an unknown field": (lambda r: r["outcome"].update(x=1), "not built as an answer"),
    "a passing fault": (
        lambda r: r.update(scored=False, outcome={"kind": "transient", "reason": "x"}),
        "not one that is kept",
    ),
    "a pause for ever": (
        lambda r: r.update(
            scored=False, outcome={"kind": "permanent", "reason": "x", "retry_after_s": float("inf")}
        ),
        "retry_after_s is inf",
    ),
    "a list": (lambda r: r.update(question=["x"]), "not built as an answer"),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_an_edited_answer_is_a_problem_with_its_reason(cache, name):
    change, reason = TAMPERED[name]
    edit_answer(cache, other(2), change)
    with read_store(cache) as store:
        found = verify(store)
    (problem,) = found.problems
    assert (problem.kind, problem.entry) == ("answer", f"answer/{other(2).key[:12]}…")
    assert reason in problem.reason
    assert found.answers == 3


def test_pickles_blobs_nulls_and_bytes_that_are_no_text_are_problems_and_nothing_is_loaded(cache, tmp_path):
    trace = tmp_path / "trace"
    payload = sqlite3.Binary(pickle.dumps(Exploit(trace)))
    at = "UPDATE Cache SET {} WHERE key = ?"
    edit(cache, at.format("mode = 4, value = ?"), (payload, f"answer/{other(1).key}"))
    edit(cache, at.format("value = NULL"), (f"answer/{other(2).key}",))
    edit(cache, at.format("value = CAST(x'ff00ff' AS TEXT)"), (f"answer/{other(3).key}",))
    idn = other(1, endpoint="idn", campaign="w2")
    edit(cache, at.format("filename = '../../etc/passwd', mode = 3, value = NULL"), (f"answer/{idn.key}",))
    edit(cache, "INSERT INTO Cache (key, raw, mode, value) VALUES (?, 0, 1, 'x')", (payload,))
    edit(cache, "INSERT INTO Cache (key, raw, mode, value) VALUES ('answer/deep', 1, 1, ?)", ("[" * 50_000,))
    edit(cache, "UPDATE Cache SET mode = 4, value = ? WHERE key LIKE 'send/%'", (payload,))
    with read_store(cache) as store:
        found = verify(store)
        measure(store)
        explain(store, other(1))
    assert (found.answers, found.sends) == (0, 1)
    assert sorted(problem.kind for problem in found.problems) == ["answer"] * 5 + ["not_ours", "send"]
    assert not trace.exists()


def test_a_record_of_a_send_under_another_questions_key_is_a_problem_and_still_counted(cache):
    edit(cache, "UPDATE Cache SET key = ? WHERE key LIKE 'send/%'", (f"send/{'0' * 64}/1",))
    with read_store(cache) as store:
        found = verify(store)
        (sgp,) = [one for one in measure(store).campaigns if one.endpoint == "sgp"]
    assert [problem.reason for problem in found.problems] == ["the record is of another question"]
    assert (found.sends, sgp.possibly_billed) == (1, 2)


def test_a_row_whose_key_is_marked_as_pickled_is_not_ours(cache):
    edit(cache, "UPDATE Cache SET raw = 0 WHERE key = ?", (f"answer/{other(1).key}",))
    with read_store(cache) as store:
        (problem,) = verify(store).problems
    assert (problem.kind, problem.reason) == ("not_ours", "its key is not one of this tool's")


def test_an_index_that_does_not_fit_its_table_is_a_problem_though_every_entry_is_sound(cache):
    row = ("index", "Cache_key_raw", "Cache")
    connection = sqlite3.connect(cache / "cache.db", isolation_level=None)
    kept = connection.execute("SELECT * FROM sqlite_master WHERE name = 'Cache_key_raw'").fetchone()
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("DELETE FROM sqlite_master WHERE name = 'Cache_key_raw'")
    connection.close()
    edit(cache, "UPDATE Cache SET key = 'send/x' WHERE key LIKE 'send/%'")  # the index does not hear of it
    edit(cache, "DELETE FROM Cache WHERE key = 'send/x'")
    connection = sqlite3.connect(cache / "cache.db", isolation_level=None)
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("INSERT INTO sqlite_master VALUES (?, ?, ?, ?, ?)", kept)
    connection.close()
    assert kept[:3] == row
    with read_store(cache) as store:
        found = verify(store)
    assert found.answers == 4
    assert {problem.kind for problem in found.problems} == {"database"}
    assert "Cache_key_raw" in found.problems[0].reason


def test_a_row_under_another_rows_key_is_a_problem(cache):
    wrong = f"answer/{'0' * 64}"
    assert edit(cache, "UPDATE Cache SET key = ? WHERE key = ?", (wrong, f"answer/{other(1).key}")) == 1
    with read_store(cache) as store:
        (problem,) = verify(store).problems
    assert (problem.entry, problem.reason) == ("answer/000000000000…", "the entry answers another question")


@pytest.mark.parametrize(
    "change",
    [{"sha256": "AB" * 32}, {"sha256": "x"}, {"size": -1}, {"media_type": "sound"}, {"replicate": -1}, {"campaign": 5}],
)  # fmt: skip
def test_a_question_that_nobody_could_ask_is_a_problem_though_its_key_fits(tmp_path, change):
    with open_store(tmp_path / "c") as store:
        keep(store, replace(QUESTION, **change))
        (problem,) = verify(store).problems
    assert next(iter(change)) in problem.reason


def test_a_trigger_that_is_not_ours_is_a_problem_and_a_view_is_refused(cache):
    edit(cache, "CREATE TRIGGER sly AFTER DELETE ON Cache BEGIN DELETE FROM Cache; END")
    with read_store(cache) as store:
        (problem,) = verify(store).problems
    assert problem.reason == "a trigger that this tool did not make: sly"
    edit(
        cache,
        "CREATE VIEW endless AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT * FROM n",
    )
    with read_store(cache) as store, pytest.raises(StoreError, match="holds a view"):
        verify(store)


@pytest.mark.parametrize("content", [b"garbage " * 1000, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_file_that_is_no_database_is_one_clear_error(tmp_path, content):
    (tmp_path / "cache.db").write_bytes(content)
    with read_store(tmp_path) as store, pytest.raises(StoreError, match="can't be read or written"):
        verify(store)
    assert (tmp_path / "cache.db").read_bytes() == content


def test_an_empty_file_is_no_sound_cache(tmp_path):
    (tmp_path / "cache.db").write_bytes(b"")
    with read_store(tmp_path) as store:
        (problem,) = verify(store).problems
        assert "no such table: Cache" in problem.reason
        with pytest.raises(StoreError, match="no such table: Cache"):
            measure(store)


def test_a_database_cut_in_the_middle_is_never_said_to_be_whole(tmp_path):
    with open_store(tmp_path) as store:
        store.add_answers((other(n), SCORED) for n in range(400))
    whole = (tmp_path / "cache.db").read_bytes()
    for kept in (len(whole) // 2, len(whole) - 4096, 5000):
        (tmp_path / "cache.db").write_bytes(whole[:kept])
        try:
            with read_store(tmp_path) as store:
                problems = verify(store).problems
        except StoreError:
            continue
        assert "database" in {problem.kind for problem in problems}


def test_settings_that_were_edited_are_a_store_error(cache):
    edit(cache, "INSERT INTO Settings VALUES ('disk_surprise', 1)")
    with pytest.raises(StoreError, match="settings that this tool did not write"), open_store(cache):
        pass


# --- explain -----------------------------------------------------------------------------------------------------


def test_a_stored_answer_is_a_hit_and_answers_to_other_questions_say_what_differs(cache):
    with read_store(cache) as store:
        hit = explain(store, other(1))
        miss = explain(store, other(1, campaign="w9", endpoint="idn"))
    assert hit.hit == SCORED
    assert [hit.differences(each) for each in hit.others] == [("endpoint", "campaign")]
    assert miss.hit is None
    assert {miss.differences(each) for each in miss.others} == {("endpoint", "campaign"), ("campaign",)}


@pytest.mark.parametrize(
    "change", [{"media_type": "video"}, {"api_version": "v6"}, {"replicate": 1}, {"campaign": "w2"}]
)
def test_every_part_of_the_question_can_be_why_a_file_misses(cache, change):
    with read_store(cache) as store:
        found = explain(store, other(2, **change))
    assert found.hit is None
    assert [found.differences(each) for each in found.others] == [tuple(change)]


def test_a_refused_row_and_sends_without_an_answer_are_told(cache):
    edit_answer(cache, other(2), lambda record: record["outcome"].update(score=7.0))
    with read_store(cache) as store:
        refused, lost, opened = (explain(store, other(n)) for n in (2, 4, 5))
        nothing = explain(store, other(77))
    assert refused.hit is None
    assert "score is 7.0" in (refused.unusable or "")
    assert [(send.open, send.reason) for send in lost.sends] == [(False, "ambiguous")]
    assert [(send.open, send.at) for send in opened.sends] == [(True, "2026-01-02T00:00:00+00:00")]
    with read_store(cache) as store:
        assert explain(store, other(4, campaign="w9")).sends == ()
    assert (nothing.hit, nothing.others, nothing.refused, nothing.sends) == (None, (), (), ())


def test_a_file_is_asked_about_as_a_run_asks(tmp_path, sandbox, picture_folder, run_on):
    server, root = sandbox(), picture_folder()
    run_on(server, root, cache=tmp_path / "cache")
    file = root / "bona_fide" / "00000.png"
    endpoint = resolve_endpoint(server.endpoint)
    with read_store(tmp_path / "cache") as store:
        found = explain(store, question_of(file, endpoint=endpoint, campaign="default", replicate=0))
    assert found.hit is not None
    with pytest.raises(InputError, match="missing"):
        question_of(root / "gone.png", endpoint=endpoint, campaign="default", replicate=0)


# --- export and import -------------------------------------------------------------------------------------------


def test_every_field_of_a_question_and_of_an_outcome_has_its_column():
    parts = {part.name for kind in (Question, Detection, NoResponse, Stored) for part in fields(kind)}
    assert parts | {"schema"} == set(COLUMNS.names)


def test_json_lines_are_readable_without_this_tool(cache, tmp_path):
    file = tmp_path / "new" / "a.jsonl"
    with read_store(cache) as store:
        done = export_answers(store, file)
    assert (done.answers, done.unusable) == (4, 0)
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert rows[2] == {
        "schema": "finauth-eval/answer/1", "sha256": f"{3:064x}", "size": 10, "media_type": "image", "endpoint": "sgp",
        "api_version": "v5", "campaign": "default", "replicate": 0, "outcome": "no_response", "score": None,
        "threshold": None, "result": None, "kind": "permanent", "reason": "no_face_found", "detail": "",
        "request_id": None, "time_used_ms": None, "received_at": "2026-03-01T00:00:00+00:00", "round_trip_ms": None,
        "server_date": None, "retry_after_s": 2.0, "attempts": 2, "key_fingerprint": "00000000",
    }  # fmt: skip
    assert [entry.name for entry in file.parent.iterdir()] == ["a.jsonl"]


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_an_export_fills_another_cache_with_the_same_entries(cache, tmp_path, ending):
    with read_store(cache) as store:
        export_answers(store, tmp_path / f"a.{ending}")
    answers = read_answers(tmp_path / f"a.{ending}")
    with open_store(tmp_path / "new") as store:
        done = import_answers(store, answers)
        assert (done.added, done.same, done.kept, done.replaced) == (4, 0, 0, 0)
        again = import_answers(store, answers)
    assert (again.added, again.same) == (0, 4)
    query = "SELECT key, raw, mode, value FROM Cache WHERE key LIKE 'answer/%' ORDER BY key"
    rows = []
    for folder in (cache, tmp_path / "new"):
        connection = sqlite3.connect(folder / "cache.db")
        rows.append(connection.execute(query).fetchall())
        connection.close()
    assert len(rows[0]) == 4
    assert rows[0] == rows[1]


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_a_colleague_replays_the_same_table_from_an_imported_file(
    tmp_path, sandbox, picture_folder, run_on, ending
):
    server, root = sandbox("413:0.4"), picture_folder(bona_fide=8, attack=8)
    table, first = run_on(server, root, cache=tmp_path / "mine")
    assert first["no_response"]
    with read_store(tmp_path / "mine") as store:
        export_answers(store, tmp_path / f"a.{ending}")
    with open_store(tmp_path / "theirs") as store:
        import_answers(store, read_answers(tmp_path / f"a.{ending}"))
    replayed, run = run_on(server, root, cache=tmp_path / "theirs", replay=True, credentials=None)
    assert (run["sends"], run["from_cache"]) == (0, 16)
    same = [name for name in table.frame.columns if name != "cached"]
    assert replayed.frame[same].equals(table.frame[same])


def test_an_export_holds_neither_secrets_nor_media(tmp_path, sandbox, picture_folder, run_on):
    run_on(sandbox(), picture_folder(), cache=tmp_path / "c")
    with read_store(tmp_path / "c") as store:
        for name in ("a.jsonl", "a.parquet"):
            export_answers(store, tmp_path / name)
            kept = (tmp_path / name).read_bytes()
            assert b"anti_deepfake" in kept
            for secret in (b"demo-secret", b"demo-key", b"hmac", b"IHDR"):
                assert secret not in kept


def test_an_export_takes_the_endpoint_and_the_campaign_that_are_asked_for(cache, tmp_path):
    with read_store(cache) as store:
        assert export_answers(store, tmp_path / "a.parquet", endpoint_name="sgp").answers == 3
        assert export_answers(store, tmp_path / "b.parquet", campaign="w2").answers == 1
        with pytest.raises(InputError, match="no answer to export"):
            export_answers(store, tmp_path / "c.parquet", endpoint_name="idn", campaign="default")
    assert pq.read_table(tmp_path / "a.parquet").column("endpoint").to_pylist() == ["sgp"] * 3
    assert not (tmp_path / "c.parquet").exists()


def test_unusable_rows_are_counted_and_not_exported(cache, tmp_path):
    edit_answer(cache, other(2), lambda record: record["outcome"].update(score=7.0))
    edit_answer(cache, other(1), lambda record: record["outcome"].update(result=0))
    with read_store(cache) as store:
        done = export_answers(store, tmp_path / "a.parquet")
    assert (done.answers, done.unusable) == (3, 1)
    assert pq.read_table(tmp_path / "a.parquet").column("result").to_pylist() == [False, None, False]


def test_a_failing_export_leaves_the_old_file_and_no_scrap(cache, tmp_path):
    whole = (cache / "cache.db").read_bytes()
    file = tmp_path / "out" / "a.jsonl"
    with read_store(cache) as store:
        export_answers(store, file)
        before = file.read_bytes()
        (cache / "cache.db").write_bytes(whole[: len(whole) // 2])
        with pytest.raises(StoreError):
            export_answers(store, file)
    assert file.read_bytes() == before
    assert [entry.name for entry in file.parent.iterdir()] == ["a.jsonl"]


@pytest.mark.parametrize(
    ("name", "message"), [("a.csv", ".jsonl or .parquet"), ("file/a.jsonl", "can't be written")]
)
def test_a_place_that_cannot_be_written_is_a_clear_message(cache, tmp_path, name, message):
    (tmp_path / "file").write_text("x")
    with read_store(cache) as store, pytest.raises(InputError, match=message):
        export_answers(store, tmp_path / name)


ROW = {
    "schema": "finauth-eval/answer/1", "sha256": "ab" * 32, "size": 10, "media_type": "image", "endpoint": "sgp",
    "api_version": "v5", "campaign": "default", "replicate": 0, "outcome": "scored", "score": 0.25, "threshold": 0.5,
    "result": False, "request_id": "1,x", "received_at": "2026-01-01T00:00:00+00:00", "attempts": 1,
    "key_fingerprint": "00000000",
}  # fmt: skip
STRANGE = [
    ({"score": 7.0}, "score is 7.0"),
    ({"score": None}, "not built as an answer"),
    ({"score": "0.5"}, "score is '0.5'"),
    ({"score": float("nan")}, "score is nan"),
    ({"sha256": "x"}, "64 hex digits"),
    ({"sha256": ["x"]}, "64 hex digits"),
    ({"size": 1.5}, "size is 1.5"),
    ({"size": True}, "size is True"),
    ({"media_type": "sound"}, "image or video"),
    ({"endpoint": "\ud800"}, "endpoint is"),
    ({"campaign": None}, "campaign is None"),
    ({"attempts": 0}, "attempts is 0"),
    ({"outcome": "fine"}, "scored or no_response"),
    ({"outcome": "no_response", "kind": "transient", "reason": "x"}, "not built as an answer"),
    (
        {"outcome": "no_response", "score": None, "threshold": None, "result": None, "kind": "transient", "reason": "x"},
        "not one that is kept",
    ),
    ({"schema": "finauth-eval/answer/2"}, "finauth-eval/answer/2"),
    ({"surprise": 1}, "unknown column 'surprise'"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "message"), STRANGE)
def test_a_row_from_a_stranger_is_refused_with_its_number_and_its_reason(tmp_path, change, message):
    good = {**ROW, "sha256": "cd" * 32}
    (tmp_path / "a.jsonl").write_text(json.dumps(good) + "\n" + json.dumps({**ROW, **change}) + "\n")
    with pytest.raises(InputError, match=r"row 2: .*; nothing was imported") as told:
        read_answers(tmp_path / "a.jsonl")
    assert message in str(told.value)


def test_a_missing_column_is_named(tmp_path):
    (tmp_path / "a.jsonl").write_text(json.dumps({name: ROW[name] for name in ROW if name != "campaign"}))
    with pytest.raises(InputError, match="row 1: 'campaign' is missing"):
        read_answers(tmp_path / "a.jsonl")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no answers"),
        (b"\n\n", "no answers"),
        (b"[" * 100_000, "row 1: not readable as JSON"),
        (b"[1]", "row 1: expected a JSON object"),
        (b'{"a": 1, "a": 2}', "occurs twice"),
        (b"\xff\xfe", "row 1: not readable as JSON"),
        (b" " * 3_000_000 + b"{}", "row 1: longer than"),
    ],
)
def test_lines_that_are_no_rows_are_a_clear_message(tmp_path, content, message):
    (tmp_path / "a.jsonl").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_answers(tmp_path / "a.jsonl")


@pytest.mark.parametrize("content", [b"", b"PAR1" * 3, b"garbage"])
def test_a_file_that_is_no_parquet_is_a_clear_message(tmp_path, content):
    (tmp_path / "a.parquet").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.parquet: "):
        read_answers(tmp_path / "a.parquet")


def test_a_parquet_row_from_a_stranger_is_refused_with_its_number(tmp_path):
    rows = [{**ROW, "sha256": f"{n:064x}"} for n in range(100)]
    rows[70]["score"] = 7.0
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"row 71: score is 7\.0"):
        read_answers(tmp_path / "a.parquet")
    bad = pa.array([b"\xff"], type=pa.binary()).view(pa.string())
    pq.write_table(pa.table({"schema": bad}), tmp_path / "b.parquet")
    with pytest.raises(InputError, match="can't be read"):
        read_answers(tmp_path / "b.parquet")


def test_bytes_that_changed_in_an_archive_are_never_taken_for_other_scores(cache, tmp_path):
    file = tmp_path / "a.parquet"
    with read_store(cache) as store:
        export_answers(store, file)
    whole, answers = file.read_bytes(), read_answers(file)
    for at in range(4, len(whole), 37):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 0x40]) + whole[at + 1 :])
        try:
            found = read_answers(file)
        except InputError:
            continue
        assert found == answers


def test_a_database_with_changed_bytes_is_read_or_refused_but_never_a_crash(cache, tmp_path):
    whole, broken = (cache / "cache.db").read_bytes(), tmp_path / "broken"
    broken.mkdir()
    for at in range(0, len(whole), 211):
        changed = bytes(byte ^ 0xB5 for byte in whole[at : at + 16])
        (broken / "cache.db").write_bytes(whole[:at] + changed + whole[at + 16 :])
        with read_store(broken) as store, suppress(StoreError):
            verify(store)
            measure(store)
            explain(store, other(1))


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.jsonl")
    for name in ("a.jsonl", "none.jsonl"):
        with pytest.raises(InputError, match="no such file"):
            read_answers(tmp_path / name)


def test_two_rows_that_disagree_are_refused_and_two_that_agree_are_one(tmp_path):
    twice = [json.dumps(ROW), json.dumps({**ROW, "request_id": "2,y"})]
    (tmp_path / "a.jsonl").write_text("\n".join(twice))
    assert len(read_answers(tmp_path / "a.jsonl")) == 1
    (tmp_path / "a.jsonl").write_text("\n".join([*twice, json.dumps({**ROW, "score": 0.9})]))
    with pytest.raises(InputError, match=r"row 3: an earlier row has the score 0\.25 .* the score 0\.9"):
        read_answers(tmp_path / "a.jsonl")


def test_another_outcome_than_the_caches_is_refused_and_named_or_left_as_it_is(tmp_path):
    new = {**ROW, "sha256": "cd" * 32}
    (tmp_path / "a.jsonl").write_text(json.dumps(new) + "\n" + json.dumps({**ROW, "score": 0.9}))
    answers = read_answers(tmp_path / "a.jsonl")
    with open_store(tmp_path / "c") as store:
        keep(store)
        with pytest.raises(
            InputError, match=r"the cache has the score 0\.25, the file the score 0\.9"
        ) as told:
            import_answers(store, answers)
        assert "abababababab…" in str(told.value)
        assert set(store.answers(answers)[0]) == {QUESTION.key}
        done = import_answers(store, answers, keep_existing=True)
        assert (done.added, done.kept) == (1, 1)
        assert store.answers([QUESTION.key])[0] == {QUESTION.key: SCORED}


def test_a_good_row_takes_the_place_of_one_that_cannot_be_used(tmp_path):
    with open_store(tmp_path / "c") as store:
        keep(store)
    edit_answer(tmp_path / "c", QUESTION, lambda record: record["outcome"].update(score=7.0))
    (tmp_path / "a.jsonl").write_text(json.dumps(ROW))
    with open_store(tmp_path / "c") as store:
        done = import_answers(store, read_answers(tmp_path / "a.jsonl"))
        assert store.answers([QUESTION.key]) == ({QUESTION.key: SCORED}, [])
    assert (done.added, done.replaced) == (1, 1)


def test_an_import_that_fails_half_way_adds_nothing(tmp_path):
    (tmp_path / "a.jsonl").write_text(
        "\n".join(json.dumps({**ROW, "sha256": f"{n:064x}"}) for n in range(3000))
    )
    answers = read_answers(tmp_path / "a.jsonl")
    with open_store(tmp_path / "c") as store:
        keep(store)
        pages = store._cache._con.execute("PRAGMA page_count").fetchone()[0]
        store._cache._con.execute(f"PRAGMA max_page_count = {pages + 20}")
        with pytest.raises(StoreError, match="full"):
            import_answers(store, answers)
    with read_store(tmp_path / "c") as store:
        assert measure(store).answers == 1
        assert verify(store).problems == ()


# --- prune -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "gone"),
    [
        ({"endpoint_name": "sgp"}, {1, 2, 3}),
        ({"outcome": "no_face_found"}, {3}),
        ({"outcome": "scored", "endpoint_name": "sgp"}, {1, 2}),
        ({"older_than_days": 30}, {1, 2, "idn"}),
        ({"older_than_days": 69}, set()),  # exactly as old is not older
        ({"older_than_days": 9.5, "outcome": "no_face_found"}, {3}),
        ({"endpoint_name": "nowhere"}, set()),
    ],
)
def test_answers_that_match_all_filters_go_and_no_record_of_a_send_does(cache, wanted, gone):
    questions = {1: other(1), 2: other(2), 3: other(3), "idn": other(1, endpoint="idn", campaign="w2")}
    with open_store(cache) as store:
        found = find_prunable(store, PruneFilter(**wanted), now=NOW)
        assert set(found.keys) == {questions[name].key for name in gone}
        assert sum(found.counts.values()) == len(gone)
        store.remove_answers(found.keys)
        left, _ = store.answers(question.key for question in questions.values())
        assert set(left) == {questions[name].key for name in questions.keys() - gone}
        assert len(store.possibly_billed(endpoint="sgp", campaign="default")) == 2


@pytest.mark.parametrize("wanted", [{}, {"older_than_days": -1}, {"older_than_days": float("nan")}, {"older_than_days": float("inf")}])  # fmt: skip
def test_a_filter_that_says_nothing_is_refused(wanted):
    with pytest.raises(ValueError, match="expected"):
        PruneFilter(**wanted)


def test_what_cannot_be_read_is_not_pruned(cache):
    edit_answer(cache, other(2), lambda record: record["outcome"].update(score=7.0))
    with read_store(cache) as store:
        found = find_prunable(store, PruneFilter(endpoint_name="sgp"), now=NOW)
    assert (set(found.keys), found.unusable) == ({other(1).key, other(3).key}, 1)
