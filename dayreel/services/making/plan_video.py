"""The plan of a video: what its channel's file says about brand and edit, with the files that are named there.

The same for what goes out and for a preview. Rendering it is `media.compose`.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dayreel.errors import ConfigurationError, MediaError
from dayreel.media.edit_plan import ComposePlan, Music, TransitionPlan
from dayreel.media.grade import Grade, read_cube
from dayreel.media.probe import probe
from dayreel.media.stills_as_film import open_still
from dayreel.schemas.channel import Channel
from dayreel.schemas.content import UsedMusic
from dayreel.schemas.edit import EditSpec
from dayreel.stores.channel_files import named_files
from dayreel.stores.files import sha256_of

MUSIC_SUFFIXES = frozenset({".aac", ".flac", ".m4a", ".mp3", ".oga", ".ogg", ".opus", ".wav"})
"""In lower case."""


def edit_settings(channel: Channel) -> dict[str, Any]:
    """Return what is set under `edit:`, for a fingerprint; empty where nothing is, so that nothing is made again."""
    edit = channel.edit.model_dump(mode="json", exclude_defaults=True)
    return {"edit": edit} if channel.edit != EditSpec() else {}


def brand_files(channels_dir: Path, channel: Channel) -> dict[str, Path]:
    """Return the files of a channel's brand that are named, by field."""
    named = named_files(channels_dir, channel)
    return {field.removeprefix("brand."): path for field, path in named.items() if field.startswith("brand.")}


def edit_files(channels_dir: Path, channel: Channel, content_id: str) -> dict[str, Path]:
    """Return the files that a content's edit takes, by field: of a folder of music, the one that is this video's.

    Raises:
        ConfigurationError: there is no music in the folder.
    """
    named = named_files(channels_dir, channel)
    files = {field.removeprefix("edit."): path for field, path in named.items() if field.startswith("edit.")}
    if (folder := files.pop("music.folder", None)) is not None:
        files["music.file"] = _track(folder, content_id)
    return files


def music_in(folder: Path) -> list[Path]:
    """Return the sound files of a folder, by name; hidden ones are left out.

    Raises:
        ConfigurationError: there is none, or it is not a folder.
    """
    within = sorted(folder.iterdir()) if folder.is_dir() else []
    tracks = [
        path for path in within if path.suffix.lower() in MUSIC_SUFFIXES and path.name[0] != "." and path.is_file()
    ]
    if not tracks:
        raise ConfigurationError(
            f"Looked for music in {str(folder)!r}; there is none.",
            next_step=f"Put files there that end in {', '.join(sorted(MUSIC_SUFFIXES))}, or correct `edit.music`.",
        )
    return tracks


def _track(folder: Path, content_id: str) -> Path:
    """Return always the same for the same content and file names; with another file there, only some change."""
    return max(music_in(folder), key=lambda path: hashlib.sha256(f"{content_id}/{path.name}".encode()).digest())


def used_music(channel: Channel, files: Mapping[str, Path]) -> UsedMusic | None:
    """Return what is recorded of the music that a content's edit takes."""
    music, path = channel.edit.music, files.get("music.file")
    if music is None or path is None:
        return None
    return UsedMusic(file=path.name, sha256=sha256_of(path), licence=music.licence)


def video_plan(
    channel: Channel, brand: Mapping[str, Path], edit: Mapping[str, Path], *, metadata: Mapping[str, str]
) -> ComposePlan:
    """Return how a channel's videos are composed; narration and captions are the content's own."""
    width, height = channel.segments.size
    transition = channel.edit.transition
    return ComposePlan(
        width=width,
        height=height,
        segment_duration_s=channel.segments.duration_s,
        loudness_lufs=channel.brand.loudness_lufs,
        true_peak_dbtp=channel.brand.true_peak_dbtp,
        metadata=metadata,
        watermark=brand.get("watermark"),
        intro=brand.get("intro"),
        outro=brand.get("outro"),
        transition=TransitionPlan(transition.kind, transition.duration_s) if transition else None,
        music=_music(channel, edit.get("music.file")),
        grade=_grade(channel, edit.get("grade.file")),
    )


def _music(channel: Channel, path: Path | None) -> Music | None:
    music = channel.edit.music
    if music is None or path is None:
        return None
    return Music(
        path,
        below_db=music.below_db,
        duck_db=music.duck_db,
        fade_in_s=music.fade_in_s,
        fade_out_s=music.fade_out_s,
    )


def _grade(channel: Channel, path: Path | None) -> Grade | None:
    grade = channel.edit.grade
    if grade is None:
        return None
    return Grade(path or str(grade.look), grade.strength)


def edit_problems(channels_dir: Path, channel: Channel) -> list[str]:
    """Return in words what of a channel's edit could not be composed: a grade, music or picture that cannot be used.

    Asked before anything is bought, of files that are there.
    """
    problems = []
    for field, path in named_files(channels_dir, channel).items():
        try:
            if field == "edit.grade.file":
                read_cube(path)
            elif field == "edit.end_card.picture":
                open_still(path)
            elif field == "edit.music.file":
                _require_sound(path)
            elif field == "edit.music.folder":
                for track in music_in(path):
                    _require_sound(track)
        except (MediaError, ConfigurationError) as error:
            problems.append(f"{field}: {error.message}")
    return problems


def _require_sound(track: Path) -> None:
    if probe(track).best_audio_stream() is None:
        raise MediaError(f"Opened the music {str(track)!r}; there is no sound in it.")
