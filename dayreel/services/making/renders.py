"""The render state machine of seed 004: moving each segment's generation on. How far they are is `queries.renders`.

A render is the working side of a paid effect: the effect says what was bought, the render says how far it is. One row
per content and segment.
"""

from collections.abc import Mapping
from typing import Any, Literal

from sqlalchemy import insert, select

from dayreel.providers.video.contract import Job
from dayreel.queries.renders import renders_of
from dayreel.rules.lifecycle import UNDER_WAY
from dayreel.services.making.open_content import writing_content
from dayreel.services.project import Project
from dayreel.services.transitions import advance
from dayreel.stores.catalog.tables import renders
from dayreel.vendors.registry import vendor_named

Event = Literal["start", "progress", "complete", "fail", "cancel"]


def render_id(content_id: str, sequence: int) -> str:
    """Return the key of a render."""
    return f"{content_id}#{sequence}"


def made_clip(provider: str, handle: Mapping[str, Any], job: Job) -> dict[str, Any]:
    """Return what is kept of a segment that its service has made: where the file lies, and by which id."""
    return {"file_url": job.file_url, "seed": job.seed, "request_id": str(handle.get(vendor_named(provider).handle))}


def fire(
    project: Project,
    content_id: str,
    sequence: int,
    event: Event,
    *,
    progress: int,
    detail: str,
    effect_id: int | None = None,
) -> None:
    """Fire an event on a segment's render, made idle first when there is none.

    A process that died leaves `queued` or `rendering` behind; `start` then continues from there without a new state.

    Raises:
        UsageError: the state machine has no such move.
        StaleState: another process moved it first.
    """
    key = render_id(content_id, sequence)
    now = project.clock.now()
    with writing_content(project, content_id) as connection:
        row = connection.execute(select(renders.c.state, renders.c.detail).where(renders.c.id == key)).one_or_none()
        if row is None:
            connection.execute(
                insert(renders).values(
                    id=key,
                    content_id=content_id,
                    sequence=sequence,
                    state="idle",
                    version=1,
                    progress=0,
                    updated_at=now,
                )
            )
        # A process that died left it so; the one that goes on follows the same request and starts nothing.
        elif event == "start" and row.state in UNDER_WAY:
            return
        elif event in ("progress", "fail") and row.state == "failed":
            return  # a person has cancelled it under the hands of whoever followed it
        elif event == "progress" and row.state == "rendering" and row.detail == detail:
            return  # no change to record: a poll is not an event
        columns: dict[str, Any] = {} if effect_id is None else {"effect_id": effect_id}
        advance(
            connection,
            "render",
            key,
            event,
            at=now,
            actor=project.actor,
            notes=detail,
            progress=progress,
            detail=detail,
            **columns,
        )


def end_render(
    project: Project, content_id: str, sequence: int, event: Literal["fail", "cancel"], *, detail: str
) -> None:
    """Let a render end that a process has left behind as it was; one that has ended already stays so."""
    with project.catalog.read() as connection:
        made = renders_of(connection, [content_id]).get(content_id, ())
    if any(render.sequence == sequence and render.is_under_way for render in made):
        fire(project, content_id, sequence, event, progress=0, detail=detail)
