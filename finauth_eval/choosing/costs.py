"""Thresholds with the least expected cost."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from finauth_eval.choosing.choice import Choice, ExpectedCost, Infeasible
from finauth_eval.metrics.cost import least_cost
from finauth_eval.policies import percent

if TYPE_CHECKING:
    from finauth_eval.choosing.basis import Basis
    from finauth_eval.policies import MinCost

__all__ = ["min_cost"]


def min_cost(policy: MinCost, basis: Basis) -> Choice | Infeasible:
    """The middle of the widest interval of thresholds with the least expected cost."""
    miss, alarm = policy.weight_of_miss, policy.weight_of_alarm
    if not miss and not alarm:
        return Infeasible(reason="every threshold costs nothing with these costs and this prior")
    missing = basis.missing_class()
    if missing is not None:
        return missing
    best = least_cost(basis.counts, miss=miss, alarm=alarm)
    if basis.counts.in_unit_range and best.low == 1:
        at_top = basis.point(1.0, policy)
        return Infeasible(
            reason=(
                "the least cost is to block nobody, and no threshold in [0, 1] does that: at 1.00,"
                f" {percent(at_top.bpcer.value)} of bona fide samples are blocked"
            )
        )
    threshold = basis.middle(best.low, best.high)
    chosen, current = (
        miss * point.apcer.value + alarm * point.bpcer.value
        for point in (basis.point(threshold, policy), basis.point(basis.current, policy))
    )
    floor = min(miss, alarm)
    cost = ExpectedCost(
        per_decision=chosen,
        normalised=chosen / floor if floor else math.nan,
        current_threshold=basis.current,
        current_per_decision=current,
        saved_per_10000=10_000 * (current - chosen),
    )
    return Choice(
        threshold=threshold,
        interval=(best.low, best.high),
        reason="the middle of the widest interval of thresholds with the least cost on these samples",
        notes=(
            "Any threshold in the interval decides these samples alike.",
            "No guarantee: the cost on other samples is higher on average than on those the threshold was chosen on.",
        ),
        cost=cost,
    )
