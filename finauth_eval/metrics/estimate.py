"""A number with its uncertainty: the one form in which results leave this package."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

__all__ = ["Estimate", "finite_or_none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A value with its confidence interval; ``nan`` means undefined and then ``reason`` says why.

    Attributes:
        value: The point estimate; a rate or an area in [0, 1], or a difference of such in [-1, 1].
        low: Lower confidence limit.
        high: Upper confidence limit.
        se: Standard error on the value's own scale; ``nan`` where the method has none.
        confidence: Nominal coverage of the interval, in (0, 1).
        n: How many samples the value rests on.
        method: Name of the interval's method, such as ``"clopper-pearson"``.
        reason: Why the value is undefined, else ``None``.

    Example:
        >>> undefined = Estimate.undefined("no attack was scored", confidence=0.95, method="clopper-pearson")
        >>> undefined.to_dict()["value"] is None
        True
    """

    value: float
    low: float
    high: float
    se: float = math.nan
    confidence: float
    n: int
    method: str
    reason: str | None = None

    @classmethod
    def undefined(cls, reason: str, *, confidence: float, method: str, n: int = 0) -> Estimate:
        """An estimate without a value, saying why."""
        nan = math.nan
        return cls(value=nan, low=nan, high=nan, confidence=confidence, n=n, method=method, reason=reason)

    @property
    def defined(self) -> bool:
        """Whether there is a value at all."""
        return not math.isnan(self.value)

    def to_dict(self) -> dict[str, Any]:
        """The estimate as plain JSON values: undefined numbers are ``None``, and then a ``reason`` is given."""
        plain: dict[str, Any] = {
            "value": finite_or_none(self.value),
            "low": finite_or_none(self.low),
            "high": finite_or_none(self.high),
            "confidence": self.confidence,
            "n": self.n,
            "method": self.method,
        }
        if not math.isnan(self.se):
            plain["se"] = self.se
        if self.reason is not None:
            plain["reason"] = str(self.reason)
        return plain


def finite_or_none(number: float) -> float | None:
    """The number for JSON, which has neither NaN nor infinities: those become ``None``."""
    return number if math.isfinite(number) else None
