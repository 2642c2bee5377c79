"""The cache: what it keeps, what it refuses to read, and who may hold it."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import sqlite3
import stat
import subprocess
import sys
from dataclasses import replace

import pytest

from finauth_eval.detection import Detection, Kind, NoResponse
from finauth_eval.errors import StoreError, StoreLocked
from finauth_eval.run.records import Question, Stored
from finauth_eval.run.store import open_store

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


class Exploit:
    """Unpickling this would leave a trace."""

    def __init__(self, trace):
        self.trace = str(trace)

    def __reduce__(self):
        return (os.mkdir, (self.trace,))


def keep(store, question=QUESTION, stored=SCORED):
    store.record_answer(store.record_send(question, at="2026-01-01T00:00:00+00:00"), question, stored)


def edit(folder, statement, values=()):
    connection = sqlite3.connect(folder / "cache.db")
    with connection:
        changed = connection.execute(statement, values).rowcount
    connection.close()
    return changed


def test_an_answer_is_found_again_by_its_question_alone(tmp_path):
    with open_store(tmp_path / "c") as store:
        keep(store)
    with open_store(tmp_path / "c") as store:
        found, rejected = store.answers([QUESTION.key, "0" * 64])
    assert found == {QUESTION.key: SCORED}
    assert rejected == []


@pytest.mark.parametrize(
    "change",
    [{"sha256": "cd" * 32}, {"size": 11}, {"media_type": "video"}, {"endpoint": "idn"}, {"api_version": "v6"},
     {"campaign": "w2"}, {"replicate": 1}],
)  # fmt: skip
def test_every_part_of_the_question_is_part_of_the_key(change):
    assert replace(QUESTION, **change).key != QUESTION.key


def test_the_key_is_the_sha256_of_canonical_json():
    text = (
        '{"api_version":"v5","campaign":"default","endpoint":"sgp","media_type":"image","replicate":0,'
        '"schema":"finauth-eval/key/1","sha256":"' + "ab" * 32 + '","size":10}'
    )
    assert QUESTION.key == hashlib.sha256(text.encode()).hexdigest()


def test_a_send_is_on_disk_before_anything_else_and_possibly_billed_until_settled(tmp_path):
    with open_store(tmp_path) as store:
        store.record_send(QUESTION, at="2026-01-01T00:00:00+00:00")
        free = store.record_send(QUESTION, at="2026-01-01T00:00:01+00:00")
        lost = store.record_send(QUESTION, at="2026-01-01T00:00:02+00:00")
        store.record_free(free)
        outcome = NoResponse(kind=Kind.AMBIGUOUS, reason="ambiguous", received_at="2026-01-01T00:00:03+00:00")
        store.record_possibly_billed(lost, QUESTION, outcome)
    with open_store(tmp_path) as store:
        notes = store.possibly_billed(endpoint="sgp", campaign="default")
        assert [note["reason"] for note in notes] == ["no_answer_seen", "ambiguous"]
        assert store.possibly_billed(endpoint="idn", campaign="default") == []
        assert store.possibly_billed(endpoint="sgp", campaign="w2") == []
        keep(store)
        assert len(store.possibly_billed(endpoint="sgp", campaign="default")) == 2


def test_the_cache_does_not_evict_and_syncs_fully(tmp_path):
    with open_store(tmp_path) as store:
        cache = store._cache
        assert (cache.eviction_policy, cache.cull_limit) == ("none", 0)
        assert cache.size_limit > 2**60
        assert cache._con.execute("PRAGMA synchronous").fetchone() == (2,)


def test_the_folder_is_its_owners_alone(tmp_path):
    with open_store(tmp_path / "c"):
        pass
    assert stat.S_IMODE((tmp_path / "c").stat().st_mode) == 0o700


@pytest.mark.parametrize("where", ["value", "key"])
def test_a_planted_pickle_is_refused_and_never_loaded(tmp_path, where):
    folder, trace = tmp_path / "c", tmp_path / "trace"
    with open_store(folder) as store:
        keep(store)
    payload = pickle.dumps(Exploit(trace))
    if where == "value":
        assert edit(folder, "UPDATE Cache SET mode = 4, value = ?", (sqlite3.Binary(payload),)) == 1
    else:
        assert edit(folder, "UPDATE Cache SET raw = 0, key = ?", (sqlite3.Binary(payload),)) == 1
    with open_store(folder) as store:
        found, rejected = store.answers([QUESTION.key])
        assert found == {}
        assert len(rejected) == (1 if where == "value" else 0)
        with pytest.raises(StoreError, match="did not write"):
            [store._cache.get(key, retry=False) for key in store._cache]
    assert not trace.exists()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("outcome", "score"), 7.0),
        (("outcome", "score"), "0.5"),
        (("outcome", "score"), True),
        (("outcome", "threshold"), -1),
        (("outcome", "result"), "yes"),
        (("outcome", "request_id"), ["x"]),
        (("outcome", "unknown"), 1),
        (("question", "sha256"), "cd" * 32),
        (("attempts",), 0),
        (("attempts",), 10**30),
        (("outcome",), "text"),
        (("outcome",), None),
        (("outcome", "time_used_ms"), 1.5),
        (("outcome", "round_trip_ms"), [1]),
        (("outcome", "request_id"), "\ud800"),
        (("key_fingerprint",), 7),
        (("scored",), False),
    ],
)
def test_an_edited_answer_is_rejected_and_not_used(tmp_path, path, value):
    with open_store(tmp_path) as store:
        keep(store)
    (text,) = sqlite3.connect(tmp_path / "cache.db").execute("SELECT value FROM Cache").fetchone()
    record = json.loads(text)
    inner = record
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    assert edit(tmp_path, "UPDATE Cache SET value = ?", (json.dumps(record),)) == 1
    with open_store(tmp_path) as store:
        found, rejected = store.answers([QUESTION.key])
    assert found == {}
    assert len(rejected) == 1


def test_a_row_that_is_not_text_and_a_nested_one_are_left_out_and_the_others_are_found(tmp_path):
    others = [replace(QUESTION, size=size) for size in (20, 21)]
    with open_store(tmp_path) as store:
        for question in (QUESTION, *others):
            keep(store, question)
    edit(
        tmp_path,
        "UPDATE Cache SET value = CAST(x'ff00ff' AS TEXT) WHERE key = ?",
        (f"answer/{others[0].key}",),
    )
    nested = "[" * 50_000
    edit(tmp_path, "UPDATE Cache SET value = ? WHERE key = ?", (nested, f"answer/{others[1].key}"))
    with open_store(tmp_path) as store:
        found, rejected = store.answers([QUESTION.key, *(question.key for question in others)])
    assert set(found) == {QUESTION.key}
    assert len(rejected) == 2


def test_an_unreadable_record_of_a_send_is_listed_and_not_fatal(tmp_path):
    with open_store(tmp_path) as store:
        store.record_send(QUESTION, at="2026-01-01T00:00:00+00:00")
    edit(tmp_path, "UPDATE Cache SET value = '[[' ")
    with open_store(tmp_path) as store:
        (note,) = store.possibly_billed(endpoint="sgp", campaign="default")
    assert note["reason"] == "unreadable_record"


def test_an_outcome_that_is_not_final_is_not_taken_from_the_cache(tmp_path):
    transient = Stored(outcome=NoResponse(kind=Kind.TRANSIENT, reason="x"), attempts=1, key_fingerprint="0")
    with open_store(tmp_path) as store:
        keep(store, stored=transient)
        assert store.answers([QUESTION.key])[0] == {}


@pytest.mark.parametrize("content", [b"", b"garbage " * 1000, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_damaged_cache_file_is_a_clear_error_or_a_fresh_start(tmp_path, content):
    (tmp_path / "cache.db").write_bytes(content)
    if content == b"":  # SQLite takes an empty file for a new database
        with open_store(tmp_path) as store:
            assert store.answers([QUESTION.key]) == ({}, [])
        return
    with pytest.raises(StoreError, match="can't be read or written"), open_store(tmp_path):
        pass


def test_a_second_run_is_refused_naming_the_holder_and_the_lock_dies_with_its_process(tmp_path):
    code = (
        "import sys; from finauth_eval.run.store import open_store\n"
        "with open_store(sys.argv[1]): print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdin is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(StoreLocked, match=f"in use by the process {holder.pid}"), open_store(tmp_path):
        pass
    holder.kill()
    holder.wait()
    holder.stdin.close()
    holder.stdout.close()
    with open_store(tmp_path) as store:
        keep(store)


def fill(store):
    for size in range(12, 2000):
        keep(store, replace(QUESTION, size=size))


def test_a_full_or_read_only_disk_is_a_store_error_that_ends_at_once(tmp_path):
    with open_store(tmp_path) as store:
        keep(store)
        store._cache._con.execute(
            "PRAGMA query_only = ON"
        )  # what a read-only database says, without being no root
        with pytest.raises(StoreError, match="locked or read-only"):
            keep(store, replace(QUESTION, size=11))
        store._cache._con.execute("PRAGMA query_only = OFF")
        pages = store._cache._con.execute("PRAGMA page_count").fetchone()[0]
        store._cache._con.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreError, match="full"):
            fill(store)
    with open_store(tmp_path) as store:
        assert QUESTION.key in store.answers([QUESTION.key])[0]


def test_no_secret_and_no_media_is_on_disk(tmp_path, sandbox, picture_folder, run_on):
    root = picture_folder()
    _, run = run_on(sandbox(), root, cache=tmp_path / "cache")
    assert run["scored"] == 5
    kept = b"".join(file.read_bytes() for file in (tmp_path / "cache").iterdir() if file.is_file())
    assert b'"score"' in kept
    for secret in (b"demo-secret", b"demo-key", b"hmac", b"IHDR"):
        assert secret not in kept
