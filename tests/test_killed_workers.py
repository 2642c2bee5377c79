"""Commands on a cluster one of whose workers is killed: a real process each, and nothing in the result changes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from finauth_eval.cluster import connected

pytest.importorskip("distributed", reason="the extra dask is not installed")
pytestmark = pytest.mark.cluster

FILES, ROWS = 20, 3_000


@pytest.fixture(scope="module")
def months(tmp_path_factory) -> Path:
    """Two runs of the same samples, a file a day."""
    root = tmp_path_factory.mktemp("months")
    rng = np.random.default_rng(7)
    for day in range(FILES):
        attack = rng.random(ROWS) < 0.3
        own = pd.DataFrame({
            "sha256": [f"{day * ROWS + i:064x}" for i in range(ROWS)],
            "label": np.where(attack, "attack", "bona_fide"),
            "attack_type": np.where(attack, rng.choice(["swap", "replay"], ROWS), None),
            "score": np.round(rng.beta(2 + 3 * attack, 4), 4),
            "region": rng.choice(["sgp", "idn"], ROWS),
        })  # fmt: skip
        moved = own.assign(score=np.round((own["score"] + rng.normal(0, 0.02, ROWS)).clip(0, 1), 4))
        for name, frame in (("a", own), ("b", moved.sample(frac=1, random_state=day))):
            (root / name).mkdir(exist_ok=True)
            frame.to_parquet(root / name / f"{day:02d}.parquet", row_group_size=500)
    return root


def finauth_eval(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "finauth_eval", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )  # fmt: skip


def told(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def at_work(dask_scheduler: Any, address: str, begin: str) -> bool:
    """Whether a worker is at a task of a kind."""
    return any(
        str(task.key).strip("('").startswith(begin) for task in dask_scheduler.workers[address].processing
    )


def unhurried(begin: str) -> Any:
    """A plugin of workers that waits before each task of a kind, so that one of them is there to be killed."""
    from distributed.diagnostics.plugin import WorkerPlugin

    class Unhurried(WorkerPlugin):  # within the function, for it to be sent by value
        def transition(self, key: object, start: str, finish: str, **_: object) -> None:
            if finish == "executing" and str(key).strip("('").startswith(begin):
                time.sleep(0.2)

    return Unhurried()


@pytest.mark.parametrize(
    ("command", "stage"),
    [("evaluate", "_piece_tallied"), ("compare", "read_part"), ("compare", "_keyed")],
)  # fmt: skip
def test_a_worker_killed_in_mid_command_changes_nothing_in_its_result(months, tmp_path, command, stage):
    a, b = str(months / "a"), str(months / "b")
    asked = {
        "evaluate": ["evaluate", a, "--by", "region", "--bootstrap", "50", "--seed", "3"],
        "compare": ["compare", a, b, "--by", "region", "--seed", "3"],
    }[command]
    here, there = tmp_path / "here.json", tmp_path / "there.json"
    undisturbed = finauth_eval(*asked, "--json", str(here))
    said = undisturbed.communicate(timeout=100)[1]
    assert undisturbed.returncode == 0, said
    with connected("local", workers=2) as client:
        client.register_plugin(unhurried(stage))
        address, victim = min(client.run(os.getpid).items())
        process = finauth_eval(*asked, "--json", str(there), "--dask", client.scheduler.address)
        deadline = time.monotonic() + 60
        while not client.run_on_scheduler(at_work, address=address, begin=stage):
            assert process.poll() is None, "the command ended before the worker was killed"
            assert time.monotonic() < deadline
        os.kill(victim, signal.SIGKILL)
        assert process.poll() is None
        said = process.communicate(timeout=100)[1]
        assert process.returncode == 0, said
        assert "Traceback" not in said
        assert victim not in client.run(os.getpid).values()
    assert told(there) == told(here)
