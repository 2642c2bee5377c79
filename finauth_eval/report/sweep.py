"""Both error rates at every threshold, read off the counts: what the charts draw and their tables list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from finauth_eval.metrics.counts import ScoreCounts

__all__ = ["Sweep", "sweep"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sweep:
    """Rates just above each distinct score; between two scores nothing changes.

    Attributes:
        scores: Distinct scores, ascending, shape (k,).
        bpcer: Shape (k + 1,): BPCER for thresholds up to the first score, then just above each score; NaN without
            bona fide samples.
        apcer: Shape (k + 1,): APCER, all attacks pooled; NaN without attacks.
        worst: Shape (k + 1,): highest APCER over the attack types; NaN without types.
    """

    scores: NDArray[np.float64]
    bpcer: NDArray[np.float64]
    apcer: NDArray[np.float64]
    worst: NDArray[np.float64]

    def at(self, threshold: float) -> tuple[float, float, float]:
        """BPCER, pooled and worst-type APCER when every score of at least ``threshold`` is decided an attack."""
        below = int(np.searchsorted(self.scores, threshold, side="left"))
        return float(self.bpcer[below]), float(self.apcer[below]), float(self.worst[below])


def sweep(counts: ScoreCounts) -> Sweep:
    """The rates at every threshold.

    Example:
        >>> from finauth_eval.metrics.counts import ScoreCounts
        >>> one = np.array([1, 1])
        >>> rates = sweep(ScoreCounts(scores=np.array([0.2, 0.7]), bona_fide=one, attack=one, by_attack_type={}))
        >>> rates.at(0.7)[:2]
        (0.5, 0.5)
    """
    apcer = _share_below(counts.attack)
    types = [_share_below(column) for column in counts.by_attack_type.values() if column.sum()]
    return Sweep(
        scores=counts.scores,
        bpcer=_share_from(counts.bona_fide),
        apcer=apcer,
        worst=np.max(types, axis=0) if types else np.full_like(apcer, np.nan),
    )


def _share_from(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    total = int(counts.sum())
    above = total - np.concatenate([[0], np.cumsum(counts)])
    return above / total if total else np.full(len(above), np.nan)


def _share_below(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    total = int(counts.sum())
    below = np.concatenate([[0], np.cumsum(counts)])
    return below / total if total else np.full(len(below), np.nan)
