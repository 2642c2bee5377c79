"""From a policy to its way of choosing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from finauth_eval.choosing.costs import min_cost
from finauth_eval.choosing.descriptive import equal_error, youden
from finauth_eval.choosing.promises import max_apcer, max_bpcer
from finauth_eval.policies import EqualError, MaxApcer, MaxBpcer, MinCost, Policy, Youden

if TYPE_CHECKING:
    from finauth_eval.choosing.basis import Basis
    from finauth_eval.choosing.choice import Choice, Infeasible

__all__ = ["choose"]


def choose(policy: Policy, basis: Basis) -> Choice | Infeasible:
    """Choose a threshold for a policy, or say what is missing for one.

    Args:
        policy: The goal.
        basis: What to choose on; choosing for clusters draws from its source of randomness.

    Raises:
        ValueError: There is no way of choosing for such a policy.
    """
    match policy:
        case MaxBpcer():
            return max_bpcer(policy, basis)
        case MaxApcer():
            return max_apcer(policy, basis)
        case MinCost():
            return min_cost(policy, basis)
        case EqualError():
            return equal_error(basis)
        case Youden():
            return youden(basis)
    raise ValueError(f"{policy!r} is not a policy that a threshold can be chosen for")
