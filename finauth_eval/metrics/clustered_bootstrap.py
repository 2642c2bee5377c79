"""Percentile intervals by drawing whole clusters anew, for samples that belong together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from finauth_eval.metrics.counts import ScoreCounts
from finauth_eval.metrics.replicates import Replicates, statistics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from finauth_eval.metrics.clustered import ClusteredScores
    from finauth_eval.metrics.estimate import Estimate

__all__ = [
    "QUICKLY_DRAWN",
    "bootstrap_clusters",
    "by_clusters",
    "draw_cluster_replicates",
    "drawn_cluster_counts",
]

QUICKLY_DRAWN: Final = 10_000
"""Up to this many samples a bootstrap of clusters takes a few seconds."""
_DEFAULT_REPLICATES: Final = 2_000
_CELLS_AT_ONCE: Final = 1 << 19


def draw_cluster_replicates(
    samples: ClusteredScores, wanted: int | None, *, seed: int | None
) -> Replicates | None:
    """Bootstrap replicates of clusters, or ``None`` where none are wanted or a class is missing.

    Args:
        samples: The samples with their clusters.
        wanted: How many, or 0; ``None`` is 2,000 for at most `QUICKLY_DRAWN` samples, else 0.
        seed: Makes them repeatable; ``None`` is 0.
    """
    if wanted is None:
        wanted = _DEFAULT_REPLICATES if samples.n <= QUICKLY_DRAWN else 0
    if not wanted or not samples.counts.n_attack or not samples.counts.n_bona_fide:
        return None
    return bootstrap_clusters(samples, wanted, rng=np.random.default_rng(0 if seed is None else seed))


def bootstrap_clusters(samples: ClusteredScores, replicates: int, *, rng: np.random.Generator) -> Replicates:
    """Draw clusters with replacement, each with all its samples, and compute everything again.

    Clusters of bona fide samples only, of attacks only and of both are drawn apart, each kind as often as it is
    there, so that no replicate lacks a class. A class's size varies between replicates where clusters differ in
    size. An attack type that a replicate has no sample of is left out of its worst type. The time grows with
    ``replicates`` times the number of samples.

    Args:
        samples: Samples of both classes, with their clusters.
        replicates: How many replicates, at least 1.
        rng: Source of randomness.

    Raises:
        ValueError: A class is missing, or ``replicates`` is not positive.

    References:
        Davison, A. and Hinkley, D. (1997). Bootstrap Methods and their Application, section 3.8 (whole clusters).

    Example:
        >>> from finauth_eval.metrics.clustered import ClusteredScores
        >>> scores, attack = np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True])
        >>> samples = ClusteredScores.of(
        ...     ScoreCounts.from_arrays(scores, attack), scores, is_attack=attack, clusters=np.array([0, 1, 0, 1])
        ... )
        >>> bootstrap_clusters(samples, 3, rng=np.random.default_rng(7)).equal_error.shape
        (3,)
    """
    if replicates < 1:
        raise ValueError(f"{replicates} replicates; expected at least 1")
    if not samples.counts.n_attack or not samples.counts.n_bona_fide:
        raise ValueError("a bootstrap needs samples of both classes")
    k = samples.counts.scores.size
    bona_fide = _Stratum.of(samples, ~samples.is_attack)
    attack = _Stratum.of(samples, samples.is_attack)
    types = {name: _Stratum.of(samples, samples.of_type(name)) for name in samples.counts.by_attack_type}
    return Replicates.joined(
        [
            statistics(
                np.cumsum(bona_fide.drawn(drawn, k), axis=1),
                np.cumsum(attack.drawn(drawn, k), axis=1),
                {name: np.cumsum(own.drawn(drawn, k), axis=1) for name, own in types.items()},
            )
            for drawn in _draws(samples, replicates, rng)
        ]
    )


def drawn_cluster_counts(
    samples: ClusteredScores, replicates: int, rng: np.random.Generator
) -> Iterator[ScoreCounts]:
    """The counts of bootstrap replicates one by one, clusters drawn whole; attack types are not told apart.

    Args:
        samples: Samples of both classes, with their clusters.
        replicates: How many replicates.
        rng: Source of randomness.
    """
    k = samples.counts.scores.size
    bona_fide = _Stratum.of(samples, ~samples.is_attack)
    attack = _Stratum.of(samples, samples.is_attack)
    for drawn in _draws(samples, replicates, rng):
        for own, others in zip(bona_fide.drawn(drawn, k), attack.drawn(drawn, k), strict=True):
            yield ScoreCounts(scores=samples.counts.scores, bona_fide=own, attack=others, by_attack_type={})


def by_clusters(estimate: Estimate) -> Estimate:
    """An estimate whose limits are from replicates of clusters, under the name of that method."""
    if estimate.method != "bootstrap-percentile":
        return estimate
    return replace(estimate, method="bootstrap-clusters-percentile")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Stratum:
    """The samples of one class or type, ascending by score.

    Attributes:
        clusters: The cluster of each, shape (n,).
        weights: How many samples each of these stands for, shape (n,); ``None`` where each is one.
        seen: Which rows of the counts have a sample, shape (j,), and ``starts`` where each begins.
    """

    clusters: NDArray[np.intp]
    weights: NDArray[np.int64] | None
    seen: NDArray[np.intp]
    starts: NDArray[np.intp]

    @classmethod
    def of(cls, samples: ClusteredScores, own: NDArray[np.bool_]) -> Self:
        order = np.argsort(samples.rows[own], kind="stable")
        seen, starts = np.unique(samples.rows[own][order], return_index=True)
        weights = None if samples.weights is None else samples.weights[own][order]
        return cls(clusters=samples.clusters[own][order], weights=weights, seen=seen, starts=starts)

    def drawn(self, times: NDArray[np.int64], k: int) -> NDArray[np.int64]:
        """Samples at each of ``k`` scores, shape (block, k), when each cluster is there so many ``times``."""
        counts = np.zeros((times.shape[0], k), dtype=np.int64)
        if self.seen.size:
            drawn = times[:, self.clusters]
            if self.weights is not None:
                drawn *= self.weights
            counts[:, self.seen] = np.add.reduceat(drawn, self.starts, axis=1)
        return counts


def _draws(
    samples: ClusteredScores, replicates: int, rng: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """Blocks of replicates: how often each cluster was drawn, shape (block, clusters)."""
    kinds = (samples.sizes(samples.is_attack) > 0) + 2 * (samples.sizes(~samples.is_attack) > 0)
    members = [np.flatnonzero(kinds == kind) for kind in (1, 2, 3)]
    block = max(1, _CELLS_AT_ONCE // samples.rows.size)
    for start in range(0, replicates, block):
        times = np.zeros((min(block, replicates - start), samples.n_clusters), dtype=np.int64)
        for own in members:
            if own.size:
                times[:, own] = rng.multinomial(own.size, np.full(own.size, 1 / own.size), size=len(times))
        yield times
