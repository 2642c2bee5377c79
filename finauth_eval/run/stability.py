"""What asking again changes: the same content, sent more than once within a campaign."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from finauth_eval.detection import Detection
from finauth_eval.run.plan import Plan
from finauth_eval.run.records import Stored

__all__ = ["replicate_frame", "stability_fields"]

_MOST_NAMED: Final = 20
_COLUMNS: Final = (
    "sample_id", "sha256", "replicate", "outcome", "reason", "score", "threshold", "request_id", "received_at",
)  # fmt: skip


def replicate_frame(plan: Plan, results: Mapping[str, Stored]) -> pd.DataFrame:
    """One row for each content and replicate that has an outcome; a content is known by its first sample.

    Args:
        plan: The plan that was carried out.
        results: Outcomes by key, of this run; those known before are in the plan.
    """
    rows = []
    for key, question in plan.questions.items():
        stored = plan.known.get(key) or results.get(key)
        if stored is None:
            continue
        outcome = stored.outcome
        row: dict[str, Any] = {
            "sample_id": plan.sources[key][0].id,
            "sha256": question.sha256,
            "replicate": question.replicate,
            "request_id": outcome.request_id,
            "received_at": outcome.received_at,
        }
        if isinstance(outcome, Detection):
            row |= {"outcome": "scored", "score": outcome.score, "threshold": outcome.threshold}
        else:
            row |= {"outcome": "no_response", "reason": outcome.reason}
        rows.append(row)
    frame = pd.DataFrame(rows, columns=list(_COLUMNS))
    return frame.astype({"score": "float64", "threshold": "float64", "replicate": "int64"})


def stability_fields(frame: pd.DataFrame, *, replicates: int) -> dict[str, Any]:
    """The stability summary of run.json.

    Args:
        frame: From `replicate_frame`.
        replicates: How often each content was asked.

    Returns:
        ``compared``: contents with at least two scores; ``changed``: of these, those whose scores differ;
        ``largest_score_change`` and ``mean_score_change`` of a content's highest score over its lowest, ``None`` without
        any compared; ``decision_flips``: contents decided both ways, each answer by ``score >= threshold`` with its own
        threshold (0.5 where it names none); ``outcome_changes``: contents with a score once and none another time;
        ``most_changed``: up to 20 of the changed ones, the largest change first.
    """
    scored = frame[frame["outcome"] == "scored"]
    decided = scored["score"] >= scored["threshold"].fillna(0.5)
    groups = scored.assign(decided=decided).groupby("sha256", sort=False)
    spread = groups.agg(
        sample_id=("sample_id", "first"), n=("score", "size"), low=("score", "min"), high=("score", "max"),
        blocked=("decided", "sum"),
    )  # fmt: skip
    several = spread[spread["n"] > 1]
    change = several["high"] - several["low"]
    flipped = (several["blocked"] > 0) & (several["blocked"] < several["n"])
    outcomes = frame.groupby("sha256")["outcome"].nunique()
    changed = (
        several[change > 0]
        .assign(change=change, flipped=flipped)
        .sort_values(["change", "sample_id"], ascending=[False, True])
    )
    most = changed.head(_MOST_NAMED)
    named = [
        {"sample_id": str(sample), "low": low, "high": high, "flipped": both}
        for sample, low, high, both in zip(
            most["sample_id"],
            most["low"].tolist(),
            most["high"].tolist(),
            most["flipped"].tolist(),
            strict=True,
        )
    ]
    return {
        "replicates": replicates,
        "compared": len(several),
        "changed": len(changed),
        "largest_score_change": float(change.max()) if len(several) else None,
        "mean_score_change": float(change.mean()) if len(several) else None,
        "decision_flips": int(flipped.sum()),
        "outcome_changes": int((outcomes > 1).sum()),
        "most_changed": named,
    }
