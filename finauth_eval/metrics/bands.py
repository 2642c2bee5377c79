"""A band that holds the whole ROC curve at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from finauth_eval.metrics.curves import roc_curve
from finauth_eval.metrics.intervals import valid_confidence

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from finauth_eval.metrics.counts import ScoreCounts
    from finauth_eval.metrics.curves import Curve

__all__ = ["RocBand", "roc_band"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RocBand:
    """A simultaneous confidence band of the ROC curve, for independent samples.

    Attributes:
        curve: The curve seen: BPCER against 1 - APCER.
        bpcer_margin: How far each BPCER of the curve may be off, at every threshold at once.
        apcer_margin: The same of APCER.
        confidence: Nominal probability that the whole curve lies in the band; in truth it is more.
    """

    curve: Curve
    bpcer_margin: float
    apcer_margin: float
    confidence: float

    def at(self, bpcer: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lower and upper limit of 1 - APCER at any BPCER.

        Args:
            bpcer: Shares in [0, 1].

        Returns:
            Two arrays of ``bpcer``'s shape, in [0, 1]; ``nan`` when a class is missing.
        """
        wanted = np.asarray(bpcer, dtype=np.float64)
        if math.isnan(self.bpcer_margin + self.apcer_margin):
            return np.full(wanted.shape, np.nan), np.full(wanted.shape, np.nan)
        # the least that is caught where at least so many are blocked, the most where at most so many are
        least = np.searchsorted(self.curve.x, wanted - self.bpcer_margin, side="left")
        most = np.searchsorted(self.curve.x, wanted + self.bpcer_margin, side="right") - 1
        low = self.curve.y[least] - self.apcer_margin
        high = self.curve.y[most] + self.apcer_margin
        return np.clip(low, 0, 1), np.clip(high, 0, 1)


def roc_band(counts: ScoreCounts, *, confidence: float = 0.95) -> RocBand:
    """The band that holds the ROC curve at every threshold at once with at least this confidence.

    Each class's distribution function lies within sqrt(ln(2 / a) / (2 n)) of the one seen, at all scores together,
    with probability 1 - a (Dvoretzky, Kiefer and Wolfowitz; the constant is Massart's). With a = (1 - confidence) / 2
    for each class both hold at once, and the curve's every point lies in a rectangle around a point seen. Ties and any
    shape of distribution are allowed; samples that belong together are not.

    Args:
        counts: Counts of both classes.
        confidence: Nominal probability, in (0, 1).

    Returns:
        The band; its limits are ``nan`` when a class is missing.

    References:
        Massart, P. (1990). The tight constant in the Dvoretzky-Kiefer-Wolfowitz inequality. Annals of Probability 18,
        1269-1283. Campbell, G. (1994). Advances in statistical methodology for the evaluation of diagnostic and
        laboratory tests. Statistics in Medicine 13, 499-508 (bands of the ROC curve from both distributions).

    Example:
        >>> from finauth_eval.metrics.counts import ScoreCounts
        >>> scores = np.arange(2000) / 2000
        >>> band = roc_band(ScoreCounts.from_arrays(scores, scores >= 0.5))
        >>> round(band.apcer_margin, 4), [np.round(limit, 4).tolist() for limit in band.at([0.01, 0.5])]
        (0.0468, [[0.0, 0.9532], [1.0, 1.0]])
    """
    share = (1 - valid_confidence(confidence)) / 2
    return RocBand(
        curve=roc_curve(counts),
        bpcer_margin=_margin(counts.n_bona_fide, share),
        apcer_margin=_margin(counts.n_attack, share),
        confidence=confidence,
    )


def _margin(n: int, risk: float) -> float:
    return math.sqrt(math.log(2 / risk) / (2 * n)) if n else math.nan
