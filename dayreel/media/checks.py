"""Whether a final video is what was planned, and whether a platform takes it: facts against expectations.

Every check answers with what it found and what was expected, so that a person can act on it. Nothing is repaired
here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import ffmpeg as graph

from dayreel.media.picture import source_input
from dayreel.media.probe import Probe, probe
from dayreel.media.run import DEADLINE_S, run_ffmpeg
from dayreel.media.streams import VideoStream
from dayreel.schemas.content import CheckResult
from dayreel.vendors.record import PlatformLimits

_BLACK_AT_LEAST_S = 0.1
_ROUNDING_DB = 0.05
"""ebur128 writes its summary with one decimal."""


@dataclass(frozen=True)
class ExpectedVideo:
    """What a final video should be. `loudness_lufs` None accepts a silent one.

    `max_black_s` and `max_frozen_s` are the longest black and motionless stretches that still pass.
    """

    duration_s: float
    width: int = 720
    height: int = 1280
    duration_tolerance_s: float = 0.25
    loudness_lufs: float | None = -14.0
    loudness_tolerance_lu: float = 1.0
    max_true_peak_dbtp: float = -1.0
    max_black_s: float = 0.5
    max_frozen_s: float = 2.0


@dataclass(frozen=True)
class Analysis:
    """What one pass over every frame and sample found. Loudness and peak are None for silence or no sound."""

    frames: int
    decode_errors: tuple[str, ...]
    longest_black_s: float
    longest_freeze_s: float
    loudness_lufs: float | None
    true_peak_dbtp: float | None


def check_final_video(
    path: Path, expected: ExpectedVideo, *, ffmpeg: Path, deadline_s: float = DEADLINE_S
) -> list[CheckResult]:
    """Probe and analyse the video once and return one result per property.

    Raises:
        MediaError: the file is not readable as media at all, or has no video; then there is nothing to check.
    """
    facts = probe(path)
    video = facts.best_video_stream()
    analysis = analyse(facts, expected, ffmpeg=ffmpeg, deadline_s=deadline_s)
    return [
        _dimensions(video, expected),
        _duration(facts, expected),
        _codecs(facts, video),
        _has_audio(facts),
        _loudness(analysis, expected),
        _true_peak(analysis, expected),
        _not_black(analysis, expected),
        _not_frozen(analysis, expected),
        _faststart(facts),
        _decodes_fully(analysis, facts, video),
    ]


def platform_limits(video: Path | Probe, platform: str, limits: PlatformLimits) -> list[CheckResult]:
    """Compare size, duration, bit rate, frame rate and width with what a platform takes.

    Raises:
        MediaError: the file is not readable as media, or has no video.
    """
    facts = video if isinstance(video, Probe) else probe(video)
    stream = facts.best_video_stream()
    results = [
        _within(platform, "size", facts.size_bytes / 1e6, "MB", None, _mega(limits.max_size_bytes)),
        _within(platform, "duration", facts.duration_s, "s", limits.min_duration_s, limits.max_duration_s),
        _within(platform, "bit_rate", facts.bit_rate / 1e6, "Mbit/s", None, _mega(limits.max_bit_rate)),
        _within(platform, "fps", float(stream.fps), "fps", limits.min_fps, limits.max_fps),
        _within(platform, "width", stream.display_width, "px", None, limits.max_width),
    ]
    if not limits.takes_edit_lists:
        has = "an edit list" if facts.has_edit_list else "no edit list"
        results.append(
            CheckResult(
                name=f"{platform}_edit_list",
                passed=not facts.has_edit_list,
                value=has,
                expected="no edit list",
                message=f"The file has {has}; {platform} takes only files without.",
            )
        )
    return results


def analyse(facts: Probe, expected: ExpectedVideo, *, ffmpeg: Path, deadline_s: float = DEADLINE_S) -> Analysis:
    """Decode everything once, through blackdetect, freezedetect and ebur128 together.

    Raises:
        MediaError: ffmpeg is missing, failed or ran past its deadline.
    """
    node = source_input(facts.path, 0)
    picture = (
        node[str(facts.best_video_stream().index)]
        .filter("blackdetect", d=_BLACK_AT_LEAST_S)
        .filter("freezedetect", d=min(0.5, expected.max_frozen_s))
    )
    audio = facts.best_audio_stream()
    outputs = [picture]
    if audio is not None:
        outputs.append(node[str(audio.index)].filter("ebur128", peak="true", framelog="quiet"))
    lines = run_ffmpeg(
        graph.output(*outputs, "-", f="null"),
        ffmpeg=ffmpeg,
        doing=f"analyse {str(facts.path)!r}",
        folder=facts.path.parent,
        deadline_s=deadline_s,
        loglevel="info",
    )
    return _read_analysis(lines, facts)


def _read_analysis(log: str, facts: Probe) -> Analysis:
    ends_s = facts.best_video_stream().duration_s
    frames = re.findall(r"frame= *(\d+)", log)
    errors = [line for line in log.splitlines() if "[error]" in line or "[fatal]" in line]
    black = [float(value) for value in re.findall(r"black_duration:([\d.]+)", log)]
    starts = [float(value) for value in re.findall(r"freeze_start: ([\d.]+)", log)]
    ends = [float(value) for value in re.findall(r"freeze_end: ([\d.]+)", log)]
    frozen = [end - start for start, end in zip(starts, [*ends, ends_s], strict=False)]
    return Analysis(
        frames=int(frames[-1]) if frames else 0,
        decode_errors=tuple(errors),
        longest_black_s=max(black, default=0.0),
        longest_freeze_s=max(frozen, default=0.0),
        loudness_lufs=_summary_value(log, r"I: +(-?[\d.]+|-inf|nan) LUFS"),
        true_peak_dbtp=_summary_value(log, r"Peak: +(-?[\d.]+|-inf|nan) dBFS"),
    )


def _summary_value(log: str, pattern: str) -> float | None:
    """Return a value of ebur128's summary; None where it reports silence (-70 LUFS, -inf)."""
    summary = log.rpartition("Summary:")[2]
    match = re.search(pattern, summary)
    if match is None or match.group(1) in ("-inf", "nan") or float(match.group(1)) <= -70:  # noqa: PLR2004
        return None
    return float(match.group(1))


def _dimensions(video: VideoStream, expected: ExpectedVideo) -> CheckResult:
    seen = (round(video.display_width), round(video.display_height))
    value = f"{seen[0]}x{seen[1]}"
    due = f"{expected.width}x{expected.height}"
    passed = seen == (expected.width, expected.height)
    return CheckResult(
        name="dimensions", passed=passed, value=value, expected=due, message=f"It is {value}; {due} is due."
    )


def _duration(facts: Probe, expected: ExpectedVideo) -> CheckResult:
    off_s = facts.duration_s - expected.duration_s
    return CheckResult(
        name="duration",
        passed=abs(off_s) <= expected.duration_tolerance_s,
        value=f"{facts.duration_s:.3f} s",
        expected=f"{expected.duration_s:.2f} s ± {expected.duration_tolerance_s} s",
        message=f"It lasts {facts.duration_s:.3f} s, {off_s:+.3f} s from the plan.",
    )


def _codecs(facts: Probe, video: VideoStream) -> CheckResult:
    audio = facts.best_audio_stream()
    value = f"{video.codec} {video.pix_fmt} + {audio.codec if audio else 'no sound'}"
    due = "h264 yuv420p + aac"
    return CheckResult(
        name="codecs", passed=value == due, value=value, expected=due, message=f"It is {value}; platforms take {due}."
    )


def _has_audio(facts: Probe) -> CheckResult:
    audio = facts.best_audio_stream()
    value = f"{audio.sample_rate} Hz, {audio.channels} channels" if audio else "no sound stream"
    return CheckResult(
        name="has_audio", passed=audio is not None, value=value, expected="a sound stream", message=f"It has {value}."
    )


def _loudness(analysis: Analysis, expected: ExpectedVideo) -> CheckResult:
    value = "silent" if analysis.loudness_lufs is None else f"{analysis.loudness_lufs:.1f} LUFS"
    if expected.loudness_lufs is None:
        return CheckResult(
            name="loudness", passed=True, value=value, expected="any, or silence", message=f"It is {value}, as planned."
        )
    due = f"{expected.loudness_lufs:.1f} ± {expected.loudness_tolerance_lu} LUFS"
    passed = (
        analysis.loudness_lufs is not None
        and abs(analysis.loudness_lufs - expected.loudness_lufs) <= expected.loudness_tolerance_lu
    )
    return CheckResult(
        name="loudness", passed=passed, value=value, expected=due, message=f"It is {value}; {due} is due."
    )


def _true_peak(analysis: Analysis, expected: ExpectedVideo) -> CheckResult:
    peak = analysis.true_peak_dbtp
    value = "silent" if peak is None else f"{peak:.1f} dBTP"
    due = f"at most {expected.max_true_peak_dbtp:.1f} dBTP"
    passed = peak is None or peak <= expected.max_true_peak_dbtp + _ROUNDING_DB
    return CheckResult(
        name="true_peak", passed=passed, value=value, expected=due, message=f"Its true peak is {value}; {due} is due."
    )


def _not_black(analysis: Analysis, expected: ExpectedVideo) -> CheckResult:
    value = f"{analysis.longest_black_s:.2f} s black"
    due = f"at most {expected.max_black_s} s black"
    passed = analysis.longest_black_s <= expected.max_black_s
    return CheckResult(
        name="not_black", passed=passed, value=value, expected=due, message=f"Its longest black stretch is {value}."
    )


def _not_frozen(analysis: Analysis, expected: ExpectedVideo) -> CheckResult:
    value = f"{analysis.longest_freeze_s:.2f} s motionless"
    due = f"at most {expected.max_frozen_s} s motionless"
    passed = analysis.longest_freeze_s <= expected.max_frozen_s
    return CheckResult(
        name="not_frozen",
        passed=passed,
        value=value,
        expected=due,
        message=f"Its longest motionless stretch is {value}.",
    )


def _faststart(facts: Probe) -> CheckResult:
    first = facts.moov_before_mdat is True
    value = "moov first" if first else "moov last" if facts.moov_before_mdat is False else "not an MP4"
    return CheckResult(
        name="faststart", passed=first, value=value, expected="moov first", message=f"The file has {value}."
    )


def _decodes_fully(analysis: Analysis, facts: Probe, video: VideoStream) -> CheckResult:
    due = video.frames or round(video.duration_s * video.fps)
    passed = analysis.frames == due and not analysis.decode_errors
    value = f"{analysis.frames} frames, {len(analysis.decode_errors)} errors"
    decoder_error = f" The decoder said: {analysis.decode_errors[0]}" if analysis.decode_errors else ""
    return CheckResult(
        name="decodes_fully",
        passed=passed,
        value=value,
        expected=f"{due} frames, 0 errors",
        message=f"{analysis.frames} of {due} frames of {facts.path.name!r} decode.{decoder_error}",
    )


def _mega(value: int | None) -> float | None:
    return None if value is None else value / 1e6


def _within(platform: str, name: str, value: float, unit: str, low: float | None, high: float | None) -> CheckResult:
    passed = (low is None or value >= low) and (high is None or value <= high)
    bounds: Mapping[str, float | None] = {"at least": low, "at most": high}
    due = ", ".join(f"{word} {bound:g} {unit}" for word, bound in bounds.items() if bound is not None)
    return CheckResult(
        name=f"{platform}_{name}",
        passed=passed,
        value=f"{value:.2f} {unit}",
        expected=due or "no known limit",
        message=f"{platform} takes {due or 'any ' + name}; this video has {value:.2f} {unit}.",
    )
