"""The thresholds that keep a policy's constraints: each promise bounds them from one side."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from finauth_eval.choosing.choice import Infeasible, Kept
from finauth_eval.choosing.promises import max_apcer, max_bpcer
from finauth_eval.phrases import phrase
from finauth_eval.policies import MaxApcer, MaxBpcer
from finauth_eval.shown.numbers import threshold as in_full

if TYPE_CHECKING:
    from collections.abc import Sequence

    from finauth_eval.choosing.basis import Basis
    from finauth_eval.choosing.choice import Choice, Need
    from finauth_eval.policies import Promise

__all__ = ["Bounds", "bounds", "contradiction", "promised"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The thresholds that keep every promise: those in [``at_least``, ``at_most``].

    Each promise holds with its own confidence whatever threshold is chosen between its bound and the far end, for
    the rates are monotone; so a choice by cost among them breaks none.
    """

    at_least: float
    at_most: float
    kept: tuple[Kept, ...]
    needs: dict[str, Need]
    choices: tuple[Choice, ...]


def promised(policy: Promise, basis: Basis) -> Choice | Infeasible:
    """The bound that one promise sets by itself.

    Raises:
        ValueError: It is no promise that a threshold can be chosen for.
    """
    match policy:
        case MaxBpcer():
            return max_bpcer(policy, basis)
        case MaxApcer():
            return max_apcer(policy, basis)
    raise ValueError(f"{policy!r} is not a policy that a threshold can be chosen for")


def bounds(promises: Sequence[Promise], basis: Basis) -> Bounds | Infeasible:
    """The thresholds that keep every promise, or which promise none keeps."""
    at_least, at_most = -math.inf, math.inf
    kept: list[Kept] = []
    needs: dict[str, Need] = {}
    choices: list[Choice] = []
    for policy in promises:
        found = promised(policy, basis)
        if isinstance(found, Infeasible):
            return Infeasible(
                reason=phrase("to {goal}: {why}", goal=policy.describe(), why=found.reason), needs=found.needs
            )
        assert found.guarantee is not None  # noqa: S101 - for the type checker; promises have one
        kept.append(Kept(policy=policy, threshold=found.threshold, guarantee=found.guarantee))
        needs |= found.needs
        choices.append(found)
        if isinstance(policy, MaxBpcer):
            at_least = max(at_least, found.threshold)
        else:
            at_most = min(at_most, found.threshold)
    return Bounds(at_least=at_least, at_most=at_most, kept=tuple(kept), needs=needs, choices=tuple(choices))


def contradiction(found: Bounds) -> Infeasible:
    """Why no single threshold keeps all of the promises."""
    return Infeasible(
        reason=phrase(
            "no threshold keeps every promise: that on bona fide samples needs at least {low}, that on attacks at most"
            " {high}",
            low=in_full(found.at_least),
            high=in_full(found.at_most),
        )
    )
