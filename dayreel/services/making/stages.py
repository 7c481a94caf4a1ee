"""Running one stage of a content: skip what its fingerprint says is done, log, record, move the lifecycle on.

What a stage does is its own module; this one makes sure that it is done once, resumed after a crash, and traced, and
that whatever makes it impossible fails the content (the table is in docs/how-to/when-something-stops.md).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import insert, update

from dayreel.errors import BusyError, DayreelError, StaleState, StoreError, UsageError
from dayreel.queries.rows import ContentRow, get_content
from dayreel.rules.lifecycle import WORKING
from dayreel.schemas.channel import Channel
from dayreel.schemas.content import FileRecord, Layer
from dayreel.schemas.manifest import Manifest, Stage, StageRecord
from dayreel.services.making.open_content import content_scope, open_content, writing_content
from dayreel.services.project import Project
from dayreel.services.transitions import advance
from dayreel.stores.catalog.tables import content, processing_logs

LAYERS: dict[Stage, Layer] = {
    "ideas": "idea",
    "prompts": "prompt",
    "narration": "voice",
    "raw_segments": "video",
    "final_video": "composition",
}
EVENTS: dict[Stage, str] = {
    "ideas": "script",
    "prompts": "script",
    "narration": "voice",
    "raw_segments": "render",
    "final_video": "compose",
}


@dataclass(frozen=True)
class Work:
    """What a stage is made from, so that "already done" can be detected.

    Attributes:
        fingerprint: hash of everything that decides the outcome.
        provider: who does it.
    """

    stage: Stage
    fingerprint: str
    provider: str
    model: str | None = None


@dataclass(frozen=True)
class Product:
    """What a stage made: fields of the manifest, columns of the content's row, and facts for the record.

    Attributes:
        provider: who did it after all, where that is not the one of the `Work`; `model` goes with it.
    """

    manifest: dict[str, Any]
    columns: dict[str, Any] = field(default_factory=dict)
    cost_usd: Decimal = Decimal(0)
    effect_ids: tuple[int, ...] = ()
    parameters: dict[str, Any] = field(default_factory=dict)
    provider: str | None = None
    model: str | None = None


@dataclass(frozen=True)
class StageResult:
    """How a stage ended: the manifest as it is now, and whether anything had to be done."""

    content_id: str
    manifest: Manifest
    record: StageRecord
    reused: bool


def run_stage(project: Project, row: ContentRow, work: Work, make: Callable[[], Product]) -> StageResult:
    """Run `make` unless this stage was already done from the same inputs and its files are intact.

    Raises:
        BusyError: another process works on this content, or on something that it is made of; it is as it was.
        LeaseLostError: it was taken over while this process was paused.
        DayreelError: whatever `make` raises; the content is then failed, and remembers where it was.
        StaleState, StoreError: the bucket could not be used; what was made stays, and is not made again.
    """
    what = f"make {work.stage} of {row.id}"
    # Per content, not per stage: its stages read what the earlier ones wrote, and a schedule, a backfill and a prompt
    # may all want the same day at once.
    with project.leases.held(content_scope(row.id), what=what, at=project.clock.now()):
        # Read under the lease: what another process has just finished has to be found done.
        manifest = project.contents.manifest(row.id)
        done = manifest.stages.get(work.stage)
        if done is not None and done.fingerprint == work.fingerprint and _is_intact(project, manifest, work.stage):
            project.contents.keep(row.id)  # an earlier run may have been cut off before this
            return StageResult(row.id, manifest, done, reused=True)
        log_id = _begin(project, row.id, work)
        started = project.clock.monotonic()
        try:
            product = make()
        except BusyError:
            raise  # this content continues when the other one is done
        # Only what was foreseen fails the content. A bug leaves it as a killed process does: the traceback is in
        # Dagster, and the next run makes the stage that has no record.
        except DayreelError as error:
            _fail(project, row.id, work, log_id, error)
            raise
        result = _finish(project, row.id, work, log_id, product, project.clock.monotonic() - started)
        project.contents.keep(row.id)
        return result


@contextmanager
def part_of_stage(project: Project, channel: Channel, day: date, stage: Stage) -> Iterator[None]:
    """Let what a stage needs before it can begin be part of it: an error of the block fails the content.

    A key, a file, a template, a prompt that is too long for its model: outside the stage, each was refused at every
    try, and the content stayed where it was, for ever. What is not in the making (a video in review, a post that is
    out) stays as it is, and so does a request that is itself wrong (`UsageError`).
    """
    try:
        yield
    except (UsageError, BusyError, StaleState):
        raise
    except DayreelError as error:
        # The first error is the one to raise; where a process is at work, it says itself how that ends.
        with suppress(UsageError, BusyError, StoreError):
            _fail_unbegun(project, channel, open_content(project, channel, day), stage, error)
        raise


def _fail_unbegun(project: Project, channel: Channel, row: ContentRow, stage: Stage, error: DayreelError) -> None:
    sources = {"ideas": channel.ideas, "prompts": channel.prompts, "raw_segments": channel.video}
    provider = getattr(sources.get(stage) or channel.narration, "provider", None) or "ffmpeg"
    with project.leases.held(content_scope(row.id), what=f"make {stage} of {row.id}", at=project.clock.now()):
        with project.catalog.read() as connection:
            row = get_content(connection, row.id)
        if row.state not in (*WORKING, "failed") or row.error == str(error):  # `run_stage` has said it already
            return
        work = Work(stage, "", provider)
        _fail(project, row.id, work, _begin(project, row.id, work), error)


def _is_intact(project: Project, manifest: Manifest, stage: Stage) -> bool:
    # Ideas and prompts are words of the manifest itself; the other stages have files, which can be lost while it
    # stays.
    files: list[FileRecord] = []
    if stage == "raw_segments":
        files = [segment.file for segment in manifest.segments]
    elif stage == "narration" and manifest.narration is not None:
        files = [manifest.narration.file]
    elif stage == "final_video" and manifest.final_video is not None:
        files = [manifest.final_video.file]
    return all(project.contents.is_intact(manifest.content_id, file) for file in files)


def _begin(project: Project, content_id: str, work: Work) -> int:
    now = project.clock.now()
    with writing_content(project, content_id) as connection:
        row = get_content(connection, content_id)
        # The lifecycle has no way from `failed` into a stage: `retry` first leads back to where it was.
        if row.state == "failed":
            advance(connection, "content", content_id, "retry", at=now, actor=project.actor, error=None)
        event = EVENTS[work.stage]
        advance(
            connection,
            "content",
            content_id,
            event,
            at=now,
            actor=project.actor,
            notes=work.stage,
            run_id=project.run_id,
        )
        log = connection.execute(
            insert(processing_logs).values(
                content_id=content_id,
                layer=LAYERS[work.stage],
                status="started",
                started_at=now,
                metadata={"stage": work.stage, "provider": work.provider, "model": work.model},
                run_id=project.run_id,
            )
        )
        return int((log.inserted_primary_key or (0,))[0])


def _fail(project: Project, content_id: str, work: Work, log_id: int, error: DayreelError) -> None:
    now = project.clock.now()
    with writing_content(project, content_id) as connection:
        advance(
            connection,
            "content",
            content_id,
            "fail",
            at=now,
            actor=project.actor,
            notes=f"{work.stage}: {error}",
            error=str(error),
        )
        connection.execute(
            update(processing_logs)
            .where(processing_logs.c.id == log_id)
            .values(status="failed", completed_at=now, error_message=str(error))
        )


def _finish(
    project: Project, content_id: str, work: Work, log_id: int, product: Product, duration_s: float
) -> StageResult:
    now = project.clock.now()
    record = StageRecord(
        fingerprint=work.fingerprint,
        finished_at=now,
        duration_s=round(duration_s, 3),
        provider=product.provider or work.provider,
        model=product.model if product.provider else work.model,
        cost_usd=product.cost_usd,
        run_id=project.run_id,
        effect_ids=product.effect_ids,
        parameters=product.parameters,
    )
    # The manifest says that the stage is done, so it comes after everything that "done" implies.
    with writing_content(project, content_id) as connection:
        if product.columns:
            connection.execute(update(content).where(content.c.id == content_id).values(**product.columns))
    manifest = project.contents.update(content_id, stages={work.stage: record}, **product.manifest)
    with writing_content(project, content_id) as connection:
        connection.execute(
            update(processing_logs)
            .where(processing_logs.c.id == log_id)
            .values(status="completed", completed_at=now, cost_usd=product.cost_usd)
        )
    return StageResult(content_id, manifest, record, reused=False)
