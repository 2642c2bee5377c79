"""Scores in ascending order without one entry for each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Ascending"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ascending:
    """Scores in ascending order, each by its rank from 0 on, from how often each occurs.

    Attributes:
        scores: Distinct scores, ascending, shape (k,).
        upto: How many there are up to each, shape (k,).

    Example:
        >>> items = Ascending.of(np.array([0.1, 0.2, 0.3]), np.array([2, 0, 1]))
        >>> items.size, [items[rank] for rank in range(3)]
        (3, [0.1, 0.1, 0.3])
    """

    scores: NDArray[np.float64]
    upto: NDArray[np.int64]

    @classmethod
    def of(cls, scores: NDArray[np.float64], counted: NDArray[np.integer[Any]]) -> Self:
        """From how often each of some ascending scores occurs."""
        return cls(scores=scores, upto=np.cumsum(counted, dtype=np.int64))

    @classmethod
    def of_each(cls, scores: ArrayLike) -> Self:
        """From finite scores given one by one, in any order."""
        return cls.of(*np.unique(np.asarray(scores, dtype=np.float64), return_counts=True))

    @property
    def size(self) -> int:
        """How many scores there are."""
        return int(self.upto[-1]) if self.upto.size else 0

    def __getitem__(self, rank: int) -> float:
        if not 0 <= rank < self.size:
            raise IndexError(f"rank {rank} of {self.size} scores")
        return float(self.at(rank))

    def at(self, ranks: ArrayLike) -> NDArray[np.float64]:
        """The scores of ranks in [0, ``size``), of the shape of these."""
        return np.asarray(self.scores[np.searchsorted(self.upto, ranks, side="right")])

    def counted(self) -> NDArray[np.int64]:
        """How often each score occurs, shape (k,)."""
        return np.diff(self.upto, prepend=0)

    def up_to(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """How many scores are at most each value, of the shape of these."""
        return np.append(0, self.upto)[np.searchsorted(self.scores, values, side="right")]

    def quantiles(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """Quantiles as `numpy.quantile` gives them: between two scores in a straight line; at least one score is there.

        Example:
            >>> Ascending.of_each([0.1, 0.2, 0.4]).quantiles(np.array([0.5, 0.75])).round(3).tolist()
            [0.2, 0.3]
        """
        place = (self.size - 1) * shares
        below = np.floor(place).astype(np.int64)
        low, high = self.at(below), self.at(np.minimum(below + 1, self.size - 1))
        part = place - below
        return np.where(part < 0.5, low + (high - low) * part, high - (high - low) * (1 - part))
