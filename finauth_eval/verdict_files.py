"""A gate's verdict as files that other tools read: JUnit XML, and the summary of a GitHub Actions step."""

from __future__ import annotations

import html
import math
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Final

from finauth_eval.shown.text import shorten, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from finauth_eval.gate import Verdict

__all__ = ["STEP_SUMMARY_BYTES", "junit_xml", "step_summary"]

STEP_SUMMARY_BYTES: Final = 1024 * 1024
"""What GitHub takes of one step's summary; of more it takes nothing."""
_MOST_FLIPS: Final = 200
_LONGEST: Final = 300
_ICONS: Final = {"pass": "✅", "fail": "❌", "inconclusive": "❔", "invalid": "⛔"}
# what Markdown makes something of, beside the characters that HTML does
_MARKDOWN: Final = {char: f"&#{ord(char)};" for char in "\\`*_{}[]#|~:@$"}


def junit_xml(verdict: Verdict) -> str:
    """The verdict as JUnit XML: a test case a check; a failure fails, an inconclusive check is skipped.

    An invalid gate is one test case with an error. Names and reasons from outside are escaped, and characters that XML
    can't hold are written out.

    Args:
        verdict: The verdict.

    Example:
        >>> from finauth_eval.gate import invalid
        >>> print(junit_xml(invalid("nothing was scored", baseline="a", run="b")).splitlines()[1][:58])
        <testsuites name="finauth-eval gate" tests="1" failures="0
    """
    said = [own.verdict for own in verdict.rules]
    counts = {
        "tests": str(max(1, len(said))),
        "failures": str(said.count("fail")),
        "errors": str(int(verdict.verdict == "invalid")),
        "skipped": str(said.count("inconclusive")),
    }
    root = ET.Element("testsuites", {"name": "finauth-eval gate", **counts})
    suite = ET.SubElement(
        root, "testsuite", {"name": f"{_text(verdict.run)} against {_text(verdict.baseline)}", **counts}
    )
    if not verdict.rules:
        case = ET.SubElement(suite, "testcase", {"name": "gate", "classname": "finauth_eval.gate"})
        error = ET.SubElement(case, "error", {"type": "invalid", "message": _text(verdict.reason or "")})
        error.text = _text(verdict.reason or "")
    for own in verdict.rules:
        case = ET.SubElement(suite, "testcase", {"name": _text(own.name), "classname": "finauth_eval.gate"})
        if own.verdict == "fail":
            failure = ET.SubElement(
                case, "failure", {"type": "regression", "message": _text(own.explanation)}
            )
            failure.text = "\n".join([_text(own.explanation), *map(_text, _flip_lines(verdict))])
        elif own.verdict == "inconclusive":
            ET.SubElement(case, "skipped", {"message": _text(own.explanation)})
        else:
            ET.SubElement(case, "system-out").text = _text(own.explanation)
    if verdict.comparability:
        ET.SubElement(suite, "system-err").text = "\n".join(map(_text, verdict.comparability))
    ET.indent(root)
    body = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}'


def _text(text: str) -> str:
    """The text on one line, with characters written out that XML can't hold, or that hide."""
    return "".join(char for char in visible(text) if char not in "\ufffe\uffff")


def _flip_lines(verdict: Verdict) -> list[str]:
    worse = [own for own in verdict.flips if own.worse]
    lines = [f"{own.sample_id} ({own.label}): {own.a:g} -> {own.b:g}" for own in worse[:_MOST_FLIPS]]
    if len(worse) > _MOST_FLIPS:
        lines.append(f"and {len(worse) - _MOST_FLIPS} more; the JSON has all")
    return ["decided wrongly now and rightly before:", *lines] if lines else []


def step_summary(verdict: Verdict, *, room: int = STEP_SUMMARY_BYTES) -> str:
    """The verdict as Markdown for ``$GITHUB_STEP_SUMMARY``: the checks, then the flips for the worse.

    Flips that would pass the limit are left out and counted; everything from outside is escaped for HTML and Markdown.

    Args:
        verdict: The verdict.
        room: Bytes that it may take; what is in the file already is the caller's to subtract.

    Example:
        >>> from finauth_eval.gate import invalid
        >>> step_summary(invalid("no <score>", baseline="a", run="b")).splitlines()[0]
        '## ⛔ Invalid&#58; no &lt;score&gt;'
    """
    head = [f"## {_ICONS[verdict.verdict]} {_safe(verdict.headline)}", ""]
    head += [f"- **Note&#58;** {_safe(note)}" for note in verdict.comparability]
    if verdict.comparability:
        head.append("")  # else the next line would be a part of the last note
    head += [f"{_safe(verdict.run)} against {_safe(verdict.baseline)}", ""]
    if verdict.rules:
        head += ["| | check | what was seen |", "|---|---|---|"]
        head += [
            f"| {_ICONS[own.verdict]} {own.verdict} | {_safe(own.name)} | {_safe(own.explanation)} |"
            for own in verdict.rules
        ]
        head.append("")
    alarms = verdict.false_alarms
    if not math.isnan(alarms.value):
        head += [
            (
                f"If nothing had changed, these rules would fail in {alarms.value:.1%} of such runs"
                f" (measured by exchanging the two runs' answers {alarms.n} times)."
            ),
            "",
        ]
    return _within(head, _flip_rows(verdict), room)


def _flip_rows(verdict: Verdict) -> list[str]:
    return [
        f"| {_safe(own.sample_id)} | {_safe(own.label or '')} | {_safe(own.attack_type or '')} | {own.a:g} | {own.b:g} |"
        for own in verdict.flips
        if own.worse
    ]


def _within(head: Sequence[str], rows: Sequence[str], room: int) -> str:
    """The head, and as many rows as there is room for."""
    table = ["<details><summary>Decided wrongly now and rightly before</summary>", ""]
    table += ["| sample | label | attack type | score before | score now |", "|---|---|---|---|---|"]
    end = ["", "</details>", ""]
    begin = "\n".join(head)
    if not rows:
        return _cut(begin, room)
    size = sum(len(line.encode()) + 1 for line in [*head, *table, *end]) + _LONGEST
    kept: list[str] = []
    for row in rows:
        size += len(row.encode()) + 1
        if size > room or len(kept) == _MOST_FLIPS * 5:
            break
        kept.append(row)
    left = len(rows) - len(kept)
    more = ["", f"and {left} more, which the JSON has"] if left else []
    return _cut("\n".join([begin, *table, *kept, *more, *end]), room)


def _cut(text: str, room: int) -> str:
    """The text itself where there is room, else as many of its lines as fit."""
    if len(text.encode()) <= room:
        return text
    kept, size = [], 0
    for line in text.splitlines():
        size += len(line.encode()) + 1
        if size > room:
            break
        kept.append(line)
    return "\n".join(kept)


def _safe(text: str) -> str:
    """A text from outside in a cell of a Markdown table: no markup, no new line, no mention, no reference, no link."""
    plain = shorten(visible(text), _LONGEST)
    escaped = "".join(
        html.escape(char, quote=True) if char in "&<>\"'" else _MARKDOWN.get(char, char) for char in plain
    ).replace("www.", "www&#46;")
    # GitHub looks for mentions and references in what is rendered, but not in code
    return f"<code>{escaped}</code>" if "@" in plain or "#" in plain else escaped
