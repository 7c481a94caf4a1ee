"""A fingerprint of what a video shows: the same through codecs and sizes, another for other footage."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dayreel.errors import MediaError
from dayreel.footage.media.perceptual_hash import FRAMES, looks_alike, perceptual_hash

MakeClip = Callable[..., Path]
Run = Callable[..., None]


def test_re_encoded_scaled_and_rotated_footage_looks_the_same(make_clip: MakeClip, run: Run, tmp_path: Path) -> None:
    clip = make_clip(size="160x120", picture="testsrc", options=("-g", "6"))
    first_hash = perceptual_hash(clip)
    assert len(first_hash) == FRAMES * 16
    small, turned = tmp_path / "small.mkv", tmp_path / "turned.mp4"
    run("-i", clip, "-vf", "scale=96:72", "-c:v", "libx265", "-x265-params", "log-level=none", "-crf", "32", small)
    assert looks_alike(first_hash, perceptual_hash(small))
    run("-i", clip, "-vf", "transpose=clock", "-c:v", "libx264", tmp_path / "lying.mp4")
    run("-display_rotation", "90", "-i", tmp_path / "lying.mp4", "-c", "copy", turned)
    assert looks_alike(first_hash, perceptual_hash(turned))


def test_a_late_transport_stream_with_one_keyframe_is_hashed(make_clip: MakeClip, run: Run, tmp_path: Path) -> None:
    clip, stream = make_clip(size="96x64", picture="testsrc"), tmp_path / "a.ts"
    run("-i", clip, "-c", "copy", "-output_ts_offset", "100", stream)
    assert looks_alike(perceptual_hash(clip), perceptual_hash(stream))


def test_other_footage_looks_different(make_clip: MakeClip) -> None:
    first_hash = perceptual_hash(make_clip("a.mp4", size="160x120", picture="testsrc"))
    other = perceptual_hash(make_clip("b.mp4", size="160x120", picture="mandelbrot"))
    later = perceptual_hash(make_clip("c.mp4", size="160x120", picture="testsrc2"))
    pairs = ((first_hash, other), (first_hash, later), (other, later))
    assert [looks_alike(*pair) for pair in pairs] == [False] * 3


def test_black_is_black_whatever_its_noise(make_clip: MakeClip) -> None:
    black = perceptual_hash(make_clip("a.mp4", size="96x64", picture="color=black"))
    noisy = perceptual_hash(make_clip("b.mp4", size="96x64", picture="color=black", video_filter="noise=alls=4"))
    assert black == noisy


def test_what_is_no_video_has_no_fingerprint(make_clip: MakeClip) -> None:
    with pytest.raises(MediaError, match="no moving picture"):
        perceptual_hash(make_clip("song.m4a", picture=None))
    with pytest.raises(ValueError, match="different lengths"):
        looks_alike("00", "0000")
