"""The plot's rectangle: from data to drawing units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from finauth_eval.report.charts.scales import Scale

__all__ = ["Axis", "Frame"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """A scale with the words that name it."""

    label: str
    scale: Scale


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Two axes over a rectangle; y grows downwards in drawing units.

    Attributes:
        x: Horizontal axis.
        y: Vertical axis.
        width: Of the plot, without its margins, in drawing units.
        height: Likewise.
    """

    x: Axis
    y: Axis
    width: float
    height: float

    def across(self, values: ArrayLike) -> NDArray[np.float64]:
        """Horizontal drawing units of data values, shape as given."""
        return self.width * self.x.scale.position(np.asarray(values, dtype=np.float64))

    def down(self, values: ArrayLike) -> NDArray[np.float64]:
        """Vertical drawing units of data values, shape as given."""
        return self.height * (1.0 - self.y.scale.position(np.asarray(values, dtype=np.float64)))
