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
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import diskcache
from filelock import FileLock, Timeout

from finauth_eval.detection import NoResponse
from finauth_eval.errors import InputError, StoreError, StoreLocked
from finauth_eval.run.records import ODD, Question, Stored, answer_to_dict, note_from_text, stored_from_text
from finauth_eval.wellformed import well_formed

__all__ = ["Entry", "Store", "StoreReader", "open_store", "read_store", "require_store"]

_UNLIMITED: Final = 2**62
_NETWORK_FILE_SYSTEMS: Final = frozenset(
    ["nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "afs", "ceph", "glusterfs", "fuse.sshfs", "9p"]
)

_DATABASE: Final = "cache.db"
_OUR_TRIGGERS: Final = frozenset(f"Settings_{on}" for on in (
    "count_insert", "count_delete", "size_insert", "size_update", "size_delete"))  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A row of the database.

    Attributes:
        name: Its key, or how a key that is no text of ours looks.
        text: What it holds; ``None`` where it is not stored as this tool stores.
        problem: Why there is no text.
    """

    name: str
    text: str | None
    problem: str = ""


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


def _entry(key: object, raw: object, mode: object, filename: object, value: object) -> Entry:
    if type(key) is not str or not raw:
        return Entry(name=well_formed(repr(key)[:60]), text=None, problem="its key is not one of this tool's")
    try:
        return Entry(name=key, text=_row_text(mode, filename, value))
    except StoreError as error:
        return Entry(name=key, text=None, problem=str(error))


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
    with _held(folder, allow_network=allow_network):
        with _translated(folder), _settings_checked(folder):
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


@contextmanager
def read_store(folder: Path | str, *, allow_network: bool = False) -> Iterator[StoreReader]:
    """Hold a cache that is there and read it; no entry is made or changed, and no run can open it meanwhile.

    Raises:
        InputError: There is no cache; none is made.
        StoreLocked: Another process holds it; the message names the holder.
        StoreError: It can't be read.
    """
    require_store(folder)
    with _held(Path(folder), allow_network=allow_network):
        yield StoreReader(folder=Path(folder))


def require_store(folder: Path | str) -> None:
    """Refuse a folder that holds no cache, where opening one would make it.

    Raises:
        InputError: There is no cache in it.
    """
    folder = Path(folder)
    with _translated(folder):
        there = (folder / _DATABASE).is_file()
    if not there:
        raise InputError(f"{folder}: there is no cache; expected a folder that a run had as its --cache")


@contextmanager
def _held(folder: Path, *, allow_network: bool) -> Iterator[None]:
    lock, holder = FileLock(folder / "run.lock"), folder / "holder.json"
    with _translated(folder):
        if not allow_network and (kind := network_file_system(folder)):
            raise StoreError(f"{folder} is on a network file system ({kind}); put the cache on a local disk")
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise StoreLocked(
                f"the cache {folder} is in use by {named_holder(holder)}; wait for it to end"
            ) from error
    try:
        with _translated(folder):
            holder.unlink(missing_ok=True)  # in a cache from a stranger it may be a link to something dear
            holder.write_text(json.dumps({"pid": os.getpid(), "thread": threading.get_ident()}))
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


class StoreReader:
    """The entries of a cache that is held; nothing that is read is taken on trust."""

    def __init__(self, *, folder: Path) -> None:
        self.folder = folder

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

    def entries(self, *, about: Question | None = None) -> Iterator[Entry]:
        """Every row by one query, or those of one question and those that name its content."""
        query, values = "SELECT key, raw, mode, filename, value FROM Cache", list[str]()
        if about is not None:
            query, values = f"{query} WHERE instr(key, ?) OR instr(value, ?)", [about.key, about.sha256]
        with _translated(self.folder), self._reading() as connection:
            for row in connection.execute(query, values):
                yield _entry(*row)

    def damages(self) -> list[str]:
        """What SQLite's own check finds wrong, and triggers that this tool did not make."""
        with _translated(self.folder), self._reading() as connection:
            found = [str(line) for (line,) in connection.execute("PRAGMA integrity_check(20)")]
            triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        strange = sorted(str(name) for (name,) in triggers if name not in _OUR_TRIGGERS)
        return [line for line in found if line != "ok"] + [
            f"a trigger that this tool did not make: {name}" for name in strange
        ]

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        path = (self.folder / _DATABASE).absolute().as_uri()
        connection = sqlite3.connect(f"{path}?mode=ro", uri=True)
        # one row that is not UTF-8 must not fail the query for all the others
        connection.text_factory = lambda raw: raw.decode("utf-8", errors="backslashreplace")
        try:
            # a view in the table's place could make a query go on for ever
            if connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'view'").fetchone():
                raise StoreError(f"the cache {self.folder} holds a view that this tool did not make")
            yield connection
        finally:
            connection.close()


class Store(StoreReader):
    """The open cache. Every write is on disk when its method returns."""

    def __init__(self, *, folder: Path, cache: Any) -> None:
        super().__init__(folder=folder)
        self._cache = cache

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

    def add_answers(self, answers: Iterable[tuple[Question, Stored]]) -> None:
        """Keep outcomes that were asked for elsewhere, all or none."""
        with self._transaction():
            for question, stored in answers:
                self._set(f"answer/{question.key}", answer_to_dict(question, stored))

    def remove_answers(self, keys: Iterable[str]) -> None:
        """Forget outcomes, all or none; what is on record of sends stays."""
        with self._transaction():
            for key in keys:
                self._delete(f"answer/{key}")

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is recorded inside is on disk when this ends, or none of it.

        Raises:
            StoreError: It could not be written.
        """
        with self._transaction():
            yield

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
    # UnicodeDecodeError: SQLite's own message may quote a damaged database
    except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
        raise StoreError(f"the cache {folder} can't be read or written: {error}") from error


@contextmanager
def _settings_checked(folder: Path) -> Iterator[None]:
    """The cache's own table of settings goes through diskcache as it is; what an edited one raises is told."""
    try:
        yield
    except (TypeError, ValueError, AttributeError) as error:
        raise StoreError(f"the cache {folder} has settings that this tool did not write: {error}") from error


def named_holder(file: Path) -> str:
    try:
        pid = int(json.loads(file.read_text())["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
    return f"the process {pid}" if pid != os.getpid() else "another run in this process"


def network_file_system(folder: Path) -> str | None:
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
