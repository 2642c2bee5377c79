"""Customary thresholds, shown for orientation: they promise nothing and weigh no costs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from finauth_eval.choosing.choice import Choice, Infeasible
from finauth_eval.metrics.cost import least_cost
from finauth_eval.metrics.equal_error import equal_error_rate
from finauth_eval.policies import percent

if TYPE_CHECKING:
    from finauth_eval.choosing.basis import Basis

__all__ = ["equal_error", "youden"]


def equal_error(basis: Basis) -> Choice | Infeasible:
    """The settable threshold nearest to where misses are as frequent as false alarms."""
    missing = basis.missing_class()
    if missing is not None:
        return missing
    found = equal_error_rate(basis.counts)
    low, high = basis.neighbour_below(found.threshold), basis.neighbour_above(found.threshold)
    return Choice(
        threshold=basis.grid.nearest(found.threshold, low, high if math.isfinite(high) else found.threshold),
        interval=(math.nan, math.nan),
        reason=f"where both rates are about {percent(found.linear)}; for orientation only",
    )


def youden(basis: Basis) -> Choice | Infeasible:
    """The middle of the widest interval of thresholds with the least sum of both rates."""
    missing = basis.missing_class()
    if missing is not None:
        return missing
    best = least_cost(basis.counts, miss=1, alarm=1)
    if basis.counts.in_unit_range and best.low == 1:
        return Infeasible(
            reason="the least sum is reached by blocking nobody, and no threshold in [0, 1] does that"
        )
    return Choice(
        threshold=basis.middle(best.low, best.high),
        interval=(best.low, best.high),
        reason=f"where both rates add up to {percent(best.cost)}, the least; for orientation only",
    )
