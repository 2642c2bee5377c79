"""Columns to slice by: their values as texts, and which row has which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args

import numpy as np
import pandas as pd

from finauth_eval.columns import BLANK, where
from finauth_eval.errors import ScoresError
from finauth_eval.samples import require_column

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from finauth_eval.scores import ScoreTable

__all__ = ["MISSING", "Every", "SliceColumn", "Windows", "few_enough", "in_order", "slice_text"]

Every: TypeAlias = Literal["day", "week", "month"]
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """A column with times, to slice by days, weeks or months.

    Times without a zone are taken as UTC, others are turned into it. Weeks begin on Monday.

    Attributes:
        column: The column: timestamps, dates, or texts such as ``2026-11-24T15:00:00Z``.
        every: How long a window is.
    """

    column: str
    every: Every = "week"

    def __post_init__(self) -> None:
        if self.every not in get_args(Every):
            raise ValueError(f"every is {self.every!r}; expected one of {', '.join(get_args(Every))}")

    @property
    def name(self) -> str:
        """What the slices are called together."""
        return f"{self.column} by {self.every}"

    def of(self, times: pd.Series[Any], *, source: str, rows_before: int = 0) -> SliceColumn:
        """Which window each row is in; the windows are named by their first day, months without it.

        Args:
            times: The column.
            source: What it is a column of, for messages.
            rows_before: How many rows of the source come before, for messages.

        Raises:
            ScoresError: A value is no time.
            ValueError: There are too many windows.

        Example:
            >>> column = pd.Series(["2026-11-24T15:00:00Z", None, "2026-11-30"])
            >>> Windows(column="at").of(column, source="x").values
            ('2026-11-23', '2026-11-30', '(missing)')
        """
        if pd.api.types.is_datetime64_any_dtype(times.dtype):
            stamps = (
                times.dt.tz_localize(None)
                if times.dt.tz is None
                else times.dt.tz_convert("UTC").dt.tz_localize(None)
            )
            codes, days = pd.factorize(self._starts(stamps.to_numpy()))
        else:
            codes, words = pd.factorize(times)
            texts = (
                pd.Series(words)
                .astype(object)
                .map(lambda word: word.strip() if isinstance(word, str) else word)
            )
            blank = texts.map(lambda word: isinstance(word, str) and word.lower() in BLANK).to_numpy(
                dtype=bool
            )
            number = texts.map(lambda word: isinstance(word, bool | int | float | np.number)).to_numpy(
                dtype=bool
            )
            parsed = pd.to_datetime(texts.mask(blank | number), utc=True, errors="coerce", format="ISO8601")
            bad = np.flatnonzero(parsed.isna().to_numpy() & ~blank)
            if bad.size:
                row = int(np.argmax(np.isin(codes, bad)))
                raise ScoresError(
                    f"{source}: {where(rows_before + row)}: {self.column} is {str(times.iloc[row])!r}; expected a time such"
                    " as 2026-11-24T15:00:00Z"
                )
            days = self._starts(parsed.dt.tz_localize(None).to_numpy())
        names = [
            MISSING if np.isnat(day) else str(day.astype("datetime64[M]") if self.every == "month" else day)
            for day in days
        ]
        values = in_order([*names, *([MISSING] if (codes < 0).any() else [])], self.name)
        place = {value: i for i, value in enumerate(values)}
        lookup = np.array([*(place[name] for name in names), place.get(MISSING, -1)], dtype=np.intp)
        return SliceColumn(name=self.name, values=values, codes=lookup[codes])

    def _starts(self, times: NDArray[np.datetime64]) -> NDArray[np.datetime64]:
        """The first day of each time's window."""
        if self.every == "month":
            return times.astype("datetime64[M]").astype("datetime64[D]")
        days = times.astype("datetime64[D]")
        if self.every == "day":
            return days
        since_monday = (days.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
        return np.asarray(days - since_monday.astype("timedelta64[D]"))


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
