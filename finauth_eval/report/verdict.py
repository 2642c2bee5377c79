"""The verdict in plain words: what a risk manager reads first, and perhaps only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from markupsafe import Markup

from finauth_eval.report.wording import needs_words, policy_words, source_words, times
from finauth_eval.shown import numbers
from finauth_eval.shown.text import name

if TYPE_CHECKING:
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
        return Badge(look="unknown", icon="○", words="Not enough data")
    if auc.high < 0.5:
        return Badge(look="bad", icon="✕", words="The scores point the wrong way")
    if not auc.low > 0.5:  # an undefined limit shows nothing either
        return Badge(look="unknown", icon="○", words="Not enough data: could be guessing")
    if not answers:
        return Badge(look="good", icon="✓", words="Better than guessing")
    feasible = sum(item.feasible for item in answers)
    if feasible == len(answers):
        return Badge(look="good", icon="✓", words="A threshold for every goal")
    lacking = all(needs_words(item) for item in answers if not item.feasible)
    if feasible:
        rest = f"{len(answers) - feasible} of {len(answers)} goals"
        words = f"Not enough data for {rest}" if lacking else f"No threshold meets {rest}"
        return Badge(look="warn", icon="◐", words=words)
    if lacking:
        return Badge(look="unknown", icon="○", words="Not enough data for the goals")
    return Badge(look="bad", icon="✕", words="The goals cannot be met")


def _headline(evaluation: Evaluation, point: OperatingPoint | None) -> Markup:
    counts = evaluation.counts
    if not counts.bona_fide and not counts.attack:
        return Markup("No sample has a score, so nothing can be said.")
    if point is None:
        return Markup("No threshold was looked at.")
    at = Markup("At {}").format(numbers.short_threshold(point.threshold))
    if not counts.attack:
        return Markup("{}, {} of genuine customers are blocked; no attack has a score.").format(
            at, numbers.percent(point.bpcer.value, n=point.bpcer.n)
        )
    if not counts.bona_fide:
        return Markup("{}, {} of attacks pass; no genuine sample has a score.").format(
            at, numbers.percent(point.apcer.value, n=point.apcer.n)
        )
    return Markup("{}, {} of attacks pass and {} of genuine customers are blocked.").format(
        at,
        numbers.percent(point.apcer.value, n=point.apcer.n),
        numbers.percent(point.bpcer.value, n=point.bpcer.n),
    )


def _at_the_threshold(point: OperatingPoint | None) -> list[Markup]:
    if point is None or point.apcer_worst is None or len(point.apcer_by_attack_type) < 2:
        return []
    worst = point.apcer_worst
    if not worst.estimate.defined or worst.estimate.value == 0:
        return []
    tied = sum(rate.value == worst.estimate.value for rate in point.apcer_by_attack_type.values())
    also = f", as {'does' if tied == 2 else 'do'} {times(tied - 1, 'other type')}" if tied > 1 else ""
    whose = point.apcer_by_attack_type.get(worst.attack_type, worst.estimate)
    return [
        Markup("Attacks of type {} pass most often: {} (n = {}){}.").format(
            name(worst.attack_type, _LONGEST_NAME), numbers.rate(worst.estimate), numbers.count(whose.n), also
        )
    ]


def _answers(answers: tuple[Recommendation, ...]) -> list[Markup]:
    return [_answer(item) for item in answers]


def _answer(item: Recommendation) -> Markup:
    goal = policy_words(item.policy)
    goal = goal[:1].lower() + goal[1:]
    if not item.feasible:
        why = needs_words(item)
        return Markup("To <em>{}</em> there is no threshold: {}.").format(
            goal, f"this {why}" if why else item.reason.rstrip(".")
        )
    promise = (
        f" (promised with {numbers.confidence_words(item.guarantee.confidence)} confidence)"
        if item.guarantee
        else ""
    )
    point = item.out_of_sample or item.in_sample
    where = "samples it was not chosen on" if item.out_of_sample else "the samples it was chosen on"
    rates = (
        f" On {where}, {numbers.rate(point.apcer)} of attacks pass and {numbers.rate(point.bpcer)} of genuine"
        " customers are blocked."
        if point
        else ""
    )
    if item.review_from is not None and item.review_from < item.threshold:
        band = Markup(
            "accept below <strong>{}</strong>, reject from <strong>{}</strong> on, and review between"
        ).format(numbers.threshold(item.review_from), numbers.threshold(item.threshold))
        return Markup("To <em>{}</em>, {}{}.{}").format(goal, band, promise, rates)
    return Markup("To <em>{}</em>, use <strong>{}</strong>{}.{}").format(
        goal, numbers.threshold(item.threshold), promise, rates
    )


def _unanswered(evaluation: Evaluation) -> list[Markup]:
    counts = evaluation.counts
    without = counts.no_response_bona_fide + counts.no_response_attack
    if not without:
        return []
    total = without + counts.bona_fide + counts.attack
    bounds = evaluation.no_response_bounds
    return [
        Markup(
            "{} of {} have no score ({}). Were all of those let pass, {} of attacks would pass; were all of those"
            " blocked, {} of genuine customers would be."
        ).format(
            numbers.count(without),
            times(total, "sample"),
            numbers.percent(without / total, n=total),
            numbers.percent(bounds.as_pass.apcer, n=total),
            numbers.percent(bounds.as_block.bpcer, n=total),
        )
        if counts.bona_fide + counts.no_response_bona_fide and counts.attack + counts.no_response_attack
        else Markup("{} of {} have no score ({}).").format(
            numbers.count(without), times(total, "sample"), numbers.percent(without / total, n=total)
        )
    ]


def _doubts(evaluation: Evaluation) -> list[Markup]:
    auc = evaluation.auc
    if not auc.defined:
        return [
            Markup("How well the score tells the two apart is not known: {}.").format(
                auc.reason or "undefined"
            )
        ]
    if auc.high < 0.5:
        return [
            Markup(
                "Attacks score <em>lower</em> than genuine samples (AUC {}). Check that labels and scores are the"
                " right way round; nothing was turned here."
            ).format(numbers.area(auc))
        ]
    if not auc.low > 0.5:
        return [
            Markup(
                "The interval of the AUC, {}, holds 0.5: these data do not show that the score beats guessing."
            ).format(numbers.area(auc))
        ]
    return []


def _tiles(evaluation: Evaluation, point: OperatingPoint | None) -> tuple[Tile, ...]:
    counts = evaluation.counts
    scored = counts.bona_fide + counts.attack
    total = scored + counts.no_response_bona_fide + counts.no_response_attack
    tiles: list[Tile] = []
    if point is not None:
        at = numbers.short_threshold(point.threshold)
        which = f"at {at}, {source_words(point.source)}"
        missed, alarmed = point.confusion.fn, point.confusion.fp
        tiles = [
            _rate_tile(
                "Attacks that pass",
                point.apcer,
                f"{numbers.count(missed)} of {times(counts.attack, 'attack')}, {which}",
                "attack",
            ),
            _rate_tile(
                "Genuine customers blocked",
                point.bpcer,
                f"{numbers.count(alarmed)} of {times(counts.bona_fide, 'genuine sample')}, {which}",
                "genuine",
            ),
        ]
    auc = evaluation.auc
    tiles.append(
        Tile(
            label="Telling the two apart (AUC)",
            value=numbers.score(auc.value),
            interval=_limits(auc),
            basis="0.5 is guessing, 1 is perfect" if auc.defined else (auc.reason or "undefined"),
        )
    )
    tiles.append(
        Tile(
            label="Samples with a score",
            value=numbers.percent(scored / total, n=total) if total else numbers.NOT_KNOWN,
            interval=f"{numbers.count(scored)} of {numbers.count(total)}",
            basis=f"{times(counts.attack, 'attack')}, {numbers.count(counts.bona_fide)} genuine",
        )
    )
    return tuple(tiles)


def _rate_tile(label: str, estimate: Estimate, basis: str, look: Literal["genuine", "attack"]) -> Tile:
    if not estimate.defined:
        return Tile(
            label=label, value=numbers.NOT_KNOWN, interval="", basis=estimate.reason or "undefined", look=look
        )
    return Tile(
        label=label,
        value=numbers.percent(estimate.value, n=estimate.n),
        interval=f"{numbers.confidence_words(estimate.confidence)} interval {numbers.interval(estimate.low, estimate.high, n=estimate.n)}",
        basis=basis,
        look=look,
    )


def _limits(estimate: Estimate) -> str:
    if not estimate.defined:
        return ""
    return f"{numbers.confidence_words(estimate.confidence)} interval {numbers.score(estimate.low)}–{numbers.score(estimate.high)}"
