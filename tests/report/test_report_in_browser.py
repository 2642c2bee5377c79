"""The page in a real browser: nothing leaves it, nothing is refused, nothing is cut off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.browser

# ratio of the lightness of each text to the nearest background behind it, as WCAG 2 defines it; SVG text is filled
CONTRASTS = """
() => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgb = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = (c) => {
    const [r, g, b] = c.slice(0, 3).map((v) => v / 255).map((v) => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = rgb(getComputedStyle(at).backgroundColor);
      if (color[3] === 255) return color;
    }
    return [255, 255, 255, 255];
  };
  const worst = {};
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || ["SCRIPT", "STYLE", "title", "desc"].includes(element.tagName)) continue;
    const style = getComputedStyle(element);
    const pin = element.classList.contains("pin-letter");
    const front = rgb(element instanceof SVGElement ? style.fill : style.color);
    const back = pin ? rgb(getComputedStyle(element.previousElementSibling).fill) : behind(element);
    const [a, b] = [light(front), light(back)].sort((x, y) => y - x);
    const ratio = (a + .05) / (b + .05);
    const name = element.tagName + "." + element.getAttribute("class");
    worst[name] = Math.min(ratio, worst[name] ?? 99);
  }
  return worst;
}
"""


@pytest.fixture(scope="module")
def file(page: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(page, encoding="utf-8")
    return path


@pytest.fixture
def opened(browser: Any, file: Path) -> Iterator[Callable[..., Any]]:
    contexts = []

    def open_page(*, width: int = 1400, **options: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        tab = context.new_page()
        tab.requests, tab.messages = [], []
        tab.on("request", lambda request: tab.requests.append(request.url))
        tab.on("console", lambda message: tab.messages.append(message.text))
        tab.on("pageerror", lambda error: tab.messages.append(str(error)))
        tab.goto(file.as_uri())
        return tab

    yield open_page
    for context in contexts:
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_opening_asks_for_nothing_and_nothing_is_refused(
    opened: Callable[..., Any], file: Path, scheme: str
) -> None:
    tab = opened(color_scheme=scheme)
    assert tab.requests == [file.as_uri()]
    assert tab.messages == []


def test_policy_is_in_force(opened: Callable[..., Any]) -> None:
    tab = opened()
    tab.evaluate("() => document.body.setAttribute('onclick', 'window.ran = true')")
    tab.evaluate("() => document.body.click()")
    tab.evaluate("() => { new Image().src = 'http://127.0.0.1:9/x.png' }")
    tab.wait_for_timeout(100)
    assert tab.evaluate("() => window.ran") is None
    refused = [message for message in tab.messages if "Content Security Policy" in message]
    assert ["inline event handler" in refused[0], "http://127.0.0.1:9/x.png" in refused[1]] == [True, True]


@pytest.mark.parametrize("width", [390, 768, 1400])
def test_page_is_never_wider_than_the_window(opened: Callable[..., Any], width: int) -> None:
    tab = opened(width=width)
    assert tab.evaluate("document.scrollingElement.scrollWidth") <= width
    tab.evaluate("() => document.querySelectorAll('details').forEach((details) => { details.open = true })")
    assert tab.evaluate("document.scrollingElement.scrollWidth") <= width


@pytest.mark.parametrize("scripts", [True, False])
def test_every_chart_is_drawn_with_scripts_and_without(opened: Callable[..., Any], scripts: bool) -> None:
    tab = opened(width=390, java_script_enabled=scripts)
    charts = tab.locator("svg.chart")
    assert charts.count() == 9
    for k in range(charts.count()):
        box = charts.nth(k).bounding_box()
        assert box["width"] > 250
        assert box["height"] > 100
    assert tab.locator("#verdict-h").inner_text().startswith("At 0.50, ")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_what_is_behind_it(opened: Callable[..., Any], scheme: str) -> None:
    contrasts = opened(color_scheme=scheme).evaluate(CONTRASTS)
    assert len(contrasts) > 20
    assert {name: ratio for name, ratio in contrasts.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("width", [390, 1400])
def test_letters_and_names_in_charts_do_not_collide(opened: Callable[..., Any], width: int) -> None:
    overlaps = opened(width=width).evaluate(
        """() => [...document.querySelectorAll("svg.chart")].flatMap((chart) => {
          const boxes = [...chart.querySelectorAll("text")].map((text) => [text.textContent, text.getBoundingClientRect()]);
          const bounds = chart.getBoundingClientRect();
          const found = boxes.filter(([, a]) => a.left < bounds.left - 1 || a.right > bounds.right + 1
            || a.top < bounds.top - 1 || a.bottom > bounds.bottom + 1).map(([name]) => [name, "is cut off"]);
          if (!bounds.width) found.push(["a chart", "is not shown"]);
          boxes.forEach(([name, a], i) => boxes.slice(i + 1).forEach(([other, b]) => {
            const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
            const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
            if (across > 1 && down > 3) found.push([chart.getAttribute("aria-labelledby"), name, other]);
          }));
          return found;
        })"""
    )
    assert overlaps == []


def test_print_is_light_and_shows_what_is_folded(opened: Callable[..., Any]) -> None:
    tab = opened(width=720, color_scheme="dark")
    tab.emulate_media(media="print", color_scheme="dark")
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    box = tab.get_by_role("table", name="Points of the ROC curve", exact=True).bounding_box()
    assert box["height"] > 200
    assert tab.evaluate("document.scrollingElement.scrollWidth") <= 720


def test_keyboard_reaches_the_verdict_first_and_then_the_tables(opened: Callable[..., Any]) -> None:
    tab = opened()
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    assert tab.locator(".skip").bounding_box()["x"] >= 0
    for _ in range(10):  # the nine links to sections, then the first table
        tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.getAttribute('aria-label')") == "Table: Samples by class"
    assert tab.evaluate("getComputedStyle(document.activeElement).outlineWidth") == "3px"
