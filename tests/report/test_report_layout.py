"""``layout="dir"``: style and script in files beside the page, for servers whose policy forbids what is written into one."""

from __future__ import annotations

import functools
import http.server
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from finauth_eval.cli import app
from finauth_eval.comparison import compare
from finauth_eval.deployed import load_policy
from finauth_eval.report import render_comparison, render_report, write_comparison, write_report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from finauth_eval.comparison import Comparison
    from finauth_eval.evaluation import Evaluation
    from finauth_eval.recommendation import Recommendations
    from finauth_eval.scores import ScoreTable

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data: 'self';"
    " base-uri 'none'; form-action 'none'"
)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None: ...

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", "default-src 'self'; img-src 'self' data:")
        super().end_headers()


@pytest.fixture(scope="module")
def comparison(table: ScoreTable, frame: Any, as_table: Any) -> Comparison:
    return compare(table, as_table(frame().assign(score=lambda own: (own["score"] * 0.9).round(4))))


@pytest.fixture(scope="module")
def folder(
    tmp_path_factory: pytest.TempPathFactory,
    evaluation: Evaluation,
    recommendations: Recommendations,
    table: ScoreTable,
    comparison: Comparison,
) -> Path:
    """Both pages in one folder, with a name that an address has to escape."""
    root = tmp_path_factory.mktemp("layout")
    write_report(evaluation, recommendations, path=root / "a: b%.html", scores=table, layout="dir")
    write_comparison(comparison, path=root / "change.html", layout="dir")
    return root


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[str]:
    """The folder behind a web server whose own policy forbids everything that is written into a page."""
    (folder / "favicon.ico").write_bytes(b"")
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder))
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def opened(browser: Any) -> Iterator[Callable[[str], Any]]:
    contexts = []

    def open_page(address: str) -> Any:
        context = browser.new_context(viewport={"width": 1400, "height": 900})
        contexts.append(context)
        tab = context.new_page()
        tab.requests, tab.messages = [], []
        tab.on("request", lambda request: tab.requests.append(request.url))
        tab.on("console", lambda message: tab.messages.append(message.text))
        tab.on("pageerror", lambda error: tab.messages.append(str(error)))
        tab.goto(address)
        return tab

    yield open_page
    for context in contexts:
        context.close()


def test_style_and_script_lie_beside_the_page_and_nothing_is_written_into_it(
    folder: Path, page: str, parse: Callable[[str], Any]
) -> None:
    document = parse((folder / "a: b%.html").read_text(encoding="utf-8"))
    whole = parse(page)
    assert document.all("meta")[1]["content"] == POLICY
    assert document.all("style") == []
    assert [own["href"] for own in document.all("link")] == ["a%3A%20b%25.css"]
    assert [own.get("type") or own["src"] for own in document.all("script")] == [
        *[own["type"] for own in whole.all("script")[:-1]],
        "a%3A%20b%25.js",
    ]
    assert (folder / "a: b%.css").read_text(encoding="utf-8") == whole.all("style")[0].text
    assert (folder / "a: b%.js").read_text(encoding="utf-8") == whole.all("script")[-1].text
    data = document.by_id("finauth-eval-data").text
    assert data == whole.by_id("finauth-eval-data").text
    own = {file.name for file in folder.iterdir()} - {"favicon.ico"}
    assert own == {f"{name}{end}" for name in ("a: b%", "change") for end in (".html", ".css", ".js")}


def test_one_file_is_the_default_and_the_same_bytes_as_ever(
    evaluation: Evaluation, comparison: Comparison, tmp_path: Path
) -> None:
    for layout in ({}, {"layout": "file"}):
        file = write_report(evaluation, path=tmp_path / "report.html", **layout)
        assert file.read_text(encoding="utf-8") == render_report(evaluation)
        file = write_comparison(comparison, path=tmp_path / "change.html", **layout)
        assert file.read_text(encoding="utf-8") == render_comparison(comparison)
    assert {file.name for file in tmp_path.iterdir()} == {"report.html", "change.html"}


def test_page_comes_last_and_each_file_whole(
    evaluation: Evaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    replace = Path.replace

    def failing(self: Path, target: Path) -> Path:
        seen.append(target.name)
        if target.suffix == ".html":
            raise OSError(28, "No space left on device")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(OSError, match="No space left"):
        write_report(evaluation, path=tmp_path / "report.html", layout="dir")
    assert seen == ["report.css", "report.js", "report.html"]
    assert {file.name for file in tmp_path.iterdir()} == {"report.css", "report.js"}


def test_a_layout_or_a_name_that_cannot_be_is_refused(evaluation: Evaluation, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="layout is 'zip'; expected 'file' or 'dir'"):
        write_report(evaluation, path=tmp_path / "report.html", layout="zip")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"report\.JS: a page whose files lie beside it can't end in \.JS"):
        write_report(evaluation, path=tmp_path / "report.JS", layout="dir")
    assert list(tmp_path.iterdir()) == []


def test_command_lays_out_both_kinds_of_pages(table: ScoreTable, tmp_path: Path) -> None:
    run = table.write(tmp_path / "run")
    out = tmp_path / "out"
    for words in (["-o", out / "report.html"], ["-o", out / "change.html", "--against", run]):
        found = CliRunner().invoke(app, ["report", str(run), *map(str, words), "--layout", "dir"])
        assert found.exit_code == 0, found.output
    assert {file.name for file in out.iterdir()} == {
        f"{name}{end}" for name in ("report", "change") for end in (".html", ".css", ".js")
    }
    found = CliRunner().invoke(app, ["report", str(run), "-o", str(out / "report.css"), "--layout", "dir"])
    assert found.exit_code == 2
    assert "report.css: expected another ending" in found.output + str(found.exception)


@pytest.mark.browser
def test_explorer_works_behind_a_server_with_a_strict_policy_and_asks_for_nothing_else(
    served: str, opened: Callable[[str], Any]
) -> None:
    tab = opened(served + "a%3A%20b%25.html")
    assert [own.removeprefix(served + "a%3A%20b%25") for own in tab.requests] == [".html", ".css", ".js"]
    assert tab.evaluate("getComputedStyle(document.querySelector('.card')).borderRadius") == "12px"
    read = "[...document.querySelectorAll('#explorer .matrix data')].map((own) => own.textContent).join()"
    before = tab.evaluate(read)
    tab.evaluate(
        "document.addEventListener('securitypolicyviolation', (e) => console.log(e.violatedDirective))"
    )
    tab.locator("#x-at").fill("0.8")
    tab.locator("#x-at").press("Tab")
    assert tab.evaluate(read) != before
    tab.locator("#x-band").check()
    tab.wait_for_timeout(400)  # the link is made anew when the slider has come to rest
    with tab.expect_download() as waiting:
        tab.locator("#x-policy-link").click()
    at = float(tab.locator("#x-at").input_value())
    policy = load_policy(waiting.value.path())
    assert at > 0.79
    assert (policy.decide(at), policy.decide(at - 0.001)) == ("reject", "review")
    tab.wait_for_timeout(400)
    assert len([own for own in tab.requests if not own.startswith("data:")]) == 3
    assert tab.messages == []


@pytest.mark.browser
def test_comparison_sorts_and_filters_behind_the_server(served: str, opened: Callable[[str], Any]) -> None:
    tab = opened(served + "change.html")
    assert tab.requests == [served + f"change{end}" for end in (".html", ".css", ".js")]
    field = tab.locator(".tools input").first
    rows = tab.locator(".sortable tbody tr:visible")
    assert rows.count() > 0
    field.fill("no sample has this name")
    tab.wait_for_timeout(300)
    assert rows.count() == 0
    assert tab.messages == []


@pytest.mark.browser
def test_one_file_is_what_the_server_with_the_strict_policy_leaves_bare(
    served: str, folder: Path, page: str, opened: Callable[[str], Any]
) -> None:
    (folder / "single.html").write_text(page, encoding="utf-8")
    try:
        tab = opened(served + "single.html")
        assert tab.evaluate("getComputedStyle(document.querySelector('.card')).borderRadius") == "0px"
        assert tab.locator("#x-at").is_disabled()
        assert any("Content Security Policy" in own for own in tab.messages)
    finally:
        (folder / "single.html").unlink()


@pytest.mark.browser
def test_page_works_from_disk_in_chromium(folder: Path, opened: Callable[[str], Any]) -> None:
    tab = opened((folder / "change.html").as_uri())
    assert tab.requests == [(folder / f"change{end}").as_uri() for end in (".html", ".css", ".js")]
    assert tab.evaluate("getComputedStyle(document.querySelector('.card')).borderRadius") == "12px"
    assert tab.locator(".tools input").first.is_visible()
    assert tab.messages == []
