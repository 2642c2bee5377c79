"""Counts of a Parquet file that need never be in memory as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from finauth_eval.columns import name_columns, read_columns
from finauth_eval.errors import ScoresError
from finauth_eval.metrics.counts import ScoreCounts

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from finauth_eval.columns import ScoreRange

__all__ = ["count_parquet"]

_ROWS_AT_ONCE: Final = 1 << 20


def count_parquet(
    path: Path | str,
    *,
    label_column: str = "label",
    score_column: str = "score",
    attack_type_column: str = "attack_type",
    score_range: ScoreRange = "unit",
    unspecified: str = "unspecified",
    rows_at_once: int = _ROWS_AT_ONCE,
) -> ScoreCounts:
    """Count the scores of a Parquet file part by part; only the columns that are counted are read.

    The counts equal those of the whole file for any ``rows_at_once``. Memory grows with the number of distinct scores,
    not of rows.

    Args:
        path: The file.
        label_column: Name of the column with the labels.
        score_column: Name of the column with the scores; rows without one are left out.
        attack_type_column: Name of the column with the attack types, where there is one.
        score_range: ``"unit"`` refuses scores outside [0, 1]; ``"any"`` takes every finite number.
        unspecified: The type of attacks without one, where others have one.
        rows_at_once: At most so many rows are read at once, at least 1.

    Raises:
        ScoresError: The file can't be read, or a row is not what it should be.
    """
    named = {"label": label_column, "score": score_column, "attack_type": attack_type_column}
    try:
        with parquet.ParquetFile(path) as file:
            wanted = [name for name in file.schema_arrow.names if name.strip() in named.values()]
            # a column that is not there is missed in a file without rows too
            name_columns(file.schema_arrow.empty_table().to_pandas(), named, source=str(path))
            batches = file.iter_batches(batch_size=rows_at_once, columns=wanted)
            counts = _merged(_counted(batches, named, score_range=score_range, source=str(path)))
    except (OSError, pa.ArrowException) as error:
        raise ScoresError(f"{path}: not readable as Parquet ({error})") from error
    return _with_every_attack_typed(counts, unspecified)


def _counted(
    batches: Iterable[pa.RecordBatch], named: dict[str, str], *, score_range: ScoreRange, source: str
) -> Iterable[ScoreCounts]:
    start = 0
    for batch in batches:
        part = f"{source}, from row {start + 1} on"
        yield _count(
            name_columns(batch.to_pandas(), named, source=part), score_range=score_range, source=part
        )
        start += batch.num_rows


def _count(frame: pd.DataFrame, *, score_range: ScoreRange, source: str) -> ScoreCounts:
    columns = read_columns(frame, score_range=score_range, source=source)
    scored = ~np.isnan(columns["score"])
    kinds = columns["attack_type"]
    return ScoreCounts.from_codes(
        columns["score"][scored],
        np.asarray(columns["label"].codes == 1)[scored],
        type_codes=kinds.codes[scored],
        types=[str(name) for name in kinds.categories],
    )


def _merged(parts: Iterable[ScoreCounts]) -> ScoreCounts:
    """The sum, merged in pairs of about one size, so that no part is copied more than a few times."""
    waiting = [ScoreCounts.from_arrays([], [])]
    for part in parts:
        waiting.append(part)
        while len(waiting) > 1 and waiting[-2].scores.size <= 2 * waiting[-1].scores.size:
            last = waiting.pop()
            waiting[-1] = waiting[-1] + last
    while len(waiting) > 1:
        last = waiting.pop()
        waiting[-1] = waiting[-1] + last
    return waiting[0]


def _with_every_attack_typed(counts: ScoreCounts, unspecified: str) -> ScoreCounts:
    """The attacks without a type as a type of their own, where others have one, so that the worst type counts them."""
    untyped = counts.attack.astype(np.int64)
    for own in counts.by_attack_type.values():
        untyped -= own
    if not counts.by_attack_type or not untyped.any():
        return counts
    known = counts.by_attack_type.get(unspecified, 0)
    types = {**counts.by_attack_type, unspecified: untyped + known}
    return ScoreCounts(
        scores=counts.scores,
        bona_fide=counts.bona_fide,
        attack=counts.attack,
        by_attack_type=dict(sorted(types.items())),
    )
