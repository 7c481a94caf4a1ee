"""The control plane, persistence, faults, counters and the process."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from starlette.responses import Response

from dayreel.errors import UsageError
from dayreel.sandbox import fal, instagram, openai, server, tiktok, youtube
from dayreel.sandbox.__main__ import main
from dayreel.sandbox.counters import SandboxCounters, counters
from dayreel.sandbox.faults import EVERYWHERE, Faults
from dayreel.sandbox.server import create_app
from dayreel.sandbox.wire import Call, routes
from dayreel.sandbox.world import SandboxWorld
from tests.fakes.sandbox import RunningSandbox
from tests.unit.sandbox.conftest import QUICK, wait_for
from tests.unit.sandbox.test_sandbox_instagram import Graph
from tests.unit.sandbox.test_sandbox_tiktok import Client as TikTok
from tests.unit.sandbox.test_sandbox_tiktok import put
from tests.unit.sandbox.test_sandbox_youtube import Client as YouTube
from tests.waiting import WITHIN_S


def test_the_world_says_what_it_is(sandbox: RunningSandbox) -> None:
    about = requests.get(sandbox.url + "/_world", timeout=10).json()
    assert (about["world"], about["version"], Path(about["root"])) == ("sandbox", 1, sandbox.root.resolve())
    assert "stands in" in requests.get(sandbox.url, timeout=10).text
    assert requests.get(sandbox.url + "/instagram/p/none/", timeout=10).status_code == 404


def test_a_web_page_elsewhere_cannot_steer_the_world(sandbox: RunningSandbox) -> None:
    answer = requests.get(sandbox.url + "/_world/effects", headers={"host": "evil.example"}, timeout=10)
    assert answer.status_code == 403


def control(sandbox: RunningSandbox, method: str, path: str, body: object = None) -> dict[str, Any]:
    """Return what the control plane answers over HTTP."""
    answer = requests.request(method, f"{sandbox.url}/_world/{path}", json=body, timeout=10)
    assert answer.ok, answer.text
    return dict(answer.json())


def test_its_time_can_be_moved_and_set(sandbox: RunningSandbox) -> None:
    before = datetime.fromisoformat(control(sandbox, "POST", "clock", {"advance_s": 0})["now"])
    later = datetime.fromisoformat(control(sandbox, "POST", "clock", {"advance_s": 3600})["now"])
    assert later - before >= timedelta(hours=1)
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    is_now = datetime.fromisoformat(control(sandbox, "POST", "clock", {"now": noon.isoformat()})["now"])
    assert noon - timedelta(seconds=1) < is_now < noon + timedelta(hours=1)


def test_the_control_plane_says_and_does_what_a_test_asks(sandbox: RunningSandbox) -> None:
    armed = control(sandbox, "POST", "faults", {"service": "slack", "route": "auth", "kind": "error"})["armed"]
    assert [fault["id"] for fault in control(sandbox, "GET", "faults")["armed"]] == [armed]
    requests.post(sandbox.url + "/slack/api/auth.test", timeout=10)
    assert [fired["fault_id"] for fired in control(sandbox, "GET", "faults")["fired"]] == [armed]
    assert control(sandbox, "DELETE", "faults") == {"armed": [], "fired": []}
    assert control(sandbox, "POST", "pace", {"fal_queue_s": 7})["fal_queue_s"] == 7
    assert control(sandbox, "GET", "pace")["fal_queue_s"] == 7
    assert control(sandbox, "GET", "effects") == sandbox.effects()
    assert control(sandbox, "POST", "reset") == {"reset": True}
    assert control(sandbox, "GET", "pace")["fal_queue_s"] == 0.2


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        ("faults", {"service": "myspace", "route": "*", "kind": "error"}, "myspace"),
        ("faults", {"service": "fal", "route": "publish", "kind": "error"}, "submit"),
        ("faults", {"service": "fal", "route": "*", "kind": "refusal"}, "truncated_file"),
        ("faults", {"service": "fal", "route": "result", "kind": "truncated_file"}, "file"),
        ("faults", {"service": "fal", "route": "*", "kind": "error", "color": "red"}, "color"),
        ("clock", {"sideways": 1}, "advance_s"),
        ("pace", {"warp": 9}, "warp"),
        ("pace", [], "one JSON object"),
    ],
)
def test_an_impossible_request_is_refused_with_what_is_allowed(
    sandbox: RunningSandbox, path: str, body: object, says: str
) -> None:
    answer = requests.post(f"{sandbox.url}/_world/{path}", json=body, timeout=10)
    assert answer.status_code == 400
    assert says in answer.json()["error"]


def test_a_fault_fires_as_often_as_armed_and_is_recorded(sandbox: RunningSandbox) -> None:
    sandbox.arm("slack", "*", "error", times=2, code="fatal_error")
    url = sandbox.url + "/slack/api/auth.test"
    headers = {"authorization": f"Bearer {sandbox.credentials['SLACK_BOT_TOKEN']}"}
    oks = [requests.post(url, headers=headers, timeout=10).json()["ok"] for _ in range(3)]
    assert oks == [False, False, True]
    assert [(fired["route"], fired["kind"]) for fired in sandbox.fired()] == [("auth", "error")] * 2
    sandbox.clear_faults()
    assert sandbox.fired() == []


def test_a_delay_only_delays(sandbox: RunningSandbox) -> None:
    sandbox.arm("slack", "auth", "delay", seconds=0.05)
    headers = {"authorization": f"Bearer {sandbox.credentials['SLACK_BOT_TOKEN']}"}
    started = time.monotonic()
    assert requests.post(sandbox.url + "/slack/api/auth.test", headers=headers, timeout=10).json()["ok"]
    assert time.monotonic() - started >= 0.05


def test_every_service_answers_the_common_faults_in_its_own_way(sandbox: RunningSandbox) -> None:
    services = sandbox.services()
    assert len(services) > 10
    for service in services:
        for kind in ("error", "expired_token", "quota"):
            assert sandbox.arm(service, "*", kind) > 0


def test_a_stand_in_of_another_package_can_be_armed(tmp_path: Path) -> None:
    world = SandboxWorld(tmp_path)

    async def speech(_call: Call) -> Response:
        return Response(b"RIFF")

    wish = {"service": "murmur", "route": "speech", "kind": "error"}
    with pytest.raises(UsageError, match="No service 'murmur'"):
        Faults(world).arm(wish)
    fault_answer = lambda _route, fault: Response(status_code=fault.status or 500)  # noqa: E731
    routes(world, "murmur", fault_answer, {("POST", "/murmur/speech", "speech"): speech})
    Faults(world).arm(wish)
    assert Faults(world).take("murmur", "speech") is not None


def test_a_special_fault_waits_for_a_route_that_knows_it(tmp_path: Path) -> None:
    world = SandboxWorld(tmp_path)
    fal.mount(world)
    openai.mount(world)
    faults = Faults(world)
    faults.arm({"service": "fal", "route": "*", "kind": "truncated_file"})
    assert faults.take("fal", "submit") is None
    assert faults.take("openai", "responses") is None
    fault = faults.take("fal", "file")
    assert fault is not None
    assert fault.kind == "truncated_file"
    assert faults.take("fal", "file") is None
    world.store.close()


def test_an_unknown_setting_is_refused(tmp_path: Path) -> None:
    world = SandboxWorld(tmp_path)
    fal.mount(world)
    with pytest.raises(UsageError, match="fal_queue_s"):
        world.set_pace({"speed": 1})
    world.store.close()


def test_two_worlds_never_hand_out_the_same_ids(tmp_path: Path) -> None:
    first, other = SandboxWorld(tmp_path / "a"), SandboxWorld(tmp_path / "b")
    ids = [world.new_digest("x") for world in (first, other) for _ in range(3)]
    assert len(set(ids)) == 6
    numbers = [int(first.new_number("post", 17)) for _ in range(50)]
    assert numbers == sorted(set(numbers))
    assert {len(str(number)) for number in numbers} == {17}
    first.store.close()
    other.store.close()


@pytest.mark.parametrize("platform", [instagram, tiktok, youtube], ids=["instagram", "tiktok", "youtube"])
def test_counters_grow_and_flatten_and_are_the_same_each_time(platform: Any) -> None:
    def counted(post: str, days: int) -> SandboxCounters:
        return counters(f"x/{post}", days * 86_400.0, 15, typical_views=platform.TYPICAL_VIEWS)

    days = [counted("17", day) for day in range(15)]
    views = [day.views for day in days]
    assert views == sorted(views)
    assert views[0] == 0 < views[1]
    assert views[14] - views[13] < views[1] - views[0]
    assert days == [counted("17", day) for day in range(15)]
    assert all(day.likes <= day.reach <= day.views for day in days)
    assert len({counted(str(post), 9).views for post in range(20)}) > 15


@pytest.fixture
def restarting(tmp_path: Path, tiny_clip: Path) -> Iterator[RunningSandbox]:
    sandbox = RunningSandbox(tmp_path / "world", pace=QUICK, clip=tiny_clip).start()
    yield sandbox
    sandbox.stop()


def test_a_restart_keeps_uploads_posts_faults_and_time(restarting: RunningSandbox, reel: Path) -> None:
    data = reel.read_bytes()
    container = Graph(restarting).uploaded(reel, caption="kept")
    tiktok_init = TikTok(restarting).init(len(data)).json()["data"]
    youtube = YouTube(restarting)
    session = youtube.session(len(data))
    youtube.put(session, data[:262_144], f"bytes 0-262143/{len(data)}")
    posted = youtube.posted(reel)
    restarting.advance(1000)
    restarting.arm("fal", "submit", "error")
    port = int(restarting.url.rsplit(":", 1)[1])
    restarting.stop()
    restarting.start(port=port)

    assert [post["id"] for post in restarting.effects()["posts"]] == [posted]
    assert Graph(restarting).publish(container).ok
    assert put(tiktok_init["upload_url"], data).status_code == 201
    assert youtube.put(session, b"", f"bytes */{len(data)}").headers["range"] == "bytes=0-262143"
    now = datetime.fromisoformat(restarting.advance(0))
    assert now - datetime.now(UTC) > timedelta(seconds=900)
    armed = requests.get(restarting.url + "/_world/faults", timeout=10).json()["armed"]
    assert [fault["service"] for fault in armed] == ["fal"]
    assert {post["platform"] for post in restarting.effects()["posts"]} == {"youtube", "instagram", "tiktok"}


def test_a_job_that_died_with_the_server_is_rendered_on_restart(restarting: RunningSandbox) -> None:
    headers = {"authorization": f"Key {restarting.credentials['FAL_KEY']}"}
    body = {"prompt": "x", "duration": "5", "resolution": "480p"}
    url = restarting.url + "/fal/queue/fal-ai/wan-25-preview/text-to-video"
    path = requests.post(url, json=body, headers=headers, timeout=10).json()["status_url"].removeprefix(restarting.url)
    restarting.stop()
    for clip in (restarting.root / "files" / "clips").glob("*.mp4"):
        clip.unlink()
    restarting.start()
    wait_for(
        lambda: requests.get(restarting.url + path, headers=headers, timeout=10).json()["status"],
        lambda status: status == "COMPLETED",
    )


def test_the_process_says_where_it_listens_and_cleans_up(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "dayreel.sandbox", "--root", str(tmp_path), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        facts = json.loads((tmp_path / "server.json").read_text())
        assert (facts["url"], facts["pid"]) == (url, process.pid)
        assert datetime.fromisoformat(facts["started_at"]).tzinfo is not None
        assert requests.get(url + "/_world", timeout=10).ok
        os.kill(process.pid, signal.SIGTERM)
        process.wait(WITHIN_S)
        assert not (tmp_path / "server.json").exists()


def test_the_process_leaves_when_nobody_calls(tmp_path: Path) -> None:
    assert main(["--root", str(tmp_path), "--port", "0", "--idle-exit-s", "0.05"]) == 0
    assert not (tmp_path / "server.json").exists()


def test_a_taken_port_is_a_sentence_when_it_was_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["--root", str(tmp_path), "--port", str(port)]) == 1
    assert f"127.0.0.1:{port}" in capsys.readouterr().err


def test_a_taken_default_port_is_replaced_by_a_free_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    urls: list[str] = []
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr(server, "USUAL_PORT", port)
        server.serve(tmp_path, idle_exit_s=0.05, ready=urls.append)
    assert len(urls) == 1
    assert not urls[0].endswith(f":{port}")


def test_the_docs_name_every_route_fault_and_setting(tmp_path: Path) -> None:
    world: SandboxWorld = create_app(tmp_path).state.world
    world.store.close()
    text = (Path(__file__).parents[3] / "docs" / "reference" / "sandbox.md").read_text()
    words = set(re.findall(r"[a-z_]+", text))
    kinds = {*EVERYWHERE, *(kind for service in world.services.values() for kind in service.special_faults)}
    routes = {route for service in world.services.values() for route in service.routes}
    assert len(world.services) > 10
    assert sorted((kinds | routes | set(world.default_pace) | set(world.services)) - words) == []
