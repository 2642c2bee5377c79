"""The server through real sockets: each documented answer, and what the counters say of it."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import struct
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from finauth_eval.sandbox.faults import parse_faults
from finauth_eval.sandbox.server import RunningSandbox, started_sandbox
from finauth_eval.sandbox.settings import SandboxSettings

Post = Callable[..., httpx.Response]
REQUEST_ID = re.compile(r"\d{10},[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def hash_score(media: bytes) -> float:
    """The stub's rule by another road: the first 8 bytes of the sha256 as a fraction."""
    (number,) = struct.unpack(">Q", hashlib.sha256(media).digest()[:8])
    return round(number / 2**64, 4)


def scored(server: RunningSandbox, media: bytes) -> int:
    count: int = server.stats()["scored"].get(hashlib.sha256(media).hexdigest(), 0)
    return count


def test_a_good_request_gets_exactly_the_documented_fields(server: RunningSandbox, post: Post) -> None:
    answer = post(server, b"first")
    content = answer.json()
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert "date" in answer.headers
    assert set(content) == {"request_id", "time_used", "result", "score", "threshold"}
    assert REQUEST_ID.fullmatch(content["request_id"])
    assert type(content["time_used"]) is int
    assert content["score"] == hash_score(b"first")
    assert content["threshold"] == 0.5
    assert content["result"] is (content["score"] >= 0.5)


def test_both_results_occur_and_follow_the_score(server: RunningSandbox, post: Post) -> None:
    answers = [post(server, f"picture {number}".encode()).json() for number in range(12)]
    assert {answer["result"] for answer in answers} == {True, False}
    assert all(answer["result"] == (answer["score"] >= answer["threshold"]) for answer in answers)


def test_a_video_goes_by_its_own_field(server: RunningSandbox, post: Post) -> None:
    assert post(server, b"clip", data_type="1").json()["score"] == hash_score(b"clip")


def test_every_scored_answer_is_counted_by_content(server: RunningSandbox, post: Post) -> None:
    for _ in range(3):
        post(server, b"thrice")
    assert scored(server, b"thrice") == 3


@pytest.mark.parametrize("key", ["sign", "sign_version", "data_type"])
def test_a_missing_field_is_named(server: RunningSandbox, post: Post, key: str) -> None:
    answer = post(server, leave_out=key)
    assert answer.status_code == 400
    assert answer.json()["error"] == f"MISSING_ARGUMENTS:{key}"


@pytest.mark.parametrize(("data_type", "field"), [("0", "image"), ("1", "video")])
def test_missing_media_are_named(server: RunningSandbox, post: Post, data_type: str, field: str) -> None:
    answer = post(server, data_type=data_type, files={"other": b"x"})
    assert answer.status_code == 400
    assert answer.json()["error"] == f"MISSING_ARGUMENTS:{field}"


@pytest.mark.parametrize(
    ("fields", "key"), [({"sign_version": "hmac_sha256"}, "sign_version"), ({"data_type": "2"}, "data_type")]
)
def test_a_bad_field_is_named(server: RunningSandbox, post: Post, fields: dict[str, str], key: str) -> None:
    answer = post(server, **fields)
    assert answer.status_code == 400
    assert answer.json()["error"] == f"BAD_ARGUMENTS:{key}"


def test_empty_media_are_bad_arguments(server: RunningSandbox, post: Post) -> None:
    assert post(server, b"").json()["error"] == "BAD_ARGUMENTS:image"


def test_media_as_text_instead_of_a_file_are_bad_arguments(server: RunningSandbox, post: Post) -> None:
    assert post(server, files={"image": (None, b"text")}).json()["error"] == "BAD_ARGUMENTS:image"


def test_a_picture_without_a_face_is_refused_and_counted(server: RunningSandbox, post: Post) -> None:
    media = b"NOFACE in a room"
    answer = post(server, media)
    assert answer.status_code == 400
    assert set(answer.json()) == {"request_id", "time_used", "error"}
    assert answer.json()["error"] == "NO_FACE_FOUND"
    assert server.stats()["no_face"] == {hashlib.sha256(media).hexdigest(): 1}
    assert scored(server, media) == 0


def test_a_bad_signature_is_refused(server: RunningSandbox, post: Post, sign: Callable[..., str]) -> None:
    answer = post(server, sign=sign(secret="wrong"))
    assert answer.status_code == 403
    assert answer.json()["error"] == "AUTHENTICATION_ERROR:INVALID_SIGN"


def test_an_expired_signature_is_refused(
    server: RunningSandbox, post: Post, sign: Callable[..., str]
) -> None:
    answer = post(server, sign=sign(c=1530762118))
    assert answer.status_code == 403
    assert answer.json()["error"] == "AUTHENTICATION_ERROR:EXPIRED_SIGN"


def test_a_single_use_signature_works_once(
    server: RunningSandbox, post: Post, sign: Callable[..., str]
) -> None:
    once = sign(b=0)
    assert [post(server, sign=once).status_code for _ in range(2)] == [200, 403]


def test_an_unknown_path_has_no_request_id(server: RunningSandbox) -> None:
    answer = httpx.post(f"{server.base}/finauth/v5/other", trust_env=False)
    assert answer.status_code == 404
    assert answer.json()["error"] == "API_NOT_FOUND"
    assert "request_id" not in answer.json()


@pytest.mark.parametrize(
    ("data_type", "cap"), [("0", 10 * 1024 * 1024), ("1", 7_864_320)], ids=["image", "video"]
)
def test_media_over_the_cap_get_413_in_plain_text(
    server: RunningSandbox, post: Post, data_type: str, cap: int
) -> None:
    assert post(server, b"x" * cap, data_type=data_type).status_code == 200
    answer = post(server, b"x" * (cap + 1), data_type=data_type)
    assert answer.status_code == 413
    assert answer.headers["content-type"].startswith("text/plain")
    assert post(server, b"x" * (cap + 2_000_000), data_type=data_type).status_code == 413


def test_part_types_file_names_and_field_order_play_no_part(
    server: RunningSandbox, sign: Callable[..., str]
) -> None:
    files: list[tuple[str, Any]] = [
        ("image", ("nonsense.exe", b"ordered", "text/html")),
        ("data_type", ("f", b"0", "application/pdf")),
        ("sign_version", (None, b"hmac_sha1", "image/png")),
        ("sign", ("", sign().encode())),
    ]
    answer = httpx.post(server.endpoint, files=files, trust_env=False)
    assert answer.json()["score"] == hash_score(b"ordered")


def test_the_error_field_can_be_named_as_siblings_do(post: Post) -> None:
    with started_sandbox(SandboxSettings(scorer="hash", error_field="error_message")) as running:
        assert post(running, b"NOFACE").json()["error_message"] == "NO_FACE_FOUND"


def test_the_limit_refuses_what_is_too_many_at_once(post: Post, sign: Callable[..., str]) -> None:
    settings = SandboxSettings(scorer="hash", concurrency_limit=3, latency_ms=300)
    ready = threading.Barrier(8)

    def send(number: int) -> httpx.Response:
        ready.wait()
        return post(running, f"picture {number}".encode())

    with started_sandbox(settings) as running, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(8)))
        stats = running.stats()
    refused = [answer for answer in answers if answer.status_code == 403]
    assert len(refused) == 5
    assert {answer.json()["error"] for answer in refused} == {"CONCURRENCY_LIMIT_EXCEEDED"}
    assert all(answer.json()["time_used"] >= 300 for answer in answers if answer.status_code == 200)
    assert stats["errors"] == {"CONCURRENCY_LIMIT_EXCEEDED": 5}
    assert (stats["requests"], stats["admitted"], stats["peak_admitted"], stats["in_flight"]) == (8, 3, 3, 0)
    assert 4 <= stats["peak_in_flight"] <= 8
    assert len(stats["scored"]) == 3


def test_the_same_seed_meets_the_same_faults(post: Post) -> None:
    def statuses(seed: int) -> list[int]:
        settings = SandboxSettings(scorer="hash", faults=parse_faults("500:0.5"), seed=seed)
        with started_sandbox(settings) as running:
            return [post(running).status_code for _ in range(16)]

    first, again, other = statuses(4), statuses(4), statuses(5)
    assert first == again
    assert first != other
    assert set(first) == {200, 500}


def test_other_keys_replace_the_demo_key(post: Post, sign: Callable[..., str]) -> None:
    with started_sandbox(SandboxSettings(scorer="hash", keys={"mine": "hush"})) as running:
        assert post(running, sign=sign(key="mine", secret="hush")).status_code == 200
        assert post(running).json()["error"] == "AUTHENTICATION_ERROR:INVALID_API_KEY"


@pytest.mark.parametrize(
    ("headers", "body", "error"),
    [
        ({}, b"", "MISSING_ARGUMENTS:sign"),
        ({"content-type": "application/json"}, b"{}", "MISSING_ARGUMENTS:sign"),
        ({"content-type": "multipart/form-data"}, b"x", "BAD_ARGUMENTS:multipart"),
        ({"content-type": "multipart/form-data; boundary=b"}, b"no boundary here", "BAD_ARGUMENTS:multipart"),
        (
            {"content-type": "multipart/form-data; boundary=b"},
            b'--b\r\nContent-Disposition: form-data; name="sign"\r\n\r\ncut',
            "MISSING_ARGUMENTS:sign",
        ),
        (
            {"content-type": "multipart/form-data; boundary=b"},
            b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n",
            "BAD_ARGUMENTS:multipart",
        ),
        (
            {"content-type": "multipart/form-data; boundary=b"},
            b"--b\r\nX: " + b"y" * 100_000 + b"\r\n\r\nx\r\n--b--\r\n",
            "BAD_ARGUMENTS:multipart",
        ),
    ],
    ids=["nothing", "json", "no boundary", "other boundary", "cut off", "nameless part", "giant part header"],
)
def test_a_malformed_body_is_answered_and_the_server_lives_on(
    server: RunningSandbox, post: Post, headers: dict[str, str], body: bytes, error: str
) -> None:
    answer = httpx.post(server.endpoint, headers=headers, content=body, trust_env=False)
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert post(server).status_code == 200


def test_a_giant_request_header_is_refused_and_the_server_lives_on(
    server: RunningSandbox, post: Post
) -> None:
    before = server.stats()["requests"]
    # the server may close the connection before it has read everything
    with contextlib.suppress(httpx.ReadError, httpx.WriteError):
        answer = httpx.post(server.endpoint, headers={"x": "y" * 200_000}, trust_env=False)
        assert answer.status_code == 400
    assert post(server).status_code == 200
    assert server.stats()["requests"] == before + 1


def test_a_sign_that_is_not_text_is_invalid(server: RunningSandbox, post: Post) -> None:
    sign = base64.b64encode(b"\x00" * 4000).decode()
    assert post(server, sign=sign).json()["error"] == "AUTHENTICATION_ERROR:INVALID_SIGN"


def test_counters_are_json_numbers(server: RunningSandbox) -> None:
    answer = httpx.get(f"{server.base}/sandbox/stats", trust_env=False)
    counters = json.loads(answer.text)
    assert type(counters["requests"]) is int
    assert httpx.get(f"{server.base}/sandbox/health", trust_env=False).text == "ok\n"
