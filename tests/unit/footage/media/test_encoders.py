"""Hardware encoders are asked for one frame before they are used; a build that only lists them proves nothing."""

import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from dayreel.errors import ConfigurationError
from dayreel.footage.media.encoders import HARDWARE, SOFTWARE, ask_hardware, choose_encoder
from dayreel.footage.schemas.library import TranscodePlan


def machine(folder: Path, ffmpeg: Path, works: tuple[str, ...], lies: bool = False) -> Path:
    """An ffmpeg on a machine whose chips encode with `works`; one that lies ends well and writes nothing."""
    script = folder / "ffmpeg"
    script.write_text(f"""#!{sys.executable}
import os, sys
arguments = sys.argv[1:]
name = arguments[arguments.index("-c:v") + 1]
if name in {works!r}:
    if {lies}:
        sys.exit(0)
    output = next(argument for argument in arguments if argument.endswith("frame.mkv"))
    os.execv({str(ffmpeg)!r}, ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "color=d=0.04", "-frames:v", "1", output])
print(f"[error] Cannot load the driver of {{name}}", file=sys.stderr)
sys.exit(1)
""")
    script.chmod(0o755)
    return script


def plan(**fields: Any) -> TranscodePlan:
    return TranscodePlan(**fields)


def test_the_first_chip_that_encodes_a_frame_is_used(tmp_path: Path, ffmpeg: Path) -> None:
    there = machine(tmp_path, ffmpeg, ("hevc_qsv", "hevc_vaapi"))
    chosen = choose_encoder(plan(hardware="require"), ffmpeg=there)
    assert (chosen.encoder.name, chosen.reason) == ("hevc_qsv", "hevc_qsv works on this machine")
    assert [(answer.encoder.name, answer.why_not) for answer in chosen.asked] == [
        ("hevc_nvenc", "Cannot load the driver of hevc_nvenc"),
        ("hevc_qsv", ""),
    ]


def test_a_chip_that_answers_with_nothing_does_not_work(tmp_path: Path, ffmpeg: Path) -> None:
    answers = ask_hardware("h264", ffmpeg=machine(tmp_path, ffmpeg, ("h264_nvenc",), lies=True))
    assert len(answers) == len(HARDWARE["h264"])
    assert all(answer.why_not for answer in answers)


def test_preferred_hardware_that_is_missing_is_reported(tmp_path: Path, ffmpeg: Path) -> None:
    chosen = choose_encoder(plan(preset="av1", hardware="prefer"), ffmpeg=machine(tmp_path, ffmpeg, ()))
    assert chosen.encoder is SOFTWARE["av1"]
    assert chosen.reason == "no hardware encoder works on this machine, so it is libsvtav1"
    with pytest.raises(ConfigurationError, match="av1_vaapi: Cannot load the driver of av1_vaapi"):
        choose_encoder(plan(preset="av1", hardware="require"), ffmpeg=machine(tmp_path, ffmpeg, ()))


def test_nothing_is_asked_where_the_plan_wants_software(tmp_path: Path) -> None:
    assert choose_encoder(plan(), ffmpeg=tmp_path / "none").encoder is SOFTWARE["h265"]


@pytest.mark.parametrize("fields", [{"quality": 22, "target_vmaf": 95}, {"quality": 22, "hardware": "prefer"}])
def test_two_scales_of_quality_exclude_each_other(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"exclude each other|give `target_vmaf`"):
        plan(**fields)
