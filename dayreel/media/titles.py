"""Titles over the picture, as an ASS file: large words for a while, such as a hook or the words of an end card.

Every script that captions can show can be shown here, with the same fonts (`fonts`). Burning the file in is
`picture.with_captions`; what is written, and when, comes from the channel.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dayreel.errors import MediaError
from dayreel.media.captions import ASS_HEAD, ass_font, ass_text, ass_time
from dayreel.media.fonts import ASCENT, DESCENT, Fonts, clusters, cut_down, letters_of

_ROOM = 0.8
"""Of the frame's width: right of it the platforms draw their buttons."""
_MOST_LINES = 4
_LEADING = 1.2
_SMALLEST_SHARE = 0.7
_FADE_MS = 180
_BODY = """\
Kerning: yes

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, OutlineColour, BackColour, Bold, BorderStyle, Outline, Shadow, \
Alignment, Encoding
Style: Title,{font},20,&H00FFFFFF,&H00000000,&H90000000,0,1,1,0,5,-1

[Fonts]
{fonts}
[Events]
Format: Layer, Start, End, Style, Text
{events}
"""


@dataclass(frozen=True)
class Title:
    """Words that stand on the picture for a while.

    Attributes:
        size: of the letters, as a share of the frame's height; smaller where they would not fit on four lines.
        middle: of the lines together, as a share of the frame's height from above.
    """

    text: str
    start_s: float
    end_s: float
    size: float = 0.052
    middle: float = 0.3


def write_titles(titles: Sequence[Title], dest: Path, *, width: int, height: int, fonts: Fonts) -> None:
    """Write titles to `dest`.

    Args:
        width, height: of the video, in pixels.

    Raises:
        MediaError: no font has a letter of them.
    """
    if lost := fonts.missing(" ".join(title.text for title in titles)):
        raise MediaError(
            f"Tried to write {titles[0].text!r} over the picture; no font has letters for {' '.join(lost[:20])!r}.",
            next_step="Change the text in the channel's file, or put a font of that script into the folder that "
            "DAYREEL_FONTS names.",
        )
    placed = [(title, *_fitted(title.text, title.size * height, width, fonts)) for title in titles]
    runs = [run for _, lines, _ in placed for line in lines for run in fonts.runs(line)]
    letters = letters_of(runs)
    names = {face: f"dayreel title {number}" for number, face in enumerate(letters, 1)}
    events: list[str] = []
    for title, lines, em in placed:
        first_y = title.middle * height - (len(lines) - 1) / 2 * _LEADING * em
        for number, line in enumerate(lines):
            tags = (
                f"\\an5\\pos({width / 2:.1f},{first_y + number * _LEADING * em:.1f})\\fs{em * (ASCENT + DESCENT):.2f}"
                f"\\bord{0.1 * em:.2f}\\shad{0.04 * em:.2f}\\fad({_FADE_MS},{_FADE_MS})"
            )
            text = "".join(f"{{\\fn{names[run.face]}}}{ass_text(run.drawn)}" for run in fonts.runs(line) if run.face)
            events.append(f"Dialogue: 2,{ass_time(title.start_s)},{ass_time(title.end_s)},Title,{{{tags}}}{text}")
    carried = "".join(
        f"fontname: dayreel_title_{number}.ttf\n{ass_font(cut_down(face, text, names[face]))}\n"
        for number, (face, text) in enumerate(letters.items(), 1)
    )
    first = next(iter(names.values()), "dayreel title 1")
    whole = (ASS_HEAD + _BODY).format(width=width, height=height, font=first, fonts=carried, events="\n".join(events))
    dest.write_text(whole, encoding="utf-8")


def _fitted(text: str, em: float, width: int, fonts: Fonts) -> tuple[list[str], float]:
    """Return the lines of a text and the size at which they fit; where a text has line breaks, spaces stand."""
    text = " ".join(text.split())
    smallest = _SMALLEST_SHARE * em
    while True:
        room = _ROOM * width / em
        # Words are broken anywhere only once they would become too small to read.
        lines = list(_lines(text, room, fonts, breaks_words=em < smallest))
        if len(lines) <= _MOST_LINES and all(fonts.width(line) <= room for line in lines):
            return lines, em
        em *= 0.92


def _lines(text: str, room: float, fonts: Fonts, *, breaks_words: bool) -> Iterator[str]:
    """Break a text where its script allows it, into lines about equally wide, none wider than `room` em if it can."""
    from icu4py.breakers import LineBreaker  # noqa: PLC0415  slow to import

    pieces = list(LineBreaker(text, "en"))
    if breaks_words:
        pieces = [letter for piece in pieces for letter in (clusters(piece) if fonts.width(piece) > room else [piece])]
    total = fonts.width("".join(pieces).strip())
    # Filled to the brim, the last line would hold a single word.
    even = total / max(1, -(-total // room)) * 1.2
    line = ""
    for piece in pieces:
        if line and fonts.width((line + piece).rstrip()) > min(room, even):
            yield line.strip()
            line = ""
        line += piece
    if line.strip():
        yield line.strip()
