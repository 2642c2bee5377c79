"""How far a threshold moves from sample to sample, by choosing it anew in bootstrap replicates."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from finauth_eval.metrics.bootstrap import drawn_counts
from finauth_eval.metrics.clustered_bootstrap import drawn_cluster_counts

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from finauth_eval.choosing.basis import Basis
    from finauth_eval.metrics.counts import ScoreCounts
    from finauth_eval.samples import ClusteredSamples

__all__ = ["middle_of", "threshold_spread"]

_REPLICATES: Final = 200
_MOST_SCORES: Final = 4_000
_STREAM: Final = 7


def threshold_spread(
    basis: Basis, pick: Callable[[ScoreCounts], tuple[float, float] | None]
) -> tuple[float, float]:
    """Percentile limits of the threshold that ``pick`` chooses, over 200 bootstrap replicates.

    Clusters are drawn whole. Of more than 4,000 distinct scores every replicate keeps 4,000, evenly spaced by rank,
    which moves a threshold by no more than one of 4,000 parts of the samples.

    Args:
        basis: The samples.
        pick: The thresholds that decide alike and are best on counts, above the first and up to the second; ``None``
            where nothing can be chosen.

    Returns:
        The limits at the basis's confidence; ``nan`` where fewer than nine of ten replicates allow a choice.
    """
    if basis.quickly:
        return math.nan, math.nan
    rng = np.random.default_rng([basis.seed, _STREAM])
    samples = _coarse(basis.samples, basis.counts.scores)
    counts = samples.arrays.counts()
    clustered = samples.arrays.clustered(counts, samples.clusters)
    draws = (
        drawn_counts(counts, _REPLICATES, rng)
        if clustered is None
        else drawn_cluster_counts(clustered, _REPLICATES, rng)
    )
    picked = [(middle_of(own), own) for own in map(pick, draws) if own is not None]
    found = sorted(own for own in picked if math.isfinite(own[0]))
    if len(found) < 0.9 * _REPLICATES:
        return math.nan, math.nan
    tail = (1 - basis.confidence) / 2
    # each end is settable and decides as the replicate's own threshold does
    low, high = (found[max(0, math.ceil(share * len(found)) - 1)][1] for share in (tail, 1 - tail))
    return basis.middle(*low), basis.middle(*high)


def middle_of(interval: tuple[float, float]) -> float:
    """The middle of an interval of thresholds that decide alike, or its finite end.

    Example:
        >>> middle_of((0.25, 0.75)), middle_of((0.4, math.inf))
        (0.5, 0.4)
    """
    low, high = interval
    if math.isinf(low) or math.isinf(high):
        return high if math.isinf(low) else low
    return (low + high) / 2


def _coarse(samples: ClusteredSamples, scores: NDArray[np.float64]) -> ClusteredSamples:
    """The samples with at most `_MOST_SCORES` distinct scores: each its own or the next one kept above it."""
    if scores.size <= _MOST_SCORES:
        return samples
    kept = scores[np.linspace(0, scores.size - 1, _MOST_SCORES).round().astype(np.intp)]
    return samples.with_scores(kept[np.searchsorted(kept, samples.arrays.scores)])
