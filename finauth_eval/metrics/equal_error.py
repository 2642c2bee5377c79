"""The equal error rate in its three named forms."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from finauth_eval.metrics.estimate import finite_or_none

__all__ = ["EqualErrorRate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EqualErrorRate:
    """Where misses and false alarms are equally frequent; ``threshold`` and the interval are ``linear``'s.

    Attributes:
        nearest: Mean of APCER and BPCER at the threshold where they differ least (ties: the lowest threshold).
        linear: The rate where the linearly interpolated curve has APCER = BPCER.
        rocch: The same on the convex hull of the ROC curve.
        threshold: The interpolated threshold that belongs to ``linear``.
        low: Lower confidence limit of ``linear``; ``nan`` without a bootstrap.
        high: Upper confidence limit of ``linear``; ``nan`` without a bootstrap.
        reason: Why a number is undefined, else ``None``.
    """

    nearest: float
    linear: float
    rocch: float
    threshold: float
    low: float = math.nan
    high: float = math.nan
    reason: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The fields, undefined numbers as ``None`` and then with the ``reason``."""
        plain: dict[str, Any] = {
            name: finite_or_none(getattr(self, name))
            for name in ("nearest", "linear", "rocch", "threshold", "low", "high")
        }
        if self.reason is not None:
            plain["reason"] = self.reason
        return plain
