"""A still as a film: upright in every format, moving without a jump, as long as a segment."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pillow_heif import from_pillow

from dayreel.errors import MediaError
from dayreel.media.probe import decode_fully, probe
from dayreel.media.stills_as_film import MOTIONS, film_of_still, open_still
from tests.unit.media.test_compose import pixels

ORIENTATION = 0x0112
TURNED_RIGHT = 6


@pytest.fixture
def halves() -> Image.Image:
    """A landscape picture: red on the left, blue on the right."""
    picture = Image.new("RGB", (320, 180), "red")
    picture.paste(Image.new("RGB", (160, 180), "blue"), (160, 0))
    return picture


def film(source: Path, ffmpeg: Path, **changes: Any) -> Path:
    usual: dict[str, Any] = {"duration_s": 0.5, "width": 90, "height": 160, "fps": Fraction(24)}
    return film_of_still(source, source.parent / "film.mp4", ffmpeg=ffmpeg, **{**usual, **changes})


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".avif", ".heic", ".png"])
def test_a_still_stands_upright_in_every_format(suffix: str, halves: Image.Image, tmp_path: Path) -> None:
    path = tmp_path / f"still{suffix}"
    exif = Image.Exif()
    exif[ORIENTATION] = TURNED_RIGHT
    if suffix == ".heic":  # as phones do: turned by the container, EXIF is not asked
        heif = from_pillow(halves)
        heif.info["exif"] = exif.tobytes()
        heif.save(path, quality=95)
    else:
        halves.save(path, exif=exif, quality=95)
    seen = np.asarray(open_still(path)).astype(int)
    assert seen.shape == (320, 180, 3)
    assert seen[:140].mean(axis=(0, 1)) == pytest.approx((254, 0, 0), abs=8)
    assert seen[180:].mean(axis=(0, 1)) == pytest.approx((0, 0, 254), abs=8)


def test_a_film_of_a_still_is_a_segment_like_others(halves: Image.Image, tmp_path: Path, ffmpeg: Path) -> None:
    path = tmp_path / "it's 100% [a] still.jpg"
    halves.save(path)
    made = film(path, ffmpeg)
    facts = probe(made)
    assert decode_fully(made).frames == 12
    assert (facts.video[0].width, facts.video[0].height, facts.video[0].fps) == (90, 160, Fraction(24))
    assert len(facts.audio) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film.mp4", path.name]


@pytest.mark.parametrize("motion", MOTIONS)
def test_the_view_moves_a_little_with_every_frame(motion: str, tmp_path: Path, ffmpeg: Path) -> None:
    across = np.linspace(0, 255, 640)[None, :].repeat(360, axis=0)
    down = np.linspace(0, 255, 360)[:, None].repeat(640, axis=1)
    path = tmp_path / "slopes.png"
    Image.fromarray(np.stack([across, down, np.full_like(across, 90)], axis=-1).astype(np.uint8)).save(path)
    made = film(path, ffmpeg, motion=motion)
    edges = np.array([pixels(made, n / 24)[80, [4, 85], 0] for n in range(12)]).astype(int)
    moved = edges[-1] - edges[0]
    assert np.abs(moved).max() >= 2
    assert np.abs(np.diff(edges, axis=0)).max() <= np.abs(moved).max() / 4 + 2
    assert (moved[0] * moved[1] > 0) == (motion == "pan")


def test_padding_shows_all_of_a_still_before_its_own_colours(halves: Image.Image, tmp_path: Path, ffmpeg: Path) -> None:
    path = tmp_path / "still.png"
    halves.save(path)
    frame = pixels(film(path, ffmpeg, motion="none", fit="pad"), 0.25)
    assert frame[80, 5, 0] > 200
    assert frame[80, 85, 2] > 200
    assert 90 < frame[10, 5, 0] < 200  # darker, but red


@pytest.mark.parametrize(("name", "advice"), [("a.jpg", "as JPEG or PNG"), ("a.heic", r"dayreel\[heic\]")])
def test_what_is_no_picture_is_refused(name: str, advice: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("<html>")
    with pytest.raises(MediaError, match="it cannot be read") as refused:
        open_still(tmp_path / name)
    assert refused.match(advice)


def test_a_picture_too_large_to_open_is_refused(
    halves: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    halves.save(tmp_path / "panorama.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", halves.width * halves.height // 3)
    with pytest.raises(MediaError, match=r"panorama.png'; it cannot be read: Image size"):
        open_still(tmp_path / "panorama.png")
