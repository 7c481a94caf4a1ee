"""What items are called in the library: names that media servers and people read. Pure.

movies/Hidden Falls (2019)/Hidden Falls (2019).mkv
movies/Hidden Falls (2019)/Hidden Falls (2019) - part2.mkv       when an item has several files
audio/Quiet Songs (1999)/01 Morning.flac                         when all of it is sound
tv/Blue Coast/Season 02/Blue Coast - S02E05.mkv
tv/Blue Coast/Season 02/Blue Coast - S02E05 - Low Tide.mkv      when the episode's title is known
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from dayreel.errors import UsageError
from dayreel.footage.rules.paths import KIND_FOLDERS, ItemKind
from dayreel.rules.footage_files import is_sound

_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f]')
MAX_NAME = 120
_SOUND_FOLDER = "audio"
_MAX_TITLE = 90  # leaves room for a year, a part or an episode's number, and the suffix


def safe_name(text: str) -> str:
    """Return a name every file system takes: no separators or control characters, no dots or blanks at its ends."""
    return re.sub(r"\s+", " ", _FORBIDDEN.sub(" ", text)).strip(" .")[:MAX_NAME].rstrip(" .") or "untitled"


def _file_name(stem: str, suffix: str) -> str:
    """Return a file's name; where it is too long, its stem is cut and the suffix stays."""
    return safe_name(stem)[: MAX_NAME - len(suffix)].rstrip(" .") + suffix


def movie_names(title: str, year: int | None, files: Sequence[str]) -> dict[str, str]:
    """Return the library's path (below 4-library/) of each of a movie's files."""
    name = safe_name(title)[:_MAX_TITLE].rstrip(" .")
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
    name, names = safe_name(series)[:_MAX_TITLE].rstrip(" ."), {}
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
    if len(set(cleaned.values())) != len(cleaned):
        raise UsageError("Two files were given the same name.", next_step=step)
    return cleaned
