"""Taking own footage in: proved to decode, not there already, copied, read back, marked as ripped. Sources stay."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dayreel.atomic_write import atomic_write_text, put_in_place
from dayreel.errors import MediaError, UsageError
from dayreel.footage.library.open_library import Library
from dayreel.footage.library.record_item import new_manifest, record_item, record_refusal
from dayreel.footage.media.perceptual_hash import look_of, looks_alike
from dayreel.footage.media.sound_item import decode_sound
from dayreel.footage.rules.names import free_name, name_key, safe_file_name, safe_name, shown_name
from dayreel.footage.rules.paths import MARKER_FOLDER, ItemName
from dayreel.footage.rules.sidecars import beside, sidecar_name
from dayreel.footage.schemas.job import JobFile
from dayreel.footage.schemas.library import StageMade
from dayreel.footage.stores.reads import ItemRow, find_item, items_with, list_items, name_of
from dayreel.footage.stores.safe_copy import safe_copy
from dayreel.media.probe import decode_fully
from dayreel.rules.footage_files import FOOTAGE_SUFFIXES, SOUND_SUFFIXES, is_footage, is_sound
from dayreel.stores.files import sha256_of


@dataclass(frozen=True)
class Ingested:
    """What became of one ingest: the item, its files, and items that look alike.

    Attributes:
        renamed: by its name in the library, what a file was called where it came from, where that differs.
    """

    item_id: str
    folder: str
    files: tuple[JobFile, ...]
    alike: tuple[str, ...]
    renamed: Mapping[str, str]


def movie_name(title: str, year: int | None) -> ItemName:
    """Return who a movie is, from what people call it."""
    leaf = safe_name(title) if year is None else f"{safe_name(title)} {year}"
    return ItemName("movie", leaf.replace(" ", "_"))


def disc_name(series: str, season: int, disc: int) -> ItemName:
    """Return who a disc of a series is."""
    return ItemName("tv", f"{safe_name(series).replace(' ', '_')}/S{season:02d}_Disc{disc}")


def footage_in(paths: Sequence[Path]) -> list[Path]:
    """Return the files to take in: those that are named, and of folders the footage and sound in them, by name.

    Hidden files are left out: cameras' cards are full of `._clip.mov`, which have no picture in them.

    Raises:
        UsageError: a folder has no footage.
    """
    files: list[Path] = []
    for path in paths:
        inside = (
            [each for each in sorted(path.rglob("*")) if _is_seen(each, path) and each.is_file()]
            if path.is_dir()
            else []
        )
        if path.is_dir() and not inside:
            raise UsageError(
                f"{str(path)!r} has no footage and no sound in it. Nothing was copied.",
                next_step=f"Footage is what ends in {', '.join(sorted(FOOTAGE_SUFFIXES | SOUND_SUFFIXES))}.",
            )
        files += inside or [path]
    return files


def _is_seen(path: Path, folder: Path) -> bool:
    is_hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return not is_hidden and (is_footage(path) or is_sound(path))


def ingest(
    library: Library, name: ItemName, files: list[Path], *, even_if_alike: bool = False, priority: int | None = None
) -> Ingested:
    """Copy films into the library as one item, marked as ripped, with the subtitles that lie beside them.

    Args:
        even_if_alike: take it although footage that looks the same is there under other bytes.
        priority: of its jobs, 0 for the most urgent to 9; None is as usual.

    Raises:
        UsageError: the item, or a file with the same bytes, is there already, or looks alike. Nothing was copied.
        MediaError: a file does not decode; the item is quarantined with the reason, and the file stays where it is.
        StoreError: the shared folder or the catalog cannot be written.
    """
    with library.project.catalog.read() as connection:
        row = find_item(connection, name.item_id) or find_item(connection, name.former_id)
    if row is not None and row.leaf == name.leaf:
        name = name_of(row)
    if row is not None and row.id == name.item_id and row.state != "quarantined":
        raise UsageError(
            f"{name.item_id} is in the library already ({row.state}).",
            next_step="Give another title, or work with that one: `dayreel library show " + name.item_id + "`.",
        )
    _prove(library, name, files)
    looks = [None if is_sound(path) else look_of(path) for path in files]
    alike = _alike(library, files, looks)
    if alike and not even_if_alike:
        raise UsageError(
            f"{', '.join(path.name for path in files)} looks like {', '.join(alike)}. Nothing was copied.",
            next_step="If it is another cut, give --even-if-alike.",
        )
    names = _names(library, name, files)
    made = tuple(_copied(library, name, path, own) for path, own in names.items())
    _mark(library, name, files, made, looks, priority)
    renamed = {own: str(path) for path, own in names.items() if path.name != own}
    return Ingested(name.item_id, name.folder("rip"), made, alike, renamed)


def _prove(library: Library, name: ItemName, files: list[Path]) -> None:
    for path in files:
        try:
            decode_sound(path) if is_sound(path) else decode_fully(path)
        except MediaError as refusal:
            record_refusal(library, name, str(refusal), refused={})
            raise


def _alike(library: Library, files: list[Path], looks: list[str | None]) -> tuple[str, ...]:
    """Return the items of which any file looks like any of these.

    Raises:
        UsageError: an item has a file with the same bytes, or two of the files have.
    """
    hashes: dict[str, Path] = {}
    with library.project.catalog.read() as connection:
        for path in files:
            sha256 = sha256_of(path)
            same = items_with(connection, sha256)
            if same:
                raise UsageError(
                    f"{path.name} is there already, byte for byte, in {', '.join(same)}. Nothing was copied.",
                    next_step=f"`dayreel library show {same[0]}` shows it.",
                )
            if sha256 in hashes:
                raise UsageError(
                    f"{str(path)!r} and {str(hashes[sha256])!r} are the same, byte for byte. Nothing was copied.",
                    next_step="Give each file once.",
                )
            hashes[sha256] = path
        known = list_items(connection)
    own = [look for look in looks if look is not None]
    return tuple(row.id for row in known if any(looks_alike(look, other) for look in own for other in _looks_of(row)))


def _looks_of(row: ItemRow) -> list[str]:
    return row.metadata.get("looks") or ([row.perceptual_hash] if row.perceptual_hash else [])


def _names(library: Library, name: ItemName, files: list[Path]) -> dict[Path, str]:
    """Return what each film, and the subtitles beside it, is called in the item's folder.

    No two are alike, and none is like a file with other bytes there. A file that is there already with the same bytes
    is from an ingest that was interrupted.
    """
    folder = library.root / name.folder("rip")
    there = {name_key(path.name): path for path in folder.iterdir()} if folder.is_dir() else {}
    names: dict[Path, str] = {}

    def give(path: Path, wanted: str) -> None:
        foreign = {key for key, before in there.items() if not _is_copy(before, path)}
        names[path] = free_name(wanted, foreign | set(map(name_key, names.values())))

    for film in files:
        give(film, safe_file_name(film.name))
    for film in files:
        for sidecar in beside(film, film.parent.iterdir()):
            if sidecar.is_file() and sidecar not in names:
                give(sidecar, safe_file_name(sidecar_name(sidecar, film, Path(names[film]))))
    return names


def _is_copy(before: Path, path: Path) -> bool:
    is_as_long = before.is_file() and before.stat().st_size == path.stat().st_size
    return is_as_long and sha256_of(before) == sha256_of(path)


def _copied(library: Library, name: ItemName, path: Path, own: str) -> JobFile:
    copied = safe_copy(path, library.root / name.folder("rip") / own)
    return JobFile(path=own, size_bytes=copied.size_bytes, sha256=copied.sha256)


def _mark(
    library: Library,
    name: ItemName,
    files: list[Path],
    made: tuple[JobFile, ...],
    looks: list[str | None],
    priority: int | None,
) -> None:
    """Write row, manifest and marker, in this order; the row is committed last, see `record_item`.

    The marker is written aside and named last: no pass takes in what is being taken in here.
    """
    now = library.project.clock.now()
    folder = library.root / name.folder("rip") / MARKER_FOLDER
    atomic_write_text(folder / "rip.timestamp", now.isoformat(timespec="seconds") + "\n")
    aside = folder / f".rip.done-{secrets.token_hex(4)}.part"
    atomic_write_text(aside, "")
    stage = StageMade(
        folder=name.folder("rip"),
        files=made,
        made_by=library.project.actor,
        made_at=now,
        facts={
            "marker_stamp": aside.stat().st_mtime_ns,
            "files": [{"path": file.path, "looks": look} for file, look in zip(made, looks, strict=False)],
        },
    )
    manifest = new_manifest(library, name).model_copy(
        update={
            "stages": {"rip": stage},
            "perceptual_hash": looks[0],
            "priority": priority,
            "origin": tuple(shown_name(path.name) for path in files),
        }
    )

    def save() -> None:
        library.items.save(name, "rip", manifest)
        put_in_place(aside, folder / "rip.done")

    try:
        record_item(library, manifest, made=["rip"], newest="rip", save=save)
    finally:
        aside.unlink(missing_ok=True)
