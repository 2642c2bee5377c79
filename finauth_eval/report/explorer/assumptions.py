"""What a deployment is taken to be like: how rare attacks are there and what mistakes cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from finauth_eval.recommendation import AcceptReviewReject, MinCost

if TYPE_CHECKING:
    from finauth_eval.recommendation import Recommendations

__all__ = ["DECISIONS", "Assumptions", "assumed"]

DECISIONS: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """Prevalence and costs.

    Attributes:
        prior: Share of attacks in the deployment's traffic, in [0, 1].
        miss: Cost of an attack that passes.
        alarm: Cost of a genuine customer who is blocked, in the same unit.
        review: Cost of one review, in the same unit; where nobody stated it, that of a blocked customer.
        stated: Whether somebody stated them as a goal; else they are an example.
    """

    prior: float
    miss: float
    alarm: float
    review: float
    stated: bool

    def cost(self, apcer: float, bpcer: float, reviewed: float = 0.0) -> float:
        """Expected cost of 10,000 decisions.

        Args:
            apcer: Share of attacks that pass.
            bpcer: Share of genuine samples that are blocked.
            reviewed: Share of the traffic that is reviewed.

        Example:
            >>> Assumptions(prior=0.02, miss=20, alarm=1, review=0, stated=True).cost(0.5, 0.25)
            4450.0
        """
        weighed = self.prior * self.miss * apcer + (1 - self.prior) * self.alarm * bpcer
        return DECISIONS * (weighed + self.review * reviewed)

    def to_dict(self) -> dict[str, float]:
        """The four numbers."""
        return {"prior": self.prior, "miss": self.miss, "alarm": self.alarm, "review": self.review}


def assumed(recommendations: Recommendations | None) -> Assumptions:
    """What the first goal with costs says, else an example."""
    for item in recommendations or ():
        if isinstance(item.policy, MinCost | AcceptReviewReject):
            policy = item.policy
            review = policy.review if isinstance(policy, AcceptReviewReject) else None
            return Assumptions(
                prior=policy.prior,
                miss=policy.miss,
                alarm=policy.alarm,
                review=policy.alarm if review is None else review,
                stated=True,
            )
    return Assumptions(prior=0.01, miss=100.0, alarm=1.0, review=1.0, stated=False)
