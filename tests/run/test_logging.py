"""The package's log: silent until it is asked for, useful then, and never with a secret in it."""

from __future__ import annotations

import base64
import json
import logging
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner

import finauth_eval
from finauth_eval.cli import app
from finauth_eval.run.credentials import Credentials
from finauth_eval.run.redaction import Redaction, Secrets, redacted_logs
from finauth_eval.run.signing import sign
from finauth_eval.sandbox.server import RunningSandbox

DEMO = Credentials(api_key="demo-key", api_secret="demo-secret")
SIGNATURE = sign("demo-key", "demo-secret", expires=1530762218, now=1530762118, nonce="0000000009")


def everything(records: list[logging.LogRecord]) -> str:
    """All that a handler could find in records."""
    formatter = logging.Formatter()
    return "\n".join(f"{formatter.format(record)} {vars(record)!r}" for record in records)


def assert_nothing_of(signature: str, text: str) -> None:
    """No part of a signature that is long enough to be one."""
    parts = {signature[i : i + 16] for i in range(len(signature) - 15)}
    assert not [part for part in parts if part in text]


class Echo(BaseHTTPRequestHandler):
    """Answers by what it was sent: in a header, in the id, and in an error that is cut where it is too long."""

    protocol_version = "HTTP/1.1"
    seen: list[str]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        signature = body.split(b'name="sign"\r\n\r\n', 1)[1].split(b"\r\n", 1)[0].decode()
        self.seen.append(signature)
        pad = "x " * (120 if len(self.seen) % 2 else 5)
        error = f"INTERNAL_ERROR: {pad}sign={signature} demo-key demo-secret"
        answer = json.dumps({"error": error, "request_id": signature}).encode()
        self.send_response(500)
        self.send_header("x-sign", signature)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def echo() -> Iterator[tuple[RunningSandbox, list[str]]]:
    """A server that echoes, and the signatures that it saw."""
    seen: list[str] = []
    handler = type("Handler", (Echo,), {"seen": seen})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/finauth/v5/anti_deepfake"
        yield RunningSandbox(endpoint=url, pid=0), seen
        server.shutdown()


def test_nothing_of_a_signature_is_in_any_record_even_where_the_server_echoes_it(
    echo, picture_folder, run_on, caplog
):
    caplog.set_level(logging.DEBUG)  # of the root: httpx and httpcore log all they can, headers among it
    server, seen = echo
    run_on(server, picture_folder(bona_fide=2, attack=1))
    assert len(seen) > 3
    names = {record.name for record in caplog.records}
    assert {"finauth_eval", "httpx", "httpcore.http11", "httpcore.connection"} <= names
    text = everything(caplog.records)
    for signature in seen:
        assert_nothing_of(signature, text)
    assert "demo-key" not in text
    assert "demo-secret" not in text
    assert "x-sign" in text  # the header that it was taken out of was logged
    assert "\\x89PNG" not in text


def test_httpx_stays_silent_when_only_our_logger_is_turned_on(sandbox, picture_folder, run_on, caplog):
    caplog.set_level(logging.DEBUG, "finauth_eval")
    run_on(sandbox(), picture_folder())
    assert {record.name for record in caplog.records} == {"finauth_eval"}


def test_the_filters_go_when_the_run_is_over(sandbox, picture_folder, run_on):
    run_on(sandbox(), picture_folder())
    for name in ("finauth_eval", "httpx", "httpcore.http11"):
        assert logging.getLogger(name).filters == []


def test_two_runs_at_once_hide_the_secrets_of_both(caplog):
    log = logging.getLogger("finauth_eval")
    other = Credentials(api_key="other-key-1", api_secret="other-secret-1")
    with redacted_logs(Secrets(DEMO)), redacted_logs(Secrets(other)):
        log.warning("demo-secret other-secret-1")
    log.warning("after")
    assert caplog.messages == ["(held back) (held back)", "after"]


# what a run says


def test_a_run_says_when_it_starts_ends_slows_down_and_tries_again(sandbox, picture_folder, run_on, caplog):
    caplog.set_level(logging.DEBUG, "finauth_eval")
    server = sandbox("500@2,concurrency@3,too_often@4")
    run_on(server, picture_folder(bona_fide=20, attack=10))
    lines = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert lines[0] == ("INFO", f"asking {server.endpoint} for 30 of 30 contents, at most 8 at once at first")
    assert lines[-1][0] == "INFO"
    assert re.fullmatch(
        r"33 sends, 3 of them retries; answers: {'concurrency': 1, 'scored': 30, .*", lines[-1][1]
    )
    text = "\n".join(" ".join(line) for line in lines)
    assert re.search(r"^INFO at most \d at once from now on", text, re.MULTILINE) is None
    assert re.search(r"^INFO at most \d+ calls at once from now on, 8 before$", text, re.MULTILINE)
    assert re.search(r"^INFO called too often: at most \S+ calls a second from now on$", text, re.MULTILINE)
    assert re.search(
        r"^DEBUG content [0-9a-f]{12}: internal_error \(transient\) ; again in 0\.\d\d s$", text, re.MULTILINE
    )
    assert re.search(
        r"^DEBUG content [0-9a-f]{12}: authentication_error \(too_often\) QPS_LIMIT; again",
        text,
        re.MULTILINE,
    )


def test_a_run_says_why_it_stops_and_what_it_gives_up(sandbox, scripted, picture_folder, run_on, caplog):
    caplog.set_level(logging.DEBUG, "finauth_eval")
    run_on(sandbox("key_dead@1+"), picture_folder())
    assert (
        "no more sends: stopped: the account was refused (AUTHENTICATION_ERROR: API_KEY_DEACTIVATED"
        in caplog.text
    )
    run_on(
        scripted(lambda _: (418, {"error": "TEAPOT: \x1b[2Jshort\nand stout"})),
        picture_folder(name="b", first_seed=90),
    )
    assert re.search(
        r"given up after 1 attempts: teapot \(unlisted\) \\x1b\[2Jshort\\nand stout$",
        caplog.text,
        re.MULTILINE,
    )
    assert "\x1b" not in caplog.text


def test_names_of_files_are_not_logged(sandbox, picture_folder, run_on, caplog):
    caplog.set_level(logging.DEBUG)
    root = picture_folder()
    (root / "bona_fide" / "00000.png").rename(root / "bona_fide" / "Maria Miller.png")
    run_on(sandbox("500:1.0"), root)
    assert "given up" in caplog.text
    assert "Maria" not in caplog.text
    assert "bona_fide" not in caplog.text


# the filter


@pytest.fixture
def log(caplog) -> Iterator[logging.Logger]:
    """A logger that goes through the filter."""
    logger = logging.getLogger("test_of_redaction")
    redaction = Redaction(Secrets(DEMO))
    logger.addFilter(redaction)
    caplog.set_level(logging.DEBUG)
    yield logger
    logger.removeFilter(redaction)


def test_messages_arguments_exceptions_and_stacks_are_cleaned(log, caplog):
    log.info("the secret is demo-secret")
    log.info("%s and %r", SIGNATURE, {"key": "demo-key"})
    log.info("%(sign)s", {"sign": SIGNATURE})

    def refuse() -> None:
        raise RuntimeError(f"refused: {SIGNATURE}") from ValueError("demo-secret")

    try:
        refuse()
    except RuntimeError:
        log.exception("it broke", stack_info=True)
    text = everything(caplog.records)
    assert_nothing_of(SIGNATURE, text)
    assert "demo-" not in text
    assert caplog.messages == [
        "the secret is (held back)",
        "(held back) and {'key': '(held back)'}",
        "(held back)",
        "it broke",
    ]
    assert "RuntimeError: refused: (held back)" in caplog.text
    assert "ValueError: (held back)" in caplog.text
    assert "Stack (most recent call last)" in caplog.text
    assert caplog.records[-1].exc_info is None  # its frames hold what was sent


@pytest.mark.parametrize(
    "form",
    [
        SIGNATURE,
        SIGNATURE[:50],
        SIGNATURE[26:60],
        SIGNATURE.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D"),
    ],
)
def test_a_signature_is_known_whole_cut_off_and_escaped(form):
    cleaned = Secrets(DEMO).without(f"sign={form}; and so on")
    assert cleaned == "sign=(held back); and so on"


@pytest.mark.parametrize(
    "text",
    [
        "ab" * 32,
        "1530762118,9c1d5b2e-4f5f-4f0e-9a44-0b2f6a1d8c11",
        "https://api-sgp.yljz.com/finauth/v5/anti_deepfake",
    ],
)
def test_ids_hashes_and_addresses_are_left_alone(text):
    assert not Secrets(DEMO).found_in(text)


def test_a_secret_that_holds_the_key_or_signs_of_a_pattern_is_taken_out_whole():
    secrets = Secrets(Credentials(api_key="ab.c", api_secret="ab.c+(d"))
    assert secrets.without("ab.c+(d, ab.c, abXc") == "(held back), (held back), abXc"
    assert "ab.c" not in repr(secrets)
    assert Secrets(Credentials(api_key="", api_secret="")).without("all of it") == "all of it"


def test_control_characters_are_shown_and_a_message_stays_one_line(log, caplog):
    log.warning("a name: %s", "x\x1b[2J\r\nroot logged in\x9b")
    assert caplog.messages == ["a name: x\\x1b[2J\\r\\nroot logged in\\x9b"]


def test_arguments_that_do_not_fit_lose_no_record_and_no_secret(log, caplog):
    log.warning("%d calls", "demo-secret")
    assert "demo-secret" not in everything(caplog.records)
    assert len(caplog.records) == 1


# who sees it


def test_the_package_logs_to_one_logger_because_filters_are_not_inherited():
    root = Path(finauth_eval.__file__).parent
    sources = [path.read_text(encoding="utf-8") for path in root.rglob("*.py") if "sandbox" not in path.parts]
    names = {name for text in sources for name in re.findall(r"getLogger\((.*?)\)", text)}
    assert names == {'"finauth_eval"', "__name__", "name"}  # the package itself, and the filter's own list


def test_nothing_is_printed_unless_logging_is_set_up(tmp_path):
    code = "import logging, finauth_eval; logging.getLogger('finauth_eval').error('something')"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert (done.stdout, done.stderr) == ("", "")


@pytest.fixture
def shell(sandbox, picture_folder, tmp_path):
    """Runs the command against a sandbox whose second answer is an error."""
    server, root = sandbox("500@2"), picture_folder()

    def run(*options: str):
        arguments = [
            "run",
            root,
            "--endpoint",
            server.endpoint,
            "--out",
            tmp_path / "r",
            "--cache",
            tmp_path / "c",
        ]
        environment = {"FINAUTH_API_KEY": "demo-key", "FINAUTH_API_SECRET": "demo-secret"}
        done = CliRunner().invoke(
            app, [*map(str, arguments), *options], env=environment, catch_exceptions=False
        )
        assert done.exit_code == 0, done.stderr
        return done

    return run


def test_a_quiet_run_says_nothing_on_standard_error(shell):
    assert shell().stderr == ""


def test_verbose_shows_info_and_twice_verbose_debug_on_standard_error_alone(shell):
    done = shell("--verbose", "--json", "-")
    json.loads(done.stdout)
    lines = done.stderr.splitlines()
    assert re.fullmatch(r"\d\d:\d\d:\d\d INFO asking http.* for 5 of 5 contents, .*", lines[0])
    assert all(" INFO " in line for line in lines)
    assert logging.getLogger("finauth_eval").level == logging.NOTSET


def test_twice_verbose_shows_each_retry(shell):
    done = shell("-vv")
    assert " DEBUG content " in done.stderr
    assert "HTTP Request" not in done.stderr


def test_a_price_that_is_no_number_is_refused(picture_folder):
    for price in ("nan", "inf", "-1"):
        done = CliRunner().invoke(
            app, ["run", str(picture_folder(name=price)), "--region", "sgp", "--out", "r", "--price", price]
        )
        assert done.exit_code == 2
        assert "--price" in done.stderr


def test_the_start_of_a_signature_shows_no_key():
    assert base64.b64decode(SIGNATURE)[20:32] == b"a=demo-key&b"  # what the filter's pattern relies on
