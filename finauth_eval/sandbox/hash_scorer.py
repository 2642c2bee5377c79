"""A scorer for load tests only: its score is made of the content's hash, and it reads no picture."""

from __future__ import annotations

import hashlib

from finauth_eval.sandbox.scoring import IMAGE, Refused, Scored

__all__ = ["NO_FACE_MARK", "UNDECODABLE_MARK", "hash_score"]

NO_FACE_MARK = b"NOFACE"
UNDECODABLE_MARK = b"UNDECODABLE"


def hash_score(media: bytes, data_type: int) -> Scored | Refused:
    """Score content by its sha256: its first 8 bytes as a fraction of 2**64.

    Args:
        media: Any bytes. Content with ``NOFACE`` in it is refused with ``NO_FACE_FOUND``, with ``UNDECODABLE`` in
            it with ``BAD_ARGUMENTS``.
        data_type: 0 for an image, 1 for a video.

    Example:
        >>> round(hash_score(b"abc", 0).score, 4)
        0.7284
        >>> hash_score(b"NOFACE", 0).error
        'NO_FACE_FOUND'
    """
    if NO_FACE_MARK in media:
        return Refused(error="NO_FACE_FOUND")
    if UNDECODABLE_MARK in media:
        return Refused(error=f"BAD_ARGUMENTS:{'image' if data_type == IMAGE else 'video'}")
    return Scored(score=int.from_bytes(hashlib.sha256(media).digest()[:8], "big") / 2**64)
