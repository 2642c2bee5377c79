"""One run in the explorer: its rates at every threshold of the grid, and what one threshold does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from finauth_eval.metrics.estimate import Estimate
from finauth_eval.metrics.swept_rates import SweptRate, SweptRates, swept_rates
from finauth_eval.phrases import phrase
from finauth_eval.report.explorer.packing import distances, packed
from finauth_eval.shown.text import shorten, visible

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from finauth_eval.metrics.clustered import ClusteredScores
    from finauth_eval.metrics.counts import ScoreCounts

__all__ = ["Side"]

_MOST_TYPES: Final = 8
_LONGEST_NAME: Final = 80


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Side:
    """A run's rates along the grid.

    Attributes:
        name: What the run is called where there are two; empty for one.
        rates: Both errors at each threshold.
        types: The attack types that are shown one by one, in order of display.
        confidence: Nominal coverage of the intervals.
    """

    name: str
    rates: SweptRates
    types: tuple[str, ...]
    confidence: float

    @classmethod
    def of(
        cls,
        counts: ScoreCounts,
        clustered: ClusteredScores | None,
        grid: NDArray[np.float64],
        *,
        at: int,
        confidence: float,
        name: str = "",
    ) -> Side:
        """From counts; types that pass most often at the grid's position ``at`` come first."""
        rates = swept_rates(counts, grid, clustered=clustered, confidence=confidence)
        order = sorted(rates.by_attack_type, key=lambda own: (-rates.by_attack_type[own].values[at], own))
        return cls(name=name, rates=rates, types=tuple(order[:_MOST_TYPES]), confidence=confidence)

    @property
    def more_types(self) -> int:
        """How many types are not shown one by one."""
        return len(self.rates.by_attack_type) - len(self.types)

    def blocked(self, at: int) -> Estimate:
        """BPCER at a position of the grid."""
        return self._estimate(self.rates.blocked, at, phrase("genuine sample"))

    def missed(self, at: int) -> Estimate:
        """APCER of all attacks."""
        return self._estimate(self.rates.missed, at, phrase("attack"))

    def missed_of(self, name: str, at: int) -> Estimate:
        """APCER of one type."""
        return self._estimate(self.rates.by_attack_type[name], at, phrase("attack of this type"))

    def worst(self, at: int) -> tuple[str, Estimate] | None:
        """The type missed most often, with the interval of the highest rate."""
        worst = self.rates.worst
        if worst is None:
            return None
        n = int(worst.sizes[at])
        found = self._made(int(worst.events[at]) / n, worst.low[at], worst.high[at], n)
        return worst.names[worst.which[at]], found

    def _estimate(self, rate: SweptRate, at: int, of: str) -> Estimate:
        if not rate.n:
            return Estimate.undefined(
                phrase("no {of} has a score", of=of), confidence=self.confidence, method=""
            )
        return self._made(float(rate.values[at]), rate.low[at], rate.high[at], rate.n)

    def _made(self, value: float, low: float, high: float, n: int) -> Estimate:
        return Estimate(
            value=value, low=float(low), high=float(high), confidence=self.confidence, n=n, method=""
        )

    def to_dict(self) -> dict[str, Any]:
        """What the script needs: counts exactly, limits to 1e-7."""
        worst = self.rates.worst
        return {
            "name": self.name,
            "genuine": _plain(self.rates.blocked),
            "attack": _plain(self.rates.missed),
            "types": [
                {"name": _shown(name), **_plain(self.rates.by_attack_type[name])} for name in self.types
            ],
            "worst": None
            if worst is None
            else {
                **_names(worst.names, worst.which, worst.sizes),
                "packed": packed(
                    np.unique(worst.which, return_inverse=True)[1],
                    worst.events,
                    *distances(worst.events / worst.sizes, worst.low, worst.high),
                ),
            },
        }


def _plain(rate: SweptRate) -> dict[str, Any]:
    return {"n": rate.n, "packed": packed(rate.events, *distances(rate.values, rate.low, rate.high))}


def _names(names: tuple[str, ...], which: NDArray[np.intp], sizes: NDArray[np.int64]) -> dict[str, list[Any]]:
    """The types that are ever the worst."""
    ever, first = np.unique(which, return_index=True)
    return {"names": [_shown(names[own]) for own in ever], "sizes": sizes[first].tolist()}


def _shown(name: str) -> str:
    return shorten(visible(name), _LONGEST_NAME)
