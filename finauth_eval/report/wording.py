"""The report's words for policies, sources and reasons: what a risk manager says, not what a statistician writes."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from finauth_eval.phrases import say, translated
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
    from finauth_eval.recommendation import Recommendation

__all__ = ["needs_words", "policy_words", "reason_words", "source_words", "times", "why_undefined"]

_SOURCES: Final = {
    "run": "the threshold in use",
    "default": "the default",
    "requested": "asked for",
}

_CLASSES: Final = {"bona_fide": "genuine samples", "attack": "attacks"}
_NAMED_TYPES: Final = 3

_REASONS: Final = {
    "no_face_found": "no face found",
    "invalid_image_size": "picture too small or too large",
    "image_error_unsupported_format": "not a picture that can be read",
    "too_large": "file too large for the API",
    "bad_arguments": "request refused as malformed",
    "bad_response": "answer could not be read",
    "gave_up": "gave up after repeated temporary errors",
    "ambiguous": "sent, but no answer came: it may have been billed",
    "missing": "file missing",
    "unreadable": "file unreadable",
    "empty": "file empty",
    "over_size": "file over the size limit",
    "outside_root": "file outside the dataset's folder",
    "not_a_file": "not a file",
}


def policy_words(policy: Policy) -> str:
    """A policy as a goal.

    Example:
        >>> policy_words(MaxBpcer(0.01)), policy_words(MaxApcer(0.05))
        ('Block at most 1% of genuine customers', 'Let at most 5% of any attack type pass')
    """
    kept = "".join(f", and {own[:1].lower()}{own[1:]}" for own in map(policy_words, _promises(policy)))
    return f"{_goal_words(policy)}{kept}"


def _promises(policy: Policy) -> tuple[Policy, ...]:
    return policy.subject_to if isinstance(policy, MaxBpcer | MaxApcer | MinCost | AcceptReviewReject) else ()


def _goal_words(policy: Policy) -> str:
    match policy:
        case MaxBpcer(target=target):
            return f"Block at most {numbers.limit(target)} of genuine customers"
        case MaxApcer(target=target, pooled=pooled):
            whom = "all attacks together" if pooled else "any attack type"
            return f"Let at most {numbers.limit(target)} of {whom} pass"
        case MinCost(miss=miss, alarm=alarm, prior=prior):
            return (
                f"Spend least, when a missed attack costs {miss:g}, a blocked customer {alarm:g},"
                f" and {numbers.limit(prior)} of the traffic is attacks"
            )
        case AcceptReviewReject(miss=miss, alarm=alarm, prior=prior, review=None, capacity=float(capacity)):
            return (
                f"Review at most {numbers.limit(capacity)} of the traffic and spend least, when a missed attack costs"
                f" {miss:g}, a blocked customer {alarm:g}, and {numbers.limit(prior)} of the traffic is attacks"
            )
        case AcceptReviewReject(miss=miss, alarm=alarm, prior=prior, review=float(review)):
            return (
                f"Review at {review:g} each and spend least, when a missed attack costs {miss:g}, a blocked customer"
                f" {alarm:g}, and {numbers.limit(prior)} of the traffic is attacks"
            )
        case EqualError():
            return "Let attacks pass as often as customers are blocked (EER)"
        case Youden():
            return "The greatest sum of both rates of right decisions (Youden)"
        case BestFBeta(beta=beta):
            return f"The best balance of precision and attacks caught (F{beta:g})"
        case _:
            words = policy.describe()
            return words[:1].upper() + words[1:]


def source_words(source: str) -> str:
    """Where an operating point's threshold comes from."""
    return _SOURCES.get(source, source.replace("_", " "))


def reason_words(reason: str) -> str:
    """Why a sample has no score; a word of the API that is not known here is shown as it came."""
    return _REASONS.get(reason, reason)


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
        return "needs " + " and ".join(
            f"{numbers.count(need.required)} independent {_CLASSES[name]} (has {numbers.count(need.has)})"
            for name, need in lacking.items()
        )
    named = [
        f"“{shorten(visible(name), 40)}” has {numbers.count(need.has)}"
        for name, need in islice(lacking.items(), _NAMED_TYPES)
    ]
    more = len(lacking) - len(named)
    rest = [f"{times(more, 'further type falls', 'further types fall')} short"] if more > 0 else []
    return f"needs {required} independent attacks of each type: {', '.join([*named, *rest])}"


def times(number: int, one: str, many: str | None = None) -> str:
    """A count with its noun.

    Example:
        >>> times(1, "sample"), times(1200, "sample"), times(2, "has", "have")
        ('1 sample', '1,200 samples', '2 have')
    """
    return f"{numbers.count(number)} {one if number == 1 else many or one + 's'}"
