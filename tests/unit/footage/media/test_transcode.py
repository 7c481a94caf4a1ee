"""Films encoded again: what is shown stays the same, or it is refused in a sentence."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from dayreel.errors import MediaError
from dayreel.footage.media.choose_streams import choose_streams
from dayreel.footage.media.same_footage import FootageLimits, compare_footage
from dayreel.footage.media.transcode import plan_picture, refuse_other_picture, rewrap, transcode
from dayreel.footage.schemas.library import RemuxPlan, TranscodePlan
from dayreel.media.probe import Probe, probe
from dayreel.media.timeline import hidden_pictures
from tests.unit.media.films import film, look_at
from tests.unit.media.sync import compare_whole

MakeClip = Callable[..., Path]
Run = Callable[..., None]

PQ = "format=yuv420p10le,setparams=color_primaries=bt2020:color_trc={}:colorspace=bt2020nc:range=limited"
HDR_OPTIONS = ("-c:v", "libx265", "-x265-params", "log-level=none", "-pix_fmt", "yuv420p10le")


@pytest.fixture
def hdr(make_clip: MakeClip) -> Path:
    return make_clip(
        "hdr.mp4", size="96x64", duration_s=0.4, video_filter=PQ.format("smpte2084"), options=HDR_OPTIONS, sound=None
    )


def encoded(source: Path, ffmpeg: Path, **plan: Any) -> Probe:
    return transcode(source, source.with_name("out.mkv"), TranscodePlan(**plan), ffmpeg=ffmpeg)


def moments(path: Path) -> list[int]:
    with av.open(str(path)) as container:
        return [round((frame.time or 0.0) * 1000) for frame in container.decode(video=0)]


def first_luma(path: Path) -> NDArray[np.float64]:
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        plane = np.frombuffer(bytes(frame.planes[0]), dtype=np.dtype("<u2")).reshape(-1, frame.planes[0].line_size // 2)
        return plane[: frame.height, : frame.width].astype(float)


@pytest.mark.parametrize(("name", "preset"), [("jitter_mp4", "h264"), ("jitter_ts", "av1"), ("screen_webm", "h265")])
def test_every_picture_keeps_its_moment(name: str, preset: Any, base: Path, ffmpeg: Path, tmp_path: Path) -> None:
    source = film(name).make(ffmpeg, base, tmp_path)
    made = encoded(source, ffmpeg, preset=preset)
    assert compare_whole(look_at(source), look_at(made.path)).is_in_sync


def test_what_was_trimmed_away_stays_away(base: Path, ffmpeg: Path, tmp_path: Path) -> None:
    source = film("trimmed").make(ffmpeg, base, tmp_path)
    facts = probe(source)
    assert hidden_pictures(facts) == 90
    made = rewrap(source, tmp_path / "out.mkv", choose_streams(facts, RemuxPlan()), ffmpeg=ffmpeg)
    assert compare_whole(look_at(source), look_at(made.path)).is_in_sync
    assert all(check.passed for check in compare_footage(source, made.path, FootageLimits(0.01, 0.5)))


def test_pictures_without_moments_are_encoded(base: Path, ffmpeg: Path, tmp_path: Path) -> None:
    """An AVI has only the order of decoding, and Matroska would show it."""
    source = film("avi_h264").make(ffmpeg, base, tmp_path)
    made = rewrap(source, tmp_path / "out.mkv", choose_streams(probe(source), RemuxPlan()), ffmpeg=ffmpeg)
    assert compare_whole(look_at(source), look_at(made.path)).is_in_sync


def test_what_is_shown_whole_is_copied(base: Path, ffmpeg: Path, tmp_path: Path) -> None:
    source = film("picture_late_mp4").make(ffmpeg, base, tmp_path)
    made = rewrap(source, tmp_path / "out.mkv", choose_streams(probe(source), RemuxPlan()), ffmpeg=ffmpeg)
    assert made.best_video_stream().parameters == probe(source).best_video_stream().parameters
    assert compare_whole(look_at(source), look_at(made.path)).is_in_sync


@pytest.mark.parametrize(("preset", "codec"), [("h264", "h264"), ("h265", "hevc"), ("av1", "av1")])
def test_each_preset_encodes_the_picture_and_copies_the_sound(
    make_clip: MakeClip, ffmpeg: Path, preset: str, codec: str
) -> None:
    clip = make_clip(size="96x64", duration_s=0.5)
    shares: list[float] = []
    plan = TranscodePlan(preset=preset)
    made = transcode(clip, clip.with_name("out.mkv"), plan, ffmpeg=ffmpeg, progress=shares.append)
    video = made.best_video_stream()
    assert (video.codec, video.width, video.height, video.sar, video.bit_depth) == (codec, 96, 64, Fraction(1), 8)
    assert [track.codec for track in made.audio] == ["aac"]
    assert video.duration_s == pytest.approx(0.5, abs=0.05)
    assert shares
    assert max(shares) <= 1.0


def test_a_rotated_anamorphic_picture_keeps_its_display_aspect(
    make_clip: MakeClip, run: Run, ffmpeg: Path, tmp_path: Path
) -> None:
    turned = tmp_path / "turned.mp4"
    clip = make_clip(size="96x64", duration_s=0.3, video_filter="setsar=64/45")
    run("-display_rotation", "90", "-i", clip, "-c", "copy", turned)
    before = probe(turned).best_video_stream()
    after = encoded(turned, ffmpeg, preset="h264").best_video_stream()
    assert (after.rotation, after.width, after.height) == (0, 64, 96)
    # Pixels lie across now; the shape that is shown is the same.
    shape = after.display_width / after.display_height
    assert shape == pytest.approx(before.display_width / before.display_height, rel=0.01)


def test_frames_keep_their_moments_at_a_variable_rate(make_clip: MakeClip, ffmpeg: Path) -> None:
    dropping = "select='not(mod(n\\,7))+gt(n\\,15)'"
    clip = make_clip(rate="30", size="96x64", video_filter=dropping, options=("-fps_mode", "vfr"), duration_s=1.2)
    assert not probe(clip).best_video_stream().is_constant_rate
    encoded(clip, ffmpeg, preset="h264")
    before, after = moments(clip), moments(clip.with_name("out.mkv"))
    assert len(before) == len(after)
    assert max(abs(a - b) for a, b in zip(before, after, strict=True)) <= 1


def test_a_higher_picture_is_brought_down_in_its_own_shape(make_clip: MakeClip, ffmpeg: Path) -> None:
    made = encoded(make_clip(size="160x120", duration_s=0.2), ffmpeg, preset="h264", max_height=144).best_video_stream()
    assert (made.width, made.height) == (160, 120)
    tall = probe(make_clip(name="tall.mp4", size="90x320", duration_s=0.2, video_filter="setsar=2"))
    planned = plan_picture(tall, TranscodePlan(max_height=160))
    assert (planned.width, planned.height, planned.sar) == (46, 160, Fraction(45, 23))


def test_hdr_is_refused_by_default_and_says_what_to_set(hdr: Path, ffmpeg: Path) -> None:
    with pytest.raises(MediaError, match=r"it is HDR \(smpte2084\), which the plan refuses.*`keep`.*`tonemap`"):
        encoded(hdr, ffmpeg)
    with pytest.raises(MediaError, match="needs 10 bit"):
        encoded(hdr, ffmpeg, preset="h264", hdr="keep")


@pytest.mark.parametrize(("preset", "curve"), [("h265", "smpte2084"), ("av1", "smpte2084"), ("h265", "arib-std-b67")])
def test_hdr_that_is_kept_has_ten_bits_and_the_same_colours(
    make_clip: MakeClip, ffmpeg: Path, preset: str, curve: str
) -> None:
    clip = make_clip(size="96x64", duration_s=0.3, video_filter=PQ.format(curve), options=HDR_OPTIONS, sound=None)
    made = encoded(clip, ffmpeg, preset=preset, hdr="keep")
    video = made.best_video_stream()
    assert (video.pix_fmt, video.color_transfer) == ("yuv420p10le", curve)
    assert (video.color_primaries, video.color_space, video.is_full_range) == ("bt2020", "bt2020nc", False)
    assert np.abs(first_luma(clip).mean() - first_luma(made.path).mean()) < 4  # of 1023


def test_hdr_that_is_mapped_is_tagged_as_what_it_has_become(hdr: Path, ffmpeg: Path) -> None:
    video = encoded(hdr, ffmpeg, preset="h264", hdr="tonemap").best_video_stream()
    assert (video.pix_fmt, video.color_space, video.color_transfer, video.color_primaries) == (
        "yuv420p",
        "bt709",
        "bt709",
        "bt709",
    )


def test_colours_that_nobody_can_name_are_refused(make_clip: MakeClip, run: Run, tmp_path: Path, ffmpeg: Path) -> None:
    wide = make_clip(
        "wide.mp4",
        size="96x64",
        duration_s=0.2,
        sound=None,
        options=HDR_OPTIONS,
        video_filter="format=yuv420p10le,setparams=color_primaries=bt2020:colorspace=bt2020nc",
    )
    with pytest.raises(MediaError, match="does not say whether they are SDR, PQ or HLG"):
        encoded(wide, ffmpeg, hdr="keep")
    dolby = tmp_path / "dolby.mp4"
    run("-i", wide, "-c", "copy", "-tag:v", "dvh1", "-strict", "unofficial", dolby)
    with pytest.raises(MediaError, match="Dolby Vision without"):
        encoded(dolby, ffmpeg, hdr="tonemap")


def test_an_unexpected_picture_is_refused_with_every_difference(make_clip: MakeClip) -> None:
    facts = probe(make_clip(size="96x64", duration_s=0.2))
    planned = plan_picture(facts, TranscodePlan(preset="h264"))
    asked = replace(planned, color_transfer="smpte2084", pix_fmt="yuv420p10le", sar=Fraction(4, 3))
    with pytest.raises(MediaError, match=r"bits 8 instead of 10.*smpte2084.*pixel aspect 1 instead of 4/3"):
        refuse_other_picture(facts.best_video_stream(), asked, "transcode 'a'")


def test_full_range_untagged_colours_become_limited_and_tagged(make_clip: MakeClip, ffmpeg: Path) -> None:
    clip = make_clip(size="97x65", duration_s=0.2, picture="testsrc", options=("-pix_fmt", "yuvj444p"), sound=None)
    video = encoded(clip, ffmpeg, preset="h264").best_video_stream()
    assert (video.width, video.height, video.is_full_range, video.pix_fmt) == (98, 66, False, "yuv420p")


def test_a_quality_beyond_the_encoder_is_refused(make_clip: MakeClip, ffmpeg: Path) -> None:
    with pytest.raises(MediaError, match="goes to 51, and 60 was asked for"):
        encoded(make_clip(size="96x64", duration_s=0.2), ffmpeg, preset="h264", quality=60)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("untagged.mp4", ()),
        ("full_range.mp4", ("-pix_fmt", "yuvj444p")),
        ("rgb.mkv", ("-c:v", "ffv1", "-pix_fmt", "gbrp")),
        ("tagged.mp4", ("-vf", "scale=out_color_matrix=bt709,setparams=colorspace=bt709:color_primaries=bt709")),
        ("ten_bit.mkv", ("-pix_fmt", "yuv422p10le", "-profile:v", "high422")),
    ],
)
def test_colours_look_as_they_did(
    make_clip: MakeClip, run: Run, ffmpeg: Path, tmp_path: Path, name: str, options: tuple[str, ...]
) -> None:
    clip = make_clip(name, size="96x64", picture="smptehdbars", duration_s=0.1, sound=None, options=options)
    made = encoded(clip, ffmpeg, preset="h264", quality=10)
    for path in (clip, made.path):
        run("-i", path, "-frames:v", "1", "-vf", "scale,format=rgb24", path.with_suffix(f"{path.suffix}.png"))
    before, after = (
        np.asarray(Image.open(tmp_path / f"{picture}.png"), dtype=float).reshape(-1, 3) for picture in (name, "out.mkv")
    )
    # Edges between bars are smeared by the coarser chroma; the bars themselves are not.
    assert np.median(np.abs(before - after), axis=0).max() <= 3
    assert np.abs(before.mean(axis=0) - after.mean(axis=0)).max() <= 3
