"""Which streams of a file a remux keeps, and why not the others. Pure: from what the file holds and the plan.

A person sees the same list at the remux review and may name the streams instead. Copying them is `remux`.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from dayreel.errors import MediaError
from dayreel.footage.schemas.library import RemuxPlan
from dayreel.media.probe import Probe
from dayreel.media.streams import AudioStream, Labels, OtherStream, SubtitleStream, VideoStream

StreamKind = Literal["video", "sound", "subtitles", "cover", "font", "other"]

_SOUND_IN_MATROSKA = (
    *("aac", "ac3", "eac3", "dts", "truehd", "mlp", "flac", "alac", "opus", "vorbis", "mp1", "mp2", "mp3", "tta"),
    *("wavpack", "wmav1", "wmav2", "wmapro", "wmalossless", "pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le"),
    *("pcm_s16be", "pcm_s24be", "pcm_s32be", "pcm_f32le", "pcm_f64le"),
)
_SUBTITLES_IN_MATROSKA = (
    *("subrip", "text", "ass", "ssa", "webvtt"),
    *("hdmv_pgs_subtitle", "hdmv_text_subtitle", "dvd_subtitle", "dvb_subtitle"),
)
_SUBTITLES_AS_TEXT = ("mov_text", "eia_608", "microdvd", "subviewer", "sami")
_COVERS = ("mjpeg", "png")
# ISO 639-2 has two codes for these languages; MP4 writes the first, Matroska the second.
_TERMINOLOGIC = (
    "sqi",
    "hye",
    "eus",
    "mya",
    "zho",
    "ces",
    "nld",
    "fra",
    "kat",
    "deu",
    "ell",
    "isl",
    "mkd",
    "mri",
    "msa",
)
_BIBLIOGRAPHIC = (
    "alb",
    "arm",
    "baq",
    "bur",
    "chi",
    "cze",
    "dut",
    "fre",
    "geo",
    "ger",
    "gre",
    "ice",
    "mac",
    "mao",
    "may",
)
_TWINS = dict(
    zip(
        (*_TERMINOLOGIC, "fas", "ron", "slk", "bod", "cym"),
        (*_BIBLIOGRAPHIC, "per", "rum", "slo", "tib", "wel"),
        strict=True,
    )
)


@dataclass(frozen=True)
class StreamChoice:
    """One stream and what becomes of it.

    Attributes:
        index: in the source file.
        detail: what a person recognises it by: size and rate, channels.
        becomes: codec it is written as; the same as `codec` where it is copied.
        reason: why it is kept or dropped, as a clause.
    """

    index: int
    kind: StreamKind
    codec: str
    language: str
    title: str
    detail: str
    is_kept: bool
    becomes: str
    reason: str


@dataclass(frozen=True)
class StreamChoices:
    """Every stream of a file, in its order."""

    streams: tuple[StreamChoice, ...]

    @property
    def kept(self) -> tuple[StreamChoice, ...]:
        """The streams that are kept, in the file's order."""
        return tuple(stream for stream in self.streams if stream.is_kept)

    @property
    def dropped(self) -> tuple[StreamChoice, ...]:
        """The streams that are not, each with its reason."""
        return tuple(stream for stream in self.streams if not stream.is_kept)


def choose_streams(facts: Probe, plan: RemuxPlan, only: Collection[int] | None = None) -> StreamChoices:
    """Decide about every stream of a file.

    Args:
        only: indexes of the streams to keep, named by a person, instead of what the plan says.

    Raises:
        MediaError: there is no moving picture, or `only` names a stream that is not there or leaves out the picture.
    """
    best = facts.best_video_stream()
    if only is not None:
        _refuse_odd(facts, only)
    choices = [
        *(_picture(stream, best, facts) for stream in facts.video),
        *_sounds(facts, plan),
        *(_subtitles(stream, plan) for stream in facts.subtitles),
        *(_other(stream) for stream in facts.others),
    ]
    ordered = sorted(choices, key=lambda stream: stream.index)
    return StreamChoices(tuple(stream if only is None else _as_named(stream, only) for stream in ordered))


def same_language(first: str, other: str) -> bool:
    """Return whether two ISO 639-2 codes mean the same language: "deu" and "ger" do."""
    return _TWINS.get(first.lower(), first.lower()) == _TWINS.get(other.lower(), other.lower())


def _refuse_odd(facts: Probe, only: Collection[int]) -> None:
    groups = (facts.video, facts.audio, facts.subtitles, facts.others)
    there = {stream.index for group in groups for stream in group}
    missing = sorted(set(only) - there)
    if missing:
        raise MediaError(
            f"Chose the streams of {str(facts.path)!r}; {missing} are not among its streams {sorted(there)}.",
            next_step="Name streams of the list that the review shows.",
        )
    if not any(stream.index in only for stream in facts.video if not stream.is_attached_picture):
        raise MediaError(
            f"Chose the streams of {str(facts.path)!r}; {sorted(only)} leaves out every moving picture.",
            next_step="Name a video stream too.",
        )


def _as_named(choice: StreamChoice, only: Collection[int]) -> StreamChoice:
    if choice.is_kept == (choice.index in only):
        return choice
    if not choice.is_kept and not choice.becomes:
        raise MediaError(
            f"Chose stream {choice.index} ({choice.codec or choice.kind}); it cannot be kept: {choice.reason}.",
            next_step="Leave it out.",
        )
    reason = "a person left it out" if choice.is_kept else "a person chose it"
    return replace(choice, is_kept=not choice.is_kept, reason=reason)


def _picture(stream: VideoStream, best: VideoStream, facts: Probe) -> StreamChoice:
    detail = f"{stream.width}x{stream.height}"
    if not stream.is_attached_picture:
        detail += f", {float(stream.fps):.5g} fps" + (", HDR" if stream.is_hdr else "")
        if stream.index == best.index:
            return _choice(stream, "video", detail, kept=True, reason="the largest picture")
        return _choice(stream, "video", detail, kept=False, reason=f"stream {best.index} is the main picture")
    covers = [each.index for each in facts.video if each.is_attached_picture and each.codec in _COVERS]
    if stream.index not in covers:
        return _choice(stream, "cover", detail, kept=False, becomes="", reason=f"a cover may not be {stream.codec}")
    if stream.index != covers[0]:
        return _choice(stream, "cover", detail, kept=False, becomes="", reason="one cover is enough")
    return _choice(stream, "cover", detail, kept=True, reason="the cover picture")


def _sounds(facts: Probe, plan: RemuxPlan) -> Iterator[StreamChoice]:
    """Yield a choice per sound stream; a plan that would leave the picture without sound keeps what there is."""
    refusals = {stream.index: _unwanted(stream, plan) for stream in facts.audio}
    spared: set[int] = set()
    if all(refusals.values()):
        spared = {track.index for track in facts.audio if not track.is_commentary} or set(refusals)
    for stream in facts.audio:
        why_not = refusals[stream.index]
        is_kept = not why_not or stream.index in spared
        becomes = _sound_codec(stream)
        reason = why_not if not is_kept else f"{why_not}, but there is no other sound" if why_not else "wanted"
        yield _choice(
            stream,
            "sound",
            f"{stream.channels} channels, {stream.sample_rate} Hz",
            kept=is_kept,
            becomes=becomes,
            reason=_with_change(reason, stream, becomes) if is_kept else reason,
        )


def _sound_codec(stream: AudioStream) -> str:
    if stream.codec in _SOUND_IN_MATROSKA:
        return stream.codec
    return "flac" if stream.codec.startswith("pcm_") else "aac"


def _subtitles(stream: SubtitleStream, plan: RemuxPlan) -> StreamChoice:
    becomes = (
        stream.codec
        if stream.codec in _SUBTITLES_IN_MATROSKA
        else "subrip"
        if stream.codec in _SUBTITLES_AS_TEXT
        else ""
    )
    why_not = "the plan keeps no subtitles" if not plan.subtitles else _unwanted(stream, plan)
    if not becomes:
        why_not = f"Matroska cannot hold {stream.codec}"
    if why_not:
        return _choice(stream, "subtitles", _forced(stream), kept=False, becomes=becomes, reason=why_not)
    reason = _with_change("wanted", stream, becomes)
    return _choice(stream, "subtitles", _forced(stream), kept=True, becomes=becomes, reason=reason)


def _forced(stream: SubtitleStream) -> str:
    return "forced" if stream.is_forced else ""


def _other(stream: OtherStream) -> StreamChoice:
    if stream.kind == "attachment":
        return _choice(stream, "font", "", kept=True, reason="subtitles may need it")
    why = "nothing decodes it" if stream.kind == "unreadable" else "neither picture nor sound nor subtitles"
    return _choice(stream, "other", "", kept=False, becomes="", reason=why)


def _unwanted(stream: AudioStream | SubtitleStream, plan: RemuxPlan) -> str:
    """Say why the plan does not want a stream; empty where it does."""
    if stream.is_commentary and not plan.commentary:
        return "a commentary"
    if plan.languages and not any(same_language(stream.language, wanted) for wanted in plan.languages):
        return f"its language is {stream.language}"
    return ""


def _with_change(reason: str, stream: AudioStream | SubtitleStream, becomes: str) -> str:
    return (
        reason if becomes == stream.codec else f"{reason}; Matroska cannot hold {stream.codec}, so it becomes {becomes}"
    )


def _choice(
    stream: VideoStream | AudioStream | SubtitleStream | OtherStream,
    kind: StreamKind,
    detail: str,
    *,
    kept: bool,
    reason: str,
    becomes: str | None = None,
) -> StreamChoice:
    labels = stream if isinstance(stream, Labels) else Labels()
    return StreamChoice(
        index=stream.index,
        kind=kind,
        codec=stream.codec,
        language=labels.language,
        title=labels.title,
        detail=detail,
        is_kept=kept,
        becomes=stream.codec if becomes is None else becomes,
        reason=reason,
    )
