"""A small copy fits, and says so when it cannot."""

from pathlib import Path

import pytest

from dayreel.errors import MediaError
from dayreel.media.ffmpeg_binary import find_ffmpeg
from dayreel.media.probe import probe
from dayreel.media.small_copy import small_copy


def test_a_copy_keeps_length_and_sound_and_fits(tiny_clip: Path, tmp_path: Path) -> None:
    copy = small_copy(tiny_clip, tmp_path / "small.mp4", most_bytes=20_000, ffmpeg=find_ffmpeg())
    assert copy.stat().st_size <= 20_000
    facts = probe(copy)
    assert facts.audio
    assert facts.best_video_stream().duration_s == pytest.approx(0.2, abs=0.11)


def test_what_cannot_fit_is_reported_and_leaves_nothing(tiny_clip: Path, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="do not go into 2000 bytes"):
        small_copy(tiny_clip, tmp_path / "small.mp4", most_bytes=2000, ffmpeg=find_ffmpeg())
    assert list(tmp_path.iterdir()) == []
