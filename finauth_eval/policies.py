"""Goals that a threshold is chosen for."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any, ClassVar

__all__ = ["EqualError", "MaxApcer", "MaxBpcer", "MinCost", "Policy", "Youden", "percent", "valid_share"]


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
        return {"name": self.name, **{own.name: getattr(self, own.name) for own in fields(self)}}


@dataclass(frozen=True, slots=True)
class MaxBpcer(Policy):
    """Block at most a share of the bona fide samples, with the confidence that `recommend` is given.

    Attributes:
        target: The share, in (0, 1).
    """

    target: float
    name: ClassVar[str] = "max_bpcer"

    def __post_init__(self) -> None:
        valid_share("target", self.target)

    def describe(self) -> str:
        """The goal in plain words."""
        return f"block at most {percent(self.target)} of bona fide samples"


@dataclass(frozen=True, slots=True)
class MaxApcer(Policy):
    """Let at most a share of the attacks pass, whatever their type.

    Attributes:
        target: The share, in (0, 1).
        pooled: Whether the promise is for all attacks together, at this data's mix of types, instead of each type.
        without_insufficient: Whether types with too few samples are left out of the promise instead of refusing it.
    """

    target: float
    pooled: bool = False
    without_insufficient: bool = False
    name: ClassVar[str] = "max_apcer"

    def __post_init__(self) -> None:
        valid_share("target", self.target)

    def describe(self) -> str:
        """The goal in plain words."""
        which = "attacks, all types together" if self.pooled else "attacks of every type"
        return f"let at most {percent(self.target)} of {which} pass"


@dataclass(frozen=True, slots=True, kw_only=True)
class MinCost(Policy):
    """Least expected cost of the deployment.

    Attributes:
        miss: Cost of an attack that passes, at least 0, in any unit.
        alarm: Cost of a bona fide sample that is blocked, at least 0, in the same unit.
        prior: Share of attacks in the deployment's traffic, in [0, 1]; never this data's share.
    """

    miss: float
    alarm: float
    prior: float
    name: ClassVar[str] = "min_cost"

    def __post_init__(self) -> None:
        for name, cost in (("miss", self.miss), ("alarm", self.alarm)):
            if not 0 <= cost < math.inf:
                raise ValueError(f"{name} is {cost!r}; expected a cost of at least 0")
        if not 0 <= self.prior <= 1:
            raise ValueError(f"prior is {self.prior!r}; expected the share of attacks in traffic, in [0, 1]")

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
        return (
            f"least cost when a miss costs {self.miss:g}, a false alarm {self.alarm:g} and"
            f" {percent(self.prior)} of traffic are attacks"
        )


@dataclass(frozen=True, slots=True)
class EqualError(Policy):
    """Misses as frequent as false alarms; for orientation, not a recommendation."""

    name: ClassVar[str] = "equal_error"
    descriptive: ClassVar[bool] = True

    def describe(self) -> str:
        """The goal in plain words."""
        return "misses as frequent as false alarms"


@dataclass(frozen=True, slots=True)
class Youden(Policy):
    """Least sum of APCER and BPCER (greatest Youden index); for orientation, not a recommendation."""

    name: ClassVar[str] = "youden"
    descriptive: ClassVar[bool] = True

    def describe(self) -> str:
        """The goal in plain words."""
        return "least sum of the share of misses and the share of false alarms"


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
