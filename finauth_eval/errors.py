"""What can go wrong outside of the program, as one tree.

Misuse of a function is a plain ``ValueError``; everything that the outside world can do to us is one of

    FinauthEvalError            exit 2
    ├── InputError              exit 2    a file, a row or a value is not what it should be
    │   ├── DatasetError                  a manifest or its media
    │   └── ScoresError                   a table of labels and scores
    ├── NothingToEvaluate       exit 7    no scored sample of a class that the question needs, or low coverage
    ├── MissingExtra            exit 2    an optional package is not installed
    ├── CredentialsError        exit 4    no API key or secret
    ├── StoreError              exit 6    the cache or the disk
    │   └── StoreLocked                   another run holds the cache
    └── DownloadError           exit 3    a pinned archive of the demo could not be fetched

A run that stops early is not an exception: its rows are kept and its summary says why and with which exit code.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "CredentialsError",
    "DatasetError",
    "DownloadError",
    "FinauthEvalError",
    "InputError",
    "MissingExtra",
    "NothingToEvaluate",
    "ScoresError",
    "StoreError",
    "StoreLocked",
]


class FinauthEvalError(Exception):
    """Base of every error this package raises about the outside world; ``exit_code`` is the shell's."""

    exit_code: ClassVar[int] = 2


class InputError(FinauthEvalError):
    """Something that was read is not what it should be; the message names file, row and what is expected."""


class DatasetError(InputError):
    """A manifest or the media that it names."""


class ScoresError(InputError):
    """A table of labels and scores."""


class NothingToEvaluate(FinauthEvalError):  # noqa: N818 - reads as the sentence it stands for
    """There is no scored sample to answer the question from."""

    exit_code: ClassVar[int] = 7


class MissingExtra(FinauthEvalError):  # noqa: N818 - reads as the sentence it stands for
    """An optional part of the package is not installed."""


class CredentialsError(FinauthEvalError):
    """The API key or secret is missing."""

    exit_code: ClassVar[int] = 4


class StoreError(FinauthEvalError):
    """The cache or the disk failed; nothing that was acknowledged is lost."""

    exit_code: ClassVar[int] = 6


class StoreLocked(StoreError):  # noqa: N818 - reads as the sentence it stands for
    """Another process holds the cache."""


class DownloadError(FinauthEvalError):
    """A pinned archive of the demo could not be fetched; a further attempt continues."""

    exit_code: ClassVar[int] = 3
