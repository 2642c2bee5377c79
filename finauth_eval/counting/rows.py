"""Rows of a table or of a part of a file, counted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

from finauth_eval.counting.part import UNTYPED, Part
from finauth_eval.metrics.counts import ScoreCounts
from finauth_eval.metrics.tally import on_grid, tally
from finauth_eval.samples import require_column
from finauth_eval.slicing import SliceColumn, Windows

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from finauth_eval.scores import ScoreTable

__all__ = ["SPLITS", "Rows"]

SPLITS: Final = ("", "calibration", "test")
"""The splits that are told apart; the first stands for every other one and for none."""
_MOST_CELLS_AT_ONCE: Final = 256


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
        return None if kind == 0 else UNTYPED if kind == 1 else self.types[kind - 2]


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


def _column(table: ScoreTable, by: str | Windows) -> SliceColumn:
    if isinstance(by, str):
        return SliceColumn.of(table, by)
    require_column(table, by.column)
    return by.of(table.frame[by.column], source=table.provenance.source)
