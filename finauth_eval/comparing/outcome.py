"""The result of a comparison: every figure of two runs, their differences, and what they come to."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from finauth_eval.comparing import comparable, overview
from finauth_eval.comparing.flips import Flip, flips
from finauth_eval.comparing.silence import surely_changed
from finauth_eval.shown import notebook
from finauth_eval.shown.numbers import confidence_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from finauth_eval.comparing.clusters import Together
    from finauth_eval.comparing.evidence import Evidence, Rates
    from finauth_eval.comparing.noise import Noise
    from finauth_eval.comparing.pairing import Pairing
    from finauth_eval.comparing.parts import Part
    from finauth_eval.comparing.reselected import AtApcer
    from finauth_eval.comparing.service import Latency, NoResponse
    from finauth_eval.comparing.shifts import Shift
    from finauth_eval.metrics.change import Change
    from finauth_eval.metrics.estimate import Estimate
    from finauth_eval.metrics.rates import OperatingPoint
    from finauth_eval.scores import ScoreTable

__all__ = ["AtThreshold", "Comparison", "NonInferiority"]

SCHEMA: Final = "finauth-eval/comparison/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class AtThreshold:
    """Both runs at a threshold each.

    Attributes:
        a: What A's threshold does.
        b: What B's threshold does.
        bona_fide: BPCER in both, and its difference.
        attack: APCER of all attacks in both, and its difference.
    """

    a: OperatingPoint
    b: OperatingPoint
    bona_fide: Rates
    attack: Rates

    def to_dict(self) -> dict[str, Any]:
        """``at_current_threshold`` of the JSON contract."""
        return {
            "a": self.a.to_dict(),
            "b": self.b.to_dict(),
            "mcnemar": {"bona_fide": _mcnemar(self.bona_fide), "attack": _mcnemar(self.attack)},
            "bpcer_difference": self.bona_fide.change.to_dict(),
            "apcer_difference": self.attack.change.to_dict(),
        }


def _mcnemar(rates: Rates) -> dict[str, Any]:
    p_value = rates.change.p_value
    return {
        "a_only": rates.a_only,
        "b_only": rates.b_only,
        "p_value": None if math.isnan(p_value) else p_value,
        "test": rates.change.test,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class NonInferiority:
    """Whether B is worse than A by less than a margin, with confidence.

    Attributes:
        margin: The largest difference that is put up with, as a share.
        confidence: Of each one-sided limit.
        bpcer_upper: One-sided upper limit of B's BPCER less A's.
        apcer_upper: The same of APCER.
    """

    margin: float
    confidence: float
    bpcer_upper: float
    apcer_upper: float

    @property
    def bpcer(self) -> bool | None:
        """Whether BPCER is worse by less than the margin; ``None`` where nothing is known."""
        return None if math.isnan(self.bpcer_upper) else self.bpcer_upper < self.margin

    @property
    def apcer(self) -> bool | None:
        """The same of APCER."""
        return None if math.isnan(self.apcer_upper) else self.apcer_upper < self.margin

    def to_dict(self) -> dict[str, Any]:
        """``non_inferior`` of the JSON contract."""
        return {
            "margin": self.margin,
            "bpcer": self.bpcer,
            "apcer": self.apcer,
            "bpcer_upper": None if math.isnan(self.bpcer_upper) else self.bpcer_upper,
            "apcer_upper": None if math.isnan(self.apcer_upper) else self.apcer_upper,
            "confidence": self.confidence,
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparison:
    """How B differs from A; every difference is B less A, so that a rate that rose is positive.

    Attributes:
        a: The table that is compared with.
        b: The table that is compared.
        pairing: Their common samples.
        evidence: The samples that the numbers rest on: the pairs with a score in both, or both runs' own.
        clusters: Which samples belong together.
        thresholds: The threshold of A and that of B.
        requested: Whether the threshold was asked for; else it is each run's own.
        confidence: Nominal coverage of every interval, in (0, 1).
        comparability: What keeps the runs from being compared like with like, the gravest first.
        auc_a: Area under the ROC curve of A; ``None`` without labels, as everything down to ``slices``.
        auc_b: The same of B.
        auc: Their difference.
        at_threshold: Error rates at the thresholds.
        bpcer_at_apcer: BPCER10, BPCER20, BPCER100 under ``"10"``, ``"20"``, ``"100"``.
        non_inferiority: Whether B is worse by less than a margin.
        attack_types: APCER of each type.
        slices: BPCER and APCER of each value of each column.
        alerts: The share of samples at or above the threshold; needs no label.
        flips: Samples decided differently; empty where the runs have different samples.
        shift: How the scores lie against each other.
        no_response: Samples without a score.
        latency: How long answers took, where both runs say so.
        noise: Changes against what asking again changes, where a run asked again.
        warnings: What a reader must know, in plain sentences.
    """

    a: ScoreTable
    b: ScoreTable
    pairing: Pairing
    evidence: Evidence
    clusters: Together
    thresholds: tuple[float, float]
    requested: bool
    confidence: float
    comparability: tuple[str, ...]
    auc_a: Estimate | None
    auc_b: Estimate | None
    auc: Change | None
    at_threshold: AtThreshold | None
    bpcer_at_apcer: Mapping[str, AtApcer]
    non_inferiority: NonInferiority | None
    attack_types: Mapping[str, Part]
    slices: Mapping[str, Mapping[str, Mapping[str, Part]]]
    alerts: Rates
    flips: tuple[Flip, ...]
    shift: Shift
    no_response: Mapping[str, NoResponse]
    latency: Mapping[str, Latency]
    noise: Noise | None
    warnings: tuple[str, ...]

    @property
    def paired(self) -> bool:
        """Whether the same samples were scored twice."""
        return self.pairing.paired

    @property
    def labelled(self) -> bool:
        """Whether it is known which samples are attacks."""
        return self.at_threshold is not None

    @property
    def n(self) -> int:
        """Pairs with a score in both; where the samples differ, the scored samples of the smaller run."""
        return min(self.evidence.a.arrays.scores.size, self.evidence.b.arrays.scores.size)

    @property
    def verdict(self) -> str:
        """``"identical"``, ``"better"``, ``"worse"``, ``"mixed"``, ``"equivalent"``, ``"inconclusive"``, ``"unlabelled"``.

        Identical: the same samples, each with the same score and decision in both. Worse: an error rate rose with
        significance (Holm over BPCER and APCER). Better: one fell with significance, and neither can have risen by
        more than the margin. Mixed: one fell, and the other rose or may have risen by more than the margin.
        Equivalent: neither rose nor fell with significance, and both differences lie within the margin either way.

        Error rates leave out what one run gives no score to. Where B is `more_silent`, it is mixed where it would be
        better, and inconclusive where it would be equivalent.
        """
        return overview.verdict(self)

    @property
    def more_silent(self) -> bool:
        """Whether no response of the same samples, all or of a class, rose from A to B with significance (Holm)."""
        changes = surely_changed(self.no_response, self.confidence).values()
        return any(change.difference.value > 0 for change in changes)

    @property
    def held_back(self) -> bool:
        """Whether B is `more_silent`, neither better nor equivalent, and no error rate surely rose: then that is the news."""
        return overview.held_back(self)

    def flips_at(self, threshold: float) -> tuple[Flip, ...]:
        """The samples that the two runs decide differently at another threshold; empty where their samples differ."""
        if not self.paired:
            return ()
        both = self.a.scored[self.pairing.rows_a] & self.b.scored[self.pairing.rows_b]
        rows = (self.pairing.rows_a[both], self.pairing.rows_b[both])
        return flips(self.a, self.b, rows, (threshold, threshold), labelled=self.labelled)

    def flip_frame(self) -> pd.DataFrame:
        """The flips as a frame: ``sample_id``, ``label``, ``attack_type``, ``a``, ``b``, ``worse``."""
        return pd.DataFrame(
            [flip.to_dict() for flip in self.flips],
            columns=["sample_id", "label", "attack_type", "a", "b", "worse"],
        )

    def to_dict(self) -> dict[str, Any]:
        """The JSON of ``finauth-eval compare --json``: plain values, no NaN, no infinity."""
        return {
            "schema": SCHEMA,
            "verdict": self.verdict,
            "paired": self.paired,
            "labelled": self.labelled,
            "n": self.n,
            "only_in_a": self.pairing.only_in_a,
            "only_in_b": self.pairing.only_in_b,
            "pairing": self.pairing.to_dict(),
            "same_dataset": comparable.same_dataset(self.a, self.b),
            "comparability": list(map(str, self.comparability)),
            "confidence": self.confidence,
            "thresholds": {"a": self.thresholds[0], "b": self.thresholds[1]},
            "auc": self._auc_dict(),
            "at_current_threshold": None if self.at_threshold is None else self.at_threshold.to_dict(),
            "bpcer_at_apcer": {key: found.to_dict() for key, found in self.bpcer_at_apcer.items()},
            "alert_rate": {
                "a": self.alerts.a.to_dict(),
                "b": self.alerts.b.to_dict(),
                "difference": self.alerts.change.to_dict(),
            },
            "flips": [flip.to_dict() for flip in self.flips],
            "score_shift": self.shift.to_dict(),
            "non_inferior": None if self.non_inferiority is None else self.non_inferiority.to_dict(),
            "attack_types": {name: part.to_dict() for name, part in self.attack_types.items()},
            "slices": {
                column: {
                    value: {metric: part.to_dict() for metric, part in metrics.items()}
                    for value, metrics in values.items()
                }
                for column, values in self.slices.items()
            },
            "no_response": {name: found.to_dict() for name, found in self.no_response.items()},
            "latency": {name: found.to_dict() for name, found in self.latency.items()},
            "stability": None if self.noise is None else self.noise.to_dict(),
            "warnings": list(map(str, self.warnings)),
        }

    def _auc_dict(self) -> dict[str, Any] | None:
        if self.auc is None or self.auc_a is None or self.auc_b is None:
            return None
        change = self.auc.to_dict()
        return {
            "a": self.auc_a.to_dict(),
            "b": self.auc_b.to_dict(),
            "difference": self.auc.difference.to_dict(),
            "z": change["z"],
            "p_value": change["p_value"],
            "test": self.auc.test,
        }

    def _repr_html_(self) -> str:
        """Tables and folded parts for a notebook, at most 60 kB."""
        shown = overview.tables(self)
        first, rest = shown[:1], shown[1:]
        notes = [notebook.paragraph(own) for own in self.warnings]
        return notebook.page(
            [
                notebook.paragraph(overview.sentence(self)),
                *(notebook.paragraph(f"Note: {own}.") for own in self.comparability),
                *(notebook.table(own.header, own.rows, caption=own.caption) for own in first),
                notebook.paragraph(f"In brackets: {confidence_words(self.confidence)} confidence intervals."),
                *([notebook.details(f"Notes ({len(notes)})", notes)] if notes else []),
                *(
                    notebook.details(
                        f"{own.caption} ({len(own.rows)})",
                        [notebook.table(own.header, own.rows, caption=own.caption)],
                    )
                    for own in rest
                ),
            ]
        )
