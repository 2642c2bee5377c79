"""Where the numbers come from: what an auditor asks for."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import finauth_eval
from finauth_eval.report.tables import Cell, Table, columns, row
from finauth_eval.shown.text import name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from finauth_eval.evaluation import Evaluation
    from finauth_eval.scores import Provenance

__all__ = ["is_sandbox", "method_words", "provenance_table", "run_table"]

_METHODS: Final = {
    "clopper-pearson": "Clopper-Pearson: exact for a share of independent samples",
    "wilson": "Wilson: for a share of independent samples",
    "delong": "DeLong: from the placements of every score among those of the other class",
    "delong-logit": "DeLong on the logit scale: never above 1",
    "exact-pairs": "Exact, from disjoint pairs of samples: for classes that do not overlap, where DeLong has no variance",
    "delong-clustered-logit-t": "Obuchowski's clustered DeLong on the logit scale: allows for samples that belong together",
    "exact-pairs-clusters": "Exact, from disjoint pairs of subjects or other clusters: for classes that do not overlap",
    "korn-graubard": "Korn-Graubard: Clopper-Pearson at the effective sample size, for samples that belong together",
}
_MOST_ENTRIES: Final = 60
_LONGEST_VALUE: Final = 200


def is_sandbox(provenance: Provenance) -> bool:
    """Whether the scores come from the sandbox's reference detector: the run says so, or this machine answered."""
    if provenance.run.get("sandbox"):
        return True
    return provenance.endpoint is not None and _is_loopback(provenance.endpoint)


def _is_loopback(endpoint: str) -> bool:
    try:
        host = urlsplit(endpoint if "//" in endpoint else f"//{endpoint}").hostname or ""
    except ValueError:  # brackets without an address between them
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return host == "localhost" or host.endswith(".localhost")


def provenance_table(evaluation: Evaluation, *, command: str | None = None) -> Table:
    """Data, detector and program."""
    found = evaluation.provenance
    entries = [
        ("Scores read from", found.source),
        ("Digest of labels, scores and attack types", found.digest),
        ("Dataset", found.dataset_name),
        ("Digest of the dataset", found.dataset_digest),
        ("Detector's address", found.endpoint),
        ("Region", found.region),
        ("Campaign", found.campaign),
        ("Command", command),
        ("Evaluated with", f"finauth-eval {finauth_eval.__version__}"),
        (
            "Packages of the run",
            ", ".join(f"{key} {value}" for key, value in sorted(found.package_versions.items())),
        ),
    ]
    rows = [row(words, Cell(text=name(str(value)))) for words, value in entries if value]
    return Table(caption="Provenance", columns=columns("Item", "Value", texts=("Value",)), rows=tuple(rows))


def run_table(provenance: Provenance) -> Table | None:
    """What run.json says besides, as it stands there; ``None`` without one."""
    entries = list(_flat("", provenance.run))
    if not entries:
        return None
    rows = [
        row(Cell(text=name(key, _LONGEST_VALUE)), Cell(text=name(value, _LONGEST_VALUE)))
        for key, value in entries[:_MOST_ENTRIES]
    ]
    left = len(entries) - _MOST_ENTRIES
    return Table(
        caption="The run's own summary (run.json)",
        columns=columns("Entry", "Value", texts=("Value",)),
        rows=tuple(rows),
        note=f"{left} more entries are in the file." if left > 0 else None,
    )


def _flat(prefix: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(f"{prefix}.{key}" if prefix else str(key), inner)
    elif isinstance(value, list):
        yield prefix, ", ".join(str(inner) for inner in value) or "none"
    elif value is not None:
        yield prefix, str(value)


def method_words(evaluation: Evaluation) -> tuple[str, ...]:
    """The interval methods that the page's estimates name, each in words, without repetition."""
    points = evaluation.operating_points
    estimates = [evaluation.auc, *(point.apcer for point in points), *(point.bpcer for point in points)]
    used = dict.fromkeys(estimate.method for estimate in estimates if estimate.defined)
    return tuple(_METHODS.get(method, method) for method in used)
