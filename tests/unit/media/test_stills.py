"""Posters, contact sheets and previews."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dayreel.errors import MediaError
from dayreel.media.stills import contact_sheet, poster, thumbnail

MakeClip = Callable[..., Path]
BLUE_AFTER_1_S = "drawbox=w=iw:h=ih:c=blue:t=fill:enable='gte(t,1)'"


def strongest(picture: Image.Image) -> int:
    return int(np.asarray(picture.convert("RGB")).mean(axis=(0, 1)).argmax())


def test_a_poster_shows_the_moment_that_was_asked_for(make_clip: MakeClip, tmp_path: Path) -> None:
    clip = make_clip(picture="color=c=red", video_filter=BLUE_AFTER_1_S, duration_s=2)
    before, after = (poster(clip, tmp_path / f"{at_s}.jpg", at_s) for at_s in (0.5, 1.5))
    with Image.open(before) as first, Image.open(after) as second:
        assert first.size == (180, 320)
        assert (strongest(first), strongest(second)) == (0, 2)


def test_a_poster_of_its_own_choice_is_not_the_black_beginning(make_clip: MakeClip, tmp_path: Path) -> None:
    clip = make_clip(video_filter="drawbox=w=iw:h=ih:c=black:t=fill:enable='lt(t,0.85)'")
    with Image.open(poster(clip, tmp_path / "a.jpg")) as picture:
        assert np.asarray(picture).std() > 30


def test_a_moment_after_the_end_shows_the_last_frame(make_clip: MakeClip, tmp_path: Path) -> None:
    clip = make_clip(picture="color=c=red", video_filter=BLUE_AFTER_1_S, duration_s=2)
    with Image.open(poster(clip, tmp_path / "a.jpg", 99.0)) as picture:
        assert strongest(picture) == 2


def test_a_poster_of_rotated_footage_stands_upright(
    make_clip: MakeClip, run: Callable[..., None], tmp_path: Path
) -> None:
    turned = tmp_path / "turned.mp4"
    left_is_red = make_clip(size="320x180", picture="color=c=blue", video_filter="drawbox=w=iw/2:h=ih:c=red:t=fill")
    run("-display_rotation", "-90", "-i", left_is_red, "-c", "copy", turned)
    with Image.open(poster(turned, tmp_path / "a.jpg")) as picture:
        assert picture.size == (180, 320)
        assert strongest(picture.crop((0, 0, 180, 100))) == 0


def test_a_contact_sheet_shows_the_video_from_left_to_right(make_clip: MakeClip, tmp_path: Path) -> None:
    clip = make_clip(picture="color=c=red", video_filter=BLUE_AFTER_1_S, duration_s=2)
    with Image.open(contact_sheet(clip, tmp_path / "sheet.jpg", 4, 2)) as sheet:
        width, height = sheet.size
        assert 4 * 240 < width < 4 * 260
        assert 2 * 426 < height < 2 * 450
        assert strongest(sheet.crop((0, 0, width, height // 2))) == 0
        assert strongest(sheet.crop((0, height // 2, width, height))) == 2


def test_a_thumbnail_is_240_pixels_wide(make_clip: MakeClip, tmp_path: Path) -> None:
    with Image.open(thumbnail(make_clip(size="720x1280", duration_s=0.2), tmp_path / "a.jpg")) as picture:
        assert picture.size == (240, 427)


def test_what_has_no_picture_is_refused(make_clip: MakeClip, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="no moving picture"):
        poster(make_clip("a.m4a", picture=None), tmp_path / "a.jpg")
    assert not (tmp_path / "a.jpg").exists()
