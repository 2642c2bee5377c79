"""A real local server and short-tempered settings for the runner's tests."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from finauth_eval.dataset import load_dataset
from finauth_eval.run.credentials import Credentials
from finauth_eval.run.runner import collect_scores
from finauth_eval.sandbox.server import RunningSandbox

DEMO = Credentials(api_key="demo-key", api_secret="demo-secret")


@pytest.fixture
def run_on(tmp_path) -> Callable[..., Any]:
    """Runs a dataset against a server with test settings and gives the table and its summary."""

    def run(server: RunningSandbox, source: Any, **options: Any) -> Any:
        settings = {"cache": tmp_path / "cache", "credentials": DEMO, "patience": 0.02, "max_concurrency": 8}
        table = collect_scores(load_dataset(source), endpoint=server.endpoint, **(settings | options))
        return table, dict(table.provenance.run)

    return run


@pytest.fixture
def scripted() -> Iterator[Callable[..., RunningSandbox]]:
    """A real server on a real socket whose n-th answer a function gives: (status, JSON), or ``None`` for a score."""
    servers = []

    def start(answer: Callable[[int], tuple[int, dict[str, Any]] | None]) -> RunningSandbox:
        count = itertools.count(1)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                n = next(count)
                status, content = answer(n) or (
                    200,
                    {"score": n % 100 / 100, "threshold": 0.5, "result": False},
                )
                body = json.dumps({"request_id": f"1,{n}", "time_used": 1, **content}).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        servers.append((server, thread))
        url = f"http://127.0.0.1:{server.server_port}/finauth/v5/anti_deepfake"
        return RunningSandbox(endpoint=url, pid=0)

    yield start
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()
