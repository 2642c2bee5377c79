"""Whether a score can be read as a probability: Brier, reliability, ECE, Cllr and min-Cllr."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from finauth_eval.metrics.estimate import finite_or_none

if TYPE_CHECKING:
    from finauth_eval.metrics.estimate import Estimate

__all__ = ["Calibration", "ReliabilityBin"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityBin:
    """One bin of the reliability curve.

    Attributes:
        low: Left edge of the bin (included).
        high: Right edge (excluded, but for the last bin).
        mean_score: Mean score of the bin's samples; ``nan`` when it is empty.
        attack_share: Share of attacks among them, with a Clopper-Pearson interval.
    """

    low: float
    high: float
    mean_score: float
    attack_share: Estimate

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain JSON values."""
        return {
            "low": self.low,
            "high": self.high,
            "mean_score": finite_or_none(self.mean_score),
            "attack_share": self.attack_share.to_dict(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How well scores in [0, 1] agree with frequencies, at this data's mix of classes.

    Attributes:
        brier: Mean squared difference between score and truth.
        ece: Expected calibration error over the ``reliability`` bins.
        cllr: Log-likelihood-ratio cost in bits, the score read as a posterior at prior 0.5.
        min_cllr: The same after the best monotone recalibration (PAV, tied scores pooled): discrimination alone.
        reliability: Bins of equal width over [0, 1].
        reasons: For every undefined number its reason.
    """

    brier: float
    ece: float
    cllr: float
    min_cllr: float
    reliability: tuple[ReliabilityBin, ...]
    reasons: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """The numbers (undefined ones ``None``), the bins, and the reasons."""
        return {
            "brier": finite_or_none(self.brier),
            "ece": finite_or_none(self.ece),
            "cllr": finite_or_none(self.cllr),
            "min_cllr": finite_or_none(self.min_cllr),
            "reliability": [bin_.to_dict() for bin_ in self.reliability],
            "calibration_reasons": dict(self.reasons),
        }
