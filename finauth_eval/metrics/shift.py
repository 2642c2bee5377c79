"""How far two sets of scores lie apart, without looking at labels: quantiles, Wasserstein, Kolmogorov-Smirnov, PSI."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from finauth_eval.metrics.ascending import Ascending
from finauth_eval.metrics.estimate import finite_or_none
from finauth_eval.phrases import phrase

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["QUANTILES", "ScoreShift", "StabilityIndex", "score_shift", "stability_index"]

QUANTILES: Final = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_BINS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class StabilityIndex:
    """The population stability index and the bins that it was taken over.

    Attributes:
        value: Sum over the bins of (share in B - share in A) * ln(share in B / share in A); at least 0.
        edges: Where one bin ends and the next begins, ascending; a bin holds the scores from its lower edge on and
            below its upper one. The first bin is open below, the last above.
        a: Samples of A in each bin, one more than edges.
        b: Samples of B in each bin.
    """

    value: float
    edges: tuple[float, ...]
    a: tuple[int, ...]
    b: tuple[int, ...]

    def to_dict(self) -> dict[str, Any]:
        """All of it, and how it was binned."""
        return {
            "value": finite_or_none(self.value),
            "edges": list(self.edges),
            "a": list(self.a),
            "b": list(self.b),
            "binning": phrase(
                "deciles of A; one that more than a tenth of A shares is a bin of its own; half a sample added to every"
                " bin"
            ),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreShift:
    """How the scores of B lie against those of A.

    Attributes:
        n_a: Scores of A.
        n_b: Scores of B.
        quantiles: For each of `QUANTILES` the score of A and that of B; ``nan`` where a run has none.
        wasserstein: The mean distance that scores have to move, on the score's own scale.
        ks: The largest difference of the two distribution functions, in [0, 1].
        psi: The population stability index with its bins.
    """

    n_a: int
    n_b: int
    quantiles: dict[float, tuple[float, float]]
    wasserstein: float
    ks: float
    psi: StabilityIndex

    def to_dict(self) -> dict[str, Any]:
        """Plain values; the quantiles under their names, such as ``"0.5"``."""
        return {
            "n": {"a": self.n_a, "b": self.n_b},
            "quantiles": {
                f"{share:g}": {"a": finite_or_none(a), "b": finite_or_none(b)}
                for share, (a, b) in self.quantiles.items()
            },
            "wasserstein": finite_or_none(self.wasserstein),
            "ks": finite_or_none(self.ks),
            "psi": self.psi.to_dict(),
        }


def score_shift(a: NDArray[np.float64] | Ascending, b: NDArray[np.float64] | Ascending) -> ScoreShift:
    """Describe how the scores of B lie against those of A.

    Args:
        a: Scores of A, shape (n,), every one finite; or the same counted.
        b: Scores of B, shape (m,).

    Example:
        >>> found = score_shift(np.array([0.1, 0.2, 0.3]), np.array([0.2, 0.3, 0.4]))
        >>> round(found.wasserstein, 6), round(found.ks, 4)
        (0.1, 0.3333)
    """
    a, b = _counted(a), _counted(b)
    wasserstein = ks = float("nan")
    if a.size and b.size:
        seen = np.union1d(a.scores, b.scores)
        apart = np.abs(a.up_to(seen) / a.size - b.up_to(seen) / b.size)
        ks = float(apart.max())
        wasserstein = float(np.dot(apart[:-1], np.diff(seen)))
    at = np.array(QUANTILES)
    of_a, of_b = (own.quantiles(at) if own.size else np.full(at.size, np.nan) for own in (a, b))
    return ScoreShift(
        n_a=a.size,
        n_b=b.size,
        quantiles={share: (float(x), float(y)) for share, x, y in zip(QUANTILES, of_a, of_b, strict=True)},
        wasserstein=wasserstein,
        ks=ks,
        psi=stability_index(a, b),
    )


def stability_index(
    a: NDArray[np.float64] | Ascending, b: NDArray[np.float64] | Ascending, *, bins: int = _BINS
) -> StabilityIndex:
    """The population stability index over quantile bins of A.

    The quantiles are scores of A (`numpy.quantile` with ``method="higher"``), equal ones taken once. One that more than
    one in ``bins`` of A shares is a bin of its own; at any other a bin begins, but for the lowest score. The lowest
    score of A may be no quantile although slightly more than one in ``bins`` share it: 2 of 12 with ten bins. Then it
    is in the first bin with all that lies below the first quantile.

    Half a sample is added to every bin of both, so that an empty bin does not make it infinite. With n samples a run
    and nothing changed it is about (bins - 1) * 2 / n; 0.1 and 0.25 are customary marks for some and for much shift.

    Args:
        a: Scores of A, whose quantiles are the edges, shape (n,), every one finite; or the same counted.
        b: Scores of B, shape (m,).
        bins: How many bins where A has as many distinct quantiles, at least 2.

    References:
        Siddiqi, N. (2006). Credit Risk Scorecards, chapter 8.

    Example:
        >>> stability_index(np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.1, 0.2, 0.3, 0.4]), bins=2).value
        0.0
    """
    a, b = _counted(a), _counted(b)
    if not a.size or not b.size:
        return StabilityIndex(value=float("nan"), edges=(), a=(a.size,), b=(b.size,))
    cuts = np.unique(a.at(np.ceil((a.size - 1) * (np.arange(1, bins) / bins))))
    rows = np.searchsorted(a.scores, cuts)
    held = a.upto[rows] - np.where(rows > 0, a.upto[np.maximum(rows - 1, 0)], 0)
    shared = cuts[held * bins > a.size]
    edges = np.union1d(cuts[cuts > a[0]], np.concatenate([shared, np.nextafter(shared, np.inf)]))
    counts = []
    for own in (a, b):
        below = [int(own.upto[row - 1]) if row else 0 for row in np.searchsorted(own.scores, edges)]
        counts.append(np.diff([0, *below, own.size]))
    shares = [(own + 0.5) / (own.sum() + 0.5 * own.size) for own in counts]
    value = float(np.dot(shares[1] - shares[0], np.log(shares[1] / shares[0])))
    return StabilityIndex(
        value=max(0.0, value),
        edges=tuple(edges.tolist()),
        a=tuple(counts[0].tolist()),
        b=tuple(counts[1].tolist()),
    )


def _counted(scores: NDArray[np.float64] | Ascending) -> Ascending:
    return scores if isinstance(scores, Ascending) else Ascending.of_each(scores)
