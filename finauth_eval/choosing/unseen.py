"""What thresholds do to samples that they were not chosen on: cross-fitting, and the cost there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from finauth_eval.choosing.choice import Infeasible
from finauth_eval.choosing.choose import choose
from finauth_eval.holdout import fold_parts, without
from finauth_eval.phrases import phrase
from finauth_eval.policies import AcceptReviewReject, MinCost
from finauth_eval.shown.numbers import threshold as in_full

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from finauth_eval.choosing.basis import Basis
    from finauth_eval.policies import Policy
    from finauth_eval.samples import ClusteredSamples

__all__ = ["Decided", "OutOfFold", "deployed"]

_FOLDS: Final = (5, 10, 20)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Decided:
    """Decisions about every sample, each by a threshold that was chosen without it.

    Attributes:
        samples: The samples, fold by fold.
        blocked: Whether each ends as decided attack, reviews being right, shape (n,).
        reviewed: Whether each is reviewed, shape (n,).
        thresholds: The threshold of each fold.
    """

    samples: ClusteredSamples
    blocked: NDArray[np.bool_]
    reviewed: NDArray[np.bool_]
    thresholds: tuple[float, ...]

    @property
    def words(self) -> str:
        """How this was done."""
        low, high = min(self.thresholds), max(self.thresholds)
        return phrase(
            "Out of sample by cross-fitting: {folds} times chosen on the rest and measured on the part left out; those"
            " thresholds lie between {low} and {high}.",
            folds=len(self.thresholds),
            low=in_full(low),
            high=in_full(high),
        )


class OutOfFold:
    """Chooses for each fold on the other folds; the folds serve every policy."""

    def __init__(self, basis: Basis, *, stream: int) -> None:
        """From the samples of a basis.

        Args:
            basis: The samples, and how to choose on them.
            stream: Tells these draws from others with the same seed.
        """
        self._basis = basis
        self._stream = stream
        self._made: dict[int, list[tuple[ClusteredSamples, Basis]]] = {}

    def decide(self, policy: Policy) -> Decided | None:
        """Decisions out of fold; ``None`` where the samples are too few to leave any out."""
        for folds in _FOLDS:
            decided = self._decided(policy, folds)
            if decided is not None:
                return decided
        return None

    def _decided(self, policy: Policy, folds: int) -> Decided | None:
        parts = self._parts(folds)
        decided, thresholds = [], []
        for own, rest in parts:
            found = choose(policy, rest)
            if isinstance(found, Infeasible):
                return None
            decided.append(found.decide(own.arrays))
            thresholds.append(found.threshold)
        (first, _), *others = parts
        return Decided(
            samples=first.followed_by([own for own, _ in others]),
            blocked=np.concatenate([blocked for blocked, _ in decided]),
            reviewed=np.concatenate([reviewed for _, reviewed in decided]),
            thresholds=tuple(thresholds),
        )

    def _parts(self, folds: int) -> list[tuple[ClusteredSamples, Basis]]:
        """The samples of each fold, and what is chosen on for it: the others."""
        if folds not in self._made:
            basis = self._basis
            rng = np.random.default_rng([basis.seed, self._stream, folds])
            every = basis.samples.selection()
            self._made[folds] = [
                (basis.samples.take(own), basis.on(basis.samples.take(without(every, own))))
                for own in fold_parts(basis.samples, folds, rng=rng)
            ]
        return self._made[folds]


def deployed(
    policy: Policy, samples: ClusteredSamples, blocked: NDArray[np.bool_], reviewed: NDArray[np.bool_]
) -> tuple[float, float]:
    """Expected cost of a decision in the deployment and the share of its traffic that is reviewed, on these samples.

    Args:
        policy: The goal.
        samples: The samples.
        blocked: Whether each ends as decided attack, shape (n,).
        reviewed: Whether each is reviewed, shape (n,).

    Returns:
        Cost and share; ``nan`` for policies without costs, and where a class is missing.
    """
    attack = samples.arrays.is_attack
    if not isinstance(policy, MinCost | AcceptReviewReject) or attack.all() or not attack.any():
        return math.nan, math.nan
    prior, share_of = policy.prior, samples.arrays.share
    share = prior * share_of(reviewed, attack) + (1 - prior) * share_of(reviewed, ~attack)
    errors = prior * policy.miss * share_of(~blocked, attack)
    errors += (1 - prior) * policy.alarm * share_of(blocked, ~attack)
    review = policy.review if isinstance(policy, AcceptReviewReject) else None
    return errors + (review or 0.0) * share, share
