"""What became of every sample, as rows; and of the run, as its summary."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pandas as pd

from finauth_eval.dataset import Sample
from finauth_eval.detection import Detection
from finauth_eval.media import MediaFile
from finauth_eval.run.plan import Plan
from finauth_eval.run.records import Stored
from finauth_eval.scores import COLUMNS

__all__ = ["audit_fields", "count_fields", "score_frame"]

Row = dict[str, Any]


def score_frame(
    plan: Plan,
    results: Mapping[str, Stored],
    *,
    region: str | None,
    unsendable: Mapping[str, MediaFile],
    left_over: str,
) -> pd.DataFrame:
    """One row a sample, in the dataset's order.

    Args:
        plan: The plan that was carried out.
        results: Outcomes by key, of this run; those known before are in the plan.
        region: The region asked.
        unsendable: Contents that could not be read any more when their turn came.
        left_over: Reason of the samples that were not reached.
    """
    by_sample: dict[str, Row] = {}
    for key, samples in plan.contents.items():
        cached = key in plan.known
        stored = plan.known.get(key) or results.get(key)
        problem = unsendable[key].problem if key in unsendable else None
        for sample in samples:
            row = _outcome_row(stored, cached=cached) if stored else _not_sent_row(problem or left_over)
            by_sample[sample.id] = row
    rows = [
        {**_sample_row(s), **(by_sample.get(s.id) or _not_sent_row(s.problem or left_over)), "region": region}
        for s in plan.dataset.samples
    ]
    attributes = list(dict.fromkeys(name for s in plan.dataset.samples for name in s.attributes))
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    for name in attributes:
        column = name
        while column in frame.columns:  # the table's own columns, and other attributes, keep their names
            column = f"manifest_{column}"
        frame[column] = pd.Series([s.attributes.get(name, "") for s in plan.dataset.samples], dtype="object")
    return frame


def _sample_row(sample: Sample) -> Row:
    return {
        "sample_id": sample.id,
        "label": sample.label,
        "attack_type": sample.attack_type,
        "subject": sample.subject,
        "media_type": sample.media_type,
        "split": sample.split,
        "sha256": sample.sha256,
    }


def _outcome_row(stored: Stored, *, cached: bool) -> Row:
    outcome = stored.outcome
    row: Row = {
        "request_id": outcome.request_id,
        "received_at": outcome.received_at,
        "time_used_ms": outcome.time_used_ms,
        "round_trip_ms": outcome.round_trip_ms,
        "attempts": stored.attempts,
        "cached": cached,
    }
    if isinstance(outcome, Detection):
        decided = {"score": outcome.score, "threshold": outcome.threshold, "result": outcome.result}
        return row | decided | {"outcome": "scored"}
    return row | {"score": math.nan, "outcome": "no_response", "reason": outcome.reason}


def _not_sent_row(reason: str) -> Row:
    return {"score": math.nan, "outcome": "not_sent", "reason": reason, "cached": False}


def count_fields(frame: pd.DataFrame) -> dict[str, Any]:
    """The counts of run.json that are a property of the rows."""
    missing = frame[frame["outcome"] != "scored"]
    reasons: dict[str, Counter[str]] = {"no_response": Counter(), "not_sent": Counter()}
    for outcome, reason in zip(missing["outcome"], missing["reason"], strict=True):
        reasons[outcome][str(reason)] += 1
    return {
        "samples": len(frame),
        "unique_contents": int(frame["sha256"].nunique()),
        "scored": int((frame["outcome"] == "scored").sum()),
        "no_response": dict(sorted(reasons["no_response"].items())),
        "not_sent": dict(sorted(reasons["not_sent"].items())),
    }


def audit_fields(frame: pd.DataFrame) -> dict[str, Any]:
    """Whether each answer's ``result`` is its score against its threshold, and which thresholds there were."""
    told = frame[frame["result"].notna() & frame["threshold"].notna() & frame["score"].notna()]
    decided = told["result"].astype(bool).to_numpy()
    score, threshold = told["score"].to_numpy(dtype=float), told["threshold"].to_numpy(dtype=float)
    return {
        "result_mismatches": {
            "ge": int((decided != (score >= threshold)).sum()),
            "gt": int((decided != (score > threshold)).sum()),
        },
        "thresholds_seen": sorted({float(value) for value in frame["threshold"].dropna()}),
    }
