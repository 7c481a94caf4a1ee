"""Scenes are found where they begin, on the file's clock; without what finds them one sentence says how to get it."""

import subprocess
from pathlib import Path

import pytest

from dayreel.errors import MediaError
from dayreel.media import scenes
from dayreel.media.scenes import find_scenes

SHOTS = ("testsrc2", "smptebars", "rgbtestsrc", "testsrc")


def shots(ffmpeg: Path, to: Path, seconds: tuple[float, ...], *options: str, then: str = "null") -> Path:
    """Write a film of shots that follow on cuts; `then` is a filter over the whole."""
    inputs: list[str] = [
        argument
        for shot, lasts_s in zip(SHOTS, seconds, strict=False)
        for argument in ("-f", "lavfi", "-i", f"{shot}=s=160x90:r=30,trim=duration={lasts_s},format=yuv420p")
    ]
    joined = f"concat=n={len(seconds)}:v=1:a=0,{then}"
    command = [str(ffmpeg), "-v", "error", "-y", *inputs, "-filter_complex", joined, *options]
    subprocess.run([*command, "-c:v", "libx264", "-preset", "ultrafast", str(to)], check=True)
    return to


def test_scenes_begin_where_the_shot_changes(tmp_path: Path, ffmpeg: Path) -> None:
    film = shots(ffmpeg, tmp_path / "film.mp4", (1.5, 2, 0.7, 1))
    assert find_scenes(film) == pytest.approx([0, 1.5, 3.5, 4.2], abs=1e-6)


def test_scenes_stand_on_the_clock_of_the_file(tmp_path: Path, ffmpeg: Path) -> None:
    film = shots(ffmpeg, tmp_path / "late.ts", (1.2, 1.4), "-output_ts_offset", "3600")
    assert find_scenes(film) == pytest.approx([0, 1.2], abs=0.002)
    uneven = shots(
        ffmpeg,
        tmp_path / "uneven.mkv",
        (1.2, 1.4),
        *("-fps_mode", "vfr"),
        then=r"select=not(between(t\,0.3\,0.8))*not(eq(mod(n\,7)\,3))",
    )
    assert find_scenes(uneven) == pytest.approx([0, 1.2], abs=0.002)


def test_what_finds_scenes_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(scenes, "find_spec", lambda name: None)
    with pytest.raises(MediaError, match=r"PySceneDetect, which is not installed\. `pip install 'dayreel\[scenes\]'`"):
        find_scenes(tmp_path / "film.mp4")
