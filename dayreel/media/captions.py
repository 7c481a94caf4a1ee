"""Captions from word timings, as an ASS file: a line at a time, where no platform draws anything of its own.

Each word is placed by its measured width, so that it can be lit, boxed or grown while it is spoken without moving the
others, and so that what is right-to-left stands in its order. The file carries its fonts (`fonts`). `words` is drawn as
it always was, in DejaVu Sans Bold of matplotlib, wherever that has all the letters. What stands when is
`caption_lines`; burning the file in is `picture.with_captions`.
"""

import itertools
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from PIL import ImageFont

from dayreel.errors import MediaError
from dayreel.media.caption_lines import Line, TimedWord, joined, lines_of, tokens_of
from dayreel.media.fonts import ASCENT, DESCENT, Fonts, Run, cut_down, dejavu_folder, letters_of
from dayreel.schemas.content import SpokenWord
from dayreel.vendors.record import SafeZone

FONT = "DejaVu Sans"
_FONT_FILE = "DejaVuSans-Bold.ttf"
_SMALLEST_SHARE = 0.4
_MARGIN = 0.96
ASS_HEAD = """\
[Script Info]
ScriptType: v4.00+
PlayResX: {width}
PlayResY: {height}
WrapStyle: 2
ScaledBorderAndShadow: yes
YCbCr Matrix: TV.709
"""
_PLAIN_STYLE = """\

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, OutlineColour, Bold, BorderStyle, Outline, Shadow, Alignment
Style: Words,{font},{size},&H00FFFFFF,&H00000000,-1,1,{outline},0,5
"""
_STYLE = """\
Kerning: yes

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, OutlineColour, BackColour, Bold, BorderStyle, Outline, Shadow, \
Alignment, Encoding
Style: Words,{font},{size},&H00FFFFFF,&H00000000,&H90000000,0,1,{outline},{shadow},5,-1
Style: Box,{font},{size},{accent},&H00000000,&H00000000,0,1,0,0,7,-1
"""
_EVENTS = """
[Events]
Format: Layer, Start, End, Style, Text
"""


@dataclass(frozen=True)
class Style:
    """How captions look. Lengths are in em, that is shares of the letters' size, which is a share of the height.

    Attributes:
        most_words, most_letters: of a line, see `caption_lines.lines_of`.
        gap: between two words.
        accent: of the word that is spoken, or of the box behind it: ASS's `&HBBGGRR&`; empty leaves it as the others.
        is_boxed: whether that word has a box.
        grows: whether a line grows into its place.
        about: for the table of the documentation.
    """

    about: str
    size: float
    most_words: int
    most_letters: int
    outline: float
    shadow: float
    gap: float = 0.27
    accent: str = ""
    is_boxed: bool = False
    grows: bool = False

    @property
    def around(self) -> float:
        """What is drawn left and right of the letters, on each side."""
        return max(self.outline + self.shadow, _BOX_PAD if self.is_boxed else 0.0)


_BOX_PAD = 0.16
_BOX_HEIGHT = 1.3
_BOX_ROUNDING = 0.22
_BEGINS_AT, _SWINGS_TO = 0.8, 1.05

STYLES: Mapping[str, Style] = MappingProxyType(
    {
        "words": Style("up to four words, white on a black edge", 0.042 / (ASCENT + DESCENT), 4, 16, 0.093, 0),
        "highlight": Style(
            "up to four words; the one that is spoken turns yellow", 0.04, 4, 12, 0.1, 0.05, accent="&H0AD6FF&"
        ),
        "box": Style(
            "up to four words; a violet box stands behind the one that is spoken",
            *(0.038, 4, 12, 0.05, 0.04),
            gap=0.42,
            accent="&HED3A7C&",
            is_boxed=True,
        ),
        "pop": Style("one large word at a time, growing into its place", 0.06, 1, 5, 0.11, 0.06, grows=True),
    }
)
"""Each value of a channel's `captions` besides `off`. One that is there is not changed: it is a channel's look."""

SAFE_ZONE = SafeZone(0.12, 0.88, 0.66, 0.78)
"""Of `words`, as it always was."""
STRICT_ZONE = SafeZone(0.12, 0.82, 0.15, 0.65)
"""Where nothing is known of the platforms: what every known one leaves free."""


def write_ass(
    words: Sequence[SpokenWord],
    dest: Path,
    *,
    width: int,
    height: int,
    total_s: float,
    style: str = "words",
    zone: SafeZone = STRICT_ZONE,
    fonts: Fonts | None = None,
    narration: str = "",
) -> None:
    """Write captions for `words` to `dest`.

    Args:
        words: with the times at which they are heard in the video.
        width, height: of the video, in pixels.
        total_s: the video's length; nothing stands longer.
        style: one of `STYLES`.
        zone: where they may stand; `words` keeps its own.
        fonts: those of the text's language; left out, those of English.
        narration: what was given to the voice, see `caption_lines.tokens_of`.

    Raises:
        MediaError: no font has a letter of what is spoken.
    """
    plain = _as_ever(words, width, height, total_s) if style == "words" else None
    if plain is None:
        look, place = STYLES[style], SAFE_ZONE if style == "words" else zone
        drawing = Drawing(look, place, width, height, fonts or Fonts())
        plain = drawing.file(tokens_of(words, narration), total_s)
    dest.write_text(plain, encoding="utf-8")


def unknown_letters(text: str, fonts: Fonts) -> list[str]:
    """Return the letters that captions could not show."""
    return [letter for letter in fonts.missing(text) if not _dejavu_has(letter)]


def _as_ever(words: Sequence[SpokenWord], width: int, height: int, total_s: float) -> str | None:
    """Return `words` in DejaVu Sans; None where it lacks a letter, a word is too long, or what is written runs left."""
    tokens = [TimedWord(word.text, word.start_s, word.end_s) for word in words if word.text.strip()]
    text = joined(tokens)
    if not _dejavu_has(text) or any(unicodedata.bidirectional(letter) in ("R", "AL") for letter in text):
        return None
    size, look = round(height * 0.042), STYLES["words"]
    room = (SAFE_ZONE.right - SAFE_ZONE.left) * width * _MARGIN
    font = _dejavu(size)
    if any(font.getlength(token.text) * _SMALLEST_SHARE > room for token in tokens):
        return None
    # Long words are made smaller here, never broken: what a line holds is what it always was.
    lines = lines_of(
        tokens,
        lambda group: font.getlength(joined(group)),
        room=room,
        most_words=look.most_words,
        most_letters=look.most_letters,
        total_s=total_s,
        smallest=_SMALLEST_SHARE,
    )
    middle_x, middle_y = round(width * 0.5), round(height * (SAFE_ZONE.top + SAFE_ZONE.bottom) / 2)
    events = [
        f"Dialogue: 0,{ass_time(line.start_s)},{ass_time(line.end_s)},Words,"
        f"{{\\an5\\pos({middle_x},{middle_y})\\fs{round(size * line.scale)}}}{ass_text(line.text)}"
        for line in lines
    ]
    head = ASS_HEAD.format(width=width, height=height)
    return head + _PLAIN_STYLE.format(font=FONT, size=size, outline=max(2, round(size * 0.08))) + _file_end(events)


@dataclass(frozen=True)
class Placed:
    """A word of a line: the middle of it and its width, in pixels, and what it is drawn with."""

    token: TimedWord
    x: float
    width: float
    runs: tuple[Run, ...]


class Drawing:
    """One file: a style in its place on a frame."""

    def __init__(self, look: Style, zone: SafeZone, width: int, height: int, fonts: Fonts) -> None:
        """Measure the room: it is the same on both sides of the middle, where eyes expect it."""
        self._look, self._fonts = look, fonts
        self._width, self._height = width, height
        self._em = look.size * height
        self._half = min(0.5 - zone.left, zone.right - 0.5) * width
        line_em = max(ASCENT + DESCENT, _BOX_HEIGHT if look.is_boxed else 0) + 2 * (look.outline + look.shadow)
        self._middle_y = max(zone.top * height, zone.bottom * height - line_em * self._em) + line_em * self._em / 2
        if zone == SAFE_ZONE:
            self._middle_y = (zone.top + zone.bottom) / 2 * height

    @property
    def room(self) -> float:
        """How wide the letters of a line may be, in em."""
        grown = _SWINGS_TO if self._look.grows else 1.0
        return (2 * self._half * _MARGIN / self._em - 2 * self._look.around) / grown

    def file(self, tokens: Sequence[TimedWord], total_s: float) -> str:
        """Return the whole file."""
        lost = self._fonts.missing(joined(tokens))
        if lost:
            raise MediaError(
                f"Tried to caption the narration; no font has letters for {' '.join(lost[:20])!r}.",
                next_step=HOW_TO_SHOW,
            )
        look = self._look
        placed = [(line, self.placed(line)) for line in self.lines(tokens, total_s=total_s)]
        families = self._families(run for _, words in placed for word in words for run in word.runs)
        names = {face: name for face, (name, _) in families.items()}
        events = [event for line, words in placed for event in self._events(line, words, names)]
        size = f"{self._em * (ASCENT + DESCENT):.2f}"
        first = next(iter(names.values()), "dayreel 1")
        style = _STYLE.format(
            font=first,
            size=size,
            outline=f"{look.outline * self._em:.2f}",
            shadow=f"{look.shadow * self._em:.2f}",
            accent=f"&H00{look.accent[2:8]}" if look.accent else "&H00FFFFFF",
        )
        carried = "\n[Fonts]\n" + "".join(
            f"fontname: dayreel_{number}.ttf\n{ass_font(data)}\n"
            for number, (_, data) in enumerate(families.values(), 1)
        )
        return ASS_HEAD.format(width=self._width, height=self._height) + style + carried + _file_end(events)

    def lines(self, tokens: Sequence[TimedWord], *, total_s: float) -> list[Line]:
        """Return the lines that fit."""
        look = self._look
        return lines_of(
            tokens,
            self._measure,
            room=self.room,
            most_words=look.most_words,
            most_letters=look.most_letters,
            total_s=total_s,
        )

    def placed(self, line: Line) -> list[Placed]:
        """Return the words of a line where they are seen."""
        em = self._em * line.scale
        order = visual_order(line.tokens)
        widths = {number: self._fonts.width(token.text) * em for number, token in enumerate(line.tokens)}
        gaps = [
            self._look.gap * em if line.tokens[max(left, right)].after_space else 0.0
            for left, right in itertools.pairwise(order)
        ]
        at = (self._width - sum(widths.values()) - sum(gaps)) / 2
        words = []
        for number, gap in itertools.zip_longest(order, gaps, fillvalue=0.0):
            token = line.tokens[int(number)]
            width = widths[int(number)]
            words.append(Placed(token, at + width / 2, width, tuple(self._fonts.runs(token.text))))
            at += width + gap
        return words

    def _measure(self, tokens: Sequence[TimedWord]) -> float:
        spaces = sum(token.after_space for token in tokens[1:])
        return sum(self._fonts.width(token.text) for token in tokens) + spaces * self._look.gap

    def _families(self, runs: Iterable[Run]) -> dict[object, tuple[str, bytes]]:
        letters = letters_of(list(runs))
        names = {face: f"dayreel {number}" for number, face in enumerate(letters, 1)}
        return {face: (names[face], cut_down(face, text, names[face])) for face, text in letters.items()}

    def _events(self, line: Line, words: Sequence[Placed], names: Mapping[object, str]) -> list[str]:
        look, em = self._look, self._em * line.scale
        span = f"{ass_time(line.start_s)},{ass_time(line.end_s)}"
        later = {token: after.start_s for token, after in itertools.pairwise(line.tokens)}
        events = []
        for word in words:
            end_s = later.get(word.token, line.end_s)
            if look.is_boxed:
                events.append(
                    f"Dialogue: 0,{ass_time(word.token.start_s)},{ass_time(end_s)},Box,"
                    + _box(word.x, self._middle_y, word.width + 2 * _BOX_PAD * em, _BOX_HEIGHT * em, _BOX_ROUNDING * em)
                )
            middle = word.x + self._fonts.pull(word.token.text) * em
            tags = f"\\pos({middle:.2f},{self._middle_y:.2f})\\fs{em * (ASCENT + DESCENT):.2f}"
            if look.accent and not look.is_boxed:
                tags += _lit(word.token.start_s - line.start_s, end_s - line.start_s, line, look.accent)
            if look.grows:
                tags += _growing()
            text = "".join(
                f"{{\\fn{names[run.face]}}}{ass_text(run.drawn)}" for run in word.runs if run.face is not None
            )
            events.append(f"Dialogue: 1,{span},Words,{{{tags}}}{text}")
        return events


HOW_TO_SHOW = (
    "Install what has them (`pip install 'dayreel[cjk]'` for Chinese, Japanese and Korean), put a font of that script "
    "into the folder that DAYREEL_FONTS names, write the narration without them, or set `captions: off` in the "
    "channel's file."
)


def visual_order(tokens: Sequence[TimedWord]) -> list[int]:
    """Return the words' numbers from left to right: a line that begins with Hebrew or Arabic runs left."""
    directions = [_direction(token.text) for token in tokens]
    base = next(filter(None, directions), "L")
    runs = [
        (direction, [number for number, _ in run])
        for direction, run in itertools.groupby(enumerate(directions), key=lambda pair: pair[1] or base)
    ]
    in_order = [numbers if direction == base else numbers[::-1] for direction, numbers in runs]
    flat = [number for numbers in in_order for number in numbers]
    return flat if base == "L" else flat[::-1]


def _direction(text: str) -> str:
    for letter in text:
        kind = unicodedata.bidirectional(letter)
        if kind in ("L", "R", "AL"):
            return "L" if kind == "L" else "R"
    return ""


def _lit(start_s: float, end_s: float, line: Line, accent: str) -> str:
    begin, end = round(start_s * 1000), round(end_s * 1000)
    # `\t` that ends at 0 would last as long as the line.
    tags = f"\\1c{accent}" if begin <= 0 else f"\\t({begin},{begin},\\1c{accent})"
    is_last = end_s >= line.end_s - line.start_s
    return tags if is_last else tags + f"\\t({end},{end},\\1c&HFFFFFF&)"


def _growing() -> str:
    begin, over = round(_BEGINS_AT * 100), round(_SWINGS_TO * 100)
    return f"\\fscx{begin}\\fscy{begin}\\t(0,80,\\fscx{over}\\fscy{over})\\t(80,140,\\fscx100\\fscy100)"


def _box(x: float, y: float, width: float, height: float, rounding: float) -> str:
    """Return a rectangle with round corners around a middle, as ASS draws it."""
    w, h, r = width, height, min(rounding, width / 2, height / 2)
    k = r * 0.45  # from a corner to the handles of a Bézier curve that is nearly a quarter of a circle
    path = (
        f"m {r:.1f} 0 l {w - r:.1f} 0 b {w - k:.1f} 0 {w:.1f} {k:.1f} {w:.1f} {r:.1f} "
        f"l {w:.1f} {h - r:.1f} b {w:.1f} {h - k:.1f} {w - k:.1f} {h:.1f} {w - r:.1f} {h:.1f} "
        f"l {r:.1f} {h:.1f} b {k:.1f} {h:.1f} 0 {h - k:.1f} 0 {h - r:.1f} "
        f"l 0 {r:.1f} b 0 {k:.1f} {k:.1f} 0 {r:.1f} 0"
    )
    return f"{{\\pos({x - w / 2:.2f},{y - h / 2:.2f})\\p1}}{path}{{\\p0}}"


def ass_font(data: bytes) -> str:
    """Return a file as ASS carries it: six bits to a letter, eighty letters to a line."""
    letters = []
    for start in range(0, len(data), 3):
        three = data[start : start + 3]
        value = int.from_bytes(three.ljust(3, b"\0"), "big")
        letters += [chr((value >> shift & 63) + 33) for shift in (18, 12, 6, 0)][: len(three) + 1]
    text = "".join(letters)
    return "\n".join(text[start : start + 80] for start in range(0, len(text), 80))


def _file_end(events: Iterable[str]) -> str:
    return _EVENTS + "\n".join(events) + "\n"


@cache
def _dejavu(size_px: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(dejavu_folder() / _FONT_FILE), size_px)


def _dejavu_has(text: str) -> bool:
    return all(ord(letter) in _dejavu_letters() for letter in text)


@cache
def _dejavu_letters() -> frozenset[int]:
    from matplotlib.ft2font import FT2Font  # noqa: PLC0415  slow to import

    return frozenset(FT2Font(str(dejavu_folder() / _FONT_FILE)).get_charmap())


def ass_text(text: str) -> str:
    """Return a text with nothing that ASS takes for a command."""
    # Braces begin commands in ASS, a backslash a line break.
    return text.replace("\\", "/").replace("{", "(").replace("}", ")")


def ass_time(seconds: float) -> str:
    """Return a moment as ASS writes it."""
    hundredths = round(max(0.0, seconds) * 100)
    return f"{hundredths // 360_000}:{hundredths // 6000 % 60:02}:{hundredths // 100 % 60:02}.{hundredths % 100:02}"
