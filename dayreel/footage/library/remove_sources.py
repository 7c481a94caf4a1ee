"""Removing what an item was made from: only where the plan says so, and only once the library's copy was read back.

Read back means: every file of the library is hashed again from the disk, now, and is what the manifest says. Anything
that does not match keeps every source.
"""

from sqlalchemy import update

from dayreel.footage.library.gates import name_of
from dayreel.footage.library.open_library import Library
from dayreel.footage.schemas.library import ItemManifest
from dayreel.footage.stores.reads import ItemRow, list_items
from dayreel.stores.catalog.tables import media_items
from dayreel.stores.files import sha256_of
from dayreel.stores.state.errors import StateError


def remove_sources(library: Library) -> list[str]:
    """Remove the sources of every filed item that still has some; return a sentence for each.

    One item's trouble (a damaged manifest, a file that cannot be removed) is told and does not stop the next.

    Raises:
        StoreError: the catalog cannot be used.
    """
    stages = library.plan.remove_sources
    if not stages:
        return []
    with library.studio.catalog.read() as connection:
        rows = [row for row in list_items(connection, ["in_library"]) if "removed" not in row.metadata]
    return [said for row in rows for said in _in_words(library, row)]


def _in_words(library: Library, row: ItemRow) -> list[str]:
    try:
        return _remove(library, row)
    except (StateError, OSError) as error:
        return [f"{row.id}: its sources stay: {error}"]


def _remove(library: Library, row: ItemRow) -> list[str]:
    manifest = library.items.manifest(name_of(row), "file")
    filed = manifest.stages.get("file") if manifest is not None else None
    if manifest is None or filed is None or not filed.files:
        return []  # filed by a script: where its files are is not known, so nothing proves that they are there
    for file in filed.files:
        path = library.root / filed.folder / file.path
        if not path.is_file() or sha256_of(path, is_read_anew=True) != file.sha256:
            return [f"{row.id}: its sources stay: {file.path!r} in the library is not what was filed"]
    gone = _unlink(library, manifest)
    metadata = {**row.metadata, "removed": gone}
    with library.studio.catalog.write("library") as connection:
        connection.execute(update(media_items).where(media_items.c.id == row.id).values(metadata=metadata))
    return [f"{row.id}: {len(gone)} source files removed, after the library's were read back"]


def _unlink(library: Library, manifest: ItemManifest) -> list[str]:
    gone = []
    for stage in library.plan.remove_sources:
        made = manifest.stages.get(stage)
        for file in made.files if made else ():
            path = library.root / made.folder / file.path if made else None
            if path is not None and path.is_file():
                path.unlink()
                gone.append(path.relative_to(library.root).as_posix())
    return gone
