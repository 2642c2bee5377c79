"""One chart: axes, grid, layers and pins, with a title and a description for who cannot see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from markupsafe import Markup, escape

from finauth_eval.phrases import translated
from finauth_eval.report.charts import svg
from finauth_eval.report.charts.frame import Axis, Frame
from finauth_eval.report.charts.pins import pins_on_curve, rules_with_pins
from finauth_eval.shown.text import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from finauth_eval.report.charts.layers import Layer
    from finauth_eval.report.charts.pins import Pin

__all__ = ["picture", "plot"]

WIDTH: Final = 460.0
PLOT_HEIGHT: Final = 270.0
LEFT, RIGHT, TOP, BOTTOM = 66.0, 25.0, 34.0, 54.0
_TICK_GAP: Final = 22.0


def plot(
    *,
    anchor: str,
    title: str,
    description: str,
    x: Axis,
    y: Axis,
    layers: Sequence[Layer],
    pins: Sequence[Pin] = (),
    pinned: Literal["rules", "curve"] = "rules",
    headroom: float = 12.0,
    explored: str | None = None,
    runs: int = 1,
) -> Markup:
    """A chart of fixed proportions that scales with the page.

    Args:
        anchor: Id, unique on the page; names the title and the description.
        title: What the chart is.
        description: What it shows, in a sentence with numbers.
        x: Horizontal axis.
        y: Vertical axis.
        layers: Drawn in this order.
        pins: Lettered thresholds.
        pinned: Whether pins stand on vertical rules (x is a score) or on points of a curve.
        headroom: Room above the plot, for layers that draw there; pins on rules take what they need.
        explored: Where the explorer's script marks the threshold that is looked at: ``"threshold"`` for a vertical
            rule, or what x and y are of ``bpcer``, ``apcer``, ``caught`` and ``precision``; ``None`` for nowhere.
        runs: How many runs the chart shows, each of which is marked.
    """
    top = TOP if pins and pinned == "rules" else headroom
    frame = Frame(x=x, y=y, width=WIDTH - LEFT - RIGHT, height=PLOT_HEIGHT)
    drawn = [layer.draw(frame) for layer in layers]  # scales keep everything within the plot
    marks = rules_with_pins(pins, frame) if pinned == "rules" else pins_on_curve(pins, frame)
    inner = svg.element(
        "g",
        *_grid(frame),
        *drawn,
        *_axis_names(frame),
        marks,
        transform=f"translate({LEFT:g} {top:g})",
        **({} if explored is None else _for_the_script(frame, explored, runs)),
    )
    height = top + PLOT_HEIGHT + BOTTOM
    return picture(inner, anchor=anchor, title=title, description=description, width=WIDTH, height=height)


def _for_the_script(frame: Frame, explored: str, runs: int) -> dict[str, object]:
    return {
        "data_now": explored,
        "data_sides": None if runs == 1 else " ".join(map(str, range(runs))),
        "data_size": f"{frame.width:g} {frame.height:g}",
        "data_x": frame.x.scale.spec(),
        "data_y": frame.y.scale.spec(),
    }


def picture(
    inner: Markup,
    *,
    anchor: str,
    title: str,
    description: str,
    width: float,
    height: float,
) -> Markup:
    """The outer element: an image with a name, a description and its own coordinates."""
    return svg.element(
        "svg",
        svg.element("title", escape(visible(translated(title))), id=f"{anchor}-title"),
        svg.element("desc", escape(visible(translated(description))), id=f"{anchor}-desc"),
        inner,
        class_="chart",
        role="img",
        aria_labelledby=f"{anchor}-title {anchor}-desc",
        viewBox=f"0 0 {width:g} {height:g}",
    )


def _grid(frame: Frame) -> list[Markup]:
    drawn: list[Markup] = []
    last_end = -float("inf")
    for tick in frame.x.scale.ticks():
        at = float(frame.across(tick.value))
        drawn.append(_hair(at, 0.0, at, frame.height))
        half = 3.9 * len(tick.label)
        if at - half >= last_end + 6:  # a name that would touch its neighbour is left out, its line stays
            drawn.append(svg.text(tick.label, class_="tick", x=at, y=frame.height + 21, text_anchor="middle"))
            last_end = at + half
    last_at = float("inf")
    for tick in frame.y.scale.ticks():
        at = float(frame.down(tick.value))
        drawn.append(_hair(0.0, at, frame.width, at))
        if last_at - at >= _TICK_GAP or last_at - at < 0:
            drawn.append(svg.text(tick.label, class_="tick", x=-10, y=at + 4.5, text_anchor="end"))
            last_at = at
    return drawn


def _hair(x1: float, y1: float, x2: float, y2: float) -> Markup:
    return svg.element("line", class_="hair", x1=x1, y1=y1, x2=x2, y2=y2)


def _axis_names(frame: Frame) -> list[Markup]:
    turn = f"rotate(-90 {-LEFT + 14:g} {frame.height / 2:g})"
    return [
        svg.text(frame.x.label, class_="axis", x=frame.width / 2, y=frame.height + 45, text_anchor="middle"),
        svg.text(
            frame.y.label,
            class_="axis",
            x=-LEFT + 14,
            y=frame.height / 2,
            text_anchor="middle",
            transform=turn,
        ),
    ]
