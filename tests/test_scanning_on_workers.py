"""Counting on the workers of a cluster, and on object storage: the same to the last digit."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
import weakref
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet
from typer.testing import CliRunner

from finauth_eval.cluster import connected
from finauth_eval.errors import ScoresError
from finauth_eval.evaluation import evaluate
from finauth_eval.recommendation import MaxBpcer, MinCost, recommend
from finauth_eval.scanning import scan_scores
from finauth_eval.scores import ScoreTable, read_scores

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


def persons(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    attack = rng.random(n) < 0.3
    return pd.DataFrame({
        "label": np.where(attack, "attack", "bona_fide"),
        "score": np.where(rng.random(n) < 0.02, np.nan, np.round(rng.beta(2 + 3 * attack, 4), 2)),
        "attack_type": np.where(attack, rng.choice(["swap", "replay"], n), None),
        "region": rng.choice(["sgp", "idn"], n),
        "split": rng.choice(["calibration", "test"], n),
        "subject": [f"p{i}" for i in rng.integers(0, 150, n)],
    })  # fmt: skip


def test_persons_with_samples_on_several_workers_give_what_one_table_gives_to_the_last_digit(
    cluster, tmp_path
):
    parts = [persons(n, n) for n in (700, 1, 450)]
    folder = tmp_path / "scores"
    folder.mkdir()
    for i, part in enumerate(parts):
        part.to_parquet(folder / f"{i}.parquet", row_group_size=100)
    whole = ScoreTable.from_frame(pd.concat(parts))
    there = scan_scores(folder, by=["region"], dask=cluster)
    options = {"by": ["region"], "thresholds": [0.5], "seed": 3, "bootstrap": 50}
    found = evaluate(there, **options)
    assert found.auc.method == "delong-clustered-logit-t"
    assert found.to_dict() == evaluate(whole, **options).to_dict()
    goals = [MaxBpcer(0.05), MinCost(miss=10, alarm=1, prior=0.01)]
    for holdout in (None, 0.3):
        mine, theirs = (
            recommend(own, goals, by="region", holdout=holdout).to_dict() for own in (there, whole)
        )
        assert mine == theirs


@pytest.mark.parametrize("subjects", [False, True])
def test_one_large_file_is_cut_among_the_workers_with_the_same_result(
    cluster, tmp_path, monkeypatch, subjects
):
    frame = persons(3000, 3) if subjects else persons(3000, 3).drop(columns="subject")
    file = tmp_path / "one.parquet"
    frame.to_parquet(file, row_group_size=400, index=False)
    monkeypatch.setattr("finauth_eval.scanning._ROWS_A_TASK", 800)
    submitted = []
    submit = cluster.submit
    monkeypatch.setattr(
        cluster, "submit", lambda *args, **named: submitted.append(args[1]) or submit(*args, **named)
    )
    there = scan_scores(file, by=["region"], dask=cluster)
    assert [own.groups for own in submitted[:4]] == [range(i, i + 2) for i in (0, 2, 4, 6)]
    options = {"by": ["region"], "bootstrap": 50}
    assert evaluate(there, **options).to_dict() == evaluate(read_scores(file), **options).to_dict()
    frame.assign(score=frame["score"].where(frame.index != 2500, 7.0)).to_parquet(file, row_group_size=400)
    with pytest.raises(ScoresError, match="row 2501"):
        scan_scores(file, dask=cluster)


def test_what_the_first_pass_counted_is_gone_before_the_second(cluster, tmp_path, monkeypatch):
    persons(2000, 3).to_parquet(tmp_path / "one.parquet", row_group_size=400, index=False)
    monkeypatch.setattr("finauth_eval.scanning._ROWS_A_TASK", 400)
    first, alive, submit = [], [], cluster.submit

    def submitted(*args, **named):
        future = submit(*args, **named)
        if args[2].together:
            alive.append(sum(own() is not None for own in first))
        else:
            first.append(weakref.ref(future))
        return future

    monkeypatch.setattr(cluster, "submit", submitted)
    assert scan_scores(tmp_path / "one.parquet", dask=cluster).belong_together
    assert len(first) == 5
    assert alive == [0] * 5


def test_row_groups_without_rows_are_counted_on_workers(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr("finauth_eval.scanning._ROWS_A_TASK", 50)
    table = pa.Table.from_pandas(persons(100, 3).drop(columns="subject"), preserve_index=False)
    with parquet.ParquetWriter(tmp_path / "one.parquet", table.schema) as writer:
        writer.write_table(table)
        writer.write_table(table[:0])
    there, here = (scan_scores(tmp_path / "one.parquet", dask=own) for own in (cluster, None))
    assert evaluate(there).to_dict() == evaluate(here).to_dict()


def test_folders_named_after_values_are_columns_on_workers_too(cluster, tmp_path):
    for region, own in persons(500, 5).groupby("region"):
        (tmp_path / "scores" / f"region={region}").mkdir(parents=True)
        own.drop(columns="region").to_parquet(tmp_path / "scores" / f"region={region}" / "0.parquet")
    there, here = (scan_scores(tmp_path / "scores", by=["region"], dask=own) for own in (cluster, None))
    assert list(there.slices_of("region")) == ["idn", "sgp"]
    assert evaluate(there, by=["region"]).to_dict() == evaluate(here, by=["region"]).to_dict()


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
    for i in range(2):
        (tmp_path / "persons").mkdir(exist_ok=True)
        persons(300, i).to_parquet(tmp_path / "persons" / f"{i}.parquet", row_group_size=100)
    persons_of = str(tmp_path / "persons")
    for command in (
        ["evaluate", persons_of, "--by", "region"],
        ["recommend", persons_of, "--max-bpcer", "0.05", "--by", "region"],
        ["evaluate", str(months), "--by", "region"],
        ["recommend", str(months), "--max-bpcer", "0.05"],
    ):
        assert said(*command, "--dask", address) == said(*command)
