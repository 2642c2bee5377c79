"""How much of the ideal rate a cluster of three workers keeps under one limit for the whole account.

The ideal is limit / latency: every place taken anew the moment it is free. The first and last tenth of the answers are
left out: they are the start and the end. Prints one line a round, the medians, and what one process does.
"""

from __future__ import annotations

import argparse
import os
import statistics
import struct
import tempfile
import time
import zlib
from pathlib import Path
from typing import Any

from finauth_eval.cluster import connected
from finauth_eval.dataset import load_dataset
from finauth_eval.run.runner import collect_scores
from finauth_eval.sandbox.server import started_sandbox
from finauth_eval.sandbox.settings import DEMO_KEY, DEMO_SECRET, SandboxSettings

LEAST = 0.85


def picture(seed: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(72))
    text = f"seed\0{seed}".encode()
    parts = chunk(b"IHDR", header) + chunk(b"tEXt", text) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def share_of_ideal(root: Path, cache: Path, args: argparse.Namespace, **options: Any) -> tuple[float, int]:
    stamps: list[float] = []
    with started_sandbox(SandboxSettings(scorer="hash", latency_ms=args.latency_ms)) as server:
        collect_scores(
            load_dataset(root),
            endpoint=server.endpoint,
            cache=cache,
            max_concurrency=args.limit,
            progress=lambda _: stamps.append(time.perf_counter()),
            **options,
        )
        peak = server.stats()["peak_in_flight"]
    edge = len(stamps) // 10
    rate = (len(stamps) - 2 * edge - 1) / (stamps[-edge - 1] - stamps[edge])
    return rate / (args.limit / args.latency_ms * 1000), peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--limit", type=int, default=6)
    parser.add_argument("--latency-ms", type=float, default=250.0)
    parser.add_argument("--files", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    os.environ |= {"FINAUTH_API_KEY": DEMO_KEY, "FINAUTH_API_SECRET": DEMO_SECRET}
    with tempfile.TemporaryDirectory() as folder, connected("local", workers=args.workers) as cluster:
        root = Path(folder, "faces")
        for label in ("bona_fide", "attack"):
            (root / label).mkdir(parents=True)
        for i in range(args.files):
            (root / ("attack" if i % 2 else "bona_fide") / f"{i}.png").write_bytes(picture(i))
        here, there = [], []
        for n in range(args.rounds):
            one, _ = share_of_ideal(root, Path(folder, f"here{n}"), args)
            many, peak = share_of_ideal(root, Path(folder, f"there{n}"), args, dask=cluster)
            here.append(one)
            there.append(many)
            print(
                f"round {n + 1}: one process {one:.1%}, {args.workers} workers {many:.1%}, at most {peak} at once"
            )
            if peak > args.limit:
                raise SystemExit(f"{peak} at once, limit {args.limit}")
    share = statistics.median(there)
    print(f"median of the ideal {args.limit / args.latency_ms * 1000:.1f} answers/s: {statistics.median(here):.1%} by"
          f" one process, {share:.1%} by {args.workers} workers")  # fmt: skip
    if share < LEAST:
        raise SystemExit(f"{share:.1%} of the ideal; expected at least {LEAST:.0%}")


if __name__ == "__main__":
    main()
