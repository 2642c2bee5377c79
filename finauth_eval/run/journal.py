"""Records of many sends committed together: each is on disk when its writer goes on, and the disk is asked once.

A commit that reaches the disk takes milliseconds, and a request makes two. One after the other they would hold a run to
a hundred requests a second or so; together they cost it next to nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import anyio
import anyio.to_thread

from finauth_eval.errors import StoreError

__all__ = ["Journal"]

T = TypeVar("T")


@dataclass(slots=True)
class _Batch:
    records: list[Callable[[], Any]] = field(default_factory=list)
    results: list[Any] = field(default_factory=list)
    done: anyio.Event = field(default_factory=anyio.Event)
    error: Exception | None = None


class Journal:
    """Writes what is handed to it while the commit before is under way in one commit of its own.

    Args:
        together: Opens a transaction; what is written inside it is on disk when it ends, or none of it.
    """

    def __init__(self, together: Callable[[], AbstractContextManager[None]]) -> None:
        self._together = together
        self._open = _Batch()
        self._wanted = anyio.Event()
        self._one_writer = anyio.CapacityLimiter(1)

    async def write(self, record: Callable[[], T]) -> T:
        """Have a record written, and go on when it is on disk.

        Args:
            record: Writes it; called in another thread, inside the transaction.

        Returns:
            What ``record`` returned.

        Raises:
            StoreError: It could not be written, or another record of the same commit could not: nothing of it is on
                disk.
        """
        batch = self._open
        place = len(batch.records)
        batch.records.append(record)
        self._wanted.set()
        await batch.done.wait()
        if batch.error is not None:
            raise StoreError(str(batch.error)) from batch.error
        result: T = batch.results[place]
        return result

    async def keep(self) -> None:
        """Commit, batch after batch, until cancelled; nobody may wait for a record then."""
        while True:
            await self._wanted.wait()
            batch, self._open, self._wanted = self._open, _Batch(), anyio.Event()
            try:
                await anyio.to_thread.run_sync(self._commit, batch, limiter=self._one_writer)
            except StoreError as error:
                batch.error = error
            except Exception as error:  # noqa: BLE001 - every writer of the batch must hear of it, or waits for ever
                batch.error = StoreError(f"{type(error).__name__}: {error}")
            batch.done.set()

    def _commit(self, batch: _Batch) -> None:
        with self._together():
            batch.results.extend(record() for record in batch.records)
