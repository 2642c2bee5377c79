"""A table as counts, or counts as they are: one road for both from here on, so that both end in the same numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from finauth_eval.samples import blank_subjects, cluster_codes, cluster_column
from finauth_eval.tallied import Tallied

if TYPE_CHECKING:
    from collections.abc import Iterable

    from finauth_eval.scores import ScoreTable

__all__ = ["counted"]


def counted(
    scores: ScoreTable | Tallied, by: Iterable[str] = (), *, cluster: str | None, split: bool = True
) -> tuple[Tallied, int]:
    """The samples, counted, and how many scored ones have no subject while others have one.

    Args:
        scores: A whole table, of which subjects with one sample each need not be remembered; or counted samples.
        by: Columns whose values are counted each by itself.
        cluster: Column that says which samples belong together; ``None`` is ``subject`` where that is filled, ``"none"``
            no column.
        split: Whether samples to choose on and to measure on are told apart, where a column ``split`` is filled.

    Raises:
        ScoresError: There are no labels.
        ValueError: There is no such column, it has too many different values, or a scored sample has no cluster; or
            counted samples belong together, and which do was not counted.

    Example:
        >>> import pandas as pd
        >>> from finauth_eval.scores import ScoreTable
        >>> frame = pd.DataFrame({"label": ["real", "fake"] * 2, "score": [0.1, 0.9, 0.2, 0.8], "subject": list("aabb")})
        >>> found, blank = counted(ScoreTable.from_frame(frame), cluster=None)
        >>> found.together().n_clusters, blank
        (2, 0)
    """
    scores.require_labels()
    if isinstance(scores, Tallied):
        return scores, scores.blank_subjects(cluster)
    column = cluster_column(scores, cluster)
    codes = cluster_codes(scores, column)
    if codes is None or np.bincount(codes[scores.scored], minlength=1).max() <= 1:
        column = "none"
    found = Tallied.of(scores, by, cluster=column, split=split)
    return found, 0 if cluster else blank_subjects(scores)
