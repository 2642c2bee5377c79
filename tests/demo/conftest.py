"""The demo's pictures, built once into the user's cache and shared by all later runs; and a signer."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from finauth_eval.demo.build import build_demo
from finauth_eval.sandbox.weights import cache_directory


@pytest.fixture(scope="session")
def demo_directory() -> Path:
    return build_demo(cache_directory() / "demo" / "built-by-tests").parent


@pytest.fixture(scope="session")
def sign() -> Callable[[], str]:
    numbers = itertools.count(1)

    def make() -> str:
        now = int(time.time())
        raw = f"a=demo-key&b={now + 100}&c={now}&d={next(numbers)}".encode()
        return base64.b64encode(hmac.new(b"demo-secret", raw, hashlib.sha1).digest() + raw).decode()

    return make
