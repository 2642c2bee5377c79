"""Every row of the API's error table against a real local server: the outcome, the exit code, and what is kept."""

from __future__ import annotations

import base64
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from finauth_eval.run.credentials import Credentials
from finauth_eval.sandbox.server import RunningSandbox


def reasons(table) -> set[str]:
    return set(table.frame["reason"].dropna())


def test_a_valid_answer_is_a_score_and_is_kept(sandbox, picture_folder, run_on):
    server = sandbox()
    root = picture_folder()
    table, run = run_on(server, root)
    assert (run["exit"], run["scored"], run["sends"], run["retries"]) == (0, 5, 5, 0)
    frame = table.frame
    assert frame["score"].between(0, 1).all()
    assert frame["threshold"].tolist() == [0.5] * 5
    assert frame["result"].tolist() == (frame["score"] >= 0.5).tolist()
    assert frame["request_id"].nunique() == 5
    assert frame["attempts"].tolist() == [1] * 5
    assert not frame["cached"].any()
    again, second = run_on(server, root)
    assert (second["exit"], second["sends"], second["from_cache"]) == (0, 0, 5)
    assert again.frame["score"].tolist() == frame["score"].tolist()
    assert again.frame["cached"].all()


@pytest.mark.parametrize("fault", ["nan", "string_score", "missing_score", "out_of_range", "html200", "not_json",
                                   "half_body_nolength"])  # fmt: skip
def test_a_bad_answer_is_tried_once_more_and_then_a_bad_response_that_is_not_kept(
    sandbox, picture_folder, run_on, fault
):
    server = sandbox(f"{fault}:1.0")
    root = picture_folder(bona_fide=1, attack=1)
    table, run = run_on(server, root)
    assert (run["exit"], run["no_response"], run["sends"], run["retries"]) == (3, {"bad_response": 2}, 4, 2)
    assert run["possibly_billed"] == 4
    assert table.frame["score"].isna().all()
    _, again = run_on(server, root)
    assert again["sends"] == 4, "a bad answer must not be kept as an outcome"


def test_a_bad_answer_once_is_made_good_by_the_second_attempt(sandbox, picture_folder, run_on):
    table, run = run_on(sandbox("nan@1"), picture_folder())
    assert (run["exit"], run["scored"], run["retries"]) == (0, 5, 1)
    assert sorted(table.frame["attempts"]) == [1, 1, 1, 1, 2]


def test_a_run_stops_when_most_of_the_last_fifty_answers_are_bad(sandbox, picture_folder, run_on):
    _, run = run_on(sandbox("nan:1.0"), picture_folder(bona_fide=60, attack=60))
    assert run["exit"] == 3
    assert "most of the last 50 answers" in run["message"]
    assert 50 <= run["sends"] <= 50 + 8


def test_no_face_is_final_and_kept(sandbox, picture_folder, run_on, make_png):
    server, root = sandbox(), picture_folder()
    (root / "bona_fide" / "room.png").write_bytes(make_png(77) + b"NOFACE")
    _, run = run_on(server, root)
    assert (run["exit"], run["no_response"], run["scored"]) == (0, {"no_face_found": 1}, 5)
    assert run["possibly_billed"] == 0
    table, again = run_on(server, root)
    assert (again["exit"], again["sends"]) == (0, 0)
    assert reasons(table) == {"no_face_found"}


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("INVALID_IMAGE_SIZE:image", "invalid_image_size"),
        ("INVALID_IMAGE_SIZE", "invalid_image_size"),
        ("BAD_ARGUMENTS: image", "bad_arguments"),
        ("MISSING_ARGUMENTS:image", "missing_arguments"),
    ],
)
def test_a_permanent_refusal_is_kept(scripted, picture_folder, run_on, error, reason):
    server = scripted(lambda n: (400, {"error": error}) if n == 2 else None)
    root = picture_folder()
    _, run = run_on(server, root)
    assert (run["exit"], run["no_response"], run["scored"]) == (0, {reason: 1}, 4)
    _, again = run_on(server, root)
    assert (again["exit"], again["sends"]) == (0, 0)


def test_a_few_undecodable_files_alone_are_kept_as_their_outcome(scripted, picture_folder, run_on):
    server = scripted(lambda n: (400, {"error_message": "BAD_ARGUMENTS:image"}))
    root = picture_folder(bona_fide=2, attack=1)
    _, run = run_on(server, root)
    assert (run["exit"], run["no_response"]) == (0, {"bad_arguments": 3})
    _, again = run_on(server, root)
    assert again["sends"] == 0


def test_first_answers_that_all_reject_the_request_stop_the_run_and_are_not_kept(
    scripted, picture_folder, run_on
):
    server = scripted(lambda n: (400, {"error": "BAD_ARGUMENTS:data_type"}))
    root = picture_folder(bona_fide=30, attack=30)
    _, run = run_on(server, root)
    assert run["exit"] == 3
    assert "the first 10 requests were all rejected (BAD_ARGUMENTS: data_type)" in run["message"]
    assert run["sends"] <= 10 + 8
    assert run["possibly_billed"] == 0
    _, again = run_on(server, root)
    assert again["from_cache"] == 0


@pytest.mark.parametrize("fault", ["500", "504", "internal_timeout"])
def test_a_passing_fault_is_retried(sandbox, picture_folder, run_on, fault):
    table, run = run_on(sandbox(f"{fault}@1,{fault}@3"), picture_folder())
    assert (run["exit"], run["scored"], run["sends"], run["retries"]) == (0, 5, 7, 2)
    assert run["possibly_billed"] == 2
    assert table.frame["attempts"].sum() == 7


@pytest.mark.parametrize("fault", ["500", "504", "internal_timeout"])
def test_a_lasting_fault_is_given_up_and_not_kept(sandbox, picture_folder, run_on, fault):
    root = picture_folder(bona_fide=1, attack=1)
    _, run = run_on(sandbox(f"{fault}:1.0"), root)
    assert (run["exit"], run["no_response"], run["sends"]) == (3, {"gave_up": 2}, 10)
    _, again = run_on(sandbox(), root, endpoint_name="elsewhere")
    assert (again["exit"], again["scored"]) == (0, 2)


def test_the_servers_wish_to_wait_is_honoured(sandbox, picture_folder, run_on):
    _, run = run_on(sandbox("retry_after@1"), picture_folder(bona_fide=1, attack=1))
    assert (run["exit"], run["scored"]) == (0, 2)
    assert run["wall_s"] >= 1.0


def test_a_concurrency_limit_is_found_and_uses_up_no_attempt(sandbox, picture_folder, run_on):
    server = sandbox(concurrency_limit=2, latency_ms=20)
    table, run = run_on(server, picture_folder(bona_fide=40, attack=20))
    assert (run["exit"], run["scored"]) == (0, 60)
    assert run["concurrency_limited"] > 0
    assert run["limiter"]["last"] <= 4
    assert table.frame["attempts"].tolist() == [1] * 60
    assert run["possibly_billed"] == 0
    assert sum(server.stats()["scored"].values()) == 60


@pytest.mark.parametrize("fault", ["expired_sign", "bad_sign"])
def test_a_refused_signature_is_made_again_once_and_then_stops_the_run(
    sandbox, picture_folder, run_on, fault
):
    _, once = run_on(sandbox(f"{fault}@1"), picture_folder(name="a"))
    assert (once["exit"], once["scored"]) == (0, 5)
    _, run = run_on(sandbox(f"{fault}:1.0"), picture_folder(name="b", bona_fide=40, first_seed=100))
    assert run["exit"] == 4
    assert "the signature was refused twice" in run["message"]
    assert "check FINAUTH_API_KEY" in run["message"]
    assert run["sends"] <= 16
    assert run["not_sent"] == {"stopped": 42}


def test_a_wrong_secret_stops_the_run(sandbox, picture_folder, run_on):
    wrong = Credentials(api_key="demo-key", api_secret="another")
    table, run = run_on(sandbox(), picture_folder(), credentials=wrong)
    assert (run["exit"], run["scored"]) == (4, 0)
    assert len(table) == 5
    assert "another" not in str(run)


@pytest.mark.parametrize("fault", ["key_dead", "no_permission"])
def test_a_refused_account_stops_the_run_with_the_reason_as_it_came(sandbox, picture_folder, run_on, fault):
    _, run = run_on(sandbox(f"{fault}@6+", latency_ms=20), picture_folder(bona_fide=40, attack=20))
    assert run["exit"] == 4
    word = "API_KEY_DEACTIVATED" if fault == "key_dead" else "API_NOT_ALLOWED"
    assert word in run["message"]
    assert run["scored"] == 5
    assert run["sends"] <= 5 + 1 + 8  # what was in flight is drained, and nothing more is sent
    assert run["not_sent"] == {"stopped": 55}


def test_called_too_often_slows_down_and_goes_on(sandbox, picture_folder, run_on):
    table, run = run_on(sandbox("too_often@2,too_often@3"), picture_folder())
    assert (run["exit"], run["scored"]) == (0, 5)
    assert table.frame["attempts"].tolist() == [1] * 5


def test_called_too_often_twenty_times_in_a_row_stops_the_run(sandbox, picture_folder, run_on):
    _, run = run_on(sandbox("too_often:1.0"), picture_folder(), patience=0.001)
    assert run["exit"] == 3
    assert "20 times in a row" in run["message"]
    assert run["not_sent"] == {"stopped": 5}


def test_a_wrong_address_stops_the_run(sandbox, picture_folder, run_on):
    server = sandbox()
    wrong = RunningSandbox(endpoint=server.endpoint.replace("anti_deepfake", "nothing_here"), pid=server.pid)
    _, run = run_on(wrong, picture_folder(bona_fide=40))
    assert run["exit"] == 3
    assert "wrong address" in run["message"]
    assert run["sends"] <= 10


def test_too_large_for_the_server_is_final_and_kept(sandbox, picture_folder, run_on):
    server, root = sandbox("413@1"), picture_folder()
    _, run = run_on(server, root)
    assert (run["exit"], run["no_response"], run["scored"]) == (0, {"too_large": 1}, 4)
    _, again = run_on(server, root)
    assert (again["exit"], again["sends"]) == (0, 0)


def test_a_connection_closed_in_mid_upload_again_and_again_means_too_large(
    sandbox, tmp_path, run_on, make_png
):
    (tmp_path / "d" / "real").mkdir(parents=True)
    (tmp_path / "d" / "real" / "big.png").write_bytes(make_png() + b"\x00" * 9_000_000)
    server = sandbox("413_close:1.0")
    _, run = run_on(server, tmp_path / "d")
    assert (run["exit"], run["no_response"], run["possibly_billed"]) == (0, {"too_large": 1}, 0)
    _, again = run_on(server, tmp_path / "d")
    assert again["sends"] == 0


def test_a_firewalls_page_stops_the_run_with_its_title(sandbox, picture_folder, run_on):
    _, run = run_on(sandbox("firewall@3+"), picture_folder(bona_fide=40))
    assert run["exit"] == 3
    assert "a firewall answered instead of the API" in run["message"]


def test_an_unlisted_refusal_is_shown_and_not_kept(sandbox, picture_folder, run_on):
    server, root = sandbox("unlisted@1"), picture_folder()
    _, run = run_on(server, root)
    assert (run["exit"], run["scored"]) == (3, 4)
    assert list(run["no_response"].values()) == [1]
    _, again = run_on(server, root)
    assert (again["exit"], again["sends"]) == (0, 1)


def test_no_connection_is_never_sent_and_given_up(picture_folder, run_on):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    dead = RunningSandbox(endpoint=f"http://127.0.0.1:{port}/finauth/v5/anti_deepfake", pid=0)
    _, run = run_on(dead, picture_folder(bona_fide=1, attack=1))
    assert (run["exit"], run["no_response"], run["possibly_billed"]) == (3, {"gave_up": 2}, 0)
    _, many = run_on(dead, picture_folder(name="many", bona_fide=50, first_seed=100))
    assert "can't be reached" in many["message"]
    assert many["sends"] < 40


@pytest.mark.parametrize(("fault", "settings"), [("reset", {}), ("half_body", {}), ("stall", {"stall_s": 3.0}),
                                                 ("drip", {"drip_s": 0.05})])  # fmt: skip
def test_a_send_without_an_answer_is_possibly_billed_and_tried_once_more(
    sandbox, picture_folder, run_on, fault, settings
):
    server = sandbox(f"{fault}@1", **settings)
    _, run = run_on(server, picture_folder(), request_timeout_s=0.6)
    assert (run["exit"], run["scored"], run["possibly_billed"], run["retries"]) == (0, 5, 1, 1)
    assert run["possibly_billed_sends"][0]["reason"] == "ambiguous"


def test_a_send_without_an_answer_is_held_when_asked_to(sandbox, picture_folder, run_on):
    server, root = sandbox("reset@1"), picture_folder()
    _, run = run_on(server, root, on_ambiguous="hold")
    assert (run["exit"], run["no_response"], run["scored"], run["sends"]) == (3, {"ambiguous": 1}, 4, 5)
    _, again = run_on(server, root, on_ambiguous="hold")
    assert (again["exit"], again["sends"], again["no_response"]) == (3, 0, {"ambiguous": 1}), (
        "held in later runs too"
    )
    _, freed = run_on(server, root, on_ambiguous="retry")
    assert (freed["exit"], freed["sends"], freed["possibly_billed"]) == (0, 1, 1)


def test_an_outage_is_not_answered_with_a_storm_of_retries(sandbox, picture_folder, run_on):
    server = sandbox("500:1.0")
    _, run = run_on(server, picture_folder(bona_fide=150, attack=50))
    assert run["exit"] == 3
    assert run["retries"] <= 100  # 500 tokens, 5 a retry
    assert server.stats()["requests"] == run["sends"] == 200 + run["retries"]
    assert "contact FinAuth with" in run["message"]


def test_refused_signatures_stop_the_run_within_the_calls_in_flight(sandbox, picture_folder, run_on):
    server = sandbox("expired_sign:1.0", latency_ms=100)
    _, run = run_on(server, picture_folder(bona_fide=100, attack=50), max_concurrency=20)
    assert run["exit"] == 4
    assert server.stats()["requests"] <= 10 + 1  # those in flight, and the one that was signed again


def test_a_doubted_signature_whose_file_is_gone_does_not_hold_up_the_others(scripted, picture_folder, run_on):
    root = picture_folder(bona_fide=10, attack=0)

    def answer(n: int) -> tuple[int, dict[str, str]] | None:
        if n > 1:
            return None
        (root / "bona_fide" / "00000.png").unlink()
        return 403, {"error": "AUTHENTICATION_ERROR:EXPIRED_SIGN"}

    _, run = run_on(scripted(answer), root, max_concurrency=1)
    assert (run["exit"], run["scored"], run["not_sent"]) == (3, 9, {"missing": 1})


def test_an_id_that_is_a_hash_is_kept(scripted, picture_folder, run_on):
    table, _ = run_on(scripted(lambda n: (200, {"score": 0.5, "request_id": "ab" * 32})), picture_folder())
    assert set(table.frame["request_id"]) == {"ab" * 32}


def test_a_slow_upload_is_not_taken_for_a_file_that_is_too_large(tmp_path, run_on, make_png):
    (tmp_path / "d" / "real").mkdir(parents=True)
    (tmp_path / "d" / "real" / "big.png").write_bytes(make_png() + b"\x00" * 9_000_000)
    with socket.create_server(("127.0.0.1", 0)) as deaf:  # accepts, and never reads
        port = deaf.getsockname()[1]
        server = RunningSandbox(endpoint=f"http://127.0.0.1:{port}/finauth/v5/anti_deepfake", pid=0)
        _, run = run_on(server, tmp_path / "d", request_timeout_s=0.3)
    assert (run["exit"], run["no_response"], run["possibly_billed"]) == (3, {"gave_up": 1}, 0)


def test_what_an_answer_says_cannot_cost_the_table(scripted, picture_folder, run_on, tmp_path):
    odd = {"request_id": "\ud800", "time_used": 10**30}
    server = scripted(
        lambda n: (200, {"score": 0.5, **odd}) if n == 2 else (400, {"error": "NO_FACE_FOUND:\udfff"})
    )
    table, run = run_on(server, picture_folder())
    assert (run["exit"], run["scored"], run["no_response"]) == (0, 1, {"no_face_found": 4})
    table.write(tmp_path / "run")
    _, again = run_on(server, picture_folder(name="same"))
    assert (again["exit"], again["sends"]) == (0, 0)


def test_what_a_server_echoes_of_the_request_is_not_kept(picture_folder, run_on, tmp_path):
    class Echo(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            signature = body.split(b'name="sign"\r\n\r\n', 1)[1].split(b"\r\n", 1)[0].decode()
            text = json.dumps({"error": f"BAD_ARGUMENTS: sign={signature}", "request_id": signature}).encode()
            self.send_response(400)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/finauth/v5/anti_deepfake"
        table, run = run_on(RunningSandbox(endpoint=url, pid=0), picture_folder(bona_fide=1, attack=1))
        server.shutdown()
    assert run["no_response"] == {"bad_arguments": 2}
    kept = b"".join(file.read_bytes() for file in (tmp_path / "cache").iterdir()) + json.dumps(run).encode()
    signed = base64.b64encode(b"a=demo-key&b=")[:12]
    for shift in range(3):  # the signature's text stands at one of three offsets of the encoding
        assert base64.b64encode(b"x" * shift + b"a=demo-key&b=17")[4:16] not in kept
    assert signed not in kept
    assert table.frame["request_id"].isna().all()


def test_an_error_of_the_program_drains_what_is_in_flight_and_keeps_the_table(
    sandbox, picture_folder, run_on, caplog
):
    def broken(_: object) -> None:
        raise RuntimeError("a progress bar that breaks")

    server = sandbox(latency_ms=50)
    table, run = run_on(server, picture_folder(bona_fide=40, attack=20), progress=broken)
    assert run["exit"] == 3
    assert "a progress bar that breaks" in run["message"]
    assert len(table) == 60
    assert run["scored"] == run["sends"] == sum(server.stats()["scored"].values())
    assert run["possibly_billed"] == 0
    assert "error of this program" in caplog.text


def test_results_are_audited_against_both_readings_of_the_threshold(sandbox, picture_folder, run_on):
    _, run = run_on(sandbox("contradiction@1,threshold_change@2"), picture_folder())
    assert run["result_mismatches"]["ge"] == 1
    assert run["result_mismatches"]["gt"] == 1
    assert len(run["thresholds_seen"]) == 2
