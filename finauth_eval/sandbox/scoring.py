"""What a scorer is: media bytes in, a score or a refusal out."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["IMAGE", "VIDEO", "Refused", "Remembered", "Score", "Scored"]

IMAGE = 0
VIDEO = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A score in [0, 1]; higher means more likely an attack."""

    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """An error of the API: its HTTP status and its text, such as ``NO_FACE_FOUND``."""

    status: int = 400
    error: str

    @property
    def word(self) -> str:
        """The error without its detail."""
        return self.error.partition(":")[0]


Score = Callable[[bytes, int], Scored | Refused]


class Remembered:
    """A scorer that remembers its last answers, keyed by the content's sha256; safe to call from threads.

    Args:
        score: The scorer asked for what is not remembered.
        size: How many answers are kept; the least recently used goes first.
    """

    def __init__(self, score: Score, *, size: int = 512) -> None:
        self._score = score
        self._size = size
        self._answers: OrderedDict[tuple[str, int], Scored | Refused] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, media: bytes, data_type: int, sha256: str) -> Scored | Refused:
        """Return the remembered answer for this content, or ask the scorer."""
        key = (sha256, data_type)
        with self._lock:
            if key in self._answers:
                self._answers.move_to_end(key)
                return self._answers[key]
        answer = self._score(media, data_type)
        with self._lock:
            self._answers[key] = answer
            while len(self._answers) > self._size:
                self._answers.popitem(last=False)
        return answer
