"""Unique scores with their counts per class: what every curve, rate, interval and bootstrap reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np

from finauth_eval.metrics.placements import Placements, cumulated
from finauth_eval.metrics.tally import tally

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = ["ScoreCounts", "merged_ascending"]

_FEW_TYPES: Final = 16
Number = TypeVar("Number", bound=np.generic)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoreCounts:
    """How often each distinct score was seen, per class and attack type; exact, and it adds up.

    Counts of chunks, machines and months merge with ``+`` into the counts of the whole. A row may have no sample at
    all (after ``select``, or in a bootstrap replicate); ``compact`` leaves such rows out.

    Attributes:
        scores: Distinct scores, ascending, shape (k,).
        bona_fide: Bona fide samples at each score, shape (k,).
        attack: Attacks at each score, of every type together, shape (k,).
        by_attack_type: Attacks at each score for every named type, each of shape (k,); names ascending.

    The counts are int64, int32 where nearly every sample has a score of its own, or int8 where every one has: sums of
    them are safe, as numpy widens those; divide or multiply them only after a sum or ``astype``.

    Example:
        >>> counts = ScoreCounts.from_arrays([0.1, 0.9, 0.9], [False, True, True], ["", "swap", "mask"])
        >>> counts.n_bona_fide, counts.n_attack, counts.n_of("swap")
        (1, 2, 1)
        >>> (counts + counts).attack.tolist()
        [0, 4]
    """

    scores: NDArray[np.float64]
    bona_fide: NDArray[Any]
    attack: NDArray[Any]
    by_attack_type: Mapping[str, NDArray[Any]]
    # sums that several numbers share, each made when it is first asked for
    _made: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def from_arrays(
        cls, scores: ArrayLike, is_attack: ArrayLike, attack_type: Sequence[str | None] | None = None
    ) -> ScoreCounts:
        """Count samples given one by one.

        Args:
            scores: Finite scores, shape (n,).
            is_attack: Whether each sample is an attack, shape (n,).
            attack_type: The type of each attack, ``None`` where it has none; ignored for bona fide samples.

        Raises:
            ValueError: The lengths differ, or a score is not finite.
        """
        truth = np.asarray(is_attack, dtype=bool)
        if attack_type is None:
            return cls.from_codes(scores, truth, type_codes=np.full(truth.size, -1), types=())
        if len(attack_type) != truth.size:
            raise ValueError(
                f"{len(attack_type)} attack types for {truth.size} labels; expected one a sample"
            )
        named = {name for name, attack in zip(attack_type, truth, strict=True) if attack and name is not None}
        types = sorted(named)
        code = {name: position for position, name in enumerate(types)}
        type_codes = np.array([-1 if name is None else code.get(name, -1) for name in attack_type])
        return cls.from_codes(scores, truth, type_codes=type_codes, types=types)

    @classmethod
    def from_codes(
        cls,
        scores: ArrayLike,
        is_attack: NDArray[np.bool_],
        *,
        type_codes: NDArray[np.integer],
        types: Sequence[str],
    ) -> ScoreCounts:
        """Count samples whose attack types are given as positions in ``types``.

        Args:
            scores: Finite scores, shape (n,).
            is_attack: Whether each sample is an attack, shape (n,).
            type_codes: Position of each sample's type, -1 for none, shape (n,); ignored for bona fide samples.
            types: Names of the types; those of no attack are left out of the result.

        Raises:
            ValueError: The lengths differ, or a score is not finite.
        """
        values = np.asarray(scores, dtype=np.float64)
        if not values.size == is_attack.size == type_codes.size:
            raise ValueError(
                f"{values.size} scores, {is_attack.size} labels and {type_codes.size} attack types;"
                " expected as many of each"
            )
        codes, present = _class_codes(is_attack, type_codes, len(types))
        distinct, counts = tally(values, codes, len(present))
        by_code = dict(zip(present, counts, strict=True))
        nothing = np.zeros(distinct.size, dtype=np.int64)
        named = {types[code - 2]: count for code, count in by_code.items() if code > 1}
        return cls(
            scores=distinct,
            bona_fide=by_code.get(0, nothing),
            attack=_total([count for code, count in by_code.items() if code > 0], nothing),
            by_attack_type=dict(sorted(named.items())),
        )

    def __add__(self, other: ScoreCounts) -> ScoreCounts:
        if np.array_equal(self.scores, other.scores):  # as of parts with every score of a coarse grid
            scores = self.scores
            mine: NDArray[np.intp] | slice = slice(None)
            others: NDArray[np.intp] | slice = slice(None)
        else:
            scores, mine, others = merged_ascending(self.scores, other.scores)

        def merged(a: NDArray[np.int64] | None, b: NDArray[np.int64] | None) -> NDArray[np.int64]:
            total = np.zeros(scores.size, dtype=np.int64)
            if a is not None:
                total[mine] += a
            if b is not None:
                total[others] += b
            return total

        names = sorted({*self.by_attack_type, *other.by_attack_type})
        return ScoreCounts(
            scores=scores,
            bona_fide=merged(self.bona_fide, other.bona_fide),
            attack=merged(self.attack, other.attack),
            by_attack_type={
                name: merged(self.by_attack_type.get(name), other.by_attack_type.get(name)) for name in names
            },
        )

    @property
    def cleared(self) -> NDArray[Any]:
        """Bona fide samples at or below each score, shape (k,)."""
        if "cleared" not in self._made:
            self._made["cleared"] = cumulated(self.bona_fide)
        found: NDArray[Any] = self._made["cleared"]
        return found

    @property
    def placements(self) -> Placements:
        """Where the attacks stand among the bona fide samples."""
        if "placements" not in self._made:
            self._made["placements"] = Placements.of(self.attack, self.bona_fide, self.cleared)
        found: Placements = self._made["placements"]
        return found

    @property
    def n_bona_fide(self) -> int:
        """How many bona fide samples there are."""
        return int(self.cleared[-1]) if self.scores.size else 0

    @property
    def n_attack(self) -> int:
        """How many attacks there are."""
        return self.placements.n_attack

    @property
    def in_unit_range(self) -> bool:
        """Whether every score lies in [0, 1], so that it may be read as a probability."""
        return not self.scores.size or bool(self.scores[0] >= 0 and self.scores[-1] <= 1)

    def n_of(self, attack_type: str) -> int:
        """How many attacks of this type there are.

        Raises:
            ValueError: There is no such type.
        """
        return int(self._of(attack_type).sum())

    def select(self, attack_type: str) -> ScoreCounts:
        """Every bona fide sample with the attacks of one type.

        Raises:
            ValueError: There is no such type.
        """
        own = self._of(attack_type)
        if attack_type not in self._made.setdefault("selected", {}):
            selected = ScoreCounts(
                scores=self.scores, bona_fide=self.bona_fide, attack=own, by_attack_type={attack_type: own}
            )
            selected._made["cleared"] = self.cleared  # the same bona fide samples
            self._made["selected"][attack_type] = selected
        found: ScoreCounts = self._made["selected"][attack_type]
        return found

    def compact(self) -> ScoreCounts:
        """The same counts without the scores at which there is no sample."""
        seen = (self.bona_fide | self.attack) > 0
        if seen.all():
            return self
        return ScoreCounts(
            scores=self.scores[seen],
            bona_fide=self.bona_fide[seen],
            attack=self.attack[seen],
            by_attack_type={name: count[seen] for name, count in self.by_attack_type.items()},
        )

    def _of(self, attack_type: str) -> NDArray[Any]:
        if attack_type not in self.by_attack_type:
            known = ", ".join(self.by_attack_type) or "none"
            raise ValueError(f"no attack type {attack_type!r}; the types are {known}")
        return self.by_attack_type[attack_type]


def merged_ascending(
    a: NDArray[Number], b: NDArray[Number]
) -> tuple[NDArray[Number], NDArray[np.intp], NDArray[np.intp]]:
    """The distinct numbers of both, and where those of each are among them; both are ascending and distinct.

    A stable sort merges two ascending runs in one pass, so this takes a third of the time of a union and two searches.

    Example:
        >>> [own.tolist() for own in merged_ascending(np.array([1, 3]), np.array([2, 3]))]
        [[1, 2, 3], [0, 2], [1, 2]]
    """
    both = np.concatenate([a, b])
    order = np.argsort(both, kind="stable")
    ascending = both[order]
    first = np.ones(both.size, dtype=bool)
    np.not_equal(ascending[1:], ascending[:-1], out=first[1:])
    place = np.empty(both.size, dtype=np.intp)
    place[order] = np.cumsum(first) - 1
    return ascending[first], place[: a.size], place[a.size :]


def _class_codes(
    is_attack: NDArray[np.bool_], type_codes: NDArray[np.integer[Any]], n_types: int
) -> tuple[NDArray[np.unsignedinteger[Any]], list[int]]:
    """Each sample's class without gaps, and which class that is.

    Classes are 0: bona fide, 1: attack without a type, 2 and on: the types.
    """
    dtype = np.min_scalar_type(n_types + 1)
    wide: NDArray[np.unsignedinteger[Any]] = type_codes.astype(dtype)  # -1 wraps around, and back
    wide += dtype.type(2)
    wide *= is_attack
    if n_types <= _FEW_TYPES:  # some passes over single bytes cost less than one lookup of each
        present = [code for code in range(n_types + 2) if (wide == code).any()]
    else:
        present = np.unique(wide).tolist()
    if present == list(range(len(present))):
        return wide, present
    if len(present) > _FEW_TYPES:
        place = np.searchsorted(present, np.arange(n_types + 2)).astype(dtype)
        return np.asarray(place[wide]), present
    codes = np.zeros(wide.size, dtype=dtype)
    for code in present[1:]:
        codes += wide >= code
    return codes, present


def _total(counts: Sequence[NDArray[Any]], nothing: NDArray[np.int64]) -> NDArray[Any]:
    if len(counts) <= 1:
        return counts[0] if counts else nothing
    total: NDArray[Any] = counts[0] + counts[1]
    for own in counts[2:]:
        total += own
    return total
