"""Finding ffmpeg and asking what it can do."""

import os
from pathlib import Path

import imageio_ffmpeg
import pytest

from dayreel.errors import MediaError
from dayreel.media.ffmpeg_binary import ffmpeg_facts, find_ffmpeg


def fake_program(path: Path, script: str) -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_without_a_setting_the_ffmpeg_of_the_wheel_is_used() -> None:
    assert os.access(find_ffmpeg(), os.X_OK)


def test_a_configured_ffmpeg_wins(tmp_path: Path) -> None:
    mine = fake_program(tmp_path / "my-ffmpeg", "exit 0")
    assert find_ffmpeg(str(mine)) == mine


def test_an_invalid_setting_is_an_error_without_a_fallback() -> None:
    with pytest.raises(MediaError, match=r"'/no/such/ffmpeg'.*Correct the setting"):
        find_ffmpeg("/no/such/ffmpeg")


def test_no_ffmpeg_at_all_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_found() -> str:
        raise RuntimeError("No ffmpeg exe could be found")

    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", none_found)
    with pytest.raises(MediaError, match=r"imageio-ffmpeg.*DAYREEL_FFMPEG"):
        find_ffmpeg()


def test_the_wheels_ffmpeg_has_everything_that_is_needed(ffmpeg: Path) -> None:
    facts = ffmpeg_facts(ffmpeg)
    assert facts.is_complete, (facts.missing_filters, facts.missing_encoders)
    assert facts.version


def test_a_poor_build_names_what_it_lacks(tmp_path: Path) -> None:
    poor = fake_program(
        tmp_path / "ffmpeg",
        'case "$*" in *-version*) echo "ffmpeg version 5.1 Copyright";;\n'
        '*-filters*) echo " ... overlay          VV->V      Overlay.";;\n'
        '*-encoders*) echo " A....D aac                  AAC";; esac',
    )
    facts = ffmpeg_facts(poor)
    assert facts.version == "5.1"
    assert "zscale" in facts.missing_filters
    assert "overlay" not in facts.missing_filters
    assert "libx264" in facts.missing_encoders
    assert "aac" not in facts.missing_encoders


def test_a_program_that_is_not_ffmpeg_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="which is not ffmpeg"):
        ffmpeg_facts(fake_program(tmp_path / "ffmpeg", "echo hello"))


def test_a_program_that_does_not_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="did not run"):
        ffmpeg_facts(tmp_path / "missing")
