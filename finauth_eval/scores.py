"""The score table: one row a sample, whatever became of it. The waist of the whole tool.

Everything before it needs network, disk and time; everything after it is a pure function of it, so a saved table can
be evaluated for ever with neither network nor key. This module holds the column contract and the one reader.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv as pa_csv
from pyarrow import parquet

from finauth_eval.columns import COLUMNS, ScoreRange, name_columns, read_columns, refuse_twins, where
from finauth_eval.errors import ScoresError
from finauth_eval.exact import exact, rounded
from finauth_eval.keys import Keys
from finauth_eval.places import Place, Remote, appearing, as_file, place, size_of

__all__ = [
    "COLUMNS", "Provenance", "ScoreTable", "provenance_of_run", "read_run", "read_scores", "with_run",
]  # fmt: skip

SCORES_FILE: Final = "scores.parquet"
REPLICATES_FILE: Final = "replicates.parquet"
RUN_FILE: Final = "run.json"
_RUN_FIELDS: Final[dict[str, type]] = {
    "dataset": dict, "package_versions": dict, "settings": dict, "no_response": dict, "not_sent": dict,
    "result_mismatches": dict, "thresholds_seen": list, "possibly_billed_sends": list, "endpoint": str,
    "region": str, "campaign": str, "message": str, "samples": int, "scored": int, "unique_contents": int,
    "from_cache": int, "sends": int, "retries": int, "possibly_billed": int, "concurrency_limited": int,
    "started_at": str, "ended_at": str, "exit": int,
}  # fmt: skip
"""What this tool reads of a run.json, and of which kind each is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where a score table comes from; what an auditor asks first.

    Attributes:
        source: The path that was read, or ``"frame"``, or ``"run"``.
        digest: sha256 of the table's labels, scores and attack types, in row order; the same for the same data in
            any file format.
        dataset_name: The dataset's name where a run made the table.
        dataset_digest: The digest of the dataset's contents and labels.
        endpoint: Address that answered.
        region: ``"sgp"``, ``"idn"`` or ``None`` for another endpoint.
        campaign: The campaign whose answers these are.
        run: The whole run.json, empty when there is none.
        package_versions: Versions of the packages that made the run.
    """

    source: str
    digest: str
    dataset_name: str | None = None
    dataset_digest: str | None = None
    endpoint: str | None = None
    region: str | None = None
    campaign: str | None = None
    run: Mapping[str, Any] = field(default_factory=dict)
    package_versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreTable:
    """A labelled score table with its provenance.

    Attributes:
        frame: One row a sample. ``label`` is categorical (``bona_fide``, ``attack``), ``score`` float64 with NaN for
            a sample without a response, ``attack_type`` is missing for bona fide rows; every column of ``COLUMNS``
            is there, further columns are the dataset's attributes.
        provenance: Where it comes from.
        replicates: One row a content and replicate (``sample_id``, ``sha256``, ``replicate``, ``outcome``, ``reason``,
            ``score``, ``threshold``, ...) where the run asked more than once; ``None`` elsewhere.
        keys: What its rows are matched by, where it was read on workers to be compared with one other table and the
            texts were left there; ``None`` elsewhere.

    Example:
        >>> import pandas as pd
        >>> table = ScoreTable.from_frame(pd.DataFrame({"label": ["real", "fake"], "score": [0.1, 0.9]}))
        >>> table.frame["label"].tolist(), int(table.is_attack.sum())
        (['bona_fide', 'attack'], 1)
    """

    frame: pd.DataFrame
    provenance: Provenance
    replicates: pd.DataFrame | None = None
    keys: Keys | None = None

    def __len__(self) -> int:
        return len(self.frame)

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        *,
        label_column: str = "label",
        score_column: str = "score",
        attack_type_column: str = "attack_type",
        score_range: ScoreRange = "unit",
        require_labels: bool = True,
        source: str = "frame",
    ) -> ScoreTable:
        """A table from a frame with at least a label and a score column.

        Args:
            frame: Any frame; it is not changed. Rows keep their order.
            label_column: Name of the column with the labels.
            score_column: Name of the column with the scores; a blank is a sample without a response.
            attack_type_column: Name of the column with the attack types, where there is one.
            score_range: ``"unit"`` refuses scores outside [0, 1]; ``"any"`` takes every finite number.
            require_labels: Whether a frame without a column ``label`` is refused. Only `compare` can work without.
            source: What to call the data in messages.

        Raises:
            ScoresError: A column is missing, a label is unknown, or a score is not a number in range; the message
                names the row.
        """
        if score_range not in ("unit", "any"):
            raise ValueError(f"score_range is {score_range!r}; expected 'unit' or 'any'")
        named = name_columns(
            frame,
            {"label": label_column, "score": score_column, "attack_type": attack_type_column},
            source=source,
            require_labels=require_labels,
        )
        return cls.of_columns(read_columns(named, score_range=score_range, source=source), source=source)

    @classmethod
    def of_columns(cls, columns: Mapping[str, Any], *, source: str) -> ScoreTable:
        """A table of arrays as `finauth_eval.columns.read_columns` gives them.

        Args:
            columns: An array for each of ``COLUMNS``, and further ones.
            source: What to call the data in messages.
        """
        # no deep copy of ten million rows: the arrays were made above or belong to the caller and are only read
        table = pd.DataFrame(columns, copy=False)
        return cls(frame=table, provenance=Provenance(source=source, digest=_digest(columns)))

    @property
    def labelled(self) -> bool:
        """Whether every sample has a label; either all have one or none."""
        return not bool((self.frame["label"].cat.codes < 0).any())

    def require_labels(self) -> None:
        """Refuse samples without labels.

        Raises:
            ScoresError: They have none.
        """
        if not self.labelled:
            raise ScoresError(
                f"{self.provenance.source}: there is no column 'label'; without labels only compare says something"
            )

    @property
    def has_sample_ids(self) -> bool:
        """Whether the samples' ids were given, and are not their places in the table."""
        return not pd.api.types.is_integer_dtype(self.frame["sample_id"].dtype)

    @property
    def is_attack(self) -> NDArray[np.bool_]:
        """Shape (n,): whether each sample is an attack."""
        return np.asarray(self.frame["label"].cat.codes == 1)

    @property
    def scores(self) -> NDArray[np.float64]:
        """Shape (n,): the scores; NaN where there is no response."""
        return self.frame["score"].to_numpy()

    @property
    def scored(self) -> NDArray[np.bool_]:
        """Shape (n,): whether each sample has a score."""
        return ~np.isnan(self.scores)

    @property
    def n_scored(self) -> int:
        """How many samples have a score."""
        return int(self.scored.sum())

    def with_provenance(self, **changes: Any) -> ScoreTable:
        """The same rows under a provenance with these fields changed."""
        return replace(self, provenance=replace(self.provenance, **changes))

    def write(self, folder: Path | str | Remote) -> Place:
        """Write ``scores.parquet`` and, where there are such, ``run.json`` and ``replicates.parquet``.

        Each appears whole or not at all.

        Args:
            folder: A path, or a URL such as ``s3://bucket/runs/q3``.

        Returns:
            The folder.
        """
        folder = place(folder)
        # places in the table are no ids: written out they would come back as such
        frame = self.frame if self.has_sample_ids else self.frame.drop(columns="sample_id")
        _write_parquet(_plain(frame), folder / SCORES_FILE)
        if self.replicates is not None:
            _write_parquet(self.replicates, folder / REPLICATES_FILE)
        if self.provenance.run:
            text = json.dumps(self.provenance.run, indent=1, ensure_ascii=False, allow_nan=False)
            with appearing(folder / RUN_FILE) as scratch:
                # a file name that is not valid Unicode must not cost the whole run its summary
                scratch.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
        return folder


def _write_parquet(frame: pd.DataFrame, file: Place) -> None:
    with appearing(file) as scratch:
        frame.to_parquet(scratch, index=False)


def read_scores(
    path: Path | str | Remote,
    *,
    label_column: str = "label",
    score_column: str = "score",
    attack_type_column: str = "attack_type",
    score_range: ScoreRange = "unit",
    require_labels: bool = True,
) -> ScoreTable:
    """Read a score table from a run folder, a CSV (comma, semicolon or tab) or a Parquet file.

    Args:
        path: A path or a URL such as ``s3://bucket/runs/q3``: run folder (with ``scores.parquet`` and ``run.json``), ``.csv``/``.tsv``/``.txt`` or ``.parquet`` file.
        label_column: Name of the column with the labels.
        score_column: Name of the column with the scores; a blank is a sample without a response.
        attack_type_column: Name of the column with the attack types, where there is one.
        score_range: ``"unit"`` refuses scores outside [0, 1]; ``"any"`` takes every finite number.
        require_labels: Whether a table without a column ``label`` is refused. Only `compare` can work without.

    Raises:
        ScoresError: There is no such file, it cannot be read, or a row is not what it should be.
    """
    path = place(path)
    run: dict[str, Any] = {}
    source = file = path
    if path.is_dir():
        file = path / SCORES_FILE
        run = read_run(path / RUN_FILE)
    if not file.is_file():
        raise ScoresError(f"{file}: no such file; expected a run folder, a CSV or a Parquet file")
    if size_of(file) == 0:
        raise ScoresError(f"{file}: the file is empty; expected a header with at least 'label' and 'score'")
    frame = _read_parquet(file) if file.suffix.lower() in (".parquet", ".pq") else _read_csv(file)
    table = ScoreTable.from_frame(
        frame,
        label_column=label_column,
        score_column=score_column,
        attack_type_column=attack_type_column,
        score_range=score_range,
        require_labels=require_labels,
        source=str(source),
    )
    return with_run(table, path, run)


def with_run(table: ScoreTable, folder: Place, run: Mapping[str, Any]) -> ScoreTable:
    """The table of a run folder with what its run.json says and, where it asked again, those answers."""
    if not run:
        return table
    again = folder / REPLICATES_FILE
    asked_again = _read_replicates(again) if run.get("stability") and again.is_file() else None
    return replace(table.with_provenance(**provenance_of_run(run)), replicates=asked_again)


def provenance_of_run(run: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a provenance that a run.json fills."""
    dataset = run.get("dataset") or {}
    return {
        "run": dict(run),
        "dataset_name": dataset.get("name"),
        "dataset_digest": dataset.get("digest"),
        "endpoint": run.get("endpoint"),
        "region": run.get("region"),
        "campaign": run.get("campaign"),
        "package_versions": dict(run.get("package_versions") or {}),
    }


def read_run(file: Place) -> dict[str, Any]:
    """What a run.json holds; nothing where there is no such file.

    Raises:
        ScoresError: It is not one that this tool wrote.
    """
    if not file.is_file():
        return {}
    try:
        run = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ScoresError(
            f"{file}: not readable as JSON ({error}); run the command that made it again"
        ) from error
    if not isinstance(run, dict):
        raise ScoresError(f"{file}: expected a JSON object, found {type(run).__name__}")
    for name, kind in _RUN_FIELDS.items():
        if not isinstance(run.get(name), kind | None):
            raise ScoresError(f"{file}: {name} is {str(run[name])[:60]!r}; expected {kind.__name__}")
    return run


def _read_parquet(file: Place) -> pd.DataFrame:
    try:
        content = as_file(file)
        frame = pd.read_parquet(content)
        if names := rounded(frame, parquet.read_schema(content)):
            whole = parquet.ParquetFile(content).read(columns=names)
            frame = frame.assign(**{name: exact(whole.column(name)) for name in names})
    except Exception as error:  # pyarrow's errors have no common base below it
        raise ScoresError(f"{file}: not readable as Parquet ({error})") from error
    return frame


def _read_replicates(file: Place) -> pd.DataFrame:
    frame = _read_parquet(file)
    missing = sorted({"sample_id", "sha256", "replicate", "outcome", "score", "threshold"} - {*frame.columns})
    if missing:
        raise ScoresError(f"{file}: no column {missing[0]!r}; run the command that made it again")
    return frame


def _read_csv(file: Place) -> pd.DataFrame:
    """Every field as a text. Strict: a row that is cut off is an error, not a sample without a score."""
    odd: list[pa_csv.InvalidRow] = []

    def refuse(row: pa_csv.InvalidRow) -> str:
        odd.append(row)
        return "error"

    try:
        content = file.read_bytes().rstrip(b"\r\n") + b"\n"
        first = content.split(b"\n", 1)[0].decode("utf-8-sig").rstrip("\r")
        separator = max(",;\t", key=first.count)  # the comma where none occurs
        header = next(csv.reader([first], delimiter=separator), [])
        refuse_twins([name.strip() for name in header], file)
        table = pa_csv.read_csv(
            io.BytesIO(content),
            read_options=pa_csv.ReadOptions(use_threads=False),  # with threads rows have no numbers
            parse_options=pa_csv.ParseOptions(
                delimiter=separator,
                newlines_in_values=True,
                ignore_empty_lines=False,  # so that rows keep their numbers
                invalid_row_handler=refuse,
            ),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=False
            ),
        )
    except OSError as error:
        raise ScoresError(f"{file}: can't be read ({error.strerror or error})") from error
    except (ValueError, csv.Error) as error:  # pyarrow's errors and UnicodeDecodeError are ValueErrors
        if odd:
            fields, wanted = odd[0].actual_columns, odd[0].expected_columns
            raise ScoresError(
                f"{file}: {where(odd[0].number - 2)}: {fields} fields; the header has {wanted}"
            ) from error
        if isinstance(error, UnicodeDecodeError) or "invalid UTF8" in str(error):
            raise ScoresError(f"{file}: not UTF-8 text ({error})") from error
        raise ScoresError(f"{file}: not readable as CSV ({error})") from error
    frame: pd.DataFrame = table.to_pandas()
    return frame


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with categoricals as plain texts, so that any reader of Parquet understands it."""
    plain = frame.copy(deep=False)
    for name in plain.columns:
        if isinstance(plain[name].dtype, pd.CategoricalDtype):
            plain[name] = plain[name].astype(object)
    return plain


def _digest(columns: Mapping[str, Any]) -> str:
    is_attack, score = columns["label"].codes == 1, columns["score"]
    kinds: pd.Categorical[Any] = columns["attack_type"]
    digest = hashlib.sha256(b"finauth-eval/score-table/1")
    digest.update(np.packbits(is_attack).tobytes())
    digest.update(np.ascontiguousarray(score + 0.0).tobytes())  # + 0.0: -0.0 and 0.0 are one score
    order = (
        np.argsort(np.asarray(kinds.categories, dtype=object)) if len(kinds.categories) else np.array([], int)
    )
    rank = np.empty(len(order) + 1, dtype=np.int32)
    rank[order] = np.arange(len(order))
    rank[-1] = -1
    digest.update(rank[kinds.codes].tobytes())
    digest.update(json.dumps(sorted(map(str, kinds.categories))).encode())
    return digest.hexdigest()
