"""What the samples themselves look like: the same content twice, under two labels, or on both sides of a split."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from finauth_eval.phrases import counted, say
from finauth_eval.report.tables import Cell, Table, columns, count_cell, row
from finauth_eval.shown import numbers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from finauth_eval.scores import ScoreTable

__all__ = ["contents_table"]


def contents_table(scores: ScoreTable | None) -> Table | None:
    """Duplicates, label conflicts and leakage, counted over all rows, whether they have a score or not.

    Args:
        scores: The table; ``None`` gives no table.
    """
    if scores is None:
        return None
    contents = _codes(scores.frame["sha256"], any_case=True)
    rows = _of_contents(scores.frame, contents) if (contents >= 0).any() else [_no_contents()]
    return Table(
        caption=say("Duplicates, label conflicts and leakage"),
        columns=columns(say("Fact"), say("Value"), say("Meaning"), texts=(say("Meaning"),)),
        rows=(*rows, *_of_splits(scores.frame, contents)),
    )


def _of_contents(frame: pd.DataFrame, contents: NDArray[np.int64]) -> list[tuple[Cell, ...]]:
    sizes = np.bincount(contents[contents >= 0])
    unknown = int(np.count_nonzero(contents < 0))
    repeated, conflicts, types = (
        int(sizes[sizes > 1].sum()),
        _with_several(contents, _codes(frame["label"])),
        _with_several(contents, _codes(frame["attack_type"])),
    )
    kinds = int(np.count_nonzero(sizes > 1))
    rows = [
        row(
            say("Samples whose content another one has too"),
            count_cell(repeated),
            say("0 is right: copies are not independent")
            if not kinds
            else counted(
                "{n} content that is there more than once; copies are not independent",
                "{n} contents that are there more than once; copies are not independent",
                kinds,
            ),
        ),
        row(say("Contents under both labels"), count_cell(conflicts), say("0 is right")),
        row(say("Contents under several attack types"), count_cell(types), say("0 is right")),
    ]
    if unknown:
        rows.append(
            row(
                say("Samples without a digest of their content"),
                count_cell(unknown),
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


def _of_splits(frame: pd.DataFrame, contents: NDArray[np.int64]) -> list[tuple[Cell, ...]]:
    """What stands on both sides; nothing where the table has no two splits."""
    split = _codes(frame["split"])
    if np.unique(split[split >= 0]).size < 2:
        return []
    shared = {
        words: _with_several(groups, split)
        for groups, words in (
            (_codes(frame["subject"]), say("Subjects in more than one split")),
            (contents, say("Contents in more than one split")),
        )
        if (groups >= 0).any()
    }
    return [
        row(words, count_cell(n), say("0 is right: what is measured on one split is not new to the other"))
        for words, n in shared.items()
    ]


def _codes(column: pd.Series[Any], *, any_case: bool = False) -> NDArray[np.int64]:
    """A number for each distinct text, -1 where there is none; digests are the same in capitals."""
    codes, texts = pd.factorize(column)
    if any_case:
        again = pd.factorize(np.array([str(text).lower() for text in texts], dtype=object))[0]
        codes = np.append(again, -1)[codes]
    return np.asarray(codes, dtype=np.int64)


def _with_several(groups: NDArray[np.int64], values: NDArray[np.int64]) -> int:
    """How many groups have more than one value; both of shape (n,), below 0 where there is none."""
    known = (groups >= 0) & (values >= 0)
    width = int(values.max(initial=0)) + 1
    pairs = np.unique(groups[known] * width + values[known])
    return int(np.count_nonzero(np.bincount(pairs // width) > 1))
