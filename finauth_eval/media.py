"""One media file on disk: may it be sent, what is it really, and what is in it.

Nothing here trusts a name. A file is opened once without blocking, looked at through its descriptor, and read only
when it is a regular file of a size that the API takes.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Final, Literal

from finauth_eval.places import Place, Remote

__all__ = ["MAX_BYTES", "MediaFile", "MediaType", "NotSent", "forget_folders", "inspect_files",
           "inspect_media", "read_media"]  # fmt: skip

MediaType = Literal["image", "video"]
NotSent = Literal["missing", "unreadable", "empty", "over_size", "outside_root", "not_a_file", "changed"]

_MIB: Final = 1024 * 1024
# The API takes videos of at most 10 MB after Base64, which makes four bytes out of three.
MAX_BYTES: Final[dict[MediaType, int]] = {"image": 10 * _MIB, "video": 10 * _MIB // 4 * 3}
_HEAD: Final = 64 * 1024

_VIDEO_EXTENSIONS: Final = (
    ".3gp", ".asf", ".avi", ".flv", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ogv", ".ts", ".webm",
    ".wmv",
)  # fmt: skip
_IMAGE_BRANDS: Final = (b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis")


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaFile:
    """What was found behind a path.

    Attributes:
        problem: Why it can't be sent, or ``None``.
        detail: The same for people, or what is odd about a file that can be sent.
        sha256: Hex digest of its bytes; ``None`` where they were not read.
        size: Bytes; ``None`` where unknown.
        media_type: By its first bytes; ``None`` where they are not known.
        accepted: Whether the first bytes are of a format that the API is documented to take.
        pixels: (width, height) of a jpg or png whose header was understood.
    """

    problem: NotSent | None = None
    detail: str = ""
    sha256: str | None = None
    size: int | None = None
    media_type: MediaType | None = None
    accepted: bool = False
    pixels: tuple[int, int] | None = None


class _Unsendable(Exception):  # noqa: N818 - never leaves this module
    def __init__(self, problem: NotSent, detail: str, size: int | None = None) -> None:
        super().__init__(detail)
        self.problem: NotSent = problem
        self.detail = detail
        self.size = size


def inspect_media(path: Place, *, root: Place, declared: MediaType | None = None) -> MediaFile:
    """Look at a file, reading its bytes once, and only if it is small enough to be sent.

    Args:
        path: The file; symbolic links are followed as long as they stay below ``root``.
        root: The folder that no path may leave.
        declared: What the manifest says it is; the file's own first bytes win over that, and that over its extension.
    """
    try:
        with _opened(path, root=root) as (stream, size):
            head = stream.read(_HEAD)
            kind, accepted = sniff(head)
            media_type = kind or declared or media_type_of_name(path)
            _check_size(size, media_type)
            digest = hashlib.sha256(head)
            while block := stream.read(_MIB):
                digest.update(block)
    except _Unsendable as error:
        return MediaFile(problem=error.problem, detail=error.detail, size=error.size)
    return MediaFile(
        sha256=digest.hexdigest(),
        size=size,
        media_type=kind,
        accepted=accepted,
        detail="" if accepted else _odd(head, media_type),
        pixels=pixels_of(head),
    )


def inspect_files(files: Sequence[tuple[Place, MediaType | None]], *, root: Place) -> list[MediaFile]:
    """Look at some files, each with what the manifest says it is; a task for a thread or for another machine."""
    return [inspect_media(path, root=root, declared=declared) for path, declared in files]


def read_media(path: Place, *, root: Place, media_type: MediaType) -> bytes | MediaFile:
    """The bytes to send, or, when they can't be had any more, why."""
    try:
        with _opened(path, root=root) as (stream, size):
            _check_size(size, media_type)
            return stream.read(MAX_BYTES[media_type] + 1)
    except _Unsendable as error:
        return MediaFile(problem=error.problem, detail=error.detail, size=error.size)


def media_type_of_name(path: Place) -> MediaType:
    """What an extension claims; everything that is not a known video is taken for an image."""
    return "video" if path.suffix.lower() in _VIDEO_EXTENSIONS else "image"


def sniff(head: bytes) -> tuple[MediaType | None, bool]:
    """Media type by a file's first bytes, and whether the API is documented to take the format.

    Example:
        >>> sniff(b"GIF89a"), sniff(b"hello")
        (('image', False), (None, False))
    """
    if head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")):
        return "image", True
    if head[4:8] == b"ftyp":
        return ("image", False) if head[8:12] in _IMAGE_BRANDS else ("video", True)
    if head[:4] == b"RIFF":
        return ("image", False) if head[8:12] == b"WEBP" else ("video", True)
    if head.startswith((b"GIF8", b"BM", b"II*\x00", b"MM\x00*")):
        return "image", False
    video = (b"\x1aE\xdf\xa3", b"FLV", b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3", b"0&\xb2u", b"OggS")
    if head.startswith(video) or (head[:1] == b"G" and head[188:189] == b"G"):
        return "video", True
    return None, False


def pixels_of(head: bytes) -> tuple[int, int] | None:
    """(width, height) from the header of a png or jpg, or ``None`` where it is not understood."""
    if head.startswith(b"\x89PNG\r\n\x1a\n") and len(head) >= 24:
        return int.from_bytes(head[16:20]), int.from_bytes(head[20:24])
    if not head.startswith(b"\xff\xd8"):
        return None
    at = 2
    while at + 9 <= len(head) and head[at] == 0xFF:
        marker, length = head[at + 1], int.from_bytes(head[at + 2 : at + 4])
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # a start-of-frame segment
            return int.from_bytes(head[at + 7 : at + 9]), int.from_bytes(head[at + 5 : at + 7])
        at += 2 + length
    return None


@contextmanager
def _opened(path: Place, *, root: Place) -> Iterator[tuple[IO[bytes], int]]:
    if isinstance(path, Remote) or isinstance(root, Remote):
        yield _remote(path, root)
        return
    try:
        base = _real_folder(os.fspath(root))
        real = _real_path(path)
        if real != base and not real.startswith(base.rstrip(os.sep) + os.sep):
            raise _Unsendable("outside_root", f"it leads out of {base}")
        # without O_NONBLOCK the opening of a FIFO would wait for ever
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _Unsendable("missing", "there is no such file") from error
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        raise _Unsendable("unreadable", str(getattr(error, "strerror", None) or error)) from error
    try:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode):
            raise _Unsendable("not_a_file", "it is a folder or another thing that is not a file")
        if about.st_size == 0:
            raise _Unsendable("empty", "the file has 0 bytes", 0)
        with os.fdopen(handle, "rb", buffering=0, closefd=False) as stream:
            yield stream, about.st_size
    except OSError as error:
        raise _Unsendable("unreadable", str(error.strerror or error)) from error
    finally:
        os.close(handle)


def _remote(path: Place, root: Place) -> tuple[IO[bytes], int]:
    """An object of a store, read whole; not even its size is asked for when it is not below the root."""
    if not (isinstance(path, Remote) and isinstance(root, Remote) and path.inside(root)):
        raise _Unsendable("outside_root", f"it leads out of {root}")
    try:
        size = path.size()
        if size is None:
            raise _Unsendable("not_a_file", "it is a prefix and not an object")
        if size == 0:
            raise _Unsendable("empty", "the file has 0 bytes", 0)
        _check_size(size, media_type_of_name(path), most=True)
        return io.BytesIO(path.read_bytes()), size
    except FileNotFoundError as error:
        raise _Unsendable("missing", "there is no such object") from error
    except OSError as error:
        raise _Unsendable("unreadable", str(error.strerror or error)) from error


@lru_cache(maxsize=1024)
def _real_folder(folder: str) -> str:
    """Where a folder really is; kept, for thousands of files share one, until `forget_folders`."""
    return os.path.realpath(folder)


def forget_folders() -> None:
    """Look at folders anew: called when a dataset is looked at and when a run begins, for links may have changed."""
    _real_folder.cache_clear()


def _real_path(path: Path) -> str:
    """Where a file really is, looking at its folder once and at the file itself every time."""
    name = os.fspath(path)
    folder, last = os.path.split(name)
    try:
        plain = last not in ("", ".", "..") and not stat.S_ISLNK(os.lstat(name).st_mode)
    except OSError:  # it is not there, or not to be looked at; where it would be still counts
        plain = False
    return os.path.join(_real_folder(folder), last) if plain else os.path.realpath(name)  # noqa: PTH118 - a Path costs more than a small file


def _check_size(size: int, media_type: MediaType, *, most: bool = False) -> None:
    """Refuse what the API would not take; with ``most`` only what it would take as nothing at all."""
    cap = max(MAX_BYTES.values()) if most else MAX_BYTES[media_type]
    if size > cap:
        detail = f"{size:,} bytes; the API takes {media_type}s of at most {cap:,} bytes"
        raise _Unsendable("over_size", detail, size)


def _odd(head: bytes, media_type: MediaType) -> str:
    wanted = "jpg or png" if media_type == "image" else "a video format"
    return f"its first bytes ({head[:8].hex(' ')}) are not those of {wanted}"
