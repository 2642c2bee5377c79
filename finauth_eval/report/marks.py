"""The thresholds that the page speaks of, each under one letter on every chart and in every table."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from finauth_eval.report import wording
from finauth_eval.shown import numbers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from finauth_eval.evaluation import Evaluation
    from finauth_eval.recommendation import Recommendations

__all__ = ["Mark", "letter_of", "marks_of"]

_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ"  # without I and O, which read as numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A threshold with its letter and everything that leads to it.

    Attributes:
        letter: One capital letter.
        threshold: The threshold.
        names: What it is: the one in use, asked for, or a policy's goal.
    """

    letter: str
    threshold: float
    names: tuple[str, ...]

    @property
    def label(self) -> str:
        """The threshold and its first name, for legends."""
        return f"{numbers.short_threshold(self.threshold)} {self.names[0]}"


def marks_of(evaluation: Evaluation, recommendations: Recommendations | None) -> tuple[Mark, ...]:
    """The distinct thresholds in order of mention, at most 24: the current one, the recommended, those asked for."""
    found: dict[float, Mark] = {}
    for threshold, name in _mentioned(evaluation, recommendations):
        if not math.isfinite(threshold):
            continue
        if threshold in found:
            mark = found[threshold]
            if name not in mark.names:
                found[threshold] = replace(mark, names=(*mark.names, name))
        elif len(found) < len(_LETTERS):
            found[threshold] = Mark(letter=_LETTERS[len(found)], threshold=threshold, names=(name,))
    return tuple(found.values())


def letter_of(threshold: float, marks: Sequence[Mark]) -> str | None:
    """The letter of a threshold, if it has one."""
    return next((mark.letter for mark in marks if mark.threshold == threshold), None)


def _mentioned(
    evaluation: Evaluation, recommendations: Recommendations | None
) -> Iterator[tuple[float, str]]:
    asked = [(point.threshold, wording.source_words(point.source)) for point in evaluation.operating_points]
    answers = [item for item in recommendations or () if item.feasible]
    goals = [(item.threshold, wording.policy_words(item.policy)) for item in answers if not item.descriptive]
    described = [(item.threshold, wording.policy_words(item.policy)) for item in answers if item.descriptive]
    # in this order, because letters and room on the charts may run out
    yield from (*asked[:1], *goals, *asked[1:], *described)
