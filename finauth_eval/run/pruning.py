"""Which answers may be forgotten."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from finauth_eval.run.entries import Answer, Problem, examined, outcome_word, received
from finauth_eval.run.store import StoreReader

__all__ = ["PruneFilter", "Pruning", "find_prunable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneFilter:
    """Which answers to forget: those that match all that is given.

    Attributes:
        endpoint_name: What the cache knows the endpoint by.
        older_than_days: Received longer ago; an answer that does not say when is kept.
        outcome: ``"scored"`` or a reason.

    Raises:
        ValueError: Nothing is given, or the days are no number from 0 on.
    """

    endpoint_name: str | None = None
    older_than_days: float | None = None
    outcome: str | None = None

    def __post_init__(self) -> None:
        days = self.older_than_days
        if self.endpoint_name is None and days is None and self.outcome is None:
            raise ValueError(
                "expected at least one of --endpoint-name, --older-than and --outcome; a cache is never emptied by default"
            )
        if days is not None and not 0 <= days < math.inf:
            raise ValueError(f"--older-than is {days}; expected days, 0 or more")

    def matches(self, answer: Answer, *, now: datetime) -> bool:
        """Whether all that is given is true of an answer."""
        if self.endpoint_name not in (None, answer.question.endpoint):
            return False
        if self.outcome not in (None, outcome_word(answer.stored.outcome)):
            return False
        if self.older_than_days is None:
            return True
        at = received(answer.stored.outcome)
        return at is not None and (now - at).total_seconds() > self.older_than_days * 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruning:
    """What matches a filter: keys, and how many by (endpoint, campaign, outcome); and what can't be read and stays."""

    keys: tuple[str, ...]
    counts: Mapping[tuple[str, str, str], int]
    unusable: int


def find_prunable(store: StoreReader, wanted: PruneFilter, *, now: datetime) -> Pruning:
    """The answers that a filter matches; records of sends never do, nor does what can't be read.

    Raises:
        StoreError: The cache can't be read.
    """
    keys, counts, unusable = list[str](), Counter[tuple[str, str, str]](), 0
    for found in examined(store.entries()):
        if isinstance(found, Answer) and wanted.matches(found, now=now):
            keys.append(found.key)
            counts[found.question.endpoint, found.question.campaign, outcome_word(found.stored.outcome)] += 1
        unusable += isinstance(found, Problem)
    return Pruning(keys=tuple(keys), counts=dict(sorted(counts.items())), unusable=unusable)
