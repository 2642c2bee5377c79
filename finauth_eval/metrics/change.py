"""How much a figure differs between two runs, and how surely."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from finauth_eval.metrics.estimate import Estimate, finite_or_none

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Change", "holm"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A difference, B less A, with its interval and the chance of seeing it when nothing has changed.

    Attributes:
        difference: B less A; of rates and areas in [-1, 1].
        p_value: Two-sided, of "there is no difference"; ``nan`` when the difference is undefined.
        p_increase: One-sided, small when B is surely higher.
        p_decrease: One-sided, small when B is surely lower.
        z: The standardised difference where the test has one, else ``nan``.
        test: Name of the test.
    """

    difference: Estimate
    p_value: float
    p_increase: float
    p_decrease: float
    z: float = float("nan")
    test: str

    def to_dict(self) -> dict[str, Any]:
        """The difference's fields beside the test's."""
        return {
            **self.difference.to_dict(),
            "p_value": finite_or_none(self.p_value),
            "z": finite_or_none(self.z),
            "test": self.test,
        }


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """P-values adjusted so that the chance of any false one among them all stays at the level asked for.

    Args:
        p_values: Each test's own p-value, in [0, 1]; ``nan`` stays ``nan`` and is not counted.

    Returns:
        The adjusted p-values under the same names, in the same order; never below the test's own.

    References:
        Holm, S. (1979). A simple sequentially rejective multiple test procedure. Scandinavian Journal of Statistics 6,
        65-70.

    Example:
        >>> holm({"images": 0.01, "videos": 0.04, "replay": 0.03})
        {'images': 0.03, 'videos': 0.06, 'replay': 0.06}
    """
    known = sorted((value, name) for name, value in p_values.items() if not np.isnan(value))
    adjusted = dict(p_values)
    highest = 0.0
    for position, (value, name) in enumerate(known):
        highest = max(highest, min(1.0, value * (len(known) - position)))
        adjusted[name] = highest
    return adjusted
