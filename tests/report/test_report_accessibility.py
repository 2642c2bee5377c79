"""No violation that axe-core knows of: light, dark, on a telephone, on paper, with the explorer moved."""

from __future__ import annotations

import os
from importlib import resources, util
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def axe() -> str:
    if util.find_spec("axe_playwright_python") is None:
        if os.environ.get("CI"):
            pytest.fail("CI must test accessibility, and axe-playwright-python is not installed")
        pytest.skip("axe-playwright-python is not installed; it is in the extra dev")
    return resources.files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("width", "scheme", "media"),
    [(1400, "light", "screen"), (1400, "dark", "screen"), (390, "light", "screen"), (720, "light", "print")],
)
def test_axe_finds_no_violation(
    browser: Any, page: str, tmp_path: Path, axe: str, width: int, scheme: str, media: str
) -> None:
    file = tmp_path / "report.html"
    file.write_text(page, encoding="utf-8")
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    tab = context.new_page()
    tab.goto(file.as_uri() + "#t=0.44&r=0.3")
    tab.emulate_media(media=media)
    tab.evaluate("() => document.querySelectorAll('details').forEach((own) => { own.open = true })")
    tab.evaluate(axe)
    found = tab.evaluate("() => axe.run()")
    context.close()
    assert len(found["passes"]) > 20
    assert {own["id"]: [node["html"][:200] for node in own["nodes"]] for own in found["violations"]} == {}
