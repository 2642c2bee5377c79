"""The two thresholds of accept, review and reject with the least expected cost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from finauth_eval.metrics.cost import Decisions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from finauth_eval.metrics.counts import ScoreCounts

__all__ = ["ReviewBand", "best_band"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewBand:
    """Accept below the first threshold, reject from the second on, review between them.

    Attributes:
        cost: The least expected cost of a decision.
        share: Share of the deployment's traffic that is reviewed, in [0, 1].
        first: Between which values the first threshold decides alike: above the first, up to the second.
        second: The same of the second threshold. Equal to ``first`` where nothing is reviewed.
    """

    cost: float
    share: float
    first: tuple[float, float]
    second: tuple[float, float]


def best_band(
    counts: ScoreCounts,
    *,
    miss: float,
    alarm: float,
    prior: float,
    review: float | None = None,
    capacity: float | None = None,
    at_least: float = -math.inf,
    at_most: float = math.inf,
    unit: bool | None = None,
) -> ReviewBand | None:
    """Minimise the cost over every pair of thresholds, in one pass over the scores.

    An attack below the first threshold costs ``miss``, a bona fide sample from the second on ``alarm``; what lies
    between is reviewed, rightly. With a review's cost the sum splits into a part of each threshold, so that prefix
    minima are enough. With a capacity the share reviewed grows with the second threshold and falls with the first one,
    so that the best second threshold of each first one is the highest that the capacity allows. Of pairs that cost the
    same the one with the least review is taken.

    Args:
        counts: Counts of both classes, each with a sample.
        miss: Cost of an accepted attack, at least 0.
        alarm: Cost of a rejected bona fide sample, at least 0.
        prior: Share of attacks in the deployment's traffic, in [0, 1].
        review: Cost of a review; ``None`` with a capacity.
        capacity: Share of traffic that may be reviewed, in [0, 1]; ``None`` with a review's cost.
        at_least: The second threshold may not be lower.
        at_most: The first threshold may not be higher.
        unit: Whether scores keep to [0, 1], and thresholds with them; by default as these counts do.

    Returns:
        The best pair; ``None`` when the bounds allow none.

    Example:
        >>> from finauth_eval.metrics.counts import ScoreCounts
        >>> counts = ScoreCounts.from_arrays([0.1, 0.5, 0.4, 0.8], [False, False, True, True])
        >>> best_band(counts, miss=9, alarm=1, prior=0.5, capacity=0.5)
        ReviewBand(cost=0.0, share=0.5, first=(0.1, 0.4), second=(0.5, 0.8))
    """
    rows = Decisions.of(counts, unit=unit)
    accepted, rejected = prior * miss * rows.apcer, (1 - prior) * alarm * rows.bpcer
    passed = prior * rows.apcer + (1 - prior) * (1 - rows.bpcer)  # traffic below each threshold, ascending
    may_be_first = np.flatnonzero(rows.allowed(-math.inf, at_most))
    may_be_second = np.flatnonzero(rows.allowed(at_least, math.inf))
    if not may_be_second.size or not may_be_first.size:
        return None
    lowest_second, highest_first = int(may_be_second[0]), int(may_be_first[-1])
    same = 1e-12 * max(miss, alarm, review or 0.0)
    if review is not None:
        pair = _by_cost(
            accepted - review * passed, rejected + review * passed, lowest_second, highest_first, same
        )
    else:
        pair = _by_capacity(accepted, rejected, passed, capacity or 0.0, lowest_second, highest_first, same)
    if pair is None:
        return None
    first, second = pair
    share = float(passed[second] - passed[first])
    first_low, first_high = _ends(rows, first)
    second_low, second_high = _ends(rows, second)
    first_high, second_low = (
        min(first_high, at_most),
        max(second_low, float(np.nextafter(at_least, -math.inf))),
    )
    if first == second and second_low < first_high:  # one threshold does for both
        first_low, second_high = second_low, first_high
    return ReviewBand(
        cost=float(accepted[first] + rejected[second]) + (review or 0.0) * share,
        share=share,
        first=(first_low, first_high),
        second=(second_low, second_high),
    )


def _ends(rows: Decisions, row: int) -> tuple[float, float]:
    low = float(rows.low[row])
    return (0.0 if math.isinf(low) and rows.high[-1] == 1 else low), float(rows.high[row])


def _by_cost(
    of_first: NDArray[np.float64],
    of_second: NDArray[np.float64],
    lowest_second: int,
    highest_first: int,
    same: float,
) -> tuple[int, int] | None:
    """The rows of the best pair where the cost is the sum of a part of each; ``same`` is what rounding leaves."""
    least = np.minimum.accumulate(of_first[: highest_first + 1])
    seconds = np.arange(lowest_second, of_second.size)
    if not seconds.size:
        return None
    total = least[np.minimum(seconds, highest_first)] + of_second[seconds]
    second = int(seconds[np.argmax(total <= total.min() + same)])
    upto = min(second, highest_first)
    # the highest of the best first ones: the least review
    first = upto - int(np.argmax(of_first[: upto + 1][::-1] <= least[upto] + same))
    return first, second


def _by_capacity(
    accepted: NDArray[np.float64],
    rejected: NDArray[np.float64],
    passed: NDArray[np.float64],
    capacity: float,
    lowest_second: int,
    highest_first: int,
    same: float,
) -> tuple[int, int] | None:
    firsts = np.arange(highest_first + 1)
    seconds = np.searchsorted(passed, passed[firsts] + capacity + 1e-12, side="right") - 1
    allowed = seconds >= np.maximum(firsts, lowest_second)
    if not allowed.any():
        return None
    firsts, seconds = firsts[allowed], seconds[allowed]
    total = accepted[firsts] + rejected[seconds]
    best = np.flatnonzero(total <= total.min() + same)
    firsts, limits = firsts[best], rejected[seconds[best]] + same
    # the lowest second one of each that costs no more, and of those pairs the one with the least review
    seconds = np.maximum(np.searchsorted(-rejected, -limits), np.maximum(firsts, lowest_second))
    least = int(np.argmin(passed[seconds] - passed[firsts]))
    return int(firsts[least]), int(seconds[least])
