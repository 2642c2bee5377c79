"""What choosing a threshold ends in: a choice with its grounds, or what is missing for one."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from finauth_eval.metrics.estimate import finite_or_none

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from finauth_eval.policies import Promise
    from finauth_eval.samples import SampleArrays

__all__ = ["Choice", "ExpectedCost", "Guarantee", "Infeasible", "Kept", "Need"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarantee:
    """What is promised about future samples, and on what ground.

    Attributes:
        statement: The promise in plain words.
        confidence: Its probability.
        method: Name of the method.
        m: Errors that the rule allows in the sample behind it.
        n: Independent samples behind it (subjects where the scores are clustered).
    """

    statement: str
    confidence: float
    method: str
    m: int
    n: int

    def to_dict(self) -> dict[str, Any]:
        """The fields."""
        return {f.name: getattr(self, f.name) for f in fields(self)} | {"statement": str(self.statement)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """How many samples a goal needs and how many there are."""

    required: int
    has: int

    def to_dict(self) -> dict[str, int]:
        """Both numbers."""
        return {"required": self.required, "has": self.has}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedCost:
    """What a threshold costs in the deployment, on the samples that it was chosen on.

    Attributes:
        per_decision: Expected cost of one decision, in the policy's unit.
        normalised: The same divided by the cost of the better of flagging all and flagging none; below 1 the detector
            is worth having; ``nan`` when one of these costs nothing.
        current_threshold: The threshold in force: the run's own, or 0.5.
        current_per_decision: Expected cost of one decision there.
        saved_per_10000: What 10,000 decisions cost less than at the threshold in force.
        alike_from: Above this threshold, up to ``alike_to``, every threshold decides these samples alike.
        alike_to: The upper end, included.
        out_of_sample_per_decision: The expected cost on samples that it was not chosen on; ``nan`` without such.
    """

    per_decision: float
    normalised: float
    current_threshold: float
    current_per_decision: float
    saved_per_10000: float
    alike_from: float
    alike_to: float
    out_of_sample_per_decision: float = math.nan

    def to_dict(self) -> dict[str, float | None]:
        """The numbers, undefined ones as ``None``."""
        return {own.name: finite_or_none(getattr(self, own.name)) for own in fields(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A promise that a threshold keeps beside its policy's own goal.

    Attributes:
        policy: The promise.
        threshold: The lowest (BPCER) or the highest threshold (APCER) that keeps it.
        guarantee: What is promised.
    """

    policy: Promise
    threshold: float
    guarantee: Guarantee

    def to_dict(self) -> dict[str, Any]:
        """The fields."""
        return {
            "policy": self.policy.to_dict(),
            "threshold": self.threshold,
            "guarantee": self.guarantee.to_dict(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A threshold for a policy.

    Attributes:
        threshold: Decide attack when the score is at least this.
        review_from: Review when the score is at least this and below ``threshold``; ``None`` without reviews.
        review_share: Share of the deployment's traffic that is reviewed, on these samples.
        interval: How far the threshold may move with the sample; ``nan`` where unknown.
        reason: Why this threshold.
        guarantee: What is promised, or ``None``.
        needs: What has too few samples and was left out of the promise.
        notes: Further facts for the reader, in plain sentences.
        kept: Promises of the policy's constraints.
        cost: The expected cost, for policies that have one.
    """

    threshold: float
    review_from: float | None = None
    review_share: float = 0.0
    interval: tuple[float, float]
    reason: str
    guarantee: Guarantee | None = None
    needs: Mapping[str, Need] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    kept: tuple[Kept, ...] = ()
    cost: ExpectedCost | None = None

    def decide(self, samples: SampleArrays) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which samples end as decided attack, and which are reviewed; both of shape (n,).

        Reviews are taken to be right: a reviewed attack ends as decided attack, a reviewed bona fide sample does not.
        """
        rejected = np.asarray(samples.scores >= self.threshold)
        if self.review_from is None:
            return rejected, np.zeros_like(rejected)
        reviewed = np.asarray((samples.scores >= self.review_from) & ~rejected)
        return rejected | (reviewed & samples.is_attack), reviewed


@dataclass(frozen=True, slots=True, kw_only=True)
class Infeasible:
    """Why there is no threshold for a policy.

    Attributes:
        reason: The reason in plain words.
        needs: What has too few samples, with what it needs and has; empty when samples are not what is missing.
    """

    reason: str
    needs: Mapping[str, Need] = field(default_factory=dict)
