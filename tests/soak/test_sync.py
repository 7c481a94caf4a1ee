"""Own footage in every container and timing that we could think of: cut, joined, copied, encoded, and still in sync."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Literal

import pytest
from PIL import Image

from dayreel.footage.media.choose_streams import choose_streams
from dayreel.footage.media.transcode import EVERYTHING, rewrap, transcode
from dayreel.footage.schemas.library import TranscodePlan, VideoPreset
from dayreel.media.compose import compose
from dayreel.media.edit_plan import ComposePlan
from dayreel.media.ffmpeg_binary import find_ffmpeg
from dayreel.media.probe import decode_fully, probe
from dayreel.media.segments import cut_segment
from tests.unit.media.films import FILMS, HEIGHT, RATE, WIDTH, Shown, film, look_at, make_base
from tests.unit.media.sync import compare, compare_whole

FFMPEG = find_ffmpeg()
STARTS_S = (0.0, 0.3, 0.97, 1.5, 2.31)
LASTS_S = 1.4
JOINED = (
    *("even_mp4", "jitter_mkv", "screen_mp4", "picture_late_mkv", "sound_late_ts", "trimmed"),
    *("cinema_webm", "phone_ts", "clock_at_an_hour", "disc", "hevc_ts", "prores"),
)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return make_base(tmp_path / "base.mkv")


def cut(source: Path, dest: Path, start_s: float, fps: int = RATE) -> Path:
    return cut_segment(
        source, dest, start_s=start_s, duration_s=LASTS_S, width=WIDTH, height=HEIGHT, fps=fps, ffmpeg=FFMPEG
    )


def test_every_film_stays_in_sync_from_five_starts(base: Path, tmp_path: Path, figure: Callable[[str], None]) -> None:
    worst_s, wrong = 0.0, []
    for odd in FILMS:
        path = odd.make(FFMPEG, base, tmp_path)
        source = look_at(path)
        for start_s in STARTS_S:
            differences = compare(source, look_at(cut(path, tmp_path / "cut.mp4", start_s)), start_s, LASTS_S)
            worst_s = max(worst_s, differences.sound_off_s)
            if not differences.is_in_sync:
                wrong.append((odd.name, start_s, differences))
    assert not wrong
    figure(
        f"{len(FILMS)} films x {len(STARTS_S)} starts: 0 pictures lost or moved, sound off by {worst_s * 1000:.0f} ms"
    )


@pytest.mark.parametrize("watermarked", [False, True])
def test_twelve_joined_segments_are_in_sync_at_the_end(
    base: Path, tmp_path: Path, figure: Callable[[str], None], watermarked: bool
) -> None:
    segments = [
        cut(film(name).make(FFMPEG, base, tmp_path), tmp_path / f"{n}.mp4", 0.97, 30) for n, name in enumerate(JOINED)
    ]
    mark = tmp_path / "mark.png"
    Image.new("RGBA", (8, 8), (255, 255, 255, 128)).save(mark)
    plan = ComposePlan(width=WIDTH, height=HEIGHT, fps=Fraction(30), watermark=mark if watermarked else None)
    made = look_at(compose(segments, tmp_path / "all.mp4", plan=plan, ffmpeg=FFMPEG).path)
    worst_s = 0.0
    for n, segment in enumerate(segments):
        begin_s = n * LASTS_S
        part = Shown(
            tuple((t - begin_s, number) for t, number in made.pictures if begin_s <= t + 0.001 < begin_s + LASTS_S),
            tuple((t - begin_s, hertz) for t, hertz in made.beeps if begin_s <= t < begin_s + LASTS_S),
            LASTS_S,
        )
        differences = compare_whole(look_at(segment), part)
        assert differences.is_in_sync, (JOINED[n], differences)
        worst_s = max(worst_s, differences.sound_off_s)
    figure(f"12 segments of 12 sources joined: sound off by {worst_s * 1000:.0f} ms at most")


@pytest.mark.parametrize("way", ["copied", "h264", "h265", "av1"])
def test_copies_show_every_picture_at_its_moment(
    base: Path, tmp_path: Path, figure: Callable[[str], None], way: VideoPreset | Literal["copied"]
) -> None:
    worst_s, wrong = 0.0, []
    for odd in FILMS:
        path = odd.make(FFMPEG, base, tmp_path)
        dest = tmp_path / "copy.mkv"
        if way == "copied":
            rewrap(path, dest, choose_streams(probe(path), EVERYTHING), ffmpeg=FFMPEG)
        else:
            transcode(path, dest, TranscodePlan(preset=way), ffmpeg=FFMPEG)
        decode_fully(dest, with_sound=True)
        differences = compare_whole(look_at(path), look_at(dest))
        worst_s = max(worst_s, differences.sound_off_s)
        if not differences.is_in_sync:
            wrong.append((odd.name, differences))
    assert not wrong
    figure(f"{len(FILMS)} films {way}: 0 pictures lost or moved, sound off by {worst_s * 1000:.0f} ms")
