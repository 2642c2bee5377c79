"""The same comparison for each attack type and each slice, with p-values that allow for there being many."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from finauth_eval.breakdown import FEW
from finauth_eval.metrics.change import holm
from finauth_eval.metrics.estimate import finite_or_none
from finauth_eval.slicing import SliceColumn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from finauth_eval.comparing.evidence import Event, Evidence, Rates
    from finauth_eval.scores import ScoreTable

__all__ = ["Part", "attack_type_parts", "slice_parts", "sliced", "with_holm"]

_EVENTS: Final[Mapping[str, Event]] = {"bpcer": "blocked", "apcer": "missed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One error rate of a part of the samples in both runs.

    Attributes:
        rates: The rate in A and in B, and their difference.
        p_holm: The difference's p-value, adjusted over every part that the comparison looks at; ``nan`` where there is
            none.
        small: Whether there are fewer than 30 samples, so that nothing firm can be said.
    """

    rates: Rates
    p_holm: float
    small: bool

    @classmethod
    def of(cls, rates: Rates) -> Part:
        """Before the p-values of all parts are known."""
        return cls(rates=rates, p_holm=float("nan"), small=rates.n < FEW)

    def to_dict(self) -> dict[str, Any]:
        """Both rates, the difference with its test, and the adjusted p-value."""
        return {
            "a": self.rates.a.to_dict(),
            "b": self.rates.b.to_dict(),
            "difference": self.rates.change.to_dict(),
            "a_only": self.rates.a_only,
            "b_only": self.rates.b_only,
            "p_holm": finite_or_none(self.p_holm),
            "small": self.small,
        }


def attack_type_parts(
    evidence: Evidence, thresholds: tuple[float, float], *, confidence: float
) -> dict[str, Part]:
    """APCER of every attack type that both runs have.

    Args:
        evidence: The samples.
        thresholds: The threshold of A and that of B.
        confidence: Nominal coverage, in (0, 1).
    """
    shared = sorted(evidence.a.arrays.attack_types_seen() & evidence.b.arrays.attack_types_seen())
    return {
        name: Part.of(evidence.rates("missed", *thresholds, attack_type=name, confidence=confidence))
        for name in shared
    }


def slice_parts(
    evidence: Evidence,
    columns: Sequence[tuple[SliceColumn, SliceColumn]],
    thresholds: tuple[float, float],
    *,
    confidence: float,
) -> dict[str, dict[str, dict[str, Part]]]:
    """BPCER and APCER of every value of every column, under ``"bpcer"`` and ``"apcer"``.

    Args:
        evidence: The samples.
        columns: Each column to slice by, as the samples of A have it and as those of B do.
        thresholds: The threshold of A and that of B.
        confidence: Nominal coverage, in (0, 1).
    """
    found: dict[str, dict[str, dict[str, Part]]] = {}
    for of_a, of_b in columns:
        values = found[of_a.name] = {}
        for value in sorted({*of_a.values} & {*of_b.values}):
            own = evidence.take(_rows(of_a, value), _rows(of_b, value))
            values[value] = {
                metric: Part.of(own.rates(event, *thresholds, confidence=confidence))
                for metric, event in _EVENTS.items()
            }
    return found


def with_holm(
    types: Mapping[str, Part], slices: Mapping[str, Mapping[str, Mapping[str, Part]]]
) -> tuple[dict[str, Part], dict[str, dict[str, dict[str, Part]]]]:
    """The same parts with p-values adjusted over all of them together.

    Args:
        types: The attack types.
        slices: By column, value and metric.
    """
    names: dict[str, Part] = {f"type/{name}": part for name, part in types.items()}
    for column, values in slices.items():
        for value, metrics in values.items():
            names |= {f"slice/{metric}/{column!r}/{value!r}": part for metric, part in metrics.items()}
    adjusted = holm({name: part.rates.change.p_value for name, part in names.items()})
    return (
        {name: replace(part, p_holm=adjusted[f"type/{name}"]) for name, part in types.items()},
        {
            column: {
                value: {
                    metric: replace(part, p_holm=adjusted[f"slice/{metric}/{column!r}/{value!r}"])
                    for metric, part in metrics.items()
                }
                for value, metrics in values.items()
            }
            for column, values in slices.items()
        },
    )


def sliced(scores: ScoreTable, name: str, rows: NDArray[np.intp]) -> SliceColumn:
    """A column of some rows of a table."""
    own = SliceColumn.of(scores, name)
    return replace(own, codes=own.codes[rows])


def _rows(column: SliceColumn, value: str) -> NDArray[np.bool_]:
    return np.asarray(column.codes == column.values.index(value))
