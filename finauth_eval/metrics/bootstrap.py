"""Percentile intervals by a stratified bootstrap over counts: no replicate sorts anything."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from finauth_eval.metrics.fixed_apcer import LIMITS, allowed_misses
from finauth_eval.metrics.intervals import valid_confidence
from finauth_eval.metrics.strata import Strata

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from finauth_eval.metrics.counts import ScoreCounts

__all__ = ["Replicates", "bootstrap"]

_CELLS_AT_ONCE: Final = 1 << 17
_FEW_SCORES: Final = 1 << 10
"""Up to so many distinct scores, many replicates at once are quicker than one after the other."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Replicates:
    """The statistics of every bootstrap replicate.

    Attributes:
        auc: Area under the ROC curve, shape (b,); empty where it was not computed, for DeLong's interval needs none.
        average_precision: Shape (b,).
        equal_error: The interpolated equal error rate, shape (b,).
        bpcer_at_apcer: For ``"10"``, ``"20"``, ``"100"`` the BPCER of all attacks pooled, each of shape (b,).
        bpcer_at_worst_apcer: The same for the worst attack type; the threshold is chosen anew in each replicate.
    """

    average_precision: NDArray[np.float64]
    equal_error: NDArray[np.float64]
    bpcer_at_apcer: Mapping[str, NDArray[np.float64]]
    bpcer_at_worst_apcer: Mapping[str, NDArray[np.float64]]
    auc: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))

    @staticmethod
    def limits(values: NDArray[np.float64], *, confidence: float) -> tuple[float, float]:
        """Percentile limits; ``nan`` when the replicates do not vary, for then they know nothing.

        Args:
            values: One value a replicate, shape (b,).
            confidence: Nominal coverage, in (0, 1).
        """
        tail = (1 - valid_confidence(confidence)) / 2
        if not values.size or values.min() == values.max():
            return float("nan"), float("nan")
        low, high = np.quantile(values, [tail, 1 - tail])
        return float(low), float(high)


def bootstrap(counts: ScoreCounts, replicates: int, *, rng: np.random.Generator) -> Replicates:
    """Draw the samples of each class and attack type anew, and compute everything again.

    Each stratum (the bona fide samples, each attack type, the attacks without a type) keeps its size; its counts are
    one multinomial draw a replicate. The time grows with ``replicates`` times the number of distinct scores.

    Args:
        counts: Counts of both classes, each with a sample.
        replicates: How many replicates, at least 1.
        rng: Source of randomness.

    Raises:
        ValueError: A class is missing, or ``replicates`` is not positive.

    References:
        Efron, B. and Tibshirani, R. (1993). An Introduction to the Bootstrap, chapter 13 (percentile intervals).

    Example:
        >>> from finauth_eval.metrics.counts import ScoreCounts
        >>> counts = ScoreCounts.from_arrays([0.1, 0.4, 0.35, 0.8], [False, False, True, True])
        >>> bootstrap(counts, 3, rng=np.random.default_rng(7)).equal_error.shape
        (3,)
    """
    if replicates < 1:
        raise ValueError(f"{replicates} replicates; expected at least 1")
    if not counts.n_attack or not counts.n_bona_fide:
        raise ValueError("a bootstrap needs samples of both classes")
    seen = counts.compact()
    if seen.scores.size > _FEW_SCORES:
        strata = Strata(seen)
        parts = [_as_block(strata.replicate(rng)) for _ in range(replicates)]
    else:
        parts = [_statistics(*drawn) for drawn in _draws(seen, replicates, rng)]
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return Replicates(
        auc=joined["auc"],
        average_precision=joined["average_precision"],
        equal_error=joined["equal_error"],
        bpcer_at_apcer={key: joined[f"pooled {key}"] for key in LIMITS},
        bpcer_at_worst_apcer={key: joined[f"worst {key}"] for key in LIMITS},
    )


_Draw = tuple["NDArray[np.int64]", "NDArray[np.int64]", "list[NDArray[np.int64]]"]


def _draws(counts: ScoreCounts, replicates: int, rng: np.random.Generator) -> Iterator[_Draw]:
    """Blocks of replicates: bona fide, all attacks, and each type, every one of shape (block, k)."""
    typed = list(counts.by_attack_type.values())
    untyped = counts.attack - np.sum(typed, axis=0, dtype=np.int64) if typed else counts.attack
    block = max(1, _CELLS_AT_ONCE // counts.scores.size)
    for start in range(0, replicates, block):
        size = min(block, replicates - start)
        bona_fide = _resampled(counts.bona_fide, size, rng)
        types = [_resampled(own, size, rng) for own in typed]
        attack = _resampled(untyped, size, rng)
        for own in types:
            attack = attack + own
        yield bona_fide, attack, types or [attack]


def _resampled(own: NDArray[np.int64], replicates: int, rng: np.random.Generator) -> NDArray[np.int64]:
    n = int(own.sum())
    drawn = np.zeros((replicates, own.size), dtype=np.int64)
    rows = np.flatnonzero(own)
    if n and rows.size > n // 4:  # few ties: drawing samples is quicker than drawing counts
        samples = np.repeat(rows, own[rows])
        for replicate in drawn:
            replicate += np.bincount(samples[rng.integers(n, size=n)], minlength=own.size)
    elif n:
        drawn[:, rows] = rng.multinomial(n, own[rows] / n, size=replicates)
    return drawn


def _statistics(
    bona_fide: NDArray[np.int64], attack: NDArray[np.int64], types: list[NDArray[np.int64]]
) -> dict[str, NDArray[np.float64]]:
    cleared, missed = np.cumsum(bona_fide, axis=1), np.cumsum(attack, axis=1)
    n, m = int(cleared[0, -1]), int(missed[0, -1])
    found = {
        "auc": (attack * (2 * cleared - bona_fide)).sum(axis=1) / (2 * m * n),
        "average_precision": _average_precision(bona_fide, attack, cleared, missed),
        "equal_error": _equal_error(cleared / n, missed / m),
    }
    by_type = [missed if own is attack else np.cumsum(own, axis=1) for own in types]
    for key, limit in LIMITS.items():
        pooled = _highest_rows(missed, limit)
        worst = np.min([_highest_rows(own, limit) for own in by_type], axis=0)
        for name, rows in (("pooled", pooled), ("worst", worst)):
            kept = np.take_along_axis(cleared, np.maximum(rows - 1, 0)[:, None], axis=1)[:, 0]
            found[f"{name} {key}"] = 1 - np.where(rows > 0, kept, 0) / n
    return found


def _as_block(statistics: Mapping[str, float]) -> dict[str, NDArray[np.float64]]:
    return {name: np.array([value]) for name, value in statistics.items()}


def _average_precision(
    bona_fide: NDArray[np.int64],
    attack: NDArray[np.int64],
    cleared: NDArray[np.int64],
    missed: NDArray[np.int64],
) -> NDArray[np.float64]:
    hits = missed[:, -1:] - missed + attack
    alarms = cleared[:, -1:] - cleared + bona_fide
    precision = hits / np.maximum(hits + alarms, 1)
    return np.asarray((precision * attack).sum(axis=1) / missed[:, -1])


def _equal_error(cleared: NDArray[np.float64], missed: NDArray[np.float64]) -> NDArray[np.float64]:
    difference = missed + cleared - 1  # APCER - BPCER just above each score
    cross = np.argmax(difference >= -1e-12, axis=1)[:, None]
    before = np.maximum(cross - 1, 0)
    at = np.take_along_axis(difference, cross, axis=1)
    earlier = np.where(cross > 0, np.take_along_axis(difference, before, axis=1), -1.0)
    low = np.where(cross > 0, np.take_along_axis(missed, before, axis=1), 0.0)
    high = np.take_along_axis(missed, cross, axis=1)
    return np.asarray(low + (high - low) * (-earlier / (at - earlier)))[:, 0]


def _highest_rows(missed: NDArray[np.int64], limit: float) -> NDArray[np.intp]:
    """In each replicate the highest row whose score, as threshold, misses at most a share ``limit``."""
    return np.asarray(np.count_nonzero(missed <= allowed_misses(int(missed[0, -1]), limit), axis=1))
