"""Whether the answers' own decisions follow from their own scores and thresholds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["DecisionAudit"]


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

    def to_dict(self) -> dict[str, Any]:
        """The counts and the thresholds."""
        return {
            "ge_mismatches": self.ge_mismatches,
            "gt_mismatches": self.gt_mismatches,
            "at_threshold": self.at_threshold,
            "audited": self.audited,
            "thresholds_seen": list(self.thresholds_seen),
        }
