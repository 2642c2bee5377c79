"""Areas under curves: average precision and the partial area under the ROC curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from finauth_eval.metrics.estimate import finite_or_none

__all__ = ["PartialAuc"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialAuc:
    """Area under the ROC curve where BPCER is at most ``max_bpcer``.

    Attributes:
        max_bpcer: Right end of the part, in (0, 1].
        value: The area itself, in [0, ``max_bpcer``]; ``nan`` when a class is missing.
        mcclish: The area rescaled so that chance is 0.5 and perfection 1 (McClish 1989).
    """

    max_bpcer: float
    value: float
    mcclish: float

    def to_dict(self) -> dict[str, float | None]:
        """The three numbers, undefined ones as ``None``."""
        return {
            "max_bpcer": self.max_bpcer,
            "value": finite_or_none(self.value),
            "mcclish": finite_or_none(self.mcclish),
        }
