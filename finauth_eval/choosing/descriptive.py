"""Customary thresholds, shown for orientation: they promise nothing and weigh no costs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from finauth_eval.choosing.choice import Choice, Infeasible
from finauth_eval.choosing.spread import threshold_spread
from finauth_eval.metrics.cost import best_f_beta as greatest_f_beta
from finauth_eval.metrics.cost import least_cost
from finauth_eval.metrics.equal_error import equal_error_rate
from finauth_eval.phrases import phrase
from finauth_eval.policies import percent

if TYPE_CHECKING:
    from collections.abc import Callable

    from finauth_eval.choosing.basis import Basis
    from finauth_eval.metrics.cost import Best
    from finauth_eval.metrics.counts import ScoreCounts
    from finauth_eval.policies import BestFBeta

__all__ = ["best_f_beta", "equal_error", "youden"]


def equal_error(basis: Basis) -> Choice | Infeasible:
    """The settable threshold nearest to where misses are as frequent as false alarms."""
    missing = basis.missing_class()
    if missing is not None:
        return missing
    found = equal_error_rate(basis.counts)
    low, high = basis.neighbour_below(found.threshold), basis.neighbour_above(found.threshold)
    return Choice(
        threshold=basis.grid.nearest(found.threshold, low, high if math.isfinite(high) else found.threshold),
        interval=threshold_spread(basis, _around_equal_error),
        reason=phrase(
            "where both rates are about {share}; for orientation only", share=percent(found.linear)
        ),
    )


def _around_equal_error(counts: ScoreCounts) -> tuple[float, float]:
    """The scores seen on both sides of where the rates are equal."""
    at = equal_error_rate(counts).threshold
    seen = counts.compact().scores
    row = int(np.searchsorted(seen, at))
    return float(seen[row - 1]) if row else -math.inf, float(seen[min(row, seen.size - 1)])


def youden(basis: Basis) -> Choice | Infeasible:
    """The middle of the widest interval of thresholds with the least sum of both rates."""
    missing = basis.missing_class()
    if missing is not None:
        return missing
    return _middle(
        basis,
        lambda counts: least_cost(counts, miss=1, alarm=1, unit=basis.unit),
        lambda best: phrase(
            "where both rates add up to {share}, the least; for orientation only", share=percent(best.value)
        ),
        phrase("the least sum is reached by blocking nobody, and no threshold in [0, 1] does that"),
    )


def best_f_beta(policy: BestFBeta, basis: Basis) -> Choice | Infeasible:
    """The middle of the widest interval of thresholds with the greatest F-beta."""
    missing = basis.missing_class()
    if missing is not None:
        return missing
    return _middle(
        basis,
        lambda counts: greatest_f_beta(counts, beta=policy.beta, prior=policy.prior, unit=basis.unit),
        lambda best: phrase(
            "where F{beta} is {value}, the greatest; for orientation only",
            beta=f"{policy.beta:g}",
            value=f"{best.value:.3f}",
        ),
        phrase(
            "the greatest F{beta} is reached by blocking nobody, and no threshold in [0, 1] does that",
            beta=f"{policy.beta:g}",
        ),
    )


def _middle(
    basis: Basis, choose: Callable[[ScoreCounts], Best | None], reason: Callable[[Best], str], nobody: str
) -> Choice | Infeasible:
    best = choose(basis.counts)
    assert best is not None  # noqa: S101 - for the type checker; nothing bounds these thresholds
    if basis.unit and best.low == 1:
        return Infeasible(reason=nobody)

    def pick(counts: ScoreCounts) -> tuple[float, float] | None:
        found = choose(counts)
        return None if found is None else (found.low, found.high)

    return Choice(
        threshold=basis.middle(best.low, best.high),
        interval=threshold_spread(basis, pick),
        reason=reason(best),
    )
