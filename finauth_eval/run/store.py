"""Answers on disk, found again by what was asked; and a record of every send before it happens.

diskcache holds them, set up so that nothing is evicted and nothing is unpickled. Three kinds of entry:

- ``answer/<key>``: a final outcome and the question that it answers;
- ``send/<key>/<n>``: a send that is on record and not known to be free of charge; it is removed when an answer is
  stored or when the send is known to have cost nothing, so that what a crash leaves behind is ``possibly billed``;
- ``billed/<key>/<n>``: a send whose answer was never seen, or came as an error that may have been billed.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import diskcache
from filelock import FileLock, Timeout

from finauth_eval.detection import NoResponse
from finauth_eval.errors import StoreError, StoreLocked
from finauth_eval.run.records import ODD, Question, Stored, answer_to_dict, note_from_text, stored_from_text

__all__ = ["Store", "open_store"]

_UNLIMITED: Final = 2**62
_NETWORK_FILE_SYSTEMS: Final = frozenset(
    ["nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "afs", "ceph", "glusterfs", "fuse.sshfs", "9p"]
)


class StrictDisk(diskcache.Disk):  # type: ignore[misc]  # diskcache is published without types
    """Texts in, texts out. diskcache's own disks unpickle a tampered row (CVE-2025-69872); this one refuses it."""

    def put(self, key: object) -> tuple[str, bool]:
        """A key for the database."""
        return _only_text(key), True

    def get(self, key: object, raw: object) -> str:
        """A key from the database."""
        return _only_text(key if raw else None)

    def store(self, value: object, read: object, key: object = None) -> tuple[int, int, None, str]:  # noqa: ARG002 - diskcache's signature
        """A value for the database: in the row itself, never in a file."""
        return 0, diskcache.core.MODE_RAW, None, _only_text(value)

    def fetch(self, mode: object, filename: object, value: object, read: object) -> str:  # noqa: ARG002 - diskcache's signature
        """A value from the database."""
        return _row_text(mode, filename, value)


def _row_text(mode: object, filename: object, value: object) -> str:
    if mode != diskcache.core.MODE_RAW or filename is not None:
        raise StoreError("the cache holds an entry that this tool did not write; it was not read")
    return _only_text(value)


def _text_or_blank(mode: object, filename: object, value: object) -> str:
    try:
        return _row_text(mode, filename, value)
    except StoreError:
        return ""


def _only_text(value: object) -> str:
    if type(value) is not str:
        raise StoreError("the cache holds an entry that this tool did not write; it was not read")
    return value


@contextmanager
def open_store(folder: Path | str, *, allow_network: bool = False) -> Iterator[Store]:
    """Open the cache for one run; no other run can open it meanwhile.

    Args:
        folder: Made where it is missing, readable by its owner alone.
        allow_network: Take a folder on a network file system, where locks and SQLite can't be relied on.

    Raises:
        StoreLocked: Another process holds it; the message names the holder.
        StoreError: It can't be made, read or written.
    """
    folder = Path(folder)
    with _translated(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not allow_network and (kind := _network_file_system(folder)):
            raise StoreError(f"{folder} is on a network file system ({kind}); put the cache on a local disk")
        lock = FileLock(folder / "run.lock")
        holder = folder / "holder.json"
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise StoreLocked(
                f"the cache {folder} is in use by {_holder(holder)}; wait for it to end"
            ) from error
    try:
        with _translated(folder):
            holder.write_text(json.dumps({"pid": os.getpid(), "thread": threading.get_ident()}))
            # SQLite looks at the tables now and not at the first write
            cache = diskcache.Cache(
                directory=str(folder),
                timeout=10,
                disk=StrictDisk,
                eviction_policy="none",
                cull_limit=0,
                size_limit=_UNLIMITED,
                statistics=0,
                tag_index=0,
                sqlite_synchronous=2,
            )
        try:
            yield Store(folder=folder, cache=cache)
        finally:
            cache.close()
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


class Store:
    """The open cache. Every write is on disk when its method returns."""

    def __init__(self, *, folder: Path, cache: Any) -> None:
        self.folder = folder
        self._cache = cache

    def answers(self, keys: Iterable[str]) -> tuple[dict[str, Stored], list[str]]:
        """The stored answers among these keys, by one query, and why some could not be used.

        A row that is not what this tool writes, or whose question is not its key's, is reported and left out.
        """
        found: dict[str, Stored] = {}
        rejected: list[str] = []
        with _translated(self.folder), self._reading() as connection:
            connection.execute("CREATE TEMP TABLE wanted (key TEXT PRIMARY KEY) WITHOUT ROWID")
            connection.executemany(
                "INSERT OR IGNORE INTO wanted VALUES (?)", ((f"answer/{key}",) for key in keys)
            )
            rows = connection.execute(
                "SELECT c.key, c.raw, c.mode, c.filename, c.value FROM wanted JOIN Cache c ON c.key = wanted.key"
            )
            for name, raw, mode, filename, value in rows:
                key = str(name).removeprefix("answer/")
                try:
                    text = _row_text(mode if raw else None, filename, value)
                    found[key] = stored_from_text(text, key=key)
                except (StoreError, *ODD) as error:
                    rejected.append(f"{key[:12]}…: {error}")
        return found, rejected

    def record_send(self, question: Question, *, at: str) -> str:
        """Put a send on record before it happens; returns its name.

        Raises:
            StoreError: The record could not be written; nothing may be sent.
        """
        name = f"{question.key}/{uuid.uuid4().hex}"
        self._set(f"send/{name}", {"at": at, "question": asdict(question)})
        return name

    def record_answer(self, send: str, question: Question, stored: Stored) -> None:
        """Keep a final outcome and close the record of its send, both or neither.

        Raises:
            StoreError: It could not be written; the send stays on record as possibly billed.
        """
        with self._transaction():
            self._set(f"answer/{question.key}", answer_to_dict(question, stored))
            self._delete(f"send/{send}")

    def record_free(self, send: str) -> None:
        """Strike a send that is known to have cost nothing: never sent, or refused at the door."""
        with _translated(self.folder):
            self._delete(f"send/{send}")

    def record_possibly_billed(self, send: str, question: Question, outcome: NoResponse) -> None:
        """Keep a send that may have been billed without giving an answer that can be used."""
        note = {"question": asdict(question), "reason": outcome.reason, "detail": outcome.detail,
                "request_id": outcome.request_id, "at": outcome.received_at}  # fmt: skip
        with self._transaction():
            self._set(f"billed/{send}", note)
            self._delete(f"send/{send}")

    def possibly_billed(self, *, endpoint: str, campaign: str) -> list[dict[str, Any]]:
        """Sends of a campaign that may have been billed without an answer, oldest first.

        A record that can't be read is listed too, whatever it belongs to.
        """
        query = "SELECT mode, filename, value FROM Cache WHERE key LIKE 'send/%' OR key LIKE 'billed/%'"
        notes = []
        with _translated(self.folder), self._reading() as connection:
            for mode, filename, value in connection.execute(query):
                note = note_from_text(_text_or_blank(mode, filename, value))
                if (note.pop("endpoint"), note.pop("campaign")) in ((endpoint, campaign), (None, None)):
                    notes.append(note)
        return sorted(notes, key=lambda note: (note["at"], note["sha256"]))

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        path = (self.folder / "cache.db").absolute().as_uri()
        connection = sqlite3.connect(f"{path}?mode=ro", uri=True)
        # one row that is not UTF-8 must not fail the query for all the others
        connection.text_factory = lambda raw: raw.decode("utf-8", errors="backslashreplace")
        try:
            yield connection
        finally:
            connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with _translated(self.folder), self._cache.transact(retry=False):
            yield

    def _set(self, key: str, value: Mapping[str, Any]) -> None:
        text = json.dumps(value, allow_nan=False, separators=(",", ":"))
        with _translated(self.folder):
            # without retry=False a read-only database is tried for ever
            if not self._cache.set(key, text, retry=False):
                raise StoreError(f"the cache {self.folder} did not take an entry")

    def _delete(self, key: str) -> None:
        self._cache.delete(key, retry=False)


@contextmanager
def _translated(folder: Path) -> Iterator[None]:
    try:
        yield
    except diskcache.Timeout as error:  # all that diskcache says when a write can't begin
        raise StoreError(f"the cache {folder} does not take a write; it is locked or read-only") from error
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"the cache {folder} can't be read or written: {error}") from error


def _holder(file: Path) -> str:
    try:
        pid = int(json.loads(file.read_text())["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
    return f"the process {pid}" if pid != os.getpid() else "another run in this process"


def _network_file_system(folder: Path) -> str | None:
    """The kind of network file system that a folder is on, where Linux says so."""
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace")
    except OSError:  # not Linux
        return None
    real = os.path.realpath(folder)
    best, kind = "", ""
    for line in mounts.splitlines():
        fields = line.split(" ")
        place = fields[1].replace("\\040", " ") if len(fields) > 2 else ""
        if (real == place or real.startswith(place.rstrip("/") + "/")) and len(place) >= len(best):
            best, kind = place, fields[2]
    return kind if kind in _NETWORK_FILE_SYSTEMS else None
