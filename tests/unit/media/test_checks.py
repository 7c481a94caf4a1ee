"""Each check on a video that passes it, and on one made to fail it and nothing else of note."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest

from dayreel.errors import MediaError
from dayreel.media.checks import ExpectedVideo, check_final_video, platform_limits
from dayreel.media.compose import compose
from dayreel.media.edit_plan import ComposePlan
from dayreel.schemas.content import CheckResult
from dayreel.vendors.record import PlatformLimits

MakeClip = Callable[..., Path]
Check = Callable[..., dict[str, CheckResult]]
SMALL = {"width": 180, "height": 320}
FASTSTART = ("-movflags", "+faststart")


@pytest.fixture
def check(ffmpeg: Path) -> Check:
    """Check a 2 s video against what it should be, changed by keyword; results by name."""

    def check_with(path: Path, **changes: Any) -> dict[str, CheckResult]:
        expected = ExpectedVideo(**{"duration_s": 2.0, **SMALL, **changes})
        return {result.name: result for result in check_final_video(path, expected, ffmpeg=ffmpeg)}

    return check_with


@pytest.fixture(scope="module")
def composed(make_clip_in: MakeClip, tmp_path_factory: pytest.TempPathFactory, ffmpeg: Path) -> Path:
    plan = ComposePlan(width=180, height=320, preset="ultrafast")
    folder = tmp_path_factory.mktemp("composed")
    return compose([make_clip_in(folder, duration_s=2)], folder / "final_video.mp4", plan=plan, ffmpeg=ffmpeg).path


@pytest.fixture
def made(composed: Path, tmp_path: Path) -> Path:
    """A final video of 2 s as compose makes it."""
    return Path(shutil.copyfile(composed, tmp_path / composed.name))


def failed(results: dict[str, CheckResult]) -> set[str]:
    return {name for name, result in results.items() if not result.passed}


def test_what_compose_makes_passes_every_check(made: Path, check: Check) -> None:
    results = check(made)
    assert failed(results) == set()
    assert set(results) == {
        "dimensions",
        "duration",
        "codecs",
        "has_audio",
        "loudness",
        "true_peak",
        "not_black",
        "not_frozen",
        "faststart",
        "decodes_fully",
    }
    assert all(result.value and result.expected and result.message for result in results.values())


def test_other_dimensions_fail(made: Path, check: Check) -> None:
    result = check(made, width=720, height=1280)["dimensions"]
    assert not result.passed
    assert (result.value, result.expected) == ("180x320", "720x1280")


@pytest.mark.parametrize(("planned_s", "passes"), [(2.2, True), (2.3, False), (1.7, False)])
def test_a_duration_more_than_a_quarter_second_off_fails(
    made: Path, check: Check, planned_s: float, passes: bool
) -> None:
    assert check(made, duration_s=planned_s)["duration"].passed == passes


@pytest.mark.parametrize(
    "options",
    [("-c:v", "mpeg4"), ("-pix_fmt", "yuv444p"), ("-c:a", "libmp3lame")],
)
def test_another_codec_or_pixel_format_fails(make_clip: MakeClip, check: Check, options: tuple[str, ...]) -> None:
    result = check(make_clip(duration_s=2, options=options))["codecs"]
    assert not result.passed
    assert result.expected == "h264 yuv420p + aac"


def test_no_sound_fails(make_clip: MakeClip, check: Check) -> None:
    assert {"has_audio", "codecs", "loudness"} <= failed(check(make_clip(sound=None, duration_s=2)))


def test_silence_fails_unless_it_is_planned(make_clip: MakeClip, check: Check) -> None:
    silent = make_clip(sound="anullsrc=r=48000:cl=stereo", duration_s=2, options=FASTSTART)
    results = check(silent)
    assert failed(results) == {"loudness"}
    assert results["loudness"].value == "silent"
    assert failed(check(silent, loudness_lufs=None)) == set()


@pytest.mark.parametrize(("amplitude", "wrong"), [(0.02, "too quiet"), (0.6, "too loud")])
def test_another_loudness_fails(make_clip: MakeClip, check: Check, amplitude: float, wrong: str) -> None:
    sine = f"aevalsrc={amplitude}*sin(6000*t)|{amplitude}*sin(6000*t):s=48000"
    assert failed(check(make_clip(sound=sine, duration_s=2, options=FASTSTART))) == {"loudness"}, wrong


def test_a_peak_over_the_ceiling_fails(make_clip: MakeClip, check: Check) -> None:
    peak = "0.2*sin(6000*t)+if(lt(mod(t,1),0.01),0.79*sin(6000*t),0)"
    peaks = f"aevalsrc='{peak}|{peak}':s=48000"
    results = check(make_clip(sound=peaks, duration_s=2, options=FASTSTART), loudness_tolerance_lu=5)
    assert failed(results) == {"true_peak"}


def test_a_black_stretch_fails(make_clip: MakeClip, check: Check) -> None:
    black = "drawbox=w=iw:h=ih:c=black:t=fill:enable='between(t,1,1.8)'"
    results = check(make_clip(duration_s=2, video_filter=black))
    assert not results["not_black"].passed
    assert results["not_black"].value == "0.83 s black"
    assert check(make_clip("b.mp4", duration_s=2, video_filter=black.replace("1.8", "1.3")))["not_black"].passed


@pytest.mark.parametrize("ends", ["in the middle", "with the video"])
def test_a_frozen_stretch_fails_also_when_it_lasts_to_the_end(make_clip: MakeClip, check: Check, ends: str) -> None:
    held = "loop=loop=31:size=1:start=10" if ends == "in the middle" else "loop=loop=99:size=1:start=10"
    held_clip = make_clip(duration_s=2, video_filter=f"{held},trim=duration=2")
    assert not check(held_clip, max_frozen_s=0.6)["not_frozen"].passed
    assert check(held_clip, max_frozen_s=1.9)["not_frozen"].passed
    assert check(make_clip("b.mp4", duration_s=2), max_frozen_s=0.5)["not_frozen"].passed


def test_an_index_at_the_end_fails(make_clip: MakeClip, check: Check) -> None:
    assert not check(make_clip(duration_s=2))["faststart"].passed
    assert not check(make_clip("a.mkv", duration_s=2))["faststart"].passed


@pytest.mark.parametrize("damaged", ["video", "audio"])
def test_damage_within_a_stream_fails(made: Path, check: Check, damaged: str) -> None:
    """Also where every frame of the picture is there and only the sound is broken."""
    with av.open(str(made)) as container:
        packets = [
            (packet.pos, packet.size) for packet in container.demux(container.streams.get({damaged: 0})) if packet.pos
        ]
    start, size = packets[len(packets) // 2]
    data = bytearray(made.read_bytes())
    data[start : start + size] = b"\xa5" * size
    made.write_bytes(data)
    result = check(made)["decodes_fully"]
    assert not result.passed
    assert result.value.startswith("48 frames") == (damaged == "audio")
    assert "The decoder said" in result.message


def test_what_is_not_media_is_an_error_and_not_a_failed_check(tmp_path: Path, check: Check) -> None:
    (tmp_path / "a.mp4").write_text("<html>")
    with pytest.raises(MediaError, match="not a media file"):
        check(tmp_path / "a.mp4")


LIMITS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "size": ({"max_size_bytes": 10_000_000}, {"max_size_bytes": 1000}),
    "duration": ({"min_duration_s": 1, "max_duration_s": 5}, {"min_duration_s": 5}),
    "bit_rate": ({"max_bit_rate": 50_000_000}, {"max_bit_rate": 10_000}),
    "fps": ({"min_fps": 23, "max_fps": 60}, {"min_fps": 25}),
    "width": ({"max_width": 1920}, {"max_width": 100}),
}


@pytest.mark.parametrize("name", LIMITS)
def test_a_platforms_limit_is_kept_or_broken(make_clip: MakeClip, name: str) -> None:
    clip = make_clip(duration_s=2)
    kept, broken = LIMITS[name]
    assert all(result.passed for result in platform_limits(clip, "reels", PlatformLimits(**kept)))
    failing = [result for result in platform_limits(clip, "reels", PlatformLimits(**broken)) if not result.passed]
    assert [result.name for result in failing] == [f"reels_{name}"]
    assert "reels takes at" in failing[0].message


def test_too_long_and_too_quick_break_the_upper_limits(make_clip: MakeClip) -> None:
    limits = PlatformLimits(max_duration_s=1.5, max_fps=20)
    results = platform_limits(make_clip(duration_s=2), "reels", limits)
    assert {result.name for result in results if not result.passed} == {"reels_duration", "reels_fps"}


def test_an_edit_list_breaks_the_limits_of_who_takes_none(make_clip: MakeClip, made: Path) -> None:
    limits = PlatformLimits(takes_edit_lists=False)
    assert {r.name for r in platform_limits(make_clip(), "reels", limits) if not r.passed} == {"reels_edit_list"}
    assert all(result.passed for result in platform_limits(made, "reels", limits))
