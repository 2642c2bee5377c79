"""A chosen policy as a file that a service decides by: thresholds, what they promise, and the data behind them."""

from __future__ import annotations

import json
import math
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, NoReturn, Self, SupportsFloat

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from finauth_eval import __version__
from finauth_eval.errors import InputError
from finauth_eval.places import Remote, place
from finauth_eval.wellformed import well_formed

if TYPE_CHECKING:
    from finauth_eval.recommendation import Recommendation, Recommendations
    from finauth_eval.scores import Provenance

__all__ = [
    "ALIKE", "ALL_DIGITS", "NO_PROMISE", "RULE", "SCHEMA", "Cut", "Data", "DeployedPolicy", "data_of", "deploy",
    "deploy_item", "load_policy",
]  # fmt: skip

SCHEMA: Final = "finauth-eval/policy/1"
Verdict = Literal["accept", "review", "reject"]
RULE: Final = "reject if score >= reject_from; else review if score >= review_from; else accept"
ALIKE: Final = (
    "Speaks of traffic whose scores are distributed as these samples' are, class by class; measure again when the"
    " model, the camera, the customers or the attacks change."
)
ALL_DIGITS: Final = "Decide by score >= threshold with all digits; another rounding is another policy."
NO_PROMISE: Final = "Nothing is promised about error rates."

Finite = Annotated[float, Field(allow_inf_nan=False)]


class _Part(BaseModel):
    # strict, so that a threshold in quotes is refused; unknown fields may come with a later minor version
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


class Cut(_Part):
    """Where decisions change, and what is promised of them.

    Attributes:
        reject_from: Reject when the score is at least this; ``None`` where the data did not suffice for a threshold.
        review_from: Review when the score is at least this and below ``reject_from``; ``None`` without reviews.
        guarantee: What is promised, as `recommend` states it; ``None`` for nothing.
        constraints: Further promises that are kept.
        reason: Why these thresholds, or why none.
    """

    reject_from: Finite | None
    review_from: Finite | None
    guarantee: dict[str, Any] | None
    constraints: list[dict[str, Any]]
    reason: str

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if self.review_from is not None and (self.reject_from is None or self.review_from > self.reject_from):
            raise ValueError(
                f"review_from is {self.review_from} and reject_from {self.reject_from}; expected"
                " review_from <= reject_from"
            )
        return self


class Data(_Part):
    """The data behind the thresholds.

    Attributes:
        digest: sha256 of labels, scores and attack types in row order.
        source: Where they were read from.
        dataset: Name and digest of the dataset that was sent to the API, where a run made the scores.
        endpoint: Address that answered.
        region: ``"sgp"``, ``"idn"`` or ``None``.
        campaign: The campaign of the answers.
        segment: Column and value of the samples, where the thresholds are those of one segment alone.
        bona_fide: Scored bona fide samples that the thresholds were chosen on.
        attack: Scored attacks that they were chosen on.
    """

    digest: str
    source: str
    dataset: dict[str, str | None]
    endpoint: str | None
    region: str | None
    campaign: str | None
    segment: dict[str, str] | None = None
    bona_fide: int
    attack: int


class DeployedPolicy(_Part):
    """A policy that decides.

    Attributes:
        format: Name and version of this format.
        rule: How a score is decided, in words.
        cut: The thresholds on all samples.
        by: Name of the segments' column; ``None`` without segments.
        segments: The thresholds of each segment.
        score_range: Least and greatest score; ``None`` where there is no such end.
        score_decimals: Decimals of the scores.
        policy: The goal with its numbers.
        goal: The goal in words.
        rates: Rates in and out of sample, as `recommend` gives them.
        data: The data behind it.
        confidence: The confidence that was asked for.
        validity: When this stops to hold.
        made_by: The program that wrote it.
    """

    model_config = ConfigDict(
        title="A threshold policy exported by finauth-eval recommend --export", populate_by_name=True
    )

    format: Literal["finauth-eval/policy/1"] = Field(alias="schema")
    rule: str
    cut: Cut
    by: str | None
    segments: dict[str, Cut]
    score_range: list[Finite | None] = Field(min_length=2, max_length=2)
    score_decimals: int
    policy: dict[str, Any]
    goal: str
    rates: dict[str, Any]
    data: Data
    confidence: Finite
    validity: list[str]
    made_by: str

    @model_validator(mode="after")
    def _within_range(self) -> Self:
        low, high = (-math.inf, math.inf) if self.score_range == [None, None] else _both(self.score_range)
        for cut in (self.cut, *self.segments.values()):
            for name, value in (("reject_from", cut.reject_from), ("review_from", cut.review_from)):
                if value is not None and not low <= value <= high:
                    raise ValueError(
                        f"{name} is {value}; expected a threshold in score_range, [{low}, {high}]"
                    )
        return self

    def decide(self, score: SupportsFloat, *, segment: str | None = None) -> Verdict:
        """What to do with a score.

        Args:
            score: The API's score.
            segment: The segment's value, where the policy has thresholds for segments; without it those of all samples
                are used.

        Raises:
            ValueError: The score is no number, NaN or out of range; the segment is not known, or has no threshold.

        Example:
            >>> import pandas as pd
            >>> from finauth_eval.recommendation import MaxBpcer, recommend
            >>> from finauth_eval.scores import ScoreTable
            >>> frame = pd.DataFrame({"label": ["real"] * 80 + ["fake"] * 20, "score": [i / 100 for i in range(100)]})
            >>> policy = deploy(recommend(ScoreTable.from_frame(frame), [MaxBpcer(0.05)]))
            >>> policy.decide(0.79), policy.decide(0.8)
            ('accept', 'reject')
        """
        if isinstance(score, bool) or not isinstance(score, Real):
            raise ValueError(f"score is {score!r}; expected a number")  # noqa: TRY004 - one error for every refusal
        low, high = self.score_range
        try:
            value = float(score)
        except OverflowError:
            value = math.inf
        if not (math.isfinite(value) and (low is None or value >= low) and (high is None or value <= high)):
            ends = "finite" if low is None or high is None else f"in [{low:g}, {high:g}]"
            raise ValueError(f"score is {score!r}; expected a number that is {ends}")
        cut = self._cut(segment)
        if cut.reject_from is None:
            raise ValueError(f"segment {segment!r} has no threshold: {cut.reason}")
        if value >= cut.reject_from:
            return "reject"
        return "review" if cut.review_from is not None and value >= cut.review_from else "accept"

    def _cut(self, segment: str | None) -> Cut:
        if segment is None:
            return self.cut
        if segment not in self.segments:
            raise ValueError(
                f"there is no segment {segment!r}; the segments are {', '.join(self.segments) or 'none'}"
            )
        return self.segments[segment]

    def to_json(self) -> str:
        """The file's text; the same for the same policy."""
        return json.dumps(
            self.model_dump(by_alias=True, mode="json"), indent=1, ensure_ascii=False, allow_nan=False
        )


def _both(ends: list[float | None]) -> tuple[float, float]:
    low, high = ends
    if low is None or high is None or low >= high:
        raise ValueError(f"score_range is {ends}; expected [null, null] or two ascending numbers")
    return low, high


def deploy(recommendations: Recommendations, name: str | None = None) -> DeployedPolicy:
    """The policy that one recommendation comes to.

    Args:
        recommendations: What `recommend` found.
        name: The policy's name; by default the first that was asked for and is not for orientation only.

    Raises:
        InputError: The data do not suffice for it, or nothing was asked for: there is nothing to decide by.
        KeyError: There is no recommendation of that name.
    """
    goals = [item for item in recommendations if not item.descriptive]
    if name is None and not goals:
        raise InputError(
            "no goal was asked for but such as are for orientation; name one, such as --max-bpcer 0.01"
        )
    return deploy_item(recommendations, goals[0] if name is None else recommendations[name])


def deploy_item(recommendations: Recommendations, item: Recommendation) -> DeployedPolicy:
    """The policy that one of the answers comes to, where several have one name.

    Raises:
        InputError: The data do not suffice for it.
    """
    if not item.feasible:
        raise InputError(f"{item.policy.name} has no threshold, so there is nothing to export: {item.reason}")
    position = recommendations.items.index(item)
    provenance = recommendations.provenance
    return DeployedPolicy(
        format=SCHEMA,
        rule=RULE,
        cut=_cut(item),
        by=recommendations.by,
        segments={value: _cut(own.items[position]) for value, own in recommendations.segments.items()},
        score_range=[end if math.isfinite(end) else None for end in recommendations.score_range],
        score_decimals=recommendations.score_decimals,
        policy=item.policy.to_dict(),
        goal=item.policy.describe(),
        rates={
            "in_sample": None if item.in_sample is None else item.in_sample.to_dict(),
            "out_of_sample": None if item.out_of_sample is None else item.out_of_sample.to_dict(),
            "out_of_sample_by": item.unseen_by,
        },
        data=data_of(
            provenance,
            segment=None if recommendations.within is None else dict([recommendations.within]),
            bona_fide=recommendations.sizes["bona_fide"],
            attack=recommendations.sizes["attack"],
        ),
        confidence=recommendations.confidence,
        validity=_validity(recommendations, item),
        made_by=f"finauth_eval {__version__}",
    )


def load_policy(path: Path | str | Remote) -> DeployedPolicy:
    """Read an exported policy.

    Args:
        path: The JSON file, a path or a URL, that ``finauth-eval recommend --export`` wrote.

    Raises:
        InputError: The file can't be read or is not such a policy; the message names the field.
    """
    path = place(path)

    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is no JSON")

    try:
        content = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror or error})") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not readable as JSON ({error})") from error
    try:
        return DeployedPolicy.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise InputError(
            f"{path}: {where}: {first['msg']}, found {str(first['input'])[:60]!r}; expected a file that"
            " 'finauth-eval recommend --export' wrote"
        ) from error


def _cut(item: Recommendation) -> Cut:
    return Cut(
        reject_from=item.threshold if item.feasible else None,
        review_from=item.review_from,
        guarantee=None if item.guarantee is None else item.guarantee.to_dict(),
        constraints=[each.to_dict() for each in item.kept],
        reason=item.reason,
    )


def data_of(provenance: Provenance, *, segment: dict[str, str] | None, bona_fide: int, attack: int) -> Data:
    """The data behind a policy, from where its scores come from."""
    return Data(
        digest=provenance.digest,
        source=well_formed(provenance.source),
        dataset={"name": provenance.dataset_name, "digest": provenance.dataset_digest},
        endpoint=provenance.endpoint,
        region=provenance.region,
        campaign=provenance.campaign,
        segment=segment,
        bona_fide=bona_fide,
        attack=attack,
    )


def _validity(recommendations: Recommendations, item: Recommendation) -> list[str]:
    notes = [ALIKE, ALL_DIGITS]
    if item.guarantee is None:
        notes.append(NO_PROMISE)
    if recommendations.segments:
        notes.append(
            "Each promise holds in all segments at once with its confidence; several promises at once hold with less."
            if recommendations.joint
            else "Each promise holds in each segment by itself with its confidence; in all of them at once with less."
        )
    return [*notes, *item.notes]
