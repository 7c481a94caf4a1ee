"""What is spoken as a file for players and platforms: SubRip (`.srt`) and WebVTT, with a cue for each half sentence.

Where words end and what a voice has left out is `caption_lines`; drawing words on the picture is `captions`.
"""

import html
import unicodedata
from collections.abc import Sequence

from dayreel.media.caption_lines import Line, TimedWord, joined, lines_of, tokens_of
from dayreel.schemas.content import SpokenWord

ROOM = 42
"""Columns of a cue: what players show in one line. A letter of Chinese, Japanese or Korean takes two."""


def cues(words: Sequence[SpokenWord], *, total_s: float, narration: str = "") -> list[Line]:
    """Return what stands in a subtitle file, one cue after another."""
    return lines_of(tokens_of(words, narration), _columns, room=ROOM, most_words=12, most_letters=ROOM, total_s=total_s)


def as_srt(lines: Sequence[Line]) -> str:
    """Return a SubRip file."""
    blocks = [
        f"{number}\n{_clock(line.start_s, ',')} --> {_clock(line.end_s, ',')}\n{line.text}\n"
        for number, line in enumerate(lines, 1)
    ]
    return "\n".join(blocks)


def as_vtt(lines: Sequence[Line]) -> str:
    """Return a WebVTT file."""
    blocks = [
        f"{_clock(line.start_s, '.')} --> {_clock(line.end_s, '.')}\n{html.escape(line.text, quote=False)}\n"
        for line in lines
    ]
    return "\n".join(["WEBVTT\n", *blocks])


def _columns(tokens: Sequence[TimedWord]) -> float:
    text = joined(tokens)
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _clock(seconds: float, point: str) -> str:
    thousandths = round(seconds * 1000)
    hours, minutes = thousandths // 3_600_000, thousandths // 60_000 % 60
    return f"{hours:02}:{minutes:02}:{thousandths // 1000 % 60:02}{point}{thousandths % 1000:03}"
