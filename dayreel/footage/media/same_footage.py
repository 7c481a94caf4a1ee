"""Whether a file that was made from another still holds the same footage, whole: measurements, each with its limit.

This stands between a tool's "success" and the removal of anything. It judges files only by looking at them, so that it
serves dayreel's own work and other people's scripts alike.
"""

from dataclasses import dataclass
from pathlib import Path

from dayreel.errors import MediaError
from dayreel.footage.media.choose_streams import StreamChoices
from dayreel.footage.media.perceptual_hash import hash_distance, perceptual_hash
from dayreel.media.probe import Probe, decode_fully, probe
from dayreel.media.run import Pulse
from dayreel.media.timeline import hidden_pictures
from dayreel.schemas.content import CheckResult
from dayreel.stores.files import sha256_of

_MOST_DIFFERENT = 0.25
"""Twice what re-encoding does to a fingerprint: tone mapping and new black bars are more."""
_FRAMES_KEPT = 0.98


@dataclass(frozen=True)
class FootageLimits:
    """How much an output may differ from its source; see `dayreel.footage.schemas.library.LibraryPlan`."""

    min_size_ratio: float
    max_duration_gap_s: float


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
        choices: what was to be kept; left out, the picture and some sound.
        pulse: called while the file is decoded; what it raises ends the work.

    Raises:
        MediaError: the source itself cannot be read.
    """
    before = probe(source)
    size = _size(before.size_bytes, made, limits)
    try:
        after = probe(made)
        after.best_video_stream()
    except MediaError as error:
        return [size, _failed("is_media", error.message, "a media file with a moving picture")]
    checks = [size, _passed("is_media", after.container, "a media file with a moving picture")]
    try:
        frames = decode_fully(made, with_sound=True, pulse=pulse).frames
    except MediaError as error:
        return [*checks, _failed("decodes_fully", error.message, "every frame and sample")]
    checks += [_frames(frames, before), _duration(before, after, limits), _sound(before, after, choices)]
    checks.append(_looks_the_same(before, after))
    return checks


def same_bytes(source: Path, made: Path, *, pulse: Pulse | None = None) -> CheckResult:
    """Compare a file that stayed as it was with its source, byte by byte (their SHA-256)."""
    was, now = sha256_of(source, pulse=pulse), sha256_of(made, pulse=pulse, bypasses_cache=True)
    if was == now:
        return _passed("same_bytes", now[:12], was[:12])
    return _failed("same_bytes", f"It has other bytes ({now[:12]}) than its source ({was[:12]}).", was[:12], now[:12])


def refuse_other_footage(checks: list[CheckResult], source: Path, made: Path) -> None:
    """Raise where a comparison found something wrong.

    Raises:
        MediaError: says what was found, with the figures.
    """
    wrong = [check for check in checks if not check.passed]
    if wrong:
        differences = " ".join(check.message for check in wrong)
        raise MediaError(
            f"Compared {made.name!r} with its source {source.name!r}; it is not the same footage, whole. {differences}",
            next_step="The output was dropped and the source was not touched. Look at what made it.",
        )


def _size(source_bytes: int, made: Path, limits: FootageLimits) -> CheckResult:
    size = made.stat().st_size if made.is_file() else 0
    due = f"at least {limits.min_size_ratio:.3%} of {source_bytes} bytes"
    value = f"{size} bytes"
    if size >= max(1, limits.min_size_ratio * source_bytes):
        return _passed("size", value, due)
    return _failed("size", f"It has {value}; {due} are due.", due, value)


def _frames(frames: int, before: Probe) -> CheckResult:
    due = max(0, before.best_video_stream().frames - hidden_pictures(before))  # 0 where the container does not say
    expected = f"at least {_FRAMES_KEPT:.0%} of {due} frames" if due else "every frame"
    if frames >= due * _FRAMES_KEPT:
        return _passed("decodes_fully", f"{frames} frames", expected)
    return _failed("decodes_fully", f"Only {frames} of {due} frames are in it.", expected, f"{frames} frames")


def _duration(before: Probe, after: Probe, limits: FootageLimits) -> CheckResult:
    was, now = before.best_video_stream().duration_s, after.best_video_stream().duration_s
    value, due = f"{now:.2f} s", f"{was:.2f} s ± {limits.max_duration_gap_s:g} s"
    if abs(now - was) <= limits.max_duration_gap_s:
        return _passed("duration", value, due)
    return _failed("duration", f"Its picture lasts {value}; {due} is due.", due, value)


def _sound(before: Probe, after: Probe, choices: StreamChoices | None) -> CheckResult:
    most = len(before.audio)
    due = min(1, most) if choices is None else sum(1 for stream in choices.kept if stream.kind == "sound")
    value = f"{len(after.audio)} sound streams"
    expected = f"at least {due} of {most}" if choices is None else f"{due} of {most}"
    if len(after.audio) == due or (choices is None and len(after.audio) >= due):
        return _passed("sound", value, expected)
    return _failed("sound", f"It has {value}; {expected} are due.", expected, value)


def _looks_the_same(before: Probe, after: Probe) -> CheckResult:
    distance = hash_distance(perceptual_hash(before), perceptual_hash(after))
    value, due = f"{distance:.3f}", f"at most {_MOST_DIFFERENT}"
    if distance <= _MOST_DIFFERENT:
        return _passed("looks_the_same", value, due)
    return _failed("looks_the_same", f"Its pictures differ by {value}; {due} is due.", due, value)


def _passed(name: str, value: str, expected: str) -> CheckResult:
    return CheckResult(name=name, passed=True, value=value, expected=expected, message=f"It has {value}.")


def _failed(name: str, message: str, expected: str, value: str = "") -> CheckResult:
    return CheckResult(name=name, passed=False, value=value or message, expected=expected, message=message)
