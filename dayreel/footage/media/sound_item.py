"""Items that are sound alone: proved to decode, encoded as Opus or FLAC, and compared with what they were made from.

Pictures of such files are covers. The sound of films is `remux` and `transcode`; what is compared of that is
`same_footage`.
"""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Unpack

import av
import ffmpeg as graph
import numpy as np
from numpy.typing import NDArray

from dayreel.errors import MediaError
from dayreel.footage.media.remux import Running
from dayreel.media.picture import source_input
from dayreel.media.probe import ONLY_FILES, Probe, probe
from dayreel.media.run import Pulse, atomic_output, run_ffmpeg
from dayreel.media.streams import AudioStream
from dayreel.schemas.content import CheckResult

SoundFormat = Literal["opus", "flac"]
_LOSSLESS = ("flac", "alac", "tta", "wavpack", "ape", "wmalossless", "truehd", "mlp")
_BITS_PER_CHANNEL = 64_000
"""128 kbit/s in stereo, at which Opus is taken for the original in listening tests."""
_WINDOW_S = 0.05
_RATE = 8000
_MAY_LACK_S = 0.5
_LONGER_S = 0.1
_ALIKE, _ALIKE_WAVE = 0.97, 0.7
"""Correlations: Opus keeps both above 0.99 and 0.9; a second's shift or other music is far below."""
_EXACT = 0.999999
"""Samples of another width in memory (24 of 32 bits) have another fingerprint, and the very same levels."""
_LOUDER_DB = 1.0
_SILENT = 1e-6
_EVEN = 0.02
"""Spread of a tone that never changes, which has no curve to compare."""


@dataclass(frozen=True)
class Heard:
    """What comes out of the decoder: how long it is, and a fingerprint of the samples."""

    duration_s: float
    samples_sha256: str


@dataclass(frozen=True)
class Likeness:
    """How like two recordings are, by the worst of their channels.

    Attributes:
        curve: correlation of the levels over time. wave: of the samples at 8 kHz. louder_db: difference in loudness.
    """

    curve: float
    wave: float
    louder_db: float


def sound_stream(facts: Probe) -> AudioStream:
    """Return the sound of a file.

    Raises:
        MediaError: it has none.
    """
    stream = facts.best_audio_stream()
    if stream is None:
        raise MediaError(f"Looked for sound in {str(facts.path)!r}; it has none.")
    return stream


def decode_sound(path: Path, *, pulse: Pulse | None = None) -> Heard:
    """Decode all of a file's sound.

    Raises:
        MediaError: it has none, is damaged, or ends more than half a second before the end that it announces.
    """
    facts = probe(path)
    announced = sound_stream(facts)
    digest, samples = hashlib.sha256(), 0
    try:
        for frame in _frames(path, announced.index, None):
            if pulse is not None:
                pulse()
            samples += frame.samples
            digest.update(np.ascontiguousarray(frame.to_ndarray()).tobytes())
    except av.error.FFmpegError as error:
        raise MediaError(
            f"Decoded {str(path)!r}; after {samples / announced.sample_rate:.2f} s it answered: {error.strerror}.",
            next_step="The file is damaged: fetch or export it again.",
        ) from error
    lasts_s = samples / announced.sample_rate
    if not samples or lasts_s < announced.duration_s - _MAY_LACK_S:
        raise MediaError(
            f"Decoded {str(path)!r}; it announces {announced.duration_s:.2f} s and ends after {lasts_s:.2f} s: "
            "it was cut off.",
            next_step="Fetch or export it again.",
        )
    return Heard(lasts_s, digest.hexdigest())


def why_sound_stays(facts: Probe, wanted: Literal["keep", "opus", "flac"]) -> str:
    """Say in a sentence why a file of sound stays as it is; empty where it is to be encoded."""
    stream = sound_stream(facts)
    is_lossless = stream.codec in _LOSSLESS or stream.codec.startswith("pcm_")
    if wanted == "keep":
        return "It stays as it is: the plan keeps sound."
    if not is_lossless:
        return f"It stays as it is: {stream.codec} has lost something already, and encoding it again loses more."
    if stream.codec == wanted:
        return f"It stays as it is: it is {wanted} already."
    if wanted == "opus" and facts.video:
        return "It stays as it is: it has a cover, which an Opus file would lose."
    if len(facts.audio) > 1 or facts.chapters:
        return f"It stays as it is: {wanted} would lose its {'other sound' if len(facts.audio) > 1 else 'chapters'}."
    return ""


def encode_sound(source: Path, dest: Path, wanted: SoundFormat, **running: Unpack[Running]) -> Probe:
    """Encode a file of sound, with its tags and, in FLAC, its cover; return what was written.

    Raises:
        MediaError: it could not be encoded.
        UnfinishedError: disk full, deadline, ended from outside. Nothing is left under `dest` in any case.
    """
    facts, doing = probe(source), f"encode {str(source)!r} as {wanted}"
    stream, opened = sound_stream(facts), source_input(source, 0)
    streams = [opened[str(stream.index)], *(opened[str(cover.index)] for cover in facts.video)]
    options = {"map_metadata": 0, "f": wanted, "c:a": "flac" if wanted == "flac" else "libopus"}
    if facts.video:
        options |= {"c:v": "copy", "disposition:v:0": "attached_pic"}
    if wanted == "opus":
        options["b:a"] = _BITS_PER_CHANNEL * max(1, stream.channels)
        if stream.channels > 2:  # noqa: PLR2004
            options["mapping_family:a"] = 1
    with atomic_output(dest, doing=doing) as written:
        spec = graph.output(*streams, str(written), **options)
        run_ffmpeg(spec, doing=doing, folder=dest.parent, duration_s=facts.duration_s, **running)
        probe(written)
    return probe(dest)


def compare_sound(source: Path, made: Path, *, pulse: Pulse | None = None) -> list[CheckResult]:
    """Decode both files and return one result per property; FLAC has to have the very samples of its source.

    Raises:
        MediaError: the source itself does not decode.
    """
    before, was = sound_stream(probe(source)), decode_sound(source, pulse=pulse)
    try:
        after, now = sound_stream(probe(made)), decode_sound(made, pulse=pulse)
    except MediaError as error:
        return [_check("decodes_fully", error.message, "all of its sound", passed=False)]
    is_as_long = abs(now.duration_s - was.duration_s) <= _LONGER_S
    checks = [
        _check("decodes_fully", f"{now.duration_s:.2f} s", "all of its sound", passed=True),
        _check("duration", f"{now.duration_s:.2f} s", f"{was.duration_s:.2f} s", passed=is_as_long),
        _check("channels", f"{after.channels}", f"{before.channels}", passed=after.channels == before.channels),
    ]
    if not all(check.passed for check in checks):
        return checks
    if was.samples_sha256 == now.samples_sha256:
        return [*checks, _check("same_sound", "the same samples", "the same samples", passed=True)]
    likeness = _likeness((source, before.index), (made, after.index), pulse)
    curve, wave, louder_db = (_EXACT if after.codec == "flac" else _ALIKE, _ALIKE_WAVE, _LOUDER_DB)
    value = f"curve {likeness.curve:.4f}, wave {likeness.wave:.3f}, {likeness.louder_db:.2f} dB apart"
    due = f"curve {curve}, wave {wave}, at most {louder_db} dB"
    passed = likeness.curve >= curve and likeness.wave >= wave and likeness.louder_db <= louder_db
    return [*checks, _check("same_sound", value, due, passed=passed)]


def _likeness(source: tuple[Path, int], made: tuple[Path, int], pulse: Pulse | None) -> Likeness:
    """Compare two recordings window by window, so that the length of a book does not matter."""
    levels: list[Any] = []
    products: Any = None
    for was, now in zip(_windows(*source, pulse), _windows(*made, pulse), strict=False):
        row = np.array([np.sum(was * now, axis=1), np.sum(was**2, axis=1), np.sum(now**2, axis=1)])
        products = row if products is None else products + row
        levels.append(np.sqrt(row[1:]))
    if products is None:
        return Likeness(1.0, 1.0, 0.0)
    curves: Any = np.array(levels)  # windows, which of the two, channels
    worst = [_of_channel(curves[:, :, n], products[:, n]) for n in range(products.shape[1])]
    return Likeness(
        min(each.curve for each in worst), min(each.wave for each in worst), max(each.louder_db for each in worst)
    )


def _of_channel(curves: NDArray[np.float64], products: Any) -> Likeness:
    """Compare one channel: `curves` has a row a window, with the level of each recording."""
    both, was, now = (float(value) for value in products)
    if max(was, now) / len(curves) < _SILENT:
        return Likeness(1.0, 1.0, 0.0)
    if min(was, now) <= 0:
        return Likeness(0.0, 0.0, math.inf)
    first, second = (float(row.std() / row.mean()) for row in curves.T)
    curve = float(np.asarray(np.corrcoef(curves.T))[0, 1]) if min(first, second) > _EVEN else 1.0 - abs(first - second)
    return Likeness(curve, both / math.sqrt(was * now), abs(10 * math.log10(now / was)))


def _frames(path: Path, index: int, resampler: av.AudioResampler | None) -> Iterator[av.AudioFrame]:
    with av.open(str(path), options=ONLY_FILES) as container:
        for frame in container.decode(container.streams[index]):
            if isinstance(frame, av.AudioFrame):
                yield from [frame] if resampler is None else resampler.resample(frame)
        if resampler is not None:
            yield from resampler.resample(None)


def _windows(path: Path, index: int, pulse: Pulse | None) -> Iterator[NDArray[np.float64]]:
    """Yield the samples of each window at 8 kHz, a row a channel."""
    window = int(_RATE * _WINDOW_S)
    rest: NDArray[np.float64] | None = None
    for frame in _frames(path, index, av.AudioResampler(format="fltp", rate=_RATE)):
        if pulse is not None:
            pulse()
        block = frame.to_ndarray().astype(float)
        block = block if rest is None else np.concatenate([rest, block], axis=1)
        whole = block.shape[1] // window
        yield from (block[:, n * window : (n + 1) * window] for n in range(whole))
        rest = block[:, whole * window :]


def _check(name: str, value: str, expected: str, *, passed: bool) -> CheckResult:
    message = f"It has {name}: {value}." if passed else f"Its {name} is {value}; {expected} is due."
    return CheckResult(name=name, passed=passed, value=value, expected=expected, message=message)
