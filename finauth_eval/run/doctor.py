"""Looks at everything that a run needs, and says what is wrong with it and what to do.

Nothing is changed, nothing is sent but one empty request, and no credential is shown. Packages are imported where they
are needed: this must work where one of them is missing.
"""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import stat
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from finauth_eval.run.checks import CREDENTIALS, INSTALLATION, STORAGE, Check, not_installed
from finauth_eval.run.reachability import check_endpoint
from finauth_eval.wellformed import well_formed

if TYPE_CHECKING:
    from packaging.requirements import Requirement


__all__ = ["Check", "check_disk", "check_packages", "examine", "exit_code_of", "report"]

_PACKAGE: Final = "finauth-eval"
_EXTRAS: Final = ("dask", "demo", "notebook")
_MIB: Final = 1024 * 1024
_LITTLE_SPACE: Final = 1024 * _MIB
_NO_SPACE: Final = 100 * _MIB


def examine(*, cache: Path | str, endpoint: str | None = None, timeout_s: float = 10.0) -> list[Check]:
    """Look at the installation, the credentials, the cache and, where one is named, the endpoint.

    Args:
        cache: Folder of the answers; not made where it is missing.
        endpoint: ``"sgp"``, ``"idn"`` or a URL. It gets one request without fields, which can't be billed: without
            signature and media there is nothing to score. ``None`` leaves the network alone.
        timeout_s: Seconds that request may take in all.

    Raises:
        InputError: The endpoint is not one.
    """
    folder = Path(cache)
    reached = _check_reach(
        endpoint, timeout_s
    )  # first: an address that is none is refused before anything is said
    return [
        check_python(),
        *check_packages(),
        check_credentials(),
        *check_cache(folder),
        check_disk(folder),
        *reached,
    ]


def _check_reach(endpoint: str | None, timeout_s: float) -> list[Check]:
    if endpoint is None:
        how = "name it by --region or --endpoint to have it looked at"
        return [
            Check(name=name, verdict="ok", seen="not asked for", advice=how) for name in ("endpoint", "clock")
        ]
    try:
        from finauth_eval.run.endpoint import resolve_endpoint
    except ImportError as error:
        return [not_installed("endpoint", error)]
    return check_endpoint(resolve_endpoint(endpoint), timeout_s=timeout_s)


def exit_code_of(checks: Sequence[Check]) -> int:
    """0 without a problem, else the smallest of the problems' exit codes."""
    return min((check.exit_code for check in checks if check.verdict == "problem"), default=0)


def report(checks: Sequence[Check]) -> dict[str, Any]:
    """Plain JSON values, as in ``doctor --json``."""
    return {
        "schema": "finauth-eval/doctor/1",
        "checks": [
            {"name": check.name, "verdict": check.verdict, "seen": check.seen, "advice": check.advice}
            for check in checks
        ],
        "exit": exit_code_of(checks),
    }


def _version_of(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def check_python() -> Check:
    """Whether this Python is one that the package is made for."""
    seen = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    try:
        from packaging.specifiers import SpecifierSet

        wanted = metadata(_PACKAGE)["Requires-Python"] or ""
    except (ImportError, PackageNotFoundError):  # what check_packages says
        return Check(name="python", verdict="ok", seen=seen)
    if SpecifierSet(wanted).contains(platform.python_version(), prereleases=True):
        return Check(name="python", verdict="ok", seen=f"{seen}, needs {wanted}")
    return Check(
        name="python",
        verdict="problem",
        seen=f"{seen}, needs {wanted}",
        advice="install the package into an environment of a newer Python",
        exit_code=INSTALLATION,
    )


def check_packages(
    *,
    required: Sequence[str] | None = None,
    installed: Callable[[str], str | None] = _version_of,
) -> list[Check]:
    """Whether what is installed is what the distribution asks for, and which extras are there.

    Args:
        required: Requirements as in the distribution's metadata; those of this package by default.
        installed: Gives a package's version, ``None`` where it is not installed.
    """
    try:
        from packaging.requirements import Requirement

        wanted = [Requirement(text) for text in (requires(_PACKAGE) or () if required is None else required)]
    except (ImportError, PackageNotFoundError) as error:
        return [
            Check(
                name="packages",
                verdict="problem",
                seen=f"{error.name} is not installed" if error.name else "the distribution is not installed",
                advice=f"pip install {_PACKAGE}",
                exit_code=INSTALLATION,
            )
        ]
    core = [one for one in wanted if one.marker is None or one.marker.evaluate({"extra": ""})]
    own = f"{_PACKAGE} {installed(_PACKAGE) or 'from its source'}"
    lacks = _lacking(core, installed)
    checks = [
        Check(
            name="packages",
            verdict="problem",
            seen=f"{own}: " + ", ".join(lacks),
            advice=f"pip install --upgrade {_PACKAGE}",
            exit_code=INSTALLATION,
        )
        if lacks
        else Check(name="packages", verdict="ok", seen=f"{own}; {len(core)} packages as it needs them")
    ]
    for extra in _EXTRAS:
        more = [
            one for one in wanted if one.marker and one not in core and one.marker.evaluate({"extra": extra})
        ]
        checks.append(_check_extra(extra, more, installed))
    return checks


def _check_extra(extra: str, wanted: Sequence[Requirement], installed: Callable[[str], str | None]) -> Check:
    if not wanted:
        return Check(name=f"extra {extra}", verdict="ok", seen="not known to this distribution")
    lacks = _lacking(wanted, installed)
    name, how = f"extra {extra}", f"pip install '{_PACKAGE}[{extra}]'"
    if not lacks:
        return Check(name=name, verdict="ok", seen="installed")
    if all(installed(one.name) is None for one in wanted):
        return Check(name=name, verdict="ok", seen="not installed", advice=f"{how}, if you want it")
    return Check(name=name, verdict="warning", seen=", ".join(lacks), advice=how)


def _lacking(wanted: Sequence[Requirement], installed: Callable[[str], str | None]) -> list[str]:
    """What is missing or of another version than is needed, in words."""
    found = [(one, installed(one.name)) for one in wanted]
    return [
        f"{one.name} {there or 'is missing'} (needs {one.specifier})"
        for one, there in found
        if there is None or not one.specifier.contains(there, prereleases=True)
    ]


def check_credentials() -> Check:
    """Whether key and secret are there, and where they come from; never what they are."""
    from finauth_eval.errors import CredentialsError

    names = ("FINAUTH_API_KEY", "FINAUTH_API_SECRET")
    try:
        from finauth_eval.run.credentials import load_credentials

        seen = ", ".join(f"{name} {_origin(name)}" for name in names)
        load_credentials()
    except ImportError as error:
        return not_installed("credentials", error)
    except CredentialsError as error:
        # the message tells key and secret apart only where one of them holds odd characters
        return Check(
            name="credentials", verdict="problem", seen=seen, advice=str(error), exit_code=CREDENTIALS
        )
    except (OSError, UnicodeDecodeError):
        return Check(
            name="credentials",
            verdict="problem",
            seen="the .env file in this folder can't be read",
            advice="make it a readable UTF-8 text, or remove it",
            exit_code=CREDENTIALS,
        )
    return Check(name="credentials", verdict="ok", seen=seen)


def _origin(name: str) -> str:
    """Where a variable comes from, by the rule that ``load_credentials`` follows: the environment goes first."""
    from dotenv import dotenv_values

    sources: tuple[tuple[str, Mapping[str, str | None]], ...] = (
        ("the environment", os.environ),
        ("the .env file", dotenv_values(".env", encoding="utf-8")),
    )
    for origin, values in sources:
        # pydantic-settings takes names in any case
        value = next((values[spelt] for spelt in values if spelt.upper() == name), None)
        if value is not None:
            return f"is {'present in' if value.strip() else 'blank in'} {origin}"
    return "is missing"


def check_cache(folder: Path) -> list[Check]:
    """Whether a run could use the cache."""
    checks = [_check_folder(folder), _check_file_system(folder)]
    if _nearest(folder) == folder and folder.is_dir():
        checks += [_check_mode(folder), _check_holder(folder), _check_database(folder)]
    return checks


def _check_folder(folder: Path) -> Check:
    there = _nearest(folder)
    if not there.is_dir():
        seen, advice = f"{there} is a file", "name another folder by --cache"
    elif not os.access(there, os.R_OK | os.W_OK | os.X_OK):
        seen, advice = f"{there} can't be written", "give yourself the right to, or name another by --cache"
    elif there == folder:
        return Check(name="cache folder", verdict="ok", seen=f"{folder} is there and can be written")
    else:
        return Check(name="cache folder", verdict="ok", seen=f"{folder} is not there yet; a run makes it")
    return Check(name="cache folder", verdict="problem", seen=seen, advice=advice, exit_code=STORAGE)


def _nearest(folder: Path) -> Path:
    """The folder, or what is there of the way to it."""
    # os.path, because Path.exists raises where a folder on the way may not be looked into
    return next((place for place in (folder, *folder.absolute().parents) if os.path.exists(place)), Path("/"))  # noqa: PTH110


def _check_file_system(folder: Path) -> Check:
    try:
        from finauth_eval.run.store import network_file_system
    except ImportError as error:
        return not_installed("cache file system", error)
    kind = network_file_system(folder)
    if kind is None:
        return Check(name="cache file system", verdict="ok", seen="not a network's")
    return Check(
        name="cache file system",
        verdict="problem",
        seen=f"a network's ({kind}), where locks and SQLite can't be relied on",
        advice="put the cache on a local disk",
        exit_code=STORAGE,
    )


def _check_mode(folder: Path) -> Check:
    mode = stat.S_IMODE(folder.stat().st_mode)
    if not mode & 0o077:
        return Check(name="cache privacy", verdict="ok", seen=f"mode {mode:04o}, its owner's alone")
    return Check(
        name="cache privacy",
        verdict="warning",
        seen=f"mode {mode:04o}: others may look into it",
        advice=f"chmod 700 {folder}",
    )


def _check_holder(folder: Path) -> Check:
    """Whether a run holds the lock; asked for by a shared lock that is given back at once."""
    try:
        import fcntl

        from finauth_eval.run.store import named_holder

        with (folder / "run.lock").open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return Check(name="cache lock", verdict="ok", seen="no run has held it yet")
    except BlockingIOError:
        return Check(
            name="cache lock",
            verdict="warning",
            seen=f"in use by {named_holder(folder / 'holder.json')}",
            advice="another run with this cache has to wait for its end",
        )
    except ImportError as error:
        return not_installed("cache lock", error)
    except OSError as error:
        return Check(
            name="cache lock",
            verdict="problem",
            seen=f"run.lock can't be opened: {error.strerror or error}",
            advice="look at the folder's owner and rights",
            exit_code=STORAGE,
        )
    return Check(name="cache lock", verdict="ok", seen="free")


def _check_database(folder: Path) -> Check:
    file = folder / "cache.db"
    if not file.exists():
        return Check(name="cache database", verdict="ok", seen="no answers yet")
    # immutable leaves no file behind, but does not see a run that writes meanwhile: then it is looked at once more
    written = (folder / "cache.db-wal").exists()
    damage, answers = _damage(file, "mode=ro" if written else "mode=ro&immutable=1")
    if damage and not written:
        damage, answers = _damage(file, "mode=ro")
    if not damage:
        return Check(name="cache database", verdict="ok", seen=f"sound; {answers} answers")
    return Check(
        name="cache database",
        verdict="problem",
        seen=f"damaged: {well_formed(damage)[:300]}",
        advice="keep a copy of the folder and name another by --cache; what it had is paid for again",
        exit_code=STORAGE,
    )


def _damage(file: Path, how: str) -> tuple[str, int]:
    """What SQLite's quick check finds, blank where all is well; and the number of answers."""
    try:
        connection = sqlite3.connect(f"{file.absolute().as_uri()}?{how}", uri=True)
        try:
            # a view in the table's place could make the count go on for ever
            if connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'view'").fetchone():
                return "it holds a view that this tool did not make", 0
            found = [str(line) for (line,) in connection.execute("PRAGMA quick_check(5)")]
            if found != ["ok"]:
                return "; ".join(found), 0
            (answers,) = connection.execute("SELECT count(*) FROM Cache WHERE key LIKE 'answer/%'").fetchone()
        finally:
            connection.close()
    except (sqlite3.Error, UnicodeDecodeError) as error:
        return str(error), 0
    return "", int(answers)


def check_disk(
    folder: Path, *, free: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free
) -> Check:
    """Whether there is room for answers: about a kilobyte each."""
    left = free(_nearest(folder))
    seen = f"{left / (1024 * _MIB):.1f} GiB free" if left >= _LITTLE_SPACE else f"{left / _MIB:.0f} MiB free"
    if left >= _LITTLE_SPACE:
        return Check(name="disk", verdict="ok", seen=seen)
    advice = "free some space on the cache's disk, or name a folder on another by --cache"
    if left >= _NO_SPACE:
        return Check(name="disk", verdict="warning", seen=seen, advice=advice)
    return Check(name="disk", verdict="problem", seen=seen, advice=advice, exit_code=STORAGE)
