"""A figure over a sequence of runs: lines that break, intervals about them, and rows of events above the plot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from markupsafe import Markup

from finauth_eval.report.charts import svg
from finauth_eval.report.charts.layers import Band, Line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from finauth_eval.report.charts.frame import Frame

__all__ = ["LANE", "Broken", "Lanes", "Rings", "stretches"]

LANE: Final = 15.0
"""Height of a row of events."""
_CLEAR: Final = 6.0
"""Between the last row and the plot, whose highest tick has its name there."""


def stretches(pieces: NDArray[np.integer], known: NDArray[np.bool_]) -> list[NDArray[np.intp]]:
    """The indices of each run of neighbours that are of one piece and known, ascending.

    Args:
        pieces: The piece of each point, shape (k,).
        known: Whether there is something to draw, shape (k,).

    Example:
        >>> found = stretches(np.array([0, 0, 0, 1]), np.array([True, False, True, True]))
        >>> [own.tolist() for own in found]
        [[0], [2], [3]]
    """
    index = np.flatnonzero(known)
    apart = (np.diff(index) > 1) | (np.diff(pieces[index]) != 0)
    return [own for own in np.split(index, np.flatnonzero(apart) + 1) if own.size]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Broken:
    """Points of shape (k,) with intervals, joined within each piece.

    Attributes:
        x: Ascending.
        y: ``nan`` where there is nothing.
        low: ``nan`` where there is no interval.
        high: Likewise.
        pieces: The piece of each point; no line joins two pieces.
        dense: Intervals as a band, and dots only where no line shows the point; else whiskers and dots.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    pieces: NDArray[np.integer]
    dense: bool

    def draw(self, frame: Frame) -> Markup:
        """Intervals below, then lines, then dots."""
        limits = ~np.isnan(self.low) & ~np.isnan(self.high) & ~np.isnan(self.y)
        joined = stretches(self.pieces, ~np.isnan(self.y))
        lines = [Line(x=self.x[own], y=self.y[own], look="series") for own in joined if own.size > 1]
        alone = [int(own[0]) for own in joined if own.size == 1]
        drawn: list[Markup] = []
        if self.dense:
            bands = stretches(self.pieces, limits)
            drawn += [
                Band(x=self.x[own], low=self.low[own], high=self.high[own], look="series").draw(frame)
                for own in bands
                if own.size > 1
            ]
            whiskers = [int(own[0]) for own in bands if own.size == 1]
            dots = alone
        else:
            whiskers, dots = np.flatnonzero(limits).tolist(), np.flatnonzero(~np.isnan(self.y)).tolist()
        drawn += [line.draw(frame) for line in lines]
        return Markup().join([*drawn, self._dots(frame, whiskers, dots)])

    def _dots(self, frame: Frame, whiskers: list[int], dots: list[int]) -> Markup:
        """All whiskers as one path and all dots as another: dots are strokes of no length with round ends."""
        if not dots:
            return Markup()
        across, down = frame.across(self.x), frame.down(self.y)
        top, bottom = frame.down(self.high), frame.down(self.low)
        upright = "".join(
            f"M{svg.coordinate(across[k])} {svg.coordinate(top[k])}V{svg.coordinate(bottom[k])}"
            for k in whiskers
        )
        points = "".join(f"M{svg.coordinate(across[k])} {svg.coordinate(down[k])}h0" for k in dots)
        return svg.element(
            "g",
            *([svg.element("path", class_="whisker", d=upright)] if upright else []),
            svg.element("path", class_="dot", d=points),
            class_="dots",
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rings:
    """A diamond about each point of shape (k,): it is told from a dot by its shape."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]

    def draw(self, frame: Frame) -> Markup:
        """The diamonds."""
        corners = "".join(
            f"M{svg.coordinate(x)} {svg.coordinate(y - 9)}l9 9l-9 9l-9 -9Z"
            for x, y in zip(frame.across(self.x), frame.down(self.y), strict=True)
        )
        return svg.element("path", class_="ring", d=corners) if corners else Markup()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lanes:
    """Rows above the plot, each with a letter and a mark at every event; ``rules`` also run down the plot.

    Attributes:
        rows: A letter and where its events are, for each row.
        rules: Where the plot is cut.
    """

    rows: Sequence[tuple[str, NDArray[np.float64]]]
    rules: NDArray[np.float64]

    def draw(self, frame: Frame) -> Markup:
        """The rows, the first one on top."""
        drawn = [
            svg.element("path", class_="rule", d=f"M{svg.coordinate(x)} {svg.coordinate(frame.height)}V0")
            for x in np.unique(np.round(frame.across(self.rules), 1))
        ]
        for k, (letter, events) in enumerate(self.rows):
            y = -LANE * (len(self.rows) - k) - _CLEAR
            marks = "".join(
                f"M{svg.coordinate(x)} {svg.coordinate(y + 8)}l-4 -7h8Z"
                for x in np.unique(np.round(frame.across(events), 1))
            )
            drawn.append(svg.text(letter, class_="tick lane", x=-10, y=y + 9, text_anchor="end"))
            drawn.append(svg.element("path", class_="event", d=marks))
        return Markup().join(drawn)
