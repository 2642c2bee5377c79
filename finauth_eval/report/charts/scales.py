"""Scales: where a value lies on an axis, from 0 (its low end) to 1 (its high end), and which ticks are named."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

__all__ = ["LinearScale", "LogScale", "ProbitScale", "Scale", "Tick"]

PROBIT_TICKS: Final = (
    0.0001, 0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999, 0.9999,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A value with the words that stand at it."""

    value: float
    label: str


class Scale(Protocol):
    """What an axis needs of its scale."""

    def position(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Positions along the axis, shape as the values'; values beyond the ends are drawn at the ends."""

    def ticks(self) -> tuple[Tick, ...]:
        """The ticks, ascending."""

    def spec(self) -> str:
        """The scale for the explorer's script: its kind and its two ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearScale:
    """Equal steps; ``as_percent`` names the ticks as percentages.

    Example:
        >>> [tick.label for tick in LinearScale(low=0.0, high=1.0, as_percent=True).ticks()]
        ['0%', '20%', '40%', '60%', '80%', '100%']
    """

    low: float
    high: float
    as_percent: bool = False

    def position(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Positions along the axis, clipped to its ends."""
        return np.clip((values - self.low) / (self.high - self.low), 0.0, 1.0)

    def spec(self) -> str:
        """Kind and ends."""
        return f"linear {float(self.low)!r} {float(self.high)!r}"

    def ticks(self) -> tuple[Tick, ...]:
        """Four to eight round values."""
        step = _round_step((self.high - self.low) / 5)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return tuple(self._tick(k * step, step) for k in range(first, last + 1))

    def _tick(self, value: float, step: float) -> Tick:
        factor = 100 if self.as_percent else 1
        digits = max(0, -math.floor(math.log10(step * factor) + 1e-9))
        return Tick(
            value=value, label=f"{value * factor + 0.0:.{digits}f}" + ("%" if self.as_percent else "")
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LogScale:
    """Equal ratios, for rates in (0, 1]; zero is drawn at the low end.

    Example:
        >>> [tick.label for tick in LogScale(low=0.001, high=1.0).ticks()]
        ['0.1%', '1%', '10%', '100%']
    """

    low: float
    high: float

    def position(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Positions along the axis, clipped to its ends."""
        clipped = np.clip(values, self.low, self.high)
        return np.asarray(np.log(clipped / self.low) / math.log(self.high / self.low))

    def spec(self) -> str:
        """Kind and ends."""
        return f"log {float(self.low)!r} {float(self.high)!r}"

    def ticks(self) -> tuple[Tick, ...]:
        """The powers of ten."""
        first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
        return tuple(Tick(value=10.0**k, label=f"{10.0 ** (k + 2):g}%") for k in range(first, last + 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbitScale:
    """Normal deviates, for rates in (0, 1): the scale of a DET curve. Rates of 0 and 1 lie at infinity.

    Example:
        >>> ProbitScale(low=0.01, high=0.99).position(np.array([0.0, 0.5, 1.0])).round(6).tolist()
        [0.0, 0.5, 1.0]
    """

    low: float
    high: float

    def position(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Positions along the axis, clipped to its ends."""
        ends = ndtri(np.array([self.low, self.high]))
        deviates = ndtri(np.clip(values, self.low, self.high))
        return np.asarray((deviates - ends[0]) / (ends[1] - ends[0]))

    def spec(self) -> str:
        """Kind and ends."""
        return f"probit {float(self.low)!r} {float(self.high)!r}"

    def ticks(self) -> tuple[Tick, ...]:
        """The customary rates within the ends."""
        inside = [rate for rate in PROBIT_TICKS if self.low <= rate <= self.high]
        return tuple(Tick(value=rate, label=f"{100 * rate:g}%") for rate in inside)


def _round_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
