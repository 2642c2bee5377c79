"""Thresholds with the least expected cost: one, or two with people in between."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from finauth_eval.choosing.choice import Choice, ExpectedCost, Infeasible
from finauth_eval.choosing.constraints import bounds, contradiction
from finauth_eval.choosing.spread import threshold_spread
from finauth_eval.metrics.cost import least_cost
from finauth_eval.metrics.review import best_band
from finauth_eval.phrases import phrase
from finauth_eval.policies import percent
from finauth_eval.shown.numbers import threshold as in_full

if TYPE_CHECKING:
    from finauth_eval.choosing.basis import Basis
    from finauth_eval.metrics.counts import ScoreCounts
    from finauth_eval.metrics.review import ReviewBand
    from finauth_eval.policies import AcceptReviewReject, MinCost

__all__ = ["accept_review_reject", "min_cost"]

_NO_GUARANTEE = phrase(
    "The cost is not guaranteed: on other samples it is higher on average than on those the threshold was chosen on."
)
_CAPACITY = phrase(
    "The capacity is met on these samples; on other traffic the share reviewed is as often above it as below."
)
_NO_WIDTH = 1e-9
_NOTHING = phrase("every threshold costs nothing with these costs and this prior")


def min_cost(policy: MinCost, basis: Basis) -> Choice | Infeasible:
    """The middle of the widest interval of thresholds with the least expected cost, among those that keep promises."""
    miss, alarm = policy.weight_of_miss, policy.weight_of_alarm
    if not miss and not alarm:
        return Infeasible(reason=_NOTHING)
    missing = basis.missing_class()
    if missing is not None:
        return missing
    within = bounds(policy.subject_to, basis)
    if isinstance(within, Infeasible):
        return within

    def choose(counts: ScoreCounts) -> tuple[float, float] | None:
        found = least_cost(
            counts, miss=miss, alarm=alarm, at_least=within.at_least, at_most=within.at_most, unit=basis.unit
        )
        return None if found is None else (found.low, found.high)

    best = choose(basis.counts)
    if best is None:
        return contradiction(within)
    if basis.unit and best[0] == 1:
        return _blocks_nobody(policy, basis)
    threshold = basis.middle(*best)
    chosen, current = (
        miss * point.apcer.value + alarm * point.bpcer.value
        for point in (basis.point(threshold, policy), basis.point(basis.current, policy))
    )
    why = (
        phrase(
            "the middle of the widest interval of thresholds with the least cost on these samples among those that keep"
            " the promises"
        )
        if within.kept
        else phrase("the middle of the widest interval of thresholds with the least cost on these samples")
    )
    return Choice(
        threshold=threshold,
        interval=threshold_spread(basis, choose),
        guarantee=within.kept[0].guarantee if within.kept else None,
        reason=why,
        needs=within.needs,
        notes=(*_alike(best), _NO_GUARANTEE),
        kept=within.kept,
        cost=_expected(chosen, current, basis, floor=min(miss, alarm), alike=best),
    )


def accept_review_reject(policy: AcceptReviewReject, basis: Basis) -> Choice | Infeasible:
    """The two thresholds with the least expected cost, given what a review costs or how many there may be."""
    accepted, rejected = policy.prior * policy.miss, (1 - policy.prior) * policy.alarm
    if not accepted and not rejected:
        return Infeasible(reason=_NOTHING)
    missing = basis.missing_class()
    if missing is not None:
        return missing
    within = bounds(policy.subject_to, basis)
    if isinstance(within, Infeasible):
        return within

    def choose(counts: ScoreCounts) -> ReviewBand | None:
        return best_band(
            counts, miss=policy.miss, alarm=policy.alarm, prior=policy.prior, review=policy.review,
            capacity=policy.capacity, at_least=within.at_least, at_most=within.at_most, unit=basis.unit,
        )  # fmt: skip

    band = choose(basis.counts)
    if band is None:
        return Infeasible(
            reason=phrase(
                "{why}; the reviews that may be made do not suffice to keep both",
                why=contradiction(within).reason,
            )
        )
    if basis.unit and band.second[0] == 1:
        return _blocks_nobody(policy, basis)
    second = basis.middle(*band.second)
    first = second if band.first == band.second else basis.middle(*band.first)
    current = basis.point(basis.current, policy)
    limited = (
        phrase("when at most {share} of traffic is reviewed", share=percent(policy.capacity))
        if policy.capacity is not None
        else phrase("when reviews cost what they cost")
    )
    return Choice(
        threshold=second,
        review_from=first,
        review_share=band.share,
        interval=threshold_spread(
            basis, lambda counts: None if (own := choose(counts)) is None else own.second
        ),
        guarantee=within.kept[0].guarantee if within.kept else None,
        reason=phrase(
            "accept below {first}, reject from {second} on, review between them: the least cost on these samples"
            " {limited}; {share} of traffic is reviewed",
            first=in_full(first),
            second=in_full(second),
            limited=limited,
            share=percent(band.share),
        ),
        needs=within.needs,
        notes=(
            phrase("Reviews are taken to be right: they stop every attack and clear every bona fide sample."),
            *(() if policy.capacity is None else (_CAPACITY,)),
            _NO_GUARANTEE,
        ),
        kept=within.kept,
        cost=_expected(
            band.cost, accepted * current.apcer.value + rejected * current.bpcer.value, basis,
            floor=min(accepted, rejected), alike=band.second,
        ),
    )  # fmt: skip


def _alike(best: tuple[float, float]) -> tuple[str, ...]:
    low, high = best
    if not math.isfinite(low) or not math.isfinite(high) or high - low < _NO_WIDTH:
        return ()
    return (
        phrase(
            "Any threshold above {low}, up to {high}, decides these samples alike.",
            low=in_full(low),
            high=in_full(high),
        ),
    )


def _blocks_nobody(policy: MinCost | AcceptReviewReject, basis: Basis) -> Infeasible:
    at_top = basis.point(1.0, policy)
    return Infeasible(
        reason=phrase(
            "the least cost is to block nobody, and no threshold in [0, 1] does that: at 1.00, {share} of bona fide"
            " samples are blocked",
            share=percent(at_top.bpcer.value),
        )
    )


def _expected(
    chosen: float, current: float, basis: Basis, *, floor: float, alike: tuple[float, float]
) -> ExpectedCost:
    return ExpectedCost(
        per_decision=chosen,
        normalised=chosen / floor if floor else math.nan,
        current_threshold=basis.current,
        current_per_decision=current,
        saved_per_10000=10_000 * (current - chosen),
        alike_from=alike[0],
        alike_to=alike[1],
    )
