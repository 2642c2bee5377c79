"""Some samples, counted by score, class and attack type."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from finauth_eval.metrics.counts import ScoreCounts
from finauth_eval.samples import UNSPECIFIED, ClassCounts

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["UNTYPED", "Part"]

UNTYPED: Final = ""
"""The type of attacks without one, before it is known whether others have one."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """Some samples, counted.

    Attributes:
        counts: Those with a score.
        silent: Those without a response, by kind: ``None`` for bona fide samples, else the attack's type, ``""`` where
            it has none.
        unsent: Those that were never sent, by kind.
    """

    counts: ScoreCounts
    silent: Mapping[str | None, int] = field(default_factory=dict)
    unsent: Mapping[str | None, int] = field(default_factory=dict)

    def __add__(self, other: Part) -> Part:
        """The samples of both."""
        return Part(
            counts=self.counts + other.counts,
            silent=Counter(self.silent) + Counter(other.silent),
            unsent=Counter(self.unsent) + Counter(other.unsent),
        )

    @property
    def sizes(self) -> ClassCounts:
        """How many samples of each class have a score, and how many have none."""
        bona_fide = self.silent.get(None, 0)
        return ClassCounts(
            bona_fide=self.counts.n_bona_fide,
            attack=self.counts.n_attack,
            no_response_bona_fide=bona_fide,
            no_response_attack=sum(self.silent.values()) - bona_fide,
        )

    @property
    def n_scored(self) -> int:
        """How many samples have a score."""
        return self.counts.n_bona_fide + self.counts.n_attack

    @property
    def n_unsent(self) -> int:
        """How many samples were never sent."""
        return sum(self.unsent.values())

    @property
    def n(self) -> int:
        """How many samples there are."""
        return self.n_scored + sum(self.silent.values()) + self.n_unsent

    def attack_types_seen(self) -> set[str]:
        """The types that some attack has, scored or not."""
        return {name for name in (*self.counts.by_attack_type, *self.silent, *self.unsent) if name}

    def typed(self) -> Part:
        """The same with the attacks without a type as a type of their own, so that the worst type counts them."""
        return Part(
            counts=_every_attack_typed(self.counts), silent=_typed(self.silent), unsent=_typed(self.unsent)
        )


def _typed(sizes: Mapping[str | None, int]) -> dict[str | None, int]:
    found: Counter[str | None] = Counter()
    for name, n in sizes.items():
        found[UNSPECIFIED if name == UNTYPED else name] += n
    return dict(found)


def _every_attack_typed(counts: ScoreCounts) -> ScoreCounts:
    untyped = counts.attack.astype(np.int64)
    for own in counts.by_attack_type.values():
        untyped -= own
    if not untyped.any():
        return counts
    known = counts.by_attack_type.get(UNSPECIFIED, 0)
    types = {**counts.by_attack_type, UNSPECIFIED: untyped + known}
    return replace(counts, by_attack_type=dict(sorted(types.items())))
