"""From a score table to everything that can be said about it without choosing a threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from finauth_eval.metrics.areas import PartialAuc
from finauth_eval.metrics.audit import DecisionAudit
from finauth_eval.metrics.calibration import Calibration
from finauth_eval.metrics.counts import ScoreCounts
from finauth_eval.metrics.equal_error import EqualErrorRate
from finauth_eval.metrics.estimate import Estimate
from finauth_eval.metrics.fixed_apcer import ThresholdAtApcer
from finauth_eval.metrics.missing import NoResponseBounds
from finauth_eval.metrics.rates import OperatingPoint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from finauth_eval.scores import Provenance, ScoreTable

__all__ = ["AttackTypeResult", "ClassCounts", "Evaluation", "SliceResult", "evaluate"]

SCHEMA = "finauth-eval/evaluation/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassCounts:
    """How many samples have a score, and how many have none, per class."""

    bona_fide: int
    attack: int
    no_response_bona_fide: int
    no_response_attack: int

    def to_dict(self) -> dict[str, Any]:
        """``counts`` of the JSON contract."""
        return {
            "bona_fide": self.bona_fide,
            "attack": self.attack,
            "no_response": {"bona_fide": self.no_response_bona_fide, "attack": self.no_response_attack},
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AttackTypeResult:
    """One attack type against all bona fide samples.

    Attributes:
        attack_type: The type's name.
        n: Scored attacks of this type.
        auc: Area under the ROC curve of this type.
        eer: Equal error rate of this type.
        counts: The counts behind both.
    """

    attack_type: str
    n: int
    auc: Estimate
    eer: EqualErrorRate
    counts: ScoreCounts

    def to_dict(self) -> dict[str, Any]:
        """The numbers, without the counts."""
        return {"n": self.n, "auc": self.auc.to_dict(), "eer": self.eer.to_dict()}


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceResult:
    """The samples that share one value of one column.

    Attributes:
        column: The column's name.
        value: Its value, as text; ``"(missing)"`` where the column is blank.
        counts: The samples in the slice.
        auc: Area under the ROC curve inside the slice.
        operating_points: The evaluation's operating points, inside the slice.
        small: Whether a class has fewer than 30 scored samples here, so that nothing firm can be said.
    """

    column: str
    value: str
    counts: ClassCounts
    auc: Estimate
    operating_points: tuple[OperatingPoint, ...]
    small: bool

    def to_dict(self) -> dict[str, Any]:
        """The slice as in the JSON contract, with its ``small`` flag."""
        return {
            "counts": self.counts.to_dict(),
            "auc": self.auc.to_dict(),
            "operating_points": [point.to_dict() for point in self.operating_points],
            "small": self.small,
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evaluation:
    """Everything measured on one score table.

    Attributes:
        confidence: Nominal coverage of every interval.
        counts: Samples with and without a score.
        auc: Area under the ROC curve (DeLong).
        average_precision: Area under the precision-recall curve, at this data's mix of classes.
        partial_auc: Area under the ROC curve where false alarms are rare.
        eer: Equal error rate in three forms.
        bpcer_at_apcer: BPCER10, BPCER20, BPCER100 under the keys ``"10"``, ``"20"``, ``"100"``.
        calibration: Brier, ECE, Cllr, reliability; ``None`` when it was not asked for.
        operating_points: First the run's own threshold or 0.5, then each requested one.
        attack_types: Each type by name.
        slices: For each column of ``by`` its values.
        no_response_bounds: The rates with no response counted as pass and as block.
        decision_audit: The answers' own decisions against their scores.
        score_counts: The counts behind every number.
        warnings: What a reader must know, in plain sentences.
        provenance: Where the scores come from.
    """

    confidence: float
    counts: ClassCounts
    auc: Estimate
    average_precision: Estimate
    partial_auc: PartialAuc
    eer: EqualErrorRate
    bpcer_at_apcer: Mapping[str, ThresholdAtApcer]
    calibration: Calibration | None
    operating_points: tuple[OperatingPoint, ...]
    attack_types: Mapping[str, AttackTypeResult]
    slices: Mapping[str, Mapping[str, SliceResult]]
    no_response_bounds: NoResponseBounds
    decision_audit: DecisionAudit
    score_counts: ScoreCounts
    warnings: tuple[str, ...]
    provenance: Provenance

    def to_dict(self) -> dict[str, Any]:
        """The JSON of ``finauth-eval evaluate --json``: plain values, no NaN, no infinity."""
        calibration = {"brier": None, "ece": None, "cllr": None, "min_cllr": None}
        return {
            "schema": SCHEMA,
            "confidence": self.confidence,
            "counts": self.counts.to_dict(),
            "auc": self.auc.to_dict(),
            "average_precision": self.average_precision.to_dict(),
            "partial_auc": self.partial_auc.to_dict(),
            "eer": self.eer.to_dict(),
            "bpcer_at_apcer": {key: found.to_dict() for key, found in self.bpcer_at_apcer.items()},
            **(calibration if self.calibration is None else self.calibration.to_dict()),
            "operating_points": [point.to_dict() for point in self.operating_points],
            "attack_types": {name: result.to_dict() for name, result in self.attack_types.items()},
            "slices": {
                column: {value: part.to_dict() for value, part in parts.items()}
                for column, parts in self.slices.items()
            },
            "no_response_bounds": self.no_response_bounds.to_dict(),
            "decision_audit": self.decision_audit.to_dict(),
            "warnings": list(self.warnings),
        }


def evaluate(
    scores: ScoreTable,
    *,
    thresholds: Sequence[float] = (),
    by: Sequence[str] = (),
    confidence: float = 0.95,
    bootstrap: int = 0,
    calibration: bool = True,
    seed: int | None = None,
) -> Evaluation:
    """Measure how well the scores tell attacks from bona fide samples."""
    raise NotImplementedError
