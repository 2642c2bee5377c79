"""Which rows of many files have the same text, found by the workers of a cluster: a join that leaves the texts there."""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from finauth_eval.columns import is_blank
from finauth_eval.errors import MissingExtra, ScoresError
from finauth_eval.joining.parts import read_part

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from distributed import Client
    from numpy.typing import NDArray

    from finauth_eval.joining.parts import Reading
    from finauth_eval.places import Place

__all__ = ["first_rows"]

_SHUFFLE: Final = "tasks"
"""Dask's way of bringing equal keys together that repeats no more than what a worker that died had done."""


def first_rows(
    files: Sequence[tuple[Place, Mapping[str, str | None], int]],
    name: str,
    reading: Reading,
    client: Client,
) -> NDArray[np.int64]:
    """For every row the first row with the same text, so that rows are the same sample where these numbers are equal.

    The workers read the column, send each text to the one of them that gets all its like, and hand back row numbers.

    Args:
        files: Each file with the columns that its folders stand for and the number of its rows; rows are counted through all of them.
        name: The column.
        reading: How the files are read.
        client: Of the cluster.

    Returns:
        Shape (rows,), -1 where the row has no such text.

    Raises:
        MissingExtra: Dask's data frames are not installed.
        ScoresError: A file can't be read, or has another number of rows now.
    """
    try:
        import dask.dataframe as dd
    except ImportError as error:
        raise MissingExtra(
            f"{error.name or error} is not installed; a join on a cluster needs: pip install 'finauth-eval[dask]'"
        ) from error
    alone = replace(reading, columns=frozenset({name}))
    *starts, total = accumulate((n for _, _, n in files), initial=0)
    keyed = dd.from_delayed(
        [
            client.submit(_keyed, file, folders, n, start, name, alone, pure=False)
            for (file, folders, n), start in zip(files, starts, strict=True)
        ],
        meta=_keys([], []),
    )
    joined = keyed.shuffle("key", npartitions=len(files), shuffle_method=_SHUFFLE).map_partitions(
        _with_first, meta=_with_first(_keys([], []))
    )
    found = np.full(total, -1, dtype=np.int64)
    under_way = client.compute(joined.to_delayed())
    while under_way:
        own = under_way.pop(0).result()
        found[own["row"].to_numpy()] = own["first"].to_numpy()
    return found


def _keyed(
    file: Place, folders: Mapping[str, str | None], n: int, start: int, name: str, reading: Reading
) -> pd.DataFrame:
    """The rows of a file that have a text, with their numbers."""
    part = read_part(file, reading, folders)
    if part.n != n:
        raise ScoresError(
            f"{file}: had {n} rows and has {part.n} now; compare again when nobody writes to it"
        )
    column = part.columns.get(name)
    if column is None:
        return _keys([], [])
    texts = np.asarray(column, dtype=object)
    known = np.flatnonzero(~(is_blank(texts) if name == "sample_id" else pd.isna(texts)))
    return _keys(texts[known], start + known)


def _keys(texts: Any, rows: Any) -> pd.DataFrame:
    return pd.DataFrame({"key": pd.array(texts, dtype="string"), "row": np.asarray(rows, dtype=np.int64)})


def _with_first(keys: pd.DataFrame) -> pd.DataFrame:
    first = keys.groupby("key", sort=False)["row"].transform("min")
    return pd.DataFrame({"row": keys["row"], "first": first.astype(np.int64)})
