"""The sound side of a filter graph: parts joined to the sample, narration over a ducked bed, levels.

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
from dayreel.media.picture import Node, at_zero, source_input

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


def narrated(
    bed: Node,
    bed_loudness: Loudness,
    narration: AudioPart,
    narration_loudness: Loudness,
    *,
    tempo: float,
    starts_at_s: float,
    total_s: float,
) -> Node:
    """Mix the narration over the bed, which is set lower and ducked while somebody speaks.

    Raises:
        MediaError: the narration is silent.
    """
    if narration_loudness.integrated_lufs is None:
        raise MediaError(f"Mixed the narration {str(narration.path)!r}; nothing is heard in it.")
    voice = _part(narration, 900)
    voice = voice.filter("volume", f"{NARRATION_LUFS - narration_loudness.integrated_lufs:.3f}dB")
    if tempo > 1.0:
        voice = voice.filter("atempo", f"{tempo:.5f}")
    delay_ms = round(starts_at_s * 1000)
    voice = voice.filter("adelay", delays=delay_ms, all=1) if delay_ms else voice
    samples = round(total_s * SAMPLE_RATE)
    voice = voice.filter("apad", whole_len=samples).filter("atrim", end_sample=samples)
    if bed_loudness.integrated_lufs is None:
        return voice
    bed = bed.filter("volume", f"{min(0.0, BED_LUFS - bed_loudness.integrated_lufs):.3f}dB")
    heard = voice.asplit()
    ducked = graph.filter([bed, heard[1]], "sidechaincompress", threshold=0.03, ratio=6, attack=20, release=350)
    return graph.filter([ducked, heard[0]], "amix", inputs=2, duration="longest", normalize=0)


def _part(part: AudioPart, ordinal: int) -> Node:
    samples = round(part.duration_s * SAMPLE_RATE)
    if part.path is None:
        silence = graph.input(f"anullsrc=r={SAMPLE_RATE}:cl=stereo", f="lavfi", thread_queue_size=16 + ordinal)
        return silence["a"].filter("aformat", sample_fmts="fltp").filter("atrim", end_sample=samples)
    options: dict[str, Any] = {"vn": None}
    if part.header_suffices:
        options["nofind_stream_info"] = None
    begin_s = max(0.0, part.start_s - _FURTHER_BACK_S)
    if begin_s:
        options |= {"ss": f"{begin_s:.6f}", "noaccurate_seek": None}
    node = source_input(part.path, ordinal, **options)[str(part.index)]
    return (
        at_zero(node, "asetpts", part.zero_s + part.start_s)
        .filter("aresample", SAMPLE_RATE, **{"async": 1, "first_pts": 0})
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
