"""Samples that belong together, counted: how many each cluster has of every score, class, attack type and slice."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

import numpy as np

from finauth_eval.counting.part import UNTYPED
from finauth_eval.metrics.counts import merged_ascending
from finauth_eval.samples import UNSPECIFIED, SampleArrays

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from finauth_eval.counting.rows import Rows
    from finauth_eval.metrics.clustered import ClusteredScores
    from finauth_eval.metrics.counts import ScoreCounts

__all__ = ["MOST_CELLS", "Cells", "Profile"]

MOST_CELLS: Final = 1 << 25
"""So many cells are added up; a sum of more is refused."""
_FEW_CODES: Final = 1 << 16
_MOST_BITS: Final = 63


class Profile(NamedTuple):
    """What the samples of a cell share beside their cluster and score.

    Attributes:
        is_attack: Their class.
        attack_type: Their type; ``""`` for none, and for bona fide samples.
        split: Position of their split in `finauth_eval.counting.rows.SPLITS`.
        values: Their value of each column to slice by.
    """

    is_attack: bool
    attack_type: str
    split: int
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells:
    """The scored samples of clusters, such as persons, as cells: samples that nothing tells apart.

    It adds up, in any order: equal samples give equal cells, in one order. So whatever is computed from cells is the
    same whether they were counted at once or in parts. A cluster is known by a number made of its name, not by the
    name: 64 bits, so that two of ten million names share one with a chance of 1 in 400,000, and would count as one.

    Attributes:
        columns: Names of the columns to slice by.
        clusters: The clusters' numbers, ascending, shape (g,).
        profiles: The profiles that some sample has, ascending.
        scores: The distinct scores, ascending, shape (k,).
        keys: Of each cell the positions of its cluster, profile and score, made one number; ascending, shape (c,).
        sizes: How many samples each cell has, shape (c,).

    Example:
        >>> from finauth_eval.counting.rows import Rows
        >>> rows = Rows(scores=np.array([0.5, 0.5, 0.1]), kinds=np.array([0, 0, 1]), types=[], not_sent=None, columns=[])
        >>> cells = Cells.of(rows, np.array([7, 9], np.uint64), np.array([1, 1, 0]))
        >>> (cells + cells).sizes.tolist(), cells.n_clusters
        ([2, 4], 2)
    """

    columns: tuple[str, ...]
    clusters: NDArray[np.uint64]
    profiles: tuple[Profile, ...]
    scores: NDArray[np.float64]
    keys: NDArray[np.int64]
    sizes: NDArray[np.integer[Any]]

    @classmethod
    def of(cls, rows: Rows, numbers: NDArray[np.uint64], codes: NDArray[np.integer[Any]]) -> Self:
        """Count rows.

        Args:
            rows: The rows; those without a score are left out.
            numbers: The clusters' numbers, shape (h,), such as `finauth_eval.counting.subjects.numbers_of` makes.
            codes: Position of each row's cluster in ``numbers``, shape (n,); not looked at where there is no score.
        """
        scored = ~np.isnan(rows.scores)
        if not scored.all():
            rows, codes = rows.take(scored), codes[scored]
        seen = np.bincount(codes, minlength=numbers.size) > 0
        clusters, place = np.unique(numbers[seen], return_inverse=True)
        of_code = np.zeros(numbers.size, dtype=np.int64)
        of_code[seen] = place
        splits = np.zeros(codes.size, dtype=np.int8) if rows.splits is None else rows.splits
        kinds = [(False, UNTYPED), (True, UNTYPED), *((True, name) for name in rows.types)]
        named = [
            (rows.kinds, kinds),
            (splits, [0, 1, 2]),
            *((own.codes, own.values) for own in rows.columns),
        ]  # type: list[tuple[NDArray[Any], Sequence[Any]]]
        profile, combined = _combined(named)
        scores, score = np.unique(rows.scores + 0.0, return_inverse=True)
        return cls._made(
            tuple(own.name for own in rows.columns),
            clusters,
            [
                Profile(is_attack=attack, attack_type=name, split=split, values=tuple(values))
                for (attack, name), split, *values in combined
            ],
            scores,
            (of_code[codes], profile, score),
        )

    @classmethod
    def _made(
        cls,
        columns: tuple[str, ...],
        clusters: NDArray[np.uint64],
        profiles: Sequence[Profile],
        scores: NDArray[np.float64],
        places: tuple[NDArray[Any], NDArray[Any], NDArray[Any]],
        sizes: NDArray[np.integer[Any]] | None = None,
    ) -> Self:
        """From the positions of cluster, profile and score; profiles may repeat, and are in any order."""
        ascending = tuple(sorted({*profiles}))
        if sum(map(_bits, (clusters.size, len(ascending), scores.size))) > _MOST_BITS:
            raise ValueError(
                f"{clusters.size} clusters, {scores.size} different scores and {len(ascending)} combinations of attack"
                " type, split and slices are too many to be told apart; round the scores, slice by fewer columns, or"
                " take samples as independent with cluster 'none'"
            )
        place = {profile: i for i, profile in enumerate(ascending)}
        lookup = np.array([place[profile] for profile in profiles], dtype=np.int64)
        cluster, profile, score = places
        keys = cluster.astype(np.int64)
        keys <<= _bits(len(ascending))
        keys |= lookup[profile]
        keys <<= _bits(scores.size)
        keys |= score
        keys, sizes = _grouped(keys, sizes)
        return cls(
            columns=columns, clusters=clusters, profiles=ascending, scores=scores, keys=keys, sizes=sizes
        )

    def __add__(self, other: Cells) -> Cells:
        """The samples of both.

        Raises:
            ValueError: There are too many cells.
        """
        clusters, *of_cluster = merged_ascending(self.clusters, other.clusters)
        scores, *of_score = merged_ascending(self.scores, other.scores)
        parts = [own._places() for own in (self, other)]  # noqa: SLF001 - of the same class
        cluster = np.concatenate([of_cluster[i][own] for i, (own, _, _) in enumerate(parts)])
        score = np.concatenate([of_score[i][own] for i, (_, _, own) in enumerate(parts)])
        profile = np.concatenate([parts[0][1], parts[1][1] + len(self.profiles)])
        found = self._made(
            self.columns,
            clusters,
            [*self.profiles, *other.profiles],
            scores,
            (cluster, profile, score),
            np.concatenate([self.sizes, other.sizes]),
        )
        if found.keys.size > MOST_CELLS:
            raise ValueError(
                f"there are more than {MOST_CELLS} different combinations of subject, score, attack type and slice, too"
                " many to keep apart which samples belong together; round the scores, slice by fewer columns, or take"
                " samples as independent with cluster 'none', which makes intervals too narrow and promises about"
                " thresholds too bold"
            )
        return found

    @property
    def n_clusters(self) -> int:
        """How many clusters there are."""
        return self.clusters.size

    @property
    def repeated(self) -> bool:
        """Whether some cluster has several samples."""
        return int(self.sizes.sum(dtype=np.int64)) > self.n_clusters

    def over(self, column: str | None = None, *, splits: bool = False, typed: bool = False) -> Cells:
        """The same samples, told apart by fewer things.

        Args:
            column: The one column to slice by that is kept.
            splits: Whether the splits are kept.
            typed: Whether attacks without a type become a type of their own.
        """
        place = None if column is None else self.columns.index(column)
        reduced = [
            Profile(
                own.is_attack,
                UNSPECIFIED if typed and own.is_attack and own.attack_type == UNTYPED else own.attack_type,
                own.split if splits else 0,
                () if place is None else (own.values[place],),
            )
            for own in self.profiles
        ]
        columns = () if column is None else (column,)
        if reduced == [*self.profiles]:
            return replace(self, columns=columns)
        return self._made(columns, self.clusters, reduced, self.scores, self._places(), self.sizes)

    def only(self, value: str) -> Cells:
        """The cells with this value of the first column; every cluster keeps its position, whether it has any or not."""
        kept = np.array([own.values[0] == value for own in self.profiles], dtype=bool)
        rows = kept[self._places()[1]]
        return replace(self, keys=self.keys[rows], sizes=self.sizes[rows])

    def samples(self) -> tuple[SampleArrays, NDArray[np.int64], NDArray[np.int64]]:
        """A row for each cell, which stands for its samples.

        Returns:
            The rows; the cluster of each, 0 and on; and the position of its profile in ``profiles``; of shape (c,).
        """
        cluster, profile, score = self._places()
        types = tuple(sorted({own.attack_type for own in self.profiles} - {UNTYPED}))
        code = np.array(
            [types.index(own.attack_type) if own.attack_type else -1 for own in self.profiles],
            dtype=np.min_scalar_type(-1 - len(types)),
        )
        attack = np.array([own.is_attack for own in self.profiles], dtype=bool)
        single = not self.sizes.size or int(self.sizes.max()) == 1
        rows = SampleArrays(
            scores=self.scores[score],
            is_attack=attack[profile],
            type_codes=code[profile],
            types=types,
            not_sent=np.zeros(score.size, dtype=bool),
            weights=None if single else self.sizes.astype(np.int64),
        )
        return rows, cluster, profile

    def clustered(self, counts: ScoreCounts) -> ClusteredScores | None:
        """The samples with their clusters, or ``None`` where no cluster has several.

        Args:
            counts: The counts of exactly these samples.
        """
        rows, clusters, _ = self.samples()
        return rows.clustered(counts, clusters)

    def _places(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Each cell's position of its cluster, profile and score."""
        for_profile, for_score = _bits(len(self.profiles)), _bits(self.scores.size)
        score = self.keys & ((1 << for_score) - 1)
        rest = self.keys >> for_score
        return rest >> for_profile, rest & ((1 << for_profile) - 1), score


def _bits(n: int) -> int:
    """How many bits tell n things apart."""
    return max(0, n - 1).bit_length()


def _combined(
    columns: Sequence[tuple[NDArray[Any], Sequence[Any]]],
) -> tuple[NDArray[Any], list[tuple[Any, ...]]]:
    """Which combination of values each row has, and the combinations that some row has.

    Args:
        columns: Of each column every row's position among its values, and the values.
    """
    code = np.zeros(columns[0][0].size, dtype=np.int64)
    found: list[tuple[Any, ...]] = [()]
    for codes, values in columns:
        code = code * len(values) + codes
        if len(found) * len(values) <= _FEW_CODES:
            seen = np.flatnonzero(np.bincount(code, minlength=len(found) * len(values)))
            lookup = np.zeros(len(found) * len(values), dtype=np.int64)
            lookup[seen] = np.arange(seen.size)
            code = lookup[code]
        else:
            seen, code = np.unique(code, return_inverse=True)
        found = [(*found[i // len(values)], values[i % len(values)]) for i in seen.tolist()]
    return code, found


def _grouped(
    keys: NDArray[np.int64], sizes: NDArray[np.integer[Any]] | None
) -> tuple[NDArray[np.int64], NDArray[np.integer[Any]]]:
    """The distinct keys, ascending, and the sum of the sizes of each; without sizes each key counts once."""
    if not keys.size:
        return keys, np.zeros(0, dtype=np.uint8)
    if sizes is None:
        keys.sort()
    else:
        order = np.argsort(keys, kind="stable")
        keys, sizes = keys[order], sizes[order]
    first = np.ones(keys.size, dtype=bool)
    np.not_equal(keys[1:], keys[:-1], out=first[1:])
    starts = np.flatnonzero(first)
    if sizes is None:
        summed = np.diff(starts, append=keys.size)
    else:
        summed = np.add.reduceat(sizes, starts, dtype=np.int64)
    return keys[starts], summed.astype(np.min_scalar_type(int(summed.max())))
