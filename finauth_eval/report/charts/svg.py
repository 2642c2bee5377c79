"""SVG elements as escaped markup. Presentation attributes and classes only: the page's policy forbids ``style=``."""

from __future__ import annotations

import math

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from finauth_eval.phrases import translated
from finauth_eval.shown.text import visible

__all__ = ["coordinate", "element", "path", "text"]


def element(tag: str, *children: Markup, **attributes: object) -> Markup:
    """An element; ``_`` in an attribute's name stands for ``-`` and a trailing one is dropped.

    Example:
        >>> element("line", x1=0, stroke_width=2.25, class_="axis")
        Markup('<line x1="0" stroke-width="2.2" class="axis"/>')
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_value(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    inner = "".join(children)
    # every child is Markup already and every attribute's value is escaped
    return Markup(f"<{tag}{written}>{inner}</{tag}>" if inner else f"<{tag}{written}/>")  # noqa: S704


def text(words: str, **attributes: object) -> Markup:
    """An element of text."""
    return element("text", escape(visible(translated(words))), **attributes)


def coordinate(value: float) -> str:
    """A coordinate to a tenth of a unit.

    Example:
        >>> coordinate(12.0), coordinate(3.14159)
        ('12', '3.1')
    """
    if not math.isfinite(value):
        raise ValueError(f"a coordinate of {value} cannot be drawn")
    shown = f"{value:.1f}".removesuffix(".0")
    return "0" if shown == "-0" else shown


def path(x: NDArray[np.float64], y: NDArray[np.float64], *, close: bool = False) -> str:
    """The ``d`` of a polyline through points of shape (k,); empty where there are none.

    Example:
        >>> path(np.array([0.0, 1.5]), np.array([2.0, 3.0])), path(np.empty(0), np.empty(0))
        ('M0 2L1.5 3', '')
    """
    points = [f"{coordinate(a)} {coordinate(b)}" for a, b in zip(x, y, strict=True)]
    if not points:
        return ""  # a lone M is an error in the browser's eyes
    return "M" + "L".join(points) + ("Z" if close else "")


def _value(value: object) -> str:
    if isinstance(value, (float, np.floating)):
        return coordinate(float(value))
    return str(escape(visible(str(value))))
