"""How many samples a promise needs, before any is sent."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.special import betaincc

from finauth_eval.metrics.intervals import clopper_pearson_limits
from finauth_eval.metrics.order_statistics import allowed_errors, binomial_cdf, minimum_n
from finauth_eval.policies import MaxApcer, MaxBpcer

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["PlanRow", "SamplePlan", "expected_width", "plan_sample_size"]

SCHEMA: Final = "finauth-eval/plan/1"
_MOST_SAMPLES: Final = 10**15
_PLANNED_ERRORS: Final = (0, 1, 2, 3, 5, 10, 20)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """How far a number of samples goes.

    Attributes:
        n: Independent samples.
        m: Errors that the rule allows among them; ``None`` when ``n`` is too small for any promise.
        power: Probability that a threshold whose true rate is half the target shows at most ``m`` errors.
        interval_width: Expected width of the rate's Clopper-Pearson interval where its true value is half the target.
    """

    n: int
    m: int | None
    power: float
    interval_width: float

    def to_dict(self) -> dict[str, Any]:
        """The fields."""
        return {own.name: getattr(self, own.name) for own in fields(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplePlan:
    """How many samples a goal needs.

    Attributes:
        policy: The goal.
        confidence: The confidence it is promised with.
        minimum: The fewest independent samples for any promise: of bona fide samples, or of each attack type.
        rows: What more samples buy.
    """

    policy: MaxBpcer | MaxApcer
    confidence: float
    minimum: int
    rows: tuple[PlanRow, ...]

    def to_dict(self) -> dict[str, Any]:
        """The JSON of ``finauth-eval plan --json``."""
        of = "bona_fide" if isinstance(self.policy, MaxBpcer) else "attack_type"
        return {
            "schema": SCHEMA,
            "target": {**self.policy.to_dict(), "confidence": self.confidence},
            "minimum": {of: self.minimum},
            "rows": [row.to_dict() for row in self.rows],
        }


def plan_sample_size(
    policy: MaxBpcer | MaxApcer, *, confidence: float = 0.95, sizes: Sequence[int] = ()
) -> SamplePlan:
    """How many samples a promise needs, and what more of them buy.

    Args:
        policy: The goal.
        confidence: The confidence it is to be promised with, in (0, 1).
        sizes: Numbers of samples to show a row for; without any, the fewest that allow 0, 1, 2, 3, 5, 10 and 20
            errors.

    Raises:
        ValueError: The confidence is not in (0, 1), or a size is not positive.

    Example:
        >>> plan = plan_sample_size(MaxBpcer(0.01))
        >>> plan.minimum, plan.rows[1].n
        (299, 473)
    """
    wanted = sizes or [minimum_n(policy.target, confidence=confidence, errors=m) for m in _PLANNED_ERRORS]
    rows = []
    for n in wanted:
        if not 1 <= n <= _MOST_SAMPLES:
            raise ValueError(f"a size is {n}; expected at least 1 sample and at most {_MOST_SAMPLES}")
        m = allowed_errors(n, policy.target, confidence=confidence)
        power = 0.0 if m is None else binomial_cdf(m, n, policy.target / 2)
        width = expected_width(n, policy.target / 2, confidence=confidence)
        rows.append(PlanRow(n=n, m=m, power=power, interval_width=width))
    minimum = minimum_n(policy.target, confidence=confidence)
    return SamplePlan(policy=policy, confidence=confidence, minimum=minimum, rows=tuple(rows))


def expected_width(n: int, rate: float, *, confidence: float = 0.95) -> float:
    """Expected width of a rate's Clopper-Pearson interval.

    Args:
        n: Independent samples, at least 1.
        rate: The true rate, in (0, 1).
        confidence: Nominal coverage, in (0, 1).

    Example:
        >>> round(expected_width(299, 0.005), 4)
        0.0201
    """
    spread = 12 * math.sqrt(n * rate * (1 - rate)) + 30
    events = np.arange(min(n, math.ceil(n * rate + spread)) + 1)  # what lies beyond has no weight
    low, high = clopper_pearson_limits(events, n, confidence=confidence)
    weights = np.diff(
        np.where(events < n, betaincc(events + 1.0, np.maximum(n - events, 1), rate), 1), prepend=0
    )
    return float(np.dot(weights, high - low))
