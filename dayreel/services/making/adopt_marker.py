"""Taking over what was made elsewhere: raw segments and final videos that come with a completion marker.

A marker is the word of its producer: as long as it lies there, its file is what the stage is made of, and the stages
before it are not made (or paid) here. Delete it, and dayreel makes its own again. Before anything changes, the file is
copied aside, hashed, decoded and measured; the producer's own file is never touched. A half-written or foreign marker
is left alone. Which markers are new is `services.upkeep.watch_markers`.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from pydantic import ValidationError

from dayreel.atomic_write import put_in_place
from dayreel.errors import ConfigurationError, MediaError
from dayreel.media.checks import ExpectedVideo, analyse, check_final_video
from dayreel.media.ffmpeg_binary import find_ffmpeg
from dayreel.media.probe import decode_fully, probe
from dayreel.media.stills import contact_sheet, poster
from dayreel.queries.rows import ContentRow, current_content
from dayreel.rules.content_ids import ContentId
from dayreel.rules.fingerprint import fingerprint
from dayreel.rules.markers import SUFFIX, MarkerName, mismatch_reason, parse_marker_name
from dayreel.schemas.channel import Channel, SegmentSpec
from dayreel.schemas.content import CheckResult, FinalVideo, Idea
from dayreel.schemas.manifest import Manifest, Stage, StageRecord
from dayreel.schemas.marker import Marker
from dayreel.services.making.compose_video import fits_platforms
from dayreel.services.making.open_content import open_content
from dayreel.services.making.render_segments import segment_record
from dayreel.services.making.stages import Product, StageResult, Work, run_stage
from dayreel.services.project import Project
from dayreel.services.reviewing.request_review import request_review

_BLOCK = 1024 * 1024
_DURATION_TOLERANCE_S = 0.25
_ASPECT_TOLERANCE = 0.03
# Failing one of these means that the file is not what the channel makes; the others are for the reviewer to see.
_MUST_PASS = frozenset({"dimensions", "duration", "decodes_fully", "codecs"})


@dataclass(frozen=True)
class Markers:
    """The markers of one content.

    Attributes:
        usable: complete, well-formed and for this channel, by what they are for.
        left_alone: file name to reason, for all others.
    """

    usable: Mapping[MarkerName, Marker]
    left_alone: Mapping[str, str]

    @property
    def final(self) -> Marker | None:
        """The marker of a final video."""
        return self.usable.get(MarkerName("final_video"))

    def segments(self, spec: SegmentSpec) -> list[Marker]:
        """Return the markers of every segment in order, or nothing while some are missing."""
        names = [MarkerName("raw_segments", number) for number in range(1, spec.count + 1)]
        return [self.usable[name] for name in names] if all(name in self.usable for name in names) else []


def read_markers(project: Project, channel: Channel, content_id: str) -> Markers:
    """Read every marker of a content; small files only, nothing is hashed."""
    folder = project.contents.folder(content_id)
    usable: dict[MarkerName, Marker] = {}
    left_alone: dict[str, str] = {}
    try:
        names = sorted(path.name for path in (folder / ".pipeline").iterdir() if path.name.endswith(SUFFIX))
    except OSError:
        return Markers({}, {})
    for file_name in names:
        marker = _read(folder, file_name, channel.segments)
        if isinstance(marker, str):
            left_alone[file_name] = marker
        else:
            usable[marker[0]] = marker[1]
    return Markers(usable, left_alone)


def adopt_external_output(project: Project, channel: Channel, day: date, stage: Stage) -> StageResult | None:
    """Return a stage that was made elsewhere, adopted now or earlier; None when it is ours to make.

    Raises:
        UsageError: this channel is not made on this day.
        ConfigurationError: a final video came without an idea and a caption.
        MediaError: a marker's file is not what the marker says, or not what the channel makes. Nothing was changed.
    """
    with project.catalog.read() as connection:
        row = current_content(connection, channel.name, day)
    markers = read_markers(project, channel, row.id if row else str(ContentId(channel.name, day)))
    segments = markers.segments(channel.segments)
    if markers.final is None and not segments:
        return None
    row = open_content(project, channel, day)
    manifest = project.contents.manifest(row.id)
    if markers.final is not None:
        if stage == "final_video":
            return _adopt_final(project, channel, row, manifest, markers.final)
        if stage == "ideas" and manifest.idea is None:
            return _adopt_idea(project, row, markers.final)
        return _not_needed(project, manifest, stage, markers.final)
    if stage == "raw_segments":
        return _adopt_segments(project, channel, row, manifest, segments)
    return _not_needed(project, manifest, stage, segments[0]) if stage == "prompts" else None


# -- reading ---------------------------------------------------------------------------------------------------------


def _read(folder: Path, file_name: str, spec: SegmentSpec) -> tuple[MarkerName, Marker] | str:
    name = parse_marker_name(file_name)
    if name is None:
        return "no stage of dayreel has this name"
    try:
        marker = Marker.model_validate_json((folder / ".pipeline" / file_name).read_bytes())
    except OSError as error:
        return f"it cannot be read ({error.strerror})"
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc'])) or 'file'}: {fault['msg']}" for fault in error.errors())
        return f"it is half-written or not one of ours ({faults})"
    foreign = mismatch_reason(name, marker, spec)
    if foreign is not None:
        return foreign
    path = folder / marker.file
    if not path.is_file() or not path.resolve().is_relative_to(folder.resolve()):
        return f"there is no file {marker.file!r} in the content's folder"
    size = path.stat().st_size
    return (name, marker) if size == marker.size_bytes else f"{marker.file} has {size} bytes, not {marker.size_bytes}"


# -- stages that are not needed --------------------------------------------------------------------------------------


def _adopt_idea(project: Project, row: ContentRow, marker: Marker) -> StageResult | None:
    """Take the idea from a final video's marker; None when it has none, so that one is made."""
    if marker.caption is None:
        return None
    idea = Idea(idea=marker.idea or marker.caption.ljust(10, "."), caption=marker.caption, topic="made elsewhere")
    columns = {"idea": idea.idea, "topic": idea.topic, "caption": idea.caption}
    work = Work("ideas", fingerprint(adopted=marker), marker.producer)
    return run_stage(project, row, work, lambda: Product({"idea": idea}, columns, parameters={"adopted": True}))


def _not_needed(project: Project, manifest: Manifest, stage: Stage, marker: Marker) -> StageResult:
    """Return a stage that a later one, made elsewhere, has made superfluous; what it has is kept."""
    done = manifest.stages.get(stage)
    record = done or StageRecord(
        fingerprint=fingerprint(not_needed=stage, for_the_sake_of=marker.sha256),
        finished_at=project.clock.now(),
        duration_s=0.0,
        provider=marker.producer,
        cost_usd=Decimal(0),
        run_id=project.run_id,
        parameters={"made_elsewhere": marker.file},
    )
    return StageResult(manifest.content_id, manifest, record, reused=True)


# -- segments --------------------------------------------------------------------------------------------------------


def _adopt_segments(
    project: Project, channel: Channel, row: ContentRow, manifest: Manifest, markers: list[Marker]
) -> StageResult:
    work = Work(
        stage="raw_segments",
        fingerprint=fingerprint(adopted=[marker.sha256 for marker in markers], spec=channel.segments),
        provider=", ".join(sorted({marker.producer for marker in markers})),
    )
    targets = [f"raw/video_{number}.mp4" for number in range(1, len(markers) + 1)]
    asides: list[Path] = []
    if not _is_done(project, manifest, work, [segment.file.path for segment in manifest.segments]):
        asides = [_verified(project, row, marker, target) for marker, target in zip(markers, targets, strict=True)]
        for marker, aside in zip(markers, asides, strict=True):
            _must_fit(row, marker, aside, channel.segments)

    def make() -> Product:
        segments = [
            segment_record(
                project,
                row,
                _placed(project, row, aside, target),
                number,
                provider=marker.producer,
                origin=marker.producer,
            )
            for number, (marker, aside, target) in enumerate(zip(markers, asides, targets, strict=True), start=1)
        ]
        sources = [{"file": marker.file, "producer": marker.producer, "sha256": marker.sha256} for marker in markers]
        return Product({"segments": tuple(segments)}, parameters={"adopted": sources})

    return run_stage(project, row, work, make)


def _must_fit(row: ContentRow, marker: Marker, path: Path, spec: SegmentSpec) -> None:
    facts = probe(path)
    stream = facts.best_video_stream()
    width, height = spec.size
    wrong: list[str] = []
    if abs(stream.duration_s - spec.duration_s) > _DURATION_TOLERANCE_S:
        wrong.append(f"it lasts {stream.duration_s:.2f} s, not {spec.duration_s} s")
    aspect = stream.display_width / stream.display_height
    if abs(aspect / (width / height) - 1) > _ASPECT_TOLERANCE or stream.display_width < width * (1 - _ASPECT_TOLERANCE):
        wrong.append(f"it is {stream.display_width}x{stream.display_height}, not {width}x{height}")
    if wrong:
        path.unlink()
        raise _refusal(row, marker, "; ".join(wrong))


# -- the final video -------------------------------------------------------------------------------------------------


def _adopt_final(
    project: Project, channel: Channel, row: ContentRow, manifest: Manifest, marker: Marker
) -> StageResult:
    if manifest.idea is None and _adopt_idea(project, row, marker) is None:
        raise ConfigurationError(
            f"{row.id} has no idea, and the marker of its final video has no caption.",
            next_step=f"Put `caption` into the marker, or `dayreel run --date {row.day} --channel {row.channel}`.",
        )
    work = Work(
        stage="final_video",
        fingerprint=fingerprint(adopted=marker.sha256, spec=channel.segments),
        provider=marker.producer,
    )
    before = manifest.final_video
    aside, loudness = Path(), None
    checks: tuple[CheckResult, ...] = ()
    if not _is_done(project, manifest, work, [before.file.path] if before else []):
        aside = _verified(project, row, marker, "final_video.mp4")
        checks, loudness = _checked(project, channel, row, marker, aside)

    def make() -> Product:
        path = _placed(project, row, aside, "final_video.mp4")
        folder = project.contents.folder(row.id)
        poster(path, folder / "poster.jpg")
        contact_sheet(path, folder / "contact_sheet.jpg")
        stream = probe(path).best_video_stream()
        # The same bytes are the same revision: otherwise every look at the marker would void the approval.
        revision = (before.revision if before else 0) + (before is None or before.file.sha256 != marker.sha256)
        final = FinalVideo(
            file=project.contents.record(row.id, path),
            revision=revision,
            duration_s=round(stream.duration_s, 3),
            width=stream.width,
            height=stream.height,
            loudness_lufs=loudness,
            true_peak_dbtp=None,
            mode="adopted",
            poster="poster.jpg",
            contact_sheet="contact_sheet.jpg",
            checks=checks,
            made_at=project.clock.now(),
        )
        columns = {
            "revision": revision,
            "video_sha256": marker.sha256,
            "final_video_path": f"{row.id}/final_video.mp4",
            "completed_at": project.clock.now(),
        }
        return Product({"final_video": final}, columns, parameters={"adopted": marker.file})

    result = run_stage(project, row, work, make)
    request_review(project, channel, row.id)
    return result


def _checked(
    project: Project, channel: Channel, row: ContentRow, marker: Marker, path: Path
) -> tuple[tuple[CheckResult, ...], float | None]:
    ffmpeg = find_ffmpeg(project.settings.ffmpeg)
    width, height = channel.segments.size
    expected = ExpectedVideo(
        duration_s=channel.length_s,
        width=width,
        height=height,
        loudness_lufs=channel.brand.loudness_lufs,
        max_true_peak_dbtp=channel.brand.true_peak_dbtp,
    )
    measured = check_final_video(path, expected, ffmpeg=ffmpeg)
    wrong = [check.message for check in measured if not check.passed and check.name in _MUST_PASS]
    if wrong:
        path.unlink()
        raise _refusal(row, marker, " ".join(wrong))
    loudness = analyse(probe(path), expected, ffmpeg=ffmpeg).loudness_lufs
    return (*measured, fits_platforms(channel, path)), loudness


# -- files -----------------------------------------------------------------------------------------------------------


def _is_done(project: Project, manifest: Manifest, work: Work, paths: list[str]) -> bool:
    """Return whether the files need not be looked at: `run_stage`, which looks again, will find it done."""
    done = manifest.stages.get(work.stage)
    folder = project.contents.folder(manifest.content_id)
    return (
        done is not None and done.fingerprint == work.fingerprint and all((folder / path).is_file() for path in paths)
    )


def _verified(project: Project, row: ContentRow, marker: Marker, target: str) -> Path:
    """Copy the marker's file aside, and return the copy once it has proved to be what the marker says and to decode.

    Raises:
        MediaError: it is not; the copy is gone again.
    """
    folder = project.contents.folder(row.id)
    aside = folder / ".pipeline" / f"adopting-{Path(target).name}"
    aside.parent.mkdir(parents=True, exist_ok=True)
    # Hashed while it is copied: its producer may write to it at any moment, and what was checked must be what is
    # used.
    digest = hashlib.sha256()
    try:
        with (folder / marker.file).open("rb") as source, aside.open("wb") as copy:
            while block := source.read(_BLOCK):
                digest.update(block)
                copy.write(block)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise _refusal(row, marker, f"it could not be copied ({error.strerror})") from error
    try:
        if digest.hexdigest() != marker.sha256:
            raise _refusal(row, marker, f"its SHA-256 is {digest.hexdigest()[:12]}..., not {marker.sha256[:12]}...")
        decode_fully(aside)
    except MediaError:
        aside.unlink()
        raise
    return aside


def _placed(project: Project, row: ContentRow, aside: Path, target: str) -> Path:
    path = project.contents.folder(row.id) / target
    path.parent.mkdir(parents=True, exist_ok=True)
    put_in_place(aside, path)
    return path


def _refusal(row: ContentRow, marker: Marker, reason: str) -> MediaError:
    return MediaError(
        f"Tried to take over {marker.file!r} of {row.id}, made by {marker.producer!r}: {reason}.",
        next_step="Fix the file and write its marker again, or delete the marker; nothing was changed.",
    )
