"""How frequent attacks are among samples without labels, from how many a fixed detector flags: the adjusted count."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from scipy.special import ndtri

from finauth_eval.metrics.estimate import Estimate, finite_or_none
from finauth_eval.metrics.intervals import valid_confidence

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Detector", "Prevalence", "prevalence"]

_METHOD: Final = "rogan-gladen-lang-reiczigel"
_NOT_TOLD_APART: Final = "the detector flags attacks no more often than bona fide samples, so alerts say nothing of how many attacks there are"


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """What a detector does at one threshold, as measured on labelled samples.

    Attributes:
        tpr: Share of attacks that it flags.
        fpr: Share of bona fide samples that it flags.
        n_attack: How many independent attacks tell as much as those behind ``tpr``; their number where they are so.
        n_bona_fide: The same of bona fide samples.
    """

    tpr: float
    fpr: float
    n_attack: float
    n_bona_fide: float

    def to_dict(self) -> dict[str, float | None]:
        """The fields."""
        return {
            "tpr": finite_or_none(self.tpr),
            "fpr": finite_or_none(self.fpr),
            "effective_n_attack": self.n_attack,
            "effective_n_bona_fide": self.n_bona_fide,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Prevalence:
    """The estimated share of attacks among samples without labels.

    Attributes:
        estimate: The share, kept to [0, 1], with an interval that allows for the sample and for how well the detector
            is known.
        unclipped: The share as the formula gives it, which may lie outside [0, 1]; ``nan`` where it is undefined.
        if_all_were: The share if every attack were of one type, by type: what the mix of types does to it.
    """

    estimate: Estimate
    unclipped: float
    if_all_were: Mapping[str, Estimate]

    @property
    def clipped(self) -> bool:
        """Whether the formula gave a share outside [0, 1]."""
        return self.unclipped < 0 or self.unclipped > 1

    def to_dict(self) -> dict[str, Any]:
        """The fields, undefined numbers as ``None``."""
        return {
            "estimate": self.estimate.to_dict(),
            "unclipped": finite_or_none(self.unclipped),
            "clipped": self.clipped,
            "if_all_were": {name: own.to_dict() for name, own in self.if_all_were.items()},
        }


def prevalence(
    alerts: int,
    n: int,
    detector: Detector,
    *,
    by_type: Mapping[str, Detector] | None = None,
    confidence: float = 0.95,
) -> Prevalence:
    """Estimate how frequent attacks are from how many samples are flagged: (alerts / n - FPR) / (TPR - FPR).

    Holds where the detector flags as large a share of attacks and of bona fide samples as in the labelled samples. The
    interval is Lang and Reiczigel's: Wald's, of counts to which some are added, moved a little.

    Args:
        alerts: Samples that are flagged.
        n: Samples with a score.
        detector: What the detector does, from labelled samples.
        by_type: The same with the attacks of one type only, by type.
        confidence: Nominal coverage, in (0, 1).

    References:
        Rogan, W. and Gladen, B. (1978). Estimating prevalence from the results of a screening test. American Journal of
        Epidemiology 107, 71-76. Lang, Z. and Reiczigel, J. (2014). Confidence limits for prevalence of disease adjusted
        for estimated sensitivity and specificity. Preventive Veterinary Medicine 113, 13-22.

    Example:
        >>> found = prevalence(65, 1000, Detector(tpr=0.9, fpr=0.05, n_attack=200, n_bona_fide=1000))
        >>> round(found.estimate.value, 4), round(found.estimate.low, 4), round(found.estimate.high, 4)
        (0.0176, 0.0, 0.0425)
    """
    valid_confidence(confidence)
    estimate, unclipped = _adjusted(alerts, n, detector, confidence)
    return Prevalence(
        estimate=estimate,
        unclipped=unclipped,
        if_all_were={name: _adjusted(alerts, n, own, confidence)[0] for name, own in (by_type or {}).items()},
    )


def _adjusted(alerts: int, n: int, detector: Detector, confidence: float) -> tuple[Estimate, float]:
    reason = None
    if not n:
        reason = "no sample has a score"
    elif not detector.n_attack or not detector.n_bona_fide:
        missing = "attack" if detector.n_bona_fide else "bona fide sample"
        reason = f"no labelled {missing} has a score"
    elif detector.tpr <= detector.fpr:
        reason = _NOT_TOLD_APART
    if reason is not None:
        return Estimate.undefined(reason, confidence=confidence, method=_METHOD, n=n), math.nan
    share = (alerts / n - detector.fpr) / (detector.tpr - detector.fpr)
    low, high = _limits(alerts, n, detector, confidence)
    kept = min(1.0, max(0.0, share))
    # at an end of [0, 1] the interval, which is around a value moved inwards, may leave out the estimate
    return (
        Estimate(
            value=kept, low=min(low, kept), high=max(high, kept), confidence=confidence, n=n, method=_METHOD
        ),
        share,
    )


def _limits(alerts: int, n: int, detector: Detector, confidence: float) -> tuple[float, float]:
    z = float(-ndtri((1 - confidence) / 2))
    total, attacks, bona_fide = n + z * z, detector.n_attack + 2, detector.n_bona_fide + 2
    flagged = (alerts + z * z / 2) / total
    tpr = (detector.tpr * detector.n_attack + 1) / attacks
    fpr = (detector.fpr * detector.n_bona_fide + 1) / bona_fide
    apart = tpr - fpr
    if apart <= 0:  # so few labelled samples that the addition undoes the difference
        return 0.0, 1.0
    share = (flagged - fpr) / apart
    of_tpr, of_fpr = tpr * (1 - tpr) / attacks, fpr * (1 - fpr) / bona_fide
    variance = flagged * (1 - flagged) / total + share * share * of_tpr + (1 - share) ** 2 * of_fpr
    moved = 2 * z * z * (share * of_tpr - (1 - share) * of_fpr)
    half = z * math.sqrt(variance) / apart
    return tuple(min(1.0, max(0.0, share + moved + sign * half)) for sign in (-1, 1))  # type: ignore[return-value]
