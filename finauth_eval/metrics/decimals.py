"""On which decimals a score lives, and so on which a threshold can be set."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ScoreGrid", "score_grid"]

_MOST_DECIMALS: Final = 9
_DECIMALS_OF_A_CONTINUUM: Final = 6
_DECIMALS_OF_A_FLOAT: Final = 17
_PROBE: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreGrid:
    """The grid of settable thresholds.

    Attributes:
        decimals: Decimals of the scores, 0 to 9; 6 where they have no grid.
        continuous: Whether the scores have no decimal grid; then a threshold gets as many more decimals as it needs
            to decide every seen score as intended.
    """

    decimals: int
    continuous: bool

    def above(self, score: float, following: float = math.inf) -> float:
        """The next settable value above ``score``.

        Args:
            score: The value that must not be flagged any more.
            following: The next score seen above it, which a threshold on a continuum must not pass.

        Example:
            >>> ScoreGrid(decimals=2, continuous=False).above(0.29)
            0.3
            >>> ScoreGrid(decimals=6, continuous=True).above(0.12345678901, 0.2)
            0.123457
        """
        for decimals in self._decimals():
            if math.isinf(score * 10.0**decimals):
                break
            tick = round(math.floor(round(score * 10.0**decimals, 6)) + 1) / 10.0**decimals
            if score < tick and (tick <= following or not self.continuous):
                return tick
        return math.nextafter(score, math.inf)

    def at_most(self, score: float, preceding: float = -math.inf) -> float:
        """The highest settable value that still flags ``score``; on a continuum never below ``preceding``'s reach.

        Args:
            score: The lowest score that must be flagged.
            preceding: The next score seen below it, which a threshold on a continuum must not flag.

        Example:
            >>> ScoreGrid(decimals=2, continuous=False).at_most(0.29)
            0.29
            >>> ScoreGrid(decimals=6, continuous=True).at_most(0.12345678901)
            0.123456
        """
        for decimals in self._decimals():
            if math.isinf(score * 10.0**decimals):
                break
            tick = math.floor(round(score * 10.0**decimals, 6)) / 10.0**decimals
            if preceding < tick <= score:
                return tick
        return score

    def nearest(self, value: float, low: float, high: float) -> float:
        """The settable value in (``low``, ``high``] nearest to ``value``; ``high`` where there is none.

        Example:
            >>> ScoreGrid(decimals=2, continuous=False).nearest(0.305, 0.1, 0.5)
            0.3
        """
        for decimals in self._decimals():
            tick = round(value, decimals)
            candidates = (tick, tick + 10.0**-decimals, tick - 10.0**-decimals)
            fitting = [own for own in (round(own, decimals) for own in candidates) if low < own <= high]
            if fitting:
                return min(fitting, key=lambda own: (abs(own - value), own))
        return high

    def _decimals(self) -> range:
        return range(self.decimals, _DECIMALS_OF_A_FLOAT if self.continuous else self.decimals + 1)


def score_grid(scores: NDArray[np.float64]) -> ScoreGrid:
    """The fewest decimals on which every score can be written, at most 9.

    Args:
        scores: Finite scores, shape (k,).

    Example:
        >>> score_grid(np.array([0.25, 0.5])).decimals, score_grid(np.array([1 / 3])).continuous
        (2, True)
    """
    probe = scores[:_PROBE]  # settles most cases without a look at every score
    for decimals in range(_MOST_DECIMALS + 1):
        if _on_grid(probe, 10.0**decimals) and _on_grid(scores, 10.0**decimals):
            return ScoreGrid(decimals=decimals, continuous=False)
    return ScoreGrid(decimals=_DECIMALS_OF_A_CONTINUUM, continuous=True)


def _on_grid(scores: NDArray[np.float64], steps: float) -> bool:
    with np.errstate(over="ignore"):  # what is too large for a grid is on none
        return np.array_equal(np.rint(scores * steps) / steps, scores)
