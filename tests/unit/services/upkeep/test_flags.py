"""What `PIPELINE_ENGINE`, `ENABLE_DISTRIBUTION` and `DAYREEL_UPLOADS` keep from happening, and where it is shown."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from dayreel.cli import run
from dayreel.errors import ConfigurationError, PermanentError
from dayreel.providers.platforms.contract import PostRequest
from dayreel.queries.expectations import missing_days
from dayreel.queries.queue import dashboard
from dayreel.rules.gates import closed
from dayreel.services.notifier_routes import notifier_routes
from dayreel.services.project import Project
from dayreel.services.publishing.plan_posts import plan_posts
from dayreel.services.publishing.publish_post import publish_post
from dayreel.services.reviewing.decide import decide
from dayreel.services.setting_up.examine import check_flags
from dayreel.services.upkeep.due_work import MOST_ATTEMPTS, due_posts
from dayreel.services.upkeep.morning_message import look_at_morning, text_of
from dayreel.services.upkeep.watch_work import Memory, next_work
from dayreel.settings import load_settings
from dayreel.stores.catalog.tables import effects, platform_posts
from tests.fakes.desk import desk_on, person
from tests.fakes.platform import FakePlatform
from tests.fakes.project import DAY, channel_of, reviewable

MakeProject = Callable[..., Project]
DAYS = {DAY.isoformat()}
BOTH: dict[str, Any] = {"instagram": {}, "youtube": {}}


def project_with(make_project: MakeProject, *, platforms: Any = None, **flags: Any) -> Project:
    """Return a project whose content is approved and due, under these flags."""
    providers = {name: FakePlatform() for name in BOTH}
    project = make_project(channels={"crafts": {"platforms": platforms or {"instagram": {}}}}, providers=providers)
    decide(project, reviewable(project).id, "approved", by="ana", via="desk")
    return replace(project, settings=project.settings.model_copy(update=flags))


def platforms_due(project: Project, left_out: list[str] | None = None) -> list[str]:
    return [post.platform for post in due_posts(project, days=DAYS, left_out=left_out)]


@pytest.mark.parametrize(
    ("flags", "variable", "words"),
    [
        ({"pipeline_engine": "v1"}, "PIPELINE_ENGINE=v1", "nothing is made or posted here by itself."),
        ({"enable_distribution": False}, "ENABLE_DISTRIBUTION=false", "upload what is approved by hand."),
    ],
)
def test_every_face_says_what_a_flag_stops(
    make_project: MakeProject,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    flags: dict[str, Any],
    variable: str,
    words: str,
) -> None:
    project = project_with(make_project, **flags)
    (sentence,) = dashboard(project).alarms.held
    assert sentence.startswith(variable)
    assert sentence.endswith(words)
    assert sentence in person(desk_on(project), "Vera", "viewer").open("/")
    assert [check.found for check in check_flags(project.settings)] == [sentence]
    assert sentence in text_of(look_at_morning(project, None, targets=[]), "")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(*variable.split("="))
    assert run(["status"]) == 0
    assert sentence in capsys.readouterr().out
    assert platforms_due(project) == []


def test_the_older_system_is_left_all_that_nobody_types(make_project: MakeProject) -> None:
    project = project_with(make_project, pipeline_engine="v1")
    left_out: list[str] = []
    assert platforms_due(project, left_out) == []
    assert left_out[0].startswith("PIPELINE_ENGINE=v1")
    tasks, _ = next_work(project, Memory(), targets=notifier_routes(project.settings))
    assert not [task for task in tasks if task.key.startswith(("make:", "post:", "marker:"))]
    assert missing_days(project, [channel_of(project)]) == []
    publish_post(project, channel_of(project), f"crafts-{DAY}", "instagram", provider=FakePlatform())


def test_without_distribution_no_gate_is_passed_by_anybody(make_project: MakeProject) -> None:
    project = project_with(make_project, enable_distribution=False)
    (plan,) = plan_posts(project, channel_of(project), f"crafts-{DAY}")
    (gate,) = closed(plan.gates)
    assert (gate.name, gate.message[:25]) == ("dry_run", "ENABLE_DISTRIBUTION=false")


def test_without_distribution_the_outbox_is_still_filled(make_project: MakeProject) -> None:
    project = project_with(make_project, platforms={"outbox": {}}, enable_distribution=False)
    assert platforms_due(project) == ["outbox"]


def test_uploads_start_at_once_or_one_after_the_other(make_project: MakeProject) -> None:
    project = project_with(make_project, platforms=BOTH)
    assert platforms_due(project) == ["instagram", "youtube"]
    project = replace(project, settings=project.settings.model_copy(update={"uploads": "sequential"}))
    assert platforms_due(project) == ["instagram"]
    while_it_is_sent: list[list[str]] = []

    class Watched(FakePlatform):
        def post(self, permit: Any, request: PostRequest, **how: Any) -> Any:
            while_it_is_sent.append(platforms_due(project))
            return super().post(permit, request, **how)

    publish_post(project, channel_of(project), f"crafts-{DAY}", "instagram", provider=Watched())
    assert while_it_is_sent == [[]]
    assert platforms_due(project) == ["youtube"]


def test_a_post_that_cannot_begin_lets_the_next_one_begin(make_project: MakeProject) -> None:
    """Its account is closed: no try of it leaves a row, so that it stays due."""
    project = project_with(make_project, platforms=BOTH, uploads="sequential")
    turns = []
    for _ in range(3):
        turns += platforms_due(project)
        project.clock.sleep(600)
    assert turns == ["instagram", "youtube", "instagram"]
    assert [post.platform for post in due_posts(project, days=DAYS, even_without_keys=True)] == list(BOTH)


@pytest.mark.parametrize(
    "effect",
    [
        {"state": "intended", "attempts": MOST_ATTEMPTS},
        {"state": "refused", "attempts": 1},
        {"state": "sent", "attempts": 1, "owner": None},
    ],
)
def test_a_post_that_was_left_behind_blocks_no_other(make_project: MakeProject, effect: dict[str, Any]) -> None:
    """A process died over it, and nobody is at it now."""
    project = project_with(make_project, platforms=BOTH, uploads="sequential")
    platform = FakePlatform(steps=["refused"])
    with pytest.raises(PermanentError):
        publish_post(project, channel_of(project), f"crafts-{DAY}", "instagram", provider=platform)
    with project.catalog.write() as connection:
        connection.execute(update(effects).where(effects.c.target == "instagram").values(effect))
        connection.execute(update(platform_posts).values(state="sending"))
    project.clock.sleep(3600)
    assert platforms_due(project) == ["youtube"]


def test_flags_are_read_by_the_names_of_the_documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ("ENABLE_DISTRIBUTION=false  # manual", "PIPELINE_ENGINE=v1", "LOG_LEVEL=WARNING", "STORAGE_PATH=./videos")
    (tmp_path / ".env").write_text("\n".join(lines))
    settings = load_settings(tmp_path)
    assert (settings.enable_distribution, settings.pipeline_engine, settings.log_level) == (False, "v1", "warn")
    assert (settings.content_dir, settings.shown_content_dir) == (tmp_path / "videos", "videos")
    monkeypatch.setenv("STORAGE_PATH", "")
    monkeypatch.setenv("LOG_LEVEL", "trace")
    settings = load_settings(tmp_path)
    assert (settings.content_dir, settings.log_level) == (tmp_path / "content", "debug")


@pytest.mark.parametrize("level", ["notice", "20", "off", "http", " "])
def test_the_level_of_another_program_stops_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, level: str) -> None:
    monkeypatch.setenv("LOG_LEVEL", level)
    assert load_settings(tmp_path).log_level == "info"


def test_contents_are_not_left_behind_without_a_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = tmp_path / "content" / f"crafts-{DAY}"
    made.mkdir(parents=True)
    (made / "metadata.json").write_text("{}")
    other = tmp_path / "of another program"
    monkeypatch.setenv("STORAGE_PATH", str(other))
    with pytest.raises(ConfigurationError, match="STORAGE_PATH names of another program, where no content is"):
        load_settings(tmp_path)
    monkeypatch.setenv("STORAGE_PATH", "./content")
    assert load_settings(tmp_path).content_dir == tmp_path / "content"
    (tmp_path / "content").rename(other)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("STORAGE_PATH", "~/of another program")
    assert load_settings(tmp_path).content_dir == other
