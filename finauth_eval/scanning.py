"""Parquet that need not fit into memory: read part by part, counted, and the counts added up.

Row groups are decoded by one thread while another one counts those before. A batch whose columns hold what they usually
do is counted straight from its dictionaries; any other, and any with something wrong in it, goes the road of every
table (`finauth_eval.columns`), which says what is wrong.
"""

from __future__ import annotations

import glob
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from finauth_eval.cluster import connected
from finauth_eval.columns import (
    COLUMNS,
    OUTCOMES,
    TEXT_COLUMNS,
    class_codes,
    name_columns,
    read_columns,
    text_codes,
)
from finauth_eval.errors import ScoresError
from finauth_eval.metrics.audit import audit_decisions
from finauth_eval.places import Place, Remote, place, size_of, streamed
from finauth_eval.scores import RUN_FILE, SCORES_FILE, Provenance, ScoreTable, provenance_of_run, read_run
from finauth_eval.slicing import MISSING, SliceColumn, Windows, in_order, slice_text
from finauth_eval.tallied import SPLITS, Rows, Subjects, Tallied, summed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from distributed import Client
    from numpy.typing import NDArray

    from finauth_eval.columns import ScoreRange

__all__ = ["MOST_AT_ONCE", "part_files", "scan_scores", "worth_scanning"]

MOST_AT_ONCE: Final = 256 << 20
"""A Parquet file of more bytes is read part by part."""
_SUFFIXES: Final = (".parquet", ".pq")
_ROWS_AT_ONCE: Final = 1 << 20
_BUFFER: Final = 1 << 20
_NEEDED: Final = ("label", "score", "attack_type", "outcome", "threshold", "result")


def worth_scanning(path: Path | str | Remote) -> bool:
    """Whether scores are read part by part: a pattern, a folder of Parquet files that is no run, or a large file."""
    path = place(path)
    if path.is_dir():
        return not (path / SCORES_FILE).is_file() and not (path / RUN_FILE).is_file() and bool(_within(path))
    if path.is_file():
        return path.suffix.lower() in _SUFFIXES and size_of(path) > MOST_AT_ONCE
    return glob.has_magic(str(path))


def part_files(path: Path | str | Remote) -> Sequence[Place]:
    """The Parquet files of a path: a file, a run folder, a folder with such files at any depth, or a pattern.

    Files and folders whose names begin with ``.`` or ``_`` are left out, as other readers do.

    Raises:
        ScoresError: There is none.
    """
    path = place(path)
    found: Sequence[Place]
    if path.is_dir():
        found = [path / SCORES_FILE] if (path / SCORES_FILE).is_file() else _within(path)
        if not found:
            raise ScoresError(f"{path}: there is no Parquet file in this folder")
    elif path.is_file():
        found = [path]
    else:
        found = sorted(Path(name) for name in glob.iglob(str(path), recursive=True) if Path(name).is_file())  # noqa: PTH207 - a pattern may be absolute
        if not found:
            raise ScoresError(
                f"{path}: no such file; expected a Parquet file, a folder or a pattern such as 'scores/*.parquet'"
            )
    odd = next((file for file in found if file.suffix.lower() not in _SUFFIXES), None)
    if odd is not None:
        raise ScoresError(
            f"{odd}: only Parquet files can be read part by part; expected {' or '.join(_SUFFIXES)}"
        )
    return found


def _within(folder: Place) -> Sequence[Place]:
    if isinstance(folder, Remote):
        return [
            folder / name
            for name in folder.names_below()
            if name.lower().endswith(_SUFFIXES)
            and not any(own.startswith((".", "_")) for own in name.split("/"))
        ]
    return sorted(
        file
        for file in folder.rglob("*")
        if file.suffix.lower() in _SUFFIXES
        and file.is_file()
        and not any(name.startswith((".", "_")) for name in file.relative_to(folder).parts)
    )


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
            no column, which spares reading it. Counts cannot tell which samples belong together: where some do,
            `evaluate` says so and gives no intervals.
        label_column: Name of the column with the labels.
        score_column: Name of the column with the scores; a blank is a sample without a response.
        attack_type_column: Name of the column with the attack types, where there is one.
        score_range: ``"unit"`` refuses scores outside [0, 1]; ``"any"`` takes every finite number.
        require_labels: Whether files without a column ``label`` are refused.
        rows_at_once: At most so many rows are read at once, at least 1; the result is the same for any number.
        dask: Count on the workers of a Dask cluster, a file a task, with the same result: a scheduler's address, a client,
            or ``"local"``. Needs the extra ``dask``.

    Raises:
        ScoresError: There is no such file, it cannot be read, or a row is not what it should be; the message names
            file and row.
        ValueError: No file has such a column to slice by, or it has too many different values.
    """
    files = part_files(path)
    where = place(path)
    run = read_run(where / RUN_FILE) if where.is_dir() else {}
    asked = _Asked(
        by=tuple(dict.fromkeys(by)),
        cluster=None if cluster == "none" else cluster or "subject",
        named={"label": label_column, "score": score_column, "attack_type": attack_type_column},
        score_range=score_range,
        require_labels=require_labels,
        origin=Provenance(source=str(path), digest="", **(provenance_of_run(run) if run else {})),
    )
    schemas = [_columns_of(file, asked) for file in files]
    for name in (*map(_source_of, asked.by), *([cluster] if cluster and cluster != "none" else [])):
        if name not in COLUMNS and not any(name in columns.values() for columns in schemas):
            known = ", ".join(dict.fromkeys(own for file in files for own in _schema(file).names))
            raise ValueError(f"there is no column {name!r}; the columns are {known}")
    parts_of = list(zip(files, schemas, strict=True))
    if dask is not None:
        return summed(_on_workers(parts_of, asked, rows_at_once, dask))
    with ThreadPoolExecutor(1) as reader:
        batches = _batches(parts_of, asked, rows_at_once)
        waiting = reader.submit(next, batches, None)

        def parts() -> Iterator[Tallied]:
            nonlocal waiting
            while (own := waiting.result()) is not None:
                waiting = reader.submit(next, batches, None)
                yield _tallied(own, asked)

        return summed(parts())


def _on_workers(
    files: Sequence[tuple[Place, Mapping[str, str]]], asked: _Asked, rows_at_once: int, dask: str | Client
) -> Iterator[Tallied]:
    """Each file's counts, in order; a task that is repeated because its worker died costs time and nothing else."""
    with connected(dask) as client:
        under_way = [client.submit(_file_tallied, own, asked, rows_at_once, pure=False) for own in files]
        while under_way:
            yield under_way.pop(0).result()


def _file_tallied(file: tuple[Place, Mapping[str, str]], asked: _Asked, rows_at_once: int) -> Tallied:
    return summed(_tallied(batch, asked) for batch in _batches([file], asked, rows_at_once))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What is counted."""

    by: tuple[str | Windows, ...]
    cluster: str | None
    named: Mapping[str, str]
    score_range: ScoreRange
    require_labels: bool
    origin: Provenance

    @property
    def needed(self) -> set[str]:
        """The columns that are read, under the names of their meanings."""
        return {*_NEEDED, "split", *map(_source_of, self.by), *([self.cluster] if self.cluster else [])}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """Some rows of a file, with only the columns that are needed, under the names of their meanings."""

    rows: pa.RecordBatch
    file: Place
    rows_before: int

    def column(self, name: str) -> pa.Array | None:
        """A column that has some value, or ``None``."""
        if name not in self.rows.schema.names:
            return None
        found = self.rows.column(name)
        return None if found.null_count == len(found) and name != "label" else found


def _schema(file: Place) -> pa.Schema:
    with streamed(file) as source:
        return parquet.read_schema(source)


def _columns_of(file: Place, asked: _Asked) -> dict[str, str]:
    """The file's columns that are needed, and what each means."""
    try:
        schema = _schema(file)
    except (OSError, pa.ArrowException) as error:
        raise ScoresError(f"{file}: not readable as Parquet ({error})") from error
    frame = name_columns(
        pd.DataFrame(columns=schema.names),
        dict(asked.named),
        source=str(file),
        require_labels=asked.require_labels,
    )
    return {
        name: str(meaning)
        for name, meaning in zip(schema.names, frame.columns, strict=True)
        if meaning in asked.needed
    }


def _batches(
    files: Sequence[tuple[Place, Mapping[str, str]]], asked: _Asked, rows_at_once: int
) -> Iterator[_Batch]:
    """Every batch of every file, and one without rows of each that has none."""
    for path, columns in files:
        before = 0
        try:
            schema = _schema(path)
            texts = [
                name
                for name in columns
                if _is_text(schema.field(name).type) and columns[name] != asked.cluster
            ]
            with (
                streamed(path) as source,
                parquet.ParquetFile(source, read_dictionary=texts, buffer_size=_BUFFER) as file,
            ):
                for group in range(
                    file.num_row_groups
                ):  # no batch spans two of them: each has its own dictionaries
                    for batch in file.iter_batches(
                        rows_at_once, row_groups=[group], columns=[*columns], use_threads=False
                    ):
                        named = batch.rename_columns([columns[name] for name in batch.schema.names])
                        yield _Batch(rows=named, file=path, rows_before=before)
                        before += batch.num_rows
                if not before:
                    empty = file.schema_arrow.empty_table().select([*columns])
                    schema = empty.rename_columns([*columns.values()]).schema
                    yield _Batch(rows=pa.RecordBatch.from_pylist([], schema=schema), file=path, rows_before=0)
        except (OSError, pa.ArrowException) as error:
            raise ScoresError(f"{path}: not readable as Parquet, after row {before} ({error})") from error


def _tallied(batch: _Batch, asked: _Asked) -> Tallied:
    found = _quickly(batch, asked)
    if found is not None:
        return found
    frame = batch.rows.to_pandas()
    columns = read_columns(
        frame, score_range=asked.score_range, source=str(batch.file), rows_before=batch.rows_before
    )
    table = ScoreTable(
        frame=pd.DataFrame(
            columns
            | {
                name: pd.array([None] * len(frame), dtype=object)
                for name in map(_source_of, asked.by)
                if name not in columns
            },
            copy=False,
        ),
        provenance=asked.origin,
    )
    if asked.cluster and asked.cluster not in table.frame.columns:
        table.frame[asked.cluster] = None
    labelled = (not len(frame) and "label" in batch.rows.schema.names) or table.labelled
    found = Tallied.of(table, asked.by, cluster=asked.cluster or "none")
    return replace(found, labelled=labelled)


def _quickly(batch: _Batch, asked: _Asked) -> Tallied | None:
    """The batch, counted from its dictionaries; ``None`` where a column does not hold what it usually does."""
    scores = _numbers(batch.column("score"), len(batch.rows))
    if scores is None or not scores.size:
        return None
    low, high = float(np.fmin.reduce(scores)), float(np.fmax.reduce(scores))  # blanks aside
    within = np.isfinite([low, high]).all() if asked.score_range == "any" else (low >= 0 and high <= 1)
    missing = np.isnan(scores) if np.isnan(scores.min()) else None
    if not within and not np.isnan(low):
        return None
    kinds = _kinds(batch)
    columns = [_slice_column(batch, name) for name in asked.by]
    not_sent = _not_sent(batch, missing)
    audit = _audit(batch, scores)
    if kinds is None or not_sent is None or audit is None or None in columns:
        return None
    subjects = None
    if asked.cluster is not None:
        subjects = _subjects(batch, asked.cluster, missing)
        if subjects is None:
            return None
    splits = None
    if (given := batch.column("split")) is not None:
        words = _words(given)
        if words is None:
            return None
        names, lookup = text_codes(words[0])
        of_split = np.array([*(SPLITS.index(name) if name in SPLITS else 0 for name in names), 0], np.int8)
        splits = of_split[lookup[words[1]]]
    found = Tallied.of_rows(
        Rows(
            scores=scores,
            kinds=kinds[0],
            types=kinds[1],
            not_sent=not_sent if not_sent.any() else None,
            columns=[own for own in columns if own is not None],
            splits=splits,
        ),
        audit=audit,
        origin=asked.origin,
        subjects=subjects,
    )
    return found if "label" in batch.rows.schema.names else replace(found, labelled=False)


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _numbers(column: pa.Array | None, n: int) -> NDArray[np.float64] | None:
    """A column of numbers, blanks as ``nan``; ``None`` where it holds something else."""
    if column is None:
        return np.full(n, np.nan)
    if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
        return None
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)


def _words(column: pa.Array) -> tuple[list[Any], NDArray[np.integer[Any]]] | None:
    """The distinct values of a column and which one each row has, the last one past these for a blank."""
    if not pa.types.is_dictionary(column.type):
        kind = column.type
        if not (_is_text(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
            return None
        column = column.dictionary_encode()
    if column.dictionary.null_count:
        return None
    kind = column.dictionary.type
    if not (_is_text(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
        return None
    codes = column.indices
    n = len(column.dictionary)
    if codes.null_count:
        codes = (codes.cast(pa.int32()) if n > 100 else codes).fill_null(n)
    return column.dictionary.to_pylist(), codes.to_numpy()


def _kinds(batch: _Batch) -> tuple[NDArray[np.unsignedinteger[Any]], list[str]] | None:
    """The kind of each row as `Rows` has it, and the names of the types."""
    n = len(batch.rows)
    label = batch.column("label")
    if label is None:
        return np.zeros(n, dtype=np.uint8), []
    words = _words(label)
    if words is None:
        return None
    classes = np.append(class_codes(words[0]), np.int8(-1))
    if label.null_count or (classes[:-1] < 0).any():
        if (classes[words[1]] < 0).any():
            return None  # a word that is no label, or a blank
        classes = np.maximum(classes, 0)  # of words that no row has
    given = batch.column("attack_type")
    if given is None:
        return classes.astype(np.uint8)[words[1]], []
    named = _words(given)
    if named is None:
        return None
    types, lookup = text_codes(named[0])
    dtype = np.min_scalar_type(len(types) + 1)
    kinds = np.where(lookup >= 0, lookup + 2, 1).astype(dtype)[named[1]]
    kinds *= classes.astype(dtype)[words[1]]
    return kinds, types


def _source_of(by: str | Windows) -> str:
    """The column that slices are made of."""
    return by if isinstance(by, str) else by.column


def _slice_column(batch: _Batch, by: str | Windows) -> SliceColumn | None:
    name = _source_of(by)
    if isinstance(by, Windows):
        given = batch.column(name)
        if given is None:
            return SliceColumn(
                name=by.name, values=(MISSING,), codes=np.zeros(len(batch.rows), dtype=np.intp)
            )
        times = pd.Series(given.to_pandas())
        return by.of(times, source=str(batch.file), rows_before=batch.rows_before)
    if name in COLUMNS and (name not in TEXT_COLUMNS or name == "attack_type" or name == "outcome"):
        return None
    given = batch.column(name)
    if given is None:
        return SliceColumn(name=name, values=(MISSING,), codes=np.zeros(len(batch.rows), dtype=np.intp))
    words = _words(given)
    if words is None:
        return None
    if name in TEXT_COLUMNS:
        texts, lookup = text_codes(words[0])
    else:
        texts = [slice_text(word) for word in words[0]]
        lookup = np.array([*range(len(texts)), -1])
    values = in_order([*texts, MISSING], name)
    place = np.array([*(values.index(text) for text in texts), values.index(MISSING)])
    codes = place[lookup].astype(np.min_scalar_type(len(values)))[words[1]]
    return SliceColumn(name=name, values=values, codes=codes)


def _not_sent(batch: _Batch, missing: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
    """Which rows were never sent; ``None`` where an outcome is unknown or does not fit its score."""
    n = len(batch.rows)
    given = batch.column("outcome")
    if given is None:
        return np.zeros(0 if missing is None else n, dtype=bool)
    words = _words(given)
    if words is None:
        return None
    stated = [str(word).strip() for word in words[0]] + [""]
    silent = np.isin(stated, ["no_response", "not_sent"])
    if any(word not in (*OUTCOMES, "") for word in stated):
        return None
    without = np.zeros(n, dtype=bool) if missing is None else missing
    odd = (np.array(stated) == "scored")[words[1]] & without
    odd |= silent[words[1]] & ~without
    return None if odd.any() else (np.array(stated) == "not_sent")[words[1]]


def _audit(batch: _Batch, scores: NDArray[np.float64]) -> Any:
    thresholds = _numbers(
        batch.column("threshold"), scores.size if batch.column("threshold") is not None else 0
    )
    if thresholds is None or np.isinf(thresholds).any():
        return None
    result = batch.column("result")
    if result is not None and not pa.types.is_boolean(result.type):
        return None
    nothing = np.zeros(thresholds.size, dtype=bool)
    if result is None or not thresholds.size:
        return audit_decisions(scores[: thresholds.size], thresholds, nothing, has_result=nothing)
    has = result.is_valid().to_numpy(zero_copy_only=False)
    values = result.fill_null(False).to_numpy(zero_copy_only=False)
    return audit_decisions(scores, thresholds, values, has_result=has)


def _subjects(batch: _Batch, column: str, missing: NDArray[np.bool_] | None) -> Subjects | None:
    if column in COLUMNS and column not in TEXT_COLUMNS:
        return None
    scored = slice(None) if missing is None else ~missing
    given = batch.column(column)
    if given is None:
        blank = len(batch.rows) if missing is None else len(batch.rows) - int(np.count_nonzero(missing))
        return Subjects(column=column, filled=0, blank=blank, repeated=False, seen=np.empty(0, np.uint64))
    words = _words(given)
    if words is None:
        return None
    if column in TEXT_COLUMNS:
        texts, lookup = text_codes(words[0])
    else:
        texts, lookup = [slice_text(word) for word in words[0]], np.array([*range(len(words[0])), -1])
    return Subjects.of(column, texts, lookup[words[1]][scored])
