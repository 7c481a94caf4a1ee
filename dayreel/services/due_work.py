"""What is due to be started: decisions that no run has recorded, approved posts whose gates are open.

Pure reading; the sensors turn what comes back into runs, and the runs ask every gate again.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from dayreel.rules.calendar import window_state
from dayreel.schemas.channel import Channel, Platform
from dayreel.services.configure import read_config
from dayreel.services.studio import Studio
from dayreel.stores.catalog.reads import decisions_after, get_content, list_contents, newest_verdict, posts_of

BATCH = 100


@dataclass(frozen=True)
class DueReview:
    """A decision that should become a materialization of `reviews`."""

    decision_id: int
    content_id: str
    channel: str
    day: date
    verdict: str
    decided_by: str


@dataclass(frozen=True)
class DuePost:
    """An approved content that may go out on one platform now."""

    decision_id: int
    content_id: str
    channel: str
    day: date
    platform: Platform


@dataclass(frozen=True)
class NewDecisions:
    """The next decisions, where to go on from, and those that were left out, each with its reason."""

    due: list[DueReview]
    cursor: int
    left_out: list[str]


def new_decisions(studio: Studio, cursor: int, *, days: Collection[str]) -> NewDecisions:
    """Return the decisions after `cursor`, at most a hundred, leaving out those that no run could record.

    Args:
        days: the partition keys that exist.
    """
    names = set(studio.channels.names())
    due: list[DueReview] = []
    left_out: list[str] = []
    with studio.catalog.read() as connection:
        rows = decisions_after(connection, cursor, limit=BATCH)
        for row in rows:
            content = get_content(connection, row.content_id)
            if content.channel not in names:
                left_out.append(f"decision {row.id}: there is no channel {content.channel!r} any more")
            elif content.day.isoformat() not in days:
                left_out.append(f"decision {row.id}: {content.day} is no partition")
            else:
                due.append(DueReview(row.id, content.id, content.channel, content.day, row.verdict, row.decided_by))
    return NewDecisions(due, rows[-1].id if rows else cursor, left_out)


def due_posts(studio: Studio, *, days: Collection[str]) -> list[DuePost]:
    """Return the posts that should be started now: approved, inside a window, never tried, in this world.

    A post that was tried and failed is not due: that takes a person (`dayreel publish`), or a look (`reconcile`).
    """
    now = studio.clock.now()
    names = set(studio.channels.names())
    due: list[DuePost] = []
    with studio.catalog.read() as connection:
        if read_config(connection, "switch").value == "off":
            return []
        waiting = list_contents(connection, states=("approved", "publishing"))
        tried = {(post["content_id"], post["platform"]) for post in posts_of(connection, [row.id for row in waiting])}
        channels: dict[str, Channel] = {}
        for row in waiting:
            decision = newest_verdict(connection, row.id)
            fits = row.channel in names and row.day.isoformat() in days and row.world == studio.settings.world
            if not fits or decision is None or decision.verdict != "approved":
                continue
            channel = channels.setdefault(row.channel, studio.channels.load(row.channel))
            if not window_state(channel, now).is_open:
                continue
            due += [
                DuePost(decision.id, row.id, row.channel, row.day, platform)
                for platform in channel.platforms.chosen()
                if (row.id, platform) not in tried
                and (
                    studio.settings.world == "sandbox" or read_config(connection, f"publish.{platform}").value == "live"
                )
            ]
    return due[:BATCH]
