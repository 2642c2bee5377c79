"""Rows of a dataset as somebody wrote them down: a folder, a CSV, a JSONL or a Parquet file.

The rows come out as they are, with the place to name in a message; what they mean is decided in ``dataset``.
"""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from finauth_eval.errors import DatasetError
from finauth_eval.places import Place, Remote, as_file, size_of
from finauth_eval.wellformed import well_formed

__all__ = ["Row", "read_rows"]

KNOWN: Final = ("path", "label", "id", "attack_type", "subject", "split", "media_type", "sha256")
_IGNORED: Final = frozenset({"thumbs.db", "desktop.ini"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row: ``where`` is its place in words; texts but the path are stripped, and blank ones are empty."""

    where: str
    path: str
    label: str
    id: str = ""
    attack_type: str = ""
    subject: str = ""
    split: str = ""
    media_type: str = ""
    sha256: str = ""
    attributes: dict[str, str] = field(default_factory=dict)


def read_rows(source: Place) -> Iterator[Row]:
    """The rows of a manifest, in its order.

    Raises:
        DatasetError: The file is missing, empty, of an unknown kind, or a row can't be read.
    """
    if source.is_dir():
        yield from _folder_rows(source)
        return
    if not source.is_file():
        raise DatasetError(f"{source}: there is no such folder or file")
    readers = {".csv": _csv_records, ".tsv": _csv_records, ".jsonl": _jsonl_records, ".ndjson": _jsonl_records,
               ".parquet": _parquet_records, ".pq": _parquet_records}  # fmt: skip
    reader = readers.get(source.suffix.lower())
    if reader is None:
        raise DatasetError(f"{source}: expected a folder, or a file that ends in {', '.join(readers)}")
    if size_of(source) == 0:
        raise DatasetError(f"{source}: the file is empty; expected at least the columns 'path' and 'label'")
    for where, record in reader(source):
        yield _row(source, where, record)


def _row(source: Place, where: str, record: dict[str, Any]) -> Row:
    names = [str(name).strip() for name in record]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DatasetError(f"{source}: the column {twice[0]!r} occurs more than once")
    texts = {
        name: well_formed(_text(value)).strip() for name, value in zip(names, record.values(), strict=True)
    }
    if "path" in record:
        texts["path"] = _text(record["path"])  # a file's name may well begin or end with a blank
    for needed in ("path", "label"):
        if needed not in texts:
            found = ", ".join(texts) or "none"
            raise DatasetError(f"{source}: {where}: there is no column {needed!r}; the columns are {found}")
    known = {name: texts.pop(name) for name in KNOWN if name in texts}
    return Row(where=where, **known, attributes={well_formed(name): text for name, text in texts.items()})


def _text(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="backslashreplace")
    if isinstance(value, list | dict):
        return json.dumps(value, default=str, ensure_ascii=False)
    return str(value)


def _csv_records(source: Place) -> Iterator[tuple[str, dict[str, Any]]]:
    with _readable(source), source.open(encoding="utf-8-sig", newline="") as stream:
        header_line = stream.readline()
        stream.seek(0)
        reader = csv.reader(stream, delimiter=max(",;\t", key=header_line.count), strict=True)
        try:
            header = [name.strip() for name in next(reader, [])]
            if len(set(header)) < len(header):
                raise DatasetError(f"{source}: a column name occurs twice in the header: {', '.join(header)}")
            for number, cells in enumerate((c for c in reader if c), start=1):
                where = f"row {number} (line {reader.line_num})"
                if len(cells) != len(header):
                    raise DatasetError(
                        f"{source}: {where}: {len(cells)} fields; the header has {len(header)}"
                    )
                yield where, dict(zip(header, cells, strict=True))
        except csv.Error as error:
            raise DatasetError(f"{source}: line {reader.line_num}: not readable as CSV ({error})") from error


def _jsonl_records(source: Place) -> Iterator[tuple[str, dict[str, Any]]]:
    with _readable(source), source.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            try:
                record = json.loads(line.decode("utf-8-sig"), object_pairs_hook=_without_twins)
            except (ValueError, RecursionError) as error:
                raise DatasetError(f"{source}: line {number}: not readable as JSON ({error})") from error
            if not isinstance(record, dict):
                raise DatasetError(f"{source}: line {number}: expected a JSON object, found {line[:40]!r}")
            yield f"line {number}", record


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        raise ValueError("a name occurs twice in one object")
    return record


def _parquet_records(source: Place) -> Iterator[tuple[str, dict[str, Any]]]:
    number = 0
    with _readable(source), pq.ParquetFile(as_file(source)) as file:
        names = [name.strip() for name in file.schema_arrow.names]
        if len(set(names)) < len(names):
            raise DatasetError(f"{source}: a column name occurs twice: {', '.join(names)}")
        for batch in file.iter_batches():
            for record in batch.to_pylist():
                number += 1
                yield f"row {number}", record


@contextmanager
def _readable(source: Place) -> Iterator[None]:
    """Whatever a reader of this file may raise, as one clear error."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise DatasetError(f"{source}: not UTF-8 text ({error.reason} at byte {error.start})") from error
    except OSError as error:
        raise DatasetError(f"{source}: can't be read ({error.strerror or error})") from error
    except (pa.ArrowException, ValueError, OverflowError) as error:
        raise DatasetError(f"{source}: not readable as {source.suffix[1:]} ({error})") from error


def _folder_rows(root: Place) -> Iterator[Row]:
    if isinstance(root, Remote):
        yield from _remote_rows(root)
        return
    with _readable(root):
        names = sorted((entry.name for entry in root.iterdir()), key=os.fsencode)
    for name in names:
        if name.startswith(".") or not (root / name).is_dir():
            continue
        for path in _files_below(root / name):
            yield _file_row(path.relative_to(root).parts)


def _remote_rows(root: Remote) -> Iterator[Row]:
    with _readable(root):
        names = root.names_below()
    for name in names:
        parts = tuple(name.split("/"))
        hidden = any(part.startswith(".") for part in parts)
        if len(parts) > 1 and parts[-1] and not hidden and parts[-1].lower() not in _IGNORED:
            yield _file_row(parts)


def _file_row(parts: tuple[str, ...]) -> Row:
    relative = "/".join(parts)
    return Row(
        where=f"file {well_formed(relative)}",
        path=relative,
        label=well_formed(parts[0]),
        attack_type=well_formed(parts[1] if len(parts) > 2 else ""),
    )


def _files_below(folder: Path) -> Iterator[Path]:
    """Every file below; a linked folder comes out like a file, so that it is reported and not passed over."""
    for base, folders, files in os.walk(folder, onerror=_cannot_list):
        links = [name for name in folders if Path(base, name).is_symlink()]
        folders[:] = sorted((f for f in folders if not f.startswith(".") and f not in links), key=os.fsencode)
        for name in sorted([*files, *links], key=os.fsencode):
            if not name.startswith(".") and name.lower() not in _IGNORED:
                yield Path(base, name)


def _cannot_list(error: OSError) -> None:
    raise DatasetError(f"{error.filename}: the folder can't be listed ({error.strerror})") from error
