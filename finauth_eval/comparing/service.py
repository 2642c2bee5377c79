"""How the service behaved in two runs: samples without a score, and the time that answers took."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from finauth_eval.metrics.intervals import rate
from finauth_eval.metrics.paired_rates import paired_rates
from finauth_eval.metrics.quantiles import quantile
from finauth_eval.phrases import phrase

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from finauth_eval.comparing.pairing import Pairing
    from finauth_eval.metrics.change import Change
    from finauth_eval.metrics.estimate import Estimate
    from finauth_eval.scores import ScoreTable

__all__ = ["Latency", "NoResponse", "latency", "no_response"]

_SHARES: Final = {"median": 0.5, "p95": 0.95, "p99": 0.99}
_COLUMNS: Final = {"time_used": "time_used_ms", "round_trip": "round_trip_ms"}


@dataclass(frozen=True, slots=True, kw_only=True)
class NoResponse:
    """Samples without a score in both runs, of one class or of all.

    Attributes:
        a: The share without a score in A, of those that were sent.
        b: The same of B.
        a_only: Pairs without a score in A only; ``None`` where the samples differ.
        b_only: Pairs without a score in B only; ``None`` likewise.
        change: The difference over the pairs, B less A; ``None`` where the samples differ.
    """

    a: Estimate
    b: Estimate
    a_only: int | None
    b_only: int | None
    change: Change | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "a": self.a.to_dict(),
            "b": self.b.to_dict(),
            "a_only": self.a_only,
            "b_only": self.b_only,
            "difference": None if self.change is None else self.change.to_dict(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """How long answers took, in ms.

    Attributes:
        a: ``"median"``, ``"p95"`` and ``"p99"`` of A, each with exact limits.
        b: The same of B.
    """

    a: Mapping[str, Estimate]
    b: Mapping[str, Estimate]

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            side: {name: found.to_dict() for name, found in own.items()}
            for side, own in (("a", self.a), ("b", self.b))
        }


def no_response(
    a: ScoreTable,
    b: ScoreTable,
    pairing: Pairing,
    clusters: NDArray[np.integer[Any]] | None,
    *,
    confidence: float,
) -> dict[str, NoResponse]:
    """Samples without a score, of ``"all"`` and with labels of ``"bona_fide"`` and ``"attack"``.

    Args:
        a: The reference.
        b: What is compared with it.
        pairing: Their common samples.
        clusters: Which pairs belong together, shape (pairs,); ``None`` where they are independent.
        confidence: Nominal coverage, in (0, 1).
    """
    sent_a, sent_b = (np.asarray(own.frame["outcome"] != "not_sent") for own in (a, b))
    kinds = {"all": (np.ones(len(a), dtype=bool), np.ones(len(b), dtype=bool))}
    if a.labelled and b.labelled:
        kinds["bona_fide"] = (~a.is_attack, ~b.is_attack)
        kinds["attack"] = (a.is_attack, b.is_attack)
    found = {}
    for name, (of_a, of_b) in kinds.items():
        one, other = sent_a & of_a, sent_b & of_b
        change, a_only, b_only = None, None, None
        if pairing.paired:
            both = one[pairing.rows_a] & other[pairing.rows_b]
            pairs = paired_rates(
                ~a.scored[pairing.rows_a][both],
                ~b.scored[pairing.rows_b][both],
                clusters=None if clusters is None else clusters[both],
                confidence=confidence,
                of=phrase("sample that was sent"),
            )
            change, a_only, b_only = pairs.change, pairs.a_only, pairs.b_only
        found[name] = NoResponse(
            a=_share(~a.scored & one, one, confidence=confidence),
            b=_share(~b.scored & other, other, confidence=confidence),
            a_only=a_only,
            b_only=b_only,
            change=change,
        )
    return found


def _share(events: NDArray[np.bool_], of: NDArray[np.bool_], *, confidence: float) -> Estimate:
    return rate(int(events.sum()), int(of.sum()), confidence=confidence, of=phrase("sample that was sent"))


def latency(a: ScoreTable, b: ScoreTable, *, confidence: float) -> dict[str, Latency]:
    """``"time_used"`` (the server's own figure) and ``"round_trip"``, where both runs have it.

    Args:
        a: The reference.
        b: What is compared with it.
        confidence: Nominal coverage of the limits, in (0, 1).
    """
    found = {}
    for name, column in _COLUMNS.items():
        times = [own.frame[column].dropna().to_numpy(dtype=np.float64) for own in (a, b)]
        if times[0].size and times[1].size:
            of_a, of_b = (
                {key: quantile(own, share, confidence=confidence) for key, share in _SHARES.items()}
                for own in times
            )
            found[name] = Latency(a=of_a, b=of_b)
    return found
