"""Counting on the workers of a cluster, and on object storage: the same to the last digit."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from finauth_eval.cluster import connected
from finauth_eval.evaluation import evaluate
from finauth_eval.recommendation import MaxBpcer, MinCost, recommend
from finauth_eval.scanning import scan_scores
from finauth_eval.scores import read_scores

pytest.importorskip("distributed", reason="the extra dask is not installed")
pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def cluster():
    with connected("local", workers=2) as client:
        yield client


@pytest.fixture
def months(tmp_path) -> Path:
    """Seven files of unequal sizes, with everything that rows may hold."""
    rng = np.random.default_rng(7)
    folder = tmp_path / "months"
    folder.mkdir()
    for month, n in enumerate([900, 1, 350, 1200, 0, 77, 640]):
        attack = rng.random(n) < 0.3
        score = np.where(rng.random(n) < 0.02, np.nan, np.round(rng.beta(2 + 3 * attack, 4), 4))
        frame = pd.DataFrame({
            "label": np.where(attack, "attack", "bona_fide"),
            "score": score,
            "attack_type": np.where(attack, rng.choice(["swap", "replay"], n), None),
            "region": rng.choice(["sgp", "idn"], n),
        })  # fmt: skip
        frame.to_parquet(folder / f"{month}.parquet", row_group_size=200)
    return folder


def test_counts_of_workers_give_what_one_machine_gives_to_the_last_digit(cluster, months):
    there = scan_scores(months, by=["region"], dask=cluster)
    here = scan_scores(months, by=["region"])
    assert there.provenance == here.provenance
    options = {"by": ["region"], "thresholds": [0.5], "seed": 3}
    assert evaluate(there, **options).to_dict() == evaluate(here, **options).to_dict()
    goals = [MaxBpcer(0.05), MinCost(miss=10, alarm=1, prior=0.01)]
    assert recommend(there, goals, by="region").to_dict() == recommend(here, goals, by="region").to_dict()
    together = months.parent / "all.parquet"
    pd.concat([pd.read_parquet(file) for file in sorted(months.glob("*.parquet"))]).to_parquet(together)
    assert evaluate(there, **options).to_dict() == evaluate(read_scores(together), **options).to_dict()


def test_a_worker_killed_in_mid_evaluation_changes_nothing(months):
    here = evaluate(scan_scores(months)).to_dict()
    with connected("local", workers=2) as client:
        victim = min(client.run(os.getpid).values())
        killer = threading.Timer(0.05, os.kill, (victim, signal.SIGKILL))
        killer.start()
        for _ in range(3):
            assert evaluate(scan_scores(months, rows_at_once=20, dask=client)).to_dict() == here
        killer.join()
        deadline = time.monotonic() + 60
        while victim in client.run(os.getpid).values():
            assert time.monotonic() < deadline


def test_the_commands_count_on_workers(cluster, months, tmp_path):
    from finauth_eval.cli.application import app

    def said(*arguments: str) -> dict:
        file = tmp_path / "out.json"
        done = CliRunner().invoke(app, [*arguments, "--json", str(file)])
        assert done.exit_code == 0, done.output
        return json.loads(file.read_text())

    address = cluster.scheduler.address
    for command in (
        ["evaluate", str(months), "--by", "region"],
        ["recommend", str(months), "--max-bpcer", "0.05"],
    ):
        assert said(*command, "--dask", address) == said(*command)
