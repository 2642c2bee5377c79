"""The verdict in plain words: what a risk manager reads first, and perhaps only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from finauth_eval.phrases import counted, marked, say, translated
from finauth_eval.report.wording import needs_words, policy_words, source_words, why_undefined
from finauth_eval.shown import numbers
from finauth_eval.shown.text import name

if TYPE_CHECKING:
    from markupsafe import Markup

    from finauth_eval.evaluation import Evaluation
    from finauth_eval.metrics.estimate import Estimate
    from finauth_eval.metrics.rates import OperatingPoint
    from finauth_eval.recommendation import Recommendation, Recommendations

__all__ = ["Badge", "Tile", "Verdict", "verdict_of"]

_LONGEST_NAME = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Badge:
    """A word and an icon; the colour only repeats them."""

    look: Literal["good", "warn", "bad", "unknown"]
    icon: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One key figure: its name, its value, its interval and what it rests on."""

    label: str
    value: str
    interval: str
    basis: str
    look: Literal["genuine", "attack", "plain"] = "plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Badge, sentences and key figures of the first screen."""

    badge: Badge
    headline: Markup
    sentences: tuple[Markup, ...]
    tiles: tuple[Tile, ...]


def verdict_of(evaluation: Evaluation, recommendations: Recommendations | None) -> Verdict:
    """The verdict on an evaluation and on what was recommended from it."""
    answers = tuple(item for item in recommendations or () if not item.descriptive)
    point = evaluation.operating_points[0] if evaluation.operating_points else None
    sentences = [
        *_at_the_threshold(point),
        *_answers(answers),
        *_unanswered(evaluation),
        *_doubts(evaluation),
    ]
    return Verdict(
        badge=_badge(evaluation, answers),
        headline=_headline(evaluation, point),
        sentences=tuple(sentences),
        tiles=_tiles(evaluation, point),
    )


def _badge(evaluation: Evaluation, answers: tuple[Recommendation, ...]) -> Badge:
    auc = evaluation.auc
    if not (evaluation.counts.bona_fide and evaluation.counts.attack) or not auc.defined:
        return Badge(look="unknown", icon="○", words=say("Not enough data"))
    if auc.high < 0.5:
        return Badge(look="bad", icon="✕", words=say("The scores point the wrong way"))
    if not auc.low > 0.5:  # an undefined limit shows nothing either
        return Badge(look="unknown", icon="○", words=say("Not enough data: could be guessing"))
    if not answers:
        return Badge(look="good", icon="✓", words=say("Better than guessing"))
    feasible = sum(item.feasible for item in answers)
    if feasible == len(answers):
        return Badge(look="good", icon="✓", words=say("A threshold for every goal"))
    lacking = all(needs_words(item) for item in answers if not item.feasible)
    if feasible:
        gaps = {"n": len(answers) - feasible, "total": len(answers)}
        words = (
            say("Not enough data for {n} of {total} goals", **gaps)
            if lacking
            else say("No threshold meets {n} of {total} goals", **gaps)
        )
        return Badge(look="warn", icon="◐", words=words)
    if lacking:
        return Badge(look="unknown", icon="○", words=say("Not enough data for the goals"))
    return Badge(look="bad", icon="✕", words=say("The goals cannot be met"))


def _headline(evaluation: Evaluation, point: OperatingPoint | None) -> Markup:
    counts = evaluation.counts
    if not counts.bona_fide and not counts.attack:
        return marked("No sample has a score, so nothing can be said.")
    if point is None:
        return marked("No threshold was looked at.")
    at = numbers.short_threshold(point.threshold)
    blocked = numbers.percent(point.bpcer.value, n=point.bpcer.n)
    missed = numbers.percent(point.apcer.value, n=point.apcer.n)
    if not counts.attack:
        return marked(
            "At {at}, {blocked} of genuine customers are blocked; no attack has a score.",
            at=at,
            blocked=blocked,
        )
    if not counts.bona_fide:
        return marked(
            "At {at}, {missed} of attacks pass; no genuine sample has a score.", at=at, missed=missed
        )
    return marked(
        "At {at}, {missed} of attacks pass and {blocked} of genuine customers are blocked.",
        at=at,
        missed=missed,
        blocked=blocked,
    )


def _at_the_threshold(point: OperatingPoint | None) -> list[Markup]:
    if point is None or point.apcer_worst is None or len(point.apcer_by_attack_type) < 2:
        return []
    worst = point.apcer_worst
    if not worst.estimate.defined or worst.estimate.value == 0:
        return []
    tied = sum(rate.value == worst.estimate.value for rate in point.apcer_by_attack_type.values())
    also = counted(", as does {n} other type", ", as do {n} other types", tied - 1) if tied > 1 else ""
    whose = point.apcer_by_attack_type.get(worst.attack_type, worst.estimate)
    return [
        marked(
            "Attacks of type {name} pass most often: {rate} (n = {n}){also}.",
            name=name(worst.attack_type, _LONGEST_NAME),
            rate=numbers.rate(worst.estimate),
            n=numbers.count(whose.n),
            also=also,
        )
    ]


def _answers(answers: tuple[Recommendation, ...]) -> list[Markup]:
    return [_answer(item) for item in answers]


def _answer(item: Recommendation) -> Markup:
    goal = policy_words(item.policy)
    goal = goal[:1].lower() + goal[1:]
    if not item.feasible:
        needs = needs_words(item)
        why = say("this {needs}", needs=needs) if needs else translated(item.reason).rstrip(".")
        return marked("To <em>{goal}</em> there is no threshold: {why}.", goal=goal, why=why)
    promise = (
        say(
            " (promised with {confidence} confidence)",
            confidence=numbers.confidence_words(item.guarantee.confidence),
        )
        if item.guarantee
        else ""
    )
    gaps = {
        "goal": goal,
        "threshold": numbers.threshold(item.threshold),
        "promise": promise,
        "rates": _rates(item),
    }
    if item.review_from is not None and item.review_from < item.threshold:
        return marked(
            "To <em>{goal}</em>, accept below <strong>{review_from}</strong>, reject from"
            " <strong>{threshold}</strong> on, and review between{promise}.{rates}",
            review_from=numbers.threshold(item.review_from),
            **gaps,
        )
    return marked("To <em>{goal}</em>, use <strong>{threshold}</strong>{promise}.{rates}", **gaps)


def _rates(item: Recommendation) -> str:
    if item.out_of_sample is not None:
        return say(
            " On samples it was not chosen on, {missed} of attacks pass and {blocked} of genuine customers are blocked.",
            missed=numbers.rate(item.out_of_sample.apcer),
            blocked=numbers.rate(item.out_of_sample.bpcer),
        )
    if item.in_sample is None:
        return ""
    return say(
        " On the samples it was chosen on, {missed} of attacks pass and {blocked} of genuine customers are blocked.",
        missed=numbers.rate(item.in_sample.apcer),
        blocked=numbers.rate(item.in_sample.bpcer),
    )


def _unanswered(evaluation: Evaluation) -> list[Markup]:
    counts = evaluation.counts
    without = counts.no_response_bona_fide + counts.no_response_attack
    if not without:
        return []
    total = without + counts.bona_fide + counts.attack
    bounds = evaluation.no_response_bounds
    gaps = {
        "n": numbers.count(without),
        "samples": counted("{n} sample", "{n} samples", total),
        "share": numbers.percent(without / total, n=total),
    }
    if not (counts.bona_fide + counts.no_response_bona_fide and counts.attack + counts.no_response_attack):
        return [marked("{n} of {samples} have no score ({share}).", **gaps)]
    return [
        marked(
            "{n} of {samples} have no score ({share}). Were all of those let pass, {missed} of attacks would pass;"
            " were all of those blocked, {blocked} of genuine customers would be.",
            missed=numbers.percent(bounds.as_pass.apcer, n=total),
            blocked=numbers.percent(bounds.as_block.bpcer, n=total),
            **gaps,
        )
    ]


def _doubts(evaluation: Evaluation) -> list[Markup]:
    auc = evaluation.auc
    if not auc.defined:
        return [
            marked(
                "How well the score tells the two apart is not known: {why}.", why=why_undefined(auc.reason)
            )
        ]
    if auc.high < 0.5:
        return [
            marked(
                "Attacks score <em>lower</em> than genuine samples (AUC {area}). Check that labels and scores are the"
                " right way round; nothing was turned here.",
                area=numbers.area(auc),
            )
        ]
    if not auc.low > 0.5:
        return [
            marked(
                "The interval of the AUC, {area}, holds 0.5: these data do not show that the score beats guessing.",
                area=numbers.area(auc),
            )
        ]
    return []


def _tiles(evaluation: Evaluation, point: OperatingPoint | None) -> tuple[Tile, ...]:
    counts = evaluation.counts
    scored = counts.bona_fide + counts.attack
    total = scored + counts.no_response_bona_fide + counts.no_response_attack
    tiles: list[Tile] = []
    if point is not None:
        at, source = numbers.short_threshold(point.threshold), source_words(point.source)
        missed, alarmed = numbers.count(point.confusion.fn), numbers.count(point.confusion.fp)
        tiles = [
            _rate_tile(
                say("Attacks that pass"),
                point.apcer,
                counted(
                    "{missed} of {n} attack, at {at}, {source}",
                    "{missed} of {n} attacks, at {at}, {source}",
                    counts.attack,
                    missed=missed,
                    at=at,
                    source=source,
                ),
                "attack",
            ),
            _rate_tile(
                say("Genuine customers blocked"),
                point.bpcer,
                counted(
                    "{blocked} of {n} genuine sample, at {at}, {source}",
                    "{blocked} of {n} genuine samples, at {at}, {source}",
                    counts.bona_fide,
                    blocked=alarmed,
                    at=at,
                    source=source,
                ),
                "genuine",
            ),
        ]
    auc = evaluation.auc
    tiles.append(
        Tile(
            label=say("Telling the two apart (AUC)"),
            value=numbers.score(auc.value),
            interval=_limits(auc),
            basis=say("0.5 is guessing, 1 is perfect") if auc.defined else why_undefined(auc.reason),
        )
    )
    tiles.append(
        Tile(
            label=say("Samples with a score"),
            value=numbers.percent(scored / total, n=total) if total else numbers.NOT_KNOWN,
            interval=say("{n} of {total}", n=numbers.count(scored), total=numbers.count(total)),
            basis=counted(
                "{n} attack, {genuine} genuine",
                "{n} attacks, {genuine} genuine",
                counts.attack,
                genuine=numbers.count(counts.bona_fide),
            ),
        )
    )
    return tuple(tiles)


def _rate_tile(label: str, estimate: Estimate, basis: str, look: Literal["genuine", "attack"]) -> Tile:
    if not estimate.defined:
        return Tile(
            label=label, value=numbers.NOT_KNOWN, interval="", basis=why_undefined(estimate.reason), look=look
        )
    return Tile(
        label=label,
        value=numbers.percent(estimate.value, n=estimate.n),
        interval=_interval(estimate, numbers.interval(estimate.low, estimate.high, n=estimate.n)),
        basis=basis,
        look=look,
    )


def _limits(estimate: Estimate) -> str:
    if not estimate.defined:
        return ""
    return _interval(estimate, f"{numbers.score(estimate.low)}–{numbers.score(estimate.high)}")


def _interval(estimate: Estimate, limits: str) -> str:
    return say(
        "{confidence} interval {limits}",
        confidence=numbers.confidence_words(estimate.confidence),
        limits=limits,
    )
