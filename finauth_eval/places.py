"""Where things are read and written: files of this machine, and objects of a store that fsspec reaches.

A `Remote` is named and asked as a ``pathlib.Path`` is, as far as this package needs it. Nothing of fsspec is loaded
before there is one. Whatever a store raises leaves this module as an ``OSError``, as from a disk.
"""

from __future__ import annotations

import errno
import io
import os
import posixpath
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, Final

from finauth_eval.errors import InputError, MissingExtra

__all__ = [
    "Place", "Remote", "appearing", "as_file", "beside", "files_named", "place", "relative", "size_of", "streamed",
]  # fmt: skip

_URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_HERE: Final = ("file", "local")


@dataclass(frozen=True, slots=True)
class Remote:
    """An object or a prefix of a store.

    Example:
        >>> manifest = Remote("s3", "bucket/faces/manifest.csv")
        >>> str(manifest.parent / "a.png"), manifest.name, manifest.suffix
        ('s3://bucket/faces/a.png', 'manifest.csv', '.csv')
    """

    protocol: str
    key: str

    def __str__(self) -> str:
        return f"{self.protocol}://{self.key}"

    def __truediv__(self, name: str) -> Remote:
        """What lies below; of a name that leads elsewhere too, which ``inside`` tells."""
        return Remote(self.protocol, f"{self.key.rstrip('/')}/{name}")

    @property
    def name(self) -> str:
        """The last part."""
        return PurePosixPath(self.key).name

    @property
    def stem(self) -> str:
        """The last part without its ending."""
        return PurePosixPath(self.key).stem

    @property
    def suffix(self) -> str:
        """The ending, with its dot."""
        return PurePosixPath(self.key).suffix

    @property
    def parent(self) -> Remote:
        """What it lies below."""
        return Remote(self.protocol, posixpath.dirname(self.key.rstrip("/")))

    def inside(self, root: Remote) -> bool:
        """Whether it lies below; a name with ``..`` or one that is a whole URL never does."""
        below = self.key.removeprefix(root.key.rstrip("/") + "/")
        odd = ".." in below.split("/") or below.startswith("/") or _URL.match(below)
        return self.protocol == root.protocol and below != self.key and not odd

    def resolve(self) -> Remote:
        """Itself: there are no links."""
        return self

    def is_dir(self) -> bool:
        """Whether there is anything below."""
        with self._store() as store:
            return bool(store.isdir(self.key))

    def is_file(self) -> bool:
        """Whether there is such an object."""
        with self._store() as store:
            return bool(store.isfile(self.key))

    def size(self) -> int | None:
        """Bytes; ``None`` where it is a prefix.

        Raises:
            FileNotFoundError: There is nothing.
        """
        with self._store() as store:
            about = store.info(self.key)
        return int(about["size"] or 0) if about["type"] == "file" else None

    def read_bytes(self) -> bytes:
        """The whole object."""
        with self._store() as store:
            try:
                content: bytes = store.cat_file(self.key)
            except FileNotFoundError as error:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self)) from error
        return content

    def read_text(self, encoding: str = "utf-8") -> str:
        """The whole object as a text."""
        return self.read_bytes().decode(encoding)

    def open(self, mode: str = "r", encoding: str | None = None, newline: str | None = None) -> Any:
        """The whole object as a stream to read."""
        content = io.BytesIO(self.read_bytes())
        return content if "b" in mode else io.TextIOWrapper(content, encoding=encoding, newline=newline)

    def names_below(self) -> list[str]:
        """Keys of all objects below, relative to this one, in the order of their bytes."""
        with self._store() as store:
            start = len(self.key.rstrip("/")) + 1
            return sorted((str(key)[start:] for key in store.find(self.key)), key=os.fsencode)

    def matches(self) -> list[Remote]:
        """The objects that it names as a pattern such as ``s3://bucket/2026-*.parquet``, in the order of their bytes."""
        with self._store() as store:
            found = sorted((str(key) for key in store.glob(self.key)), key=os.fsencode)
        return [own for own in (Remote(self.protocol, key) for key in found) if own.is_file()]

    def upload(self, file: Path) -> None:
        """Put a file there; it appears whole or not at all where the store works so, as S3 does."""
        with self._store() as store:
            store.put_file(str(file), self.key)

    @contextmanager
    def _store(self) -> Iterator[Any]:
        store = _store(self.protocol)
        try:
            yield store
        except OSError:
            raise
        except Exception as error:  # each store has errors of its own
            raise OSError(f"{type(error).__name__}: {error}") from error


Place = Path | Remote


@lru_cache(maxsize=8)
def _store(protocol: str) -> Any:
    try:
        import fsspec

        # what others write meanwhile shows
        return fsspec.filesystem(protocol, use_listings_cache=False)
    except ImportError as error:
        raise MissingExtra(
            f"{protocol}:// can't be reached ({error}); it needs: pip install 'finauth-eval[dask]'"
        ) from error
    except ValueError as error:
        raise InputError(f"{protocol}://: {error}") from error


def place(where: str | os.PathLike[str] | Remote) -> Place:
    """A path, or what a URL such as ``s3://bucket/faces/manifest.csv`` names.

    Raises:
        InputError: It is a URL that can't be a place, or nobody knows how to get there.
        MissingExtra: What gets there is not installed.

    Example:
        >>> place("runs/q3")
        PosixPath('runs/q3')
        >>> place("file:///data/q3")
        PosixPath('/data/q3')
    """
    if isinstance(where, Remote):
        return where
    text = os.fspath(where)
    found = _URL.match(text)
    if found is None:
        return Path(text)
    protocol, rest = found[1].lower(), text[found.end() :]
    if protocol in _HERE:
        return Path(rest)
    if "::" in text or "@" in rest.split("/", 1)[0] or ".." in rest.split("/") or not rest.strip("/"):
        # said without repeating it: what stands before an @ may be a secret
        raise InputError(
            f"a place that begins with {protocol}:// is not one: expected {protocol}://BUCKET/PATH"
        )
    _store(protocol)
    return Remote(protocol, rest)


def beside(folder: Place, name: str) -> Place:
    """What a relative name such as ``../runs/q3`` leads to from a folder.

    Raises:
        InputError: It leads out of the store.

    Example:
        >>> str(beside(Remote("s3", "faces/weeks"), "../runs/q3"))
        's3://faces/runs/q3'
    """
    if isinstance(folder, Path):
        return folder / name
    key = posixpath.normpath(f"{folder.key}/{name}")
    if key.split("/")[0] != folder.key.split("/")[0] or name.startswith("/"):
        raise InputError(
            f"{name!r} leads from {folder} out of {folder.protocol}://{folder.key.split('/')[0]}"
        )
    return Remote(folder.protocol, key)


def relative(target: Place, folder: Place) -> str | None:
    """The name that leads from a folder to a target; ``None`` where they are not in one store.

    Example:
        >>> relative(Remote("s3", "faces/runs/q3"), Remote("s3", "faces/weeks"))
        '../runs/q3'
    """
    if isinstance(target, Path) and isinstance(folder, Path):
        return Path(os.path.relpath(target.resolve(), folder.resolve())).as_posix()
    if isinstance(target, Path) or isinstance(folder, Path) or target.protocol != folder.protocol:
        return None
    found = posixpath.relpath(f"/{target.key}", f"/{folder.key}")
    return found if target.key.split("/")[0] == folder.key.split("/")[0] else None


def files_named(root: Place, name: str) -> list[Place]:
    """The files of a name at any depth below a folder, in order."""
    if isinstance(root, Remote):
        return [root / key for key in root.names_below() if key.split("/")[-1] == name]
    return [*sorted(root.rglob(name))]


@contextmanager
def appearing(target: Place) -> Iterator[Path]:
    """A file to write that becomes ``target`` when the block ends, whole, and is gone when it fails.

    Raises:
        OSError: It can't be written.
    """
    if isinstance(target, Remote):
        with tempfile.TemporaryDirectory(prefix="finauth-eval-") as folder:
            scratch = Path(folder) / "content"
            yield scratch
            target.upload(scratch)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        yield scratch
        scratch.replace(target)
    finally:
        scratch.unlink(missing_ok=True)


@contextmanager
def streamed(source: Place) -> Iterator[Any]:
    """What readers of Parquet take, where only part of it is read: the path, or a remote file that fetches that part."""
    if not isinstance(source, Remote):
        yield source
        return
    with source._store() as store, store.open(source.key, "rb") as stream:  # noqa: SLF001 - its own module
        yield stream


def size_of(file: Place) -> int:
    """Bytes."""
    return file.size() or 0 if isinstance(file, Remote) else file.stat().st_size


def as_file(source: Place) -> Any:
    """What readers of Parquet take: the path, or a remote object's bytes as a file."""
    return io.BytesIO(source.read_bytes()) if isinstance(source, Remote) else source
