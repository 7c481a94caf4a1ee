"""Notifying people that a run has failed, once per run."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from dayreel.providers.notifiers.contract import Notifier
from dayreel.queries.rows import ContentRow, current_content
from dayreel.services.notify_people import notify_once
from dayreel.services.project import Project

_LONGEST = 600


@dataclass(frozen=True)
class FailedRun:
    """A run that failed: which job, for which channel and day (empty where it has none), and its error."""

    run_id: str
    job: str
    channel: str
    day: str
    error: str


def run_url(project: Project, run_id: str) -> str:
    """Return the page of a run in Dagster's UI."""
    return f"{project.settings.desk_address}/dagster/runs/{run_id}"


def notify_run_failure(project: Project, failed: FailedRun, *, notifiers: Sequence[Notifier]) -> str:
    """Notify people of a failed run; return the result in a sentence.

    The message belongs to the content of its channel and day, where there is one.
    """
    what = " ".join(part for part in (failed.job, failed.channel, failed.day) if part)
    error = failed.error if len(failed.error) <= _LONGEST else failed.error[:_LONGEST] + " ..."
    text = f"A run failed ({what}): {error}\n{run_url(project, failed.run_id)}"
    return notify_once(project, _content_of(project, failed), f"failed/{failed.run_id}", text, notifiers=notifiers)


def _content_of(project: Project, failed: FailedRun) -> ContentRow | None:
    if failed.channel not in project.channels.names() or not failed.day:
        return None
    with project.catalog.read() as connection:
        return current_content(connection, failed.channel, date.fromisoformat(failed.day))
