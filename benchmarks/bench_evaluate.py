"""How long `evaluate` takes beside the five scikit-learn calls that give the same curves and areas.

Run: python benchmarks/bench_evaluate.py [--rows 1000000 ...]. Both sides work on the same arrays in one process, the
better of two runs each; memory is what the process grew by at its highest, sampled by the kernel.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import sklearn.metrics as sk

from finauth_eval.evaluation import evaluate
from finauth_eval.scores import ScoreTable

THRESHOLDS = tuple(np.arange(1, 11) / 11)


def table(rows: int, *, decimals: int | None) -> ScoreTable:
    rng = np.random.default_rng(rows)
    attack = rng.random(rows) < 0.5
    scores = np.where(attack, rng.beta(4, 2, rows), rng.beta(2, 4, rows))
    if decimals is not None:
        scores = np.round(scores, decimals)
    types = pd.Categorical.from_codes(
        rng.integers(0, 3, rows), categories=pd.Index(["mask", "print", "swap"])
    )
    labels = pd.Categorical.from_codes(attack.astype(np.int8), categories=pd.Index(["bona_fide", "attack"]))
    return ScoreTable.from_frame(pd.DataFrame({"label": labels, "score": scores, "attack_type": types}))


def five_calls(attack: np.ndarray, scores: np.ndarray) -> None:
    for call in (
        sk.roc_curve, sk.roc_auc_score, sk.precision_recall_curve, sk.average_precision_score, sk.det_curve,
    ):  # fmt: skip
        call(attack, scores)


def seconds(call: Callable[[], object], *, runs: int = 2) -> float:
    best = float("inf")
    for _ in range(runs):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best


def grown_by(call: Callable[[], object]) -> int:
    """Bytes by which the process's highest memory rose; only telling before anything larger has run."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    call()
    return 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    for rows in parser.parse_args().rows:
        for name, decimals in (("4 decimals", 4), ("all distinct", None)):
            scores = table(rows, decimals=decimals)

            def ours(scores: ScoreTable = scores, *, calibration: bool = False) -> object:
                return evaluate(scores, thresholds=THRESHOLDS, bootstrap=0, calibration=calibration).to_dict()

            memory = grown_by(ours) / (rows * (8 + 1 + 1))
            plain, calibrated = seconds(ours), seconds(lambda ours=ours: ours(calibration=True))
            theirs = seconds(lambda scores=scores: five_calls(scores.is_attack, scores.scores), runs=1)
            print(
                f"{rows:>11,} rows, {name:<12}: evaluate {plain:7.3f} s, with calibration {calibrated:7.3f} s,"
                f" scikit-learn {theirs:7.2f} s: {theirs / plain:5.1f}x and {theirs / calibrated:5.1f}x;"
                f" memory {memory:.1f}x the input"
            )


if __name__ == "__main__":
    main()
