"""Columns to slice by: their values as texts, and which row has which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from finauth_eval.samples import require_column

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from finauth_eval.scores import ScoreTable

__all__ = ["MISSING", "SliceColumn", "few_enough", "in_order", "slice_text"]

MISSING: Final = "(missing)"
"""The slice of the rows where the column is blank."""
_MOST_SLICES: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SliceColumn:
    """A column to slice by.

    Attributes:
        name: The column's name.
        values: Its distinct values as text, ascending; blanks are the last one.
        codes: Each row's position in ``values``, shape (n,).
    """

    name: str
    values: tuple[str, ...]
    codes: NDArray[np.intp]

    @classmethod
    def of(cls, scores: ScoreTable, name: str) -> SliceColumn:
        """From a table.

        Raises:
            ValueError: There is no such column, or it has too many different values.
        """
        require_column(scores, name)
        codes, found = pd.factorize(scores.frame[name])
        texts = [slice_text(value) for value in found]
        values = in_order([*texts, *([MISSING] if (codes < 0).any() else [])], name)
        position = {text: i for i, text in enumerate(values)}
        # the last one is for code -1
        lookup = np.array([*(position[text] for text in texts), position.get(MISSING, -1)])
        return cls(name=name, values=values, codes=lookup[codes])


def slice_text(value: object) -> str:
    """What a value of a column is called: whole numbers alike, whether the column has gaps (then they are floats) or not.

    Example:
        >>> slice_text(3), slice_text(3.0), slice_text(0.5), slice_text("3.0")
        ('3', '3', '0.5', '3.0')
    """
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def in_order(values: Iterable[str], name: str) -> tuple[str, ...]:
    """The values of a column as slices come: ascending, the blanks last.

    Raises:
        ValueError: There are too many.
    """
    found = {*values}
    few_enough(name, len(found - {MISSING}))
    return (*sorted(found - {MISSING}), *sorted(found & {MISSING}))


def few_enough(name: str, n: int) -> None:
    """Refuse a column with so many values that a slice of each would say nothing.

    Raises:
        ValueError: It has more than 500.
    """
    if n > _MOST_SLICES:
        raise ValueError(
            f"column {name!r} has {n} different values; a slice of each would say nothing (at most {_MOST_SLICES});"
            " name a column with fewer values"
        )
