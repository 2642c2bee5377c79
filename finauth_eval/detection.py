"""One answer of the API: bytes in, value out.

The answer is judged by its error word first and by its status second, and nothing about it is taken on trust. What a
refusal means for the run is its ``Kind``; the runner acts on kinds and never looks at words.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Never, TypeGuard

from finauth_eval.wellformed import well_formed

__all__ = ["Detection", "Kind", "NoResponse", "parse_answer"]


class Kind(StrEnum):
    """What a missing score means for the run."""

    PERMANENT = "permanent"  # final for this content; kept
    REJECTED = "rejected"  # final for this content, unless every first answer says so: then it is our bug
    BAD_RESPONSE = "bad_response"  # an answer that can't be used
    TRANSIENT = "transient"  # back off and try again
    CONCURRENCY = "concurrency"  # too many at once: not this content's fault
    TOO_OFTEN = "too_often"  # too many a second: not this content's fault
    SIGNATURE = "signature"  # sign again once, then stop
    ACCOUNT = "account"  # stop
    ADDRESS = "address"  # wrong address: stop
    FIREWALL = "firewall"  # something else answered: stop
    UNLISTED = "unlisted"  # a refusal that the documents don't know
    NEVER_SENT = "never_sent"  # no connection
    CUT_OFF = "cut_off"  # the connection closed while the body was being uploaded
    AMBIGUOUS = "ambiguous"  # sent, and no answer seen
    LOST = "lost"  # the same, because the process that sent it is gone


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """A score.

    Attributes:
        score: In [0, 1]; higher is more likely an attack.
        threshold: The answer's own, in [0, 1]; ``None`` where it has none.
        result: What the API decided (``True``: attack); never ground truth; ``None`` where it says nothing.
        request_id: The vendor's handle of the call.
        time_used_ms: The vendor's processing time.
        received_at: When the answer was complete, UTC, ISO 8601.
        round_trip_ms: From sending to the complete answer, as seen here.
        server_date: The answer's ``Date`` header as it came.
    """

    score: float
    threshold: float | None = None
    result: bool | None = None
    request_id: str | None = None
    time_used_ms: int | None = None
    received_at: str = ""
    round_trip_ms: int | None = None
    server_date: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoResponse:
    """No score, and why.

    Attributes:
        kind: What it means for the run.
        reason: The key it is counted under: the API's error word in lower case, or a word of ours.
        detail: What else was said, cut to 300 characters.
        retry_after_s: What the server asked for.
        request_id, received_at, round_trip_ms, server_date, time_used_ms: As in ``Detection``.
    """

    kind: Kind
    reason: str
    detail: str = ""
    request_id: str | None = None
    time_used_ms: int | None = None
    received_at: str = ""
    round_trip_ms: int | None = None
    server_date: str | None = None
    retry_after_s: float | None = None

    @property
    def permanent(self) -> bool:
        """Whether asking again would give the same: then it is kept as an outcome."""
        return self.kind in (Kind.PERMANENT, Kind.REJECTED)


_KINDS: Final = {
    "NO_FACE_FOUND": Kind.PERMANENT,
    "INVALID_IMAGE_SIZE": Kind.PERMANENT,
    "INVALID_VIDEO_SIZE": Kind.PERMANENT,
    "BAD_ARGUMENTS": Kind.REJECTED,
    "MISSING_ARGUMENTS": Kind.REJECTED,
    "CONCURRENCY_LIMIT_EXCEEDED": Kind.CONCURRENCY,
    "INTERNAL_TIMEOUT": Kind.TRANSIENT,
    "INTERNAL_ERROR": Kind.TRANSIENT,
    "API_NOT_FOUND": Kind.ADDRESS,
    "EXPIRED_SIGN": Kind.SIGNATURE,
    "INVALID_SIGN": Kind.SIGNATURE,
}
_ACCESS_WORDS: Final = frozenset({"AUTHENTICATION_ERROR", "AUTHORIZATION_ERROR"})
_SIGN_WORDS: Final = frozenset({"EXPIRED_SIGN", "INVALID_SIGN"})
_OFTEN: Final = frozenset({"RATE", "RATELIMIT", "QPS", "LIMIT", "LIMITS"})
_HTML: Final = re.compile(
    rb"\s*(<\?xml[^>]{0,200}>\s*|<!--.{0,2000}?-->\s*)*<(!doctype html|html|head|body)", re.IGNORECASE
)
_LONGEST_HEAD: Final = 16 * 1024  # of a page, where its title is looked for


def parse_answer(status: int, headers: Mapping[str, str], body: bytes) -> Detection | NoResponse:
    """What an HTTP answer says.

    Args:
        status: HTTP status.
        headers: Header names in lower case.
        body: The whole body.

    Returns:
        A detection, or the reason why there is none; never an exception, whatever the bytes.

    Example:
        >>> parse_answer(200, {}, b'{"score": 0.25, "threshold": 0.5, "result": "False"}').result
        False
        >>> parse_answer(400, {}, b'{"error_message": "NO_FACE_FOUND"}').kind
        <Kind.PERMANENT: 'permanent'>
        >>> parse_answer(200, {}, b'{"score": NaN}').reason
        'bad_response'
    """
    answer = _json_object(body)
    about = _about(headers, answer or {})
    error = _error_of(answer)
    if error is not None:
        return _refusal(status, *error, about)
    if status == 200:
        return _detection(answer, about, len(body))
    return _wordless(status, headers, body, about)


def _json_object(body: bytes) -> dict[str, Any] | None:
    try:
        answer = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError too
        return None
    return answer if isinstance(answer, dict) else None


def _refuse_constant(word: str) -> Never:
    raise ValueError(f"{word} is not JSON")


def _about(headers: Mapping[str, str], answer: Mapping[str, Any]) -> dict[str, Any]:
    request_id = answer.get("request_id")
    return {
        "request_id": well_formed(request_id[:200]) if isinstance(request_id, str) else None,
        "time_used_ms": _milliseconds(answer.get("time_used")),
        "server_date": well_formed(headers["date"][:100]) if "date" in headers else None,
        "retry_after_s": _seconds(headers.get("retry-after")),
    }


def _milliseconds(value: object) -> int | None:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 2**31:
        return int(value)
    return None


def _seconds(text: str | None) -> float | None:
    """A ``Retry-After`` in seconds; its other form, a date, is left to our own back-off."""
    try:
        seconds = float(text) if text is not None else math.nan
    except ValueError:
        return None
    return seconds if 0 <= seconds <= 3600 else None


def _error_of(answer: Mapping[str, Any] | None) -> tuple[str, str] | None:
    """(word, reason) of ``X``, ``X:reason`` or ``X: reason`` in ``error`` or ``error_message``."""
    for field in ("error", "error_message"):
        text = (answer or {}).get(field)
        if isinstance(text, str) and text.strip():
            word, _, reason = text.partition(":")
            return well_formed(word.strip().upper()[:100]), well_formed(reason.strip()[:300])
    return None


def _refusal(status: int, word: str, reason: str, about: dict[str, Any]) -> NoResponse:
    kind = _kind_of_word(status, word, reason.upper())
    return NoResponse(kind=kind, reason=word.lower(), detail=reason, **about)


def _kind_of_word(status: int, word: str, reason: str) -> Kind:
    """The kind of a refusal: by its word where that is documented, else by its status."""
    if word in _KINDS:
        return _KINDS[word]
    if word in _ACCESS_WORDS:
        if not reason or reason in _SIGN_WORDS:
            return Kind.SIGNATURE
        return Kind.TOO_OFTEN if _speaks_of_frequency(reason) else Kind.ACCOUNT
    return _kind_of_status(status, f"{word}_{reason}")


def _kind_of_status(status: int, text: str) -> Kind:
    if status == 413:
        return Kind.PERMANENT
    if status in (404, 405) or 300 <= status < 400:
        return Kind.ADDRESS
    if status == 429 or (status == 403 and _speaks_of_frequency(text)):
        return Kind.TOO_OFTEN
    if status in (401, 402, 403):
        return Kind.ACCOUNT
    if status >= 500 or status == 408:
        return Kind.TRANSIENT
    return Kind.UNLISTED


def _speaks_of_frequency(text: str) -> bool:
    words = re.split(r"[^A-Z]+", text)
    if any(word.startswith(("BALANCE", "QUOTA")) for word in words):
        return False
    often = any(word.startswith("FREQ") or word in _OFTEN for word in words)
    return often or "TOO_MANY" in "_".join(words)


def _wordless(status: int, headers: Mapping[str, str], body: bytes, about: dict[str, Any]) -> NoResponse:
    """A refusal without an error word: a proxy, a gateway or a firewall answered."""
    html = "text/html" in headers.get("content-type", "").lower() or _is_html(body)
    text = _title(body) if html else well_formed(body[:300].decode("utf-8", "replace").strip())
    if status == 413:
        return NoResponse(kind=Kind.PERMANENT, reason="too_large", detail=text, **about)
    if html and status in (401, 403, 405, 406):
        return NoResponse(kind=Kind.FIREWALL, reason="firewall", detail=text, **about)
    kind = _kind_of_status(status, text.upper())
    if 300 <= status < 400:
        text = f"a redirect, which is not followed; {text}"[:300]
    return NoResponse(kind=kind, reason=f"http_{status}", detail=text, **about)


def _is_html(body: bytes) -> bool:
    return _HTML.match(body[:_LONGEST_HEAD].removeprefix(b"\xef\xbb\xbf")) is not None


def _title(body: bytes) -> str:
    """What stands between the first title tags; found without a pattern that a hostile page could slow down."""
    head = body[:_LONGEST_HEAD].decode("utf-8", "replace")
    lower = head.lower()
    start = lower.find(">", lower.find("<title")) + 1 if "<title" in lower else 0
    end = lower.find("</title", start) if start else -1
    return " ".join(head[start:end].split())[:300] if end > 0 else "a page without a title"


def _detection(answer: Mapping[str, Any] | None, about: dict[str, Any], size: int) -> Detection | NoResponse:
    if answer is None:
        # what it holds instead is not repeated: it may echo the request
        return _bad(about, f"not a JSON object ({size} bytes)")
    score = answer.get("score")
    if not _is_unit(score):
        return _bad(about, f"score is {_shown(score)}; expected a number in [0, 1]")
    threshold = answer.get("threshold")
    if threshold is not None and not _is_unit(threshold):
        return _bad(about, f"threshold is {_shown(threshold)}; expected a number in [0, 1]")
    result = answer.get("result")
    decided = result if isinstance(result, bool) else {"true": True, "false": False}.get(str(result).lower())
    if result is not None and decided is None:
        return _bad(about, f"result is {_shown(result)}; expected true or false")
    about = {name: value for name, value in about.items() if name != "retry_after_s"}
    return Detection(
        score=float(score), threshold=None if threshold is None else float(threshold), result=decided, **about
    )


def _bad(about: dict[str, Any], detail: str) -> NoResponse:
    return NoResponse(kind=Kind.BAD_RESPONSE, reason="bad_response", detail=detail, **about)


def _is_unit(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _shown(value: object) -> str:
    return well_formed(repr(value)[:80])
