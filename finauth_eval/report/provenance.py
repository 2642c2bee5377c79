"""Where the numbers come from: what an auditor asks for."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import finauth_eval
from finauth_eval.phrases import counted, phrase, say, translated
from finauth_eval.report.tables import Cell, Table, columns, row
from finauth_eval.shown.text import name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from finauth_eval.evaluation import Evaluation
    from finauth_eval.scores import Provenance

__all__ = ["is_sandbox", "method_words", "provenance_table", "run_table"]

_METHODS: Final = {
    "clopper-pearson": phrase("Clopper-Pearson: exact for a share of independent samples"),
    "wilson": phrase("Wilson: for a share of independent samples"),
    "delong": phrase("DeLong: from the placements of every score among those of the other class"),
    "delong-logit": phrase("DeLong on the logit scale: never above 1"),
    "exact-pairs": phrase(
        "Exact, from disjoint pairs of samples: for classes that do not overlap, where DeLong has no variance"
    ),
    "delong-clustered-logit-t": phrase(
        "Obuchowski's clustered DeLong on the logit scale: allows for samples that belong together"
    ),
    "exact-pairs-clusters": phrase(
        "Exact, from disjoint pairs of subjects or other clusters: for classes that do not overlap"
    ),
    "korn-graubard": phrase(
        "Korn-Graubard: Clopper-Pearson at the effective sample size, for samples that belong together"
    ),
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
        (say("Scores read from"), found.source),
        (say("Digest of labels, scores and attack types"), found.digest),
        (say("Dataset"), found.dataset_name),
        (say("Digest of the dataset"), found.dataset_digest),
        (say("Detector's address"), found.endpoint),
        (say("Region"), found.region),
        (say("Campaign"), found.campaign),
        (say("Command"), command),
        (say("Evaluated with"), f"finauth-eval {finauth_eval.__version__}"),
        (
            say("Packages of the run"),
            ", ".join(f"{key} {value}" for key, value in sorted(found.package_versions.items())),
        ),
    ]
    rows = [row(words, Cell(text=name(str(value)))) for words, value in entries if value]
    return Table(
        caption=say("Provenance"),
        columns=columns(say("Item"), say("Value"), texts=(say("Value"),)),
        rows=tuple(rows),
    )


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
        caption=say("The run's own summary (run.json)"),
        columns=columns(say("Entry"), say("Value"), texts=(say("Value"),)),
        rows=tuple(rows),
        note=counted("{n} more entry is in the file.", "{n} more entries are in the file.", left)
        if left > 0
        else None,
    )


def _flat(prefix: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(f"{prefix}.{key}" if prefix else str(key), inner)
    elif isinstance(value, list):
        yield prefix, ", ".join(str(inner) for inner in value) or say("none")
    elif value is not None:
        yield prefix, str(value)


def method_words(evaluation: Evaluation) -> tuple[str, ...]:
    """The interval methods that the page's estimates name, each in words, without repetition."""
    points = evaluation.operating_points
    estimates = [evaluation.auc, *(point.apcer for point in points), *(point.bpcer for point in points)]
    used = dict.fromkeys(estimate.method for estimate in estimates if estimate.defined)
    return tuple(translated(_METHODS.get(method, method)) for method in used)
