"""From a goal to a threshold with a guarantee, or to the sample size that the goal needs."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
import pandas as pd
from scipy.special import bdtr

from finauth_eval.errors import NothingToEvaluate
from finauth_eval.evaluation import SampleArrays, cluster_column, running_threshold
from finauth_eval.metrics.clusters import OnePerCluster
from finauth_eval.metrics.cost import least_cost
from finauth_eval.metrics.decimals import ScoreGrid, score_grid
from finauth_eval.metrics.equal_error import equal_error_rate
from finauth_eval.metrics.estimate import finite_or_none
from finauth_eval.metrics.intervals import valid_confidence
from finauth_eval.metrics.order_statistics import allowed_errors, minimum_n, rank_interval
from finauth_eval.metrics.rates import operating_points

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from finauth_eval.metrics.counts import ScoreCounts
    from finauth_eval.metrics.rates import OperatingPoint
    from finauth_eval.scores import ScoreTable

__all__ = [
    "EqualError",
    "ExpectedCost",
    "Guarantee",
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
PLAN_SCHEMA: Final = "finauth-eval/plan/1"
_PLANNED_ERRORS: Final = (0, 1, 2, 3, 5, 10, 20)
_DRAWS: Final = 100


@dataclass(frozen=True, slots=True)
class Policy:
    """A goal that a threshold is chosen for."""

    name: ClassVar[str]
    descriptive: ClassVar[bool] = False

    def describe(self) -> str:
        """The goal in plain words."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """The policy's name and its numbers."""
        return {"name": self.name, **{own.name: getattr(self, own.name) for own in fields(self)}}


@dataclass(frozen=True, slots=True)
class MaxBpcer(Policy):
    """Block at most a share of the bona fide samples, with the confidence that `recommend` is given.

    Attributes:
        target: The share, in (0, 1).
    """

    target: float
    name: ClassVar[str] = "max_bpcer"

    def __post_init__(self) -> None:
        _check_share("target", self.target)

    def describe(self) -> str:
        """The goal in plain words."""
        return f"block at most {_percent(self.target)} of bona fide samples"


@dataclass(frozen=True, slots=True)
class MaxApcer(Policy):
    """Let at most a share of the attacks pass, whatever their type.

    Attributes:
        target: The share, in (0, 1).
        pooled: Whether the promise is for all attacks together, at this data's mix of types, instead of each type.
        without_insufficient: Whether types with too few samples are left out of the promise instead of refusing it.
    """

    target: float
    pooled: bool = False
    without_insufficient: bool = False
    name: ClassVar[str] = "max_apcer"

    def __post_init__(self) -> None:
        _check_share("target", self.target)

    def describe(self) -> str:
        """The goal in plain words."""
        which = "attacks, all types together" if self.pooled else "attacks of every type"
        return f"let at most {_percent(self.target)} of {which} pass"


@dataclass(frozen=True, slots=True, kw_only=True)
class MinCost(Policy):
    """Least expected cost of the deployment.

    Attributes:
        miss: Cost of an attack that passes, at least 0, in any unit.
        alarm: Cost of a bona fide sample that is blocked, at least 0, in the same unit.
        prior: Share of attacks in the deployment's traffic, in [0, 1]; never this data's share.
    """

    miss: float
    alarm: float
    prior: float
    name: ClassVar[str] = "min_cost"

    def __post_init__(self) -> None:
        for name, cost in (("miss", self.miss), ("alarm", self.alarm)):
            if not 0 <= cost < math.inf:
                raise ValueError(f"{name} is {cost!r}; expected a cost of at least 0")
        if not 0 <= self.prior <= 1:
            raise ValueError(f"prior is {self.prior!r}; expected the share of attacks in traffic, in [0, 1]")

    def describe(self) -> str:
        """The goal in plain words."""
        return (
            f"least cost when a miss costs {self.miss:g}, a false alarm {self.alarm:g} and"
            f" {_percent(self.prior)} of traffic are attacks"
        )


@dataclass(frozen=True, slots=True)
class EqualError(Policy):
    """Misses as frequent as false alarms; for orientation, not a recommendation."""

    name: ClassVar[str] = "equal_error"
    descriptive: ClassVar[bool] = True

    def describe(self) -> str:
        """The goal in plain words."""
        return "misses as frequent as false alarms"


@dataclass(frozen=True, slots=True)
class Youden(Policy):
    """Least sum of APCER and BPCER (greatest Youden index); for orientation, not a recommendation."""

    name: ClassVar[str] = "youden"
    descriptive: ClassVar[bool] = True

    def describe(self) -> str:
        """The goal in plain words."""
        return "least sum of the share of misses and the share of false alarms"


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarantee:
    """What is promised about future samples, and on what ground.

    Attributes:
        statement: The promise in plain words.
        confidence: Its probability.
        method: Name of the method.
        m: Errors that the rule allows in the sample behind it.
        n: Independent samples behind it (subjects where the scores are clustered).
    """

    statement: str
    confidence: float
    method: str
    m: int
    n: int

    def to_dict(self) -> dict[str, Any]:
        """The fields."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """How many samples a goal needs and how many there are."""

    required: int
    has: int

    def to_dict(self) -> dict[str, int]:
        """Both numbers."""
        return {"required": self.required, "has": self.has}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedCost:
    """What a threshold costs in the deployment, on the samples that it was chosen on.

    Attributes:
        per_decision: Expected cost of one decision, in the policy's unit.
        normalised: The same divided by the cost of the better of flagging all and flagging none; below 1 the detector
            is worth having; ``nan`` when one of these costs nothing.
        current_threshold: The threshold in force: the run's own, or 0.5.
        current_per_decision: Expected cost of one decision there.
        saved_per_10000: What 10,000 decisions cost less than at the threshold in force.
    """

    per_decision: float
    normalised: float
    current_threshold: float
    current_per_decision: float
    saved_per_10000: float

    def to_dict(self) -> dict[str, float | None]:
        """The numbers, undefined ones as ``None``."""
        return {own.name: finite_or_none(getattr(self, own.name)) for own in fields(self)}


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
        out_of_sample: The rates on samples that it was not chosen on.
        reason: Why this threshold, or why none.
        needs: What is too few: ``"bona_fide"``, ``"attack"`` or a type's name, with what it needs and has; empty
            when nothing is.
        descriptive: Whether this is shown for orientation and not as a recommendation.
        notes: Further facts for the reader, in plain sentences.
        cost: The expected cost, for policies that have one.
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
    notes: tuple[str, ...] = ()
    cost: ExpectedCost | None = None

    def to_dict(self) -> dict[str, Any]:
        """One entry of ``recommendations`` of the JSON contract."""
        return {
            "policy": self.policy.to_dict(),
            "feasible": self.feasible,
            "threshold": finite_or_none(self.threshold),
            "threshold_interval": [finite_or_none(end) for end in self.threshold_interval],
            "guarantee": None if self.guarantee is None else self.guarantee.to_dict(),
            "in_sample": None if self.in_sample is None else self.in_sample.to_dict(),
            "out_of_sample": None if self.out_of_sample is None else self.out_of_sample.to_dict(),
            "reason": self.reason,
            "needs": {name: need.to_dict() for name, need in self.needs.items()},
            "descriptive": self.descriptive,
            "notes": list(self.notes),
            **({} if self.cost is None else {"cost": self.cost.to_dict()}),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendations:
    """The answers in the order in which they were asked for.

    Attributes:
        items: One answer a policy.
        score_decimals: Decimals on which a threshold can be set: the score's own, or 6 when it has no grid.
        confidence: The confidence that guarantees were asked for.
    """

    items: tuple[Recommendation, ...]
    score_decimals: int
    confidence: float

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

    def frame(self) -> pd.DataFrame:
        """One row a policy, in order: goal, threshold, rates where they were measured, guarantee, reason."""
        return pd.DataFrame([_as_row(item) for item in self.items])

    def to_dict(self) -> dict[str, Any]:
        """The JSON of ``finauth-eval recommend --json``: plain values, no NaN, no infinity."""
        return {
            "schema": SCHEMA,
            "confidence": self.confidence,
            "score_decimals": self.score_decimals,
            "recommendations": [item.to_dict() for item in self.items],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """How far a number of samples goes.

    Attributes:
        n: Independent samples.
        m: Errors that the rule allows among them; ``None`` when ``n`` is too small for any promise.
        power: Probability that a threshold whose true rate is half the target shows at most ``m`` errors.
    """

    n: int
    m: int | None
    power: float

    def to_dict(self) -> dict[str, Any]:
        """The fields."""
        return {"n": self.n, "m": self.m, "power": self.power}


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplePlan:
    """How many samples a goal needs.

    Attributes:
        policy: The goal.
        confidence: The confidence it is promised with.
        minimum: The fewest independent samples for any promise: of bona fide samples, or of each attack type.
        rows: What more samples buy.
    """

    policy: MaxBpcer | MaxApcer
    confidence: float
    minimum: int
    rows: tuple[PlanRow, ...]

    def to_dict(self) -> dict[str, Any]:
        """The JSON of ``finauth-eval plan --json``."""
        of = "bona_fide" if isinstance(self.policy, MaxBpcer) else "attack_type"
        return {
            "schema": PLAN_SCHEMA,
            "target": {**self.policy.to_dict(), "confidence": self.confidence},
            "minimum": {of: self.minimum},
            "rows": [row.to_dict() for row in self.rows],
        }


def plan_sample_size(
    policy: MaxBpcer | MaxApcer, *, confidence: float = 0.95, sizes: Sequence[int] = ()
) -> SamplePlan:
    """How many samples a promise needs, and what more of them buy.

    Args:
        policy: The goal.
        confidence: The confidence it is to be promised with, in (0, 1).
        sizes: Numbers of samples to show a row for; without any, the fewest that allow 0, 1, 2, 3, 5, 10 and 20
            errors.

    Raises:
        ValueError: The confidence is not in (0, 1), or a size is not positive.

    Example:
        >>> plan = plan_sample_size(MaxBpcer(0.01))
        >>> plan.minimum, plan.rows[1].n
        (299, 473)
    """
    wanted = sizes or [minimum_n(policy.target, confidence=confidence, errors=m) for m in _PLANNED_ERRORS]
    rows = []
    for n in wanted:
        if n < 1:
            raise ValueError(f"a size is {n}; expected at least 1 sample")
        m = allowed_errors(n, policy.target, confidence=confidence)
        power = 0.0 if m is None else float(bdtr(m, n, policy.target / 2))
        rows.append(PlanRow(n=n, m=m, power=power))
    minimum = minimum_n(policy.target, confidence=confidence)
    return SamplePlan(policy=policy, confidence=confidence, minimum=minimum, rows=tuple(rows))


def recommend(
    scores: ScoreTable,
    policies: Sequence[Policy],
    *,
    confidence: float = 0.95,
    cluster: str | None = None,
    holdout: float | None = None,
    seed: int | None = None,
) -> Recommendations:
    """Choose a threshold for each policy, or say what the data lack for it.

    Guarantees rest on order statistics and hold for any distribution of scores, provided that samples are
    independent. Where several samples share a subject they are not; then the guarantee rests on one seeded draw of
    one sample a subject, and its ``n`` is the number of subjects.

    Args:
        scores: The table; only rows with a score are used.
        policies: The goals; answers come in their order.
        confidence: Confidence of guarantees and coverage of intervals, in (0, 1).
        cluster: Column that says which samples belong together; ``None`` is ``subject`` where every scored sample
            has one, ``"none"`` takes samples as independent.
        holdout: Share of the clusters (else samples) of each class to keep away from choosing, in (0, 1), and to
            measure the thresholds on. Without it, a ``split`` column with ``calibration`` and ``test`` is used
            (thresholds from the first, figures from the second); without that, nothing is out of sample.
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
    table = _Table.of(scores, cluster, rng=np.random.default_rng(0 if seed is None else seed))
    chosen_on, measured_on = _parts(scores, table, holdout)
    sample = _Sample.of(chosen_on, confidence=confidence, current=_current_threshold(scores))
    unseen = measured_on.arrays.counts() if measured_on is not None else None
    items = tuple(_answer(policy, sample, unseen) for policy in policies)
    return Recommendations(items=items, score_decimals=sample.grid.decimals, confidence=confidence)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Table:
    """The scored rows, which of them belong together, and the source of randomness."""

    arrays: SampleArrays
    clusters: NDArray[np.integer[Any]] | None
    cluster: str | None
    rng: np.random.Generator

    @classmethod
    def of(cls, scores: ScoreTable, cluster: str | None, *, rng: np.random.Generator) -> _Table:
        name = cluster_column(scores, cluster)
        scored = scores.scored
        if not scored.any():
            raise NothingToEvaluate(
                f"{scores.provenance.source}: none of {len(scores)} samples has a score;"
                " no threshold can be chosen"
            )
        clusters = None if name is None else pd.factorize(scores.frame[name][scored])[0]
        return cls(
            arrays=SampleArrays.of(scores).take(scored),
            clusters=clusters,
            cluster=name,
            rng=rng,
        )

    def take(self, rows: NDArray[np.bool_]) -> _Table:
        clusters = None if self.clusters is None else self.clusters[rows]
        return replace(self, arrays=self.arrays.take(rows), clusters=clusters)


def _parts(scores: ScoreTable, table: _Table, holdout: float | None) -> tuple[_Table, _Table | None]:
    """The rows to choose on, and the rows to measure on where there are any."""
    if holdout is not None:
        _check_share("holdout", holdout)
        unseen = _held_out(table, holdout)
    elif {"calibration", "test"} <= {*scores.frame["split"].cat.categories}:
        split = scores.frame["split"][scores.scored]
        calibration, unseen = (split == "calibration").to_numpy(), (split == "test").to_numpy()
        if not calibration.any():
            raise NothingToEvaluate(
                "no sample of the split 'calibration' has a score; no threshold can be chosen"
            )
        return table.take(calibration), table.take(unseen) if unseen.any() else None
    else:
        return table, None
    return table.take(~unseen), table.take(unseen) if unseen.any() else None


def _held_out(table: _Table, share: float) -> NDArray[np.bool_]:
    """Which rows are kept away from choosing: whole clusters, or samples, a share of those of each class."""
    attack = table.arrays.is_attack
    groups = np.arange(attack.size) if table.clusters is None else table.clusters
    has_attack = np.zeros(int(groups.max()) + 1, dtype=bool)
    has_attack[groups[attack]] = True
    held = np.zeros_like(has_attack)
    for stratum in (np.unique(groups[has_attack[groups]]), np.unique(groups[~has_attack[groups]])):
        size = round(share * stratum.size)
        held[table.rng.permutation(stratum)[:size]] = True
    return held[groups]


def _current_threshold(scores: ScoreTable) -> float:
    seen = scores.frame["threshold"].unique()
    return running_threshold([float(value) for value in seen if not math.isnan(value)])[0]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Sample:
    """What thresholds are chosen on."""

    table: _Table
    counts: ScoreCounts
    grid: ScoreGrid
    confidence: float
    current: float

    @classmethod
    def of(cls, table: _Table, *, confidence: float, current: float) -> _Sample:
        counts = table.arrays.counts()
        grid = score_grid(counts.scores)
        return cls(table=table, counts=counts, grid=grid, confidence=confidence, current=current)

    def group(self, rows: NDArray[np.bool_]) -> _Group:
        """The scores of these rows, of which one a cluster may be taken as independent."""
        own = self.table.arrays.scores[rows]
        if self.table.clusters is not None:
            draws = OnePerCluster.of(own, self.table.clusters[rows])
            if not draws.single:
                return _Group(items=np.sort(own), draws=draws, rng=self.table.rng, cluster=self.table.cluster)
        return _Group(items=np.sort(own), draws=None, rng=self.table.rng, cluster=None)

    def neighbour_above(self, score: float) -> float:
        """The next distinct score above, of either class; infinite above the last."""
        row = int(np.searchsorted(self.counts.scores, score, side="right"))
        return float(self.counts.scores[row]) if row < self.counts.scores.size else math.inf

    def neighbour_below(self, score: float) -> float:
        """The next distinct score below, of either class; minus infinite below the first."""
        row = int(np.searchsorted(self.counts.scores, score, side="left"))
        return float(self.counts.scores[row - 1]) if row else -math.inf

    def point(self, threshold: float, policy: Policy) -> OperatingPoint:
        return _point(self.counts, threshold, policy, confidence=self.confidence)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Group:
    """The scores that one order statistic is about."""

    items: NDArray[np.float64]
    draws: OnePerCluster | None
    rng: np.random.Generator
    cluster: str | None

    @property
    def n(self) -> int:
        return self.items.size if self.draws is None else self.draws.n_clusters

    def independent(self) -> NDArray[np.float64]:
        """Scores, ascending, that may be taken as independent."""
        return self.items if self.draws is None else self.draws.draw(self.rng)

    def interval(self, rank: int, *, confidence: float) -> tuple[float, float]:
        """Between which scores the order statistic moves: by the exact bootstrap, or over further draws."""
        if self.draws is None:
            low, high = rank_interval(rank, self.n, confidence=confidence)
            return float(self.items[low - 1]), float(self.items[high - 1])
        found = np.sort([self.draws.draw(self.rng)[rank - 1] for _ in range(_DRAWS)])
        tail = (1 - confidence) / 2
        low_end, high_end = np.quantile(found, [tail, 1 - tail], method="inverted_cdf")
        return float(low_end), float(high_end)


def _answer(policy: Policy, sample: _Sample, unseen: ScoreCounts | None) -> Recommendation:
    if isinstance(policy, MaxBpcer):
        answer = _max_bpcer(policy, sample)
    elif isinstance(policy, MaxApcer):
        answer = _max_apcer(policy, sample)
    elif isinstance(policy, MinCost):
        answer = _min_cost(policy, sample)
    elif isinstance(policy, EqualError):
        answer = _equal_error(policy, sample)
    elif isinstance(policy, Youden):
        answer = _youden(policy, sample)
    else:
        raise ValueError(f"{policy!r} is not a policy that a threshold can be chosen for")  # noqa: TRY004 - misuse
    if unseen is None or not answer.feasible:
        return answer
    measured = _point(unseen, answer.threshold, policy, confidence=sample.confidence)
    return replace(answer, out_of_sample=measured)


def _max_bpcer(policy: MaxBpcer, sample: _Sample) -> Recommendation:
    group = sample.group(~sample.table.arrays.is_attack)
    m = allowed_errors(group.n, policy.target, confidence=sample.confidence)
    if m is None:
        return _too_few(policy, sample, {"bona_fide": group}, "bona fide")
    rank = group.n - m
    boundary = float(group.independent()[rank - 1])
    threshold = sample.grid.above(boundary, sample.neighbour_above(boundary))
    if sample.counts.in_unit_range and threshold > 1:
        at_top = sample.point(1.0, policy)
        return _infeasible(
            policy,
            f"no threshold in [0, 1] keeps it: at 1.00, {_percent(at_top.bpcer.value)} of bona fide samples are blocked",
        )
    low, high = (
        min(
            sample.grid.above(end, sample.neighbour_above(end)),
            1.0 if sample.counts.in_unit_range else math.inf,
        )
        for end in group.interval(rank, confidence=sample.confidence)
    )
    return _feasible(
        policy,
        sample,
        threshold,
        interval=(low, high),
        guarantee=_guarantee(policy, sample, group, m, "bona fide samples are blocked"),
        reason=(
            f"the lowest settable threshold above all but {m} of {group.n} bona fide"
            f" {'samples' if group.cluster is None else f'samples, one of each {group.cluster}'}"
        ),
        notes=_naive_note(policy, sample, group),
    )


def _max_apcer(policy: MaxApcer, sample: _Sample) -> Recommendation:
    groups = _attack_groups(policy, sample)
    allowed = {
        name: allowed_errors(group.n, policy.target, confidence=sample.confidence)
        for name, group in groups.items()
    }
    lacking = {name: group for name, group in groups.items() if allowed[name] is None}
    enough = {name: m for name, m in allowed.items() if m is not None}
    if not enough or (lacking and not policy.without_insufficient):
        return _too_few(policy, sample, lacking, "attack" if [*groups] == ["attack"] else "typed attack")
    ends = {
        name: (
            float(groups[name].independent()[m]),
            groups[name].interval(m + 1, confidence=sample.confidence),
        )
        for name, m in enough.items()
    }
    decisive = min(ends, key=lambda name: ends[name][0])
    lowest = ends[decisive][0]
    group = groups[decisive]
    threshold, low, high = (
        sample.grid.at_most(end, sample.neighbour_below(end))
        for end in (lowest, *(min(interval[i] for _, interval in ends.values()) for i in (0, 1)))
    )
    of_type = "" if [*groups] == ["attack"] else f" of type {decisive}"
    subject = "attacks pass" if of_type == "" else "attacks of any type pass"
    if lacking:
        subject = f"attacks of the types {', '.join(enough)} pass"
    return _feasible(
        policy,
        sample,
        threshold,
        interval=(low, high),
        guarantee=_guarantee(policy, sample, group, enough[decisive], subject),
        reason=(
            f"the highest settable threshold that misses at most {enough[decisive]} of {group.n} attacks{of_type}"
            f"{'' if group.cluster is None else f', one of each {group.cluster}'}"
        ),
        needs=_needs(policy, sample, lacking),
        notes=(
            *_untyped_note(policy, sample),
            *(() if not lacking else (f"No promise is made for {', '.join(lacking)}: too few samples.",)),
        ),
    )


def _attack_groups(policy: MaxApcer, sample: _Sample) -> dict[str, _Group]:
    arrays = sample.table.arrays
    if policy.pooled or not sample.counts.by_attack_type:
        return {"attack": sample.group(arrays.is_attack)}
    return {
        name: sample.group(arrays.is_attack & (arrays.type_codes == arrays.types.index(name)))
        for name in sample.counts.by_attack_type
    }


def _untyped_note(policy: MaxApcer, sample: _Sample) -> tuple[str, ...]:
    if policy.pooled or sample.counts.by_attack_type:
        return ()
    return ("No attack has a type, so this is for all attacks together, at this data's mix.",)


def _min_cost(policy: MinCost, sample: _Sample) -> Recommendation:
    miss, alarm = policy.prior * policy.miss, (1 - policy.prior) * policy.alarm
    if not miss and not alarm:
        return _infeasible(policy, "every threshold costs nothing with these costs and this prior")
    missing = _missing_class(policy, sample)
    if missing is not None:
        return missing
    best = least_cost(sample.counts, miss=miss, alarm=alarm)
    if sample.counts.in_unit_range and best.low == 1:
        at_top = sample.point(1.0, policy)
        return _infeasible(
            policy,
            "the least cost is to block nobody, and no threshold in [0, 1] does that: at 1.00,"
            f" {_percent(at_top.bpcer.value)} of bona fide samples are blocked",
        )
    threshold = _middle(best.low, best.high, sample.grid)
    chosen, current = (
        miss * point.apcer.value + alarm * point.bpcer.value
        for point in (sample.point(threshold, policy), sample.point(sample.current, policy))
    )
    floor = min(miss, alarm)
    cost = ExpectedCost(
        per_decision=chosen,
        normalised=chosen / floor if floor else math.nan,
        current_threshold=sample.current,
        current_per_decision=current,
        saved_per_10000=10_000 * (current - chosen),
    )
    answer = _feasible(
        policy,
        sample,
        threshold,
        interval=(best.low, best.high),
        guarantee=None,
        reason="the middle of the widest interval of thresholds with the least cost on these samples",
        notes=(
            "Any threshold in the interval decides these samples alike.",
            "No guarantee: the cost on other samples is higher on average than on those the threshold was chosen on.",
        ),
    )
    return replace(answer, cost=cost)


def _equal_error(policy: EqualError, sample: _Sample) -> Recommendation:
    missing = _missing_class(policy, sample)
    if missing is not None:
        return missing
    found = equal_error_rate(sample.counts)
    low, high = sample.neighbour_below(found.threshold), sample.neighbour_above(found.threshold)
    return _feasible(
        policy,
        sample,
        sample.grid.nearest(found.threshold, low, high if math.isfinite(high) else found.threshold),
        interval=(math.nan, math.nan),
        guarantee=None,
        reason=f"where both rates are about {_percent(found.linear)}; for orientation only",
    )


def _youden(policy: Youden, sample: _Sample) -> Recommendation:
    missing = _missing_class(policy, sample)
    if missing is not None:
        return missing
    best = least_cost(sample.counts, miss=1, alarm=1)
    if sample.counts.in_unit_range and best.low == 1:
        return _infeasible(
            policy, "the least sum is reached by blocking nobody, and no threshold in [0, 1] does that"
        )
    return _feasible(
        policy,
        sample,
        _middle(best.low, best.high, sample.grid),
        interval=(best.low, best.high),
        guarantee=None,
        reason=f"where both rates add up to {_percent(best.cost)}, the least; for orientation only",
    )


def _middle(low: float, high: float, grid: ScoreGrid) -> float:
    """A settable threshold near the middle of (low, high]; one end may be infinite."""
    if math.isinf(low):
        return high
    if math.isinf(high):
        return grid.above(low)
    return high if low == high else grid.nearest((low + high) / 2, low, high)


def _missing_class(policy: Policy, sample: _Sample) -> Recommendation | None:
    sizes = {"bona_fide": sample.counts.n_bona_fide, "attack": sample.counts.n_attack}
    needs = {name: Need(required=1, has=0) for name, n in sizes.items() if not n}
    if not needs:
        return None
    missing = " and ".join(name.replace("_", " ") for name in needs)
    return _infeasible(
        policy, f"needs scored samples of both classes; there is no {missing} one", needs=needs
    )


def _needs(policy: MaxBpcer | MaxApcer, sample: _Sample, lacking: Mapping[str, _Group]) -> dict[str, Need]:
    required = minimum_n(policy.target, confidence=sample.confidence)
    return {name: Need(required=required, has=group.n) for name, group in lacking.items()}


def _too_few(
    policy: MaxBpcer | MaxApcer, sample: _Sample, lacking: Mapping[str, _Group], kind: str
) -> Recommendation:
    needs = _needs(policy, sample, lacking)
    parts = []
    for name, need in needs.items():
        of = f"attacks of type {name}" if kind == "typed attack" else f"{kind} samples"
        cluster = lacking[name].cluster
        each = "" if cluster is None else f" of different values of {cluster!r}"
        parts.append(f"{need.required} {of}{each}, has {need.has}")
    return _infeasible(policy, "needs " + "; ".join(parts), needs=needs)


def _infeasible(policy: Policy, reason: str, *, needs: Mapping[str, Need] | None = None) -> Recommendation:
    return Recommendation(
        policy=policy,
        feasible=False,
        threshold=math.nan,
        threshold_interval=(math.nan, math.nan),
        guarantee=None,
        in_sample=None,
        out_of_sample=None,
        reason=reason,
        needs=needs or {},
        descriptive=policy.descriptive,
    )


def _feasible(
    policy: Policy,
    sample: _Sample,
    threshold: float,
    *,
    interval: tuple[float, float],
    guarantee: Guarantee | None,
    reason: str,
    needs: Mapping[str, Need] | None = None,
    notes: tuple[str, ...] = (),
) -> Recommendation:
    return Recommendation(
        policy=policy,
        feasible=True,
        threshold=threshold,
        threshold_interval=interval,
        guarantee=guarantee,
        in_sample=sample.point(threshold, policy),
        out_of_sample=None,
        reason=reason,
        needs=needs or {},
        descriptive=policy.descriptive,
        notes=notes,
    )


def _guarantee(
    policy: MaxBpcer | MaxApcer, sample: _Sample, group: _Group, m: int, subject: str
) -> Guarantee:
    unit = (
        "samples"
        if group.cluster is None
        else f"values of {group.cluster!r}, one sample of each drawn at random"
    )
    assumption = (
        "samples are independent" if group.cluster is None else f"values of {group.cluster!r} are independent"
    )
    return Guarantee(
        statement=(
            f"With {_percent(sample.confidence)} confidence at most {_percent(policy.target)} of future {subject},"
            f" if they are like these {group.n} {unit}, and {assumption}."
        ),
        confidence=sample.confidence,
        method="order-statistic" if group.cluster is None else "order-statistic-one-per-cluster",
        m=m,
        n=group.n,
    )


def _naive_note(policy: MaxBpcer, sample: _Sample, group: _Group) -> tuple[str, ...]:
    if group.cluster is None:
        return ()
    m = allowed_errors(group.items.size, policy.target, confidence=sample.confidence)
    boundary = float(group.items[group.items.size - (m or 0) - 1])
    naive = sample.grid.above(boundary, sample.neighbour_above(boundary))
    note = (
        f"Taking all {group.items.size} samples as independent (naive) would give {naive:g}, but its promise"
        f" would not hold: samples of one {group.cluster} resemble each other."
    )
    return (note,)


def _point(counts: ScoreCounts, threshold: float, policy: Policy, *, confidence: float) -> OperatingPoint:
    return operating_points(counts, [(threshold, policy.name)], confidence=confidence)[0]


def _as_row(item: Recommendation) -> dict[str, Any]:
    row: dict[str, Any] = {
        "policy": item.policy.name,
        "goal": item.policy.describe(),
        "feasible": item.feasible,
        "threshold": item.threshold,
        "threshold_low": item.threshold_interval[0],
        "threshold_high": item.threshold_interval[1],
    }
    for name, point in (("in_sample", item.in_sample), ("out_of_sample", item.out_of_sample)):
        worst = None if point is None else point.apcer_worst
        row[f"bpcer_{name}"] = math.nan if point is None else point.bpcer.value
        row[f"apcer_{name}"] = math.nan if point is None else point.apcer.value
        row[f"apcer_worst_{name}"] = math.nan if worst is None else worst.estimate.value
    row["guarantee"] = None if item.guarantee is None else item.guarantee.statement
    return {**row, "descriptive": item.descriptive, "reason": item.reason}


def _check_share(name: str, share: float) -> None:
    if not 0 < share < 1:
        raise ValueError(f"{name} is {share!r}; expected a share between 0 and 1, such as 0.01 for 1%")


def _percent(share: float) -> str:
    return f"{100 * share:.4g}%"
