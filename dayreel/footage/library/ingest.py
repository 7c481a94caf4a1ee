"""Taking own footage in: proved to decode, not there already, copied, read back, marked as ripped. Sources stay."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from dayreel.atomic_write import atomic_write_text
from dayreel.errors import MediaError, UsageError
from dayreel.footage.library.open_library import Library
from dayreel.footage.library.record_item import new_manifest, record_item, record_refusal
from dayreel.footage.media.perceptual_hash import LOOKS_THE_SAME, hash_distance, perceptual_hash
from dayreel.footage.media.sound_item import decode_sound
from dayreel.footage.rules.names import safe_name
from dayreel.footage.rules.paths import MARKER_FOLDER, ItemName
from dayreel.footage.rules.sidecars import beside
from dayreel.footage.schemas.job import JobFile
from dayreel.footage.schemas.library import StageMade
from dayreel.footage.stores.reads import find_item, items_with
from dayreel.footage.stores.safe_copy import safe_copy
from dayreel.media.probe import decode_fully
from dayreel.rules.footage_files import FOOTAGE_SUFFIXES, SOUND_SUFFIXES, is_footage, is_sound
from dayreel.stores.catalog.tables import media_items
from dayreel.stores.files import sha256_of


@dataclass(frozen=True)
class Ingested:
    """What became of one ingest: the item, its files, and items that look alike."""

    item_id: str
    folder: str
    files: tuple[JobFile, ...]
    alike: tuple[str, ...]


def movie_name(title: str, year: int | None) -> ItemName:
    """Return who a movie is, from what people call it."""
    leaf = safe_name(title) if year is None else f"{safe_name(title)} {year}"
    return ItemName("movie", leaf.replace(" ", "_"))


def disc_name(series: str, season: int, disc: int) -> ItemName:
    """Return who a disc of a series is."""
    return ItemName("tv", f"{safe_name(series).replace(' ', '_')}/S{season:02d}_Disc{disc}")


def footage_in(paths: Sequence[Path]) -> list[Path]:
    """Return the files to take in: those that are named, and of folders the footage and sound in them, by name.

    Raises:
        UsageError: a folder has no footage.
    """
    files: list[Path] = []
    for path in paths:
        inside = (
            [each for each in sorted(path.rglob("*")) if (is_footage(each) or is_sound(each)) and each.is_file()]
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


def ingest(library: Library, name: ItemName, files: list[Path], *, even_if_alike: bool = False) -> Ingested:
    """Copy films into the library as one item, marked as ripped, with the subtitles that lie beside them.

    Args:
        even_if_alike: take it although footage that looks the same is there under other bytes.

    Raises:
        UsageError: the item, or a file with the same bytes, is there already, or looks alike. Nothing was copied.
        MediaError: a file does not decode; the item is quarantined with the reason, and the file stays where it is.
        StoreError: the shared folder or the catalog cannot be written.
    """
    with library.project.catalog.read() as connection:
        row = find_item(connection, name.item_id)
    if row is not None and row.state != "quarantined":
        raise UsageError(
            f"{name.item_id} is in the library already ({row.state}).",
            next_step="Give another title, or work with that one: `dayreel library show " + name.item_id + "`.",
        )
    _prove(library, name, files)
    seen = _look(library, files)
    if seen.alike and not even_if_alike:
        raise UsageError(
            f"{', '.join(path.name for path in files)} looks like {', '.join(seen.alike)}. Nothing was copied.",
            next_step="If it is another cut, give --even-if-alike.",
        )
    sidecars = [path for film in files for path in beside(film, film.parent.iterdir()) if path.is_file()]
    made = tuple(_copied(library, name, path) for path in (*files, *dict.fromkeys(sidecars)))
    _mark(library, name, files, made, seen.picture)
    return Ingested(name.item_id, name.folder("rip"), made, seen.alike)


@dataclass(frozen=True)
class _Look:
    picture: str | None
    alike: tuple[str, ...]


def _prove(library: Library, name: ItemName, files: list[Path]) -> None:
    for path in files:
        try:
            decode_sound(path) if is_sound(path) else decode_fully(path)
        except MediaError as refusal:
            record_refusal(library, name, str(refusal), refused={})
            raise


def _look(library: Library, files: list[Path]) -> _Look:
    """Return how the first file looks, and the items that look the same.

    Raises:
        UsageError: an item has a file with the same bytes.
    """
    with library.project.catalog.read() as connection:
        for path in files:
            same = items_with(connection, sha256_of(path))
            if same:
                raise UsageError(
                    f"{path.name} is there already, byte for byte, in {', '.join(same)}. Nothing was copied.",
                    next_step=f"`dayreel library show {same[0]}` shows it.",
                )
        known = connection.execute(
            select(media_items.c.id, media_items.c.perceptual_hash).where(media_items.c.perceptual_hash.is_not(None))
        ).all()
    if is_sound(files[0]):
        return _Look(None, ())
    picture = perceptual_hash(files[0])
    return _Look(
        picture,
        tuple(
            known_file.id
            for known_file in known
            if hash_distance(picture, known_file.perceptual_hash) <= LOOKS_THE_SAME
        ),
    )


def _copied(library: Library, name: ItemName, path: Path) -> JobFile:
    copied = safe_copy(path, library.root / name.folder("rip") / path.name)
    return JobFile(path=path.name, size_bytes=copied.size_bytes, sha256=copied.sha256)


def _mark(library: Library, name: ItemName, files: list[Path], made: tuple[JobFile, ...], picture: str | None) -> None:
    now = library.project.clock.now()
    folder = library.root / name.folder("rip") / MARKER_FOLDER
    atomic_write_text(folder / "rip.timestamp", now.isoformat(timespec="seconds") + "\n")
    atomic_write_text(folder / "rip.done", "")
    stamp = (folder / "rip.done").stat().st_mtime_ns
    stage = StageMade(
        folder=name.folder("rip"),
        files=made,
        made_by=library.project.actor,
        made_at=now,
        facts={"marker_stamp": stamp},
    )
    manifest = new_manifest(library, name).model_copy(
        update={"stages": {"rip": stage}, "perceptual_hash": picture, "origin": tuple(path.name for path in files)}
    )
    library.items.save(name, "rip", manifest)
    record_item(library, manifest, made=["rip"], newest="rip")
