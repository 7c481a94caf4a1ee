"""Which font draws which letters of a caption, how wide they are, and the small font files that an ASS file carries.

libass chooses fonts by name and falls back to whatever a machine has, so the choice is made here, for each run of
letters by what a font holds, and each font that is used goes along: cut down to the letters of its text, at one weight,
under a name that no machine knows. The picture is then the same wherever these fonts are. Widths are HarfBuzz's, which
shapes for libass too. Laying out lines is `captions`.

Fonts come from wheels: Noto for most scripts (`manimgx-fonts`), Noto Sans CJK in the extra `cjk`
(`manimgx-fonts-cjk`), and after them those of the folder `DAYREEL_FONTS`, by name.
"""

import io
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from dayreel.errors import MediaError

ASCENT, DESCENT = 0.928, 0.236
"""Of every font that goes into a file, in em: those of DejaVu Sans, so that all fonts stand on one line and are
equally large. libass takes their sum as the size of a font.
"""
WEIGHT = 700
_NOTO = "manimgx_fonts"
_CJK = "manimgx_fonts_cjk"
_CJK_FILE = "NotoSansCJK-VF.otf.ttc"
_CJK_NUMBERS = {"ja": 0, "ko": 1, "zh": 2, "zh-TW": 3, "zh-HK": 4}
_LAST = ("Symbols", "Emoji")
_EMOJI_BEGIN = 0x1F000
_EMOJI_LOOK = "\ufe0f"
_SUFFIXES = (".ttf", ".otf", ".ttc", ".otc")
_FILLER = "\u115f"
"""A letter of no width before an emoji. libass gives a joiner the writing system of the letter before it, and has none
to give where there are emoji alone: it would draw a family as four people, side by side.
"""
_APART = {
    "\u0e33": "\u0e4d\u0e32",
    "\u0eb3": "\u0ecd\u0eb2",
    **dict.fromkeys("\u17be\u17bf\u17c0\u17c4\u17c5", "\u17c1"),
}
"""What HarfBuzz takes apart beyond Unicode's own decompositions: AM in Thai and Lao, Khmer's vowels around a letter."""
_IGNORED = {"\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u034f", "\ufe0e", "\ufe0f"}
"""What no font has to hold, since nothing of it is seen."""


@dataclass(frozen=True)
class Face:
    """One font: a file, and its place in it where it holds several."""

    path: Path
    number: int = 0

    def holds(self, letters: str) -> bool:
        """Return whether it has a glyph for each of them; what is never seen needs none."""
        known = _shaper(self)[1]
        return all(ord(letter) in known or letter in _IGNORED for letter in letters)


@dataclass(frozen=True)
class Run:
    """Letters that one font draws; None where no font has them."""

    text: str
    face: Face | None

    @property
    def drawn(self) -> str:
        """What stands in the ASS file for it."""
        is_emoji = self.face is not None and "Emoji" in self.face.path.name
        return _FILLER + self.text if is_emoji else self.text


class Fonts:
    """The fonts for one language.

    Args:
        language: of the text, as channel files have it: Chinese and Japanese write one letter differently.
        extra: a folder of further fonts; not there means none.
    """

    def __init__(self, language: str = "en", extra: Path | None = None) -> None:
        """Choose the order in which fonts are asked."""
        self.faces = (*_noto_faces(), *_cjk_faces(language), *_faces_in(extra))
        self._emoji = next((face for face in self.faces if "Emoji" in face.path.name), None)

    def runs(self, text: str) -> list[Run]:
        """Return `text` cut where the font changes, never inside a letter with its marks."""
        runs: list[Run] = []
        for cluster in clusters(text):
            before = runs[-1].face if runs else None
            face = self._face_for(cluster, before)
            if runs and face == before:
                runs[-1] = Run(runs[-1].text + cluster, face)
            else:
                runs.append(Run(cluster, face))
        return runs

    def missing(self, text: str) -> list[str]:
        """Return the letters of `text` that no font can show, sorted."""
        lost = {
            cluster
            for run in self.runs(text)
            for cluster in clusters(run.text)
            if not cluster.isspace() and (run.face is None or (_is_letter(cluster) and _is_blank(cluster, run.face)))
        }
        return sorted(lost)

    def width(self, text: str) -> float:
        """Return how wide `text` is drawn, in em; what no font has counts one."""
        return sum(len(run.text) if run.face is None else _advance(run.text, run.face) for run in self.runs(text))

    def pull(self, text: str) -> float:
        """Return how far to the right of its middle, in em, libass takes the middle of `text` to be.

        It counts a letter from where its first mark is drawn, which in Arabic is often beside it.
        """
        runs = self.runs(text)
        is_leftward = any(unicodedata.bidirectional(letter) in ("R", "AL") for letter in text)
        edges, at = [], 0.0
        for run in reversed(runs) if is_leftward else runs:
            for offset, advance in () if run.face is None else _steps(run.text, run.face):
                edges += [at + offset, at + offset + advance]
                at += advance
        return (min(edges) + max(edges) - at) / 2 if edges else 0.0

    def _face_for(self, cluster: str, before: Face | None) -> Face | None:
        is_emoji = ord(cluster[0]) >= _EMOJI_BEGIN or _EMOJI_LOOK in cluster
        if is_emoji and self._emoji is not None and self._emoji.holds(cluster):
            return self._emoji
        # Spaces, digits' separators and quotes belong to what they stand beside, where it has them.
        if before is not None and not _is_letter(cluster) and before.holds(cluster):
            return before
        return next((face for face in self.faces if face.holds(cluster)), None)


def clusters(text: str) -> Iterator[str]:
    """Give what a reader takes for one letter, with its marks, an emoji whole: Unicode's grapheme clusters."""
    from icu4py.breakers import CharacterBreaker  # noqa: PLC0415  44 MB that few commands need

    return iter(CharacterBreaker(text, "en"))


def cut_down(face: Face, text: str, family: str) -> bytes:
    """Return a font file that holds the letters of `text` and no others, bold, named `family`.

    The same bytes on every machine for the same font.
    """
    import uharfbuzz  # noqa: PLC0415  see `_shaper`
    from fontTools.ttLib import TTFont  # noqa: PLC0415  slow to import

    opened = _shaper(face)[0].face
    wanted = uharfbuzz.SubsetInput()
    # HarfBuzz shapes letters taken apart and put together, so the parts have to be there too.
    parts = "".join(_APART.get(letter, "") for letter in text)
    forms = (unicodedata.normalize(form, text) for form in ("NFC", "NFD"))
    wanted.unicode_set.update(map(ord, "".join((text, parts, *forms, " "))))
    wanted.layout_feature_tag_set.clear()
    wanted.layout_feature_tag_set.invert()  # all of them
    wanted.flags = (
        uharfbuzz.SubsetFlags.NO_HINTING
        | uharfbuzz.SubsetFlags.NOTDEF_OUTLINE
        | uharfbuzz.SubsetFlags.GLYPH_NAMES
        | uharfbuzz.SubsetFlags.DOWNGRADE_CFF2
    )
    if opened.axis_infos:
        wanted.pin_all_axes_to_default(opened)
        with suppress(ValueError):  # a font whose weight cannot be chosen
            wanted.pin_axis_location(opened, "wght", _weight_in(opened))
    # A font's own time of change, not this moment: the bytes would differ by run.
    font = TTFont(io.BytesIO(bytes(uharfbuzz.subset(opened, wanted).blob.data)), recalcTimestamp=False)
    _blanks_for_what_is_never_seen(font, text)
    _name(font, family)
    return _saved(font)


def dejavu_folder() -> Path:
    """Return the folder of the fonts that come with matplotlib; found without importing it.

    Raises:
        MediaError: they are not there.
    """
    spec = find_spec("matplotlib")
    folder = Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf" if spec and spec.origin else Path()
    if not (folder / "DejaVuSans-Bold.ttf").is_file():
        raise MediaError(
            "Looked for the font 'DejaVuSans-Bold.ttf' of matplotlib; it is not there.",
            next_step="Install dayreel's requirements again.",
        )
    return folder


def _noto_faces() -> list[Face]:
    folder = _package_folder(_NOTO)
    if folder is None:
        raise MediaError(
            f"Looked for the fonts of {_NOTO.replace('_', '-')}; they are not there.",
            next_step="Install dayreel's requirements again.",
        )
    upright = [path for path in folder.glob("*.ttf") if "Italic" not in path.name]
    return [Face(path) for path in sorted(upright, key=_rank)]


def _rank(path: Path) -> tuple[int, str]:
    """Order Noto Sans first, and pictures after all letters: a symbol that a text font has is text."""
    is_first = path.name.partition("[")[0] == "NotoSans"
    late = next((number for number, name in enumerate(_LAST, 1) if name in path.name), 0)
    return (-1 if is_first else late, path.name)


def _cjk_faces(language: str) -> list[Face]:
    folder = _package_folder(_CJK)
    number = _CJK_NUMBERS.get(language, _CJK_NUMBERS.get(language.partition("-")[0], 0))
    return [] if folder is None else [Face(folder / _CJK_FILE, number)]


def _faces_in(folder: Path | None) -> list[Face]:
    if folder is None:
        return []
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES)
    except OSError as error:
        raise MediaError(
            f"Looked for fonts in {str(folder)!r} (DAYREEL_FONTS); it answered: {error.strerror}.",
            next_step="Create the folder, or leave DAYREEL_FONTS out.",
        ) from error
    return [Face(path) for path in files]


@cache
def _package_folder(package: str) -> Path | None:
    spec = find_spec(package)
    return None if spec is None or spec.origin is None else Path(spec.origin).parent


@cache
def _shaper(face: Face) -> tuple[Any, frozenset[int]]:
    """Return HarfBuzz's font at the weight that is drawn, and the code points it has."""
    import uharfbuzz  # noqa: PLC0415  few commands need it

    try:
        opened = uharfbuzz.Face(uharfbuzz.Blob.from_file_path(str(face.path)), face.number)
    except (OSError, ValueError) as error:
        raise MediaError(f"Opened the font {str(face.path)!r}; it cannot be read: {error}.") from error
    held = frozenset(opened.unicodes)
    if not held:
        raise MediaError(
            f"Opened the font {str(face.path)!r}; it is not a font with letters.",
            next_step="Take it out of the folder.",
        )
    font = uharfbuzz.Font(opened)
    font.set_variations({"wght": WEIGHT})
    return font, held


@cache
def _advance(text: str, face: Face) -> float:
    units = sum(each.x_advance for each in _shaped(text, face).glyph_positions)
    return float(units / _shaper(face)[0].face.upem)


@cache
def _steps(text: str, face: Face) -> list[tuple[float, float]]:
    """Return each letter's offset from where it would stand, and how far it moves what follows, in em."""
    steps: list[tuple[float, float]] = []
    shaped, upem, last = _shaped(text, face), _shaper(face)[0].face.upem, None
    for glyph, position in zip(shaped.glyph_infos, shaped.glyph_positions, strict=True):
        advance = position.x_advance / upem
        if glyph.cluster == last:
            steps[-1] = (steps[-1][0], steps[-1][1] + advance)
        else:
            steps.append((position.x_offset / upem, advance))
        last = glyph.cluster
    return steps


def _is_blank(cluster: str, face: Face) -> bool:
    """Return whether shaping ends in the box that stands for a missing letter."""
    return any(glyph.codepoint == 0 for glyph in _shaped(cluster, face).glyph_infos)


def _shaped(text: str, face: Face) -> Any:
    import uharfbuzz  # noqa: PLC0415

    buffer = uharfbuzz.Buffer()
    buffer.add_str(text)
    buffer.guess_segment_properties()
    uharfbuzz.shape(_shaper(face)[0], buffer)
    return buffer


def _is_letter(cluster: str) -> bool:
    return unicodedata.category(cluster[0])[0] in "LM"


def _weight_in(opened: Any) -> float:
    """Return the weight that is drawn: bold, or as bold as a font gets."""
    axis = next((axis for axis in opened.axis_infos if axis.tag == "wght"), None)
    return WEIGHT if axis is None else float(min(max(WEIGHT, axis.min_value), axis.max_value))


def _saved(font: Any) -> bytes:
    stream = io.BytesIO()
    font.save(stream)
    return stream.getvalue()


def _blanks_for_what_is_never_seen(font: Any, text: str) -> None:
    """Give joiners and variation selectors a glyph: libass would take another font's, and tear the word apart."""
    from fontTools.ttLib.tables._g_l_y_f import Glyph  # noqa: PLC0415  slow to import

    held = font.getBestCmap()
    space = held.get(ord(" "))
    for letter in _IGNORED & set(text):
        if ord(letter) not in held and space is not None:
            for table in font["cmap"].tables:
                if table.isUnicode() and table.format in (4, 12):
                    table.cmap[ord(letter)] = space
    if _FILLER in text:
        glyph = "filler"
        font["glyf"][glyph] = Glyph()
        font["hmtx"][glyph] = (0, 0)
        if "vmtx" in font:
            font["vmtx"][glyph] = (0, 0)
        for table in font["cmap"].tables:
            if table.isUnicode() and table.format in (4, 12):
                table.cmap[ord(_FILLER)] = glyph


def _name(font: Any, family: str) -> None:
    """Name a font and set its height. It calls itself regular, so that nobody thickens what is bold already."""
    names = font["name"]
    names.names = []
    for number, value in ((1, family), (2, "Regular"), (4, family), (6, family.replace(" ", ""))):
        names.setName(value, number, 3, 1, 0x409)
    upem = font["head"].unitsPerEm
    metrics, header = font["OS/2"], font["hhea"]
    metrics.usWeightClass, metrics.fsSelection = 400, 0x40
    font["head"].macStyle = 0
    ascent, descent = round(ASCENT * upem), round(DESCENT * upem)
    metrics.usWinAscent = metrics.sTypoAscender = header.ascent = ascent
    metrics.usWinDescent, metrics.sTypoDescender, header.descent = descent, -descent, -descent
    metrics.sTypoLineGap = header.lineGap = 0
    for table in ("STAT", "DSIG"):
        if table in font:
            del font[table]


def letters_of(faces: Sequence[Run]) -> dict[Face, str]:
    """Return what each font has to draw of these runs."""
    texts: dict[Face, str] = {}
    for run in faces:
        if run.face is not None:
            texts[run.face] = texts.get(run.face, "") + run.drawn
    return texts
