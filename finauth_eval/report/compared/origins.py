"""Where both runs come from, and the methods behind the comparison's numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import finauth_eval
from finauth_eval.phrases import phrase, say
from finauth_eval.report.tables import Cell, Table, columns, row
from finauth_eval.shown import numbers
from finauth_eval.shown.text import name

if TYPE_CHECKING:
    from finauth_eval.comparing.outcome import Comparison
    from finauth_eval.scores import Provenance

__all__ = ["comparison_methods", "origins_table"]

_METHODS: Final = {
    "tango": phrase("Tango's interval for the difference of two rates of the same samples"),
    "tango-clusters": phrase("Tango's interval with a variance over subjects or other clusters, for samples that belong together"),
    "mcnemar-mid-p": phrase("McNemar's test of the samples that flipped, mid-p"),
    "sign-flip-mid-p": phrase("An exact test that exchanges the two runs' answers of whole subjects or clusters, mid-p"),
    "miettinen-nurminen": phrase("The score test and interval of Miettinen and Nurminen, for independent samples"),
    "delong-paired": phrase("DeLong's interval and test for the difference of two areas over the same samples"),
    "delong-paired-clustered-t": phrase("Obuchowski's interval and test for the difference of two areas, allowing for samples that belong together"),
    "delong-unpaired": phrase("DeLong's variances of two independent areas, added"),
    "delong-unpaired-clustered-t": phrase("Obuchowski's variances of two independent areas, added, and Welch's t test"),
    "exact-pairs": phrase("Exact, from disjoint pairs of samples: where the areas have no variance"),
    "bootstrap-percentile": phrase("Percentiles of a bootstrap that chooses both thresholds anew in each replicate"),
}  # fmt: skip


def comparison_methods(found: Comparison) -> tuple[str, ...]:
    """The methods that this comparison used, in words, without repetition."""
    changes = [found.alerts.change]
    if found.at_threshold is not None:
        changes = [found.at_threshold.bona_fide.change, found.at_threshold.attack.change]
    if found.auc is not None:
        changes.append(found.auc)
    used = [
        own
        for change in changes
        if change.difference.defined
        for own in (change.difference.method, change.test)
    ]
    used += [
        own.worst_type.method
        for own in found.bpcer_at_apcer.values()
        if own.worst_type.defined and own.worst_type.method != "none"
    ]
    return tuple(_METHODS.get(own, own) for own in dict.fromkeys(used))


def origins_table(found: Comparison) -> Table:
    """Data, detector and program of A and of B."""
    one, other = (_entries(own.provenance) for own in (found.a, found.b))
    rows = [
        row(words, Cell(text=_shown(one[words])), Cell(text=_shown(other[words])))
        for words in one
        if one[words] or other[words]
    ]
    here = f"finauth-eval {finauth_eval.__version__}"
    rows.append(row(phrase("Compared with"), Cell(text=here), Cell(text=here)))
    reference = say("A, the reference")
    return Table(
        caption=say("Provenance of both runs"),
        columns=columns(say("Item"), reference, "B", texts=(reference, "B")),
        rows=tuple(rows),
    )


def _shown(value: str) -> str:
    return name(value) if value else numbers.NOT_KNOWN


def _entries(found: Provenance) -> dict[str, str]:
    run = found.run
    versions = ", ".join(f"{key} {value}" for key, value in sorted(found.package_versions.items()))
    return {
        phrase("Scores read from"): found.source,
        phrase("Digest of labels, scores and attack types"): found.digest,
        phrase("Dataset"): found.dataset_name or "",
        phrase("Digest of the dataset"): found.dataset_digest or "",
        phrase("Detector's address"): found.endpoint or "",
        phrase("Detector's name"): str(run.get("endpoint_name") or ""),
        phrase("Region"): found.region or "",
        phrase("Campaign"): found.campaign or "",
        phrase("Started"): str(run.get("started_at") or ""),
        phrase("Ended"): str(run.get("ended_at") or run.get("finished_at") or ""),
        phrase("Packages of the run"): versions,
    }
