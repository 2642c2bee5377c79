"""BPCER at a fixed APCER in two runs, each with its own threshold, chosen anew in every bootstrap replicate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from finauth_eval.metrics.bootstrapped import bpcer_at_apcer
from finauth_eval.metrics.estimate import Estimate
from finauth_eval.metrics.fixed_apcer import LIMITS, ThresholdAtApcer
from finauth_eval.metrics.replicates import Replicates
from finauth_eval.phrases import phrase

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from finauth_eval.comparing.evidence import Evidence

__all__ = ["AtApcer", "at_apcer"]

_REPLICATES: Final = 2_000
_QUICKLY: Final = 10_000
_PERCENTILE: Final = "bootstrap-percentile"


@dataclass(frozen=True, slots=True, kw_only=True)
class AtApcer:
    """The lowest BPCER that keeps a limit on APCER, in both runs.

    Attributes:
        a: Of A, with its threshold.
        b: Of B, with its own threshold.
        worst_type: The difference where every attack type keeps the limit; the pooled one without types.
        pooled: The difference where all attacks together keep it.
    """

    a: ThresholdAtApcer
    b: ThresholdAtApcer
    worst_type: Estimate
    pooled: Estimate

    def to_dict(self) -> dict[str, Any]:
        """Both runs and the differences, B less A."""
        return {
            "a": self.a.to_dict(),
            "b": self.b.to_dict(),
            "difference": self.worst_type.to_dict(),
            "pooled_difference": self.pooled.to_dict(),
        }


def at_apcer(evidence: Evidence, *, number: int | None, seed: int, confidence: float) -> dict[str, AtApcer]:
    """BPCER10, BPCER20 and BPCER100 of both runs and their differences.

    Args:
        evidence: The samples; the same draws of them where both runs have the same ones.
        number: Replicates; 0 for none, ``None`` for 2,000 where there are at most 10,000 samples, else 0.
        seed: Of the draws.
        confidence: Nominal coverage, in (0, 1).
    """
    counts = [own.arrays.counts() for own in (evidence.a, evidence.b)]
    if number is None:
        number = (
            _REPLICATES if max(own.arrays.scores.size for own in (evidence.a, evidence.b)) <= _QUICKLY else 0
        )
    drawn = None
    if number and all(own.n_attack and own.n_bona_fide for own in counts):
        drawn = evidence.bootstrap(number, seed=seed)
    found = {}
    for key in LIMITS:
        one, other = (
            bpcer_at_apcer(key, own, replicates, confidence=confidence)
            for own, replicates in zip(counts, drawn or (None, None), strict=True)
        )
        typed = one.worst_type.defined and other.worst_type.defined
        worst = pooled = None
        if drawn is not None:
            worst = drawn[1].bpcer_at_worst_apcer[key] - drawn[0].bpcer_at_worst_apcer[key]
            pooled = drawn[1].bpcer_at_apcer[key] - drawn[0].bpcer_at_apcer[key]
        of_pooled = _difference(one.pooled, other.pooled, pooled, confidence=confidence)
        found[key] = AtApcer(
            a=one,
            b=other,
            worst_type=_difference(one.worst_type, other.worst_type, worst, confidence=confidence)
            if typed
            else of_pooled,
            pooled=of_pooled,
        )
    return found


def _difference(
    a: Estimate, b: Estimate, drawn: NDArray[np.float64] | None, *, confidence: float
) -> Estimate:
    if not a.defined or not b.defined:
        reason = a.reason or b.reason or "undefined"
        return Estimate.undefined(reason, confidence=confidence, method=_PERCENTILE)
    nan = float("nan")
    plain = replace(a, value=b.value - a.value, low=nan, high=nan, n=min(a.n, b.n), method="none")
    if drawn is None:
        return replace(plain, reason=phrase("an interval needs the bootstrap"))
    low, high = Replicates.limits(drawn, confidence=confidence)
    if np.isnan(low):
        return replace(
            plain, reason=phrase("no interval: every bootstrap replicate gave the same difference")
        )
    return replace(plain, low=low, high=high, method=_PERCENTILE, reason=None)
