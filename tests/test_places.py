"""Datasets, scores and reports on object storage: moto's S3 server, a real process on loopback."""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from finauth_eval.baselines import accept_baseline, read_baseline
from finauth_eval.dataset import check_dataset, load_dataset
from finauth_eval.deployed import load_policy
from finauth_eval.errors import DatasetError, InputError, MissingExtra, ScoresError
from finauth_eval.evaluation import evaluate
from finauth_eval.history import read_history
from finauth_eval.media import inspect_media
from finauth_eval.places import Remote, appearing, place
from finauth_eval.report import write_report
from finauth_eval.run.runner import collect_scores
from finauth_eval.scanning import part_files, scan_scores, worth_scanning
from finauth_eval.scores import ScoreTable, read_scores

pytest.importorskip("s3fs", reason="the extra dask is not installed")
pytestmark = pytest.mark.cluster

OF_TIME = ["request_id", "received_at", "time_used_ms", "round_trip_ms"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def storage() -> Iterator[Any]:
    """A client of the store, with everything in the environment that a user would put there."""
    boto3 = pytest.importorskip("boto3", reason="moto and boto3 are in the extra dev")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ACCESS_KEY_ID", "somebody")
            patch.setenv("AWS_SECRET_ACCESS_KEY", "something")
            patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
            patch.setenv("AWS_ENDPOINT_URL", url)
            patch.setenv("NO_PROXY", "127.0.0.1")
            patch.setenv("FINAUTH_API_KEY", "demo-key")
            patch.setenv("FINAUTH_API_SECRET", "demo-secret")
            wait_until_it_listens(port)
            client = boto3.client("s3")
            client.create_bucket(Bucket="faces")
            yield client
            client.close()
    finally:
        server.terminate()
        server.wait(10)


def wait_until_it_listens(port: int) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert time.monotonic() < deadline, "moto's server did not start"
            time.sleep(0.05)
        else:
            return


@pytest.fixture
def uploaded(storage) -> Callable[..., str]:
    """Puts a folder's files into the bucket."""

    def upload(folder: Path, prefix: str) -> str:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                key = f"{prefix}/{file.relative_to(folder).as_posix()}"
                storage.put_object(Bucket="faces", Key=key, Body=file.read_bytes())
        return f"s3://faces/{prefix}"

    return upload


def with_manifest(root: Path, make_png: Callable[..., bytes], mp4: bytes) -> Path:
    root.mkdir()
    rows = ["path,label,attack_type,subject"]
    for i in range(12):
        (root / f"{i} ü.png").write_bytes(make_png(i))
        rows.append(f"{i} ü.png,{'attack,replay,' if i % 2 else f'bona_fide,,p{i}'}")
    (root / "clip.mp4").write_bytes(mp4)
    (root / "empty.png").write_bytes(b"")
    (root / "large.png").write_bytes(make_png(50) + b"\0" * 11_000_000)
    rows += ["clip.mp4,attack,swap,", "empty.png,bona_fide,,p90", "large.png,bona_fide,,p91"]
    rows += ["gone.png,bona_fide,,p92", "../secret.png,attack,swap,", "/etc/hostname,attack,swap,"]
    rows += ["s3://faces/other/x.png,attack,swap,"]
    (root / "manifest.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (root / "sub").mkdir()
    (root / "sub" / "a.png").write_bytes(make_png(60))
    return root


def told(dataset: Any) -> list[tuple[Any, ...]]:
    return [
        (s.id, s.label, s.media_type, s.sha256, s.size, s.problem, s.attack_type) for s in dataset.samples
    ]


def test_a_dataset_on_s3_is_that_of_the_same_files_here(uploaded, make_png, mp4_bytes, tmp_path):
    here = with_manifest(tmp_path / "faces", make_png, mp4_bytes)
    there = uploaded(here, "set/q3")
    local, remote = load_dataset(here / "manifest.csv"), load_dataset(f"{there}/manifest.csv")
    of_urls = slice(0, 15)  # the last rows lead out of it, which here also depends on what is there
    assert told(remote)[of_urls] == told(local)[of_urls]
    assert [s.problem for s in remote.samples[15:]] == ["missing", *["outside_root"] * 3]
    assert remote.name == "q3"


def test_a_folder_on_s3_has_the_rows_of_the_same_folder_here(uploaded, picture_folder, make_png, tmp_path):
    here = picture_folder()
    (here / "bona_fide" / ".hidden").write_bytes(b"x")
    (here / "bona_fide" / "Thumbs.db").write_bytes(b"x")
    (here / "stray.png").write_bytes(make_png(3))
    there = uploaded(here, "folder")
    local, remote = check_dataset(here), check_dataset(there)
    assert told(remote.dataset) == told(local.dataset)
    assert remote.dataset.digest == local.dataset.digest
    assert [f.kind for f in remote.findings] == [f.kind for f in local.findings] == ["not_in_a_label_folder"]


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_other_manifests_are_read_from_s3_too(uploaded, picture_folder, kind):
    here = picture_folder(bona_fide=1, attack=1)
    frame = pd.DataFrame(
        {"path": ["bona_fide/00000.png", "attack/replay/00000.png"], "label": ["real", "fake"]}
    )
    if kind == "jsonl":
        frame.to_json(here / "m.jsonl", orient="records", lines=True)
    else:
        frame.to_parquet(here / "m.parquet")
    there = uploaded(here, f"kinds/{kind}")
    assert told(load_dataset(f"{there}/m.{kind}")) == told(load_dataset(here / f"m.{kind}"))


def test_run_scores_and_report_go_the_whole_road_on_s3(
    storage, uploaded, make_png, mp4_bytes, sandbox, tmp_path
):
    here = with_manifest(tmp_path / "faces", make_png, mp4_bytes)
    there = uploaded(here, "road")
    server = sandbox()
    table = collect_scores(
        load_dataset(f"{there}/manifest.csv"), endpoint=server.endpoint, cache=tmp_path / "cache"
    )
    assert dict(table.provenance.run)["scored"] == 13
    table.write("s3://faces/runs/road")
    kept = {entry["Key"] for entry in storage.list_objects_v2(Bucket="faces", Prefix="runs/road")["Contents"]}
    assert kept == {"runs/road/scores.parquet", "runs/road/run.json"}
    again = read_scores("s3://faces/runs/road")
    pd.testing.assert_frame_equal(again.frame, read_scores(table.write(tmp_path / "run")).frame)
    assert dict(again.provenance.run) == json.loads((tmp_path / "run" / "run.json").read_text())
    assert again.provenance.digest == table.provenance.digest
    write_report(evaluate(again), path="s3://faces/reports/road.html")
    page = storage.get_object(Bucket="faces", Key="reports/road.html")["Body"].read().decode()
    assert page.lower().startswith("<!doctype html>")


def test_the_commands_take_s3_and_workers_read_from_it(uploaded, storage, picture_folder, sandbox, tmp_path):
    there = uploaded(picture_folder(bona_fide=12, attack=8), "commands")
    server = sandbox()

    def finauth_eval(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", "finauth_eval", *arguments], capture_output=True, text=True,
                              timeout=100, check=False, env=os.environ, cwd=tmp_path)  # fmt: skip

    done = finauth_eval(
        "run", there, "--endpoint", server.endpoint, "--out", "s3://faces/runs/c", "--dask", "local"
    )
    assert done.returncode == 0, done.stderr
    assert "scores: s3://faces/runs/c" in done.stdout
    done = finauth_eval("evaluate", "s3://faces/runs/c", "--json", "s3://faces/runs/c/evaluation.json")
    assert done.returncode == 0, done.stderr
    done = finauth_eval("report", "s3://faces/runs/c", "-o", "s3://faces/runs/c/report.html")
    assert (done.returncode, done.stdout.strip()) == (0, "report: s3://faces/runs/c/report.html"), done.stderr
    kept = {entry["Key"] for entry in storage.list_objects_v2(Bucket="faces", Prefix="runs/c/")["Contents"]}
    assert kept == {f"runs/c/{n}" for n in ("scores.parquet", "run.json", "evaluation.json", "report.html")}
    done = finauth_eval("evaluate", "s3://faces/nothing/here")
    assert (done.returncode, "no such file" in done.stderr) == (2, True)
    assert set(server.stats()["scored"].values()) == {1}


def test_a_csv_of_scores_is_read_from_s3(storage):
    storage.put_object(Bucket="faces", Key="s.csv", Body=b"label,score\nreal,0.1\nfake,0.9\n")
    assert read_scores("s3://faces/s.csv").scores.tolist() == [0.1, 0.9]
    storage.put_object(Bucket="faces", Key="e.csv", Body=b"")
    with pytest.raises(ScoresError, match=r"s3://faces/e\.csv: the file is empty"):
        read_scores("s3://faces/e.csv")


def test_what_fails_while_it_is_written_does_not_appear(storage):
    def interrupted() -> None:
        with appearing(place("s3://faces/half.txt")) as scratch:
            scratch.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        interrupted()
    assert storage.list_objects_v2(Bucket="faces", Prefix="half")["KeyCount"] == 0


def test_a_bucket_that_is_not_there_is_said_as_a_missing_file_is(storage):
    with pytest.raises(DatasetError, match=r"s3://nobodys/m\.csv: there is no such folder or file"):
        load_dataset("s3://nobodys/m.csv")
    table = ScoreTable.from_frame(pd.DataFrame({"label": ["real", "fake"], "score": [0.1, 0.9]}))
    with pytest.raises(OSError, match="bucket"):
        table.write("s3://nobodys/run")


@pytest.mark.parametrize(
    "name", ["../x.png", "a/../../x.png", "/x.png", "s3://faces/q3/x.png", "..", "a/..", "file:///etc/passwd"]
)
def test_no_name_leads_out_of_its_root_on_s3(storage, name):
    root = Remote("s3", "faces/q3")
    assert not (root / name).inside(root)
    assert inspect_media(root / name, root=root).problem == "outside_root"


@pytest.mark.parametrize(
    "url",
    [
        "s3://key:secret@bucket/x",
        "s3://",
        "s3://bucket/../x",
        "simplecache::s3://bucket/x",
        "zip://a::s3://b",
    ],
)
def test_urls_that_are_no_places_are_refused_without_repeating_them(url):
    if url.startswith("simplecache"):
        assert isinstance(place(url), Path)  # no URL of ours: a path that isn't there
        return
    with pytest.raises(InputError) as caught:
        place(url)
    assert "secret" not in str(caught.value)


def test_an_unknown_protocol_is_an_input_error():
    with pytest.raises(InputError, match=r"^nonsense://: Protocol not known"):
        place("nonsense://bucket/x")


def test_without_the_extra_a_clear_message_names_it(monkeypatch):
    from finauth_eval import places

    places._store.cache_clear()
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(MissingExtra, match=r"pip install 'finauth-eval\[dask\]'"):
        place("s3://bucket/x")
    places._store.cache_clear()


def test_parquet_files_below_a_prefix_are_counted_as_the_same_files_here(storage, uploaded, tmp_path):
    rng = np.random.default_rng(3)
    folder = tmp_path / "months"
    folder.mkdir()
    for month in range(3):
        attack = rng.random(400) < 0.4
        score = np.round(rng.beta(2 + 3 * attack, 4), 4)
        frame = pd.DataFrame({"label": np.where(attack, "attack", "bona_fide"), "score": score})
        frame.to_parquet(folder / f"{month}.parquet", row_group_size=100)
    (folder / "_hidden.parquet").write_bytes(b"x")
    there = uploaded(folder, "months")
    assert worth_scanning(there)
    assert [file.name for file in part_files(there)] == [f"{month}.parquet" for month in range(3)]
    assert evaluate(scan_scores(there)).to_dict() == evaluate(scan_scores(folder)).to_dict()


def run_of_a_week(*, blocked: int = 0) -> ScoreTable:
    n = 300
    attack = np.arange(n) < 100
    score = np.where(attack, 0.9, 0.1)
    score[100 : 100 + blocked] = 0.8
    own = {
        "sample_id": [f"s{i}" for i in range(n)],
        "label": np.where(attack, "fake", "real"),
        "score": score,
    }
    run = {
        "endpoint": "https://api.example/v5",
        "exit": 0,
        "started_at": f"2026-08-{blocked + 1:02d}T03:00:00Z",
    }
    return ScoreTable.from_frame(pd.DataFrame(own)).with_provenance(run=run, endpoint=run["endpoint"])


def invoked(*arguments: str, code: int = 0) -> Any:
    from typer.testing import CliRunner

    from finauth_eval.cli.application import app

    done = CliRunner().invoke(app, [*arguments])
    assert done.exit_code == code, done.output
    return done


def test_baseline_gate_and_history_are_told_by_urls(storage, tmp_path):
    for name, blocked in (("W31", 0), ("W32", 12)):
        run_of_a_week(blocked=blocked).write(f"s3://faces/weeks/deep/{name}")
        run_of_a_week(blocked=blocked).write(tmp_path / "deep" / name)
    rules = b'[[rule]]\nmetric = "bpcer"\n'
    storage.put_object(Bucket="faces", Key="weeks/gate.toml", Body=rules)
    invoked("baseline", "accept", "s3://faces/weeks/deep/W31", "--reason", "first", "-o", "s3://faces/weeks/baseline.json")  # fmt: skip
    kept = json.loads(storage.get_object(Bucket="faces", Key="weeks/baseline.json")["Body"].read())
    assert kept["accepted"][0]["run"] == "deep/W31"
    gated = ("gate", "s3://faces/weeks/deep/W32", "--config", "s3://faces/weeks/gate.toml", "--json", "-")
    done = invoked(*gated, "--baseline", "s3://faces/weeks/baseline.json", code=1)
    assert json.loads(done.stdout)["baseline"] == "s3://faces/weeks/deep/W31"
    verdict = "s3://faces/weeks/deep/W32/verdict.json"
    invoked(*gated[:-1], verdict, "--baseline", "s3://faces/weeks/deep/W31", code=1)
    storage.put_object(Bucket="faces", Key="weeks/deep/W31/report.html", Body=b"<!doctype html>")
    done = invoked("history", "build", "s3://faces/weeks", "-o", "s3://faces/pages/weeks.html")
    assert "table: s3://faces/weeks/history.parquet" in done.stdout
    there = pd.read_parquet(
        io.BytesIO(storage.get_object(Bucket="faces", Key="weeks/history.parquet")["Body"].read())
    )
    here = read_history(tmp_path).frame
    assert there["run"].tolist() == here["run"].tolist() == ["deep/W31", "deep/W32"]
    assert there["bpcer"].tolist() == here["bpcer"].tolist()
    assert (there["verdict"].tolist()[1], there["baseline"].tolist()) == ("fail", [True, False])
    page = storage.get_object(Bucket="faces", Key="pages/weeks.html")["Body"].read().decode()
    assert 'href="../weeks/deep/W31/report.html"' in page


def test_goals_and_policies_are_told_by_urls(storage):
    run_of_a_week().write("s3://faces/goals/run")
    goals = b'schema = "finauth-eval/policies/1"\n[[policy]]\nname = "max_bpcer"\ntarget = 0.05\n'
    storage.put_object(Bucket="faces", Key="goals/goals.toml", Body=goals)
    invoked("recommend", "s3://faces/goals/run", "--policy", "s3://faces/goals/goals.toml", "--export", "s3://faces/goals/policy.json")  # fmt: skip
    assert load_policy("s3://faces/goals/policy.json").decide(0.95) == "reject"


@pytest.mark.parametrize(
    ("arguments", "seen"),
    [
        (["gate", "s3://faces/x", "--baseline", "s3://faces/x", "--config", "s3://faces/none.toml"], "s3://faces/none.toml: can't be read (No such file or directory)"),
        (["recommend", "s3://faces/x", "--policy", "s3://faces/none.toml"], "s3://faces/none.toml: can't be read (No such file or directory)"),
        (["history", "build", "s3://faces/nothing"], "s3://faces/nothing: no such folder"),
        (["baseline", "accept", "s3://faces/nothing", "--reason", "r"], "s3://faces/nothing: no such run folder"),
    ],
)  # fmt: skip
def test_urls_of_nothing_are_said_as_missing_files_are(storage, arguments, seen):
    assert seen in invoked(*arguments, code=2).stderr


def test_a_baseline_names_its_run_within_one_store(storage, tmp_path):
    run_of_a_week().write("s3://faces/one/run")
    with pytest.raises(InputError, match="expected a file in the store of the run"):
        accept_baseline("s3://faces/one/run", reason="r", file=tmp_path / "baseline.json")
    file = accept_baseline("s3://faces/one/run", reason="r")
    assert str(file) == "s3://faces/one/baseline.json"
    kept = json.loads(storage.get_object(Bucket="faces", Key="one/baseline.json")["Body"].read())
    kept["accepted"][0]["run"] = "../../nobodys/run"
    storage.put_object(Bucket="faces", Key="one/baseline.json", Body=json.dumps(kept).encode())
    with pytest.raises(InputError, match="leads from s3://faces/one out of s3://faces"):
        read_baseline(str(file))


def test_runs_of_many_files_on_s3_are_compared_by_workers(storage, uploaded, tmp_path):
    own = run_of_a_week().frame[["sample_id", "label", "score"]].astype({"label": str})
    for name, moved in (("a", 0.0), ("b", 0.5)):
        folder = tmp_path / name / "2026"
        folder.mkdir(parents=True)
        for part in range(4):
            rows = own[part::4]
            rows.assign(score=rows["score"] * (1 - moved)).to_parquet(folder / f"{part}.parquet")
        uploaded(tmp_path / name, f"many/{name}")
    asked = ("--json", "-", "--seed", "3")
    here = json.loads(invoked("compare", str(tmp_path / "a"), str(tmp_path / "b"), *asked).stdout)
    for a in ("s3://faces/many/a", "s3://faces/many/a/*/?.parquet"):
        for more in ([], ["--dask", "local"]):
            there = invoked("compare", a, "s3://faces/many/b/2026/", *asked, *more)
            assert json.loads(there.stdout) == here
    assert (here["paired"], here["pairing"]["pairs"]) == (True, 300)
    here = json.loads(invoked("evaluate", str(tmp_path / "a" / "*" / "?.parquet"), *asked).stdout)
    there = json.loads(invoked("evaluate", "s3://faces/many/a/*/?.parquet", *asked).stdout)
    assert here["counts"]["attack"] > 50
    assert there == here
