"""The threshold with the least expected cost, over every distinct threshold and both ends."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from finauth_eval.metrics.counts import ScoreCounts

__all__ = ["LeastCost", "least_cost"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeastCost:
    """The least of ``miss * APCER + alarm * BPCER``, and where it is reached.

    Attributes:
        cost: The least cost, in the unit of the weights.
        low: Lower end of the widest interval of thresholds that reach it, excluded; the lowest one includes it.
        high: Upper end of that interval, included; infinite when no decision for attack is best and scores have
            no upper end.
    """

    cost: float
    low: float
    high: float


def least_cost(counts: ScoreCounts, *, miss: float, alarm: float) -> LeastCost:
    """Minimise ``miss * APCER + alarm * BPCER`` over every decision that a threshold can make.

    Args:
        counts: Counts of both classes, each with a sample.
        miss: Weight of APCER: the attacks' prior times the cost of a miss, at least 0.
        alarm: Weight of BPCER: the bona fide prior times the cost of a false alarm, at least 0.

    Returns:
        The least cost and the widest interval that reaches it (ties: the lowest). Where scores are in [0, 1] the
        interval stays there; it is empty (``low == high``) when only a threshold above 1 would reach the least cost.

    Raises:
        ValueError: A weight is negative or not finite, or a class is missing.

    Example:
        >>> from finauth_eval.metrics.counts import ScoreCounts
        >>> least_cost(ScoreCounts.from_arrays([0.1, 0.4, 0.35, 0.8], [False, False, True, True]), miss=1, alarm=3)
        LeastCost(cost=0.5, low=0.4, high=0.8)
    """
    if not (0 <= miss < math.inf and 0 <= alarm < math.inf):
        raise ValueError(f"the weights are miss={miss!r} and alarm={alarm!r}; expected numbers of at least 0")
    if not counts.n_attack or not counts.n_bona_fide:
        raise ValueError("the least cost needs samples of both classes")
    seen = counts.compact()
    cost = _cost_of_each_row(seen, miss, alarm)
    least = float(cost.min())
    best = cost <= least + 1e-12 * max(miss, alarm)
    lower, upper = (0.0, 1.0) if seen.in_unit_range else (-math.inf, math.inf)
    # row i stands for the thresholds in (ends[i], ends[i + 1]]
    ends = np.concatenate(([lower], seen.scores, [upper]))
    edges = np.flatnonzero(np.diff(np.concatenate(([False], best, [False])).astype(np.int8)))
    low, high = ends[edges[::2]], ends[edges[1::2]]
    widest = int(np.argmax(high - low))
    return LeastCost(cost=least, low=float(low[widest]), high=float(high[widest]))


def _cost_of_each_row(seen: ScoreCounts, miss: float, alarm: float) -> NDArray[np.float64]:
    """Cost at each distinct score as threshold and, last, above all of them."""
    missed = np.append(0, np.cumsum(seen.attack)) / seen.n_attack
    blocked = 1 - np.append(0, np.cumsum(seen.bona_fide)) / seen.n_bona_fide
    return np.asarray(miss * missed + alarm * blocked)
