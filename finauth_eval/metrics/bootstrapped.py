"""Numbers whose interval takes a bootstrap: average precision, EER, BPCER at a fixed APCER."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from finauth_eval.metrics import areas, fixed_apcer
from finauth_eval.metrics.bootstrap import bootstrap
from finauth_eval.metrics.equal_error import EqualErrorRate, equal_error_rate
from finauth_eval.metrics.estimate import Estimate
from finauth_eval.metrics.replicates import Replicates
from finauth_eval.phrases import phrase

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from finauth_eval.metrics.counts import ScoreCounts
    from finauth_eval.metrics.fixed_apcer import ThresholdAtApcer

__all__ = ["QUICKLY_BOOTSTRAPPED", "average_precision", "bpcer_at_apcer", "draw_replicates", "equal_error"]

QUICKLY_BOOTSTRAPPED: Final = 10_000
"""Up to this many distinct scores a bootstrap takes about a second."""
_DEFAULT_REPLICATES: Final = 2_000


def draw_replicates(counts: ScoreCounts, wanted: int | None, *, seed: int | None) -> Replicates | None:
    """Bootstrap replicates, or ``None`` where none are wanted or a class is missing.

    Args:
        counts: The counts to draw anew.
        wanted: How many, or 0; ``None`` is 2,000 for at most `QUICKLY_BOOTSTRAPPED` distinct scores, else 0.
        seed: Makes them repeatable; ``None`` is 0.
    """
    if wanted is None:
        wanted = _DEFAULT_REPLICATES if counts.scores.size <= QUICKLY_BOOTSTRAPPED else 0
    if not wanted or not counts.n_attack or not counts.n_bona_fide:
        return None
    return bootstrap(counts, wanted, rng=np.random.default_rng(0 if seed is None else seed))


def average_precision(counts: ScoreCounts, replicates: Replicates | None, *, confidence: float) -> Estimate:
    """Average precision; its interval where there are replicates.

    Args:
        counts: Counts of both classes; without one of them it is undefined.
        replicates: Bootstrap replicates of these counts, or ``None``.
        confidence: Nominal coverage, in (0, 1).
    """
    if not counts.n_attack or not counts.n_bona_fide:
        missing = phrase("attack") if counts.n_bona_fide else phrase("bona fide sample")
        return Estimate.undefined(
            phrase("no {of} has a score", of=missing), confidence=confidence, method="none"
        )
    nan = math.nan
    plain = Estimate(
        value=areas.average_precision(counts), low=nan, high=nan, confidence=confidence, method="none",
        n=counts.n_attack + counts.n_bona_fide,
    )  # fmt: skip
    values = replicates.average_precision if replicates else None
    return _with_interval(plain, values, confidence=confidence)


def equal_error(
    counts: ScoreCounts,
    replicates: Replicates | None,
    *,
    confidence: float,
    attack_type: str | None = None,
) -> EqualErrorRate:
    """The equal error rate, with the interval of the interpolated one.

    Args:
        counts: Counts of both classes.
        replicates: Bootstrap replicates, of these counts or, for one type, of those of every type; or ``None``.
        confidence: Nominal coverage, in (0, 1).
        attack_type: The type that the counts are of, where they are of one.
    """
    found = equal_error_rate(counts)
    if math.isnan(found.linear):
        return found
    values = None
    if replicates is not None:
        values = (
            replicates.equal_error if attack_type is None else replicates.equal_error_by_type[attack_type]
        )
    low, high, _, reason = _interval(values, confidence=confidence)
    return replace(found, low=low, high=high, reason=reason)


def bpcer_at_apcer(
    key: str, counts: ScoreCounts, replicates: Replicates | None, *, confidence: float
) -> ThresholdAtApcer:
    """BPCER10, BPCER20 or BPCER100 by ``key``, with intervals; further arguments as of `average_precision`."""
    found = fixed_apcer.bpcer_at_apcer(counts, fixed_apcer.LIMITS[key], confidence=confidence)
    worst = replicates.bpcer_at_worst_apcer[key] if replicates else None
    pooled = replicates.bpcer_at_apcer[key] if replicates else None
    return replace(
        found,
        worst_type=_with_interval(found.worst_type, worst, confidence=confidence),
        pooled=_with_interval(found.pooled, pooled, confidence=confidence),
    )


def _interval(
    values: NDArray[np.float64] | None, *, confidence: float
) -> tuple[float, float, str, str | None]:
    """Low, high, the method's name, and the reason where there are no limits."""
    if values is None:
        return math.nan, math.nan, "none", phrase("an interval needs the bootstrap")
    low, high = Replicates.limits(values, confidence=confidence)
    reason = None
    if math.isnan(low):
        reason = phrase(
            "no interval: every bootstrap replicate gave the same value, so it cannot tell how sure this is"
        )
    return low, high, "bootstrap-percentile", reason


def _with_interval(estimate: Estimate, values: NDArray[np.float64] | None, *, confidence: float) -> Estimate:
    if not estimate.defined:
        return estimate
    low, high, method, reason = _interval(values, confidence=confidence)
    return replace(estimate, low=low, high=high, method=method, reason=reason)
