"""The samples that a comparison rests on: the same ones scored twice, or two sets of different ones."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from finauth_eval.breakdown import area, rates_at
from finauth_eval.metrics.area_difference import independent_areas, paired_areas
from finauth_eval.metrics.clustered import ClusteredScores
from finauth_eval.metrics.clustered_bootstrap import bootstrap_clusters
from finauth_eval.metrics.clustered_rates import clustered_rate, effective_size
from finauth_eval.metrics.fixed_apcer import LIMITS, bpcer_at_apcer
from finauth_eval.metrics.independent_rates import independent_rates
from finauth_eval.metrics.intervals import rate
from finauth_eval.metrics.paired_rates import paired_rates
from finauth_eval.metrics.replicates import Replicates
from finauth_eval.phrases import phrase

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from finauth_eval.metrics.change import Change
    from finauth_eval.metrics.estimate import Estimate
    from finauth_eval.metrics.rates import OperatingPoint
    from finauth_eval.samples import SampleArrays

__all__ = ["Event", "Evidence", "Paired", "Parts", "Rates", "Side", "Unpaired"]

Event = Literal["blocked", "missed"]
"""What is counted: bona fide samples at or above the threshold, or attacks below it."""

Parts: TypeAlias = "Mapping[tuple[str, str], tuple[NDArray[np.bool_], NDArray[np.bool_]]]"
"""Which samples of A and of B are in a part, by the part's column and value; each mask of the shape of its run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """One error rate in both runs.

    Attributes:
        a: The rate in A.
        b: The rate in B.
        a_only: Samples wrong in A only; ``None`` where the runs have different samples.
        b_only: Samples wrong in B only; ``None`` likewise.
        change: The difference, B less A, with its interval and test.
        lower: One-sided lower limit of the difference at the confidence.
        upper: One-sided upper limit.
        independent: How many samples, or clusters of them, are independent; the smaller run's where they differ.
    """

    a: Estimate
    b: Estimate
    a_only: int | None
    b_only: int | None
    change: Change
    lower: float
    upper: float
    independent: int

    @property
    def n(self) -> int:
        """Samples, of the smaller run where they differ."""
        return min(self.a.n, self.b.n)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Side:
    """The samples of one run, every one with a score.

    Attributes:
        arrays: The samples.
        clusters: Which belong together, shape (n,); ``None`` where they are independent.
    """

    arrays: SampleArrays
    clusters: NDArray[np.integer[Any]] | None

    def take(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> Side:
        """These samples only."""
        clusters = None if self.clusters is None else self.clusters[rows]
        return Side(arrays=self.arrays.take(rows), clusters=clusters)

    def of(self, event: Event, attack_type: str | None = None) -> NDArray[np.bool_]:
        """Which samples can show an event, shape (n,)."""
        if event == "blocked":
            return np.asarray(~self.arrays.is_attack)
        if attack_type is None:
            return self.arrays.is_attack
        code = self.arrays.types.index(attack_type) if attack_type in self.arrays.types else -2
        return np.asarray(self.arrays.is_attack & (self.arrays.type_codes == code))

    def events(self, event: Event, threshold: float) -> NDArray[np.bool_]:
        """Which samples would show an event if they are of its class, shape (n,)."""
        flagged = self.arrays.scores >= threshold
        return np.asarray(flagged if event == "blocked" else ~flagged)

    def rate(
        self, event: Event, threshold: float, *, attack_type: str | None, confidence: float
    ) -> tuple[Estimate, float, int]:
        """The rate, how many independent samples tell as much, and how many samples or clusters are independent."""
        own = self.of(event, attack_type)
        seen = self.events(event, threshold)[own]
        words = _what(event, attack_type)
        if self.clusters is None or not own.any():
            return (
                rate(int(seen.sum()), seen.size, confidence=confidence, of=words),
                float(seen.size),
                seen.size,
            )
        together = np.unique(self.clusters[own], return_inverse=True)[1]
        sizes, events = np.bincount(together), np.bincount(together, seen).astype(np.int64)
        size = (
            float(seen.size)
            if sizes.size == seen.size
            else effective_size(events, sizes, confidence=confidence)
        )
        return clustered_rate(events, sizes, confidence=confidence, of=words), size, sizes.size

    def points(self, thresholds: list[tuple[float, str]], *, confidence: float) -> tuple[OperatingPoint, ...]:
        """The operating points of these samples."""
        counts = self.arrays.counts()
        return rates_at(
            thresholds, counts, self.arrays.clustered(counts, self.clusters), confidence=confidence
        )

    def area(self, *, confidence: float) -> Estimate:
        """The area under the ROC curve."""
        counts = self.arrays.counts()
        return area(counts, self.arrays.clustered(counts, self.clusters), confidence=confidence)

    def area_freedom(self) -> float:
        """Degrees of freedom of the area's variance: the clusters less one, infinite where samples are independent."""
        if self.clusters is None:
            return math.inf
        clusters = np.unique(self.clusters).size
        return math.inf if clusters == self.clusters.size else clusters - 1

    def replicates(self, number: int, *, rng: np.random.Generator) -> Replicates:
        """Bootstrap replicates; equal generators draw the same samples of sides that have the same ones."""
        counts, own = self.arrays.counts(), self.arrays
        clusters = np.arange(own.scores.size) if self.clusters is None else self.clusters
        drawn = ClusteredScores.of(
            counts, own.scores, is_attack=own.is_attack, clusters=clusters, type_codes=own.type_codes,
            types=own.types,
        )  # fmt: skip
        return bootstrap_clusters(drawn, number, rng=rng)

    def bpcer_at_apcer(self, key: str) -> float:
        """BPCER10, BPCER20 or BPCER100, of the worst attack type where there are types; ``nan`` without a class."""
        found = bpcer_at_apcer(self.arrays.counts(), LIMITS[key])
        return found.worst_type.value if found.worst_type.defined else found.pooled.value


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Paired:
    """The same samples with the scores of both runs.

    Attributes:
        a: The samples with the scores of A.
        b: The same samples, in the same order, with the scores of B.
    """

    a: Side
    b: Side

    def take(self, rows_a: NDArray[np.bool_], rows_b: NDArray[np.bool_]) -> Paired:
        """A part of the samples; both masks are the same one."""
        return Paired(a=self.a.take(rows_a), b=self.b.take(rows_b))

    def rates(
        self,
        event: Event,
        threshold_a: float,
        threshold_b: float,
        *,
        attack_type: str | None = None,
        confidence: float,
    ) -> Rates:
        """An error rate in both runs: McNemar's test and Tango's interval."""
        own = self.a.of(event, attack_type)
        clusters = None if self.a.clusters is None else self.a.clusters[own]
        found = paired_rates(
            self.a.events(event, threshold_a)[own],
            self.b.events(event, threshold_b)[own],
            clusters=clusters,
            confidence=confidence,
            of=_what(event, None),
        )
        before, _, independent = self.a.rate(
            event, threshold_a, attack_type=attack_type, confidence=confidence
        )
        after, _, _ = self.b.rate(event, threshold_b, attack_type=attack_type, confidence=confidence)
        return Rates(
            a=before, b=after, a_only=found.a_only, b_only=found.b_only, change=found.change, lower=found.lower,
            upper=found.upper, independent=independent,
        )  # fmt: skip

    def areas(self, *, confidence: float) -> Change:
        """Paired DeLong."""
        return paired_areas(
            self.a.arrays.scores,
            self.b.arrays.scores,
            is_attack=self.a.arrays.is_attack,
            clusters=self.a.clusters,
            confidence=confidence,
        )

    def exchanged(self, rng: np.random.Generator, parts: Parts | None = None) -> tuple[Paired, Parts]:
        """Each sample's (each cluster's) two scores exchanged or not, at random.

        Args:
            rng: Of the draws.
            parts: Which samples are in a part, which stays so.
        """
        n = self.a.arrays.scores.size
        if self.a.clusters is None:
            swap = rng.integers(2, size=n).astype(bool)
        else:
            together = np.unique(self.a.clusters, return_inverse=True)[1]
            swap = rng.integers(2, size=int(together.max(initial=-1)) + 1).astype(bool)[together]
        one, other = self.a.arrays.scores, self.b.arrays.scores
        drawn = Paired(
            a=replace(self.a, arrays=replace(self.a.arrays, scores=np.where(swap, other, one))),
            b=replace(self.b, arrays=replace(self.b.arrays, scores=np.where(swap, one, other))),
        )
        return drawn, parts or {}

    def bootstrap(self, number: int, *, seed: int) -> tuple[Replicates, Replicates]:
        """Replicates of the same draws of samples for both runs."""
        one, other = (own.replicates(number, rng=np.random.default_rng(seed)) for own in (self.a, self.b))
        return one, other


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Unpaired:
    """The samples of two runs that don't share enough of them; taken as independent of each other.

    Attributes:
        a: The samples of A.
        b: The samples of B.
    """

    a: Side
    b: Side

    def take(self, rows_a: NDArray[np.bool_], rows_b: NDArray[np.bool_]) -> Unpaired:
        """A part of the samples of each."""
        return Unpaired(a=self.a.take(rows_a), b=self.b.take(rows_b))

    def rates(
        self,
        event: Event,
        threshold_a: float,
        threshold_b: float,
        *,
        attack_type: str | None = None,
        confidence: float,
    ) -> Rates:
        """An error rate in both runs: the score test and interval of Miettinen and Nurminen."""
        before, size_a, apart_a = self.a.rate(
            event, threshold_a, attack_type=attack_type, confidence=confidence
        )
        after, size_b, apart_b = self.b.rate(
            event, threshold_b, attack_type=attack_type, confidence=confidence
        )
        change, lower, upper = independent_rates(
            before, after, effective_a=size_a, effective_b=size_b, confidence=confidence
        )
        return Rates(
            a=before, b=after, a_only=None, b_only=None, change=change, lower=lower, upper=upper,
            independent=min(apart_a, apart_b),
        )  # fmt: skip

    def areas(self, *, confidence: float) -> Change:
        """DeLong's variances, added; with clusters Obuchowski's, and Welch's t."""
        return independent_areas(
            self.a.area(confidence=confidence),
            self.b.area(confidence=confidence),
            freedom_a=self.a.area_freedom(),
            freedom_b=self.b.area_freedom(),
        )

    def exchanged(self, rng: np.random.Generator, parts: Parts | None = None) -> tuple[Unpaired, Parts]:
        """The samples (clusters) of both runs dealt out anew, in each class as many as there were.

        Args:
            rng: Of the draws.
            parts: Which samples of A and of B are in a part, which they take with them.
        """
        pooled = _joined(self.a, self.b)
        n_a = self.a.arrays.scores.size
        into_b = np.arange(pooled.arrays.scores.size) >= n_a
        together = np.arange(into_b.size) if pooled.clusters is None else pooled.clusters
        classes = pooled.arrays.is_attack
        # a cluster goes to one run as a whole; which class it is dealt with is that of its first sample
        _, first, inverse = np.unique(together, return_index=True, return_inverse=True)
        dealt = into_b[first].copy()
        for kind in (False, True):
            own = np.flatnonzero(classes[first] == kind)
            dealt[own] = rng.permutation(dealt[own])
        into_b = dealt[inverse]
        moved = {}
        for name, masks in (parts or {}).items():
            inside = np.concatenate(masks)
            moved[name] = (inside[~into_b], inside[into_b])
        return Unpaired(a=pooled.take(~into_b), b=pooled.take(into_b)), moved

    def bootstrap(self, number: int, *, seed: int) -> tuple[Replicates, Replicates]:
        """Replicates of each run by itself."""
        rngs = np.random.default_rng(seed).spawn(2)
        one, other = (
            own.replicates(number, rng=rng) for own, rng in zip((self.a, self.b), rngs, strict=True)
        )
        return one, other


Evidence: TypeAlias = Paired | Unpaired


def _joined(a: Side, b: Side) -> Side:
    """The samples of both, with clusters of their own."""
    types = tuple(dict.fromkeys([*a.arrays.types, *b.arrays.types]))
    codes = [
        np.array([*(types.index(name) for name in own.types), -1])[own.type_codes]
        for own in (a.arrays, b.arrays)
    ]
    clusters = None
    if a.clusters is not None and b.clusters is not None:
        clusters = np.concatenate([a.clusters, b.clusters + int(a.clusters.max(initial=-1)) + 1])
    return Side(
        arrays=replace(
            a.arrays,
            scores=np.concatenate([a.arrays.scores, b.arrays.scores]),
            is_attack=np.concatenate([a.arrays.is_attack, b.arrays.is_attack]),
            type_codes=np.concatenate(codes),
            types=types,
            not_sent=np.concatenate([a.arrays.not_sent, b.arrays.not_sent]),
        ),
        clusters=clusters,
    )


def _what(event: Event, attack_type: str | None) -> str:
    """What the samples of a rate are."""
    if event == "blocked":
        return phrase("bona fide sample")
    return phrase("attack of type {name}", name=attack_type) if attack_type else phrase("attack")
