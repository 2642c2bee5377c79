"""What is read of Parquet files, batch by batch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from finauth_eval.columns import name_columns
from finauth_eval.errors import ScoresError
from finauth_eval.places import streamed
from finauth_eval.slicing import Windows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from finauth_eval.columns import ScoreRange
    from finauth_eval.places import Place
    from finauth_eval.scores import Provenance

__all__ = ["Asked", "Batch", "Piece", "batches_of", "is_text", "piece_of", "source_of"]

_BUFFER: Final = 1 << 20
_NEEDED: Final = ("label", "score", "attack_type", "outcome", "threshold", "result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is counted.

    Attributes:
        by: Columns to slice by, or windows of time.
        cluster: The column that says which samples belong together; ``None`` where nobody asks.
        together: Whether the samples of each cluster are counted by themselves.
        stops: Whether counting ends as soon as some samples are seen to belong together.
        named: The columns' own names, by meaning.
        score_range: Which scores are taken.
        require_labels: Whether a file without labels is refused.
        origin: Where the samples are from.
    """

    by: tuple[str | Windows, ...]
    cluster: str | None
    together: bool
    stops: bool
    named: Mapping[str, str]
    score_range: ScoreRange
    require_labels: bool
    origin: Provenance

    @property
    def needed(self) -> set[str]:
        """The columns that are read, under the names of their meanings."""
        return {*_NEEDED, "split", *map(source_of, self.by), *([self.cluster] if self.cluster else [])}


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A file, or some row groups of it.

    Attributes:
        file: The file.
        columns: Those of its columns that are needed, and what each means.
        folders: The value of each column that its folders stand for and that is needed, by meaning.
        found: Every column that there is, needed or not.
        sizes: Rows of each of the file's row groups.
        groups: Which row groups are read.
    """

    file: Place
    columns: Mapping[str, str]
    folders: Mapping[str, str | None]
    found: tuple[str, ...]
    sizes: tuple[int, ...]
    groups: range

    @property
    def meanings(self) -> set[str]:
        """What the columns that are needed mean."""
        return {*self.columns.values(), *self.folders}

    def split(self, rows: int) -> Sequence[Piece]:
        """Pieces of consecutive row groups, each of so many rows or, where its last row group ends later, of more.

        None is without rows, but that of a file that has none.
        """
        found, start, n = [], self.groups.start, 0
        for group in self.groups:
            n += self.sizes[group]
            if n >= rows:
                found.append(replace(self, groups=range(start, group + 1)))
                start, n = group + 1, 0
        if n or not found:
            found.append(replace(self, groups=range(start, self.groups.stop)))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Some rows of a file, with only the columns that are needed, under the names of their meanings.

    Attributes:
        rows: The rows.
        file: The file.
        rows_before: How many rows of the file come before.
    """

    rows: pa.RecordBatch
    file: Place
    rows_before: int

    def column(self, name: str) -> pa.Array | None:
        """A column that has some value, or ``None``."""
        if name not in self.rows.schema.names:
            return None
        found = self.rows.column(name)
        return None if found.null_count == len(found) and name != "label" else found


def piece_of(file: Place, folders: Mapping[str, str | None], asked: Asked) -> Piece:
    """A whole file, of which only the end is read.

    Args:
        file: The file.
        folders: The value of each column that its folders stand for.
        asked: What is counted.

    Raises:
        ScoresError: It cannot be read, or a column is missing.
    """
    try:
        with streamed(file) as source:
            about = parquet.read_metadata(source)
            schema = about.schema.to_arrow_schema()
    except (OSError, pa.ArrowException) as error:
        raise ScoresError(f"{file}: not readable as Parquet ({error})") from error
    folders = {name: value for name, value in folders.items() if name not in schema.names}
    found = (*schema.names, *folders)
    frame = name_columns(
        pd.DataFrame(columns=[*found]),
        dict(asked.named),
        source=str(file),
        require_labels=asked.require_labels,
    )
    meaning = {name: str(own) for name, own in zip(found, frame.columns, strict=True) if own in asked.needed}
    return Piece(
        file=file,
        columns={name: meaning[name] for name in schema.names if name in meaning},
        folders={meaning[name]: value for name, value in folders.items() if name in meaning},
        found=found,
        sizes=tuple(about.row_group(i).num_rows for i in range(about.num_row_groups)),
        groups=range(about.num_row_groups),
    )


def batches_of(pieces: Sequence[Piece], asked: Asked, rows_at_once: int) -> Iterator[Batch]:
    """Every batch of every piece, and one without rows of each that has none.

    Args:
        pieces: The pieces.
        asked: What is counted.
        rows_at_once: At most so many rows are read at once.

    Raises:
        ScoresError: A file cannot be read, or others wrote to it meanwhile.
    """
    for piece in pieces:
        before = sum(piece.sizes[: piece.groups.start])
        names, meanings = [*piece.columns], [*piece.columns.values()]
        try:
            with streamed(piece.file) as source:
                about = parquet.read_metadata(source)
            schema = about.schema.to_arrow_schema()
            _refuse_changed(piece, about, schema)
            texts = [
                name
                for name, meaning in piece.columns.items()
                if is_text(schema.field(name).type) and meaning != asked.cluster
            ]
            with (
                streamed(piece.file) as source,
                parquet.ParquetFile(source, read_dictionary=texts, buffer_size=_BUFFER) as file,
            ):
                _refuse_changed(piece, file.metadata, file.schema_arrow)
                for group in piece.groups:  # no batch spans two of them: each has its own dictionaries
                    for batch in file.iter_batches(
                        rows_at_once, row_groups=[group], columns=names, use_threads=False
                    ):
                        rows = _with_folders(batch.rename_columns(meanings), piece.folders)
                        yield Batch(rows=rows, file=piece.file, rows_before=before)
                        before += batch.num_rows
                if not sum(piece.sizes):
                    empty = file.schema_arrow.empty_table().select(names).rename_columns(meanings)
                    rows = pa.RecordBatch.from_pylist([], schema=empty.schema)
                    yield Batch(rows=_with_folders(rows, piece.folders), file=piece.file, rows_before=0)
        except (OSError, pa.ArrowException) as error:
            raise ScoresError(
                f"{piece.file}: not readable as Parquet, after row {before} ({error})"
            ) from error


def _refuse_changed(piece: Piece, about: parquet.FileMetaData, schema: pa.Schema) -> None:
    """Refuse a file that is no longer what it was when the pieces were made."""
    sizes = tuple(about.row_group(i).num_rows for i in range(about.num_row_groups))
    gone = next((name for name in piece.columns if name not in schema.names), None)
    if gone is not None:
        change = f"had a column {gone!r} and has none now"
    elif sum(sizes) != sum(piece.sizes):
        change = f"had {sum(piece.sizes)} rows and has {sum(sizes)} now"
    elif sizes != piece.sizes:
        change = f"had {len(piece.sizes)} row groups and was written anew"
    else:
        return
    raise ScoresError(f"{piece.file}: {change}; count again when nobody writes to it")


def _with_folders(rows: pa.RecordBatch, folders: Mapping[str, str | None]) -> pa.RecordBatch:
    for name, value in folders.items():
        codes = pa.array(np.zeros(len(rows), dtype=np.int8), mask=np.full(len(rows), value is None))
        rows = rows.append_column(name, pa.DictionaryArray.from_arrays(codes, pa.array([value or ""])))
    return rows


def is_text(kind: pa.DataType) -> bool:
    """Whether a column of this type holds texts, as they are or as a dictionary."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def source_of(by: str | Windows) -> str:
    """The column that slices are made of."""
    return by if isinstance(by, str) else by.column
