"""From a goal to a threshold with a guarantee, or to the sample size that the goal needs."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import pandas as pd

from finauth_eval.choosing.basis import Basis
from finauth_eval.choosing.choice import ExpectedCost, Guarantee, Infeasible, Kept, Need
from finauth_eval.choosing.choose import choose
from finauth_eval.choosing.material import Material
from finauth_eval.choosing.unseen import OutOfFold, deployed
from finauth_eval.errors import NothingToEvaluate
from finauth_eval.holdout import hold_out
from finauth_eval.metrics.estimate import finite_or_none
from finauth_eval.metrics.intervals import valid_confidence
from finauth_eval.phrases import phrase
from finauth_eval.planning import PlanRow, SamplePlan, plan_sample_size
from finauth_eval.policies import (
    AcceptReviewReject,
    BestFBeta,
    EqualError,
    MaxApcer,
    MaxBpcer,
    MinCost,
    Policy,
    Youden,
)
from finauth_eval.samples import clusters_in_words
from finauth_eval.shown import notebook
from finauth_eval.shown.numbers import confidence_words, rate, threshold

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from markupsafe import Markup
    from numpy.typing import NDArray

    from finauth_eval.metrics.rates import OperatingPoint
    from finauth_eval.scores import Provenance, ScoreTable
    from finauth_eval.tallied import Tallied

__all__ = [
    "AcceptReviewReject",
    "BestFBeta",
    "EqualError",
    "ExpectedCost",
    "Guarantee",
    "Kept",
    "MaxApcer",
    "MaxBpcer",
    "MinCost",
    "Need",
    "PlanRow",
    "Policy",
    "Recommendation",
    "Recommendations",
    "SamplePlan",
    "Youden",
    "plan_sample_size",
    "recommend",
]

SCHEMA: Final = "finauth-eval/recommendation/1"
Unseen = Literal["split", "holdout", "cross-fit"]
_NOTHING_UNSEEN: Final = phrase(
    "With some samples left out there is not always a threshold for this goal: nothing is out of sample."
)
_FOLDS_STREAM: Final = 11
_HOLDOUT_STREAM: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """The answer to one policy.

    Attributes:
        policy: The goal.
        feasible: Whether there is a threshold for it.
        threshold: Decide attack when the score is at least this; ``nan`` when infeasible.
        threshold_interval: How far the threshold may move with the sample; ``nan`` where unknown.
        guarantee: What is promised, or ``None``.
        in_sample: The rates on the samples that the threshold was chosen on.
        out_of_sample: The rates on samples that it was not chosen on; under cross-fitting of thresholds that were
            chosen in the same way on the other folds.
        unseen_by: How the samples of ``out_of_sample`` were kept apart; ``None`` without such.
        reason: Why this threshold, or why none.
        needs: What is too few: ``"bona_fide"``, ``"attack"`` or a type's name, with what it needs and has; empty
            when nothing is.
        descriptive: Whether this is shown for orientation and not as a recommendation.
        notes: Further facts for the reader, in plain sentences.
        kept: Promises of the policy's constraints.
        cost: The expected cost, for policies that have one.
        review_from: Review from this score on, below ``threshold``; ``None`` where nobody reviews.
        review_share: Share of the deployment's traffic that is reviewed, on the samples that were chosen on.
        review_share_unseen: The same on samples that were not; ``nan`` without such.
    """

    policy: Policy
    feasible: bool
    threshold: float
    threshold_interval: tuple[float, float]
    guarantee: Guarantee | None
    in_sample: OperatingPoint | None
    out_of_sample: OperatingPoint | None
    reason: str
    needs: Mapping[str, Need]
    descriptive: bool
    unseen_by: Unseen | None = None
    notes: tuple[str, ...] = ()
    kept: tuple[Kept, ...] = ()
    cost: ExpectedCost | None = None
    review_from: float | None = None
    review_share: float = 0.0
    review_share_unseen: float = math.nan

    @property
    def optimism(self) -> dict[str, float]:
        """By how much each rate is higher on unseen samples, in [-1, 1]; ``nan`` where it is not known."""
        seen, unseen = self.in_sample, self.out_of_sample
        if seen is None or unseen is None:
            return {"apcer": math.nan, "bpcer": math.nan}
        return {
            "apcer": unseen.apcer.value - seen.apcer.value,
            "bpcer": unseen.bpcer.value - seen.bpcer.value,
        }

    def to_dict(self) -> dict[str, Any]:
        """One entry of ``recommendations`` of the JSON contract."""
        plain = {
            "policy": self.policy.to_dict(),
            "feasible": self.feasible,
            "threshold": finite_or_none(self.threshold),
            "threshold_interval": [finite_or_none(end) for end in self.threshold_interval],
            "guarantee": None if self.guarantee is None else self.guarantee.to_dict(),
            "in_sample": None if self.in_sample is None else self.in_sample.to_dict(),
            "out_of_sample": None if self.out_of_sample is None else self.out_of_sample.to_dict(),
            "out_of_sample_by": self.unseen_by,
            "optimism": {name: finite_or_none(value) for name, value in self.optimism.items()},
            "reason": str(self.reason),
            "needs": {name: need.to_dict() for name, need in self.needs.items()},
            "descriptive": self.descriptive,
            "notes": list(map(str, self.notes)),
        }
        if self.kept:
            plain["constraints"] = [each.to_dict() for each in self.kept]
        if self.cost is not None:
            plain["cost"] = self.cost.to_dict()
        if isinstance(self.policy, AcceptReviewReject):
            band = None if self.review_from is None else [self.review_from, self.threshold]
            plain |= {
                "review_band": band,
                "review_share": self.review_share if self.feasible else None,
                "review_share_out_of_sample": finite_or_none(self.review_share_unseen),
            }
        return plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendations:
    """The answers in the order in which they were asked for.

    Attributes:
        items: One answer a policy, on all samples.
        score_decimals: Decimals on which a threshold can be set: the score's own, or 6 when it has no grid.
        confidence: The confidence that guarantees were asked for.
        score_range: Least and greatest score that a decision is made for: 0 and 1, or infinite ends.
        by: The column of the segments; ``None`` without.
        segments: For each value of the column the answers on its samples alone.
        joint: Whether each goal's promise holds in all segments at once with its confidence, instead of in each by
            itself.
        within: Column and value of the segment that these answers are for; ``None`` for all samples.
        sizes: Scored bona fide samples and attacks behind ``items``.
        provenance: Where the scores come from.
    """

    items: tuple[Recommendation, ...]
    score_decimals: int
    confidence: float
    provenance: Provenance
    score_range: tuple[float, float] = (0.0, 1.0)
    by: str | None = None
    segments: Mapping[str, Recommendations] = field(default_factory=dict)
    joint: bool = False
    within: tuple[str, str] | None = None
    sizes: Mapping[str, int] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Recommendation]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, name: str) -> Recommendation:
        for item in self.items:
            if item.policy.name == name:
                return item
        asked = ", ".join(item.policy.name for item in self.items)
        raise KeyError(f"no recommendation for {name!r}; asked for were: {asked}")

    def segment(self, value: str) -> Recommendations:
        """The answers on the samples of one segment.

        Raises:
            KeyError: There is no such segment.
        """
        if value not in self.segments:
            known = ", ".join(self.segments) or "none"
            raise KeyError(f"no segment {value!r}; the segments are: {known}")
        return self.segments[value]

    def frame(self) -> pd.DataFrame:
        """One row a policy, in order: goal, threshold, rates where they were measured, guarantee, reason.

        With segments there is a first column ``segment``, and the rows of each follow those of all samples, whose
        segment is blank.
        """
        rows = [_as_row(item) for item in self.items]
        if self.by is None:
            return pd.DataFrame(rows)
        parted = [{"segment": value, **_as_row(item)} for value, own in self.segments.items() for item in own]
        return pd.DataFrame([*({"segment": None, **row} for row in rows), *parted])

    def to_dict(self) -> dict[str, Any]:
        """The JSON of ``finauth-eval recommend --json``: plain values, no NaN, no infinity."""
        plain: dict[str, Any] = {
            "schema": SCHEMA,
            "confidence": self.confidence,
            "score_decimals": self.score_decimals,
            "recommendations": [item.to_dict() for item in self.items],
        }
        if self.by is not None:
            plain |= {
                "by": self.by,
                "joint": self.joint,
                "pooled": plain["recommendations"],
                "recommendations": {
                    value: [item.to_dict() for item in own] for value, own in self.segments.items()
                },
            }
        return plain

    def _repr_html_(self) -> str:
        """Tables and folded reasons for a notebook, at most 60 kB."""
        parts = [_table("Recommended thresholds", self.items)]
        parts += [_table(f"{self.by}: {value}", own.items) for value, own in self.segments.items()]
        words = [
            notebook.paragraph(f"{item.policy.name}: {text}")
            for item in self.items
            for text in (item.reason, *item.notes)
        ]
        confidence = f"In brackets: {confidence_words(self.confidence)} confidence intervals."
        return notebook.page(
            [*parts, notebook.paragraph(confidence), notebook.details("Reasons and notes", words)]
        )


def _table(caption: str, items: Sequence[Recommendation]) -> Markup:
    header = ("policy", "goal", "threshold", "promise", "BPCER", "APCER", "BPCER unseen", "APCER unseen")
    rows = [
        (
            item.policy.name + (" (for orientation)" if item.descriptive else ""),
            item.policy.describe(),
            _threshold_words(item),
            (item.guarantee.statement if item.guarantee else "none") if item.feasible else item.reason,
            *_rates(item.in_sample),
            *_rates(item.out_of_sample),
        )
        for item in items
    ]
    return notebook.table(header, rows, caption=caption)


def _threshold_words(item: Recommendation) -> str:
    if not item.feasible:
        return "none"
    low, high = (threshold(end) for end in item.threshold_interval)
    spread = "" if math.isnan(item.threshold_interval[0]) else f" ({low}–{high})"
    review = "" if item.review_from is None else f", review from {threshold(item.review_from)}"
    return f"{threshold(item.threshold)}{spread}{review}"


def _rates(point: OperatingPoint | None) -> tuple[str, str]:
    return ("—", "—") if point is None else (rate(point.bpcer), rate(point.apcer))


def recommend(
    scores: ScoreTable | Tallied,
    policies: Sequence[Policy],
    *,
    by: str | None = None,
    joint: bool = False,
    confidence: float = 0.95,
    cluster: str | None = None,
    holdout: float | None = None,
    cross_fit: bool = True,
    intervals: bool = True,
    seed: int | None = None,
) -> Recommendations:
    """Choose a threshold for each policy, or say what the data lack for it.

    Guarantees rest on order statistics and hold for any distribution of scores, provided that samples are
    independent. Where several samples share a subject they are not; then the guarantee rests on one seeded draw of
    one sample a subject, and its ``n`` is the number of subjects.

    Args:
        scores: The table, or samples that were counted (``scan_scores``), which gives the same answer; only rows with a
            score are used.
        policies: The goals; answers come in their order.
        by: A column whose values get thresholds of their own, beside those of all samples; of counted samples one that
            they were counted by.
        joint: Whether each goal's promise is to hold in all segments at once with its confidence (each segment then
            gets 1 - (1 - confidence) / segments); otherwise it holds with it in each segment by itself. Promises of
            several goals, or of a goal and its constraints, hold each by itself in either case.
        confidence: Confidence of guarantees and coverage of intervals, in (0, 1).
        cluster: Column that says which samples belong together; ``None`` is ``subject`` where every scored sample
            has one, ``"none"`` takes samples as independent.
        holdout: Share of the clusters (else samples) of each class to keep away from choosing, in (0, 1), and to
            measure the thresholds on. Without it, a ``split`` column with ``calibration`` and ``test`` is used
            (thresholds from the first, figures from the second).
        cross_fit: Whether, without such, thresholds are chosen on four fifths of the samples and measured on the
            last, five times (up to twenty where four fifths are too few for the goal), for the figures out of sample.
        intervals: Whether to say how far each threshold moves from sample to sample, which takes most of the time.
        seed: Makes the draws repeatable; ``None`` is 0, so that the same table gives the same answer.

    Raises:
        NothingToEvaluate: No sample has a score.
        ValueError: No policy, an unknown column, or a number out of range.

    Example:
        >>> import pandas as pd
        >>> from finauth_eval.scores import ScoreTable
        >>> frame = pd.DataFrame({"label": ["real"] * 80 + ["fake"] * 20, "score": [i / 100 for i in range(100)]})
        >>> answer = recommend(ScoreTable.from_frame(frame), [MaxBpcer(0.05), MaxBpcer(0.01)])
        >>> answer["max_bpcer"].threshold, answer["max_bpcer"].guarantee.m
        (0.8, 0)
        >>> answer.items[1].reason
        'needs 299 bona fide samples, has 80'
    """
    valid_confidence(confidence)
    if not policies:
        raise ValueError("no policy was given; name at least one goal, such as MaxBpcer(0.01)")
    seed = 0 if seed is None else seed
    material = Material.of(scores, by=by, cluster=cluster)
    samples = material.samples
    if not samples.arrays.scores.size:
        raise NothingToEvaluate(
            f"{scores.provenance.source}: none of {len(scores)} samples has a score; no threshold can be chosen"
        )
    provenance = scores.provenance
    rng = np.random.default_rng([seed, _HOLDOUT_STREAM])
    apart = hold_out(samples, holdout, splits=material.splits, rng=rng)
    every = samples.arrays.scores
    unit = bool(every.min() >= 0 and every.max() <= 1)  # of the table; a part of it may only look so

    def answers(
        own: NDArray[np.bool_], *, shared_by: int = 1, within: tuple[str, str] | None = None
    ) -> Recommendations:
        basis = Basis.of(
            samples.take(apart.chosen_on * own).merged(), confidence=confidence, current=material.current,
            seed=seed, unit=unit, types=samples.arrays.take(own).scored_types(), shared_by=shared_by,
            quickly=not intervals,
        )  # fmt: skip
        unseen = None
        if apart.measured_on is not None and (kept := apart.measured_on * own).any():
            unseen = basis.on(samples.take(kept).merged())
        folds = OutOfFold(basis, stream=_FOLDS_STREAM) if cross_fit and apart.by is None else None
        shared = () if apart.by != "split" or unseen is None else _shared_note(basis, unseen)
        return Recommendations(
            items=tuple(
                _recommendation(policy, basis, unseen, apart.by, folds, shared) for policy in policies
            ),
            score_decimals=basis.grid.decimals,
            confidence=confidence,
            score_range=(0.0, 1.0) if unit else (-math.inf, math.inf),
            within=within,
            sizes={"bona_fide": basis.counts.n_bona_fide, "attack": basis.counts.n_attack},
            provenance=provenance,
        )

    pooled = answers(np.ones(every.size, dtype=bool))
    if by is None:
        return pooled
    return replace(
        pooled,
        by=by,
        joint=joint,
        segments={
            value: answers(own, shared_by=len(material.values) if joint else 1, within=(by, value))
            for i, value in enumerate(material.values)
            if (own := material.codes == i).any()
        },
    )


def _shared_note(basis: Basis, unseen: Basis) -> tuple[str, ...]:
    """Clusters of which some samples were chosen on and others are measured on."""
    mine, theirs = basis.samples.clusters, unseen.samples.clusters
    if mine is None or theirs is None:
        return ()
    both = np.intersect1d(mine, theirs).size
    if not both:
        return ()
    words = clusters_in_words(basis.samples.cluster or "subject")
    return (
        phrase(
            "{n} {clusters} are in both calibration and test: what was measured on test is not as on {clusters} never"
            " seen.",
            n=both,
            clusters=words,
        ),
    )


def _recommendation(
    policy: Policy,
    basis: Basis,
    unseen: Basis | None,
    unseen_by: Unseen | None,
    folds: OutOfFold | None,
    shared: tuple[str, ...],
) -> Recommendation:
    found = choose(policy, basis)
    if isinstance(found, Infeasible):
        return Recommendation(
            policy=policy,
            feasible=False,
            threshold=math.nan,
            threshold_interval=(math.nan, math.nan),
            guarantee=None,
            in_sample=None,
            out_of_sample=None,
            reason=found.reason,
            needs=found.needs,
            descriptive=policy.descriptive,
        )
    measured, unseen_cost, unseen_share = None, math.nan, math.nan
    cost, notes = found.cost, (*found.notes, *shared)
    if unseen is not None:
        measured = unseen.measured(found, policy)
        decisions = found.decide(unseen.samples.arrays)
        unseen_cost, unseen_share = deployed(policy, unseen.samples, *decisions)
    elif folds is not None:
        unseen_by = "cross-fit"
        decided = folds.decide(policy)
        if decided is not None:
            measured = basis.decided(
                decided.samples, decided.blocked, found.threshold, f"{policy.name}, cross-fitted"
            )
            unseen_cost, unseen_share = deployed(policy, decided.samples, decided.blocked, decided.reviewed)
            notes = (*notes, decided.words)
        else:
            notes = (
                *notes,
                _NOTHING_UNSEEN,
            )
    if cost is not None and measured is not None:
        cost = replace(cost, out_of_sample_per_decision=unseen_cost)
    return Recommendation(
        policy=policy,
        feasible=True,
        threshold=found.threshold,
        threshold_interval=found.interval,
        guarantee=found.guarantee,
        in_sample=basis.measured(found, policy),
        out_of_sample=measured,
        unseen_by=None if measured is None else unseen_by,
        reason=found.reason,
        needs=found.needs,
        descriptive=policy.descriptive,
        notes=notes,
        kept=found.kept,
        cost=cost,
        review_from=found.review_from,
        review_share=found.review_share,
        review_share_unseen=math.nan if found.review_from is None else unseen_share,
    )


def _as_row(item: Recommendation) -> dict[str, Any]:
    row: dict[str, Any] = {
        "policy": item.policy.name,
        "goal": str(item.policy.describe()),
        "feasible": item.feasible,
        "threshold": item.threshold,
        "threshold_low": item.threshold_interval[0],
        "threshold_high": item.threshold_interval[1],
        "review_from": math.nan if item.review_from is None else item.review_from,
    }
    for name, point in (("in_sample", item.in_sample), ("out_of_sample", item.out_of_sample)):
        worst = None if point is None else point.apcer_worst
        row[f"bpcer_{name}"] = math.nan if point is None else point.bpcer.value
        row[f"apcer_{name}"] = math.nan if point is None else point.apcer.value
        row[f"apcer_worst_{name}"] = math.nan if worst is None else worst.estimate.value
    row["guarantee"] = None if item.guarantee is None else str(item.guarantee.statement)
    return {**row, "descriptive": item.descriptive, "reason": str(item.reason)}
