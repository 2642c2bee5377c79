"""The server as a process: it starts, says where, ends with its block, and says why it can't start."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from finauth_eval.sandbox.arguments import parse_arguments, to_arguments
from finauth_eval.sandbox.faults import parse_faults
from finauth_eval.sandbox.server import serve, started_sandbox
from finauth_eval.sandbox.settings import SandboxSettings
from finauth_eval.sandbox.weights import cache_directory, require_weights


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_process_ends_with_its_block_even_after_an_exception() -> None:
    pids = []

    def use_and_fail() -> None:
        with started_sandbox(SandboxSettings(scorer="hash")) as running:
            pids.append(running.pid)
            assert is_alive(running.pid)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        use_and_fail()
    assert not is_alive(pids[0])


def test_a_server_does_not_outlive_the_process_that_started_it() -> None:
    program = (
        "import os, sys\n"
        "from finauth_eval.sandbox.server import started_sandbox\n"
        "from finauth_eval.sandbox.settings import SandboxSettings\n"
        "with started_sandbox(SandboxSettings(scorer='hash')) as running:\n"
        "    print(running.pid, flush=True)\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=30
    )
    pid = int(ended.stdout)
    deadline = time.monotonic() + 10
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(pid)


def test_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"port {port} of 127.0.0.1 can't be had"):
            serve(SandboxSettings(scorer="hash", port=port))


def test_a_process_that_does_not_start_leaves_its_last_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = SandboxSettings(scorer="hash", port=taken.getsockname()[1])
        with pytest.raises(RuntimeError, match=r"did not start .*can't be had"), started_sandbox(settings):
            pass


def test_missing_weights_say_what_to_run(tmp_path: Path) -> None:
    settings = SandboxSettings(weights=tmp_path / "none.onnx")
    with (
        pytest.raises(FileNotFoundError, match="run `finauth-eval dataset build-demo DIR` once"),
        started_sandbox(settings),
    ):
        pass


def test_a_missing_package_names_the_extra() -> None:
    # a look-up that does not find uvicorn stands for an environment without the extra
    program = (
        "import sys\n"
        "import importlib.util\n"
        "real = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *rest: None if name == 'uvicorn' else real(name, *rest)\n"
        "from finauth_eval.sandbox.__main__ import main\n"
        "sys.argv = ['sandbox', '--scorer=hash']\n"
        "main()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=30
    )
    assert ended.returncode == 2
    assert ended.stderr == (
        'finauth_eval.sandbox: the sandbox needs uvicorn, which is not installed: pip install "finauth-eval[demo]"\n'
    )


def test_settings_survive_the_way_through_the_command_line() -> None:
    settings = SandboxSettings(
        port=1234,
        latency_ms=12.5,
        concurrency_limit=3,
        faults=parse_faults("500:0.1,reset@2,key_dead@9+"),
        api_version="v5.1",
        scorer="hash",
        seed=5,
        weights=Path("w.onnx"),
        threshold=0.4,
        allowed_skew_s=60.0,
        stall_s=1.0,
        drip_s=0.5,
        workers=3,
        error_field="error_message",
        keys={"k": "s"},
    )
    environment = {"FINAUTH_SANDBOX_KEYS": "k:s"}
    assert parse_arguments(to_arguments(settings), environment=environment) == (settings, False)


@pytest.mark.parametrize(
    ("argument", "says"),
    [
        ("--fault=oops:1", "with a KIND out of 500"),
        ("--api-version=v9", "API version 'v9' is not one of v5, v5.1"),
        ("--scorer=oracle", "scorer 'oracle' is not one of reference, hash"),
        ("--port=70000", "port 70000 is not in 0..65535"),
        ("--concurrency-limit=0", "concurrency limit 0 is not at least 1"),
        ("--latency-ms=-1", "latency_ms -1.0 is not at least 0"),
        ("--threshold=nan", "threshold nan is not in [0, 1]"),
        ("--workers=0", "workers 0 is not at least 1"),
    ],
)
def test_bad_arguments_are_named(argument: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_arguments([argument], environment={})
    assert ended.value.code == 2
    assert says in capsys.readouterr().err


def test_the_cache_directory_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("FINAUTH_EVAL_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_directory() == tmp_path / "finauth-eval"
    monkeypatch.setenv("FINAUTH_EVAL_CACHE_DIR", str(tmp_path / "mine"))
    assert cache_directory() == tmp_path / "mine"
    with pytest.raises(FileNotFoundError, match=r"centerface\.onnx"):
        require_weights(None)


def test_importing_the_sandbox_loads_no_optional_package() -> None:
    program = (
        "import sys, finauth_eval.sandbox.server, finauth_eval.sandbox.arguments\n"
        "print(sorted({'cv2', 'av', 'starlette', 'uvicorn', 'numpy', 'httpx'} & set(sys.modules)))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )
    assert ended.stdout.strip() == "[]"
