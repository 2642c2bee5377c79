"""Files that the page hands out without anybody answering: links that carry them."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import numpy as np

from finauth_eval.deployed import deploy_item
from finauth_eval.phrases import phrase, say, translated
from finauth_eval.report.wording import policy_words
from finauth_eval.shown import numbers
from finauth_eval.shown.text import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from finauth_eval.evaluation import Evaluation
    from finauth_eval.metrics.estimate import Estimate
    from finauth_eval.recommendation import Recommendations
    from finauth_eval.report.explorer import Explorer

__all__ = ["Download", "data_link", "defused", "downloads_of"]

_AS_THEY_ARE: Final = "!$&'()*+,-./:;=?@[]^_`{|}~"
"""Characters that a data address may hold as they are; blanks, quotes, percent, hash, line ends, all beyond ASCII not."""
_FORMULA: Final = "=+-@\t\r\uff1d\uff0b\uff0d\uff20"
"""What spreadsheets begin a formula with, East Asian wide forms among them."""
_DIGITS: Final = 6
_LARGEST_POLICY: Final = 40_000
_TOO_LARGE: Final = phrase(
    "Too large for this page, for its many attack types; finauth-eval recommend --export writes it."
)


class _Exact(float):
    """A threshold: every digit of it counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A link that carries its file.

    Attributes:
        label: What the link says.
        file: The file's name.
        href: The file itself, as a data address; ``None`` where it is too large for the page.
        note: What is in it.
    """

    label: str
    file: str
    href: str | None
    note: str


def downloads_of(
    evaluation: Evaluation, recommendations: Recommendations | None, explorer: Explorer | None
) -> tuple[Download, ...]:
    """The sweep, the slices and a policy for each goal that has a threshold."""
    found = []
    if explorer is not None:
        found.append(
            Download(
                label=say("Every threshold"),
                file="sweep.csv",
                href=data_link(_sweep(explorer), "text/csv"),
                note=say(
                    "Decisions, rates and intervals at each threshold of the explorer; of thresholds that decide these"
                    " samples alike only the lowest."
                ),
            )
        )
    if evaluation.slices:
        found.append(
            Download(
                label=say("Slices"),
                file="slices.csv",
                href=data_link(_slices(evaluation), "text/csv"),
                note=say("Rates and intervals of each slice at each measured threshold."),
            )
        )
    for position, item in enumerate(recommendations or ()):
        if recommendations is None or not item.feasible or item.descriptive:
            continue
        policy = deploy_item(recommendations, item).model_dump_json(
            by_alias=True, indent=1, ensure_ascii=True
        )
        fits = len(policy) <= _LARGEST_POLICY
        found.append(
            Download(
                label=say("Policy: {goal}", goal=policy_words(item.policy)),
                file=f"policy-{position + 1}-{item.policy.name}.json",
                href=data_link(policy, "application/json") if fits else None,
                note=_policy_note(item.threshold, fits=fits),
            )
        )
    return tuple(found)


def _policy_note(threshold: float, *, fits: bool) -> str:
    words = say("Threshold {threshold}, for a service to decide by.", threshold=numbers.threshold(threshold))
    return words if fits else f"{words} {translated(_TOO_LARGE)}"


def data_link(text: str, media_type: str) -> str:
    r"""An address that holds a text, for a link with ``download``.

    Example:
        >>> data_link("a,b\n1,#2", "text/csv")
        'data:text/csv;charset=utf-8,a,b%0A1,%232'
    """
    return f"data:{media_type};charset=utf-8,{quote(text, safe=_AS_THEY_ARE)}"


def defused(text: str) -> str:
    """A text that a spreadsheet shows and does not compute; hidden characters are written out.

    Example:
        >>> defused("=1+1"), defused("replay")
        ("'=1+1", 'replay')
    """
    dangerous = text[:1] in _FORMULA or text.lstrip()[:1] in _FORMULA
    return ("'" if text and dangerous else "") + visible(text)


def _written(header: Sequence[str], rows: Iterable[Sequence[str | float]]) -> str:
    """CSV; texts are defused, numbers stand as they are."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(
        [defused(cell) if isinstance(cell, str) else _number(cell) for cell in row] for row in rows
    )
    return file.getvalue()


def _number(value: float) -> str:
    if isinstance(value, _Exact):
        return numbers.threshold(value)
    if isinstance(value, int):
        return str(value)
    return "" if math.isnan(value) else f"{value:.{_DIGITS}g}"


def _sweep(explorer: Explorer) -> str:
    rates = explorer.sides[0].rates
    worst = rates.worst
    columns = (rates.blocked.events, *(own.events for own in (rates.missed, *rates.by_attack_type.values())))
    fresh = np.any(np.diff(np.array(columns), axis=1, prepend=-1) != 0, axis=0)
    header = [
        "threshold", "genuine_blocked", "genuine", "bpcer", "bpcer_low", "bpcer_high", "attacks_passed", "attacks",
        "apcer", "apcer_low", "apcer_high", "worst_type", "worst_apcer", "worst_low", "worst_high",
    ]  # fmt: skip

    def rows() -> Iterator[list[str | float]]:
        for k in np.flatnonzero(fresh).tolist():
            found: list[str | float] = []
            for rate in (rates.blocked, rates.missed):
                found += [int(rate.events[k]), rate.n, float(rate.values[k])]
                found += [float(rate.low[k]), float(rate.high[k])]
            if worst is not None:
                found += [worst.names[worst.which[k]], int(worst.events[k]) / int(worst.sizes[k])]
                found += [float(worst.low[k]), float(worst.high[k])]
            yield [_Exact(rates.thresholds[k]), *found]

    return _written(header if worst is not None else header[:11], rows())


def _slices(evaluation: Evaluation) -> str:
    header = [
        "column", "value", "threshold", "genuine", "bpcer", "bpcer_low", "bpcer_high", "attacks", "apcer", "apcer_low",
        "apcer_high", "small",
    ]  # fmt: skip

    def of(rate: Estimate) -> list[float]:
        return [rate.n, rate.value, rate.low, rate.high]

    rows: list[list[str | float]] = [
        [name, value, _Exact(point.threshold), *of(point.bpcer), *of(point.apcer), int(part.small)]
        for name, parts in evaluation.slices.items()
        for value, part in parts.items()
        for point in part.operating_points
    ]
    return _written(header, rows)
