"""How long `evaluate` and its bootstrap take beside scikit-learn, how much memory, and how both grow.

Run: python benchmarks/bench_evaluate.py [--rows 100000 1000000 10000000]. Both sides work on the same arrays in one
process, each the better of two runs. Memory is the peak of what `evaluate`
allocates (tracemalloc) over the bytes of its input: scores, labels and type codes. scikit-learn's resampling loop is
run for a few replicates and multiplied up.
"""

from __future__ import annotations

import argparse
import itertools
import time
import tracemalloc
from collections.abc import Callable

import numpy as np
import pandas as pd
import sklearn.metrics as sk

from finauth_eval.evaluation import evaluate
from finauth_eval.metrics.bootstrap import bootstrap
from finauth_eval.samples import count_scores
from finauth_eval.scores import ScoreTable

THRESHOLDS = tuple(np.arange(1, 11) / 11)
BYTES_A_ROW = 8 + 1 + 1  # score, label, attack type
KINDS = (("4 decimals", 4), ("all distinct", None))
RUNS = 2
REPLICATES = 2_000
LOOPED = 5  # replicates of scikit-learn's loop that are run


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


def evaluated(scores: ScoreTable, *, calibration: bool = False) -> object:
    """Everything written out, so that nothing is put off."""
    return evaluate(scores, thresholds=THRESHOLDS, bootstrap=0, calibration=calibration).to_dict()


def five_calls(attack: np.ndarray, scores: np.ndarray) -> None:
    for call in (
        sk.roc_curve, sk.roc_auc_score, sk.precision_recall_curve, sk.average_precision_score, sk.det_curve,
    ):  # fmt: skip
        call(attack, scores)


def one_resample(attack: np.ndarray, scores: np.ndarray, rng: np.random.Generator) -> tuple[float, ...]:
    """AUC, AP, EER and BPCER20 of one stratified resample, as one writes it with scikit-learn."""
    strata = (np.flatnonzero(attack), np.flatnonzero(~attack))
    drawn = np.concatenate([rows[rng.integers(rows.size, size=rows.size)] for rows in strata])
    truth, values = attack[drawn], scores[drawn]
    fpr, tpr, _ = sk.roc_curve(truth, values)
    area, precision = sk.roc_auc_score(truth, values), sk.average_precision_score(truth, values)
    return area, precision, fpr[np.argmin(np.abs(fpr - (1 - tpr)))], fpr[1 - tpr <= 0.05].min()


def seconds(call: Callable[[], object], *, runs: int) -> float:
    best = float("inf")
    for _ in range(runs):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best


def peak_memory(call: Callable[[], object]) -> int:
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def bench_evaluation(rows: int, name: str, decimals: int | None) -> float:
    scores = table(rows, decimals=decimals)
    plain = seconds(lambda: evaluated(scores), runs=RUNS)
    calibrated = seconds(lambda: evaluated(scores, calibration=True), runs=RUNS)
    theirs = seconds(lambda: five_calls(scores.is_attack, scores.scores), runs=RUNS)
    memory = peak_memory(lambda: evaluated(scores)) / (rows * BYTES_A_ROW)
    print(
        f"{rows:>11,} rows, {name:<12}: evaluate {plain:7.3f} s, with calibration {calibrated:7.3f} s, scikit-learn"
        f" {theirs:7.2f} s: {theirs / plain:5.1f}x and {theirs / calibrated:5.1f}x; memory {memory:.1f}x the input",
        flush=True,
    )
    return plain


def bench_bootstrap(rows: int, name: str, decimals: int | None) -> None:
    scores = table(rows, decimals=decimals)
    counts, rng = count_scores(scores), np.random.default_rng(0)
    ours = seconds(lambda: bootstrap(counts, REPLICATES, rng=rng), runs=1)
    one = seconds(lambda: one_resample(scores.is_attack, scores.scores, rng), runs=LOOPED)
    print(
        f"{REPLICATES:,} replicates, {rows:>9,} rows, {name:<12}: {ours:6.2f} s; scikit-learn {one * REPLICATES:6.0f} s"
        f" (the best of {LOOPED} replicates, {one:.3f} s, times {REPLICATES:,}): {one * REPLICATES / ours:.0f}x",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000, 10_000_000])
    sizes = parser.parse_args().rows
    evaluated(table(1_000, decimals=4), calibration=True)  # so that no import is timed
    for name, decimals in KINDS:
        took = [bench_evaluation(rows, name, decimals) for rows in sizes]
        steps = (f"{after / before:.1f}x" for before, after in itertools.pairwise(took))
        print(f"growth from size to size, {name}: {', '.join(steps) or 'one size only'}")
    bench_bootstrap(1_000_000, *KINDS[0])
    bench_bootstrap(100_000, *KINDS[1])


if __name__ == "__main__":
    main()
