"""The explorer's section as one value, for one run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup, escape

from finauth_eval.report.explorer.assumptions import Assumptions, assumed
from finauth_eval.report.explorer.by_hand import by_hand
from finauth_eval.report.explorer.grid import even_steps, grid_of, thresholds_of
from finauth_eval.report.explorer.panel import (
    figures_table,
    matrix_table,
    script_words,
    sentence,
    types_table,
)
from finauth_eval.report.explorer.side import Side
from finauth_eval.shown import numbers
from finauth_eval.shown.text import data_block

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from finauth_eval.evaluation import Evaluation
    from finauth_eval.recommendation import Recommendations
    from finauth_eval.report.marks import Mark
    from finauth_eval.report.tables import Table

__all__ = ["Explorer", "explorer_of", "section"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Explorer:
    """The default state and the script's data.

    Attributes:
        grid: The thresholds, ascending, shape (g,).
        at: Position of the threshold that is shown first.
        review_at: Position of the lower threshold when a review band is first asked for.
        step: Width of the even steps.
        assumed: Prevalence and costs.
        sides: The runs.
        sentence: What the threshold does.
        figures: Rates and cost.
        matrices: The decisions of each run.
        types: The attack types of each run that has some.
        policy: The exported policy's JSON; ``None`` where there is more than one run.
        marks: The lettered thresholds to jump to.
        data: JSON for the script.
    """

    grid: NDArray[np.float64]
    at: int
    review_at: int
    step: float
    assumed: Assumptions
    sides: tuple[Side, ...]
    sentence: str
    figures: Table
    matrices: tuple[Table, ...]
    types: tuple[Table, ...]
    policy: str | None
    marks: tuple[Mark, ...]
    data: Markup

    @property
    def threshold(self) -> str:
        """The threshold shown first, as it is typed."""
        return numbers.threshold(float(self.grid[self.at]))

    @property
    def policy_text(self) -> Markup:
        """The policy as it is laid out, with its line breaks; JSON has nothing else that could not be seen."""
        return escape(self.policy or "")

    @property
    def review_from(self) -> str:
        """The lower threshold of the band, as it is typed."""
        return numbers.threshold(float(self.grid[self.review_at]))

    @property
    def offered(self) -> str:
        """How many thresholds there are."""
        return numbers.count(self.grid.size)

    @property
    def prior_percent(self) -> str:
        """The share of attacks, as it is typed."""
        return f"{100 * self.assumed.prior:.12g}"


def explorer_of(
    evaluation: Evaluation, recommendations: Recommendations | None, marks: tuple[Mark, ...]
) -> Explorer | None:
    """The explorer of one run; ``None`` where no sample has a score or no threshold was measured."""
    if not evaluation.score_counts.scores.size or not evaluation.operating_points:
        return None
    scores = evaluation.score_counts.scores
    grid = grid_of(scores, thresholds_of(evaluation, recommendations))
    point = evaluation.operating_points[0]
    at = int(np.searchsorted(grid, point.threshold))
    side = Side.of(
        evaluation.score_counts, evaluation.clustered, grid, at=at, confidence=evaluation.confidence
    )
    bands = [
        item.review_from for item in recommendations or () if item.feasible and item.review_from is not None
    ]
    policy = by_hand(evaluation, point)
    return section(
        (side,),
        grid,
        step=even_steps(scores)[1],
        at=at,
        review_at=None if not bands else int(np.searchsorted(grid, bands[0])),
        assumptions=assumed(recommendations),
        policy=policy.model_dump(by_alias=True, mode="json"),
        marks=marks,
    )


def section(
    sides: tuple[Side, ...],
    grid: NDArray[np.float64],
    *,
    step: float,
    at: int,
    review_at: int | None = None,
    assumptions: Assumptions,
    policy: dict[str, Any] | None = None,
    marks: tuple[Mark, ...] = (),
) -> Explorer:
    """The default state of some runs over one grid."""
    first = sides[0]
    below = max(0, at - (grid.size - 1) // 10) if review_at is None else min(review_at, at)
    tables = [types_table(k, side, at) for k, side in enumerate(sides)]
    cost = assumptions.cost(first.missed(at).value, first.blocked(at).value)
    return Explorer(
        grid=grid,
        at=at,
        review_at=below,
        step=step,
        assumed=assumptions,
        sides=sides,
        sentence=sentence(first, at, cost) if len(sides) == 1 else "",
        figures=figures_table(sides, at, assumptions),
        matrices=tuple(matrix_table(k, side, at) for k, side in enumerate(sides)),
        types=tuple(table for table in tables if table is not None),
        policy=None if policy is None else json.dumps(policy, indent=1, allow_nan=False),
        marks=marks,
        data=data_block(
            {
                "thresholds": grid.tolist(),
                "at": at,
                "reviewAt": below,
                "assumed": assumptions.to_dict(),
                "sides": [side.to_dict() for side in sides],
                "policy": policy,
                "words": script_words(),
            }
        ),
    )
