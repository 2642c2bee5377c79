"""BPCER10, BPCER20 and BPCER100: the lowest BPCER whose APCER keeps a limit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from finauth_eval.metrics.estimate import finite_or_none

if TYPE_CHECKING:
    from finauth_eval.metrics.estimate import Estimate

__all__ = ["ThresholdAtApcer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdAtApcer:
    """The lowest BPCER over the thresholds whose APCER is at most ``apcer``; never the nearest point.

    Attributes:
        apcer: The limit: 0.10 for BPCER10, 0.05 for BPCER20, 0.01 for BPCER100.
        threshold: The highest threshold that keeps the limit for the worst attack type.
        worst_type: BPCER at that threshold.
        pooled_threshold: The highest threshold that keeps the limit for all attacks together.
        pooled: BPCER at ``pooled_threshold``.
    """

    apcer: float
    threshold: float
    worst_type: Estimate
    pooled_threshold: float
    pooled: Estimate

    def to_dict(self) -> dict[str, Any]:
        """The fields of the JSON contract, and the pooled threshold."""
        return {
            "apcer": self.apcer,
            "threshold": finite_or_none(self.threshold),
            "worst_type": self.worst_type.to_dict(),
            "pooled_threshold": finite_or_none(self.pooled_threshold),
            "pooled": self.pooled.to_dict(),
        }
