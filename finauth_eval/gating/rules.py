"""The rules of a gate, and the TOML file that they are written in."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from finauth_eval.errors import InputError
from finauth_eval.metrics.fixed_apcer import LIMITS
from finauth_eval.phrases import Phrase, phrase
from finauth_eval.places import Remote, place
from finauth_eval.shown.numbers import limit, points

__all__ = ["DEFAULT_TOLERANCE", "METRICS", "Check", "Rule", "read_rules"]

DEFAULT_TOLERANCE: Final = 0.005
_DEFAULT_MINIMUM: Final = 30
_HIGHER_IS_BETTER: Final = frozenset({"auc", "coverage"})
METRICS: Final = {
    "bpcer": phrase("Blocked genuine customers (BPCER)"),
    "apcer": phrase("Missed attacks (APCER)"),
    "apcer_worst": phrase("Missed attacks of the worst type (APCER)"),
    "auc": phrase("Area under the ROC curve (AUC)"),
    **{
        f"bpcer_at_apcer.{key}": phrase(
            "Blocked genuine customers at {share} missed attacks (BPCER{key})", share=f"{share:.0%}", key=key
        )
        for key, share in LIMITS.items()
    },
    "coverage": phrase("Samples with a score (coverage)"),
}
"""What a rule can be about, and what it is called at the beginning of a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One thing that a run must keep.

    Attributes:
        metric: One of `METRICS`.
        tolerance: Worse than the baseline by at most this share, in [0, 1); ``None`` for no comparison.
        ceiling: An error rate of at most this, whatever the baseline's, in [0, 1).
        floor: An AUC or coverage of at least this.
        confidence: How sure a failure must be, in (0, 1).
        minimum_n: Fewer samples than this are inconclusive.
        slice: A column and its value: the rule looks at these samples alone.
        threshold: Decide both runs at this threshold; ``None`` for that of the comparison.
        name: What the rule is called; made of the rest where it is empty.

    Raises:
        ValueError: A value is out of range, or does not fit the metric.

    Example:
        >>> [check.name for check in Rule(metric="bpcer", tolerance=0.005, ceiling=0.1).checks()]
        ['bpcer: at most 0.5 points worse', 'bpcer: at most 10%']
    """

    metric: str
    tolerance: float | None = None
    ceiling: float | None = None
    floor: float | None = None
    confidence: float = 0.95
    minimum_n: int = _DEFAULT_MINIMUM
    slice: tuple[str, str] | None = None
    threshold: float | None = None
    name: str = ""

    def __post_init__(self) -> None:
        """Refuse what can't be checked."""
        if self.metric not in METRICS:
            raise ValueError(f"metric is {self.metric!r}; expected one of {', '.join(METRICS)}")
        wrong = "ceiling" if self.metric in _HIGHER_IS_BETTER else "floor"
        if getattr(self, wrong) is not None:
            right = "floor" if wrong == "ceiling" else "ceiling"
            raise ValueError(f"{self.metric} has a {right} and no {wrong}")
        for own in ("tolerance", "ceiling", "floor"):
            value = getattr(self, own)
            if value is not None and not (0 <= value < 1 or (own == "floor" and value == 1)):
                raise ValueError(
                    f"{own} is {value!r}; expected a share in [0, 1), such as 0.005 for half a point"
                )
        if not 0 < self.confidence < 1:
            raise ValueError(f"confidence is {self.confidence!r}; expected a number between 0 and 1")
        if self.minimum_n < 1:
            raise ValueError(f"minimum_n is {self.minimum_n!r}; expected a number of samples, at least 1")
        if self.threshold is not None and not math.isfinite(self.threshold):
            raise ValueError(f"threshold is {self.threshold!r}; expected a finite number")
        if self.slice is not None and self.metric == "coverage":
            raise ValueError("coverage is that of the whole run; it has no slice")

    def checks(self) -> tuple[Check, ...]:
        """What is checked: against the baseline, against a limit, or both."""
        found = [
            Check(rule=self, kind=kind, limit=value)
            for kind in ("tolerance", "ceiling", "floor")
            if (value := getattr(self, kind)) is not None
        ]
        return tuple(found) or (Check(rule=self, kind="tolerance", limit=DEFAULT_TOLERANCE),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One statement of a rule.

    Attributes:
        rule: The rule.
        kind: ``"tolerance"``, ``"ceiling"`` or ``"floor"``.
        limit: The share that goes with it.
        name: What it is called.
    """

    rule: Rule
    kind: str
    limit: float
    name: str = field(init=False)

    def __post_init__(self) -> None:
        """Name it."""
        object.__setattr__(self, "name", self._called(_called(self.rule)))

    def _called(self, begin: str) -> Phrase:
        if self.kind == "tolerance":
            return phrase("{rule}: at most {points} worse", rule=begin, points=points(self.limit, n=100_000))
        if self.kind == "ceiling":
            return phrase("{rule}: at most {limit}", rule=begin, limit=limit(self.limit))
        shown = f"{self.limit:g}" if self.rule.metric == "auc" else limit(self.limit)
        return phrase("{rule}: at least {limit}", rule=begin, limit=shown)


def _called(rule: Rule) -> str:
    if rule.name:
        return rule.name
    called: str = rule.metric
    if rule.threshold is not None:
        called = phrase("{rule} at {threshold}", rule=called, threshold=f"{rule.threshold:g}")
    if rule.slice is not None:
        called = phrase("{rule} where {slice}", rule=called, slice="=".join(rule.slice))
    return called


def read_rules(path: Path | str | Remote) -> tuple[Rule, ...]:
    r"""The rules of a ``gate.toml``, in its order.

    Each ``[[rule]]`` has a ``metric`` and, as they are wanted, ``tolerance``, ``ceiling`` or ``floor``,
    ``confidence``, ``minimum_n``, ``slice`` (``"column=value"``), ``threshold`` and ``name``. A rule with none of the
    first three has a tolerance of half a point. Before the rules ``confidence``, ``minimum_n`` and ``threshold`` can be
    set for all that don't set their own.

    Args:
        path: The TOML file, a path or a URL such as ``s3://bucket/gate.toml``.

    Raises:
        InputError: The file can't be read, is no TOML, or asks for what there is not; the message names the rule.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp(), "gate.toml")
        >>> _ = file.write_text('[[rule]]\nmetric = "apcer_worst"\nslice = "media_type=video"\n')
        >>> read_rules(file)[0].slice
        ('media_type', 'video')
    """
    path = place(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror or error})") from error
    except (ValueError, RecursionError) as error:  # no TOML, or no UTF-8
        raise InputError(f"{path}: not readable as TOML ({error})") from error
    for_all = {key: value for key, value in content.items() if key not in ("rule", "schema")}
    unknown = sorted({*for_all} - {"confidence", "minimum_n", "threshold"})
    if unknown:
        raise InputError(
            f"{path}: {unknown[0]!r} is not known here; expected [[rule]] tables and before them, where wanted,"
            " confidence, minimum_n and threshold"
        )
    if content.get("schema", _SCHEMA) != _SCHEMA:
        raise InputError(f"{path}: schema is {content['schema']!r}; expected {_SCHEMA!r}")
    tables = content.get("rule")
    if not isinstance(tables, list) or not tables:
        raise InputError(f"{path}: no [[rule]] table; expected at least one")
    found = []
    for number, table in enumerate(tables, start=1):
        try:
            found.append(_rule(table, for_all))
        except (TypeError, ValueError) as error:
            raise InputError(f"{path}: rule {number}: {error}") from error
    names = [check.name for rule in found for check in rule.checks()]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"{path}: two rules say the same: {twice[0]!r}; give one of them a name of its own")
    return tuple(found)


_SCHEMA: Final = "finauth-eval/gate/1"
_TEXTS: Final = frozenset({"metric", "name", "slice"})


def _rule(table: Any, for_all: dict[str, Any]) -> Rule:
    if not isinstance(table, dict):
        raise TypeError(f"{table!r} is no table; expected one with a metric")
    known = [own.name for own in fields(Rule)]
    for key in table:
        if key not in known:
            raise ValueError(f"{key!r} is not known; a rule has {', '.join(known)}")
    if "metric" not in table:
        raise ValueError(f"there is no metric; expected one of {', '.join(METRICS)}")
    return Rule(**{key: _value(key, value) for key, value in (for_all | table).items()})


def _value(key: str, value: Any) -> Any:
    if key in _TEXTS:
        if not isinstance(value, str):
            raise TypeError(f"{key} is {value!r}; expected a text")
        if key != "slice":
            return value
        column, equals, wanted = value.partition("=")
        if not equals or not column.strip():
            raise ValueError(f'slice is {value!r}; expected "column=value", such as "media_type=video"')
        return column.strip(), wanted.strip()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{key} is {value!r}; expected a number")
    if not math.isfinite(value):
        raise ValueError(f"{key} is {value!r}; expected a finite number")
    if key == "minimum_n":
        if value != int(value):
            raise ValueError(f"{key} is {value!r}; expected a whole number")
        return int(value)
    return float(value)
