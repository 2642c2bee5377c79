"""ROC, precision-recall and DET curves from counts, equal to scikit-learn's to the last point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from finauth_eval.metrics.counts import ScoreCounts

__all__ = ["Curve", "det_curve", "precision_recall_curve", "roc_curve"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curve:
    """A curve over every distinct threshold, as scikit-learn gives it with ``drop_intermediate=False``.

    Attributes:
        kind: ``"roc"``: x is BPCER (false positive rate), y is 1 - APCER (true positive rate);
            ``"pr"``: x is recall, y is precision; ``"det"``: x is BPCER, y is APCER.
        x: Shape (p,), in [0, 1].
        y: Shape (p,), in [0, 1].
        thresholds: ``"roc"``: shape (p,), starts at infinity; ``"pr"``: shape (p - 1,); ``"det"``: shape (p,).
    """

    kind: Literal["roc", "pr", "det"]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    thresholds: NDArray[np.float64]


def roc_curve(counts: ScoreCounts) -> Curve:
    """The receiver operating characteristic: BPCER against 1 - APCER, thresholds descending from infinity.

    Args:
        counts: Counts of both classes; a rate whose class is missing is ``nan`` throughout.

    Example:
        >>> from finauth_eval.metrics.counts import ScoreCounts
        >>> curve = roc_curve(ScoreCounts.from_arrays([0.1, 0.4, 0.35, 0.8], [False, False, True, True]))
        >>> curve.x.tolist(), curve.y.tolist()
        ([0.0, 0.0, 0.5, 0.5, 1.0], [0.0, 0.5, 0.5, 1.0, 1.0])
    """
    thresholds, false_alarms, hits = _decided_attack(counts)
    return Curve(
        kind="roc",
        x=_shares(np.append(0, false_alarms)),
        y=_shares(np.append(0, hits)),
        thresholds=np.append(np.inf, thresholds),
    )


def precision_recall_curve(counts: ScoreCounts) -> Curve:
    """Recall against precision, thresholds ascending; the last point (0, 1) has no threshold.

    Args:
        counts: Counts of both classes; without attacks every recall is ``nan``, the added last point excepted.

    Example:
        >>> from finauth_eval.metrics.counts import ScoreCounts
        >>> curve = precision_recall_curve(ScoreCounts.from_arrays([0.1, 0.8], [False, True]))
        >>> curve.x.tolist(), curve.y.tolist(), curve.thresholds.tolist()
        ([1.0, 1.0, 0.0], [0.5, 1.0, 1.0], [0.1, 0.8])
    """
    thresholds, false_alarms, hits = _decided_attack(counts)
    return Curve(
        kind="pr",
        x=np.append(_shares(hits)[::-1], 0.0),
        y=np.append((hits / (hits + false_alarms))[::-1], 1.0),
        thresholds=thresholds[::-1],
    )


def det_curve(counts: ScoreCounts) -> Curve:
    """Detection error trade-off: BPCER against APCER on the part where neither stays at its end; BPCER descending.

    Args:
        counts: Counts of both classes.

    Returns:
        The curve; empty when a class is missing, for then it is not defined.

    Example:
        >>> from finauth_eval.metrics.counts import ScoreCounts
        >>> curve = det_curve(ScoreCounts.from_arrays([0.1, 0.4, 0.35, 0.8], [False, False, True, True]))
        >>> curve.x.tolist(), curve.y.tolist(), curve.thresholds.tolist()
        ([0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [0.35, 0.4, 0.8])
    """
    thresholds, false_alarms, hits = (
        np.append(start, part) for start, part in zip((np.inf, 0, 0), _decided_attack(counts), strict=True)
    )
    if not false_alarms[-1] or not hits[-1]:
        return Curve(kind="det", x=np.empty(0), y=np.empty(0), thresholds=np.empty(0))
    first = int(np.searchsorted(false_alarms, 0, side="right")) - 1
    last = int(np.searchsorted(hits, hits[-1])) + 1
    part = slice(first, last)
    return Curve(
        kind="det",
        x=false_alarms[part][::-1] / false_alarms[-1],
        y=(hits[-1] - hits[part])[::-1] / hits[-1],
        thresholds=thresholds[part][::-1],
    )


def _decided_attack(
    counts: ScoreCounts,
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Thresholds descending, and how many bona fide samples and attacks each decides attack."""
    seen = counts.compact()
    return seen.scores[::-1], np.cumsum(seen.bona_fide[::-1]), np.cumsum(seen.attack[::-1])


def _shares(cumulated: NDArray[np.int64]) -> NDArray[np.float64]:
    if not cumulated.size or not cumulated[-1]:
        return np.full(cumulated.shape, np.nan)
    return np.asarray(cumulated / cumulated[-1])
