"""What can be drawn into a frame. ``look`` names a class of the stylesheet: colour, dash and fill live there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from markupsafe import Markup

from finauth_eval.report.charts import svg
from finauth_eval.report.charts.simplify import simplify

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from finauth_eval.report.charts.frame import Frame

__all__ = ["Band", "Bars", "Dots", "Layer", "Line"]

_TOLERANCE = 0.3


class Layer(Protocol):
    """Something that draws itself."""

    def draw(self, frame: Frame) -> Markup:
        """The SVG of the layer, in the frame's drawing units."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Line:
    """A polyline through points of shape (k,), or a staircase: with ``step`` each y holds from its x to the next."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    look: str
    step: bool = False

    def draw(self, frame: Frame) -> Markup:
        """The line, with the points left out that would not be seen."""
        across, down = frame.across(self.x), frame.down(self.y)
        if self.step:
            across, down = np.repeat(across, 2)[1:], np.repeat(down, 2)[:-1]
        kept = simplify(across, down, tolerance=_TOLERANCE)
        return svg.element("path", class_=f"line {self.look}", d=svg.path(across[kept], down[kept]))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Band:
    """The area between two polylines of shape (k,)."""

    x: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    look: str

    def draw(self, frame: Frame) -> Markup:
        """The area, closed."""
        across, top, bottom = frame.across(self.x), frame.down(self.high), frame.down(self.low)
        over = simplify(across, top, tolerance=_TOLERANCE)
        under = simplify(across, bottom, tolerance=_TOLERANCE)[::-1]
        x, y = np.concatenate([across[over], across[under]]), np.concatenate([top[over], bottom[under]])
        return svg.element("path", class_=f"band {self.look}", d=svg.path(x, y, close=True))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bars:
    """A histogram: heights of shape (k,) between edges of shape (k + 1,), from zero upwards or downwards."""

    edges: NDArray[np.float64]
    heights: NDArray[np.float64]
    look: str

    def draw(self, frame: Frame) -> Markup:
        """One outline for all bars."""
        steps = np.concatenate([[0.0], np.repeat(self.heights, 2), [0.0]])
        x, y = frame.across(np.repeat(self.edges, 2)), frame.down(steps)
        kept = simplify(x, y, tolerance=0.05)
        return svg.element("path", class_=f"bars {self.look}", d=svg.path(x[kept], y[kept], close=True))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dots:
    """Points of shape (k,) with vertical intervals."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    look: str

    def draw(self, frame: Frame) -> Markup:
        """Whiskers below, dots above."""
        across, down = frame.across(self.x), frame.down(self.y)
        top, bottom = frame.down(self.high), frame.down(self.low)
        whiskers = [
            svg.element("path", class_="whisker", d=svg.path(np.array([x, x]), np.array([y1, y2])))
            for x, y1, y2 in zip(across, top, bottom, strict=True)
        ]
        dots = [svg.element("circle", cx=x, cy=y, r=4) for x, y in zip(across, down, strict=True)]
        return svg.element("g", *whiskers, *dots, class_=f"dots {self.look}")
