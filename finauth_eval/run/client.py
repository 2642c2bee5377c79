"""The API over HTTP: media in, an outcome out. No exception of httpx leaves this module.

A request is never cancelled (a cancelled one leaks its place in httpcore's pool); it ends by time-outs of its own.
The multipart body is encoded once into bytes, and requests are spread over clients of few connections each, because
the pool's bookkeeping grows with connections times requests.
"""

from __future__ import annotations

import secrets
import ssl
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

import httpcore
import httpx

from finauth_eval.detection import Detection, Kind, NoResponse, parse_answer
from finauth_eval.media import MediaType
from finauth_eval.run.credentials import Credentials
from finauth_eval.run.endpoint import Endpoint
from finauth_eval.run.redaction import Secrets, redacted_logs
from finauth_eval.run.signing import SIGN_VERSION, sign

__all__ = ["ApiClient", "open_client"]

# each request looks at all connections of its client, so a few to each; 4 took a tenth less CPU than 16 here
_CONNECTIONS_PER_CLIENT: Final = 4
_HEADERS: Final = {"user-agent": "finauth-eval", "accept": "*/*", "accept-encoding": "identity"}
_CONNECT_TIMEOUT_S: Final = 10.0
_MAX_ANSWER: Final = 1024 * 1024
_SIGN_VALID_S: Final = 100
_NO_CONNECTION: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)

_FIELD: Final[dict[MediaType, tuple[str, str, str]]] = {
    # the part's file name is ours: what a file is called here is nobody's business there
    "image": ("0", "image", "image"),
    "video": ("1", "video", "video"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiClient:
    """Sends one media file at a time; as many at once as the caller asks for."""

    endpoint: Endpoint
    credentials: Credentials = field(repr=False)
    not_to_be_kept: Secrets = field(repr=False)
    request_timeout_s: float
    clients: Sequence[httpx.AsyncClient] = field(repr=False)
    now: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    _in_flight: list[int] = field(default_factory=list, repr=False)

    _url: httpx.URL = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_url", httpx.URL(self.endpoint.url))  # parsed once, not at every request

    async def detect(self, media: bytes, media_type: MediaType) -> Detection | NoResponse:
        """Send one file, signed now, and say what came of it.

        Args:
            media: The file's bytes.
            media_type: ``"image"`` or ``"video"``.

        Returns:
            A detection, or why there is none. Nothing that the network does is raised.
        """
        which = min(range(len(self.clients)), key=self._in_flight.__getitem__)
        self._in_flight[which] += 1
        started = self.monotonic()
        try:
            outcome = await self._exchange(
                self.clients[which], media, media_type, started + self.request_timeout_s
            )
        finally:
            self._in_flight[which] -= 1
        return replace(
            self._without_secrets(outcome),
            received_at=datetime.fromtimestamp(self.now(), UTC).isoformat(timespec="milliseconds"),
            round_trip_ms=round((self.monotonic() - started) * 1000),
        )

    async def _exchange(
        self, client: httpx.AsyncClient, media: bytes, media_type: MediaType, deadline: float
    ) -> Detection | NoResponse:
        upload = _Upload(deadline=deadline, monotonic=self.monotonic)
        try:
            request = httpx.Request(
                "POST",
                self._url,
                headers=_HEADERS,
                extensions=upload.extensions(),
                **self._form(media, media_type),
            )
            await request.aread()  # encoded once, and from then on sent as one piece of bytes
            response = await client.send(request, stream=True)
            try:
                body = await self._read(response, deadline)
            finally:
                await response.aclose()
        except _NO_CONNECTION as error:
            return NoResponse(kind=Kind.NEVER_SENT, reason="gave_up", detail=f"no connection: {_said(error)}")
        except (httpx.TransportError, httpx.StreamError, httpx.DecodingError, ssl.SSLError) as error:
            if isinstance(error, httpx.WriteTimeout):  # too slow to arrive whole, so nothing was scored
                return NoResponse(kind=Kind.NEVER_SENT, reason="gave_up", detail="the upload took too long")
            if upload.cut_off:
                return NoResponse(
                    kind=Kind.CUT_OFF, reason="gave_up", detail="the connection closed in mid-upload"
                )
            return NoResponse(kind=Kind.AMBIGUOUS, reason="ambiguous", detail=f"no answer: {_said(error)}")
        if body is None:
            detail = (
                "the answer did not end in time" if self.monotonic() >= deadline else "the answer is too long"
            )
            return NoResponse(kind=Kind.AMBIGUOUS, reason="ambiguous", detail=detail)
        return parse_answer(response.status_code, response.headers, body)

    def _without_secrets(self, outcome: Detection | NoResponse) -> Detection | NoResponse:
        """The outcome without what a server might echo: key, secret, or a signature made of them."""
        is_secret = self.not_to_be_kept.found_in
        if is_secret(outcome.request_id or ""):
            outcome = replace(outcome, request_id=None)
        if isinstance(outcome, NoResponse) and is_secret(f"{outcome.reason} {outcome.detail}"):
            reason = outcome.kind.value if is_secret(outcome.reason) else outcome.reason
            outcome = replace(outcome, reason=reason, detail="(held back: it repeats the request)")
        return outcome

    def _form(self, media: bytes, media_type: MediaType) -> dict[str, Any]:
        data_type, part, name = _FIELD[media_type]
        now = int(self.now())
        signature = sign(
            self.credentials.api_key.get_secret_value(),
            self.credentials.api_secret.get_secret_value(),
            expires=now + _SIGN_VALID_S,
            now=now,
            nonce=f"{secrets.randbelow(10**10):010d}",
        )
        return {
            "data": {"sign": signature, "sign_version": SIGN_VERSION, "data_type": data_type},
            "files": {part: (name, media, "application/octet-stream")},
        }

    async def _read(self, response: httpx.Response, deadline: float) -> bytes | None:
        """The body, or ``None`` when it is longer or takes longer than is sane."""
        body = bytearray()
        stated = response.headers.get("content-length", "")
        expected = int(stated) if stated.isdecimal() and len(stated) < 10 else _MAX_ANSWER
        async for block in response.aiter_raw():  # raw: a compressed bomb is just a bad answer
            body += block
            late = self.monotonic() > deadline and len(body) < expected
            if len(body) > _MAX_ANSWER or late:
                return None
        return bytes(body)


class _Upload:
    """How far one request has got; keeps its read time-out to what is left of its deadline."""

    def __init__(self, *, deadline: float, monotonic: Callable[[], float]) -> None:
        self._deadline = deadline
        self._monotonic = monotonic
        left = max(0.001, deadline - monotonic())
        self._timeouts = {"connect": min(left, _CONNECT_TIMEOUT_S), "read": left, "write": left, "pool": left}
        self.cut_off = False

    def extensions(self) -> dict[str, Any]:
        return {"timeout": self._timeouts, "trace": self._trace}

    async def _trace(self, event: str, about: dict[str, Any]) -> None:
        if event == "http11.send_request_body.failed":
            self.cut_off = isinstance(about.get("exception"), httpcore.WriteError)
        elif event in ("http11.receive_response_headers.started", "http11.receive_response_body.started"):
            self._timeouts["read"] = max(0.001, self._deadline - self._monotonic())


def _said(error: Exception) -> str:
    return (str(error) or type(error).__name__)[:200]


@asynccontextmanager
async def open_client(
    endpoint: Endpoint,
    credentials: Credentials,
    *,
    max_concurrency: int,
    request_timeout_s: float = 60.0,
    transport: httpx.AsyncBaseTransport | None = None,
    now: Callable[[], float] = time.time,
) -> AsyncIterator[ApiClient]:
    """A client for up to ``max_concurrency`` requests at once.

    Args:
        endpoint: Where to send.
        credentials: Key and secret.
        max_concurrency: The most requests that will be in flight.
        request_timeout_s: Seconds that one request may take, its answer included.
        transport: Another way to send, for tests.
        now: The clock that signatures are made by, in epoch seconds.
    """
    n = -(-max_concurrency // _CONNECTIONS_PER_CLIENT)
    limits = httpx.Limits(max_connections=_CONNECTIONS_PER_CLIENT + 4, keepalive_expiry=30.0)
    # a proxy from the environment is for the world outside, never for this machine
    context = httpx.create_ssl_context()
    secrets_of_account = Secrets(credentials)
    async with AsyncExitStack() as stack:
        stack.enter_context(redacted_logs(secrets_of_account))
        clients = [
            await stack.enter_async_context(
                httpx.AsyncClient(
                    http2=False,
                    follow_redirects=False,
                    trust_env=not endpoint.loopback,
                    limits=limits,
                    transport=transport,
                    verify=context,
                )
            )
            for _ in range(n)
        ]
        yield ApiClient(
            endpoint=endpoint,
            credentials=credentials,
            not_to_be_kept=secrets_of_account,
            request_timeout_s=request_timeout_s,
            clients=clients,
            now=now,
            _in_flight=[0] * n,
        )
