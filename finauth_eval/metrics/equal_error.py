"""The equal error rate in its three named forms."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from finauth_eval.metrics.estimate import finite_or_none
from finauth_eval.phrases import phrase

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from finauth_eval.metrics.counts import ScoreCounts
    from finauth_eval.metrics.placements import Placements

__all__ = ["EqualErrorRate", "equal_error_rate"]

_BLOCK: Final = 1 << 10


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
            plain["reason"] = str(self.reason)
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
        reason = phrase("no {of} has a score", of=phrase("attack") if n else phrase("bona fide sample"))
        return EqualErrorRate(nearest=nan, linear=nan, rocch=nan, threshold=nan, reason=reason)
    placements = counts.placements

    def apart(row: int) -> int:  # APCER - BPCER at "each score" and "above all", a whole number: times m * n
        return placements.missed_at(row) * n - placements.alarms_at(row) * m

    # ascending from -m*n to m*n, so that cross >= 1
    cross = bisect_left(range(counts.scores.size + 1), 0, key=apart)
    before, after = apart(cross - 1), apart(cross)
    best = cross - 1 if -before <= after else cross
    share = -before / (after - before)
    missed, missed_after = placements.missed_at(cross - 1) * n, placements.missed_at(cross) * n
    below, above = counts.scores[cross - 1], _next_seen(counts, cross)
    return EqualErrorRate(
        nearest=(placements.missed_at(best) * n + placements.alarms_at(best) * m) / (2 * m * n),
        linear=(missed + share * (missed_after - missed)) / (m * n),
        rocch=_on_convex_hull(_Corners(placements), m, n) / (m * n),
        threshold=float(min(above, below + share * (above - below))),  # the sum may round to more
    )


def _next_seen(counts: ScoreCounts, row: int) -> float:
    """The first score from this row on that has a sample, or the last score that has one."""
    for start in range(row, counts.scores.size, _BLOCK):
        part = slice(start, start + _BLOCK)
        seen = (counts.bona_fide[part] | counts.attack[part]) > 0
        if seen.any():
            return float(counts.scores[start + int(np.argmax(seen))])
    return float(counts.scores[row - 1])


class _Corners:
    """The corners of the curve of (misses, alarms): its two ends, and between them each score that attacks have.

    All other points lie above the hull: beside a corner they have more alarms with as many misses.
    """

    def __init__(self, placements: Placements) -> None:
        self._placements = placements
        self.last = placements.rows.size + 1

    def misses(self, corners: NDArray[np.int64]) -> NDArray[np.int64]:
        """Attacks missed at each corner, shape (c,)."""
        found = self._placements.passed[np.maximum(corners - 2, 0)].astype(np.int64)
        found[corners < 2] = 0
        return found

    def alarms(self, corners: NDArray[np.int64]) -> NDArray[np.int64]:
        """Bona fide samples decided attack at each corner, shape (c,)."""
        placements = self._placements
        inner = np.clip(corners - 1, 0, self.last - 2)
        found = placements.n_bona_fide - placements.below[inner].astype(np.int64)
        found[corners == 0] = placements.n_bona_fide
        found[corners == self.last] = 0
        return found

    def at(self, corner: int) -> tuple[int, int]:
        """Misses and alarms of one corner."""
        one = np.array([corner])
        return int(self.misses(one)[0]), int(self.alarms(one)[0])


def _on_convex_hull(corners: _Corners, m: int, n: int) -> float:
    """Where the lower convex hull of the curve meets the diagonal, times m * n.

    A quickhull that follows only the branch with the diagonal: each step replaces one end of a chord across the
    diagonal by the hull's point farthest below the chord, and looks only at the points between the ends.
    """
    left, right = 0, corners.last  # APCER <= BPCER at `left`, APCER >= BPCER at `right`
    while True:
        (misses_left, alarms_left), (misses_right, alarms_right) = corners.at(left), corners.at(right)
        run, rise = float(alarms_left - alarms_right), float(misses_right - misses_left)
        farthest, depth = _farthest(corners, left, right)
        if depth <= 1e-14 * run * rise or farthest in (left, right):
            before = alarms_left * m - misses_left * n
            after = misses_right * n - alarms_right * m
            share = before / (before + after) if before + after else 0.0
            return misses_left * n + share * rise * n
        misses, alarms = corners.at(farthest)
        if misses * n <= alarms * m:
            left = farthest
        else:
            right = farthest


def _farthest(corners: _Corners, left: int, right: int) -> tuple[int, float]:
    """The first of the corners farthest below the chord between two of them, and how far, in units of the chord's.

    Both rates are monotone, so that the misses of a block's first corner and the alarms of its last one bound how
    far any of the block can lie; few blocks are left to look into.
    """
    (misses_left, alarms_left), (misses_right, alarms_right) = corners.at(left), corners.at(right)
    run, rise = float(alarms_left - alarms_right), float(misses_right - misses_left)

    def depth(misses: NDArray[np.int64], alarms: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.asarray((alarms_left - alarms) * rise - (misses - misses_left) * run)

    first = np.arange(left, right + 1, _BLOCK)
    last = np.minimum(first + _BLOCK - 1, right)
    misses, alarms = corners.misses(first), corners.alarms(first)
    most = depth(misses, corners.alarms(last))
    hopeful = np.flatnonzero(most >= depth(misses, alarms).max())
    found, farthest = left, -math.inf
    for start, stop in zip(first[hopeful].tolist(), last[hopeful].tolist(), strict=True):
        inside = np.arange(start, stop + 1)
        own = depth(corners.misses(inside), corners.alarms(inside))
        deepest = int(np.argmax(own))
        if own[deepest] > farthest:
            found, farthest = start + deepest, float(own[deepest])
    return found, farthest
