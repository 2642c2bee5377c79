"""Parquet that need not fit into memory: read part by part, counted, and the counts added up.

Row groups are decoded by one thread while another one counts those before. A batch whose columns hold what they usually
do is counted straight from its dictionaries; any other, and any with something wrong in it, goes the road of every
table (`finauth_eval.columns`), which says what is wrong.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pandas as pd

from finauth_eval.cluster import connected
from finauth_eval.columns import COLUMNS, read_columns
from finauth_eval.exact import frame_of
from finauth_eval.places import place
from finauth_eval.scanned.batches import Asked, Batch, batches_of, piece_of, source_of
from finauth_eval.scanned.files import MOST_AT_ONCE, part_files, partition_values, worth_scanning
from finauth_eval.scanned.quick import counted_quickly
from finauth_eval.scores import RUN_FILE, Provenance, ScoreTable, provenance_of_run, read_run
from finauth_eval.tallied import Tallied, summed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from distributed import Client

    from finauth_eval.columns import ScoreRange
    from finauth_eval.places import Remote
    from finauth_eval.scanned.batches import Piece
    from finauth_eval.slicing import Windows

__all__ = ["MOST_AT_ONCE", "part_files", "scan_scores", "worth_scanning"]

_ROWS_AT_ONCE: Final = 1 << 20
_ROWS_A_TASK: Final = 1 << 22


def scan_scores(
    path: Path | str | Remote,
    *,
    by: Sequence[str | Windows] = (),
    cluster: str | None = None,
    label_column: str = "label",
    score_column: str = "score",
    attack_type_column: str = "attack_type",
    score_range: ScoreRange = "unit",
    require_labels: bool = True,
    together: bool = True,
    rows_at_once: int = _ROWS_AT_ONCE,
    dask: str | Client | None = None,
) -> Tallied:
    """Count the scores of Parquet files that need not fit into memory; `evaluate` and `recommend` take the counts.

    Only the columns that are counted are read. Memory grows with the number of distinct scores, times the values of the
    columns to slice by; not with the number of rows.

    Args:
        path: A Parquet file, a folder of such at any depth, a run folder, or a pattern such as ``"scores/*.parquet"``.
        by: Columns whose values, or windows of time, are counted each by itself.
        cluster: Column that says which samples belong together; ``None`` is ``subject`` where that is filled, ``"none"``
            no column, which spares reading it. Where some samples do, those of each cluster are counted by themselves:
            the files are read again from the start as soon as that is known, and memory grows with the number of
            different scores of each cluster.
        label_column: Name of the column with the labels.
        score_column: Name of the column with the scores; a blank is a sample without a response.
        attack_type_column: Name of the column with the attack types, where there is one.
        score_range: ``"unit"`` refuses scores outside [0, 1]; ``"any"`` takes every finite number.
        require_labels: Whether files without a column ``label`` are refused.
        together: Whether to count the samples of each cluster by themselves, as `evaluate` and `recommend` need it;
            otherwise it is known only whether some samples belong together.
        rows_at_once: At most so many rows are read at once, at least 1; the result is the same for any number.
        dask: Count on the workers of a Dask cluster, a file or some four million rows of one a task, with the same result: a scheduler's address, a client,
            or ``"local"``. Needs the extra ``dask``.

    Raises:
        ScoresError: There is no such file, it cannot be read, or a row is not what it should be; the message names
            file and row.
        ValueError: No file has such a column to slice by, or it has too many different values; or samples belong
            together and there are too many clusters and scores to count each cluster by itself.
    """
    where = place(path)
    run = read_run(where / RUN_FILE) if where.is_dir() else {}
    asked = Asked(
        by=tuple(dict.fromkeys(by)),
        cluster=None if cluster == "none" else cluster or "subject",
        together=False,
        stops=True,
        named={"label": label_column, "score": score_column, "attack_type": attack_type_column},
        score_range=score_range,
        require_labels=require_labels,
        origin=Provenance(source=str(path), digest="", **(provenance_of_run(run) if run else {})),
    )
    pieces = [piece_of(file, partition_values(file, path), asked) for file in part_files(path)]
    for name in (*map(source_of, asked.by), *([cluster] if cluster and cluster != "none" else [])):
        if name not in COLUMNS and not any(name in piece.meanings for piece in pieces):
            known = ", ".join(dict.fromkeys(own for piece in pieces for own in piece.found))
            raise ValueError(f"there is no column {name!r}; the columns are {known}")

    with nullcontext() if dask is None else connected(dask) as client:

        def counted(wanted: Asked) -> Tallied:
            if client is None:
                return summed(_read_ahead(pieces, wanted, rows_at_once))
            return summed(_on_workers(pieces, wanted, rows_at_once, client))

        if asked.cluster is None or not together:
            return counted(replace(asked, stops=False))
        found: Tallied | None = None
        with suppress(_Together):
            found = counted(asked)  # where no subject has several samples, this is all, and light
        if found is not None and not found.belong_together:
            return found
        # not while the exception is at hand: it would keep what the first pass has counted
        return counted(replace(asked, together=True, stops=False))


class _Together(Exception):  # noqa: N818 - no error: a reason to begin again
    """Samples belong together, and which do was not counted."""


def _read_ahead(pieces: Sequence[Piece], asked: Asked, rows_at_once: int) -> Iterator[Tallied]:
    """The counts of each batch; while one is counted, the next one is read."""
    batches = batches_of(pieces, asked, rows_at_once)
    with ThreadPoolExecutor(1) as reader:
        waiting = reader.submit(next, batches, None)
        while (own := waiting.result()) is not None:
            waiting = reader.submit(next, batches, None)
            yield _tallied(own, asked)


def _on_workers(
    pieces: Sequence[Piece], asked: Asked, rows_at_once: int, client: Client
) -> Iterator[Tallied]:
    """Each piece's counts, in order; a task that is repeated because its worker died costs time and nothing else."""
    parts = [part for piece in pieces for part in piece.split(_ROWS_A_TASK)]
    under_way = [client.submit(_piece_tallied, own, asked, rows_at_once, pure=False) for own in parts]
    while under_way:
        found = under_way.pop(0).result()
        if found is None:
            raise _Together
        yield found


def _piece_tallied(piece: Piece, asked: Asked, rows_at_once: int) -> Tallied | None:
    """The counts of a piece; ``None`` where it is not worth going on, for Dask would call an exception a failure."""
    try:
        return summed(_tallied(batch, asked) for batch in batches_of([piece], asked, rows_at_once))
    except _Together:
        return None


def _tallied(batch: Batch, asked: Asked) -> Tallied:
    found = counted_quickly(batch, asked)
    if found is None:
        found = _as_table(batch, asked)
    if asked.stops and found.subjects is not None and found.subjects.repeated and not found.subjects.blank:
        raise _Together
    return found


def _as_table(batch: Batch, asked: Asked) -> Tallied:
    """The batch, counted as a table, which says what is wrong with it."""
    frame = frame_of(batch.rows)
    columns = read_columns(
        frame, score_range=asked.score_range, source=str(batch.file), rows_before=batch.rows_before
    )
    table = ScoreTable(
        frame=pd.DataFrame(
            columns
            | {
                name: pd.array([None] * len(frame), dtype=object)
                for name in map(source_of, asked.by)
                if name not in columns
            },
            copy=False,
        ),
        provenance=asked.origin,
    )
    if asked.cluster and asked.cluster not in table.frame.columns:
        table.frame[asked.cluster] = None
    labelled = (not len(frame) and "label" in batch.rows.schema.names) or table.labelled
    found = Tallied.of(table, asked.by, cluster=asked.cluster or "none", together=asked.together)
    return replace(found, labelled=labelled)
