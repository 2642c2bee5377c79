"""What a reader of an evaluation must know, in plain sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from finauth_eval.breakdown import FEW
from finauth_eval.metrics.bootstrapped import QUICKLY_BOOTSTRAPPED
from finauth_eval.metrics.clustered_bootstrap import QUICKLY_DRAWN
from finauth_eval.metrics.decimals import score_grid
from finauth_eval.phrases import phrase, plural
from finauth_eval.samples import UNSPECIFIED, clusters_in_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from finauth_eval.counting.part import Part
    from finauth_eval.metrics.audit import DecisionAudit
    from finauth_eval.metrics.clustered import ClusteredScores
    from finauth_eval.metrics.counts import ScoreCounts
    from finauth_eval.metrics.estimate import Estimate
    from finauth_eval.metrics.rates import OperatingPoint
    from finauth_eval.metrics.replicates import Replicates

__all__ = ["about_answers", "about_bootstrap", "about_clusters", "about_samples", "about_scores"]


FEWEST_CLUSTERS: Final = 10
"""The fewest clusters for which the coverage of the clustered intervals was simulated."""


def about_samples(samples: Part, attack_types: Mapping[str, int]) -> Iterator[str]:
    """Classes, scores and attack types that are missing or few.

    Args:
        samples: Every sample.
        attack_types: How many scored attacks of each type there are.
    """
    sizes = samples.sizes
    if not sizes.attack and not sizes.bona_fide:
        yield phrase("No sample has a score: every figure is undefined.")
    elif not sizes.attack or not sizes.bona_fide:
        yield (
            phrase("No attack has a score: misses and everything that compares the classes is undefined.")
            if sizes.bona_fide
            else phrase(
                "No bona fide sample has a score: false alarms and everything that compares the classes is undefined."
            )
        )
    silent = sizes.no_response_attack + sizes.no_response_bona_fide
    if silent:
        yield phrase(
            "{n} samples got no score ({bona_fide} bona fide, {attack} attacks); they are in no rate but the no-response"
            " bounds.",
            n=silent,
            bona_fide=sizes.no_response_bona_fide,
            attack=sizes.no_response_attack,
        )
    unsent = samples.n_unsent
    if unsent:
        yield phrase("{n} samples were never sent and are in no rate.", n=unsent)
    if UNSPECIFIED in attack_types:
        yield phrase(
            "{n} attacks have no type while others do; they form the type {name}, so that the worst type's rate does not"
            " leave them out.",
            n=attack_types[UNSPECIFIED],
            name=repr(UNSPECIFIED),
        )
    few = [f"{name} ({n})" for name, n in attack_types.items() if n < FEW]
    if few:
        yield phrase(
            "Attack types with fewer than {few} scored samples, about which little can be said: {names}.",
            few=FEW,
            names=", ".join(few),
        )
    lost = sorted(samples.attack_types_seen() - {*attack_types}) if silent or unsent else []
    if lost:
        yield phrase(
            "Attack types without any scored sample, left out of the worst type: {names}.",
            names=", ".join(lost),
        )


def about_scores(counts: ScoreCounts, area: Estimate, first: OperatingPoint) -> Iterator[str]:
    """Scores that point the wrong way, are tied, or lie outside [0, 1].

    Args:
        counts: The counts of all samples.
        area: Their area under the ROC curve.
        first: The operating point at the threshold in force.
    """
    if area.value < 0.5:  # False for NaN
        yield phrase(
            "The AUC is {area}, below 0.5: attacks score lower than bona fide samples. The labels or the score's"
            " direction may be swapped; nothing was flipped.",
            area=f"{area.value:.3f}",
        )
    if counts.scores.size == 1 and counts.n_attack + counts.n_bona_fide > 1:
        yield phrase(
            "Every score is {score}: no threshold can tell the classes apart.", score=f"{counts.scores[0]:g}"
        )
    grid = score_grid(counts.scores)
    if counts.scores.size and not grid.continuous and grid.decimals <= 2:
        yield phrase(
            "Scores have {decimals} decimals and {n} distinct values: many samples are tied, and a threshold can only be"
            " set on this grid.",
            decimals=grid.decimals,
            n=counts.scores.size,
        )
    row = int(np.searchsorted(counts.scores, first.threshold))
    if row < counts.scores.size and counts.scores[row] == first.threshold:
        tied = int(counts.attack[row] + counts.bona_fide[row])
        yield plural(
            "{n} score equals the threshold {threshold} exactly: decided attack, by score >= threshold.",
            "{n} scores equal the threshold {threshold} exactly: decided attack, by score >= threshold.",
            tied,
            threshold=f"{first.threshold:g}",
        )
    if not counts.in_unit_range:
        yield phrase("Scores lie outside [0, 1]: Brier score, ECE and Cllr are undefined.")


def about_answers(audit: DecisionAudit) -> Iterator[str]:
    """Answers that name several thresholds, or decide otherwise than by their own."""
    seen = audit.thresholds_seen
    if len(seen) > 1:
        named = ", ".join(f"{threshold:g}" for threshold in seen[:5]) + (", ..." if len(seen) > 5 else "")
        yield phrase(
            "The answers name {n} different thresholds ({named}); the first operating point is 0.5.",
            n=len(seen),
            named=named,
        )
    if audit.ge_mismatches:
        yield phrase(
            "{n} of {total} answers' own result is not score >= threshold ({gt} are not score > threshold, {at} lie at"
            " the threshold).",
            n=audit.ge_mismatches,
            total=audit.audited,
            gt=audit.gt_mismatches,
            at=audit.at_threshold,
        )


def about_clusters(clustered: ClusteredScores | None, column: str | None, *, blank: int = 0) -> Iterator[str]:
    """Samples that belong together, and what the intervals make of that.

    Args:
        clustered: The samples with their clusters; ``None`` where they are independent.
        column: The column that says which samples belong together, or ``None``.
        blank: Scored samples without a subject where others have one, so that subjects are not taken as clusters.
    """
    if blank and column is None:
        yield phrase(
            "{n} scored samples have no subject while others have one, so samples are taken as independent; fill the"
            " column, for several samples of one person are not.",
            n=blank,
        )
    if clustered is None or column is None:
        return
    groups, words = clustered.n_clusters, clusters_in_words(column)
    yield phrase(
        "{n} scored samples come from {groups} {clusters}; the intervals of areas, rates and EER take the {clusters}, not"
        " the samples, as independent.",
        n=clustered.n,
        groups=groups,
        clusters=words,
    )
    if groups < FEWEST_CLUSTERS:
        yield phrase(
            "With fewer than {few} {clusters} even these intervals may be too narrow; there are {groups}.",
            few=FEWEST_CLUSTERS,
            clusters=words,
            groups=groups,
        )


def about_bootstrap(
    clustered: ClusteredScores | None, replicates: Replicates | None, wanted: int | None, area: Estimate
) -> Iterator[str]:
    """Intervals that were left out.

    Args:
        clustered: The samples with their clusters; ``None`` where they are independent.
        replicates: The bootstrap's replicates, or ``None``.
        wanted: How many were asked for; ``None`` where that was left to the amount of data.
        area: Area under the ROC curve.
    """
    if wanted is None and replicates is None and area.defined:
        many = (
            phrase("{n} distinct scores", n=QUICKLY_BOOTSTRAPPED)
            if clustered is None
            else phrase("{n} samples that belong together", n=QUICKLY_DRAWN)
        )
        yield phrase(
            "More than {many}: intervals that need the bootstrap were left out; ask for them with bootstrap=2000.",
            many=many,
        )
