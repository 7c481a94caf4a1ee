"""Comparing what should exist with what does, and reporting each silence once, and once more when it is over.

Whoever looks (a run in Dagster, `dayreel up`, cron on another machine) writes into one table, so that people hear of a
thing once. What two looks have found is reported: a restart, or a run that starts late, is over by the second. What
Dagster itself should be doing is handed in: the product knows no Dagster.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Select, insert, select, update

from dayreel.clock import day_begins, local_day
from dayreel.errors import ConfigurationError
from dayreel.providers.notifiers.contract import Notifier
from dayreel.queries.bills import (
    READ_DAYS,
    bill_differences,
    difference_sentence,
    difference_step,
    unread_bills,
    utc_today,
)
from dayreel.queries.connections import ANNOUNCED_AHEAD, token_ends
from dayreel.queries.expectations import GRACE, LOOK_BACK, Silence, missing_days
from dayreel.queries.rows import all_rows, pause_of
from dayreel.queries.silences import SilenceRow, read_silences
from dayreel.rules.calendar import check_zones
from dayreel.rules.fingerprint import fingerprint
from dayreel.schemas.channel import Channel
from dayreel.services.keep_tokens import token_findings
from dayreel.services.measure_posts import PULL_TIMES, measurable_posts
from dayreel.services.notify_people import notified_about, notify_once
from dayreel.services.project import Project
from dayreel.services.setting_up.examine import check_disk, ending_models
from dayreel.services.upkeep.due_work import due_posts
from dayreel.stores.catalog.tables import processing_logs, silences
from dayreel.vendors.registry import label_of

LOOK_EVERY: Final = timedelta(minutes=5)
CONFIRMED_AFTER: Final = timedelta(minutes=4)
"""Less than between two looks, so that the second one confirms what the first has seen."""
FORGOTTEN_AFTER: Final = timedelta(days=7)
"""A pause without an end that lasts longer may have been forgotten."""
_CLAIM: Final = timedelta(minutes=3)
_CHANNEL: Final = "channel "
_BILL: Final = "bill "
_SCHEDULER: Final = "dagster "
"""How the subjects begin of what Dagster itself should be doing."""


@dataclass(frozen=True)
class Backfill:
    """A backfill of channels' days that somebody has started in Dagster, and whether nothing more comes of it."""

    days: Collection[tuple[str, date]]
    started_at: datetime
    is_over: bool


@dataclass(frozen=True)
class SchedulerHealth:
    """What Dagster is not doing that it should, and which channels' days it is at.

    Attributes:
        under_way: channels and days of which a run waits or works, or of a backfill that has not come to them yet.
        backfills: those of the last week.
    """

    silences: Sequence[Silence] = ()
    under_way: Collection[tuple[str, date]] = field(default_factory=frozenset)
    backfills: Sequence[Backfill] = ()


@dataclass(frozen=True)
class WatchReport:
    """What a look has found, and in a sentence whatever was sent."""

    silent: tuple[SilenceRow, ...]
    resolved: tuple[SilenceRow, ...]
    sentences: tuple[str, ...]


class EveryDay:
    """All days: whether one is a partition is for those who start runs."""

    def __contains__(self, _day: object) -> bool:
        """Return True."""
        return True


def find_silences(project: Project, health: SchedulerHealth | None) -> list[Silence]:
    """Return everything that should have happened by now, and has not.

    Args:
        health: what Dagster is doing; None where nobody could look.

    Raises:
        StoreError: the catalog cannot be read.
    """
    under_way = frozenset[tuple[str, date]]() if health is None else health.under_way
    channels, broken = project.channels.load_readable()
    findings = [*(health.silences if health is not None else ()), *_zones(project, channels)]
    findings += [_broken_channel(project, name, error) for name, error in broken.items()]
    findings += missing_days(project, channels.values(), under_way=under_way)
    findings += _posts(project)
    findings += _measurement(project)
    findings += _pauses(project, channels)
    findings += [
        Silence(check.name, f"{check.found}.", check.next_step)
        for check in ending_models(project.models, channels.values(), project.clock.now())
    ]
    findings += _bills(project)
    # A token that a vendor has refused, and a full disk, stop tomorrow's work before anybody misses today's.
    checks = [*token_findings(project.settings, project.clock.now()), check_disk(project.settings)]
    findings += [
        Silence(check.name, f"{check.name}: {check.found}.", check.next_step)
        for check in checks
        if check.verdict == "fail"
    ]
    return [*findings, *_ending_tokens(project, {check.name for check in checks if check.verdict == "fail"})]


def _ending_tokens(project: Project, reported: Collection[str]) -> list[Silence]:
    """Return what of a platform's account ends within two weeks, or has ended, although nothing else reports it."""
    now = project.clock.now()
    with project.catalog.read() as connection:
        ends = token_ends(connection, project.settings.world)
    return [
        Silence(
            f"{what} of {platform} {at:%Y-%m-%d}",
            f"The {what} of {label_of(platform)} {'ends' if at > now else 'ended'} on {at:%Y-%m-%d}, and nothing "
            "renews it.",
            f"`dayreel connect {platform}` makes a new one.",
        )
        for platform, of_platform in ends.items()
        for what, at in of_platform.items()
        if at - now < ANNOUNCED_AHEAD and f"token of {platform}" not in reported
    ]


def is_news(project: Project, health: SchedulerHealth | None) -> bool:
    """Return whether a look would write or report something; reads only."""
    findings = {silence.subject for silence in find_silences(project, health)}
    with project.catalog.read() as connection:
        not_closed = all_rows(connection, SilenceRow, _not_closed(project))
    rows = [row for row in not_closed if row.resolved_at is None]
    is_due = len(rows) < len(not_closed) or any(_is_due(row, project) and row.subject in findings for row in rows)
    return is_due or bool(findings - {row.subject for row in rows}) or bool(_ended(rows, findings, health))


def report_silences(project: Project, health: SchedulerHealth | None, *, notifiers: Sequence[Notifier]) -> WatchReport:
    """Look, and report what is silent since the look before, and what no longer is.

    Raises:
        StoreError: the catalog cannot be used.
    """
    findings = {silence.subject: silence for silence in find_silences(project, health)}
    now, world = project.clock.now(), project.settings.world
    # Whoever has heard of a silence hears of its end, also where another notifier was away all the time.
    heard = set[str]().union(*(notified_about(project, target=notifier.name) for notifier in notifiers))
    with project.catalog.write("silences") as connection:
        before = {row.subject: row for row in read_silences(connection, world)}
        for subject, silence in findings.items():
            if subject not in before:
                values = {"text": silence.text, "next_step": silence.next_step, "seen_at": now}
                connection.execute(insert(silences).values(world=world, subject=subject, **values))
        for row in _ended(before.values(), findings, health):
            is_heard = row.reported_at is not None or _silent_key(row) in heard
            is_worth_saying = is_heard and not _is_past(row, project)
            values = {"resolved_at": now, "closed_at": None if is_worth_saying else now}
            connection.execute(update(silences).where(silences.c.id == row.id).values(values))
        free = (silences.c.claimed_at.is_(None)) | (silences.c.claimed_at <= now - _CLAIM)
        rows = all_rows(connection, SilenceRow, _not_closed(project).where(free))
        silent = [row for row in rows if row.resolved_at is None and _is_due(row, project)]
        resolved = [row for row in rows if row.resolved_at is not None]
        ids = [row.id for row in (*silent, *resolved)]
        connection.execute(update(silences).where(silences.c.id.in_(ids)).values(claimed_at=now))
        present = read_silences(connection, world)
    sentences = [sentence for notifier in notifiers for sentence in _notify(project, silent, resolved, notifier)]
    everywhere = set.intersection(*(notified_about(project, target=notifier.name) for notifier in notifiers))
    _close(project, silent, resolved, everywhere)
    return WatchReport(tuple(present), tuple(resolved), tuple(sentences))


def _not_closed(project: Project) -> Select[Any]:
    """Select what is silent, and what no longer is and people are still to hear so."""
    ours = (silences.c.world == project.settings.world, silences.c.closed_at.is_(None))
    return select(silences).where(*ours).order_by(silences.c.id)


def _notify(project: Project, silent: list[SilenceRow], resolved: list[SilenceRow], notifier: Notifier) -> list[str]:
    """Send one message about everything that this notifier has not sent before."""
    known = notified_about(project, target=notifier.name)
    silent = [row for row in silent if _silent_key(row) not in known]
    resolved = [row for row in resolved if _resolved_key(row) not in known]
    if not silent and not resolved:
        return []
    lines = [f"{row.text} {row.next_step}" for row in silent]
    lines += [f"Resolved: {row.text}" for row in resolved]
    about = [*map(_silent_key, silent), *map(_resolved_key, resolved)]
    subject = f"silences/{fingerprint(about=about)[:12]}"
    return [notify_once(project, None, subject, "\n".join(lines), notifiers=[notifier], name="watch", about=about)]


def _close(project: Project, silent: list[SilenceRow], resolved: list[SilenceRow], sent: set[str]) -> None:
    now = project.clock.now()
    reported = [row.id for row in silent if _silent_key(row) in sent]
    closed = [row.id for row in resolved if _resolved_key(row) in sent]
    left = [row.id for row in (*silent, *resolved) if row.id not in {*reported, *closed}]
    with project.catalog.write("silences") as connection:
        for ids, values in ((reported, {"reported_at": now}), (closed, {"closed_at": now}), (left, {})):
            connection.execute(update(silences).where(silences.c.id.in_(ids)).values(claimed_at=None, **values))


def _is_past(row: SilenceRow, project: Project) -> bool:
    """Return whether a silence has ended only because its day is over: a gap that stays, and nothing to be glad of."""
    kind, _, rest = row.subject.partition(" ")
    now, zone = project.clock.now(), project.settings.timezone
    if kind == "measurement":
        return rest < local_day(now, zone).isoformat()
    if row.subject.startswith(_BILL):  # nobody looks at older ones
        return rest.rpartition(" ")[2] < (utc_today(project) - timedelta(days=READ_DAYS)).isoformat()
    return kind == "video" and row.seen_at <= now - LOOK_BACK + timedelta(hours=1)


def _silent_key(row: SilenceRow) -> str:
    return f"silence {row.id}"


def _resolved_key(row: SilenceRow) -> str:
    return f"silence {row.id} resolved"


def _ended(rows: Iterable[SilenceRow], findings: Collection[str], health: SchedulerHealth | None) -> list[SilenceRow]:
    """Return the silences that are over. Of what could not be looked at, nothing is known to be over."""
    unread = {subject.removeprefix(_CHANNEL) for subject in findings if subject.startswith(_CHANNEL)}
    return [
        row
        for row in rows
        if row.subject not in findings
        and _channel_of(row.subject) not in unread
        and (health is not None or not row.subject.startswith(_SCHEDULER))
    ]


def _channel_of(subject: str) -> str | None:
    """Return which channel a subject is about, if any: `video crafts 2026-11-20`, `post crafts-2026-11-20 tiktok`."""
    kind, _, about = subject.partition(" ")
    return re.split("[ -]", about)[0] if kind in ("video", "post", "pause") else None


def _is_due(row: SilenceRow, project: Project) -> bool:
    return row.reported_at is None and row.seen_at <= project.clock.now() - CONFIRMED_AFTER


def _broken_channel(project: Project, name: str, error: ConfigurationError) -> Silence:
    stopped = f"Dagster's graph does not load because of channel {name}: {error.message}"
    return Silence(f"{_CHANNEL}{name}", project.channels.left_out().get(name, stopped), error.next_step)


def _zones(project: Project, channels: dict[str, Channel]) -> list[Silence]:
    zone = project.settings.timezone
    try:
        check_zones(channels, zone, local_day(project.clock.now(), zone))
    except ConfigurationError as error:
        text = f"Dagster's graph cannot be loaded, so no channel is made. {error.message}"
        return [Silence("time zones", text, error.next_step)]
    return []


def _posts(project: Project) -> list[Silence]:
    """Return the approved posts that could have gone out for a while, and that nobody has tried to send."""
    now = project.clock.now()
    return [
        Silence(
            f"post {post.content_id} {post.platform}",
            f"{post.content_id} was approved by {post.decided_by} and its window on {post.platform} is open, but it is "
            f"not out since {post.due_at:%Y-%m-%d %H:%M} UTC.",
            f"`dayreel publish {post.content_id}` sends it, through every gate.",
        )
        for post in due_posts(project, days=EveryDay(), even_without_keys=True)
        if post.attempt == 0 and post.due_at <= now - GRACE
    ]


def measurement_due_at(project: Project) -> datetime:
    """Return when the present day's posts are measured first."""
    zone = project.settings.timezone
    return datetime.combine(local_day(project.clock.now(), zone), PULL_TIMES[0], tzinfo=ZoneInfo(zone))


def _measurement(project: Project) -> list[Silence]:
    """Return the day's first measurement, where it is due and nobody has tried it."""
    now, zone = project.clock.now(), project.settings.timezone
    today, due_at = local_day(now, zone), measurement_due_at(project)
    # What was posted since is measured later.
    wanted = now >= due_at + GRACE and any(post["posted_at"] < due_at for post in measurable_posts(project, today))
    tries = select(processing_logs.c.id).where(
        processing_logs.c.layer == "measurement",
        processing_logs.c.started_at >= day_begins(today, zone),
        processing_logs.c.metadata["world"].as_string() == project.settings.world,
    )
    with project.catalog.read() as connection:
        if not wanted or connection.execute(tries.limit(1)).first() is not None:
            return []
    text = f"The posts were due to be measured at {due_at:%H:%M} ({zone}) on {today}, and were not."
    step = "In Dagster start the job `measure` for that day: a day that is over cannot be measured any more."
    return [Silence(f"measurement {today}", text, step)]


def _bills(project: Project) -> list[Silence]:
    """Return each settled day on which a vendor bills something else than is booked, and bills that cannot be read."""
    different = [
        Silence(f"{_BILL}{total.provider} {total.day}", difference_sentence(total), difference_step(total))
        for total in bill_differences(project)
    ]
    unread = [
        Silence(f"bills of {vendor}", f"The bill of {label_of(vendor)} could not be read for more than a day: {why}",
                "What was read before stays; it is tried again.")
        for vendor, why in unread_bills(project).items()
    ]  # fmt: skip
    return [*different, *unread]


def _pauses(project: Project, channels: dict[str, Channel]) -> list[Silence]:
    now = project.clock.now()
    forgotten: list[Silence] = []
    with project.catalog.read() as connection:
        for name, channel in channels.items():
            pause = pause_of(connection, name)
            is_active = channel.active_until is None or channel.active_until >= local_day(now, channel.timezone)
            if pause is not None and pause.until_on is None and pause.at <= now - FORGOTTEN_AFTER and is_active:
                text = f"Channel {name} has been paused by {pause.by} since {pause.at:%Y-%m-%d}, without an end."
                step = f"`dayreel channels resume {name}`, or `dayreel channels pause {name} --until DAY` ends it then."
                forgotten.append(Silence(f"pause {name} {pause.at:%Y-%m-%dT%H:%M}", text, step))
    return forgotten
