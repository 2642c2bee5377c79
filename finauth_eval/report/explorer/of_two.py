"""The explorer of two runs, for a comparison: both under one threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from finauth_eval.phrases import say
from finauth_eval.report.explorer.assumptions import assumed
from finauth_eval.report.explorer.grid import even_steps, grid_of
from finauth_eval.report.explorer.section import Explorer, section
from finauth_eval.report.explorer.side import Side
from finauth_eval.report.marks import Mark

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from finauth_eval.comparing.evidence import Side as Samples
    from finauth_eval.comparing.outcome import Comparison

__all__ = ["explorer_of_two"]


def explorer_of_two(comparison: Comparison) -> Explorer | None:
    """Both runs over one grid; ``None`` where a run has no labels, or no sample has a score."""
    samples = (comparison.evidence.a, comparison.evidence.b)
    scores = np.unique(np.concatenate([own.arrays.scores for own in samples]))
    if not (comparison.labelled and scores.size):
        return None
    grid = grid_of(scores, [*comparison.thresholds, *([0.5] if scores[0] >= 0 and scores[-1] <= 1 else [])])
    at = int(np.searchsorted(grid, comparison.thresholds[0]))
    sides = tuple(
        _side(own, grid, at, name=name, confidence=comparison.confidence)
        for name, own in zip((say("Run A"), say("Run B")), samples, strict=True)
    )
    return section(
        sides,
        grid,
        step=even_steps(scores)[1],
        at=at,
        assumptions=assumed(None),
        marks=_own_thresholds(*comparison.thresholds),
    )


def _own_thresholds(a: float, b: float) -> tuple[Mark, ...]:
    if a == b:
        return ()
    return tuple(
        Mark(letter=letter, threshold=threshold, names=(say("the threshold of run {letter}", letter=letter),))
        for letter, threshold in (("A", a), ("B", b))
    )


def _side(samples: Samples, grid: NDArray[np.float64], at: int, *, name: str, confidence: float) -> Side:
    counts = samples.arrays.counts()
    clustered = samples.arrays.clustered(counts, samples.clusters)
    return Side.of(counts, clustered, grid, at=at, confidence=confidence, name=name)
