"""A figure of the page: a chart with what to read off it, its legend and the data behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from finauth_eval.phrases import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup
    from numpy.typing import NDArray

    from finauth_eval.report.marks import Mark
    from finauth_eval.report.tables import Table

__all__ = ["Figure", "Key", "Missing", "rows_to_show"]

_ROWS_SHOWN = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """An entry of a legend: the look and shape of what is drawn and what it stands for."""

    look: str
    label: str
    shape: Literal["line", "area", "range"] = "line"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A chart and everything around it.

    Attributes:
        id: Unique on the page.
        title: Heading.
        lead: What the chart says, in a sentence with numbers.
        chart: The SVG.
        keys: The legend.
        marks: The lettered thresholds that are drawn.
        notes: What a careful reader should know of the drawing.
        table: The data behind it.
    """

    id: str
    title: str
    lead: str
    chart: Markup
    keys: tuple[Key, ...]
    marks: tuple[Mark, ...]
    notes: tuple[str, ...]
    table: Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A chart that cannot be drawn, and why."""

    title: str
    reason: str


def rows_to_show(total: int) -> NDArray[np.intp]:
    """Indices of the rows of a long table that are listed: both ends and evenly between."""
    if total <= _ROWS_SHOWN:
        return np.arange(total)
    return np.unique(np.linspace(0, total - 1, _ROWS_SHOWN).round().astype(np.intp))


def thinned_words(shown: Sequence[object] | NDArray[np.intp], total: int) -> str | None:
    """Says that a table lists only some of the points, if so."""
    if len(shown) >= total:
        return None
    return say(
        "{n} of {total} points are listed; the chart is drawn from all of them.",
        n=len(shown),
        total=f"{total:,}",
    )
