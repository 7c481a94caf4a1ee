"""Writing down in the catalog where an item is, as its manifest says: row, files, one transition per stage.

The only writer of `media_items` and `media_files`. The manifest was written before; a crash in between is repaired by
the next look at the folder.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert, update

from dayreel.footage.library.open_library import Library
from dayreel.footage.rules.flow import GATE_ABOUT, STAGE_AFTER
from dayreel.footage.rules.paths import ITEM_STAGES, STATE_OF, ItemName, ItemStage
from dayreel.footage.schemas.library import GateAnswer, ItemManifest, StageMade
from dayreel.footage.stores.reads import ItemRow, find_item
from dayreel.services.transitions import Trigger, advance
from dayreel.stores.catalog.tables import media_files, media_items

_FEW = 3


def record_item(library: Library, manifest: ItemManifest, *, made: Sequence[ItemStage], newest: ItemStage) -> None:
    """Bring an item's row to `newest`, through every stage in between.

    Args:
        made: the stages that were found done now, in order.

    Raises:
        StoreError: the catalog cannot be written.
    """
    with library.project.catalog.write("library") as connection:
        row = find_item(connection, manifest.item_id)
        first = row is None
        if row is None:
            row = _insert(library, connection, manifest)
        for stage in _events(row.state, newest, made, first=first):
            _move(library, connection, manifest, stage)
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
        metadata = {**row.metadata, "refused": {**row.metadata.get("refused", {}), **refused}}
        values = {"error": reason, "metadata": metadata, "updated_at": library.project.clock.now()}
        connection.execute(update(media_items).where(media_items.c.id == row.id).values(**values))


def note_trouble(connection: Connection, item_id: str, words: str | None) -> None:
    """Write down, in the caller's transaction, what keeps an item from going on; None when nothing does any more."""
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


def _move(library: Library, connection: Connection, manifest: ItemManifest, stage: ItemStage) -> None:
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
        at=library.project.clock.now(),
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


def _insert(library: Library, connection: Connection, manifest: ItemManifest, *, state: str = "ripped") -> ItemRow:
    now = library.project.clock.now()
    connection.execute(
        insert(media_items).values(
            id=manifest.item_id,
            kind=manifest.kind,
            leaf=manifest.leaf,
            title=manifest.title,
            state=state,
            version=1,
            metadata={},
            created_at=manifest.created_at,
            updated_at=now,
        )
    )
    row = find_item(connection, manifest.item_id)
    assert row is not None  # noqa: S101  it was inserted just above, in this transaction
    return row


def _describe(library: Library, connection: Connection, manifest: ItemManifest, newest: ItemStage) -> None:
    stamps = {stage: made.facts["marker_stamp"] for stage, made in manifest.stages.items()}
    filed = manifest.stages.get("file")
    gone = filed.facts.get("removed_sources", ()) if filed is not None else ()
    removed = [f"{manifest.stages[entry['stage']].folder}/{entry['path']}" for entry in gone]
    values = {
        "title": manifest.title,
        "year": manifest.year,
        "series": manifest.series,
        "season": manifest.season,
        "disc": manifest.disc,
        "perceptual_hash": manifest.perceptual_hash,
        "folder_path": manifest.stages[newest].folder if newest in manifest.stages else None,
        "metadata": {"stamps": stamps, **({"removed": removed} if removed else {})},
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
