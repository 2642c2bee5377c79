"""How the service behaved: samples without a score, latency, and changes against the noise of asking again."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from finauth_eval.report.compared.cells import count_or_dash, difference_cell, p_cell
from finauth_eval.report.tables import Cell, Table, columns, count_cell, rate_cell, row
from finauth_eval.shown import numbers

if TYPE_CHECKING:
    from finauth_eval.comparing.outcome import Comparison
    from finauth_eval.comparing.service import NoResponse
    from finauth_eval.metrics.estimate import Estimate

__all__ = ["latency_table", "no_response_table", "noise_table"]

_NAMES: Final = {"all": "All samples", "bona_fide": "Genuine samples", "attack": "Attacks"}
_TIMES: Final = {"time_used": "The detector's own time", "round_trip": "Round trip"}
_SHARES: Final = {"median": "half within", "p95": "95% within", "p99": "99% within"}


def no_response_table(found: Comparison) -> Table:
    """Samples without a score in both runs."""
    return Table(
        caption="Samples without a score",
        columns=columns("Samples", "A", "B", "Difference B − A", "p", "In A only", "In B only"),
        rows=tuple(
            row(
                _NAMES[which], rate_cell(own.a), rate_cell(own.b), *_change(own), count_or_dash(own.a_only),
                count_or_dash(own.b_only),
            )
            for which, own in found.no_response.items()
        ),
        note="Of those that were sent. The other figures of this page leave these samples out.",
    )  # fmt: skip


def _change(own: NoResponse) -> tuple[Cell, Cell]:
    if own.change is None:
        return Cell(text=numbers.NOT_KNOWN, note="the samples differ"), Cell(text=numbers.NOT_KNOWN)
    return difference_cell(own.change.difference), p_cell(own.change.p_value)


def latency_table(found: Comparison) -> Table | None:
    """How long answers took; ``None`` where a run does not say."""
    if not found.latency:
        return None
    return Table(
        caption="Latency",
        columns=columns("Time", "A", "B"),
        rows=tuple(
            row(f"{_TIMES[which]}, {_SHARES[share]}", _time(own.a[share]), _time(own.b[share]))
            for which, own in found.latency.items()
            for share in own.a
        ),
        note="Exact limits in parentheses. Times also depend on the load at the hour of the run.",
    )


def _time(own: Estimate) -> Cell:
    if not own.defined:
        return Cell(text=numbers.NOT_KNOWN, note=own.reason or "undefined")
    return Cell(text=f"{numbers.duration(own.value)}{_limits(own)}", value=own.value, note=own.reason)


def _limits(own: Estimate) -> str:
    low, high = (numbers.duration(end) for end in (own.low, own.high))
    if math.isnan(own.low) or math.isnan(own.high):
        known = [f"from {low}"] if not math.isnan(own.low) else []
        known += [f"up to {high}"] if not math.isnan(own.high) else []
        return f" ({known[0]})" if known else ""
    return f" ({low}–{high})"


def noise_table(found: Comparison) -> Table | None:
    """What changed between the runs against what changes when one run asks again; ``None`` where none did."""
    own, moved = found.noise, found.shift.moves
    if own is None or moved is None:
        return None
    rows = [
        row(
            words, count_cell(again.contents), count_cell(again.changed), count_cell(again.flipped),
            Cell(text=numbers.score(again.largest), value=again.largest),
        )
        for words, again in (("Asked again in A", own.a), ("Asked again in B", own.b))
        if again is not None
    ]  # fmt: skip
    rows.append(
        row(
            "A against B", count_cell(own.pairs), count_cell(own.changed), count_cell(len(found.flips)),
            Cell(text=numbers.score(moved.largest), value=moved.largest),
        )
    )  # fmt: skip
    rows.append(
        row("Of these, beyond that noise", count_cell(own.pairs), count_cell(own.beyond), count_cell(own.flips_beyond), "")
    )  # fmt: skip
    return Table(
        caption="Changes against the noise of asking again",
        columns=columns("What", "Samples", "Score changed", "Decision flipped", "Largest change"),
        rows=tuple(rows),
    )
