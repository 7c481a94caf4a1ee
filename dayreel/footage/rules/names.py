"""What items are called in the library: names that media servers and people read. Pure.

movies/Hidden Falls (2019)/Hidden Falls (2019).mkv
movies/Hidden Falls (2019)/Hidden Falls (2019) - part2.mkv       when an item has several files
audio/Quiet Songs (1999)/01 Morning.flac                         when all of it is sound
tv/Blue Coast/Season 02/Blue Coast - S02E05.mkv
tv/Blue Coast/Season 02/Blue Coast - S02E05 - Low Tide.mkv      when the episode's title is known
"""

import re
import unicodedata
from collections.abc import Container, Mapping, Sequence
from itertools import count
from pathlib import PurePosixPath

from dayreel.errors import UsageError
from dayreel.footage.rules.paths import KIND_FOLDERS, ItemKind
from dayreel.rules.footage_files import is_sound

_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]')
"""Separators, wildcards, control characters, marks that turn text around, and bytes that are not UTF-8."""
UNUSABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""What no folder or file of an item may have in its name: it cannot be kept in JSON, or spoils what it is shown on."""
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[1-9]|lpt[1-9])(?=\.|$)", re.IGNORECASE)
"""Devices to Windows and to shares that it reads, with any ending."""
MAX_NAME = 120
_MAX_NAME_BYTES = 200  # most file systems take 255, and a copy that is under way has a longer name
_SOUND_FOLDER = "audio"
_MAX_TITLE = 90  # leaves room for a year, a part or an episode's number, and the suffix


def safe_name(text: str) -> str:
    """Return a name that every file system takes, in one normal form (NFC).

    It has no separators or control characters, no dots or blanks at its ends, and no dash at its beginning, which
    programs take for an option.
    """
    words = re.sub(r"\s+", " ", _FORBIDDEN.sub(" ", unicodedata.normalize("NFC", text)))
    name = _cut(words.strip(" .").lstrip(" .-"), MAX_NAME) or "untitled"
    return _RESERVED.sub(lambda device: f"{device[0]}_", name, count=1) if _RESERVED.match(name) else name


def safe_file_name(name: str) -> str:
    """Return what a file is called after its name elsewhere; its suffix stays."""
    path = PurePosixPath(name)
    return _file_name(path.stem, _FORBIDDEN.sub("", path.suffix)[:20])


def name_key(path: str) -> str:
    """Return what two paths have in common that some file systems take for one: case and normal form do not count."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def free_name(path: str, taken: Container[str]) -> str:
    """Return a path, or the first of `stem (2).suffix`, `stem (3).suffix` … that is not taken.

    Args:
        taken: keys of paths, see `name_key`.
    """
    if name_key(path) not in taken:
        return path
    own = PurePosixPath(path)
    others = ((own.parent / f"{own.stem} ({number}){own.suffix}").as_posix() for number in count(2))
    return next(other for other in others if name_key(other) not in taken)


def shown_name(name: str) -> str:
    """Return a name as JSON can hold it: bytes that are not UTF-8 are written out."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _cut(text: str, most: int) -> str:
    """Return the beginning of a text, at most so many characters and never too many bytes."""
    return text[:most].encode()[:_MAX_NAME_BYTES].decode(errors="ignore").rstrip(" .")


def _file_name(stem: str, suffix: str) -> str:
    """Return a file's name; where it is too long, its stem is cut and the suffix stays."""
    return _cut(safe_name(stem), MAX_NAME - len(suffix)) + suffix


def movie_names(title: str, year: int | None, files: Sequence[str]) -> dict[str, str]:
    """Return the library's path (below 4-library/) of each of a movie's files."""
    name = _cut(safe_name(title), _MAX_TITLE)
    name = name if year is None else f"{name} ({year})"
    if files and all(is_sound(PurePosixPath(file)) for file in files):  # tracks and chapters keep their own names
        return {file: f"{_SOUND_FOLDER}/{name}/{_sound_name(file)}" for file in files}
    several = len(files) > 1
    return {
        file: f"movies/{name}/{name}{f' - part{number}' if several else ''}{PurePosixPath(file).suffix.lower()}"
        for number, file in enumerate(files, start=1)
    }


def _sound_name(file: str) -> str:
    path = PurePosixPath(file)
    return _file_name(path.stem, path.suffix.lower())


def episode_names(
    series: str, season: int, first_episode: int, files: Sequence[str], *, titles: Mapping[int, str] | None = None
) -> dict[str, str]:
    """Return the library's path of each of a disc's files, numbered from `first_episode` in the order given.

    Args:
        titles: of the season's episodes by number, as far as they are known.
    """
    name, names = _cut(safe_name(series), _MAX_TITLE), {}
    for number, file in enumerate(files, start=first_episode):
        suffix = PurePosixPath(file).suffix.lower()
        episode = f"{name} - S{season:02d}E{number:02d}"
        if titles and number in titles:
            episode = f"{episode} - {titles[number]}"
        names[file] = f"tv/{name}/Season {season:02d}/{_file_name(episode, suffix)}"
    return names


def check_names(kind: ItemKind, names: dict[str, str], files: Sequence[str]) -> dict[str, str]:
    """Return names a person gave, cleaned; each file needs exactly one, and no two may be the same.

    Raises:
        UsageError: says which file or name is wrong. Nothing was done.
    """
    step = "Give a name for each of: " + ", ".join(files) + "."
    if set(names) != set(files):
        raise UsageError(f"Names were given for {', '.join(sorted(names)) or 'no file'}.", next_step=step)
    cleaned = {}
    for file, name in names.items():
        path, suffix = PurePosixPath(name), PurePosixPath(file).suffix.lower()
        parts = [safe_name(part) for part in path.parts if part not in ("/", "..", ".")]
        folder = _SOUND_FOLDER if is_sound(path) else KIND_FOLDERS[kind]
        if parts[:1] != [folder] or parts[-1] == folder or path.suffix.lower() != suffix:
            raise UsageError(
                f"{name!r} cannot be the library's name of {file!r}.",
                next_step=f"It has to look like {folder}/…/…{suffix}.",
            )
        cleaned[file] = "/".join([*parts[:-1], _file_name(path.stem, path.suffix)])
    if len({name_key(name) for name in cleaned.values()}) != len(cleaned):
        raise UsageError("Two files were given the same name.", next_step=step)
    return cleaned
