"""Answers that break the connection rather than the message.

ASGI has no word for closing or resetting a connection. The function that uvicorn hands to an application as
``send`` is a method that knows its transport; ``expose_transport`` puts that transport where these answers find it.
"""

from __future__ import annotations

import asyncio
import socket
import struct

from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["CutOff", "CutOffUnnoticed", "CutUpload", "Drip", "Reset", "Stall", "expose_transport"]

TRANSPORT = "finauth_eval.transport"


def expose_transport(app: ASGIApp) -> ASGIApp:
    """Wrap an application so that its answers can reach the connection they are sent on."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        cycle = getattr(send, "__self__", None)
        scope[TRANSPORT] = getattr(cycle, "transport", None)
        await app(scope, receive, send)

    return wrapped


def _transport(scope: Scope) -> asyncio.Transport:
    transport = scope.get(TRANSPORT)
    if not isinstance(transport, asyncio.Transport):
        raise TypeError(
            "faults of the connection need uvicorn as the server and expose_transport around the application"
        )
    return transport


async def _until_disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class Reset(Response):
    """No answer: the connection is reset."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's form
        """Abort the connection; with no time to linger the client sees a reset, not an end."""
        transport = _transport(scope)
        linger = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()
        await _until_disconnected(receive)


class Stall(Response):
    """No answer for ``seconds``, then the connection is closed; ends early when the client leaves."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's form
        """Hold the request."""
        try:
            await asyncio.wait_for(_until_disconnected(receive), self._seconds)
        except TimeoutError:
            _transport(scope).close()
            await _until_disconnected(receive)


class CutOff(Response):
    """The first half of an answer's body, then the connection closes short of the Content-Length.

    Args:
        body: The whole body.
    """

    def __init__(self, body: bytes) -> None:
        super().__init__(body, media_type="application/json")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send half, then close."""
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": half, "more_body": True})
        _transport(scope).close()
        await _until_disconnected(receive)


class CutOffUnnoticed(Response):
    """Half of an answer whose end is the end of the connection, so that nothing but the JSON shows the cut.

    Args:
        body: The whole body.
    """

    def __init__(self, body: bytes) -> None:
        super().__init__(body)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's form
        """Write past the server, which would send the half as chunks."""
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n"
        transport = _transport(scope)
        transport.write(head + bytes(self.body)[: len(self.body) // 2])
        transport.close()
        await _until_disconnected(receive)


class Drip(Response):
    """A good answer, one byte every ``pause`` seconds."""

    def __init__(self, body: bytes, *, pause: float) -> None:
        super().__init__(body, media_type="application/json")
        self._pause = pause

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's form
        """Send byte by byte until the client has it all or leaves."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        gone = asyncio.ensure_future(_until_disconnected(receive))
        for byte in bytes(self.body):
            done, _ = await asyncio.wait([gone], timeout=self._pause)
            if done:
                return
            await send({"type": "http.response.body", "body": bytes([byte]), "more_body": True})
        gone.cancel()
        await send({"type": "http.response.body", "body": b""})


class CutUpload(PlainTextResponse):
    """413 and a closed connection while the client is still sending; the body is never read."""

    def __init__(self) -> None:
        super().__init__("Request Entity Too Large\n", 413, {"connection": "close"})
