"""A day typed at a prompt, as real processes against a sandbox world: made once, resumed, decided, published once."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.fakes.sandbox import RunningSandbox
from tests.unit.cli.conftest import finish, start

pytestmark = pytest.mark.slow

DAY = str(datetime.now(UTC).date())
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
    """A world that answers at once, named to the project in its environment."""
    path = project / "channels" / "asmr_crafts.yaml"
    short = path.read_text(encoding="utf-8").replace("count: 3, duration_s: 5", "count: 1, duration_s: 5")
    path.write_text(short, encoding="utf-8")
    with RunningSandbox(tmp_path / "world", pace=QUICK) as world:
        monkeypatch.setenv("DAYREEL_SANDBOX_URL", world.url)
        yield world


def test_one_of_two_commands_makes_a_day_that_is_posted_once(sandbox: RunningSandbox) -> None:
    sandbox.pace(fal_render_s=4.0)
    both = [start(*RUN), start(*RUN)]
    told = [finish(process) for process in both]
    assert sorted(one.code for one in told) == [0, 1], told
    worked, refused = sorted(told, key=lambda one: one.code)
    assert json.loads(worked.out)[0]["state"] == "review_pending"
    assert "simulated" in worked.err
    assert "Another process is already at it" in refused.err
    bought = sandbox.effects()["generations"]
    assert bought

    again = finish(start(*RUN))
    assert again.code == 0
    assert sandbox.effects()["generations"] == bought, "a second run bought something"

    early = finish(start("publish", CONTENT_ID))
    assert early.code == 1
    assert sandbox.effects()["posts"] == []

    approved = finish(start("review", "approve", CONTENT_ID, "--by", "ada"))
    assert approved.code == 0
    planned = finish(start("publish", CONTENT_ID, "--plan", "--json"))
    assert all(plan["may_go_out"] for plan in json.loads(planned.out)), planned
    for plan in json.loads(planned.out):
        caption = plan["caption"]
        assert 0 < caption["size"] <= caption["limit"], caption
        assert "dr-" in caption["text"], caption
    assert "caption, " in finish(start("publish", CONTENT_ID, "--plan")).out
    assert sandbox.effects()["posts"] == []
    for _ in range(2):
        published = finish(start("publish", CONTENT_ID, "--json"))
        assert published.code == 0, published.err
    posts = json.loads(published.out)[0]["posts"]
    assert {name: post["state"] for name, post in posts.items()} == dict.fromkeys(
        ("instagram", "tiktok", "youtube"), "posted"
    )
    assert sorted(post["platform"] for post in sandbox.effects()["posts"]) == ["instagram", "tiktok", "youtube"]


def test_the_day_resumes_without_loss_after_a_broken_ffmpeg(
    project: Path, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sandbox.effects()["generations"]
    monkeypatch.setenv("DAYREEL_FFMPEG", "/nowhere/ffmpeg")
    told = finish(start(*RUN))
    assert told.code == 1
    assert "'/nowhere/ffmpeg'" in told.err
    assert sandbox.effects()["generations"] == before, "something was bought that nothing could be made of"

    broken = project / "ffmpeg"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv("DAYREEL_FFMPEG", str(broken))
    told = finish(start(*RUN))
    assert told.code == 1
    assert "ffmpeg ended with code 3" in told.err
    assert "Traceback" not in told.err
    assert json.loads(told.out)[0]["state"] == "failed"
    assert not (project / "content" / CONTENT_ID / "final_video.mp4").exists()
    bought = sandbox.effects()["generations"]
    assert len(bought) > len(before)
    monkeypatch.delenv("DAYREEL_FFMPEG")
    mended = finish(start(*RUN))
    assert mended.code == 0, mended.err
    assert json.loads(mended.out)[0]["state"] == "review_pending"
    assert sandbox.effects()["generations"] == bought, "what was bought was bought again"


def test_the_doctor_looks_at_dagster_too(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = finish(start("doctor", "--json"))
    checks = {check["name"]: check for check in json.loads(told.out)}
    assert told.code == 0, told
    assert checks["dagster instance"]["verdict"] == "ok"
    assert checks["dagster daemon"]["verdict"] == "warn"
    assert "dayreel up" in checks["dagster daemon"]["next_step"]
    assert checks["graph"]["verdict"] == "ok"

    (project / "dagster_home" / "dagster.yaml").write_text("nonsense: {x: 1}\n", encoding="utf-8")
    monkeypatch.setenv("DAYREEL_WORLD", "live")
    ill = finish(start("doctor", "--json"))
    checks = {check["name"]: check for check in json.loads(ill.out)}
    assert ill.code == 1
    assert checks["dagster instance"]["verdict"] == "fail"
    assert "nonsense" in checks["dagster instance"]["found"]
    assert "FAL_KEY" in checks["keys of asmr_crafts"]["found"]
