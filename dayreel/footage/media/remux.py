"""A media file's streams copied into Matroska: chosen, labelled, with chapters; nothing that can be copied is encoded.

What is kept is decided in `choose_streams`; encoding the picture is `transcode`, which carries the other streams over
with what is here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Required, TypedDict, Unpack

import av
import ffmpeg as graph

from dayreel.errors import MediaError
from dayreel.footage.media.choose_streams import StreamChoice, StreamChoices, same_language
from dayreel.media.picture import Node, source_input
from dayreel.media.probe import ONLY_FILES, Probe, probe
from dayreel.media.run import ProgressCallback, Pulse, atomic_output, run_ffmpeg
from dayreel.media.timeline import lacks_moments

MATROSKA = ".mkv"
_AAC_BIT_RATE_PER_CHANNEL = 96_000
_LAYERS = {"mp2": "mp3"}
"""A transport stream says "MPEG audio" of both; which one it is, is seen where the sound begins, which may be late."""
_PICTURE_TYPES = {"mjpeg": ("jpg", "image/jpeg"), "png": ("png", "image/png")}


class Running(TypedDict, total=False):
    """How ffmpeg is run, see `dayreel.media.run.run_ffmpeg`."""

    ffmpeg: Required[Path]
    deadline_s: float
    progress: ProgressCallback | None
    pulse: Pulse | None


@dataclass(frozen=True)
class EncodedPicture:
    """A picture that is encoded: its filtered node, its codec, and what raises when it came out otherwise."""

    node: Node
    codec: str
    refuse_other: Callable[[Probe], None]


@dataclass(frozen=True)
class Carried:
    """The streams of an output: what to map, in order, and the options that name, copy or encode each."""

    streams: tuple[Node, ...]
    options: Mapping[str, Any]


def remux(
    source: Path,
    dest: Path,
    choices: StreamChoices,
    **running: Unpack[Running],
) -> Probe:
    """Copy the chosen streams of `source` into `dest`, an .mkv, and return what was written.

    Raises:
        MediaError: the source is damaged, or what came out is not what was chosen.
        UnfinishedError: disk full, deadline, ended from outside. Nothing is left under `dest` in any case.
    """
    doing = f"remux {str(source)!r}"
    return write_film(probe(source), dest, choices, {"strict": "unofficial"}, doing=doing, **running)


def write_film(
    facts: Probe,
    dest: Path,
    choices: StreamChoices,
    options: Mapping[str, Any],
    *,
    doing: str,
    picture: EncodedPicture | None = None,
    **running: Unpack[Running],
) -> Probe:
    """Write the kept streams of a file into `dest`, look at what came out, and only then give it its name.

    Args:
        options: ffmpeg's, for the output.
        doing: what is tried, for errors.
        picture: the encoded picture, in place of the main video stream.

    Raises:
        MediaError, UnfinishedError: as `remux`.
    """
    with atomic_output(dest, doing=doing) as written:
        carried = carry_over(facts, choices, written.parent, picture.node if picture else None)
        spec = graph.output(*carried.streams, str(written), f="matroska", **{**carried.options, **options})
        run_ffmpeg(spec, doing=doing, folder=dest.parent, duration_s=facts.duration_s, **running)
        made = probe(written)
        refuse_other_streams(made, choices, doing, picture_codec=picture.codec if picture else None)
        if picture is not None:
            picture.refuse_other(made)
    return replace(made, path=dest)


def film_input(facts: Probe, **seek: Any) -> Node:
    """Open a film whose streams are carried over. Moments that a picture lacks are made up, but not for decoding."""
    return source_input(facts.path, 0, **({} if lacks_moments(facts) else {"fflags": "+genpts"}), **seek)


def carry_over(facts: Probe, choices: StreamChoices, scratch: Path, picture: Node | None = None) -> Carried:
    """Map the kept streams of a file, copied wherever Matroska can hold them.

    Args:
        scratch: folder for the cover, which Matroska wants as an attached file.
        picture: the filtered picture, in place of the main video stream; its codec options are the caller's.
    """
    source = film_input(facts)
    streams: list[Node] = []
    options: dict[str, Any] = {"map_metadata": 0, "map_chapters": 0}
    main = facts.best_video_stream().index
    kept = [stream for stream in choices.kept if stream.kind != "cover"]
    for place, stream in enumerate(kept):
        is_encoded = picture is not None and stream.index == main
        streams.append(picture if is_encoded else source[str(stream.index)])
        if not is_encoded:
            options |= _codec_options(place, stream, facts)
        elif stream.language != "und":
            options["metadata:s:v:0"] = f"language={stream.language}"
        if stream.title:
            options[f"metadata:s:{place}"] = f"title={stream.title}"
    for cover in (stream for stream in choices.kept if stream.kind == "cover"):
        suffix, mime_type = _PICTURE_TYPES[cover.codec]
        options["attach"] = str(_extracted(facts.path, cover, scratch / f"cover.{suffix}"))
        options[f"metadata:s:{len(kept)}"] = f"mimetype={mime_type}"
    return Carried(tuple(streams), options)


def refuse_other_streams(made: Probe, choices: StreamChoices, doing: str, picture_codec: str | None = None) -> None:
    """Compare the streams that were written with those that were chosen.

    Raises:
        MediaError: one is missing, is in another codec or lost its language; the message has both lists.
    """
    due: list[tuple[str, str, str]] = [
        (stream.kind, (picture_codec if stream.kind == "video" and picture_codec else stream.becomes), stream.language)
        for stream in choices.kept
    ]
    written = written_streams(made)
    if not _are_the_same(due, written):
        raise MediaError(
            f"Tried to {doing}; {_listed(due)} were chosen, and the file has {_listed(written)}.",
            next_step="Nothing was kept of it. Choose fewer streams, or report the file.",
        )


def written_streams(made: Probe) -> list[tuple[str, str, str]]:
    """Return (kind, codec, language) of every stream of a file, as choices call them."""
    return [
        *(("cover" if video.is_attached_picture else "video", video.codec, video.language) for video in made.video),
        *(("sound", track.codec, track.language) for track in made.audio),
        *(("subtitles", subtitle.codec, subtitle.language) for subtitle in made.subtitles),
        *(("font" if other.kind == "attachment" else "other", other.codec, "und") for other in made.others),
    ]


def _are_the_same(due: list[tuple[str, str, str]], written: list[tuple[str, str, str]]) -> bool:
    if len(due) != len(written):
        return False
    pairs = zip(sorted(due, key=_by_kind), sorted(written, key=_by_kind), strict=True)
    return all(
        (a[0], _LAYERS.get(a[1], a[1])) == (b[0], _LAYERS.get(b[1], b[1])) and same_language(a[2], b[2])
        for a, b in pairs
    )


def _by_kind(stream: tuple[str, str, str]) -> str:
    return stream[0]  # the order within a kind is the file's


def _listed(streams: list[tuple[str, str, str]]) -> str:
    return ", ".join(" ".join(part for part in stream if part not in ("", "und")) for stream in streams) or "no streams"


def _codec_options(place: int, choice: StreamChoice, facts: Probe) -> dict[str, Any]:
    if choice.becomes == choice.codec:
        return {f"c:{place}": "copy"}
    if choice.becomes != "aac":
        return {f"c:{place}": choice.becomes}
    channels = next(stream.channels for stream in facts.audio if stream.index == choice.index)
    return {f"c:{place}": "aac", f"b:{place}": max(1, channels) * _AAC_BIT_RATE_PER_CHANNEL}


def _extracted(path: Path, cover: StreamChoice, to: Path) -> Path:
    try:
        with av.open(str(path), options=ONLY_FILES) as container:
            packet = next(container.demux(container.streams[cover.index]), None)
            content = bytes(packet) if packet is not None else b""
    except av.error.FFmpegError as error:
        raise MediaError(f"Took the cover out of {str(path)!r}; it answered: {error.strerror}.") from error
    if not content:
        raise MediaError(
            f"Took the cover out of {str(path)!r}; stream {cover.index} is empty.", next_step="Leave it out."
        )
    to.write_bytes(content)
    return to
