"""Following along: the format of the events, resuming, one reader for all. Read by an independent client over TCP."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any

import httpx
import pytest
from httpx_sse import ServerSentEvent, connect_sse
from starlette.applications import Starlette

from dayreel.desk.pages import follow
from dayreel.queries.changes import newest_marker, status_now
from dayreel.queries.contents import ContentStatus
from dayreel.records import Records
from dayreel.services.making.renders import fire
from dayreel.services.project import Project
from dayreel.services.reviewing.decide import decide
from dayreel.stores.catalog.engine import Catalog
from tests.fakes.catalogs import fresh_catalog
from tests.fakes.clock import FakeClock
from tests.fakes.desk import desk_on, served, token_of
from tests.fakes.project import reviewable
from tests.fakes.rows import add_content
from tests.waiting import WITHIN_S, wait_until

CONTENT = "crafts-2026-11-20"
EVENTS = f"/renders/{CONTENT}/events"


@pytest.fixture
def client(desk: Starlette) -> Iterator[httpx.Client]:
    """A script's client of a desk that is really served."""
    headers = {"authorization": f"Bearer {token_of(desk, 'Watcher', 'viewer')}"}
    with served(desk) as url, httpx.Client(base_url=url, headers=headers, timeout=WITHIN_S, trust_env=False) as client:
        yield client


@contextmanager
def following(client: httpx.Client, path: str, **headers: str) -> Iterator[Iterator[ServerSentEvent]]:
    with connect_sse(client, "GET", path, headers=headers) as source:
        assert source.response.status_code == 200
        yield source.iter_sse()


def read(event: ServerSentEvent) -> dict[str, Any]:
    assert event.event == "status"
    document: dict[str, Any] = json.loads(event.data)
    assert str(document["event_id"]) == event.id
    return document


def test_polling_answers_where_a_content_stands(client: httpx.Client, project: Project) -> None:
    fire(project, CONTENT, 1, "start", progress=0, detail="queued")
    fire(project, CONTENT, 1, "progress", progress=40, detail="40 percent")
    body = client.get(f"/renders/{CONTENT}").json()
    assert (body["state"], body["status"], body["progress"]) == ("review_pending", "rendering", 40)
    assert body["renders"][0]["detail"] == "40 percent"
    assert client.get("/renders/crafts-2020-01-01").status_code == 404


def test_polling_again_costs_no_answer_until_it_changes(client: httpx.Client, project: Project) -> None:
    fire(project, CONTENT, 1, "start", progress=0, detail="queued")
    poll = partial(client.get, f"/renders/{CONTENT}")
    tag = poll().headers["etag"]
    add_content(project.catalog, "crafts-2026-11-19", "rendering")
    again = poll(headers={"if-none-match": f'"other", {tag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    fire(project, CONTENT, 1, "progress", progress=40, detail="40 percent")
    assert isinstance(project.clock, FakeClock)
    project.clock.move(seconds=0.1)
    assert poll(headers={"if-none-match": tag}).json()["progress"] == 40


def test_many_who_poll_at_once_share_a_read(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[str] = []

    def read(records: Records, content_id: str) -> tuple[ContentStatus, int]:
        reads.append(content_id)
        return status_now(records, content_id)

    monkeypatch.setattr(follow, "status_now", read)
    polls = follow.Polls(project)
    for _ in range(50):
        polls._document(CONTENT)
    assert reads == [CONTENT]
    assert isinstance(project.clock, FakeClock)
    project.clock.move(seconds=0.1)
    polls._document(CONTENT)
    assert reads == [CONTENT, CONTENT]


def test_a_stream_sends_the_current_state_and_then_each_change(client: httpx.Client, project: Project) -> None:
    with following(client, EVENTS) as events:
        first = next(events)
        assert read(first)["state"] == "review_pending"
        assert first.retry == 2000
        fire(project, CONTENT, 1, "start", progress=0, detail="queued")
        assert read(next(events))["status"] == "queued"
        fire(project, CONTENT, 1, "progress", progress=60, detail="60 percent")
        second = next(events)
        assert read(second)["progress"] == 60
        assert int(second.id) > int(first.id)


def test_an_edited_caption_is_sent_though_the_state_stays(client: httpx.Client, project: Project) -> None:
    """Without it, an open page goes on showing words that are no longer those of the content."""
    with following(client, EVENTS) as events:
        first = read(next(events))
        decide(project, CONTENT, "edited", by="ben", via="cli", caption="Other words")
        second = read(next(events))
    assert second["state"] == first["state"] == "review_pending"
    assert int(str(second["version"])) > int(str(first["version"]))


def test_a_stream_is_plain_and_is_gathered_by_no_proxy(client: httpx.Client) -> None:
    with client.stream("GET", EVENTS) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["x-accel-buffering"] == "no"
        assert answer.headers["cache-control"] == "no-store"
        block = next(answer.iter_text())
        lines = block.split("\n")
        assert [line.partition(":")[0] for line in lines[:4]] == ["id", "event", "retry", "data"]
        assert block.endswith("\n\n")


def test_text_with_line_ends_cannot_end_an_event_early(client: httpx.Client, project: Project) -> None:
    evil = "x\n\nevent: status\ndata: {}\r\rid: 1\u2028"
    with following(client, EVENTS) as events:
        next(events)
        fire(project, CONTENT, 1, "start", progress=0, detail=evil)
        assert read(next(events))["renders"][0]["detail"] == evil


def test_after_a_gap_only_what_is_new_is_sent(client: httpx.Client, project: Project) -> None:
    with following(client, EVENTS) as events:
        last = next(events).id
    with following(client, EVENTS, **{"last-event-id": last}) as events:
        decide(project, CONTENT, "edited", by="Ana", via="cli", caption="New words")
        assert read(next(events))["version"] == 5
    with following(client, EVENTS, **{"last-event-id": last}) as events:
        assert read(next(events))["version"] == 5, "what changed in the gap was lost"


def test_a_finished_stream_closes_and_prevents_reconnecting(client: httpx.Client, project: Project) -> None:
    with following(client, EVENTS) as events:
        next(events)
        decide(project, CONTENT, "rejected", by="Ana", via="cli")
        last = next(events)
        assert read(last)["terminal"] is True
        assert list(events) == []
    assert client.get(EVENTS, headers={"last-event-id": last.id}).status_code == 204
    assert client.get("/renders/crafts-2020-01-01/events").status_code == 404


def test_the_global_stream_replays_a_gap_or_says_it_cannot(client: httpx.Client, project: Project) -> None:
    before = newest_marker(project)
    fire(project, CONTENT, 1, "start", progress=0, detail="queued")
    with following(client, "/events", **{"last-event-id": str(before)}) as events:
        assert read(next(events))["content_id"] == CONTENT
        fire(project, CONTENT, 1, "progress", progress=1, detail="1 percent")
        assert read(next(events))["progress"] == 1
    with following(client, "/events", **{"last-event-id": "999999"}) as events:
        assert next(events).event == "reset"


def test_one_reader_serves_all_watchers_and_idles_without_any(
    client: httpx.Client, desk: Starlette, project: Project
) -> None:
    feed = desk.state.desk.feed
    got: list[int] = []

    def watch() -> None:
        with following(client, EVENTS) as events:
            next(events)
            got.append(int(next(events).id))

    threads = [threading.Thread(target=watch) for _ in range(12)]
    for thread in threads:
        thread.start()
    wait_until(lambda: feed.watching == 12)
    began, at = feed.reads, time.monotonic()
    time.sleep(0.3)
    # At 50 looks a second; twelve readers would have looked twelve times as often.
    assert feed.reads - began < 120 * (time.monotonic() - at)
    fire(project, CONTENT, 1, "start", progress=0, detail="queued")
    for thread in threads:
        thread.join(WITHIN_S)
    assert len(got) == 12
    wait_until(lambda: feed.watching == 0)
    rest = feed.reads
    time.sleep(0.1)
    assert feed.reads - rest <= 1


def test_strangers_follow_nothing(desk: Starlette) -> None:
    with served(desk) as url, httpx.Client(base_url=url, trust_env=False) as stranger:
        for path in (EVENTS, "/events", f"/renders/{CONTENT}"):
            assert stranger.get(path).status_code == 401


@pytest.mark.parametrize("path", [EVENTS, "/events"])
def test_a_disabled_persons_stream_ends(
    client: httpx.Client, desk: Starlette, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    for name in ("ASK_AGAIN_S", "HEARTBEAT_S"):
        monkeypatch.setattr(f"dayreel.desk.live.{name}", 0.02)
    with client.stream("GET", path) as answer:
        lines = answer.iter_lines()
        assert next(line for line in lines if "heartbeat" in line), "whoever may look goes on looking"
        desk.state.desk.users.disable("Watcher", by="test")
        assert len(list(islice(lines, 1000))) < 1000, "it went on"
    wait_until(lambda: desk.state.desk.feed.watching == 0)


@pytest.mark.postgres
def test_postgresql_notifies_of_a_commit_so_nobody_polls(
    postgres_url: str, make_project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With nothing but the look once a minute, only the notification can bring the event in time."""
    monkeypatch.setattr("dayreel.desk.pg_notify.LOOK_ANYWAY_S", 60.0)
    project = make_project(catalog=fresh_catalog(postgres_url))
    row = reviewable(project)
    desk = desk_on(project, poll_s=60.0)
    headers = {"authorization": f"Bearer {token_of(desk, 'Vera', 'viewer')}"}
    with (
        served(desk) as url,
        httpx.Client(base_url=url, trust_env=False, headers=headers, timeout=WITHIN_S) as client,
        following(client, f"/renders/{row.id}/events") as events,
        Catalog(project.catalog.url) as elsewhere,
    ):
        next(events)
        wait_until(lambda: desk.state.desk.feed.reads > 2)  # it listens
        fire(replace(project, catalog=elsewhere), row.id, 1, "start", progress=0, detail="queued")
        assert read(next(events))["renders"][0]["state"] == "queued"
