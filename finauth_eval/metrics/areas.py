"""Areas under curves: average precision and the partial area under the ROC curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from finauth_eval.metrics.estimate import finite_or_none
from finauth_eval.metrics.fixed_apcer import allowed_misses

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
    m, n = counts.n_attack, counts.n_bona_fide
    if not m:
        return float("nan")
    total = 0.0
    for placed in counts.placements.blocks():
        hits = m - placed.missed
        total += float(np.dot(placed.attack, hits / (hits + (n - placed.below))))
    return min(1.0, total / m)


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
    if not counts.n_attack or not counts.n_bona_fide:
        return PartialAuc(max_bpcer=max_bpcer, value=float("nan"), mcclish=float("nan"))
    value = _area_up_to(counts, max_bpcer)
    least = max_bpcer * max_bpcer / 2
    return PartialAuc(
        max_bpcer=max_bpcer, value=value, mcclish=(1 + (value - least) / (max_bpcer - least)) / 2
    )


def _area_up_to(counts: ScoreCounts, max_bpcer: float) -> float:
    m, n, placements = counts.n_attack, counts.n_bona_fide, counts.placements
    row = placements.row_with_alarms(allowed_misses(n, max_bpcer))
    # whole steps of the curve: each attack stands above the bona fide samples between `row` and itself
    skipped = n - placements.alarms_at(row)
    twice = sum(
        int(np.dot(placed.attack, 2 * (placed.below - skipped) + placed.tied))
        for placed in placements.blocks(placements.position(row))
    )
    area = twice / (2 * m * n)
    bpcer, hits = placements.alarms_at(row) / n, (m - placements.missed_at(row)) / m
    if not row or bpcer == max_bpcer:
        return area
    # and a part of the step that crosses the limit
    next_bpcer, next_hits = placements.alarms_at(row - 1) / n, (m - placements.missed_at(row - 1)) / m
    at_limit = hits + (next_hits - hits) * (max_bpcer - bpcer) / (next_bpcer - bpcer)
    return area + (max_bpcer - bpcer) * (hits + at_limit) / 2
