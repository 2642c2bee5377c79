"""The same numbers for a part of the samples: for each attack type, and for each value of a column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from finauth_eval.metrics.bootstrapped import equal_error
from finauth_eval.metrics.clustered_auc import clustered_auc
from finauth_eval.metrics.clustered_rates import clustered_points
from finauth_eval.metrics.delong import auc
from finauth_eval.metrics.rates import OperatingPoint, operating_points

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from finauth_eval.metrics.clustered import ClusteredScores
    from finauth_eval.metrics.counts import ScoreCounts
    from finauth_eval.metrics.equal_error import EqualErrorRate
    from finauth_eval.metrics.estimate import Estimate
    from finauth_eval.metrics.replicates import Replicates
    from finauth_eval.samples import ClassCounts
    from finauth_eval.tallied import Part

__all__ = [
    "FEW",
    "AttackTypeResult",
    "SliceResult",
    "area",
    "attack_types",
    "rates_at",
    "slices",
]

FEW: Final = 30
"""Fewer scored samples than this say little."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AttackTypeResult:
    """One attack type against all bona fide samples.

    Attributes:
        attack_type: The type's name.
        n: Scored attacks of this type.
        auc: Area under the ROC curve of this type.
        eer: Equal error rate of this type.
        counts: The counts behind both.
    """

    attack_type: str
    n: int
    auc: Estimate
    eer: EqualErrorRate
    counts: ScoreCounts

    def to_dict(self) -> dict[str, Any]:
        """The numbers, without the counts."""
        return {"n": self.n, "auc": self.auc.to_dict(), "eer": self.eer.to_dict()}


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceResult:
    """The samples that share one value of one column.

    Attributes:
        column: The column's name.
        value: Its value, as text; ``"(missing)"`` where the column is blank.
        counts: The samples in the slice.
        auc: Area under the ROC curve inside the slice.
        operating_points: The evaluation's operating points, inside the slice.
        small: Whether a class has fewer than 30 scored samples here, so that nothing firm can be said.
    """

    column: str
    value: str
    counts: ClassCounts
    auc: Estimate
    operating_points: tuple[OperatingPoint, ...]
    small: bool

    def to_dict(self) -> dict[str, Any]:
        """The slice as in the JSON contract, with its ``small`` flag."""
        return {
            "counts": self.counts.to_dict(),
            "auc": self.auc.to_dict(),
            "operating_points": [point.to_dict() for point in self.operating_points],
            "small": self.small,
        }


def area(counts: ScoreCounts, clustered: ClusteredScores | None, *, confidence: float) -> Estimate:
    """The area under the ROC curve, with an interval that allows for clusters where there are any.

    Args:
        counts: Counts of both classes.
        clustered: The same samples with their clusters; ``None`` where they are independent.
        confidence: Nominal coverage, in (0, 1).
    """
    if clustered is None:
        return auc(counts, confidence=confidence)
    return clustered_auc(clustered, confidence=confidence)


def rates_at(
    thresholds: Sequence[tuple[float, str]],
    counts: ScoreCounts,
    clustered: ClusteredScores | None,
    *,
    confidence: float,
) -> tuple[OperatingPoint, ...]:
    """The operating point of each threshold, with its source; further arguments as of `area`."""
    points = operating_points(counts, thresholds, confidence=confidence)
    return points if clustered is None else clustered_points(points, clustered, confidence=confidence)


def attack_types(
    counts: ScoreCounts,
    clustered: ClusteredScores | None,
    replicates: Replicates | None,
    *,
    confidence: float,
) -> dict[str, AttackTypeResult]:
    """Each attack type against all bona fide samples, by name.

    Args:
        counts: The counts of all samples.
        clustered: The same samples with their clusters; ``None`` where they are independent.
        replicates: Bootstrap replicates of all samples, or ``None``.
        confidence: Nominal coverage of the intervals, in (0, 1).
    """
    found = {}
    for name in counts.by_attack_type:
        own = counts.select(name)
        together = None if clustered is None else clustered.select(name)
        found[name] = AttackTypeResult(
            attack_type=name,
            n=own.n_attack,
            auc=area(own, together, confidence=confidence),
            eer=equal_error(own, replicates, confidence=confidence, attack_type=name),
            counts=own,
        )
    return found


def slices(
    column: str,
    parts: Mapping[str, Part],
    thresholds: Sequence[tuple[float, str]],
    *,
    clusters: Mapping[str, ClusteredScores | None],
    confidence: float,
) -> dict[str, SliceResult]:
    """The samples of each value of a column by themselves, in the order of the values.

    Args:
        column: The column's name.
        parts: The samples of each value, counted.
        thresholds: The operating points, each with where it is from.
        clusters: The same samples with their clusters, for the values in which some cluster has several.
        confidence: Nominal coverage of the intervals, in (0, 1).
    """
    found = {}
    for value, part in parts.items():
        counts, sizes, clustered = part.counts, part.sizes, clusters.get(value)
        found[value] = SliceResult(
            column=column,
            value=value,
            counts=sizes,
            auc=area(counts, clustered, confidence=confidence),
            operating_points=rates_at(thresholds, counts, clustered, confidence=confidence),
            small=min(sizes.bona_fide, sizes.attack) < FEW,
        )
    return found
