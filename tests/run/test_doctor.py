"""What doctor sees, what it advises, which exit code that makes, and what it must never do."""

from __future__ import annotations

import json
import os
import re
import socket
import sqlite3
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from finauth_eval.cli import app
from finauth_eval.detection import Detection
from finauth_eval.errors import InputError
from finauth_eval.run.checks import Check
from finauth_eval.run.doctor import check_disk, check_packages, examine, exit_code_of
from finauth_eval.run.records import Question, Stored
from finauth_eval.run.store import open_store

KEY, SECRET = "Qx7-live-key-2291", "vB93-live-secret-7745"
MIB = 1024 * 1024


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    """An empty folder to stand in, and key and secret in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FINAUTH_API_KEY", KEY)
    monkeypatch.setenv("FINAUTH_API_SECRET", SECRET)
    return tmp_path


@pytest.fixture
def doctor() -> Callable[..., Any]:
    """Runs the command."""

    def run(*arguments: object) -> Any:
        done = CliRunner().invoke(app, ["doctor", *map(str, arguments)], catch_exceptions=False)
        assert "Traceback" not in done.stderr
        return done

    return run


def looked(**options: Any) -> dict[str, Check]:
    return {check.name: check for check in examine(**({"cache": "cache"} | options))}


Answer = Callable[[BaseHTTPRequestHandler], None]


@pytest.fixture
def server() -> Iterator[Callable[[Answer], str]]:
    """A real server whose whole answer a function writes; gives its address. ``requests`` lists what it was sent."""
    with ExitStack() as stack:

        def start(
            answer: Answer, *, requests: list[Any] | None = None, tls: ssl.SSLContext | None = None
        ) -> str:
            class Handler(BaseHTTPRequestHandler):
                protocol_version = "HTTP/1.1"

                def do_POST(self) -> None:
                    body = self.rfile.read(int(self.headers.get("content-length", 0)))
                    if requests is not None:
                        requests.append((self.command, self.path, dict(self.headers), body))
                    self.close_connection = True
                    answer(self)

                def log_message(self, *_: object) -> None: ...

            class Quiet(ThreadingHTTPServer):
                daemon_threads = True

                def handle_error(self, *_: object) -> None: ...

            http = stack.enter_context(Quiet(("127.0.0.1", 0), Handler))
            if tls is not None:
                http.socket = tls.wrap_socket(http.socket, server_side=True)
            threading.Thread(target=http.serve_forever, daemon=True).start()
            stack.callback(http.shutdown)
            return f"{'http' if tls is None else 'https'}://127.0.0.1:{http.server_port}/finauth/v5/anti_deepfake"

        yield start


def says(
    status: int, body: bytes, *, kind: str = "application/json", date: float | None = None, **more: str
) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response_only(status)
        if date is not None:
            handler.send_header("Date", formatdate(time.time() + date, usegmt=True))
        handler.send_header("content-type", kind)
        handler.send_header("content-length", str(len(body)))
        for name, value in more.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


MISSING = b'{"request_id": "1,x", "error": "MISSING_ARGUMENTS: sign"}'


# the whole of it


def test_where_all_is_well_it_exits_0_and_says_so_of_everything(sandbox, doctor, here):
    with open_store(here / "cache"):
        pass
    done = doctor("--endpoint", sandbox().endpoint, "--cache", here / "cache", "--json", here / "d.json")
    assert done.exit_code == 0, done.stdout
    told = json.loads((here / "d.json").read_text())
    assert (told["schema"], told["exit"]) == ("finauth-eval/doctor/1", 0)
    assert {tuple(check) for check in told["checks"]} == {("name", "verdict", "seen", "advice")}
    assert {check["verdict"] for check in told["checks"]} == {"ok"}, told
    names = [check["name"] for check in told["checks"]]
    assert names == [
        "python", "packages", "extra dask", "extra demo", "extra notebook", "credentials", "cache folder", "cache file system",
        "cache privacy", "cache lock", "cache database", "disk", "endpoint", "clock",
    ]  # fmt: skip
    assert all(name in done.stdout for name in names)


def test_json_on_standard_output_is_alone_there(doctor):
    assert json.loads(doctor("--json", "-").stdout)["exit"] == 0


def test_without_an_endpoint_the_network_is_not_touched(doctor, monkeypatch):
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("it opened a connection"))
    monkeypatch.setattr("socket.getaddrinfo", lambda *_: pytest.fail("it looked up a name"))
    done = doctor()
    assert done.exit_code == 0
    assert done.stdout.count("not asked for") == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--region", "sgp", "--endpoint", "https://x.invalid"], "not both"),
        (["--region", "usa"], "sgp or idn"),
        (["--endpoint", "http://example.com"], "plain http is for this machine alone"),
        (["--nonsense"], "--nonsense"),
    ],
)
def test_options_that_cannot_be_are_refused(doctor, options, message):
    done = doctor(*options)
    assert (done.exit_code, done.stdout) == (2, "")
    assert message in done.stderr


def test_of_several_problems_the_smallest_exit_code_counts_and_warnings_do_not():
    def check(verdict, code):
        return Check(name="x", verdict=verdict, seen="", exit_code=code)

    assert exit_code_of([check("ok", 0), check("warning", 2)]) == 0
    assert exit_code_of([check("problem", 6)]) == 6
    assert exit_code_of([check("problem", 6), check("problem", 4), check("ok", 0)]) == 4
    assert exit_code_of([check("problem", 6), check("problem", 4), check("problem", 3)]) == 3


# credentials


def test_no_part_of_a_credential_is_shown(doctor, here, monkeypatch):
    monkeypatch.delenv("FINAUTH_API_SECRET")
    (here / ".env").write_text(f"FINAUTH_API_SECRET={SECRET}\n")
    for odd in (SECRET, SECRET + "\x01"):
        monkeypatch.setenv("FINAUTH_API_SECRET", odd)
        shown = "".join(doctor(*how).output for how in ([], ["--json", "-"]))
        assert not [
            part for value in (KEY, odd) for i in range(len(value) - 3) if (part := value[i : i + 4]) in shown
        ]


def test_it_says_where_key_and_secret_come_from(here, monkeypatch):
    assert looked()["credentials"].seen == (
        "FINAUTH_API_KEY is present in the environment, FINAUTH_API_SECRET is present in the environment"
    )
    monkeypatch.delenv("FINAUTH_API_KEY")
    (here / ".env").write_text(f"finauth_api_key={KEY}\nFINAUTH_API_SECRET=another\n")
    check = looked()["credentials"]
    assert (check.verdict, check.seen) == (
        "ok",
        "FINAUTH_API_KEY is present in the .env file, FINAUTH_API_SECRET is present in the environment",
    )


@pytest.mark.parametrize(
    ("value", "seen"),
    [(None, "FINAUTH_API_SECRET is missing"), ("  ", "FINAUTH_API_SECRET is blank in the environment")],
)
def test_a_secret_that_is_missing_or_blank_exits_4(doctor, monkeypatch, value, seen):
    monkeypatch.delenv("FINAUTH_API_SECRET")
    if value is not None:
        monkeypatch.setenv("FINAUTH_API_SECRET", value)
    done = doctor()
    assert done.exit_code == 4
    assert seen in done.stdout
    assert "FINAUTH_API_KEY is present in the environment" in done.stdout


def test_a_dotenv_file_that_is_no_text_is_said(here, monkeypatch):
    monkeypatch.delenv("FINAUTH_API_KEY")
    (here / ".env").write_bytes(b"FINAUTH_API_KEY=\xff\xfe\n")
    check = looked()["credentials"]
    assert (check.verdict, check.exit_code) == ("problem", 4)
    assert ".env" in check.seen


# installation


def test_packages_are_held_against_the_bounds_of_the_distribution():
    required = [
        "httpx<1,>=0.28",
        "rich>=13.9",
        "numpy>=2.0",
        "distributed>=2025.1; extra == 'dask'",
        "s3fs>=2024.6; extra == 'dask'",
        "av>=14; extra == 'demo'",
        "jupyterlab>=4; extra == 'notebook'",
    ]
    versions = {"finauth-eval": "0.1.0", "httpx": "0.27.2", "rich": "13.9", "s3fs": "2023.1"}
    core, dask, demo, notebook = check_packages(required=required, installed=versions.get)
    assert (core.verdict, core.exit_code) == ("problem", 2)
    assert core.seen == "finauth-eval 0.1.0: httpx 0.27.2 (needs <1,>=0.28), numpy is missing (needs >=2.0)"
    assert (dask.name, dask.verdict) == ("extra dask", "warning")
    assert dask.seen == "distributed is missing (needs >=2025.1), s3fs 2023.1 (needs >=2024.6)"
    assert dask.advice == "pip install 'finauth-eval[dask]'"
    assert (demo.verdict, demo.seen) == ("ok", "not installed")
    assert "finauth-eval[demo]" in demo.advice
    assert notebook.seen == "not installed"
    core, *_ = check_packages(
        required=required, installed=(versions | {"httpx": "0.28.0", "numpy": "2.10"}).get
    )
    assert (core.verdict, core.seen) == ("ok", "finauth-eval 0.1.0; 3 packages as it needs them")


def test_half_an_extra_is_a_warning():
    required = ["av>=14; extra == 'demo'", "uvicorn>=0.32; extra == 'demo'"]
    _, _, demo, _ = check_packages(required=required, installed={"av": "14.1"}.get)
    assert (demo.verdict, demo.seen) == ("warning", "uvicorn is missing (needs >=0.32)")


# cache and disk


def test_a_cache_that_is_not_there_is_not_made(here):
    checks = looked(cache=here / "a" / "b")
    assert "is not there yet" in checks["cache folder"].seen
    assert checks["cache folder"].verdict == checks["disk"].verdict == "ok"
    assert list(here.iterdir()) == []


def test_a_look_leaves_a_cache_as_it_is(here):
    with open_store(here / "cache"):
        pass
    before = {file.name: file.read_bytes() for file in (here / "cache").iterdir()}
    looked()
    assert {file.name: file.read_bytes() for file in (here / "cache").iterdir()} == before


def test_a_file_in_the_caches_place_exits_6(doctor, here):
    (here / "cache").write_text("")
    done = doctor("--cache", here / "cache")
    assert done.exit_code == 6
    assert "is a file" in done.stdout


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_cache_that_cannot_be_written_exits_6(doctor, here):
    (here / "cache").mkdir(mode=0o500)
    done = doctor("--cache", here / "cache")
    assert done.exit_code == 6
    assert "can't be written" in done.stdout


def test_answers_are_counted_and_the_database_is_checked(here):
    with open_store(here / "cache") as store:
        for n in range(3):
            question = Question(
                sha256=f"{n:064x}", size=1, media_type="image", endpoint="sgp", api_version="v5", campaign="c"
            )
            send = store.record_send(question, at="2026-01-01T00:00:00+00:00")
            if n:
                outcome = Detection(score=0.5, received_at="2026-01-01T00:00:00+00:00")
                store.record_answer(
                    send, question, Stored(outcome=outcome, attempts=1, key_fingerprint="0" * 8)
                )
    checks = looked()
    assert checks["cache database"].seen == "sound; 2 answers"
    assert checks["cache lock"].seen == "free"
    assert checks["cache privacy"].seen == "mode 0700, its owner's alone"


def test_a_folder_that_others_may_look_into_is_a_warning(here):
    (here / "cache").mkdir()
    (here / "cache").chmod(0o750)
    check = looked()["cache privacy"]
    assert (check.verdict, check.seen, check.advice) == (
        "warning", "mode 0750: others may look into it", "chmod 700 cache",
    )  # fmt: skip


def test_a_cache_in_use_is_a_warning_that_names_the_holder_and_does_no_harm(here):
    with open_store(here / "cache"):
        check = looked()["cache lock"]
        assert (check.verdict, check.seen) == ("warning", "in use by another run in this process")
    looked()
    with open_store(here / "cache"):
        pass


def test_a_damaged_database_exits_6(doctor, here):
    (here / "cache").mkdir(mode=0o700)
    (here / "cache" / "cache.db").write_bytes(b"this is no database" * 100)
    done = doctor("--cache", here / "cache")
    assert done.exit_code == 6
    assert "file is not a database" in done.stdout


def test_damage_that_reading_does_not_meet_is_found(here):
    with open_store(here / "cache"):
        pass
    with (here / "cache" / "cache.db").open("r+b") as file:
        file.seek(36)  # how many unused pages there are, says SQLite's file format
        file.write((7).to_bytes(4, "big"))
    check = looked()["cache database"]
    assert (check.verdict, check.exit_code) == ("problem", 6)
    assert re.search(r"size is \d but should be 7", check.seen)


def test_a_view_in_the_tables_place_is_not_counted_for_ever(here):
    (here / "cache").mkdir(mode=0o700)
    connection = sqlite3.connect(here / "cache" / "cache.db")
    connection.execute(
        "CREATE VIEW Cache AS WITH RECURSIVE n(key) AS (SELECT 1 UNION ALL SELECT key + 1 FROM n) SELECT key FROM n"
    )
    connection.close()
    check = looked()["cache database"]
    assert (check.verdict, check.seen) == ("problem", "damaged: it holds a view that this tool did not make")


@pytest.mark.parametrize(
    ("free", "verdict", "code", "seen"),
    [
        (1024 * MIB, "ok", 0, "1.0 GiB free"),
        (1024 * MIB - 1, "warning", 0, "1024 MiB free"),
        (100 * MIB, "warning", 0, "100 MiB free"),
        (100 * MIB - 1, "problem", 6, "100 MiB free"),
    ],
)
def test_little_space_is_a_warning_and_none_a_problem(here, free, verdict, code, seen):
    asked = []
    check = check_disk(here / "a" / "cache", free=lambda path: asked.append(path) or free)
    assert (check.verdict, check.exit_code, check.seen) == (verdict, code, seen)
    assert asked == [here]


# the endpoint


def test_one_request_without_anything_in_it_is_all_that_is_sent(server):
    requests: list[Any] = []
    checks = looked(endpoint=server(says(400, MISSING, date=0), requests=requests))
    assert "answers HTTP 400 MISSING_ARGUMENTS" in checks["endpoint"].seen
    ((_, path, headers, body),) = requests
    assert (path, body) == ("/finauth/v5/anti_deepfake", b"")
    assert not {name.lower() for name in headers} - {
        "host", "accept", "accept-encoding", "connection", "user-agent", "content-length",
    }  # fmt: skip
    assert KEY not in str(headers)


def test_the_sandbox_answers_it_and_scores_nothing(sandbox):
    running = sandbox()
    check = looked(endpoint=running.endpoint)["endpoint"]
    assert (check.verdict, "HTTP 400 MISSING_ARGUMENTS" in check.seen) == ("ok", True)
    assert running.stats()["scored"] == {}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 429])
def test_any_refusal_is_an_answer(server, status):
    check = looked(endpoint=server(says(status, b'{"error": "SOMETHING"}')))["endpoint"]
    assert check.verdict == "ok"
    assert f"answers HTTP {status} SOMETHING" in check.seen


def test_a_server_in_trouble_is_a_warning(server):
    assert looked(endpoint=server(says(503, b"")))["endpoint"].verdict == "warning"


PAGE = b"<html><head><title>Log in to the guest network</title></head></html>"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (says(403, PAGE, kind="text/html"), "a web page (Log in to the guest network)"),
        (says(200, PAGE, kind="text/html; charset=utf-8"), "a web page: something else than the API"),
        (says(405, PAGE), "a web page (Log in to the guest network)"),
        (says(404, b'{"error": "API_NOT_FOUND"}'), "there is no API at this path"),
        (says(302, b"", location="/login"), "a redirect"),
    ],
)
def test_what_is_not_the_api_exits_3_and_is_said_in_words(server, doctor, answer, words):
    done = doctor("--endpoint", server(answer))
    assert done.exit_code == 3
    assert words in done.stdout


def test_a_port_where_nobody_listens_exits_3(doctor):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        done = doctor("--endpoint", f"http://127.0.0.1:{free.getsockname()[1]}")
    assert done.exit_code == 3
    assert "no connection" in done.stdout
    assert "not compared" in done.stdout


def test_a_name_that_is_not_found_is_said(monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    check = looked(endpoint="https://nowhere.invalid")["endpoint"]
    assert "the name nowhere.invalid is not found" in check.seen


def test_a_server_without_tls_is_said():
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        check = looked(endpoint=f"https://127.0.0.1:{listener.getsockname()[1]}")["endpoint"]
    assert "TLS fails" in check.seen


def test_a_certificate_that_nobody_vouches_for_is_said(server, here):
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", "-keyout", "k", "-out", "c"],
        cwd=here, capture_output=True, check=False,
    ) if any((Path(p) / "openssl").exists() for p in os.environ["PATH"].split(":")) else None  # fmt: skip
    if made is None or made.returncode:
        pytest.skip("no openssl to make a certificate with")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(here / "c", here / "k")
    check = looked(endpoint=server(says(400, MISSING), tls=context))["endpoint"]
    assert "its certificate is not trusted (self-signed certificate)" in check.seen
    assert "SSL_CERT_FILE" in check.advice


def test_certificates_that_are_not_there_are_said(monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere.pem")
    check = looked(endpoint="https://127.0.0.1:9")["endpoint"]
    assert "can't be set up" in check.seen


def test_a_server_that_says_nothing_and_one_that_never_ends_its_header_are_given_up(server):
    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nx: ")
        for _ in range(60):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.05)

    for answer in (lambda handler: time.sleep(1.5), drip):
        began = time.monotonic()
        check = looked(endpoint=server(answer), timeout_s=0.4)["endpoint"]
        assert "no answer within 0.4 s" in check.seen
        assert time.monotonic() - began < 1.4


def test_a_connection_that_is_closed_without_an_answer_is_said(server):
    check = looked(endpoint=server(lambda handler: None))["endpoint"]
    assert "breaks off before an answer" in check.seen


@pytest.mark.parametrize(
    ("date", "verdict", "words"),
    [(-28, "ok", "ahead of"), (28, "ok", "behind"), (-32, "problem", "ahead of"), (34, "problem", "behind")],
)
def test_a_clock_that_is_off_by_more_than_30_s_exits_3(server, date, verdict, words):
    checks = looked(endpoint=server(says(400, MISSING, date=date)))
    assert checks["clock"].verdict == verdict
    assert words in checks["clock"].seen
    assert exit_code_of(list(checks.values())) == (3 if verdict == "problem" else 0)


def test_half_of_the_round_trip_is_allowed_for(server):
    def slow(handler: BaseHTTPRequestHandler) -> None:
        began = time.time()
        middle = int(began + 1.7)  # a whole second, all that a Date can tell, at least 0.7 s from here
        time.sleep(middle - began)
        handler.wfile.write(b"HTTP/1.1 400 x\r\nDate: " + formatdate(middle, usegmt=True).encode() + b"\r\n")
        time.sleep(middle - began)
        handler.wfile.write(b"content-length: 0\r\n\r\n")

    assert looked(endpoint=server(slow))["clock"].seen.startswith("0 s")


@pytest.mark.parametrize("more", [{}, {"Date": "yesterday"}])
def test_without_a_date_the_clock_is_not_compared(server, more):
    check = looked(endpoint=server(says(400, MISSING, **more)))["clock"]
    assert (check.verdict, check.seen) == ("warning", "not compared: the answer has no readable Date")


def test_an_endpoint_that_is_none_is_refused():
    with pytest.raises(InputError, match="begins with https://"):
        examine(cache="cache", endpoint="nowhere")
