"""How the service behaved: samples without a score, latency, and changes against the noise of asking again."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from finauth_eval.phrases import phrase, say, translated
from finauth_eval.report.compared.cells import count_or_dash, difference_cell, p_cell
from finauth_eval.report.tables import Cell, Table, columns, count_cell, rate_cell, row
from finauth_eval.report.wording import why_undefined
from finauth_eval.shown import numbers

if TYPE_CHECKING:
    from finauth_eval.comparing.outcome import Comparison
    from finauth_eval.comparing.service import NoResponse
    from finauth_eval.metrics.estimate import Estimate

__all__ = ["latency_table", "no_response_table", "noise_table"]

_NAMES: Final = {
    "all": phrase("All samples"),
    "bona_fide": phrase("Genuine samples"),
    "attack": phrase("Attacks"),
}
_TIMES: Final = {"time_used": phrase("The detector's own time"), "round_trip": phrase("Round trip")}
_SHARES: Final = {
    "median": phrase("half within"),
    "p95": phrase("{share} within", share="95%"),
    "p99": phrase("{share} within", share="99%"),
}


def no_response_table(found: Comparison) -> Table:
    """Samples without a score in both runs."""
    return Table(
        caption=say("Samples without a score"),
        columns=columns(
            say("Samples"), "A", "B", say("Difference B − A"), "p", say("In A only"), say("In B only")
        ),
        rows=tuple(
            row(
                _NAMES[which], rate_cell(own.a), rate_cell(own.b), *_change(own), count_or_dash(own.a_only),
                count_or_dash(own.b_only),
            )
            for which, own in found.no_response.items()
        ),
        note=say("Of those that were sent. The other figures of this page leave these samples out."),
    )  # fmt: skip


def _change(own: NoResponse) -> tuple[Cell, Cell]:
    if own.change is None:
        return Cell(text=numbers.NOT_KNOWN, note=phrase("the samples differ")), Cell(text=numbers.NOT_KNOWN)
    return difference_cell(own.change.difference), p_cell(own.change.p_value)


def latency_table(found: Comparison) -> Table | None:
    """How long answers took; ``None`` where a run does not say."""
    if not found.latency:
        return None
    return Table(
        caption=say("Latency"),
        columns=columns(say("Time"), "A", "B"),
        rows=tuple(
            row(
                f"{translated(_TIMES[which])}, {translated(_SHARES[share])}",
                _time(own.a[share]),
                _time(own.b[share]),
            )
            for which, own in found.latency.items()
            for share in own.a
        ),
        note=say("Exact limits in parentheses. Times also depend on the load at the hour of the run."),
    )


def _time(own: Estimate) -> Cell:
    if not own.defined:
        return Cell(text=numbers.NOT_KNOWN, note=why_undefined(own.reason))
    return Cell(text=_time_words(own), value=own.value, note=own.reason)


def _time_words(own: Estimate) -> str:
    value, low, high = (numbers.duration(one) for one in (own.value, own.low, own.high))
    if math.isnan(own.low) and math.isnan(own.high):
        return value
    if math.isnan(own.high):
        return say("{value} (from {low})", value=value, low=low)
    if math.isnan(own.low):
        return say("{value} (up to {high})", value=value, high=high)
    return f"{value} ({low}–{high})"


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
        for words, again in ((phrase("Asked again in A"), own.a), (phrase("Asked again in B"), own.b))
        if again is not None
    ]  # fmt: skip
    rows.append(
        row(
            phrase("A against B"), count_cell(own.pairs), count_cell(own.changed), count_cell(len(found.flips)),
            Cell(text=numbers.score(moved.largest), value=moved.largest),
        )
    )  # fmt: skip
    rows.append(
        row(phrase("Of these, beyond that noise"), count_cell(own.pairs), count_cell(own.beyond), count_cell(own.flips_beyond), "")
    )  # fmt: skip
    return Table(
        caption=say("Changes against the noise of asking again"),
        columns=columns(
            say("What"), say("Samples"), say("Score changed"), say("Decision flipped"), say("Largest change")
        ),
        rows=tuple(rows),
    )
