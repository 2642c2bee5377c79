"""What a report of many rows takes beyond its evaluation, and how large the page is.

Run: python benchmarks/bench_report.py [--rows 10000 100000 1000000]. Scores are all distinct, which is the hardest case:
no two samples share a threshold. Evaluation and page are timed in one process, each the median of three.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from finauth_eval.evaluation import evaluate
from finauth_eval.recommendation import EqualError, MaxApcer, MaxBpcer, recommend
from finauth_eval.report import render_report
from finauth_eval.scores import ScoreTable

RUNS = 3


def table(rows: int) -> ScoreTable:
    rng = np.random.default_rng(rows)
    attack = rng.random(rows) < 0.5
    return ScoreTable.from_frame(
        pd.DataFrame(
            {
                "label": np.where(attack, "attack", "bona_fide"),
                "score": rng.beta(2 + attack, 3 - attack),
                "attack_type": np.where(attack, rng.choice(["mask", "replay", "swap"], rows), None),
                "region": rng.choice(["sgp", "idn"], rows),
                "sha256": [f"{k:064x}" for k in range(rows)],
            }
        )
    )


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    times = []
    for _ in range(RUNS):
        began = time.perf_counter()
        result = call()
        times.append(time.perf_counter() - began)
    return statistics.median(times), result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    print(f"{'rows':>10} {'evaluate':>10} {'page':>8} {'page / evaluate':>16} {'kB':>6}")
    for rows in parser.parse_args().rows:
        scores = table(rows)
        measuring, found = timed(lambda scores=scores: evaluate(scores, by=["region"], bootstrap=0))
        advice = recommend(scores, [MaxBpcer(0.01), MaxApcer(0.05), EqualError()])
        drawing, page = timed(
            lambda found=found, advice=advice, scores=scores: render_report(found, advice, scores=scores)
        )
        size = len(page.encode()) / 1000
        print(f"{rows:>10,} {measuring:>8.2f} s {drawing:>6.2f} s {drawing / measuring:>16.2f} {size:>6.0f}")


if __name__ == "__main__":
    main()
