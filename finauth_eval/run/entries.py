"""What each entry of a cache is, looked at as if a stranger had written it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, get_args

from finauth_eval.detection import Detection, NoResponse
from finauth_eval.media import MediaType
from finauth_eval.run.records import ODD, Outcome, Question, Stored, note_from_text, stored_from_text
from finauth_eval.run.store import Entry
from finauth_eval.wellformed import well_formed

__all__ = [
    "Answer",
    "Problem",
    "SendRecord",
    "answer_from_text",
    "examined",
    "outcome_word",
    "received",
    "why",
]

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_LARGEST: Final = 2**31


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A final outcome that can be used, with the question that it answers and that question's key."""

    key: str
    question: Question
    stored: Stored


@dataclass(frozen=True, slots=True, kw_only=True)
class SendRecord:
    """A send that may have been billed without an answer.

    Attributes:
        endpoint, campaign: Who was asked, in which campaign; ``None`` where the record can't be read.
        key: The question's.
        open: Whether nothing at all is known of its end; else it ended without an answer that can be used.
        reason: The word it is counted under.
        at: When it was sent, or ended.
        request_id: The vendor's handle, where one was seen.
    """

    endpoint: str | None
    campaign: str | None
    key: str
    open: bool
    reason: str
    at: str
    request_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """An entry that is not what this tool writes.

    Attributes:
        kind: ``"answer"`` and ``"send"`` by its name, ``"not_ours"`` without such a name, ``"database"`` for the file.
        entry: The beginning of its name.
        reason: What is wrong.
    """

    kind: Literal["answer", "send", "not_ours", "database"]
    entry: str
    reason: str


def examined(entries: Iterable[Entry]) -> Iterator[Answer | SendRecord | Problem]:
    """Each entry as what it is; a record of a send that can't be trusted comes out as a record and as a problem."""
    for entry in entries:
        kind, _, rest = entry.name.partition("/")
        if kind == "answer":
            yield _answer_or_problem(entry, rest)
        elif kind in ("send", "billed"):
            yield from _send(entry, key=rest.partition("/")[0], is_open=kind == "send")
        else:
            yield Problem(
                kind="not_ours", entry=_short(entry.name), reason=entry.problem or "no entry of this tool"
            )


def answer_from_text(text: str, *, key: str | None = None) -> Answer:
    """An answer as it was kept, or as it came from elsewhere.

    Args:
        text: JSON.
        key: The key that it must answer; without one, its own question's.

    Raises:
        ValueError, TypeError, KeyError, AttributeError, RecursionError: It can't be used.
    """
    question = Question(**json.loads(text)["question"])
    _check_question(question)
    key = question.key if key is None else key
    stored = stored_from_text(text, key=key)
    pause = stored.outcome.retry_after_s if isinstance(stored.outcome, NoResponse) else None
    if pause is not None and not (type(pause) in (int, float) and 0 <= pause <= 3600):
        raise ValueError(f"retry_after_s is {pause!r}; expected seconds in [0, 3600]")
    return Answer(key=key, question=question, stored=stored)


def outcome_word(outcome: Outcome) -> str:
    """What an outcome is counted under: ``"scored"`` or the reason why there is no score."""
    return "scored" if isinstance(outcome, Detection) else outcome.reason


def received(outcome: Outcome) -> datetime | None:
    """When an answer came, in UTC; ``None`` where that is not known.

    Example:
        >>> received(Detection(score=0.5, received_at="2026-01-01T01:00:00+01:00")).isoformat()
        '2026-01-01T00:00:00+00:00'
    """
    try:
        at = datetime.fromisoformat(outcome.received_at)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def why(error: BaseException) -> str:
    """What was wrong with a text, in at most 200 characters."""
    if isinstance(error, KeyError):
        return f"{str(error)[:100]} is missing"
    if isinstance(error, RecursionError):
        return "nested too deep"
    if isinstance(error, AttributeError | TypeError):
        return f"not built as an answer of this tool ({well_formed(str(error))[:150]})"
    return well_formed(str(error))[:200]


def _answer_or_problem(entry: Entry, key: str) -> Answer | Problem:
    try:
        if entry.text is None:
            raise ValueError(entry.problem)
        return answer_from_text(entry.text, key=key)
    except ODD as error:
        return Problem(kind="answer", entry=_short(entry.name), reason=why(error))


def _send(entry: Entry, *, key: str, is_open: bool) -> Iterator[SendRecord | Problem]:
    note = note_from_text(entry.text or "")
    readable = _is_text(note["endpoint"]) and _is_text(note["campaign"])
    yield SendRecord(
        endpoint=note["endpoint"] if readable else None,
        campaign=note["campaign"] if readable else None,
        key=note["key"] or key,
        open=is_open,
        reason=note["reason"] if readable else "unreadable_record",
        at=note["at"],
        request_id=note["request_id"],
    )
    if not readable:
        reason = entry.problem or "a record of a send that can't be read; it is counted as possibly billed"
        yield Problem(kind="send", entry=_short(entry.name), reason=reason)
    elif note["key"] != key:
        yield Problem(kind="send", entry=_short(entry.name), reason="the record is of another question")


def _check_question(asked: Question) -> None:
    """That a question is one which this tool could have asked; its key alone says only that it hangs together."""
    for name in ("endpoint", "api_version", "campaign"):
        value = getattr(asked, name)
        if not _is_text(value):
            raise ValueError(f"{name} is {value!r}; expected a text")
    if type(asked.sha256) is not str or not _SHA256.fullmatch(asked.sha256):
        raise ValueError(f"sha256 is {asked.sha256!r}; expected 64 hex digits")
    if asked.media_type not in get_args(MediaType):
        raise ValueError(f"media_type is {asked.media_type!r}; expected image or video")
    for name, least in (("size", 1), ("replicate", 0)):
        value = getattr(asked, name)
        if type(value) is not int or not least <= value < _LARGEST:
            raise ValueError(f"{name} is {value!r}; expected a whole number from {least} on")


def _is_text(value: object) -> bool:
    return type(value) is str and well_formed(value) == value


def _short(name: str) -> str:
    """As much of an entry's name as tells it from others."""
    kind, slash, rest = name.partition("/")
    shown = f"{kind}/{rest[:12]}" if slash else name[:60]
    return well_formed(shown[:60] + ("…" if len(shown) < len(name) else ""))
