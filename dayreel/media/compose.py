"""One final video from its segments: copied where they fit together, encoded exactly once where they do not.

The picture is copied when all parts share their codec parameters and nothing is drawn on top; the sound is always
brought to its loudness and encoded. What was written is measured before it gets its name.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import ffmpeg as graph

from dayreel.errors import MediaError
from dayreel.media.audio import (
    Level,
    Target,
    corrected_level,
    first_level,
    joined,
    levelled,
    narrated,
    narration_tempo,
)
from dayreel.media.loudness import AudioPart, Loudness, measure
from dayreel.media.picture import (
    LONGEST_HELD_FRAME_S,
    Fit,
    Frame,
    Node,
    Watermark,
    exact_rate,
    picture_chain,
    usual_rate,
    with_captions,
    with_watermark,
)
from dayreel.media.probe import Probe, probe
from dayreel.media.run import DEADLINE_S, ProgressCallback, atomic_output, run_ffmpeg
from dayreel.media.streams import AudioStream, VideoStream

LONGEST_MISS_S = 0.05
"""How far the total may be from the plan."""
_LOUDNESS_ROUNDS = 3
_MOST_ROUNDS = 7
_NOT_AT_START_S = 0.001
_HIGHEST_VIDEO_BIT_RATE = 20_000_000  # Instagram takes at most 25 Mbit/s


@dataclass(frozen=True)
class ComposePlan:
    """How a final video should be made.

    `fps` None takes the segments' own rate (the highest common one). `segment_duration_s` None takes each segment
    as long as it is; intro and outro are always taken whole. `narration` is spoken over the segments, after the
    intro. `metadata` becomes tags of the file, for instance a comment that says it is simulated.
    """

    width: int = 720
    height: int = 1280
    fps: Fraction | float | None = None
    segment_duration_s: float | None = None
    loudness_lufs: float = -14.0
    true_peak_dbtp: float = -1.0
    watermark: Path | None = None
    intro: Path | None = None
    outro: Path | None = None
    narration: Path | None = None
    captions: Path | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    fit: Fit = "crop"
    preset: str = "veryfast"
    crf: int = 20
    audio_bit_rate: int = 128_000

    @property
    def target(self) -> Target:
        """Where the sound should end."""
        return Target(self.loudness_lufs, self.true_peak_dbtp)


@dataclass(frozen=True)
class Composed:
    """What was written. Loudness and peak are None for a silent video; `why_encoded` is empty for a copy."""

    path: Path
    sha256: str
    size_bytes: int
    duration_s: float
    width: int
    height: int
    fps: Fraction
    loudness_lufs: float | None
    true_peak_dbtp: float | None
    mode: Literal["copy", "encode"]
    why_encoded: str


@dataclass(frozen=True)
class Part:
    """One source in its place, with the streams that are used and how long it lasts in the result."""

    path: Path
    video: VideoStream
    audio: AudioStream | None
    duration_s: float
    is_mp4: bool

    @property
    def sound(self) -> AudioPart:
        """The part's sound, or silence of the same length."""
        if self.audio is None:
            return AudioPart(None, 0, 0.0, self.duration_s)
        header_suffices = self.is_mp4 and self.audio.codec == "aac"
        return AudioPart(self.path, self.audio.index, 0.0, self.duration_s, header_suffices, self.audio.zero_s)


@dataclass(frozen=True)
class _Job:
    """Everything the steps of one composition share."""

    parts: tuple[Part, ...]
    plan: ComposePlan
    frame: Frame
    why_encoded: str
    doing: str
    ffmpeg: Path
    folder: Path
    deadline_s: float

    @property
    def total_s(self) -> float:
        return sum(part.duration_s for part in self.parts)

    @property
    def frames(self) -> list[int]:
        return [round(part.duration_s * self.frame.fps) for part in self.parts]


def compose(
    segments: Sequence[Path],
    dest: Path,
    *,
    plan: ComposePlan,
    ffmpeg: Path,
    progress: ProgressCallback | None = None,
    deadline_s: float = DEADLINE_S,
) -> Composed:
    """Make the final video at `dest` from `segments`, in order, and return what was measured on it.

    Args:
        segments: at least one media file with video.
        dest: an .mp4 path; it appears whole at the end or not at all. An existing file is replaced.
        progress: called with the finished share, 0.0 to 1.0.
        deadline_s: for each single run of ffmpeg.

    Raises:
        MediaError: a segment is missing, damaged or too short; the narration does not fit; the disk is full;
            ffmpeg failed. Nothing is left under `dest` that was not there before.
    """
    doing = f"compose {str(dest)!r}"
    if not segments:
        raise MediaError(f"Tried to {doing}; the list of segments is empty.")
    parts = _parts(segments, plan)
    frame = _frame(parts, plan)
    with atomic_output(dest, doing=doing) as written:
        job = _Job(parts, plan, frame, _copy_obstacle(parts, plan, frame), doing, ffmpeg, written.parent, deadline_s)
        job = _on_the_frame_grid(job)
        sound = [_narrated_sound(job)] if plan.narration else [part.sound for part in job.parts]
        # The sources' sound is measured before anything is encoded, so that most files are right after one pass;
        # `_corrected` repairs the rest on the sound alone.
        level = first_level(measure(sound, true_peak=False), plan.target)
        source = _encoded_picture(job) if job.why_encoded else _copied_picture(job)
        _write(job, source, sound, level, written, progress)
        measured = _corrected(job, sound, level, written)
        result = _result(job, probe(written), measured)
    if progress is not None:
        progress(1.0)
    return replace(result, path=dest)


def output_options(*, preset: str, crf: int, fps: Fraction, audio_bit_rate: int) -> dict[str, Any]:
    """Return the output options of everything dayreel encodes: H.264 High, closed GOP, AAC 48 kHz, moov first.

    No edit list is written, because Instagram refuses files with one; negative composition offsets keep the first
    picture at zero without it.
    """
    return {
        **encoder_options(preset=preset, crf=crf, fps=fps),
        **_container_options(audio_bit_rate),
    }


def encoder_options(*, preset: str, crf: int, fps: Fraction) -> dict[str, Any]:
    """Return the x264 options alone; two files made with the same ones can be joined without encoding."""
    return {
        "c:v": "libx264",
        "preset": preset,
        "crf": crf,
        "profile:v": "high",
        "pix_fmt": "yuv420p",
        "g": round(fps * 2),
        # Noise or confetti at constant quality can exceed what platforms accept, so CRF gets a ceiling.
        "maxrate": _HIGHEST_VIDEO_BIT_RATE,
        "bufsize": _HIGHEST_VIDEO_BIT_RATE,
        # Untagged video is guessed by every player; browsers and phones then show different colours for the same
        # file.
        "colorspace": "bt709",
        "color_primaries": "bt709",
        "color_trc": "bt709",
        "color_range": "tv",
        "video_track_timescale": 90_000,
    }


def _container_options(audio_bit_rate: int) -> dict[str, Any]:
    return {
        "c:a": "aac",
        "b:a": audio_bit_rate,
        "ar": 48_000,
        "ac": 2,
        "copyts": None,  # the graphs count from zero themselves, see `picture.at_zero`
        "map_metadata": -1,  # own footage often carries the place where it was filmed
        "map_chapters": -1,
        "movflags": "+faststart+negative_cts_offsets",
        "use_editlist": 0,
        "f": "mp4",
    }


def _parts(segments: Sequence[Path], plan: ComposePlan) -> tuple[Part, ...]:
    middle = [_part(path, plan.segment_duration_s, f"segment {n}") for n, path in enumerate(segments, 1)]
    before = [_part(plan.intro, None, "intro")] if plan.intro else []
    after = [_part(plan.outro, None, "outro")] if plan.outro else []
    return (*before, *middle, *after)


def _part(path: Path, duration_s: float | None, called: str) -> Part:
    facts = probe(path)
    video = facts.best_video_stream()
    lasts_s = video.ends_s
    if lasts_s <= 0:
        raise MediaError(f"Read {called} {str(path)!r}; it does not say how long it is.")
    if duration_s is not None and lasts_s < duration_s - LONGEST_HELD_FRAME_S:
        raise MediaError(
            f"Read {called} {str(path)!r}; it lasts {lasts_s:.2f} s and the plan needs {duration_s:.2f} s of it.",
            next_step="Make the segment again, or plan shorter segments.",
        )
    return Part(
        path=path,
        video=video,
        audio=facts.best_audio_stream(),
        duration_s=lasts_s if duration_s is None else duration_s,
        is_mp4=facts.moov_before_mdat is not None,
    )


def _frame(parts: Sequence[Part], plan: ComposePlan) -> Frame:
    own = max(usual_rate(part.video.fps) for part in parts)
    fps = own if plan.fps is None else exact_rate(plan.fps)
    return Frame(plan.width, plan.height, fps, plan.fit)


def _copy_obstacle(parts: Sequence[Part], plan: ComposePlan, frame: Frame) -> str:
    """Say why the picture cannot be copied; an empty answer means that it can."""
    if plan.watermark or plan.captions:
        return "something is drawn over the picture"
    first = parts[0].video
    for part in parts:
        why = _stream_obstacle(part.video, frame) or _difference(part.video, first)
        if why:
            return f"{part.path.name}: {why}"
    # Video models deliver a few frames more or less than asked for. A copy keeps them, and over many segments the
    # length would be off.
    miss_s = sum(part.video.ends_s for part in parts) - sum(part.duration_s for part in parts)
    if abs(miss_s) > LONGEST_MISS_S / 2:
        return f"the segments together are {miss_s:+.2f} s from the plan"
    return ""


def _stream_obstacle(stream: VideoStream, frame: Frame) -> str:
    checks = {
        f"codec {stream.codec}": stream.codec == "h264" and bool(stream.parameters),
        f"pixels {stream.pix_fmt}": stream.pix_fmt == "yuv420p" and not stream.is_full_range,
        "HDR": not stream.is_hdr,
        f"size {stream.width}x{stream.height}": (stream.width, stream.height) == (frame.width, frame.height),
        f"pixel aspect {stream.sar}": stream.sar == 1,
        f"rotated {stream.rotation}": stream.rotation == 0,
        "variable frame rate": stream.is_constant_rate,
        f"{float(stream.fps):.3f} fps": stream.fps == frame.fps,
        f"starts at {stream.start_s:.3f} s": abs(stream.start_s) <= _NOT_AT_START_S,
    }
    return next((why for why, holds in checks.items() if not holds), "")


def _difference(stream: VideoStream, first: VideoStream) -> str:
    # The concat demuxer writes only the first file's SPS/PPS. Parts with other ones decode to garbage in some
    # players.
    if stream.parameters != first.parameters:
        return "codec parameters differ from the first part's"
    if stream.index != first.index:
        return "the streams are in another order than the first part's"
    mine = (stream.color_space, stream.color_transfer, stream.color_primaries, stream.color_range)
    its = (first.color_space, first.color_transfer, first.color_primaries, first.color_range)
    return "" if mine == its else "colours are described differently from the first part's"


def _on_the_frame_grid(job: _Job) -> _Job:
    """Give every part the length its frames really have, so that sound and picture stay together."""
    fps = job.frame.fps
    parts = tuple(
        replace(
            part,
            duration_s=float((round(part.duration_s * fps) if job.why_encoded else part.video.frames) / fps),
        )
        for part in job.parts
    )
    return replace(job, parts=parts)


def _narrated_sound(job: _Job) -> AudioPart:
    """Mix the narration over the parts' sound into a scratch file, so that the mix can be measured."""
    path = job.plan.narration or Path()
    stream = probe(path).best_audio_stream()
    if stream is None:
        raise MediaError(f"Opened the narration {str(path)!r}; there is no sound in it.")
    voice = AudioPart(path, stream.index, 0.0, stream.duration_s, zero_s=stream.zero_s)
    starts_at_s = job.parts[0].duration_s if job.plan.intro else 0.0
    ends_at_s = job.total_s - (job.parts[-1].duration_s if job.plan.outro else 0.0)
    tempo = narration_tempo(voice.duration_s, ends_at_s - starts_at_s, path=path)
    bed = [part.sound for part in job.parts]
    mix = narrated(
        joined(bed, 0),
        measure(bed, true_peak=False),
        voice,
        measure([voice], true_peak=False),
        tempo=tempo,
        starts_at_s=starts_at_s,
        total_s=job.total_s,
    )
    mixed = job.folder / "mix.wav"
    # Float samples: the mix may exceed full scale until it is levelled, and integers would clip it here.
    spec = graph.output(mix, str(mixed), f="wav", **{"c:a": "pcm_f32le", "copyts": None})
    run_ffmpeg(
        spec,
        ffmpeg=job.ffmpeg,
        doing=f"mix the narration to {job.doing}",
        folder=job.folder.parent,
        deadline_s=job.deadline_s,
    )
    return AudioPart(mixed, 0, 0.0, job.total_s)


@dataclass(frozen=True)
class _Picture:
    """The picture of an output: a node, and the options that encode or copy it."""

    node: Node
    options: dict[str, Any]


def _copied_picture(job: _Job) -> _Picture:
    listed = job.folder / "parts.ffconcat"
    lines = ["ffconcat version 1.0"]
    for part in job.parts:
        # The quoting of ffconcat: a quote inside a quoted name is closed, escaped and opened again.
        quoted = str(part.path.absolute()).replace("'", r"'\''")
        lines += [f"file '{quoted}'", f"duration {part.duration_s:.6f}"]
    listed.write_text("\n".join(lines) + "\n", encoding="utf-8")
    # `safe=0` permits absolute paths; the whitelist keeps a crafted list from opening a network address.
    source = graph.input(str(listed), f="concat", safe=0, protocol_whitelist="file,pipe")
    return _Picture(source[str(job.parts[0].video.index)], {"c:v": "copy"})


def _encoded_picture(job: _Job) -> _Picture:
    chains = [
        picture_chain(part.path, 100 + n, part.video, job.frame, frames=frames)
        for n, (part, frames) in enumerate(zip(job.parts, job.frames, strict=True))
    ]
    node = chains[0] if len(chains) == 1 else graph.concat(*chains, v=1, a=0)
    if job.plan.watermark:
        node = with_watermark(node, Watermark(job.plan.watermark), job.frame, 300)
    if job.plan.captions:
        node = with_captions(node, job.plan.captions)
    options = encoder_options(preset=job.plan.preset, crf=job.plan.crf, fps=job.frame.fps)
    return _Picture(node, options)


def _write(
    job: _Job,
    picture: _Picture,
    sound: Sequence[AudioPart],
    level: Level | None,
    to: Path,
    progress: ProgressCallback | None = None,
) -> None:
    tags = {f"metadata:g:{n}": f"{key}={value}" for n, (key, value) in enumerate(job.plan.metadata.items())}
    heard = levelled(joined(sound, 0), level)
    options = {**_container_options(job.plan.audio_bit_rate), **picture.options, **tags}
    run_ffmpeg(
        graph.output(picture.node, heard, str(to), **options),
        ffmpeg=job.ffmpeg,
        doing=job.doing,
        folder=job.folder.parent,
        deadline_s=job.deadline_s,
        progress=progress,
        duration_s=job.total_s,
    )


def _corrected(job: _Job, sound: Sequence[AudioPart], level: Level | None, written: Path) -> Loudness:
    """Measure what was written and encode the sound again until it holds; the picture is copied from then on.

    What is returned is always measured on the file. Sound that cannot be brought to its target (a single click in
    silence) keeps under its peak and is returned as loud as it is, for the checks to report.
    """
    for round_number in range(_MOST_ROUNDS):
        # Encoding to AAC changes peaks, so only the encoded file says whether the limit holds.
        measured = measure([AudioPart(written, 1, 0.0, job.total_s + 1)], true_peak=True)
        if level is not None:
            # Loudness and peak can contradict each other (one click in silence). After three rounds the peak wins,
            # because platforms limit what exceeds it.
            peak_only = round_number >= _LOUDNESS_ROUNDS
            level = corrected_level(level, measured, job.plan.target, peak_only=peak_only)
        if level is None or round_number == _MOST_ROUNDS - 1:
            return measured
        again = written.with_name(f"again{round_number}.mp4")
        _write(job, _Picture(graph.input(str(written))["v:0"], {"c:v": "copy"}), sound, level, again)
        again.replace(written)
    raise AssertionError("the loop returns in its last round")


def _result(job: _Job, facts: Probe, measured: Loudness) -> Composed:
    """Compare what was written with the plan and describe it.

    Raises:
        MediaError: frames are missing, which means that a segment holds less than it announces.
    """
    video = facts.best_video_stream()
    due = sum(job.frames) if job.why_encoded else sum(part.video.frames for part in job.parts)
    # ffmpeg ends with 0 when an input is cut off: only counting frames notices it.
    if video.frames != due or abs(facts.duration_s - job.total_s) > LONGEST_MISS_S:
        raise MediaError(
            f"Tried to {job.doing}; {video.frames} frames and {facts.duration_s:.2f} s came out where {due} frames "
            f"and {job.total_s:.2f} s were due: a segment holds less picture than it announces.",
            next_step="Check the segments ("
            + ", ".join(part.path.name for part in job.parts)
            + ") and make the damaged one again.",
        )
    return Composed(
        path=facts.path,
        sha256=_sha256(facts.path),
        size_bytes=facts.size_bytes,
        duration_s=facts.duration_s,
        width=video.width,
        height=video.height,
        fps=video.fps,
        loudness_lufs=measured.integrated_lufs,
        true_peak_dbtp=measured.peak_db,
        mode="encode" if job.why_encoded else "copy",
        why_encoded=job.why_encoded,
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
