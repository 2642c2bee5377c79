"""From a goal to a threshold with a guarantee, or to the sample size that the goal needs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from finauth_eval.choosing.basis import Basis
from finauth_eval.choosing.choice import ExpectedCost, Guarantee, Infeasible, Need
from finauth_eval.choosing.choose import choose
from finauth_eval.decisions import current_threshold
from finauth_eval.errors import NothingToEvaluate
from finauth_eval.holdout import hold_out
from finauth_eval.metrics.estimate import finite_or_none
from finauth_eval.metrics.intervals import valid_confidence
from finauth_eval.planning import PlanRow, SamplePlan, plan_sample_size
from finauth_eval.policies import EqualError, MaxApcer, MaxBpcer, MinCost, Policy, Youden
from finauth_eval.samples import ClusteredSamples

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from finauth_eval.metrics.rates import OperatingPoint
    from finauth_eval.scores import ScoreTable

__all__ = [
    "EqualError",
    "ExpectedCost",
    "Guarantee",
    "MaxApcer",
    "MaxBpcer",
    "MinCost",
    "Need",
    "PlanRow",
    "Policy",
    "Recommendation",
    "Recommendations",
    "SamplePlan",
    "Youden",
    "plan_sample_size",
    "recommend",
]

SCHEMA: Final = "finauth-eval/recommendation/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """The answer to one policy.

    Attributes:
        policy: The goal.
        feasible: Whether there is a threshold for it.
        threshold: Decide attack when the score is at least this; ``nan`` when infeasible.
        threshold_interval: How far the threshold may move with the sample; ``nan`` where unknown.
        guarantee: What is promised, or ``None``.
        in_sample: The rates on the samples that the threshold was chosen on.
        out_of_sample: The rates on samples that it was not chosen on.
        reason: Why this threshold, or why none.
        needs: What is too few: ``"bona_fide"``, ``"attack"`` or a type's name, with what it needs and has; empty
            when nothing is.
        descriptive: Whether this is shown for orientation and not as a recommendation.
        notes: Further facts for the reader, in plain sentences.
        cost: The expected cost, for policies that have one.
    """

    policy: Policy
    feasible: bool
    threshold: float
    threshold_interval: tuple[float, float]
    guarantee: Guarantee | None
    in_sample: OperatingPoint | None
    out_of_sample: OperatingPoint | None
    reason: str
    needs: Mapping[str, Need]
    descriptive: bool
    notes: tuple[str, ...] = ()
    cost: ExpectedCost | None = None

    def to_dict(self) -> dict[str, Any]:
        """One entry of ``recommendations`` of the JSON contract."""
        return {
            "policy": self.policy.to_dict(),
            "feasible": self.feasible,
            "threshold": finite_or_none(self.threshold),
            "threshold_interval": [finite_or_none(end) for end in self.threshold_interval],
            "guarantee": None if self.guarantee is None else self.guarantee.to_dict(),
            "in_sample": None if self.in_sample is None else self.in_sample.to_dict(),
            "out_of_sample": None if self.out_of_sample is None else self.out_of_sample.to_dict(),
            "reason": self.reason,
            "needs": {name: need.to_dict() for name, need in self.needs.items()},
            "descriptive": self.descriptive,
            "notes": list(self.notes),
            **({} if self.cost is None else {"cost": self.cost.to_dict()}),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendations:
    """The answers in the order in which they were asked for.

    Attributes:
        items: One answer a policy.
        score_decimals: Decimals on which a threshold can be set: the score's own, or 6 when it has no grid.
        confidence: The confidence that guarantees were asked for.
    """

    items: tuple[Recommendation, ...]
    score_decimals: int
    confidence: float

    def __iter__(self) -> Iterator[Recommendation]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, name: str) -> Recommendation:
        for item in self.items:
            if item.policy.name == name:
                return item
        asked = ", ".join(item.policy.name for item in self.items)
        raise KeyError(f"no recommendation for {name!r}; asked for were: {asked}")

    def frame(self) -> pd.DataFrame:
        """One row a policy, in order: goal, threshold, rates where they were measured, guarantee, reason."""
        return pd.DataFrame([_as_row(item) for item in self.items])

    def to_dict(self) -> dict[str, Any]:
        """The JSON of ``finauth-eval recommend --json``: plain values, no NaN, no infinity."""
        return {
            "schema": SCHEMA,
            "confidence": self.confidence,
            "score_decimals": self.score_decimals,
            "recommendations": [item.to_dict() for item in self.items],
        }


def recommend(
    scores: ScoreTable,
    policies: Sequence[Policy],
    *,
    confidence: float = 0.95,
    cluster: str | None = None,
    holdout: float | None = None,
    seed: int | None = None,
) -> Recommendations:
    """Choose a threshold for each policy, or say what the data lack for it.

    Guarantees rest on order statistics and hold for any distribution of scores, provided that samples are
    independent. Where several samples share a subject they are not; then the guarantee rests on one seeded draw of
    one sample a subject, and its ``n`` is the number of subjects.

    Args:
        scores: The table; only rows with a score are used.
        policies: The goals; answers come in their order.
        confidence: Confidence of guarantees and coverage of intervals, in (0, 1).
        cluster: Column that says which samples belong together; ``None`` is ``subject`` where every scored sample
            has one, ``"none"`` takes samples as independent.
        holdout: Share of the clusters (else samples) of each class to keep away from choosing, in (0, 1), and to
            measure the thresholds on. Without it, a ``split`` column with ``calibration`` and ``test`` is used
            (thresholds from the first, figures from the second); without that, nothing is out of sample.
        seed: Makes the draws repeatable; ``None`` is 0, so that the same table gives the same answer.

    Raises:
        NothingToEvaluate: No sample has a score.
        ValueError: No policy, an unknown column, or a number out of range.

    Example:
        >>> import pandas as pd
        >>> from finauth_eval.scores import ScoreTable
        >>> frame = pd.DataFrame({"label": ["real"] * 80 + ["fake"] * 20, "score": [i / 100 for i in range(100)]})
        >>> answer = recommend(ScoreTable.from_frame(frame), [MaxBpcer(0.05), MaxBpcer(0.01)])
        >>> answer["max_bpcer"].threshold, answer["max_bpcer"].guarantee.m
        (0.8, 0)
        >>> answer.items[1].reason
        'needs 299 bona fide samples, has 80'
    """
    valid_confidence(confidence)
    if not policies:
        raise ValueError("no policy was given; name at least one goal, such as MaxBpcer(0.01)")
    rng = np.random.default_rng(0 if seed is None else seed)
    samples = ClusteredSamples.of(scores, cluster)
    if not samples.arrays.scores.size:
        raise NothingToEvaluate(
            f"{scores.provenance.source}: none of {len(scores)} samples has a score; no threshold can be chosen"
        )
    chosen_on, measured_on = hold_out(scores, samples, holdout, rng=rng)
    current = current_threshold(scores)
    basis = Basis.of(chosen_on, confidence=confidence, current=current, rng=rng)
    unseen = (
        None
        if measured_on is None
        else Basis.of(measured_on, confidence=confidence, current=current, rng=rng)
    )
    items = tuple(_recommendation(policy, basis, unseen) for policy in policies)
    return Recommendations(items=items, score_decimals=basis.grid.decimals, confidence=confidence)


def _recommendation(policy: Policy, basis: Basis, unseen: Basis | None) -> Recommendation:
    found = choose(policy, basis)
    if isinstance(found, Infeasible):
        return Recommendation(
            policy=policy,
            feasible=False,
            threshold=math.nan,
            threshold_interval=(math.nan, math.nan),
            guarantee=None,
            in_sample=None,
            out_of_sample=None,
            reason=found.reason,
            needs=found.needs,
            descriptive=policy.descriptive,
        )
    return Recommendation(
        policy=policy,
        feasible=True,
        threshold=found.threshold,
        threshold_interval=found.interval,
        guarantee=found.guarantee,
        in_sample=basis.point(found.threshold, policy),
        out_of_sample=None if unseen is None else unseen.point(found.threshold, policy),
        reason=found.reason,
        needs=found.needs,
        descriptive=policy.descriptive,
        notes=found.notes,
        cost=found.cost,
    )


def _as_row(item: Recommendation) -> dict[str, Any]:
    row: dict[str, Any] = {
        "policy": item.policy.name,
        "goal": item.policy.describe(),
        "feasible": item.feasible,
        "threshold": item.threshold,
        "threshold_low": item.threshold_interval[0],
        "threshold_high": item.threshold_interval[1],
    }
    for name, point in (("in_sample", item.in_sample), ("out_of_sample", item.out_of_sample)):
        worst = None if point is None else point.apcer_worst
        row[f"bpcer_{name}"] = math.nan if point is None else point.bpcer.value
        row[f"apcer_{name}"] = math.nan if point is None else point.apcer.value
        row[f"apcer_worst_{name}"] = math.nan if worst is None else worst.estimate.value
    row["guarantee"] = None if item.guarantee is None else item.guarantee.statement
    return {**row, "descriptive": item.descriptive, "reason": item.reason}
