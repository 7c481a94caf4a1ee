"""Whether a file that was made from another still holds the same footage, whole: measurements, each with its limit.

This stands between a tool's "success" and the removal of anything. It judges files only by looking at them, so that it
serves dayreel's own work and other people's scripts alike. Both are decoded once, every picture and every sound. The
figures come from `compare_pictures` and `compare_sounds`; what they may be was measured, see decision record 57.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from dayreel.errors import MediaError
from dayreel.footage.media.choose_streams import StreamChoices, same_language
from dayreel.footage.media.compare_pictures import PictureDifferences, compare_pictures
from dayreel.footage.media.compare_sounds import SoundDifferences, compare_sounds
from dayreel.footage.schemas.job import JobFile
from dayreel.footage.schemas.library import Loss
from dayreel.media.alignment import MEASURED_TO_S, levelled, may_lie_apart_s, picture_lag
from dayreel.media.probe import Probe, probe
from dayreel.media.run import Pulse
from dayreel.media.streams import AudioStream, VideoStream
from dayreel.media.traces import Extent, SoundTrace, Traces, fine_moments, watch
from dayreel.schemas.content import CheckResult
from dayreel.stores.files import sha256_of

VERIFIER = 3
"""Raised when what passes changes: sources go only on the word of this one. 1 counted, and looked at eight hashes;
2 took grain for structure and a tick after a hole for other sound."""

LOSSES: tuple[Loss, ...] = get_args(Loss)
"""What a script may leave out and its output still be of use: then the sources stay, unless the plan names it."""

_FRAMES_KEPT = 0.98
_MAY_LACK_FRAMES = 2
_SIZE_MAY_DIFFER = 0.02
_FEW_PIXELS = 2.0
_END_MAY_DIFFER_S = 0.3
_LAG_S = 0.1
_WORST_SECOND, _WORST_SECOND_MAPPED = 5.0, 8.0
_WORST_FIELD, _WORST_FIELD_MAPPED = 20.0, 40.0
_STUCK, _STUCK_MAPPED = 0.06, 0.15
_COLOUR = 6.0
_TINT, _TINT_MAPPED = 3.0, 14.0
_CONTRAST, _CONTRAST_MAPPED = (0.93, 1.07), (0.85, 1.18)
_CHROMA, _CHROMA_MAPPED = (0.85, 1.15), (0.7, 1.4)
_LIKENESS, _WORST_LIKENESS = 0.84, 0.74
_DETAIL = 0.7
_GRAIN = -0.1
_CORRELATION, _WORST_CORRELATION = 0.95, 0.85
_SIDE = 0.7
_MIX = 0.5
_GAIN_DB, _BAND_DB = 1.0, 5.0
_WRONG_S = 0.2


@dataclass(frozen=True)
class FootageLimits:
    """How much an output may differ from its source; see `dayreel.footage.schemas.library.LibraryPlan`.

    Attributes:
        max_height: higher pictures were scaled down to it.
        is_tone_mapped: HDR was to become SDR.
        may_lose: what the plan lets go of.
    """

    min_size_ratio: float
    max_duration_gap_s: float
    max_height: int | None = None
    is_tone_mapped: bool = False
    may_lose: frozenset[Loss] = frozenset()


def compare_footage(
    source: Path,
    made: Path,
    limits: FootageLimits,
    *,
    choices: StreamChoices | None = None,
    pulse: Pulse | None = None,
) -> list[CheckResult]:
    """Look at both files and return one result per property, in the order in which they were looked at.

    It ends after the first thing that makes the rest pointless: a file that is not media has no duration.

    Args:
        choices: what was to be kept; left out, everything that is seen and heard.
        pulse: called while the files are decoded; what it raises ends the work.

    Raises:
        MediaError: the source itself cannot be read.
    """
    before = probe(source)
    size = _size(before.size_bytes, made, limits)
    try:
        after = probe(made)
        now_video = after.best_video_stream()
    except MediaError as error:
        return [size, _failed("is_media", error.message, "a media file with a moving picture")]
    checks = [size, _passed("is_media", after.container, "a media file with a moving picture")]
    video = before.best_video_stream()
    shown = (min(video.display_width, now_video.display_width), min(video.display_height, now_video.display_height))
    extent = Extent(size=(max(2, round(shown[0])), max(2, round(shown[1]))))
    moments = fine_moments(video.start_s, video.ends_s)
    is_tone_mapped = limits.is_tone_mapped and video.is_hdr and not now_video.is_hdr
    was = watch(before, replace(extent, to_sdr=is_tone_mapped), moments, pulse=pulse)
    try:
        now = _watched_beside(was, after, extent, 0.0, pulse)
    except MediaError as error:
        return [*checks, _failed("decodes_fully", error.message, "every frame and sample")]
    checks += [
        _frames(was, now),
        _duration(before, after, limits),
        _ends(was, now),
        _aspect(video, now_video),
        _picture_size(video, now_video, limits),
        _curve(video, now_video, is_tone_mapped=is_tone_mapped),
    ]
    if checks[-3].passed:
        lag_s = picture_lag(levelled(was, now) if is_tone_mapped else was, now)
        if lag_s is not None and _picture_s(video) / 8 < abs(lag_s) <= _LAG_S:
            # Containers and tools may move the beginning by a part of a picture; then other ones are looked at closely.
            now = _watched_beside(was, after, extent, lag_s, pulse)
        pictures = compare_pictures(was, now, lag_s, is_tone_mapped=is_tone_mapped)
        checks += _looks_the_same(pictures, is_tone_mapped=is_tone_mapped)
        checks += _sounds(before, after, was, now, choices, lag_s, may_lie_apart_s(video))
    checks.append(_subtitles(before, after, choices))
    return [_let_go(check, limits) for check in checks]


def _watched_beside(was: Traces, after: Probe, extent: Extent, lag_s: float, pulse: Pulse | None) -> Traces:
    """Watch what was made; close looks are in the middle of what the source shows, so much later."""
    moments = {moment: picture.middle_s + lag_s for moment, picture in was.fine.items()}
    now = watch(after, extent, list(moments.values()), pulse=pulse)
    return replace(now, fine={moment: now.fine[at_s] for moment, at_s in moments.items() if at_s in now.fine})


def same_bytes(source: Path, made: Path, *, pulse: Pulse | None = None) -> CheckResult:
    """Compare a file that stayed as it was with its source, byte by byte (their SHA-256)."""
    was, now = sha256_of(source, pulse=pulse), sha256_of(made, pulse=pulse, bypasses_cache=True)
    if was == now:
        return _passed("same_bytes", now[:12], was[:12])
    return _failed("same_bytes", f"It has other bytes ({now[:12]}) than its source ({was[:12]}).", was[:12], now[:12])


def refuse_other_footage(checks: list[CheckResult], source: Path, made: Path, *, losses_pass: bool = False) -> None:
    """Raise where a comparison found something wrong.

    Args:
        losses_pass: what was only left out passes, see `LOSSES`.

    Raises:
        MediaError: says what was found, with the figures.
    """
    wrong = [check for check in checks if not check.passed and not (losses_pass and check.name in LOSSES)]
    if wrong:
        differences = " ".join(check.message for check in wrong)
        raise MediaError(
            f"Compared {made.name!r} with its source {source.name!r}; it is not the same footage, whole. {differences}",
            next_step="The output was dropped and the source was not touched. Look at what made it.",
        )


def evidence(checks: list[CheckResult], source: JobFile) -> dict[str, Any]:
    """Return what is kept of a comparison beside the output: by which verifier, of which bytes, and every figure."""
    return {
        "verifier": VERIFIER,
        "source_sha256": source.sha256,
        "source_bytes": source.size_bytes,
        "checks": [check.model_dump() for check in checks],
    }


def _let_go(check: CheckResult, limits: FootageLimits) -> CheckResult:
    if check.passed or check.name not in limits.may_lose:
        return check
    return check.model_copy(update={"passed": True, "expected": f"{check.expected}, or less: the plan lets it go"})


def _size(source_bytes: int, made: Path, limits: FootageLimits) -> CheckResult:
    size = made.stat().st_size if made.is_file() else 0
    due = f"at least {limits.min_size_ratio:.3%} of {source_bytes} bytes"
    value = f"{size} bytes"
    if size >= max(1, limits.min_size_ratio * source_bytes):
        return _passed("size", value, due)
    return _failed("size", f"It has {value}; {due} are due.", due, value)


def _frames(was: Traces, now: Traces) -> CheckResult:
    due, has = len(was.moments), len(now.moments)
    expected = f"at least {_FRAMES_KEPT:.0%} of {due} frames"
    if has >= min(due * _FRAMES_KEPT, due - _MAY_LACK_FRAMES):
        return _passed("decodes_fully", f"{has} frames", expected)
    return _failed("decodes_fully", f"Only {has} of {due} frames are in it.", expected, f"{has} frames")


def _duration(before: Probe, after: Probe, limits: FootageLimits) -> CheckResult:
    was, now = before.best_video_stream().duration_s, after.best_video_stream().duration_s
    value, due = f"{now:.2f} s", f"{was:.2f} s ± {limits.max_duration_gap_s:g} s"
    if abs(now - was) <= limits.max_duration_gap_s:
        return _passed("duration", value, due)
    return _failed("duration", f"Its picture lasts {value}; {due} is due.", due, value)


def _ends(was: Traces, now: Traces) -> CheckResult:
    """Judge when the last picture comes, or goes, as decoded: what a header announces proves nothing.

    Either will do: how long the last one stays, not every container says; and a still end may be one picture or many.
    """
    value = f"{now.moments[-1]:.2f} to {now.ends_s:.2f} s"
    due = f"{was.moments[-1]:.2f} to {was.ends_s:.2f} s ± {_END_MAY_DIFFER_S:g} s"
    off_s = min(abs(now.ends_s - was.ends_s), abs(float(now.moments[-1] - was.moments[-1])))
    return _judged("ends", off_s <= _END_MAY_DIFFER_S, value, due, "last picture is shown from")


def _aspect(video: VideoStream, now: VideoStream) -> CheckResult:
    was_aspect, now_aspect = _aspect_of(video), _aspect_of(now)
    value, due = f"{now_aspect:.3f}", f"{was_aspect:.3f}, as {video.display_width:.0f}x{video.display_height:.0f}"
    rounding = _FEW_PIXELS / min(now.display_width, now.display_height)
    if abs(now_aspect / was_aspect - 1) <= _SIZE_MAY_DIFFER + rounding:
        return _passed("aspect", value, due)
    return _failed("aspect", f"It is {value} times as wide as high; {due} is due.", due, value)


def _aspect_of(video: VideoStream) -> float:
    return video.display_width / video.display_height


def _picture_size(video: VideoStream, now: VideoStream, limits: FootageLimits) -> CheckResult:
    height = video.width if video.is_on_its_side else video.height
    share = min(1.0, limits.max_height / height) if limits.max_height is not None else 1.0
    value = f"{now.display_width:.0f}x{now.display_height:.0f}"
    due = f"at least {video.display_width * share:.0f}x{video.display_height * share:.0f}"
    wide_enough = now.display_width >= video.display_width * share * (1 - _SIZE_MAY_DIFFER) - _FEW_PIXELS
    high_enough = now.display_height >= video.display_height * share * (1 - _SIZE_MAY_DIFFER) - _FEW_PIXELS
    if wide_enough and high_enough:
        return _passed("picture_size", value, due)
    return _failed("picture_size", f"Its pictures are {value}; {due} is due.", due, value)


def _curve(video: VideoStream, now: VideoStream, *, is_tone_mapped: bool) -> CheckResult:
    """Judge by which curve players turn levels into light: the very same levels are grey or glaring by another."""
    due = video.color_transfer if video.is_hdr and not is_tone_mapped else "SDR"
    value = now.color_transfer if now.is_hdr else "SDR"
    return _judged("curve", value == due, value, due, "brightness is stored as")


def _picture_s(video: VideoStream) -> float:
    return float(1 / video.fps) if video.fps else 0.0


def _looks_the_same(pictures: PictureDifferences, *, is_tone_mapped: bool) -> list[CheckResult]:
    lag_s = pictures.lag_s
    words = "nothing moves, so it cannot be late" if lag_s is None else f"{lag_s * 1000:+.0f} ms"
    second, field, stuck, tint, contrast, chroma = (
        (_WORST_SECOND_MAPPED, _WORST_FIELD_MAPPED, _STUCK_MAPPED, _TINT_MAPPED, _CONTRAST_MAPPED, _CHROMA_MAPPED)
        if is_tone_mapped
        else (_WORST_SECOND, _WORST_FIELD, _STUCK, _TINT, _CONTRAST, _CHROMA)
    )
    return [
        _judged("picture_on_time", abs(lag_s or 0.0) <= _LAG_S, words, f"within {_LAG_S * 1000:.0f} ms", "picture is"),
        _at_most("pictures", pictures.worst_second, second, "pictures of the worst second differ by"),
        _at_most("fields", pictures.worst_field, field, "worst part of a picture over one second differs by"),
        _at_most("steps", pictures.stuck, stuck, "share of pictures that stand still is"),
        _at_most("colour", pictures.colour, _COLOUR, "colour of the worst second is off by"),
        _at_most("tint", pictures.tint, tint, "mean colour is off by"),
        _between("contrast", pictures.contrast, contrast),
        _between("chroma", pictures.chroma, chroma),
        _at_least("likeness", pictures.likeness, _LIKENESS, "SSIM is"),
        _at_least("worst_likeness", pictures.worst_likeness, _WORST_LIKENESS, "SSIM of its worst pictures is"),
        _at_least("detail", pictures.detail, _DETAIL, "share of the fine structure is"),
        _at_least("grain", pictures.grain, _GRAIN, "share of the finest structure is"),
    ]


def _sounds(
    before: Probe,
    after: Probe,
    was: Traces,
    now: Traces,
    choices: StreamChoices | None,
    lag_s: float | None,
    may_differ_s: float,
) -> list[CheckResult]:
    """Judge each kept sound stream against the one that was made of it: they stand in the same order."""
    kept = before.audio
    if choices is not None:
        indexes = {stream.index for stream in choices.kept if stream.kind == "sound"}
        kept = tuple(stream for stream in kept if stream.index in indexes)
    sources = [(stream, _trace(was, stream)) for stream in kept]
    pairs, extra = _paired(sources, [(stream, _trace(now, stream)) for stream in after.audio])
    value, due = f"{len(pairs)} of its sound streams", f"{len(kept)} of {len(before.audio)}"
    name = "sound" if choices is not None or (kept and not pairs) else "sound_tracks"
    checks = [_judged(name, len(pairs) == len(kept), value, due, "output has")]
    heard = [stream.index for stream, trace in extra if compare_sounds(trace, trace).was_heard]
    if heard:
        checks.append(_failed("sound", f"It has sound that its source has not: streams {heard}.", "no other sound"))
    for (stream, trace), (made_stream, made_trace) in pairs:
        checks += _sound(stream, made_stream, compare_sounds(trace, made_trace), lag_s, may_differ_s)
    return checks


_Sound = tuple[AudioStream, SoundTrace]


def _paired(sources: list[_Sound], made: list[_Sound]) -> tuple[list[tuple[_Sound, _Sound]], list[_Sound]]:
    """Return which stream was made from which, and those that are of none; where some are missing, by their sound."""
    if len(made) >= len(sources):
        return list(zip(sources, made, strict=False)), made[len(sources) :]
    pairs: list[tuple[_Sound, _Sound]] = []
    left = list(sources)
    for position, output in enumerate(made):
        spare = len(left) - (len(made) - position) + 1
        best = max(range(spare), key=lambda n: abs(compare_sounds(left[n][1], output[1]).correlation))
        pairs.append((left[best], output))
        left = left[best + 1 :]
    return pairs, []


def _trace(traces: Traces, stream: AudioStream) -> SoundTrace:
    return next(trace for trace in traces.sounds if trace.index == stream.index)


def _sound(
    stream: AudioStream, made: AudioStream, sounds: SoundDifferences, lag_s: float | None, may_differ_s: float
) -> list[CheckResult]:
    where = f"sound stream {stream.index}"
    language = "und" in (stream.language, made.language) or same_language(stream.language, made.language)
    checks = [
        _judged("language", language, made.language, stream.language, f"language of {where} is"),
        _judged(
            "channels",
            made.channels == stream.channels,
            f"{made.channels} channels",
            f"{stream.channels}",
            f"{where} has",
        ),
    ]
    if not sounds.was_heard:
        words = "heard" if sounds.is_heard else "silent"
        return [*checks, _judged("silence", not sounds.is_heard, words, "silent, as its source", f"{where} is")]
    lags_s = (sounds.lag_s or 0.0, sounds.earliest_s or 0.0, sounds.latest_s or 0.0)
    off_s = max((each_s - (lag_s or 0.0) for each_s in lags_s), key=abs)
    apart = f"{off_s * 1000:+.0f} ms against the picture"
    if lag_s is None:
        apart = f"{off_s * 1000:+.0f} ms, and nothing moves in the picture"
    checks.append(
        _judged(
            "in_sync",
            abs(off_s) <= may_differ_s + MEASURED_TO_S,
            apart,
            f"within {may_differ_s * 1000:.0f} ms",
            f"{where} is",
        )
    )
    if made.channels == stream.channels:
        checks += [
            _at_least("sound_waves", sounds.correlation, _CORRELATION, f"correlation of {where} is"),
            _at_least("worst_sound", sounds.worst_correlation, _WORST_CORRELATION, f"worst correlation of {where} is"),
            _at_least("sound_sides", sounds.side_correlation, _SIDE, f"correlation between channels of {where} is"),
            _at_most("loudness", abs(sounds.gain_db), _GAIN_DB, f"level of {where} is off by decibels:"),
            _at_most("sound_bands", abs(sounds.band_db), _BAND_DB, f"worst octave of {where} is off by decibels:"),
            _at_most(
                "sound_gaps", sounds.wrong_s, _WRONG_S, f"longest stretch of {where} at another level has seconds:"
            ),
        ]
    else:
        checks.append(_at_least("sound_mix", sounds.correlation, _MIX, f"correlation of all channels of {where} is"))
    return checks


def _subtitles(before: Probe, after: Probe, choices: StreamChoices | None) -> CheckResult:
    due = len(before.subtitles)
    if choices is not None:
        due = sum(1 for stream in choices.kept if stream.kind == "subtitles")
    value = f"{len(after.subtitles)} subtitle streams"
    return _judged("subtitles", len(after.subtitles) >= due, value, f"{due}", "output has")


def _passed(name: str, value: str, expected: str) -> CheckResult:
    return CheckResult(name=name, passed=True, value=value, expected=expected, message=f"It has {value}.")


def _failed(name: str, message: str, expected: str, value: str = "") -> CheckResult:
    return CheckResult(name=name, passed=False, value=value or message, expected=expected, message=message)


def _judged(name: str, passed: bool, value: str, expected: str, what: str) -> CheckResult:
    message = f"Its {what} {value}; {expected} is due."
    return CheckResult(name=name, passed=passed, value=value, expected=expected, message=message)


def _at_most(name: str, value: float, most: float, what: str) -> CheckResult:
    return _judged(name, value <= most, f"{value:.2f}", f"at most {most:g}", what)


def _at_least(name: str, value: float, least: float, what: str) -> CheckResult:
    return _judged(name, value >= least, f"{value:.3f}", f"at least {least:g}", what)


def _between(name: str, value: float, limits: tuple[float, float]) -> CheckResult:
    low, high = limits
    return _judged(name, low <= value <= high, f"{value:.3f}", f"{low:g} to {high:g}", f"{name} is")
