"""Accepted baselines: which run later ones are held against, who said so, when and why."""

from __future__ import annotations

import getpass
import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from finauth_eval.errors import InputError
from finauth_eval.places import Place, Remote, appearing, beside, place, relative
from finauth_eval.scores import ScoreTable, read_scores
from finauth_eval.wellformed import well_formed

__all__ = ["Acceptance", "accept_baseline", "read_acceptances", "read_baseline"]

SCHEMA: Final = "finauth-eval/baseline/1"
FILE: Final = "baseline.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """One run that was accepted as the baseline.

    Attributes:
        run: Its folder, relative to the file.
        scores_digest: The digest of its labels and scores, so that another run can't take its place unnoticed.
        dataset_digest: The digest of the dataset that it scored, where it says so.
        endpoint: What answered, where it says so.
        accepted_at: When, in UTC, ISO 8601.
        accepted_by: Who.
        reason: Why.
    """

    run: str
    scores_digest: str
    dataset_digest: str | None
    endpoint: str | None
    accepted_at: str
    accepted_by: str
    reason: str


def accept_baseline(
    run: Path | str | Remote,
    *,
    reason: str,
    who: str | None = None,
    file: Path | str | Remote | None = None,
    now: datetime | None = None,
) -> Place:
    """Record that a run is the baseline from now on; the acceptances before it stay in the file.

    Args:
        run: The run folder, a path or a URL such as ``s3://bucket/runs/q3``.
        reason: Why, for whoever asks next year.
        who: Who accepts it; ``None`` is the name of the account.
        file: The file to write; ``None`` is ``baseline.json`` beside the run folder. It is small and made to be
            committed. It lies in the same store as the run.
        now: When; ``None`` is now.

    Returns:
        The file.

    Raises:
        InputError: There is no such run, no sample of it has a score, the reason is blank, or the file can't be
            written.
    """
    folder = place(run)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such run folder")
    if not reason.strip():
        raise InputError("the reason is blank; say why this run is the baseline")
    scores = read_scores(folder)
    if not scores.scored.any():
        raise InputError(f"{folder}: no sample has a score; such a run can't be a baseline")
    target = place(file) if file is not None else folder.resolve().parent / FILE
    name = relative(folder, target.resolve().parent)  # as the file system has it
    if name is None:
        raise InputError(
            f"{target}: expected a file in the store of the run, {folder}, which it names relative to itself"
        )
    entry = Acceptance(
        run=name,
        scores_digest=scores.provenance.digest,
        dataset_digest=scores.provenance.dataset_digest,
        endpoint=scores.provenance.run.get("endpoint_name") or scores.provenance.endpoint,
        accepted_at=(now or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="seconds"),
        accepted_by=well_formed(who or _account()),
        reason=well_formed(reason.strip()),
    )
    earlier = read_acceptances(target) if target.is_file() else ()
    content = {"schema": SCHEMA, "accepted": [asdict(own) for own in (*earlier, entry)]}
    text = json.dumps(content, indent=1, ensure_ascii=not _writable(entry.run))
    try:
        with appearing(target) as scratch:
            scratch.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"{target}: can't be written ({error.strerror or error})") from error
    return target


def read_acceptances(file: Path | str | Remote) -> tuple[Acceptance, ...]:
    """Every acceptance of a baseline file, the last one being in force.

    Args:
        file: The file.

    Raises:
        InputError: It can't be read, or is not what it should be.
    """
    path = place(file)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror or error})") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not readable as JSON ({error})") from error
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        seen = content.get("schema") if isinstance(content, dict) else type(content).__name__
        raise InputError(f"{path}: schema is {seen!r}; expected {SCHEMA!r}")
    entries = content.get("accepted")
    if not isinstance(entries, list) or not entries:
        raise InputError(f"{path}: nothing is accepted in it; expected a list 'accepted'")
    return tuple(_acceptance(path, number, entry) for number, entry in enumerate(entries, start=1))


def _acceptance(path: Place, number: int, entry: Any) -> Acceptance:
    known = Acceptance.__dataclass_fields__
    may_lack = ("dataset_digest", "endpoint")
    if not isinstance(entry, dict) or {*entry} - {*known} or {*known} - {*entry, *may_lack}:
        raise InputError(f"{path}: acceptance {number} is not an object with {', '.join(known)}")
    for key, value in entry.items():
        if not (isinstance(value, str) or (value is None and key in may_lack)):
            raise InputError(f"{path}: acceptance {number}: {key} is {str(value)[:60]!r}; expected a text")
    return Acceptance(**{**dict.fromkeys(may_lack), **entry})


def read_baseline(path: Path | str | Remote, **reading: Any) -> ScoreTable:
    """The baseline's scores: of a run folder or table itself, or of the run that a baseline file names last.

    Args:
        path: Run folder, CSV or Parquet file, or the file that `accept_baseline` wrote.
        reading: The reading options of `finauth_eval.read_scores`.

    Raises:
        InputError: It can't be read, or the run's scores are not those that were accepted.
    """
    path = place(path)
    if path.suffix.lower() != ".json":
        return read_scores(path, **reading)
    accepted = read_acceptances(path)[-1]
    scores = read_scores(beside(path.parent, accepted.run), **reading)
    if scores.provenance.digest != accepted.scores_digest:
        raise InputError(
            f"{path}: the scores of {accepted.run} are not those that were accepted on {accepted.accepted_at} by"
            f" {accepted.accepted_by}; accept the run again, with a reason, or restore it"
        )
    return scores


def _writable(path: str) -> bool:
    """Whether a path is valid Unicode; one that is not is written with escapes, and read back as it is."""
    return well_formed(path) == path


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as in a container
        return f"uid {os.getuid()}"
