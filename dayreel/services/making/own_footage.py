"""Own footage for a content's segments: which file each is cut from, where it begins and why, and cutting it.

Nothing is bought and nothing recorded here: the stage is `render_segments`, what costs nothing `preview_video`. The
scenes of a file are found once and kept in `var/scenes/`, by the hash of its bytes.
"""

import json
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from dayreel.atomic_write import atomic_write_bytes
from dayreel.media.ffmpeg_binary import find_ffmpeg
from dayreel.media.probe import probe
from dayreel.media.scenes import NO_SCENES, can_find_scenes, find_scenes, scene_finder
from dayreel.media.segments import cut_segment
from dayreel.media.stills_as_film import MOTIONS, Motion, film_of_still
from dayreel.providers.video.clips import OwnFootage, pick_footage
from dayreel.rules.footage_files import is_still
from dayreel.rules.in_points import InPoint, by_scene, spread
from dayreel.schemas.channel import Channel
from dayreel.services.footage_hooks import require_footage
from dayreel.services.project import Project
from dayreel.settings import Settings
from dayreel.stores.files import sha256_of

CLIP_FPS = 30


@dataclass(frozen=True)
class Pick:
    """One stretch of own footage: which file, with its bytes' hash, and from where.

    Attributes:
        item: of the library it belongs to, if it is of one.
        motion: of a still.
        in_point: in words why it begins there, where a scene decided.
    """

    file: str
    sha256: str
    start_s: float
    loops: bool
    item: str | None = None
    motion: Motion | None = None
    in_point: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it for the record; what only some picks have is left out of the others."""
        later = {"motion", "in_point"}
        return {name: value for name, value in vars(self).items() if name not in later or value is not None}

    def for_fingerprint(self) -> dict[str, Any]:
        """Return what decides about the segment."""
        return {name: value for name, value in self.as_json().items() if name != "in_point"}


def pick_stretches(project: Project, channel: Channel, content_id: str, footage: OwnFootage) -> list[tuple[Path, Pick]]:
    """Choose the footage of each segment: another file each time, and another place when a file comes again.

    A file that is shorter than a segment begins again at its start; the stage's parameters say so.

    Raises:
        ConfigurationError: there is nothing usable.
        MediaError: a file cannot be read, or scenes are to be looked for and nothing that finds them is installed.
    """
    files, spec = _files(project, channel, footage), channel.segments
    picks: list[tuple[Path, Pick]] = []
    for sequence in range(1, spec.count + 1):
        path = pick_footage(list(files), content_id=content_id, sequence=sequence)
        if is_still(path):
            motion = MOTIONS[sequence % len(MOTIONS)]
            picks.append((path, Pick(path.name, sha256_of(path), 0.0, loops=False, motion=motion)))
            continue
        # The picture's own length counts: a file's sound may begin before its first frame and go on after the last.
        video = probe(path).best_video_stream()
        uses = sum(picked == path for picked, _ in picks)
        pick = Pick(
            path.name,
            sha256_of(path),
            round(spread((video.start_s, video.ends_s), spec.duration_s, uses), 3),
            loops=video.duration_s < spec.duration_s,
            item=files[path],
        )
        if channel.video.in_points == "scene":
            pick = _with_scene(project.settings, pick, path, video.ends_s, spec.duration_s, content_id, uses)
        picks.append((path, pick))
    return picks


def _with_scene(
    settings: Settings, pick: Pick, path: Path, ends_s: float, lasts_s: float, content_id: str, uses: int
) -> Pick:
    if pick.loops:
        point = InPoint(pick.start_s, "begins at the start and comes again: it is shorter than a segment")
    else:
        scenes_s = scenes_of(settings, path, pick.sha256)
        point = by_scene(scenes_s, ends_s, lasts_s, key=f"{content_id}/{path.name}", uses=uses)
    return replace(pick, start_s=point.start_s, in_point=point.reason)


def scenes_of(settings: Settings, path: Path, sha256: str) -> list[float]:
    """Return when each scene of a file begins, found once for the same bytes and the same finder.

    Raises:
        MediaError: the file cannot be read, or nothing that finds scenes is installed.
    """
    finder = scene_finder()
    kept = settings.var_dir / "scenes" / f"{sha256}.json"
    if (document := _kept(kept)) is not None and document.get("found_by") == finder:
        return [float(moment) for moment in document["scenes_s"]]
    scenes_s = find_scenes(path)
    kept.parent.mkdir(parents=True, exist_ok=True)
    document = {"found_by": finder, "file": path.name, "scenes_s": scenes_s}
    atomic_write_bytes(kept, json.dumps(document).encode())
    return scenes_s


def scene_problem(channel: Channel) -> str | None:
    """Return in words that a channel's segments begin with scenes and nothing here finds them; None if all is well."""
    return NO_SCENES if channel.video.in_points == "scene" and not can_find_scenes() else None


def _kept(path: Path) -> dict[str, Any] | None:
    try:
        document = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None  # what cannot be read is found again
    return document if isinstance(document, dict) else None


def _files(project: Project, channel: Channel, footage: OwnFootage) -> dict[Path, str | None]:
    """Return the files a channel may cut from, each with its item in the library, if it is of one.

    Raises:
        ConfigurationError: there is nothing usable.
    """
    if channel.video.library:
        return dict(require_footage(project.settings).files(project, channel.video.library))
    folder = project.settings.channels_dir / str(channel.video.folder)
    return dict.fromkeys(footage.files(folder, stills=channel.video.stills))


def cut_stretch(settings: Settings, channel: Channel, source: Path, pick: Pick, dest: Path) -> Path:
    """Cut a stretch into a segment of the channel's at `dest`, and return it.

    Raises:
        MediaError: the footage is damaged or cut off, the disk is full, or ffmpeg failed.
    """
    spec, fit, ffmpeg = channel.segments, channel.video.fit, find_ffmpeg(settings.ffmpeg)
    width, height = spec.size
    if pick.motion is not None:
        return film_of_still(
            source,
            dest,
            duration_s=spec.duration_s,
            width=width,
            height=height,
            fps=Fraction(CLIP_FPS),
            motion=pick.motion,
            fit=fit,
            ffmpeg=ffmpeg,
        )
    return cut_segment(
        source,
        dest,
        start_s=pick.start_s,
        duration_s=spec.duration_s,
        width=width,
        height=height,
        fps=CLIP_FPS,
        fit=fit,
        loop=pick.loops,
        ffmpeg=ffmpeg,
    )
