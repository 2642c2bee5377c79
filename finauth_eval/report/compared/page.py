"""A comparison becomes one HTML page: is B worse than A, how surely, and on which samples."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from finauth_eval.phrases import phrase, say, speaking, translated
from finauth_eval.report import provenance
from finauth_eval.report.compared import decisions, service, shift
from finauth_eval.report.compared.curves import curves_of
from finauth_eval.report.compared.differences import difference_table, margin_table
from finauth_eval.report.compared.gate_rules import gate_view
from finauth_eval.report.compared.keeping import Keeping
from finauth_eval.report.compared.origins import comparison_methods, origins_table
from finauth_eval.report.compared.outcome import outcome_of, pairing_table, side_words
from finauth_eval.report.compared.parts import parts_of
from finauth_eval.report.explorer import explorer_of_two
from finauth_eval.report.rendering import lay_out, render, write_page
from finauth_eval.shown import numbers
from finauth_eval.shown.text import data_block

if TYPE_CHECKING:
    from pathlib import Path

    from finauth_eval.comparing.outcome import Comparison
    from finauth_eval.gate import Verdict
    from finauth_eval.phrases import Language
    from finauth_eval.places import Place, Remote
    from finauth_eval.report.explorer import explorer_of_two
from finauth_eval.report.rendering import Layout

__all__ = ["render_comparison", "write_comparison"]

_TEMPLATE: Final = "comparison.html.j2"
_SCRIPTS: Final = ("table.js", "explorer.js")


def render_comparison(
    comparison: Comparison,
    verdict: Verdict | None = None,
    *,
    title: str | None = None,
    lang: Language = "en",
) -> str:
    """The comparison as one self-contained HTML page: no request leaves it; the same input gives the same bytes.

    Everything is there without scripts; the page's script sorts and filters the flips and moves the threshold.

    Args:
        comparison: What ``compare`` found.
        verdict: What a gate says to it, if one was asked; then its rules are shown with their reasons.
        title: The page's heading; by default the dataset's name.
        lang: The page's language: ``"en"`` or ``"id"`` (Indonesian). Numbers are written alike in all of them.

    Raises:
        ValueError: There is no such language.
    """
    with speaking(lang):
        return render(_TEMPLATE, scripts=_SCRIPTS, **_context(comparison, verdict, title))


def write_comparison(
    comparison: Comparison,
    *,
    path: Path | str | Remote,
    verdict: Verdict | None = None,
    title: str | None = None,
    layout: Layout = "file",
    lang: Language = "en",
) -> Place:
    """Write the page of ``render_comparison``; each file appears whole or not at all.

    Args:
        comparison: What ``compare`` found.
        path: Where to; missing folders are made, an older page is replaced.
        verdict: As for ``render_comparison``.
        title: As for ``render_comparison``.
        layout: ``"file"`` for one file that opens anywhere; ``"dir"`` for a page with its style and script in files
            beside it, for web servers whose policy forbids what is written into a page.
        lang: As for ``render_comparison``.

    Returns:
        The path.

    Raises:
        ValueError: As ``render_comparison``.
    """
    with speaking(lang):
        context = _context(comparison, verdict, title)
        page = lay_out(_TEMPLATE, path=path, layout=layout, scripts=_SCRIPTS, **context)
    return write_page(page, path)


def _context(found: Comparison, verdict: Verdict | None, title: str | None) -> dict[str, Any]:
    return {
        "title": title or _title(found),
        "sandbox": any(provenance.is_sandbox(own.provenance) for own in (found.a, found.b)),
        "confidence": numbers.confidence_words(found.confidence),
        "notes": (*found.comparability, *found.warnings),
        "verdict": outcome_of(found),
        "sides": [
            ("A", phrase("the reference"), side_words(found.a)),
            ("B", phrase("compared with it"), side_words(found.b)),
        ],
        "paired": found.paired,
        "pairing": pairing_table(found),
        "differences": difference_table(found),
        "margin": margin_table(found),
        "parts": parts_of(found),
        "matrices": decisions.flip_matrices(found),
        "flips": decisions.flip_table(found),
        "shift_figures": shift.shift_figures(found),
        "shift": shift.shift_table(found),
        "quantiles": shift.quantile_tables(found),
        "psi": shift.psi_tables(found),
        "moves": shift.moves_table(found),
        "explorer": explorer_of_two(found),
        "explorer_figures": curves_of(found),
        "policy_link": "",
        "keeping": Keeping(found),
        "gate": None if verdict is None else gate_view(verdict),
        "no_response": service.no_response_table(found),
        "latency": service.latency_table(found),
        "noise": service.noise_table(found),
        "methods": comparison_methods(found),
        "origins": origins_table(found),
        "run_tables": [
            (letter, replace(table, caption=f"{letter}: {translated(table.caption)}"))
            for letter, own in (("A", found.a), ("B", found.b))
            if (table := provenance.run_table(own.provenance)) is not None
        ],
        "data": data_block(_data(found, verdict)),
    }


def _title(found: Comparison) -> str:
    names = [own.provenance.dataset_name for own in (found.a, found.b)]
    if names[0] and names[0] == names[1]:
        return say("Two runs on {dataset}", dataset=names[0])
    return say("Two runs compared")


def _data(found: Comparison, verdict: Verdict | None) -> dict[str, Any]:
    """The result for machines, with as many flips as the page lists: ten thousand of them would be a megabyte."""
    whole = found.to_dict()
    whole["flips_in_all"] = len(found.flips)
    whole["flips"] = whole["flips"][: decisions.MOST_FLIPS]
    judged = None
    if verdict is not None:
        judged = {**verdict.to_dict(), "flips": []}
    return {"comparison": whole, "verdict": judged}
