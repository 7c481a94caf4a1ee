"""The sound side of a filter graph: parts joined to the sample, voice over ducked layers, levels.

Builds ffmpeg-python nodes and decides gains; measuring is in `loudness`, running in `run`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ffmpeg as graph

from dayreel.errors import MediaError
from dayreel.media.loudness import SAMPLE_RATE, AudioPart, Loudness
from dayreel.media.picture import Node, at_zero, seek_options, source_input

MAX_TEMPO = 1.15
"""Faster than this, speech stops sounding natural."""
NARRATION_LUFS = -16.0
BED_LUFS = -24.0
TOLERANCE_LU = 0.5
AAC_PRIMING_SAMPLES = 1024
"""What FFmpeg's AAC encoder puts before the first sample. Without an edit list (Instagram refuses them) a player
hears it, so as much is taken from the start of the sound and picture and sound stay together."""
_BETWEEN_SAMPLES_DB = 1.0
_CODEC_HEADROOM_DB = 1.0
_OVERSAMPLED = 96_000
_FURTHER_BACK_S = 2.0
"""In a stream without an index the sound of a moment may stand before its picture, which is what a seek looks for."""
_LOWEST_CEILING_DB = -20.0
_MAY_DRIFT_S = 0.015
"""What is missing or too much in a track is filled or cut from here on; FFmpeg leaves up to 0.1 s as it is."""


@dataclass(frozen=True)
class Level:
    """What is done to the level: a fixed gain, and a limiter where peaks would go over.

    This is two-pass loudnorm in its linear mode, done by its parts: ebur128 has measured, one gain is applied. The
    filter itself would meter its input and its output once more for the same samples, and falls back to riding the
    gain, which is heard as pumping, where the range is 0 or a peak would go over. There a look-ahead limiter works
    here on twice the samples; `ceiling_dbtp` None means that nothing comes near the ceiling.
    """

    gain_db: float
    ceiling_dbtp: float | None


@dataclass(frozen=True)
class Target:
    """Where the sound should end: integrated loudness and highest true peak."""

    loudness_lufs: float
    true_peak_dbtp: float


def first_level(source: Loudness, target: Target) -> Level | None:
    """Return the level that brings `source` (measured with sample peaks) to `target`; None for silence."""
    if source.integrated_lufs is None or source.peak_db is None:
        return None
    gain_db = target.loudness_lufs - source.integrated_lufs
    highest_db = source.peak_db + _BETWEEN_SAMPLES_DB + gain_db
    if highest_db <= target.true_peak_dbtp:
        return Level(gain_db, None)
    return Level(gain_db, target.true_peak_dbtp - _CODEC_HEADROOM_DB)


def corrected_level(level: Level, measured: Loudness, target: Target, *, peak_only: bool = False) -> Level | None:
    """Return the next level to try when `measured` (the encoded result) misses `target`, or None when it holds.

    Args:
        peak_only: give the loudness up and bring only the peak under the ceiling; for sound that cannot be loud,
            such as a single click, after a few rounds.
    """
    if measured.integrated_lufs is None or measured.peak_db is None:
        return None
    misses_db = 0.0 if peak_only else target.loudness_lufs - measured.integrated_lufs
    over_db = measured.peak_db - target.true_peak_dbtp
    if abs(misses_db) <= TOLERANCE_LU and over_db <= 0:
        return None
    # A limiter takes part of every added decibel away again, so each step goes a little further than the miss.
    gain_db = level.gain_db + misses_db * (1.5 if abs(misses_db) > TOLERANCE_LU else 1.0)
    ceiling = target.true_peak_dbtp - _CODEC_HEADROOM_DB if level.ceiling_dbtp is None else level.ceiling_dbtp
    if over_db > 0:
        ceiling = max(_LOWEST_CEILING_DB, ceiling - over_db - (1.0 if peak_only else 0.3))
    return Level(gain_db, ceiling)


def joined(parts: Sequence[AudioPart], first_ordinal: int) -> Node:
    """Return one 48 kHz stereo stream in which every part lasts its `duration_s` to the sample.

    Sound that starts late or ends early is filled with silence; sound that is missing is silence.
    """
    nodes = [_part(part, first_ordinal + offset) for offset, part in enumerate(parts)]
    return nodes[0] if len(nodes) == 1 else graph.concat(*nodes, v=0, a=1)


def levelled(node: Node, level: Level | None) -> Node:
    """Apply `level`, and take from the start what the encoder will put there."""
    if level is not None:
        node = node.filter("volume", f"{level.gain_db:.3f}dB")
        node = node if level.ceiling_dbtp is None else _limited(node, level.ceiling_dbtp)
    return node.filter("atrim", start_sample=AAC_PRIMING_SAMPLES).filter("asetpts", "PTS-STARTPTS")


def narration_tempo(narration_s: float, available_s: float, *, path: Path) -> float:
    """Return how much faster the narration must be spoken to fit, 1.0 to 1.15.

    Raises:
        MediaError: even 1.15 times is not enough; names both durations.
    """
    if narration_s <= available_s:
        return 1.0
    tempo = narration_s / available_s
    if tempo > MAX_TEMPO:
        needed = math.ceil((tempo / MAX_TEMPO - 1) * 100)
        raise MediaError(
            f"Tried to fit the narration {str(path)!r} to the video; it lasts {narration_s:.2f} s and the video "
            f"{available_s:.2f} s, and at most {MAX_TEMPO} times faster still sounds natural.",
            next_step=f"Raise `narration.rate` in the channel's file by {needed}% (or shorten a text that you wrote "
            f"to at most {available_s * MAX_TEMPO:.1f} s of speech), then `dayreel retry` the content.",
        )
    return tempo


@dataclass(frozen=True)
class Ducking:
    """How a layer gives way to the voice: a compressor that listens to it. Above `threshold` (linear), by `ratio`."""

    threshold: float
    ratio: float


@dataclass(frozen=True)
class SoundLayer:
    """Sound that lies under the voice, as loud as it is where nobody speaks."""

    node: Node
    ducking: Ducking


OWN_SOUND = Ducking(threshold=0.03, ratio=6)
"""How the segments' own sound gives way."""
_MUSIC_THRESHOLD_DB = -40.0
MOST_DUCKED_DB = 18.0


def music_ducking(duck_db: float) -> Ducking:
    """Return the ducking that makes music so much quieter, at most `MOST_DUCKED_DB`, under a voice at its loudness.

    A compressor takes (1 - 1 / ratio) of what is above its threshold.
    """
    above_db = NARRATION_LUFS - _MUSIC_THRESHOLD_DB
    return Ducking(10 ** (_MUSIC_THRESHOLD_DB / 20), 1 / (1 - min(duck_db, MOST_DUCKED_DB) / above_db))


def spoken(
    narration: AudioPart, narration_loudness: Loudness, *, tempo: float, starts_at_s: float, total_s: float
) -> Node:
    """Return the narration in its place in the whole, at its loudness.

    Raises:
        MediaError: the narration is silent.
    """
    if narration_loudness.integrated_lufs is None:
        raise MediaError(f"Mixed the narration {str(narration.path)!r}; nothing is heard in it.")
    voice = _part(narration, 900)
    voice = voice.filter("volume", f"{NARRATION_LUFS - narration_loudness.integrated_lufs:.3f}dB")
    if tempo > 1.0:
        voice = voice.filter("atempo", f"{tempo:.5f}")
    return _in_place(voice, starts_at_s, total_s)


def own_sound_under(node: Node, loudness_lufs: float) -> SoundLayer:
    """Return the segments' own sound as it lies under a narration: never louder than `BED_LUFS`."""
    return SoundLayer(node.filter("volume", f"{min(0.0, BED_LUFS - loudness_lufs):.3f}dB"), OWN_SOUND)


def music_bed(
    track: AudioPart, *, gain_db: float, fades_s: tuple[float, float], span_s: tuple[float, float], total_s: float
) -> Node:
    """Return music from its beginning over a span of the whole, again and again where it is shorter.

    Args:
        fades_s: how long it comes and goes.
        span_s: from when to when it plays.
    """
    lasts_s = span_s[1] - span_s[0]
    fade_in_s, fade_out_s = (min(fade_s, lasts_s / 2) for fade_s in fades_s)
    node = (
        source_input(_path(track), 901, stream_loop=-1, vn=None)[str(track.index)]
        .filter("aresample", SAMPLE_RATE)
        .filter("aformat", sample_fmts="fltp", sample_rates=SAMPLE_RATE, channel_layouts="stereo")
        .filter("asetpts", "N/SR/TB")
        .filter("atrim", end_sample=round(lasts_s * SAMPLE_RATE))
        .filter("volume", f"{gain_db:.3f}dB")
    )
    if fade_in_s:
        node = node.filter("afade", type="in", duration=f"{fade_in_s:.3f}")
    if fade_out_s:
        node = node.filter("afade", type="out", start_time=f"{lasts_s - fade_out_s:.3f}", duration=f"{fade_out_s:.3f}")
    return _in_place(node, span_s[0], total_s)


def layered(voice: Node | None, layers: Sequence[SoundLayer]) -> Node:
    """Mix a voice and what lies under it, which is ducked while somebody speaks; at least one of them."""
    if voice is None:
        nodes = [layer.node for layer in layers]
        return nodes[0] if len(nodes) == 1 else graph.filter(nodes, "amix", inputs=len(nodes), normalize=0)
    if not layers:
        return voice
    heard = voice.asplit()
    ducked = [
        graph.filter(
            [layer.node, heard[n]],
            "sidechaincompress",
            threshold=layer.ducking.threshold,
            ratio=layer.ducking.ratio,
            attack=20,
            release=350,
        )
        for n, layer in enumerate(layers, 1)
    ]
    return graph.filter([*ducked, heard[0]], "amix", inputs=len(ducked) + 1, duration="longest", normalize=0)


def crossfaded(parts: Sequence[AudioPart], overlaps_s: Sequence[float]) -> Node:
    """Join parts as `joined` does, each over the end of the one before it for as long as is said at its place."""
    node: Node = None
    for n, (part, overlap_s) in enumerate(zip(parts, overlaps_s, strict=True)):
        following = _part(part, n)
        if node is None:
            node = following
        elif overlap_s:
            # Different sounds add up in power, so equal-power curves keep the loudness through the change.
            samples = round(overlap_s * SAMPLE_RATE)
            node = graph.filter([node, following], "acrossfade", nb_samples=samples, curve1="qsin", curve2="qsin")
        else:
            node = graph.concat(node, following, v=0, a=1)
    return node


def _in_place(node: Node, starts_at_s: float, total_s: float) -> Node:
    delay_ms = round(starts_at_s * 1000)
    node = node.filter("adelay", delays=delay_ms, all=1) if delay_ms else node
    samples = round(total_s * SAMPLE_RATE)
    return node.filter("apad", whole_len=samples).filter("atrim", end_sample=samples)


def _path(part: AudioPart) -> Path:
    assert part.path is not None  # noqa: S101 - silence is never music
    return part.path


def _part(part: AudioPart, ordinal: int) -> Node:
    samples = round(part.duration_s * SAMPLE_RATE)
    if part.path is None:
        silence = graph.input(f"anullsrc=r={SAMPLE_RATE}:cl=stereo", f="lavfi", thread_queue_size=16 + ordinal)
        return silence["a"].filter("aformat", sample_fmts="fltp").filter("atrim", end_sample=samples)
    options: dict[str, Any] = {"vn": None}
    if part.header_suffices:
        options["nofind_stream_info"] = None
    options |= seek_options(part.start_s - _FURTHER_BACK_S)
    node = source_input(part.path, ordinal, **options)[str(part.index)]
    return (
        at_zero(node, "asetpts", part.zero_s + part.start_s)
        .filter("aresample", SAMPLE_RATE, **{"async": 1, "first_pts": 0, "min_hard_comp": _MAY_DRIFT_S})
        .filter("aformat", sample_fmts="fltp", sample_rates=SAMPLE_RATE, channel_layouts="stereo")
        .filter("apad", whole_len=samples)
        .filter("atrim", end_sample=samples)
    )


def _limited(node: Node, ceiling_dbtp: float) -> Node:
    return (
        node.filter("aresample", _OVERSAMPLED)
        .filter("alimiter", limit=f"{10 ** (ceiling_dbtp / 20):.5f}", attack=2, release=60, level=0, latency=1)
        .filter("aresample", SAMPLE_RATE)
        .filter("aformat", sample_fmts="fltp", channel_layouts="stereo")
    )
