"""Segments cut from own footage: any size, rate, codec, colour or orientation becomes one uniform 9:16 segment.

What comes out of here shares its codec parameters, so that `compose` can copy the picture. Choosing which footage to
use, and from where, belongs to the provider that offers it.
"""

import contextlib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import ffmpeg as graph

from dayreel.errors import MediaError
from dayreel.media.audio import joined, levelled
from dayreel.media.encoding import output_options
from dayreel.media.loudness import SAMPLE_RATE, AudioPart
from dayreel.media.picture import Fit, Frame, Node, exact_rate, picture_chain, seek_options, source_input
from dayreel.media.probe import ONLY_FILES, Probe, probe
from dayreel.media.run import DEADLINE_S, atomic_output, run_ffmpeg
from dayreel.media.streams import AudioStream, VideoStream

PRESET = "veryfast"
CRF = 18
"""Better than the final video's, because overlays may make it be encoded once more."""
AUDIO_BIT_RATE = 192_000
_MAY_LACK_FRAMES = 1
_SHORTEST_LOOP_S = 0.2
_SOUND_BEFORE_S, _SOUND_AFTER_S = 4.0, 10.0
"""FFmpeg reads from further back, and ahead of what it has to write."""


@dataclass(frozen=True)
class _Piece:
    """A stretch of the source; `start_s` on its clock."""

    start_s: float
    frames: int


def cut_segment(
    source: Path,
    dest: Path,
    *,
    start_s: float,
    duration_s: float,
    width: int,
    height: int,
    fps: Fraction | float,
    ffmpeg: Path,
    stream: int | None = None,
    fit: Fit = "crop",
    loop: bool = False,
    deadline_s: float = DEADLINE_S,
) -> Path:
    """Cut `duration_s` from `start_s` of `source` into `dest`, an H.264 and AAC segment of exactly that geometry.

    What is shown and heard at a moment of the source is shown and heard together in the segment.

    Args:
        start_s: on the source's clock, which players show; where no picture is shown yet, the first one is held.
        stream: index of the video stream in the file; None takes the largest.
        fit: "crop" fills the frame, "pad" shows everything with bars.
        loop: begin again at the start where the source ends early; otherwise that is an error.

    Returns:
        `dest`. It has a stereo track even where the source has no sound.

    Raises:
        MediaError: not media, damaged, cut off, no video, no such stream, or shorter than asked (says what it has).
    """
    facts = probe(source)
    video = facts.best_video_stream(stream)
    rate = exact_rate(fps)
    doing = f"cut {duration_s:.2f} s from {start_s:.2f} s of {str(source)!r}"
    pieces = _pieces(video, start_s, round(duration_s * rate), rate, loop=loop, doing=doing)
    with atomic_output(dest, doing=doing) as written:
        if facts.clock_jumps:
            facts = _straightened(facts, video, written.with_name("straight.mkv"), ffmpeg, doing, deadline_s)
            source, video = facts.path, facts.best_video_stream()
        heard = _Heard.of(facts)
        if heard is not None and heard.changes_between(pieces, rate):
            heard = heard.evened(pieces, rate, written.with_name("even.mkv"), ffmpeg, doing, deadline_s)
        spec = graph.output(
            _picture(source, video, Frame(width, height, rate, fit), pieces),
            _sound(heard, pieces, rate),
            str(written),
            **output_options(preset=PRESET, crf=CRF, fps=rate, audio_bit_rate=AUDIO_BIT_RATE),
        )
        run_ffmpeg(spec, ffmpeg=ffmpeg, doing=doing, folder=dest.parent, deadline_s=deadline_s)
        _refuse_other_length(probe(written).best_video_stream(), sum(piece.frames for piece in pieces), doing)
    return dest


def _straightened(facts: Probe, video: VideoStream, to: Path, ffmpeg: Path, doing: str, deadline_s: float) -> Probe:
    """Copy what is used of a file whose clock jumps into one whose clock goes on, as FFmpeg does by itself."""
    source = source_input(facts.path, 0, fflags="+genpts")
    audio = facts.best_audio_stream()
    streams = [source[str(stream.index)] for stream in (video, audio) if stream]
    spec = graph.output(*streams, str(to), c="copy", f="matroska")
    run_ffmpeg(spec, ffmpeg=ffmpeg, doing=doing, folder=to.parent.parent, deadline_s=deadline_s)
    return probe(to)


def _pieces(video: VideoStream, start_s: float, frames: int, fps: Fraction, *, loop: bool, doing: str) -> list[_Piece]:
    """Return the stretches that together give `frames` frames: one, or several when the source is repeated."""
    if start_s < 0 or frames < 1:
        raise MediaError(f"Tried to {doing}; the start must not be negative and the duration not zero.")
    has_frames = int((video.ends_s - start_s) * fps + _MAY_LACK_FRAMES)
    if has_frames >= frames:
        return [_Piece(start_s, frames)]
    if not loop or video.duration_s < _SHORTEST_LOOP_S:
        raise MediaError(
            f"Tried to {doing}; its video stream {video.index} ends at {video.ends_s:.2f} s.",
            next_step="Ask for less, start earlier, choose other footage, or allow it to loop.",
        )
    start_s = video.start_s + max(0.0, start_s - video.start_s) % video.duration_s
    pieces: list[_Piece] = []
    while frames > 0:
        length = min(frames, max(1, int((video.ends_s - start_s) * fps)))
        pieces.append(_Piece(start_s, length))
        frames -= length
        start_s = video.start_s
    return pieces


def _picture(source: Path, video: VideoStream, frame: Frame, pieces: list[_Piece]) -> Node:
    chains = [
        picture_chain(source, 100 + n, video, frame, frames=piece.frames, at_s=piece.start_s)
        for n, piece in enumerate(pieces)
    ]
    return chains[0] if len(chains) == 1 else graph.concat(*chains, v=1, a=0)


@dataclass(frozen=True)
class _Heard:
    """The sound that is cut; `later_s` is by how much the clock of its file runs behind that of the picture's."""

    path: Path
    audio: AudioStream
    later_s: float = 0.0

    @classmethod
    def of(cls, facts: Probe) -> "_Heard | None":
        audio = facts.best_audio_stream()
        return cls(facts.path, audio) if audio else None

    def part(self, piece: _Piece, fps: Fraction) -> AudioPart:
        start_s, lasts_s = piece.start_s - self.later_s, float(piece.frames / fps)
        return AudioPart(self.path, self.audio.index, start_s, lasts_s, zero_s=self.audio.zero_s)

    def changes_between(self, pieces: list[_Piece], fps: Fraction) -> bool:
        """Return whether it continues with other channels or another rate: broadcasts do, from surround to stereo.

        FFmpeg then begins its whole graph again, that of the picture too, and one frame comes out twice.
        """
        begin_s, end_s = _around(pieces, fps)
        kinds: set[tuple[str, str, int]] = set()
        # What cannot be read has no kind, and FFmpeg judges it; a stream that is announced late has no number here.
        with (
            contextlib.suppress(av.error.FFmpegError, IndexError),
            av.open(str(self.path), options=ONLY_FILES) as container,
        ):
            stream = next(sound for sound in container.streams.audio if sound.index == self.audio.index)
            if begin_s > 0:
                with contextlib.suppress(av.error.PermissionError):  # Flash video without an index: from the beginning
                    container.seek(round((self.audio.zero_s + begin_s) * av.time_base))
            for packet in container.demux(stream):
                with contextlib.suppress(av.error.InvalidDataError):
                    kinds |= {(f.format.name, f.layout.name, f.sample_rate) for f in packet.decode()}
                at_s = float((packet.pts or 0) * packet.time_base) - self.audio.zero_s if packet.time_base else 0.0
                if len(kinds) > 1 or at_s > end_s:
                    break
        return len(kinds) > 1

    def evened(
        self, pieces: list[_Piece], fps: Fraction, to: Path, ffmpeg: Path, doing: str, deadline_s: float
    ) -> "_Heard":
        """Write what is used of it at one rate in stereo, every sample where it was."""
        begin_s, end_s = _around(pieces, fps)
        seek = seek_options(begin_s)
        source = source_input(self.path, 0, vn=None, t=f"{end_s - (begin_s if seek else 0.0):.6f}", **seek)
        spec = graph.output(
            source[str(self.audio.index)], str(to), acodec="pcm_s16le", ar=SAMPLE_RATE, ac=2, copyts=None
        )
        run_ffmpeg(spec, ffmpeg=ffmpeg, doing=doing, folder=to.parent.parent, deadline_s=deadline_s)
        audio = probe(to).audio[0]
        return _Heard(to, audio, audio.zero_s - self.audio.zero_s)


def _around(pieces: list[_Piece], fps: Fraction) -> tuple[float, float]:
    """Return from when to when FFmpeg may read for these pieces, on the clock of their file."""
    ends_s = max(piece.start_s + float(piece.frames / fps) for piece in pieces)
    return min(piece.start_s for piece in pieces) - _SOUND_BEFORE_S, ends_s + _SOUND_AFTER_S


def _sound(heard: _Heard | None, pieces: list[_Piece], fps: Fraction) -> Node:
    parts = [
        heard.part(piece, fps) if heard else AudioPart(None, 0, piece.start_s, float(piece.frames / fps))
        for piece in pieces
    ]
    return levelled(joined(parts, 0), None)


def _refuse_other_length(written: VideoStream, due: int, doing: str) -> None:
    if written.frames < due:
        raise MediaError(
            f"Tried to {doing}; only {written.frames} of {due} frames came out: the source is damaged or cut off.",
            next_step="Play the source to see where it stops, and export it again.",
        )
    if written.frames > due:
        raise MediaError(
            f"Tried to {doing}; {written.frames} frames came out where {due} are due: the picture changes its size or "
            "format on the way, as a broadcast does between programmes, and FFmpeg began again there.",
            next_step="Cut another stretch, or encode the source once with one size (HandBrake does).",
        )
