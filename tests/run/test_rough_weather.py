"""What happens to a run in the middle: thresholds move, keys die, disks fill, caches are locked; and what leaks."""

from __future__ import annotations

import base64
import json
import os
import re
import resource
import signal
import sqlite3
import subprocess
import sys
import time

import pandas as pd
import pytest

from finauth_eval.run.store import open_store

KEY, SECRET = "demo-key", "demo-secret"
ENVIRONMENT = os.environ | {"FINAUTH_API_KEY": KEY, "FINAUTH_API_SECRET": SECRET}


def shell(*arguments: object, **options) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "finauth_eval", *map(str, arguments)]
    return subprocess.run(
        command, env=ENVIRONMENT, capture_output=True, text=True, timeout=100, check=False, **options
    )


def test_a_threshold_that_moves_in_mid_run_is_seen_and_kept_with_each_answer(sandbox, picture_folder, run_on):
    table, run = run_on(
        sandbox("threshold_change@4+"), picture_folder(bona_fide=4, attack=3), max_concurrency=1
    )
    assert len(run["thresholds_seen"]) == 2
    assert 0.5 in run["thresholds_seen"]
    assert (table.frame["threshold"] == 0.5).sum() == 3
    assert run["result_mismatches"]["ge"] == 0  # each result goes with its own threshold


def test_a_key_that_dies_in_mid_run_wastes_no_more_than_what_is_in_flight(sandbox, picture_folder, run_on):
    server = sandbox("key_dead@31+", latency_ms=50)
    table, run = run_on(server, picture_folder(bona_fide=100, attack=50), max_concurrency=8)
    assert run["exit"] == 4
    assert "API_KEY_DEACTIVATED" in run["message"]
    assert run["scored"] == 30
    assert server.stats()["requests"] <= 30 + 8
    assert run["not_sent"] == {"stopped": 120}
    assert len(table) == 150


def test_a_cache_that_somebody_locks_in_mid_run_is_exit_6_and_nothing_is_lost(
    sandbox, picture_folder, tmp_path
):
    server, root, cache = (
        sandbox(latency_ms=100),
        picture_folder(bona_fide=150, attack=100),
        tmp_path / "cache",
    )
    command = ("run", root, "--endpoint", server.endpoint, "--out", tmp_path / "run", "--cache", cache,
               "--json", tmp_path / "run.json", "--max-concurrency", 4)  # fmt: skip
    arguments = [sys.executable, "-m", "finauth_eval", *map(str, command)]
    first = subprocess.Popen(
        arguments, env=ENVIRONMENT, text=True, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    while sum(server.stats()["scored"].values()) < 20:
        time.sleep(0.05)
    other = sqlite3.connect(cache / "cache.db", timeout=30)
    other.execute("BEGIN IMMEDIATE")
    try:
        _, said = first.communicate(timeout=90)
    finally:
        other.rollback()
        other.close()
    assert first.returncode == 6, said
    assert "locked or read-only" in said
    assert "Traceback" not in said
    paid = dict(server.stats()["scored"])
    assert len(paid) < 250
    assert shell(*command).returncode == 0
    summary = json.loads((tmp_path / "run.json").read_text())
    assert summary["scored"] == 250
    twice = {sha for sha, n in server.stats()["scored"].items() if n > 1}
    assert twice <= {note["sha256"] for note in summary["possibly_billed_sends"]}
    assert len(twice) <= 4 + 8  # those in flight, and those on record that were waiting for a place


def test_a_disk_that_fills_in_mid_run_stops_it_with_exit_6_and_keeps_what_was_paid_for(
    sandbox, picture_folder, tmp_path
):
    server, root, cache = sandbox(), picture_folder(bona_fide=120, attack=80), tmp_path / "cache"
    command = ("run", root, "--endpoint", server.endpoint, "--out", tmp_path / "run", "--cache", cache)

    def full() -> None:  # files may not grow beyond this: to SQLite the same as a full disk
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (700_000, 700_000))

    done = shell(*command, "--json", tmp_path / "run.json", preexec_fn=full)
    assert done.returncode == 6, done.stderr
    assert "Traceback" not in done.stderr
    paid = dict(server.stats()["scored"])
    assert 0 < len(paid) < 200
    frame = pd.read_parquet(tmp_path / "run" / "scores.parquet")
    assert len(frame) == 200
    assert shell(*command, "--json", tmp_path / "run.json").returncode == 0
    summary = json.loads((tmp_path / "run.json").read_text())
    assert summary["scored"] == 200
    # paid twice only where the answer could not be written, and those are listed
    twice = {sha for sha, n in server.stats()["scored"].items() if n > 1}
    assert twice <= {note["sha256"] for note in summary["possibly_billed_sends"]}


@pytest.mark.timeout(300)
def test_more_than_a_gibibyte_of_entries_loses_none(tmp_path):
    text = "x" * 1_000_000
    with open_store(tmp_path / "cache") as store, store.together():
        for i in range(1_100):
            store._cache.set(f"answer/{i}", f"{i}:{text}", retry=False)
    assert (tmp_path / "cache" / "cache.db").stat().st_size > 2**30
    with open_store(tmp_path / "cache"):
        pass  # opening again culls nothing either
    connection = sqlite3.connect(tmp_path / "cache" / "cache.db")
    [(count, longest)] = connection.execute("SELECT count(*), min(length(value)) FROM Cache").fetchall()
    connection.close()
    assert (count, longest >= 1_000_000) == (1_100, True)


def test_neither_key_nor_secret_nor_signature_is_found_anywhere_afterwards(sandbox, picture_folder, tmp_path):
    """After faults of every kind: in cache, run folder, logs, exports, report and what was printed."""
    kinds = ("500", "504", "nan", "bad_sign", "too_often", "html200", "reset", "firewall")
    faults = ",".join(f"{kind}@{2 * i + 2}" for i, kind in enumerate(kinds))
    server, root = sandbox(faults), picture_folder(bona_fide=20, attack=10)
    said = []
    for out in ("first", "second", "third"):
        done = shell("run", root, "--endpoint", server.endpoint, "--out", tmp_path / "out" / out, "--cache",
                     tmp_path / "out" / "cache", "--json", tmp_path / "out" / f"{out}.json", "-vv")  # fmt: skip
        said.append(done.stdout + done.stderr)
    for command in (
        ("cache", "export", tmp_path / "out" / "answers.jsonl", "--cache", tmp_path / "out" / "cache"),
        ("report", tmp_path / "out" / "third", "-o", tmp_path / "out" / "report.html"),
        ("evaluate", tmp_path / "out" / "third", "--json", tmp_path / "out" / "evaluation.json"),
    ):
        done = shell(*command)
        assert done.returncode == 0, done.stderr
        said.append(done.stdout + done.stderr)
    (tmp_path / "out" / "said.txt").write_text("".join(said))
    files = [file for file in (tmp_path / "out").rglob("*") if file.is_file()]
    assert len(files) >= 10
    # a signature is base64 of 20 bytes and then of "a=<key>&b=", in one of three alignments
    plain = b"a=demo-key&b="
    encoded = [base64.b64encode(b"\0" * shift + plain)[2 * shift + 2 : -4] for shift in range(3)]
    secrets = [KEY.encode(), SECRET.encode(), *encoded]
    for file in files:
        content = file.read_bytes()
        for secret in secrets:
            assert secret not in content, f"{file.name} holds {secret!r}"
    assert re.search(r"retr|again", "".join(said))  # the faults did happen


def test_a_hundred_thousand_rows_are_checked_in_under_a_minute_with_flat_memory(tmp_path):
    """Rows that share files: what grows with the rows is measured, not how fast a disk is."""
    root = tmp_path / "faces"
    root.mkdir()
    for i in range(1_000):
        (root / f"{i}.png").write_bytes(b"\x89PNG\r\n\x1a\n" + i.to_bytes(4, "big") * 500)
    lines = ["id,path,label", *(f"{i},{i % 1_000}.png,real" for i in range(100_000))]
    (root / "manifest.csv").write_text("\n".join(lines))
    program = (
        "import resource, sys\n"
        "from finauth_eval.dataset import check_dataset\n"
        "check_dataset(sys.argv[2]); before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "n = len(check_dataset(sys.argv[1]).dataset)\n"
        "print(n, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / n)\n"
    )
    (root / "few.csv").write_text("\n".join(lines[:1_001]))
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", program, str(root / "manifest.csv"), str(root / "few.csv")],
        capture_output=True, text=True, timeout=100, check=True,
    )  # fmt: skip
    n, growth = done.stdout.split()
    assert int(n) == 100_000
    assert time.monotonic() - began < 60
    assert float(growth) < 3_000  # bytes a row: the rows themselves, and no file's content
