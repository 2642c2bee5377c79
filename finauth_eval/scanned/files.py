"""Which Parquet files a path names, and what the names of their folders say."""

from __future__ import annotations

import glob
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from finauth_eval.errors import ScoresError
from finauth_eval.places import Place, Remote, place, size_of
from finauth_eval.scores import RUN_FILE, SCORES_FILE

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MOST_AT_ONCE", "part_files", "partition_values", "worth_scanning"]

MOST_AT_ONCE: Final = 256 << 20
"""A Parquet file of more bytes is read part by part."""
_SUFFIXES: Final = (".parquet", ".pq")
_NO_VALUE: Final = "__HIVE_DEFAULT_PARTITION__"


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
    elif isinstance(path, Remote):
        found = path.matches() if glob.has_magic(path.key) else []
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


def partition_values(file: Place, path: Path | str | Remote) -> dict[str, str | None]:
    """The columns that folders stand for, as other tools write them: ``scores/region=sgp/part-0.parquet``.

    Args:
        file: One of the files that `part_files` found.
        path: The path that it was asked for: folders below it count, of a pattern those from the first wildcard on.

    Returns:
        The value of each column; ``None`` where it is blank.

    Example:
        >>> partition_values(Path("scores/region=sgp/week=__HIVE_DEFAULT_PARTITION__/0.parquet"), "scores/*/*/*.parquet")
        {'region': 'sgp', 'week': None}
    """
    path = place(path)
    if path == file:
        return {}
    asked = str(path).split("/")
    fixed = next((i for i, name in enumerate(asked) if glob.has_magic(name)), len(asked))
    pairs = [name.partition("=") for name in str(file).split("/")[fixed:-1] if "=" in name]
    return {unquote(name): None if value == _NO_VALUE else unquote(value) for name, _, value in pairs if name}
