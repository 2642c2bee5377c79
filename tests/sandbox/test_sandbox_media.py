"""Bytes from strangers: what decodes, what is refused, and what must not take the server down."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from finauth_eval.sandbox.media import Undecodable, decode_image, decode_video, image_size
from finauth_eval.sandbox.scoring import Refused

BAD = Refused(error="BAD_ARGUMENTS:image")
TOO_BIG = Refused(error="INVALID_IMAGE_SIZE:image")
NOISE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)


def encoded(form: str) -> bytes:
    done, content = cv2.imencode(form, NOISE)
    assert done
    return content.tobytes()


def png_header(width: int, height: int) -> bytes:
    """A PNG by the specification: signature, IHDR with its checksum, and nothing behind it but an end."""
    ihdr = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + ihdr + struct.pack(">I", zlib.crc32(ihdr))
    return b"\x89PNG\r\n\x1a\n" + chunk + b"\x00\x00\x00\x00IEND\xaeB`\x82"


def jpeg_header(width: int, height: int) -> bytes:
    """A JPEG's start: SOI, a comment to be stepped over, and a baseline frame header."""
    comment = b"\xff\xfe" + struct.pack(">H", 7) + b"hello"
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 17, 8, height, width, 3) + b"\x01\x11\x00" * 3
    return b"\xff\xd8" + comment + frame + b"\xff\xd9"


def clip(seconds: float = 0.5, *, audio_only: bool = False) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        if audio_only:
            stream = container.add_stream("aac", rate=8000)
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate = 8000
            container.mux(stream.encode(frame))
        else:
            stream = container.add_stream("libx264", rate=24)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            for number in range(int(24 * seconds)):
                picture = np.roll(NOISE, number, axis=1)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode())
    return buffer.getvalue()


@pytest.mark.parametrize("form", [".png", ".jpg"])
def test_the_size_is_read_from_the_header(form: str) -> None:
    assert image_size(encoded(form)) == (64, 48)


def test_a_png_decodes_to_its_very_pixels() -> None:
    picture = decode_image(encoded(".png"))
    assert not isinstance(picture, Refused)
    assert np.array_equal(picture, NOISE)


@pytest.mark.parametrize("form", [".bmp", ".webp", ".tiff"])
def test_other_formats_are_bad_arguments(form: str) -> None:
    assert decode_image(encoded(form)) == BAD


@pytest.mark.parametrize(
    "media",
    [
        b"",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
        b"\xff\xd8\xff\xe0\xff\xff" + b"\x00" * 50,
        b"\xff\xd8" + b"\xff" * 500,
        b"\xff\xd8\xff\xe0\x00\x00" * 50,
        png_header(100, 100),
        png_header(0, 100),
        jpeg_header(100, 100),
        jpeg_header(100, 0),
        png_header(4, 4),
        b"GIF89a" + bytes(100),
        encoded(".png")[:200],
    ],
)
def test_what_does_not_decode_is_bad_arguments(media: bytes) -> None:
    assert decode_image(media) == BAD


@pytest.mark.parametrize(
    "media", [png_header(60_000, 60_000), jpeg_header(65_000, 65_000), png_header(4097, 16)]
)
def test_a_bomb_is_refused_by_its_header(media: bytes) -> None:
    assert decode_image(media) == TOO_BIG


def test_every_nth_frame_of_a_clip_comes_out() -> None:
    # 12 frames: numbers 0 and 8
    media = clip()  # once: the encoder's bytes differ from run to run
    with av.open(io.BytesIO(media)) as container:
        everything = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    frames = list(decode_video(media, every=8))
    assert len(everything) == 12
    assert len(frames) == 2
    assert np.array_equal(frames[0], everything[0])
    assert np.array_equal(frames[1], everything[8])


@pytest.mark.parametrize(
    "media",
    [
        b"",
        b"no video",
        b"\x00" * 5000,
        clip()[:2000],
        clip()[:-300],
        clip(audio_only=True),
        encoded(".png")[:300],
    ],
    ids=["empty", "text", "zeros", "start only", "cut off", "sound only", "half a picture"],
)
def test_what_is_no_whole_video_is_undecodable(media: bytes) -> None:
    with pytest.raises(Undecodable):
        list(decode_video(media, every=1))


def test_a_playlist_opens_no_other_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    target = tmp_path / "secret.mp4"
    target.write_bytes(clip())
    playlists = [
        f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{target}\n#EXT-X-ENDLIST\n",
        f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{target}\n#EXT-X-ENDLIST\n",
        f"ffconcat version 1.0\nfile {target}\n",
        f"ffconcat version 1.0\nfile {target.name}\n",
    ]
    for playlist in playlists:
        with pytest.raises(Undecodable):
            list(decode_video(playlist.encode(), every=1))
