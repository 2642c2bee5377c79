"""Whether an endpoint answers, found by one request that can't be billed; and whether its clock agrees with ours."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from finauth_eval.detection import Kind, NoResponse, parse_answer
from finauth_eval.run.checks import NETWORK, Check, not_installed

if TYPE_CHECKING:
    import httpx

    from finauth_eval.run.endpoint import Endpoint
    from finauth_eval.run.records import Outcome

__all__ = ["check_endpoint"]

_LARGEST_SKEW_S: Final = 30
_LONGEST_ANSWER: Final = 64 * 1024
_OFFLINE: Final = "look at the network, a proxy (HTTPS_PROXY) or a firewall in between, and at the address"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """``outcome`` is what ``parse_answer`` says, received in the middle of the round trip."""

    status: int
    is_page: bool
    outcome: Outcome
    round_trip_s: float


def check_endpoint(endpoint: Endpoint, *, timeout_s: float = 10.0) -> list[Check]:
    """Send one POST without fields, so without signature and media, and judge the answer and its ``Date``.

    A FinAuth endpoint refuses it (400 MISSING_ARGUMENTS, or a 403); any answer that is not a page or a wrong path will do.

    Args:
        endpoint: From ``resolve_endpoint``.
        timeout_s: Seconds that it may take, looking up the name and the TLS handshake included.
    """
    box: list[_Answer | Exception] = []
    # in a thread, because names are looked up without a time-out and a server may drip its header for ever
    thread = threading.Thread(target=_ask, args=(endpoint, timeout_s, box), daemon=True)
    thread.start()
    thread.join(timeout_s)
    answer = box[0] if box else TimeoutError()
    if isinstance(answer, ImportError):
        return [not_installed("endpoint", answer)]
    if isinstance(answer, Exception):
        seen, advice = _failure(answer, endpoint, timeout_s)
        clock = Check(
            name="clock", verdict="warning", seen="not compared: there is no answer to compare it with"
        )
        return [_problem(f"{endpoint.url}: {seen}", advice), clock]
    return [_judged(answer, endpoint), _check_clock(answer)]


def _ask(endpoint: Endpoint, timeout_s: float, box: list[_Answer | Exception]) -> None:
    try:
        import httpx

        with httpx.Client(
            timeout=timeout_s,
            verify=httpx.create_ssl_context(),  # as a run does, SSL_CERT_FILE included
            trust_env=not endpoint.loopback,
            follow_redirects=False,
            headers={"user-agent": "finauth-eval", "accept-encoding": "identity"},
        ) as client:
            box.append(_exchange(client, endpoint.url))
    except Exception as error:  # noqa: BLE001 - it is put into words where it is waited for
        box.append(error)


def _exchange(client: httpx.Client, url: str) -> _Answer:
    sent_at = [time.monotonic()]

    def trace(event: str, _: Any) -> None:
        if (
            event == "http11.send_request_headers.started"
        ):  # connected: what came before says nothing about clocks
            sent_at.append(time.monotonic())

    with client.stream("POST", url, extensions={"trace": trace}) as response:
        received, round_trip_s = time.time(), time.monotonic() - sent_at[-1]
        body = b"".join(_first_bytes(response))
    outcome = parse_answer(response.status_code, response.headers, body)
    middle = datetime.fromtimestamp(received - round_trip_s / 2, UTC).isoformat(timespec="milliseconds")
    firewall = isinstance(outcome, NoResponse) and outcome.kind is Kind.FIREWALL
    return _Answer(
        status=response.status_code,
        is_page=firewall or "text/html" in response.headers.get("content-type", "").lower(),
        outcome=replace(outcome, received_at=middle),
        round_trip_s=round_trip_s,
    )


def _first_bytes(response: httpx.Response) -> Iterator[bytes]:
    n = 0
    for block in response.iter_raw():
        yield block
        n += len(block)
        if n > _LONGEST_ANSWER:
            return


def _judged(answer: _Answer, endpoint: Endpoint) -> Check:
    """An answer of any kind is one, unless it is plain that something else than the API gave it."""
    outcome = answer.outcome
    reason, detail = (outcome.reason, outcome.detail) if isinstance(outcome, NoResponse) else ("", "")
    where = f"{endpoint.url} answers HTTP {answer.status}"
    if answer.is_page:
        title = f" ({detail})" if detail and reason != "bad_response" else ""
        return _problem(
            f"{where} with a web page{title}: something else than the API answers",
            "ask whoever runs the network about a firewall or a login page in between; check the address",
        )
    if reason == "api_not_found":
        return _problem(f"{where} API_NOT_FOUND: there is no API at this path", "check the address")
    if 300 <= answer.status < 400:
        return _problem(
            f"{where}: a redirect, which a run does not follow", "name the address that it leads to"
        )
    word = "" if reason in ("", "bad_response") or reason.startswith("http_") else f" {reason.upper()}"
    seen = f"{where}{word} within {1000 * answer.round_trip_s:.0f} ms"
    if answer.status >= 500:
        advice = "try again later; if that persists, contact FinAuth"
        return Check(name="endpoint", verdict="warning", seen=seen, advice=advice)
    return Check(name="endpoint", verdict="ok", seen=seen)


def _check_clock(answer: _Answer) -> Check:
    from finauth_eval.run.sender import clock_skew_s

    skew = clock_skew_s(answer.outcome)
    if skew is None:
        return Check(name="clock", verdict="warning", seen="not compared: the answer has no readable Date")
    seen = f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the server's"
    if abs(skew) <= _LARGEST_SKEW_S:
        return Check(name="clock", verdict="ok", seen=seen)
    return Check(
        name="clock",
        verdict="problem",
        seen=f"{seen}, and signatures are bound to the time",
        advice="set this machine's clock, by NTP for instance",
        exit_code=NETWORK,
    )


def _problem(seen: str, advice: str) -> Check:
    return Check(name="endpoint", verdict="problem", seen=seen, advice=advice, exit_code=NETWORK)


def _failure(error: Exception, endpoint: Endpoint, timeout_s: float) -> tuple[str, str]:
    """What went wrong on the way, and what to do."""
    import httpx

    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, socket.gaierror):
            return f"the name {httpx.URL(endpoint.url).host} is not found ({cause.strerror})", _OFFLINE
        if isinstance(cause, ssl.SSLCertVerificationError):
            return (
                f"its certificate is not trusted ({cause.verify_message})",
                "a proxy in between needs its certificate in SSL_CERT_FILE; a wrong clock makes certificates invalid",
            )
        if isinstance(cause, ssl.SSLError):
            return f"TLS fails ({cause.reason or cause})", _OFFLINE
    if any(isinstance(cause, httpx.TimeoutException | TimeoutError) for cause in causes):
        return f"no answer within {timeout_s:g} s", _OFFLINE
    if isinstance(error, httpx.ProxyError):
        return f"the proxy refuses ({error})", "check HTTPS_PROXY and NO_PROXY"
    if isinstance(error, httpx.ConnectError):
        return f"no connection ({error})", _OFFLINE
    if isinstance(error, httpx.TransportError):
        return f"the connection breaks off before an answer ({error})", _OFFLINE
    # certificates and proxies come from the environment
    return f"the connection can't be set up ({error})", "check SSL_CERT_FILE and the proxy variables"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
