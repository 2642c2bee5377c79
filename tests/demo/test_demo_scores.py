"""The sandbox's scores come from the pixels, and from nothing else."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import cv2
import httpx
import numpy as np
import pytest

from finauth_eval.demo.sources import weights_path
from finauth_eval.sandbox.detector import load_detector
from finauth_eval.sandbox.scoring import IMAGE, VIDEO, Refused, Score, Scored
from finauth_eval.sandbox.server import RunningSandbox, started_sandbox
from finauth_eval.sandbox.settings import SandboxSettings

pytestmark = [pytest.mark.demo, pytest.mark.timeout(900)]

NO_FACE = Refused(error="NO_FACE_FOUND")


@pytest.fixture(scope="module")
def rows(demo_directory: Path) -> list[dict[str, str]]:
    with (demo_directory / "manifest.csv").open(newline="") as lines:
        return list(csv.DictReader(lines))


@pytest.fixture(scope="module")
def detect() -> Iterator[Score]:
    before = cv2.getNumThreads()
    yield load_detector(weights_path())
    cv2.setNumThreads(before)


@pytest.fixture(scope="module")
def pictures(rows: list[dict[str, str]], demo_directory: Path) -> list[tuple[dict[str, str], bytes]]:
    """Every seventh picture of a person: 43 of 300, of all subjects and kinds."""
    chosen = [row for row in rows if row["media_type"] == "image" and not row["subject"].startswith("room")]
    return [(row, (demo_directory / row["path"]).read_bytes()) for row in chosen[::7]]


@pytest.fixture(scope="module")
def scores(pictures: list[tuple[dict[str, str], bytes]], detect: Score) -> list[float]:
    return [score(detect, content) for _, content in pictures]


@pytest.fixture(scope="module")
def server(demo_directory: Path) -> Iterator[RunningSandbox]:
    with started_sandbox(SandboxSettings(weights=weights_path())) as running:
        yield running


@pytest.fixture
def send(server: RunningSandbox, sign: Callable[[], str]) -> Callable[..., httpx.Response]:
    def post(media: bytes, name: str, *, field: str = "image") -> httpx.Response:
        data = {"sign": sign(), "sign_version": "hmac_sha1", "data_type": "01"[field == "video"]}
        return httpx.post(
            server.endpoint, data=data, files={field: (name, media)}, timeout=60, trust_env=False
        )

    return post


def score(detect: Score, media: bytes, data_type: int = IMAGE) -> float:
    answer = detect(media, data_type)
    assert isinstance(answer, Scored), answer
    return answer.score


def one(rows: list[dict[str, str]], **wanted: str) -> dict[str, str]:
    return next(row for row in rows if all(row[key] == value for key, value in wanted.items()))


def test_every_picture_of_a_person_is_scored_and_no_two_alike(scores: list[float]) -> None:
    assert len(scores) == 43
    assert len(set(scores)) == 43
    assert all(0 < each < 1 for each in scores)
    assert max(scores) - min(scores) > 0.3


def test_the_scores_tell_attacks_from_bona_fide_better_than_chance_but_far_from_well(
    pictures: list[tuple[dict[str, str], bytes]], scores: list[float]
) -> None:
    attacks = [each for (row, _), each in zip(pictures, scores, strict=True) if row["label"] == "attack"]
    bona_fide = [each for (row, _), each in zip(pictures, scores, strict=True) if row["label"] == "bona_fide"]
    # the area under the ROC curve by its definition: the share of pairs in order
    area = np.mean([a > b for a in attacks for b in bona_fide])
    assert 0.55 < area < 0.95


def test_the_same_bytes_score_the_same(detect: Score, pictures: list[tuple[dict[str, str], bytes]]) -> None:
    content = pictures[0][1]
    assert score(detect, content) == score(detect, content)


def test_threads_do_not_disturb_one_another(
    detect: Score, pictures: list[tuple[dict[str, str], bytes]], scores: list[float]
) -> None:
    contents = [content for _, content in pictures[:8]]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda content: score(detect, content), contents))
    assert together == scores[:8]


def test_the_name_of_a_file_plays_no_part(
    send: Callable[..., httpx.Response], pictures: list[tuple[dict[str, str], bytes]], scores: list[float]
) -> None:
    content = pictures[3][1]
    answers = [send(content, name).json() for name in ("attack/face_swap-1.jpg", "bona_fide/real-01.png")]
    assert answers[0]["score"] == answers[1]["score"] == round(scores[3], 4)


def test_compressing_again_moves_the_score(
    detect: Score, pictures: list[tuple[dict[str, str], bytes]], scores: list[float]
) -> None:
    moved = []
    for (_, content), before in list(zip(pictures, scores, strict=True))[:5]:
        picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
        _, again = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 60])
        moved.append(abs(score(detect, again.tobytes()) - before))
    assert min(moved) > 0
    assert max(moved) > 0.01


def test_a_lossless_copy_does_not_move_the_score(
    detect: Score, pictures: list[tuple[dict[str, str], bytes]], scores: list[float]
) -> None:
    picture = cv2.imdecode(np.frombuffer(pictures[0][1], np.uint8), cv2.IMREAD_COLOR)
    _, copy = cv2.imencode(".png", picture)
    assert score(detect, copy.tobytes()) == scores[0]


def test_rooms_have_no_face(detect: Score, rows: list[dict[str, str]], demo_directory: Path) -> None:
    rooms = [row for row in rows if row["subject"].startswith("room")]
    assert len(rooms) == 4
    for row in rooms:
        data_type = VIDEO if row["media_type"] == "video" else IMAGE
        assert detect((demo_directory / row["path"]).read_bytes(), data_type) == NO_FACE


def test_the_server_says_so_of_a_room(
    send: Callable[..., httpx.Response], rows: list[dict[str, str]], demo_directory: Path
) -> None:
    room = one(rows, subject="room-1")
    answer = send((demo_directory / room["path"]).read_bytes(), "person.jpg")
    assert (answer.status_code, answer.json()["error"]) == (400, "NO_FACE_FOUND")


def test_a_clip_scores_the_mean_of_every_eighth_frame(
    detect: Score, rows: list[dict[str, str]], demo_directory: Path
) -> None:
    content = (demo_directory / one(rows, media_type="video", attack_type="replay")["path"]).read_bytes()
    with av.open(io.BytesIO(content)) as container:
        frames = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    singles = [score(detect, cv2.imencode(".png", frame)[1].tobytes()) for frame in frames[::8]]
    assert len(singles) == 8
    assert score(detect, content, VIDEO) == pytest.approx(sum(singles) / 8, abs=1e-12)


def test_a_picture_is_no_answer_to_a_video_question_the_other_way_round(
    detect: Score, rows: list[dict[str, str]], demo_directory: Path
) -> None:
    clip = (demo_directory / one(rows, media_type="video")["path"]).read_bytes()
    assert detect(clip, IMAGE) == Refused(error="BAD_ARGUMENTS:image")
    assert detect(b"neither", VIDEO) == Refused(error="BAD_ARGUMENTS:video")


def test_the_two_versions_differ_but_agree_in_tendency(
    pictures: list[tuple[dict[str, str], bytes]], scores: list[float], detect: Score
) -> None:
    other = load_detector(weights_path(), version="v5.1")
    theirs = [score(other, content) for _, content in pictures[:12]]
    assert all(a != b for a, b in zip(theirs, scores[:12], strict=True))
    assert np.corrcoef(theirs, scores[:12])[0, 1] > 0.5
