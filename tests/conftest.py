"""What every part of the suite shares: tiny real media files made by hand, and a real local server."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from finauth_eval.sandbox.faults import parse_faults
from finauth_eval.sandbox.server import RunningSandbox, started_sandbox
from finauth_eval.sandbox.settings import SandboxSettings

# examples are bounded in number and not in time: machines are noisy, and the seed is printed when one fails
settings.register_profile("suite", deadline=None, max_examples=60)
settings.load_profile("suite")

MakePng = Callable[..., bytes]


def png(seed: int = 0, *, width: int = 8, height: int = 8) -> bytes:
    """A valid grey picture whose content depends on ``seed``, written without any imaging library."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    row = b"\x00" + bytes((seed * 7 + x * 13) % 256 for x in range(width))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    text = f"seed\x00{seed}".encode()
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"tEXt", text)
        + chunk(b"IDAT", zlib.compress(row * height))
        + chunk(b"IEND", b"")
    )


MP4 = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2" + b"\x00" * 64


@pytest.fixture
def make_png() -> MakePng:
    return png


@pytest.fixture
def mp4_bytes() -> bytes:
    return MP4


@pytest.fixture
def picture_folder(tmp_path: Path) -> Callable[..., Path]:
    """A folder dataset with ``bona_fide`` and ``attack`` pictures, all of different content."""

    def build(*, bona_fide: int = 3, attack: int = 2, name: str = "faces", first_seed: int = 1) -> Path:
        root = tmp_path / name
        seed = first_seed
        for label, n in (("bona_fide", bona_fide), ("attack/replay", attack)):
            (root / label).mkdir(parents=True)
            for i in range(n):
                (root / label / f"{i:05d}.png").write_bytes(png(seed))
                seed += 1
        return root

    return build


@pytest.fixture
def sandbox() -> Iterator[Callable[..., RunningSandbox]]:
    """Starts servers whose scores come from a hash of the bytes; they end with the test."""
    with ExitStack() as stack:

        def start(fault: str = "", **settings: Any) -> RunningSandbox:
            chosen = SandboxSettings(scorer="hash", faults=parse_faults(fault), **settings)
            return stack.enter_context(started_sandbox(chosen))

        yield start
