"""What a gate sees when nothing has changed: each sample's two answers exchanged at random, again and again."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from finauth_eval.gating.observing import regression
from finauth_eval.metrics.estimate import Estimate
from finauth_eval.metrics.intervals import rate
from finauth_eval.phrases import phrase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from finauth_eval.gating.observing import Material
    from finauth_eval.gating.rules import Check

__all__ = [
    "Exchanged",
    "exchanged",
    "fails",
    "false_alarms",
    "holm_by_level",
    "how_many",
    "not_measured",
    "rank",
]

_EXCHANGES: Final = 1_000
_LEAST_EXCHANGES: Final = 100
_SAMPLES_IN_ALL: Final = 5_000_000
"""Exchanges times samples that are worth waiting for."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Exchanged:
    """What the checks see when the answers of both runs are exchanged at random; each of shape (exchanges, checks)."""

    observed: np.ndarray[Any, np.dtype[np.float64]]
    p_values: np.ndarray[Any, np.dtype[np.float64]]


def how_many(wanted: int | None, n: int) -> int:
    """How many exchanges: as many as wanted, or as many as take a few seconds.

    Raises:
        ValueError: Fewer than none are wanted.
    """
    if wanted is not None:
        if wanted < 0:
            raise ValueError(f"exchanges is {wanted}; expected a number, or 0 for none")
        return wanted
    return max(_LEAST_EXCHANGES, min(_EXCHANGES, _SAMPLES_IN_ALL // max(1, n)))


def exchanged(checks: Sequence[Check], material: Material, number: int, *, seed: int | None) -> Exchanged:
    """What the checks against the baseline see in each of so many exchanges.

    Args:
        checks: All checks; columns of those with a ceiling or floor stay ``nan``.
        material: The samples of both runs.
        number: How many exchanges.
        seed: Makes them repeatable; ``None`` is 0.
    """
    rng = np.random.default_rng(0 if seed is None else seed)
    observed, p_values = (np.full((number, len(checks)), np.nan) for _ in range(2))
    for row in range(number):
        drawn = material.exchanged(rng)
        for i, own in enumerate(checks):
            if own.kind == "tolerance":
                seen = regression(own.rule, drawn)
                observed[row, i], p_values[row, i] = seen.observed, seen.p_value
    return Exchanged(observed=observed, p_values=p_values)


def rank(observed: float, drawn: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    """The share of exchanges that are at least as bad as what was seen, which counts as one of them."""
    if math.isnan(observed):
        return math.nan
    return float((1 + np.count_nonzero(drawn >= observed - 1e-12)) / (1 + drawn.size))


def holm_by_level(
    p_values: np.ndarray[Any, np.dtype[np.float64]], confidences: Sequence[float]
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Holm's correction of each row, where every check has a level of its own: in the order of p over level.

    By Bonferroni at each step the chance of any false failure stays below the largest of the levels.
    """
    levels = 1 - np.asarray(confidences)
    order = np.argsort(p_values / levels, axis=1)  # nan last
    known = np.count_nonzero(~np.isnan(p_values), axis=1)[:, None]
    left = np.maximum(known - np.arange(p_values.shape[1]), 1)
    stepped = np.take_along_axis(p_values / levels, order, axis=1) * left
    stepped = np.maximum.accumulate(stepped, axis=1)
    adjusted = np.empty_like(p_values)
    np.put_along_axis(adjusted, order, stepped, axis=1)
    return np.asarray(np.minimum(adjusted * levels, 1.0))


def fails(own: Check, observed: Any, p_holm: Any) -> Any:
    """Whether a figure is beyond its limit, and surely so."""
    return (observed > own.limit + 1e-12) & (p_holm <= 1 - own.rule.confidence)


def false_alarms(
    checks: Sequence[Check],
    drawn: Exchanged,
    by_exchange: Sequence[bool],
    p_values: Sequence[float],
    verdicts: Sequence[str],
) -> Estimate:
    """In which share of the exchanges some check fails against the baseline, though nothing has changed.

    Args:
        checks: The checks.
        drawn: What they see in each exchange.
        by_exchange: Which of them take their p-value from their rank among the exchanges.
        p_values: Each check's own p-value; those of ceilings and floors stay what they are in every exchange.
        verdicts: Each check's own verdict: one that is too small to be decided can't fail in an exchange either.
    """
    number = drawn.observed.shape[0]
    against = [own.kind == "tolerance" for own in checks]
    if not number or not any(against):
        return not_measured()
    drawn_p = drawn.p_values.copy()
    for i, ranked in enumerate(by_exchange):
        if not against[i]:
            drawn_p[:, i] = p_values[i]
        elif ranked:
            ascending = np.sort(drawn.observed[:, i])
            at_least = number - np.searchsorted(ascending, drawn.observed[:, i] - 1e-12)
            drawn_p[:, i] = (1 + at_least) / (1 + number)
    adjusted = holm_by_level(drawn_p, [own.rule.confidence for own in checks])
    failed = np.zeros(number, dtype=bool)
    for i, own in enumerate(checks):
        if against[i] and verdicts[i] != "inconclusive":
            failed |= fails(own, drawn.observed[:, i], adjusted[:, i])
    return rate(int(failed.sum()), number)


def not_measured() -> Estimate:
    """The false alarm rate where nothing was exchanged."""
    return Estimate.undefined(phrase("not measured"), confidence=0.95, method="clopper-pearson")
