"""Goals that a threshold is chosen for."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from finauth_eval.metrics.intervals import valid_confidence
from finauth_eval.phrases import phrase

__all__ = [
    "POLICIES",
    "AcceptReviewReject",
    "BestFBeta",
    "EqualError",
    "MaxApcer",
    "MaxBpcer",
    "MinCost",
    "Policy",
    "Promise",
    "Youden",
    "confidence_percent",
    "percent",
    "valid_share",
]


@dataclass(frozen=True, slots=True)
class Policy:
    """A goal that a threshold is chosen for."""

    name: ClassVar[str]
    descriptive: ClassVar[bool] = False

    def describe(self) -> str:
        """The goal in plain words."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """The policy's name and its numbers; what was not asked for is left out."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        promises = own.pop("subject_to", ())
        plain = {"name": self.name, **{key: value for key, value in own.items() if value is not None}}
        return {**plain, "subject_to": [each.to_dict() for each in promises]} if promises else plain


@dataclass(frozen=True, slots=True)
class Promise(Policy):
    """A goal that is kept with a stated confidence: `MaxBpcer` or `MaxApcer`; also a constraint of another policy."""

    @property
    def own_confidence(self) -> float | None:
        """The confidence asked for; ``None`` takes what `recommend` is given."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class MaxBpcer(Promise):
    """Block at most a share of the bona fide samples, with confidence.

    Attributes:
        target: The share, in (0, 1).
        confidence: Probability that the promise holds, in (0, 1); ``None`` takes what `recommend` is given.
        subject_to: Promises that the threshold keeps as well.
    """

    target: float
    confidence: float | None = None
    subject_to: tuple[Promise, ...] = ()
    name: ClassVar[str] = "max_bpcer"

    def __post_init__(self) -> None:
        valid_share("target", self.target)
        _check_promises(self, self.confidence, self.subject_to)

    @property
    def own_confidence(self) -> float | None:
        """The confidence asked for."""
        return self.confidence

    def describe(self) -> str:
        """The goal in plain words."""
        return _besides(
            phrase("block at most {share} of bona fide samples", share=percent(self.target)), self.subject_to
        )


@dataclass(frozen=True, slots=True)
class MaxApcer(Promise):
    """Let at most a share of the attacks pass, whatever their type, with confidence.

    Attributes:
        target: The share, in (0, 1).
        pooled: Whether the promise is for all attacks together, at this data's mix of types, instead of each type.
        without_insufficient: Whether types with too few samples are left out of the promise instead of refusing it.
        confidence: Probability that the promise holds, in (0, 1); ``None`` takes what `recommend` is given.
        subject_to: Promises that the threshold keeps as well.
    """

    target: float
    pooled: bool = False
    without_insufficient: bool = False
    confidence: float | None = None
    subject_to: tuple[Promise, ...] = ()
    name: ClassVar[str] = "max_apcer"

    def __post_init__(self) -> None:
        valid_share("target", self.target)
        _check_promises(self, self.confidence, self.subject_to)

    @property
    def own_confidence(self) -> float | None:
        """The confidence asked for."""
        return self.confidence

    def describe(self) -> str:
        """The goal in plain words."""
        share = percent(self.target)
        goal = (
            phrase("let at most {share} of attacks, all types together pass", share=share)
            if self.pooled
            else phrase("let at most {share} of attacks of every type pass", share=share)
        )
        return _besides(goal, self.subject_to)


@dataclass(frozen=True, slots=True, kw_only=True)
class MinCost(Policy):
    """Least expected cost of the deployment.

    Attributes:
        miss: Cost of an attack that passes, at least 0, in any unit.
        alarm: Cost of a bona fide sample that is blocked, at least 0, in the same unit.
        prior: Share of attacks in the deployment's traffic, in [0, 1]; never this data's share.
        subject_to: Promises that the threshold keeps; the least cost is sought among the thresholds that do.
    """

    miss: float
    alarm: float
    prior: float
    subject_to: tuple[Promise, ...] = ()
    name: ClassVar[str] = "min_cost"

    def __post_init__(self) -> None:
        _check_costs(miss=self.miss, alarm=self.alarm)
        _check_prior(self.prior)
        _check_promises(self, None, self.subject_to)

    @property
    def weight_of_miss(self) -> float:
        """What APCER costs a decision: ``prior * miss``."""
        return self.prior * self.miss

    @property
    def weight_of_alarm(self) -> float:
        """What BPCER costs a decision: ``(1 - prior) * alarm``."""
        return (1 - self.prior) * self.alarm

    def describe(self) -> str:
        """The goal in plain words."""
        goal = phrase(
            "least cost when a miss costs {miss}, a false alarm {alarm} and {prior} of traffic are attacks",
            miss=f"{self.miss:g}",
            alarm=f"{self.alarm:g}",
            prior=percent(self.prior),
        )
        return _besides(goal, self.subject_to)


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptReviewReject(Policy):
    """Two thresholds: accept below the first, reject from the second on, and let people look at what lies between.

    People are taken to decide rightly: a reviewed attack is stopped, a reviewed bona fide sample passes. Either what a
    review costs is weighed against the errors, or the errors cost least while at most a share of traffic is reviewed.

    Attributes:
        miss: Cost of an attack that is accepted, at least 0, in any unit.
        alarm: Cost of a bona fide sample that is rejected, at least 0, in the same unit.
        prior: Share of attacks in the deployment's traffic, in [0, 1]; never this data's share.
        review: Cost of one review, at least 0, in the same unit; ``None`` with a capacity.
        capacity: Share of the deployment's traffic that can be reviewed, in [0, 1]; ``None`` with a review's cost.
        subject_to: Promises kept: `MaxBpcer` by what is rejected, `MaxApcer` by what is accepted.
    """

    miss: float
    alarm: float
    prior: float
    review: float | None = None
    capacity: float | None = None
    subject_to: tuple[Promise, ...] = ()
    name: ClassVar[str] = "accept_review_reject"

    def __post_init__(self) -> None:
        _check_costs(miss=self.miss, alarm=self.alarm)
        _check_prior(self.prior)
        _check_promises(self, None, self.subject_to)
        if (self.review is None) == (self.capacity is None):
            raise ValueError("expected one of review (what a review costs) and capacity (the share reviewed)")
        if self.review is not None:
            _check_costs(review=self.review)
        if self.capacity is not None and not 0 <= self.capacity <= 1:
            raise ValueError(f"capacity is {self.capacity!r}; expected a share of traffic, in [0, 1]")

    def describe(self) -> str:
        """The goal in plain words."""
        review = (
            phrase("a review {cost}", cost=f"{self.review:g}")
            if self.review is not None
            else phrase("at most {share} of traffic is reviewed", share=percent(self.capacity or 0.0))
        )
        goal = phrase(
            "accept, review or reject at least cost when an accepted attack costs {miss}, a rejected bona fide sample"
            " {alarm}, {review} and {prior} of traffic are attacks",
            miss=f"{self.miss:g}",
            alarm=f"{self.alarm:g}",
            review=review,
            prior=percent(self.prior),
        )
        return _besides(goal, self.subject_to)


@dataclass(frozen=True, slots=True)
class EqualError(Policy):
    """Misses as frequent as false alarms; for orientation, not a recommendation."""

    name: ClassVar[str] = "equal_error"
    descriptive: ClassVar[bool] = True

    def describe(self) -> str:
        """The goal in plain words."""
        return phrase("misses as frequent as false alarms")


@dataclass(frozen=True, slots=True)
class Youden(Policy):
    """Least sum of APCER and BPCER (greatest Youden index); for orientation, not a recommendation."""

    name: ClassVar[str] = "youden"
    descriptive: ClassVar[bool] = True

    def describe(self) -> str:
        """The goal in plain words."""
        return phrase("least sum of the share of misses and the share of false alarms")


@dataclass(frozen=True, slots=True)
class BestFBeta(Policy):
    """Greatest F-beta of what is blocked; for orientation, not a recommendation.

    Attributes:
        beta: How many times more recall weighs than precision, above 0.
        prior: Share of attacks at which precision is taken, in (0, 1); ``None`` is this data's share, which is not
            production's.
    """

    beta: float = 1.0
    prior: float | None = None
    name: ClassVar[str] = "best_f_beta"
    descriptive: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not 0.001 <= self.beta <= 1000:
            raise ValueError(f"beta is {self.beta!r}; expected a number from 0.001 to 1000, such as 1")
        if self.prior is not None:
            valid_share("prior", self.prior)

    def describe(self) -> str:
        """The goal in plain words."""
        beta = f"{self.beta:g}"
        if self.prior is None:
            return phrase("greatest F{beta} at this data's mix", beta=beta)
        return phrase("greatest F{beta} at {prior} attacks", beta=beta, prior=percent(self.prior))


POLICIES: dict[str, type[Policy]] = {
    own.name: own for own in (MaxBpcer, MaxApcer, MinCost, AcceptReviewReject, EqualError, Youden, BestFBeta)
}
"""Every policy by its name."""


def valid_share(name: str, share: float) -> float:
    """The share, when it is one.

    Raises:
        ValueError: It is not in (0, 1); the message calls it by ``name``.
    """
    if not 0 < share < 1:
        raise ValueError(f"{name} is {share!r}; expected a share between 0 and 1, such as 0.01 for 1%")
    return share


def percent(share: float) -> str:
    """A share in per cent, to four digits.

    Example:
        >>> percent(0.05), percent(1 / 3)
        ('5%', '33.33%')
    """
    return f"{100 * share:.4g}%"


def confidence_percent(confidence: float) -> str:
    """A confidence in per cent, with as many digits as tell it from 100%.

    Example:
        >>> confidence_percent(0.95), confidence_percent(0.9999999)
        ('95%', '99.99999%')
    """
    digits = 4
    while float(shown := f"{100 * confidence:.{digits}g}") >= 100 and digits < 17:
        digits += 1
    return f"{shown}%"


def _check_costs(**costs: float) -> None:
    for name, cost in costs.items():
        if not 0 <= cost < math.inf:
            raise ValueError(f"{name} is {cost!r}; expected a cost of at least 0")


def _check_prior(prior: float) -> None:
    if not 0 <= prior <= 1:
        raise ValueError(f"prior is {prior!r}; expected the share of attacks in traffic, in [0, 1]")


def _check_promises(policy: Policy, confidence: float | None, promises: tuple[Promise, ...]) -> None:
    if confidence is not None:
        valid_confidence(confidence)
    for each in promises:
        if not isinstance(each, MaxBpcer | MaxApcer) or each.subject_to:
            raise ValueError(
                f"{policy.name} is subject to {each!r}; expected MaxBpcer or MaxApcer without constraints of its own"
            )


def _besides(goal: str, promises: tuple[Promise, ...]) -> str:
    for each in promises:
        goal = phrase("{goal}, and {promise}", goal=goal, promise=each.describe())
    return goal
