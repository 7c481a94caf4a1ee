"""A film encoded again as H.264, H.265 or AV1 in Matroska; sound, subtitles and chapters are carried over.

What is shown stays the same: size as displayed, upright, moments of the frames, colours. What came out is looked at
before it gets its name. HDR is kept, mapped or refused as the plan says. Graphs of final videos are `compose`.
"""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Unpack

from dayreel.errors import MediaError
from dayreel.footage.media.choose_streams import StreamChoices, choose_streams
from dayreel.footage.media.encoders import SOFTWARE, Encoder, to_encoder
from dayreel.footage.media.remux import EncodedPicture, Running, film_input, remux, write_film
from dayreel.footage.schemas.library import RemuxPlan, TranscodePlan, VideoPreset
from dayreel.media.picture import (
    SCALED_MATRICES,
    Node,
    even,
    tone_mapped,
    usual_rate,
    with_own_colours,
    yuv_matrix,
)
from dayreel.media.probe import Probe, probe
from dayreel.media.streams import VideoStream
from dayreel.media.timeline import hidden_pictures, lacks_moments

EVERYTHING = RemuxPlan(commentary=True)
"""A transcode keeps what the remux has kept."""
_LIKE_THE_SOURCE = 16
"""CRF of x264 and x265 at which the eye sees no difference from the source."""
_TEN_BITS = 10
_ASPECT_MAY_DIFFER = 0.02
"""Share; rounding to even pixels is less for anything larger than a thumbnail."""


@dataclass(frozen=True)
class PlannedPicture:
    """What the encoded picture will be. `width` and `height` are stored pixels, upright; colour names are FFmpeg's."""

    codec: str
    width: int
    height: int
    sar: Fraction
    pix_fmt: str
    color_space: str
    color_transfer: str
    color_primaries: str
    is_tone_mapped: bool

    @property
    def bit_depth(self) -> int:
        """Bits per sample."""
        return _TEN_BITS if self.pix_fmt.endswith("10le") else 8


def transcode(
    source: Path,
    dest: Path,
    plan: TranscodePlan,
    choices: StreamChoices | None = None,
    *,
    encoder: Encoder | None = None,
    **running: Unpack[Running],
) -> Probe:
    """Encode the main picture of `source` into `dest`, an .mkv, carry the rest over, and return what was written.

    Args:
        choices: the streams to keep; left out, all of them.
        encoder: of the plan's codec; left out, the one in software.

    Raises:
        MediaError: the source is damaged, its colours cannot be handled as planned, or what came out is not what was
            planned.
        UnfinishedError: disk full, deadline, ended from outside. Nothing is left under `dest` in any case.
    """
    facts = probe(source)
    planned = plan_picture(facts, plan)
    doing = f"transcode {str(source)!r}"
    node, options = encoded_picture(facts, planned, plan, encoder or SOFTWARE[plan.preset])
    picture = EncodedPicture(
        node=node,
        codec=planned.codec,
        refuse_other=lambda made: refuse_other_picture(made.best_video_stream(), planned, doing),
    )
    choices = choose_streams(facts, EVERYTHING) if choices is None else choices
    return write_film(facts, dest, choices, options, doing=doing, picture=picture, **running)


def rewrap(source: Path, dest: Path, choices: StreamChoices, **running: Unpack[Running]) -> Probe:
    """Bring the chosen streams of `source` into Matroska as they are shown, and return what was written.

    The picture is copied, unless a copy would show something else: Matroska has no edit lists, so what somebody has
    trimmed away without encoding (a phone's editor does) would be seen again, and it wants a moment for every picture,
    which an AVI may not have. Then it is encoded so that the eye sees no difference.

    Raises:
        MediaError, UnfinishedError: as `remux`.
    """
    facts = probe(source)
    if not hidden_pictures(facts) and not lacks_moments(facts):
        return remux(source, dest, choices, **running)
    video = facts.best_video_stream()
    preset: VideoPreset = "h265" if video.is_hdr or video.bit_depth > 8 else "h264"  # noqa: PLR2004
    plan = TranscodePlan(preset=preset, quality=_LIKE_THE_SOURCE, hdr="keep" if preset == "h265" else "refuse")
    return transcode(source, dest, plan, choices, **running)


def plan_picture(facts: Probe, plan: TranscodePlan) -> PlannedPicture:
    """Work out what the encoded picture will be; pure.

    Raises:
        MediaError: HDR or other colours that the plan refuses, that the preset cannot hold, or that cannot be
            determined.
    """
    video = facts.best_video_stream()
    _refuse_colours(facts.path, video, plan)
    encoder = SOFTWARE[plan.preset]
    if plan.quality is not None and plan.quality > encoder.highest_crf:
        raise MediaError(
            f"Planned to encode {str(facts.path)!r} as {plan.preset}; its quality goes to {encoder.highest_crf}, "
            f"and {plan.quality} was asked for.",
            next_step="Correct `transcode.quality` in library.yaml.",
        )
    is_tone_mapped = video.is_hdr and plan.hdr == "tonemap"
    depth = 8 if is_tone_mapped or video.bit_depth <= 8 or _TEN_BITS not in encoder.bit_depths else _TEN_BITS  # noqa: PLR2004
    width, height, sar = _upright_size(video, plan.max_height)
    matrix, transfer, primaries = yuv_matrix(video), video.color_transfer, video.color_primaries
    if is_tone_mapped:
        matrix = transfer = primaries = "bt709"
    elif video.is_hdr and video.color_space == "unknown":
        matrix = "bt2020nc"
    return PlannedPicture(
        codec=encoder.codec,
        width=width,
        height=height,
        sar=sar,
        pix_fmt="yuv420p" if depth == 8 else "yuv420p10le",  # noqa: PLR2004
        color_space=matrix,
        color_transfer=transfer,
        color_primaries=primaries,
        is_tone_mapped=is_tone_mapped,
    )


def refuse_other_picture(made: VideoStream, planned: PlannedPicture, doing: str) -> None:
    """Compare the encoded picture with the plan.

    Raises:
        MediaError: codec, size, pixel aspect, bit depth, rotation or a colour tag differs; says which and how.
    """
    due = {
        "codec": planned.codec,
        "size": f"{planned.width}x{planned.height}",
        "bits": str(planned.bit_depth),
        "rotation": "0",
        "range": "limited",
        "matrix": planned.color_space,
        "transfer": planned.color_transfer,
        "primaries": planned.color_primaries,
    }
    actual = {
        "codec": made.codec,
        "size": f"{made.width}x{made.height}",
        "bits": str(made.bit_depth),
        "rotation": str(made.rotation),
        "range": "full" if made.is_full_range else "limited",
        "matrix": made.color_space,
        "transfer": made.color_transfer,
        "primaries": made.color_primaries,
    }
    wrong = [f"{name} {actual[name]} instead of {due[name]}" for name in due if actual[name] != due[name]]
    if abs(float(made.sar / planned.sar) - 1) > _ASPECT_MAY_DIFFER:
        wrong.append(f"pixel aspect {made.sar} instead of {planned.sar}")
    if wrong:
        raise MediaError(
            f"Tried to {doing}; what came out is not what was planned: {', '.join(wrong)}.",
            next_step="Nothing was kept of it. Another preset may do; report the file.",
        )


def _refuse_colours(path: Path, video: VideoStream, plan: TranscodePlan) -> None:
    planned = f"Planned to encode {str(path)!r} as {plan.preset}"
    keep_or_map = "Set `transcode.hdr` in library.yaml to `keep` (with h265 or av1) or `tonemap`."
    if video.is_dolby_vision and not video.is_hdr:
        raise MediaError(
            f"{planned}; it is Dolby Vision without an HDR10 or HLG picture underneath, whose colours only a licensed "
            "decoder shows right.",
            next_step="Use another version of it, or a script of your own for this item.",
        )
    if video.color_space not in (*SCALED_MATRICES, "unknown", "gbr"):
        raise MediaError(f"{planned}; its colours are stored as {video.color_space!r}, which is not supported.")
    is_wide = "bt2020" in video.color_primaries or "bt2020" in video.color_space
    if is_wide and video.color_transfer == "unknown":
        raise MediaError(
            f"{planned}; it has BT.2020 colours and does not say whether they are SDR, PQ or HLG, "
            "so any guess may be wrong.",
            next_step="Tag the source (mkvpropedit), or use another version of it.",
        )
    if not video.is_hdr:
        return
    if plan.hdr == "refuse":
        raise MediaError(
            f"{planned}; it is HDR ({video.color_transfer}), which the plan refuses.", next_step=keep_or_map
        )
    if plan.hdr == "keep" and _TEN_BITS not in SOFTWARE[plan.preset].bit_depths:
        raise MediaError(f"{planned}; it is HDR ({video.color_transfer}) and needs 10 bit.", next_step=keep_or_map)


def _upright_size(video: VideoStream, max_height: int | None) -> tuple[int, int, Fraction]:
    """Return stored width, height and pixel aspect of the upright picture, not higher than `max_height`."""
    width, height, sar = video.width, video.height, video.sar
    if video.is_on_its_side:
        width, height, sar = height, width, 1 / sar
    share = min(1.0, max_height / height) if max_height is not None else 1.0
    to_width, to_height = even(width * share), even(height * share)
    if sar == 1:
        return to_width, to_height, sar
    return to_width, to_height, (sar * width * to_height / (height * to_width)).limit_denominator(1000)


def encoded_picture(
    facts: Probe, planned: PlannedPicture, plan: TranscodePlan, encoder: Encoder, **seek: Any
) -> tuple[Node, dict[str, Any]]:
    """Return the picture as it goes into the encoder, and ffmpeg's options for that.

    Args:
        seek: ffmpeg's options of an input, for a part of it.
    """
    node, upload = to_encoder(shown_picture(facts, planned, **seek), encoder, planned.bit_depth)
    # Each frame keeps its moment: by itself FFmpeg rounds to the usual rate, and drops what then falls together.
    moments = {"fps_mode": "passthrough", "enc_time_base:v": "demux"}
    return node, {**moments, **_encoder_options(plan, encoder, facts), **upload}


def shown_picture(facts: Probe, planned: PlannedPicture, **seek: Any) -> Node:
    """Build the picture's chain. FFmpeg has turned it upright before the first filter."""
    video = facts.best_video_stream()
    node = film_input(facts, **seek)[str(video.index)]
    node = node.filter("bwdif", mode="send_frame", deint="interlaced")  # frames that are not interlaced pass unchanged
    if planned.is_tone_mapped:
        node = tone_mapped(node, video, planned.width, planned.height)
    else:
        node = with_own_colours(node, video, planned.width, planned.height, planned.pix_fmt)
    return node.filter("setsar", f"{planned.sar.numerator}/{planned.sar.denominator}").filter(
        "setparams",
        range="limited",
        color_primaries=planned.color_primaries,
        color_trc=planned.color_transfer,
        colorspace=planned.color_space,
    )


def _encoder_options(plan: TranscodePlan, encoder: Encoder, facts: Probe) -> dict[str, Any]:
    options = dict(encoder.options)
    if encoder is SOFTWARE["av1"]:
        # Where pictures come at odd moments, it takes ticks of the clock for pictures, and refuses so many a second.
        rate = usual_rate(facts.best_video_stream().fps)
        options["svtav1-params"] = f"fps-num={rate.numerator}:fps-denom={rate.denominator}"
    quality = encoder.crf if plan.quality is None else plan.quality
    return {**options, encoder.option: quality, "disposition:v:0": "default"}
