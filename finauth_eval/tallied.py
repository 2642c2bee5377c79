"""Samples counted: what evaluating and recommending need of samples that are independent, and it adds up."""

from __future__ import annotations

import hashlib
import json
import operator
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
import pandas as pd

from finauth_eval.decisions import audit_of
from finauth_eval.errors import ScoresError
from finauth_eval.metrics.audit import DecisionAudit
from finauth_eval.metrics.counts import ScoreCounts
from finauth_eval.metrics.tally import on_grid, tally
from finauth_eval.samples import UNSPECIFIED, ClassCounts, clusters_in_words, require_column
from finauth_eval.scores import Provenance, ScoreTable
from finauth_eval.slicing import MISSING, SliceColumn, Windows, few_enough, in_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["SPLITS", "Part", "Rows", "Subjects", "Tallied", "summed"]

SPLITS: Final = ("", "calibration", "test")
"""The splits that are told apart; the first stands for every other one and for none."""
_UNTYPED: Final = ""
_MOST_CELLS_AT_ONCE: Final = 256
_MOST_SUBJECTS: Final = 1 << 22
"""Of so many subjects it is known whether one of them comes again in another part; 8 bytes each."""


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
        found[UNSPECIFIED if name == _UNTYPED else name] += n
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Subjects:
    """What is known of a column that says which samples belong together; of the scored samples alone.

    Attributes:
        column: Its name.
        filled: Samples with a value.
        blank: Samples without.
        repeated: Whether some value has several samples; ``None`` where that is not known, for there are too many.
        seen: A number for each value, ascending, while none was seen twice and they are not too many.
    """

    column: str
    filled: int
    blank: int
    repeated: bool | None
    seen: NDArray[np.uint64] | None

    @classmethod
    def of(cls, column: str, values: Sequence[str], codes: NDArray[np.integer[Any]]) -> Self:
        """From each scored sample's position in ``values``, -1 for a blank."""
        filled = int(np.count_nonzero(codes >= 0))
        used = np.unique(codes[codes >= 0])
        repeated: bool | None = used.size < filled
        seen = None
        if not repeated:
            words = np.array([values[code] for code in used], dtype=object)
            seen = (
                np.sort(pd.util.hash_array(words, categorize=False))
                if words.size
                else np.array([], np.uint64)
            )
        return cls(column=column, filled=filled, blank=codes.size - filled, repeated=repeated, seen=seen)

    def __add__(self, other: Subjects) -> Subjects:
        """The subjects of both parts.

        Raises:
            ValueError: The columns differ.
        """
        if self.column != other.column:
            raise ValueError(f"the parts take {self.column!r} and {other.column!r} for what belongs together")
        repeated: bool | None = None
        seen = None
        if self.repeated or other.repeated:
            repeated = True
        elif self.seen is not None and other.seen is not None:
            both = np.union1d(self.seen, other.seen)
            repeated = both.size < self.seen.size + other.seen.size
            if not repeated and both.size <= _MOST_SUBJECTS:
                seen = both
            elif not repeated:
                repeated = None
        return Subjects(
            column=self.column, filled=self.filled + other.filled, blank=self.blank + other.blank,
            repeated=repeated, seen=seen,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """Rows of a table or of a part of a file as arrays, to be counted.

    Attributes:
        scores: Shape (n,); ``nan`` where there is no score.
        kinds: 0 for a bona fide sample, 1 for an attack without a type, 2 + i for one of ``types[i]``, shape (n,).
        types: Names of attack types.
        not_sent: Whether each sample was never sent, shape (n,); ``None`` where every one was.
        columns: The columns to slice by.
        splits: Position of each row's split in `SPLITS`, shape (n,); ``None`` where they are not told apart.
    """

    scores: NDArray[np.float64]
    kinds: NDArray[np.unsignedinteger[Any]]
    types: Sequence[str]
    not_sent: NDArray[np.bool_] | None
    columns: Sequence[SliceColumn]
    splits: NDArray[np.integer[Any]] | None = None

    @classmethod
    def of(cls, table: ScoreTable, by: Iterable[str | Windows], *, split: bool = False) -> Self:
        """From a table.

        Args:
            table: The table.
            by: Columns to slice by.
            split: Whether the splits are told apart, where there are any.
        """
        kinds = table.frame["attack_type"].cat
        n = len(kinds.categories)
        codes = kinds.codes.to_numpy().astype(np.min_scalar_type(n + 1))  # -1 wraps around, and back
        codes += codes.dtype.type(2)
        codes *= table.is_attack
        parts = None
        if split and len(names := table.frame["split"].cat.categories):
            lookup = np.array([*(SPLITS.index(name) if name in SPLITS else 0 for name in names), 0], np.int8)
            parts = lookup[table.frame["split"].cat.codes]
        outcome = table.frame["outcome"].cat
        unsent = outcome.codes.to_numpy() == outcome.categories.get_loc("not_sent")
        return cls(
            scores=table.scores,
            kinds=codes,
            types=[str(name) for name in kinds.categories],
            not_sent=unsent if unsent.any() else None,
            columns=[_column(table, name) for name in by],
            splits=parts,
        )

    def take(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> Rows:
        """These rows only."""
        return replace(
            self,
            scores=self.scores[rows],
            kinds=self.kinds[rows],
            not_sent=None if self.not_sent is None else self.not_sent[rows],
            columns=[replace(own, codes=own.codes[rows]) for own in self.columns],
            splits=None if self.splits is None else self.splits[rows],
        )

    def part(self) -> Part:
        """All rows, counted."""
        return self._parts(1, None)[0]

    def sliced(self, column: SliceColumn) -> dict[str, Part]:
        """The rows of each value of a column, counted."""
        n = len(column.values)
        if (len(self.types) + 2) * n <= _MOST_CELLS_AT_ONCE and on_grid(self._scored()):
            parts = self._parts(n, column.codes)
        else:
            order = np.argsort(column.codes, kind="stable")
            ends = np.searchsorted(column.codes[order], np.arange(n + 1))
            parts = [replace(self, columns=()).take(order[ends[i] : ends[i + 1]]).part() for i in range(n)]
        return {value: part for value, part in zip(column.values, parts, strict=True) if part.n}

    def _scored(self) -> NDArray[np.float64]:
        missing = np.isnan(self.scores)
        return self.scores[~missing] if missing.any() else self.scores

    def _parts(self, n: int, codes: NDArray[np.integer[Any]] | None) -> list[Part]:
        """The rows of each of ``n`` codes, counted in one pass."""
        n_kinds = len(self.types) + 2
        cells = self.kinds
        if codes is not None:
            cells = self.kinds.astype(np.min_scalar_type(n_kinds * n))
            cells *= cells.dtype.type(n)
            np.add(cells, codes, out=cells, casting="unsafe")
        missing = np.isnan(self.scores)
        whole = not missing.any()
        scored = slice(None) if whole else ~missing
        distinct, counted = tally(self.scores[scored], cells[scored], n_kinds * n)
        without = [{} for _ in range(n)], [{} for _ in range(n)]  # type: tuple[list[dict[str | None, int]], ...]
        if not whole:
            unsent = np.zeros_like(missing) if self.not_sent is None else self.not_sent
            for found, of in zip(without, (missing & ~unsent, missing & unsent), strict=True):
                sizes = np.bincount(cells[of], minlength=n_kinds * n).reshape(n_kinds, n)
                for kind, own in np.argwhere(sizes).tolist():
                    found[own][self._name(kind)] = int(sizes[kind, own])
        return [
            Part(
                counts=_counts(distinct, counted[own::n], self.types),
                silent=without[0][own],
                unsent=without[1][own],
            )
            for own in range(n)
        ]

    def _name(self, kind: int) -> str | None:
        return None if kind == 0 else _UNTYPED if kind == 1 else self.types[kind - 2]


def _counts(
    distinct: NDArray[np.float64], by_kind: Sequence[NDArray[Any]], types: Sequence[str]
) -> ScoreCounts:
    """Counts from those of each kind: bona fide, untyped, and each type."""
    named = {name: own for name, own in zip(types, by_kind[2:], strict=True) if own.any()}
    attack: NDArray[Any]
    if not named:
        attack = by_kind[1]
    else:
        own = [by_kind[1]] if by_kind[1].any() else []
        own += [*named.values()]
        attack = own[0] if len(own) == 1 else own[0] + own[1]
        for further in own[2:]:
            attack += further
    return ScoreCounts(
        scores=distinct, bona_fide=by_kind[0], attack=attack, by_attack_type=dict(sorted(named.items()))
    ).compact()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tallied:
    """Everything that `evaluate` and `recommend` need of independent samples, without the samples.

    It adds up: the sum over parts of a table is that of the table, in any order, so the parts may be read one after
    another, or counted on different machines. It is pickled in a few hundred kilobytes where scores have four
    decimals. On a frame's partitions::

        parts = [Tallied.of_frame(frame, by=["region"]) for frame in partitions]  # anywhere
        whole = summed(parts)
        evaluate(whole, by=["region"])

    Attributes:
        total: All samples; attacks without a type are in no type yet, for whether others have one is known of the
            whole only. Use `everything`.
        sliced: For each column the samples of each value. Use `slices_of`.
        splits: The samples of each of `SPLITS` by themselves, where these were told apart; then the same in these.
        audit: The answers' own decisions.
        subjects: Whether samples belong together; ``None`` where nobody asked.
        labelled: Whether the samples have labels; without, all are counted as if they were bona fide.
        origin: Where the samples are from, with an empty digest where they were not in one table.
    """

    total: Part
    sliced: Mapping[str, Mapping[str, Part]]
    audit: DecisionAudit
    origin: Provenance
    splits: Mapping[str, Tallied] = field(default_factory=dict)
    subjects: Subjects | None = None
    labelled: bool = True

    @classmethod
    def of(
        cls,
        table: ScoreTable,
        by: Iterable[str | Windows] = (),
        *,
        cluster: str | None = None,
        split: bool = True,
    ) -> Self:
        """Count the samples of a table.

        Args:
            table: The table.
            by: Columns whose values, or windows of time, are counted each by itself.
            cluster: Column that says which samples belong together; ``None`` is ``subject``, ``"none"`` no column.
            split: Whether samples to choose on and to measure on are told apart, where a column ``split`` is filled.

        Raises:
            ValueError: There is no such column, or it has too many different values.

        Example:
            >>> frame = pd.DataFrame({"label": ["real", "fake", "fake"], "score": [0.1, 0.9, 0.9], "day": [1, 1, 2]})
            >>> tallied = Tallied.of(ScoreTable.from_frame(frame), by=["day"])
            >>> tallied.everything().sizes.attack, list(tallied.slices_of("day"))
            (2, ['1', '2'])
        """
        found = cls.of_rows(
            Rows.of(table, by, split=split),
            audit=audit_of(table.frame),
            origin=table.provenance,
            subjects=None if cluster == "none" else _subjects(table, cluster or "subject"),
        )
        return found if table.labelled else replace(found, labelled=False)

    @classmethod
    def of_frame(
        cls,
        frame: pd.DataFrame,
        *,
        by: Iterable[str | Windows] = (),
        cluster: str | None = None,
        split: bool = True,
        source: str = "frame",
        **reading: Any,
    ) -> Self:
        """Count the samples of a frame that is a part of a whole, such as a partition.

        Args:
            frame: The part, with at least a label and a score column.
            by: As of `of`.
            cluster: As of `of`.
            split: As of `of`.
            source: What to call the data in messages.
            reading: Names of columns and the range of scores, as of `ScoreTable.from_frame`.

        Raises:
            ScoresError: A column is missing, or a row is not what it should be.
        """
        table = ScoreTable.from_frame(frame, source=source, **reading)
        return cls.of(table.with_provenance(digest=""), by, cluster=cluster, split=split)

    @classmethod
    def of_rows(
        cls, rows: Rows, *, audit: DecisionAudit, origin: Provenance, subjects: Subjects | None = None
    ) -> Self:
        """Count rows; the other arguments are the attributes."""
        nothing = DecisionAudit(
            ge_mismatches=0, gt_mismatches=0, at_threshold=0, audited=0, thresholds_seen=()
        )
        splits: dict[str, Tallied] = {}
        if rows.splits is not None:
            for i, name in enumerate(SPLITS):
                own = replace(rows.take(rows.splits == i), splits=None)
                if own.scores.size:
                    splits[name] = cls.of_rows(own, audit=nothing, origin=origin)
        sliced = {column.name: rows.sliced(column) for column in rows.columns}
        first = next(iter(sliced.values()), None)
        total = rows.part() if not first else _added([*first.values()])
        return cls(
            total=total,
            sliced=sliced,
            splits=splits,
            audit=audit,
            subjects=subjects,
            origin=origin,
        )

    def __len__(self) -> int:
        return self.total.n

    def __add__(self, other: Tallied) -> Tallied:
        """The samples of both.

        Raises:
            ScoresError: One has labels and the other has none.
            ValueError: They were not counted by the same columns, or a column has too many different values.
        """
        if self.labelled != other.labelled:
            silent = other if self.labelled else self
            raise ScoresError(
                f"{silent.origin.source}: there is no column 'label', while other parts have one"
            )
        if [*self.sliced] != [*other.sliced] or (self.subjects is None) != (other.subjects is None):
            raise ValueError("the parts were not counted by the same columns; name the same ones for each")
        sliced = {name: _both(own, other.sliced[name]) for name, own in self.sliced.items()}
        for name, values in sliced.items():
            few_enough(name, len(values.keys() - {MISSING}))
        subjects = self.subjects
        if subjects is not None and other.subjects is not None:
            subjects = subjects + other.subjects
        same = self.origin == other.origin
        return Tallied(
            total=self.total + other.total,
            sliced=sliced,
            splits=self._splits_with(other),
            audit=self.audit + other.audit,
            subjects=subjects,
            labelled=self.labelled,
            origin=self.origin
            if same and not self.origin.digest
            else Provenance(source=self.origin.source, digest=""),
        )

    def _splits_with(self, other: Tallied) -> dict[str, Tallied]:
        mine, others = dict(self.splits), dict(other.splits)
        if bool(mine) != bool(others):  # the parts of one have no such column: they are of no split
            for found, own in ((mine, self), (others, other)):
                if not found and len(own):
                    found[SPLITS[0]] = replace(own, splits={}, subjects=None)
        bare = {**{name: replace(own, subjects=None) for name, own in mine.items()}}
        for name, own in others.items():
            bare[name] = bare[name] + own if name in bare else own
        return bare

    @property
    def provenance(self) -> Provenance:
        """Where the samples are from; the digest of those that were not in one table is that of their counts."""
        return self.origin if self.origin.digest else replace(self.origin, digest=self._digest())

    @property
    def n_scored(self) -> int:
        """How many samples have a score."""
        return self.total.n_scored

    @property
    def types_told_apart(self) -> bool:
        """Whether some attack has a type, scored or not."""
        return bool(self.total.attack_types_seen())

    def require_labels(self) -> None:
        """Refuse samples without labels.

        Raises:
            ScoresError: They have none.
        """
        if not self.labelled:
            raise ScoresError(
                f"{self.origin.source}: there is no column 'label'; without labels only compare says something"
            )

    def everything(self) -> Part:
        """All samples; attacks without a type are ``"unspecified"`` where others have one."""
        return self.total.typed() if self.types_told_apart else self.total

    def slices_of(self, column: str) -> dict[str, Part]:
        """The samples of each value of a column, in the order of the values.

        Raises:
            ValueError: The samples were not counted by this column.
        """
        if column not in self.sliced:
            known = ", ".join(self.sliced) or "none"
            raise ValueError(f"the samples were not counted by the column {column!r}; by: {known}")
        parts, typed = self.sliced[column], self.types_told_apart
        return {value: parts[value].typed() if typed else parts[value] for value in in_order(parts, column)}

    def blank_subjects(self, cluster: str | None) -> int:
        """Scored samples without a subject, where others have one, so that samples are taken as independent.

        Args:
            cluster: The column that says which samples belong together; ``None`` for ``subject`` where it is filled,
                ``"none"`` takes samples as independent.

        Raises:
            ValueError: Samples belong together, which counts cannot tell; or the column is blank for some, or is not
                the one that was looked at when the samples were counted.
        """
        found = self.subjects
        if cluster == "none" or (found is None and cluster is None):
            return 0
        if found is None or (cluster is not None and cluster != found.column):
            raise ValueError(
                f"whether samples belong together by {cluster!r} was not looked at when they were counted; name the"
                " column then"
            )
        if found.blank and cluster is not None:
            raise ValueError(
                f"column {cluster!r} is blank for {found.blank} scored samples, so it cannot say which samples belong"
                " together; fill it, or use cluster='none'"
            )
        if found.blank:
            return found.blank if found.filled else 0
        if found.repeated is not False and found.filled:
            words = clusters_in_words(found.column)
            what = (
                "have several samples"
                if found.repeated
                else f"are more than {_MOST_SUBJECTS}, and may have several samples"
            )
            raise ValueError(
                f"{self.origin.source}: {words} {what} each, and counts cannot say which samples belong together: read"
                " the samples as one table (one Parquet file or run folder), or take them as independent with"
                " cluster 'none', which makes intervals too narrow and promises about thresholds too bold"
            )
        return 0

    @property
    def belong_together(self) -> bool:
        """Whether samples may share a subject, so that their counts do not suffice."""
        found = self.subjects
        return bool(found and found.filled and not found.blank and found.repeated is not False)

    def _digest(self) -> str:
        """sha256 of the counts: the same for the same samples in any order and in any parts."""
        digest = hashlib.sha256(b"finauth-eval/score-counts/1")
        counts = self.total.counts
        for own in (counts.scores + 0.0, counts.bona_fide, counts.attack, *counts.by_attack_type.values()):
            digest.update(np.ascontiguousarray(own, dtype="<f8").tobytes())
        rest = [sorted(own.items(), key=str) for own in (self.total.silent, self.total.unsent)]
        digest.update(json.dumps([[*counts.by_attack_type], rest]).encode())
        return digest.hexdigest()


def summed(parts: Iterable[Tallied]) -> Tallied:
    """The sum, merged in pairs of about one size, so that no part is copied more than a few times.

    Raises:
        ValueError: There is no part.
    """
    waiting: list[Tallied] = []
    for part in parts:
        waiting.append(part)
        while len(waiting) > 1 and _size(waiting[-2]) <= 2 * _size(waiting[-1]):
            last = waiting.pop()
            waiting[-1] = waiting[-1] + last
    if not waiting:
        raise ValueError("there is no part to add up")
    while len(waiting) > 1:
        last = waiting.pop()
        waiting[-1] = waiting[-1] + last
    return waiting[0]


def _added(parts: Sequence[Part]) -> Part:
    """The sum of parts of a whole."""
    return reduce(operator.add, parts)


def _size(tallied: Tallied) -> int:
    return tallied.total.counts.scores.size


def _both(mine: Mapping[str, Part], others: Mapping[str, Part]) -> dict[str, Part]:
    found = dict(mine)
    for value, own in others.items():
        found[value] = found[value] + own if value in found else own
    return found


def _column(table: ScoreTable, by: str | Windows) -> SliceColumn:
    if isinstance(by, str):
        return SliceColumn.of(table, by)
    require_column(table, by.column)
    return by.of(table.frame[by.column], source=table.provenance.source)


def _subjects(table: ScoreTable, column: str) -> Subjects:
    require_column(table, column)
    codes, values = pd.factorize(table.frame[column][table.scored])
    return Subjects.of(column, [str(value) for value in values], codes)
