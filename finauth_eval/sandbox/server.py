"""Running the sandbox: in this process, or in one of its own for the length of a ``with`` block."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import IO, Any

from finauth_eval.sandbox.arguments import KEYS_VARIABLE, to_arguments
from finauth_eval.sandbox.hash_scorer import hash_score
from finauth_eval.sandbox.scoring import Score
from finauth_eval.sandbox.settings import SandboxSettings
from finauth_eval.sandbox.weights import require_weights

__all__ = ["RunningSandbox", "serve", "started_sandbox"]

HOST = "127.0.0.1"
ANNOUNCEMENT = "sandbox listening on "
NEEDED = {
    "hash": ("starlette", "uvicorn", "python_multipart"),
    "reference": ("starlette", "uvicorn", "python_multipart", "cv2", "av"),
}


def serve(
    settings: SandboxSettings, *, announce: Callable[[str], None] | None = None, until_eof: bool = False
) -> None:
    """Serve until the process is told to stop (SIGINT or SIGTERM).

    Args:
        settings: What the server is told.
        announce: Called once with ``sandbox listening on http://127.0.0.1:PORT/finauth/v5/anti_deepfake`` when the
            port is bound; by default the line goes to standard output.
        until_eof: Stop as well when standard input ends, so that a server does not outlive the process that
            holds the other end.

    Raises:
        ImportError: A package of the ``demo`` extra is missing.
        FileNotFoundError: The face detector's weights are not there.
        OSError: The port is taken.
    """
    _require_packages(NEEDED[settings.scorer])
    # what follows needs the optional packages
    import uvicorn

    from finauth_eval.sandbox.app import API_PATH, create_app
    from finauth_eval.sandbox.broken import expose_transport

    app = expose_transport(create_app(settings, _load_scorer(settings)))
    config = uvicorn.Config(
        app,
        http="h11",
        loop="asyncio",
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,  # as long as most gateways: a client's idle connection should not die under it
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    if until_eof:
        threading.Thread(target=_stop_at_eof, args=(server,), daemon=True).start()
    with _listening_socket(settings.port) as listener:
        line = f"{ANNOUNCEMENT}http://{HOST}:{listener.getsockname()[1]}{API_PATH}"
        (announce or _print_line)(line)
        server.run(sockets=[listener])


def _require_packages(names: tuple[str, ...]) -> None:
    for name in names:
        if find_spec(name) is None:
            raise ImportError(
                f'the sandbox needs {name}, which is not installed: pip install "finauth-eval[demo]"',
                name=name,
            )


def _load_scorer(settings: SandboxSettings) -> Score:
    if settings.scorer == "hash":
        return hash_score
    from finauth_eval.sandbox.detector import load_detector

    return load_detector(require_weights(settings.weights), version=settings.api_version)


def _listening_socket(port: int) -> socket.socket:
    # with its protocol named, asyncio switches Nagle's algorithm off; otherwise each answer waits 40 ms
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        reason = f"port {port} of {HOST} can't be had ({error.strerror}); 0 takes a free one"
        raise OSError(error.errno, reason) from error
    return listener


def _print_line(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _stop_at_eof(server: Any) -> None:
    # the descriptor itself: a buffer's lock, held by a waiting thread, would stop the interpreter from ending
    while os.read(0, 4096):
        pass
    server.should_exit = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningSandbox:
    """A sandbox in a process of its own.

    Attributes:
        endpoint: URL of the API.
        pid: Process id of the server.
    """

    endpoint: str
    pid: int

    @property
    def base(self) -> str:
        """URL without the API's path."""
        return self.endpoint.removesuffix("/finauth/v5/anti_deepfake")

    def stats(self) -> dict[str, Any]:
        """Return the server's counters; see ``Stats.to_dict`` for the keys.

        Raises:
            OSError: The server does not answer.
        """
        # a proxy of the environment has no business between a process and its own loopback
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self.base}/sandbox/stats", timeout=10) as answer:
            content: dict[str, Any] = json.load(answer)
        return content


@contextmanager
def started_sandbox(
    settings: SandboxSettings | None = None, *, start_timeout_s: float = 30.0
) -> Iterator[RunningSandbox]:
    """Run a sandbox in a process of its own while the block lasts.

    Args:
        settings: What the server is told; None for the defaults.
        start_timeout_s: How long it may take until it listens, in s.

    Yields:
        The running server. It is stopped at the end of the block, also after an exception, and stops by itself if
        this process dies.

    Raises:
        ImportError: A package of the ``demo`` extra is missing.
        FileNotFoundError: The face detector's weights are not there.
        RuntimeError: It did not start; the message has its last lines.
    """
    chosen = SandboxSettings() if settings is None else settings
    _require_packages(NEEDED[chosen.scorer])
    if chosen.scorer == "reference":
        require_weights(chosen.weights)
    with tempfile.TemporaryFile("w+", encoding="utf-8") as log, _started_process(chosen, log) as process:
        endpoint = _wait_for_announcement(process, log, time.monotonic() + start_timeout_s)
        yield RunningSandbox(endpoint=endpoint, pid=process.pid)


@contextmanager
def _started_process(settings: SandboxSettings, log: IO[str]) -> Iterator[subprocess.Popen[str]]:
    keys = ",".join(f"{key}:{secret}" for key, secret in settings.keys.items())
    command = [sys.executable, "-m", "finauth_eval.sandbox", "--until-eof", *to_arguments(settings)]
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and our own module
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        env=os.environ | {KEYS_VARIABLE: keys},
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


def _wait_for_announcement(process: subprocess.Popen[str], log: IO[str], deadline: float) -> str:
    lines: list[str] = []
    stdout = process.stdout
    reader = threading.Thread(target=lambda: lines.append(stdout.readline() if stdout else ""), daemon=True)
    reader.start()
    reader.join(max(0.0, deadline - time.monotonic()))
    line = lines[0].strip() if lines else ""
    if line.startswith(ANNOUNCEMENT):
        return line.removeprefix(ANNOUNCEMENT)
    log.seek(0)
    tail = " | ".join(log.read().strip().splitlines()[-5:])
    raise RuntimeError(f"the sandbox did not start (exit {process.poll()}): {tail or 'it said nothing'}")
