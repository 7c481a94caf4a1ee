"""What the desk shows of one content: the video, its words as each platform gets them, where it came from, its history.

Without HTTP, and changing nothing. Deciding is `services.reviewing.decide`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, RowMapping, select

from dayreel.errors import DayreelError, UsageError
from dayreel.queries.renders import Render, mean_progress, renders_of
from dayreel.queries.review import EVENTS, Seen, bound_of, is_held, possible_events, seen_of
from dayreel.queries.rows import (
    ContentRow,
    DecisionRow,
    approvers,
    costs_of,
    current_content,
    get_content,
    newest_verdict,
    posts_of,
)
from dayreel.queries.unknown_outcomes import UnknownOutcome, read_unknown_outcomes
from dayreel.rules.approval import Bound
from dayreel.rules.captions import measure
from dayreel.rules.post_words import post_caption
from dayreel.schemas.channel import Channel, Platform
from dayreel.schemas.content import Idea
from dayreel.schemas.manifest import Manifest
from dayreel.services.studio import Studio
from dayreel.stores.catalog.tables import decisions, state_transitions
from dayreel.vendors.record import CaptionUnit
from dayreel.vendors.registry import platform_named

T = TypeVar("T")


@dataclass(frozen=True)
class CaptionPreview:
    """A caption as one platform would get it, or what keeps it from being sent.

    Attributes:
        size: length of what would be sent, or of the text alone when it is refused, in `unit`.
    """

    platform: Platform
    text: str
    title: str | None
    dropped_hashtags: tuple[str, ...]
    size: int
    limit: int
    unit: CaptionUnit
    problem: str | None


@dataclass(frozen=True)
class Moment:
    """One line of a content's history."""

    at: datetime
    who: str
    what: str
    detail: str
    is_decision: bool


@dataclass(frozen=True)
class Post:
    """One post as the catalog has it."""

    platform: str
    state: str
    post_id: str | None
    url: str | None
    error: str | None


@dataclass(frozen=True)
class ContentPage:
    """Everything the page of one content shows.

    Attributes:
        manifest: None while its folder cannot be read; `trouble` then says why.
        seen: what a decision made from this page is bound to; None when nothing can be decided.
        possible: what can be decided now: some of `approve`, `reject`, `edit`, `hold`, `recall`.
        newest: the newest decision, and `is_held` whether it keeps the content from going out.
        approvers: who has approved exactly what is shown.
        video, poster, contact_sheet: paths inside the content's folder of files that are there.
    """

    row: ContentRow
    channel: Channel | None
    manifest: Manifest | None
    trouble: str | None
    seen: Seen | None
    possible: frozenset[str]
    newest: DecisionRow | None
    is_held: bool
    approvers: tuple[str, ...]
    can_regenerate: bool
    video: str | None
    poster: str | None
    contact_sheet: str | None
    captions: list[CaptionPreview]
    fields: Mapping[str, Mapping[str, object]]
    costs: list[tuple[str, Decimal]]
    renders: tuple[Render, ...]
    posts: list[Post]
    history: list[Moment]
    unknown: tuple[UnknownOutcome, ...]

    @property
    def progress(self) -> int:
        """How far its segments are together, 0 to 100."""
        return mean_progress(self.renders)

    @property
    def cost_usd(self) -> Decimal:
        """All layers together, in dollars."""
        return sum((usd for _layer, usd in self.costs), Decimal(0))


def content_page(studio: Studio, content_id: str, *, draft: str | None = None) -> ContentPage:
    """Return what there is to see of a content.

    Args:
        draft: preview this caption instead of the one that is stored.

    Raises:
        UsageError: there is no such content.
        StoreError: the catalog cannot be read.
    """
    with studio.catalog.read() as connection:
        row = get_content(connection, content_id)
        newest = current_content(connection, row.channel, row.day)
        costs = costs_of(connection, [row.id]).get(row.id, {})
        told = renders_of(connection, [row.id]).get(row.id, ())
        posts = [_post(post) for post in posts_of(connection, [row.id])]
        history = _history(connection, row.id)
        verdict = newest_verdict(connection, row.id)
        unknown = read_unknown_outcomes(studio, connection).of(row.id)
    channel, no_channel = _attempt(lambda: studio.channels.load(row.channel))
    _fetched, no_bucket = _attempt(lambda: studio.contents.fetch(row.id))
    manifest, no_manifest = _attempt(lambda: studio.contents.manifest(row.id))
    final = manifest.final_video if manifest else None
    folder = studio.contents.folder(row.id)
    decidable = channel is not None and row.video_sha256 is not None
    newest_word = verdict.verdict if verdict else None
    bound = bound_of(row, channel, manifest.idea if manifest else None) if channel else None
    is_newest = newest is not None and newest.id == row.id
    return ContentPage(
        row=row,
        channel=channel,
        manifest=manifest,
        trouble=no_channel or no_manifest or no_bucket,
        seen=seen_of(row, channel, bound) if channel and decidable else None,
        possible=possible_events(row, newest_word) if decidable else frozenset(),
        newest=verdict,
        is_held=is_held(row, newest_word),
        approvers=_approvers(studio, row, bound),
        can_regenerate=is_newest and row.state not in ("publishing", "posted") and bool(told),
        video=_there(folder, final.file.path if final else None),
        poster=_there(folder, final.poster if final else None),
        contact_sheet=_there(folder, final.contact_sheet if final else None),
        captions=[] if channel is None else previews(channel, row.id, draft or row.caption or "", manifest),
        fields=bound.fields if bound else {},
        costs=sorted(costs.items()),
        renders=told,
        posts=posts,
        history=history,
        unknown=unknown,
    )


def caption_previews(studio: Studio, content_id: str, text: str) -> list[CaptionPreview]:
    """Return how each platform of a content's channel would get this text.

    Raises:
        UsageError: there is no such content.
    """
    with studio.catalog.read() as connection:
        row = get_content(connection, content_id)
    manifest, _trouble = _attempt(lambda: studio.contents.manifest(row.id))
    return previews(studio.channels.load(row.channel), row.id, text, manifest)


def stored_captions(studio: Studio, content_id: str) -> list[CaptionPreview]:
    """Return how each platform of a content's channel would get the caption that it has now.

    Raises:
        UsageError: there is no such content.
    """
    with studio.catalog.read() as connection:
        row = get_content(connection, content_id)
    return caption_previews(studio, content_id, row.caption or "")


def previews(channel: Channel, content_id: str, text: str, manifest: Manifest | None) -> list[CaptionPreview]:
    """Return one preview per platform, made by the same rules that publishing uses."""
    idea = manifest.idea if manifest else None
    return [_preview(channel, platform, content_id, text, idea) for platform in channel.platforms.chosen()]


def _preview(channel: Channel, platform: Platform, content_id: str, text: str, idea: Idea | None) -> CaptionPreview:
    try:
        made = post_caption(channel, platform, content_id=content_id, caption=text, idea=idea)
    except UsageError as refusal:
        rules = platform_named(platform).captions
        size = measure(text.strip(), rules.unit)
        return CaptionPreview(platform, text, None, (), size, rules.limit, rules.unit, str(refusal))
    dropped = made.dropped_hashtags
    return CaptionPreview(platform, made.text, made.title, dropped, made.size, made.limit, made.unit, None)


def _approvers(studio: Studio, row: ContentRow, bound: Bound | None) -> tuple[str, ...]:
    if bound is None:
        return ()
    with studio.catalog.read() as connection:
        return approvers(connection, row.id, bound)


def _there(folder: Path, name: str | None) -> str | None:
    return name if name is not None and (folder / name).is_file() else None


def _attempt(load: Callable[[], T]) -> tuple[T | None, str | None]:
    try:
        return load(), None
    except DayreelError as error:
        return None, str(error)


def _post(post: RowMapping) -> Post:
    return Post(post["platform"], post["state"], post["post_id"], post["post_url"], post["error_message"])


def _history(connection: Connection, content_id: str) -> list[Moment]:
    """Return decisions and transitions, newest first; a decision's own transition is told once."""
    moments = []
    said = select(decisions).where(decisions.c.content_id == content_id)
    for row in connection.execute(said).mappings():
        detail = f"revision {row['revision']}, via {row['via']}" + (f": {row['note']}" if row["note"] else "")
        moments.append(Moment(row["decided_at"], row["decided_by"], row["verdict"], detail, is_decision=True))
    steps = select(state_transitions).where(
        state_transitions.c.entity == "content",
        state_transitions.c.entity_id == content_id,
        state_transitions.c.event.not_in((*EVENTS.values(), "endorse")),
    )
    for row in connection.execute(steps).mappings():
        what = f"{row['from_state']} → {row['to_state']}"
        moments.append(Moment(row["at"], row["actor"], what, row["notes"] or "", is_decision=False))
    return sorted(moments, key=lambda moment: moment.at, reverse=True)
