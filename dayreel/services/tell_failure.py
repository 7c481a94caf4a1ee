"""Telling people that a run has failed, once per run."""

import logging
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select

from dayreel.providers.notifiers.contract import Notifier
from dayreel.services.studio import Studio
from dayreel.services.tell_people import tell_once
from dayreel.stores.catalog.reads import ContentRow, current_content, get_content
from dayreel.stores.catalog.tables import content

_LOG = logging.getLogger("dayreel.notifications")
_LONGEST = 600


@dataclass(frozen=True)
class FailedRun:
    """A run that failed: which job, for which channel and day (empty where it has none), and what was said."""

    run_id: str
    job: str
    channel: str
    day: str
    said: str


def run_url(studio: Studio, run_id: str) -> str:
    """Return the page of a run in Dagster's UI."""
    return f"{studio.settings.desk_address}/dagster/runs/{run_id}"


def tell_failure(studio: Studio, failed: FailedRun, *, notifier: Notifier) -> str:
    """Tell people about a failed run; return in a sentence what became of it.

    A notification belongs to a content; a run without one (measuring) is told with the newest content there is, and
    where there is none at all, in the log alone.
    """
    what = " ".join(part for part in (failed.job, failed.channel, failed.day) if part)
    said = failed.said if len(failed.said) <= _LONGEST else failed.said[:_LONGEST] + " ..."
    text = f"A run failed ({what}): {said}\n{run_url(studio, failed.run_id)}"
    row = _content_of(studio, failed)
    if row is None:
        _LOG.error("%s", text)
        return f"logged: {text}"
    return tell_once(studio, row, f"failed/{failed.run_id}", text, notifier=notifier)


def _content_of(studio: Studio, failed: FailedRun) -> ContentRow | None:
    names = studio.channels.names()
    with studio.catalog.read() as connection:
        if failed.channel in names and failed.day:
            row = current_content(connection, failed.channel, date.fromisoformat(failed.day))
            if row is not None:
                return row
        newest = select(content.c.id).where(content.c.channel.in_(names)).order_by(content.c.created_at.desc()).limit(1)
        found = connection.execute(newest).scalar()
        return None if found is None else get_content(connection, found)
