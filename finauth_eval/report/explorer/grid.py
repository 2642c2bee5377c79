"""The thresholds that the explorer offers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from finauth_eval.evaluation import Evaluation
    from finauth_eval.recommendation import Recommendations

__all__ = ["even_steps", "grid_of", "thresholds_of"]

_MOST_SEEN: Final = 200


def even_steps(scores: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Even round steps over the scores' range, and their width: thousandths where scores are in [0, 1].

    Each step is the nearest float to its decimal number, so that 0.3 is the 0.3 that people type.

    Example:
        >>> steps, width = even_steps(np.array([-20.0, 20.0]))
        >>> steps[:3].tolist(), steps.size, width
        ([-20.0, -19.95, -19.9], 801, 0.05)
    """
    if not scores.size or (scores[0] >= 0 and scores[-1] <= 1):
        return np.arange(1001) / 1000, 0.001
    low, high = float(scores[0]), float(scores[-1])
    rough = max((high - low) / 1000, abs(high) * 1e-12, abs(low) * 1e-12, 1e-300)
    power = math.floor(math.log10(rough))
    factor, power = next(
        (factor, power) for factor in (1, 2, 5, 10) if factor * 10.0**power >= rough * (1 - 1e-9)
    )
    first = math.floor(low / (factor * 10.0**power) + 1e-9)
    last = math.ceil(high / (factor * 10.0**power) - 1e-9)
    whole = np.arange(first, last + 1, dtype=np.float64) * factor
    steps = whole / 10.0**-power if power < 0 else whole * 10.0**power
    return steps, float(factor / 10.0**-power if power < 0 else factor * 10.0**power)


def grid_of(scores: NDArray[np.float64], named: Iterable[float]) -> NDArray[np.float64]:
    """Even steps over the scores' range and every named threshold, ascending, each once.

    Args:
        scores: Distinct scores, ascending.
        named: Thresholds that must be there; infinite ones are left out.
    """
    known = [0.0 + value for value in named if math.isfinite(value)]  # no negative zero
    return np.unique(np.concatenate([even_steps(scores)[0], known]))


def thresholds_of(evaluation: Evaluation, recommendations: Recommendations | None) -> list[float]:
    """Every threshold that the page speaks of: measured, recommended, seen in the answers, and 0.5."""
    found = [point.threshold for point in evaluation.operating_points]
    for item in recommendations or ():
        if item.feasible:
            found += [item.threshold, *([] if item.review_from is None else [item.review_from])]
    half = [0.5] if evaluation.score_counts.in_unit_range else []
    return [*found, *half, *evaluation.decision_audit.thresholds_seen[:_MOST_SEEN]]
