"""BPCER10, BPCER20 and BPCER100: the lowest BPCER whose APCER keeps a limit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from finauth_eval.metrics.estimate import Estimate, finite_or_none
from finauth_eval.phrases import phrase

if TYPE_CHECKING:
    from finauth_eval.metrics.counts import ScoreCounts

__all__ = ["LIMITS", "ThresholdAtApcer", "allowed_misses", "bpcer_at_apcer"]

LIMITS = {"10": 0.10, "20": 0.05, "100": 0.01}
"""The names under which BPCER10, BPCER20 and BPCER100 are known, with their limits on APCER."""


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


def bpcer_at_apcer(counts: ScoreCounts, limit: float, *, confidence: float = 0.95) -> ThresholdAtApcer:
    """The lowest BPCER over all thresholds whose APCER is at most ``limit``.

    Args:
        counts: Counts of both classes.
        limit: Highest APCER allowed, in [0, 1).
        confidence: Nominal coverage that the estimates carry; their limits need a bootstrap and are ``nan`` here.

    Returns:
        For the worst type and for all attacks pooled. Without typed attacks ``worst_type`` is undefined and
        ``threshold`` is the pooled one.

    Raises:
        ValueError: ``limit`` is not in [0, 1).

    References:
        ISO/IEC 30107-3:2023 (BPCER at a fixed APCER, per attack type).

    Example:
        >>> from finauth_eval.metrics.counts import ScoreCounts
        >>> counts = ScoreCounts.from_arrays([0.1, 0.4, 0.35, 0.8], [False, False, True, True])
        >>> found = bpcer_at_apcer(counts, 0.10)
        >>> found.pooled.value, found.pooled_threshold
        (0.5, 0.35)
    """
    if not 0 <= limit < 1:
        raise ValueError(f"limit is {limit!r}; expected an APCER in [0, 1)")
    reason = _why_undefined(counts)
    if reason is not None:
        nothing = Estimate.undefined(reason, confidence=confidence, method="none")
        return ThresholdAtApcer(
            apcer=limit, threshold=math.nan, worst_type=nothing, pooled_threshold=math.nan, pooled=nothing
        )
    n = counts.n_bona_fide
    at_pooled = _highest_row(counts, limit)
    by_type = [counts.select(name) for name in counts.by_attack_type]
    at_worst = min((_highest_row(own, limit) for own in by_type if own.n_attack), default=None)

    def bpcer(row: int) -> Estimate:
        return Estimate(
            value=counts.placements.alarms_at(row) / n,
            low=math.nan, high=math.nan, confidence=confidence, n=n, method="none",
            reason=phrase("an interval needs the bootstrap, for the threshold was chosen on the same data"),
        )  # fmt: skip

    untyped = Estimate.undefined(phrase("no attack has a type"), confidence=confidence, method="none")
    return ThresholdAtApcer(
        apcer=limit,
        threshold=float(counts.scores[at_pooled if at_worst is None else at_worst]),
        worst_type=untyped if at_worst is None else bpcer(at_worst),
        pooled_threshold=float(counts.scores[at_pooled]),
        pooled=bpcer(at_pooled),
    )


def allowed_misses(n: int, limit: float) -> int:
    """The most misses among ``n`` attacks whose share is at most ``limit``, as floats compare.

    Example:
        >>> allowed_misses(60, 0.05), allowed_misses(59, 0.05)
        (3, 2)
    """
    guess = int(n * limit)  # may be one off either way
    return next(misses for misses in (guess + 1, guess, guess - 1) if misses <= n and misses / n <= limit)


def _highest_row(counts: ScoreCounts, limit: float) -> int:
    """The highest row whose score, as threshold, misses at most a share ``limit`` of the attacks."""
    return counts.placements.row_within(allowed_misses(counts.n_attack, limit))


def _why_undefined(counts: ScoreCounts) -> str | None:
    if not counts.n_bona_fide:
        return phrase("no {of} has a score", of=phrase("bona fide sample"))
    return None if counts.n_attack else phrase("no {of} has a score", of=phrase("attack"))
