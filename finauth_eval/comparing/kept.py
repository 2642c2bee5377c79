"""The threshold for B that blocks no more genuine customers than A does: what a change of versions asks for first."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from finauth_eval.metrics.decimals import score_grid
from finauth_eval.phrases import phrase

if TYPE_CHECKING:
    from finauth_eval.comparing.outcome import Comparison
    from finauth_eval.metrics.counts import ScoreCounts
    from finauth_eval.metrics.rates import OperatingPoint

__all__ = ["KeptBlocked", "keeping_blocked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptBlocked:
    """The lowest settable threshold of B whose BPCER is at most A's at A's threshold, on these samples.

    It is chosen on the samples that its rates are told of: it describes them and promises nothing.

    Attributes:
        a: What A's threshold does.
        threshold: The threshold of B; ``nan`` where there is none.
        b: What it does; ``None`` where there is none.
        reason: Why there is none.
    """

    a: OperatingPoint
    threshold: float
    b: OperatingPoint | None
    reason: str | None


def keeping_blocked(found: Comparison) -> KeptBlocked | None:
    """The threshold for B that keeps A's blocked customers; ``None`` without labels or without genuine samples.

    Args:
        found: The comparison.

    Example:
        >>> import pandas as pd
        >>> from finauth_eval.comparison import compare
        >>> from finauth_eval.scores import ScoreTable
        >>> a = pd.DataFrame({"sample_id": [*"abcd"], "label": ["real", "real", "fake", "fake"],
        ...                   "score": [0.1, 0.6, 0.35, 0.8]})
        >>> b = a.assign(score=[0.7, 0.62, 0.35, 0.9])
        >>> kept = keeping_blocked(compare(ScoreTable.from_frame(a), ScoreTable.from_frame(b)))
        >>> kept.threshold, kept.b.bpcer.value, kept.b.apcer.value
        (0.63, 0.5, 0.5)
    """
    if found.at_threshold is None:
        return None
    counts = found.evidence.b.arrays.counts()
    blocked, genuine_a = found.at_threshold.a.confusion.fp, found.evidence.a.arrays.counts().n_bona_fide
    if not genuine_a or not counts.n_bona_fide:
        return None
    threshold = _lowest(counts, blocked * counts.n_bona_fide // genuine_a)
    if threshold > 1 and counts.in_unit_range:
        reason = phrase(
            "B gives genuine samples the highest score, 1, and no threshold in [0, 1] lets them pass; at most as many"
            " as in A can't be kept"
        )
        return KeptBlocked(a=found.at_threshold.a, threshold=math.nan, b=None, reason=reason)
    point = found.evidence.b.points([(threshold, "kept")], confidence=found.confidence)[0]
    return KeptBlocked(a=found.at_threshold.a, threshold=threshold, b=point, reason=None)


def _lowest(counts: ScoreCounts, allowed: int) -> float:
    """The lowest settable threshold at which at most this many genuine samples are blocked."""
    grid = score_grid(counts.scores)
    if allowed >= counts.n_bona_fide:
        return 0.0 if counts.in_unit_range else grid.at_most(float(counts.scores[0]))
    from_top = np.cumsum(counts.bona_fide[::-1])
    # the highest score at which too many are blocked has to pass
    row = counts.scores.size - 1 - int(np.searchsorted(from_top, allowed, side="right"))
    following = float(counts.scores[row + 1]) if row + 1 < counts.scores.size else math.inf
    return grid.above(float(counts.scores[row]), following)
