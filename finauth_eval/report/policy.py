"""The content security policy of a page: nothing is loaded, and only what is named by its hash is applied or run."""

from __future__ import annotations

import base64
import hashlib
from typing import Final

__all__ = ["POLICY_OF_FILES", "content_security_policy"]

POLICY_OF_FILES: Final = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data: 'self'; base-uri 'none'; form-action 'none'"
"""The policy of a page whose style and script lie beside it: nothing that is written into the page is applied or run."""


def content_security_policy(style: str, *scripts: str) -> str:
    """The policy of a page with one stylesheet and these scripts, each written into the page as it is.

    Args:
        style: The text of the ``<style>`` element.
        *scripts: The text of each ``<script>`` element that is to run; JSON in a ``<script>`` does not run.

    Example:
        >>> content_security_policy("")
        "default-src 'none'; style-src 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='; img-src data:; base-uri 'none'; form-action 'none'"
    """
    rules = ["default-src 'none'"]
    if scripts:
        rules.append("script-src " + " ".join(map(_source, scripts)))
    rules += [f"style-src {_source(style)}", "img-src data:", "base-uri 'none'", "form-action 'none'"]
    return "; ".join(rules)


def _source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
