"""Named rows with an interval each: how often each attack type passes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from markupsafe import Markup

from finauth_eval.report.charts import svg
from finauth_eval.report.charts.frame import Axis, Frame
from finauth_eval.report.charts.plot import WIDTH, picture
from finauth_eval.shown.text import shorten, visible

__all__ = ["Range", "forest"]

_LEFT: Final = 150.0
_RIGHT: Final = 25.0
_ROW: Final = 28.0
_TOP: Final = 10.0
_BOTTOM: Final = 48.0
_LONGEST_NAME: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A row: its name, its value and its limits; ``strong`` for the one to look at, ``look`` for its class."""

    name: str
    value: float
    low: float
    high: float
    strong: bool = False
    look: str = "attack"


def forest(
    ranges: Sequence[Range],
    *,
    anchor: str,
    title: str,
    description: str,
    x: Axis,
    reference: float | None = None,
    explored: bool = False,
) -> Markup:
    """A dot and a whisker a row, in the order given.

    Args:
        ranges: The rows.
        anchor: Id, unique on the page.
        title: What the chart is.
        description: What it shows, in a sentence with numbers.
        x: The axis.
        reference: A value that is marked across all rows.
        explored: Whether the explorer's script marks these rows.
    """
    height = _ROW * max(1, len(ranges))
    frame = Frame(x=x, y=x, width=WIDTH - _LEFT - _RIGHT, height=height)
    grid = []
    for tick in x.scale.ticks():
        at = float(frame.across(tick.value))
        grid.append(svg.element("line", class_="hair", x1=at, y1=0, x2=at, y2=height))
        grid.append(svg.text(tick.label, class_="tick", x=at, y=height + 18, text_anchor="middle"))
    if reference is not None:
        at = float(frame.across(reference))
        grid.append(svg.element("path", class_="line reference", d=f"M{svg.coordinate(at)} 0V{height:g}"))
    rows = [_row(frame, item, _ROW * (k + 0.5)) for k, item in enumerate(ranges)]
    name = svg.text(x.label, class_="axis", x=frame.width / 2, y=height + 40, text_anchor="middle")
    inner = svg.element(
        "g",
        *grid,
        *rows,
        name,
        transform=f"translate({_LEFT:g} {_TOP:g})",
        **(
            {"data_now": "types", "data_size": f"{frame.width:g} {_ROW:g}", "data_x": x.scale.spec()}
            if explored
            else {}
        ),
    )
    return picture(
        inner,
        anchor=anchor,
        title=title,
        description=description,
        width=WIDTH,
        height=_TOP + height + _BOTTOM,
    )


def _row(frame: Frame, item: Range, y: float) -> Markup:
    low, value, high = (float(end) for end in frame.across(np.array([item.low, item.value, item.high])))
    look = f"dots {item.look} strong" if item.strong else f"dots {item.look}"
    label = svg.text(
        shorten(visible(item.name), _LONGEST_NAME),
        class_="row-name strong" if item.strong else "row-name",
        x=-10,
        y=y + 4.5,
        text_anchor="end",
    )
    whisker = svg.element("path", class_="whisker", d=svg.path(np.array([low, high]), np.array([y, y])))
    return label + svg.element("g", whisker, svg.element("circle", cx=value, cy=y, r=5), class_=look)
