"""Real processes, killed and interrupted in the middle: what was stored is never sent again, the table is whole."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

ENVIRONMENT = os.environ | {"FINAUTH_API_KEY": "demo-key", "FINAUTH_API_SECRET": "demo-secret"}


def command(root: Path, endpoint: str, work: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "finauth_eval", "run", str(root), "--endpoint", endpoint, "--out", str(work / "run"),
            "--cache", str(work / "cache"), "--json", str(work / "run.json"), *options]  # fmt: skip


def start(arguments: list[str], **streams: Any) -> subprocess.Popen[str]:
    """A run as a terminal starts it: a job in the background, as CI may be one, would ignore Ctrl-C."""
    heard = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
    streams = streams or {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(arguments, env=ENVIRONMENT, text=True, **heard, **streams)


def finish(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        arguments, env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False
    )


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "the run did not get going"
        time.sleep(0.02)


def wait_for_scores(server, n: int) -> None:
    wait_for(lambda: sum(server.stats()["scored"].values()) >= n)


def stored(cache: Path) -> set[str]:
    """sha256 of the contents whose answers are on disk, read without any code of ours."""
    import sqlite3

    connection = sqlite3.connect(f"file:{cache / 'cache.db'}?mode=ro", uri=True)
    rows = connection.execute("SELECT value FROM Cache WHERE key LIKE 'answer/%'").fetchall()
    connection.close()
    return {json.loads(text)["question"]["sha256"] for (text,) in rows}


def test_after_kill_9_no_stored_answer_is_sent_again_and_the_table_is_whole(
    sandbox, picture_folder, tmp_path
):
    server = sandbox(latency_ms=30)
    root = picture_folder(bona_fide=120, attack=80)
    seen_before: dict[str, int] = {}
    kept: set[str] = set()
    for target in (40, 100, 150):
        process = start(command(root, server.endpoint, tmp_path))
        wait_for_scores(server, target)
        process.send_signal(signal.SIGKILL)
        process.wait()
        time.sleep(0.2)  # what was in flight reaches the server's counters
        now = server.stats()["scored"]
        resent = [sha for sha in kept if now[sha] > seen_before[sha]]
        assert resent == [], "an answer that was on disk was paid for again"
        kept, seen_before = stored(tmp_path / "cache"), now
    assert 0 < len(kept) < 200
    done = finish(command(root, server.endpoint, tmp_path))
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "run.json").read_text())
    assert (summary["samples"], summary["scored"], summary["not_sent"]) == (200, 200, {})
    counts = server.stats()["scored"]
    assert all(counts[sha] == seen_before[sha] for sha in kept)
    assert len(counts) == 200
    paid_twice = sorted(sha for sha, n in counts.items() if n > 1)
    listed = [note["sha256"] for note in summary["possibly_billed_sends"]]
    assert set(paid_twice) <= set(listed)
    assert summary["possibly_billed"] == len(listed)
    frame = pd.read_parquet(tmp_path / "run" / "scores.parquet")
    assert len(frame) == 200
    assert frame["score"].notna().all()
    undisturbed = finish(command(root, server.endpoint, tmp_path / "other"))
    assert undisturbed.returncode == 0
    other = pd.read_parquet(tmp_path / "other" / "run" / "scores.parquet")
    same = ["sample_id", "label", "score", "outcome", "attack_type", "sha256"]
    pd.testing.assert_frame_equal(frame[same], other[same])
    again = finish(command(root, server.endpoint, tmp_path))
    assert (again.returncode, json.loads((tmp_path / "run.json").read_text())["sends"]) == (0, 0)


@pytest.mark.timeout(400)
def test_five_thousand_files_survive_five_kills_at_random_moments(sandbox, make_png, tmp_path):
    rng = np.random.default_rng(20261124)
    server = sandbox(latency_ms=40)
    root, copies = tmp_path / "faces", tmp_path / "copies"
    for label, n in (("bona_fide", 3_000), ("attack/swap", 2_000)):
        (root / label).mkdir(parents=True)
        (copies / label).mkdir(parents=True)
        for i in range(n):
            content = make_png(10_000 * (label == "bona_fide") + i)
            (root / label / f"{i}.png").write_bytes(content)
            (copies / label / f"renamed {n - i} – {label[0]}.jpg").write_bytes(content)
    seen: dict[str, int] = {}
    kept: set[str] = set()
    for moment in sorted(rng.integers(100, 4_800, 5).tolist()):
        process = start(command(root, server.endpoint, tmp_path))
        wait_for_scores(server, max(moment, len(kept) + 20))
        if not seen:  # a second process meanwhile
            second = finish(command(root, server.endpoint, tmp_path))
            assert (second.returncode, f"in use by the process {process.pid}" in second.stderr) == (6, True)
        time.sleep(float(rng.random()) / 5)
        process.send_signal(signal.SIGKILL)
        process.wait()
        time.sleep(0.3)  # what was in flight reaches the server's counters
        now = server.stats()["scored"]
        assert [sha for sha in kept if now[sha] > seen[sha]] == []
        kept, seen = stored(tmp_path / "cache"), now
    done = finish(command(root, server.endpoint, tmp_path))
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "run.json").read_text())
    assert (summary["samples"], summary["scored"], summary["not_sent"]) == (5_000, 5_000, {})
    counts = server.stats()["scored"]
    assert len(counts) == 5_000
    paid_twice = [sha for sha, n in counts.items() if n > 1]
    listed = Counter(note["sha256"] for note in summary["possibly_billed_sends"])
    # each answer beyond the first of a content belongs to a send that is listed, for it was in flight at a kill
    assert all(counts[sha] - 1 <= listed[sha] for sha in paid_twice)
    assert summary["possibly_billed"] == listed.total() <= 5 * 64
    table = pd.read_parquet(tmp_path / "run" / "scores.parquet")
    other = finish(command(root, server.endpoint, tmp_path / "other"))
    assert other.returncode == 0
    undisturbed = pd.read_parquet(tmp_path / "other" / "run" / "scores.parquet")
    same = ["sample_id", "label", "score", "outcome", "attack_type", "sha256", "threshold", "result"]
    pd.testing.assert_frame_equal(table[same], undisturbed[same])
    renamed = finish(command(copies, server.endpoint, tmp_path))
    assert renamed.returncode == 0
    summary = json.loads((tmp_path / "run.json").read_text())
    assert (summary["sends"], summary["from_cache"], summary["scored"]) == (0, 5_000, 5_000)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_waits_for_what_is_in_flight_and_can_be_resumed(
    sandbox, picture_folder, tmp_path, how
):
    server = sandbox(latency_ms=100)
    root = picture_folder(bona_fide=60, attack=60)
    process = start(
        command(root, server.endpoint, tmp_path, "--max-concurrency", "8"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    wait_for_scores(server, 10)
    process.send_signal(how)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130, said
    assert "interrupted" in said
    assert "Traceback" not in said
    summary = json.loads((tmp_path / "run.json").read_text())
    assert summary["exit"] == 130
    assert summary["possibly_billed"] == 0, "what was in flight was not waited for"
    assert summary["scored"] == summary["sends"] == sum(server.stats()["scored"].values())
    assert summary["not_sent"] == {"interrupted": 120 - summary["scored"]}
    assert len(pd.read_parquet(tmp_path / "run" / "scores.parquet")) == 120
    done = finish(command(root, server.endpoint, tmp_path))
    assert done.returncode == 0
    assert set(server.stats()["scored"].values()) == {1}


def test_a_second_run_on_the_same_cache_exits_6_naming_the_holder(sandbox, picture_folder, tmp_path):
    server = sandbox(latency_ms=2500)
    root = picture_folder(bona_fide=40)
    first = start(command(root, server.endpoint, tmp_path, "--max-concurrency", "2"))
    wait_for(lambda: server.stats()["requests"] > 0)
    second = finish(command(root, server.endpoint, tmp_path))
    assert second.returncode == 6
    assert f"in use by the process {first.pid}" in second.stderr
    first.send_signal(signal.SIGINT)
    first.wait(30)
