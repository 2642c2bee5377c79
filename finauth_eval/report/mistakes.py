"""The samples that were decided wrongly with the most confidence: where to look first. Ids, no pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from finauth_eval.report.tables import Cell, Table, columns, row, threshold_cell
from finauth_eval.report.wording import times
from finauth_eval.shown import numbers
from finauth_eval.shown.text import name

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from finauth_eval.evaluation import Evaluation
    from finauth_eval.scores import ScoreTable

__all__ = ["Mistakes", "mistakes_of"]

_MOST: Final = 10
_LONGEST_ID: Final = 80
_TOLD: Final = (("attack_type", "Attack type"), ("media_type", "Media"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistakes:
    """What the section shows: a sentence, and a table for each class that has mistakes."""

    lead: str
    tables: tuple[Table, ...]


def mistakes_of(evaluation: Evaluation, scores: ScoreTable | None) -> Mistakes | None:
    """The mistakes at the threshold in force; ``None`` without the score table or a threshold."""
    if scores is None or not evaluation.operating_points:
        return None
    at = evaluation.operating_points[0].threshold
    values, attack = scores.scores, scores.is_attack
    scored = ~np.isnan(values)
    passed = np.flatnonzero(scored & attack & (values < at))
    blocked = np.flatnonzero(scored & ~attack & (values >= at))
    tables = [
        _table(scores, rows, ordered, whose)
        for rows, ordered, whose in (
            (passed, values[passed], "Attacks that pass with the lowest scores"),
            (blocked, -values[blocked], "Genuine samples blocked with the highest scores"),
        )
        if rows.size
    ]
    shown = numbers.threshold(at)
    if not tables:
        return Mistakes(lead=f"At {shown} nothing is decided wrongly.", tables=())
    return Mistakes(
        lead=(
            f"At {shown}, {times(passed.size, 'attack passes', 'attacks pass')} and"
            f" {times(blocked.size, 'genuine sample is', 'genuine samples are')} blocked. Look at these first: a wrong"
            " label shows here, and so does what the detector does not know."
        ),
        tables=tuple(tables),
    )


def _table(scores: ScoreTable, rows: NDArray[np.intp], ordered: NDArray[np.float64], caption: str) -> Table:
    first = rows[np.argsort(ordered, kind="stable")[:_MOST]]
    frame = scores.frame.iloc[first]
    told = {heading: column for column, heading in _TOLD if frame[column].notna().any()}
    found = [
        row(
            Cell(text=name(str(sample), _LONGEST_ID)),
            threshold_cell(float(score)),
            *(
                Cell(text=numbers.NOT_KNOWN if pd.isna(own) else name(str(own), _LONGEST_ID))
                for own in frame[list(told.values())].iloc[k]
            ),
        )
        for k, (sample, score) in enumerate(zip(frame["sample_id"], frame["score"], strict=True))
    ]
    left = rows.size - len(found)
    return Table(
        caption=caption,
        columns=columns(
            "Sample" if scores.has_sample_ids else "Row of the table", "Score", *told, texts=tuple(told)
        ),
        rows=tuple(found),
        note=f"{times(left, 'further mistake')} of this kind not shown." if left else None,
    )  # fmt: skip
