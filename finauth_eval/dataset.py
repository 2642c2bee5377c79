"""A labelled dataset of face images and short videos, and what is wrong with it.

Every file is opened once: hashed, measured and looked at. What can't be sent stays in the dataset with its reason,
so that it ends as a row of the score table like everything else. What would make the numbers a lie (one content
under two labels, one person in two splits) refuses the dataset.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain, islice, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from finauth_eval.cluster import connected
from finauth_eval.errors import DatasetError
from finauth_eval.labels import ACCEPTED, Label, parse_label
from finauth_eval.manifest import Row, read_rows
from finauth_eval.media import (
    MediaFile,
    MediaType,
    NotSent,
    forget_folders,
    inspect_files,
    media_type_of_name,
)
from finauth_eval.places import Place, Remote, place
from finauth_eval.wellformed import well_formed

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["Dataset", "DatasetCheck", "Finding", "Sample", "check_dataset", "load_dataset"]

_FILES_A_TASK: Final = 32
_RECOMMENDED_SIDE: Final = 1280  # 720P at most is recommended: 1280 x 720


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One labelled file.

    Attributes:
        id: Unique within its dataset; the relative path where the manifest gives none.
        path: The file.
        label: ``"bona_fide"`` or ``"attack"``.
        media_type: ``"image"`` or ``"video"``, by the file's first bytes, else as declared, else by its extension.
        sha256: Hex digest of its bytes, ``None`` where it can't be sent.
        size: Bytes, ``None`` where unknown.
        problem: Why it can't be sent, or ``None``.
        subject: The person shown, where known.
        attack_type: The kind of attack, where known; ``None`` for bona fide.
        split: ``"calibration"``, ``"test"`` or whatever the manifest says.
        attributes: Every other column of the manifest.
    """

    id: str
    path: Place
    label: Label
    media_type: MediaType
    sha256: str | None = None
    size: int | None = None
    problem: NotSent | None = None
    subject: str | None = None
    attack_type: str | None = None
    split: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something about a dataset that its owner should know.

    Attributes:
        kind: A short name, such as ``"label_conflict"``.
        severity: ``"error"`` or ``"warning"``.
        blocks: Whether a run is refused; a missing file is an error that does not stop the others.
        message: The place, what was seen and what is expected.
        samples: Ids of the samples concerned, at most 20.
    """

    kind: str
    severity: Literal["error", "warning"]
    blocks: bool
    message: str
    samples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A dataset that may be run.

    Attributes:
        name: The manifest's name without its ending; of a folder, or of a file called manifest, the folder's name.
        root: The folder that every path stays in.
        samples: In the manifest's order.
        digest: sha256 over contents, labels, attack types, subjects and splits, whatever the order and the names.
        findings: What is worth knowing; none of them blocks.
    """

    name: str
    root: Place
    samples: tuple[Sample, ...]
    digest: str
    findings: tuple[Finding, ...] = ()

    def __len__(self) -> int:
        return len(self.samples)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetCheck:
    """A dataset as far as it can be read, and everything that was found."""

    dataset: Dataset
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that are errors."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "schema": "finauth-eval/dataset-check/1",
            "name": self.dataset.name,
            "samples": len(self.dataset),
            "digest": self.dataset.digest,
            "findings": [
                {
                    "kind": finding.kind,
                    "severity": finding.severity,
                    "blocks": finding.blocks,
                    "message": finding.message,
                    "samples": list(finding.samples),
                }
                for finding in self.findings
            ],
        }


def load_dataset(
    source: Path | str | Remote,
    *,
    dask: str | Client | None = None,
    progress: Callable[[int], None] | None = None,
) -> Dataset:
    """Load a dataset from a folder, or from a CSV, JSONL or Parquet manifest.

    Args:
        source: A path, or a URL such as ``s3://bucket/faces/manifest.csv``: a folder with a sub-folder a label (below ``attack/`` a sub-folder a type), or a manifest with
            ``path`` and ``label`` and optional ``id, attack_type, subject, split, media_type, sha256``; every other
            column is an attribute.
        dask: Look at the files on the workers of a Dask cluster, which must see them at the same place: a scheduler's
            address, a client, or ``"local"``. Needs the extra ``dask``.
        progress: Called with the number of files looked at since the last call.

    Raises:
        DatasetError: The manifest can't be read, or something in it makes every number doubtful; the message names
            file, row, what was seen and what is expected.
    """
    check = check_dataset(source, dask=dask, progress=progress)
    blocking = [finding.message for finding in check.findings if finding.blocks]
    if blocking:
        more = (
            f"\n(and {len(blocking) - 5} more; 'finauth-eval dataset check' lists all)"
            if len(blocking) > 5
            else ""
        )
        raise DatasetError("\n".join(blocking[:5]) + more)
    if not check.dataset.samples:
        raise DatasetError(f"{source}: there are no samples that could be evaluated")
    return check.dataset


def check_dataset(
    source: Path | str | Remote,
    *,
    dask: str | Client | None = None,
    progress: Callable[[int], None] | None = None,
) -> DatasetCheck:
    """Look at every row and every file of a dataset and list all that was found; arguments as `load_dataset`'s.

    Raises:
        DatasetError: The manifest itself can't be read.
    """
    source = place(source)
    root = source if source.is_dir() else source.parent
    findings: list[Finding] = list(_stray_files(source)) if source.is_dir() else []
    samples: list[Sample] = []
    seen: dict[str, str] = {}
    for row, sample, file in _inspected(source, root, progress, dask):
        where = f"{source}: {row.where}"
        findings.extend(_row_findings(where, row, file))
        if sample is None:
            continue
        if sample.id in seen:
            message = (
                f"{where}: the id {sample.id!r} is taken by {seen[sample.id]} already; ids must be unique"
            )
            findings.append(_finding("duplicate_id", message, blocks=True, samples=[sample.id]))
            continue
        seen[sample.id] = row.where
        samples.append(sample)
    findings.extend(_content_findings(source, samples))
    findings.extend(_leakage_findings(source, samples))
    if not samples and not findings:
        message = f"{source}: there are no samples; expected a manifest with rows or a folder with files"
        findings.append(_finding("no_samples", message, blocks=True))
    name = root.resolve().name if source.is_dir() or source.stem == "manifest" else source.stem
    kept = tuple(finding for finding in findings if not finding.blocks)
    dataset = Dataset(name=name, root=root, samples=tuple(samples), digest=_digest(samples), findings=kept)
    return DatasetCheck(dataset=dataset, findings=tuple(findings))


def _inspected(
    source: Place, root: Place, progress: Callable[[int], None] | None, dask: str | Client | None
) -> Iterator[tuple[Row, Sample | None, MediaFile]]:
    """Rows with what is behind their paths; files are hashed on threads or workers, a bounded number at a time."""
    forget_folders()
    rows = read_rows(source)
    # a task for some files: one for each would cost more than a small file does
    parts = iter(lambda: list(islice(rows, _FILES_A_TASK)), [])
    with ExitStack() as stack:
        hand_out, at_once = _inspectors(root, dask, stack)
        under_way: deque[tuple[list[Row], _Promise]] = deque()
        for part in chain(parts, repeat(None)):
            if part is not None:
                under_way.append((part, hand_out([(root / row.path, _declared(row)) for row in part])))
                if len(under_way) < at_once:
                    continue
            if not under_way:
                return
            done, promise = under_way.popleft()
            for row, file in zip(done, promise.result(), strict=True):
                yield row, _sample(row, root, file), file
            if progress is not None:
                progress(len(done))


def _inspectors(
    root: Place, dask: str | Client | None, stack: ExitStack
) -> tuple[Callable[[Sequence[tuple[Place, MediaType | None]]], _Promise], int]:
    """Who looks at files, and how many tasks may be under way."""
    if dask is None:
        n = min(8, os.cpu_count() or 1)
        threads = stack.enter_context(ThreadPoolExecutor(max_workers=n))
        return lambda files: threads.submit(inspect_files, files, root=root), 4 * n
    client = stack.enter_context(connected(dask))
    n = sum(client.nthreads().values())
    return lambda files: client.submit(inspect_files, files, root=root, pure=False), max(32, 8 * n)


class _Promise(Protocol):
    def result(self) -> list[MediaFile]: ...


def _declared(row: Row) -> MediaType | None:
    word = row.media_type.lower()
    return "image" if word == "image" else "video" if word == "video" else None


def _sample(row: Row, root: Place, file: MediaFile) -> Sample | None:
    label = parse_label(row.label)
    if label is None or not row.path:
        return None
    path = root / row.path
    return Sample(
        id=well_formed(row.id or row.path),
        path=path,
        label=label,
        media_type=file.media_type or _declared(row) or media_type_of_name(path),
        sha256=file.sha256,
        size=file.size,
        problem=file.problem,
        subject=row.subject or None,
        attack_type=(row.attack_type or None) if label == "attack" else None,
        split=row.split or None,
        attributes=row.attributes,
    )


def _finding(
    kind: str,
    message: str,
    *,
    severity: Literal["error", "warning"] = "error",
    blocks: bool = False,
    samples: Iterable[str] = (),
) -> Finding:
    return Finding(
        kind=kind, severity=severity, blocks=blocks, message=message, samples=tuple(islice(samples, 20))
    )


def _row_findings(place: str, row: Row, file: MediaFile) -> Iterator[Finding]:
    name = well_formed(row.id or row.path)
    if parse_label(row.label) is None:
        seen = repr(row.label) if row.label else "blank"
        message = f"{place}: label is {seen}; expected one of {ACCEPTED}"
        yield _finding("unknown_label", message, blocks=True, samples=[name])
    if not row.path:
        yield _finding("missing", f"{place}: path is blank; expected a file", blocks=True, samples=[name])
        return
    if row.media_type and _declared(row) is None:
        message = f"{place}: media_type is {row.media_type!r}; expected image or video"
        yield _finding("unknown_media_type", message, blocks=True, samples=[name])
    shown = well_formed(row.path)
    if file.problem is not None:
        message = f"{place}: {shown}: {file.problem}: {file.detail}; it will not be sent"
        yield _finding(file.problem, message, samples=[name])
        return
    yield from _file_findings(f"{place}: {shown}", row, file, name)


def _file_findings(place: str, row: Row, file: MediaFile, name: str) -> Iterator[Finding]:
    if row.sha256 and row.sha256.lower() != file.sha256:
        message = f"{place}: its sha256 is {file.sha256}; the manifest says {row.sha256}"
        yield _finding("checksum", message, blocks=True, samples=[name])
    claimed = _declared(row) or media_type_of_name(Path(row.path))
    if not file.accepted:
        message = f"{place}: {file.detail}; the API will probably refuse it"
        yield _finding("magic_bytes", message, severity="warning", samples=[name])
    elif file.media_type != claimed:
        message = (
            f"{place}: taken for a {claimed} by name or manifest, but its bytes are a {file.media_type}'s"
        )
        yield _finding("magic_bytes", message, severity="warning", samples=[name])
    if file.pixels is not None and max(file.pixels) > _RECOMMENDED_SIDE:
        message = f"{place}: {file.pixels[0]} x {file.pixels[1]} px; FinAuth recommends 720P at most"
        yield _finding("large_picture", message, severity="warning", samples=[name])


def _content_findings(source: Place, samples: Iterable[Sample]) -> Iterator[Finding]:
    by_content: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        if sample.sha256 is not None:
            by_content[sample.sha256].append(sample)
    for group in by_content.values():
        if len(group) == 1:
            continue
        names = [sample.id for sample in group]
        same = f"{source}: the same bytes stand at {_listed(names)}"
        if len({sample.label for sample in group}) > 1:
            labels = " and ".join(sorted({sample.label for sample in group}))
            message = f"{same}, labelled {labels}; one of the labels is wrong"
            yield _finding("label_conflict", message, blocks=True, samples=names)
        elif len({sample.attack_type for sample in group}) > 1:
            message = f"{same}, under different attack types"
            yield _finding("attack_type_conflict", message, severity="warning", samples=names)
        else:
            message = f"{same}; they are sent once and count as {len(group)} samples"
            yield _finding("duplicate_content", message, severity="warning", samples=names)
        splits = {sample.split for sample in group if sample.split}
        if len(splits) > 1:
            message = (
                f"{same}, in the splits {_listed(sorted(splits))}: what one split learns the other knows"
            )
            yield _finding("content_leakage", message, blocks=True, samples=names)


def _leakage_findings(source: Place, samples: Iterable[Sample]) -> Iterator[Finding]:
    splits: dict[str, dict[str, str]] = defaultdict(dict)
    for sample in samples:
        if sample.subject and sample.split:
            splits[sample.subject].setdefault(sample.split, sample.id)
    for subject, where in splits.items():
        if len(where) > 1:
            message = (
                f"{source}: the subject {subject!r} is in the splits {_listed(sorted(where))}"
                f" (for example {_listed(list(where.values()))}); put each subject in one split"
            )
            yield _finding("subject_leakage", message, blocks=True, samples=where.values())


def _stray_files(root: Place) -> Iterator[Finding]:
    if isinstance(root, Remote):
        names = [name for name in root.names_below() if "/" not in name and name and not name.startswith(".")]
    else:
        names = [e.name for e in root.iterdir() if not e.name.startswith(".") and not e.is_dir()]
    if names:
        shown = _listed(sorted(map(well_formed, names)))
        message = f"{root}: not in a label's folder and left out: {shown}"
        yield _finding("not_in_a_label_folder", message, severity="warning")


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _digest(samples: Iterable[Sample]) -> str:
    lines = sorted(
        json.dumps([s.sha256 or s.problem, s.label, s.attack_type, s.subject, s.split, s.media_type])
        for s in samples
    )
    return hashlib.sha256("\n".join(["finauth-eval/dataset/1", *lines]).encode()).hexdigest()
