"""One item of each cluster: samples that may be taken as independent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["OnePerCluster"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OnePerCluster:
    """Draws one item of each cluster at random.

    Attributes:
        values: The items' values, sorted by cluster, shape (n,).
        starts: How many items come before each cluster, shape (g,).
        sizes: How many items each cluster has, shape (g,).
        ends: How many items there are up to each value, that one included, shape (n,); ``None`` where each value is one
            item.

    Example:
        >>> draws = OnePerCluster.of(np.array([0.1, 0.2, 0.3]), np.array([7, 7, 9]))
        >>> draws.n_clusters, float(draws.draw(np.random.default_rng(1))[1])
        (2, 0.3)
    """

    values: NDArray[np.float64]
    starts: NDArray[np.intp]
    sizes: NDArray[np.intp]
    ends: NDArray[np.int64] | None = None

    @classmethod
    def of(
        cls,
        values: NDArray[np.float64],
        clusters: NDArray[np.integer],
        weights: NDArray[np.int64] | None = None,
    ) -> OnePerCluster:
        """From each value, its cluster and, where that is not one, how many items have it; each of shape (n,)."""
        order = np.argsort(clusters, kind="stable")
        _, starts, sizes = np.unique(clusters[order], return_index=True, return_counts=True)
        if weights is None:
            return cls(values=values[order], starts=starts, sizes=sizes)
        ends = np.cumsum(weights[order])
        before = np.concatenate([[0], ends])
        return cls(
            values=values[order],
            starts=before[starts],
            sizes=before[starts + sizes] - before[starts],
            ends=ends,
        )

    @property
    def n_clusters(self) -> int:
        """How many clusters there are."""
        return self.starts.size

    @property
    def single(self) -> bool:
        """Whether each cluster has one item only, so that nothing is drawn."""
        return int(self.sizes.sum()) == self.starts.size

    def draw(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """One value of each cluster, shape (g,), sorted ascending."""
        within = (rng.random(self.starts.size) * self.sizes).astype(np.intp)
        item = self.starts + within
        return np.sort(
            self.values[item if self.ends is None else np.searchsorted(self.ends, item, side="right")]
        )
