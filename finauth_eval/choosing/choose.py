"""From a policy to its way of choosing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from finauth_eval.choosing.choice import Infeasible
from finauth_eval.choosing.constraints import bounds, contradiction, promised
from finauth_eval.choosing.costs import accept_review_reject, min_cost
from finauth_eval.choosing.descriptive import best_f_beta, equal_error, youden
from finauth_eval.phrases import phrase
from finauth_eval.policies import (
    AcceptReviewReject,
    BestFBeta,
    EqualError,
    MaxApcer,
    MaxBpcer,
    MinCost,
    Policy,
    Youden,
)

if TYPE_CHECKING:
    from finauth_eval.choosing.basis import Basis
    from finauth_eval.choosing.choice import Choice

__all__ = ["choose"]


def choose(policy: Policy, basis: Basis) -> Choice | Infeasible:
    """Choose a threshold for a policy, or say what is missing for one.

    Args:
        policy: The goal.
        basis: What to choose on.

    Raises:
        ValueError: There is no way of choosing for such a policy.
    """
    match policy:
        case MaxBpcer() | MaxApcer():
            return _promise(policy, basis)
        case MinCost():
            return min_cost(policy, basis)
        case AcceptReviewReject():
            return accept_review_reject(policy, basis)
        case EqualError():
            return equal_error(basis)
        case Youden():
            return youden(basis)
        case BestFBeta():
            return best_f_beta(policy, basis)
    raise ValueError(f"{policy!r} is not a policy that a threshold can be chosen for")


def _promise(policy: MaxBpcer | MaxApcer, basis: Basis) -> Choice | Infeasible:
    """The threshold that keeps a promise, moved no further than its constraints ask."""
    found = promised(policy, basis)
    if isinstance(found, Infeasible) or not policy.subject_to:
        return found
    within = bounds(policy.subject_to, basis)
    if isinstance(within, Infeasible):
        return within
    if isinstance(policy, MaxBpcer):
        within = replace(within, at_least=max(within.at_least, found.threshold))
        threshold = within.at_least
    else:
        within = replace(within, at_most=min(within.at_most, found.threshold))
        threshold = within.at_most
    if within.at_least > within.at_most:
        return contradiction(within)
    decisive = found
    if threshold != found.threshold:  # then the constraint's grounds are those of the threshold
        decisive = next(own for own in within.choices if own.threshold == threshold)
        decisive = replace(decisive, notes=(*decisive.notes, phrase("A constraint decides the threshold.")))
    return replace(
        decisive, guarantee=found.guarantee, kept=within.kept, needs={**found.needs, **within.needs}
    )
