"""The same numbers for a part of the samples: for each attack type, and for each value of a column."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from finauth_eval.metrics.bootstrapped import equal_error
from finauth_eval.metrics.change import holm
from finauth_eval.metrics.clustered_auc import clustered_auc
from finauth_eval.metrics.clustered_rates import clustered_points
from finauth_eval.metrics.delong import auc
from finauth_eval.metrics.estimate import finite_or_none
from finauth_eval.metrics.gaps import Whole
from finauth_eval.metrics.independent_rates import independent_rates
from finauth_eval.metrics.intervals import rate
from finauth_eval.metrics.rates import OperatingPoint, operating_points
from finauth_eval.phrases import phrase

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from finauth_eval.counting.cells import Cells
    from finauth_eval.counting.part import Part
    from finauth_eval.metrics.change import Change
    from finauth_eval.metrics.clustered import ClusteredScores
    from finauth_eval.metrics.counts import ScoreCounts
    from finauth_eval.metrics.equal_error import EqualErrorRate
    from finauth_eval.metrics.estimate import Estimate
    from finauth_eval.metrics.replicates import Replicates
    from finauth_eval.samples import ClassCounts, SampleArrays

__all__ = [
    "FEW",
    "AttackTypeResult",
    "Gap",
    "SliceResult",
    "area",
    "attack_types",
    "clustered_slices",
    "gaps_by_cells",
    "gaps_by_counts",
    "rates_at",
    "slices",
    "with_holm",
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
class Gap:
    """An error rate of a slice less that of the rest of the samples.

    Attributes:
        change: The difference with its interval and test; undefined where the slice or the rest has no sample.
        p_holm: Its p-value, adjusted over both errors of every slice that was looked at; ``nan`` where there is none.
    """

    change: Change
    p_holm: float = math.nan

    def to_dict(self) -> dict[str, Any]:
        """The difference with its test and the adjusted p-value."""
        return {**self.change.to_dict(), "p_holm": finite_or_none(self.p_holm)}


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
        gaps: How much higher each error is here than in the rest of the samples, at the first operating point.
    """

    column: str
    value: str
    counts: ClassCounts
    auc: Estimate
    operating_points: tuple[OperatingPoint, ...]
    small: bool
    gaps: Mapping[str, Gap] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The slice as in the JSON contract, with its ``small`` flag."""
        return {
            "counts": self.counts.to_dict(),
            "auc": self.auc.to_dict(),
            "operating_points": [point.to_dict() for point in self.operating_points],
            "small": self.small,
            "gaps": {name: gap.to_dict() for name, gap in self.gaps.items()},
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
    gaps: Mapping[str, Mapping[str, Gap]],
    confidence: float,
) -> dict[str, SliceResult]:
    """The samples of each value of a column by themselves, in the order of the values.

    Args:
        column: The column's name.
        parts: The samples of each value, counted.
        thresholds: The operating points, each with where it is from.
        clusters: The same samples with their clusters, for the values in which some cluster has several.
        gaps: For each value how its error rates lie against those of the rest.
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
            gaps=gaps[value],
        )
    return found


def gaps_by_counts(
    parts: Mapping[str, Part], threshold: float, *, confidence: float
) -> dict[str, dict[str, Gap]]:
    """The error rates of each value against those of the rest, of independent samples.

    Args:
        parts: The samples of each value of one column, counted; together they are all samples.
        threshold: Where both rates are looked at.
        confidence: Nominal coverage of the intervals, in (0, 1).
    """
    seen = {value: _wrong(part.counts, threshold) for value, part in parts.items()}
    found: dict[str, dict[str, Gap]] = {value: {} for value in parts}
    for position, (name, words) in enumerate(
        (("bpcer", phrase("bona fide sample")), ("apcer", phrase("attack")))
    ):
        wrong, n = (sum(own[position][k] for own in seen.values()) for k in (0, 1))
        for value, own in seen.items():
            events, size = own[position]
            change, _, _ = independent_rates(
                rate(wrong - events, n - size, confidence=confidence, of=words),
                rate(events, size, confidence=confidence, of=words),
                effective_a=float(n - size), effective_b=float(size), confidence=confidence,
            )  # fmt: skip
            found[value][name] = Gap(change=change)
    return found


def _wrong(counts: ScoreCounts, threshold: float) -> tuple[tuple[int, int], tuple[int, int]]:
    """Bona fide samples blocked and in all, attacks passed and in all."""
    row = int(np.searchsorted(counts.scores, threshold))
    return (
        (int(counts.bona_fide[row:].sum(dtype=np.int64)), counts.n_bona_fide),
        (int(counts.attack[:row].sum(dtype=np.int64)), counts.n_attack),
    )


def clustered_slices(cells: Cells, parts: Mapping[str, Part]) -> dict[str, ClusteredScores | None]:
    """The samples of each value of a column with their clusters; ``None`` for values in which no cluster has several.

    Args:
        cells: The samples of each cluster, told apart by this column alone.
        parts: The same samples of each value, counted.
    """
    return {value: cells.only(value).clustered(part.counts) for value, part in parts.items()}


def gaps_by_cells(
    cells: Cells, parts: Mapping[str, Part], threshold: float, *, confidence: float
) -> dict[str, dict[str, Gap]]:
    """The same as `gaps_by_counts`, of samples that belong together.

    Args:
        cells: The samples of each cluster, told apart by this column alone.
        parts: The same samples of each value, counted.
        threshold: Where both rates are looked at.
        confidence: Nominal coverage of the intervals, in (0, 1).
    """
    rows, clusters, profiles = cells.samples()
    place = {value: i for i, value in enumerate(parts)}
    codes = np.array([place[profile.values[0]] for profile in cells.profiles], dtype=np.intp)[profiles]
    order = np.argsort(codes, kind="stable")
    ends = np.searchsorted(codes[order], np.arange(len(parts) + 1))
    errors = _Errors.of(rows, threshold, clusters)
    return {
        value: errors.gaps(order[ends[i] : ends[i + 1]], confidence=confidence) for value, i in place.items()
    }


def with_holm(columns: Mapping[str, Mapping[str, SliceResult]]) -> dict[str, dict[str, SliceResult]]:
    """The same slices with the gaps' p-values adjusted over all of them together."""
    p_values = {
        repr((column, value, name)): gap.change.p_value
        for column, parts in columns.items()
        for value, part in parts.items()
        for name, gap in part.gaps.items()
    }
    adjusted = holm(p_values)
    return {
        column: {
            value: replace(
                part,
                gaps={
                    name: replace(gap, p_holm=adjusted[repr((column, value, name))])
                    for name, gap in part.gaps.items()
                },
            )
            for value, part in parts.items()
        }
        for column, parts in columns.items()
    }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Errors:
    """Both classes' wrong decisions at one threshold, and where each row is among them."""

    wholes: Mapping[str, tuple[NDArray[np.intp], Whole]]

    @classmethod
    def of(cls, rows: SampleArrays, threshold: float, clusters: NDArray[np.integer[Any]]) -> _Errors:
        flagged = rows.scores >= threshold
        wholes = {}
        for name, own, wrong, words in (
            ("bpcer", ~rows.is_attack, flagged, phrase("bona fide sample")),
            ("apcer", rows.is_attack, ~flagged, phrase("attack")),
        ):
            position = np.full(own.size, -1, dtype=np.intp)
            position[own] = np.arange(int(np.count_nonzero(own)))
            weights = None if rows.weights is None else rows.weights[own]
            wholes[name] = (position, Whole.of_samples(wrong[own], clusters[own], weights, of=words))
        return cls(wholes=wholes)

    def gaps(self, own: NDArray[np.intp], *, confidence: float) -> dict[str, Gap]:
        found = {}
        for name, (position, whole) in self.wholes.items():
            part = position[own]
            found[name] = Gap(change=whole.gap(part[part >= 0], confidence=confidence))
        return found
