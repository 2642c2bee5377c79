"""Reading what a comparison needs: two tables, be they runs, tables or many Parquet files, here or on a cluster."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

from finauth_eval.cluster import connected
from finauth_eval.joining.on_workers import first_rows
from finauth_eval.joining.parts import Reading, read_part, table_of
from finauth_eval.keys import Keys
from finauth_eval.places import Place, Remote, place
from finauth_eval.scanned.files import part_files, partition_values, worth_scanning
from finauth_eval.scores import RUN_FILE, ScoreTable, read_run, read_scores, with_run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from distributed import Client

    from finauth_eval.columns import ScoreRange
    from finauth_eval.joining.parts import Part

__all__ = ["read_pair"]

_COMPARED = frozenset({"attack_type", "threshold", "time_used_ms", "round_trip_ms", "sample_id", "sha256"})
_LEFT_THERE = frozenset({"sample_id", "sha256"})


def read_pair(
    a: Path | str | Remote,
    b: Path | str | Remote,
    *,
    by: Sequence[str] = (),
    cluster: str | None = None,
    label_column: str = "label",
    score_column: str = "score",
    attack_type_column: str = "attack_type",
    score_range: ScoreRange = "unit",
    dask: str | Client | None = None,
) -> tuple[ScoreTable, ScoreTable]:
    """Read two tables for `compare`: each a run folder, a CSV or Parquet file, or many Parquet files.

    A folder of Parquet files (at any depth), a pattern or a Parquet file above 256 MB is one table, its files one after
    another in the order of their names; only the columns that a comparison needs are read of it.

    With ``dask`` all are read by workers, who also find which rows are the same sample. What comes back are numbers: no
    ``sha256``, and no ``sample_id`` but those of A, which name the samples that flip. Such a table can be compared with
    the other one that came with it, and no other.

    Args:
        a: The reference.
        b: What is compared with it.
        by: Columns that will be compared by.
        cluster: Column that says which samples belong together; ``None`` is ``subject``, ``"none"`` spares reading it.
        label_column: Name of the column with the labels.
        score_column: Name of the column with the scores; a blank is a sample without a response.
        attack_type_column: Name of the column with the attack types, where there is one.
        score_range: ``"unit"`` refuses scores outside [0, 1]; ``"any"`` takes every finite number.
        dask: Read and join on the workers of a Dask cluster, a file a task: a scheduler's address, a client, or
            ``"local"``. All files must then be Parquet. Needs the extra ``dask``.

    Raises:
        ScoresError: There is no such file, it can't be read, or a row is not what it should be; the message names file
            and row.
        InputError: There is no cluster at the address.

    Example:
        >>> import tempfile
        >>> import pandas as pd
        >>> from pathlib import Path
        >>> from finauth_eval.comparison import compare
        >>> folder = Path(tempfile.mkdtemp())
        >>> week = pd.DataFrame({"sample_id": ["x", "y"], "label": ["real", "fake"], "score": [0.1, 0.9]})
        >>> for name, part in (("a/1", week[:1]), ("a/2", week[1:]), ("b/1", week)):
        ...     (folder / name).parent.mkdir(exist_ok=True)
        ...     part.to_parquet(folder / f"{name}.parquet")
        >>> compare(*read_pair(folder / "a", folder / "b")).pairing.rows_b.tolist()
        [0, 1]
    """
    wanted = {*_COMPARED, *by, *([] if cluster == "none" else [cluster or "subject"])}
    reading = Reading(
        columns=frozenset(wanted),
        named={"label": label_column, "score": score_column, "attack_type": attack_type_column},
        score_range=score_range,
        require_labels=False,
    )
    if dask is not None:
        with connected(dask) as client:
            return _on_workers(place(a), place(b), reading, client)
    one, other = (
        _of_parts([read_part(file, reading, folders) for file, folders in _files(path)], path, reading)
        if worth_scanning(path)
        else read_scores(
            path, label_column=label_column, score_column=score_column, attack_type_column=attack_type_column,
            score_range=score_range, require_labels=False,
        )
        for path in map(place, (a, b))
    )  # fmt: skip
    return one, other


def _files(path: Place) -> list[tuple[Place, dict[str, str | None]]]:
    """The files of a path, each with the columns that its folders stand for."""
    return [(file, partition_values(file, path)) for file in part_files(path)]


def _of_parts(parts: Sequence[Part], path: Place, reading: Reading) -> ScoreTable:
    table = table_of(parts, reading, source=str(path))
    return with_run(table, path, read_run(path / RUN_FILE)) if path.is_dir() else table


def _on_workers(a: Place, b: Place, reading: Reading, client: Client) -> tuple[ScoreTable, ScoreTable]:
    files = (_files(a), _files(b))
    # ids of B are shown nowhere
    there = (_LEFT_THERE - {"sample_id"}, _LEFT_THERE)
    under_way = [
        [
            client.submit(
                read_part, file, replace(reading, columns=reading.columns - left), folders, pure=False
            )
            for file, folders in own
        ]
        for own, left in zip(files, there, strict=True)
    ]
    tables: list[ScoreTable] = []
    sizes: list[int] = []
    given: list[bool] = []
    for path, futures in zip((a, b), under_way, strict=True):
        parts = []
        while futures:  # let go of each, so that the workers need not keep it
            parts.append(futures.pop(0).result())
        sizes += [own.n for own in parts]
        given.append(any(own.given_ids for own in parts))
        tables.append(_of_parts(parts, path, reading))
    rows = [(file, folders, n) for (file, folders), n in zip((*files[0], *files[1]), sizes, strict=True)]
    contents = first_rows(rows, "sha256", reading, client)
    ids = None
    n = len(tables[0])
    if all(given) and (contents < 0).any():
        ids = first_rows(rows, "sample_id", reading, client)
    name = uuid.uuid4().hex
    one, other = (
        replace(
            table,
            keys=Keys(
                contents=contents[own], ids=None if ids is None else ids[own], given_ids=has, pair=name,
                first=first,
            ),
        )
        for table, own, has, first in zip(
            tables, (slice(n), slice(n, None)), given, (True, False), strict=True
        )
    )  # fmt: skip
    return one, other
