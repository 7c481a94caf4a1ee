"""Which files count as footage by their names: in a channel's folder, beside a marker, among what a script has made."""

from pathlib import PurePath
from typing import Final

FOOTAGE_SUFFIXES: Final = frozenset(
    {
        ".3g2",
        ".3gp",
        ".avi",
        ".dv",
        ".flv",
        ".m2ts",
        ".m4v",
        ".mkv",
        ".mov",
        ".mp4",
        ".mpeg",
        ".mpg",
        ".mts",
        ".mxf",
        ".ogv",
        ".ts",
        ".vob",
        ".webm",
        ".wmv",
    }
)
"""In lower case."""

STILL_SUFFIXES: Final = frozenset({".avif", ".heic", ".heif", ".jpeg", ".jpg", ".png", ".webp"})
"""In lower case."""


def is_still(path: PurePath) -> bool:
    """Return whether a file's name says that it is a still picture; what is in it is for whoever opens it to say."""
    return path.suffix.lower() in STILL_SUFFIXES


SOUND_SUFFIXES: Final = frozenset(
    {".aac", ".aif", ".aiff", ".flac", ".m4a", ".m4b", ".mka", ".mp3", ".oga", ".ogg", ".opus", ".wav", ".wma"}
)
"""Of sound alone, in lower case."""


def is_sound(path: PurePath) -> bool:
    """Return whether a file's name says that it is sound alone: music, a podcast, a book that is read."""
    return path.suffix.lower() in SOUND_SUFFIXES


def is_footage(path: PurePath) -> bool:
    """Return whether a file's name says that it is moving picture; what is in it is for `media.probe` to say."""
    return path.suffix.lower() in FOOTAGE_SUFFIXES
