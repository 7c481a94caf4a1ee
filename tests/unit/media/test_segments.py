"""Segments cut from whatever people have filmed."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dayreel.errors import MediaError
from dayreel.media.alignment import Cut as AsCut
from dayreel.media.alignment import in_sync
from dayreel.media.compose import compose
from dayreel.media.edit_plan import ComposePlan
from dayreel.media.loudness import AudioPart, measure
from dayreel.media.probe import decode_fully, probe
from dayreel.media.segments import cut_segment
from dayreel.media.traces import watch
from tests.unit.media.films import CODECS, HEIGHT, RATE, WIDTH, Film, film, look_at
from tests.unit.media.sync import compare

MakeClip = Callable[..., Path]
Cut = Callable[..., Path]

HDR = {
    "video_filter": "format=yuv420p10le,setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc",
    "options": ("-c:v", "libx265", "-x265-params", "log-level=none", "-pix_fmt", "yuv420p10le"),
}
ODD: dict[str, dict[str, Any]] = {
    "landscape.mp4": {"size": "322x182", "rate": "30000/1001"},
    "mute.mkv": {"sound": None, "rate": "50"},
    "full.mp4": {"options": ("-pix_fmt", "yuvj420p")},
    "rgb.mkv": {"options": ("-c:v", "ffv1", "-pix_fmt", "gbrp")},
    "hdr.mp4": HDR,
    "wide.mp4": {"video_filter": "setsar=16/15"},
    "low.mp4": {"rate": "7", "options": ("-ar", "8000", "-ac", "1")},
    "vfr.mp4": {"rate": "30", "video_filter": "select='not(mod(n\\,3))'", "options": ("-fps_mode", "vfr")},
    "tall.webm": {"size": "64x400", "options": ("-c:v", "libvpx-vp9", "-cpu-used", "8", "-c:a", "libopus")},
}


@pytest.fixture
def cut(tmp_path: Path, ffmpeg: Path) -> Cut:
    """Cut half a second from 0.25 s to 90x160 at 24 fps, changed by keyword."""

    def cut_with(source: Path, name: str = "segment.mp4", **changes: Any) -> Path:
        usual: dict[str, Any] = {"start_s": 0.25, "duration_s": 0.5, "width": 90, "height": 160, "fps": 24}
        return cut_segment(source, tmp_path / "cut" / name, ffmpeg=ffmpeg, **{**usual, **changes})

    return cut_with


def test_any_footage_becomes_segments_joined_without_encoding(
    make_clip: MakeClip, cut: Cut, tmp_path: Path, ffmpeg: Path
) -> None:
    clips = [make_clip(name, **{"size": "96x160", "duration_s": 0.8, **odd}) for name, odd in ODD.items()]
    segments = [cut(clip, f"{n}.mp4") for n, clip in enumerate(clips)]
    for segment in segments:
        facts = probe(segment)
        video = facts.best_video_stream()
        assert (video.codec, video.width, video.height, video.fps, video.frames) == ("h264", 90, 160, Fraction(24), 12)
        assert (video.pix_fmt, video.color_range, video.sar) == ("yuv420p", "tv", Fraction(1))
        assert facts.best_audio_stream() is not None
        assert decode_fully(segment).frames == 12
    made = compose(segments, tmp_path / "all.mp4", plan=ComposePlan(width=90, height=160), ffmpeg=ffmpeg)
    assert made.mode == "copy", made.why_encoded
    assert made.duration_s == pytest.approx(0.5 * len(ODD), abs=0.05)
    assert decode_fully(made.path).frames == 12 * len(ODD)


def test_av1_footage_is_read(make_clip: MakeClip, cut: Cut) -> None:
    clip = make_clip("a.mkv", sound=None, size="96x64", options=("-c:v", "libaom-av1", "-cpu-used", "8"))
    assert probe(clip).best_video_stream().codec == "av1"
    assert decode_fully(cut(clip)).frames == 12


def test_rotated_footage_stands_upright(
    make_clip: MakeClip, run: Callable[..., None], tmp_path: Path, cut: Cut
) -> None:
    turned = tmp_path / "turned.mp4"
    run("-display_rotation", "90", "-i", make_clip(size="320x180"), "-c", "copy", turned)
    video = probe(cut(turned)).best_video_stream()
    assert (video.width, video.height, video.rotation) == (90, 160, 0)


def test_the_cut_begins_where_it_was_asked_to(make_clip: MakeClip, cut: Cut) -> None:
    red_then_blue = make_clip(
        picture="color=c=red", video_filter="drawbox=w=iw:h=ih:c=blue:t=fill:enable='gte(t,1)'", duration_s=2
    )
    assert dominant(cut(red_then_blue, start_s=0.25)) == 0
    assert dominant(cut(red_then_blue, start_s=1.25)) == 2


def dominant(path: Path) -> int:
    import av

    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        return int(np.argmax(frame.to_ndarray(format="rgb24").mean(axis=(0, 1))))


def test_the_best_stream_is_cut_unless_one_is_named(
    make_clip: MakeClip, run: Callable[..., None], tmp_path: Path, cut: Cut
) -> None:
    red = make_clip("red.mp4", picture="color=c=red", size="64x64")
    blue = make_clip("blue.mp4", picture="color=c=blue", size="128x128")
    both = tmp_path / "both.mp4"
    run("-i", red, "-i", blue, "-map", "0:v", "-map", "1:v", "-map", "0:a", "-c", "copy", both)
    assert dominant(cut(both)) == 2
    assert dominant(cut(both, stream=0)) == 0
    with pytest.raises(MediaError, match="video stream 7"):
        cut(both, stream=7)


TIMED = ("screen_mkv", "picture_late_mp4", "sound_late_ts", "clock_at_an_hour", "trimmed", "phone_mp4")


@pytest.mark.parametrize("name", [*TIMED, "avi_h264", "browser_recorder", "small_holes"])
def test_what_is_shown_and_heard_together_stays_so(name: str, base: Path, ffmpeg: Path, tmp_path: Path) -> None:
    source = film(name).make(ffmpeg, base, tmp_path)
    for start_s in (0.0, 1.5):
        made = cut_segment(
            source,
            tmp_path / "cut.mp4",
            start_s=start_s,
            duration_s=1.4,
            width=WIDTH,
            height=HEIGHT,
            fps=RATE,
            ffmpeg=ffmpeg,
        )
        assert compare(look_at(source), look_at(made), start_s, 1.4).is_in_sync


def test_a_clock_that_jumps_goes_on_in_the_cut(base: Path, cut: Cut, ffmpeg: Path, tmp_path: Path) -> None:
    """A camera begins a file with a clock of its own, and people join its files end to end."""
    parts = [
        Film(f"part{clock}", ((".ts", taken, f"{CODECS['.ts']} -output_ts_offset {clock}"),))
        for taken, clock in (("-t 3", 100), ("-ss 3", 20))
    ]
    source = tmp_path / "joined.ts"
    source.write_bytes(b"".join(part.make(ffmpeg, base, tmp_path).read_bytes() for part in parts))
    facts = probe(source)
    assert facts.clock_jumps
    assert facts.duration_s == pytest.approx(6.0, abs=0.1)
    assert decode_fully(source).frames == 6 * RATE
    made = cut(source, start_s=2.3, duration_s=1.4, width=WIDTH, height=HEIGHT, fps=RATE)
    differences = compare(look_at(base), look_at(made), 2.3 - facts.best_video_stream().start_s, 1.4)
    assert differences.is_in_sync, differences


def _recorded(name: str, ways: tuple[str, str], base: Path, ffmpeg: Path, folder: Path) -> Path:
    """Write a broadcast that continues with something else after three seconds, on one clock."""
    parts = [
        Film(f"part{n}", ((".ts", f"-ss {n * 3} -t 3", f"{way} -muxdelay 0 -output_ts_offset {10 + n * 3}"),))
        for n, way in enumerate(ways)
    ]
    recorded = folder / name
    recorded.write_bytes(b"".join(part.make(ffmpeg, base, folder).read_bytes() for part in parts))
    return recorded


_BROADCAST = CODECS[".ts"].partition(" -c:a")[0]


@pytest.mark.parametrize("sounds", [("ac3 -ac 6", "ac3 -ac 2"), ("mp2 -ar 44100 -ac 1", "mp2 -ar 48000 -ac 2")])
def test_sound_may_change_on_the_way(
    sounds: tuple[str, str], base: Path, cut: Cut, ffmpeg: Path, tmp_path: Path
) -> None:
    """FFmpeg reads ahead of what it writes: a stretch that ends before the change meets it too."""
    first, second = (f"{_BROADCAST} -c:a {sound}" for sound in sounds)
    source, whole = _recorded("changes.ts", (first, second), base, ffmpeg, tmp_path), look_at(base)
    for start_s in (1.9, 0.9):
        made = cut(source, start_s=start_s, duration_s=1.4, width=WIDTH, height=HEIGHT, fps=RATE)
        differences = compare(whole, look_at(made), start_s - probe(source).best_video_stream().start_s, 1.4)
        assert differences.is_in_sync, differences
        assert in_sync(source, made, AsCut(start_s, 1.4)).passed


def test_a_picture_that_changes_its_size_is_refused(base: Path, cut: Cut, ffmpeg: Path, tmp_path: Path) -> None:
    ways = (f"{_BROADCAST} -c:a mp2", f"-vf scale=120:96 {_BROADCAST} -c:a mp2")
    source = _recorded("resized.ts", ways, base, ffmpeg, tmp_path)
    with pytest.raises(MediaError, match="changes its size"):
        cut(source, start_s=2.3, duration_s=1.4, width=WIDTH, height=HEIGHT, fps=RATE)


def test_a_stream_that_is_announced_late_is_left_alone(make_clip: MakeClip, cut: Cut) -> None:
    """Flash video may bring words in the middle; FFmpeg meets them after it has said which streams there are."""
    source = make_clip(
        "late.flv", size="160x90", duration_s=2.0, options=("-c:v", "flv", "-c:a", "mp3", "-ar", "44100")
    )
    words = b"\x02\0\x0aonTextData\x08\0\0\0\x01\0\x04text\x02\0\x05Rain.\0\0\x09"
    tag = b"\x12" + len(words).to_bytes(3, "big") + b"\0" * 7 + words
    with source.open("ab") as file:
        file.write(tag + len(tag).to_bytes(4, "big"))
    made = cut(source, start_s=0.5, duration_s=1, width=90, height=160, fps=25)
    assert probe(made).best_video_stream().frames == 25
    with pytest.raises(MediaError, match="announces another stream on the way"):
        watch(probe(source))


@pytest.mark.parametrize("start_s", [0.1, 0.6])
def test_footage_may_begin_between_two_key_pictures(
    start_s: float, base: Path, cut: Cut, ffmpeg: Path, tmp_path: Path
) -> None:
    source = film("tuned_in").make(ffmpeg, base, tmp_path)
    made = cut(source, start_s=start_s, duration_s=1.4, width=WIDTH, height=HEIGHT, fps=RATE, loop=True)
    differences = compare(look_at(source), look_at(made), start_s, 1.4)
    assert differences.is_in_sync, differences


def test_too_short_footage_is_refused_stating_its_duration(make_clip: MakeClip, cut: Cut) -> None:
    with pytest.raises(MediaError, match=r"cut 5.00 s from 0.25 s .*ends at 1.00 s.*allow it to loop"):
        cut(make_clip(), duration_s=5)


def test_short_footage_may_loop_and_keeps_its_sound(make_clip: MakeClip, cut: Cut) -> None:
    segment = cut(make_clip(), duration_s=2.5, loop=True)
    assert decode_fully(segment).frames == 60
    last = AudioPart(segment, 1, 2.0, 0.5)
    assert measure([last], true_peak=False).integrated_lufs is not None


def test_a_stretch_of_nothing_is_refused(make_clip: MakeClip, cut: Cut) -> None:
    clip = make_clip()
    for change in ({"start_s": -1.0}, {"duration_s": 0.0}):
        with pytest.raises(MediaError, match="must not be negative and the duration not zero"):
            cut(clip, **change)


def test_cut_off_footage_is_refused_and_leaves_nothing(make_clip: MakeClip, cut: Cut, tmp_path: Path) -> None:
    path = make_clip("cut.mkv", duration_s=3)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    with pytest.raises(MediaError, match=r"only \d+ of 60 frames came out: the source is damaged or cut off"):
        cut(path, start_s=0.0, duration_s=2.5)
    assert list((tmp_path / "cut").iterdir()) == []
