"""From a score table to everything that can be said about it without choosing a threshold."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from finauth_eval.errors import NothingToEvaluate
from finauth_eval.metrics.areas import PartialAuc, average_precision, partial_auc
from finauth_eval.metrics.audit import DecisionAudit, audit_decisions
from finauth_eval.metrics.bootstrap import Replicates
from finauth_eval.metrics.bootstrap import bootstrap as draw_replicates
from finauth_eval.metrics.calibration import Calibration
from finauth_eval.metrics.calibration import calibration as measure_calibration
from finauth_eval.metrics.counts import ScoreCounts
from finauth_eval.metrics.decimals import score_grid
from finauth_eval.metrics.delong import auc
from finauth_eval.metrics.equal_error import EqualErrorRate, equal_error_rate
from finauth_eval.metrics.estimate import Estimate
from finauth_eval.metrics.fixed_apcer import LIMITS, ThresholdAtApcer, bpcer_at_apcer
from finauth_eval.metrics.intervals import valid_confidence
from finauth_eval.metrics.missing import NoResponseBounds, RatesWithMissing, no_response_bounds
from finauth_eval.metrics.rates import OperatingPoint, operating_points

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from finauth_eval.scores import Provenance, ScoreTable

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
MISSING: Final = "(missing)"
UNSPECIFIED: Final = "unspecified"
FEW: Final = 30
_MOST_SLICES: Final = 500
_DEFAULT_REPLICATES: Final = 2_000
_QUICKLY_BOOTSTRAPPED: Final = 10_000


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
    cluster: str | None = None,
    confidence: float = 0.95,
    bootstrap: int | None = None,
    calibration: bool = True,
    seed: int | None = None,
) -> Evaluation:
    """Measure how well the scores tell attacks from bona fide samples.

    Args:
        scores: The table; rows without a score are counted beside every metric.
        thresholds: Operating points to measure beside the first, which is the run's own threshold where all answers
            name the same one, else 0.5.
        by: Columns whose values are evaluated each by itself.
        cluster: Column that says which samples belong together, for the warning that the intervals take samples as
            independent; ``None`` is ``subject`` where that is filled, ``"none"`` no column.
        confidence: Nominal coverage of every interval, in (0, 1).
        bootstrap: Replicates for the intervals of average precision, EER and BPCER at a fixed APCER; 0 leaves them
            out; ``None`` is 2,000 where that takes about a second (up to 10,000 distinct scores), else 0.
        calibration: Whether to compute Brier, ECE, Cllr and the reliability curve.
        seed: Makes the bootstrap repeatable; ``None`` is 0, so that the same table gives the same result.

    Returns:
        Every number with its uncertainty; what is undefined is ``nan`` with a reason.

    Raises:
        NothingToEvaluate: No sample has a score.
        ValueError: An unknown column, a threshold that is not finite (or not in [0, 1] where the scores are), or a
            confidence or number of replicates out of range.

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
    together = cluster_column(scores, cluster)
    columns = {name: _values(scores, name) for name in by}
    rows = SampleArrays.of(scores)
    sizes = rows.class_counts()
    if not sizes.bona_fide + sizes.attack:
        raise NothingToEvaluate(
            f"{scores.provenance.source}: none of {len(scores)} samples has a score; nothing can be evaluated"
        )
    counts = rows.counts()
    audit = _audit(scores)
    wanted = _operating_thresholds(thresholds, audit, counts)
    points = operating_points(counts, wanted, confidence=confidence)
    replicates = _replicates(counts, bootstrap, seed=seed)
    area = auc(counts, confidence=confidence)
    types = {name: _attack_type(name, counts, confidence=confidence) for name in counts.by_attack_type}
    return Evaluation(
        confidence=confidence,
        counts=sizes,
        auc=area,
        average_precision=_average_precision(counts, replicates, confidence=confidence),
        partial_auc=partial_auc(counts),
        eer=_equal_error(counts, replicates, confidence=confidence),
        bpcer_at_apcer={
            key: _bpcer_at_apcer(key, counts, replicates, confidence=confidence) for key in LIMITS
        },
        calibration=measure_calibration(counts, confidence=confidence) if calibration else None,
        operating_points=points,
        attack_types=types,
        slices={
            name: dict(_slices(name, rows, codes, values, wanted, confidence=confidence))
            for name, (codes, values) in columns.items()
        },
        no_response_bounds=no_response_bounds(
            points[0],
            missing_attack=sizes.no_response_attack,
            missing_bona_fide=sizes.no_response_bona_fide,
            confidence=confidence,
        ),
        decision_audit=audit,
        score_counts=counts,
        warnings=(
            *_warnings_of_samples(sizes, rows, types),
            *_warnings_of_scores(counts, area, points[0]),
            *_warnings_of_answers(audit),
            *_warnings_of_intervals(scores, together, replicates, bootstrap, area),
        ),
        provenance=scores.provenance,
    )


def count_scores(scores: ScoreTable) -> ScoreCounts:
    """The counts of every scored row; attacks without a type are ``"unspecified"`` where others have one.

    Args:
        scores: The table.

    Example:
        >>> import pandas as pd
        >>> from finauth_eval.scores import ScoreTable
        >>> frame = pd.DataFrame({"label": ["real", "fake", "fake"], "score": [0.1, 0.9, 0.7],
        ...                       "attack_type": ["", "swap", ""]})
        >>> list(count_scores(ScoreTable.from_frame(frame)).by_attack_type)
        ['swap', 'unspecified']
    """
    return SampleArrays.of(scores).counts()


def cluster_column(scores: ScoreTable, cluster: str | None = None) -> str | None:
    """The column that says which samples belong together, or ``None``.

    Args:
        scores: The table.
        cluster: A column; ``None`` for ``subject`` where it is filled for every scored sample; ``"none"`` for none.

    Raises:
        ValueError: There is no such column, or it is blank for a scored sample.
    """
    if cluster == "none":
        return None
    name = "subject" if cluster is None else cluster
    if name not in scores.frame.columns:
        raise ValueError(_no_column(scores, name))
    blank = int((scores.frame[name].isna().to_numpy() & scores.scored).sum())
    if not blank:
        return name
    if cluster is None:
        return None
    raise ValueError(
        f"column {name!r} is blank for {blank} scored samples, so it cannot say which samples belong together;"
        " fill it, or use cluster='none'"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleArrays:
    """The columns of a score table that numbers are made of, as arrays; a row a sample.

    Attributes:
        scores: Shape (n,); ``nan`` where there is no score.
        is_attack: Shape (n,).
        type_codes: Position of each attack's type in ``types``, -1 for none, shape (n,).
        types: Names of the attack types.
        not_sent: Whether the sample was never sent, shape (n,).
    """

    scores: NDArray[np.float64]
    is_attack: NDArray[np.bool_]
    type_codes: NDArray[np.integer[Any]]
    types: tuple[str, ...]
    not_sent: NDArray[np.bool_]

    @classmethod
    def of(cls, table: ScoreTable) -> SampleArrays:
        """From a table; attacks without a type become ``"unspecified"`` where others have one."""
        kinds = table.frame["attack_type"].cat
        codes, types = kinds.codes.to_numpy(), tuple(str(name) for name in kinds.categories)
        attack = table.is_attack
        untyped = attack & (codes < 0)
        if types and untyped.any():  # else the worst type's rate would leave them out
            types = types if UNSPECIFIED in types else (*types, UNSPECIFIED)
            codes = np.where(untyped, types.index(UNSPECIFIED), codes)
        return cls(
            scores=table.scores,
            is_attack=attack,
            type_codes=codes,
            types=types,
            not_sent=np.asarray(table.frame["outcome"] == "not_sent"),
        )

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> SampleArrays:
        """These rows only, given by position or by mask."""
        return replace(
            self,
            scores=self.scores[rows],
            is_attack=self.is_attack[rows],
            type_codes=self.type_codes[rows],
            not_sent=self.not_sent[rows],
        )

    def counts(self) -> ScoreCounts:
        """The counts of every row with a score."""
        scored = ~np.isnan(self.scores)
        own = self if scored.all() else self.take(scored)
        return ScoreCounts.from_codes(own.scores, own.is_attack, type_codes=own.type_codes, types=own.types)

    def class_counts(self) -> ClassCounts:
        """How many rows of each class have a score, and how many have none."""
        scored = ~np.isnan(self.scores)
        silent = ~scored & ~self.not_sent
        n_attack, n_silent_attack = (int((part & self.is_attack).sum()) for part in (scored, silent))
        return ClassCounts(
            bona_fide=int(scored.sum()) - n_attack,
            attack=n_attack,
            no_response_bona_fide=int(silent.sum()) - n_silent_attack,
            no_response_attack=n_silent_attack,
        )


def _no_column(scores: ScoreTable, name: str) -> str:
    filled = scores.frame.columns[scores.frame.notna().any().to_numpy()]
    return f"there is no column {name!r}; the columns with values are {', '.join(map(str, filled))}"


def _values(scores: ScoreTable, name: str) -> tuple[NDArray[np.intp], list[str]]:
    """Each row's position among the column's values, and the values as text; blanks are the last one."""
    if name not in scores.frame.columns:
        raise ValueError(_no_column(scores, name))
    codes, found = pd.factorize(scores.frame[name])
    texts = [str(value) for value in found]
    if len(texts) > _MOST_SLICES:
        raise ValueError(
            f"column {name!r} has {len(texts)} different values; a slice of each would say nothing (at most"
            f" {_MOST_SLICES}); name a column with fewer values"
        )
    values = sorted({*texts})
    position = {text: i for i, text in enumerate(values)}
    lookup = np.array([*(position[text] for text in texts), len(values)])  # the last one is for code -1
    return lookup[codes], [*values, *([MISSING] if (codes < 0).any() else [])]


def _slices(
    column: str,
    rows: SampleArrays,
    codes: NDArray[np.intp],
    values: Sequence[str],
    wanted: Sequence[tuple[float, str]],
    *,
    confidence: float,
) -> Iterator[tuple[str, SliceResult]]:
    order = np.argsort(codes, kind="stable")
    ends = np.searchsorted(codes[order], np.arange(len(values) + 1))
    for i, value in enumerate(values):
        part = rows.take(order[ends[i] : ends[i + 1]])
        counts, sizes = part.counts(), part.class_counts()
        yield (
            value,
            SliceResult(
                column=column,
                value=value,
                counts=sizes,
                auc=auc(counts, confidence=confidence),
                operating_points=operating_points(counts, wanted, confidence=confidence),
                small=min(sizes.bona_fide, sizes.attack) < FEW,
            ),
        )


def _audit(scores: ScoreTable) -> DecisionAudit:
    result = scores.frame["result"]
    return audit_decisions(
        scores.scores,
        scores.frame["threshold"].to_numpy(dtype=np.float64),
        result.fillna(value=False).to_numpy(dtype=bool),
        has_result=result.notna().to_numpy(dtype=bool),
    )


def _operating_thresholds(
    requested: Sequence[float], audit: DecisionAudit, counts: ScoreCounts
) -> list[tuple[float, str]]:
    for threshold in requested:
        if not math.isfinite(threshold) or (counts.in_unit_range and not 0 <= threshold <= 1):
            expected = "a number in [0, 1], as the scores are" if counts.in_unit_range else "a finite number"
            raise ValueError(f"threshold is {threshold!r}; expected {expected}")
    return [
        running_threshold(audit.thresholds_seen),
        *((float(threshold), "requested") for threshold in requested),
    ]


def running_threshold(thresholds_seen: Sequence[float]) -> tuple[float, str]:
    """The threshold in force and where it is from: the answers' own where all name the same, else 0.5.

    Example:
        >>> running_threshold([0.7]), running_threshold([0.5, 0.7])
        ((0.7, 'run'), (0.5, 'default'))
    """
    return (thresholds_seen[0], "run") if len(thresholds_seen) == 1 else (0.5, "default")


def _replicates(counts: ScoreCounts, wanted: int | None, *, seed: int | None) -> Replicates | None:
    if wanted is None:
        wanted = _DEFAULT_REPLICATES if counts.scores.size <= _QUICKLY_BOOTSTRAPPED else 0
    if not wanted or not counts.n_attack or not counts.n_bona_fide:
        return None
    return draw_replicates(counts, wanted, rng=np.random.default_rng(0 if seed is None else seed))


def _interval(
    values: NDArray[np.float64] | None, *, confidence: float
) -> tuple[float, float, str, str | None]:
    """Low, high, the method's name, and the reason where there are no limits."""
    if values is None:
        return math.nan, math.nan, "none", "an interval needs the bootstrap"
    low, high = Replicates.limits(values, confidence=confidence)
    reason = None
    if math.isnan(low):
        reason = (
            "no interval: every bootstrap replicate gave the same value, so it cannot tell how sure this is"
        )
    return low, high, "bootstrap-percentile", reason


def _with_interval(estimate: Estimate, values: NDArray[np.float64] | None, *, confidence: float) -> Estimate:
    if not estimate.defined:
        return estimate
    low, high, method, reason = _interval(values, confidence=confidence)
    return replace(estimate, low=low, high=high, method=method, reason=reason)


def _average_precision(counts: ScoreCounts, replicates: Replicates | None, *, confidence: float) -> Estimate:
    if not counts.n_attack or not counts.n_bona_fide:
        missing = "attack" if counts.n_bona_fide else "bona fide sample"
        return Estimate.undefined(f"no {missing} has a score", confidence=confidence, method="none")
    nan = math.nan
    plain = Estimate(
        value=average_precision(counts), low=nan, high=nan, confidence=confidence, method="none",
        n=counts.n_attack + counts.n_bona_fide,
    )  # fmt: skip
    values = replicates.average_precision if replicates else None
    return _with_interval(plain, values, confidence=confidence)


def _equal_error(counts: ScoreCounts, replicates: Replicates | None, *, confidence: float) -> EqualErrorRate:
    found = equal_error_rate(counts)
    if math.isnan(found.linear):
        return found
    low, high, _, reason = _interval(replicates.equal_error if replicates else None, confidence=confidence)
    return replace(found, low=low, high=high, reason=reason)


def _bpcer_at_apcer(
    key: str, counts: ScoreCounts, replicates: Replicates | None, *, confidence: float
) -> ThresholdAtApcer:
    found = bpcer_at_apcer(counts, LIMITS[key], confidence=confidence)
    worst = replicates.bpcer_at_worst_apcer[key] if replicates else None
    pooled = replicates.bpcer_at_apcer[key] if replicates else None
    return replace(
        found,
        worst_type=_with_interval(found.worst_type, worst, confidence=confidence),
        pooled=_with_interval(found.pooled, pooled, confidence=confidence),
    )


def _attack_type(name: str, counts: ScoreCounts, *, confidence: float) -> AttackTypeResult:
    own = counts.select(name)
    return AttackTypeResult(
        attack_type=name,
        n=own.n_attack,
        auc=auc(own, confidence=confidence),
        eer=equal_error_rate(own),
        counts=own,
    )


def _warnings_of_samples(
    sizes: ClassCounts, rows: SampleArrays, types: Mapping[str, AttackTypeResult]
) -> Iterator[str]:
    if not sizes.attack or not sizes.bona_fide:
        missing, rest = ("attack", "misses") if sizes.bona_fide else ("bona fide sample", "false alarms")
        yield f"No {missing} has a score: {rest} and everything that compares the classes is undefined."
    silent = sizes.no_response_attack + sizes.no_response_bona_fide
    if silent:
        yield (
            f"{silent} samples got no score ({sizes.no_response_bona_fide} bona fide,"
            f" {sizes.no_response_attack} attacks); they are in no rate but the no-response bounds."
        )
    unsent = int(rows.not_sent.sum())
    if unsent:
        yield f"{unsent} samples were never sent and are in no rate."
    if UNSPECIFIED in types:
        yield (
            f"{types[UNSPECIFIED].n} attacks have no type while others do; they form the type"
            f" {UNSPECIFIED!r}, so that the worst type's rate does not leave them out."
        )
    few = [f"{name} ({own.n})" for name, own in types.items() if own.n < FEW]
    if few:
        yield f"Attack types with fewer than {FEW} scored samples, about which little can be said: {', '.join(few)}."
    lost = sorted(
        {rows.types[code] for code in np.unique(rows.type_codes[rows.is_attack]) if code >= 0} - {*types}
    )
    if lost:
        yield f"Attack types without any scored sample, left out of the worst type: {', '.join(lost)}."


def _warnings_of_scores(counts: ScoreCounts, area: Estimate, first: OperatingPoint) -> Iterator[str]:
    if area.value < 0.5:  # False for NaN
        yield (
            f"The AUC is {area.value:.3f}, below 0.5: attacks score lower than bona fide samples. The labels or the"
            " score's direction may be swapped; nothing was flipped."
        )
    if counts.scores.size == 1 and counts.n_attack + counts.n_bona_fide > 1:
        yield f"Every score is {counts.scores[0]:g}: no threshold can tell the classes apart."
    grid = score_grid(counts.scores)
    if not grid.continuous and grid.decimals <= 2:
        yield (
            f"Scores have {grid.decimals} decimals and {counts.scores.size} distinct values: many samples are tied,"
            " and a threshold can only be set on this grid."
        )
    row = int(np.searchsorted(counts.scores, first.threshold))
    if row < counts.scores.size and counts.scores[row] == first.threshold:
        tied = int(counts.attack[row] + counts.bona_fide[row])
        yield (
            f"{'1 score equals' if tied == 1 else f'{tied} scores equal'} the threshold {first.threshold:g} exactly:"
            " decided attack, by score >= threshold."
        )
    if not counts.in_unit_range:
        yield "Scores lie outside [0, 1]: Brier score, ECE and Cllr are undefined."


def _warnings_of_answers(audit: DecisionAudit) -> Iterator[str]:
    seen = audit.thresholds_seen
    if len(seen) > 1:
        named = ", ".join(f"{threshold:g}" for threshold in seen[:5]) + (", ..." if len(seen) > 5 else "")
        yield f"The answers name {len(seen)} different thresholds ({named}); the first operating point is 0.5."
    if audit.ge_mismatches:
        yield (
            f"{audit.ge_mismatches} of {audit.audited} answers' own result is not score >= threshold"
            f" ({audit.gt_mismatches} are not score > threshold, {audit.at_threshold} lie at the threshold)."
        )


def _warnings_of_intervals(
    scores: ScoreTable,
    cluster: str | None,
    replicates: Replicates | None,
    wanted: int | None,
    area: Estimate,
) -> Iterator[str]:
    if cluster is not None:
        scored = scores.scored
        groups, n = scores.frame[cluster][scored].nunique(), int(scored.sum())
        if groups < n:
            yield (
                f"{n} scored samples come from {groups} values of {cluster!r}; the intervals take samples as"
                " independent and are narrower than they should be."
            )
    if wanted is None and replicates is None and area.defined:
        yield (
            f"More than {_QUICKLY_BOOTSTRAPPED} distinct scores: intervals that need the bootstrap were left out;"
            " ask for them with bootstrap=2000."
        )
