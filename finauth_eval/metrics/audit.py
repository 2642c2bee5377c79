"""Whether the answers' own decisions follow from their own scores and thresholds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["DecisionAudit", "audit_decisions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionAudit:
    """Each answer's ``result`` against its own score and threshold; never against the truth.

    Attributes:
        ge_mismatches: Answers whose result differs from ``score >= threshold``.
        gt_mismatches: Answers whose result differs from ``score > threshold``.
        at_threshold: Answers whose score equals their threshold: where the two rules differ.
        audited: Answers that carry a score, a threshold and a result.
        thresholds_seen: The distinct thresholds of the answers, ascending.
    """

    ge_mismatches: int
    gt_mismatches: int
    at_threshold: int
    audited: int
    thresholds_seen: tuple[float, ...]

    def __add__(self, other: DecisionAudit) -> DecisionAudit:
        """The audit of the answers of both."""
        return DecisionAudit(
            ge_mismatches=self.ge_mismatches + other.ge_mismatches,
            gt_mismatches=self.gt_mismatches + other.gt_mismatches,
            at_threshold=self.at_threshold + other.at_threshold,
            audited=self.audited + other.audited,
            thresholds_seen=tuple(sorted({*self.thresholds_seen, *other.thresholds_seen})),
        )

    def to_dict(self) -> dict[str, Any]:
        """The counts and the thresholds."""
        return {
            "ge_mismatches": self.ge_mismatches,
            "gt_mismatches": self.gt_mismatches,
            "at_threshold": self.at_threshold,
            "audited": self.audited,
            "thresholds_seen": list(self.thresholds_seen),
        }


def audit_decisions(
    scores: NDArray[np.float64],
    thresholds: NDArray[np.float64],
    results: NDArray[np.bool_],
    *,
    has_result: NDArray[np.bool_],
) -> DecisionAudit:
    """Compare each answer's own decision with its own score and threshold.

    Args:
        scores: Shape (n,); ``nan`` where there is no score.
        thresholds: The threshold that each answer names, shape (n,); ``nan`` where it names none.
        results: Whether each answer says attack, shape (n,).
        has_result: Whether each answer says anything, shape (n,).

    Example:
        >>> audit = audit_decisions(
        ...     np.array([0.5, 0.7]), np.array([0.5, 0.5]), np.array([False, True]), has_result=np.array([True, True])
        ... )
        >>> audit.ge_mismatches, audit.gt_mismatches, audit.at_threshold
        (1, 0, 1)
    """
    known = ~np.isnan(thresholds)
    if not known.any():  # a table of other origin names no threshold
        return DecisionAudit(ge_mismatches=0, gt_mismatches=0, at_threshold=0, audited=0, thresholds_seen=())
    audited = known & has_result & ~np.isnan(scores)
    score, threshold, result = scores[audited], thresholds[audited], results[audited]
    return DecisionAudit(
        ge_mismatches=int(np.count_nonzero(result != (score >= threshold))),
        gt_mismatches=int(np.count_nonzero(result != (score > threshold))),
        at_threshold=int(np.count_nonzero(score == threshold)),
        audited=score.size,
        thresholds_seen=_distinct(thresholds[known]),
    )


def _distinct(thresholds: NDArray[np.float64]) -> tuple[float, ...]:
    if thresholds.size and thresholds.min() == thresholds.max():  # the usual case needs no sort
        return (float(thresholds[0]),)
    return tuple(np.unique(thresholds).tolist())
