"""Which Parquet files a path names, and what the names of their folders say."""

from __future__ import annotations

import glob
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from finauth_eval.errors import ScoresError
from finauth_eval.places import Place, Remote, place, size_of
from finauth_eval.scores import REPLICATES_FILE, RUN_FILE, SCORES_FILE

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

    They come in the order of their names, folder by folder, wherever they lie. Files and folders whose names begin with
    ``.`` or ``_`` are left out, as other readers do, and so are a run's repeated answers.

    Raises:
        ScoresError: There is none, or a run's folder has no scores.
    """
    path = place(path)
    found: Sequence[Place]
    if path.is_dir():
        found = [path / SCORES_FILE] if (path / SCORES_FILE).is_file() else _within(path)
        if (path / RUN_FILE).is_file() and found != [path / SCORES_FILE]:
            raise _no_scores(path)
        if not found:
            raise ScoresError(f"{path}: there is no Parquet file in this folder")
    elif path.is_file():
        found = [path]
    else:
        found = _matching(path) if glob.has_magic(str(path)) else []
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
        below: Sequence[Place] = [folder / name.lstrip("/") for name in folder.names_below()]
    else:
        below = [file for file in folder.rglob("*") if file.suffix.lower() in _SUFFIXES and file.is_file()]
    return _kept([file for file in below if file.suffix.lower() in _SUFFIXES], folder)


def _matching(pattern: Place) -> Sequence[Place]:
    if isinstance(pattern, Remote):
        return _kept(pattern.matches(), pattern)
    named = map(Path, glob.iglob(str(pattern), recursive=True))  # noqa: PTH207 - a pattern may be absolute
    return _kept([file for file in named if file.is_file()], pattern)


def _kept(files: Sequence[Place], path: Place) -> Sequence[Place]:
    """Those that are scores, in order; a hidden name counts where the pattern itself begins so."""
    asked = _names(path)
    hidden = [name for name in asked[_first_wildcard(asked) :] if name.startswith((".", "_"))]
    kept = [
        file
        for file in sorted({*files}, key=_names)
        if not any(
            name.startswith((".", "_")) and not any(fnmatchcase(name, own) for own in hidden)
            for name in _names_below(file, path)
        )
    ]
    there = {*kept}
    for file in [own for own in kept if own.name == REPLICATES_FILE]:
        if file.parent / SCORES_FILE in there:
            kept.remove(file)
        elif (file.parent / RUN_FILE).is_file() and not (file.parent / SCORES_FILE).is_file():
            raise _no_scores(file.parent)
    return kept


def _no_scores(folder: Place) -> ScoresError:
    return ScoresError(
        f"{folder}: there is {RUN_FILE} but no {SCORES_FILE}, so this is a run without scores; run it again, or name the"
        " files"
    )


def _names(path: Place) -> tuple[str, ...]:
    return path.parts if isinstance(path, Path) else tuple(name for name in path.key.split("/") if name)


def _names_below(file: Place, path: Place) -> tuple[str, ...]:
    """The names that lead from a folder to a file, or of a pattern those from the first wildcard on."""
    asked, names = _names(path), _names(file)
    if names[: len(asked)] == asked:
        return names[len(asked) :]
    return names[_first_wildcard(asked) :]


def _first_wildcard(names: Sequence[str]) -> int:
    return next((i for i, name in enumerate(names) if glob.has_magic(name)), len(names))


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
    pairs = [name.partition("=") for name in _names_below(file, place(path))[:-1] if "=" in name]
    return {unquote(name): None if value == _NO_VALUE else unquote(value) for name, _, value in pairs if name}
