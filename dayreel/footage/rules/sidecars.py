"""Subtitles in files of their own beside a film: which film each belongs to, and what it is called beside that. Pure.

    falls.mov  falls.en.srt  falls.fr.forced.ass  falls.idx  falls.sub      →   Hidden Falls (2019).en.srt  …

The part between the film's name and the suffix stays as it is: media servers read language and purpose there.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final, TypeVar

SIDECAR_SUFFIXES: Final = frozenset({".ass", ".idx", ".srt", ".ssa", ".sub", ".vtt"})
"""In lower case. An `.idx` has its pictures in the `.sub` of the same name."""
_Path = TypeVar("_Path", bound=PurePath)
_TWO_LETTERS: Final = (
    "ar:ara bg:bul bn:ben ca:cat cs:ces da:dan de:deu el:ell en:eng es:spa et:est fa:fas fi:fin fr:fra he:heb "
    "hi:hin hr:hrv hu:hun id:ind it:ita ja:jpn ko:kor lt:lit lv:lav ms:msa nb:nob nl:nld no:nor pl:pol pt:por "
    "ro:ron ru:rus sk:slk sl:slv sr:srp sv:swe ta:tam te:tel th:tha tr:tur uk:ukr ur:urd vi:vie zh:zho"
)
_LANGUAGES: Final[Mapping[str, str]] = dict(pair.split(":") for pair in _TWO_LETTERS.split())
_NAMES: Final[Mapping[str, str]] = {
    "english": "eng", "french": "fra", "german": "deu", "italian": "ita", "japanese": "jpn", "spanish": "spa",
}  # fmt: skip
_PURPOSES: Final = ("forced", "sdh", "cc", "default", "commentary")


@dataclass(frozen=True)
class SidecarLabel:
    """What a sidecar's name says of it. `language` is ISO 639-2, "und" where the name does not say."""

    language: str
    is_forced: bool
    title: str


def is_sidecar(path: PurePath) -> bool:
    """Return whether a file's name says that it holds subtitles."""
    return path.suffix.lower() in SIDECAR_SUFFIXES


def film_of(sidecar: PurePath, films: Collection[_Path]) -> _Path | None:
    """Return the film that a sidecar belongs to: the one whose name its own begins with, or else the only one."""
    named = [film for film in films if _tail(sidecar, film) is not None]
    if named:
        return max(sorted(named), key=lambda film: len(film.stem))
    return next(iter(films)) if len(films) == 1 else None


def beside(film: PurePath, there: Iterable[_Path]) -> list[_Path]:
    """Return the sidecars among files that are named after a film."""
    return sorted(path for path in there if is_sidecar(path) and _tail(path, film) is not None)


def sidecar_name(sidecar: PurePath, film: PurePath, new_film: PurePath) -> str:
    """Return what a sidecar is called beside its film under another name."""
    tail = _tail(sidecar, film)
    return f"{new_film.stem}{f'.{sidecar.stem}' if tail is None else tail}{sidecar.suffix.lower()}"


def label_of(sidecar: PurePath, film: PurePath) -> SidecarLabel:
    """Return what a sidecar's name says of it."""
    tail = _tail(sidecar, film)
    parts = [part for part in (sidecar.stem if tail is None else tail).replace("_", ".").split(".") if part]
    languages = [code for part in parts if (code := _language(part))]
    purposes = [part for part in parts if part.lower() in _PURPOSES]
    is_forced = any(part.lower() == "forced" for part in purposes)
    return SidecarLabel(languages[0] if languages else "und", is_forced, " ".join(purposes))


def _tail(sidecar: PurePath, film: PurePath) -> str | None:
    """Return what follows the film's name in a sidecar's; None where it does not begin with that."""
    stem, name = sidecar.stem, film.stem
    if stem.casefold() == name.casefold():
        return ""
    return stem[len(name) :] if stem.casefold().startswith(f"{name.casefold()}.") else None


def _language(part: str) -> str:
    word = part.lower()
    code = word.partition("-")[0]
    return _NAMES.get(word) or _LANGUAGES.get(code) or (code if code in _LANGUAGES.values() else "")
