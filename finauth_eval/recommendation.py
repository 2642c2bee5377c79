"""From a goal to a threshold with a guarantee, or to the sample size that the goal needs."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

from finauth_eval.metrics.estimate import finite_or_none

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd

    from finauth_eval.metrics.rates import OperatingPoint
    from finauth_eval.scores import ScoreTable

__all__ = [
    "EqualError",
    "Guarantee",
    "MaxApcer",
    "MaxBpcer",
    "MinCost",
    "Need",
    "Policy",
    "Recommendation",
    "Recommendations",
    "Youden",
    "recommend",
]

SCHEMA = "finauth-eval/recommendation/1"


@dataclass(frozen=True, slots=True)
class Policy:
    """A goal that a threshold is chosen for."""

    name: ClassVar[str]
    descriptive: ClassVar[bool] = False

    def describe(self) -> str:
        """The goal in plain words."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """The policy's name and its numbers."""
        return {"name": self.name, **{f.name: getattr(self, f.name) for f in fields(self)}}


@dataclass(frozen=True, slots=True)
class MaxBpcer(Policy):
    """Block at most a share ``target`` of bona fide users."""

    target: float
    name: ClassVar[str] = "max_bpcer"

    def describe(self) -> str:
        """The goal in plain words."""
        return f"block at most {self.target:.4g} of genuine users"


@dataclass(frozen=True, slots=True)
class MaxApcer(Policy):
    """Let at most a share ``target`` of the attacks pass, of every type, or ``pooled``."""

    target: float
    pooled: bool = False
    name: ClassVar[str] = "max_apcer"


@dataclass(frozen=True, slots=True, kw_only=True)
class MinCost(Policy):
    """Least expected cost, given what a ``miss`` and an ``alarm`` cost and the deployment's attack ``prior``."""

    miss: float
    alarm: float
    prior: float
    name: ClassVar[str] = "min_cost"


@dataclass(frozen=True, slots=True)
class EqualError(Policy):
    """Misses as frequent as false alarms; descriptive only."""

    name: ClassVar[str] = "equal_error"
    descriptive: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class Youden(Policy):
    """Greatest sum of both rates of right decisions; descriptive only."""

    name: ClassVar[str] = "youden"
    descriptive: ClassVar[bool] = True


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
        return {f.name: getattr(self, f.name) for f in fields(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """How many samples a goal needs and how many there are."""

    required: int
    has: int

    def to_dict(self) -> dict[str, int]:
        """Both numbers."""
        return {"required": self.required, "has": self.has}


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
        needs: What each class or attack type would need, by name (``"bona_fide"`` or the type's).
        descriptive: Whether this is shown for orientation and not as a recommendation.
        notes: Further facts for the reader, in plain sentences.
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
        """One row a policy."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """The JSON of ``finauth-eval recommend --json``."""
        return {"schema": SCHEMA, "recommendations": [item.to_dict() for item in self.items]}


def recommend(
    scores: ScoreTable,
    policies: Sequence[Policy],
    *,
    confidence: float = 0.95,
    cluster: str | None = None,
    holdout: float | None = None,
    seed: int | None = None,
) -> Recommendations:
    """Choose a threshold for each policy, or say what the data lack for it."""
    raise NotImplementedError
