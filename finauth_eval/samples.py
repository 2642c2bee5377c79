"""The samples of a score table as arrays: their classes, attack types and clusters."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import pandas as pd

from finauth_eval.metrics.clustered import ClusteredScores
from finauth_eval.metrics.counts import ScoreCounts
from finauth_eval.phrases import phrase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from finauth_eval.scores import ScoreTable

__all__ = [
    "UNSPECIFIED",
    "ClassCounts",
    "ClusteredSamples",
    "SampleArrays",
    "Selection",
    "blank_subjects",
    "cluster_codes",
    "cluster_column",
    "clusters_in_words",
    "count_scores",
    "require_column",
]

Selection: TypeAlias = "NDArray[np.bool_] | NDArray[np.int64]"
"""Some of the samples: which rows, or how many of each row where rows stand for several."""
UNSPECIFIED: Final = "unspecified"
"""The type of attacks without one, where others have one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassCounts:
    """How many samples have a score, and how many have none, per class."""

    bona_fide: int
    attack: int
    no_response_bona_fide: int
    no_response_attack: int

    def describe(self) -> str:
        """One sentence.

        Example:
            >>> ClassCounts(bona_fide=75, attack=200, no_response_bona_fide=0, no_response_attack=1).describe()
            '75 bona fide and 200 attacks have a score; 0 and 1 have none'
        """
        return (
            f"{self.bona_fide} bona fide and {self.attack} attacks have a score;"
            f" {self.no_response_bona_fide} and {self.no_response_attack} have none"
        )

    def to_dict(self) -> dict[str, Any]:
        """``counts`` of the JSON contract."""
        return {
            "bona_fide": self.bona_fide,
            "attack": self.attack,
            "no_response": {"bona_fide": self.no_response_bona_fide, "attack": self.no_response_attack},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleArrays:
    """The columns of a score table that numbers are made of, as arrays; a row a sample.

    Attributes:
        scores: Shape (n,); ``nan`` where there is no score.
        is_attack: Shape (n,).
        type_codes: Position of each attack's type in ``types``, -1 for none, shape (n,).
        types: Names of the attack types.
        not_sent: Whether the sample was never sent, shape (n,).
        weights: How many samples each row stands for, shape (n,); ``None`` where each is one.
    """

    scores: NDArray[np.float64]
    is_attack: NDArray[np.bool_]
    type_codes: NDArray[np.integer[Any]]
    types: tuple[str, ...]
    not_sent: NDArray[np.bool_]
    weights: NDArray[np.int64] | None = None

    @classmethod
    def of_counts(cls, counts: ScoreCounts, types: tuple[str, ...]) -> SampleArrays:
        """One row for each score and kind that there is a sample of: bona fide, then each type.

        Args:
            counts: The counts.
            types: Names of the types, with at least those of the counts.
        """
        untyped = counts.attack.astype(np.int64)
        for own in counts.by_attack_type.values():
            untyped -= own
        kinds = [
            (counts.bona_fide.astype(np.int64), False, -1),
            (untyped, True, -1),
            *((own.astype(np.int64), True, types.index(name)) for name, own in counts.by_attack_type.items()),
        ]
        return cls.joined(
            [
                cls(
                    scores=counts.scores[seen],
                    is_attack=np.full(seen.size, attack),
                    type_codes=np.full(seen.size, code),
                    types=types,
                    not_sent=np.zeros(seen.size, dtype=bool),
                    weights=own[seen],
                )
                for own, attack, code in kinds
                for seen in (np.flatnonzero(own),)
            ],
            types,
        )

    @classmethod
    def joined(cls, parts: Sequence[SampleArrays], types: tuple[str, ...]) -> SampleArrays:
        """The rows of all parts, one after another; every part has these types."""
        weights = [own.weights for own in parts if own.weights is not None]
        empty = np.array([], dtype=np.int64)

        def all_of(arrays: list[NDArray[Any]], dtype: type) -> NDArray[Any]:
            return np.concatenate([np.array([], dtype=dtype), *arrays])

        return cls(
            scores=all_of([own.scores for own in parts], np.float64),
            is_attack=all_of([own.is_attack for own in parts], np.bool_),
            type_codes=all_of([own.type_codes for own in parts], np.intp).astype(np.intp),
            types=types,
            not_sent=all_of([own.not_sent for own in parts], np.bool_),
            weights=np.concatenate([empty, *weights]) if weights or not parts else None,
        )

    @classmethod
    def of(cls, table: ScoreTable) -> SampleArrays:
        """From a table; attacks without a type become ``"unspecified"`` where others have one.

        Raises:
            ScoresError: The table has no labels.
        """
        table.require_labels()
        kinds = table.frame["attack_type"].cat
        codes, types = kinds.codes.to_numpy(), tuple(str(name) for name in kinds.categories)
        attack = table.is_attack
        untyped = attack & (codes < 0)
        if types and untyped.any():  # else the worst type's rate would leave them out
            types = types if UNSPECIFIED in types else (*types, UNSPECIFIED)
            codes = np.where(untyped, types.index(UNSPECIFIED), codes)
        return cls(
            scores=table.scores,
            is_attack=attack,
            type_codes=codes,
            types=types,
            not_sent=np.asarray(table.frame["outcome"] == "not_sent"),
        )

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> SampleArrays:
        """These rows only, given by position or by mask."""
        return replace(
            self,
            scores=self.scores[rows],
            is_attack=self.is_attack[rows],
            type_codes=self.type_codes[rows],
            not_sent=self.not_sent[rows],
            weights=None if self.weights is None else self.weights[rows],
        )

    def attack_types_seen(self) -> set[str]:
        """The types that some attack has, scored or not."""
        return {self.types[code] for code in np.unique(self.type_codes[self.is_attack]) if code >= 0}

    def scored_types(self) -> tuple[str, ...]:
        """The types that some attack with a score has, ascending."""
        return tuple(sorted(self.take(~np.isnan(self.scores)).attack_types_seen()))

    def counts(self) -> ScoreCounts:
        """The counts of every row with a score."""
        scored = ~np.isnan(self.scores)
        own = self if scored.all() else self.take(scored)
        if own.weights is not None and (own.weights != 1).any():
            return own._weighted()  # noqa: SLF001 - of the same class
        return ScoreCounts.from_codes(own.scores, own.is_attack, type_codes=own.type_codes, types=own.types)

    def _weighted(self) -> ScoreCounts:
        scores, rows = np.unique(self.scores, return_inverse=True)
        kinds = np.where(self.is_attack, np.maximum(self.type_codes, -1) + 2, 0)

        def total(own: NDArray[np.bool_]) -> NDArray[np.int64]:
            found = np.bincount(rows[own], self.weights[own], minlength=scores.size)  # type: ignore[index]
            return found.astype(np.int64)  # exact up to 2^53

        named = {
            name: total(own) for i, name in enumerate(self.types) for own in (kinds == i + 2,) if own.any()
        }
        return ScoreCounts(
            scores=scores,
            bona_fide=total(~self.is_attack),
            attack=total(self.is_attack),
            by_attack_type=dict(sorted(named.items())),
        ).compact()

    def share(self, which: NDArray[np.bool_], of: NDArray[np.bool_]) -> float:
        """The share of the samples of some rows that are in others too; ``nan`` where those are none.

        Args:
            which: Mask of the rows, shape (n,).
            of: Mask of those that the share is of, shape (n,).
        """
        if self.weights is None:
            return float(np.mean(which[of])) if of.any() else float("nan")
        total = int(self.weights[of].sum())
        return int(self.weights[which & of].sum()) / total if total else float("nan")

    def clustered(
        self, counts: ScoreCounts, clusters: NDArray[np.integer[Any]] | None
    ) -> ClusteredScores | None:
        """The rows with a score and their clusters, or ``None`` where no cluster has more than one of them.

        Args:
            counts: The counts of every row with a score.
            clusters: The cluster of every row, shape (n,); ``None`` where samples are taken as independent.
        """
        if clusters is None:
            return None
        scored = ~np.isnan(self.scores)
        own = self.take(scored)
        found = ClusteredScores.of(
            counts, own.scores, is_attack=own.is_attack, clusters=clusters[scored], type_codes=own.type_codes,
            types=own.types, weights=own.weights,
        )  # fmt: skip
        return found if found.repeated else None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClusteredSamples:
    """The scored samples, and which of them belong together.

    Attributes:
        arrays: The samples, every one with a score; rows may stand for several.
        clusters: Each sample's cluster, shape (n,); ``None`` where samples are taken as independent.
        cluster: The column that the clusters are from, or ``None``.
        blank: Scored samples without a subject, where that keeps the others' subjects from being taken as clusters.
    """

    arrays: SampleArrays
    clusters: NDArray[np.integer[Any]] | None
    cluster: str | None
    blank: int = 0

    def with_scores(self, scores: NDArray[np.float64]) -> ClusteredSamples:
        """The same samples with other scores, shape (n,)."""
        return replace(self, arrays=replace(self.arrays, scores=scores))

    @property
    def repeated(self) -> bool:
        """Whether some cluster has several samples."""
        if self.clusters is None:
            return False
        weights = self.arrays.weights
        n = self.clusters.size if weights is None else int(weights.sum())
        return n > np.unique(self.clusters).size

    def selection(self) -> Selection:
        """All samples, as a selection."""
        if self.arrays.weights is not None:
            return self.arrays.weights
        return np.ones(self.arrays.scores.size, dtype=bool)

    def take(self, selection: Selection) -> ClusteredSamples:
        """The samples of a selection only."""
        rows = selection > 0
        arrays = self.arrays.take(rows)
        if arrays.weights is not None:
            arrays = replace(arrays, weights=selection[rows].astype(np.int64))
        return replace(self, arrays=arrays, clusters=None if self.clusters is None else self.clusters[rows])

    def merged(self) -> ClusteredSamples:
        """The same samples with one row for each score and kind, where independent ones stand for several."""
        if self.arrays.weights is None or self.clusters is not None:
            return self
        return replace(self, arrays=SampleArrays.of_counts(self.arrays.counts(), self.arrays.types))

    def followed_by(self, others: Sequence[ClusteredSamples]) -> ClusteredSamples:
        """These samples, and then others of the same table."""
        every = [self, *others]
        clusters = [own.clusters for own in every if own.clusters is not None]
        return replace(
            self,
            arrays=SampleArrays.joined([own.arrays for own in every], self.arrays.types),
            clusters=np.concatenate(clusters) if clusters else None,
        )


def count_scores(scores: ScoreTable) -> ScoreCounts:
    """The counts of every scored row; attacks without a type are ``"unspecified"`` where others have one.

    Args:
        scores: The table.

    Example:
        >>> import pandas as pd
        >>> from finauth_eval.scores import ScoreTable
        >>> frame = pd.DataFrame({"label": ["real", "fake", "fake"], "score": [0.1, 0.9, 0.7],
        ...                       "attack_type": ["", "swap", ""]})
        >>> list(count_scores(ScoreTable.from_frame(frame)).by_attack_type)
        ['swap', 'unspecified']
    """
    return SampleArrays.of(scores).counts()


def cluster_column(scores: ScoreTable, cluster: str | None = None) -> str | None:
    """The column that says which samples belong together, or ``None``.

    Args:
        scores: The table.
        cluster: A column; ``None`` for ``subject`` where it is filled for every scored sample; ``"none"`` for none.

    Raises:
        ValueError: There is no such column, or it is blank for a scored sample.
    """
    if cluster == "none":
        return None
    name = "subject" if cluster is None else cluster
    require_column(scores, name)
    blank = int((scores.frame[name].isna().to_numpy() & scores.scored).sum())
    if not blank:
        return name
    if cluster is None:
        return None
    raise ValueError(
        f"column {name!r} is blank for {blank} scored samples, so it cannot say which samples belong together;"
        " fill it, or use cluster='none'"
    )


def blank_subjects(scores: ScoreTable) -> int:
    """Scored samples without a subject, where other scored samples have one; else 0."""
    subjects = scores.frame["subject"].isna().to_numpy()[scores.scored]
    blank = int(subjects.sum())
    return blank if blank < subjects.size else 0


def cluster_codes(scores: ScoreTable, column: str | None) -> NDArray[np.intp] | None:
    """The cluster of every row as a number, -1 where the column is blank, shape (n,); ``None`` without a column."""
    return None if column is None else pd.factorize(scores.frame[column])[0]


def clusters_in_words(column: str) -> str:
    """What the clusters of a column are called, in the plural.

    Example:
        >>> clusters_in_words("subject"), clusters_in_words("device")
        ('subjects', "values of 'device'")
    """
    return phrase("subjects") if column == "subject" else phrase("values of {column}", column=repr(column))


def require_column(scores: ScoreTable, name: str) -> None:
    """Refuse the name of a column that the table has not, and say which it has.

    Raises:
        ValueError: There is no such column.
    """
    if name not in scores.frame.columns:
        filled = scores.frame.columns[scores.frame.notna().any().to_numpy()]
        raise ValueError(
            f"there is no column {name!r}; the columns with values are {', '.join(map(str, filled))}"
        )
