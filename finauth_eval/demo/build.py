"""Building the demo's data set in a directory: whole or not at all, and once."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version as installed_version
from importlib.util import find_spec
from pathlib import Path

from filelock import FileLock

from finauth_eval.demo.manifest import manifest_row, write_manifest
from finauth_eval.demo.people import PEOPLE, ROOMS
from finauth_eval.demo.plan import EVALUATED, Item, plan_clips, plan_pictures
from finauth_eval.demo.sources import PACKAGES, RunPip, fetch_archives, read_members, run_pip, weights_path
from finauth_eval.errors import DatasetError, MissingExtra

__all__ = ["build_demo", "is_built"]

RECIPE = 2  # goes up when the same plan gives other pictures
RECORD = "build.json"
MANIFEST = "manifest.csv"
NEEDED = ("cv2", "av")


def build_demo(
    directory: Path, *, progress: Callable[[str], None] | None = None, run: RunPip = run_pip
) -> Path:
    """Build the demo's pictures, clips and manifest, unless they are there already.

    The same bytes come out for the same versions of OpenCV, PyAV and NumPy. The directory appears when it is
    complete; what an interrupted build left behind is removed by the next one.

    Args:
        directory: Where to; it may hold nothing but an earlier build.
        progress: Told of each step before it starts.
        run: Runs pip.

    Returns:
        Path of ``manifest.csv``.

    Raises:
        MissingExtra: OpenCV or PyAV is not installed.
        DownloadError: A pinned archive can't be had.
        DatasetError: The directory holds something else.
    """
    say = progress or (lambda _: None)
    if is_built(directory):
        say(f"{directory} is built already")
        return directory / MANIFEST
    _require_extra()
    directory.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(directory.with_name(f".{directory.name}.lock")):
        if not is_built(directory):  # another process may have built it meanwhile
            _build(directory, say, run)
    return directory / MANIFEST


def is_built(directory: Path) -> bool:
    """Say whether a directory holds a complete build of this very recipe, with no file changed since."""
    try:
        record = json.loads((directory / RECORD).read_text(encoding="utf-8"))
        return bool(record["recipe"] == _recipe_digest()) and all(
            _sha256((directory / path).read_bytes()) == sha256 for path, sha256 in record["files"].items()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False  # whatever it is, it is no complete build


def _require_extra() -> None:
    for name in NEEDED:
        if find_spec(name) is None:
            raise MissingExtra(
                f'the demo needs {name}, which is not installed: pip install "finauth-eval[demo]"'
            )


def _recipe_digest() -> str:
    plan = [
        [item.id, item.kind, item.subject.part, [p.sha256 for p in item.subject.pictures]] for item in _plan()
    ]
    return _sha256(json.dumps([RECIPE, plan]).encode())


def _plan() -> list[Item]:
    return [*plan_pictures(), *plan_clips()]


def _build(directory: Path, say: Callable[[str], None], run: RunPip) -> None:
    if directory.exists() and not (directory / RECORD).is_file() and any(directory.iterdir()):
        raise DatasetError(
            f"{directory} is not empty and holds no earlier build of the demo: name another directory"
        )
    scratch = directory.with_name(f".{directory.name}.building")
    shutil.rmtree(scratch, ignore_errors=True)
    (scratch / "images").mkdir(parents=True)
    (scratch / "clips").mkdir()
    hashes: dict[str, str] = {}
    for item, content in _contents(say, run):
        (scratch / item.path).write_bytes(content)
        hashes[item.path] = _sha256(content)
    manifest = write_manifest(manifest_row(item, hashes[item.path]) for item in _plan()).encode()
    (scratch / MANIFEST).write_bytes(manifest)
    _write_record(scratch, hashes | {MANIFEST: _sha256(manifest)})
    _put_in_place(scratch, directory)


def _contents(say: Callable[[str], None], run: RunPip) -> Iterator[tuple[Item, bytes]]:
    # these need the optional packages
    from finauth_eval.demo.clips import make_clip, make_room_clip
    from finauth_eval.demo.pictures import make_picture, make_room_picture
    from finauth_eval.demo.portraits import decode, load_portraits
    from finauth_eval.sandbox.faces import FaceFinder

    people = [person for person in PEOPLE if person.part == EVALUATED]
    archives = fetch_archives({person.package for person in (*people, *ROOMS)}, progress=say, run=run)
    finder = FaceFinder(weights_path(progress=say, run=run))
    contents = read_members(
        (picture for person in (*people, *ROOMS) for picture in person.pictures), archives
    )
    with _one_opencv_thread():
        say(f"finding the faces of {len(people)} people")
        portraits = load_portraits(people, contents, finder)
        rooms = {room.id: decode(contents[room.pictures[0]]) for room in ROOMS}
        for item in _announced(_plan(), say):
            is_clip = item.media_type == "video"
            if item.subject.id in rooms:
                make_room = make_room_clip if is_clip else make_room_picture
                yield item, make_room(item, rooms[item.subject.id])
            else:
                make = make_clip if is_clip else make_picture
                yield item, make(item, portraits)


@contextmanager
def _one_opencv_thread() -> Iterator[None]:
    """With more threads, sums are added up in an order that depends on the machine."""
    import cv2

    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _announced(items: Sequence[Item], say: Callable[[str], None]) -> Iterator[Item]:
    for number, item in enumerate(items):
        if number % 50 == 0:
            say(f"making {number + 1} to {min(number + 50, len(items))} of {len(items)} pictures and clips")
        yield item


def _write_record(scratch: Path, files: dict[str, str]) -> None:
    versions = {
        name: installed_version(name) for name in ("av", "numpy", "opencv-python-headless") if _has(name)
    }
    sources = {name: package.version for name, package in PACKAGES.items()}
    record = {"recipe": _recipe_digest(), "versions": versions, "sources": sources, "files": files}
    (scratch / RECORD).write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _has(distribution: str) -> bool:
    try:
        installed_version(distribution)
    except ModuleNotFoundError:  # OpenCV comes under several names
        return False
    return True


def _put_in_place(scratch: Path, directory: Path) -> None:
    """Rename the finished build into place; an earlier one is set aside first and goes last."""
    aside = directory.with_name(f".{directory.name}.replaced")
    shutil.rmtree(aside, ignore_errors=True)
    if directory.exists():
        directory.rename(aside)
    scratch.rename(directory)
    shutil.rmtree(aside, ignore_errors=True)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
