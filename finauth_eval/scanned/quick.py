"""Counting a batch straight from its dictionaries, where its columns hold what they usually do."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import compute

from finauth_eval.columns import BLANK, COLUMNS, OUTCOMES, TEXT_COLUMNS, class_codes, text_codes
from finauth_eval.counting.cells import Cells
from finauth_eval.counting.rows import SPLITS, Rows
from finauth_eval.counting.subjects import Subjects, numbers_of
from finauth_eval.metrics.audit import audit_decisions
from finauth_eval.scanned.batches import is_text, source_of
from finauth_eval.slicing import MISSING, SliceColumn, Windows, in_order, slice_text
from finauth_eval.tallied import Tallied

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from finauth_eval.scanned.batches import Asked, Batch

__all__ = ["counted_quickly"]

_BLANK: Final = pa.array([*BLANK])


def counted_quickly(batch: Batch, asked: Asked) -> Tallied | None:
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
    clusters = _clusters(batch, asked.cluster)
    if clusters is None:
        return None
    splits = None
    if (given := batch.column("split")) is not None:
        words = _words(given)
        if words is None:
            return None
        names, lookup = text_codes(words[0])
        of_split = np.array([*(SPLITS.index(name) if name in SPLITS else 0 for name in names), 0], np.int8)
        splits = of_split[lookup[words[1]]]
    rows = Rows(
        scores=scores,
        kinds=kinds[0],
        types=kinds[1],
        not_sent=not_sent if not_sent.any() else None,
        columns=[own for own in columns if own is not None],
        splits=splits,
    )
    subjects, cells = None, None
    if asked.cluster is not None:
        numbers, codes = clusters
        subjects = Subjects.of(asked.cluster, numbers, codes if missing is None else codes[~missing])
        if asked.together and not subjects.blank:
            cells = Cells.of(rows, numbers, codes)
    counted = Tallied.of_rows(rows, audit=audit, origin=asked.origin, subjects=subjects, cells=cells)
    return counted if "label" in batch.rows.schema.names else replace(counted, labelled=False)


def _numbers(column: pa.Array | None, n: int) -> NDArray[np.float64] | None:
    """A column of numbers, blanks as ``nan``; ``None`` where it holds something else."""
    if column is None:
        return np.full(n, np.nan)
    if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
        return None
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)


def _encoded(column: pa.Array) -> tuple[pa.Array, NDArray[np.integer[Any]]] | None:
    """The distinct values of a column and which one each row has, the last one past these for a blank."""
    if not pa.types.is_dictionary(column.type):
        if not _is_plain(column.type):
            return None
        column = column.dictionary_encode()
    if column.dictionary.null_count or not _is_plain(column.dictionary.type):
        return None
    codes = column.indices
    n = len(column.dictionary)
    if codes.null_count:
        codes = (codes.cast(pa.int32()) if n > 100 else codes).fill_null(n)
    return column.dictionary, codes.to_numpy()


def _is_plain(kind: pa.DataType) -> bool:
    return bool(is_text(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind))


def _words(column: pa.Array) -> tuple[list[Any], NDArray[np.integer[Any]]] | None:
    """The same with the values as a list."""
    found = _encoded(column)
    return None if found is None else (found[0].to_pylist(), found[1])


def _kinds(batch: Batch) -> tuple[NDArray[np.unsignedinteger[Any]], list[str]] | None:
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


def _slice_column(batch: Batch, by: str | Windows) -> SliceColumn | None:
    name = source_of(by)
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


def _not_sent(batch: Batch, missing: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
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


def _audit(batch: Batch, scores: NDArray[np.float64]) -> Any:
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


def _clusters(batch: Batch, column: str | None) -> tuple[NDArray[np.uint64], NDArray[np.integer[Any]]] | None:
    """The numbers of the clusters, and which one each row is of, -1 for none."""
    given = None if column is None else batch.column(column)
    if column is None or given is None:
        return numbers_of([]), np.full(len(batch.rows), -1)
    if column in COLUMNS and column not in TEXT_COLUMNS:
        return None
    encoded = _encoded(given)
    if encoded is None:
        return None
    words, codes = encoded
    if column not in TEXT_COLUMNS:
        numbers, lookup = numbers_of([slice_text(word) for word in words.to_pylist()]), np.arange(len(words))
    elif is_text(words.type) and _all_plain(words):  # of very many names one look at each takes the longest
        lookup = np.where(
            compute.is_in(compute.ascii_lower(words), _BLANK.cast(words.type)), -1, np.arange(len(words))
        )
        numbers = numbers_of(words.to_numpy(zero_copy_only=False))
    else:
        names, lookup = text_codes(words.to_pylist())
        return numbers_of(names), lookup[codes]
    return numbers, np.append(lookup, -1)[codes]


def _all_plain(words: pa.Array) -> bool:
    """Whether every word is of printable ASCII, without blanks around it."""
    return bool(compute.all(compute.match_substring_regex(words, r"^[!-~]([ -~]*[!-~])?$")).as_py())
