"""Results become one HTML page: no network, no script, the same bytes from the same input.

``page`` puts it together; each section has its module (``verdict``, ``coverage``, ``recommended``, the charts,
``breakdown``, ``quality``, ``provenance``), which makes values of ``tables`` and ``figures`` that the templates only
lay out; ``charts`` draws. Nothing is computed in a template.
"""

from __future__ import annotations

from finauth_eval.report.page import render_report, write_report

__all__ = ["render_report", "write_report"]
