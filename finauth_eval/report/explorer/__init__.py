"""The threshold explorer: what it shows before anybody moves it, and the numbers that its script goes by.

``grid`` has the thresholds, ``side`` a run's rates at each of them, ``assumptions`` prevalence and costs, ``panel``
the tables of the default state, ``packing`` how the numbers lie in the page, ``section`` puts all of it together, and ``of_two``
does so for a comparison.
"""

from __future__ import annotations

from finauth_eval.report.explorer.of_two import explorer_of_two
from finauth_eval.report.explorer.section import Explorer, explorer_of

__all__ = ["Explorer", "explorer_of", "explorer_of_two"]
