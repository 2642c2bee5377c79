"""What a table is to this report: a caption, columns, and rows whose first cell names the row."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from finauth_eval.report.wording import why_undefined
from finauth_eval.shown import numbers

if TYPE_CHECKING:
    from markupsafe import Markup

    from finauth_eval.metrics.estimate import Estimate

__all__ = ["Cell", "Column", "Table", "area_cell", "count_cell", "rate_cell", "row", "threshold_cell"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column's heading; numbers are set flush right."""

    heading: str
    numeric: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What one cell shows.

    Attributes:
        text: The main line.
        value: The number behind the text to its last digit, for machines and tests; ``None`` where there is none.
        note: A smaller second line.
        flag: A short warning set as a tag before the note, such as ``"small n"``.
        key: The letter of a threshold, set as a badge before the text.
        strong: Whether the cell stands out in its table.
        id: What the explorer's script finds the cell by; its note is ``<id>-note``. ``None`` for what stays.
        limits: The interval's limits to the last digit, for a cell with an id.
    """

    text: str | Markup
    value: float | None = None
    note: str | Markup | None = None
    flag: str | None = None
    key: str | None = None
    strong: bool = False
    id: str | None = None
    limits: tuple[float, float] | None = None

    @property
    def exact(self) -> str:
        """The value for machines, an empty text where there is none."""
        return "" if self.value is None else _written(self.value)

    @property
    def machine(self) -> str | None:
        """The value for machines, where the text does not already say it."""
        if self.value is None:
            return None
        written = _written(self.value)
        return None if written == self.text else written


def _written(value: float) -> str:
    return f"{value:.0f}" if float(value).is_integer() else repr(float(value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table with a caption; the first cell of each row is its heading; ``key`` is a threshold's letter.

    Example:
        >>> table = Table(caption="Counts", columns=columns("Class", "Samples"), rows=(row("attack", count_cell(3)),))
        >>> [cell.text for cell in table.rows[0]]
        ['attack', '3']
    """

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str | Markup | None = None
    key: str | None = None

    def __post_init__(self) -> None:
        for cells in self.rows:
            if len(cells) != len(self.columns):
                raise ValueError(
                    f"{self.caption}: a row of {len(cells)} cells for {len(self.columns)} columns"
                )


def columns(first: str, *rest: str, texts: Sequence[str] = ()) -> tuple[Column, ...]:
    """Columns with these headings; all but the first and those in ``texts`` hold numbers."""
    return (
        Column(heading=first, numeric=False),
        *(Column(heading=heading, numeric=heading not in texts) for heading in rest),
    )


def row(*cells: Cell | str | Markup) -> tuple[Cell, ...]:
    """A row; plain texts become cells."""
    return tuple(cell if isinstance(cell, Cell) else Cell(text=cell) for cell in cells)


def count_cell(number: int, *, note: str | None = None) -> Cell:
    """A whole number."""
    return Cell(text=numbers.count(number), value=float(number), note=note)


def rate_cell(estimate: Estimate, *, flag: str | None = None, note: str | None = None) -> Cell:
    """A rate with its interval, or a dash and the reason."""
    return _estimate_cell(estimate, numbers.rate(estimate), flag=flag, note=note)


def area_cell(estimate: Estimate, *, flag: str | None = None) -> Cell:
    """An area under a curve with its interval, or a dash and the reason."""
    return _estimate_cell(estimate, numbers.area(estimate), flag=flag, note=None)


def _estimate_cell(estimate: Estimate, text: str, *, flag: str | None, note: str | None) -> Cell:
    if not estimate.defined:
        return Cell(text=numbers.NOT_KNOWN, note=why_undefined(estimate.reason), flag=flag)
    return Cell(text=text, value=estimate.value, note=note, flag=flag)


def share_cell(value: float, *, n: int = 0) -> Cell:
    """A rate that has no interval of its own here."""
    return _plain_cell(value, numbers.percent(value, n=n))


def score_cell(value: float) -> Cell:
    """A figure between 0 and 1 that has no interval of its own here."""
    return _plain_cell(value, numbers.score(value))


def threshold_cell(value: float, *, key: str | None = None, note: str | Markup | None = None) -> Cell:
    """A threshold with all its digits and, where the charts mark it, its letter."""
    finite = math.isfinite(value)
    return Cell(text=numbers.threshold(value), value=value if finite else None, key=key, note=note)


def _plain_cell(value: float, text: str) -> Cell:
    return Cell(text=text, value=None if math.isnan(value) else value)
