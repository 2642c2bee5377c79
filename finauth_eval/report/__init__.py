"""Results become HTML pages: no network, whole without scripts, the same bytes from the same input.

``page`` puts a single run's report together; each section has its module (``verdict``, ``coverage``, ``recommended``,
the charts, ``breakdown``, ``mistakes``, ``quality``, ``provenance``, ``downloads``), which makes values of ``tables``
and ``figures`` that the templates only lay out; ``charts`` draws, ``explorer`` is the section that moves, ``exploring``
puts that one into a notebook. ``compared`` does the same for two runs, and ``history_page`` for the runs of a folder.
Nothing is computed in a template.
"""

from __future__ import annotations

from finauth_eval.report.compared.page import render_comparison, write_comparison
from finauth_eval.report.exploring import explore
from finauth_eval.report.history_page import render_history, write_history
from finauth_eval.report.page import render_report, write_report

__all__ = [
    "explore", "render_comparison", "render_history", "render_report", "write_comparison", "write_history",
    "write_report",
]  # fmt: skip
