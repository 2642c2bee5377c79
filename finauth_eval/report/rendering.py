"""What every page is made with: templates, style, script, the policy for both, and files that appear whole.

A page is one file that holds its style and its script, or (``layout="dir"``) three: where a server's own policy forbids
what is written into a page, style and script lie beside it, under the page's name.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from finauth_eval.phrases import language, looked_up, looked_up_many, translated
from finauth_eval.places import Place, Remote, appearing, place
from finauth_eval.report.figures import Missing
from finauth_eval.report.policy import POLICY_OF_FILES, content_security_policy
from finauth_eval.shown import numbers
from finauth_eval.shown.text import visible

__all__ = ["Layout", "Page", "lay_out", "render", "write_page"]

Layout = Literal["file", "dir"]
"""Whether a page is one file, or has its style and script in files beside it."""

_STYLES: Final = ("report.css", "pages.css")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page, and the text of each file that must lie beside it, by name."""

    text: str
    beside: Mapping[str, str] = field(default_factory=dict)


def render(
    template: str, *, styles: Sequence[str] = _STYLES, scripts: Sequence[str] = (), **context: Any
) -> str:
    """A page in one file from its template; the same context gives the same bytes.

    Args:
        template: Name of the template's file.
        styles: Names of the files that make up its stylesheet.
        scripts: Names of the files that make up its one script, if it has any.
        **context: What the template lays out.
    """
    style = "".join(map(_asset, styles))
    code = "".join(map(_asset, scripts)) or None
    # our own files; nothing from outside enters them
    return _filled(
        template,
        policy=content_security_policy(style, *([] if code is None else [code])),
        style=Markup(f"<style>{style}</style>"),  # noqa: S704 - see above
        script=None if code is None else Markup(f"<script>{code}</script>"),  # noqa: S704 - see above
        context=context,
    )


def lay_out(
    template: str,
    *,
    path: Path | str | Remote,
    layout: Layout = "file",
    styles: Sequence[str] = _STYLES,
    scripts: Sequence[str],
    **context: Any,
) -> Page:
    """A page as it is to be written: in one file, or with its style and script beside it.

    Args:
        template: As for ``render``.
        path: Where the page will lie; the files beside it have its name and end in ``.css`` and ``.js``.
        layout: ``"file"`` or ``"dir"``.
        styles: As for ``render``.
        scripts: As for ``render``.
        **context: As for ``render``.

    Raises:
        ValueError: The layout is another word, or the page has the name of a file beside it.
    """
    if layout == "file":
        return Page(text=render(template, styles=styles, scripts=scripts, **context))
    if layout != "dir":
        raise ValueError(f"layout is {layout!r}; expected 'file' or 'dir'")
    path = place(path)
    if path.suffix.lower() in (".css", ".js"):
        raise ValueError(f"{path.name}: a page whose files lie beside it can't end in {path.suffix}")
    style_name, script_name = (f"{path.stem}{ending}" for ending in (".css", ".js"))
    text = _filled(
        template,
        policy=POLICY_OF_FILES,
        style=Markup('<link rel="stylesheet" href="{}">').format(_address(style_name)),
        script=Markup('<script src="{}"></script>').format(_address(script_name)),
        context=context,
    )
    return Page(
        text=text,
        beside={style_name: "".join(map(_asset, styles)), script_name: "".join(map(_asset, scripts))},
    )


def _filled(
    template: str, *, policy: str, style: Markup, script: Markup | None, context: Mapping[str, Any]
) -> str:
    return _environment().get_template(template).render(policy=policy, style=style, script=script, **context)


def _address(name: str) -> str:
    return quote(os.fsencode(name))


def write_page(page: Page | str, path: Path | str | Remote) -> Place:
    """Write a page, after the files beside it; each appears whole or not at all, and missing folders are made.

    Args:
        page: The page.
        path: Where to: a file, or a URL of a store.
    """
    target = place(path)
    if isinstance(page, Page):
        for name, text in page.beside.items():
            _write(target.parent / name, text)
        page = page.text
    _write(target, page)
    return target


def _write(target: Place, text: str) -> None:
    with appearing(target) as scratch:
        scratch.write_text(text, encoding="utf-8", newline="\n")


@cache
def _asset(name: str) -> str:
    return resources.files("finauth_eval.report").joinpath("templates", name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("finauth_eval.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_shown,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_callables(looked_up, looked_up_many, newstyle=True)  # type: ignore[attr-defined]
    environment.policies["ext.i18n.trimmed"] = True
    environment.globals["lang"] = language
    environment.filters["threshold"] = numbers.threshold
    environment.filters["short_threshold"] = numbers.short_threshold
    environment.tests["missing"] = lambda figure: isinstance(figure, Missing)
    return environment


def _shown(value: object) -> object:
    """What every expression of every template passes through: phrases are said, hidden characters are written out."""
    return visible(translated(value)) if isinstance(value, str) and not isinstance(value, Markup) else value
