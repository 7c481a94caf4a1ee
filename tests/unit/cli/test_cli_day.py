"""A day typed at a prompt against a sandbox world: made once, resumed, decided, published once."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dayreel.services.making.open_content import day_scope
from dayreel.services.project import opened_project
from tests.days import ZONE, today
from tests.fakes.sandbox import RunningSandbox
from tests.unit.cli.conftest import Told

pytestmark = pytest.mark.slow

DAY = str(today())
CONTENT_ID = f"asmr_crafts-{DAY}"
RUN = ("run", "--channel", "asmr_crafts", "--date", DAY, "--json")
QUICK = {
    "fal_queue_s": 0.0,
    "fal_render_s": 0.0,
    "instagram_processing_s": 0.0,
    "tiktok_processing_s": 0.0,
    "tiktok_public_id_s": 0.0,
    "youtube_processing_s": 0.0,
}


@pytest.fixture
def sandbox(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningSandbox]:
    """A world that answers at once, named to the project in its environment; its day has one segment."""
    path = project / "channels" / "asmr_crafts.yaml"
    text = path.read_text(encoding="utf-8").replace("count: 3, duration_s: 5", "count: 1, duration_s: 5")
    text = text.replace("{provider: anthropic, model: claude-sonnet-5-5}", "{provider: calendar, file: ideas.csv}")
    path.write_text(text.replace("timezone: UTC", f"timezone: {ZONE}"), encoding="utf-8")
    idea = f"day,idea,caption,hashtags,topic\n{DAY},A jar rises from wet clay,Clay,#craft,clay\n"
    path.with_name("ideas.csv").write_text(idea, encoding="utf-8")
    path.with_name("tiny_histories.yaml").unlink()  # its day in Madrid may begin before that of `ZONE`
    monkeypatch.setenv("DAYREEL_TIMEZONE", ZONE)
    with RunningSandbox(tmp_path / "world", pace=QUICK) as world:
        monkeypatch.setenv("DAYREEL_SANDBOX_URL", world.url)
        yield world


def failures_sent(sandbox: RunningSandbox) -> list[str]:
    texts = [str(message["text"]) for message in sandbox.effects()["messages"]]
    return [text.partition(":")[0] for text in texts if text.startswith("A run failed")]


def test_a_day_typed_twice_and_mended_is_made_and_posted_once(
    project: Path, sandbox: RunningSandbox, dayreel: Callable[..., Told], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ffmpeg of the first one does not work; it is mended, and the day goes on to its posts."""
    broken = project / "ffmpeg"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv("DAYREEL_FFMPEG", str(broken))
    scope, now = day_scope("asmr_crafts", today()), datetime.now(UTC)
    with (
        opened_project() as here,
        here.leases.held(scope, what="make the day", at=now),
    ):  # as another `dayreel run` does
        refused = dayreel(*RUN)
    assert refused.code == 1
    assert "Another process is already at it: to make the day" in refused.err
    worked = dayreel(*RUN)
    assert worked.code == 1
    assert "ffmpeg ended with code 3" in worked.err
    assert "simulated" in worked.err
    assert "Traceback" not in worked.err
    assert json.loads(worked.out)[0]["state"] == "failed"
    assert not (project / "content" / CONTENT_ID / "final_video.mp4").exists()
    bought = sandbox.effects()["generations"]
    assert bought
    assert failures_sent(sandbox) == [f"A run failed (make_day_asmr_crafts asmr_crafts {DAY})"]

    monkeypatch.delenv("DAYREEL_FFMPEG")
    mended = dayreel(*RUN)
    assert mended.code == 0, mended.err
    assert json.loads(mended.out)[0]["state"] == "review_pending"
    assert sandbox.effects()["generations"] == bought, "what was bought was bought again"

    assert dayreel("publish", CONTENT_ID).code == 1
    assert sandbox.effects()["posts"] == []
    assert failures_sent(sandbox)[1:] == [f"A run failed (publish asmr_crafts {DAY})"]
    sandbox.arm("slack", "post", "error", times=1, code="is_archived")
    assert "slack was not notified" in dayreel("publish", CONTENT_ID).err
    assert dayreel("review", "approve", CONTENT_ID, "--by", "ada").code == 0
    planned = dayreel("publish", CONTENT_ID, "--plan", "--json")
    assert all(plan["may_go_out"] for plan in json.loads(planned.out)), planned
    for plan in json.loads(planned.out):
        caption = plan["caption"]
        assert 0 < caption["size"] <= caption["limit"], caption
        assert "dr-" not in caption["text"], caption
    assert "caption, " in dayreel("publish", CONTENT_ID, "--plan").out
    assert sandbox.effects()["posts"] == []
    for _ in range(2):
        published = dayreel("publish", CONTENT_ID, "--json")
        assert published.code == 0, published.err
    posts = json.loads(published.out)[0]["posts"]
    assert {name: post["state"] for name, post in posts.items()} == dict.fromkeys(
        ("instagram", "tiktok", "youtube"), "posted"
    )
    assert sorted(post["platform"] for post in sandbox.effects()["posts"]) == ["instagram", "tiktok", "youtube"]


def test_the_doctor_looks_at_dagster_too(
    project: Path, dayreel: Callable[..., Told], monkeypatch: pytest.MonkeyPatch
) -> None:
    result = dayreel("doctor", "--json")
    checks = {check["name"]: check for check in json.loads(result.out)}
    assert result.code == 0, result
    assert checks["dagster instance"]["verdict"] == "ok"
    assert checks["dagster daemon"]["verdict"] == "warn"
    assert "dayreel up" in checks["dagster daemon"]["next_step"]
    assert checks["graph"]["verdict"] == "ok"

    (project / "dagster_home" / "dagster.yaml").write_text("nonsense: {x: 1}\n", encoding="utf-8")
    monkeypatch.setenv("DAYREEL_WORLD", "live")
    ill = dayreel("doctor", "--json")
    checks = {check["name"]: check for check in json.loads(ill.out)}
    assert ill.code == 1
    assert checks["dagster instance"]["verdict"] == "fail"
    assert "nonsense" in checks["dagster instance"]["found"]
    assert "FAL_KEY" in checks["keys of asmr_crafts"]["found"]
