"""What every asset body begins with: a project for this step, who started it, and errors said in Dagster's words."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg

from dayreel.atomic_write import full_disk_reported
from dayreel.errors import BusyError, DayreelError, ProviderError
from dayreel.providers.notifiers.contract import Notifier
from dayreel.services.dagster_instance import ACTOR_TAG, OWNER_TAG
from dayreel.services.notifier_routes import Routes, everything_to
from dayreel.services.project import Project

TRIGGER_TAG = "dayreel/trigger"
CONTENT_TAG = "dayreel/content"
DECISION_TAG = "dayreel/decision"
WAITS_S = (10,) * 6 + (60,) * 60
"""How long a step waits each time for whoever holds its work: a host that is lost holds it for half a minute, one that
works for as long as a vendor takes; after an hour a person hears of it. Whoever typed a command sees it at once."""


@contextmanager
def open_project(context: dg.AssetExecutionContext | dg.OpExecutionContext) -> Iterator[Project]:
    """Give the step's project; a `DayreelError` of the block becomes a failure that a person can act on.

    Work that another process holds is waited for, without a failure. No other retry is left to Dagster's step retries:
    what can be tried again was tried again where it was understood.

    Raises:
        dagster.RetryRequested: another process holds it; the step begins again after a while.
        dagster.Failure: with the sentence as description, and verdict, reference and next step as metadata.
    """
    try:
        with (
            full_disk_reported(),
            context.resources.project.open(run_id=context.run.run_id, actor=actor_of(context.run)) as project,
        ):
            yield project
    except DayreelError as error:
        if isinstance(error, BusyError) and OWNER_TAG not in context.run.tags and context.retry_number < len(WAITS_S):
            context.log.info("waits: %s", error)
            raise dg.RetryRequested(len(WAITS_S), WAITS_S[context.retry_number]) from error
        metadata = {"next_step": dg.MetadataValue.text(error.next_step or "none")}
        if isinstance(error, ProviderError):
            metadata["verdict"] = dg.MetadataValue.text(error.verdict)
            metadata["reference"] = dg.MetadataValue.text(error.reference or "none")
        # Dagster's own retry would run the whole step again, and knows nothing of which errors a repeat can help.
        raise dg.Failure(description=str(error), metadata=metadata, allow_retries=False) from error


def notifiers_of(opened: Any) -> Routes[Notifier]:
    """Return whom a run notifies, given what the resource opened; a single client gets every message."""
    return opened if isinstance(opened, Routes) else everything_to(opened)


def actor_of(run: dg.DagsterRun) -> str:
    """Return in a few words what started `run`: a named person, a decision, a marker, a schedule, a backfill."""
    tags = run.tags
    for tag in (ACTOR_TAG, TRIGGER_TAG):
        if tag in tags:
            return tags[tag]
    for tag, words in (
        ("dagster/sensor_name", "sensor"),
        ("dagster/schedule_name", "schedule"),
        ("dagster/backfill", "backfill"),
    ):
        if tag in tags:
            return f"{words} {tags[tag]}"
    return "a person in Dagster"
