"""Answers as a file that anybody can read, and back into a cache.

One flat row an answer, as JSON lines or as Parquet. What comes back is checked row by row as if a stranger had
written it, and all of it is taken or nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from finauth_eval.detection import Detection, NoResponse
from finauth_eval.errors import InputError
from finauth_eval.run.entries import Answer, answer_from_text, examined, why
from finauth_eval.run.records import ODD, Question
from finauth_eval.run.store import Store, StoreReader

__all__ = ["Exported", "Imported", "export_answers", "import_answers", "read_answers"]

ROW_SCHEMA: Final = "finauth-eval/answer/1"
COLUMNS: Final = pa.schema(
    [("schema", pa.string()), ("sha256", pa.string()), ("size", pa.int64()), ("media_type", pa.string()),
     ("endpoint", pa.string()), ("api_version", pa.string()), ("campaign", pa.string()), ("replicate", pa.int64()),
     ("outcome", pa.string()), ("score", pa.float64()), ("threshold", pa.float64()), ("result", pa.bool_()),
     ("kind", pa.string()), ("reason", pa.string()), ("detail", pa.string()), ("request_id", pa.string()),
     ("time_used_ms", pa.int64()), ("received_at", pa.string()), ("round_trip_ms", pa.int64()),
     ("server_date", pa.string()), ("retry_after_s", pa.float64()), ("attempts", pa.int64()),
     ("key_fingerprint", pa.string())]
)  # fmt: skip
_NAMES: Final = tuple(COLUMNS.names)
_QUESTION: Final = tuple(part.name for part in fields(Question))
_OUTCOME: Final = tuple(dict.fromkeys(part.name for kind in (Detection, NoResponse) for part in fields(kind)))
_LONGEST_LINE: Final = 1024 * 1024
_BATCH: Final = 8192

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """How many answers were written, and how many entries were left out because they can't be used."""

    answers: int
    unusable: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of the rows of a file.

    Attributes:
        added: Answers that the cache did not have.
        same: Answers that it had, with the same outcome.
        kept: Answers that it had with another outcome, which stayed.
        replaced: Answers among the added whose entry in the cache could not be used.
    """

    added: int
    same: int
    kept: int
    replaced: int


def export_answers(
    store: StoreReader, path: Path, *, endpoint_name: str | None = None, campaign: str | None = None
) -> Exported:
    """Write every usable answer, or those of an endpoint or a campaign, as one row each.

    Args:
        store: The cache.
        path: A .jsonl or .parquet file; it appears whole or not at all.
        endpoint_name: What the cache knows the endpoint by.
        campaign: Name of the campaign.

    Raises:
        InputError: The name ends in something else, the file can't be written, or there is nothing to write.
        StoreError: The cache can't be read.
    """
    write = _by_ending(path, {".jsonl": _write_jsonl, ".parquet": _write_parquet})
    counts = {"answers": 0, "unusable": 0}

    def rows() -> Iterator[Row]:
        for found in examined(store.entries()):
            if not isinstance(found, Answer):
                counts["unusable"] += getattr(found, "kind", "") in ("answer", "not_ours")
            elif endpoint_name in (None, found.question.endpoint) and campaign in (
                None,
                found.question.campaign,
            ):
                counts["answers"] += 1
                yield _row(found)

    with _whole(path) as scratch:
        write(scratch, rows())
        if not counts["answers"]:
            unusable = f"; {counts['unusable']} entries can't be used" if counts["unusable"] else ""
            raise InputError(f"there is no answer to export{unusable}; {path} was not written")
    return Exported(**counts)


def read_answers(path: Path) -> dict[str, Answer]:
    """The answers of an exported file by key, each checked as an entry of a cache is.

    Raises:
        InputError: It can't be read, or a row is no answer; the message names the row and what is wrong with it.
    """
    read = _by_ending(path, {".jsonl": _jsonl_rows, ".parquet": _parquet_rows})
    if not path.is_file():
        raise InputError(f"{path}: there is no such file")
    answers: dict[str, Answer] = {}
    with _readable(path):
        for where, row in read(path):
            try:
                answer = _answer(row)
            except ODD as error:
                raise InputError(f"{path}: {where}: {why(error)}; nothing was imported") from error
            twin = answers.setdefault(answer.key, answer)
            if _verdict(twin) != _verdict(answer):
                raise InputError(
                    f"{path}: {where}: an earlier row has {_shown(twin)} for the same question, this one"
                    f" {_shown(answer)}; nothing was imported"
                )
    if not answers:
        raise InputError(f"{path}: there are no answers in it")
    return answers


def import_answers(store: Store, answers: Mapping[str, Answer], *, keep_existing: bool = False) -> Imported:
    """Add answers to a cache, all or none.

    Args:
        store: The cache.
        answers: By key, from ``read_answers``.
        keep_existing: Whether an answer of the cache stays where the file has another outcome; else that is refused.

    Raises:
        InputError: The cache has other outcomes; the message names them.
        StoreError: The cache can't be read or written.
    """
    known, rejected = store.answers(answers)
    mine = {key: replace(answers[key], stored=stored) for key, stored in known.items()}
    other = [key for key in mine if _verdict(mine[key]) != _verdict(answers[key])]
    if other and not keep_existing:
        shown = "\n".join(_conflict(mine[key], answers[key]) for key in other[:5])
        more = f"\n(and {len(other) - 5} more)" if len(other) > 5 else ""
        raise InputError(
            f"the cache has other outcomes for {len(other)} of these questions; nothing was imported"
            f" (--keep existing keeps the cache's)\n{shown}{more}"
        )
    new = [answer for key, answer in answers.items() if key not in known]
    store.add_answers((answer.question, answer.stored) for answer in new)
    return Imported(added=len(new), same=len(known) - len(other), kept=len(other), replaced=len(rejected))


def _verdict(answer: Answer) -> tuple[object, ...]:
    """What makes two answers the same, whichever call they came by."""
    outcome = answer.stored.outcome
    if isinstance(outcome, Detection):
        return ("scored", outcome.score, outcome.threshold, outcome.result)
    return ("no_response", outcome.kind, outcome.reason)


def _shown(answer: Answer) -> str:
    outcome = answer.stored.outcome
    return f"the score {outcome.score:g}" if isinstance(outcome, Detection) else repr(outcome.reason)


def _conflict(mine: Answer, other: Answer) -> str:
    asked = mine.question
    shown = (_shown(mine), _shown(other))
    if shown[0] == shown[1]:  # the difference is elsewhere, or in the last digits
        shown = (repr(_verdict(mine)), repr(_verdict(other)))
    return (
        f"sha256 {asked.sha256[:12]}…, endpoint {asked.endpoint!r}, campaign {asked.campaign!r}, replicate {asked.replicate}:"
        f" the cache has {shown[0]}, the file {shown[1]}"
    )


def _row(answer: Answer) -> Row:
    outcome = {name: getattr(answer.stored.outcome, name, None) for name in _OUTCOME}
    if outcome.get("result") is not None:
        outcome["result"] = bool(outcome["result"])  # an edited entry may have 1 for true
    return {
        "schema": ROW_SCHEMA,
        **{name: getattr(answer.question, name) for name in _QUESTION},
        "outcome": "scored" if isinstance(answer.stored.outcome, Detection) else "no_response",
        **outcome,
        "attempts": answer.stored.attempts,
        "key_fingerprint": answer.stored.key_fingerprint,
    }


def _answer(row: Row) -> Answer:
    """The answer of a row, by way of the text that a cache would hold."""
    unknown = [str(name)[:40] for name in row if name not in _NAMES]
    if unknown:
        raise ValueError(f"unknown column {unknown[0]!r}; expected {', '.join(_NAMES)}")
    if row["schema"] != ROW_SCHEMA:
        raise ValueError(f"schema is {row['schema']!r}; expected {ROW_SCHEMA}")
    if row["outcome"] not in ("scored", "no_response"):
        raise ValueError(f"outcome is {row['outcome']!r}; expected scored or no_response")
    record = {
        "question": {name: row[name] for name in _QUESTION},
        "scored": row["outcome"] == "scored",
        "outcome": {name: row[name] for name in _OUTCOME if row.get(name) is not None},
        "attempts": row["attempts"],
        "key_fingerprint": row["key_fingerprint"],
    }
    return answer_from_text(json.dumps(record))


def _by_ending(path: Path, choices: Mapping[str, Callable[..., Any]]) -> Callable[..., Any]:
    choice = choices.get(path.suffix.lower())
    if choice is None:
        raise InputError(f"{path}: expected a file that ends in {' or '.join(choices)}")
    return choice


def _write_jsonl(path: Path, rows: Iterable[Row]) -> None:
    with path.open("w", encoding="utf-8") as stream:
        for row in rows:
            stream.write(json.dumps({name: row.get(name) for name in _NAMES}, allow_nan=False) + "\n")


def _write_parquet(path: Path, rows: Iterable[Row]) -> None:
    rows = iter(rows)
    with pq.ParquetWriter(path, COLUMNS, write_page_checksum=True) as writer:
        while batch := list(islice(rows, _BATCH)):
            columns = [[row.get(name) for row in batch] for name in _NAMES]
            arrays = [
                pa.array(values, type=kind) for values, kind in zip(columns, COLUMNS.types, strict=True)
            ]
            writer.write_batch(pa.record_batch(arrays, schema=COLUMNS))


def _jsonl_rows(path: Path) -> Iterator[tuple[str, Row]]:
    with path.open("rb") as stream:
        for number, line in enumerate(_lines(stream), start=1):
            where = f"row {number}"
            if len(line) > _LONGEST_LINE:
                raise InputError(
                    f"{path}: {where}: longer than {_LONGEST_LINE:,} bytes; nothing was imported"
                )
            if not line.strip():
                continue
            try:
                row = json.loads(line.decode("utf-8"), object_pairs_hook=_without_twins)
            except (ValueError, RecursionError) as error:
                raise InputError(
                    f"{path}: {where}: not readable as JSON ({why(error)}); nothing was imported"
                ) from error
            if not isinstance(row, dict):
                raise InputError(f"{path}: {where}: expected a JSON object; nothing was imported")
            yield where, row


def _lines(stream: IO[bytes]) -> Iterator[bytes]:
    while line := stream.readline(_LONGEST_LINE + 1):
        yield line


def _without_twins(pairs: list[tuple[str, Any]]) -> Row:
    row = dict(pairs)
    if len(row) < len(pairs):
        raise ValueError("a name occurs twice in one object")
    return row


def _parquet_rows(path: Path) -> Iterator[tuple[str, Row]]:
    number = 0
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        names = file.schema_arrow.names
        if len(set(names)) < len(names):
            raise InputError(f"{path}: a column name occurs twice; nothing was imported")
        for batch in file.iter_batches(batch_size=_BATCH):
            for at in range(0, len(batch), 64):  # a text that is not UTF-8 is found within so many rows
                for row in _rows_from(batch.slice(at, 64), f"{path}: rows {number + 1} to {number + 64}"):
                    number += 1
                    yield f"row {number}", row


def _rows_from(batch: Any, place: str) -> list[Row]:
    try:
        rows: list[Row] = batch.to_pylist()
    except (ValueError, OverflowError) as error:
        raise InputError(f"{place}: can't be read ({why(error)}); nothing was imported") from error
    return rows


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Whatever a reader of this file may raise, as one clear error."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror or error})") from error
    except (pa.ArrowException, ValueError, OverflowError) as error:
        raise InputError(f"{path}: not readable as {path.suffix[1:]} ({why(error)})") from error


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A place to write to that takes the file's name at the end, or leaves nothing."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield scratch
        scratch.replace(path)
    except OSError as error:
        raise InputError(f"{path}: can't be written ({error.strerror or error})") from error
    finally:
        _remove(scratch)


def _remove(scratch: Path) -> None:
    try:
        scratch.unlink(missing_ok=True)
    except OSError:  # its folder is no folder; what went wrong before is the better message
        return
