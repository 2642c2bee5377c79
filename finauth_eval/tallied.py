"""Samples counted: what evaluating and recommending need of them, and it adds up."""

from __future__ import annotations

import operator
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import TYPE_CHECKING, Any, Self

import pandas as pd

from finauth_eval.counting.cells import Cells
from finauth_eval.counting.digest import digest_of
from finauth_eval.counting.part import Part
from finauth_eval.counting.rows import SPLITS, Rows
from finauth_eval.counting.subjects import Subjects, numbers_of
from finauth_eval.decisions import audit_of
from finauth_eval.errors import ScoresError
from finauth_eval.metrics.audit import DecisionAudit
from finauth_eval.samples import clusters_in_words, require_column
from finauth_eval.scores import Provenance, ScoreTable
from finauth_eval.slicing import MISSING, Windows, few_enough, in_order, slice_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


__all__ = ["Tallied", "summed"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tallied:
    """Everything that `evaluate` and `recommend` need of the samples, without the samples.

    It adds up: the sum over parts of a table is that of the table, in any order, so the parts may be read one after
    another, or counted on different machines. Pickled it takes some megabytes where scores have four decimals, there
    are a few slices and samples are independent; samples that belong together are counted for each cluster by itself,
    at some 20 bytes for each different score of one. On a frame's partitions::

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
        cells: The scored samples of each cluster; ``None`` where nobody asked, or some sample is of none.
        labelled: Whether the samples have labels; without, all are counted as if they were bona fide.
        origin: Where the samples are from, with an empty digest where they were not in one table.
    """

    total: Part
    sliced: Mapping[str, Mapping[str, Part]]
    audit: DecisionAudit
    origin: Provenance
    splits: Mapping[str, Tallied] = field(default_factory=dict)
    subjects: Subjects | None = None
    cells: Cells | None = None
    labelled: bool = True

    @classmethod
    def of(
        cls,
        table: ScoreTable,
        by: Iterable[str | Windows] = (),
        *,
        cluster: str | None = None,
        split: bool = True,
        together: bool = True,
    ) -> Self:
        """Count the samples of a table.

        Args:
            table: The table.
            by: Columns whose values, or windows of time, are counted each by itself.
            cluster: Column that says which samples belong together; ``None`` is ``subject``, ``"none"`` no column.
            split: Whether samples to choose on and to measure on are told apart, where a column ``split`` is filled.
            together: Whether the samples of each cluster are counted by themselves, which intervals that allow for
                clusters need; otherwise it is known only whether some samples belong together.

        Raises:
            ValueError: There is no such column, or it has too many different values.

        Example:
            >>> frame = pd.DataFrame({"label": ["real", "fake", "fake"], "score": [0.1, 0.9, 0.9], "day": [1, 1, 2]})
            >>> tallied = Tallied.of(ScoreTable.from_frame(frame), by=["day"])
            >>> tallied.everything().sizes.attack, list(tallied.slices_of("day"))
            (2, ['1', '2'])
        """
        rows, subjects, cells = Rows.of(table, by, split=split), None, None
        if cluster != "none":
            column = cluster or "subject"
            require_column(table, column)
            codes, values = pd.factorize(table.frame[column])
            numbers = numbers_of([slice_text(value) for value in values])
            subjects = Subjects.of(column, numbers, codes[table.scored])
            if together and not subjects.blank:
                cells = Cells.of(rows, numbers, codes)
        found = cls.of_rows(
            rows, audit=audit_of(table.frame), origin=table.provenance, subjects=subjects, cells=cells
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
        together: bool = True,
        source: str = "frame",
        **reading: Any,
    ) -> Self:
        """Count the samples of a frame that is a part of a whole, such as a partition.

        Args:
            frame: The part, with at least a label and a score column.
            by: As of `of`.
            cluster: As of `of`.
            split: As of `of`.
            together: As of `of`.
            source: What to call the data in messages.
            reading: Names of columns and the range of scores, as of `ScoreTable.from_frame`.

        Raises:
            ScoresError: A column is missing, or a row is not what it should be.
        """
        table = ScoreTable.from_frame(frame, source=source, **reading)
        return cls.of(table.with_provenance(digest=""), by, cluster=cluster, split=split, together=together)

    @classmethod
    def of_rows(
        cls,
        rows: Rows,
        *,
        audit: DecisionAudit,
        origin: Provenance,
        subjects: Subjects | None = None,
        cells: Cells | None = None,
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
            cells=cells,
            origin=origin,
        )

    def __len__(self) -> int:
        return self.total.n

    def __add__(self, other: Tallied) -> Tallied:
        """The samples of both.

        Raises:
            ScoresError: One has labels and the other has none.
            ValueError: They were not counted by the same columns; or a column has too many different values, or
                clusters too many different scores.
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
        cells = None
        if subjects is not None and not subjects.blank and self.cells is not None and other.cells is not None:
            cells = self.cells + other.cells
        same = self.origin == other.origin
        return Tallied(
            total=self.total + other.total,
            sliced=sliced,
            splits=self._splits_with(other),
            audit=self.audit + other.audit,
            subjects=subjects,
            cells=cells,
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
                    found[SPLITS[0]] = replace(own, splits={}, subjects=None, cells=None)
        bare = {**{name: replace(own, subjects=None, cells=None) for name, own in mine.items()}}
        for name, own in others.items():
            bare[name] = bare[name] + own if name in bare else own
        return bare

    @property
    def provenance(self) -> Provenance:
        """Where the samples are from; the digest of those that were not in one table is that of their counts."""
        return (
            self.origin
            if self.origin.digest
            else replace(self.origin, digest=digest_of(self.total, self.together()))
        )

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
            ValueError: Samples belong together, and which do was not counted; or the column is blank for some, or is not
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
        if self.belong_together and self.cells is None:
            raise ValueError(
                f"{self.origin.source}: {clusters_in_words(found.column)} may have several samples each, and which samples"
                " belong together was not counted; count with together=True, or take samples as independent with"
                " cluster='none'"
            )
        return found.blank_among_others(asked=cluster is not None)

    def together(self, cluster: str | None = None) -> Cells | None:
        """The scored samples of each cluster; ``None`` where no cluster has several, or they are independent.

        Args:
            cluster: As of `blank_subjects`, which looks at it first.
        """
        return self.cells if cluster != "none" and self.belong_together else None

    @property
    def cluster(self) -> str | None:
        """The column that says which samples belong together, where some do."""
        return self.subjects.column if self.subjects is not None and self.belong_together else None

    @property
    def belong_together(self) -> bool:
        """Whether samples may share a subject, so that their counts by score do not suffice."""
        found = self.subjects
        if not found or not found.filled or found.blank:
            return False
        return found.repeated is not False if self.cells is None else self.cells.repeated


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
    return tallied.total.counts.scores.size + (0 if tallied.cells is None else tallied.cells.keys.size)


def _both(mine: Mapping[str, Part], others: Mapping[str, Part]) -> dict[str, Part]:
    found = dict(mine)
    for value, own in others.items():
        found[value] = found[value] + own if value in found else own
    return found
