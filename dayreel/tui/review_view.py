"""What the approval screen shows of one content, as frozen data; `views` has that of the other screens.

What an approval is for is kept apart (`Bound`): when that changes, what a person is looking at is out of date.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, select

from dayreel.errors import DayreelError, UsageError
from dayreel.queries.contents import next_step
from dayreel.queries.review import EVENTS, Seen, Verdict, bound_fields, bound_of, is_held, possible_events, seen_of
from dayreel.queries.rows import ContentRow, DecisionRow, costs_of, get_content, newest_verdict
from dayreel.queries.unknown_outcomes import read_unknown_outcomes
from dayreel.rules.captions import UNIT_NAMES, format_caption
from dayreel.rules.post_words import post_hashtags, post_marker
from dayreel.schemas.channel import Channel, Platform
from dayreel.schemas.content import Idea
from dayreel.schemas.manifest import Manifest
from dayreel.services.studio import Studio
from dayreel.stores.catalog.tables import decisions
from dayreel.tui.words import left, one_line, plain

Loaded = TypeVar("Loaded")


@dataclass(frozen=True)
class Recipe:
    """What one platform's caption is made from, besides the person's text."""

    platform: Platform
    hashtags: tuple[str, ...]
    marker: str


@dataclass(frozen=True)
class PlatformCaption:
    """A caption as a platform will get it, or in `problem` why it cannot."""

    platform: str
    text: str
    title: str | None
    length: str
    dropped: tuple[str, ...]
    problem: str


@dataclass(frozen=True)
class Checked:
    """One quality check."""

    name: str
    passed: bool
    told: str


@dataclass(frozen=True)
class FileFact:
    """One file of a content: what it is, where it lies, how large it is; `size_bytes` is None where it is missing."""

    what: str
    path: Path
    size_bytes: int | None


@dataclass(frozen=True)
class Said:
    """One decision, as history tells it."""

    verdict: str
    by: str
    via: str
    at: datetime
    revision: int
    note: str


@dataclass(frozen=True)
class Bound:
    """What an approval of this view is for; when any of it changes, what is on the screen is out of date."""

    revision: int
    video_sha256: str | None
    caption: str
    fields: str
    hashtags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Review:
    """Everything a person wants to see before deciding on one content.

    Attributes:
        seen: what a decision made on this page names; None while the channel's file cannot be read.
    """

    content_id: str
    title: str
    state: str
    world: str
    bound: Bound
    seen: Seen | None
    deadline: str
    idea: str
    recipes: tuple[Recipe, ...]
    captions: tuple[PlatformCaption, ...]
    checks: tuple[Checked, ...]
    costs: tuple[tuple[str, Decimal], ...]
    files: tuple[FileFact, ...]
    history: tuple[Said, ...]
    unknown: int
    error: str
    problem: str
    next_step: str
    possible: tuple[Verdict, ...]

    @property
    def revision(self) -> int:
        """The revision that is shown, and that a decision names."""
        return self.bound.revision

    def file(self, what: str) -> Path | None:
        """Return where a file of that sort lies, or None when it is not there."""
        return next((one.path for one in self.files if one.what == what and one.size_bytes is not None), None)


def review(studio: Studio, content_id: str) -> Review:
    """Return what there is to decide about.

    A channel file or a manifest that cannot be read is told in `problem`; the rest is shown all the same.

    Raises:
        UsageError: there is no such content.
        StoreError: the catalog cannot be read.
    """
    with studio.catalog.read() as connection:
        row = get_content(connection, content_id)
        costs = costs_of(connection, [content_id]).get(content_id, {})
        unknown = len(read_unknown_outcomes(studio, connection).of(content_id))
        history = _history(connection, content_id)
        newest = newest_verdict(connection, content_id)
    channel, no_channel = _loaded(lambda: studio.channels.load(row.channel))
    manifest, no_manifest = _loaded(lambda: studio.contents.fetched(content_id))
    idea = manifest.idea if manifest else None
    recipes = _recipes(row, channel, idea)
    final = manifest.final_video if manifest else None
    return Review(
        content_id=content_id,
        title=channel.title if channel else row.channel,
        state=row.state,
        world=row.world,
        bound=Bound(
            row.revision,
            row.video_sha256,
            row.caption or "",
            repr(bound_fields(channel)) if channel else "",
            idea.hashtags if idea else (),
        ),
        seen=seen_of(row, channel, bound_of(row, channel, idea)) if channel else None,
        deadline=_waits(row, newest, studio.clock.now()),
        idea=plain(row.idea),
        recipes=recipes,
        captions=captions_of(recipes, row.caption or ""),
        checks=tuple(Checked(one.name, one.passed, one_line(one.message)) for one in final.checks) if final else (),
        costs=tuple(sorted(costs.items())),
        files=_files(studio, row, manifest),
        history=history,
        unknown=unknown,
        error=one_line(row.error),
        problem=" ".join(part for part in (no_channel, no_manifest) if part),
        next_step=next_step(row, has_unknown=unknown > 0) or "",
        possible=_possible(row, newest),
    )


def _waits(row: ContentRow, newest: DecisionRow | None, now: datetime) -> str:
    if is_held(row, newest.verdict if newest else None):
        return "on hold"
    return f"{left(row.review_deadline_at, now)} left" if row.state == "review_pending" else ""


def _possible(row: ContentRow, newest: DecisionRow | None) -> tuple[Verdict, ...]:
    if row.video_sha256 is None:
        return ()
    can = possible_events(row, newest.verdict if newest else None)
    return tuple(verdict for verdict, event in EVENTS.items() if event in can)


def captions_of(recipes: Sequence[Recipe], text: str) -> tuple[PlatformCaption, ...]:
    """Return `text` as each platform would get it, with its length and limit there."""
    return tuple(_caption(recipe, text) for recipe in recipes)


def _caption(recipe: Recipe, text: str) -> PlatformCaption:
    try:
        made = format_caption(recipe.platform, text, hashtags=recipe.hashtags, marker=recipe.marker)
    except UsageError as refusal:
        return PlatformCaption(recipe.platform, plain(text), None, "does not fit", (), plain(str(refusal)))
    length = f"{made.size}/{made.limit} {UNIT_NAMES[made.unit]}"
    return PlatformCaption(recipe.platform, plain(made.text), made.title, length, made.dropped_hashtags, "")


def _recipes(row: ContentRow, channel: Channel | None, idea: Idea | None) -> tuple[Recipe, ...]:
    if channel is None:
        return ()
    marker = post_marker(row.id)
    return tuple(Recipe(name, post_hashtags(channel, idea, name), marker) for name in channel.platforms.chosen())


def _loaded(load: Callable[[], Loaded]) -> tuple[Loaded | None, str]:
    try:
        return load(), ""
    except DayreelError as error:
        return None, one_line(str(error))


def _files(studio: Studio, row: ContentRow, manifest: Manifest | None) -> tuple[FileFact, ...]:
    final = manifest.final_video if manifest else None
    if final is None:
        return ()
    folder = studio.contents.folder(row.id)
    named = {"final video": final.file.path, "poster": final.poster, "contact sheet": final.contact_sheet}
    return tuple(_file(what, folder / name) for what, name in named.items())


def _file(what: str, path: Path) -> FileFact:
    try:
        return FileFact(what, path, path.stat().st_size)
    except OSError:  # not there, or not for us to see
        return FileFact(what, path, None)


def _history(connection: Connection, content_id: str) -> tuple[Said, ...]:
    query = select(decisions).where(decisions.c.content_id == content_id).order_by(decisions.c.id.desc()).limit(10)
    return tuple(
        Said(row.verdict, plain(row.decided_by), row.via, row.decided_at, row.revision, one_line(row.note))
        for row in connection.execute(query)
    )


def what_changed(seen: Review, now: Review) -> str:
    """Return in words what is no longer as the person saw it."""
    changes = []
    if seen.bound.revision != now.bound.revision:
        changes.append(f"it is revision {now.revision} now, you see {seen.revision}")
    elif seen.bound.video_sha256 != now.bound.video_sha256:
        changes.append("another video")
    if seen.bound.caption != now.bound.caption:
        by = next((said.by for said in now.history if said.verdict == "edited"), None)
        changes.append(f"{by} edited the caption" if by else "another caption")
    if seen.bound.fields != now.bound.fields:
        changes.append("other fields in the channel's file")
    if seen.bound.hashtags != now.bound.hashtags:
        changes.append("other hashtags of the idea")
    return ", ".join(changes)
