"""Captions from word timings, as an ASS file: a line at a time, where no platform draws anything of its own.

The font is DejaVu Sans Bold, which comes with matplotlib, so that the picture is the same on every machine. Burning the
file in is `picture.with_captions`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from PIL import ImageFont

from dayreel.errors import MediaError
from dayreel.schemas.content import SpokenWord

FONT = "DejaVu Sans"
_FONT_FILE = "DejaVuSans-Bold.ttf"
_MOST_WORDS = 4
_LONGEST_PAUSE_S = 0.7
_LINGER_S = 0.25
_SENTENCE_ENDS = (".", "!", "?", "…", ":", ";")
_SMALLEST_SHARE = 0.4
_HEAD = """\
[Script Info]
ScriptType: v4.00+
PlayResX: {width}
PlayResY: {height}
WrapStyle: 2
ScaledBorderAndShadow: yes
YCbCr Matrix: TV.709

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, OutlineColour, Bold, BorderStyle, Outline, Shadow, Alignment
Style: Words,{font},{size},&H00FFFFFF,&H00000000,-1,1,{outline},0,5

[Events]
Format: Layer, Start, End, Style, Text
"""


@dataclass(frozen=True)
class SafeZone:
    """Where captions may stand, as shares of the frame's width and height, from its upper left corner.

    Below `bottom` the apps draw caption, sound and progress; right of `right` their buttons.
    """

    left: float = 0.12
    right: float = 0.88
    top: float = 0.66
    bottom: float = 0.78


SAFE_ZONE = SafeZone()


@dataclass(frozen=True)
class Line:
    """What stands on the picture for a while."""

    text: str
    start_s: float
    end_s: float
    scale: float = 1.0


def fonts_folder() -> Path:
    """Return the folder of the fonts that come with matplotlib; found without importing it.

    Raises:
        MediaError: they are not there.
    """
    spec = find_spec("matplotlib")
    folder = Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf" if spec and spec.origin else Path()
    if not (folder / _FONT_FILE).is_file():
        raise MediaError(
            f"Looked for the font {_FONT_FILE!r} of matplotlib; it is not there.",
            next_step="Install dayreel's requirements again.",
        )
    return folder


def write_ass(words: Sequence[SpokenWord], dest: Path, *, width: int, height: int, total_s: float) -> None:
    """Write captions for `words` to `dest`.

    Args:
        words: with the times at which they are heard in the video.
        width, height: of the video, in pixels.
        total_s: the video's length; nothing stands longer.

    Raises:
        MediaError: the font has no letters for what is spoken, or a word is too long for a line.
    """
    size = round(height * 0.042)
    room = (SAFE_ZONE.right - SAFE_ZONE.left) * width * 0.96
    _refuse_unknown_letters(words)
    lines = caption_lines(words, room_px=room, size_px=size, total_s=total_s)
    middle_x, middle_y = round(width * 0.5), round(height * (SAFE_ZONE.top + SAFE_ZONE.bottom) / 2)
    events = [
        f"Dialogue: 0,{_clock(line.start_s)},{_clock(line.end_s)},Words,"
        f"{{\\an5\\pos({middle_x},{middle_y})\\fs{round(size * line.scale)}}}{_plain(line.text)}"
        for line in lines
    ]
    head = _HEAD.format(width=width, height=height, font=FONT, size=size, outline=max(2, round(size * 0.08)))
    dest.write_text(head + "\n".join(events) + "\n", encoding="utf-8")


def caption_lines(words: Sequence[SpokenWord], *, room_px: float, size_px: int, total_s: float) -> list[Line]:
    """Return the lines: as many words as fit and belong together, none of them at the same time as another.

    Raises:
        MediaError: a single word is wider than the room, even when written small.
    """
    font = _font(size_px)
    groups = list(_grouped(words, font, room_px))
    lines = []
    for number, group in enumerate(groups):
        next_s = groups[number + 1][0].start_s if number + 1 < len(groups) else total_s
        text = " ".join(word.text for word in group)
        scale = min(1.0, room_px / font.getlength(text))
        if scale < _SMALLEST_SHARE:
            raise MediaError(
                f"Tried to caption the word {text!r}; it is too long for one line.", next_step="Change the narration."
            )
        end_s = min(group[-1].end_s + _LINGER_S, next_s, total_s)
        if end_s > group[0].start_s:
            lines.append(Line(text, group[0].start_s, end_s, scale))
    return lines


def _grouped(words: Sequence[SpokenWord], font: ImageFont.FreeTypeFont, room_px: float) -> Iterator[list[SpokenWord]]:
    group: list[SpokenWord] = []
    for word in words:
        if not word.text.strip():
            continue
        if group:
            last = group[-1]
            is_full = len(group) == _MOST_WORDS or word.start_s - last.end_s > _LONGEST_PAUSE_S
            too_wide = font.getlength(" ".join(each.text for each in (*group, word))) > room_px
            if is_full or too_wide or last.text.endswith(_SENTENCE_ENDS):
                yield group
                group = []
        group.append(word)
    if group:
        yield group


@cache
def _font(size_px: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(fonts_folder() / _FONT_FILE), size_px)


@cache
def _known_letters() -> frozenset[int]:
    from matplotlib.ft2font import FT2Font  # noqa: PLC0415  slow to import

    return frozenset(FT2Font(str(fonts_folder() / _FONT_FILE)).get_charmap())


def _refuse_unknown_letters(words: Sequence[SpokenWord]) -> None:
    unknown = sorted({letter for word in words for letter in word.text if ord(letter) not in _known_letters()})
    if unknown:
        raise MediaError(
            f"Tried to caption the narration; {FONT} has no letters for {''.join(unknown[:20])!r}.",
            next_step="Set `captions: off` in the channel's file, or write the narration without them.",
        )


def _plain(text: str) -> str:
    # Braces begin commands in ASS, a backslash a line break.
    return text.replace("\\", "/").replace("{", "(").replace("}", ")")


def _clock(seconds: float) -> str:
    hundredths = round(max(0.0, seconds) * 100)
    return f"{hundredths // 360_000}:{hundredths // 6000 % 60:02}:{hundredths // 100 % 60:02}.{hundredths % 100:02}"
