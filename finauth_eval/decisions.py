"""The answers' own decisions: do they follow from their scores, and which threshold is in force."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from finauth_eval.metrics.audit import DecisionAudit, audit_decisions

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from finauth_eval.metrics.counts import ScoreCounts
    from finauth_eval.scores import ScoreTable

__all__ = ["audit_of", "current_threshold", "operating_thresholds", "running_threshold"]


def audit_of(frame: pd.DataFrame) -> DecisionAudit:
    """Compare each answer's own decision with its own score and threshold, in a score table's frame."""
    result = frame["result"]
    return audit_decisions(
        frame["score"].to_numpy(),
        frame["threshold"].to_numpy(dtype=np.float64),
        result.fillna(value=False).to_numpy(dtype=bool),
        has_result=result.notna().to_numpy(dtype=bool),
    )


def running_threshold(thresholds_seen: Sequence[float]) -> tuple[float, str]:
    """The threshold in force and where it is from: the answers' own where all name the same, else 0.5.

    Example:
        >>> running_threshold([0.7]), running_threshold([0.5, 0.7])
        ((0.7, 'run'), (0.5, 'default'))
    """
    return (thresholds_seen[0], "run") if len(thresholds_seen) == 1 else (0.5, "default")


def current_threshold(scores: ScoreTable) -> float:
    """The threshold in force where these scores are from: the answers' own where all name the same, else 0.5."""
    seen = scores.frame["threshold"].unique()
    return running_threshold([float(value) for value in seen if not math.isnan(value)])[0]


def operating_thresholds(
    requested: Sequence[float], thresholds_seen: Sequence[float], counts: ScoreCounts
) -> list[tuple[float, str]]:
    """The thresholds to measure at and where each is from: first the one in force, then the requested ones.

    Args:
        requested: Thresholds asked for.
        thresholds_seen: The distinct thresholds of the answers.
        counts: The scores, whose range the requested ones must keep to.

    Raises:
        ValueError: A threshold is not finite, or not in [0, 1] where the scores are.
    """
    for threshold in requested:
        if not math.isfinite(threshold) or (counts.in_unit_range and not 0 <= threshold <= 1):
            expected = "a number in [0, 1], as the scores are" if counts.in_unit_range else "a finite number"
            raise ValueError(f"threshold is {threshold!r}; expected {expected}")
    return [
        running_threshold(thresholds_seen),
        *((float(threshold), "requested") for threshold in requested),
    ]
