"""Thumbnails of the worst mistakes: only on demand, the right pictures, small, and no trust in what the files hold."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import re
import struct
import zlib
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from finauth_eval.cli import app
from finauth_eval.errors import InputError, MissingExtra
from finauth_eval.evaluation import evaluate
from finauth_eval.report import render_report, thumbnails, write_report
from finauth_eval.scores import ScoreTable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from finauth_eval.evaluation import Evaluation

cv2 = pytest.importorskip("cv2", reason="thumbnails need the demo extra: pip install -e '.[demo]'")

HOSTILE = '"><script>alert(1)</script>\u202e'


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def plain(level: int, *, width: int = 200, height: int = 100, ending: str = ".png") -> bytes:
    """A picture of one grey."""
    done, coded = cv2.imencode(ending, np.full((height, width, 3), level, np.uint8))
    assert done
    return bytes(coded.tobytes())


def with_exif(jpeg: bytes, words: bytes) -> bytes:
    """A JPEG with an EXIF segment that holds an orientation (turned right) and these words."""
    entries = struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0) + struct.pack("<HHII", 0x010E, 2, len(words), 38)
    body = b"Exif\x00\x00II*\x00" + struct.pack("<IH", 8, 2) + entries + struct.pack("<I", 0) + words
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


def clip(level: int) -> bytes:
    av = pytest.importorskip("av", reason="clips need the demo extra: pip install -e '.[demo]'")
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 160, 320, "yuv420p"
        for k in range(4):
            picture = np.full((320, 160, 3), level if k == 0 else 255 - level, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode())
    return file.getvalue()


def table_of(contents: dict[str, bytes], *, label: str = "attack") -> ScoreTable:
    """Each content is a mistake, the first the worst; and one sample of each class is decided rightly."""
    names = [*contents, "right-a", "right-g"]
    wrong = np.linspace(0.01, 0.4, len(contents))
    frame = pd.DataFrame(
        {
            "sample_id": names,
            "label": [*[label] * len(contents), "attack", "bona_fide"],
            "score": [*(wrong if label == "attack" else 1 - wrong), 0.9, 0.1],
            "sha256": [*map(digest, contents.values()), "0" * 64, "1" * 64],
        }
    )
    return ScoreTable.from_frame(frame)


@pytest.fixture
def stored(tmp_path: Path) -> Callable[[dict[str, bytes]], Path]:
    """Writes contents under names that say nothing of their sample."""

    def store(contents: dict[str, bytes]) -> Path:
        root = tmp_path / "media"
        for k, content in enumerate(reversed(contents.values())):
            file = root / f"part{k % 3}" / f"{k}.bin"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        return root

    return store


def shown(page: str, parse: Callable[[str], Any]) -> dict[str, np.ndarray]:
    """The pictures of a page by their alternative text, decoded."""
    found = {}
    for image in parse(page).all("img"):
        data = base64.b64decode(image["src"].removeprefix("data:image/jpeg;base64,"), validate=True)
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert picture.shape[:2] == (int(image["height"]), int(image["width"]))
        found[image["alt"]] = picture
    return found


def render(table: ScoreTable, folder: Path | str) -> str:
    return render_report(evaluate(table, bootstrap=0), scores=table, thumbnails=folder)


def test_each_sample_is_shown_with_its_own_picture_whatever_the_files_are_called(
    stored: Callable[..., Path], parse: Callable[[str], Any]
) -> None:
    contents = {f"s{k}": plain(20 + 25 * k) for k in range(8)}
    page = render(table_of(contents), stored(contents))
    pictures = shown(page, parse)
    assert [*pictures] == [*contents]
    for k, picture in enumerate(pictures.values()):
        assert picture.shape == (48, 96, 3)
        assert abs(int(picture[24, 48, 0]) - (20 + 25 * k)) <= 2
    for image in parse(page).all("img"):
        assert image["alt"] in image.inside("th").text
    text = parse(page).all("aside")[0].text
    assert text == ("⚠ This page shows pictures of persons (8 thumbnails). Handle it as personal data.")
    assert "No picture of every sample" not in page


def test_genuine_samples_are_shown_too(stored: Callable[..., Path], parse: Callable[[str], Any]) -> None:
    contents = {"g": plain(70, ending=".jpg")}
    page = render(table_of(contents, label="bona_fide"), stored(contents))
    assert [*shown(page, parse)] == ["g"]
    assert "(1 thumbnail)" in page


def test_without_being_asked_for_there_is_no_picture_no_banner_and_no_other_byte(
    evaluation: Evaluation, table: ScoreTable, page: str
) -> None:
    assert "<img" not in page
    assert "personal data" not in page
    assert ".thumb" not in page


def test_exif_is_dropped_and_the_picture_stands_upright(
    stored: Callable[..., Path], parse: Callable[[str], Any]
) -> None:
    contents = {"s": with_exif(plain(90, ending=".jpg"), b"somewhere 1.2903 N 103.85 E\x00")}
    page = render(table_of(contents), stored(contents))
    assert shown(page, parse)["s"].shape == (96, 48, 3)  # lay on its side in the file
    [address] = re.findall(r"base64,([^\"]+)", page)
    data = base64.b64decode(address)
    assert b"Exif" not in data
    assert b"somewhere" not in data


def test_small_pictures_are_not_blown_up(
    make_png: Callable[..., bytes], stored: Callable[..., Path], parse: Callable[[str], Any]
) -> None:
    contents = {"s": make_png(3, width=20, height=7)}
    assert shown(render(table_of(contents), stored(contents)), parse)["s"].shape == (7, 20, 3)


def test_clip_is_shown_by_its_first_frame_and_without_pyav_not_at_all(
    stored: Callable[..., Path], parse: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = {"clip": clip(200), "still": plain(60)}
    table, folder = table_of(contents), stored(contents)
    first = shown(render(table, folder), parse)["clip"]
    assert first.shape == (96, 48, 3)
    assert abs(int(first[48, 24, 0]) - 200) <= 4
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    page = render(table, folder)
    assert [*shown(page, parse)] == ["still"]
    assert "No picture of every sample: 1 content could not be decoded." in page


def test_pictures_are_few_and_small_even_where_they_are_all_noise(
    stored: Callable[..., Path], parse: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(4)
    contents = {}
    for k in range(30):
        done, coded = cv2.imencode(".png", rng.integers(0, 256, (96, 96, 3), dtype=np.uint8))
        assert done
        contents[f"s{k:02}"] = bytes(coded.tobytes())
    folder = stored(contents)
    page = render(table_of(contents), folder)
    assert len(shown(page, parse)) == 10  # as many as the table has
    assert sum(map(len, re.findall(r'src="(data:[^"]+)"', page))) <= 150_000
    wanted = [digest(own) for own in contents.values()]
    found = thumbnails.thumbnails_of(wanted, folder)
    assert len(found.by_content) <= 24
    assert sum(len(own.address) for own in found.by_content.values()) <= 150_000
    assert found.missing["beyond the first 24"] == 6
    monkeypatch.setattr(thumbnails, "MOST_BYTES", 30_000)
    found = thumbnails.thumbnails_of(wanted[:10], folder)
    assert 0 < len(found.by_content) < 10
    assert [*found.by_content] == wanted[: len(found.by_content)]
    assert found.missing == {"beyond 30 kB": 10 - len(found.by_content)}


def bomb() -> bytes:
    """A PNG that holds 45 million pixels in a few kilobytes: valid, and too large to be looked at."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 9_000, 5_000, 8, 0, 0, 0, 0)
    lines = zlib.compress(b"\x00" * (9_001 * 5_000), 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", lines) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(bomb(), id="a bomb"),
        pytest.param(plain(1)[:60], id="cut off"),
        pytest.param(plain(1, ending=".jpg")[:200], id="a JPEG cut off"),
        pytest.param(b"\xff\xd8\xff" + b"\x00" * 50, id="no JPEG"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + b"\xff" * 60, id="no PNG"),
        pytest.param(b"GIF89a" + b"\x01" * 60, id="a GIF"),
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", id="markup"),
        pytest.param(b"\x00\x00\x00\x18ftypisom" + b"\x00" * 64, id="no clip"),
        pytest.param(b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", id="a playlist"),
    ],
)
def test_what_cannot_be_decoded_has_no_picture_and_does_no_harm(
    content: bytes, stored: Callable[..., Path], parse: Callable[[str], Any]
) -> None:
    contents = {"bad": content, "good": plain(50)}
    page = render(table_of(contents), stored(contents))
    assert [*shown(page, parse)] == ["good"]
    assert "No picture of every sample: 1 content could not be decoded." in page
    assert "(1 thumbnail)" in page


def test_id_of_a_sample_stays_words_in_its_picture(
    stored: Callable[..., Path], parse: Callable[[str], Any]
) -> None:
    contents = {HOSTILE: plain(50)}
    page = render(table_of(contents), stored(contents))
    [image] = parse(page).all("img")
    assert sorted(image.attributes) == ["alt", "class", "height", "src", "width"]
    assert image["alt"] == HOSTILE.replace("\u202e", "\\u202e")


def test_files_elsewhere_are_not_looked_at_and_odd_ones_not_waited_for(
    stored: Callable[..., Path], tmp_path: Path, parse: Callable[[str], Any]
) -> None:
    contents = {"inside": plain(50)}
    folder = stored(contents)
    outside = tmp_path / "private.png"
    outside.write_bytes(plain(99))
    (folder / "link.png").symlink_to(outside)
    (folder / "nowhere.png").symlink_to(tmp_path / "gone")
    os.mkfifo(folder / "part0" / "0.fifo")
    with (folder / "huge.bin").open("wb") as stream:
        stream.truncate(1 << 31)
    page = render(table_of({"elsewhere": plain(99), **contents}), folder)
    assert [*shown(page, parse)] == ["inside"]
    assert "No picture of every sample: 1 content not in the folder." in page


def test_where_no_picture_is_found_the_page_says_so_and_has_no_banner(tmp_path: Path) -> None:
    page = render(table_of({"s": plain(3)}), tmp_path)
    assert "<img" not in page
    assert "This page shows pictures of persons" not in page
    assert "No picture of every sample: 1 content not in the folder." in page


def test_what_is_missing_is_named(
    table: ScoreTable, evaluation: Evaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="the scores have nothing in the column 'sha256'"):
        render_report(evaluation, scores=table, thumbnails=tmp_path)
    with pytest.raises(InputError, match="nothing in the column 'sha256'"):
        render_report(evaluation, thumbnails=tmp_path)
    with pytest.raises(InputError, match="gone: there is no such folder"):
        render(table_of({"s": plain(3)}), tmp_path / "gone")
    monkeypatch.setattr(thumbnails, "find_spec", lambda name: None if name == "cv2" else find_spec(name))
    with pytest.raises(MissingExtra, match=r"thumbnails need: pip install 'finauth-eval\[demo\]'"):
        render(table_of({"s": plain(3)}), tmp_path)


def test_data_of_the_page_hold_no_picture_and_both_layouts_the_same_ones(
    stored: Callable[..., Path], tmp_path: Path, parse: Callable[[str], Any]
) -> None:
    contents = {"s": plain(50)}
    table, folder = table_of(contents), stored(contents)
    page = render(table, folder)
    assert len(parse(page).all("img")) == 1
    for script in parse(page).all("script"):
        assert "image/jpeg" not in script.text
    file = write_report(
        evaluate(table, bootstrap=0), path=tmp_path / "r.html", scores=table, layout="dir", thumbnails=folder
    )
    text = file.read_text(encoding="utf-8")
    assert [own["src"] for own in parse(text).all("img")] == [own["src"] for own in parse(page).all("img")]
    assert ".thumb" in (tmp_path / "r.css").read_text(encoding="utf-8")


def called(*words: object) -> tuple[int, str]:
    found = CliRunner().invoke(app, ["report", *map(str, words)])
    return found.exit_code, found.output + str(found.exception or "")


def test_command_shows_pictures_only_when_told_to_and_where_they_are(
    stored: Callable[..., Path], tmp_path: Path
) -> None:
    contents = {"s": plain(50)}
    run, folder, page = table_of(contents).write(tmp_path / "run"), stored(contents), tmp_path / "r.html"
    refused = called(run, "-o", page, "--thumbnails")
    assert refused[0] == 2
    assert "--thumbnails needs --media FOLDER" in refused[1]
    assert "--media is for --thumbnails" in called(run, "-o", page, "--media", folder)[1]
    assert "--thumbnails is for the report of a single run" in called(
        run, "-o", page, "--against", run, "--thumbnails", "--media", folder
    )[1]  # fmt: skip
    assert not page.exists()
    assert called(run, "-o", page)[0] == 0
    assert "<img" not in page.read_text(encoding="utf-8")
    assert called(run, "-o", page, "--thumbnails", "--media", folder)[0] == 0
    assert 'alt="s"' in page.read_text(encoding="utf-8")


@pytest.mark.browser
def test_pictures_are_seen_in_a_browser_and_nothing_is_refused(
    browser: Any, stored: Callable[..., Path], tmp_path: Path
) -> None:
    contents = {f"s{k}": plain(20 + 25 * k) for k in range(8)}
    file = tmp_path / "report.html"
    file.write_text(render(table_of(contents), stored(contents)), encoding="utf-8")
    context = browser.new_context(viewport={"width": 390, "height": 900})
    try:
        tab = context.new_page()
        messages, asked = [], []
        tab.on("console", lambda message: messages.append(message.text))
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(file.as_uri())
        assert tab.evaluate("[...document.images].map((own) => own.complete && own.naturalWidth)") == [96] * 8
        assert tab.evaluate("document.documentElement.scrollWidth") <= 390
        assert [own for own in asked if not own.startswith("data:")] == [file.as_uri()]
        assert messages == []
    finally:
        context.close()
