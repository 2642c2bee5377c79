"""Percentile intervals by a stratified bootstrap over counts: no replicate sorts anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from finauth_eval.metrics.counts import ScoreCounts
from finauth_eval.metrics.replicates import Replicates, statistics
from finauth_eval.metrics.strata import Strata

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


__all__ = ["bootstrap", "drawn_counts"]

_CELLS_AT_ONCE: Final = 1 << 17
_FEW_SCORES: Final = 1 << 10
"""Up to so many distinct scores, many replicates at once are quicker than one after the other."""


def bootstrap(counts: ScoreCounts, replicates: int, *, rng: np.random.Generator) -> Replicates:
    """Draw the samples of each class and attack type anew, and compute everything again.

    Each stratum (the bona fide samples, each attack type, the attacks without a type) keeps its size; its counts are
    one multinomial draw a replicate. The time grows with ``replicates`` times the number of distinct scores.

    Args:
        counts: Counts of both classes, each with a sample.
        replicates: How many replicates, at least 1.
        rng: Source of randomness.

    Raises:
        ValueError: A class is missing, or ``replicates`` is not positive.

    References:
        Efron, B. and Tibshirani, R. (1993). An Introduction to the Bootstrap, chapter 13 (percentile intervals).

    Example:
        >>> counts = ScoreCounts.from_arrays([0.1, 0.4, 0.35, 0.8], [False, False, True, True])
        >>> bootstrap(counts, 3, rng=np.random.default_rng(7)).equal_error.shape
        (3,)
    """
    if replicates < 1:
        raise ValueError(f"{replicates} replicates; expected at least 1")
    if not counts.n_attack or not counts.n_bona_fide:
        raise ValueError("a bootstrap needs samples of both classes")
    seen = counts.compact()
    if seen.scores.size > _FEW_SCORES:
        strata = Strata(seen)
        return Replicates.joined([strata.replicate(rng) for _ in range(replicates)])
    return Replicates.joined([statistics(*drawn) for drawn in _draws(seen, replicates, rng)])


def drawn_counts(counts: ScoreCounts, replicates: int, rng: np.random.Generator) -> Iterator[ScoreCounts]:
    """The counts of bootstrap replicates one by one, each stratum drawn anew; attack types are not told apart.

    Args:
        counts: Counts of both classes, each with a sample.
        replicates: How many replicates.
        rng: Source of randomness.

    Example:
        >>> counts = ScoreCounts.from_arrays([0.1, 0.4, 0.35, 0.8], [False, False, True, True])
        >>> [(own.n_bona_fide, own.n_attack) for own in drawn_counts(counts, 2, np.random.default_rng(0))]
        [(2, 2), (2, 2)]
    """
    for cleared, missed, _ in _draws(counts, replicates, rng):
        bona_fide, attack = np.diff(cleared, axis=1, prepend=0), np.diff(missed, axis=1, prepend=0)
        for own, others in zip(bona_fide, attack, strict=True):
            yield ScoreCounts(scores=counts.scores, bona_fide=own, attack=others, by_attack_type={})


_Draw = tuple["NDArray[np.int64]", "NDArray[np.int64]", "dict[str, NDArray[np.int64]]"]


def _draws(counts: ScoreCounts, replicates: int, rng: np.random.Generator) -> Iterator[_Draw]:
    """Blocks of replicates: bona fide samples, attacks and those of each type up to each score, of shape (block, k)."""
    typed = counts.by_attack_type
    untyped = counts.attack.astype(np.int64)
    for own in typed.values():
        untyped -= own
    block = max(1, _CELLS_AT_ONCE // counts.scores.size)
    for start in range(0, replicates, block):
        size = min(block, replicates - start)
        cleared = np.cumsum(_resampled(counts.bona_fide, size, rng), axis=1)
        types = {name: np.cumsum(_resampled(own, size, rng), axis=1) for name, own in typed.items()}
        missed = np.cumsum(_resampled(untyped, size, rng), axis=1)
        for own in types.values():
            missed += own
        yield cleared, missed, types


def _resampled(own: NDArray[np.int64], replicates: int, rng: np.random.Generator) -> NDArray[np.int64]:
    n = int(own.sum())
    drawn = np.zeros((replicates, own.size), dtype=np.int64)
    rows = np.flatnonzero(own)
    if n and rows.size > n // 4:  # few ties: drawing samples is quicker than drawing counts
        samples = np.repeat(rows, own[rows])
        for replicate in drawn:
            replicate += np.bincount(samples[rng.integers(n, size=n)], minlength=own.size)
    elif n:
        drawn[:, rows] = rng.multinomial(n, own[rows] / n, size=replicates)
    return drawn
