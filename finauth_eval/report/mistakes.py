"""The samples that were decided wrongly with the most confidence: where to look first. Ids; pictures only on demand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from markupsafe import Markup

from finauth_eval.errors import InputError
from finauth_eval.phrases import counted, phrase, say, translated
from finauth_eval.report.tables import Cell, Table, columns, row, threshold_cell
from finauth_eval.report.thumbnails import thumbnails_of
from finauth_eval.shown import numbers
from finauth_eval.shown.text import name

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from finauth_eval.evaluation import Evaluation
    from finauth_eval.report.thumbnails import Thumbnails
    from finauth_eval.scores import ScoreTable

__all__ = ["Mistakes", "mistakes_of"]

_MOST: Final = 10
_LONGEST_ID: Final = 80
_TOLD: Final = (("attack_type", phrase("Attack type")), ("media_type", phrase("Media")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistakes:
    """What the section shows: a sentence, and a table for each class that has mistakes.

    Attributes:
        lead: The sentence.
        tables: The tables.
        pictures: How many samples are shown with their picture.
        note: Why not every one has a picture, if pictures were asked for.
    """

    lead: str
    tables: tuple[Table, ...]
    pictures: int = 0
    note: str | None = None


def mistakes_of(
    evaluation: Evaluation, scores: ScoreTable | None, *, thumbnails: Path | str | None = None
) -> Mistakes | None:
    """The mistakes at the threshold in force; ``None`` without the score table or a threshold.

    Args:
        evaluation: What was found.
        scores: The table behind it.
        thumbnails: The folder with the samples' files, if their pictures shall be shown.

    Raises:
        InputError: Pictures are asked for, and the table does not say what the samples' contents are.
    """
    if thumbnails is not None and (scores is None or not _tells_contents(scores)):
        raise InputError(
            "thumbnails are found by the content of the samples, and the scores have nothing in the column"
            " 'sha256'; the folder of a run has it"
        )
    if scores is None or not evaluation.operating_points:
        return None
    at = evaluation.operating_points[0].threshold
    values, attack = scores.scores, scores.is_attack
    scored = ~np.isnan(values)
    passed = np.flatnonzero(scored & attack & (values < at))
    blocked = np.flatnonzero(scored & ~attack & (values >= at))
    worst = [
        (rows[np.argsort(ordered, kind="stable")[:_MOST]], rows.size, caption)
        for rows, ordered, caption in (
            (passed, values[passed], say("Attacks that pass with the lowest scores")),
            (blocked, -values[blocked], say("Genuine samples blocked with the highest scores")),
        )
        if rows.size
    ]
    shown = numbers.threshold(at)
    if not worst:
        return Mistakes(lead=say("At {threshold} nothing is decided wrongly.", threshold=shown), tables=())
    pictures = None
    if thumbnails is not None:
        rows = np.concatenate([first for first, _, _ in worst])
        pictures = thumbnails_of(_contents(scores, rows), thumbnails)
    return Mistakes(
        lead=say(
            "At {threshold}, {passed} and {blocked}. Look at these first: a wrong label shows here, and so does what the"
            " detector does not know.",
            threshold=shown,
            passed=counted("{n} attack passes", "{n} attacks pass", passed.size),
            blocked=counted("{n} genuine sample is blocked", "{n} genuine samples are blocked", blocked.size),
        ),
        tables=tuple(
            _table(scores, first, size - first.size, caption, pictures) for first, size, caption in worst
        ),
        pictures=0
        if pictures is None
        else sum(own in pictures.by_content for first, _, _ in worst for own in _contents(scores, first)),
        note=None if pictures is None else pictures.words,
    )


def _tells_contents(scores: ScoreTable) -> bool:
    return "sha256" in scores.frame and bool(scores.frame["sha256"].notna().any())


def _contents(scores: ScoreTable, rows: NDArray[np.intp]) -> list[str]:
    return [str(own).lower() for own in scores.frame["sha256"].iloc[rows]]


def _table(
    scores: ScoreTable, first: NDArray[np.intp], left: int, caption: str, pictures: Thumbnails | None
) -> Table:
    frame = scores.frame.iloc[first]
    told = {translated(heading): column for column, heading in _TOLD if frame[column].notna().any()}
    seen: list[Markup] = [Markup()] * first.size
    if pictures is not None:
        seen = [
            Markup() if picture is None else picture.shown(str(sample))
            for sample, picture in zip(
                frame["sample_id"], map(pictures.by_content.get, _contents(scores, first)), strict=True
            )
        ]
    found = [
        row(
            Cell(text=seen[k] + name(str(sample), _LONGEST_ID)),
            threshold_cell(float(score)),
            *(
                Cell(text=numbers.NOT_KNOWN if pd.isna(own) else name(str(own), _LONGEST_ID))
                for own in frame[list(told.values())].iloc[k]
            ),
        )
        for k, (sample, score) in enumerate(zip(frame["sample_id"], frame["score"], strict=True))
    ]
    return Table(
        caption=caption,
        columns=columns(
            say("Sample") if scores.has_sample_ids else say("Row of the table"), say("Score"), *told, texts=tuple(told)
        ),
        rows=tuple(found),
        note=counted(
            "{n} further mistake of this kind not shown.", "{n} further mistakes of this kind not shown.", left
        ) if left else None,
    )  # fmt: skip
