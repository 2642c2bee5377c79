"""Samples without a score: how often, and what the rates become when they count as passed or as blocked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from finauth_eval.metrics.estimate import Estimate, finite_or_none
from finauth_eval.metrics.intervals import rate
from finauth_eval.phrases import phrase

if TYPE_CHECKING:
    from finauth_eval.metrics.rates import OperatingPoint

__all__ = ["NoResponseBounds", "RatesWithMissing", "no_response_bounds"]


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


def no_response_bounds(
    point: OperatingPoint, *, missing_attack: int, missing_bona_fide: int, confidence: float = 0.95
) -> NoResponseBounds:
    """What the rates would be if every sample without a response passed, and if every one were blocked.

    Args:
        point: The rates of the samples that have a score.
        missing_attack: Attacks without a response.
        missing_bona_fide: Bona fide samples without a response.
        confidence: Nominal coverage of the two shares without a response, in (0, 1).

    References:
        ISO/IEC 30107-3:2023 (APNRR and BPNRR, attack and bona fide presentation non-response rates).
    """
    found = point.confusion
    attacks = found.tp + found.fn + missing_attack
    bona_fide = found.fp + found.tn + missing_bona_fide

    def rates(misses: int, alarms: int) -> RatesWithMissing:
        return RatesWithMissing(
            apcer=misses / attacks if attacks else math.nan,
            bpcer=alarms / bona_fide if bona_fide else math.nan,
        )

    def share(missing: int, total: int, of: str) -> Estimate:
        if not total:
            return Estimate.undefined(
                phrase("there is no {of}", of=of), confidence=confidence, method="clopper-pearson"
            )
        return rate(missing, total, confidence=confidence)

    return NoResponseBounds(
        threshold=point.threshold,
        as_pass=rates(found.fn + missing_attack, found.fp),
        as_block=rates(found.fn, found.fp + missing_bona_fide),
        apnrr=share(missing_attack, attacks, phrase("attack")),
        bpnrr=share(missing_bona_fide, bona_fide, phrase("bona fide sample")),
    )
