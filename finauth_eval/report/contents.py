"""What the samples themselves look like: the same content twice, under two labels, or on both sides of a split."""

from __future__ import annotations

from typing import TYPE_CHECKING

from finauth_eval.phrases import counted, say
from finauth_eval.report.tables import Cell, Table, columns, count_cell, row
from finauth_eval.shown import numbers

if TYPE_CHECKING:
    import pandas as pd

    from finauth_eval.scores import ScoreTable

__all__ = ["contents_table"]


def contents_table(scores: ScoreTable | None) -> Table | None:
    """Duplicates, label conflicts and leakage, counted over all rows, whether they have a score or not.

    Args:
        scores: The table; ``None`` gives no table.
    """
    if scores is None:
        return None
    known = scores.frame["sha256"].notna()
    rows = _of_contents(scores.frame[known], len(scores)) if known.any() else [_no_contents()]
    return Table(
        caption=say("Duplicates, label conflicts and leakage"),
        columns=columns(say("Fact"), say("Value"), say("Meaning"), texts=(say("Meaning"),)),
        rows=(*rows, *_of_splits(scores.frame)),
    )


def _of_contents(frame: pd.DataFrame, n: int) -> list[tuple[Cell, ...]]:
    contents = frame["sha256"].astype(object)
    repeated = contents.duplicated(keep=False)
    kinds = frame.loc[repeated, "label"].astype(object).groupby(contents[repeated]).nunique()
    types = frame.loc[repeated, "attack_type"].astype(object).groupby(contents[repeated]).nunique()
    rows = [
        row(
            say("Samples whose content another one has too"),
            count_cell(int(repeated.sum())),
            say("0 is right: copies are not independent")
            if not kinds.size
            else counted(
                "{n} content that is there more than once; copies are not independent",
                "{n} contents that are there more than once; copies are not independent",
                kinds.size,
            ),
        ),
        row(say("Contents under both labels"), count_cell(int((kinds > 1).sum())), say("0 is right")),
        row(
            say("Contents under several attack types"), count_cell(int((types > 1).sum())), say("0 is right")
        ),
    ]
    if len(frame) < n:
        rows.append(
            row(
                say("Samples without a digest of their content"),
                count_cell(n - len(frame)),
                say("of them it is not known whether they are copies"),
            )
        )
    return rows


def _no_contents() -> tuple[Cell, ...]:
    return row(
        say("Samples whose content another one has too"),
        Cell(text=numbers.NOT_KNOWN),
        say("not known: the table has no digests of contents (sha256)"),
    )


def _of_splits(frame: pd.DataFrame) -> list[tuple[Cell, ...]]:
    """What stands on both sides; nothing where the table has no two splits."""
    split = frame["split"].astype(object)
    if split.nunique() < 2:
        return []
    shared = {
        words: int((split.groupby(frame[column].astype(object)).nunique() > 1).sum())
        for column, words in (
            ("subject", say("Subjects in more than one split")),
            ("sha256", say("Contents in more than one split")),
        )
        if frame[column].notna().any()
    }
    return [
        row(words, count_cell(n), say("0 is right: what is measured on one split is not new to the other"))
        for words, n in shared.items()
    ]
