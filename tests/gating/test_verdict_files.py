"""A verdict as JUnit XML and as a GitHub step's summary, read back by readers that know nothing of how it was written."""

from __future__ import annotations

import re
import unicodedata
import xml.etree.ElementTree as ET
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from finauth_eval.comparing.flips import Flip
from finauth_eval.gate import RuleVerdict, Verdict, invalid
from finauth_eval.metrics.estimate import Estimate
from finauth_eval.metrics.intervals import rate
from finauth_eval.shown.text import shorten, visible
from finauth_eval.verdict_files import STEP_SUMMARY_BYTES, junit_xml, step_summary

HOSTILE = [
    "]]>",
    "]]><failure/>",
    "<script>alert(1)</script>",
    "a & b &amp; c",
    "\"quoted\" 'twice'",
    "a|b||c",
    "\\|",
    "new\nline\r\nand\ttab",
    "## heading",
    "- item",
    "`code` **bold** _it_ ~~out~~ $x$",
    "[click](javascript:alert(1))",
    "![x](http://evil.example/x.png)",
    "http://evil.example/ https://evil.example",
    "nul\x00 bell\x07 escape\x1b[2J del\x7f c1\x9b",
    "\ufffe\uffff\ufdd0",
    "lone \ud800 and \udcff",
    "photo\u202egpj.exe",
    "zero\u200bwidth\u2028line\u2029paragraph\ufeff",
    "family 👨\u200d👩\u200d👧 and 🦊",
    "نص عربي",
    "</details></td></table>",
    "<!-- comment",
    "&#60;b&#62;",
    "",
    " ",
    "x" * 5000,
]

SPECIAL = [*"<>&|`*_[]()#!@~$:;.-\\\"'\n]", "<b>", "</td>", "&lt;", "&#60;", "\ud800", "\u202e"]
TEXTS = st.lists(st.one_of(st.characters(), st.sampled_from(SPECIAL)), max_size=30).map(
    "".join
)  # special ones often


def flip(name: str, *, worse: bool = True, attack_type: str | None = None) -> Flip:
    label = "bona_fide" if attack_type is None else "attack"
    return Flip(sample_id=name, label=label, attack_type=attack_type, a=0.25, b=0.75, worse=worse)


def rule(name: str, verdict: str = "fail", explanation: str = "it got worse") -> RuleVerdict:
    return RuleVerdict(
        name=name, verdict=verdict, observed=0.01, limit=0.005, p_value=0.001, p_holm=0.002, n=1471,
        explanation=explanation,
    )  # fmt: skip


@pytest.fixture
def verdict() -> Callable[..., Verdict]:
    """A failed verdict of one check, with what a test says."""

    def build(*rules: RuleVerdict, **changes: Any) -> Verdict:
        settings: dict[str, Any] = {
            "verdict": "fail", "rules": rules or (rule("bpcer: at most 0.5 points worse"),),
            "false_alarms": rate(13, 1000), "comparability": (), "flips": (), "reason": None, "baseline": "runs/base",
            "run": "runs/week",
        }  # fmt: skip
        return Verdict(**{**settings, **changes})

    return build


def strange(text: str) -> set[str]:
    """Characters that a terminal, an editor or a web page would act on rather than show."""
    return {char for char in text if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")} - {
        "\u200c", "\u200d",
    }  # fmt: skip


def words(element: ET.Element) -> str:
    """All that an element says, with its attributes."""
    parts = [*element.attrib.values(), element.text or "", element.tail or ""]
    return "\n".join([*parts, *map(words, element)])


def test_junit_has_a_case_a_check_with_its_outcome(verdict):
    found = verdict(
        rule("bpcer: at most 0.5 points worse", "fail", "went from 0% to 0.8%"),
        rule("apcer: at most 1 point worse", "inconclusive", "too few"),
        rule("auc: at least 0.9", "pass", "is 0.95"),
        flips=(flip("a.png"), flip("b.png", worse=False), flip("c.png", attack_type="swap")),
        comparability=("the runs scored different datasets",),
    )
    text = junit_xml(found)
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<testsuites ')
    root = ET.fromstring(text)  # noqa: S314 - the parser under whose eyes our own text must hold
    (suite,) = root
    for own in (root, suite):
        counts = {key: own.get(key) for key in ("tests", "failures", "errors", "skipped")}
        assert counts == {"tests": "3", "failures": "1", "errors": "0", "skipped": "1"}
    assert suite.get("name") == "runs/week against runs/base"
    cases = suite.findall("testcase")
    assert [own.get("name") for own in cases] == [own.name for own in found.rules]
    assert [[child.tag for child in own] for own in cases] == [["failure"], ["skipped"], ["system-out"]]
    failure = cases[0][0]
    assert failure.get("message") == "went from 0% to 0.8%"
    lines = (failure.text or "").splitlines()
    assert lines == [
        "went from 0% to 0.8%",
        "decided wrongly now and rightly before:",
        "a.png (bona_fide): 0.25 -> 0.75",
        "c.png (attack): 0.25 -> 0.75",
    ]
    assert cases[1][0].get("message") == "too few"
    assert (suite.findtext("system-err") or "") == "the runs scored different datasets"


def test_junit_of_an_invalid_gate_is_one_error():
    root = ET.fromstring(junit_xml(invalid("coverage is <0%", baseline="a", run="b")))  # noqa: S314 - our own text
    (suite,) = root
    (case,) = suite
    (error,) = case
    assert (suite.get("tests"), suite.get("errors"), suite.get("failures")) == ("1", "1", "0")
    assert (error.tag, error.get("message"), error.text) == ("error", "coverage is <0%", "coverage is <0%")


def test_junit_names_200_flips_and_counts_the_rest(verdict):
    root = ET.fromstring(junit_xml(verdict(flips=tuple(flip(f"s{i}") for i in range(10_000)))))  # noqa: S314 - our own text
    lines = (root.findtext(".//failure") or "").splitlines()
    assert len(lines) == 1 + 1 + 200 + 1
    assert lines[-1] == "and 9800 more; the JSON has all"


@pytest.mark.parametrize("name", HOSTILE)
def test_junit_holds_hostile_names_as_harmless_text(verdict, name):
    found = verdict(
        rule(name, "fail", name), rule(f"{name} ", "inconclusive", name), rule(f"{name}!", "pass", name),
        flips=(flip(name), flip("next.png")), comparability=(name,), baseline=name, run=name,
    )  # fmt: skip
    content = junit_xml(found).encode("utf-8")
    root = ET.fromstring(content)  # noqa: S314 - our own text
    assert strange(words(root)) <= {"\n", "\t"}
    assert [own.tag for own in root.iter()] == [
        "testsuites", "testsuite", "testcase", "failure", "testcase", "skipped", "testcase", "system-out", "system-err",
    ]  # fmt: skip
    assert "next.png (bona_fide): 0.25 -> 0.75" in (root.findtext(".//failure") or "").splitlines()


@given(text=TEXTS)
def test_junit_of_any_text_is_well_formed_and_shows_nothing_strange(text):
    found = Verdict(
        verdict="fail", rules=(rule(text, "fail", text),), false_alarms=rate(0, 10), comparability=(text,),
        flips=(flip(text),), reason=None, baseline=text, run=text,
    )  # fmt: skip
    root = ET.fromstring(junit_xml(found).encode("utf-8"))  # noqa: S314 - our own text
    assert strange(words(root)) <= {"\n", "\t"}


def test_a_sample_is_one_line_of_junit_whatever_its_id(verdict):
    found = verdict(flips=(flip("a.png\nb.png (attack): 0.1 -> 0.9"),))
    root = ET.fromstring(junit_xml(found))  # noqa: S314 - our own text
    assert len((root.findtext(".//failure") or "").splitlines()) == 3


class Page(HTMLParser):
    """The cells, elements and texts of a page."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[str] = []
        self.rows: list[list[str]] = []
        self.items: list[str] = []
        self.texts: list[tuple[str, bool]] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        assert not attributes, f"{tag} has {attributes}"
        self.elements.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag == "li":
            self.items.append("")
        if tag in ("td", "th"):
            self.rows[-1].append("")
        self._open.append(tag)

    def handle_startendtag(self, tag: str, attributes: Any) -> None:
        self.elements.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((data, "code" in self._open))
        if "td" in self._open or "th" in self._open:
            self.rows[-1][-1] += data
        if "li" in self._open:
            self.items[-1] += data

    def handle_comment(self, data: str) -> None:
        assert not data.strip(), "a comment that hides what is in it"


def rendered(markdown: str) -> Page:
    """The summary as a reader of GitHub's dialect shows it: tables, and HTML as it stands."""
    return Page(
        MarkdownIt("commonmark", {"html": True}).enable("table").enable("strikethrough").render(markdown)
    )


ELEMENTS = {
    "h2", "p", "br", "code", "table", "thead", "tbody", "tr", "th", "td", "details", "summary", "ul", "li", "strong",
}  # fmt: skip


def same(one: str, other: str) -> bool:
    return "".join(one.split()) == "".join(other.split())


def test_a_summary_has_the_checks_and_the_flips_for_the_worse(verdict):
    found = verdict(
        rule("bpcer: at most 0.5 points worse", "fail", "went from 0% to 0.8%"),
        rule("auc: at least 0.9", "pass", "is 0.95"),
        flips=(flip("a.png"), flip("b.png", worse=False), flip("c.png", attack_type="swap")),
        comparability=("the runs scored different datasets",),
    )
    text = step_summary(found)
    page = rendered(text)
    assert text.startswith(
        "## ❌ Fail&#58; 1 of 2 checks failed\n\n- **Note&#58;** the runs scored different datasets\n"
    )
    assert page.rows == [
        ["", "check", "what was seen"],
        ["❌ fail", "bpcer: at most 0.5 points worse", "went from 0% to 0.8%"],
        ["✅ pass", "auc: at least 0.9", "is 0.95"],
        ["sample", "label", "attack type", "score before", "score now"],
        ["a.png", "bona_fide", "", "0.25", "0.75"],
        ["c.png", "attack", "swap", "0.25", "0.75"],
    ]
    assert "these rules would fail in 1.3% of such runs" in text
    unmeasured = Estimate.undefined("not measured", confidence=0.95, method="clopper-pearson")
    assert "would fail" not in step_summary(verdict(false_alarms=unmeasured))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_summary_shows_hostile_names_and_does_nothing_that_they_say(verdict, name):
    found = verdict(
        rule(name, "fail", name), flips=(flip(name, attack_type=name), flip("next.png")), comparability=(name,),
        baseline=name, run=name,
    )  # fmt: skip
    text = step_summary(found)
    text.encode("utf-8")
    assert strange(text) <= {"\n"}
    page = rendered(text)
    assert {*page.elements} <= ELEMENTS
    shown = shorten(visible(name), 300)
    assert [len(row) for row in page.rows] == [3, 3, 5, 5, 5]
    assert all(same(own, shown) for own in (*page.rows[1][1:], page.rows[3][0], page.rows[3][2]))
    assert page.rows[4] == ["next.png", "bona_fide", "", "0.25", "0.75"]
    assert same(page.items[0].strip().partition("\n")[0], f"Note: {shown}")


def test_a_note_ends_before_the_line_that_says_which_runs_these_are(verdict):
    page = rendered(step_summary(verdict(comparability=("the runs scored different datasets",))))
    assert page.items == ["Note: the runs scored different datasets"]


@given(text=TEXTS)
def test_any_text_is_one_cell_that_says_what_it_is(text):
    found = Verdict(
        verdict="fail", rules=(rule(text, "fail", text),), false_alarms=rate(0, 10), comparability=(text,),
        flips=(flip(text),), reason=None, baseline="runs/base", run="runs/week",
    )  # fmt: skip
    page = rendered(step_summary(found))
    assert {*page.elements} <= ELEMENTS
    assert [len(row) for row in page.rows] == [3, 3, 5, 5]
    assert all(same(own, visible(text)) for own in (*page.rows[1][1:], page.rows[3][0]))


@pytest.mark.parametrize(
    "text", ["@octocat", "a@octocat.example", "http://evil.example", "https://evil.example", "#1"]
)
def test_a_summary_has_no_bare_mention_address_or_reference(verdict, text):
    raw = step_summary(
        verdict(rule(text, "fail", text), flips=(flip(text),), comparability=(text,), run=text)
    )
    assert not re.search(r"(?<!&)[@]\w|https?://|(?<![&\w])#\d", raw)


@pytest.mark.parametrize("text", ["@octocat", "a@octocat.example", "#1", "www.evil.example"])
def test_no_mention_reference_or_link_is_found_in_the_rendered_text_either(verdict, text):
    raw = step_summary(
        verdict(rule(text, "fail", text), flips=(flip(text),), comparability=(text,), run=text)
    )
    plain = "\n".join(data for data, in_code in rendered(raw).texts if not in_code)
    assert not re.search(r"@\w|#\d", plain)
    assert "www." not in raw


def in_utf8(text: str) -> int:
    return len(text.encode("utf-8"))


@pytest.mark.parametrize(
    "name", ["s{:05d}.png", "|" * 400 + "{:05d}", "🦊" * 400 + "{:05d}", "\x00" * 400 + "{:05d}"]
)
@pytest.mark.parametrize("room", [STEP_SUMMARY_BYTES, 20_000, 500, 0])
def test_ten_thousand_flips_keep_to_the_room_there_is_and_the_rest_is_counted(verdict, name, room):
    found = verdict(flips=tuple(flip(name.format(i)) for i in range(10_000)))
    text = step_summary(found, room=room)
    assert in_utf8(text) <= room
    if room < 20_000:
        return
    page = rendered(text)
    shown = len(page.rows) - 3
    assert shown > 0
    assert re.findall(r"^and (\d+) more, which the JSON has$", text, flags=re.MULTILINE) == [
        str(10_000 - shown)
    ]
    assert page.elements.count("details") == 1
    assert text.rstrip().endswith("</details>")


def test_the_limit_is_githubs():
    assert STEP_SUMMARY_BYTES == 1_048_576
