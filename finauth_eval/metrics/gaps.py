"""Is a part of the samples decided wrongly more often than the rest?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from finauth_eval.metrics.clustered import sizes_of, without_gaps
from finauth_eval.metrics.clustered_rates import clustered_rate, effective_size
from finauth_eval.metrics.independent_rates import independent_rates
from finauth_eval.metrics.intervals import rate
from finauth_eval.phrases import phrase

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from finauth_eval.metrics.change import Change
    from finauth_eval.metrics.estimate import Estimate

__all__ = ["Whole"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Whole:
    """The samples of one class, of which parts are compared with the rest.

    Attributes:
        wrong: Whether each sample is decided wrongly, shape (n,).
        weights: How many samples each of these stands for, shape (n,); ``None`` where each is one.
        clusters: Each sample's cluster, 0 and on, shape (n,); ``None`` where samples are independent.
        events: Wrong decisions of each cluster, shape (g,); of all samples together where they are independent.
        sizes: Samples of each cluster, likewise.
        of: What the samples are, for the reason when a part has none.
    """

    wrong: NDArray[np.bool_]
    weights: NDArray[np.int64] | None
    clusters: NDArray[np.intp] | None
    events: NDArray[np.int64]
    sizes: NDArray[np.int64]
    of: str

    @classmethod
    def of_samples(
        cls,
        wrong: ArrayLike,
        clusters: ArrayLike | None = None,
        weights: NDArray[np.int64] | None = None,
        *,
        of: str = phrase("sample"),
    ) -> Self:
        """From each sample's decision and cluster, and how many samples it stands for; clusters are any whole numbers."""
        seen = np.asarray(wrong, dtype=bool)
        codes = None if clusters is None else without_gaps(np.asarray(clusters))
        groups = 0 if codes is None else int(codes.max(initial=-1)) + 1
        events, sizes = _counted(seen, weights, codes, groups)
        return cls(wrong=seen, weights=weights, clusters=codes, events=events, sizes=sizes, of=of)

    def gap(self, part: NDArray[np.integer], *, confidence: float = 0.95) -> Change:
        """The rate of a part less that of the rest, with Miettinen and Nurminen's interval and test.

        Clusters count by their effective size. Where one has samples in the part and in the rest, the two rates are
        taken as independent all the same: as the samples of a cluster are alike, the interval is too wide then, not
        too narrow.

        Args:
            part: Positions of the part's samples, shape (k,).
            confidence: Nominal coverage, in (0, 1).

        Example:
            >>> whole = Whole.of_samples([True] * 20 + [False] * 80 + [True] * 10 + [False] * 90)
            >>> found = whole.gap(np.arange(100))
            >>> round(found.difference.value, 3), round(found.p_value, 4)
            (0.1, 0.0482)
        """
        own = None if self.clusters is None else self.clusters[part]
        weights = None if self.weights is None else self.weights[part]
        events, sizes = _counted(self.wrong[part], weights, own, self.sizes.size)
        inside, effective_inside = self._rate(events, sizes, confidence)
        rest, effective_rest = self._rate(self.events - events, self.sizes - sizes, confidence)
        change, _, _ = independent_rates(
            rest, inside, effective_a=effective_rest, effective_b=effective_inside, confidence=confidence
        )
        return change

    def _rate(
        self, events: NDArray[np.int64], sizes: NDArray[np.int64], confidence: float
    ) -> tuple[Estimate, float]:
        n = int(sizes.sum())
        if self.clusters is None or not n or n == np.count_nonzero(sizes):
            return rate(int(events.sum()), n, confidence=confidence, of=self.of), float(n)
        effective = effective_size(events, sizes, confidence=confidence)
        return clustered_rate(events, sizes, confidence=confidence, of=self.of), effective


def _counted(
    wrong: NDArray[np.bool_],
    weights: NDArray[np.int64] | None,
    clusters: NDArray[np.intp] | None,
    groups: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    every = np.zeros(wrong.size, dtype=np.intp) if clusters is None else clusters
    n = max(1, groups)
    return (
        sizes_of(every[wrong], None if weights is None else weights[wrong], n),
        sizes_of(every, weights, n),
    )
