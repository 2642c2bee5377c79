"""The goals that options and policy files ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from finauth_eval.errors import InputError

if TYPE_CHECKING:
    from finauth_eval.places import Place
    from finauth_eval.recommendation import MaxApcer, MaxBpcer, Policy

__all__ = ["for_orientation", "goals_asked_for"]


def goals_asked_for(
    file: Place | None,
    max_bpcer: list[float] | None,
    max_apcer: list[float] | None,
    cost: str | None,
    prior: float | None,
    review_capacity: float | None,
    review_cost: float | None,
    *,
    pooled: bool,
    without_insufficient: bool,
    keep_promises: bool,
) -> list[Policy]:
    """The goals of the policy file, then those of the options."""
    from finauth_eval.policy_files import read_policies
    from finauth_eval.recommendation import AcceptReviewReject, MaxApcer, MaxBpcer, MinCost

    reviewed = review_capacity is not None or review_cost is not None
    if cost is None and (reviewed or keep_promises or prior is not None):
        raise InputError(
            "--prior, --review-capacity, --review-cost and --keep-promises need --cost: what the errors cost"
        )
    if (pooled or without_insufficient) and not max_apcer:
        raise InputError("--pooled and --without-insufficient say how --max-apcer is meant; there is none")
    promises = [
        *map(MaxBpcer, max_bpcer or []),
        *(
            MaxApcer(target, pooled=pooled, without_insufficient=without_insufficient)
            for target in max_apcer or []
        ),
    ]
    goals: list[Policy] = [*(read_policies(file) if file is not None else ()), *promises]
    if cost is not None:
        if prior is None:
            raise InputError(
                "--cost needs --prior: the share of attacks in production, which no dataset tells"
            )
        miss, alarm = _costs(cost)
        kept = tuple(_plain_promises(goals)) if keep_promises else ()
        if keep_promises and not kept:
            raise InputError(
                "--keep-promises needs a promise to keep: --max-bpcer, --max-apcer or one of --policy"
            )
        goals.append(MinCost(miss=miss, alarm=alarm, prior=prior, subject_to=kept))
        if reviewed:
            band = AcceptReviewReject(
                miss=miss, alarm=alarm, prior=prior, review=review_cost, capacity=review_capacity,
                subject_to=kept,
            )  # fmt: skip
            goals.append(band)
    return goals


def _plain_promises(goals: list[Policy]) -> list[MaxBpcer | MaxApcer]:
    """Those of the goals that are promises without constraints of their own."""
    from finauth_eval.recommendation import MaxApcer, MaxBpcer

    return [own for own in goals if isinstance(own, MaxBpcer | MaxApcer) and not own.subject_to]


def for_orientation(goals: list[Policy]) -> list[Policy]:
    """The customary thresholds that were not asked for."""
    from finauth_eval.recommendation import BestFBeta, EqualError, Youden

    return [own for own in (EqualError(), Youden(), BestFBeta()) if own.name not in {g.name for g in goals}]


def _costs(text: str) -> tuple[float, float]:
    parts = text.split(",")
    try:
        costs = {name.strip(): float(value) for name, value in (part.split("=") for part in parts)}
    except ValueError:
        costs = {}
    if set(costs) != {"miss", "alarm"} or len(parts) != 2:
        raise InputError(f"--cost is {text!r}; expected miss=20,alarm=1")
    return costs["miss"], costs["alarm"]
