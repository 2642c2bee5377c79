"""A signer of the tests' own, made of the standard library, and a server to talk to."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from finauth_eval.sandbox.server import RunningSandbox, started_sandbox
from finauth_eval.sandbox.settings import SandboxSettings

SECRET = "demo-secret"
_numbers = itertools.count(1)

Post = Callable[..., httpx.Response]


@pytest.fixture(scope="session")
def sign() -> Callable[..., str]:
    def make(
        *, key: str = "demo-key", secret: str = SECRET, b: int | None = None, c: int | None = None
    ) -> str:
        now = int(time.time()) if c is None else c
        raw = f"a={key}&b={now + 100 if b is None else b}&c={now}&d={next(_numbers)}".encode()
        return base64.b64encode(hmac.new(secret.encode(), raw, hashlib.sha1).digest() + raw).decode()

    return make


@pytest.fixture(scope="session")
def post(sign: Callable[..., str]) -> Iterator[Post]:
    with httpx.Client(trust_env=False, timeout=20) as client:

        def send(
            server: RunningSandbox,
            media: bytes = b"some picture",
            *,
            leave_out: str | None = None,
            files: Any = None,
            **fields: str,
        ) -> httpx.Response:
            data = {"sign": sign(), "sign_version": "hmac_sha1", "data_type": "0"} | fields
            data.pop(leave_out, None)
            name = "video" if data.get("data_type") == "1" else "image"
            parts = {name: ("a.jpg", media)} if files is None else files
            return client.post(server.endpoint, data=data, files=parts)

        yield send


@pytest.fixture(scope="session")
def server() -> Iterator[RunningSandbox]:
    with started_sandbox(SandboxSettings(scorer="hash")) as running:
        yield running
