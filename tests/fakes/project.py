"""A real project in a temporary folder: real catalog, real folders, real channel files; only the vendors are fakes."""

import os
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import select

from dayreel.cli.documents import content_document
from dayreel.clock import Clock, local_day
from dayreel.queries.contents import status_of
from dayreel.queries.rows import ContentRow, get_content
from dayreel.rules.fingerprint import fingerprint
from dayreel.schemas.channel import Channel
from dayreel.schemas.content import CheckResult, FinalVideo, Idea
from dayreel.services.configure import write_config
from dayreel.services.making.open_content import open_content
from dayreel.services.making.stages import Product, Work, run_stage
from dayreel.services.project import Project
from dayreel.services.reviewing.request_review import request_review
from dayreel.settings import Settings, World
from dayreel.stores.catalog.engine import Catalog
from dayreel.stores.catalog.tables import effects, state_transitions
from tests.fakes.catalogs import fresh_catalog, quick_catalog
from tests.fakes.clock import FakeClock

DAY = date(2026, 11, 20)
CRAFTS: dict[str, Any] = {
    "title": "Crafts",
    "topic": "A craft on {date}",
    "content_type": "crafts",
    "active_from": date(2026, 11, 1),
    "ideas": {"provider": "anthropic", "model": "claude-sonnet-5-5"},
    "prompts": {"provider": "openai", "model": "gpt-6-luna"},
    "video": {"provider": "fal", "model": "fal-ai/wan-25-preview/text-to-video"},
    "platforms": {"instagram": {"hashtags": ["#handmade"]}},
}


def make_project(
    root: Path,
    *,
    channels: Mapping[str, Mapping[str, Any]] | None = None,
    clock: Clock | None = None,
    catalog: Catalog | None = None,
    providers: Mapping[str, Any] | None = None,
    world: World = "sandbox",
    timezone: str = "UTC",
    config: Mapping[str, str] | None = None,
    morning_at: str = "off",
    weekly_at: str = "off",
    actor: str = "test",
    run_id: str | None = None,
) -> Project:
    """Return the project at `root`, which is made when it is not there yet.

    Args:
        channels: per channel, what differs from `CRAFTS`; default is one channel, `crafts`. None removes a field.
        catalog: default is a new SQLite catalog below `root`, or the one that is there.
        providers: fakes by vendor name; whatever is not given is not reachable.
        config: settings of the catalog, as with `dayreel config set`.
    """
    clock = clock or FakeClock()
    (root / "channels").mkdir(parents=True, exist_ok=True)
    (root / "workspace.yaml").touch()
    for name, changes in (channels if channels is not None else {"crafts": {}}).items():
        write_channel(root, name, **changes)
    settings = settings_at(root, world=world, timezone=timezone, morning_at=morning_at, weekly_at=weekly_at)
    if catalog is None:
        path = settings.catalog.removeprefix("sqlite:///")
        catalog = quick_catalog(settings.catalog) if Path(path).exists() else fresh_catalog(settings.catalog)
    with catalog.write() as connection:
        for key, value in (config or {}).items():
            write_config(connection, key, value, by="test", at=clock.now())
    return Project(settings, clock, catalog, run_id=run_id, actor=actor, providers=dict(providers or {}))


def settings_at(root: Path, **fields: Any) -> Settings:
    """Return the settings of a project without a `.env`; reading the same environment again takes most of the time."""
    environment = frozenset(item for item in os.environ.items() if item[0] != "PYTEST_CURRENT_TEST")
    return _settings_of(environment).model_copy(update={"root": root, **fields})


@cache
def _settings_of(_environment: frozenset[tuple[str, str]]) -> Settings:
    return Settings(_env_file=None)


def write_channel(root: Path, name: str, **changes: Any) -> None:
    """Write a channel's file: `CRAFTS` with changes."""
    document = {key: value for key, value in {**CRAFTS, **changes}.items() if value is not None}
    text = yaml.dump(document, Dumper=yaml.CSafeDumper, allow_unicode=True)
    (root / "channels" / f"{name}.yaml").write_text(text, encoding="utf-8")


def channel_of(project: Project, name: str = "crafts") -> Channel:
    """Return a channel as its file says now."""
    return project.channels.load(name)


def today(project: Project, name: str = "crafts") -> date:
    """Return the channel's present day."""
    return local_day(project.clock.now(), channel_of(project, name).timezone)


def check_result(name: str, *, passed: bool = False, value: str = "0.90 s black") -> CheckResult:
    """Return what a quality check found, by default that it failed."""
    return CheckResult(name=name, passed=passed, value=value, expected="at most 0.5 s", message=f"It has {value}.")


def reviewable(
    project: Project,
    *,
    video: bytes = b"a video",
    duration_s: float = 15,
    name: str = "crafts",
    day: date | None = None,
    checks: tuple[CheckResult, ...] = (),
) -> ContentRow:
    """Bring a content to its review without ffmpeg or vendors: an idea, and these bytes as the final video.

    Called again with other bytes, it is a re-render.
    """
    channel = channel_of(project, name)
    row = open_content(project, channel, day or today(project, name))
    idea = Idea(idea=f"A jar rises on {row.id}", caption="Clay, patience", hashtags=("#craft",), topic="clay")
    written = {"idea": idea.idea, "topic": idea.topic, "caption": idea.caption}
    run_stage(project, row, Work("ideas", "f1", "anthropic"), lambda: Product({"idea": idea}, written))

    def compose() -> Product:
        path = project.contents.folder(row.id) / "final_video.mp4"
        path.write_bytes(video)
        before = project.contents.manifest(row.id).final_video
        file = project.contents.record(row.id, path)
        revision = 1 if before is None else before.revision + (before.file.sha256 != file.sha256)
        final = FinalVideo(
            file=file,
            revision=revision,
            duration_s=duration_s,
            width=720,
            height=1280,
            loudness_lufs=-14,
            true_peak_dbtp=-1,
            mode="copy",
            poster="poster.jpg",
            contact_sheet="contact_sheet.jpg",
            checks=checks,
            made_at=project.clock.now(),
        )
        return Product(
            {"final_video": final},
            {"revision": revision, "video_sha256": file.sha256, "final_video_path": f"{row.id}/final_video.mp4"},
        )

    run_stage(project, row, Work("final_video", fingerprint(video=video.hex()), "ffmpeg"), compose)
    request_review(project, channel, row.id)
    return content_row(project, row.id)


def status_documents(project: Project, **where: Any) -> list[dict[str, Any]]:
    """Return what `dayreel status --json` prints of contents."""
    return [content_document(content) for content in status_of(project, **where).contents]


def content_row(project: Project, content_id: str) -> ContentRow:
    """Return a content as the catalog has it now."""
    with project.catalog.read() as connection:
        return get_content(connection, content_id)


def ledger_rows(project: Project, **where: Any) -> list[dict[str, Any]]:
    """Return the ledger's rows, oldest first, with these values."""
    query = select(effects).order_by(effects.c.id)
    for name, value in where.items():
        query = query.where(effects.c[name] == value)
    with project.catalog.read() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def transitions(project: Project, entity_id: str) -> list[tuple[str, str, str]]:
    """Return (from, event, to) of every step an entity made."""
    query = select(state_transitions).where(state_transitions.c.entity_id == entity_id).order_by(state_transitions.c.id)
    with project.catalog.read() as connection:
        return [(row["from_state"], row["event"], row["to_state"]) for row in connection.execute(query).mappings()]
