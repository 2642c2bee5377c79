"""Results become one HTML page: no network, whole without scripts, the same bytes from the same input.

``page`` puts it together; each section has its module (``verdict``, ``coverage``, ``recommended``, the charts,
``breakdown``, ``mistakes``, ``quality``, ``provenance``, ``downloads``), which makes values of ``tables`` and
``figures`` that the templates only lay out; ``charts`` draws, ``explorer`` is the section that moves, ``exploring``
puts that one into a notebook. Nothing is computed in a template.
"""

from __future__ import annotations

from finauth_eval.report.exploring import explore
from finauth_eval.report.page import render_report, write_report

__all__ = ["explore", "render_report", "write_report"]
