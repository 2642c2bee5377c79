"""What a bootstrap computes of every replicate, many replicates at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from finauth_eval.metrics.fixed_apcer import LIMITS
from finauth_eval.metrics.intervals import valid_confidence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["Replicates", "statistics"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Replicates:
    """The statistics of every bootstrap replicate.

    Attributes:
        auc: Area under the ROC curve, shape (b,).
        average_precision: Shape (b,).
        equal_error: The interpolated equal error rate, shape (b,).
        equal_error_by_type: The same of each attack type, each of shape (b,); ``nan`` where the replicate has none of it.
        bpcer_at_apcer: For ``"10"``, ``"20"``, ``"100"`` the BPCER of all attacks pooled, each of shape (b,).
        bpcer_at_worst_apcer: The same for the worst attack type; the threshold is chosen anew in each replicate.
    """

    auc: NDArray[np.float64]
    average_precision: NDArray[np.float64]
    equal_error: NDArray[np.float64]
    equal_error_by_type: Mapping[str, NDArray[np.float64]]
    bpcer_at_apcer: Mapping[str, NDArray[np.float64]]
    bpcer_at_worst_apcer: Mapping[str, NDArray[np.float64]]

    @classmethod
    def joined(cls, parts: Sequence[Replicates]) -> Replicates:
        """The replicates of all parts, in order."""
        first = parts[0]
        return cls(
            auc=np.concatenate([own.auc for own in parts]),
            average_precision=np.concatenate([own.average_precision for own in parts]),
            equal_error=np.concatenate([own.equal_error for own in parts]),
            equal_error_by_type={
                name: np.concatenate([own.equal_error_by_type[name] for own in parts])
                for name in first.equal_error_by_type
            },
            bpcer_at_apcer={
                key: np.concatenate([own.bpcer_at_apcer[key] for own in parts]) for key in LIMITS
            },
            bpcer_at_worst_apcer={
                key: np.concatenate([own.bpcer_at_worst_apcer[key] for own in parts]) for key in LIMITS
            },
        )

    @staticmethod
    def limits(values: NDArray[np.float64], *, confidence: float) -> tuple[float, float]:
        """Percentile limits; ``nan`` when the replicates do not vary, for then they know nothing.

        Args:
            values: One value a replicate, shape (b,); those that are ``nan`` are left out.
            confidence: Nominal coverage, in (0, 1).
        """
        tail = (1 - valid_confidence(confidence)) / 2
        known = values[~np.isnan(values)]
        if not known.size or known.min() == known.max():
            return float("nan"), float("nan")
        low, high = np.quantile(known, [tail, 1 - tail])
        return float(low), float(high)


def statistics(
    cleared: NDArray[np.int64], missed: NDArray[np.int64], by_type: Mapping[str, NDArray[np.int64]]
) -> Replicates:
    """Every statistic of each replicate, from the samples up to each score.

    Args:
        cleared: Bona fide samples at or below each score, shape (b, k); of each replicate at least one.
        missed: Attacks at or below each score, shape (b, k); of each replicate at least one.
        by_type: The attacks of each type at or below each score, each of shape (b, k).
    """
    bona_fide, attack = np.diff(cleared, axis=1, prepend=0), np.diff(missed, axis=1, prepend=0)
    n, m = cleared[:, -1:], missed[:, -1:]
    hits, alarms = m - missed + attack, n - cleared + bona_fide
    share = cleared / n
    worst = {
        key: np.min([_highest_rows(own, limit) for own in by_type.values() or [missed]], axis=0)
        for key, limit in LIMITS.items()
    }
    return Replicates(
        auc=(attack * (2 * cleared - bona_fide)).sum(axis=1) / (2 * m * n)[:, 0],
        average_precision=(hits / np.maximum(hits + alarms, 1) * attack).sum(axis=1) / m[:, 0],
        equal_error=_equal_error(share, missed / m),
        equal_error_by_type={name: _equal_error_of_type(share, own) for name, own in by_type.items()},
        bpcer_at_apcer={
            key: _bpcer_at(_highest_rows(missed, limit), cleared) for key, limit in LIMITS.items()
        },
        bpcer_at_worst_apcer={key: _bpcer_at(rows, cleared) for key, rows in worst.items()},
    )


def _equal_error_of_type(cleared: NDArray[np.float64], missed: NDArray[np.int64]) -> NDArray[np.float64]:
    found = _equal_error(cleared, missed / np.maximum(missed[:, -1:], 1))
    return np.where(missed[:, -1] > 0, found, np.nan)


def _equal_error(cleared: NDArray[np.float64], missed: NDArray[np.float64]) -> NDArray[np.float64]:
    """The interpolated rate: between the last row where misses are fewer than false alarms, and the next."""
    apart = np.pad(missed + cleared - 1, ((0, 0), (1, 0)), constant_values=-1.0)
    misses = np.pad(missed, ((0, 0), (1, 0)))
    after = np.argmax(apart >= -1e-12, axis=1)[:, None]  # rounding must not pass over an exact crossing
    rise, low = (np.take_along_axis(own, after - 1, axis=1)[:, 0] for own in (apart, misses))
    end, high = (np.take_along_axis(own, after, axis=1)[:, 0] for own in (apart, misses))
    return np.asarray(low + (high - low) * -rise / (end - rise))


def _highest_rows(missed: NDArray[np.int64], limit: float) -> NDArray[np.intp]:
    """In each replicate the highest row whose score, as threshold, misses at most a share ``limit``."""
    share = missed / np.maximum(missed[:, -1:], 1)  # 0 of a type that was not drawn: it allows every row
    return np.asarray(np.count_nonzero(share <= limit, axis=1))


def _bpcer_at(rows: NDArray[np.intp], cleared: NDArray[np.int64]) -> NDArray[np.float64]:
    kept = np.take_along_axis(cleared, np.maximum(rows - 1, 0)[:, None], axis=1)[:, 0]
    return np.asarray(1 - np.where(rows > 0, kept, 0) / cleared[:, -1])
