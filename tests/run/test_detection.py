"""What an answer of the API means: every row of the error table as bytes, and bytes that nobody would send."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finauth_eval.detection import Detection, Kind, NoResponse, parse_answer


def answer(status: int, content: object, **headers: str) -> Detection | NoResponse:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return parse_answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def test_a_whole_answer_is_read():
    told = answer(200, {"request_id": "1,a", "time_used": 87, "result": True, "score": 0.75, "threshold": 0.5},
                  date="Sun, 22 Nov 2026 11:00:00 GMT")  # fmt: skip
    assert told == Detection(
        score=0.75, threshold=0.5, result=True, request_id="1,a", time_used_ms=87,
        server_date="Sun, 22 Nov 2026 11:00:00 GMT",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("result", "expected"), [(True, True), ("True", True), ("False", False), ("false", False)]
)
def test_a_result_may_be_a_word(result, expected):
    told = answer(200, {"score": 0.1, "threshold": 0.5, "result": result})
    assert isinstance(told, Detection)
    assert told.result is expected


def test_what_may_be_missing_is_none_and_not_invented():
    told = answer(200, {"score": 1})
    assert told == Detection(score=1.0)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[0.5]", b"0.5", b"null", b'{"score": NaN}', b'{"score": Infinity}', b'{"score": "0.5"}',
     b'{"score": true}', b'{"score": null}', b'{"threshold": 0.5}', b'{"score": 1.7}', b'{"score": -0.1}',
     b'{"score": 1e999}', b'{"score": 0.5, "threshold": 2}', b'{"score": 0.5, "threshold": "x"}',
     b'{"score": 0.5, "result": 17}', b"<html><title>hello</title>", b"\xff\xfe", b'{"score": 0.5', b"[" * 100_000],
)  # fmt: skip
def test_an_answer_that_cannot_be_used_is_a_bad_response(body):
    told = answer(200, body)
    assert isinstance(told, NoResponse)
    assert (told.kind, told.reason) == (Kind.BAD_RESPONSE, "bad_response")


A = "AUTHENTICATION_ERROR"
TABLE = [
    (400, "NO_FACE_FOUND", Kind.PERMANENT, "no_face_found"),
    (400, "INVALID_IMAGE_SIZE:image", Kind.PERMANENT, "invalid_image_size"),
    (400, "INVALID_IMAGE_SIZE", Kind.PERMANENT, "invalid_image_size"),
    (400, "BAD_ARGUMENTS:image", Kind.REJECTED, "bad_arguments"),
    (400, "MISSING_ARGUMENTS: sign", Kind.REJECTED, "missing_arguments"),
    (400, "INTERNAL_TIMEOUT", Kind.TRANSIENT, "internal_timeout"),
    (500, "INTERNAL_ERROR", Kind.TRANSIENT, "internal_error"),
    (403, "CONCURRENCY_LIMIT_EXCEEDED", Kind.CONCURRENCY, "concurrency_limit_exceeded"),
    (429, "CONCURRENCY_LIMIT_EXCEEDED", Kind.CONCURRENCY, "concurrency_limit_exceeded"),
    (403, A, Kind.SIGNATURE, "authentication_error"),
    (403, f"{A}:EXPIRED_SIGN", Kind.SIGNATURE, "authentication_error"),
    (403, f"{A}: INVALID_SIGN", Kind.SIGNATURE, "authentication_error"),
    (403, "AUTHORIZATION_ERROR", Kind.SIGNATURE, "authorization_error"),
    (403, f"{A}:FREQUENCY_EXCEEDED", Kind.TOO_OFTEN, "authentication_error"),
    (403, f"{A}:QPS_LIMIT", Kind.TOO_OFTEN, "authentication_error"),
    (403, f"{A}:RATE_EXCEEDED", Kind.TOO_OFTEN, "authentication_error"),
    (403, f"{A}:TOO_MANY_CALLS", Kind.TOO_OFTEN, "authentication_error"),
    (403, f"{A}:BALANCE_LIMIT", Kind.ACCOUNT, "authentication_error"),
    (403, f"{A}:QUOTA_LIMIT_REACHED", Kind.ACCOUNT, "authentication_error"),
    (403, f"{A}:API_KEY_DEACTIVATED", Kind.ACCOUNT, "authentication_error"),
    (403, "AUTHORIZATION_ERROR:API_NOT_ALLOWED", Kind.ACCOUNT, "authorization_error"),
    (403, "SOMETHING_NEW", Kind.ACCOUNT, "something_new"),
    (404, "API_NOT_FOUND", Kind.ADDRESS, "api_not_found"),
    (400, "SOMETHING_NEW:with a reason", Kind.UNLISTED, "something_new"),
    (200, "NO_FACE_FOUND", Kind.PERMANENT, "no_face_found"),
    (429, "SLOW_DOWN", Kind.TOO_OFTEN, "slow_down"),
    (400, "VIDEO_DURATION_LIMIT_EXCEEDED", Kind.UNLISTED, "video_duration_limit_exceeded"),
    (400, "INTERNAL_TIMEOUT:TIME_LIMIT", Kind.TRANSIENT, "internal_timeout"),
    (500, "INTERNAL_ERROR: memory limit", Kind.TRANSIENT, "internal_error"),
    (403, "INTERNAL_ERROR", Kind.TRANSIENT, "internal_error"),
    (413, "CONCURRENCY_LIMIT_EXCEEDED", Kind.CONCURRENCY, "concurrency_limit_exceeded"),
    (403, f"{A}:API_KEY_LIMITED_PERMISSION", Kind.ACCOUNT, "authentication_error"),
    (403, "CALL_RATE_EXCEEDED", Kind.TOO_OFTEN, "call_rate_exceeded"),
]


@pytest.mark.parametrize("field", ["error", "error_message"])
@pytest.mark.parametrize(("status", "error", "kind", "reason"), TABLE)
def test_every_error_word_has_its_kind(status, error, kind, reason, field):
    told = answer(status, {"request_id": "1,a", "time_used": 3, field: error})
    assert isinstance(told, NoResponse)
    assert (told.kind, told.reason, told.request_id) == (kind, reason, "1,a")
    assert told.detail == error.partition(":")[2].strip()
    assert told.permanent == (kind in (Kind.PERMANENT, Kind.REJECTED))


@pytest.mark.parametrize(
    ("status", "body", "kind", "reason"),
    [
        (413, b"Request Entity Too Large", Kind.PERMANENT, "too_large"),
        (504, b"<html><title>504 Gateway Time-out</title></html>", Kind.TRANSIENT, "http_504"),
        (502, b"", Kind.TRANSIENT, "http_502"),
        (403, b"<!DOCTYPE html><title>Access\n denied</title>", Kind.FIREWALL, "firewall"),
        (405, b"<html>no title</html>", Kind.FIREWALL, "firewall"),
        (403, b"\xef\xbb\xbf<!-- ray 1 --> <html><title>Access denied</title>", Kind.FIREWALL, "firewall"),
        (502, b"connection limit reached", Kind.TRANSIENT, "http_502"),
        (404, b"not found", Kind.ADDRESS, "http_404"),
        (302, b"", Kind.ADDRESS, "http_302"),
        (429, b"", Kind.TOO_OFTEN, "http_429"),
        (400, b"oops", Kind.UNLISTED, "http_400"),
        (403, b"plain words", Kind.ACCOUNT, "http_403"),
    ],
)
def test_an_answer_without_an_error_word_is_judged_by_its_status(status, body, kind, reason):
    told = answer(status, body)
    assert isinstance(told, NoResponse)
    assert (told.kind, told.reason) == (kind, reason)
    if kind is Kind.FIREWALL:
        assert told.detail == ("Access denied" if status == 403 else "a page without a title")


def test_a_hostile_page_is_looked_at_quickly():
    began = time.perf_counter()
    for page in (b"<html>" + b"<title>" * 140_000, b"<!--" * 200_000, b"<title" * 100_000):
        answer(403, page)
    assert time.perf_counter() - began < 5  # a pattern that backtracks took 48 s for the first


def test_what_cannot_be_written_is_written_out():
    told = answer(200, b'{"score": 0.5, "request_id": "\\ud800"}')
    assert told.request_id == "\\ud800"
    assert answer(400, b'{"error": "X\\udfff: \\ud800"}').reason == "x\\udfff"


@pytest.mark.parametrize(("text", "seconds"), [("3", 3.0), ("0.5", 0.5), ("-1", None), ("1e9", None), ("nan", None),
                                               ("Sun, 22 Nov 2026 11:00:00 GMT", None)])  # fmt: skip
def test_a_wish_to_wait_is_read_when_it_is_sane(text, seconds):
    told = answer(500, {"error": "INTERNAL_ERROR"}, retry_after=text)
    assert isinstance(told, NoResponse)
    assert told.retry_after_s == seconds


simple = st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20)
json_values = simple | st.lists(simple, max_size=2) | st.dictionaries(st.text(max_size=5), simple, max_size=2)
fields = st.sampled_from(
    ["score", "threshold", "result", "error", "error_message", "request_id", "time_used"]
)
bodies = st.one_of(
    st.binary(max_size=200),
    st.dictionaries(fields, json_values, max_size=7).map(lambda d: json.dumps(d).encode()),
)


@given(st.integers(100, 599), bodies, st.dictionaries(st.sampled_from(["date", "retry-after"]), st.text()))
def test_no_bytes_make_it_raise_and_a_score_is_always_a_share(status, body, headers):
    told = parse_answer(status, headers, body)
    if isinstance(told, Detection):
        assert status == 200
        assert 0 <= told.score <= 1
        assert told.threshold is None or 0 <= told.threshold <= 1
    else:
        assert told.reason
        assert len(told.detail) <= 300
