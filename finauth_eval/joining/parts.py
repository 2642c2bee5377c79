"""Many Parquet files as one score table, of which only the columns are read that are asked for.

A part comes as small as it can: texts as codes, whatever they were in the file. Put together the parts are what one
table with all their rows would be.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
from pandas.api.types import union_categoricals
from pyarrow import parquet

from finauth_eval.columns import COLUMNS, as_texts, name_columns, read_columns
from finauth_eval.errors import ScoresError
from finauth_eval.exact import frame_of
from finauth_eval.places import Place, streamed
from finauth_eval.scores import ScoreTable
from finauth_eval.slicing import slice_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from finauth_eval.columns import ScoreRange

__all__ = ["Part", "Reading", "read_part", "table_of"]

_ALWAYS: Final = ("label", "score", "outcome")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What is read of each file, and how.

    Attributes:
        columns: The columns that are wanted beside label, score and outcome, by the names of their meanings.
        named: The name of the column for each of ``label``, ``score`` and ``attack_type``.
        score_range: As of `finauth_eval.read_scores`.
        require_labels: Whether a file without labels is refused.
    """

    columns: frozenset[str]
    named: Mapping[str, str]
    score_range: ScoreRange
    require_labels: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """One file's rows.

    Attributes:
        n: How many.
        columns: An array for each wanted column that the file has.
        given_ids: Whether the file has a column ``sample_id``, wanted or not.
    """

    n: int
    columns: Mapping[str, Any]
    given_ids: bool


def read_part(file: Place, reading: Reading, folders: Mapping[str, str | None] | None = None) -> Part:
    """Read the wanted columns of one file.

    Args:
        file: A Parquet file.
        reading: What is wanted.
        folders: Columns that the file's folders stand for, with their value; one that the file has itself goes first.

    Raises:
        ScoresError: It can't be read, or a row is not what it should be; the message names file and row.
    """
    frame, meanings = _frame(file, reading, folders or {})
    found = read_columns(frame, score_range=reading.score_range, source=str(file))
    columns = {name: found[name] for name in frame.columns if name in COLUMNS}
    columns["outcome"] = found["outcome"]
    if "attack_type" in columns:  # those of bona fide rows too, for the order in which types come
        columns["attack_type"] = as_texts(frame["attack_type"])
    if "sample_id" in columns:
        columns["sample_id"] = pd.array(columns["sample_id"], dtype="string[pyarrow]")
    own = {name: _attribute(frame[name]) for name in frame.columns if name not in COLUMNS}
    return Part(n=len(frame), columns=columns | own, given_ids="sample_id" in meanings)


def _frame(
    file: Place, reading: Reading, folders: Mapping[str, str | None]
) -> tuple[pd.DataFrame, list[str]]:
    """The wanted columns under the names of their meanings, and the meanings of all."""
    try:
        with streamed(file) as source, parquet.ParquetFile(source) as opened:
            there = opened.schema_arrow.names
            names = [*there, *(own for own in folders if own not in there)]
            meanings = name_columns(
                pd.DataFrame(columns=names), dict(reading.named), source=str(file),
                require_labels=reading.require_labels,
            ).columns  # fmt: skip
            wanted = {
                name: str(meaning)
                for name, meaning in zip(names, meanings, strict=True)
                if meaning in reading.columns or meaning in _ALWAYS
            }
            read = opened.read(columns=[own for own in wanted if own in there])
            frame = frame_of(read, ignore_metadata=True)
    except (OSError, pa.ArrowException) as error:
        raise ScoresError(f"{file}: not readable as Parquet ({error})") from error
    of_folders = {name: folders[name] for name in wanted if name not in there}
    return frame.assign(**of_folders).rename(columns=wanted), [*map(str, meanings)]


def _attribute(column: pd.Series[Any]) -> pd.Categorical[Any]:
    """A column of any kind, its values under the names that slices have."""
    codes, values = pd.factorize(column)
    names = [slice_text(value) for value in values]
    distinct = list(dict.fromkeys(names))
    position = {name: code for code, name in enumerate(distinct)}
    lookup = np.array([*(position[name] for name in names), -1])
    return pd.Categorical.from_codes(lookup[codes], categories=pd.Index(distinct, dtype=object))


def table_of(parts: Sequence[Part], reading: Reading, *, source: str) -> ScoreTable:
    """The table of all parts, one after another.

    Args:
        parts: The parts, at least one.
        reading: What they were read by.
        source: What to call the data in messages.

    Raises:
        ScoresError: Some parts have labels and others have none.
    """
    score = np.concatenate([own.columns["score"] for own in parts])
    labels = {"label" in own.columns for own in parts if own.n}
    if len(labels) > 1:
        raise ScoresError(
            f"{source}: some files have a column 'label' and others have none; expected it in all"
        )
    columns = read_columns(pd.DataFrame({"score": score}), score_range=reading.score_range, source=source)
    seen = dict.fromkeys(chain.from_iterable(own.columns for own in parts))
    columns |= {name: _together(name, parts) for name in seen if name != "score"}
    if "attack_type" in seen:
        kinds = columns["attack_type"]
        codes = np.where(columns["label"].codes == 1, kinds.codes, -1)
        columns["attack_type"] = pd.Categorical.from_codes(
            codes, categories=kinds.categories
        ).remove_unused_categories()
    return ScoreTable.of_columns(columns, source=source)


def _together(name: str, parts: Sequence[Part]) -> Any:
    """One column of all parts; blank in those that lack it."""
    given = [own.columns.get(name) for own in parts]
    like = next(own for own in given if own is not None)
    if isinstance(like, pd.Categorical):
        nothing = like.categories[:0]
        blank = [pd.Categorical.from_codes(np.full(own.n, -1), categories=nothing) for own in parts]
        filled = [one if one is not None else none for one, none in zip(given, blank, strict=True)]
        if name in ("label", "outcome"):
            codes = np.concatenate([one.codes for one in filled])
            return pd.Categorical.from_codes(codes, categories=like.categories)
        return union_categoricals(filled)
    if isinstance(like, np.ndarray):
        return np.concatenate(
            [np.full(own.n, np.nan) if one is None else one for one, own in zip(given, parts, strict=True)]
        )
    missing = "" if name == "sample_id" else pd.NA
    series = [
        pd.Series(pd.array([missing] * own.n, dtype=like.dtype) if one is None else one)
        for one, own in zip(given, parts, strict=True)
    ]
    return pd.concat(series, ignore_index=True).array
