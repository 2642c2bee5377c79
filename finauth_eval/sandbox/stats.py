"""What the server counts, for tests that must know what a client really did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["Stats"]


class Stats:
    """Counters since the start of the server; nothing but a restart resets them.

    Used from the event loop only, so nothing is locked. ``scored`` counts well-formed answers with a score that
    were handed to the connection; ``spoiled`` those whose score a fault made useless after it was computed.
    """

    def __init__(self) -> None:
        self.requests = 0
        self.admitted = 0
        self.in_flight = 0
        self.peak_in_flight = 0
        self.admitted_now = 0
        self.peak_admitted = 0
        self.scored: Counter[str] = Counter()
        self.spoiled: Counter[str] = Counter()
        self.no_face: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()

    @contextmanager
    def request(self) -> Iterator[None]:
        """Count a request while it is in flight, refused or not."""
        self.requests += 1
        self.in_flight += 1
        self.peak_in_flight = max(self.peak_in_flight, self.in_flight)
        try:
            yield
        finally:
            self.in_flight -= 1

    @contextmanager
    def admission(self) -> Iterator[int]:
        """Count a request that is let in, until it is answered; gives its number from 1."""
        self.admitted += 1
        self.admitted_now += 1
        self.peak_admitted = max(self.peak_admitted, self.admitted_now)
        try:
            yield self.admitted
        finally:
            self.admitted_now -= 1

    def to_dict(self) -> dict[str, Any]:
        """Return the counters as JSON takes them.

        Keys: ``requests``, ``admitted``, ``in_flight``, ``peak_in_flight`` (refused ones included),
        ``peak_admitted`` (at most the concurrency limit), ``scored``, ``spoiled`` and ``no_face`` by the content's
        sha256, ``errors`` by error word (``413`` and ``504`` have none and stand as numbers), ``faults`` by kind.
        """
        return {
            "requests": self.requests,
            "admitted": self.admitted,
            "in_flight": self.in_flight,
            "peak_in_flight": self.peak_in_flight,
            "peak_admitted": self.peak_admitted,
            "scored": dict(self.scored),
            "spoiled": dict(self.spoiled),
            "no_face": dict(self.no_face),
            "errors": dict(self.errors),
            "faults": dict(self.faults),
        }
