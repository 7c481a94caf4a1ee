"""What does a person see before deciding about a content, and what can be decided?

What a decision is bound to is here too: an approval is for everything that would go out, so whoever shows a content and
whoever records the decision ask the same functions, and every face that reviews shows all of `PlatformWords`. Recording
a decision is `services.reviewing.decide`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

from sqlalchemy import Connection

from dayreel.errors import DayreelError, UsageError
from dayreel.queries.contents import ContentStatus, PostStatus, read_status
from dayreel.queries.people import approvers
from dayreel.queries.prices import expected_day_cost, expected_segment_cost
from dayreel.queries.quality import checks_of, waivers_of
from dayreel.queries.renders import Render, mean_progress, renders_of
from dayreel.queries.rows import (
    ContentRow,
    DecisionRow,
    decisions_of,
    get_content,
    is_held,
    is_over,
    newest_verdict,
    other_open_take,
    transitions_of,
)
from dayreel.queries.unknown_outcomes import UnknownOutcome
from dayreel.records import Records
from dayreel.rules.approval import ApprovalScope
from dayreel.rules.captions import carries_marker, measure
from dayreel.rules.fingerprint import fingerprint
from dayreel.rules.lifecycle import CONTENT
from dayreel.rules.post_words import post_caption, post_marker, post_title, post_words, with_own_fields
from dayreel.rules.quality import JudgedCheck, failed_checks
from dayreel.schemas.channel import Channel, Platform
from dayreel.schemas.content import Idea
from dayreel.schemas.manifest import Manifest
from dayreel.schemas.posts import COVER_HASH, PostFields
from dayreel.vendors.record import CaptionUnit
from dayreel.vendors.registry import platform_named

Loaded = TypeVar("Loaded")
# What was seen rides on a chat's button with the content's id, in at most 90 characters; it is enough to detect a
# change.
_MARK = 8
FileKind = Literal["final video", "poster", "contact sheet", "SubRip subtitles", "WebVTT subtitles"]

DecisionVerdict = Literal["approved", "rejected", "edited", "held", "recalled"]
EVENTS: Mapping[DecisionVerdict, str] = {
    "approved": "approve",
    "rejected": "reject",
    "edited": "edit",
    "held": "hold",
    "recalled": "recall",
}


@dataclass(frozen=True)
class ReviewSnapshot:
    """What a page showed: a decision made on it is refused when any of this has changed since.

    Attributes:
        revision: of the final video.
        version: of the content's row; every step of its lifecycle counts it up, an edited caption too.
        fields: fingerprint of the platforms' fields, see `snapshot_for_review`.
        words: fingerprint of what each platform would get; empty where the page did not show that.
    """

    revision: int
    version: int
    fields: str
    words: str = ""


def snapshot_for_review(row: ContentRow, channel: Channel, bound: ApprovalScope | None = None) -> ReviewSnapshot:
    """Return what somebody sees who is shown this content now.

    Args:
        bound: for a page that shows what each platform would get, word by word.
    """
    words = fingerprint(words=bound.words)[:_MARK] if bound is not None else ""
    fields = bound_fields(with_own_fields(channel, row.post_fields)) if bound is None else bound.fields
    return ReviewSnapshot(row.revision, row.version, fingerprint(fields=fields)[:_MARK], words)


def snapshot_text(seen: ReviewSnapshot) -> str:
    """Return what somebody was shown, as a page's hidden field or a message's button carries it."""
    return ".".join(filter(None, (str(seen.revision), str(seen.version), seen.fields, seen.words)))


def parse_snapshot(text: str) -> ReviewSnapshot:
    """Read what `snapshot_text` wrote.

    Raises:
        UsageError: it is nothing that `snapshot_text` wrote.
    """
    match text.split("."):
        case [revision, version, fields, *words] if (
            revision.isdecimal() and version.isdecimal() and len(words) <= 1 and len(text) < 80  # noqa: PLR2004
        ):
            return ReviewSnapshot(int(revision), int(version), fields, *words)
    raise UsageError("It does not say which revision was seen.", next_step="Load the page again and repeat it.")


def possible_events(row: ContentRow, newest: str | None) -> frozenset[str]:
    """Return what may be decided about a content now, as events of its lifecycle.

    Args:
        newest: verdict of the newest decision on it, or None.
    """
    can = {event for event in EVENTS.values() if (row.state, event) in CONTENT}
    held = is_held(row, newest)
    if held:
        can.discard("hold")
    if row.state == "review_pending" and not held and newest != "endorsed":
        can.discard("recall")
    if row.state == "publishing" and newest not in ("held", "endorsed"):
        can.discard("approve")
    return frozenset(can)


def bound_fields(channel: Channel) -> dict[str, dict[str, Any]]:
    """Return the fields of each of a channel's platforms, as an approval binds them."""
    return {name: fields.model_dump(mode="json") for name, fields in channel.platforms.chosen().items()}


def as_approved(channel: Channel, row: ContentRow, newest: DecisionRow | None) -> Channel:
    """Return a channel as a content's posts go out: with what is set for that content alone, and with its marker.

    Captions carry the marker exactly where the approval of this very video has it so.

    Every caption carried it until channels could choose, and an approval is for exact words. One that is older than
    the binding of words counts as such a one.

    Args:
        newest: the newest decision on the content.
    """
    channel = with_own_fields(channel, row.post_fields)
    if newest is None or newest.verdict not in ("approved", "endorsed") or newest.video_sha256 != row.video_sha256:
        return channel
    marker, words = post_marker(row.id), newest.words
    is_marked = words is None or any(carries_marker(text["text"] or "", marker) for text in words.values())
    return channel.model_copy(update={"caption_marker": is_marked})


def approval_scope(row: ContentRow, channel: Channel, idea: Idea | None) -> ApprovalScope:
    """Return everything that would go out if the content went out now: what an approval given now is for."""
    caption = row.caption or ""
    words = post_words(channel, content_id=row.id, caption=caption, idea=idea)
    return ApprovalScope(row.video_sha256 or "", caption, bound_fields(channel), words)


# -- what a person sees ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PlatformWords:
    """Everything that one platform gets besides the video, or what keeps it from being sent.

    Attributes:
        text: what would be sent, in full; the person's text alone where it is refused.
        title: None where the platform shows none.
        added: what of `text` is not the person's own: hashtags and the marker.
        settings: the channel's fields for it, by name: privacy, disclosure, hashtags.
        size: length of `text` in `unit`.
    """

    platform: Platform
    text: str
    title: str | None
    added: str
    settings: tuple[tuple[str, Any], ...]
    dropped_hashtags: tuple[str, ...]
    size: int
    limit: int
    unit: CaptionUnit
    problem: str | None

    @property
    def settings_text(self) -> str:
        """The settings in one line, as a channel's file has them."""
        return ", ".join(f"{name}: {_as_written(value)}" for name, value in self.settings)


@dataclass(frozen=True)
class PostSetting:
    """One field of a post as a form shows it.

    Attributes:
        value: as it is typed; empty where it is unset.
        choices: what it may be, where that is a list.
    """

    name: str
    value: str
    about: str
    choices: tuple[str, ...]


@dataclass(frozen=True)
class FileFact:
    """One file of a content: what it is, where it lies, how large it is; `size_bytes` is None where it is missing."""

    what: FileKind
    path: Path
    size_bytes: int | None


@dataclass(frozen=True)
class HistoryEntry:
    """One line of a content's history: a decision, with the revision it was about and where it was made, or a step."""

    at: datetime
    who: str
    what: str
    note: str | None
    revision: int | None = None
    via: str | None = None

    @property
    def is_decision(self) -> bool:
        """Whether a person decided something."""
        return self.via is not None


@dataclass(frozen=True)
class ContentReview:
    """Everything there is to see of one content.

    Attributes:
        status: lifecycle, costs, newest decision, posts, unknown outcomes.
        channel: None while its file cannot be read.
        manifest: None while its folder cannot be read.
        trouble: why either is None, or why the bucket could not be asked.
        bound: what an approval given now is for; None without a channel.
        seen: what a decision made on this page names; None when nothing can be decided.
        possible: what can be decided now, as events: some of `approve`, `reject`, `edit`, `hold`, `recall`.
        approvers: who has approved exactly what is shown.
        can_regenerate: whether a segment can be made again, for about `segment_usd`.
        can_retake: whether the day can have another take, for about `take_usd`.
        take_usd, segment_usd: in dollars; None where the channel or the price of a model is not known.
        words: what each platform gets; none without a channel.
        checks: those of its final video, what failed first.
        looked_at: when this was read, to the minute.
    """

    status: ContentStatus
    channel: Channel | None
    manifest: Manifest | None
    trouble: str | None
    bound: ApprovalScope | None
    seen: ReviewSnapshot | None
    possible: frozenset[str]
    approvers: tuple[str, ...]
    can_regenerate: bool
    can_retake: bool
    take_usd: Decimal | None
    segment_usd: Decimal | None
    words: tuple[PlatformWords, ...]
    files: tuple[FileFact, ...]
    renders: tuple[Render, ...]
    checks: tuple[JudgedCheck, ...]
    history: tuple[HistoryEntry, ...]
    looked_at: datetime

    @property
    def row(self) -> ContentRow:
        """The content itself."""
        return self.status.row

    @property
    def as_it_goes(self) -> Channel | None:
        """The channel with what is set for this content alone."""
        return self.channel and with_own_fields(self.channel, self.row.post_fields)

    @property
    def is_held(self) -> bool:
        """Whether a person keeps the content from going out and from expiring."""
        return self.status.is_held

    @property
    def title(self) -> str:
        """The channel's title, for people."""
        return self.channel.title if self.channel else self.row.channel

    @property
    def idea(self) -> Idea | None:
        """The idea in full, as far as its folder can be read."""
        return self.manifest.idea if self.manifest else None

    @property
    def failed_checks(self) -> tuple[JudgedCheck, ...]:
        """The checks that keep it from being approved until somebody waives them."""
        return failed_checks(self.checks)

    @property
    def unknown(self) -> tuple[UnknownOutcome, ...]:
        """Its acts whose outcome is not known."""
        return self.status.unknown

    @property
    def posts(self) -> tuple[PostStatus, ...]:
        """Its posts."""
        return self.status.posts

    @property
    def progress(self) -> int:
        """How far its segments are together, 0 to 100."""
        return mean_progress(self.renders)

    def file(self, what: FileKind) -> Path | None:
        """Return where a file of that sort lies, or None when it is not there."""
        return next((file.path for file in self.files if file.what == what and file.size_bytes is not None), None)

    def words_for(self, caption: str) -> tuple[PlatformWords, ...]:
        """Return what each platform would get with another caption."""
        return () if self.as_it_goes is None else platform_words(self.as_it_goes, self.row.id, caption, self.idea)

    def settings_of(self, platform: Platform) -> tuple[PostSetting, ...]:
        """Return every field of its post on a platform, as people change it."""
        return () if self.as_it_goes is None else post_settings(self.as_it_goes.platforms.chosen()[platform])

    def bound_with(self, caption: str) -> ApprovalScope | None:
        """Return what an approval would be for with another caption."""
        return (
            None
            if self.as_it_goes is None
            else approval_scope(replace(self.row, caption=caption), self.as_it_goes, self.idea)
        )


def review_of(records: Records, content_id: str) -> ContentReview:
    """Return what there is to see of a content, and to decide about it.

    A channel file or a manifest that cannot be read is reported in `trouble`; the rest is shown all the same.

    Raises:
        UsageError: there is no such content.
        StoreError: the catalog cannot be read.
    """
    with records.catalog.read() as connection:
        row = get_content(connection, content_id)
        (status,) = read_status(records, connection, [row]).contents
        renders = renders_of(connection, [row.id]).get(row.id, ())
        history = _history(connection, row.id)
    channel, no_channel = _load(lambda: records.channels.load(row.channel))
    _fetched, no_bucket = _load(lambda: records.contents.fetch(row.id))
    # A take that was only just opened has no folder yet, which is not a problem.
    is_new = row.state == "pending" and not records.contents.exists(row.id)
    manifest, no_manifest = (None, None) if is_new else _load(lambda: records.contents.manifest(row.id))
    idea = manifest.idea if manifest else None
    as_it_goes = as_approved(channel, row, status.newest) if channel else None
    bound = approval_scope(row, as_it_goes, idea) if as_it_goes else None
    newest = status.newest.verdict if status.newest else None
    with records.catalog.read() as connection:
        checks = checks_of(connection, row, manifest.final_video if manifest else None)
        other_take = other_open_take(connection, row, records.settings.world)
        who_approved = approvers(connection, channel, row.id, bound) if channel and bound else ()
    possible = possible_events(row, newest) if channel and row.video_sha256 is not None else frozenset()
    is_newest_take = status.newest_take is None
    take_usd, _no_price = (None, None) if channel is None else _load(lambda: expected_day_cost(records, channel))
    segment_usd, _no_price = (None, None) if channel is None else _load(lambda: expected_segment_cost(records, channel))
    return ContentReview(
        status=status,
        channel=channel,
        manifest=manifest,
        trouble=" ".join(filter(None, (no_channel, no_manifest, no_bucket))) or None,
        bound=bound,
        seen=snapshot_for_review(row, channel, bound) if channel and row.video_sha256 is not None else None,
        possible=possible - {"approve"} if other_take or failed_checks(checks) else possible,
        approvers=who_approved,
        can_regenerate=is_newest_take and row.state not in ("publishing", "posted") and bool(renders),
        can_retake=is_newest_take and not other_take and is_over(row, records.settings.world),
        take_usd=take_usd,
        segment_usd=segment_usd,
        words=() if as_it_goes is None else platform_words(as_it_goes, row.id, row.caption or "", idea),
        files=_files(records, row, manifest),
        renders=renders,
        checks=checks,
        history=history,
        looked_at=records.clock.now().replace(second=0, microsecond=0),
    )


def words_of(records: Records, content_id: str, *, caption: str | None = None) -> tuple[PlatformWords, ...]:
    """Return what each platform of a content's channel would get.

    Args:
        caption: instead of the one that it has now.

    Raises:
        UsageError: there is no such content.
        ConfigurationError: the channel's file cannot be read.
    """
    with records.catalog.read() as connection:
        row = get_content(connection, content_id)
        newest = newest_verdict(connection, content_id)
    manifest, _trouble = _load(lambda: records.contents.manifest(row.id))
    channel, idea = records.channels.load(row.channel), manifest.idea if manifest else None
    if caption is None:
        return platform_words(as_approved(channel, row, newest), row.id, row.caption or "", idea)
    return platform_words(with_own_fields(channel, row.post_fields), row.id, caption, idea)


def platform_words(channel: Channel, content_id: str, text: str, idea: Idea | None) -> tuple[PlatformWords, ...]:
    """Return what each platform of a channel would get, made by the same rules that publishing uses."""
    return tuple(
        _words(channel, platform, content_id, text, idea, tuple(fields.items()))
        for platform, fields in bound_fields(channel).items()
    )


def scope_of_words(row: ContentRow, words: Iterable[PlatformWords]) -> ApprovalScope:
    """Return what an approval of these words is for; the same as `approval_scope`, where they are at hand already."""
    fields, bound = {}, {}
    for shown in words:
        fields[shown.platform] = dict(shown.settings)
        bound[shown.platform] = {"title": shown.title, "text": None if shown.problem else shown.text}
    return ApprovalScope(row.video_sha256 or "", row.caption or "", fields, bound)


def _words(
    channel: Channel,
    platform: Platform,
    content_id: str,
    text: str,
    idea: Idea | None,
    settings: tuple[tuple[str, Any], ...],
) -> PlatformWords:
    try:
        made = post_caption(channel, platform, content_id=content_id, caption=text, idea=idea)
    except UsageError as refusal:
        rules = platform_named(platform).captions
        size = measure(text.strip(), rules.unit)
        return PlatformWords(platform, text, None, "", settings, (), size, rules.limit, rules.unit, str(refusal))
    return PlatformWords(
        platform=platform,
        text=made.text,
        title=post_title(channel, made),
        added=" ".join(made.text.removeprefix(text.strip()).split()),
        settings=settings,
        dropped_hashtags=made.dropped_hashtags,
        size=made.size,
        limit=made.limit,
        unit=made.unit,
        problem=None,
    )


def post_settings(fields: PostFields) -> tuple[PostSetting, ...]:
    """Return every field of a post as a form shows it; what is typed is read by `services.reviewing.post_settings`."""
    settings = []
    for name, field in type(fields).model_fields.items():
        value, choices = getattr(fields, name), _choices(field.annotation)
        if name == "cover_file":
            value = value and str(value).partition(COVER_HASH)[0]
        text = ", ".join(value) if isinstance(value, tuple) else "" if value is None else _as_written(value)
        settings.append(PostSetting(name, text, field.description or "", choices))
    return tuple(settings)


def _choices(annotation: Any) -> tuple[str, ...]:
    if annotation is bool:
        return ("yes", "no")
    options = [
        word for part in (annotation, *get_args(annotation)) if get_origin(part) is Literal for word in get_args(part)
    ]
    return tuple(["", *options] if options and type(None) in get_args(annotation) else options)


def _as_written(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        words = list(map(str, value))
        return (", " if any(" " in word for word in words) else " ").join(words) or "none"
    return "none" if value in (None, "") else str(value)


def _load(load: Callable[[], Loaded]) -> tuple[Loaded | None, str | None]:
    try:
        return load(), None
    except DayreelError as error:
        return None, str(error)


def _files(records: Records, row: ContentRow, manifest: Manifest | None) -> tuple[FileFact, ...]:
    final = manifest.final_video if manifest else None
    if final is None:
        return ()
    folder = records.contents.folder(row.id)
    named: dict[FileKind, str] = {
        "final video": final.file.path,
        "poster": final.poster,
        "contact sheet": final.contact_sheet,
    }
    for record in final.subtitles:
        named["WebVTT subtitles" if record.path.endswith(".vtt") else "SubRip subtitles"] = record.path
    return tuple(_file(what, folder / name) for what, name in named.items())


def _file(what: FileKind, path: Path) -> FileFact:
    try:
        return FileFact(what, path, path.stat().st_size)
    except OSError:  # not there, or not for us to see
        return FileFact(what, path, None)


def _history(connection: Connection, content_id: str) -> tuple[HistoryEntry, ...]:
    """Return decisions, waivers and steps, newest first; a decision's own step is left out."""
    moments = [
        HistoryEntry(row.decided_at, row.decided_by, row.verdict, row.note, row.revision, row.via)
        for row in decisions_of(connection, content_id)
    ]
    moments += [
        HistoryEntry(waiver.waived_at, waiver.waived_by, f"waived {waiver.check_name} ({waiver.value})", waiver.reason)
        for waiver in waivers_of(connection, [content_id]).get(content_id, ())
    ]
    moments += [
        HistoryEntry(step.at, step.actor, f"{step.from_state} → {step.to_state}", step.notes)
        for step in transitions_of(connection, content_id)
        if step.event not in (*EVENTS.values(), "endorse")
    ]
    return tuple(sorted(moments, key=lambda moment: moment.at, reverse=True))
