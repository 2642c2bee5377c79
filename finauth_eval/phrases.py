"""Sentences that can be said in more than one language.

What the package finds out is said in English, in templates with named gaps. A `Phrase` is that English text, and keeps
template and values, so that a page in another language can say it again. Pages speak through `say` and its kin, which
look the template up at once, in the language of `speaking`. The catalogues are gettext's, below ``languages/``; the
English text is the key, so English is complete by itself.
"""

from __future__ import annotations

import gettext
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final, Literal, Self, get_args

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = [
    "LANGUAGES",
    "Language",
    "Phrase",
    "counted",
    "gapped",
    "joined",
    "language",
    "looked_up",
    "looked_up_many",
    "marked",
    "phrase",
    "plural",
    "say",
    "speaking",
    "translated",
]

Language = Literal["en", "id"]
"""A language that pages can be written in, as BCP 47 names it: English, Indonesian."""

LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
_DOMAIN: Final = "finauth_eval"
_spoken: ContextVar[Language] = ContextVar("language", default="en")


class Phrase(str):
    """An English text that knows what it was made of.

    Attributes:
        template: The English text with named gaps, as the catalogues have it; of one thing, where there is a number.
        many: The template for several things, or ``None``.
        number: How many things there are, or ``None``.
        values: What fills the gaps.
    """

    __slots__ = ("many", "number", "template", "values")

    template: str
    many: str | None
    number: int | None
    values: Mapping[str, object]

    def __new__(
        cls, template: str, many: str | None, number: int | None, values: Mapping[str, object]
    ) -> Self:
        """The English text, filled in."""
        chosen = template if many is None or number == 1 else many
        made = super().__new__(cls, chosen.format(**values))
        made.template, made.many, made.number, made.values = template, many, number, values
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return (Phrase, (self.template, self.many, self.number, dict(self.values)))


def phrase(template: str, /, **values: object) -> Phrase:
    """A sentence of the package, in English.

    Args:
        template: A literal text with named gaps, such as ``"{n} samples got no score."``.
        **values: What fills the gaps: texts, or further phrases.

    Example:
        >>> found = phrase("{n} samples got no score.", n=3)
        >>> found, found.template
        ('3 samples got no score.', '{n} samples got no score.')
    """
    return Phrase(template, None, None, values)


def plural(one: str, many: str, number: int, /, **values: object) -> Phrase:
    """A sentence that depends on a number, which fills the gap ``{n}``.

    Example:
        >>> plural("{n} sample", "{n} samples", 1), plural("{n} sample", "{n} samples", 1200)
        ('1 sample', '1,200 samples')
    """
    return Phrase(one, many, number, {"n": f"{number:,}", **values})


def joined(separator: str, parts: Iterable[str]) -> Phrase:
    """Phrases and texts in a row, each of which is still to be translated.

    Example:
        >>> joined("; ", ["a", phrase("no score")])
        'a; no score'
    """
    values = {f"part{k}": part for k, part in enumerate(parts)}
    escaped = separator.replace("{", "{{").replace("}", "}}")
    return Phrase(escaped.join(f"{{{key}}}" for key in values), None, None, values)


def translated(text: str) -> str:
    """The text in the language that is spoken: a phrase is looked up, any other text stays as it is."""
    if not isinstance(text, Phrase) or _spoken.get() == "en":
        return text
    return _template(text).format(**{key: _value(value) for key, value in text.values.items()})


def _template(text: Phrase) -> str:
    if text.many is None or text.number is None:
        return looked_up(text.template)
    return looked_up_many(text.template, text.many, text.number)


def _value(value: object) -> object:
    return translated(value) if isinstance(value, Phrase) else value


def say(template: str, /, **values: object) -> str:
    """A text of a page, in the language that is spoken.

    Args:
        template: A literal text with named gaps.
        **values: What fills the gaps; phrases among them are translated too.
    """
    return str(translated(phrase(template, **values)))


def counted(one: str, many: str, number: int, /, **values: object) -> str:
    """A text of a page that depends on a number, which fills the gap ``{n}``."""
    return str(translated(plural(one, many, number, **values)))


def marked(template: str, /, **values: object) -> Markup:
    """A text of a page with markup in its template; what fills the gaps is escaped, unless it is markup itself.

    Example:
        >>> marked("<em>{name}</em> passes", name="<b>")
        Markup('<em>&lt;b&gt;</em> passes')
    """
    # the template is a literal of ours or of our catalogue
    return Markup(looked_up(template)).format(**{key: _value(value) for key, value in values.items()})  # noqa: S704 - see above


def gapped(template: str, /) -> str:
    """A text of a page with its gaps still open, for a script to fill."""
    return looked_up(template)


def language() -> Language:
    """The language that is spoken, for a page's ``lang``."""
    return _spoken.get()


@contextmanager
def speaking(wanted: Language) -> Iterator[None]:
    """Say everything in this language, within the block.

    Raises:
        ValueError: There is no catalogue of that language.
    """
    if wanted not in LANGUAGES:
        raise ValueError(f"lang is {wanted!r}; expected one of {', '.join(map(repr, LANGUAGES))}")
    token = _spoken.set(wanted)
    try:
        yield
    finally:
        _spoken.reset(token)


@cache
def _catalogue(wanted: Language) -> gettext.NullTranslations:
    if wanted == "en":
        return gettext.NullTranslations()
    folder = resources.files("finauth_eval").joinpath("languages", wanted, "LC_MESSAGES")
    with folder.joinpath(f"{_DOMAIN}.mo").open("rb") as compiled:
        return gettext.GNUTranslations(compiled)


def looked_up(template: str) -> str:
    """A template in the language that is spoken; the empty one stays so, for catalogues have their header there."""
    return _catalogue(_spoken.get()).gettext(template) if template else ""


def looked_up_many(one: str, many: str, number: int) -> str:
    """A template that depends on a number."""
    return _catalogue(_spoken.get()).ngettext(one, many, number)
