"""Bytes to pixels, with the API's limits and no trust in what the bytes say."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator

import av
import cv2
import numpy as np

from finauth_eval.sandbox.faces import Picture
from finauth_eval.sandbox.scoring import Refused

__all__ = ["MAX_SIDE", "Undecodable", "decode_image", "decode_video", "image_size"]

MAX_SIDE = 4096  # pixels; the vendor names no limit that is known here
MAX_FRAMES = 30 * 60  # a minute at 30 frames a second: beyond it, only time would be spent
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
JPEG_MAGIC = b"\xff\xd8\xff"
# start-of-frame markers hold the size; these three in their range are something else
NOT_FRAMES = frozenset({0xC4, 0xC8, 0xCC})
STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})


class Undecodable(Exception):  # noqa: N818 - reads as what it says of a file
    """A file is no video, breaks off, or is too large to decode."""


BAD_IMAGE = Refused(error="BAD_ARGUMENTS:image")
BAD_VIDEO = Refused(error="BAD_ARGUMENTS:video")


def decode_image(media: bytes) -> Picture | Refused:
    """Decode a JPEG or PNG.

    The size is read from the header first, so that a small file can't ask for gigabytes of pixels.

    Args:
        media: The file's bytes.

    Returns:
        Height x width x 3, blue-green-red, 8 bits; or ``BAD_ARGUMENTS:image`` for what is no JPEG or PNG or does
        not decode, or ``INVALID_IMAGE_SIZE:image`` for a side above 4096 pixels.
    """
    size = image_size(media)
    if size is None:
        return BAD_IMAGE
    if max(size) > MAX_SIDE:
        return Refused(error="INVALID_IMAGE_SIZE:image")
    try:
        picture = cv2.imdecode(np.frombuffer(media, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        return BAD_IMAGE
    if picture is None or min(picture.shape[:2]) < 16:
        return BAD_IMAGE
    return np.asarray(picture, np.uint8)


def image_size(media: bytes) -> tuple[int, int] | None:
    """Read width and height from the header of a JPEG or PNG; None for anything else.

    Example:
        >>> image_size(b"GIF89a") is None
        True
    """
    if media.startswith(PNG_MAGIC):
        return struct.unpack(">II", media[16:24]) if media[12:16] == b"IHDR" and len(media) >= 24 else None
    return _jpeg_size(media) if media.startswith(JPEG_MAGIC) else None


def _jpeg_size(media: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(media):
        if media[at] != 0xFF:
            return None
        marker = media[at + 1]
        if marker == 0xFF:  # padding
            at += 1
        elif marker in STANDALONE:
            at += 2
        elif 0xC0 <= marker <= 0xCF and marker not in NOT_FRAMES:
            height, width = struct.unpack(">HH", media[at + 5 : at + 9])
            return width, height
        else:
            at += 2 + max(2, int.from_bytes(media[at + 2 : at + 4], "big"))
    return None


def decode_video(media: bytes, *, every: int) -> Iterator[Picture]:
    """Decode every so many frames of a video, from the first one on.

    Args:
        media: The file's bytes, in any format that FFmpeg reads.
        every: Distance of two frames.

    Raises:
        Undecodable: It is no video, or stops decoding on the way, or its frames are too large.
    """
    try:
        # a playlist could name other files and addresses: no protocol is allowed to open them
        with av.open(io.BytesIO(media), "r", options={"protocol_whitelist": ""}) as container:
            if not container.streams.video:
                raise Undecodable("there is no video stream")
            stream = container.streams.video[0]
            stream.thread_type = "NONE"
            if max(stream.width, stream.height) > MAX_SIDE:
                raise Undecodable(f"frames of {stream.width} x {stream.height} are too large")
            for number, frame in enumerate(container.decode(stream)):
                if number >= MAX_FRAMES:
                    return
                if number % every == 0:
                    yield np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
    except av.FFmpegError as error:
        raise Undecodable(str(error)) from error
