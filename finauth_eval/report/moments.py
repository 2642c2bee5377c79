"""When the runs of a history were made, as an axis: moments where every run tells its own, else their order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from finauth_eval.phrases import phrase
from finauth_eval.report.charts.frame import Axis
from finauth_eval.report.charts.scales import LinearScale
from finauth_eval.report.charts.times import TimeScale

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Moments", "moment"]

_AIR = 0.03
"""Share of the axis that is left free at either end, so that no dot lies on the frame."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moments:
    """Where each run stands on the axis.

    Attributes:
        x: Seconds since 1970, or places in the order, shape (runs,), ascending.
        axis: The axis.
        note: What a reader must know of it; ``None`` where it is a plain axis of time.
    """

    x: NDArray[np.float64]
    axis: Axis
    note: str | None

    @classmethod
    def of(cls, started_at: Sequence[str]) -> Moments:
        """From what the runs' files say, in the order of the runs; at least one run.

        Example:
            >>> Moments.of(["2026-01-05T09:00:00+00:00", "unknown"]).note is None
            False
        """
        found = [moment(own) for own in started_at]
        x = np.array([np.nan if own is None else own.timestamp() for own in found])
        if np.isnan(x).any():
            note = phrase("Not every run says when it was made; the runs stand in their order, evenly.")
            return cls._in_order(x.size, note)
        if (np.diff(x) < 0).any():
            note = phrase("The runs' times are not ascending; they stand in order, evenly.")
            return cls._in_order(x.size, note)
        span = float(x[-1] - x[0])
        air = span * _AIR if span else 1.0
        scale = TimeScale(low=float(x[0]) - air, high=float(x[-1]) + air)
        return cls(x=x, axis=Axis(label=_axis_words(found), scale=scale), note=None)

    @classmethod
    def _in_order(cls, n: int, note: str) -> Moments:
        air = max(0.5, n * _AIR)
        scale = LinearScale(low=1 - air, high=n + air)
        return cls(
            x=np.arange(1.0, n + 1), axis=Axis(label=phrase("runs, in their order"), scale=scale), note=note
        )


def moment(text: str) -> datetime | None:
    """A moment in UTC; ``None`` where a text is none. Without a zone it is taken as UTC.

    Example:
        >>> moment("2026-01-05T09:00:00+01:00").isoformat(), moment("soon")
        ('2026-01-05T08:00:00+00:00', None)
    """
    try:
        found = datetime.fromisoformat(text)
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found
        return found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _axis_words(found: Sequence[datetime | None]) -> str:
    days = sorted({own.date().isoformat() for own in found if own is not None})
    if len(days) == 1:
        return f"{days[0]}, UTC"
    return phrase("{first} to {last}, UTC", first=days[0], last=days[-1])
