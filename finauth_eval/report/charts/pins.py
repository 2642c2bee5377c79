"""Lettered pins: the thresholds on every chart. A letter is short enough to find room; the legend says the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from markupsafe import Markup

from finauth_eval.report.charts import svg
from finauth_eval.report.charts.labels import place_beside, spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from finauth_eval.report.charts.frame import Frame

__all__ = ["Pin", "pins_on_curve", "rules_with_pins"]

SIZE: Final = 17.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A letter at a point of the data; ``y`` plays no part for a vertical rule."""

    letter: str
    x: float
    y: float = 0.0


def rules_with_pins(pins: Sequence[Pin], frame: Frame) -> Markup:
    """A vertical rule at each x, with its letter above the plot; letters that would collide are moved apart."""
    ordered = sorted(pins, key=lambda pin: pin.x)
    wanted = [float(frame.across(pin.x)) for pin in ordered]
    places = spread(wanted, gap=SIZE + 2, low=0.0, high=frame.width)
    drawn = []
    for pin, x, place in zip(ordered, wanted, places, strict=True):
        drawn.append(
            svg.element("path", class_="rule", d=f"M{svg.coordinate(x)} {svg.coordinate(frame.height)}V0")
        )
        stem = svg.path(np.array([x, place]), np.array([0.0, -8.0]))
        drawn.append(svg.element("path", class_="stem", d=stem))
        drawn.append(_badge(pin.letter, place, -8.0 - SIZE / 2))
    return Markup().join(drawn)


def pins_on_curve(pins: Sequence[Pin], frame: Frame) -> Markup:
    """A dot at each point with its letter beside it, joined by a stem."""
    points = [(float(frame.across(pin.x)), float(frame.down(pin.y))) for pin in pins]
    boxes = place_beside(points, size=SIZE, distance=20.0, width=frame.width, height=frame.height)
    drawn = []
    for (x, y), box in zip(points, boxes, strict=True):
        drawn.append(
            svg.element("path", class_="stem", d=svg.path(np.array([x, box.x]), np.array([y, box.y])))
        )
    for pin, (x, y), box in zip(pins, points, boxes, strict=True):
        drawn.append(svg.element("circle", class_="point", cx=x, cy=y, r=4))
        drawn.append(_badge(pin.letter, box.x, box.y))
    return Markup().join(drawn)


def _badge(letter: str, x: float, y: float) -> Markup:
    box = svg.element("rect", class_="pin", x=x - SIZE / 2, y=y - SIZE / 2, width=SIZE, height=SIZE, rx=4)
    return box + svg.text(letter, class_="pin-letter", x=x, y=y + 4.3, text_anchor="middle")
