"""The bytes of a question, from the first file that still holds them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from finauth_eval.media import MediaFile, read_media
from finauth_eval.places import Place, Remote
from finauth_eval.run.records import Question

__all__ = ["content_of", "takes_time"]

_SMALL: Final = 256 * 1024


def takes_time(question: Question, root: Place) -> bool:
    """Whether reading it is for another thread; a small file was hashed a moment ago and takes less than that."""
    return question.size > _SMALL or isinstance(root, Remote)


def content_of(question: Question, paths: Sequence[Place], *, root: Place) -> bytes | MediaFile:
    """What is to be sent, or, when no file holds it any more, why.

    Args:
        question: Its sha256 is what the bytes must have.
        paths: The files that held this content when they were hashed, in order.
        root: The folder that no path may leave.
    """
    problem: MediaFile | None = None
    for path in paths:
        media = read_media(path, root=root, media_type=question.media_type)
        if isinstance(media, MediaFile):
            problem = problem or media
        elif hashlib.sha256(media).hexdigest() == question.sha256:
            return media
    return problem or MediaFile(problem="changed", detail="its bytes changed while the run was going on")
