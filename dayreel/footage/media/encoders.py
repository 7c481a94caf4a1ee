"""The encoders of films: each preset in software, and what NVENC, QSV and VAAPI have for it where a machine has them.

A build of ffmpeg lists encoders for chips that the machine lacks, so each is asked for one frame before it is used.
How good a film has to look, and the number that it takes, is `target_quality`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Literal

import ffmpeg as graph

from dayreel.errors import ConfigurationError, MediaError
from dayreel.footage.schemas.library import TranscodePlan, VideoPreset
from dayreel.media.probe import decode_fully
from dayreel.media.run import Pulse, run_ffmpeg

HardwareKind = Literal["nvenc", "qsv", "vaapi"]
_VAAPI_DEVICE = "/dev/dri/renderD128"
_PROBE_S = 30.0


@dataclass(frozen=True)
class Encoder:
    """One encoder: the codec as it is found in the file, its options, and its scale of quality.

    The lower the number, the better, for each of them; but 24 of one is not 24 of another.

    Attributes:
        crf: the usual number. highest_crf: the worst there is.
        searched: the numbers among which a target is looked for, the best first: beyond them files are as large as
            their sources, or ugly.
        option: ffmpeg's name of the number. device: of hardware that gets its pictures uploaded.
    """

    name: str
    codec: str
    crf: int
    highest_crf: int
    searched: tuple[int, int]
    bit_depths: tuple[int, ...]
    options: Mapping[str, Any]
    option: str = "crf"
    hardware: HardwareKind | None = None
    device: str | None = None


@dataclass(frozen=True)
class HardwareAnswer:
    """What came of asking for one frame: nothing where it works, else why not."""

    encoder: Encoder
    why_not: str


@dataclass(frozen=True)
class ChosenEncoder:
    """The encoder a film gets, and the sentence that says why, where there was a choice."""

    encoder: Encoder
    reason: str = ""
    asked: tuple[HardwareAnswer, ...] = field(default=(), repr=False)


SOFTWARE: Final[Mapping[VideoPreset, Encoder]] = {
    "h264": Encoder(
        *("libx264", "h264", 20, 51, (12, 38), (8,)), {"c:v": "libx264", "preset:v": "medium", "profile:v": "high"}
    ),
    "h265": Encoder(
        *("libx265", "hevc", 22, 51, (12, 40), (8, 10)),
        {"c:v": "libx265", "preset:v": "medium", "x265-params": "log-level=error"},
    ),
    "av1": Encoder(*("libsvtav1", "av1", 30, 63, (14, 58), (8, 10)), {"c:v": "libsvtav1", "preset:v": 6}),
}


def _nvenc(codec: str, crf: int, highest: int, searched: tuple[int, int], depths: tuple[int, ...]) -> Encoder:
    name = f"{codec}_nvenc"
    options = {"c:v": name, "preset:v": "p5", "tune:v": "hq", "rc:v": "vbr", "b:v": 0}
    return Encoder(name, codec, crf, highest, searched, depths, options, "cq:v", "nvenc")


def _qsv(codec: str, crf: int, searched: tuple[int, int], depths: tuple[int, ...]) -> Encoder:
    name = f"{codec}_qsv"
    return Encoder(name, codec, crf, 51, searched, depths, {"c:v": name, "preset:v": "slow"}, "global_quality:v", "qsv")


def _vaapi(codec: str, crf: int, highest: int, searched: tuple[int, int], depths: tuple[int, ...]) -> Encoder:
    name = f"{codec}_vaapi"
    options = {"c:v": name, "rc_mode": "CQP"}
    return Encoder(name, codec, crf, highest, searched, depths, options, "global_quality:v", "vaapi", _VAAPI_DEVICE)


# The scales are those of FFmpeg's own options: -cq of NVENC, -global_quality of QSV (ICQ), the quantizer of VAAPI
# (which is AV1's own index, up to 255, for av1_vaapi).
HARDWARE: Final[Mapping[VideoPreset, tuple[Encoder, ...]]] = {
    "h264": (
        _nvenc("h264", 23, 51, (12, 38), (8,)),
        _qsv("h264", 22, (12, 38), (8,)),
        _vaapi("h264", 22, 51, (12, 38), (8,)),
    ),
    "h265": (
        _nvenc("hevc", 25, 51, (12, 40), (8, 10)),
        _qsv("hevc", 23, (12, 40), (8, 10)),
        _vaapi("hevc", 24, 51, (12, 40), (8, 10)),
    ),
    "av1": (
        _nvenc("av1", 32, 63, (14, 56), (8, 10)),
        _qsv("av1", 26, (12, 45), (8, 10)),
        _vaapi("av1", 110, 255, (40, 210), (8, 10)),
    ),
}


def choose_encoder(plan: TranscodePlan, *, ffmpeg: Path, pulse: Pulse | None = None) -> ChosenEncoder:
    """Return the encoder that the plan asks for on this machine; hardware is asked for one frame.

    Raises:
        ConfigurationError: the plan requires hardware, and none of it works here.
    """
    software = SOFTWARE[plan.preset]
    if plan.hardware == "never":
        return ChosenEncoder(software)
    asked = ask_hardware(plan.preset, ffmpeg=ffmpeg, pulse=pulse)
    for answer in asked:
        if not answer.why_not:
            return ChosenEncoder(answer.encoder, f"{answer.encoder.name} works on this machine", asked)
    why_not = "; ".join(f"{answer.encoder.name}: {answer.why_not}" for answer in asked)
    if plan.hardware == "require":
        raise ConfigurationError(
            f"The plan requires a hardware encoder for {plan.preset}, and none works on this machine. {why_not}",
            next_step="Run the worker where there is one, or set `transcode.hardware` in library.yaml to `prefer`.",
        )
    return ChosenEncoder(software, f"no hardware encoder works on this machine, so it is {software.name}", asked)


def ask_hardware(preset: VideoPreset, *, ffmpeg: Path, pulse: Pulse | None = None) -> tuple[HardwareAnswer, ...]:
    """Let each hardware encoder of a preset encode one frame, until one does; return what each answered."""
    answers: list[HardwareAnswer] = []
    for encoder in HARDWARE[preset]:
        answers.append(HardwareAnswer(encoder, _why_not(encoder, ffmpeg, pulse)))
        if not answers[-1].why_not:
            break
    return tuple(answers)


def to_encoder(node: Any, encoder: Encoder, bit_depth: int) -> tuple[Any, dict[str, Any]]:
    """Return the picture as an encoder takes it, and the options for that."""
    wide = bit_depth > 8  # noqa: PLR2004
    if encoder.device is not None:
        node = node.filter("format", "p010le" if wide else "nv12").filter("hwupload")
        return node, {"vaapi_device": encoder.device}
    if encoder.hardware is not None:
        return node, {"pix_fmt:v": "p010le" if wide else "nv12"}
    return node, {"pix_fmt:v": "yuv420p10le" if wide else "yuv420p"}


def _why_not(encoder: Encoder, ffmpeg: Path, pulse: Pulse | None) -> str:
    """Encode one frame and decode it again."""
    picture = graph.input("color=c=gray:s=320x240:r=25:d=0.04", f="lavfi")
    node, options = to_encoder(picture["v"], encoder, 8)
    with TemporaryDirectory(prefix="dayreel-probe-") as folder:
        made = Path(folder) / "frame.mkv"
        every = {**encoder.options, **options, encoder.option: encoder.crf, "frames:v": 1, "f": "matroska"}
        spec = graph.output(node, str(made), **every)
        doing = f"encode one frame with {encoder.name}"
        try:
            run_ffmpeg(spec, ffmpeg=ffmpeg, doing=doing, folder=made.parent, deadline_s=_PROBE_S, pulse=pulse)
            decode_fully(made)
        except MediaError as error:
            return error.message.partition(" and said: ")[2].partition("; ")[0] or error.message
    return ""
