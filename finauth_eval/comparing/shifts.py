"""How scores moved between two runs, with labels and without."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import stdtrit

from finauth_eval.metrics.estimate import Estimate
from finauth_eval.metrics.shift import ScoreShift, score_shift
from finauth_eval.phrases import phrase

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["Moves", "Shift", "moves", "shift_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """What became of the scores of the same samples.

    Attributes:
        up: Samples that score higher in B.
        down: Samples that score lower in B.
        same: Samples whose score is the same to the last digit.
        mean: The mean of score in B less score in A, with a t interval (over clusters where there are such).
        largest: The largest distance that a score moved.
    """

    up: int
    down: int
    same: int
    mean: Estimate
    largest: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "up": self.up,
            "down": self.down,
            "same": self.same,
            "mean": self.mean.to_dict(),
            "largest": self.largest,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """The scores of B against those of A.

    Attributes:
        by_class: Of ``"all"`` samples, and with labels of ``"bona_fide"`` and ``"attack"``.
        moves: What became of each sample's score; ``None`` where the samples differ.
    """

    by_class: Mapping[str, ScoreShift]
    moves: Moves | None

    def to_dict(self) -> dict[str, Any]:
        """``score_shift`` of the JSON contract."""
        found: dict[str, Any] = {name: own.to_dict() for name, own in self.by_class.items()}
        return {**found, "moves": None if self.moves is None else self.moves.to_dict()}


def shift_of(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    classes: tuple[NDArray[np.bool_], NDArray[np.bool_]] | None,
    moved: Moves | None,
) -> Shift:
    """Describe the scores of two runs.

    Args:
        a: Scores of A, every one finite.
        b: Scores of B.
        classes: Whether each sample of A and of B is an attack; ``None`` without labels.
        moved: What became of each sample's score, where the samples are the same.
    """
    found = {"all": score_shift(a, b)}
    if classes is not None:
        found["bona_fide"] = score_shift(a[~classes[0]], b[~classes[1]])
        found["attack"] = score_shift(a[classes[0]], b[classes[1]])
    return Shift(by_class=found, moves=moved)


def moves(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    *,
    clusters: NDArray[np.integer[Any]] | None,
    confidence: float,
) -> Moves:
    """What became of the scores of the same samples.

    Args:
        a: Scores in A, shape (n,).
        b: Scores in B.
        clusters: Which samples belong together; ``None`` where they are independent.
        confidence: Nominal coverage of the mean's interval, in (0, 1).

    Example:
        >>> found = moves(np.array([0.1, 0.2, 0.3]), np.array([0.1, 0.3, 0.2]), clusters=None, confidence=0.95)
        >>> found.up, found.down, found.same, round(found.largest, 6)
        (1, 1, 1, 0.1)
    """
    change = b - a
    return Moves(
        up=int(np.count_nonzero(change > 0)),
        down=int(np.count_nonzero(change < 0)),
        same=int(np.count_nonzero(change == 0)),
        mean=_mean(change, clusters, confidence=confidence),
        largest=float(np.abs(change).max(initial=0.0)),
    )


def _mean(
    change: NDArray[np.float64], clusters: NDArray[np.integer[Any]] | None, *, confidence: float
) -> Estimate:
    n = change.size
    if not n:
        return Estimate.undefined(
            phrase("no {of} has a score in both", of=phrase("sample")), confidence=confidence, method="t"
        )
    mean = float(change.mean())
    together = np.arange(n) if clusters is None else np.unique(clusters, return_inverse=True)[1]
    totals = np.bincount(together, change - mean)
    groups = totals.size
    if groups < 2:
        return Estimate(
            value=mean, low=np.nan, high=np.nan, confidence=confidence, n=n, method="t",
            reason=phrase("an interval needs at least two independent samples"),
        )  # fmt: skip
    se = float(np.sqrt(groups / (groups - 1) * np.dot(totals, totals)) / n)
    half = -float(stdtrit(groups - 1, (1 - confidence) / 2)) * se
    return Estimate(
        value=mean, low=mean - half, high=mean + half, se=se, confidence=confidence, n=n,
        method="t" if groups == n else "t-clusters",
    )  # fmt: skip
