"""The equal error rate in its three named forms."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from finauth_eval.metrics.estimate import finite_or_none

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from finauth_eval.metrics.counts import ScoreCounts

__all__ = ["EqualErrorRate", "equal_error_rate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EqualErrorRate:
    """Where misses and false alarms are equally frequent; ``threshold`` and the interval are ``linear``'s.

    Attributes:
        nearest: Mean of APCER and BPCER at the threshold where they differ least (ties: the lowest threshold).
        linear: The rate where the linearly interpolated curve has APCER = BPCER.
        rocch: The same on the convex hull of the ROC curve.
        threshold: The interpolated threshold that belongs to ``linear``.
        low: Lower confidence limit of ``linear``; ``nan`` without a bootstrap.
        high: Upper confidence limit of ``linear``; ``nan`` without a bootstrap.
        reason: Why a number is undefined, else ``None``.
    """

    nearest: float
    linear: float
    rocch: float
    threshold: float
    low: float = math.nan
    high: float = math.nan
    reason: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The fields, undefined numbers as ``None`` and then with the ``reason``."""
        plain: dict[str, Any] = {
            name: finite_or_none(getattr(self, name))
            for name in ("nearest", "linear", "rocch", "threshold", "low", "high")
        }
        if self.reason is not None:
            plain["reason"] = self.reason
        return plain


def equal_error_rate(counts: ScoreCounts) -> EqualErrorRate:
    """Where misses and false alarms are equally frequent: at a real threshold, interpolated, and on the convex hull.

    Args:
        counts: Counts of both classes.

    Returns:
        The three rates and the interpolated threshold; all ``nan``, with a reason, when a class is missing.

    References:
        Brümmer, N. and de Villiers, E. (2013). The BOSARIS toolkit, section 2.2 (the convex hull's EER).

    Example:
        >>> from finauth_eval.metrics.counts import ScoreCounts
        >>> found = equal_error_rate(ScoreCounts.from_arrays([0.1, 0.4, 0.35, 0.8], [False, False, True, True]))
        >>> found.nearest, found.linear, round(found.rocch, 4), found.threshold
        (0.5, 0.5, 0.25, 0.4)
    """
    m, n = counts.n_attack, counts.n_bona_fide
    if not m or not n:
        nan = math.nan
        reason = f"no {'attack' if n else 'bona fide sample'} has a score"
        return EqualErrorRate(nearest=nan, linear=nan, rocch=nan, threshold=nan, reason=reason)
    # over the thresholds "each score" and "above all": whole numbers, both times m * n
    misses = np.zeros(counts.scores.size + 1, dtype=np.int64)
    np.cumsum(counts.attack, out=misses[1:])
    misses *= n
    alarms = np.full(counts.scores.size + 1, n * m, dtype=np.int64)
    alarms[1:] -= np.cumsum(counts.bona_fide) * m
    cross = int(np.searchsorted(misses - alarms, 0))  # ascending from -m*n to m*n, so that cross >= 1
    before, after = (int(misses[row] - alarms[row]) for row in (cross - 1, cross))
    best = cross - 1 if -before <= after else cross
    share = -before / (after - before)
    linear = (int(misses[cross - 1]) + share * int(misses[cross] - misses[cross - 1])) / (m * n)
    below, above = counts.scores[cross - 1], _next_seen(counts, cross)
    return EqualErrorRate(
        nearest=(int(misses[best]) + int(alarms[best])) / (2 * m * n),
        linear=linear,
        rocch=_on_convex_hull(misses, alarms) / (m * n),
        threshold=float(below + share * (above - below)),
    )


def _next_seen(counts: ScoreCounts, row: int) -> float:
    """The first score from this row on that has a sample, or the last score that has one."""
    seen = (counts.bona_fide[row:] | counts.attack[row:]) > 0
    return float(counts.scores[row + int(np.argmax(seen)) if seen.any() else row - 1])


def _on_convex_hull(misses: NDArray[np.int64], alarms: NDArray[np.int64]) -> float:
    """Where the lower convex hull of the points (alarms, misses) meets the diagonal.

    A quickhull that follows only the branch with the diagonal: each step replaces one end of a chord across the
    diagonal by the hull's point farthest below the chord, and looks only at the points between the ends.
    """
    left, right = 0, misses.size - 1  # misses <= alarms at `left`, misses >= alarms at `right`
    while True:
        run = float(alarms[left] - alarms[right])
        rise = float(misses[right] - misses[left])
        depth = (alarms[left] - alarms[left : right + 1]) * rise - (
            misses[left : right + 1] - misses[left]
        ) * run
        farthest = left + int(np.argmax(depth))
        if depth[farthest - left] <= 1e-14 * run * rise or farthest in (left, right):
            apart_left, apart_right = int(alarms[left] - misses[left]), int(misses[right] - alarms[right])
            share = apart_left / (apart_left + apart_right) if apart_left + apart_right else 0.0
            return float(misses[left]) + share * rise
        if misses[farthest] <= alarms[farthest]:
            left = farthest
        else:
            right = farthest
