"""Which samples thresholds are chosen on, and which they are measured on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from finauth_eval.errors import NothingToEvaluate
from finauth_eval.policies import valid_share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from finauth_eval.samples import ClusteredSamples
    from finauth_eval.scores import ScoreTable

__all__ = ["Apart", "fold_codes", "hold_out"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Apart:
    """The scored samples to choose on, and those kept apart from choosing.

    Attributes:
        chosen_on: Mask of the samples to choose on, shape (n,).
        measured_on: Mask of those to measure on, shape (n,); ``None`` where none are kept apart.
        by: What tells them apart; ``None`` where none are kept apart.
    """

    chosen_on: NDArray[np.bool_]
    measured_on: NDArray[np.bool_] | None
    by: Literal["holdout", "split"] | None


def hold_out(
    scores: ScoreTable, samples: ClusteredSamples, share: float | None, *, rng: np.random.Generator
) -> Apart:
    """The samples to choose on, and those to measure on where there are any.

    Args:
        scores: The table.
        samples: Its scored samples.
        share: Share of the clusters (else samples) of each class and type to measure on, in (0, 1); ``None`` keeps to the
            ``split`` column where it has ``calibration`` and ``test``, and else measures on none.
        rng: Source of randomness.

    Raises:
        NothingToEvaluate: No sample of the split ``calibration`` has a score.
        ValueError: The share is not in (0, 1).
    """
    if share is not None:
        valid_share("holdout", share)
        groups, kinds = _groups(samples)
        held = np.zeros(int(groups.max()) + 1, dtype=bool)
        for own in kinds:
            # of each kind one at least is left to choose on
            held[rng.permutation(own)[: min(round(share * own.size), max(0, own.size - 1))]] = True
        unseen = held[groups]
        return Apart(chosen_on=~unseen, measured_on=unseen if unseen.any() else None, by="holdout")
    if {"calibration", "test"} <= {*scores.frame["split"].cat.categories}:
        split = scores.frame["split"][scores.scored]
        chosen_on, unseen = (split == "calibration").to_numpy(), (split == "test").to_numpy()
        if not chosen_on.any():
            raise NothingToEvaluate(
                "no sample of the split 'calibration' has a score; no threshold can be chosen"
            )
        return Apart(chosen_on=chosen_on, measured_on=unseen if unseen.any() else None, by="split")
    return Apart(chosen_on=np.ones(samples.arrays.scores.size, dtype=bool), measured_on=None, by=None)


def fold_codes(samples: ClusteredSamples, folds: int, *, rng: np.random.Generator) -> NDArray[np.intp]:
    """A fold for each sample, shape (n,), in [0, ``folds``): whole clusters, each class and attack type spread evenly.

    Args:
        samples: The samples.
        folds: How many folds, at least 2.
        rng: Source of randomness.
    """
    groups, kinds = _groups(samples)
    fold = np.zeros(int(groups.max()) + 1, dtype=np.intp)
    for own in kinds:
        fold[rng.permutation(own)] = np.arange(own.size) % folds
    codes: NDArray[np.intp] = fold[groups]
    return codes


def _groups(samples: ClusteredSamples) -> tuple[NDArray[np.integer], list[NDArray[np.intp]]]:
    """The cluster (else the number) of each sample, and the clusters of each kind.

    Clusters without an attack are one kind, those with one a kind for each attack type (of any of their attacks).
    """
    arrays = samples.arrays
    groups = np.arange(arrays.scores.size) if samples.clusters is None else samples.clusters
    kind = np.full(int(groups.max()) + 1, -2)
    kind[groups[~arrays.is_attack]] = -1
    kind[groups[arrays.is_attack]] = np.maximum(arrays.type_codes[arrays.is_attack].astype(np.intp), -1) + 1
    return groups, [np.flatnonzero(kind == own) for own in range(-1, len(arrays.types) + 1)]
