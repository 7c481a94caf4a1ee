"""Moving in from the older system (seed 000): clips and settings of its `data/app.db.json`. It is read, never changed.

That file has no schema: fields are recognised by name, and whatever is unknown is reported, never guessed. Another
run takes only what is new: clips are recognised by their bytes, settings by their value.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from dayreel.atomic_write import atomic_write_text
from dayreel.errors import DayreelError, UsageError
from dayreel.footage.library.ingest import ingest, movie_name
from dayreel.footage.library.open_library import Library
from dayreel.footage.stores.reads import items_with
from dayreel.queries.config import read_config
from dayreel.services.configure import write_config
from dayreel.stores.files import sha256_of
from dayreel.stores.state import strict_json
from dayreel.stores.state.errors import StateError

_PATHS = ("path", "filePath", "file_path", "file", "filename", "localPath", "local_path")
_TITLES = ("title", "name", "label", "id")
_DRY_RUN = ("dryRun", "dry_run", "DRY_RUN")
_KILL = ("killSwitch", "kill_switch", "KILL_SWITCH")
# What a channel's file says here: the older system had one account and one place for it.
_CHANNEL_FIELDS: Mapping[str, str] = {
    "maxPostsPerDay": "max_posts_per_day",
    "max_posts_per_day": "max_posts_per_day",
    "MAX_POSTS_PER_DAY": "max_posts_per_day",
    "publishWindows": "publish_windows",
    "publish_windows": "publish_windows",
    "PUBLISH_WINDOWS": "publish_windows",
    "timezone": "timezone",
    "TIMEZONE": "timezone",
}


@dataclass(frozen=True)
class Migrated:
    """What became of one clip or one setting."""

    what: str
    outcome: Literal["taken", "would be taken", "there already", "left"]
    told: str


def migrate_v1(library: Library, database: Path, *, dry_run: bool, channel: str | None = None) -> list[Migrated]:
    """Take the clips and settings of the older system in; return a line for each.

    Args:
        dry_run: only say what would happen.
        channel: whose file gets what stands in channel files here; without one, the lines to add are named.

    Raises:
        UsageError: the file cannot be read, or holds neither clips nor settings, or there is no such channel. Nothing
            was done.
        ConfigurationError: the channel's file cannot be read. Nothing was done.
    """
    if channel is not None:
        library.project.channels.load(channel)
    document = _document(database)
    clips, settings = _clips(document), document.get("settings", {})
    if not clips and not isinstance(settings, dict):
        raise UsageError(
            f"{str(database)!r} has neither `clips` nor `settings`; it has {', '.join(document) or 'nothing'}.",
            next_step="Name the older system's data/app.db.json.",
        )
    outcomes = [_clip(library, database, clip, dry_run=dry_run) for clip in clips]
    outcomes += [_setting(library, name, value, channel, dry_run=dry_run) for name, value in settings.items()]
    rest = sorted(set(document) - {"clips", "settings"})
    return [
        *outcomes,
        *(Migrated(name, "left", "dayreel takes clips and settings; this stays where it is") for name in rest),
    ]


def _document(database: Path) -> dict[str, Any]:
    try:
        return strict_json.decode(database.read_bytes())
    except (OSError, StateError) as error:
        raise UsageError(
            f"Tried to read {str(database)!r}; it answered: {error}.",
            next_step="Name the older system's data/app.db.json; nothing was done.",
        ) from error


def _clips(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the clips: a list, or a mapping by id, as JSON databases have either."""
    clips = document.get("clips", [])
    if isinstance(clips, dict):
        clips = [
            {"id": name, **clip} if isinstance(clip, dict) else {"id": name, "path": clip}
            for name, clip in clips.items()
        ]
    return [clip if isinstance(clip, dict) else {"path": clip} for clip in clips]


def _clip(library: Library, database: Path, clip: dict[str, Any], *, dry_run: bool) -> Migrated:
    title = str(next((clip[name] for name in _TITLES if clip.get(name)), "clip"))
    path = next((candidate for candidate in _candidates(database, clip) if candidate.is_file()), None)
    if path is None:
        named = next((clip[name] for name in _PATHS if clip.get(name)), None)
        return Migrated(f"clip {title}", "left", f"its file {named!r} is not there" if named else "it names no file")
    with library.project.catalog.read() as connection:
        same = items_with(connection, sha256_of(path))
    if same:
        return Migrated(f"clip {title}", "there already", same[0])
    name = movie_name(title, None)
    if dry_run:
        return Migrated(f"clip {title}", "would be taken", f"{path} as {name.item_id}")
    try:
        done = ingest(library, name, [path], even_if_alike=True)
    except DayreelError as refusal:
        return Migrated(f"clip {title}", "left", str(refusal))
    return Migrated(f"clip {title}", "taken", f"{path} as {done.item_id}")


def _candidates(database: Path, clip: dict[str, Any]) -> Iterator[Path]:
    """Yield where a clip's file may be: relative paths were relative to the older project, or to its data folder."""
    for name in _PATHS:
        if clip.get(name):
            path = Path(str(clip[name])).expanduser()
            yield from (path,) if path.is_absolute() else (database.parent.parent / path, database.parent / path)


def _setting(library: Library, name: str, value: Any, channel: str | None, *, dry_run: bool) -> Migrated:
    if name in _CHANNEL_FIELDS:
        field, written = _CHANNEL_FIELDS[name], _as_here(value)
        if channel is not None:
            return _channel_field(library, name, channel, field, written, dry_run=dry_run)
        return Migrated(f"setting {name}", "left", f"put `{field}: {_line(written)}` into your channel's file")
    if name in _KILL:
        return _config(library, name, "switch", "off" if _is_yes(value) else "on", dry_run=dry_run)
    if name in _DRY_RUN:
        return _config(library, name, "publish.instagram", "dry-run" if _is_yes(value) else "live", dry_run=dry_run)
    return Migrated(f"setting {name}", "left", "dayreel has no such setting")


def _as_here(value: Any) -> Any:
    """Return a setting as channel files write it: windows were written in several ways."""
    if isinstance(value, list):
        return [_as_here(part) for part in value]
    if isinstance(value, dict) and {"start", "end"} <= value.keys():
        return f"{value['start']}-{value['end']}"
    return value


def _line(value: Any) -> str:
    return str(value) if isinstance(value, int) else json.dumps(value, ensure_ascii=False)


def _channel_field(library: Library, name: str, channel: str, field: str, value: Any, *, dry_run: bool) -> Migrated:
    """Add a line to a channel's file, which is left as it was where it says something of that already."""
    what, files = f"setting {name}", library.project.channels
    path = library.project.settings.channels_dir / f"{channel}.yaml"
    before = path.read_text(encoding="utf-8")
    line = f"{field}: {_line([value] if field == 'publish_windows' and isinstance(value, str) else value)}"
    if f"\n{line}\n" in f"\n{before}\n":
        return Migrated(what, "there already", f"{line} in channels/{path.name}")
    if re.search(rf"(?m)^{field}\s*:", before):
        return Migrated(what, "left", f"channels/{path.name} says its own `{field}`; here it was `{line}`")
    if dry_run:
        return Migrated(what, "would be taken", f"{line} into channels/{path.name}")
    atomic_write_text(path, before.rstrip("\n") + f"\n{line}\n")
    try:
        files.load(channel)
    except DayreelError as refusal:
        atomic_write_text(path, before)
        return Migrated(what, "left", str(refusal))
    return Migrated(what, "taken", f"{line} in channels/{path.name}")


def _config(library: Library, name: str, key: str, wanted: str, *, dry_run: bool) -> Migrated:
    what = f"setting {name}"
    with library.project.catalog.write("money") as connection:
        if read_config(connection, key).value == wanted:
            return Migrated(what, "there already", f"{key} = {wanted}")
        if wanted == "live":  # whether posts are real is never taken over from another system
            return Migrated(what, "left", f"it allowed real posts; say so here: `dayreel config set {key} live`")
        if dry_run:
            return Migrated(what, "would be taken", f"{key} = {wanted}")
        now, who = library.project.clock.now(), library.project.actor
        write_config(connection, key, wanted, by=who, at=now, note="from the older system")
    return Migrated(what, "taken", f"{key} = {wanted}")


def _is_yes(value: Any) -> bool:
    return value is True or str(value).strip().lower() in ("true", "1", "yes", "on")
