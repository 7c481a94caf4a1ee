"""The procedural clips: labelled, lively, audible, joinable."""

import re
import subprocess
from pathlib import Path

import av
import imageio_ffmpeg
import pytest

from dayreel.errors import MediaError
from dayreel.sandbox.clips import ClipWish, frame_size, render, run_ffmpeg
from dayreel.sandbox.media_check import inspect, is_faststart


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clips")


def analysed(path: Path) -> str:
    """Return what ffmpeg's black, freeze and loudness detectors say."""
    graph = "[0:v]blackdetect=d=0.5,freezedetect=d=1[v];[0:a]ebur128[a]"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-i", str(path), "-filter_complex", graph]
    command += ["-map", "[v]", "-map", "[a]", "-f", "null", "-"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stderr


@pytest.mark.parametrize("prompt", ["walnut shavings", "indigo vat"])
def test_a_clip_is_neither_black_nor_frozen_nor_silent(folder: Path, prompt: str) -> None:
    analysis = analysed(render(ClipWish(prompt, 7, width=240, height=416, duration_s=3), folder))
    assert "black_start" not in analysis
    assert "freeze_start" not in analysis
    loudness = float(re.findall(r"I:\s+(-?[\d.]+) LUFS", analysis)[-1])
    assert -24 < loudness < -17


def test_the_detectors_would_see_a_black_frozen_silent_clip(tmp_path: Path) -> None:
    dead = tmp_path / "dead.mp4"
    sources = ["-f", "lavfi", "-i", "color=black:s=96x96:d=3", "-f", "lavfi", "-i", "anullsrc=d=3"]
    run_ffmpeg([*sources, str(dead)], what="make a dead clip")
    analysis = analysed(dead)
    assert "black_start" in analysis
    assert "freeze_start" in analysis
    assert float(re.findall(r"I:\s+(-?[\d.]+) LUFS", analysis)[-1]) < -60


def test_a_clip_has_the_length_size_and_codecs_of_its_model(folder: Path) -> None:
    path = render(ClipWish("a clip", 3, duration_s=2), folder)
    facts = inspect(path)
    assert (facts.width, facts.height) == (720, 1280)
    assert facts.duration_s == pytest.approx(2, abs=0.02)
    assert (facts.video_codec, facts.pixel_format, facts.audio_codec) == ("h264", "yuv420p", "aac")
    assert (facts.audio_rate_hz, facts.channels, facts.fps) == (48_000, 2, 24)
    assert is_faststart(path)
    with av.open(str(path)) as box:
        assert box.streams.video[0].codec_context.profile == "High"
        assert box.metadata["comment"] == "dayreel-sandbox"


def test_clips_differ_by_prompt_and_seed_and_can_be_joined(folder: Path) -> None:
    wishes = [("one", 1), ("two", 1), ("one", 2)]
    paths = [render(ClipWish(*wish, width=240, height=416, duration_s=1), folder) for wish in wishes]
    assert len({path.read_bytes() for path in paths}) == 3
    headers = set()
    for path in paths:
        with av.open(str(path)) as box:
            headers.add((box.streams.video[0].codec_context.extradata, box.streams.video[0].time_base))
    assert len(headers) == 1


def test_the_same_wish_is_rendered_once(folder: Path) -> None:
    wish = ClipWish("once", 1, width=240, height=416, duration_s=1)
    written_at = render(wish, folder).stat().st_mtime_ns
    assert render(wish, folder).stat().st_mtime_ns == written_at
    assert [path.suffix for path in folder.iterdir() if path.name.startswith(".")] == []


def test_a_result_without_video_has_sound_only(folder: Path) -> None:
    facts = inspect(render(ClipWish("sound", 1, duration_s=2, has_video=False), folder))
    assert (facts.video_codec, facts.audio_codec) == ("", "aac")


def test_a_file_that_is_not_media_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "page.mp4"
    path.write_text("<html>error</html>")
    with pytest.raises(MediaError, match=re.escape("'page.mp4'")):
        inspect(path)


def test_sizes_follow_resolution_and_aspect() -> None:
    assert frame_size("720p", "9:16") == (720, 1280)
    assert frame_size("1080p", "16:9") == (1920, 1080)
    assert frame_size("480p", "1:1") == (480, 480)
