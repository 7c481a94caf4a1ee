"""Reviews that nobody answers: one reminder when a quarter of the time is left, then they expire."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from dayreel.errors import StaleState, UsageError
from dayreel.providers.notifiers.contract import Notifier
from dayreel.queries.rows import ContentRow, get_content, list_contents
from dayreel.services.notify_people import notify_once, was_notified
from dayreel.services.project import Project
from dayreel.services.reviewing.review_cards import redraw_cards
from dayreel.services.transitions import advance

BATCH = 50
REMIND_AT = 0.75


@dataclass(frozen=True)
class OverdueReview:
    """A review that somebody should be reminded of, or whose time is over."""

    row: ContentRow
    act: Literal["remind", "expire"]


def overdue_reviews(project: Project, *, targets: Sequence[str]) -> list[OverdueReview]:
    """Return what is due now, at most fifty, those that wait longest first. Changes nothing.

    Args:
        targets: the notifiers' names; a reminder that all of them were given is not due again.
    """
    now = project.clock.now()
    with project.catalog.read() as connection:
        rows = list_contents(connection, states=("review_pending",))
    waiting = sorted(
        (row for row in rows if row.review_deadline_at is not None and row.channel in project.channels.names()),
        key=lambda row: (row.review_deadline_at, row.id),
    )
    due: list[OverdueReview] = []
    for row in waiting:
        assert row.review_deadline_at is not None  # noqa: S101  chosen just above
        left = row.review_deadline_at - now
        if left <= timedelta():
            due.append(OverdueReview(row, "expire"))
        elif left <= _asked_for(row) * (1 - REMIND_AT) and not was_notified(
            project, row, _reminder(row), targets=targets
        ):
            due.append(OverdueReview(row, "remind"))
    return due[:BATCH]


def remind_or_expire(project: Project, *, notifiers: Sequence[Notifier]) -> list[str]:
    """Remind once, and expire what is over; return a sentence for each.

    A decision that comes in between wins: what it has moved on is left alone.
    """
    return [
        _remind(project, review.row, notifiers) if review.act == "remind" else _expire(project, review.row, notifiers)
        for review in overdue_reviews(project, targets=[notifier.name for notifier in notifiers])
    ]


def _asked_for(row: ContentRow) -> timedelta:
    """Return how long the question stays open altogether, without reading the channel's file."""
    asked_at = row.completed_at or row.created_at
    return row.review_deadline_at - asked_at if row.review_deadline_at else timedelta()


def _reminder(row: ContentRow) -> str:
    return f"reminder/r{row.revision}"


def _remind(project: Project, row: ContentRow, notifiers: Sequence[Notifier]) -> str:
    until = row.review_deadline_at.isoformat(timespec="minutes") if row.review_deadline_at else "further notice"
    text = (
        f"{row.id} (revision {row.revision}) still waits for review, until {until}; then it expires.\n{row.idea}\n"
        f"`dayreel review approve {row.id}` or `dayreel review reject {row.id}`"
    )
    return notify_once(project, row, _reminder(row), text, notifiers=notifiers)


def _expire(project: Project, row: ContentRow, notifiers: Sequence[Notifier]) -> str:
    now = project.clock.now()
    try:
        with project.catalog.write("decisions") as connection:
            content = get_content(connection, row.id)
            advance(
                connection,
                "content",
                row.id,
                "expire",
                at=now,
                actor=project.actor,
                notes=f"nobody decided by {content.review_deadline_at}",
                expected_version=row.version,
            )
    except (StaleState, UsageError) as first:
        return f"{row.id}: left alone: {first}"
    redraw_cards(project, row.id)
    text = f"{row.id} has expired: nobody decided in time. `dayreel retry {row.id} --new-take` makes another video."
    return notify_once(project, row, f"expired/r{row.revision}", text, notifiers=notifiers)
