"""How long scores that need not fit into memory take, and how much memory: rows against seconds and peak memory.

Run by hand: python benchmarks/bench_beyond.py [--rows 1000000 10000000 100000000 1000000000] [--folder DIR] [--keep]
             [--a-subject 10]

Each size is made once by make_scores.py (2.4 bytes a row on disk) and evaluated per region in a process of its own, whose
peak memory is what the system says of it (resident set). With --a-subject N the samples are of subjects with N each. The files are removed at the end unless --keep is given.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import make_scores

MEASURED = """
import resource, sys, time
began = time.perf_counter()
from finauth_eval.evaluation import evaluate
from finauth_eval.scanning import scan_scores
imported = time.perf_counter()
result = evaluate(scan_scores(sys.argv[1], by=["region"]), by=["region"])
result.to_dict()
ended = time.perf_counter()
assert len(result.slices["region"]) == 3
used = resource.getrusage(resource.RUSAGE_SELF)
print(result.counts.bona_fide + result.counts.attack, imported - began, ended - imported,
      used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
"""


def measured(folder: Path, rows: int) -> tuple[float, float, float]:
    """Seconds after the imports, seconds of processor, and peak memory in MB."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(folder)], check=True, capture_output=True, text=True
    )
    counted, _, seconds, processor, memory = map(float, done.stdout.split())
    if counted != rows:
        raise SystemExit(f"{counted:.0f} of {rows} rows were counted")
    return seconds, processor, memory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10**6, 10**7])
    parser.add_argument("--folder", type=Path, help="Where the files are made; else in the temporary folder.")
    parser.add_argument("--keep", action="store_true", help="Leave the files.")
    parser.add_argument("--a-subject", type=int, default=0, metavar="N", help="Samples of each subject.")
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    base = asked.folder or Path(tempfile.mkdtemp(prefix="scores-"))
    print("rows           seconds  processor  ns a row  peak MB  (medians; load before each)")
    try:
        for rows in asked.rows:
            folder = base / f"{rows:.0e}-{asked.a_subject}".replace("+0", "")
            make_scores.make(folder, rows, a_subject=asked.a_subject)
            loads, found = [], []
            for _ in range(asked.runs):
                loads.append(f"{os.getloadavg()[0]:.1f}")
                found.append(measured(folder, rows))
            seconds, processor, memory = (statistics.median(own) for own in zip(*found, strict=True))
            print(
                f"{rows:<13,}  {seconds:7.2f}  {processor:9.2f}  {1e9 * seconds / rows:8.1f}  {memory:7.0f}  {' '.join(loads)}"
                f"  least {min(found)[0]:.2f} s",
                flush=True,
            )
    finally:
        if not asked.keep:
            shutil.rmtree(base)


if __name__ == "__main__":
    main()
