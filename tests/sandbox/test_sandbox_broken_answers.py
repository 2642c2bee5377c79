"""Each fault once through a real connection: request N meets the N-th kind."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from finauth_eval.sandbox.faults import FAULT_KINDS, parse_faults
from finauth_eval.sandbox.server import started_sandbox
from finauth_eval.sandbox.settings import SandboxSettings

MEDIA = b"a picture of some size" * 50_000
Outcomes = dict[str, httpx.Response | httpx.TransportError]


@pytest.fixture(scope="module")
def outcomes(post: Callable[..., httpx.Response]) -> Iterator[tuple[Outcomes, dict[str, dict[str, int]]]]:
    faults = parse_faults(",".join(f"{kind}@{number}" for number, kind in enumerate(FAULT_KINDS, 1)))
    settings = SandboxSettings(scorer="hash", faults=faults, stall_s=0.5, drip_s=0.002)
    seen: Outcomes = {}
    with started_sandbox(settings) as running:
        for kind in (*FAULT_KINDS, "none"):
            try:
                seen[kind] = post(running, MEDIA)
            except httpx.TransportError as error:
                seen[kind] = error
        yield seen, running.stats()


@pytest.fixture
def response(outcomes: tuple[Outcomes, object]) -> Callable[[str], httpx.Response]:
    def of(kind: str) -> httpx.Response:
        outcome = outcomes[0][kind]
        assert isinstance(outcome, httpx.Response), outcome
        return outcome

    return of


Of = Callable[[str], httpx.Response]


def test_after_the_last_fault_all_is_well(response: Of) -> None:
    answer = response("none").json()
    assert response("none").status_code == 200
    assert answer["result"] is (answer["score"] >= 0.5)


@pytest.mark.parametrize(
    ("kind", "status", "error"),
    [
        ("500", 500, "INTERNAL_ERROR"),
        ("retry_after", 500, "INTERNAL_ERROR"),
        ("internal_timeout", 400, "INTERNAL_TIMEOUT"),
        ("concurrency", 403, "CONCURRENCY_LIMIT_EXCEEDED"),
        ("expired_sign", 403, "AUTHENTICATION_ERROR:EXPIRED_SIGN"),
        ("bad_sign", 403, "AUTHENTICATION_ERROR:INVALID_SIGN"),
        ("key_dead", 403, "AUTHENTICATION_ERROR:API_KEY_DEACTIVATED"),
        ("no_permission", 403, "AUTHORIZATION_ERROR:API_NOT_ALLOWED"),
        ("too_often", 403, "AUTHENTICATION_ERROR:QPS_LIMIT"),
        ("unlisted", 400, "SOME_NEW_ERROR: with spaces"),
    ],
)
def test_an_error_is_worded_as_documented(response: Of, kind: str, status: int, error: str) -> None:
    answer = response(kind)
    assert answer.status_code == status
    assert answer.json()["error"] == error
    assert answer.json()["request_id"]


def test_only_retry_after_names_a_time(response: Of) -> None:
    assert response("retry_after").headers["retry-after"] == "1"
    assert "retry-after" not in response("500").headers


def test_404_has_no_request_id(response: Of) -> None:
    assert response("404").status_code == 404
    assert response("404").json()["error"] == "API_NOT_FOUND"
    assert "request_id" not in response("404").json()


def test_413_is_plain_text(response: Of) -> None:
    assert response("413").status_code == 413
    assert response("413").headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    ("kind", "status", "title"),
    [
        ("504", 504, "504 Gateway Time-out"),
        ("firewall", 403, "Request blocked by the firewall"),
        ("html200", 200, "Welcome"),
    ],
)
def test_a_page_is_html_with_a_title(response: Of, kind: str, status: int, title: str) -> None:
    assert response(kind).status_code == status
    assert response(kind).headers["content-type"].startswith("text/html")
    assert f"<title>{title}</title>" in response(kind).text


def test_text_that_is_not_json_comes_with_200(response: Of) -> None:
    assert response("not_json").status_code == 200
    with pytest.raises(json.JSONDecodeError):
        response("not_json").json()


def test_a_score_can_be_spoiled_in_four_ways(response: Of) -> None:
    good = response("none").json()["score"]
    assert math.isnan(response("nan").json()["score"])
    assert response("string_score").json()["score"] == str(good)
    assert "score" not in response("missing_score").json()
    assert response("out_of_range").json()["score"] == 1.7


def test_a_contradiction_turns_the_result_alone(response: Of) -> None:
    good, turned = response("none").json(), response("contradiction").json()
    assert (turned["score"], turned["threshold"]) == (good["score"], good["threshold"])
    assert turned["result"] is not good["result"]


def test_a_changed_threshold_comes_with_its_own_result(response: Of) -> None:
    answer = response("threshold_change").json()
    assert answer["threshold"] == 0.6
    assert answer["result"] is (answer["score"] >= 0.6)


def test_a_dripping_answer_is_whole_in_the_end(response: Of) -> None:
    assert response("drip").json()["score"] == response("none").json()["score"]
    assert response("drip").elapsed.total_seconds() > 100 * 0.002


def test_half_a_body_without_a_length_is_a_200_that_does_not_parse(response: Of) -> None:
    answer = response("half_body_nolength")
    assert answer.status_code == 200
    assert not {"content-length", "transfer-encoding"} & set(answer.headers)
    assert answer.text.startswith('{"request_id"')
    with pytest.raises(json.JSONDecodeError):
        answer.json()


@pytest.mark.parametrize(
    ("kind", "error", "says"),
    [
        ("half_body", httpx.RemoteProtocolError, "without sending complete message body"),
        ("stall", httpx.RemoteProtocolError, "disconnected without sending a response"),
        ("reset", httpx.ReadError, "reset by peer"),
    ],
)
def test_a_broken_connection_breaks_as_it_should(
    outcomes: tuple[Outcomes, object], kind: str, error: type[Exception], says: str
) -> None:
    outcome = outcomes[0][kind]
    assert isinstance(outcome, error)
    assert says in str(outcome)


def test_413_while_uploading_is_heard_or_breaks_the_connection(outcomes: tuple[Outcomes, object]) -> None:
    outcome = outcomes[0]["413_close"]
    if isinstance(outcome, httpx.Response):
        assert outcome.status_code == 413
    else:
        assert isinstance(outcome, httpx.WriteError | httpx.ReadError)


def test_counters_tell_sound_answers_from_spoiled_ones(
    outcomes: tuple[Outcomes, dict[str, dict[str, int]]],
) -> None:
    stats, content = outcomes[1], hashlib.sha256(MEDIA).hexdigest()
    assert stats["faults"] == dict.fromkeys(FAULT_KINDS, 1)
    assert stats["scored"] == {content: 3}  # none, contradiction, threshold_change
    assert stats["spoiled"] == {content: 7}  # four scores, two halves, one drip


def test_a_stalled_request_is_let_go_when_the_client_leaves(post: Callable[..., httpx.Response]) -> None:
    settings = SandboxSettings(scorer="hash", faults=parse_faults("stall@1"), stall_s=60)
    with started_sandbox(settings) as running:
        with pytest.raises(httpx.ReadTimeout), httpx.Client(trust_env=False, timeout=0.3) as client:
            client.post(running.endpoint, files={"image": b"x"})
        deadline = time.monotonic() + 5
        while running.stats()["in_flight"] and time.monotonic() < deadline:
            time.sleep(0.02)
        assert running.stats()["in_flight"] == 0
        assert post(running).status_code == 200
