"""How loud sound is: EBU R128 integrated loudness, range and peak, measured in this process with FFmpeg's ebur128.

Bringing sound to a target belongs in `audio`; judging a final video in `checks`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import av.filter
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream

from dayreel.errors import MediaError
from dayreel.media.probe import ONLY_FILES

SAMPLE_RATE = 48_000
GATE_LUFS = -70.0
"""The absolute gate of EBU R128: what lies below it counts as silence."""
_DRAIN_EVERY = 400
_ONLY_AAC = {"codec_whitelist": "aac"}
"""Without it FFmpeg decodes pictures while it opens a file, to learn what nobody asks here."""


@dataclass(frozen=True)
class AudioPart:
    """A stretch of sound: `duration_s` from `start_s` of stream `index` of `path`; silence when `path` is None.

    `start_s` is on the file's clock, which begins where the container counts `zero_s`.

    `header_suffices` spares FFmpeg from decoding some of the file to learn what it holds; true for AAC in MP4.
    """

    path: Path | None
    index: int
    start_s: float
    duration_s: float
    header_suffices: bool = False
    zero_s: float = 0.0


@dataclass(frozen=True)
class Loudness:
    """What ebur128 measured. `integrated_lufs` and `peak_db` are None for silence.

    `peak_db` is dBTP where the true peak was asked for, else dBFS of the highest sample.
    """

    integrated_lufs: float | None
    peak_db: float | None


def measure(parts: Sequence[AudioPart], *, true_peak: bool) -> Loudness:
    """Measure the parts as one programme, in the order given, resampled to 48 kHz stereo.

    Args:
        parts: what is heard one after the other; silent parts do not count, as in R128.
        true_peak: oversample to find the peak between samples; costs as much again as everything else.

    Raises:
        MediaError: a part does not decode.
    """
    meter = _Meter(true_peak=true_peak)
    for part in parts:
        if part.path is not None:
            _feed(meter, part, part.path)
    return meter.result()


class _Meter:
    """One ebur128 filter that any number of files are pushed through."""

    def __init__(self, *, true_peak: bool) -> None:
        self._graph = av.filter.Graph()
        self._source = self._graph.add_abuffer(sample_rate=SAMPLE_RATE, format="fltp", layout="stereo", time_base=None)
        kind = "true" if true_peak else "sample"
        self._peak_key = f"lavfi.r128.{kind}_peak"
        meter = self._graph.add("ebur128", f"peak={kind}:framelog=quiet:metadata=1")
        self._sink = self._graph.add("abuffersink")
        self._source.link_to(meter)
        meter.link_to(self._sink)
        self._graph.configure()
        self._last: dict[str, str] = {}
        self._highest_sample = 0.0
        self._pushed = 0

    def push(self, frame: AudioFrame | None) -> None:
        if frame is not None:
            frame.pts = None
        self._source.push(frame)
        self._pushed += 1
        if frame is None or self._pushed % _DRAIN_EVERY == 0:
            self._drain()

    def result(self) -> Loudness:
        self.push(None)
        lufs = float(self._last.get("lavfi.r128.I", GATE_LUFS))
        peak = max(float(self._last.get(self._peak_key, 0.0)), self._highest_sample)
        return Loudness(
            integrated_lufs=lufs if math.isfinite(lufs) and lufs > GATE_LUFS else None,
            peak_db=20 * math.log10(peak) if peak > 0 else None,
        )

    def _drain(self) -> None:
        """Empty the sink, so that memory does not grow with the file; keep the newest running values.

        The filter reports peaks with three decimals, which is nothing at all for very quiet sound, so the highest
        sample is kept beside it.
        """
        while True:
            try:
                frame = self._sink.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            assert isinstance(frame, AudioFrame)  # noqa: S101 - an audio sink gives nothing else
            self._highest_sample = max(self._highest_sample, float(np.abs(frame.to_ndarray()).max(initial=0.0)))
            if frame.metadata:
                self._last = frame.metadata


def _feed(meter: _Meter, part: AudioPart, path: Path) -> None:
    try:
        with av.open(str(path), options=ONLY_FILES | (_ONLY_AAC if part.header_suffices else {})) as container:
            stream = container.streams[part.index]
            if not isinstance(stream, AudioStream):
                raise MediaError(f"Measured the loudness of {str(path)!r}; stream {part.index} is not sound.")
            resampler = AudioResampler(format="fltp", layout="stereo", rate=SAMPLE_RATE)
            if part.start_s > 0:
                container.seek(int((part.zero_s + part.start_s) * av.time_base))
            ends_s = part.start_s + part.duration_s
            for frame in container.decode(stream):
                at_s = (frame.time or 0.0) - part.zero_s
                if at_s >= ends_s:
                    break
                if at_s + frame.samples / frame.sample_rate > part.start_s:
                    for piece in resampler.resample(frame):
                        meter.push(piece)
            for piece in resampler.resample(None):
                meter.push(piece)
    except av.error.FFmpegError as error:
        raise MediaError(
            f"Measured the loudness of {str(path)!r}; its sound does not decode: {error.strerror}."
        ) from error
