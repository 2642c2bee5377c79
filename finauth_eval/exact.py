"""Whole numbers of Parquet that pandas would round, because a column with blanks becomes one of floats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["exact", "frame_of", "rounded"]

_ROUNDED_FROM: Final = 2.0**53
_KINDS: Final = {pa.int64(): pd.Int64Dtype(), pa.uint64(): pd.UInt64Dtype()}


def frame_of(rows: pa.Table | pa.RecordBatch, *, ignore_metadata: bool = False) -> pd.DataFrame:
    """Rows as pandas has them, but that large whole numbers stay what they are.

    Example:
        >>> frame_of(pa.table({"sample_id": [2**60 + 1, None], "n": [7, None]}))["sample_id"].tolist()
        [1152921504606846977, <NA>]
    """
    frame: pd.DataFrame = rows.to_pandas(ignore_metadata=ignore_metadata)
    for name in rounded(frame, rows.schema):
        frame[name] = exact(rows.column(name))
    return frame


def rounded(frame: pd.DataFrame, schema: pa.Schema) -> Sequence[str]:
    """The columns of a frame whose whole numbers became floats that may not be the same numbers."""
    return [
        field.name
        for field in schema
        if field.type in _KINDS
        and schema.names.count(field.name) == 1
        and field.name in frame.columns
        and frame[field.name].dtype == np.float64
        and (frame[field.name].abs() >= _ROUNDED_FROM).any()
    ]


def exact(column: pa.Array | pa.ChunkedArray) -> Any:
    """A column of whole numbers with its blanks."""
    return column.to_pandas(types_mapper=_KINDS.get).array
