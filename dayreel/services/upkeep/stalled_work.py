"""Contents that were begun and not continued: found by their age, and reported once with the next command.

A stage that fails says so itself; this is for a process that died and was not started again, or that hangs.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from dayreel.providers.notifiers.contract import Notifier
from dayreel.queries.rows import ContentRow, list_contents
from dayreel.rules.lifecycle import WORKING
from dayreel.services.notify_people import notify_once, was_notified
from dayreel.services.project import Project

LONGEST_STAGE = timedelta(hours=2)
"""No stage takes that long: a generation is left after twenty minutes."""


def stalled_work(project: Project, *, targets: Sequence[str]) -> list[ContentRow]:
    """Return the contents in the making that have not moved for two hours and were not reported yet.

    Args:
        targets: the notifiers' names.
    """
    with project.catalog.read() as connection:
        rows = list_contents(connection, states=WORKING)
    names = project.channels.names()
    still = [
        row
        for row in rows
        if is_stalled(row, project.clock.now()) and row.world == project.settings.world and row.channel in names
    ]
    return [row for row in still if not was_notified(project, row, _subject(row), targets=targets)]


def is_stalled(row: ContentRow, now: datetime) -> bool:
    """Return whether a content is in the making and has not moved for longer than any stage takes."""
    return row.state in WORKING and row.updated_at <= now - LONGEST_STAGE


def notify_stalled(project: Project, *, notifiers: Sequence[Notifier]) -> list[str]:
    """Report each once per step it is stuck in; return a sentence for each."""
    return [
        notify_once(project, row, _subject(row), stalled_text(row), notifiers=notifiers)
        for row in stalled_work(project, targets=[notifier.name for notifier in notifiers])
    ]


def _subject(row: ContentRow) -> str:
    return f"stalled/{row.version}"


def stalled_text(row: ContentRow) -> str:
    """Return since when a content stands still, and what continues it."""
    return (
        f"{row.id} has been {row.state} since {row.updated_at.isoformat(timespec='minutes')} and has made no progress. "
        f"`dayreel retry {row.id}` continues from there; what is done and paid is kept."
    )
