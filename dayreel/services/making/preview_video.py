"""A channel's edit as a short film before anything is bought: its own newest segments, or stand-ins where it has none.

Where scenes decide where own footage begins, it is cut for the preview. All is composed as a final video is, into a
folder of its own. No vendor is called, nothing is recorded or charged, and no content changes. Captions show the
narration's words, or a sample, as if they were spoken evenly.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import ffmpeg as graph

from dayreel.errors import UsageError
from dayreel.media.compose import compose
from dayreel.media.edit_plan import ComposePlan
from dayreel.media.encoding import output_options
from dayreel.media.ffmpeg_binary import find_ffmpeg
from dayreel.media.picture import exact_rate
from dayreel.media.run import atomic_output, run_ffmpeg
from dayreel.media.stills import contact_sheet
from dayreel.providers.video.clips import OwnFootage
from dayreel.queries.rows import list_contents
from dayreel.schemas.channel import Channel
from dayreel.schemas.manifest import Manifest
from dayreel.services.making.caption_video import fonts_of, sample_captions
from dayreel.services.making.own_footage import cut_stretch, pick_stretches
from dayreel.services.making.plan_video import brand_files, edit_files, used_music, video_plan
from dayreel.services.making.preflight import require_files
from dayreel.services.making.title_video import with_titles
from dayreel.services.project import Project

_FPS = 30
_SHEET_COLUMNS, _SHEET_ROWS = 6, 2
_LOOKED_THROUGH = 20
_COLOURS = ("0x264653", "0xe76f51", "0x2a9d8f", "0xf4a261", "0x6d597a", "0x355070")
_BABBLE = (
    "aevalsrc='0.25*(sin(2*PI*180*t)+0.5*sin(2*PI*360*t)+0.3*sin(2*PI*1100*t))"
    "*pow(max(0,sin(2*PI*2.2*t)),0.6)*lt(mod(t,5),3.6)':s=48000:d={duration_s}"
)
"""What stands in for a voice: syllables for three and a half seconds, then a pause, so that ducking is heard."""


@dataclass(frozen=True)
class Preview:
    """What was written. `material` is the content whose segments are shown, or None for stand-ins.

    `in_points` says of each segment where in which file it begins and why, where scenes decide.
    """

    film: Path
    contact_sheet: Path
    duration_s: float
    loudness_lufs: float | None
    why_encoded: str
    material: str | None
    music: str | None
    in_points: tuple[str, ...] = ()


def preview_video(project: Project, channel: Channel, *, content_id: str | None = None) -> Preview:
    """Compose a channel's edit into `var/previews/<channel>/` and return what was written.

    Args:
        content_id: whose segments and narration to show; left out, the newest content that has them.

    Raises:
        UsageError: that content has no segments.
        ConfigurationError: a file that the edit or the brand names is not there.
        MediaError: a file cannot be used, or ffmpeg failed.
    """
    for part in ("brand.", "edit."):
        require_files(project.settings, channel, part)
    folder = project.settings.var_dir / "previews" / channel.name
    folder.mkdir(parents=True, exist_ok=True)
    ffmpeg = find_ffmpeg(project.settings.ffmpeg)
    shown = _material(project, channel, content_id)
    identity = shown.content_id if shown is not None else f"{channel.name}-preview"
    files = edit_files(project.settings.channels_dir, channel, identity)
    plan = video_plan(
        channel,
        brand_files(project.settings.channels_dir, channel),
        files,
        metadata={"comment": f"dayreel preview of {channel.name}"},
    )
    in_points: tuple[str, ...] = ()
    if channel.video.in_points == "scene":
        segments, in_points = _cut_by_scene(project, channel, identity, folder)
    elif shown is not None:
        segments = [project.contents.path(shown.content_id, segment.file) for segment in shown.segments]
    else:
        segments = [_stand_in(plan, number, folder, ffmpeg) for number in range(1, channel.segments.count + 1)]
    if shown is not None:
        track = shown.narration
        narration = project.contents.path(shown.content_id, track.file) if track and channel.narration else None
    else:
        narration = _babble(channel, folder, ffmpeg) if channel.narration else None
    spoken = shown.idea.narration if shown is not None and shown.idea is not None else ""
    plan = with_titles(
        channel,
        replace(
            plan,
            narration=narration,
            captions=sample_captions(project.settings, channel, folder / "captions.ass", spoken, intro=plan.intro),
        ),
        idea=shown.idea if shown is not None else None,
        segments=segments,
        card_picture=files.get("end_card.picture"),
        fonts=fonts_of(project.settings, channel),
        folder=folder,
        ffmpeg=ffmpeg,
    )
    made = compose(segments, folder / "preview.mp4", plan=plan, ffmpeg=ffmpeg)
    sheet = contact_sheet(made.path, folder / "contact_sheet.jpg", _SHEET_COLUMNS, _SHEET_ROWS)
    music = used_music(channel, files)
    return Preview(
        film=made.path,
        contact_sheet=sheet,
        duration_s=round(made.duration_s, 3),
        loudness_lufs=made.loudness_lufs,
        why_encoded=made.why_encoded,
        material=None if shown is None else shown.content_id,
        music=None if music is None else f"{music.file} ({music.licence})",
        in_points=in_points,
    )


def _cut_by_scene(
    project: Project, channel: Channel, identity: str, folder: Path
) -> tuple[list[Path], tuple[str, ...]]:
    """Cut own footage as a content of that identity would have it, and say where each segment begins and why."""
    footage = OwnFootage(root=project.settings.root)
    picks = pick_stretches(project, channel, identity, footage)
    segments = [
        cut_stretch(project.settings, channel, source, pick, folder / f"segment_{number}.mp4")
        for number, (source, pick) in enumerate(picks, start=1)
    ]
    return segments, tuple(
        f"{number}: {pick.file} from {pick.start_s:.2f} s, {pick.in_point or 'a still'}"
        for number, (_, pick) in enumerate(picks, start=1)
    )


def _material(project: Project, channel: Channel, content_id: str | None) -> Manifest | None:
    """Return the manifest of the content to show; None where the channel has none with all its segments."""
    if content_id is not None:
        manifest = project.contents.manifest(content_id)
        if manifest.channel != channel.name or not _has_segments(project, manifest):
            raise UsageError(
                f"{content_id} has no segments of channel {channel.name!r} on this machine.",
                next_step=f"`dayreel preview {channel.name}` takes the newest that are there, or stand-ins.",
            )
        return manifest
    with project.catalog.read() as connection:
        rows = list_contents(connection, channels=[channel.name], limit=_LOOKED_THROUGH)
    manifests = (project.contents.manifest(row.id) for row in rows if project.contents.exists(row.id))
    fitting = (item for item in manifests if len(item.segments) == channel.segments.count)
    return next((item for item in fitting if _has_segments(project, item)), None)


def _has_segments(project: Project, manifest: Manifest) -> bool:
    files: Sequence[Path] = [project.contents.path(manifest.content_id, part.file) for part in manifest.segments]
    return bool(files) and all(path.is_file() for path in files)


def _stand_in(plan: ComposePlan, number: int, folder: Path, ffmpeg: Path) -> Path:
    """Write a segment of slowly moving colours, other ones for each number, with a quiet rustle."""
    path = folder / f"stand_in_{number}_{plan.width}x{plan.height}_{plan.segment_duration_s:g}s.mp4"
    if not path.is_file():
        colours = {f"c{n}": _COLOURS[(number + n) % len(_COLOURS)] for n in range(3)}
        options = ":".join(f"{name}={value}" for name, value in {**colours, "n": 3, "seed": number}.items())
        picture = f"gradients=s={plan.width}x{plan.height}:r={_FPS}:d={plan.segment_duration_s}:speed=0.02:{options}"
        sound = f"anoisesrc=c=brown:a=0.05:r=48000:seed={number}:d={plan.segment_duration_s}"
        doing = f"make a stand-in for segment {number}"
        with atomic_output(path, doing=doing) as written:
            spec = graph.output(
                graph.input(picture, f="lavfi")["v"].filter("format", "yuv420p"),
                graph.input(sound, f="lavfi")["a"],
                str(written),
                **output_options(preset="veryfast", crf=20, fps=exact_rate(_FPS), audio_bit_rate=128_000),
            )
            run_ffmpeg(spec, ffmpeg=ffmpeg, doing=doing, folder=folder)
    return path


def _babble(channel: Channel, folder: Path, ffmpeg: Path) -> Path:
    path = folder / "stand_in_voice.wav"
    babble = graph.input(_BABBLE.format(duration_s=channel.segments_s), f="lavfi")["a"]
    spec = graph.output(babble, str(path), f="wav")
    run_ffmpeg(spec, ffmpeg=ffmpeg, doing="make a stand-in for the voice", folder=folder)
    return path
