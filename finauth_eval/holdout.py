"""Which samples thresholds are chosen on, and which they are measured on."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from finauth_eval.counting.rows import SPLITS
from finauth_eval.errors import NothingToEvaluate
from finauth_eval.policies import valid_share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from finauth_eval.samples import ClusteredSamples, Selection

__all__ = ["Apart", "fold_parts", "hold_out", "without"]

_DRAWN_ONE_BY_ONE: Final = 1 << 22
_HYPERGEOMETRIC: Final = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Apart:
    """The scored samples to choose on, and those kept apart from choosing.

    Attributes:
        chosen_on: The samples to choose on.
        measured_on: Those to measure on; ``None`` where none are kept apart.
        by: What tells them apart; ``None`` where none are kept apart.
    """

    chosen_on: Selection
    measured_on: Selection | None
    by: Literal["holdout", "split"] | None


def hold_out(
    samples: ClusteredSamples,
    share: float | None,
    *,
    splits: NDArray[np.integer[Any]] | None,
    rng: np.random.Generator,
) -> Apart:
    """The samples to choose on, and those to measure on where there are any.

    Args:
        samples: The scored samples.
        share: Share of the clusters (else samples) of each class and type to measure on, in (0, 1); ``None`` keeps to
            the splits ``calibration`` and ``test`` where there are both, and else measures on none.
        splits: Position of each sample's split in `finauth_eval.counting.rows.SPLITS`, shape (n,); ``None`` where there are
            not both.
        rng: Source of randomness.

    Raises:
        NothingToEvaluate: No sample of the split ``calibration`` has a score.
        ValueError: The share is not in (0, 1).
    """
    every = samples.selection()
    if share is not None:
        valid_share("holdout", share)
        # of each kind one at least is left to choose on
        [unseen] = _drawn(samples, [lambda n: min(round(share * n), max(0, n - 1))], rng)
        return Apart(
            chosen_on=without(every, unseen), measured_on=unseen if unseen.any() else None, by="holdout"
        )
    if splits is not None:
        chosen_on, unseen = (every * (splits == SPLITS.index(name)) for name in ("calibration", "test"))
        if not chosen_on.any():
            raise NothingToEvaluate(
                "no sample of the split 'calibration' has a score; no threshold can be chosen"
            )
        return Apart(chosen_on=chosen_on, measured_on=unseen if unseen.any() else None, by="split")
    return Apart(chosen_on=every, measured_on=None, by=None)


def fold_parts(samples: ClusteredSamples, folds: int, *, rng: np.random.Generator) -> list[Selection]:
    """The samples of each fold: whole clusters, each class and attack type spread evenly.

    Args:
        samples: The samples.
        folds: How many folds, at least 2.
        rng: Source of randomness.
    """
    return _drawn(samples, [lambda n, k=k: (n - k + folds - 1) // folds for k in range(folds)], rng)


def without(every: Selection, own: Selection) -> Selection:
    """The samples of a selection that are not in another one, which is a part of it."""
    return every & ~own if every.dtype == bool else every - own


def _drawn(samples: ClusteredSamples, sizes: list[Any], rng: np.random.Generator) -> list[Selection]:
    """Disjoint random selections: of each kind with n clusters (else samples) as many as each of the sizes says of n."""
    arrays = samples.arrays
    if samples.clusters is None and arrays.weights is not None:
        found: list[Selection] = [np.zeros(arrays.scores.size, dtype=np.int64) for _ in sizes]
        for rows in _kinds(samples, np.arange(arrays.scores.size)):
            # by score, so that the same samples are drawn whether segments have rows of their own or not
            own = rows[np.argsort(arrays.scores[rows], kind="stable")]
            weights = arrays.weights[own]
            wanted = [size(int(weights.sum())) for size in sizes]
            for part, drawn in zip(found, _parts_of_equals(weights, wanted, rng), strict=True):
                part[own] = drawn
        return found
    groups = np.arange(arrays.scores.size) if samples.clusters is None else samples.clusters
    part_of = np.full(int(groups.max()) + 1, -1)
    for own in _kinds(samples, groups):
        mixed, start = rng.permutation(own), 0
        for i, size in enumerate(sizes):
            stop = start + size(own.size)
            part_of[mixed[start:stop]] = i
            start = stop
    selected = [part_of[groups] == i for i in range(len(sizes))]
    return selected if arrays.weights is None else [own * arrays.weights for own in selected]


def _parts_of_equals(
    weights: NDArray[np.int64], wanted: list[int], rng: np.random.Generator
) -> list[NDArray[np.int64]]:
    """How many of the samples of each row fall into each part, when so many are drawn without replacement for it."""
    n = int(weights.sum())
    if n <= _DRAWN_ONE_BY_ONE:
        mixed = rng.permutation(np.repeat(np.arange(weights.size), weights))
        ends = np.cumsum([0, *wanted])
        return [np.bincount(mixed[a:b], minlength=weights.size) for a, b in pairwise(ends)]
    found, left = [], weights.copy()
    for size in wanted:
        total = int(left.sum())
        if size == total:
            drawn = left.copy()
        elif total < _HYPERGEOMETRIC:
            drawn = rng.multivariate_hypergeometric(left, size, method="marginals")
        else:  # of so many each one by itself: the sizes come out within a few ten-thousandths of what was asked for
            drawn = rng.binomial(left, size / total)
        found.append(drawn)
        left -= drawn
    return found


def _kinds(samples: ClusteredSamples, groups: NDArray[np.integer[Any]]) -> list[NDArray[np.intp]]:
    """The clusters (else rows) of each kind.

    Clusters without an attack are one kind, those with one a kind for each attack type (of any of their attacks).
    """
    arrays = samples.arrays
    kind = np.full(int(groups.max()) + 1, -2)
    kind[groups[~arrays.is_attack]] = -1
    kind[groups[arrays.is_attack]] = np.maximum(arrays.type_codes[arrays.is_attack].astype(np.intp), -1) + 1
    return [np.flatnonzero(kind == own) for own in range(-1, len(arrays.types) + 1)]
