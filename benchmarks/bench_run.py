"""How fast a run is beside what could be: the account's limit, a bare aiohttp loop, one SELECT.

Run: python benchmarks/bench_run.py [--quick]. A local sandbox server answers in a process of its own, with a latency
that is set; everything is measured in one process run. Four figures:

* limit: the server admits 10 at once and answers after 100 ms; the share of the ideal 100 answers a second that a run
  reaches after its first 5 s, and how many requests were refused;
* throughput: 64 in flight, 200 ms, files of 100 kB; the share of the ideal 320 a second, the same over a bare aiohttp
  loop's, and CPU a request (the cache, its two commits a request and the table included);
* memory: how much the resident set grows from the first tenth of many files to the last;
* warm: a run of 100,000 stored answers over one SELECT of the same rows plus reading and hashing the files.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import os
import resource
import secrets
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp

from finauth_eval.dataset import load_dataset
from finauth_eval.detection import Detection
from finauth_eval.run.credentials import Credentials
from finauth_eval.run.endpoint import resolve_endpoint
from finauth_eval.run.plan import make_plan
from finauth_eval.run.records import Stored
from finauth_eval.run.runner import Progress, collect_scores
from finauth_eval.run.signing import SIGN_VERSION, sign
from finauth_eval.run.store import open_store
from finauth_eval.sandbox.server import RunningSandbox, started_sandbox
from finauth_eval.sandbox.settings import DEMO_KEY, DEMO_SECRET, SandboxSettings

CREDENTIALS = Credentials.model_validate({"api_key": DEMO_KEY, "api_secret": DEMO_SECRET})
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000008000000080000000000e164e157"
    "0000001c49444154789c6360606060606060606060606060606060606060606060000002400001"
)


@contextlib.contextmanager
def folder(n: int, size: int) -> Iterator[Path]:
    """A dataset of ``n`` files of this size; their first bytes are a picture's, the rest is noise."""
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / "faces"
        (root / "bona_fide").mkdir(parents=True)
        for i in range(n):
            head = PNG + i.to_bytes(4, "big")
            (root / "bona_fide" / f"{i:06d}.png").write_bytes(head + os.urandom(max(0, size - len(head))))
        yield root


def run(
    root: Path, server: RunningSandbox, *, max_concurrency: int
) -> tuple[float, list[float], dict, list[float]]:
    """Seconds, the moment of each answer, the summary, and the resident set in MB at each."""
    moments: list[float] = []
    resident: list[float] = []

    def seen(_: Progress) -> None:
        moments.append(time.perf_counter())
        if len(moments) % 100 == 0:
            resident.append(rss())

    dataset = load_dataset(root)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as cache:
        table = collect_scores(
            dataset, endpoint=server.endpoint, cache=cache, credentials=CREDENTIALS,
            max_concurrency=max_concurrency, progress=seen,
        )  # fmt: skip
    return time.perf_counter() - began, [at - began for at in moments], dict(table.provenance.run), resident


def rss() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def bench_limit(n: int) -> None:
    with (
        folder(n, 200) as root,
        started_sandbox(SandboxSettings(scorer="hash", concurrency_limit=10, latency_ms=100)) as server,
    ):
        _, moments, summary, _ = run(root, server, max_concurrency=64)
    late = [at for at in moments if at > 5]
    rate = (len(late) - 1) / (late[-1] - late[0])
    refused = summary["concurrency_limited"]
    print(
        f"limit of 10 at 100 ms: {rate:.1f} answers a second after 5 s, {rate / 100:.2f} of the ideal; refused"
        f" {refused} of {summary['sends']} ({refused / summary['sends']:.1%})",
        flush=True,
    )


async def bare_loop(root: Path, server: RunningSandbox, *, at_once: int) -> float:
    """The same uploads as fast as aiohttp sends them: no cache, no record, no retries, no table."""
    files, place = sorted((root / "bona_fide").iterdir()), asyncio.Semaphore(at_once)

    async def send(session: aiohttp.ClientSession, file: Path) -> None:
        async with place:
            now = int(time.time())
            form = aiohttp.FormData({
                "sign": sign(DEMO_KEY, DEMO_SECRET, expires=now + 100, now=now, nonce=f"{secrets.randbelow(10**10):010d}"),
                "sign_version": SIGN_VERSION, "data_type": "0",
            })  # fmt: skip
            form.add_field("image", file.read_bytes(), filename="image")
            async with session.post(server.endpoint, data=form) as answer:
                await answer.json()

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=at_once)) as session:
        began = time.perf_counter()
        await asyncio.gather(*(send(session, file) for file in files))
        return time.perf_counter() - began


def bench_throughput(n: int) -> None:
    with (
        folder(n, 100_000) as root,
        started_sandbox(SandboxSettings(scorer="hash", latency_ms=200)) as server,
    ):
        bare = n / asyncio.run(bare_loop(root, server, at_once=64))
        before = resource.getrusage(resource.RUSAGE_SELF)
        took, _, _, _ = run(root, server, max_concurrency=64)
        after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / n
    ours, ideal = n / took, 64 / 0.2
    print(
        f"64 in flight, 200 ms, 100 kB, {n:,} files: {ours:.0f} a second, {ours / ideal:.2f} of the ideal and"
        f" {ours / bare:.2f} of a bare aiohttp loop ({bare:.0f}); {1000 * cpu:.2f} ms of CPU a request",
        flush=True,
    )


def bench_memory(n: int) -> None:
    with folder(n, 1_000) as root, started_sandbox(SandboxSettings(scorer="hash", latency_ms=20)) as server:
        took, _, _, resident = run(root, server, max_concurrency=64)
    tenth = max(1, len(resident) // 10)
    early, late = max(resident[:tenth]), max(resident[-tenth:])
    print(
        f"memory over {n:,} files: {early:.0f} MB in the first tenth, {late:.0f} MB in the last"
        f" ({1e6 * (late - early) / n:.0f} bytes a file); {n / took:.0f} a second",
        flush=True,
    )


def bench_warm(n: int) -> None:
    with folder(n, 2_000) as root, tempfile.TemporaryDirectory() as cache:
        dataset = load_dataset(root)
        where = resolve_endpoint("http://127.0.0.1:9/finauth/v5/anti_deepfake", name="bench")
        answer = Stored(
            outcome=Detection(score=0.25, threshold=0.5, result=False, request_id="1,x", time_used_ms=1),
            attempts=1, key_fingerprint="",
        )  # fmt: skip
        with open_store(cache) as store:
            plan = make_plan(dataset, store, endpoint=where, campaign="default")
            store.add_answers((question, answer) for question in plan.questions.values())
        began = time.perf_counter()
        table = collect_scores(
            load_dataset(root), endpoint=where.url, endpoint_name="bench", cache=cache, replay=True
        )
        ours = time.perf_counter() - began
        if table.provenance.run["scored"] != n:
            raise SystemExit(f"only {table.provenance.run['scored']} of {n} were found in the cache")
        began = time.perf_counter()
        connection = sqlite3.connect(Path(cache) / "cache.db")
        rows = connection.execute("SELECT key, value FROM Cache").fetchall()
        connection.close()
        for file in sorted((root / "bona_fide").iterdir()):
            hashlib.sha256(file.read_bytes()).hexdigest()
        least = time.perf_counter() - began
    print(
        f"warm, {n:,} stored answers: {ours:.2f} s; SELECT of {len(rows):,} rows, reading and hashing {least:.2f} s:"
        f" {ours / least:.1f}x",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the files")
    share = 10 if parser.parse_args().quick else 1
    bench_limit(3_000 // (3 if share > 1 else 1))
    bench_throughput(6_400 // share)
    bench_memory(20_000 // share)
    bench_warm(100_000 // share)


if __name__ == "__main__":
    main()
