"""The sound of an edit: its parts as they are, or mixed into one file with narration, music and crossfades.

The nodes are built in `audio`; bringing the whole to its loudness is `compose`.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import ffmpeg as graph

from dayreel.errors import MediaError
from dayreel.media.audio import (
    NARRATION_LUFS,
    OWN_SOUND,
    SoundLayer,
    crossfaded,
    joined,
    layered,
    music_bed,
    music_ducking,
    narration_tempo,
    own_sound_under,
    spoken,
)
from dayreel.media.edit_plan import Edit, Music
from dayreel.media.loudness import AudioPart, measure
from dayreel.media.picture import Node
from dayreel.media.probe import probe
from dayreel.media.run import run_ffmpeg


@dataclass(frozen=True)
class MixRun:
    """How a mix is run: what it is for, with which ffmpeg, and into which folder of scratch files."""

    doing: str
    ffmpeg: Path
    folder: Path
    deadline_s: float


def sound_of(edit: Edit, run: MixRun) -> list[AudioPart]:
    """Return what is heard, part after part; mixed into a scratch file where sounds overlap, so that it can be
    measured.

    Raises:
        MediaError: the narration or the music is silent or no sound, or the narration does not fit.
    """
    plan = edit.plan
    if plan.narration is None and plan.music is None and not any(part.overlap_s for part in edit.parts):
        return [part.sound for part in edit.parts]
    what = " and ".join(
        name for name, path in (("narration", plan.narration), ("music", plan.music)) if path is not None
    )
    mixed = run.folder / "mix.wav"
    # Float samples: the mix may exceed full scale until it is levelled, and integers would clip it here.
    spec = graph.output(_mix(edit), str(mixed), f="wav", **{"c:a": "pcm_f32le", "copyts": None})
    run_ffmpeg(
        spec,
        ffmpeg=run.ffmpeg,
        doing=f"mix the {what or 'sound'} to {run.doing}",
        folder=run.folder.parent,
        deadline_s=run.deadline_s,
    )
    return [AudioPart(mixed, 0, 0.0, edit.total_s)]


def _mix(edit: Edit) -> Node:
    parts = [part.sound for part in edit.parts]
    overlaps_s = [part.overlap_s for part in edit.parts]
    own = crossfaded(parts, overlaps_s) if any(overlaps_s) else joined(parts, 0)
    own_lufs = measure(parts, true_peak=False).integrated_lufs
    voice = _voice(edit)
    layers = []
    if own_lufs is not None:
        layers.append(SoundLayer(own, OWN_SOUND) if voice is None else own_sound_under(own, own_lufs))
    if edit.plan.music is not None:
        layers.append(_music(edit, edit.plan.music, None if voice is not None else own_lufs))
    return layered(voice, layers) if voice is not None or layers else own


def _voice(edit: Edit) -> Node | None:
    path = edit.plan.narration
    if path is None:
        return None
    voice = _heard(path, "narration")
    starts_at_s, ends_at_s = edit.span_s("segment")
    tempo = narration_tempo(voice.duration_s, ends_at_s - starts_at_s, path=path)
    loudness = measure([voice], true_peak=False)
    return spoken(voice, loudness, tempo=tempo, starts_at_s=starts_at_s, total_s=edit.total_s)


def _music(edit: Edit, music: Music, own_lufs: float | None) -> SoundLayer:
    """Return the music, so much below the voice, or the segments' own loudness where nobody speaks."""
    starts_at_s, ends_at_s = edit.span_s("segment", "end_card")
    track = _heard(music.path, "music")
    heard = replace(track, duration_s=min(track.duration_s, ends_at_s - starts_at_s))
    loudness_lufs = measure([heard], true_peak=False).integrated_lufs
    if loudness_lufs is None:
        raise MediaError(
            f"Mixed the music {str(music.path)!r}; nothing is heard in its first {heard.duration_s:.1f} s.",
            next_step="Cut the silence off, or choose other music in `edit.music`.",
        )
    beside_lufs = NARRATION_LUFS if own_lufs is None else own_lufs
    node = music_bed(
        track,
        gain_db=beside_lufs - music.below_db - loudness_lufs,
        fades_s=(music.fade_in_s, music.fade_out_s),
        span_s=(starts_at_s, ends_at_s),
        total_s=edit.total_s,
    )
    return SoundLayer(node, music_ducking(music.duck_db))


def _heard(path: Path, called: str) -> AudioPart:
    stream = probe(path).best_audio_stream()
    if stream is None:
        raise MediaError(f"Opened the {called} {str(path)!r}; there is no sound in it.")
    return AudioPart(path, stream.index, 0.0, stream.duration_s, zero_s=stream.zero_s)
