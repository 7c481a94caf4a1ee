"""Making the raw segments of a content: bought from a generation service, or cut from own footage.

All segments are made at once, each in a thread that mostly waits. A request's id is committed before the first look at
it, so a process that dies leaves a job that the next one continues. The file is fetched after the purchase is
settled: a damaged download is fetched again, never bought again.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import select

from dayreel.errors import ContentRefusedError, DayreelError, MediaError, PermanentError, TransientError, UsageError
from dayreel.media.alignment import Cut, in_sync
from dayreel.media.probe import decode_fully, probe
from dayreel.providers.video.clips import OwnFootage
from dayreel.providers.video.contract import Job, SegmentRequest, VideoGenerator
from dayreel.providers.video.model_input import doubts
from dayreel.queries.rows import ContentRow
from dayreel.rules.fingerprint import fingerprint
from dayreel.rules.pricing import usd, video_cost
from dayreel.rules.segment_words import segment_prompt
from dayreel.schemas.channel import Channel, is_address
from dayreel.schemas.content import CheckResult, Segment, VideoPrompt
from dayreel.schemas.effect import Effect, EffectKey, Permit, RecordHandle
from dayreel.services.effects.intent import Done, Intent, VendorFailed
from dayreel.services.effects.ledger import has_handle
from dayreel.services.making.open_content import open_content
from dayreel.services.making.overrides import override_of, with_override
from dayreel.services.making.own_footage import cut_stretch, pick_stretches
from dayreel.services.making.preflight import keep_for_today, preflight, require_files
from dayreel.services.making.renders import fire, made_clip
from dayreel.services.making.stages import Product, StageResult, Work, run_stage
from dayreel.services.making.write_prompts import require_idea
from dayreel.services.project import Project
from dayreel.services.retry_transient import retry_transient
from dayreel.settings import Settings
from dayreel.stores.catalog.tables import renders
from dayreel.stores.files import sha256_of
from dayreel.vendors.registry import vendor_named

# Part of the stage's fingerprint: count it up when the same inputs are to give other files.
CODE_VERSION = "1"
# The same of what is cut from own footage, which costs nothing: 2 is cut on the footage's own clock (decision 62).
CUT_VERSION = "2"
LONGEST_POLL_S = 10.0
RENDER_DEADLINE_S = 20 * 60.0


@dataclass(frozen=True)
class _Bought:
    """One segment on disk and the effect that paid for it."""

    segment: Segment
    effect: Effect


def render_segments(
    project: Project, channel: Channel, day: date, *, source: VideoGenerator | OwnFootage
) -> StageResult:
    """Make the raw segments of a channel's day, or return those it has.

    Raises:
        UsageError: there are no prompts yet, or the channel is not made on this day.
        ConfigurationError: the model cannot make such segments or has no price, or a file of the channel is not there.
        ProviderError, GateClosedError: as in `services.effects.ledger`.
        MediaError: a segment is damaged, or own footage cannot be used.
    """
    row = open_content(project, channel, day)
    require_idea(project, row.id)
    if isinstance(source, OwnFootage):
        return _cut(project, channel, row, source)
    override = override_of(project, row.id, "raw_segments")
    channel = with_override(channel, "raw_segments", override)
    prompts = project.contents.manifest(row.id).prompts
    if prompts is None:
        raise UsageError(f"{row.id} has no prompts yet.", next_step="Materialize its prompts first, or `dayreel run`.")
    seeds = _seeds(project, row)
    requests = [
        segment_request(project.settings, channel, prompt, seed=seeds.get(number, override.seed))
        for number, prompt in enumerate(prompts.prompts, start=1)
    ]
    # Before the stage begins: what the model cannot make must not cost the segments that it can.
    for request in requests:
        source.check(request)
    work = Work(
        stage="raw_segments",
        fingerprint=fingerprint(
            code=CODE_VERSION, provider=source.name, requests=[item.as_json() for item in requests]
        ),
        provider=source.name,
        model=channel.video.model,
    )
    return run_stage(project, row, work, lambda: _buy_all(project, channel, row, source, requests))


def _seeds(project: Project, row: ContentRow) -> dict[int, int]:
    """Return the seed of each segment that a person asked to be made again."""
    query = select(renders.c.sequence, renders.c.seed).where(
        renders.c.content_id == row.id, renders.c.seed.is_not(None)
    )
    with project.catalog.read() as connection:
        return {seeded.sequence: seeded.seed for seeded in connection.execute(query)}


def segment_request(
    settings: Settings, channel: Channel, prompt: VideoPrompt, *, seed: int | None = None
) -> SegmentRequest:
    """Return what is asked of the generation service for one prompt; `seed` makes another clip of the same prompt.

    Raises:
        ConfigurationError: a picture that the channel names is not there.
    """
    require_files(settings, channel, "video.")
    video, folder, root = channel.video, settings.channels_dir, settings.root
    pictures = {
        field: picture if is_address(picture) else _kept_by_hash(folder / picture, root)
        for field, picture in video.pictures.items()
    }
    return SegmentRequest(
        model=str(video.model),
        prompt=segment_prompt(prompt),
        duration_s=channel.segments.duration_s,
        resolution=channel.segments.resolution,
        seed=seed,
        negative_prompt=video.negative_prompt,
        **pictures,
    )


def _kept_by_hash(path: Path, root: Path) -> str:
    return f"{Path(os.path.relpath(path, root)).as_posix()}#sha256={sha256_of(path)}"


def _buy_all(
    project: Project, channel: Channel, row: ContentRow, source: VideoGenerator, requests: list[SegmentRequest]
) -> Product:
    """Make every segment at once; when some fail, those that are done are kept for the next try."""
    # Inside the stage, so that what is missing fails the content, with a reason and a way to retry. Outside it was
    # refused again and again, and the content was never `failed`.
    preflight(project, channel)
    keep_for_today(project, channel, row)
    # Threads, not processes: they wait for the vendor. Leaving the block waits for all, so that one refusal does not
    # abandon the other purchases.
    with ThreadPoolExecutor(max_workers=len(requests), thread_name_prefix="segment") as pool:
        jobs = [
            pool.submit(_buy, project, channel, row, source, request, number)
            for number, request in enumerate(requests, start=1)
        ]
    failures = [error for job in jobs if (error := job.exception()) is not None]
    if failures:
        # The first that is not a DayreelError is a fault of ours and must be seen as it is.
        raise next((error for error in failures if not isinstance(error, DayreelError)), failures[0])
    bought = [job.result() for job in jobs]
    return Product(
        {"segments": tuple(purchase.segment for purchase in bought)},
        cost_usd=sum((purchase.effect.settled_usd or Decimal(0) for purchase in bought), Decimal(0)),
        effect_ids=tuple(purchase.effect.id for purchase in bought),
        parameters={
            "count": len(bought),
            "duration_s": channel.segments.duration_s,
            **({"doubts": unsure} if (unsure := _doubts(project, source.name, requests)) else {}),
        },
    )


def _doubts(project: Project, provider: str, requests: list[SegmentRequest]) -> list[str]:
    """Return which limits that are known at second hand the requests pass, each once."""
    models = project.models
    return list(
        dict.fromkeys(doubt for request in requests for doubt in doubts(request, models.video(provider, request.model)))
    )


def _buy(
    project: Project, channel: Channel, row: ContentRow, source: VideoGenerator, request: SegmentRequest, sequence: int
) -> _Bought:
    # The request is part of the key: the same one is bought once, however often this runs; another prompt or seed is
    # another purchase.
    key = EffectKey(row.id, "segment", source.name, sequence, fingerprint(request=request.as_json()))
    cost = video_cost(
        project.models.video(source.name, request.model), duration_s=request.duration_s, resolution=request.resolution
    )
    intent = Intent(
        key=key,
        channel=channel,
        day=row.day,
        layer="video",
        most_usd=cost,
        model=request.model,
        request=request.as_json(),
    )

    def act(permit: Permit, handle: dict[str, Any], record: RecordHandle) -> Done:
        # With a handle the segment was submitted, maybe by a process that died: only following it is free.
        if not has_handle(handle):
            handle = source.submit(permit, request)
            record(handle)
        job = _follow(project, row, source, handle, sequence)
        return Done(made_clip(source.name, handle, job), cost if job.cost_usd is None else job.cost_usd)

    # The render shows how far it is, and may lag behind; what is paid is the ledger's to say, and that alone decides.
    fire(project, row.id, sequence, "start", progress=0, detail="queued")
    try:
        effect = project.ledger.perform(intent, act)
        segment = _fetch(project, row, source, effect, request, sequence)
    except DayreelError as error:
        _fire_failure(project, row.id, sequence, error)
        raise
    fire(project, row.id, sequence, "progress", progress=100, detail="fetched")
    fire(project, row.id, sequence, "complete", progress=100, detail="done", effect_id=effect.id)
    return _Bought(segment, effect)


def _fire_failure(project: Project, content_id: str, sequence: int, error: DayreelError) -> None:
    fire(project, content_id, sequence, "fail", progress=0, detail=str(error))


def _follow(
    project: Project,
    row: ContentRow,
    source: VideoGenerator,
    handle: dict[str, Any],
    sequence: int,
) -> Job:
    """Wait until the service has made the file, and return where it lies.

    Raises:
        VendorFailed: the service could not make it; the job is forgotten.
        TransientError: it is still running after twenty minutes; the job is kept, the next run continues it.
        ProviderError: it could not be asked how the job stands; the job is kept.
    """
    deadline = project.clock.monotonic() + RENDER_DEADLINE_S
    vendor = vendor_named(source.name)
    pause = vendor.poll_s
    attempted = f"make segment {sequence} of {row.id} with {source.name}"
    reference = str(handle.get(vendor.handle))
    while True:
        job = retry_transient(project.clock, lambda: source.follow(handle))
        if job.state == "done":
            return job
        # That a failed job is not billed (docs/reference/vendors/video.md) is what makes another submission safe.
        if job.state == "failed":
            error: type[TransientError | PermanentError] = TransientError if job.may_repeat else PermanentError
            if job.refuses_content:
                error = ContentRefusedError
            raise VendorFailed(
                error(
                    attempted=attempted,
                    answer=job.error or "it failed and gave no reason",
                    reference=reference,
                    code=job.error_code,
                    next_step=_next_step(row.id, job),
                ),
                cost_usd=job.cost_usd or Decimal(0),
            )
        running = job.state == "running"
        fire(project, row.id, sequence, "progress", progress=50 if running else 5, detail=job.progress or job.state)
        # Vendors queue for a long time under load. The request id is kept, and giving up here costs nothing.
        if project.clock.monotonic() > deadline:
            raise TransientError(
                attempted=attempted,
                answer=f"it is still {job.state} after {RENDER_DEADLINE_S / 60:.0f} minutes",
                reference=reference,
                retry_after_s=RENDER_DEADLINE_S,
                next_step=f"`dayreel retry {row.id}` keeps waiting for the same request; it is not bought again.",
            )
        project.clock.sleep(pause)
        pause = min(pause * 1.3, LONGEST_POLL_S)


def _next_step(content_id: str, job: Job) -> str:
    if job.may_repeat:
        return ""
    billed = f"It is billed all the same: {usd(job.cost_usd)}. " if job.cost_usd else ""
    if job.refuses_content:
        return f"{billed}`dayreel retry {content_id}` asks for another prompt; the other segments stay."
    return f"{billed}Change the prompt or the model, then `dayreel retry {content_id}`."


def _fetch(
    project: Project, row: ContentRow, source: VideoGenerator, effect: Effect, request: SegmentRequest, sequence: int
) -> Segment:
    for kept in project.contents.manifest(row.id).segments:
        of_this = kept.sequence == sequence and kept.request_id == effect.result.get("request_id")
        if of_this and project.contents.is_intact(row.id, kept.file):
            return kept  # a service keeps its files for days, we for good
    path = _segment_path(project, row, sequence)

    def fetch() -> Segment:
        _fetch_file(source, effect, path)
        decode_fully(path)
        return segment_record(project, row, path, sequence, provider=source.name, model=request.model, effect=effect)

    try:
        return retry_transient(project.clock, fetch)
    except MediaError:
        # A broken-off or mangled download; the service still has the file that was paid for.
        return retry_transient(project.clock, fetch)


def _fetch_file(source: VideoGenerator, effect: Effect, dest: Path) -> None:
    url = str(effect.result["file_url"])
    try:
        source.fetch(url, dest)
    except PermanentError:
        # Some addresses end after a day, and what was made is kept for longer: the vendor is asked for another one.
        job = source.follow(effect.handle) if has_handle(effect.handle) else None
        if job is None or job.file_url in (None, url):
            raise
        source.fetch(str(job.file_url), dest)


def segment_record(
    project: Project,
    row: ContentRow,
    path: Path,
    sequence: int,
    *,
    provider: str,
    model: str | None = None,
    effect: Effect | None = None,
    origin: str = "made",
    check: CheckResult | None = None,
) -> Segment:
    """Return the record of a segment's file that is in its place: its hash, what probing shows, where it came from.

    Raises:
        MediaError: it has no video, or is not media at all.
    """
    facts = probe(path)
    stream = facts.best_video_stream()
    return Segment(
        sequence=sequence,
        file=project.contents.record(row.id, path),
        duration_s=round(facts.duration_s, 3),
        width=stream.width,
        height=stream.height,
        has_audio=facts.best_audio_stream() is not None,
        provider=provider,
        model=model,
        request_id=effect.result.get("request_id") if effect else None,
        seed=effect.result.get("seed") if effect else None,
        origin=origin,
        in_sync=check,
    )


def _segment_path(project: Project, row: ContentRow, sequence: int) -> Path:
    return project.contents.folder(row.id) / "raw" / f"video_{sequence}.mp4"


def _cut(project: Project, channel: Channel, row: ContentRow, footage: OwnFootage) -> StageResult:
    spec, fit = channel.segments, channel.video.fit
    picks = pick_stretches(project, channel, row.id, footage)
    work = Work(
        stage="raw_segments",
        fingerprint=fingerprint(
            code=CUT_VERSION,
            provider=footage.name,
            picks=[pick.for_fingerprint() for _, pick in picks],
            segments=spec,
            fit=fit,
            # Left out where it is not set, so that what was cut before there was a choice stays as it is.
            **({} if channel.video.in_points == "spread" else {"in_points": channel.video.in_points}),
        ),
        provider=footage.name,
    )

    def make() -> Product:
        segments: list[Segment] = []
        for sequence, (source, pick) in enumerate(picks, start=1):
            path = cut_stretch(project.settings, channel, source, pick, _segment_path(project, row, sequence))
            decode_fully(path)
            check = None if pick.motion is not None else in_sync(source, path, Cut(pick.start_s, spec.duration_s, fit))
            segments.append(segment_record(project, row, path, sequence, provider=footage.name, check=check))
        return Product({"segments": tuple(segments)}, parameters={"footage": [pick.as_json() for _, pick in picks]})

    return run_stage(project, row, work, make)
