"""Faults on request: which of them a request meets, drawn from a seeded generator.

A specification is a comma-separated list of rules in one of three forms:

* ``KIND:RATE``  a share of the admitted requests, ``RATE`` in [0, 1]; the rates add up to at most 1,
* ``KIND@N``     exactly the N-th admitted request, counted from 1,
* ``KIND@N+``    every admitted request from the N-th on.

A request refused for concurrency is not admitted: it is not counted and draws no fault. A rule with a number goes
before a rule with a rate.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FAULT_KINDS", "FaultPlan", "FaultRule", "parse_faults"]

FAULT_KINDS: dict[str, str] = {
    "500": "500 INTERNAL_ERROR",
    "504": "504 as an HTML page",
    "internal_timeout": "400 INTERNAL_TIMEOUT",
    "413": "413 in plain text",
    "413_close": "413 and the connection closed while the body is still being sent",
    "nan": "score is NaN",
    "string_score": "score is a JSON string",
    "missing_score": "no score in the answer",
    "out_of_range": "score is 1.7",
    "half_body": "half of the body, then the connection closes short of its Content-Length",
    "half_body_nolength": "half of the body without a Content-Length: a 200 whose JSON is cut off",
    "drip": "the answer comes one byte at a time",
    "stall": "the headers never come",
    "reset": "the connection is reset",
    "html200": "200 with an HTML page",
    "not_json": "200 with text that is not JSON",
    "contradiction": "result contradicts score and threshold",
    "threshold_change": "the answer carries another threshold, and a result that goes with it",
    "concurrency": "403 CONCURRENCY_LIMIT_EXCEEDED",
    "expired_sign": "403 AUTHENTICATION_ERROR:EXPIRED_SIGN",
    "bad_sign": "403 AUTHENTICATION_ERROR:INVALID_SIGN",
    "key_dead": "403 AUTHENTICATION_ERROR:API_KEY_DEACTIVATED",
    "no_permission": "403 AUTHORIZATION_ERROR:API_NOT_ALLOWED",
    "too_often": "403 AUTHENTICATION_ERROR:QPS_LIMIT",
    "404": "404 API_NOT_FOUND",
    "firewall": "403 with an HTML page of a firewall",
    "retry_after": "500 INTERNAL_ERROR with Retry-After: 1",
    "unlisted": "400 with an error word that no document lists",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRule:
    """One rule: a kind with either a rate or the numbers of the requests that it hits.

    Attributes:
        kind: A key of ``FAULT_KINDS``.
        rate: Share of the admitted requests, in [0, 1]; 0 for a rule with numbers.
        first: Number of the first request hit, from 1; None for a rule with a rate.
        last: Number of the last request hit; None for all from ``first`` on.
    """

    kind: str
    rate: float = 0.0
    first: int | None = None
    last: int | None = None

    def hits(self, number: int) -> bool:
        """Say whether this rule names the request by its number."""
        if self.first is None or number < self.first:
            return False
        return self.last is None or number <= self.last


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultPlan:
    """The rules in the order in which they were written.

    Raises:
        ValueError: The rates add up to more than 1.
    """

    rules: tuple[FaultRule, ...] = ()

    def __post_init__(self) -> None:
        """Refuse rates that can't be a distribution."""
        total = sum(rule.rate for rule in self.rules)
        if total > 1.0 + 1e-9:
            raise ValueError(f"the fault rates add up to {total:g}; together they may be at most 1")

    def draw(self, number: int, uniform: float) -> str | None:
        """Return the kind that meets a request, or None.

        Args:
            number: Number of the admitted request, from 1.
            uniform: A draw from [0, 1).

        Example:
            >>> plan = parse_faults("500:0.25,reset@3")
            >>> plan.draw(1, 0.1), plan.draw(1, 0.9), plan.draw(3, 0.9)
            ('500', None, 'reset')
        """
        for rule in self.rules:
            if rule.hits(number):
                return rule.kind
        upper = 0.0
        for rule in self.rules:
            upper += rule.rate
            if uniform < upper:
                return rule.kind
        return None


def parse_faults(text: str) -> FaultPlan:
    """Read a fault specification; see the module's head for its forms.

    Args:
        text: ``KIND:RATE``, ``KIND@N`` or ``KIND@N+``, separated by commas; empty for no faults.

    Raises:
        ValueError: A rule can't be read; the message says what was seen and what is allowed.

    Example:
        >>> parse_faults("504:0.01,stall@2").rules[1]
        FaultRule(kind='stall', rate=0.0, first=2, last=2)
        >>> parse_faults("key_dead@50+").draw(51, 0.0)
        'key_dead'
    """
    return FaultPlan(rules=tuple(_parse_rule(part.strip()) for part in text.split(",") if part.strip()))


def _parse_rule(part: str) -> FaultRule:
    for separator, parse in (("@", _parse_numbers), (":", _parse_rate)):
        kind, found, value = part.partition(separator)
        if found:
            if kind not in FAULT_KINDS:
                break
            return parse(kind, value, part)
    raise ValueError(
        f"fault {part!r} is not KIND:RATE, KIND@N or KIND@N+ with a KIND out of {', '.join(FAULT_KINDS)}"
    )


def _parse_rate(kind: str, value: str, part: str) -> FaultRule:
    try:
        rate = float(value)
    except ValueError:
        raise ValueError(f"fault {part!r}: the rate {value!r} is not a number in [0, 1]") from None
    if not 0.0 <= rate <= 1.0:
        raise ValueError(f"fault {part!r}: the rate {value} is not in [0, 1]")
    return FaultRule(kind=kind, rate=rate)


def _parse_numbers(kind: str, value: str, part: str) -> FaultRule:
    digits = value.removesuffix("+")
    if not (digits.isascii() and digits.isdigit()) or int(digits) < 1:
        raise ValueError(f"fault {part!r}: {value!r} is not a request's number from 1, nor one followed by +")
    return FaultRule(kind=kind, first=int(digits), last=None if value.endswith("+") else int(digits))
