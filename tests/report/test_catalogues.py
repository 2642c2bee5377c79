"""The catalogues of languages: whole, with the gaps and the markup of the English, and compiled as they stand."""

from __future__ import annotations

import gettext
import io
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_keywords, parse_mapping_cfg
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from typer.testing import CliRunner

import finauth_eval
from finauth_eval.cli import app
from finauth_eval.phrases import LANGUAGES
from finauth_eval.report import render_report

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
PACKAGE = Path(finauth_eval.__file__).parent
OTHERS = [own for own in LANGUAGES if own != "en"]
GAP = re.compile(r"\{\w*[^}]*\}|%\(\w+\)\w|%%")
TAG = re.compile(r"</?\w+[^>]*>")
Texts = dict[tuple[str, ...], tuple[str, ...]]


def catalogue(language: str) -> Path:
    return PACKAGE / "languages" / language / "LC_MESSAGES" / "finauth_eval.po"


def read(language: str) -> Any:
    with catalogue(language).open("rb") as file:
        return read_po(file, abort_invalid=True)


def translations(language: str) -> Texts:
    """The English of each entry, one or two of a plural, and what stands for it."""
    return {
        (own.id,) if isinstance(own.id, str) else tuple(own.id): (own.string,)
        if isinstance(own.string, str)
        else tuple(own.string)
        for own in read(language)
        if own.id
    }


@pytest.fixture(scope="module")
def said() -> set[tuple[str, ...]]:
    """Every text of the sources that a page may say, found as `make languages` finds them."""
    [words] = re.findall(r"^KEYWORDS := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    keywords = parse_keywords([word for word in words.split() if word != "-k"])
    with (ROOT / "scripts" / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)
    found = extract_from_dir(PACKAGE, methods, options, keywords)
    return {(text,) if isinstance(text, str) else tuple(text) for _, _, text, _, _ in found}


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_is_translated_and_nothing_else_is_in_the_catalogue(
    language: str, said: set[tuple[str, ...]]
) -> None:
    known = translations(language)
    assert len(said) > 900
    assert said - set(known) == set(), "run make languages, and translate what is new"
    assert set(known) - said == set(), "run make languages: these are said no more"
    assert [english for english, own in known.items() if not all(text.strip() for text in own)] == []
    assert [own.id for own in read(language) if own.id and own.fuzzy] == []


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize("part", [GAP, TAG], ids=["gaps", "tags"])
def test_gaps_and_markup_are_those_of_the_english(language: str, part: re.Pattern[str]) -> None:
    wrong = {
        english: own
        for english, own in translations(language).items()
        # of a plural the text for several things has all gaps
        if any(Counter(part.findall(text)) != Counter(part.findall(english[-1])) for text in own)
    }
    assert wrong == {}


@pytest.mark.parametrize("language", OTHERS)
def test_edges_are_those_of_the_english_for_texts_are_put_together(language: str) -> None:
    def edges(text: str) -> tuple[str, ...]:
        ends = re.fullmatch(r"(\s*).*?([.:;]?)(\s*)", text, re.DOTALL)
        assert ends is not None
        return ends.groups()

    wrong = {
        english: own
        for english, own in translations(language).items()
        if any(edges(text) != edges(english[-1]) for text in own)
    }
    assert wrong == {}


@pytest.mark.parametrize("language", OTHERS)
def test_what_is_compiled_is_what_stands_there(language: str) -> None:
    compiled = io.BytesIO()
    write_mo(compiled, read(language))
    compiled.seek(0)
    with catalogue(language).with_suffix(".mo").open("rb") as shipped:
        own, other = (gettext.GNUTranslations(file) for file in (compiled, shipped))
    for english, texts in translations(language).items():
        for made in (own, other):
            for number in (0, 1, 2, 21):
                found = made.gettext(*english) if len(english) == 1 else made.ngettext(*english, number)
                assert found in texts


@pytest.mark.parametrize("language", OTHERS)
def test_numbers_are_the_same_in_every_language(
    language: Any,
    page: str,
    parse: Callable[[str], Any],
    evaluation: Any,
    recommendations: Any,
    table: Any,
) -> None:
    other = render_report(evaluation, recommendations, scores=table, lang=language)
    one, two = parse(page), parse(other)
    assert [html["lang"] for html in two.all("html")] == [language]

    def values(document: Any) -> list[str]:
        return [own.get("value") for own in document.all("data")]

    assert values(one) == values(two)
    assert one.by_id("finauth-eval-data").text == two.by_id("finauth-eval-data").text
    headings = [own.text for own in one.all("h2")]
    assert not {*headings[1:]} & {own.text for own in two.all("h2")}


def test_another_language_is_refused(evaluation: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="lang is 'fr'; expected one of 'en', 'id'"):
        render_report(evaluation, lang="fr")  # type: ignore[arg-type]
    done = CliRunner().invoke(app, ["report", str(tmp_path), "-o", str(tmp_path / "x.html"), "--lang", "fr"])
    assert done.exit_code == 2
    assert "'fr'" in done.stderr


def test_the_command_writes_the_page_in_the_language(table: Any, tmp_path: Path) -> None:
    table.write(tmp_path / "run")
    run, page = str(tmp_path / "run"), tmp_path / "x.html"
    done = CliRunner().invoke(app, ["report", run, "-o", str(page), "--lang", "id"], catch_exceptions=False)
    assert done.exit_code == 0
    text = page.read_text(encoding="utf-8")
    assert '<html lang="id">' in text
    assert ">Cakupan</h2>" in text
