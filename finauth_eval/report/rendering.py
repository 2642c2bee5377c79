"""What every page is made with: templates, style, script, the policy for both, and a file that appears whole."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from finauth_eval.places import Place, Remote, appearing, place
from finauth_eval.report.figures import Missing
from finauth_eval.report.policy import content_security_policy
from finauth_eval.shown import numbers
from finauth_eval.shown.text import visible

__all__ = ["render", "write_page"]

_STYLES: Final = ("report.css", "pages.css")


def render(
    template: str, *, styles: Sequence[str] = _STYLES, script: str | None = None, **context: Any
) -> str:
    """A page from its template; the same context gives the same bytes.

    Args:
        template: Name of the template's file.
        styles: Names of the files that make up its stylesheet.
        script: Name of the file of the page's one script, if it has any.
        **context: What the template lays out.
    """
    style = "".join(map(_asset, styles))
    code = None if script is None else _asset(script)
    return (
        _environment()
        .get_template(template)
        .render(
            style=Markup(style),  # noqa: S704 - our own files; nothing from outside enters them
            script=None if code is None else Markup(code),  # noqa: S704 - likewise
            policy=content_security_policy(style, *([] if code is None else [code])),
            **context,
        )
    )


def write_page(page: str, path: Path | str | Remote) -> Place:
    """Write a page; the file appears whole or not at all, and missing folders are made.

    Args:
        page: The page.
        path: Where to: a file, or a URL of a store.
    """
    target = place(path)
    with appearing(target) as scratch:
        scratch.write_text(page, encoding="utf-8", newline="\n")
    return target


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
    )
    environment.filters["threshold"] = numbers.threshold
    environment.filters["short_threshold"] = numbers.short_threshold
    environment.tests["missing"] = lambda figure: isinstance(figure, Missing)
    return environment


def _shown(value: object) -> object:
    """What every expression of every template passes through: hidden characters are written out."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value
