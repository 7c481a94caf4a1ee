"""Benchmarks run, and what composition is compared with does the same work."""

from pathlib import Path

import pytest

from bench.big_files import WORKS, hashing, make_film, peak_mb
from bench.compose import copied, equal_work, sources
from dayreel.media.edit_plan import ComposePlan
from dayreel.media.ffmpeg_binary import find_ffmpeg
from dayreel.media.loudness import AudioPart, measure
from dayreel.media.probe import decode_fully, probe

pytestmark = pytest.mark.slow

PLAN = ComposePlan(width=72, height=128, segment_duration_s=0.5)
FRAMES, LASTS_S = 36, 1.5


def test_equal_work_gives_equal_films(tmp_path: Path) -> None:
    contenders = equal_work(sources(tmp_path, find_ffmpeg(), "160x90", "even", 0.5), PLAN, find_ffmpeg())
    for name in ("dayreel", "ffmpeg"):
        contenders[name]()
        film = tmp_path / f"{name}.mp4"
        video = probe(film).best_video_stream()
        assert (video.codec, video.width, video.height) == ("h264", 72, 128)
        assert decode_fully(film).frames == FRAMES
        loudness = measure([AudioPart(film, 1, 0.0, LASTS_S)], true_peak=False)
        assert loudness.integrated_lufs == pytest.approx(PLAN.loudness_lufs, abs=0.6)


def test_a_copied_picture_is_held_against_a_copy(tmp_path: Path) -> None:
    contenders = copied(sources(tmp_path, find_ffmpeg(), "72x128", "even", 0.5), PLAN, find_ffmpeg())
    parameters = {}
    for name in ("dayreel", "copy", "encode"):
        contenders[name]()
        parameters[name] = probe(tmp_path / f"{name}.mp4").best_video_stream().parameters
    assert parameters["dayreel"] == parameters["copy"] != parameters["encode"]


def test_big_films_are_hashed_and_cut_in_a_known_peak(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mov", 20)
    assert {"hash", "cut"} < set(WORKS)
    assert 10 < peak_mb("cut", film) < 2000
    processor_times, _ = hashing(film)
    assert processor_times > 0
