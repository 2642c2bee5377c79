"""What the cache keeps, as values and as texts; what is read is checked as if it came from a stranger."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from finauth_eval.detection import Detection, Kind, NoResponse
from finauth_eval.media import MediaType
from finauth_eval.wellformed import well_formed

__all__ = ["ODD", "Outcome", "Question", "Stored", "answer_to_dict", "note_from_text", "stored_from_text"]

Outcome = Detection | NoResponse

ODD: Final = (ValueError, TypeError, KeyError, AttributeError, RecursionError)
"""What reading a text that this tool did not write may raise."""

_KEY_SCHEMA: Final = "finauth-eval/key/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked; two questions that are equal have the same answer and are paid for once.

    Signature, time, API key, file name and label are no part of it.
    """

    sha256: str
    size: int
    media_type: MediaType
    endpoint: str
    api_version: str
    campaign: str
    replicate: int = 0

    @property
    def key(self) -> str:
        """sha256 over canonical JSON of the question.

        Example:
            >>> ask = dict(sha256="00", size=1, media_type="image", endpoint="sgp", api_version="v5")
            >>> Question(**ask, campaign="a").key == Question(**ask, campaign="b").key
            False
        """
        # each field by name: asdict copies deeply, and a hundred thousand keys are made at once
        asked = {name: getattr(self, name) for name in _QUESTION_FIELDS}
        text = json.dumps({"schema": _KEY_SCHEMA, **asked}, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


_QUESTION_FIELDS: Final = tuple(own.name for own in fields(Question))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """An outcome as it is kept: with the number of attempts that it took and the key that asked."""

    outcome: Outcome
    attempts: int
    key_fingerprint: str


def answer_to_dict(question: Question, stored: Stored) -> dict[str, Any]:
    """A final outcome with the question that it answers, as plain JSON values."""
    return {
        "question": asdict(question),
        "scored": isinstance(stored.outcome, Detection),
        "outcome": {name: value for name, value in asdict(stored.outcome).items() if value is not None},
        "attempts": stored.attempts,
        "key_fingerprint": stored.key_fingerprint,
    }


def stored_from_text(text: str, *, key: str) -> Stored:
    """A final outcome as it was kept.

    Raises:
        ValueError, TypeError, KeyError, AttributeError, RecursionError: It is not an entry of ours, belongs to
            another question, or holds an impossible outcome.
    """
    record = json.loads(text)
    if Question(**record["question"]).key != key:
        raise ValueError("the entry answers another question")
    kept = record["outcome"]
    _check_texts(kept, "reason", "detail", "request_id", "received_at", "server_date")
    _check_counts(kept, "time_used_ms", "round_trip_ms")
    _check_counts(record, "attempts", least=1)
    _check_texts(record, "key_fingerprint")
    outcome = _detection(kept) if record["scored"] is True else _no_response(kept)
    return Stored(outcome=outcome, attempts=record["attempts"], key_fingerprint=record["key_fingerprint"])


def note_from_text(text: str) -> dict[str, Any]:
    """What is on record of a send that may have been billed; an unreadable record is one too."""
    try:
        note = json.loads(text)
        asked = Question(**note["question"])
        _check_texts(note, "reason", "at")
        return {
            "endpoint": asked.endpoint,
            "campaign": asked.campaign,
            "key": asked.key,
            "sha256": str(asked.sha256),
            "reason": note.get("reason", "no_answer_seen"),
            "request_id": None if note.get("request_id") is None else well_formed(str(note["request_id"])),
            "at": note.get("at", ""),
        }
    except ODD:
        return {"endpoint": None, "campaign": None, "key": "", "sha256": "", "reason": "unreadable_record",
                "request_id": None, "at": ""}  # fmt: skip


def _detection(kept: Mapping[str, Any]) -> Detection:
    for name in ("score", "threshold"):
        value = kept.get(name, 0.0)
        if type(value) not in (int, float) or not 0 <= value <= 1:
            raise ValueError(f"{name} is {value!r}; expected a number in [0, 1]")
    if kept.get("result") not in (True, False, None):
        raise ValueError(f"result is {kept['result']!r}")
    return Detection(**kept)


def _no_response(kept: Mapping[str, Any]) -> NoResponse:
    outcome = NoResponse(**{**kept, "kind": Kind(kept["kind"])})
    if not outcome.permanent:
        raise ValueError(f"an outcome of the kind {outcome.kind.value!r} is not one that is kept")
    return outcome


def _check_texts(kept: Mapping[str, Any], *names: str) -> None:
    for name in names:
        value = kept.get(name, "")
        if type(value) is not str or well_formed(value) != value:
            raise ValueError(f"{name} is {value!r}; expected a text")


def _check_counts(kept: Mapping[str, Any], *names: str, least: int = 0) -> None:
    for name in names:
        value = kept.get(name, least)
        if type(value) is not int or not least <= value < 2**31:
            raise ValueError(f"{name} is {value!r}; expected a whole number")
