"""What plays when in a final video: its parts in their places on the frame grid, as one frozen value.

`ComposePlan` is what is asked for; `plan_edit` reads the files and makes an `Edit` of it, which says everything that
`edit_graph` and `mix` need to build their graphs. Nothing is rendered or measured here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from typing import Literal

from dayreel.errors import MediaError
from dayreel.media.audio import Target
from dayreel.media.grade import Grade
from dayreel.media.loudness import AudioPart
from dayreel.media.picture import LONGEST_HELD_FRAME_S, Fit, Frame, exact_rate, usual_rate
from dayreel.media.probe import probe
from dayreel.media.streams import AudioStream, VideoStream

LONGEST_MISS_S = 0.05
"""How far the total may be from the plan."""
_NOT_AT_START_S = 0.001

TRANSITIONS: Mapping[str, str] = {
    "crossfade": "fade",
    "dip_to_black": "fadeblack",
    "dip_to_white": "fadewhite",
    "slide": "slideup",
    "wipe": "smoothleft",
    "blur": "hblur",
    "circle": "circleopen",
}
"""What a channel calls a transition, and FFmpeg's xfade."""

PartRole = Literal["intro", "segment", "end_card", "outro"]


@dataclass(frozen=True)
class TransitionPlan:
    """How one segment becomes the next: one of `TRANSITIONS`; both are seen and heard for `duration_s`."""

    kind: str
    duration_s: float


@dataclass(frozen=True)
class Music:
    """Music under segments and end card, from its beginning, again and again where it is shorter.

    Attributes:
        below_db: how much quieter than the voice it is; where nobody speaks, than the segments' own sound.
        duck_db: how much quieter again while somebody speaks.
    """

    path: Path
    below_db: float = 8.0
    duck_db: float = 8.0
    fade_in_s: float = 0.5
    fade_out_s: float = 1.5


@dataclass(frozen=True)
class ComposePlan:
    """How a final video should be made.

    `fps` None takes the segments' own rate (the highest common one). `segment_duration_s` None takes each segment
    as long as it is; intro, end card and outro are always taken whole. `narration` is spoken over the segments, after
    the intro. `transition` stands between segments and before the end card, which is a film as well; `grade` changes
    the segments alone. `captions` and `titles` are ASS or SRT files. `metadata` becomes tags of the file, for instance
    a comment that says it is simulated.
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
    music: Music | None = None
    transition: TransitionPlan | None = None
    grade: Grade | None = None
    titles: Path | None = None
    end_card: Path | None = None
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
class Part:
    """One source in its place: the streams that are used, and how long it lasts in the result.

    For the first `overlap_s` the part before it is still seen and heard.
    """

    path: Path
    role: PartRole
    video: VideoStream
    audio: AudioStream | None
    duration_s: float
    overlap_s: float
    is_mp4: bool

    @property
    def sound(self) -> AudioPart:
        """The part's sound, or silence of the same length."""
        if self.audio is None:
            return AudioPart(None, 0, 0.0, self.duration_s)
        header_suffices = self.is_mp4 and self.audio.codec == "aac"
        return AudioPart(self.path, self.audio.index, 0.0, self.duration_s, header_suffices, self.audio.zero_s)


@dataclass(frozen=True)
class Edit:
    """What plays when. Every duration is a whole number of frames; `why_encoded` is empty where pictures are copied."""

    plan: ComposePlan
    frame: Frame
    parts: tuple[Part, ...]
    why_encoded: str

    @property
    def starts_s(self) -> tuple[float, ...]:
        """When each part begins."""
        kept_s = [part.duration_s for part in self.parts]
        ends_s = accumulate(kept - part.overlap_s for kept, part in zip(kept_s, self.parts, strict=True))
        return tuple(end - part.duration_s for end, part in zip(ends_s, self.parts, strict=True))

    @property
    def total_s(self) -> float:
        """How long the video is."""
        return sum(part.duration_s - part.overlap_s for part in self.parts)

    @property
    def frames(self) -> list[int]:
        """How many frames each part has."""
        return [round(part.duration_s * self.frame.fps) for part in self.parts]

    @property
    def due_frames(self) -> int:
        """How many frames the video has."""
        if not self.why_encoded:
            return sum(part.video.frames for part in self.parts)
        return sum(self.frames) - sum(round(part.overlap_s * self.frame.fps) for part in self.parts)

    def span_s(self, *roles: PartRole) -> tuple[float, float]:
        """Return from when to when parts of these roles play."""
        spans = [
            (start, start + part.duration_s)
            for start, part in zip(self.starts_s, self.parts, strict=True)
            if part.role in roles
        ]
        return spans[0][0], spans[-1][1]


def plan_edit(segments: Sequence[Path], plan: ComposePlan) -> Edit:
    """Read the files and put them in their places.

    Raises:
        MediaError: a file is missing, damaged or too short, or a transition is as long as a part.
    """
    parts = tuple(_parts(segments, plan))
    own = max(usual_rate(part.video.fps) for part in parts)
    frame = Frame(plan.width, plan.height, own if plan.fps is None else exact_rate(plan.fps), plan.fit)
    return _on_the_frame_grid(Edit(plan, frame, parts, _copy_obstacle(parts, plan, frame)))


def _parts(segments: Sequence[Path], plan: ComposePlan) -> Iterator[Part]:
    overlap_s = plan.transition.duration_s if plan.transition else 0.0
    if plan.intro:
        yield _part(plan.intro, "intro", None, "intro")
    for number, path in enumerate(segments, 1):
        part = _part(path, "segment", plan.segment_duration_s, f"segment {number}")
        yield _overlapping(part, overlap_s if number > 1 else 0.0)
    if plan.end_card:
        yield _overlapping(_part(plan.end_card, "end_card", None, "end card"), overlap_s)
    if plan.outro:
        yield _part(plan.outro, "outro", None, "outro")


def _part(path: Path, role: PartRole, duration_s: float | None, called: str) -> Part:
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
        role=role,
        video=video,
        audio=facts.best_audio_stream(),
        duration_s=lasts_s if duration_s is None else duration_s,
        overlap_s=0.0,
        is_mp4=facts.moov_before_mdat is not None,
    )


def _overlapping(part: Part, overlap_s: float) -> Part:
    # Where two transitions of one part met, three pictures would be seen at once.
    if 2 * overlap_s > part.duration_s:
        raise MediaError(
            f"Read {part.path.name!r}; it lasts {part.duration_s:.2f} s, too little for a transition of "
            f"{overlap_s:.2f} s at either end.",
            next_step="Choose a shorter `edit.transition.duration_s`, or longer segments.",
        )
    return replace(part, overlap_s=overlap_s)


def _copy_obstacle(parts: Sequence[Part], plan: ComposePlan, frame: Frame) -> str:
    """Say why the picture cannot be copied; an empty answer means that it can."""
    if plan.watermark or plan.captions or plan.titles:
        return "something is drawn over the picture"
    if plan.grade:
        return "the segments are graded"
    if any(part.overlap_s for part in parts):
        return "segments lead into one another"
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


def _on_the_frame_grid(edit: Edit) -> Edit:
    """Give every part the length its frames really have, so that sound and picture stay together."""
    fps = edit.frame.fps
    parts = tuple(
        replace(
            part,
            duration_s=float((round(part.duration_s * fps) if edit.why_encoded else part.video.frames) / fps),
            overlap_s=float(round(part.overlap_s * fps) / fps),
        )
        for part in edit.parts
    )
    return replace(edit, parts=parts)
