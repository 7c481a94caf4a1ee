"""Footage of the library for channels that cut from it: files of items in the library, by title."""

from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

from dayreel.errors import ConfigurationError
from dayreel.footage.library.open_library import Library
from dayreel.footage.stores.reads import list_items, name_of
from dayreel.rules.footage_files import is_footage
from dayreel.stores.state.errors import StateError


def filed_footage(library: Library, titles: Sequence[str]) -> list[tuple[Path, str]]:
    """Return every file of the items whose title matches, with its item's id, by path.

    Args:
        titles: patterns as in a shell (`Hidden*`), upper and lower case alike.

    Raises:
        ConfigurationError: no item matches, or none of their files is there and can be read.
        StoreError: the catalog cannot be read.
    """
    with library.project.catalog.read() as connection:
        rows = [row for row in list_items(connection, ["in_library"]) if _matches(row.title, titles)]
    matching: list[tuple[Path, str]] = []
    unreadable: list[str] = []
    for row in rows:
        try:
            manifest = library.items.manifest(name_of(row), "file")
        except (StateError, OSError) as error:
            unreadable.append(str(error))  # a channel cuts from the others
            continue
        filed = manifest.stages.get("file") if manifest is not None else None
        for file in filed.files if filed is not None else ():
            path = library.root / filed.folder / file.path if filed is not None else library.root
            if is_footage(path) and path.is_file():
                matching.append((path, row.id))
    if not matching:
        raise ConfigurationError(
            f"No item of the library whose title is like {', '.join(map(repr, titles))} has a file there."
            + "".join(f" {problem}" for problem in unreadable),
            next_step="`dayreel library list` shows what there is and how far it is.",
        )
    return sorted(matching)


def _matches(title: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch(title.casefold(), pattern.casefold()) for pattern in patterns)
