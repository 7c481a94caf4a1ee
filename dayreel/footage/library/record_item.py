"""Writing down in the catalog where an item is, as its manifest says: row, files, one transition per stage.

The only writer of `media_items` and `media_files`. The catalog takes an item's row first, then its manifest is written,
then the row is committed: what the catalog refuses never gets a manifest, and a crash in between leaves a manifest that
the next look at the folder brings into the catalog.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, update

from dayreel.footage.library.open_library import Library
from dayreel.footage.rules.flow import GATE_ABOUT, STAGE_AFTER
from dayreel.footage.rules.paths import ITEM_STAGES, STATE_OF, ItemName, ItemStage
from dayreel.footage.schemas.library import GateAnswer, ItemManifest, StageMade
from dayreel.footage.stores.reads import ItemRow, find_item
from dayreel.services.transitions import Trigger, advance
from dayreel.stores.catalog.tables import media_files, media_items

_FEW = 3


def record_item(
    library: Library,
    manifest: ItemManifest,
    *,
    made: Sequence[ItemStage],
    newest: ItemStage,
    save: Callable[[], None] | None = None,
) -> None:
    """Bring an item's row to `newest`, through every stage in between.

    Args:
        made: the stages that were found done now, in order.
        save: writes the manifest, once the catalog has taken the row and before it is committed.

    Raises:
        StateError, OSError: the manifest cannot be written; the row is as it was.
        StoreError: the catalog cannot be written.
    """
    with library.project.catalog.write("library") as connection:
        put_item(library, connection, manifest, made=made, newest=newest)
        if save is not None:
            save()


def put_item(
    library: Library,
    connection: Connection,
    manifest: ItemManifest,
    *,
    made: Sequence[ItemStage],
    newest: ItemStage,
    at: Mapping[ItemStage, datetime] | None = None,
    stood: tuple[str, int] | None = None,
) -> None:
    """Do what `record_item` does, in the caller's transaction.

    Args:
        at: when each stage was reached, where that is not now.
        stood: the state and version that the item's history says; it is not written again.
    """
    row = find_item(connection, manifest.item_id)
    first = row is None
    if row is None:
        state, version = stood or ("ripped", 1)
        row = _insert(library, connection, manifest, state=state, version=version)
    now = library.project.clock.now()
    for stage in _events(row.state, newest, made, first=first and stood is None):
        _move(library, connection, manifest, stage, (at or {}).get(stage, now))
    _describe(library, connection, manifest, newest)


def record_refusal(library: Library, name: ItemName, reason: str, *, refused: dict[str, int]) -> None:
    """Write down why an item's newest files were not taken; an item that has none other is quarantined.

    Args:
        refused: stage and stamp of the markers that were refused, so that they are not looked at again and again.
    """
    with library.project.catalog.write("library") as connection:
        row = find_item(connection, name.item_id)
        if row is None:
            row = _insert(library, connection, new_manifest(library, name), state="quarantined")
        kept = {key: value for key, value in row.metadata.items() if key != "trouble"}
        metadata = {**kept, "refused": {**kept.get("refused", {}), **refused}}
        values = {"error": reason, "metadata": metadata, "updated_at": library.project.clock.now()}
        connection.execute(update(media_items).where(media_items.c.id == row.id).values(**values))


def record_trouble(library: Library, name: ItemName, words: str, trouble: dict[str, Any]) -> None:
    """Write down what keeps an item from going on, see `troubles`; an item without a row gets one, quarantined."""
    with library.project.catalog.write("library") as connection:
        put_trouble(library, connection, name, words, trouble)


def put_trouble(
    library: Library, connection: Connection, name: ItemName, words: str, trouble: dict[str, Any] | None
) -> None:
    """Do what `record_trouble` does, in the caller's transaction."""
    row = find_item(connection, name.item_id)
    if row is None:
        row = _insert(library, connection, new_manifest(library, name), state="quarantined")
    metadata = {**row.metadata, **({} if trouble is None else {"trouble": trouble})}
    values = {"error": words, "metadata": metadata, "updated_at": library.project.clock.now()}
    connection.execute(update(media_items).where(media_items.c.id == row.id).values(**values))


def clear_trouble(library: Library, item_id: str) -> None:
    """Write down that what kept an item from going on is over."""
    with library.project.catalog.write("library") as connection:
        row = find_item(connection, item_id)
        if row is not None and "trouble" in row.metadata:
            metadata = {key: kept for key, kept in row.metadata.items() if key != "trouble"}
            values = {"error": None, "metadata": metadata}
            connection.execute(update(media_items).where(media_items.c.id == item_id).values(**values))


def note_words(connection: Connection, item_id: str, words: str | None) -> None:
    """Write down, in the caller's transaction, why an item waits for a person; None when it does not any more."""
    connection.execute(update(media_items).where(media_items.c.id == item_id).values(error=words))


def new_manifest(library: Library, name: ItemName) -> ItemManifest:
    """Return the first manifest of an item: what its folder's name says."""
    return ItemManifest(
        item_id=name.item_id,
        kind=name.kind,
        leaf=name.leaf,
        title=name.title,
        year=name.year if name.kind == "movie" else None,
        series=name.title if name.kind == "tv" else None,
        season=name.season,
        disc=name.disc,
        created_at=library.project.clock.now(),
    )


def looks_of(manifest: ItemManifest) -> list[str]:
    """Return how each file of an item looks, see `footage.media.perceptual_hash`, as far as that was looked at."""
    rip = manifest.stages.get("rip")
    of_files = [str(file["looks"]) for file in rip.facts.get("files", ()) if file.get("looks")] if rip else []
    return of_files or ([manifest.perceptual_hash] if manifest.perceptual_hash else [])


def stamps_of(row: ItemRow) -> dict[str, int]:
    """Return the stamp of every marker that was dealt with, taken or refused."""
    return {**row.metadata.get("stamps", {}), **row.metadata.get("refused", {})}


def _events(state: str, newest: ItemStage, made: Sequence[ItemStage], *, first: bool) -> list[ItemStage]:
    """Return the stages to go through: all up to `newest`, or the ones made again."""
    states = [STATE_OF[stage] for stage in ITEM_STAGES]
    here = -1 if first or state == "quarantined" else states.index(state)
    there = ITEM_STAGES.index(newest)
    if there > here:
        return list(ITEM_STAGES[here + 1 : there + 1])
    return [newest] if there < here or newest in made else []


def _move(library: Library, connection: Connection, manifest: ItemManifest, stage: ItemStage, at: datetime) -> None:
    done = manifest.stages.get(stage)
    answer = next((given for given in reversed(manifest.answers) if _opens(given) == stage), None)
    trigger: Trigger = "auto"
    notes = f"by {done.made_by}" if done else "not needed: a later stage was found done"
    if done is not None and answer is not None:
        trigger, notes = "approval", f"{notes}; {answer.approval_type} {answer.status} by {answer.by}"
    elif stage == "rip":
        trigger = "manual"
    if done is not None:
        notes = "; ".join([notes, *_found_out(done)])
    advance(
        connection,
        "media_item",
        manifest.item_id,
        stage,
        at=at,
        actor=library.project.actor,
        trigger=trigger,
        notes=notes,
    )


def _found_out(done: StageMade) -> list[str]:
    """Return what was found out about the files of a stage and people want to know: why a film stayed as it is, say."""
    reasons = [file["quality"]["reason"] for file in done.facts.get("files", []) if "quality" in file]
    return reasons if len(reasons) <= _FEW else [*reasons[:_FEW], f"and {len(reasons) - _FEW} more"]


def _opens(answer: GateAnswer) -> ItemStage:
    return STAGE_AFTER[GATE_ABOUT[answer.approval_type]]


def _insert(
    library: Library, connection: Connection, manifest: ItemManifest, *, state: str = "ripped", version: int = 1
) -> ItemRow:
    now = library.project.clock.now()
    connection.execute(
        insert(media_items).values(
            id=manifest.item_id,
            kind=manifest.kind,
            leaf=manifest.leaf,
            title=manifest.title,
            state=state,
            version=version,
            metadata={},
            created_at=manifest.created_at,
            updated_at=now,
        )
    )
    row = find_item(connection, manifest.item_id)
    assert row is not None  # noqa: S101  it was inserted just above, in this transaction
    return row


def removed_of(manifest: ItemManifest) -> list[str]:
    """Return the sources that were removed, or were about to be, by their paths on the shared folder."""
    filed = manifest.stages.get("file")
    gone = filed.facts.get("removed_sources", ()) if filed is not None else ()
    return [f"{manifest.stages[entry['stage']].folder}/{entry['path']}" for entry in gone]


def _describe(library: Library, connection: Connection, manifest: ItemManifest, newest: ItemStage) -> None:
    stamps = {stage: made.facts.get("marker_stamp") for stage, made in manifest.stages.items()}
    removed = removed_of(manifest)
    if any((library.root / path).is_file() for path in removed):
        removed = []  # it was written before they went, and then something ended it: the next look goes on
    values = {
        "title": manifest.title,
        "year": manifest.year,
        "series": manifest.series,
        "season": manifest.season,
        "disc": manifest.disc,
        "perceptual_hash": manifest.perceptual_hash,
        "folder_path": manifest.stages[newest].folder if newest in manifest.stages else None,
        "metadata": {"stamps": stamps, "looks": looks_of(manifest), **({"removed": removed} if removed else {})},
        "error": None,
        "updated_at": library.project.clock.now(),
    }
    connection.execute(update(media_items).where(media_items.c.id == manifest.item_id).values(**values))
    connection.execute(delete(media_files).where(media_files.c.item_id == manifest.item_id))
    files = [
        {"item_id": manifest.item_id, "stage": stage, **file.model_dump()}
        for stage, made in manifest.stages.items()
        for file in made.files
    ]
    if files:
        connection.execute(insert(media_files), files)
