"""Burned-in captions: there where nothing else is drawn, at the time at which the words are heard, and nowhere else."""

import itertools
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import uharfbuzz
from hypothesis import given, settings
from hypothesis import strategies as st

from dayreel.errors import MediaError
from dayreel.media.caption_lines import tokens_of
from dayreel.media.captions import SAFE_ZONE, STRICT_ZONE, STYLES, Drawing, Placed, visual_order, write_ass
from dayreel.media.compose import compose
from dayreel.media.edit_plan import ComposePlan
from dayreel.media.fonts import WEIGHT, Fonts
from dayreel.schemas.content import SpokenWord

WIDTH, HEIGHT = 360, 640


def spoken(text: str, *, start_s: float = 0.2, each_s: float = 0.2, pause_s: float = 0.0) -> list[SpokenWord]:
    words = []
    for number, word in enumerate(text.split()):
        at_s = start_s + number * (each_s + pause_s)
        words.append(SpokenWord(text=word, start_s=at_s, end_s=at_s + each_s))
    return words


def frames(path: Path) -> list[tuple[float, np.ndarray[Any, Any]]]:
    with av.open(str(path)) as container:
        return [(float(frame.time or 0), frame.to_ndarray(format="gray")) for frame in container.decode(video=0)]


def test_glyphs_appear_only_in_the_safe_zone_while_spoken(
    make_clip: Callable[..., Path], tmp_path: Path, ffmpeg: Path
) -> None:
    clip = make_clip(picture="color=c=black", duration_s=2.0, size=f"{WIDTH}x{HEIGHT}")
    captions = tmp_path / "captions.ass"
    write_ass(spoken("Jugglers Wrap quickly jumping"), captions, width=WIDTH, height=HEIGHT, total_s=2.0)
    plan = ComposePlan(width=WIDTH, height=HEIGHT, preset="ultrafast", captions=captions)
    made = compose([clip], tmp_path / "out" / "final_video.mp4", plan=plan, ffmpeg=ffmpeg)
    assert (made.mode, made.why_encoded) == ("encode", "something is drawn over the picture")
    zone = np.zeros((HEIGHT, WIDTH), dtype=bool)
    rows = slice(round(SAFE_ZONE.top * HEIGHT), round(SAFE_ZONE.bottom * HEIGHT))
    zone[rows, round(SAFE_ZONE.left * WIDTH) : round(SAFE_ZONE.right * WIDTH)] = True
    seen = set()
    for at_s, picture in frames(made.path):
        lit = picture > 60
        assert not lit[~zone].any(), f"something is drawn outside the safe zone at {at_s:.2f} s"
        if lit[zone].sum() > 100:
            seen.add(round(at_s, 2))
    assert min(seen) == pytest.approx(0.2, abs=0.05)
    assert max(seen) == pytest.approx(1.25, abs=0.06)


def test_another_font_would_be_seen(make_clip: Callable[..., Path], tmp_path: Path, ffmpeg: Path) -> None:
    """The same words with a font that does not exist look the same as with none, so the font's name must count."""
    clip = make_clip(picture="color=c=black", duration_s=0.5, size=f"{WIDTH}x{HEIGHT}")
    sums = []
    for font in ("DejaVu Sans", "DejaVu Sans Mono"):
        captions = tmp_path / f"{font}.ass"
        write_ass(spoken("Wool", start_s=0), captions, width=WIDTH, height=HEIGHT, total_s=0.5)
        captions.write_text(captions.read_text().replace("Words,DejaVu Sans,", f"Words,{font},"))
        plan = ComposePlan(width=WIDTH, height=HEIGHT, preset="ultrafast", captions=captions)
        made = compose([clip], tmp_path / "out" / "final_video.mp4", plan=plan, ffmpeg=ffmpeg)
        sums.append(int(frames(made.path)[2][1].sum()))
    assert sums[0] != sums[1]


def test_what_would_be_a_command_in_the_file_is_only_text(tmp_path: Path) -> None:
    path = tmp_path / "captions.ass"
    write_ass(spoken(r"{\pos(0,0)}up \N"), path, width=WIDTH, height=HEIGHT, total_s=9)
    dialogue = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("Dialogue")]
    assert all(line.count("{") == 1 and line.count("\\N") == 0 for line in dialogue)


LOOKS = ("words", *(name for name in STYLES if name != "words"))


def placed(text: str, style: str, language: str = "en") -> list[list[Placed]]:
    drawing = Drawing(STYLES[style], STRICT_ZONE, WIDTH, HEIGHT, Fonts(language))
    return [drawing.placed(line) for line in drawing.lines(tokens_of(spoken(text), text), total_s=30)]


@pytest.mark.parametrize("style", LOOKS)
@given(st.text(st.sampled_from("aWi ñ漢字รักนี้ كتاب שלום हिन्दी👩\u200d👧❤\ufe0f-."), max_size=60))
@settings(max_examples=25, deadline=None)
def test_no_word_is_drawn_beside_the_room_or_over_another(style: str, text: str) -> None:
    look, em = STYLES[style], STYLES[style].size * HEIGHT
    for words in placed(text, style):
        edges = sorted((word.x - word.width / 2, word.x + word.width / 2) for word in words)
        assert edges[0][0] - look.around * em >= STRICT_ZONE.left * WIDTH - 0.5
        assert edges[-1][1] + look.around * em <= STRICT_ZONE.right * WIDTH + 0.5
        assert all(left[1] <= right[0] + 0.01 for left, right in itertools.pairwise(edges))


def test_words_of_hebrew_stand_from_right_to_left() -> None:
    assert visual_order(tokens_of(spoken("אחת שתיים GPT five שלוש 12"))) == [5, 4, 2, 3, 1, 0]
    assert visual_order(tokens_of(spoken("one two שלוש ארבע five"))) == [0, 1, 3, 2, 4]


@pytest.mark.parametrize("style", [name for name in STYLES if name != "words"])
def test_a_style_draws_in_its_zone_and_shows_what_is_spoken(style: str, tmp_path: Path, ffmpeg: Path) -> None:
    captions = tmp_path / "captions.ass"
    words = spoken("Jumping gladly", start_s=0.0, each_s=0.5)
    write_ass(words, captions, width=WIDTH, height=HEIGHT, total_s=1.2, style=style)
    seen = [still(captions, at_s, ffmpeg) for at_s in (0.3, 0.8)]
    zone = np.zeros((HEIGHT, WIDTH), dtype=bool)
    rows = slice(round(STRICT_ZONE.top * HEIGHT), round(STRICT_ZONE.bottom * HEIGHT) + 1)
    zone[rows, round(STRICT_ZONE.left * WIDTH) : round(STRICT_ZONE.right * WIDTH)] = True
    for picture in seen:
        drawn = np.abs(picture.astype(int) - 128).max(axis=2) > 12
        assert drawn[zone].sum() > 300
        assert not drawn[~zone].any()
    assert np.abs(seen[0].astype(int) - seen[1]).max() > 100, "nothing shows which word is spoken"


def test_what_is_drawn_is_what_was_measured(tmp_path: Path, ffmpeg: Path) -> None:
    """Marks, joined letters and emoji made of several come out as HarfBuzz shapes them from the whole font."""
    words = {
        "hi": "प्यारी",
        "ar": "جميلةً",
        "kn": "ನೋಡಿದೆ",
        "th": "น้ำ",
        "en": "👩\u200d👩\u200d👧",
        "he": "שלום",
        "my": "ကြောင်",
    }
    assert {language: off_by_px(word, language, tmp_path, ffmpeg) for language, word in words.items()} == dict.fromkeys(
        words, 0
    )


def off_by_px(word: str, language: str, folder: Path, ffmpeg: Path) -> int:
    """Return by how many pixels beyond two the ink of a word is off from where shaping has it."""
    captions, fonts = folder / f"{language}.ass", Fonts(language)
    write_ass(
        [SpokenWord(text=word, start_s=0, end_s=1)], captions, width=WIDTH, height=HEIGHT, total_s=1, style="box",
        fonts=fonts,
    )  # fmt: skip
    text = captions.read_text(encoding="utf-8")
    bare = re.sub(r"(Style: Words(?:,[^,]*){6},[^,]*),[^,]*,[^,]*,", r"\1,0,0,", text)
    captions.write_text(re.sub(r"^Dialogue: 0,.*$", "", bare, flags=re.MULTILINE), encoding="utf-8")
    columns = np.where((still(captions, 0.5, ffmpeg) > 200).all(axis=2).any(axis=0))[0]
    em = STYLES["box"].size * HEIGHT
    first, last = (WIDTH / 2 + (edge - fonts.width(word) / 2) * em for edge in ink(word, fonts))
    off = max(abs(first - float(columns[0])), abs(last - float(columns[-1]) - 1))
    return max(0, round(off) - 2)


def ink(word: str, fonts: Fonts) -> tuple[float, float]:
    """Return from where to where HarfBuzz draws a word with the whole font, in em from where it begins."""
    (run,) = fonts.runs(word)
    assert run.face is not None
    font = uharfbuzz.Font(uharfbuzz.Face(uharfbuzz.Blob.from_file_path(str(run.face.path)), run.face.number))
    font.set_variations({"wght": WEIGHT})
    buffer = uharfbuzz.Buffer()
    buffer.add_str(word)
    buffer.guess_segment_properties()
    uharfbuzz.shape(font, buffer)
    edges, at = [], 0
    for glyph, position in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
        assert glyph.codepoint != 0
        extents = font.get_glyph_extents(glyph.codepoint)
        begin = at + position.x_offset + extents.x_bearing
        edges += [begin, begin + extents.width] if extents.width else []
        at += position.x_advance
    return min(edges) / font.face.upem, max(edges) / font.face.upem


def still(captions: Path, at_s: float, ffmpeg: Path) -> np.ndarray[Any, Any]:
    """Return one picture of captions on grey, as bytes of red, green and blue."""
    command = [str(ffmpeg), "-v", "error", "-f", "lavfi", "-i", f"color=c=0x808080:s={WIDTH}x{HEIGHT}:r=20:d=2"]
    command += ["-vf", f"subtitles={captions}:fontsdir={captions.parent},trim=start={at_s}", "-frames:v", "1"]
    made = subprocess.run([*command, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], check=True, capture_output=True)
    return np.frombuffer(made.stdout, dtype=np.uint8).reshape(HEIGHT, WIDTH, 3)


def test_letters_of_no_font_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="no font has letters for 'བོ'"):
        write_ass(spoken("བོ"), tmp_path / "captions.ass", width=WIDTH, height=HEIGHT, total_s=9)


def test_words_look_as_ever_where_the_old_font_has_them(tmp_path: Path) -> None:
    path = tmp_path / "captions.ass"
    for text, font in (("Čau, žluťoučký κόσμε", "DejaVu Sans"), ("Čau 陶", "dayreel 1"), ("שלום", "dayreel 1")):
        write_ass(spoken(text), path, width=WIDTH, height=HEIGHT, total_s=9, fonts=Fonts("ja"))
        assert f"Style: Words,{font}," in path.read_text(encoding="utf-8")
