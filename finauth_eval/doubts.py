"""What a reader of an evaluation must know, in plain sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from finauth_eval.breakdown import FEW
from finauth_eval.metrics.bootstrapped import QUICKLY_BOOTSTRAPPED
from finauth_eval.metrics.decimals import score_grid
from finauth_eval.samples import UNSPECIFIED, clusters_in_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from finauth_eval.metrics.audit import DecisionAudit
    from finauth_eval.metrics.bootstrap import Replicates
    from finauth_eval.metrics.counts import ScoreCounts
    from finauth_eval.metrics.estimate import Estimate
    from finauth_eval.metrics.rates import OperatingPoint
    from finauth_eval.samples import ClassCounts, SampleArrays
    from finauth_eval.scores import ScoreTable

__all__ = ["about_answers", "about_intervals", "about_samples", "about_scores"]


def about_samples(sizes: ClassCounts, rows: SampleArrays, attack_types: Mapping[str, int]) -> Iterator[str]:
    """Classes, scores and attack types that are missing or few.

    Args:
        sizes: Samples with and without a score.
        rows: Every sample.
        attack_types: How many scored attacks of each type there are.
    """
    if not sizes.attack or not sizes.bona_fide:
        missing, rest = ("attack", "misses") if sizes.bona_fide else ("bona fide sample", "false alarms")
        yield f"No {missing} has a score: {rest} and everything that compares the classes is undefined."
    silent = sizes.no_response_attack + sizes.no_response_bona_fide
    if silent:
        yield (
            f"{silent} samples got no score ({sizes.no_response_bona_fide} bona fide,"
            f" {sizes.no_response_attack} attacks); they are in no rate but the no-response bounds."
        )
    unsent = int(rows.not_sent.sum())
    if unsent:
        yield f"{unsent} samples were never sent and are in no rate."
    if UNSPECIFIED in attack_types:
        yield (
            f"{attack_types[UNSPECIFIED]} attacks have no type while others do; they form the type"
            f" {UNSPECIFIED!r}, so that the worst type's rate does not leave them out."
        )
    few = [f"{name} ({n})" for name, n in attack_types.items() if n < FEW]
    if few:
        yield f"Attack types with fewer than {FEW} scored samples, about which little can be said: {', '.join(few)}."
    lost = sorted(
        {rows.types[code] for code in np.unique(rows.type_codes[rows.is_attack]) if code >= 0}
        - {*attack_types}
    )
    if lost:
        yield f"Attack types without any scored sample, left out of the worst type: {', '.join(lost)}."


def about_scores(counts: ScoreCounts, area: Estimate, first: OperatingPoint) -> Iterator[str]:
    """Scores that point the wrong way, are tied, or lie outside [0, 1].

    Args:
        counts: The counts of all samples.
        area: Their area under the ROC curve.
        first: The operating point at the threshold in force.
    """
    if area.value < 0.5:  # False for NaN
        yield (
            f"The AUC is {area.value:.3f}, below 0.5: attacks score lower than bona fide samples. The labels or the"
            " score's direction may be swapped; nothing was flipped."
        )
    if counts.scores.size == 1 and counts.n_attack + counts.n_bona_fide > 1:
        yield f"Every score is {counts.scores[0]:g}: no threshold can tell the classes apart."
    grid = score_grid(counts.scores)
    if not grid.continuous and grid.decimals <= 2:
        yield (
            f"Scores have {grid.decimals} decimals and {counts.scores.size} distinct values: many samples are tied,"
            " and a threshold can only be set on this grid."
        )
    row = int(np.searchsorted(counts.scores, first.threshold))
    if row < counts.scores.size and counts.scores[row] == first.threshold:
        tied = int(counts.attack[row] + counts.bona_fide[row])
        yield (
            f"{'1 score equals' if tied == 1 else f'{tied} scores equal'} the threshold {first.threshold:g} exactly:"
            " decided attack, by score >= threshold."
        )
    if not counts.in_unit_range:
        yield "Scores lie outside [0, 1]: Brier score, ECE and Cllr are undefined."


def about_answers(audit: DecisionAudit) -> Iterator[str]:
    """Answers that name several thresholds, or decide otherwise than by their own."""
    seen = audit.thresholds_seen
    if len(seen) > 1:
        named = ", ".join(f"{threshold:g}" for threshold in seen[:5]) + (", ..." if len(seen) > 5 else "")
        yield f"The answers name {len(seen)} different thresholds ({named}); the first operating point is 0.5."
    if audit.ge_mismatches:
        yield (
            f"{audit.ge_mismatches} of {audit.audited} answers' own result is not score >= threshold"
            f" ({audit.gt_mismatches} are not score > threshold, {audit.at_threshold} lie at the threshold)."
        )


def about_intervals(
    scores: ScoreTable,
    cluster: str | None,
    replicates: Replicates | None,
    wanted: int | None,
    area: Estimate,
) -> Iterator[str]:
    """Intervals that are too narrow, or that were left out.

    Args:
        scores: The table.
        cluster: The column that says which samples belong together, or ``None``.
        replicates: The bootstrap's replicates, or ``None``.
        wanted: How many were asked for; ``None`` where that was left to the number of distinct scores.
        area: Area under the ROC curve.
    """
    if cluster is not None:
        scored = scores.scored
        groups, n = scores.frame[cluster][scored].nunique(), int(scored.sum())
        if groups < n:
            yield (
                f"{n} scored samples come from {groups} {clusters_in_words(cluster)}; the intervals take samples as"
                " independent and are narrower than they should be."
            )
    if wanted is None and replicates is None and area.defined:
        yield (
            f"More than {QUICKLY_BOOTSTRAPPED} distinct scores: intervals that need the bootstrap were left out;"
            " ask for them with bootstrap=2000."
        )
