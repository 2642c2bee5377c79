"""The columns of a score table: what each must hold, and what is said when it does not.

Every column comes in as somebody wrote it and leaves as an array of one kind. Texts become categoricals, so that ten
million rows of few words stay small.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from finauth_eval.errors import ScoresError
from finauth_eval.labels import ACCEPTED, parse_label

__all__ = [
    "BLANK", "COLUMNS", "OUTCOMES", "TEXT_COLUMNS", "ScoreRange", "as_texts", "class_codes", "is_blank", "name_columns",
    "read_columns", "refuse_twins", "text_codes", "where",
]  # fmt: skip

ScoreRange = Literal["unit", "any"]

COLUMNS: Final = (
    "sample_id", "label", "score", "outcome", "reason", "threshold", "result", "attack_type", "subject", "media_type",
    "split", "sha256", "region", "request_id", "received_at", "time_used_ms", "round_trip_ms", "attempts", "cached",
)  # fmt: skip
TEXT_COLUMNS: Final = frozenset({
    "outcome", "reason", "attack_type", "subject", "media_type", "split", "sha256", "region", "request_id",
    "received_at",
})  # fmt: skip
BLANK: Final = frozenset({"", "na", "n/a", "nan", "none", "null", "<na>"})
OUTCOMES: Final = ("scored", "no_response", "not_sent")


def read_columns(
    frame: pd.DataFrame, *, score_range: ScoreRange, source: str, rows_before: int = 0
) -> dict[str, Any]:
    """An array for each of ``COLUMNS``, and the frame's further columns as they are.

    Args:
        frame: With at least ``score``, as ``name_columns`` gives it; without ``label`` every label is missing.
        score_range: ``"unit"`` refuses scores outside [0, 1]; ``"any"`` takes every finite number.
        source: What to call the data in messages.
        rows_before: How many rows of the source come before the frame's, for messages.

    Raises:
        ScoresError: A value is not what its column holds; the message names the row.
    """
    _refuse_nested(frame, source)
    place = _Place(source, rows_before)
    columns: dict[str, Any] = {"sample_id": _sample_ids(frame, rows_before)}
    columns["label"] = label = (
        _labels(frame["label"], place) if "label" in frame.columns else _no_labels(len(frame))
    )
    columns["score"] = score = _scores(frame["score"], place, score_range=score_range)
    columns["outcome"] = _outcomes(frame, np.isnan(score), place)
    columns["attack_type"] = _attack_types(frame, label.codes == 1)
    for name in COLUMNS:
        if name not in columns:
            columns[name] = _standard_column(frame, name, place)
    ordered = {name: columns[name] for name in COLUMNS}
    return ordered | {str(name): frame[name].array for name in frame.columns if name not in ordered}


def _refuse_nested(frame: pd.DataFrame, source: str) -> None:
    """Refuse lists and structures, which Parquet can hold and no column of a table may."""
    for name in frame.columns:
        first = frame[name].dropna().head(1) if frame[name].dtype == object else ()
        if any(isinstance(value, list | dict | set | np.ndarray) for value in first):
            raise ScoresError(
                f"{source}: the column {name!r} holds lists or structures; expected plain values"
            )


def refuse_twins(names: Sequence[str], source: object) -> None:
    """Refuse column names that occur twice.

    Raises:
        ScoresError: One does.
    """
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ScoresError(f"{source}: the column {twice[0]!r} occurs more than once")


def name_columns(
    frame: pd.DataFrame, names: dict[str, str], *, source: str, require_labels: bool = True
) -> pd.DataFrame:
    """The frame with the columns that ``names`` gives for a meaning under the name of that meaning.

    Args:
        frame: As it was read.
        names: The name of the column for each of ``label``, ``score`` and ``attack_type``.
        source: What to call the data in messages.
        require_labels: Whether a frame without a column ``label`` is refused; one that was named is needed always.

    Raises:
        ScoresError: A column that is needed or was named is not there, or a name occurs twice.
    """
    found = [str(column).strip() for column in frame.columns]
    needed = ("label", "score") if require_labels or names["label"] != "label" else ("score",)
    for meaning in needed:
        if names[meaning] not in found:
            raise ScoresError(
                f"{source}: there is no column {names[meaning]!r}; the columns are {', '.join(found) or 'none'}"
                f" (name it with --{meaning}-column)"
            )
    if names["attack_type"] != "attack_type" and names["attack_type"] not in found:
        raise ScoresError(f"{source}: there is no column {names['attack_type']!r} for the attack types")
    refuse_twins(found, source)
    new = {column: column for column in found}
    for meaning, column in names.items():
        if column in new and column != meaning:
            if meaning in new:  # an own column of that name gives way to the one that was asked for
                new[meaning] = f"{meaning} (not used)"
            new[column] = meaning
    return frame.set_axis([new[column] for column in found], axis="columns")


def is_blank(texts: NDArray[Any]) -> NDArray[np.bool_]:
    """Which texts stand for a missing value, shape (n,).

    Example:
        >>> is_blank(np.array(["a.png", "", "nan"], dtype=object)).tolist()
        [False, True, True]
    """
    words = pd.Series(texts, dtype="string").str.strip().str.lower()
    return np.asarray(words.isna() | words.isin(BLANK), dtype=bool)


def where(frame_row: int) -> str:
    """A row as people count it: data rows from 1; in a text file with one header the line is one more."""
    return f"row {frame_row + 1} (line {frame_row + 2})"


class _Place(NamedTuple):
    """What rows are of, and how many come before the first."""

    source: str
    rows_before: int

    def row(self, i: int | np.integer[Any]) -> str:
        return f"{self.source}: {where(self.rows_before + int(i))}"

    def column(self, name: str) -> _Place:
        return self._replace(source=f"{self.source} ({name})")


def class_codes(words: Iterable[object]) -> NDArray[np.int8]:
    """The class of each label: 0 bona fide, 1 attack, -1 for what is no label."""
    codes = {"bona_fide": 0, "attack": 1, None: -1}
    return np.array([codes[parse_label(word)] for word in words], dtype=np.int8)


def text_codes(words: Iterable[object]) -> tuple[list[str], NDArray[np.intp]]:
    """The texts that words of a column stand for, and which one each is of, -1 for a blank.

    The codes have one more entry than there are words: the last, -1, is for missing values of code -1.
    """
    kept = [_name(word).strip() for word in words]
    categories = list(dict.fromkeys(word for word in kept if word.lower() not in BLANK))
    index = {word: code for code, word in enumerate(categories)}
    return categories, np.array([*(index.get(word, -1) for word in kept), -1], dtype=np.intp)


def _name(word: object) -> str:
    """A value as a text: a whole number is the same one in a column with gaps, where it is a float."""
    return str(int(word)) if isinstance(word, float) and word.is_integer() else str(word)


def _sample_ids(frame: pd.DataFrame, rows_before: int) -> Any:
    if "sample_id" in frame.columns:
        given = frame["sample_id"]
        if pd.api.types.is_float_dtype(given.dtype):
            given = given.map(_name, na_action="ignore")
        return given.astype(str).where(given.notna(), "").array
    return np.arange(rows_before + 1, rows_before + len(frame) + 1)


def _labels(column: pd.Series[Any], place: _Place) -> pd.Categorical[Any]:
    codes, words = pd.factorize(column)  # one look at each distinct word, not at each row
    classes = class_codes(words)
    bad = next((i for i, code in enumerate(classes) if code < 0), None)
    if bad is not None or (codes < 0).any():
        row = int(np.argmax(codes < 0)) if bad is None else int(np.argmax(codes == bad))
        seen = "blank" if bad is None or not str(words[bad]).strip() else repr(str(words[bad]))
        raise ScoresError(f"{place.row(row)}: label is {seen}; expected one of {ACCEPTED}")
    lookup = classes if classes.size else np.zeros(1, dtype=np.int8)
    return pd.Categorical.from_codes(lookup[codes], categories=pd.Index(["bona_fide", "attack"]))


def _no_labels(n: int) -> pd.Categorical[Any]:
    return pd.Categorical.from_codes(
        np.full(n, -1, dtype=np.int8), categories=pd.Index(["bona_fide", "attack"])
    )


def _scores(column: pd.Series[Any], place: _Place, *, score_range: ScoreRange) -> NDArray[np.float64]:
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        values = _parsed_scores(column, place)
    with np.errstate(invalid="ignore"):
        outside = np.isinf(values) if score_range == "any" else (values < 0) | (values > 1)
    if outside.any():
        row = int(np.argmax(outside))
        hint = "a finite number" if score_range == "any" else "a number in [0, 1] (or --score-range any)"
        raise ScoresError(f"{place.row(row)}: score is {values[row]:g}; expected {hint}")
    return values


def _parsed_scores(column: pd.Series[Any], place: _Place) -> NDArray[np.float64]:
    text = column.astype("string").str.strip()
    blank = text.isna() | text.str.lower().isin(BLANK)
    values = pd.to_numeric(text.mask(blank), errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    bad = np.isnan(values) & ~blank.to_numpy(dtype=bool)
    if bad.any():
        row = int(np.argmax(bad))
        raise ScoresError(
            f"{place.row(row)}: score is {str(column.iloc[row])!r}; expected a number, or blank for no response"
        )
    return values


def _outcomes(frame: pd.DataFrame, missing: NDArray[np.bool_], place: _Place) -> pd.Categorical[Any]:
    codes = missing.astype(np.int8)  # scored, or no response
    if "outcome" in frame.columns:
        stated = frame["outcome"].astype("string").str.strip().fillna("")
        unknown = ~stated.isin([*OUTCOMES, ""]).to_numpy(dtype=bool)
        if unknown.any():
            row = int(np.argmax(unknown))
            raise ScoresError(
                f"{place.row(row)}: outcome is {stated.iloc[row]!r}; expected one of {', '.join(OUTCOMES)}"
            )
        odd = (stated == "scored").to_numpy(dtype=bool) & missing
        odd |= stated.isin(["no_response", "not_sent"]).to_numpy(dtype=bool) & ~missing
        if odd.any():
            row = int(np.argmax(odd))
            has = "no score" if missing[row] else "a score"
            raise ScoresError(f"{place.row(row)}: outcome is {stated.iloc[row]!r} but the row has {has}")
        codes[(stated == "not_sent").to_numpy(dtype=bool)] = 2
    return pd.Categorical.from_codes(codes, categories=pd.Index(OUTCOMES))


def _attack_types(frame: pd.DataFrame, is_attack: NDArray[np.bool_]) -> pd.Categorical[Any]:
    if "attack_type" not in frame.columns:
        return _no_text(len(frame))
    kinds = as_texts(frame["attack_type"])
    codes = np.where(is_attack, kinds.codes, -1)  # what a bona fide row says of its attack type is ignored
    return pd.Categorical.from_codes(codes, categories=kinds.categories).remove_unused_categories()


def _standard_column(frame: pd.DataFrame, name: str, place: _Place) -> Any:
    present = name in frame.columns
    if name in TEXT_COLUMNS:
        return as_texts(frame[name]) if present else _no_text(len(frame))
    if name in ("result", "cached"):
        return _booleans(frame[name], place, name=name) if present else _none(len(frame), "boolean")
    if name == "threshold":
        return _scores(frame[name], place.column(name), score_range="any") if present else _nans(len(frame))
    return _numbers(frame[name], place, name=name) if present else _none(len(frame), "Int64")


def as_texts(column: pd.Series[Any]) -> pd.Categorical[Any]:
    """Texts as a categorical (a million rows of few words are small); blanks are missing."""
    codes, words = pd.factorize(column)
    categories, lookup = text_codes(words)
    return pd.Categorical.from_codes(lookup[codes], categories=pd.Index(categories, dtype=object))


def _no_text(n: int) -> pd.Categorical[Any]:
    return pd.Categorical.from_codes(np.full(n, -1, dtype=np.int8), categories=pd.Index([], dtype=object))


def _nans(n: int) -> NDArray[np.float64]:
    return np.full(n, np.nan)


def _none(n: int, dtype: Literal["boolean", "Int64"]) -> Any:
    if dtype == "boolean":
        return pd.arrays.BooleanArray(np.zeros(n, dtype=bool), np.ones(n, dtype=bool))
    return pd.arrays.IntegerArray(np.zeros(n, dtype=np.int64), np.ones(n, dtype=bool))


def _booleans(column: pd.Series[Any], place: _Place, *, name: str) -> Any:
    words = column.astype("string").str.strip().str.lower()
    known = words.map({"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False})
    bad = (known.isna() & ~(words.isna() | words.isin(BLANK))).to_numpy(dtype=bool)
    if bad.any():
        row = int(np.argmax(bad))
        raise ScoresError(f"{place.row(row)}: {name} is {str(column.iloc[row])!r}; expected true or false")
    return known.astype("boolean").array


def _numbers(column: pd.Series[Any], place: _Place, *, name: str) -> Any:
    values = _scores(column, place.column(name), score_range="any")
    if (values != np.round(values))[~np.isnan(values)].any():
        row = int(np.argmax((values != np.round(values)) & ~np.isnan(values)))
        raise ScoresError(f"{place.row(row)}: {name} is {values[row]:g}; expected a whole number")
    return pd.array(values, dtype="Float64").astype("Int64")
