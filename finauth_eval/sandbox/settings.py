"""What a sandbox server is told when it starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal, get_args

from finauth_eval.sandbox.faults import FaultPlan

__all__ = ["API_VERSIONS", "DEMO_KEY", "DEMO_SECRET", "SandboxSettings", "ScorerName"]

DEMO_KEY = "demo-key"
DEMO_SECRET = "demo-secret"  # noqa: S105 - public on purpose: the sandbox guards nothing
API_VERSIONS = ("v5", "v5.1")
ScorerName = Literal["reference", "hash"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSettings:
    """Settings of one server; it listens on the loopback interface only.

    Attributes:
        port: TCP port; 0 takes a free one.
        latency_ms: Time added to every answer of the API, in ms, at least 0.
        concurrency_limit: Most requests in flight before ``CONCURRENCY_LIMIT_EXCEEDED``; None for no limit.
        faults: The faults that requests meet.
        api_version: Which of the two detectors answers: ``v5`` or ``v5.1``.
        scorer: ``reference`` looks at the pixels; ``hash`` is for load tests only and reads no picture.
        seed: Seed of the generator that faults are drawn with.
        keys: API keys with their secrets.
        weights: The face detector's ONNX file; None for the one in the cache directory.
        threshold: Threshold that answers carry, in [0, 1].
        allowed_skew_s: How far the client's clock may be off, in s.
        stall_s: How long a stalled request is held before its connection is closed, in s.
        drip_s: Pause between two bytes of a dripping answer, in s.
        workers: Threads that decode and score.
        error_field: Name of the field that an error stands in; siblings of the API use ``error_message``.

    Raises:
        ValueError: A value is out of its range.
    """

    port: int = 0
    latency_ms: float = 0.0
    concurrency_limit: int | None = None
    faults: FaultPlan = field(default_factory=FaultPlan)
    api_version: str = "v5"
    scorer: ScorerName = "reference"
    seed: int = 0
    keys: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({DEMO_KEY: DEMO_SECRET}))
    weights: Path | None = None
    threshold: float = 0.5
    allowed_skew_s: float = 600.0
    stall_s: float = 30.0
    drip_s: float = 1.0
    workers: int = 2
    error_field: str = "error"

    def __post_init__(self) -> None:
        """Refuse what no server could run with."""
        if not 0 <= self.port <= 65535:
            raise ValueError(f"port {self.port} is not in 0..65535 (0 takes a free one)")
        if self.concurrency_limit is not None and self.concurrency_limit < 1:
            raise ValueError(f"concurrency limit {self.concurrency_limit} is not at least 1")
        if self.api_version not in API_VERSIONS:
            raise ValueError(f"API version {self.api_version!r} is not one of {', '.join(API_VERSIONS)}")
        if self.scorer not in get_args(ScorerName):
            raise ValueError(f"scorer {self.scorer!r} is not one of {', '.join(get_args(ScorerName))}")
        if not 0.0 <= self.threshold <= 1.0:
            raise ValueError(f"threshold {self.threshold} is not in [0, 1]")
        if self.workers < 1:
            raise ValueError(f"workers {self.workers} is not at least 1")
        self._refuse_negative_times()

    def _refuse_negative_times(self) -> None:
        for name in ("latency_ms", "allowed_skew_s", "stall_s", "drip_s"):
            if not getattr(self, name) >= 0.0:
                raise ValueError(f"{name} {getattr(self, name)} is not at least 0")
