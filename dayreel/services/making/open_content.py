"""Opening the content of a channel's day: its row, its folder, its first manifest. Everything paid comes after this."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime

from sqlalchemy import Connection, insert

from dayreel.errors import UsageError
from dayreel.queries.rows import (
    ContentRow,
    current_content,
    get_content,
    is_over,
    other_open_take,
    pause_of,
    skipped_day,
)
from dayreel.rules.calendar import why_not_made
from dayreel.rules.content_ids import ContentId
from dayreel.rules.pauses import why_paused
from dayreel.schemas.channel import Channel
from dayreel.schemas.manifest import Manifest
from dayreel.services.project import Project
from dayreel.stores.catalog.tables import content


def day_scope(channel: str, day: date) -> str:
    """Return what is leased while a channel's day is made from beginning to end."""
    return f"day {channel} {day}"


def content_scope(content_id: str) -> str:
    """Return what is leased while a content is made or its making is changed."""
    return f"content {content_id}"


@contextmanager
def writing_content(project: Project, content_id: str) -> Iterator[Connection]:
    """Give a connection for one transaction about a content; one that this process no longer holds is refused.

    Raises:
        LeaseLostError: it was taken over while this process was paused; nothing was written.
    """
    with project.catalog.write() as connection:
        project.leases.guard(connection, content_scope(content_id))
        yield connection


def why_not_begun(project: Project, channel: Channel, day: date) -> str | None:
    """Return why a channel's day must not be made now, by its file or because of a person's word; None when it may be.

    Raises:
        StoreError: the catalog cannot be read.
    """
    now = project.clock.now()
    return why_not_made(channel, day, now) or why_left_out(project, channel, day, now)


def why_left_out(project: Project, channel: Channel, day: date, now: datetime) -> str | None:
    """Return who has paused the channel at this moment, or skipped this day, and why; None where nobody has.

    Raises:
        StoreError: the catalog cannot be read.
    """
    with project.catalog.read() as connection:
        paused = why_paused(channel, pause_of(connection, channel.name), now)
        skipped = skipped_day(connection, channel.name, day)
    return paused or (skipped.reason if skipped is not None else None)


def require_may_begin(project: Project, channel: Channel, day: date) -> None:
    """Refuse a day that must not be made now.

    Raises:
        UsageError: by its file or because of a person's word; says why. Nothing was done.
    """
    refusal = why_not_begun(project, channel, day)
    if refusal is not None:
        raise UsageError(
            f"Nothing was made: {refusal}.",
            next_step=f"See channels/{channel.name}.yaml, or `dayreel channels resume {channel.name}` if it is paused, "
            f"`dayreel channels skip {channel.name} {day} --remove` if the day is skipped.",
        )


def open_content(project: Project, channel: Channel, day: date) -> ContentRow:
    """Return the current take of a channel's day, made pending when there is none yet.

    Raises:
        UsageError: this channel is not made on this day; says why. Nothing was done.
    """
    require_may_begin(project, channel, day)
    with project.catalog.write() as connection:
        row = current_content(connection, channel.name, day)
        if row is None:
            row = _start(project, connection, ContentId(channel.name, day))
    # Another machine may have begun it: its folder is then in the bucket alone.
    project.contents.fetch(row.id)
    if project.copies.adopt(row.id):  # another catalog has known it, and knew more of it
        with project.catalog.read() as connection:
            row = get_content(connection, row.id)
    project.contents.create(
        Manifest(
            content_id=row.id,
            channel=row.channel,
            day=row.day,
            take=row.take,
            world=row.world,
            simulated=row.world == "sandbox",
            created_at=row.created_at,
        )
    )
    if row.world != project.settings.world:
        raise UsageError(
            f"{row.id} was begun in the {row.world} world, and this is the {project.settings.world} one.",
            next_step=f"`dayreel retry {row.id} --new-take` makes another take in this world.",
        )
    return row


def open_new_take(project: Project, previous: ContentRow) -> ContentRow:
    """Make the next take of a day that is done with (rejected, expired, failed, or of the other world).

    Raises:
        UsageError: a take of that day is still open or out, or this is not the newest.
    """
    with project.catalog.write() as connection:
        newest = current_content(connection, previous.channel, previous.day)
        if newest is None or newest.id != previous.id:
            raise UsageError(
                f"{previous.id} is not the newest take of its day.", next_step="`dayreel status` shows it."
            )
        world = project.settings.world
        # An earlier one is open where it was approved after the newest had been rejected.
        take = newest if not is_over(newest, world) else other_open_take(connection, newest, world)
        if take is not None:
            raise UsageError(
                f"{take.id} is {take.state}, so it needs no new take.",
                next_step=f"`dayreel review reject {take.id}` first, if you want another video.",
            )
        return _start(project, connection, ContentId(previous.channel, previous.day, newest.take + 1))


def _start(project: Project, connection: Connection, content_id: ContentId) -> ContentRow:
    now = project.clock.now()
    connection.execute(
        insert(content).values(
            id=str(content_id),
            channel=content_id.channel,
            day=content_id.day,
            take=content_id.take,
            world=project.settings.world,
            state="pending",
            version=1,
            revision=0,
            storage_path=str(content_id),
            run_id=project.run_id,
            created_at=now,
            updated_at=now,
        )
    )
    return get_content(connection, str(content_id))
