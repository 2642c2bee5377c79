"""A scale of moments, in UTC: ticks at whole seconds, minutes, hours, days, months or years."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from finauth_eval.phrases import phrase, say
from finauth_eval.report.charts.scales import Tick

__all__ = ["TimeScale"]

_MOST_TICKS: Final = 6
_DAY: Final = 86_400
_STEPS: Final = (
    1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 10_800, 21_600, 43_200, _DAY, 2 * _DAY, 3 * _DAY, 5 * _DAY,
    7 * _DAY, 14 * _DAY,
)  # fmt: skip
_MONTHS: Final = (1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200)
_NAMES: Final = (
    phrase("Jan"), phrase("Feb"), phrase("Mar"), phrase("Apr"), phrase("May"), phrase("Jun"), phrase("Jul"),
    phrase("Aug"), phrase("Sep"), phrase("Oct"), phrase("Nov"), phrase("Dec"),
)  # fmt: skip
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeScale:
    """Seconds since 1970, from low to high.

    Example:
        >>> [tick.label for tick in TimeScale(low=0.0, high=4 * 86_400.0).ticks()]
        ['1 Jan', '2 Jan', '3 Jan', '4 Jan', '5 Jan']
    """

    low: float
    high: float

    def position(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Positions along the axis, clipped to its ends."""
        return np.clip((values - self.low) / (self.high - self.low), 0.0, 1.0)

    def spec(self) -> str:
        """Kind and ends, for scripts."""
        return f"linear {float(self.low)!r} {float(self.high)!r}"

    def ticks(self) -> tuple[Tick, ...]:
        """At most seven whole moments."""
        span = self.high - self.low
        step = next((step for step in _STEPS if span / step <= _MOST_TICKS), None)
        if step is None:
            return tuple(self._months())
        first = -(-self.low // step) * step
        number = int((self.high - first) // step) + 1
        return tuple(_tick(first + k * step, step) for k in range(number))

    def _months(self) -> Iterator[Tick]:
        start, end = (_EPOCH + timedelta(seconds=own) for own in (self.low, self.high))
        first, last = (12 * own.year + own.month - 1 for own in (start, end))
        step = next((own for own in _MONTHS if (last - first) / own <= _MOST_TICKS), _MONTHS[-1])
        for month in range(-(-first // step) * step, last + 1, step):
            at = datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)
            if start <= at:
                words = str(at.year) if step >= 12 else say("{month} {year}", month=_month(at), year=at.year)
                yield Tick(value=at.timestamp(), label=words)


def _tick(value: float, step: int) -> Tick:
    at = _EPOCH + timedelta(seconds=value)
    clock = f"{at:%H:%M:%S}" if step < 60 else f"{at:%H:%M}"
    words = say("{day} {month}", day=at.day, month=_month(at)) if step >= _DAY else clock
    return Tick(value=value, label=words)


def _month(at: datetime) -> str:
    """The month's name, whatever the language of the machine."""
    return _NAMES[at.month - 1]
