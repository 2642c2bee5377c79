"""Rows, caps, campaigns, replay, and what a run leaves behind."""

from __future__ import annotations

import asyncio
import json
import socket
import threading

import pandas as pd
import pytest

import finauth_eval as fe
from finauth_eval.errors import CredentialsError, InputError
from finauth_eval.run.endpoint import REGIONS, resolve_endpoint
from finauth_eval.run.runner import plan_run


def test_identical_contents_are_sent_once_and_are_a_row_each(sandbox, picture_folder, run_on):
    server, root = sandbox(), picture_folder()
    for name in ("copy-1.png", "copy-2.png"):
        (root / "bona_fide" / name).write_bytes((root / "bona_fide" / "00000.png").read_bytes())
    table, run = run_on(server, root)
    assert (run["samples"], run["unique_contents"], run["sends"]) == (7, 5, 5)
    copies = table.frame[table.frame["sample_id"].str.contains("copy|bona_fide/00000")]
    assert copies["score"].nunique() == 1
    assert len(copies) == 3


def test_renamed_and_moved_files_are_not_paid_for_again(sandbox, picture_folder, run_on, tmp_path):
    server, root = sandbox(), picture_folder()
    run_on(server, root)
    (root / "bona_fide").rename(root / "real")
    (root / "real" / "00000.png").rename(root / "real" / "another name.png")
    root.rename(tmp_path / "moved")
    _, run = run_on(server, tmp_path / "moved")
    assert (run["sends"], run["from_cache"], run["exit"]) == (0, 5, 0)


def test_changed_bytes_under_the_same_name_are_sent(sandbox, picture_folder, run_on, make_png):
    server, root = sandbox(), picture_folder()
    run_on(server, root)
    (root / "bona_fide" / "00000.png").write_bytes(make_png(500))
    _, run = run_on(server, root)
    assert run["sends"] == 1


def test_a_new_campaign_has_everything_scored_afresh_and_an_old_one_resumes(sandbox, picture_folder, run_on):
    server, root = sandbox(), picture_folder()
    assert run_on(server, root, campaign="w1")[1]["sends"] == 5
    assert run_on(server, root, campaign="w2")[1]["sends"] == 5
    assert run_on(server, root, campaign="w1")[1]["sends"] == 0


def test_two_endpoints_never_share_an_answer_unless_they_are_given_one_name(sandbox, picture_folder, run_on):
    first, second, root = sandbox(), sandbox(), picture_folder()
    assert run_on(first, root, endpoint_name="mine")[1]["sends"] == 5
    assert run_on(second, root)[1]["sends"] == 5
    assert run_on(second, root, endpoint_name="mine")[1]["sends"] == 0


def test_max_calls_is_a_hard_cap_and_the_run_can_be_resumed(sandbox, picture_folder, run_on):
    server, root = sandbox("500@2"), picture_folder(bona_fide=20, attack=10)
    table, run = run_on(server, root, max_calls=12)
    assert (run["exit"], run["sends"]) == (5, 12)
    assert server.stats()["requests"] == 12
    assert len(table) == 30
    assert "max-calls 12" in run["message"]
    assert sum(run["not_sent"].values()) + run["scored"] + sum(run["no_response"].values()) == 30
    _, rest = run_on(server, root)
    assert (rest["exit"], rest["scored"]) == (0, 30)


def test_a_cap_that_is_just_enough_is_no_stop(sandbox, picture_folder, run_on):
    _, run = run_on(sandbox(), picture_folder(), max_calls=5)
    assert (run["exit"], run["sends"]) == (0, 5)


def test_max_per_second_is_kept_to(sandbox, picture_folder, run_on):
    _, run = run_on(sandbox(), picture_folder(bona_fide=8, attack=3), max_per_second=10.0)
    assert run["exit"] == 0
    assert run["wall_s"] >= 1.0  # eleven sends, a tenth of a second apart


def test_max_per_second_holds_when_answers_are_slow(sandbox, picture_folder, run_on):
    server = sandbox(latency_ms=1500)
    _, run = run_on(server, picture_folder(bona_fide=8, attack=4), max_per_second=10.0, max_concurrency=64)
    assert run["exit"] == 0
    assert run["wall_s"] >= 1.1 + 1.5  # the twelfth send is 1.1 s after the first


@pytest.mark.parametrize("option", [{"max_per_second": float("inf")}, {"request_timeout_s": float("nan")},
                                    {"max_concurrency": 0}, {"max_per_second": 0}])  # fmt: skip
def test_numbers_that_no_run_could_keep_are_refused_before_anything_is_sent(picture_folder, tmp_path, option):
    with pytest.raises(ValueError, match=next(iter(option))):
        fe.collect_scores(fe.load_dataset(picture_folder()), endpoint="sgp", cache=tmp_path / "c", **option)
    assert not (tmp_path / "c").exists()


def test_a_proxy_that_refuses_is_no_send(picture_folder, run_on, monkeypatch, tmp_path):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{listener.getsockname()[1]}")
        thread = threading.Thread(target=refuse, args=(listener, 15), daemon=True)
        thread.start()
        table = fe.collect_scores(
            fe.load_dataset(picture_folder(bona_fide=1, attack=1)),
            endpoint="https://nowhere.invalid",
            cache=tmp_path / "c",
            credentials=fe.Credentials(api_key="k", api_secret="s"),
            patience=0.01,
        )
    run = table.provenance.run
    assert (run["exit"], run["no_response"], run["possibly_billed"]) == (3, {"gave_up": 2}, 0)


def refuse(listener: socket.socket, times: int) -> None:
    for _ in range(times):
        try:
            connection, _ = listener.accept()
        except OSError:  # the test is over
            return
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")


def test_a_dry_run_needs_no_credentials_and_sends_nothing(
    sandbox, picture_folder, run_on, tmp_path, monkeypatch
):
    monkeypatch.delenv("FINAUTH_API_KEY", raising=False)
    server, root = sandbox(), picture_folder()
    options = {"endpoint": server.endpoint, "cache": tmp_path / "cache"}
    plan = plan_run(fe.load_dataset(root), **options)
    assert (plan.planned_calls, plan.summary["sends"], plan.summary["not_sent"]) == (5, 0, {"planned": 5})
    run_on(server, root)
    plan = plan_run(fe.load_dataset(root), **options)
    assert (plan.planned_calls, plan.summary["from_cache"], plan.summary["scored"]) == (0, 5, 5)
    assert server.stats()["requests"] == 5


def test_a_replay_needs_no_credentials_and_opens_no_connection(
    sandbox, picture_folder, run_on, make_png, monkeypatch
):
    server, root = sandbox(), picture_folder()
    first, _ = run_on(server, root)
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("a replay opened a connection"))
    table, run = run_on(server, root, replay=True, credentials=None)
    assert (run["exit"], run["sends"]) == (0, 0)
    assert table.provenance.digest == first.provenance.digest
    (root / "bona_fide" / "new.png").write_bytes(make_png(500))
    _, run = run_on(server, root, replay=True, credentials=None)
    assert (run["exit"], run["not_sent"]) == (3, {"not_cached": 1})


def test_a_secret_that_is_no_text_is_refused_without_showing_it(tmp_path, monkeypatch, picture_folder):
    monkeypatch.setenv("FINAUTH_API_KEY", "key")
    monkeypatch.setenv("FINAUTH_API_SECRET", "sec\udcffret")
    with pytest.raises(CredentialsError, match="FINAUTH_API_SECRET holds characters") as caught:
        fe.collect_scores(fe.load_dataset(picture_folder()), endpoint="sgp", cache=tmp_path / "c")
    assert "ret" not in str(caught.value)


def test_without_credentials_nothing_is_sent(picture_folder, tmp_path, monkeypatch):
    monkeypatch.delenv("FINAUTH_API_KEY", raising=False)
    monkeypatch.delenv("FINAUTH_API_SECRET", raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CredentialsError, match="set FINAUTH_API_KEY and FINAUTH_API_SECRET"):
        fe.collect_scores(fe.load_dataset(picture_folder()), endpoint="sgp", cache=tmp_path / "c")


def test_credentials_come_from_a_dotenv_file_too(sandbox, picture_folder, run_on, tmp_path, monkeypatch):
    for name in ("FINAUTH_API_KEY", "FINAUTH_API_SECRET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("FINAUTH_API_KEY=demo-key\nFINAUTH_API_SECRET=demo-secret\nOTHER=1\n")
    _, run = run_on(sandbox(), picture_folder(), credentials=None)
    assert run["scored"] == 5


def test_it_works_inside_a_running_event_loop(sandbox, picture_folder, run_on):
    server, root = sandbox(), picture_folder()

    async def in_a_notebook():
        return run_on(server, root)

    _, run = asyncio.run(in_a_notebook())
    assert run["scored"] == 5


def test_what_cannot_be_sent_is_a_row_and_the_others_go_on(sandbox, picture_folder, run_on, tmp_path):
    root = picture_folder()
    lines = [
        {"path": str(p.relative_to(root)), "label": "real"} for p in sorted((root / "bona_fide").iterdir())
    ]
    lines += [
        {"path": "gone.png", "label": "fake", "attack_type": "swap"},
        {"path": "../x.png", "label": "fake"},
    ]
    (root / "m.jsonl").write_text("\n".join(map(json.dumps, lines)))
    table, run = run_on(sandbox(), root / "m.jsonl")
    assert (run["exit"], run["scored"], run["not_sent"]) == (3, 3, {"missing": 1, "outside_root": 1})
    assert table.frame["outcome"].tolist() == ["scored"] * 3 + ["not_sent"] * 2
    assert table.frame["attack_type"].tolist()[3] == "swap"


def test_a_file_that_changes_between_hashing_and_sending_is_not_sent(
    sandbox, picture_folder, run_on, make_png, tmp_path
):
    root = picture_folder()
    dataset = fe.load_dataset(root)
    (root / "bona_fide" / "00000.png").write_bytes(make_png(500))
    (root / "bona_fide" / "00001.png").unlink()
    server = sandbox()
    table = fe.collect_scores(
        dataset,
        endpoint=server.endpoint,
        cache=tmp_path / "c",
        credentials=fe.Credentials(api_key="demo-key", api_secret="demo-secret"),
    )
    assert table.provenance.run["not_sent"] == {"changed": 1, "missing": 1}
    assert table.provenance.run["exit"] == 3
    assert server.stats()["requests"] == 3


def test_videos_are_sent_as_videos(sandbox, tmp_path, run_on, mp4_bytes):
    (tmp_path / "d" / "real").mkdir(parents=True)
    (tmp_path / "d" / "real" / "clip.mp4").write_bytes(mp4_bytes)
    table, run = run_on(sandbox(), tmp_path / "d")
    assert (run["exit"], run["scored"]) == (0, 1)
    assert table.frame["media_type"].tolist() == ["video"]


def test_a_run_folder_reads_back_as_the_same_table(sandbox, picture_folder, run_on, tmp_path):
    table, run = run_on(sandbox(), picture_folder(bona_fide=20, attack=10))
    table.write(tmp_path / "run")
    back = fe.read_scores(tmp_path / "run")
    assert dict(back.provenance.run) == run
    assert back.provenance.digest == table.provenance.digest
    assert back.provenance.dataset_digest == run["dataset"]["digest"]
    pd.testing.assert_frame_equal(
        back.frame.astype(object).where(back.frame.notna(), None),
        table.frame.astype(object).where(table.frame.notna(), None),
    )


def test_attributes_of_the_manifest_are_columns_and_give_way_to_the_tables_own(
    sandbox, picture_folder, run_on
):
    root = picture_folder(bona_fide=2, attack=1)
    (root / "m.csv").write_text(
        "path,label,region,camera\nbona_fide/00000.png,0,id-java,front\nattack/replay/00000.png,1,id-bali,back\n"
    )
    table, _ = run_on(sandbox(), root / "m.csv")
    assert table.frame["manifest_region"].tolist() == ["id-java", "id-bali"]
    assert table.frame["camera"].tolist() == ["front", "back"]
    assert table.frame["region"].isna().all()


def test_attributes_that_collide_keep_their_values(sandbox, picture_folder, run_on):
    root = picture_folder(bona_fide=1, attack=0)
    (root / "m.csv").write_text("path,label,region,manifest_region\nbona_fide/00000.png,0,a,b\n")
    frame = run_on(sandbox(), root / "m.csv")[0].frame
    assert {frame["manifest_region"].item(), frame["manifest_manifest_region"].item()} == {"a", "b"}


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("http://example.com", "plain http is for this machine alone"),
        ("http://127.0.0.1.example.com", "plain http is for this machine alone"),
        ("ftp://x", "begins with https://"),
        ("usa", "begins with https://"),
        ("https://key:secret@host/", "a user, a query or a fragment"),
        ("https://host/?a=1", "a user, a query or a fragment"),
        ("https://host:port/", "is not a URL"),
        ("http://127.0.0.1:9/\x01", "is not a URL"),
        ("https://xn--a.invalid", "is not a URL"),
    ],
)
def test_an_endpoint_that_is_none_is_refused(where, message):
    with pytest.raises(InputError, match=message) as caught:
        resolve_endpoint(where)
    assert "secret" not in str(caught.value)


def test_both_regions_are_known_and_loopback_may_be_plain():
    assert REGIONS == {
        "sgp": "https://api-sgp.yljz.com/finauth/v5/anti_deepfake",
        "idn": "https://api-idn.yljz.com/finauth/v5/anti_deepfake",
    }
    assert resolve_endpoint("idn").name == "idn"
    for host in ("127.0.0.1", "localhost", "[::1]"):
        assert resolve_endpoint(f"http://{host}:81/x").url == f"http://{host}:81/x"
