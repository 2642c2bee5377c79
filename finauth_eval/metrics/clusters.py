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
        starts: Where each cluster starts in ``values``, shape (g,).
        sizes: How many items each cluster has, shape (g,).

    Example:
        >>> draws = OnePerCluster.of(np.array([0.1, 0.2, 0.3]), np.array([7, 7, 9]))
        >>> draws.n_clusters, float(draws.draw(np.random.default_rng(1))[1])
        (2, 0.3)
    """

    values: NDArray[np.float64]
    starts: NDArray[np.intp]
    sizes: NDArray[np.intp]

    @classmethod
    def of(cls, values: NDArray[np.float64], clusters: NDArray[np.integer]) -> OnePerCluster:
        """From each item's value and cluster, both of shape (n,)."""
        order = np.argsort(clusters, kind="stable")
        _, starts, sizes = np.unique(clusters[order], return_index=True, return_counts=True)
        return cls(values=values[order], starts=starts, sizes=sizes)

    @property
    def n_clusters(self) -> int:
        """How many clusters there are."""
        return self.starts.size

    @property
    def single(self) -> bool:
        """Whether each cluster has one item only, so that nothing is drawn."""
        return self.values.size == self.starts.size

    def draw(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """One value of each cluster, shape (g,), sorted ascending."""
        within = (rng.random(self.starts.size) * self.sizes).astype(np.intp)
        return np.sort(self.values[self.starts + within])
