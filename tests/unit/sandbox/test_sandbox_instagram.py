"""The Graph API's stand-in: containers, bytes, publishing, quota, insights, tokens."""

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from dayreel.sandbox.credentials import INSTAGRAM_ACCOUNT_ID, INSTAGRAM_FACEBOOK_TOKEN, INSTAGRAM_LOGIN_TOKEN
from tests.fakes.sandbox import RunningSandbox
from tests.unit.sandbox.conftest import wait_for


class Graph:
    """The few calls a client makes."""

    def __init__(self, sandbox: RunningSandbox, token: str = INSTAGRAM_FACEBOOK_TOKEN) -> None:
        self.base = sandbox.url + "/instagram/graph/v25.0"
        self.headers = {"authorization": f"Bearer {token}"}

    def get(self, path: str, **query: Any) -> requests.Response:
        return requests.get(f"{self.base}/{path}", params=query, headers=self.headers, timeout=10)

    def post(self, path: str, **form: Any) -> requests.Response:
        return requests.post(f"{self.base}/{path}", data=form, headers=self.headers, timeout=10)

    def container(self, **fields: Any) -> requests.Response:
        wish = {"media_type": "REELS", "upload_type": "resumable", "caption": "hello #one", **fields}
        return self.post(f"{INSTAGRAM_ACCOUNT_ID}/media", **wish)

    def upload(self, uri: str, path: Path, **headers: str) -> requests.Response:
        size = str(path.stat().st_size)
        wanted = {"authorization": f"OAuth {INSTAGRAM_FACEBOOK_TOKEN}", "offset": "0", "file_size": size, **headers}
        with path.open("rb") as file:
            return requests.post(uri, data=file, headers=wanted, timeout=10)

    def uploaded(self, path: Path, **fields: Any) -> str:
        made = self.container(**fields).json()
        assert self.upload(made["uri"], path).json()["success"] is True
        return str(made["id"])

    def state(self, container: str) -> str:
        return str(self.get(container, fields="status_code").json()["status_code"])

    def publish(self, container: str) -> requests.Response:
        return self.post(f"{INSTAGRAM_ACCOUNT_ID}/media_publish", creation_id=container)


@pytest.fixture
def graph(sandbox: RunningSandbox) -> Graph:
    return Graph(sandbox)


def code_of(answer: requests.Response) -> tuple[int, int | None]:
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["fbtrace_id"]
    return error["code"], error.get("error_subcode")


def test_a_reel_goes_from_upload_to_permalink_and_gains_views(
    sandbox: RunningSandbox, graph: Graph, reel: Path
) -> None:
    container = graph.uploaded(reel, caption="made by hand ✨ #quiet", is_ai_generated="true")
    assert graph.state(container) == "FINISHED"
    media = graph.publish(container).json()["id"]
    assert graph.state(container) == "PUBLISHED"
    fields = "id,permalink,media_product_type,media_type,timestamp,shortcode,caption"
    shown = graph.get(media, fields=fields).json()
    assert (shown["media_product_type"], shown["media_type"]) == ("REELS", "VIDEO")
    assert shown["caption"] == "made by hand ✨ #quiet"
    assert "SIMULATED" in requests.get(shown["permalink"], timeout=10).text
    (post,) = sandbox.effects()["posts"]
    assert (post["platform"], post["live"], post["ai_label"], post["url"]) == (
        "instagram",
        True,
        True,
        shown["permalink"],
    )
    before = views(graph, media)
    sandbox.advance(86_400)
    after = views(graph, media)
    assert 0 <= before < after


def views(graph: Graph, media: str) -> int:
    (metric,) = graph.get(f"{media}/insights", metric="views").json()["data"]
    return int(metric["values"][0]["value"])


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"media_type": "VIDEO"}, (100, 2207023)),
        ({"caption": "x" * 2201}, (36004, 2207010)),
        ({"caption": "#a " * 31}, (100, 2207040)),
        ({"upload_type": ""}, (100, 2207067)),
        ({"is_ai_generated": "perhaps"}, (100, None)),
    ],
)
def test_a_bad_container_is_refused(graph: Graph, fields: dict[str, str], code: tuple[int, int | None]) -> None:
    assert code_of(graph.container(**fields)) == code


def test_the_token_decides_what_a_login_may_do(sandbox: RunningSandbox, graph: Graph) -> None:
    assert code_of(Graph(sandbox, "stolen").container())[0] == 190
    assert code_of(Graph(sandbox, INSTAGRAM_LOGIN_TOKEN).container()) == (100, 2207023)
    sandbox.arm("instagram", "container", "expired_token")
    assert code_of(graph.container()) == (190, 463)


def test_a_token_in_a_field_may_do_no_more(sandbox: RunningSandbox, graph: Graph) -> None:
    facts = {"account": "other_creator", "scopes": ["instagram_business_basic"], "life_s": 60}
    sandbox.ask(lambda world: world.store.put("instagram_token", "IG-x", {**facts, "issued_at": f"{world.now()}"}))
    graph.headers = {}
    assert graph.get("me", fields="username", access_token="IG-x").json()["username"] == "other_creator"
    wish = {"media_type": "REELS", "video_url": "http://127.0.0.1/x.mp4", "access_token": "IG-x"}
    assert code_of(graph.post("me/media", **wish)) == (10, None)


@pytest.fixture
def file_server(reel: Path) -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(reel.parent)))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/{reel.name}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_instagram_login_fetches_the_video_itself(sandbox: RunningSandbox, file_server: str) -> None:
    graph = Graph(sandbox, INSTAGRAM_LOGIN_TOKEN)
    container = graph.container(upload_type="", video_url=file_server).json()["id"]
    wait_for(lambda: graph.state(container), lambda state: state == "FINISHED")
    assert graph.publish(container).ok
    missing = graph.container(upload_type="", video_url=file_server + ".gone").json()["id"]
    wait_for(lambda: graph.state(missing), lambda state: state == "ERROR")
    far = graph.container(upload_type="", video_url="http://example.invalid/x.mp4").json()["id"]
    wait_for(lambda: graph.state(far), lambda state: state == "ERROR")
    assert "2207052" in graph.get(far, fields="status").json()["status"]


def test_a_container_must_be_finished_and_young_to_be_published(
    sandbox: RunningSandbox, graph: Graph, reel: Path
) -> None:
    sandbox.pace(instagram_processing_s=60)
    container = graph.uploaded(reel)
    assert graph.state(container) == "IN_PROGRESS"
    assert code_of(graph.publish(container)) == (9007, 2207027)
    sandbox.advance(86_401)
    assert graph.state(container) == "EXPIRED"
    assert code_of(graph.publish(container)) == (24, 2207008)
    assert code_of(graph.publish("1")) == (24, 2207006)
    assert sandbox.effects()["posts"] == []


def test_a_file_that_is_no_reel_ends_in_error(graph: Graph, slow_start: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.mp4"
    page.write_text("<html>an error page</html>")
    for path, why in ((slow_start, "moov"), (page, "unsupported video format")):
        container = graph.uploaded(path)
        assert graph.state(container) == "ERROR"
        assert why in graph.get(container, fields="status").json()["status"]
        assert code_of(graph.publish(container)) == (9007, 2207027)


def test_an_upload_must_say_its_true_size_and_offset(graph: Graph, reel: Path) -> None:
    uri = graph.container().json()["uri"]
    assert graph.upload(uri, reel, offset="5").status_code == 412
    short = graph.upload(uri, reel, file_size="999999999")
    assert short.json()["debug_info"]["type"] == "PartialRequestError"
    assert graph.upload(uri, reel, authorization="OAuth nobody").status_code == 400
    assert graph.upload(uri, reel).ok


def test_an_upload_that_breaks_off_goes_on_where_it_stopped(sandbox: RunningSandbox, graph: Graph, reel: Path) -> None:
    made = graph.container().json()
    sandbox.arm("instagram", "rupload", "break_off", bytes=100_000)
    with pytest.raises(requests.ConnectionError):
        graph.upload(made["uri"], reel)
    status = graph.get(made["id"], fields="video_status").json()["video_status"]
    assert status["uploading_phase"]["bytes_transferred"] == 100_000
    rest = reel.read_bytes()[100_000:]
    headers = {"authorization": f"OAuth {INSTAGRAM_FACEBOOK_TOKEN}", "offset": "100000"}
    headers["file_size"] = str(reel.stat().st_size)
    assert requests.post(made["uri"], data=rest, headers=headers, timeout=10).json()["success"]
    assert graph.state(made["id"]) == "FINISHED"


def test_the_quota_is_enforced_when_publishing(sandbox: RunningSandbox, graph: Graph, reel: Path) -> None:
    sandbox.pace(instagram_quota_total=1)
    first, second = graph.uploaded(reel), graph.uploaded(reel)
    assert graph.publish(first).ok
    limit = graph.get(f"{INSTAGRAM_ACCOUNT_ID}/content_publishing_limit", fields="config,quota_usage").json()["data"]
    assert limit == [{"config": {"quota_total": 1, "quota_duration": 86_400}, "quota_usage": 1}]
    assert code_of(graph.publish(second)) == (9, 2207042)
    sandbox.arm("instagram", "publish", "quota")
    assert code_of(graph.publish(second)) == (9, 2207042)


def test_a_lost_publish_can_be_found_by_container_and_caption(
    sandbox: RunningSandbox, graph: Graph, reel: Path
) -> None:
    container = graph.uploaded(reel, caption="find me")
    sandbox.arm("instagram", "publish", "lose_answer")
    with pytest.raises(requests.ConnectionError):
        graph.publish(container)
    assert graph.state(container) == "PUBLISHED"
    assert code_of(graph.publish(container)) == (9007, 2207027)
    media = graph.get(f"{INSTAGRAM_ACCOUNT_ID}/media", fields="id,caption,permalink,timestamp").json()["data"]
    assert [item["caption"] for item in media] == ["find me"]
    assert len(sandbox.effects()["posts"]) == 1


def test_a_publish_that_works_but_returns_500_is_live_once(sandbox: RunningSandbox, graph: Graph, reel: Path) -> None:
    container = graph.uploaded(reel)
    sandbox.arm("instagram", "publish", "error_after_accept")
    assert graph.publish(container).status_code == 500
    assert len(sandbox.effects()["posts"]) == 1


def test_one_metric_it_does_not_have_fails_the_whole_call(sandbox: RunningSandbox, graph: Graph, reel: Path) -> None:
    media = graph.publish(graph.uploaded(reel)).json()["id"]
    safe = "views,reach,likes,comments,shares,saved,reposts,total_interactions,ig_reels_avg_watch_time"
    assert len(graph.get(f"{media}/insights", metric=safe).json()["data"]) == 9
    assert code_of(graph.get(f"{media}/insights", metric="views,plays")) == (100, None)
    assert code_of(graph.get(f"{media}/insights", metric="views,facebook_views")) == (10, None)
    assert graph.get(f"{media}/insights", metric="total_views").ok
    other = Graph(sandbox, INSTAGRAM_LOGIN_TOKEN)
    assert code_of(other.get(f"{media}/insights", metric="total_views")) == (100, None)


def test_a_stuck_container_never_finishes(sandbox: RunningSandbox, graph: Graph, reel: Path) -> None:
    sandbox.arm("instagram", "container", "stuck")
    container = graph.uploaded(reel)
    sandbox.advance(3600)
    assert graph.state(container) == "IN_PROGRESS"
    sandbox.clear_faults()
    assert graph.state(container) == "FINISHED"


def test_an_instagram_token_can_be_refreshed(sandbox: RunningSandbox, graph: Graph) -> None:
    url = sandbox.url + "/instagram/graph/refresh_access_token"
    query = {"grant_type": "ig_refresh_token", "access_token": INSTAGRAM_LOGIN_TOKEN}
    fresh = requests.get(url, params=query, timeout=10).json()
    assert fresh["expires_in"] == 5_184_000
    assert Graph(sandbox, fresh["access_token"]).get("me", fields="user_id,username").ok
    bad = requests.get(url, params={**query, "access_token": INSTAGRAM_FACEBOOK_TOKEN}, timeout=10)
    assert code_of(bad)[0] == 100
    assert graph.get("debug_token", input_token=INSTAGRAM_FACEBOOK_TOKEN).json()["data"]["is_valid"]


def test_a_version_or_an_object_that_does_not_exist_is_refused(sandbox: RunningSandbox, graph: Graph) -> None:
    graph.base = sandbox.url + "/instagram/graph/v3.0"
    assert code_of(graph.get("me"))[0] == 2635
    graph.base = sandbox.url + "/instagram/graph/v25.0"
    assert code_of(graph.get("12345", fields="id")) == (100, 33)
    assert code_of(graph.get("me", fields="id,shoe_size"))[0] == 100
