"""Samples that belong together: which distinct score each has, and which cluster it is of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from finauth_eval.metrics.counts import ScoreCounts

__all__ = ["ClusteredScores", "sizes_of", "without_gaps"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClusteredScores:
    """The samples behind some counts, and which of them belong together; a cluster may hold both classes.

    Attributes:
        counts: The counts of the same samples.
        rows: Position of each sample's score in ``counts.scores``, shape (n,).
        clusters: Each sample's cluster, 0 to ``n_clusters - 1``, shape (n,).
        is_attack: Whether each sample is an attack, shape (n,).
        type_codes: Position of each attack's type in ``types``, -1 for none, shape (n,).
        types: Names of the attack types.
        weights: How many samples each of these stands for, shape (n,); ``None`` where each is one.

    Example:
        >>> from finauth_eval.metrics.counts import ScoreCounts
        >>> scores, attack = np.array([0.1, 0.9, 0.9]), np.array([False, True, True])
        >>> samples = ClusteredScores.of(
        ...     ScoreCounts.from_arrays(scores, attack), scores, is_attack=attack, clusters=np.array([4, 7, 7])
        ... )
        >>> samples.n_clusters, samples.repeated, samples.rows.tolist()
        (2, True, [0, 1, 1])
    """

    counts: ScoreCounts
    rows: NDArray[np.intp]
    clusters: NDArray[np.intp]
    is_attack: NDArray[np.bool_]
    type_codes: NDArray[np.integer[Any]]
    types: tuple[str, ...]
    weights: NDArray[np.int64] | None = None

    @classmethod
    def of(
        cls,
        counts: ScoreCounts,
        scores: ArrayLike,
        *,
        is_attack: NDArray[np.bool_],
        clusters: NDArray[np.integer[Any]],
        type_codes: NDArray[np.integer[Any]] | None = None,
        types: tuple[str, ...] = (),
        weights: NDArray[np.int64] | None = None,
    ) -> ClusteredScores:
        """From each sample's score and cluster.

        Args:
            counts: The counts of exactly these samples.
            scores: Finite scores, shape (n,).
            is_attack: Whether each sample is an attack, shape (n,).
            clusters: Any whole numbers that are equal for samples which belong together, shape (n,).
            type_codes: Position of each attack's type in ``types``, -1 for none, shape (n,).
            types: Names of the attack types.
            weights: How many samples each of these stands for, shape (n,); ``None`` where each is one.
        """
        return cls(
            counts=counts,
            rows=np.searchsorted(counts.scores, np.asarray(scores, dtype=np.float64)),
            clusters=without_gaps(clusters),
            is_attack=is_attack,
            type_codes=np.full(is_attack.size, -1) if type_codes is None else type_codes,
            types=types,
            weights=weights,
        )

    @property
    def n(self) -> int:
        """How many samples there are."""
        return self.clusters.size if self.weights is None else int(self.weights.sum())

    @property
    def n_clusters(self) -> int:
        """How many clusters there are."""
        return int(self.clusters.max()) + 1 if self.clusters.size else 0

    @property
    def repeated(self) -> bool:
        """Whether some cluster has more than one sample, so that samples are not independent."""
        return self.n > self.n_clusters

    def of_type(self, attack_type: str) -> NDArray[np.bool_]:
        """Which samples are attacks of this type, shape (n,)."""
        return np.asarray(self.is_attack & (self.type_codes == self.types.index(attack_type)))

    def select(self, attack_type: str) -> ClusteredScores:
        """Every bona fide sample with the attacks of one type.

        Raises:
            ValueError: There is no such type.
        """
        kept = ~self.is_attack | self.of_type(attack_type)
        return replace(
            self,
            counts=self.counts.select(attack_type),
            rows=self.rows[kept],
            clusters=without_gaps(self.clusters[kept]),
            is_attack=self.is_attack[kept],
            type_codes=self.type_codes[kept],
            weights=None if self.weights is None else self.weights[kept],
        )

    def one_by_one(self) -> ClusteredScores:
        """The same with a row for each sample."""
        if self.weights is None:
            return self
        each = np.repeat(np.arange(self.clusters.size), self.weights)
        return replace(
            self,
            rows=self.rows[each],
            clusters=self.clusters[each],
            is_attack=self.is_attack[each],
            type_codes=self.type_codes[each],
            weights=None,
        )

    def totals(self, values: ArrayLike, samples: NDArray[np.bool_]) -> NDArray[np.float64]:
        """The sum of the values of some samples in each cluster.

        Args:
            values: One value for each row that the mask names.
            samples: The mask, shape (n,).

        Returns:
            Shape (``n_clusters``,); 0 in a cluster without any of these samples.
        """
        each = np.asarray(values, dtype=np.float64)
        if self.weights is not None:
            each = each * self.weights[samples]
        return np.bincount(self.clusters[samples], each, minlength=self.n_clusters).astype(np.float64)

    def sizes(self, samples: NDArray[np.bool_]) -> NDArray[np.int64]:
        """How many of some samples each cluster has, shape (``n_clusters``,)."""
        weights = None if self.weights is None else self.weights[samples]
        return sizes_of(self.clusters[samples], weights, self.n_clusters)

    def n_clusters_with(self, samples: NDArray[np.bool_]) -> int:
        """How many clusters have at least one of some samples."""
        return int(np.count_nonzero(self.sizes(samples)))


def sizes_of(
    clusters: NDArray[np.integer[Any]], weights: NDArray[np.int64] | None, n_clusters: int
) -> NDArray[np.int64]:
    """How many samples each cluster has, shape (``n_clusters``,).

    Args:
        clusters: The cluster of each row, shape (n,).
        weights: How many samples each row stands for, shape (n,); ``None`` where each is one.
        n_clusters: How many clusters there are.

    Example:
        >>> sizes_of(np.array([0, 0, 2]), np.array([1, 5, 2]), 3).tolist()
        [6, 0, 2]
    """
    # sums of floats are exact up to 2^53
    return np.bincount(clusters, weights, minlength=n_clusters).astype(np.int64)


def without_gaps(clusters: NDArray[np.integer[Any]]) -> NDArray[np.intp]:
    """The same clusters as 0, 1 and on, in the order of their numbers, shape (n,).

    Example:
        >>> without_gaps(np.array([7, 2, 7])).tolist(), without_gaps(np.array([2, 7, 7])).tolist()
        ([1, 0, 1], [0, 1, 1])
    """
    if not clusters.size:
        return np.zeros(0, dtype=np.intp)
    if (clusters[1:] < clusters[:-1]).any():
        return np.asarray(np.unique(clusters, return_inverse=True)[1])
    found = np.zeros(clusters.size, dtype=np.intp)  # samples that come cluster by cluster need no sort
    np.cumsum(clusters[1:] != clusters[:-1], out=found[1:])
    return found
