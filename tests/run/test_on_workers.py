"""Sending through real worker processes of a Dask cluster: the same table, nothing paid twice, no secret on the way."""

from __future__ import annotations

import importlib.util
import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from finauth_eval.cluster import connected
from finauth_eval.dataset import load_dataset
from finauth_eval.errors import CredentialsError, InputError, MissingExtra
from finauth_eval.run.runner import collect_scores

pytest.importorskip("distributed", reason="the extra dask is not installed")
pytestmark = pytest.mark.cluster

KEY, SECRET = "a-key-of-this-test", "a-secret-of-this-test"
OF_TIME = ["request_id", "received_at", "time_used_ms", "round_trip_ms"]


@pytest.fixture(scope="module")
def environment() -> Iterator[None]:
    """What workers find in their environment; leases of a worker that died run out soon."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FINAUTH_API_KEY", KEY)
        patch.setenv("FINAUTH_API_SECRET", SECRET)
        patch.setenv("DASK_DISTRIBUTED__SCHEDULER__LOCKS__LEASE_TIMEOUT", "2s")
        yield


@pytest.fixture(scope="module")
def cluster(environment) -> Iterator[Any]:
    with connected("local", workers=2) as client:
        yield client


@pytest.fixture
def own_cluster(environment) -> Iterator[Any]:
    """For tests that harm it."""
    with connected("local", workers=3) as client:
        yield client


@pytest.fixture
def serve(sandbox) -> Callable[..., Any]:
    return lambda *args, **settings: sandbox(*args, keys={KEY: SECRET}, **settings)


@pytest.fixture
def run_on(tmp_path) -> Callable[..., Any]:
    """Runs a dataset with test settings and gives the table and its summary."""

    def run(server, source, **options) -> Any:
        settings = {"cache": tmp_path / "cache", "patience": 0.02, "max_concurrency": 6}
        table = collect_scores(load_dataset(source), endpoint=server.endpoint, **(settings | options))
        return table, dict(table.provenance.run)

    return run


def same_table(left: pd.DataFrame, right: pd.DataFrame, *more: str) -> None:
    dropped = [*OF_TIME, *more]
    pd.testing.assert_frame_equal(left.drop(columns=dropped), right.drop(columns=dropped))


def pids(client) -> dict[str, int]:
    return client.run(os.getpid)


def meanwhile(run: Callable[[], Any]) -> Callable[[], Any]:
    """Starts a run in the background; what it gives waits for it."""
    box: list[Any] = []

    def target() -> None:
        try:
            box.append(run())
        except Exception as error:  # noqa: BLE001 - it is raised again where the result is asked for
            box.append(error)

    thread = threading.Thread(target=target)
    thread.start()

    def result() -> Any:
        thread.join(40)
        assert box, "the run did not end"
        if isinstance(box[0], Exception):
            raise box[0]
        return box[0]

    return result


def wait_for_scores(server, n: int) -> None:
    deadline = time.monotonic() + 60
    while sum(server.stats()["scored"].values()) < n:
        assert time.monotonic() < deadline, "the run did not get going"
        time.sleep(0.02)


def nothing_paid_beyond_what_is_listed(server, run: dict[str, Any]) -> None:
    counts = server.stats()["scored"]
    listed = Counter(note["sha256"] for note in run["possibly_billed_sends"])
    assert all(n - 1 <= listed[sha] for sha, n in counts.items()), (counts, listed)
    assert run["possibly_billed"] == listed.total()


def mixed_dataset(root: Path, make_png: Callable[..., bytes], mp4: bytes) -> Path:
    """Every kind of row: pictures, a video, copies, files that can't be sent, attributes."""
    rows = ["path,label,attack_type,subject,camera"]
    for i in range(40):
        (root / f"{i}.png").write_bytes(make_png(i))
        kind = ("bona_fide", "", f"p{i}") if i % 2 else ("attack", "replay", "")
        rows.append(f"{i}.png,{','.join(kind)},cam{i % 3}")
    (root / "copy.png").write_bytes(make_png(1))
    (root / "clip.mp4").write_bytes(mp4)
    (root / "large.png").write_bytes(make_png(99) + b"\0" * 300_000)
    (root / "empty.png").write_bytes(b"")
    rows += ["copy.png,bona_fide,,p1,cam0", "clip.mp4,attack,swap,,cam1", "large.png,bona_fide,,p98,"]
    rows += ["empty.png,bona_fide,,p99,cam2", "gone.png,attack,swap,,cam0", "../out.png,attack,swap,,cam0"]
    manifest = root / "manifest.csv"
    manifest.write_text("\n".join(rows) + "\n")
    return manifest


def test_the_table_is_that_of_one_process_in_all_that_time_does_not_change(
    cluster, serve, run_on, make_png, mp4_bytes, tmp_path
):
    (tmp_path / "data").mkdir()
    manifest = mixed_dataset(tmp_path / "data", make_png, mp4_bytes)
    server = serve(latency_ms=20)
    from finauth_eval.run.credentials import Credentials

    here, told_here = run_on(
        server, manifest, cache=tmp_path / "a", credentials=Credentials(api_key=KEY, api_secret=SECRET)
    )
    there, told_there = run_on(server, manifest, cache=tmp_path / "b", dask=cluster)
    same_table(here.frame, there.frame)
    of_time = {"wall_s", "started_at", "ended_at", "clock_skew_s", "workers"}
    assert {k: v for k, v in told_here.items() if k not in of_time} == {
        k: v for k, v in told_there.items() if k not in of_time
    }
    assert told_there["workers"] == {"most": 2, "lost": 0}
    assert told_there["not_sent"] == {"empty": 1, "missing": 1, "outside_root": 1}
    assert set(server.stats()["scored"].values()) == {2}
    again, told = run_on(server, manifest, cache=tmp_path / "b", dask=cluster)
    assert (told["sends"], told["from_cache"]) == (0, told_there["scored"])
    same_table(there.frame, again.frame, "cached")


def test_files_are_looked_at_by_the_workers_with_the_same_result(cluster, make_png, mp4_bytes, tmp_path):
    manifest = mixed_dataset(tmp_path, make_png, mp4_bytes)
    counted: list[int] = []
    assert load_dataset(manifest, dask=cluster, progress=counted.append) == load_dataset(manifest)
    assert sum(counted) == 46


def test_a_worker_killed_in_mid_run_changes_nothing_in_the_table(
    own_cluster, serve, run_on, picture_folder, tmp_path
):
    server = serve(latency_ms=100)
    root = picture_folder(bona_fide=70, attack=50)
    victims = list(pids(own_cluster).values())
    result = meanwhile(lambda: run_on(server, root, dask=own_cluster, cache=tmp_path / "a"))
    wait_for_scores(server, 30)
    os.kill(victims[0], signal.SIGKILL)
    table, run = result()
    assert (run["exit"], run["scored"], run["not_sent"], run["no_response"]) == (0, 120, {}, {})
    assert run["workers"]["lost"] == 1
    assert 1 <= run["possibly_billed"] == run["retries"] <= 6
    assert {note["reason"] for note in run["possibly_billed_sends"]} == {"ambiguous"}
    nothing_paid_beyond_what_is_listed(server, run)
    # the requests that the dead worker had sent were still under way, and its leases were not given to others
    assert server.stats()["peak_in_flight"] <= 6
    undisturbed, _ = run_on(server, root, dask=own_cluster, cache=tmp_path / "b")
    same_table(table.frame, undisturbed.frame, "attempts")


def test_with_hold_what_a_lost_worker_had_sent_is_not_sent_again(own_cluster, serve, run_on, picture_folder):
    server = serve(latency_ms=100)
    root = picture_folder(bona_fide=30, attack=30)
    victims = list(pids(own_cluster).values())
    result = meanwhile(lambda: run_on(server, root, dask=own_cluster, on_ambiguous="hold"))
    wait_for_scores(server, 15)
    os.kill(victims[0], signal.SIGKILL)
    _, run = result()
    assert (run["exit"], run["retries"]) == (3, 0)
    assert run["no_response"] == {"ambiguous": run["possibly_billed"]}
    assert max(server.stats()["scored"].values()) == 1
    _, again = run_on(server, root, dask=own_cluster, on_ambiguous="hold")
    assert (again["exit"], again["sends"]) == (3, 0)


@pytest.mark.parametrize("gone", ["workers", "scheduler"])
def test_when_all_workers_or_the_scheduler_are_gone_the_run_ends_and_can_be_resumed(
    environment, serve, run_on, picture_folder, gone
):
    from distributed import LocalCluster

    server = serve(latency_ms=100)
    root = picture_folder(bona_fide=30, attack=30)
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as workers:
        result = meanwhile(lambda: run_on(server, root, dask=workers.scheduler_address))
        wait_for_scores(server, 15)
        workers.scale(0) if gone == "workers" else workers.close()
        _, run = result()
    assert run["exit"] == 3
    assert run["message"].startswith(
        ("stopped: no worker of the cluster is left", "stopped: the cluster's scheduler")
    )
    assert run["not_sent"]["stopped"] > 0
    nothing_paid_beyond_what_is_listed(server, run)
    with connected("local", workers=2) as client:
        _, run = run_on(server, root, dask=client)
    assert (run["exit"], run["scored"]) == (0, 60)
    nothing_paid_beyond_what_is_listed(server, run)


def test_a_worker_that_joins_in_mid_run_takes_part(environment, serve, run_on, picture_folder):
    from distributed import LocalCluster

    server = serve(latency_ms=100)
    root = picture_folder(bona_fide=60, attack=60)
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0") as workers:
        result = meanwhile(lambda: run_on(server, root, dask=workers.scheduler_address, max_concurrency=2))
        wait_for_scores(server, 5)
        workers.scale(2)
        _, run = result()
    assert (run["exit"], run["scored"], run["workers"]) == (0, 120, {"most": 2, "lost": 0})


def test_three_workers_never_have_more_in_flight_than_the_limit(own_cluster, serve, run_on, picture_folder):
    server = serve(latency_ms=50)
    _, run = run_on(server, picture_folder(bona_fide=100, attack=80), dask=own_cluster)
    assert (run["exit"], run["workers"]["most"]) == (0, 3)
    assert server.stats()["peak_in_flight"] == 6


def test_a_limit_that_nobody_told_is_found_for_all_workers_together(
    own_cluster, serve, run_on, picture_folder
):
    server = serve(latency_ms=50, concurrency_limit=6)
    _, run = run_on(
        server, picture_folder(bona_fide=150, attack=100), dask=own_cluster, max_concurrency=64, patience=1.0
    )
    assert (run["exit"], run["scored"], run["possibly_billed"]) == (0, 250, 0)
    assert 4 <= run["limiter"]["last"] <= 7
    assert run["concurrency_limited"] <= 0.1 * run["sends"]


@pytest.mark.parametrize(
    ("fault", "options", "expected"),
    [
        ("key_dead@20+", {}, {"exit": 4, "possibly_billed": 0}),
        ("", {"max_calls": 25}, {"exit": 5, "sends": 25, "scored": 25, "not_sent": {"max_calls": 35}}),
        ("500:0.1,reset@7", {}, {"exit": 0, "scored": 60}),
        ("", {"replicates": 2}, {"exit": 0, "sends": 120}),
        ("404@1+", {}, {"exit": 3, "scored": 0, "possibly_billed": 0}),
    ],
)
def test_stops_caps_and_retries_mean_what_they_mean_in_one_process(
    cluster, serve, run_on, picture_folder, fault, options, expected
):
    server = serve(fault, latency_ms=20)
    _, run = run_on(server, picture_folder(bona_fide=30, attack=30), dask=cluster, **options)
    assert {name: run[name] for name in expected} == expected
    if "replicates" not in options:
        nothing_paid_beyond_what_is_listed(server, run)


def test_a_rate_holds_for_all_workers_together(cluster, serve, run_on, picture_folder):
    server = serve()
    _, run = run_on(server, picture_folder(bona_fide=10, attack=11), dask=cluster, max_per_second=10)
    assert run["exit"] == 0
    assert run["wall_s"] >= 2.0


def test_a_campaign_asks_afresh_through_workers_too(cluster, serve, run_on, picture_folder):
    server = serve()
    root = picture_folder()
    for campaign in ("a", "b", "b"):
        _, run = run_on(server, root, dask=cluster, campaign=campaign)
        assert (run["exit"], run["campaign"]) == (0, campaign)
    assert set(server.stats()["scored"].values()) == {2}


def test_a_file_changed_after_it_was_hashed_is_not_sent(cluster, serve, picture_folder, make_png, tmp_path):
    server = serve()
    dataset = load_dataset(picture_folder())
    dataset.samples[0].path.write_bytes(make_png(777))
    table = collect_scores(dataset, endpoint=server.endpoint, cache=tmp_path / "cache", dask=cluster)
    run = dict(table.provenance.run)
    assert (run["exit"], run["not_sent"], run["possibly_billed"]) == (3, {"changed": 1}, 0)
    assert server.stats()["requests"] == len(dataset) - 1


def test_workers_without_a_key_are_named(serve, run_on, picture_folder, monkeypatch, tmp_path):
    monkeypatch.delenv("FINAUTH_API_KEY", raising=False)
    monkeypatch.chdir(tmp_path)
    server = serve()
    with pytest.raises(CredentialsError, match=r"^worker tcp://.*FINAUTH_API_KEY"):
        run_on(server, picture_folder(), dask="local")
    assert server.stats()["requests"] == 0


def test_credentials_are_never_handed_to_a_cluster(serve, run_on, picture_folder):
    from finauth_eval.run.credentials import Credentials

    with pytest.raises(ValueError, match="never sent to a cluster"):
        run_on(
            serve(),
            picture_folder(),
            dask="local",
            credentials=Credentials(api_key=KEY, api_secret=SECRET),
        )


def test_an_address_without_a_scheduler_is_an_input_error(serve, run_on, picture_folder, monkeypatch):
    monkeypatch.setattr("finauth_eval.cluster._CONNECT_TIMEOUT_S", 1)
    with pytest.raises(InputError, match=r"no Dask scheduler at 'tcp://127\.0\.0\.1:1'"):
        run_on(serve(), picture_folder(), dask="tcp://127.0.0.1:1")


def test_without_the_extra_a_clear_message_names_it(serve, run_on, picture_folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtra, match=r"pip install 'finauth-eval\[dask\]'"):
        run_on(serve(), picture_folder(), dask="local")


def everything_of_the_scheduler(dask_scheduler: Any) -> bytes:
    """All that a scheduler keeps of its tasks, past and present, and of its events."""
    return pickle.dumps([
        list(dask_scheduler.tasks),
        [pickle.dumps(task.run_spec) for task in dask_scheduler.tasks.values()],
        [str(entry) for entry in dask_scheduler.transition_log],
        {topic: str(list(events)) for topic, events in dask_scheduler._broker.to_dict().items()}
        if hasattr(dask_scheduler._broker, "to_dict")
        else str(vars(dask_scheduler._broker)),
        [str(state) for state in dask_scheduler.workers.values()],
        list(dask_scheduler.extensions["semaphores"].max_leases),
    ])  # fmt: skip


PAGES = ["/info/main/workers.html", "/info/main/logs.html", "/info/main/exceptions.html", "/info/call-stacks/all.html",
         "/json/index.html", "/json/counts.json", "/json/identity.json", "/metrics", "/health",
         "/individual-plots.json"]  # fmt: skip
DOCUMENTS = ["/status", "/workers", "/tasks", "/system", "/profile", "/groups"]
"""What bokeh draws: a page, and behind it a document with the data, which the page's script asks for."""


BOKEH = importlib.util.find_spec("bokeh") is not None
AT_ONCE = 1 if BOKEH else 3  # drawing takes seconds, and the run has to last as long


def pages_of_the_dashboard(client) -> dict[str, bytes]:
    """Every page that the scheduler and its workers serve, and the data behind those that are drawn."""
    base = client.dashboard_link.removesuffix("/status")
    workers = client.scheduler_info()["workers"]
    urls = [base + page for page in (*PAGES, *DOCUMENTS)]
    for address, about in workers.items():
        name = address.replace(":", "%3A").replace("/", "%2F")
        urls += [f"{base}/info/{kind}/{name}.html" for kind in ("logs", "worker", "call-stack")]
        own = f"http://127.0.0.1:{about['services']['dashboard']}"
        urls += [
            own + page for page in ("/status", "/metrics", "/health", "/system", "/counters", "/profile")
        ]
    for task in client.run_on_scheduler(lambda dask_scheduler: [*map(str, dask_scheduler.tasks)]):
        urls.append(f"{base}/info/task/{task}.html")
    answers = {url: httpx.get(url, trust_env=False, follow_redirects=True, timeout=30) for url in urls}
    there = {url for url, answer in answers.items() if answer.status_code == 200}
    assert {f"{base}/json/counts.json", f"{base}/info/main/workers.html", f"{base}/metrics"} <= there
    found = {url: answer.content for url, answer in answers.items()}
    if BOKEH:
        assert {base + page for page in DOCUMENTS} <= there
        found |= {f"{base}{page} data": drawn(base + page) for page in DOCUMENTS}
    return found


def drawn(url: str) -> bytes:
    """The document behind a page that bokeh draws, after it was filled for the first time."""
    from bokeh.client import pull_session

    session = pull_session(url=url)
    try:
        time.sleep(0.3)
        session.force_roundtrip()
        return str(session.document.to_json()).encode()
    finally:
        session.close()


def test_neither_key_nor_secret_is_in_tasks_logs_or_pages(environment, serve, run_on, picture_folder, capfd):
    from distributed import Client, LocalCluster

    server = serve("500:0.2,bad_sign@9", latency_ms=400)
    root = picture_folder(bona_fide=20, attack=20)
    seen = []
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as workers,
        Client(workers) as client,
    ):
        result = meanwhile(
            lambda: run_on(server, load_through(client, root), dask=client, max_concurrency=AT_ONCE)
        )
        wait_for_scores(server, 2)
        seen.append(client.run_on_scheduler(everything_of_the_scheduler))  # while stations are at work
        at_work = pages_of_the_dashboard(client)
        assert sum(server.stats()["scored"].values()) < 40, "the run is still under way"
        result()
        seen.append(client.run_on_scheduler(everything_of_the_scheduler))
        seen.append(str(client.get_scheduler_logs()).encode())
        seen.append(str(client.get_worker_logs()).encode())
        seen.append(str(client.get_events()).encode())
        assert b"finauth-eval-station-" in seen[0]
        assert b"finauth-eval-station-" in b"".join(at_work.values())
        seen += [*at_work.values(), *pages_of_the_dashboard(client).values()]
    written = capfd.readouterr()
    seen.append(f"{written.out}{written.err}".encode())
    for secret in (KEY, SECRET):
        assert not any(secret.encode() in text for text in seen)


def load_through(client, root: Path) -> Path:
    load_dataset(root, dask=client)
    return root


ENVIRONMENT = os.environ | {"FINAUTH_API_KEY": KEY, "FINAUTH_API_SECRET": SECRET}


def command(root: Path, endpoint: str, work: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "finauth_eval", "run", str(root), "--endpoint", endpoint, "--out", str(work / "run"),
            "--cache", str(work / "cache"), "--json", str(work / "run.json"), "--max-concurrency", "6",
            *options]  # fmt: skip


def test_after_kill_9_of_the_driver_workers_stop_and_the_run_is_resumed(
    cluster, serve, picture_folder, tmp_path
):
    server = serve(latency_ms=50)
    root = picture_folder(bona_fide=70, attack=50)
    asked = command(root, server.endpoint, tmp_path, "--dask", cluster.scheduler.address)
    driver = subprocess.Popen(asked, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for_scores(server, 30)
    driver.kill()
    driver.wait()
    time.sleep(1)
    after_death = sum(server.stats()["scored"].values())
    time.sleep(1)
    assert sum(server.stats()["scored"].values()) == after_death < 120
    done = subprocess.run(asked, env=ENVIRONMENT, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
    run = json.loads((tmp_path / "run.json").read_text())
    assert (run["scored"], run["not_sent"]) == (120, {})
    assert run["possibly_billed"] <= 6 + 8
    nothing_paid_beyond_what_is_listed(server, run)


def test_ctrl_c_waits_for_what_is_in_flight_on_the_workers(serve, picture_folder, tmp_path):
    server = serve(latency_ms=300)
    root = picture_folder(bona_fide=60, attack=60)
    process = subprocess.Popen(
        command(root, server.endpoint, tmp_path, "--dask", "local"),
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    wait_for_scores(server, 10)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the workers' processes get it too
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    run = json.loads((tmp_path / "run.json").read_text())
    assert (run["exit"], run["possibly_billed"], run["workers"]["lost"]) == (130, 0, 0)
    assert run["scored"] == run["sends"] == sum(server.stats()["scored"].values())
