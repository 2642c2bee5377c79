"""The threshold with the least expected cost, over every distinct threshold and both ends."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from finauth_eval.metrics.counts import ScoreCounts

__all__ = ["Best", "Decisions", "best_f_beta", "least_cost"]


class Decisions(NamedTuple):
    """Every decision that a threshold can make; row i is that of the thresholds above ``low[i]``, up to ``high[i]``.

    Attributes:
        low: Lower ends, excluded, ascending, shape (k + 1,); the first is infinite, for nothing lies below.
        high: Upper ends, included: the distinct scores, and last 1 where scores are in [0, 1], else infinity.
        apcer: Share of attacks below, shape (k + 1,).
        bpcer: Share of bona fide samples that are not, shape (k + 1,).
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    apcer: NDArray[np.float64]
    bpcer: NDArray[np.float64]

    @classmethod
    def of(cls, counts: ScoreCounts, *, unit: bool | None = None) -> Decisions:
        """From counts; ``unit`` says whether scores keep to [0, 1], by default as these do.

        Raises:
            ValueError: A class is missing.
        """
        if not counts.n_attack or not counts.n_bona_fide:
            raise ValueError("weighing both errors needs samples of both classes")
        seen = counts.compact()
        return cls(
            low=np.concatenate(([-math.inf], seen.scores)),
            high=np.append(seen.scores, 1.0 if _is_unit(seen, unit) else math.inf),
            apcer=np.append(0, np.cumsum(seen.attack)) / seen.n_attack,
            bpcer=1 - np.append(0, np.cumsum(seen.bona_fide)) / seen.n_bona_fide,
        )

    def allowed(self, at_least: float, at_most: float) -> NDArray[np.bool_]:
        """Which rows have a threshold in [``at_least``, ``at_most``], shape (k + 1,)."""
        return np.asarray((self.high >= at_least) & (self.low < at_most))


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """The best value of something that thresholds are chosen by, and where it is reached.

    Attributes:
        value: The least cost in the unit of the weights, or the greatest F-beta.
        low: Lower end of the widest interval of thresholds that reach it, excluded.
        high: Upper end of that interval, included; infinite when no decision for attack is best and scores have
            no upper end. Equal to ``low`` when only a threshold above 1 would reach the value.
    """

    value: float
    low: float
    high: float


def least_cost(
    counts: ScoreCounts,
    *,
    miss: float,
    alarm: float,
    at_least: float = -math.inf,
    at_most: float = math.inf,
    unit: bool | None = None,
) -> Best | None:
    """Minimise ``miss * APCER + alarm * BPCER`` over every decision that a threshold can make.

    Args:
        counts: Counts of both classes, each with a sample.
        miss: Weight of APCER: the attacks' prior times the cost of a miss, at least 0.
        alarm: Weight of BPCER: the bona fide prior times the cost of a false alarm, at least 0.
        at_least: Lowest threshold allowed.
        at_most: Highest threshold allowed.
        unit: Whether scores keep to [0, 1], and thresholds with them; by default as these counts do.

    Returns:
        The least cost and the widest interval that reaches it (ties: the lowest); where scores are in [0, 1] the
        interval stays there. ``None`` when the bounds allow no threshold.

    Raises:
        ValueError: A weight is negative or not finite, or a class is missing.

    Example:
        >>> from finauth_eval.metrics.counts import ScoreCounts
        >>> least_cost(ScoreCounts.from_arrays([0.1, 0.4, 0.35, 0.8], [False, False, True, True]), miss=1, alarm=3)
        Best(value=0.5, low=0.4, high=0.8)
    """
    if not (0 <= miss < math.inf and 0 <= alarm < math.inf):
        raise ValueError(f"the weights are miss={miss!r} and alarm={alarm!r}; expected numbers of at least 0")
    rows = Decisions.of(counts, unit=unit)
    cost = miss * rows.apcer + alarm * rows.bpcer
    allowed = rows.allowed(at_least, at_most)
    if at_least > at_most or not allowed.any():
        return None
    least = float(cost[allowed].min())
    best = allowed & (cost <= least + 1e-12 * max(miss, alarm))
    return _widest(least, rows, best, at_least, at_most)


def best_f_beta(
    counts: ScoreCounts, *, beta: float = 1.0, prior: float | None = None, unit: bool | None = None
) -> Best:
    """Maximise F-beta of what is decided attack, over every decision that a threshold can make.

    Args:
        counts: Counts of both classes, each with a sample.
        beta: How many times more recall weighs than precision, above 0.
        prior: Share of attacks at which precision is taken, in (0, 1); ``None`` is the share in these counts.
        unit: Whether scores keep to [0, 1]; by default as these counts do.

    References:
        van Rijsbergen, C. (1979). Information Retrieval, chapter 7.

    Example:
        >>> from finauth_eval.metrics.counts import ScoreCounts
        >>> counts = ScoreCounts.from_arrays([0.1, 0.4, 0.35, 0.8], [False, False, True, True])
        >>> best_f_beta(counts)
        Best(value=0.8, low=0.1, high=0.35)
    """
    rows = Decisions.of(counts, unit=unit)
    attacks = counts.n_attack / (counts.n_attack + counts.n_bona_fide) if prior is None else prior
    caught, missed, alarms = (
        attacks * (1 - rows.apcer),
        attacks * rows.apcer,
        (1 - attacks) * rows.bpcer,
    )
    weight = beta * beta
    whole = (1 + weight) * caught + weight * missed + alarms
    value = np.divide((1 + weight) * caught, whole, out=np.zeros_like(whole), where=whole > 0)
    best = float(value.max())
    return _widest(best, rows, value >= best - 1e-12, -math.inf, math.inf)


def _is_unit(counts: ScoreCounts, unit: bool | None) -> bool:
    return counts.in_unit_range if unit is None else unit


def _widest(
    value: float,
    rows: Decisions,
    best: NDArray[np.bool_],
    at_least: float,
    at_most: float,
) -> Best:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], best, [False])).astype(np.int8)))
    low, high = rows.low[edges[::2]].copy(), rows.high[edges[1::2] - 1]
    low[low == -math.inf] = 0.0 if rows.high[-1] == 1 else -math.inf
    low, high = np.maximum(low, np.nextafter(at_least, -math.inf)), np.minimum(high, at_most)
    widest = 0 if math.isinf(low[0]) else int(np.argmax(high - low))
    return Best(value=value, low=float(low[widest]), high=float(high[widest]))
