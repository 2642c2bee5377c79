"""What a notebook shows in a real JupyterLab: tables without any trust, the explorer once the notebook is trusted."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import finauth_eval

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# a server, two kernels and a large application: slow where a machine is busy
pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

PATIENCE = 120_000  # milliseconds
CELLS = (
    """
import numpy as np, pandas as pd
from finauth_eval import ScoreTable, compare, evaluate, explore
rng = np.random.default_rng(3)
attack = np.arange(200) % 2 == 0
def run(shift):
    score = np.clip(0.35 + shift * attack + rng.normal(0, 0.15, 200), 0, 1).round(3)
    kind = np.where(attack, np.where(np.arange(200) % 4 == 0, "<b>mask</b>", "replay"), None)
    frame = pd.DataFrame({"sample_id": [f"s{k}" for k in range(200)],
                          "label": np.where(attack, "attack", "bona_fide"), "score": score, "attack_type": kind})
    return ScoreTable.from_frame(frame)
first, second = run(0.3), run(0.4)
found = evaluate(first, thresholds=[0.44], bootstrap=0)
found
""",
    "compare(first, second)",
    "explore(found, height=700)",
)
EXECUTE = """
import sys, nbclient, nbformat
book = nbformat.read(sys.argv[1], as_version=4)
nbclient.NotebookClient(book, timeout=120, kernel_name="python3").execute()
nbformat.write(book, sys.argv[1])
"""


def needed() -> None:
    missing = [name for name in ("jupyterlab", "nbclient", "ipykernel") if find_spec(name) is None]
    if missing:
        if os.environ.get("CI"):
            pytest.fail(f"CI must look at notebooks in JupyterLab, and {', '.join(missing)} is not installed")
        pytest.skip(f"{', '.join(missing)} is not installed; pip install -e '.[dev,notebook]'")


@pytest.fixture(scope="module")
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which Jupyter neither reads nor writes anything of the person's."""
    root = tmp_path_factory.mktemp("jupyter")
    folders = {
        name: str(root / name.lower())
        for name in (
            "HOME", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_SETTINGS_DIR",
            "JUPYTERLAB_WORKSPACES_DIR", "IPYTHONDIR",
        )
    }  # fmt: skip
    for folder in folders.values():
        Path(folder).mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "JPY_"))}
    here = str(Path(finauth_eval.__file__).parent.parent)
    paths = os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))
    return {
        **kept,
        **folders,
        "PYTHONPATH": paths,
        "JUPYTER_NO_CONFIG": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


@pytest.fixture(scope="module")
def notebooks(tmp_path_factory: pytest.TempPathFactory, surroundings: dict[str, str]) -> Path:
    """One executed notebook twice: ``strange.ipynb`` as from somebody else, ``trusted.ipynb`` with ``jupyter trust``."""
    needed()
    root = tmp_path_factory.mktemp("notebooks")
    book = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        "cells": [
            {
                "id": f"cell-{k}", "cell_type": "code", "metadata": {}, "source": source.strip(), "outputs": [],
                "execution_count": None,
            }
            for k, source in enumerate(CELLS)
        ],
    }  # fmt: skip
    strange = root / "strange.ipynb"
    strange.write_text(json.dumps(book), encoding="utf-8")
    run([sys.executable, "-c", EXECUTE, str(strange)], surroundings)
    trusted = root / "trusted.ipynb"
    shutil.copy(strange, trusted)
    # a signature is of the content: the two must differ, or both were trusted
    trusted.write_text(
        trusted.read_text(encoding="utf-8").replace("height=700", "height=710"), encoding="utf-8"
    )
    run([sys.executable, "-m", "nbformat.sign", str(trusted)], surroundings)
    return root


def run(command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def lab(browser: Any, notebooks: Path, surroundings: dict[str, str]) -> Iterator[str]:
    """The address of a JupyterLab on this machine alone; it ends with the tests, its kernels too."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={notebooks}",
        "--IdentityProvider.token=", "--LabApp.extension_manager=readonly",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", "--LabApp.news_url=None",
    ]  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    with running(command, surroundings, notebooks.parent / "jupyterlab.log") as (server, log):
        for _ in range(PATIENCE // 250):
            if server.poll() is not None:
                pytest.fail(f"JupyterLab ended: {log.read_text(encoding='utf-8')[-3000:]}")
            try:
                if asked(f"{address}/api/status"):
                    break
            except OSError:
                time.sleep(0.25)
        else:
            pytest.fail(f"JupyterLab does not answer: {log.read_text(encoding='utf-8')[-3000:]}")
        yield address


@contextmanager
def running(
    command: list[str], environment: dict[str, str], log: Path
) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    with log.open("wb") as stream:
        server = subprocess.Popen(command, env=environment, stdout=stream, stderr=subprocess.STDOUT)
        try:
            yield server, log
        finally:
            server.terminate()  # takes the kernels along
            try:
                server.wait(60)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def asked(address: str) -> Any:
    with urllib.request.urlopen(address, timeout=5) as answer:  # noqa: S310 - our own server on this machine
        return json.load(answer)


@pytest.fixture
def opened(browser: Any, lab: str) -> Iterator[Callable[[str], Any]]:
    contexts = []

    def open_notebook(name: str) -> Any:
        # high enough for all outputs: what is out of sight may be taken out of the page
        context = browser.new_context(viewport={"width": 1400, "height": 6000})
        contexts.append(context)
        tab = context.new_page()
        tab.set_default_timeout(PATIENCE)
        tab.goto(f"{lab}/lab/tree/{name}?reset", timeout=PATIENCE)
        tab.locator(".jp-OutputArea-output table").first.wait_for()
        return tab

    yield open_notebook
    for context in contexts:
        context.close()


def test_tables_of_results_can_be_read_in_a_notebook_that_is_not_trusted(
    opened: Callable[[str], Any],
) -> None:
    tab = opened("strange.ipynb")
    outputs = tab.locator(".jp-OutputArea-output.jp-RenderedHTMLCommon")
    evaluation, comparison = outputs.nth(0), outputs.nth(1)
    comparison.locator("table").first.wait_for()
    for output, least, expected in (
        (
            evaluation,
            30,
            ("100 bona fide and 100 attacks have a score", "BPCER", "0.44", "replay", "<b>mask</b>"),
        ),
        (comparison, 10, ("BPCER", "replay", "<b>mask</b>")),
    ):
        for summary in output.locator("summary").all():
            summary.click()
        words = output.inner_text()
        for wanted in expected:
            assert wanted in words
        assert output.locator("td, th").count() > least
        assert output.locator("caption").first.is_visible()
    assert tab.locator(".jp-OutputArea-output iframe").count() == 0


def test_explorer_moves_in_a_notebook_that_is_trusted(opened: Callable[[str], Any]) -> None:
    tab = opened("trusted.ipynb")
    frame = tab.locator('.jp-OutputArea-output iframe[title="Threshold explorer"]')
    frame.wait_for()
    assert frame.get_attribute("sandbox") == "allow-scripts"
    explorer = tab.frame_locator('iframe[title="Threshold explorer"]')
    cells = ("#x0-attacks-0", "#x0-attacks-2", "#x0-genuine-0", "#x0-genuine-2")

    def matrix() -> list[int]:
        return [int(explorer.locator(cell).inner_text()) for cell in cells]

    field = explorer.locator("#x-at")
    field.wait_for()
    field.fill("0.2")
    field.press("Tab")
    caught, missed, blocked, passed = matrix()
    field.fill("0.7")
    field.press("Tab")
    fewer, more, freed, through = matrix()
    assert (caught + missed, blocked + passed) == (fewer + more, freed + through) == (100, 100)
    assert fewer < caught
    assert freed < blocked
    explorer.locator("#x-slide").press("Home")
    assert matrix() == [100, 0, 100, 0]
