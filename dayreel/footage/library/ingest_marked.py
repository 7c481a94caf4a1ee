"""Taking in what a marker says is done: evidence, manifest, catalog. Whoever made it: a worker, a script, a person.

A worker's job brings its own evidence. Files without one are probed, decoded and hashed here; what does not decode in
full is refused, the item says why, and nothing of it is used.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from dayreel.errors import MediaError, UnfinishedError
from dayreel.footage.library.open_library import Library
from dayreel.footage.library.record_item import new_manifest, record_item, record_refusal, stamps_of
from dayreel.footage.media.perceptual_hash import look_of
from dayreel.footage.media.sound_item import decode_sound, sound_stream
from dayreel.footage.rules.names import UNUSABLE
from dayreel.footage.rules.paths import ITEM_STAGES, ItemName, ItemStage
from dayreel.footage.rules.sidecars import film_of, is_sidecar
from dayreel.footage.schemas.job import JobFile, JobResult, JobSpec
from dayreel.footage.schemas.library import ItemManifest, StageMade
from dayreel.footage.stores.items import FoundItem, FoundMarker
from dayreel.footage.stores.job_queue import JobName
from dayreel.footage.stores.reads import ItemRow
from dayreel.media.probe import decode_fully, probe
from dayreel.rules.footage_files import is_footage, is_sound
from dayreel.stores.files import sha256_of

_NAME_BYTES = 300


def has_changes(row: ItemRow | None, found_item: FoundItem) -> bool:
    """Return whether the folder says something of an item that the catalog does not know."""
    stamps = stamps_of(row) if row is not None else {}
    return any(stamps.get(stage) != marker.stamp for stage, marker in found_item.stages.items())


def ingest_marked(library: Library, found_item: FoundItem) -> str:
    """Take in every stage of an item that is marked and not known yet; return a sentence.

    Raises:
        StateError: the item's manifest is damaged.
        OSError: its files cannot be read.
        StoreError: the catalog cannot be written.
    """
    name = found_item.name
    manifest = library.items.newest_manifest(name) or new_manifest(library, name)
    made: list[ItemStage] = []
    for stage in ITEM_STAGES:
        marker = found_item.stages.get(stage)
        if marker is None or _is_known(manifest, stage, marker):
            continue
        try:
            manifest = _with_stage(library, found_item, manifest, stage)
        except UnfinishedError:
            raise  # nothing is wrong with its footage
        except MediaError as refusal:
            record_refusal(library, name, str(refusal), refused={stage: marker.stamp})
            return f"{name.item_id}: {stage} refused: {refusal}"
        made.append(stage)
    newest = max(manifest.stages, key=ITEM_STAGES.index)
    save = partial(library.items.save, name, newest, manifest) if made else None
    record_item(library, manifest, made=made, newest=newest, save=save)
    return f"{name.item_id}: {', '.join(made) or newest} done"


def _with_stage(library: Library, found_item: FoundItem, manifest: ItemManifest, stage: ItemStage) -> ItemManifest:
    """Return the manifest with a stage; what was made from an earlier version of it no longer counts.

    Raises:
        MediaError: what lies there cannot be used.
        OSError: it cannot be read.
    """
    marker = found_item.stages[stage]
    made = _evidence(library, found_item.name, stage, marker, known=manifest.stages.get(stage))
    stages = {**manifest.stages, stage: made}
    if stage in manifest.stages:
        for later in _made_from_before(manifest, found_item, stage):
            library.items.supersede(found_item.stages.pop(later))
            stages.pop(later)
    return manifest.model_copy(update={"stages": stages})


def _made_from_before(manifest: ItemManifest, found_item: FoundItem, stage: ItemStage) -> list[ItemStage]:
    """Return the later stages that have not been made again as well."""
    later = ITEM_STAGES[ITEM_STAGES.index(stage) + 1 :]
    return [
        later_stage
        for later_stage in later
        if later_stage in found_item.stages and _is_known(manifest, later_stage, found_item.stages[later_stage])
    ]


def _is_known(manifest: ItemManifest, stage: ItemStage, marker: FoundMarker) -> bool:
    known = manifest.stages.get(stage)
    return known is not None and known.facts.get("marker_stamp") == marker.stamp


def _evidence(
    library: Library, name: ItemName, stage: ItemStage, marker: FoundMarker, *, known: StageMade | None
) -> StageMade:
    job = _job_behind(library, marker)
    # `touch` leaves the job's name in a marker: somebody has made the stage again over what that job made. Where files
    # went in the library no script says, so there the job's word is all there is.
    is_touched = known is not None and job is not None and _is_of(known, job) and stage != "file"
    if job is not None and not is_touched:
        return StageMade(
            folder=job.spec.output_dir,
            files=job.result.outputs,
            made_by=job.result.worker,
            made_at=job.result.finished_at,
            job=job.job,
            facts={
                **job.result.facts,
                "marker_stamp": marker.stamp,
                "started_at": job.result.started_at.isoformat(),
                "attempts": job.fence,
            },
        )
    if stage == "file":  # a script moved the files to a place of its own choosing
        return _made_elsewhere(library, name.folder("transcode"), (), marker, {})
    there = _usable(library, name, stage)
    films = [path for path in there if is_footage(path) or is_sound(path)]
    checked = [_checked(path) for path in films]
    if not checked:
        raise MediaError(
            f"{name.folder(stage)!r} is marked as done and has no footage in it.",
            next_step=f"Put the files there and touch {marker.marker.name} again.",
        )
    sidecars = [path for path in there if is_sidecar(path) and film_of(path, films) is not None]
    files = (*(file for file, _ in checked), *(_file(path) for path in sidecars))
    facts = {"files": [seen for _, seen in checked]}
    return _made_elsewhere(library, name.folder(stage), files, marker, facts)


def _usable(library: Library, name: ItemName, stage: ItemStage) -> list[Path]:
    """Return the footage of a stage and the subtitles beside it.

    Raises:
        MediaError: a file has a name that not every machine can read.
        OSError: the folder cannot be read.
    """
    try:
        there = library.items.files(name, stage)
        files = [path for path in there if any(is_kind(path) for is_kind in (is_footage, is_sound, is_sidecar))]
    except (FileNotFoundError, NotADirectoryError):
        return []
    unusable = [path.name for path in files if "\\" in path.name or UNUSABLE.search(path.name)]
    if unusable:
        raise MediaError(
            f"{', '.join(map(ascii, unusable))} cannot be the name of footage on a shared folder.",
            next_step=f"Rename it without control characters and backslashes, then touch the marker of {stage} again.",
        )
    return files


@dataclass(frozen=True)
class _Job:
    job: str
    fence: int
    spec: JobSpec
    result: JobResult


def _is_of(made: StageMade, job: _Job) -> bool:
    return (made.job, made.facts.get("attempts")) == (job.job, job.fence)


def _job_behind(library: Library, marker: FoundMarker) -> _Job | None:
    """Return the completed job whose attempt wrote this marker; None for a marker that a script or a person wrote."""
    with marker.marker.open("rb") as file:  # anybody may have written it: no more than a name's length is read
        name = JobName.parse(file.read(_NAME_BYTES).decode("utf-8", "replace").strip())
    info = library.queue.completed(name) if name is not None else None
    if info is None or info.spec is None or info.result is None:
        return None
    return _Job(info.job, info.fence, info.spec, info.result)


def _made_elsewhere(
    library: Library, folder: str, files: tuple[JobFile, ...], marker: FoundMarker, facts: dict[str, Any]
) -> StageMade:
    return StageMade(
        folder=folder,
        files=files,
        made_by="a script",
        made_at=library.project.clock.now(),
        facts={**facts, "marker_stamp": marker.stamp},
    )


def _checked(path: Path) -> tuple[JobFile, dict[str, Any]]:
    """Return a file with its hash, and what is in it, once all of it has decoded.

    Raises:
        MediaError: it is not footage, damaged or cut off.
    """
    facts = probe(path)
    if is_sound(path):
        heard, track = decode_sound(path), sound_stream(facts)
        audio = [f"{track.codec} {track.channels} ch"]
        return _file(path), {"path": path.name, "duration_s": round(heard.duration_s, 3), "audio": audio}
    decode_fully(path)
    stream = facts.best_video_stream()
    seen = {
        "path": path.name,
        "looks": look_of(facts),
        "duration_s": round(facts.duration_s, 3),
        "video": f"{stream.codec} {stream.width}x{stream.height}",
        "audio": [f"{track.codec} {track.channels} ch" for track in facts.audio],
    }
    return _file(path), seen


def _file(path: Path) -> JobFile:
    """Return a file as a job has it, by its name."""
    return JobFile(path=path.name, size_bytes=path.stat().st_size, sha256=sha256_of(path))
