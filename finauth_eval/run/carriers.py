"""How a question's bytes get to the API: out of this process, or out of others.

The sender decides what is sent and when, and puts it on record; a carrier takes it there. Nothing is sent by a carrier
on its own, and nothing twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

import anyio.to_thread

from finauth_eval.media import MediaFile
from finauth_eval.places import Place
from finauth_eval.run.client import ApiClient
from finauth_eval.run.contents import content_of, takes_time
from finauth_eval.run.endpoint import Endpoint
from finauth_eval.run.records import Outcome, Question

__all__ = ["Carrier", "OwnCarrier"]

Loaded = TypeVar("Loaded")


class Carrier(Protocol[Loaded]):
    """Takes questions to the API.

    Attributes:
        endpoint: Where it takes them.
        key_fingerprint: Of the key that it signs with.
        trouble: Why it can't send any more; ``None`` as long as it can.
    """

    endpoint: Endpoint
    key_fingerprint: str
    trouble: str | None

    async def load(self, question: Question, paths: Sequence[Place]) -> Loaded | MediaFile:
        """Get the content ready for sending, as far as that can be done ahead; or say why it can't be had."""

    async def send(self, loaded: Loaded, question: Question) -> Outcome | MediaFile | None:
        """Send what was loaded, once.

        Returns:
            What came of it; or, where nothing was sent, why the content can't be had any more; or ``None`` where
            nothing was sent and nothing can be, for which ``trouble`` has the reason.
        """

    def drop(self, loaded: Loaded) -> None:
        """Forget what was loaded; called once for everything that was loaded, sent or not."""

    def hurry(self) -> None:
        """The run is being stopped: wait for nothing but what is in flight."""


class OwnCarrier:
    """Reads and sends in this process."""

    def __init__(self, client: ApiClient, *, root: Place, key_fingerprint: str) -> None:
        self.endpoint = client.endpoint
        self.key_fingerprint = key_fingerprint
        self.trouble: str | None = None
        self._client = client
        self._root = root

    async def load(self, question: Question, paths: Sequence[Place]) -> bytes | MediaFile:
        """The bytes."""
        if not takes_time(question, self._root):
            return content_of(question, paths, root=self._root)
        return await anyio.to_thread.run_sync(lambda: content_of(question, paths, root=self._root))

    async def send(self, loaded: bytes, question: Question) -> Outcome:
        """Send the bytes."""
        return await self._client.detect(loaded, question.media_type)

    def drop(self, loaded: bytes) -> None:
        """Nothing is held elsewhere."""

    def hurry(self) -> None:
        """It waits for nothing else anyway."""
