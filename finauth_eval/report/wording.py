"""The report's words for policies, sources and reasons: what a risk manager says, not what a statistician writes."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from finauth_eval.phrases import counted, phrase, say, translated
from finauth_eval.recommendation import (
    AcceptReviewReject,
    BestFBeta,
    EqualError,
    MaxApcer,
    MaxBpcer,
    MinCost,
    Policy,
    Youden,
)
from finauth_eval.shown import numbers
from finauth_eval.shown.text import shorten, visible

if TYPE_CHECKING:
    from finauth_eval.recommendation import Need, Recommendation

__all__ = ["needs_words", "policy_words", "reason_words", "source_words", "why_undefined"]

_SOURCES: Final = {
    "run": phrase("the threshold in use"),
    "default": phrase("the default"),
    "requested": phrase("asked for"),
}

_CLASSES: Final = frozenset({"bona_fide", "attack"})
_NAMED_TYPES: Final = 3

_REASONS: Final = {
    "no_face_found": phrase("no face found"),
    "invalid_image_size": phrase("picture too small or too large"),
    "image_error_unsupported_format": phrase("not a picture that can be read"),
    "too_large": phrase("file too large for the API"),
    "bad_arguments": phrase("request refused as malformed"),
    "bad_response": phrase("answer could not be read"),
    "gave_up": phrase("gave up after repeated temporary errors"),
    "ambiguous": phrase("sent, but no answer came: it may have been billed"),
    "missing": phrase("file missing"),
    "unreadable": phrase("file unreadable"),
    "empty": phrase("file empty"),
    "over_size": phrase("file over the size limit"),
    "outside_root": phrase("file outside the dataset's folder"),
    "not_a_file": phrase("not a file"),
}


def policy_words(policy: Policy) -> str:
    """A policy as a goal.

    Example:
        >>> policy_words(MaxBpcer(0.01)), policy_words(MaxApcer(0.05))
        ('Block at most 1% of genuine customers', 'Let at most 5% of any attack type pass')
    """
    words = _goal_words(policy)
    for own in map(policy_words, _promises(policy)):
        words = say("{goal}, and {other}", goal=words, other=f"{own[:1].lower()}{own[1:]}")
    return words


def _promises(policy: Policy) -> tuple[Policy, ...]:
    return policy.subject_to if isinstance(policy, MaxBpcer | MaxApcer | MinCost | AcceptReviewReject) else ()


def _goal_words(policy: Policy) -> str:
    match policy:
        case MaxBpcer(target=target):
            return say("Block at most {limit} of genuine customers", limit=numbers.limit(target))
        case MaxApcer(target=target, pooled=True):
            return say("Let at most {limit} of all attacks together pass", limit=numbers.limit(target))
        case MaxApcer(target=target):
            return say("Let at most {limit} of any attack type pass", limit=numbers.limit(target))
        case MinCost(miss=miss, alarm=alarm, prior=prior):
            return say(
                "Spend least, when a missed attack costs {miss}, a blocked customer {alarm}, and {prior} of the traffic"
                " is attacks",
                miss=f"{miss:g}",
                alarm=f"{alarm:g}",
                prior=numbers.limit(prior),
            )
        case AcceptReviewReject(miss=miss, alarm=alarm, prior=prior, review=None, capacity=float(capacity)):
            return say(
                "Review at most {capacity} of the traffic and spend least, when a missed attack costs {miss}, a blocked"
                " customer {alarm}, and {prior} of the traffic is attacks",
                capacity=numbers.limit(capacity),
                miss=f"{miss:g}",
                alarm=f"{alarm:g}",
                prior=numbers.limit(prior),
            )
        case AcceptReviewReject(miss=miss, alarm=alarm, prior=prior, review=float(review)):
            return say(
                "Review at {review} each and spend least, when a missed attack costs {miss}, a blocked customer"
                " {alarm}, and {prior} of the traffic is attacks",
                review=f"{review:g}",
                miss=f"{miss:g}",
                alarm=f"{alarm:g}",
                prior=numbers.limit(prior),
            )
        case EqualError():
            return say("Let attacks pass as often as customers are blocked (EER)")
        case Youden():
            return say("The greatest sum of both rates of right decisions (Youden)")
        case BestFBeta(beta=beta):
            return say("The best balance of precision and attacks caught (F{beta})", beta=f"{beta:g}")
        case _:
            words = translated(policy.describe())
            return words[:1].upper() + words[1:]


def source_words(source: str) -> str:
    """Where an operating point's threshold comes from."""
    return translated(_SOURCES[source]) if source in _SOURCES else source.replace("_", " ")


def reason_words(reason: str) -> str:
    """Why a sample has no score; a word of the API that is not known here is shown as it came."""
    return translated(_REASONS.get(reason, reason))


def why_undefined(reason: str | None) -> str:
    """Why a figure has no value, or no interval."""
    return translated(reason) if reason else say("undefined")


def needs_words(item: Recommendation) -> str:
    """What the data lack for a policy, or an empty text: the class or attack types, at most three of them by name.

    ``Need`` counts independent samples: where samples belong to subjects, one of each.
    """
    lacking = {name: need for name, need in item.needs.items() if need.has < need.required}
    if not lacking:
        return ""
    required = numbers.count(max(need.required for need in lacking.values()))
    by_type = isinstance(item.policy, MaxApcer) and not item.policy.pooled and "attack" not in lacking
    if set(lacking) <= set(_CLASSES) and not by_type:
        wanted = [_class_needs(name, need) for name, need in lacking.items()]
        if len(wanted) == 1:
            return say("needs {wanted}", wanted=wanted[0])
        return say("needs {wanted} and {others}", wanted=wanted[0], others=wanted[1])
    named = [
        say("“{name}” has {n}", name=shorten(visible(name), 40), n=numbers.count(need.has))
        for name, need in islice(lacking.items(), _NAMED_TYPES)
    ]
    more = len(lacking) - len(named)
    rest = [counted("{n} further type falls short", "{n} further types fall short", more)] if more > 0 else []
    return say(
        "needs {required} independent attacks of each type: {types}",
        required=required,
        types=", ".join([*named, *rest]),
    )


def _class_needs(name: str, need: Need) -> str:
    gaps = {"required": numbers.count(need.required), "has": numbers.count(need.has)}
    if name == "attack":
        return say("{required} independent attacks (has {has})", **gaps)
    return say("{required} independent genuine samples (has {has})", **gaps)
