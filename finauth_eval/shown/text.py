r"""Words from outside (attack types, file names, API messages) made safe to look at.

Jinja2 escapes what would be markup. What is left are characters that nobody sees: direction overrides that make
``exe.gpj`` read as ``jpg.exe``, zero-width blanks that make two names look alike, lone surrogates that cannot be
written as UTF-8. They are shown as what they are: ``\\u202e``.
"""

from __future__ import annotations

import json
import unicodedata
from typing import Any, Final

from markupsafe import Markup

__all__ = ["data_block", "name", "shorten", "visible"]

_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# joiners: Persian and Indic words and emoji are spelled with them
_HARMLESS: Final = frozenset({"\u200c", "\u200d"})
_LONGEST: Final = 320


def visible(text: str) -> str:
    r"""The text with control, direction, invisible and unpaired characters written out.

    Example:
        >>> visible("photo\u202egpj.exe")
        'photo\\u202egpj.exe'
    """
    return "".join(_shown(char) for char in text)


def _shown(char: str) -> str:
    if char in _HARMLESS or unicodedata.category(char) not in _HIDDEN:
        return char
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def shorten(text: str, longest: int) -> str:
    """The text, cut in the middle where it is longer than ``longest`` characters: names differ at both ends.

    Example:
        >>> shorten("a_very_long_attack_type", 12)
        'a_very…_type'
    """
    if len(text) <= longest:
        return text
    tail = (longest - 1) // 2
    return f"{text[: longest - 1 - tail]}…{text[len(text) - tail :]}"


def name(text: str, longest: int = _LONGEST) -> Markup:
    """A name from outside, isolated from the direction of the words around it.

    Example:
        >>> name("<b>")
        Markup('<bdi>&lt;b&gt;</bdi>')
    """
    return Markup("<bdi>{}</bdi>").format(shorten(visible(text), longest))


def data_block(value: Any) -> Markup:
    r"""A JSON value for a ``<script type="application/json">``: nothing in it can end the element.

    Example:
        >>> data_block({"type": "</script>&"})
        Markup('{"type":"\\u003c/script\\u003e\\u0026"}')
    """
    # ensure_ascii also writes U+2028, U+2029 and unpaired surrogates as escapes
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for char in "<>&":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return Markup(text)  # noqa: S704 - the three characters that HTML minds in a script element are escaped above
