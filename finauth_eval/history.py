"""The runs of a folder over time: every guarded figure with its interval, and what else changed in between."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from finauth_eval.baselines import FILE as BASELINE_FILE
from finauth_eval.baselines import read_acceptances
from finauth_eval.errors import FinauthEvalError, InputError
from finauth_eval.evaluation import evaluate
from finauth_eval.gate import VERDICT_FILE
from finauth_eval.metrics.quantiles import quantile
from finauth_eval.places import Place, Remote, appearing, beside, files_named, place, relative
from finauth_eval.scores import RUN_FILE, SCORES_FILE, read_scores

if TYPE_CHECKING:
    from finauth_eval.evaluation import Evaluation
    from finauth_eval.metrics.estimate import Estimate
    from finauth_eval.scores import ScoreTable

__all__ = ["FIGURES", "History", "read_history"]

FIGURES: Final = {
    "bpcer": "BPCER, blocked genuine customers",
    "apcer": "APCER, missed attacks",
    "apcer_worst": "APCER of the worst attack type",
    "auc": "AUC",
    "bpcer20": "BPCER at 5% missed attacks of every type",
    "coverage": "share of samples with a score",
    "round_trip_p95_ms": "95% of answers within, ms",
}
"""The guarded figures; each has a column of its own name and two more, ``_low`` and ``_high``."""
_TABLE: Final = "history.parquet"
_REPLICATES: Final = 500
_KINDS: Final = dict.fromkeys(
    (
        "campaign",
        "region",
        "endpoint",
        "dataset_name",
        "dataset_digest",
        "worst_type",
        "verdict",
        "baseline_reason",
    ),
    "string",
)
"""Columns of texts, which may all be missing."""
_WATCHED: Final = {"dataset_digest": "dataset", "threshold": "threshold", "endpoint": "endpoint"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class History:
    """Runs in the order of time.

    Attributes:
        folder: Where they are from.
        frame: A row a run: ``run`` (folder, relative), ``started_at``, ``campaign``, ``region``, ``endpoint``,
            ``dataset_name``, ``dataset_digest``, ``threshold``, ``samples``, ``bona_fide``, ``attack``, each of
            `FIGURES` with ``_low`` and ``_high``, ``worst_type``, ``verdict`` (of the run's ``verdict.json``),
            ``changed`` (what differs from the run before: ``dataset``, ``threshold``, ``endpoint``, comma-separated),
            ``baseline`` (whether it was accepted as one) and ``baseline_reason``.
        left_out: Folders that are no readable run, each with why.
    """

    folder: Place
    frame: pd.DataFrame
    left_out: Mapping[str, str]

    def write(self, file: Path | str | Remote | None = None) -> Place:
        """Write the table as Parquet.

        Args:
            file: Where to, a path or a URL; ``None`` is ``history.parquet`` in the folder of the runs.

        Raises:
            InputError: It can't be written.
        """
        target = place(file) if file is not None else self.folder / _TABLE
        try:
            with appearing(target) as scratch:
                self.frame.to_parquet(scratch, index=False)
        except OSError as error:
            raise InputError(f"{target}: can't be written ({error.strerror or error})") from error
        return target


def read_history(
    folder: Path | str | Remote, *, confidence: float = 0.95, progress: Callable[[str], None] | None = None
) -> History:
    """Evaluate every run below a folder, and put them in the order of time.

    A run is a folder with ``scores.parquet`` and ``run.json``. A folder that can't be read is left out and named; it
    does not keep the others from being shown.

    Args:
        folder: Where the runs are, at any depth: a path or a URL such as ``s3://bucket/runs``.
        confidence: Nominal coverage of the intervals, in (0, 1).
        progress: Told the name of each run that is looked at.

    Raises:
        InputError: There is no such folder, or no run in it.
    """
    root = place(folder)
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; expected one with run folders in it")
    rows: list[dict[str, Any]] = []
    left_out: dict[str, str] = {}
    baselines = _baselines(root, left_out)
    for own in _run_folders(root):
        name = relative(own, root) or str(own)
        if progress is not None:
            progress(name)
        try:
            rows.append({"run": name, **_row(own, baselines, confidence=confidence)})
        except FinauthEvalError as error:
            left_out[name] = str(error)
    if not rows:
        why = "".join(f"\n{name}: {reason}" for name, reason in left_out.items())
        raise InputError(f"{root}: no run in it; expected folders with {SCORES_FILE} and {RUN_FILE}{why}")
    frame = pd.DataFrame(rows).astype(_KINDS)
    # as times: texts with different offsets from UTC are not in order
    frame["when"] = pd.to_datetime(frame["started_at"], utc=True, errors="coerce", format="ISO8601")
    frame = frame.sort_values(["when", "started_at", "run"], kind="stable", ignore_index=True).drop(
        columns="when"
    )
    frame["changed"] = [*_changes(frame)]
    return History(folder=root, frame=frame, left_out=left_out)


def _run_folders(root: Place) -> list[Place]:
    found = [own.parent for own in files_named(root, SCORES_FILE) if (own.parent / RUN_FILE).is_file()]
    return sorted(found, key=lambda own: str(own).split("/"))


def _baselines(root: Place, left_out: dict[str, str]) -> dict[Place, str]:
    """The runs that were accepted as baselines, by folder, with the reason of the last time."""
    found = {}
    for file in files_named(root, BASELINE_FILE):
        try:
            for own in read_acceptances(file):
                found[beside(file.parent, own.run).resolve()] = own.reason
        except InputError as error:
            left_out[relative(file, root) or str(file)] = str(error)
    return found


def _row(folder: Place, baselines: Mapping[Place, str], *, confidence: float) -> dict[str, Any]:
    scores = read_scores(folder)
    run, where = scores.provenance.run, scores.provenance
    result = None
    if scores.scored.any():
        result = evaluate(scores, confidence=confidence, bootstrap=_REPLICATES, calibration=False)
    reason = baselines.get(folder.resolve())
    return {
        "started_at": str(run.get("started_at") or ""),
        "campaign": where.campaign,
        "region": where.region,
        "endpoint": run.get("endpoint_name") or where.endpoint,
        "dataset_name": where.dataset_name,
        "dataset_digest": where.dataset_digest,
        "threshold": result.operating_points[0].threshold if result else math.nan,
        "samples": len(scores),
        "bona_fide": result.counts.bona_fide if result else 0,
        "attack": result.counts.attack if result else 0,
        **_figures(scores, result, confidence=confidence),
        "verdict": _verdict(folder),
        "baseline": reason is not None,
        "baseline_reason": reason,
    }


def _figures(scores: ScoreTable, result: Evaluation | None, *, confidence: float) -> dict[str, Any]:
    found: dict[str, Any] = {}
    worst = result.operating_points[0].apcer_worst if result else None
    estimates: dict[str, Estimate | None] = dict.fromkeys(FIGURES)
    if result is not None:
        point, at_five = result.operating_points[0], result.bpcer_at_apcer["20"]
        estimates |= {
            "bpcer": point.bpcer,
            "apcer": point.apcer,
            "apcer_worst": worst.estimate if worst else None,
            "auc": result.auc,
            "bpcer20": at_five.worst_type if at_five.worst_type.defined else at_five.pooled,
        }
    times = scores.frame["round_trip_ms"].dropna().to_numpy(dtype="float64")
    estimates["round_trip_p95_ms"] = quantile(times, 0.95, confidence=confidence)
    for name, own in estimates.items():
        for suffix, value in _limits(own):
            found[f"{name}{suffix}"] = value
    found["coverage"] = float(scores.scored.mean()) if len(scores) else math.nan
    found["worst_type"] = worst.attack_type if worst else None
    return found


def _limits(own: Estimate | None) -> Iterator[tuple[str, float]]:
    nan = math.nan
    values = (nan, nan, nan) if own is None else (own.value, own.low, own.high)
    yield from zip(("", "_low", "_high"), values, strict=True)


def _verdict(folder: Place) -> str | None:
    """The verdict that a gate left in the run's folder, where there is one that can be read."""
    file = folder / VERDICT_FILE
    if not file.is_file():
        return None
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{file}: not readable as JSON ({error})") from error
    verdict = content.get("verdict") if isinstance(content, dict) else None
    return verdict if verdict in ("pass", "fail", "inconclusive", "invalid") else None


def _changes(frame: pd.DataFrame) -> Iterator[str]:
    """For each run what differs from the one before, in words with commas."""
    before: dict[str, Any] = {}
    for own in frame[[*_WATCHED]].to_dict("records"):
        now = {str(column): None if pd.isna(value) else value for column, value in own.items()}
        if now["threshold"] is None:  # a run without any score names none, which is no other threshold
            now["threshold"] = before.get("threshold")
        yield ", ".join(
            word
            for column, word in _WATCHED.items()
            if before
            and before[column] != now[column]
            and not (column == "threshold" and before[column] is None)
        )
        before = now
