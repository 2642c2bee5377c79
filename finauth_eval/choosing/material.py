"""What there is to choose on: of a table, or of samples that were counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from finauth_eval.counted import counted
from finauth_eval.counting.rows import SPLITS
from finauth_eval.decisions import running_threshold
from finauth_eval.samples import ClusteredSamples, SampleArrays

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from finauth_eval.counting.cells import Cells
    from finauth_eval.counting.part import Part
    from finauth_eval.scores import ScoreTable
    from finauth_eval.tallied import Tallied

__all__ = ["Material"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Material:
    """The scored samples, and what tells them apart.

    Samples are held as counts, whether they come from a table or were counted before: one row for each score and kind,
    of each cluster where some belong together. So the answer is the same for both, and its time grows with the number
    of distinct scores.

    Attributes:
        samples: The samples; each row may stand for several of them.
        values: The segments, ascending; empty without.
        codes: Each row's position in ``values``, shape (n,).
        splits: Position of each row's split in `SPLITS`; ``None`` where there are not both ``calibration`` and ``test``.
        current: The threshold in force.
    """

    samples: ClusteredSamples
    values: tuple[str, ...]
    codes: NDArray[np.integer[Any]]
    splits: NDArray[np.integer[Any]] | None
    current: float

    @classmethod
    def of(cls, scores: ScoreTable | Tallied, *, by: str | None, cluster: str | None) -> Self:
        """From a table or from counts.

        Args:
            scores: The table, or the samples that were counted.
            by: A column whose values are segments.
            cluster: As of `finauth_eval.samples.cluster_column`.

        Raises:
            ScoresError: There are no labels.
            ValueError: An unknown column; or counted samples that belong together, where which do was not counted.
        """
        found, blank = counted(scores, () if by is None else (by,), cluster=cluster)
        cells = found.together(cluster)
        return cls._of_counts(found, by, blank=blank) if cells is None else cls._of_cells(found, cells, by)

    @classmethod
    def _of_cells(cls, scores: Tallied, cells: Cells, by: str | None) -> Self:
        values = () if by is None else tuple(scores.slices_of(by))
        both = {*SPLITS[1:]} <= scores.splits.keys()
        cells = cells.over(by, splits=both, typed=scores.types_told_apart)
        arrays, clusters, profiles = cells.samples()
        return cls(
            samples=ClusteredSamples(arrays=arrays, clusters=clusters, cluster=scores.cluster),
            values=values,
            codes=_each([values.index(own.values[0]) if values else 0 for own in cells.profiles])[profiles],
            splits=_each([own.split for own in cells.profiles])[profiles] if both else None,
            current=running_threshold(scores.audit.thresholds_seen)[0],
        )

    @classmethod
    def _of_counts(cls, scores: Tallied, by: str | None, *, blank: int) -> Self:
        values = () if by is None else tuple(scores.slices_of(by))
        both = {*SPLITS[1:]} <= scores.splits.keys()
        parts: list[tuple[Part, int, int]] = []
        for split, name in enumerate(SPLITS):
            own = scores.splits.get(name) if both else (scores if not split else None)
            if own is None:
                continue
            if by is None:
                parts.append((own.total, 0, split))
            else:
                parts += [
                    (own.sliced[by][value], i, split)
                    for i, value in enumerate(values)
                    if value in own.sliced[by]
                ]
        if scores.types_told_apart:
            parts = [(part.typed(), i, split) for part, i, split in parts]
        types = tuple(sorted({name for part, *_ in parts for name in part.counts.by_attack_type}))
        rows = [SampleArrays.of_counts(part.counts, types) for part, *_ in parts]
        sizes = [own.scores.size for own in rows]
        splits = np.repeat(np.array([split for *_, split in parts], dtype=np.intp), sizes)
        return cls(
            samples=ClusteredSamples(
                arrays=SampleArrays.joined(rows, types), clusters=None, cluster=None, blank=blank
            ),
            values=values,
            codes=np.repeat(np.array([i for _, i, _ in parts], dtype=np.intp), sizes),
            splits=splits if both else None,
            current=running_threshold(scores.audit.thresholds_seen)[0],
        )


def _each(codes: Sequence[int]) -> NDArray[np.intp]:
    return np.array(codes, dtype=np.intp)
