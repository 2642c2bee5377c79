"""From a score table to everything that can be said about it without choosing a threshold."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from finauth_eval import doubts, overview
from finauth_eval.breakdown import (
    AttackTypeResult,
    SliceResult,
    area,
    attack_types,
    clustered_slices,
    gaps_by_cells,
    gaps_by_counts,
    rates_at,
    slices,
    with_holm,
)
from finauth_eval.counted import counted
from finauth_eval.decisions import operating_thresholds, running_threshold
from finauth_eval.errors import NothingToEvaluate
from finauth_eval.metrics import bootstrapped
from finauth_eval.metrics.areas import PartialAuc, partial_auc
from finauth_eval.metrics.audit import DecisionAudit
from finauth_eval.metrics.calibration import Calibration
from finauth_eval.metrics.calibration import calibration as measure_calibration
from finauth_eval.metrics.clustered_bootstrap import by_clusters, draw_cluster_replicates
from finauth_eval.metrics.fixed_apcer import LIMITS, ThresholdAtApcer
from finauth_eval.metrics.intervals import valid_confidence
from finauth_eval.metrics.missing import NoResponseBounds, RatesWithMissing, no_response_bounds
from finauth_eval.samples import (
    ClassCounts,
    SampleArrays,
    cluster_column,
    count_scores,
)
from finauth_eval.shown import notebook
from finauth_eval.shown.numbers import confidence_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from markupsafe import Markup

    from finauth_eval.metrics.clustered import ClusteredScores
    from finauth_eval.metrics.counts import ScoreCounts
    from finauth_eval.metrics.equal_error import EqualErrorRate
    from finauth_eval.metrics.estimate import Estimate
    from finauth_eval.metrics.rates import OperatingPoint
    from finauth_eval.metrics.replicates import Replicates
    from finauth_eval.scores import Provenance, ScoreTable
    from finauth_eval.tallied import Tallied

__all__ = [
    "AttackTypeResult",
    "ClassCounts",
    "DecisionAudit",
    "Evaluation",
    "NoResponseBounds",
    "RatesWithMissing",
    "SampleArrays",
    "SliceResult",
    "ThresholdAtApcer",
    "cluster_column",
    "count_scores",
    "evaluate",
    "running_threshold",
]

SCHEMA: Final = "finauth-eval/evaluation/1"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evaluation:
    """Everything measured on one score table.

    Attributes:
        confidence: Nominal coverage of every interval.
        counts: Samples with and without a score.
        auc: Area under the ROC curve (DeLong; Obuchowski where samples are clustered).
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
        clustered: Which samples belong together, for intervals at further thresholds; ``None`` where samples are
            independent.
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
    clustered: ClusteredScores | None = field(default=None, repr=False)

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
            "warnings": list(map(str, self.warnings)),
        }

    def _repr_html_(self) -> str:
        """Tables and folded parts for a notebook, at most 60 kB."""
        scores = overview.score_table(
            auc=self.auc,
            average_precision=self.average_precision,
            eer=self.eer,
            bpcer_at_apcer=self.bpcer_at_apcer,
        )
        folded = [overview.slice_table(column, values) for column, values in self.slices.items()]
        if self.attack_types:
            folded.insert(0, overview.attack_type_table(self.attack_types, self.operating_points[0]))
        notes = [notebook.paragraph(warning) for warning in self.warnings]
        return notebook.page(
            [
                notebook.paragraph(self.counts.describe()),
                _table(overview.point_table(self.operating_points)),
                _table(scores),
                notebook.paragraph(f"In brackets: {confidence_words(self.confidence)} confidence intervals."),
                *([notebook.details(f"Notes ({len(notes)})", notes)] if notes else []),
                *(notebook.details(f"{own.caption} ({len(own.rows)})", [_table(own)]) for own in folded),
            ]
        )


def _table(shown: overview.TextTable) -> Markup:
    return notebook.table(shown.header, shown.rows, caption=shown.caption)


def evaluate(
    scores: ScoreTable | Tallied,
    *,
    thresholds: Sequence[float] = (),
    by: Sequence[str] = (),
    cluster: str | None = None,
    confidence: float = 0.95,
    bootstrap: int | None = None,
    calibration: bool = True,
    seed: int | None = None,
    even_unscored: bool = False,
) -> Evaluation:
    """Measure how well the scores tell attacks from bona fide samples.

    Args:
        scores: The table, or samples that were counted (``scan_scores``), which gives the same result; rows without a
            score are counted beside every metric.
        thresholds: Operating points to measure beside the first, which is the run's own threshold where all answers
            name the same one, else 0.5.
        by: Columns whose values are evaluated each by itself; of counted samples those that they were counted by.
        cluster: Column that says which samples belong together; ``None`` is ``subject`` where that is filled,
            ``"none"`` no column. Where some value of it has more than one sample, the intervals of areas, rates and
            of all that is bootstrapped take its values, not the samples, as independent, and name another method.
            Reliability bins and the shares without a response take samples as independent all the same.
        confidence: Nominal coverage of every interval, in (0, 1).
        bootstrap: Replicates for the intervals of average precision, EER and BPCER at a fixed APCER; 0 leaves them
            out; ``None`` is 2,000 where that takes about a second (up to 10,000 distinct scores), else 0.
        calibration: Whether to compute Brier, ECE, Cllr and the reliability curve.
        seed: Makes the bootstrap repeatable; ``None`` is 0, so that the same table gives the same result.
        even_unscored: Whether a table without any score gives an evaluation in which every figure is undefined, for a
            report that says why there are no scores, instead of an error.

    Returns:
        Every number with its uncertainty; what is undefined is ``nan`` with a reason.

    Raises:
        NothingToEvaluate: No sample has a score, and ``even_unscored`` is not set.
        ScoresError: There are no labels.
        ValueError: An unknown column, a threshold that is not finite (or not in [0, 1] where the scores are), or a
            confidence or number of replicates out of range; or counted samples that belong together, where which do
            was not counted.

    Example:
        >>> import pandas as pd
        >>> from finauth_eval.scores import ScoreTable
        >>> frame = pd.DataFrame({"label": ["real", "real", "fake", "fake"], "score": [0.1, 0.4, 0.35, 0.8]})
        >>> evaluate(ScoreTable.from_frame(frame)).auc.value
        0.75
    """
    valid_confidence(confidence)
    if bootstrap is not None and bootstrap < 0:
        raise ValueError(f"bootstrap is {bootstrap}; expected a number of replicates, or 0 for none")
    tallied, blank = counted(scores, by, cluster=cluster, split=False)
    everything = tallied.everything()
    parts = {name: tallied.slices_of(name) for name in by}
    counts, sizes = everything.counts, everything.sizes
    cells = tallied.together(cluster)
    clustered = None if cells is None else cells.over(typed=tallied.types_told_apart).clustered(counts)
    if not (sizes.bona_fide + sizes.attack or even_unscored):
        raise NothingToEvaluate(
            f"{scores.provenance.source}: none of {len(scores)} samples has a score; nothing can be evaluated"
        )
    audit = tallied.audit
    wanted = operating_thresholds(thresholds, audit.thresholds_seen, counts)
    points = rates_at(wanted, counts, clustered, confidence=confidence)
    replicates = _replicates(counts, clustered, bootstrap, seed=seed)
    auc = area(counts, clustered, confidence=confidence)
    at = wanted[0][0]
    gaps = {name: gaps_by_counts(own, at, confidence=confidence) for name, own in parts.items()}
    clusters: dict[str, dict[str, ClusteredScores | None]] = {}
    if cells is not None:
        for name, own in parts.items():
            of_column = cells.over(name, typed=tallied.types_told_apart)
            clusters[name] = clustered_slices(of_column, own)
            gaps[name] = gaps_by_cells(of_column, own, at, confidence=confidence)
    types = attack_types(counts, clustered, replicates, confidence=confidence)
    return Evaluation(
        confidence=confidence,
        counts=sizes,
        auc=auc,
        average_precision=_named(
            bootstrapped.average_precision(counts, replicates, confidence=confidence), clustered
        ),
        partial_auc=partial_auc(counts),
        eer=bootstrapped.equal_error(counts, replicates, confidence=confidence),
        bpcer_at_apcer={
            key: _named_pair(
                bootstrapped.bpcer_at_apcer(key, counts, replicates, confidence=confidence), clustered
            )
            for key in LIMITS
        },
        calibration=measure_calibration(counts, confidence=confidence) if calibration else None,
        operating_points=points,
        attack_types=types,
        slices=with_holm(
            {
                name: slices(
                    name, own, wanted, clusters=clusters.get(name, {}), gaps=gaps[name], confidence=confidence
                )
                for name, own in parts.items()
            }
        ),
        no_response_bounds=no_response_bounds(
            points[0],
            missing_attack=sizes.no_response_attack,
            missing_bona_fide=sizes.no_response_bona_fide,
            confidence=confidence,
        ),
        decision_audit=audit,
        score_counts=counts,
        warnings=(
            *doubts.about_samples(everything, {name: own.n for name, own in types.items()}),
            *doubts.about_scores(counts, auc, points[0]),
            *doubts.about_answers(audit),
            *doubts.about_clusters(clustered, tallied.cluster, blank=blank),
            *doubts.about_bootstrap(clustered, replicates, bootstrap, auc),
        ),
        provenance=scores.provenance,
        clustered=clustered,
    )


def _replicates(
    counts: ScoreCounts, clustered: ClusteredScores | None, wanted: int | None, *, seed: int | None
) -> Replicates | None:
    if clustered is None:
        return bootstrapped.draw_replicates(counts, wanted, seed=seed)
    return draw_cluster_replicates(clustered, wanted, seed=seed)


def _named(estimate: Estimate, clustered: ClusteredScores | None) -> Estimate:
    """The estimate under the name of what was drawn: samples, or clusters."""
    return estimate if clustered is None else by_clusters(estimate)


def _named_pair(found: ThresholdAtApcer, clustered: ClusteredScores | None) -> ThresholdAtApcer:
    return replace(
        found, worst_type=_named(found.worst_type, clustered), pooled=_named(found.pooled, clustered)
    )
