"""Where did a content come from, and what became of it? From its view counts back to its prompts, for `dayreel why`.

What works like a key (an upload session, a signed URL) is never shown, see `rules.key_like`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, RowMapping, Table, or_, select

from dayreel.errors import UsageError
from dayreel.queries.quality import waivers_of
from dayreel.queries.renders import Render, renders_of
from dayreel.queries.rows import (
    ContentRow,
    DecisionRow,
    PostRow,
    Transition,
    as_row,
    costs_of,
    decisions_of,
    get_content,
    transitions_of,
)
from dayreel.records import Records
from dayreel.rules.content_ids import parse_content_id
from dayreel.rules.key_like import without_keys
from dayreel.rules.quality import Waiver
from dayreel.schemas.manifest import Manifest, Override, Stage, StageRecord
from dayreel.stores.catalog.tables import (
    effects,
    metric_snapshots,
    platform_posts,
    processing_logs,
)

# Long and shown elsewhere on the page, or of no use to people.
_LEFT_OUT = frozenset({"text", "schema"})


@dataclass(frozen=True)
class Snapshot:
    """A post's counters at one moment; None where the platform reported none, in `refused` why, where it said so."""

    platform: str
    post_id: str
    observed_at: datetime
    observed_on: date
    age_h: float
    views: int | None
    reach: int | None
    likes: int | None
    comments: int | None
    shares: int | None
    saves: int | None
    watch_time_s: float | None
    engaged_views: int | None
    reposts: int | None
    follows: int | None
    average_watch_s: float | None
    skip_rate: float | None
    refused: dict[str, str] | None
    simulated: bool
    run_id: str | None


@dataclass(frozen=True)
class StoryPost:
    """One post: what was sent by which effect, on whose decision, and how it did, oldest snapshot first."""

    row: PostRow
    snapshots: tuple[Snapshot, ...]


@dataclass(frozen=True)
class StoryEffect:
    """One act on the outside world.

    Attributes:
        cost_usd: what was settled, or what is reserved while `settled` is false.
        sent, handle, came_back: JSON as it went out, as it is followed, and as it came back; without keys.
    """

    id: int
    kind: str
    target: str
    sequence: int
    layer: str
    model: str | None
    state: str
    attempts: int
    cost_usd: Decimal
    settled: bool
    sent_at: datetime | None
    settled_at: datetime | None
    run_id: str | None
    error: str | None
    sent: Mapping[str, Any]
    handle: Mapping[str, Any]
    came_back: Mapping[str, Any]


@dataclass(frozen=True)
class StoryRun:
    """A run that had a hand in it, and what it did, in the order in which it did."""

    run_id: str
    did: str
    page: str


@dataclass(frozen=True)
class LogLine:
    """One line of the log of stages; `more` is what the stage itself added."""

    layer: str
    status: str
    started_at: datetime
    completed_at: datetime | None
    cost_usd: Decimal | None
    error_message: str | None
    run_id: str | None
    more: Mapping[str, Any]


@dataclass(frozen=True)
class Story:
    """Everything that is known about one content; every part in the order in which it happened.

    Attributes:
        costs: per layer, in dollars.
        manifest: None where its folder is not there.
    """

    row: ContentRow
    costs: tuple[tuple[str, Decimal], ...]
    manifest: Manifest | None
    posts: tuple[StoryPost, ...]
    decisions: tuple[DecisionRow, ...]
    waivers: tuple[Waiver, ...]
    renders: tuple[Render, ...]
    effects: tuple[StoryEffect, ...]
    runs: tuple[StoryRun, ...]
    log: tuple[LogLine, ...]
    transitions: tuple[Transition, ...]

    @property
    def stages(self) -> tuple[tuple[str, StageRecord], ...]:
        """The finished stages by name, in the order in which they ended."""
        return () if self.manifest is None else _stages(self.manifest)

    @property
    def overrides(self) -> Mapping[Stage, Override]:
        """What people have changed for this content alone, by stage."""
        return {} if self.manifest is None else self.manifest.overrides


def request_ids(records: Records, effect_ids: Sequence[int]) -> list[str]:
    """Return the vendors' own ids of these effects, as far as they returned one."""
    query = select(effects.c.result).where(effects.c.id.in_(effect_ids)).order_by(effects.c.id)
    with records.catalog.read() as connection:
        request_ids_found = list(connection.execute(query).scalars())
    return [str(result["request_id"]) for result in request_ids_found if result.get("request_id")]


def find_content_id(records: Records, text: str) -> str:
    """Return the content that `text` means: its id, or the URL or platform id of one of its posts.

    Raises:
        UsageError: it means none.
    """
    # An address that was shared from an app carries who shared it: ?igsh=..., ?feature=share.
    bare = text.partition("#")[0].partition("?")[0].rstrip("/")
    posted = select(platform_posts.c.content_id).where(
        or_(
            platform_posts.c.post_url.in_((text, bare, f"{bare}/")),
            platform_posts.c.post_id == text,
        )
    )
    with records.catalog.read() as connection:
        content_id = connection.execute(posted.limit(1)).scalar()
        if content_id is not None:
            return str(content_id)
        if text.startswith(("http://", "https://")):
            raise UsageError(
                f"No post of ours has the address {text!r}.", next_step="`dayreel status --all --json` lists them."
            )
        return get_content(connection, str(parse_content_id(text))).id


def story_of(records: Records, content_id: str) -> Story:
    """Return everything about one content.

    Raises:
        UsageError: there is no such content.
        StateError: its manifest is damaged.
    """
    records.contents.fetch(content_id)
    manifest = records.contents.manifest(content_id) if records.contents.exists(content_id) else None
    with records.catalog.read() as connection:
        row = get_content(connection, content_id)
        acts = tuple(_effect(effect) for effect in _rows(connection, effects, content_id))
        log = tuple(
            as_row(LogLine, line, more=line["metadata"] or {})
            for line in _rows(connection, processing_logs, content_id)
        )
        posts = _posts(connection, content_id)
        return Story(
            row=row,
            costs=tuple(costs_of(connection, [row.id]).get(row.id, {}).items()),
            manifest=manifest,
            posts=posts,
            decisions=decisions_of(connection, content_id),
            waivers=waivers_of(connection, [content_id]).get(content_id, ()),
            renders=renders_of(connection, [row.id]).get(row.id, ()),
            effects=acts,
            runs=_runs(f"{records.settings.desk_address}/dagster/runs", manifest, log, acts, posts),
            log=log,
            transitions=transitions_of(connection, content_id),
        )


# -- parts -----------------------------------------------------------------------------------------------------------


def _rows(connection: Connection, table: Table, content_id: str) -> list[RowMapping]:
    query = select(table).where(table.c.content_id == content_id).order_by(table.c.id)
    return list(connection.execute(query).mappings())


def _stages(manifest: Manifest) -> tuple[tuple[str, StageRecord], ...]:
    return tuple(sorted(manifest.stages.items(), key=lambda stage: stage[1].finished_at))


def _posts(connection: Connection, content_id: str) -> tuple[StoryPost, ...]:
    snapshots: dict[int, list[Snapshot]] = {}
    for row in _rows(connection, metric_snapshots, content_id):
        snapshots.setdefault(row["post_row_id"], []).append(as_row(Snapshot, row))
    rows = [as_row(PostRow, row) for row in _rows(connection, platform_posts, content_id)]
    return tuple(StoryPost(row, tuple(snapshots.get(row.id, ()))) for row in rows)


def _effect(effect: RowMapping) -> StoryEffect:
    settled = effect["settled_usd"] is not None
    return as_row(
        StoryEffect,
        effect,
        cost_usd=effect["settled_usd"] if settled else effect["reserved_usd"],
        settled=settled,
        sent=without_keys(effect["request"]),
        handle=without_keys(effect["handle"]),
        came_back=without_keys({name: value for name, value in effect["result"].items() if name not in _LEFT_OUT}),
    )


def _runs(
    base: str,
    manifest: Manifest | None,
    log: Sequence[LogLine],
    acts: Sequence[StoryEffect],
    posts: Sequence[StoryPost],
) -> tuple[StoryRun, ...]:
    """Return every run that had a hand in it, in the order in which they first appear."""
    did: dict[str, list[str]] = {}

    def note(run_id: str | None, what: str) -> None:
        if run_id and what not in did.setdefault(run_id, []):
            did[run_id].append(what)

    for name, stage in () if manifest is None else _stages(manifest):
        note(stage.run_id, name)
    for line in log:
        note(line.run_id, f"{line.layer} {line.status}")
    for act in acts:
        note(act.run_id, f"{act.kind} at {act.target}")
    for post in posts:
        for snapshot in post.snapshots:
            note(snapshot.run_id, f"measured {snapshot.platform}")
    return tuple(StoryRun(run_id, ", ".join(what), f"{base}/{run_id}") for run_id, what in did.items())
