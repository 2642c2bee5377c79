"""The demo's pictures, built once into the user's cache and shared by all later runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from finauth_eval.demo.build import build_demo
from finauth_eval.sandbox.weights import cache_directory


@pytest.fixture(scope="session")
def demo_directory() -> Path:
    return build_demo(cache_directory() / "demo" / "built-by-tests").parent
