"""The demo's manifest: one row an item, with where it comes from and what its bytes hash to."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from importlib.metadata import version as installed_version

from finauth_eval.demo.plan import Item
from finauth_eval.demo.sources import PACKAGES

__all__ = ["COLUMNS", "manifest_row", "write_manifest"]

COLUMNS = (
    "id",
    "path",
    "label",
    "attack_type",
    "subject",
    "donor",
    "media_type",
    "split",
    "source",
    "source_version",
    "licence",
    "sha256",
)


def manifest_row(item: Item, sha256: str) -> dict[str, str]:
    """Return an item's row: text by column; what does not apply is empty."""
    is_attack = item.kind != "bona_fide"
    packages = [item.subject.package, *([item.donor.package] if item.donor else [])]
    return {
        "id": item.id,
        "path": item.path,
        "label": "attack" if is_attack else "bona_fide",
        "attack_type": item.kind if is_attack else "",
        "subject": item.subject.id,
        "donor": item.donor.id if item.donor else "",
        "media_type": item.media_type,
        "split": "test",  # the detector has not been trained on any of them
        "source": " + ".join(packages),
        "source_version": " + ".join(_version_of(name) for name in packages),
        "licence": " + ".join(dict.fromkeys(PACKAGES[name].licence for name in packages)),
        "sha256": sha256,
    }


def _version_of(name: str) -> str:
    package = PACKAGES[name]
    return installed_version(name) if package.archive is None else package.version


def write_manifest(rows: Iterable[dict[str, str]]) -> str:
    """Return the manifest as CSV.

    Example:
        >>> write_manifest([])[:8]
        'id,path,'
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
