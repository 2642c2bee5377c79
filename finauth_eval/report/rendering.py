"""Templates, stylesheet and script, and the policy that lets a browser run these two and nothing else."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from finauth_eval.report.figures import Missing
from finauth_eval.shown import numbers
from finauth_eval.shown.text import visible

__all__ = ["own_files", "rendered"]


def rendered(template: str, context: dict[str, object]) -> str:
    """A template's text with these values, escaped."""
    return _environment().get_template(template).render(context)


def own_files() -> dict[str, object]:
    """Stylesheet, script and the policy that allows these two by their hashes and nothing else."""
    style, script = _own_file("report.css"), _own_file("explorer.js")
    return {
        "style": Markup(style),  # noqa: S704 - our own files; nothing from outside enters them
        "script": Markup(script),  # noqa: S704 - likewise
        "policy": (
            f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; img-src data:;"
            " base-uri 'none'; form-action 'none'"
        ),
    }


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@cache
def _own_file(name: str) -> str:
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
