"""What a threshold does: confusion matrix, APCER, BPCER and their relatives at one operating point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from finauth_eval.metrics.estimate import finite_or_none

if TYPE_CHECKING:
    from collections.abc import Mapping

    from finauth_eval.metrics.estimate import Estimate

__all__ = ["Confusion", "OperatingPoint", "WorstType"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """Decisions against the truth; an attack is the positive class.

    Attributes:
        tp: Attacks decided attack.
        fn: Attacks decided bona fide (misses).
        fp: Bona fide samples decided attack (false alarms).
        tn: Bona fide samples decided bona fide.
    """

    tp: int
    fn: int
    fp: int
    tn: int

    def to_dict(self) -> dict[str, int]:
        """The four counts."""
        return {"tp": self.tp, "fn": self.fn, "fp": self.fp, "tn": self.tn}


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstType:
    """The attack type that is missed most often, with the interval of the maximum over all types."""

    attack_type: str
    estimate: Estimate

    def to_dict(self) -> dict[str, Any]:
        """The type's name beside the fields of the estimate."""
        return {"attack_type": self.attack_type, **self.estimate.to_dict()}


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatingPoint:
    """What happens when every score of at least ``threshold`` is decided an attack.

    Attributes:
        threshold: The threshold, on the score's own scale.
        source: ``"run"`` (the answers' own threshold), ``"default"`` (0.5), ``"requested"``, or a policy's name.
        confusion: The decisions, counted.
        apcer: Share of attacks decided bona fide, all types pooled.
        bpcer: Share of bona fide samples decided attack.
        apcer_worst: The attack type with the highest APCER; ``None`` when no attack has a type.
        apcer_by_attack_type: APCER of every type.
        precision: Share of attacks among what was decided attack, at this data's mix; ``nan`` when undefined.
        recall: Share of attacks decided attack (1 - APCER); ``nan`` when undefined.
        f1: Harmonic mean of precision and recall; ``nan`` when undefined.
        accuracy: Share of right decisions at this data's mix; ``nan`` when undefined.
    """

    threshold: float
    source: str
    confusion: Confusion
    apcer: Estimate
    bpcer: Estimate
    apcer_worst: WorstType | None
    apcer_by_attack_type: Mapping[str, Estimate]
    precision: float
    recall: float
    f1: float
    accuracy: float

    def to_dict(self) -> dict[str, Any]:
        """POINT of the JSON contract."""
        return {
            "threshold": finite_or_none(self.threshold),
            "source": self.source,
            "confusion": self.confusion.to_dict(),
            "apcer": self.apcer.to_dict(),
            "bpcer": self.bpcer.to_dict(),
            "apcer_worst": None if self.apcer_worst is None else self.apcer_worst.to_dict(),
            "apcer_by_attack_type": {name: rate.to_dict() for name, rate in self.apcer_by_attack_type.items()},
            "precision": finite_or_none(self.precision),
            "recall": finite_or_none(self.recall),
            "f1": finite_or_none(self.f1),
            "accuracy": finite_or_none(self.accuracy),
        }
