"""Areas under curves: average precision and the partial area under the ROC curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from finauth_eval.metrics.curves import roc_curve
from finauth_eval.metrics.estimate import finite_or_none

if TYPE_CHECKING:
    from finauth_eval.metrics.counts import ScoreCounts

__all__ = ["PartialAuc", "average_precision", "partial_auc"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialAuc:
    """Area under the ROC curve where BPCER is at most ``max_bpcer``.

    Attributes:
        max_bpcer: Right end of the part, in (0, 1].
        value: The area itself, in [0, ``max_bpcer``]; ``nan`` when a class is missing.
        mcclish: The area rescaled so that chance is 0.5 and perfection 1 (McClish 1989).
    """

    max_bpcer: float
    value: float
    mcclish: float

    def to_dict(self) -> dict[str, float | None]:
        """The three numbers, undefined ones as ``None``."""
        return {
            "max_bpcer": self.max_bpcer,
            "value": finite_or_none(self.value),
            "mcclish": finite_or_none(self.mcclish),
        }


def average_precision(counts: ScoreCounts) -> float:
    """The mean precision over the attacks, each at the threshold of its own score; no interpolation.

    It depends on the data's share of attacks: compare only sets of the same mix.

    Args:
        counts: Counts of both classes.

    Returns:
        A number in (0, 1]; ``nan`` without attacks.

    References:
        Equal to ``sklearn.metrics.average_precision_score``.

    Example:
        >>> from finauth_eval.metrics.counts import ScoreCounts
        >>> round(average_precision(ScoreCounts.from_arrays([0.1, 0.4, 0.35, 0.8], [False, False, True, True])), 4)
        0.8333
    """
    hits = np.cumsum(counts.attack[::-1])
    if not hits.size or not hits[-1]:
        return float("nan")
    decided = np.cumsum(counts.bona_fide[::-1])
    decided += hits
    precision = hits / np.maximum(decided, 1)  # rows above the first sample decide nothing
    return min(1.0, float(np.dot(counts.attack[::-1], precision)) / int(hits[-1]))


def partial_auc(counts: ScoreCounts, *, max_bpcer: float = 0.05) -> PartialAuc:
    """The area under the ROC curve where BPCER is at most ``max_bpcer``, plain and McClish-corrected.

    Args:
        counts: Counts of both classes.
        max_bpcer: Right end of the part, in (0, 1].

    Raises:
        ValueError: ``max_bpcer`` is not in (0, 1].

    References:
        McClish, D. (1989). Analyzing a portion of the ROC curve. Medical Decision Making 9, 190-195. The corrected
        value equals ``sklearn.metrics.roc_auc_score(..., max_fpr=max_bpcer)``.

    Example:
        >>> from finauth_eval.metrics.counts import ScoreCounts
        >>> partial_auc(ScoreCounts.from_arrays([0.1, 0.8], [False, True]), max_bpcer=0.1).mcclish
        1.0
    """
    if not 0 < max_bpcer <= 1:
        raise ValueError(f"max_bpcer is {max_bpcer!r}; expected a share in (0, 1]")
    curve = roc_curve(counts)
    if np.isnan(curve.x[-1]) or np.isnan(curve.y[-1]):
        return PartialAuc(max_bpcer=max_bpcer, value=float("nan"), mcclish=float("nan"))
    stop = int(np.searchsorted(curve.x, max_bpcer, side="right"))
    x = np.append(curve.x[:stop], max_bpcer)
    y = np.append(
        curve.y[:stop], np.interp(max_bpcer, curve.x[stop - 1 : stop + 1], curve.y[stop - 1 : stop + 1])
    )
    value = float(np.trapezoid(y, x))
    least = max_bpcer * max_bpcer / 2
    return PartialAuc(
        max_bpcer=max_bpcer, value=value, mcclish=(1 + (value - least) / (max_bpcer - least)) / 2
    )
