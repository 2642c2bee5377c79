"""Samples without a score: how often, and what the rates become when they count as passed or as blocked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from finauth_eval.metrics.estimate import finite_or_none

if TYPE_CHECKING:
    from finauth_eval.metrics.estimate import Estimate

__all__ = ["NoResponseBounds", "RatesWithMissing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RatesWithMissing:
    """Both error rates with every sample in the denominator; ``nan`` for a class without samples."""

    apcer: float
    bpcer: float

    def to_dict(self) -> dict[str, float | None]:
        """Both rates, undefined ones as ``None``."""
        return {"apcer": finite_or_none(self.apcer), "bpcer": finite_or_none(self.bpcer)}


@dataclass(frozen=True, slots=True, kw_only=True)
class NoResponseBounds:
    """The rates at one threshold with every sample without a score decided the same way.

    Attributes:
        threshold: The threshold of the samples that have a score.
        as_pass: No response counted as decided bona fide.
        as_block: No response counted as decided attack.
        apnrr: Share of attacks without a response.
        bpnrr: Share of bona fide samples without a response.
    """

    threshold: float
    as_pass: RatesWithMissing
    as_block: RatesWithMissing
    apnrr: Estimate
    bpnrr: Estimate

    def to_dict(self) -> dict[str, Any]:
        """Both bounds, both shares and the threshold."""
        return {
            "threshold": self.threshold,
            "as_pass": self.as_pass.to_dict(),
            "as_block": self.as_block.to_dict(),
            "apnrr": self.apnrr.to_dict(),
            "bpnrr": self.bpnrr.to_dict(),
        }
