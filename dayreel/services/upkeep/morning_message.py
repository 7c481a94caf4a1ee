"""The morning's message: of what should exist by now, how much does; what is missing, and what waits for a person.

What is expected is for `queries.expectations`, what is silent for `report_silences`: here both are counted and put into
words, once a day. Dagster's schedule sends it at its time, and whoever finds later that nobody has (a chore, `dayreel
watch`) sends it then.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from dayreel.clock import local_day
from dayreel.errors import BusyError
from dayreel.providers.notifiers.contract import Notifier
from dayreel.queries.config import read_config, switch_sentence
from dayreel.queries.contents import ContentStatus, read_status, status_of
from dayreel.queries.expectations import GRACE, LOOK_BACK, DueDay, Silence, due_days
from dayreel.queries.holds import holds
from dayreel.queries.money import Cap, overall_caps, spent_since
from dayreel.queries.rows import ContentRow, contents_of_days, pause_of, posted_since, posts_without_public_id
from dayreel.queries.unknown_outcomes import UnknownOutcome, unknown_outcomes
from dayreel.rules.calendar import clock_moments, why_never_made
from dayreel.rules.flags import TAKE_AWAY, flag_notices
from dayreel.rules.lifecycle import WORKING
from dayreel.rules.pauses import why_paused
from dayreel.schemas.channel import Channel
from dayreel.services.measure_posts import measured_on
from dayreel.services.notify_people import notify_once, project_today, was_notified
from dayreel.services.project import Project
from dayreel.services.upkeep.reconcile import LOOK_FOR_NAMES
from dayreel.services.upkeep.report_silences import SchedulerHealth, find_silences, measurement_due_at
from dayreel.services.upkeep.stalled_work import is_stalled, stalled_text

OFF: Final = "off"
_MOST_LINES: Final = 10
"""Of one kind. The rest is counted: messengers cut long messages."""
_LONGEST_TEXT: Final = 240


@dataclass(frozen=True)
class Share:
    """How many of those that should exist do."""

    there: int
    due: int

    def __str__(self) -> str:
        """Return it in words."""
        return f"{self.there} of {self.due}"


@dataclass(frozen=True)
class MorningDay:
    """One day of one channel that was due since the message before.

    Attributes:
        standing: how its newest take stands; without one `queued` where Dagster is to make it, and else `missing`.
        posts: per platform, how its post stands, as far as one was tried.
    """

    channel: str
    day: date
    due_at: datetime
    content_id: str | None
    standing: str
    posts: Mapping[str, str]


@dataclass(frozen=True)
class Backfilled:
    """Past days of one channel that were made, or were to be, since the message before.

    Attributes:
        coming: how many of those that are not there wait or are at work in Dagster.
    """

    channel: str
    first: date
    last: date
    share: Share
    coming: int

    def __str__(self) -> str:
        """Return it in words."""
        coming = f"; {self.coming} more are being made" if self.coming else ""
        return f"{self.channel} {self.first} to {self.last}, {self.share} days{coming}"


@dataclass(frozen=True)
class Morning:
    """What there is since the message before.

    Attributes:
        day: the present day in the project's zone.
        days: what was due since then. What is missing from the days before it is in `missing`, for a week.
        measured: posts with counters of `measured_on`: today, or yesterday where today's are not due yet.
        waiting: contents that nothing comes of until a person has decided.
        making: what is being made, or waits in Dagster's queue, as `crafts 2026-12-01`.
        paused: why each channel that is paused now is.
        spent_usd: what was bought since then.
        caps: those of the present day and month, over all channels.
    """

    day: date
    since: datetime
    days: tuple[MorningDay, ...]
    videos: Share
    posts: Share
    measured: Share
    measured_on: date
    missing: tuple[Silence, ...]
    waiting: tuple[str, ...]
    making: tuple[str, ...]
    backfills: tuple[Backfilled, ...]
    paused: tuple[str, ...]
    spent_usd: Decimal
    caps: tuple[Cap, Cap]


def due_moments(project: Project, day: date) -> tuple[datetime, datetime]:
    """Return the first and the last moment that the time of the message can mean on a day, mostly the same."""
    return clock_moments(day, project.settings.morning_at, project.settings.timezone)


def why_not_sent(project: Project, day: date, *, targets: Sequence[str]) -> str | None:
    """Return why a day's message is not to be sent now, or None where it is.

    Args:
        targets: the notifiers' names.
    """
    if project.settings.morning_at == OFF:
        return "DAYREEL_MORNING_AT is off"
    if day != project_today(project):
        return f"{day} is not today"
    return f"the message of {day} was sent" if was_notified(project, None, _subject(day), targets=targets) else None


def is_morning_late(project: Project, *, targets: Sequence[str]) -> bool:
    """Return whether the day's message should have been sent a while ago, and was not.

    Args:
        targets: the notifiers' names.
    """
    today = project_today(project)
    if project.settings.morning_at == OFF or project.clock.now() < due_moments(project, today)[1] + GRACE:
        return False
    return why_not_sent(project, today, targets=targets) is None


def send_morning(project: Project, health: SchedulerHealth | None, *, notifiers: Sequence[Notifier]) -> list[str]:
    """Send the day's message, unless it was sent or its time has not come; return a sentence for what was sent."""
    today = project_today(project)
    targets = [notifier.name for notifier in notifiers]
    if why_not_sent(project, today, targets=targets) or project.clock.now() < due_moments(project, today)[0]:
        return []
    morning = look_at_morning(project, health, targets=targets)
    text = text_of(morning, project.settings.desk_address, most_lines=_MOST_LINES)
    try:
        return [notify_once(project, None, _subject(today), text, notifiers=notifiers)]
    except BusyError as error:  # somebody else is sending it
        return [str(error)]


def look_at_morning(project: Project, health: SchedulerHealth | None, *, targets: Sequence[str]) -> Morning:
    """Return what the message says now.

    Args:
        health: what Dagster is doing; None where nobody could look.
        targets: the names of the notifiers, for when the message before was sent.

    Raises:
        StoreError: the catalog cannot be read.
    """
    health = health or SchedulerHealth()
    today, now = project_today(project), project.clock.now()
    since = _since(project, today, targets)
    silences = find_silences(project, health)
    channels, _broken = project.channels.load_readable()
    with project.catalog.read() as connection:
        due = [day for channel in channels.values() for day in due_days(project, connection, channel)]
        rows = [day.row for day in due if day.row is not None]
        statuses = {status.row.id: status for status in read_status(project, connection, rows).contents}
        out = posted_since(connection, world=project.settings.world, since=since)
        pauses = [why_paused(channel, pause_of(connection, name), now) for name, channel in channels.items()]
        spent_usd, caps = spent_since(project, connection, since), overall_caps(project, connection)
    week = [(day, statuses[day.row.id] if day.row else None) for day in due]
    # What was due right before the message before was within its grace then.
    recent = [(day, status) for day, status in week if day.due_at > since - GRACE]
    # What failed or was not begun in the last week stays missing until it is made; the latter also until it is skipped.
    counted = [
        *recent,
        *((day, status) for day, status in week if day.due_at <= since - GRACE and not _is_made(day.row)),
    ]
    going_out = status_of(project, states=("review_pending", "approved", "publishing")).contents
    current = [status for status in going_out if status.newest_take is None and not status.is_of_other_world]
    measured_day = today if now >= measurement_due_at(project) + GRACE else today - timedelta(days=1)
    measured, gaps = _measured(project, measured_day)
    if any(silence.subject.startswith("measurement ") for silence in silences):
        gaps = []
    missing = [*_stops(project), *_stopped_videos(counted, now), *_failed_posts(current)]
    missing += [*map(_unknown, unknown_outcomes(project).here), *silences, *gaps]
    unsent = sum(silence.subject.startswith("post ") for silence in missing)
    named = {silence.subject for silence in missing}
    backfills, unmade = _backfills(project, health, channels, since, named)
    return Morning(
        day=today,
        since=since,
        days=tuple(_day(day, status, health) for day, status in recent),
        videos=Share(sum(_is_made(day.row) for day, _ in counted), len(counted)),
        posts=Share(len(out), len(out) + unsent),
        measured=measured,
        measured_on=measured_day,
        missing=(*missing, *unmade),
        waiting=tuple(status.row.id for status in current if status.waits_for_approval),
        making=tuple(_making(counted, health, now)),
        backfills=tuple(backfills),
        paused=tuple(pause for pause in pauses if pause is not None),
        spent_usd=spent_usd,
        caps=caps,
    )


def text_of(morning: Morning, desk_address: str, *, most_lines: int | None = None) -> str:
    """Return the message: one sentence where all is well and nobody is waited for.

    Args:
        most_lines: of one kind; the rest is counted. None lists all of them.
    """
    shares = [
        f"{share} {name}"
        for share, name in (
            (morning.videos, "videos"),
            (morning.posts, "posts"),
            (morning.measured, f"posts measured on {morning.measured_on}"),
        )
        if share.due
    ]
    exists = ", ".join(shares) or "nothing was due"
    when = ("today", "this month")
    used = (f"${cap.used_usd:.2f} of ${cap.limit_usd:.2f} {at}" for cap, at in zip(morning.caps, when, strict=True))
    money = f"${morning.spent_usd:.2f} spent ({', '.join(used)})"
    if not morning.missing:
        is_coming = morning.making or any(backfill.coming for backfill in morning.backfills)
        state = "exists or is being made" if is_coming else "does"
        lines = [f"Everything that should exist {state}: {exists}; {money}."]
    else:
        lines = [f"{len(morning.missing)} missing or silent: {exists}; {money}."]
        missing = (f"- {_cut(silence.text)} {silence.next_step}".rstrip() for silence in morning.missing)
        lines += _listed(missing, most_lines)
    if morning.waiting:
        named = _in_words(morning.waiting)
        lines.append(f"Waits for a person: {named}. `dayreel review list`, or {desk_address}/")
    if morning.making:
        lines.append(f"Being made: {_in_words(morning.making)}.")
    lines += _listed((f"Backfilled: {backfill}." for backfill in morning.backfills), most_lines)
    lines += _listed((f"Nothing is expected: {pause}." for pause in morning.paused), most_lines)
    return "\n".join(lines)


def _subject(day: date) -> str:
    return f"morning/{day}"


def _since(project: Project, today: date, targets: Sequence[str]) -> datetime:
    """Return the time of the message before, at most a week ago; of yesterday's where none was sent."""
    if project.settings.morning_at == OFF:
        return project.clock.now() - timedelta(days=1)
    days = [today - timedelta(days=number) for number in range(1, LOOK_BACK.days + 1)]
    sent = (day for day in days if was_notified(project, None, _subject(day), targets=targets))
    return due_moments(project, next(sent, days[0]))[1]


def _is_made(row: ContentRow | None) -> bool:
    return row is not None and row.state not in (*WORKING, "failed")


def _has_stopped(status: ContentStatus, now: datetime) -> bool:
    return status.row.state == "failed" or is_stalled(status.row, now)


def _stopped_videos(days: Iterable[tuple[DueDay, ContentStatus | None]], now: datetime) -> Iterator[Silence]:
    for day, status in days:
        # What is in doubt is listed by its act.
        if status is None or status.unknown or not _has_stopped(status, now):
            continue
        is_failed = status.row.state == "failed"
        text = f"{status.row.id} failed: {status.row.error}" if is_failed else stalled_text(status.row)
        yield Silence(f"video {day.channel} {day.day}", text, f"`{status.next_step}`" if is_failed else "")


def _making(
    days: Iterable[tuple[DueDay, ContentStatus | None]], health: SchedulerHealth, now: datetime
) -> Iterator[str]:
    for day, status in days:
        is_queued = status is None and (day.channel, day.day) in health.under_way
        if is_queued or (status and status.row.state in WORKING and not _has_stopped(status, now)):
            yield f"{day.channel} {day.day}"


def _failed_posts(current: Iterable[ContentStatus]) -> Iterator[Silence]:
    for status in current:
        for post in status.failed_posts if status.has_failed_post and not status.is_held else ():
            text = f"{status.row.id} is not out on {post.platform}: {post.error}"
            yield Silence(f"post {status.row.id} {post.platform}", text, f"`{status.next_step}`")


def _unknown(outcome: UnknownOutcome) -> Silence:
    text = f"{outcome.about}: what became of {outcome.kind} at {outcome.target} is not known: {outcome.evidence}."
    subject = f"{outcome.kind} {outcome.about} {outcome.target}"
    return Silence(subject, text, f"`dayreel reconcile`, or `{outcome.next_step}`")


def _stops(project: Project) -> list[Silence]:
    """Return what somebody, or a restore, keeps from being bought and posted."""
    stops = [Silence("hold", text, step) for text, step in holds(project).notices()]
    with project.catalog.read() as connection:
        switch = read_config(connection, "switch")
    stops += [Silence("flag", text, TAKE_AWAY) for text in flag_notices(project.settings)]
    if switch.value == "off":
        stops.append(Silence("switch", switch_sentence(switch), "`dayreel switch on`"))
    return stops


def _measured(project: Project, day: date) -> tuple[Share, list[Silence]]:
    """Return how many posts have counters of a day, and what is missing; a post without a public id has none yet."""
    now, world = project.clock.now(), project.settings.world
    with project.catalog.read() as connection:
        unnamed = posts_without_public_id(connection, world=world, since=now - LOOK_FOR_NAMES)
    unnamed_ids = {post.post_id for post in unnamed}
    is_over = day < local_day(now, project.settings.timezone)
    step = "It stays a gap: a day that is over cannot be measured." if is_over else "They are asked for again today."
    counted, gaps = 0, list[Silence]()
    lost = 0
    for platform in measured_on(project, day):
        counted += platform.snapshots
        reasons = Counter(why for post_id, why in platform.missing.items() if post_id not in unnamed_ids)
        lost += reasons.total()
        gaps += [
            Silence(
                f"measurement {day} {platform.platform}", f"{count} of the posts on {platform.platform}: {why}.", step
            )
            for why, count in reasons.items()
        ]
    return Share(counted, counted + lost), gaps


def _backfills(
    project: Project, health: SchedulerHealth, channels: dict[str, Channel], since: datetime, named: Collection[str]
) -> tuple[list[Backfilled], list[Silence]]:
    """Return the past days that were made, or were to be, by channel; and those that nobody makes any more.

    Args:
        named: subjects that are reported already.
    """
    asked = {day for backfill in health.backfills if backfill.started_at > since for day in backfill.days}
    with project.catalog.read() as connection:
        begun = contents_of_days(connection, {day for _owner, day in asked}, or_begun_since=since)
    rows = {(row.channel, row.day): row for row in begun if row.channel in channels}
    late = {
        key
        for key, row in rows.items()
        if row.created_at > since and row.day < local_day(row.created_at, channels[row.channel].timezone)
    }
    backfills, unmade = list[Backfilled](), list[Silence]()
    for name, channel in channels.items():
        days = sorted(day for owner, day in asked | late if owner == name and why_never_made(channel, day) is None)
        if not days:
            continue
        made = [day for day in days if _is_made(rows.get((name, day)))]
        open_days = [day for day in days if day not in made and f"video {name} {day}" not in named]
        # A day that failed is made by nobody, though the others of its backfill are still to come.
        failed = [day for day in open_days if (row := rows.get((name, day))) and row.state == "failed"]
        coming = [day for day in open_days if (name, day) in health.under_way and day not in failed]
        backfills.append(Backfilled(name, days[0], days[-1], Share(len(made), len(days)), len(coming)))
        left = [day for day in open_days if day not in coming]
        if left:
            text = f"{len(left)} days of {name} that were to be made afterwards are not: {_in_words(map(str, left))}."
            first, last = left[0], left[-1]
            step = f"`dayreel backfill --channel {name} --from {first} --to {last}` continues."
            unmade.append(Silence(f"backfill {name}", text, step))
    return backfills, unmade


def _day(day: DueDay, status: ContentStatus | None, health: SchedulerHealth) -> MorningDay:
    posts = {post.platform: post.state for post in status.posts} if status else {}
    unbegun = "queued" if (day.channel, day.day) in health.under_way else "missing"
    standing = status.standing if status else unbegun
    return MorningDay(day.channel, day.day, day.due_at, day.row.id if day.row else None, standing, posts)


def _in_words(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - _MOST_LINES} more" if len(names) > _MOST_LINES else ""
    return ", ".join(names[:_MOST_LINES]) + more


def _cut(text: str) -> str:
    """Return a text without line breaks, and without its end where it is long: the next step stands behind it."""
    words = " ".join(text.split())
    return words if len(words) <= _LONGEST_TEXT else f"{words[:_LONGEST_TEXT]} ..."


def _listed(lines: Iterable[str], most: int | None) -> Sequence[str]:
    lines = list(lines)
    if most is None or len(lines) <= most:
        return lines
    return [*lines[:most], f"... and {len(lines) - most} more: `dayreel watch --morning`."]
