"""Titles: large, within the frame, for as long as they should stand, in any script."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dayreel.errors import MediaError
from dayreel.media.compose import compose
from dayreel.media.fonts import Fonts
from dayreel.media.titles import Title, write_titles
from tests.unit.media.test_compose import SMALL, pixels

MakeClip = Callable[..., Path]


@pytest.mark.parametrize(
    "text",
    ["WAIT FOR IT {\\fs1}", "Every hand that ever shaped this clay is remembered", "الطين يتذكر (Fez)", "Donau" * 12],
)
def test_a_title_stands_in_the_frame_for_its_time(make_clip: MakeClip, tmp_path: Path, ffmpeg: Path, text: str) -> None:
    titles = tmp_path / "titles.ass"
    write_titles([Title(text, 0.5, 1.0)], titles, width=180, height=320, fonts=Fonts())
    plan = replace(SMALL, titles=titles)
    made = compose([make_clip(picture="color=c=gray", duration_s=1.5)], tmp_path / "a.mp4", plan=plan, ffmpeg=ffmpeg)
    before, shown, after = (pixels(made.path, at_s).max(axis=2) for at_s in (0.3, 0.75, 1.2))
    assert before.max() < 150 > after.max()
    rows, columns = np.nonzero(shown > 200)
    assert rows.size > 60
    assert 0.15 * 320 < rows.min() < rows.max() < 0.5 * 320
    assert 0.09 * 180 < columns.min() < columns.max() < 0.91 * 180


def test_what_no_font_can_show_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="no font has letters for"):
        write_titles([Title("a \ue000", 0, 1)], tmp_path / "a.ass", width=180, height=320, fonts=Fonts())
    assert not (tmp_path / "a.ass").exists()


def test_a_line_break_parts_two_words(tmp_path: Path) -> None:
    path = tmp_path / "a.ass"
    write_titles([Title("Wet\nclay\u2028\n rises", 0, 1)], path, width=360, height=320, fonts=Fonts())
    events = [line.rpartition("}")[2] for line in path.read_text(encoding="utf-8").splitlines() if "Dialogue" in line]
    assert " ".join(events) == "Wet clay rises"
