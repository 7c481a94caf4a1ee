"""Burned-in captions: there where nothing else is drawn, at the time at which the words are heard, and nowhere else."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from dayreel.errors import MediaError
from dayreel.media.captions import SAFE_ZONE, caption_lines, write_ass
from dayreel.media.compose import compose
from dayreel.media.edit_plan import ComposePlan
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


def lines(words: list[SpokenWord], *, room_px: float = 500, total_s: float = 30) -> list[str]:
    return [line.text for line in caption_lines(words, room_px=room_px, size_px=40, total_s=total_s)]


def test_lines_break_when_full_at_sentence_ends_and_at_pauses() -> None:
    assert lines(spoken("one two three four five")) == ["one two three four", "five"]
    assert lines(spoken("It ends. Then more")) == ["It ends.", "Then more"]
    assert lines([*spoken("one two"), *spoken("three", start_s=5)]) == ["one two", "three"]
    assert lines(spoken("unbelievably long expressions"), room_px=300) == ["unbelievably", "long", "expressions"]


def test_lines_never_overlap_in_time_or_outlast_the_video() -> None:
    made = caption_lines(spoken("a b c d e f g h i j k l"), room_px=500, size_px=40, total_s=2.0)
    assert all(line.end_s <= other.start_s for line, other in itertools.pairwise(made))
    assert made[-1].end_s <= 2.0


def test_a_long_word_is_shrunk_and_an_endless_one_is_refused() -> None:
    (line,) = caption_lines(spoken("Donaudampfschifffahrt"), room_px=300, size_px=40, total_s=9)
    assert 0.4 <= line.scale < 1
    with pytest.raises(MediaError, match="too long for one line"):
        lines(spoken("a" * 200))


def test_what_would_be_a_command_in_the_file_is_only_text(tmp_path: Path) -> None:
    path = tmp_path / "captions.ass"
    write_ass(spoken(r"{\pos(0,0)}up \N"), path, width=WIDTH, height=HEIGHT, total_s=9)
    dialogue = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("Dialogue")]
    assert all(line.count("{") == 1 and line.count("\\N") == 0 for line in dialogue)


def test_characters_missing_from_the_font_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="has no letters for '陶'"):
        write_ass(spoken("陶"), tmp_path / "captions.ass", width=WIDTH, height=HEIGHT, total_s=9)
