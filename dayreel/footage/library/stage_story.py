"""What Dagster records of an item's stage: its files and evidence, or why there is nothing to record yet."""

from dataclasses import dataclass

from sqlalchemy import select

from dayreel.errors import UsageError
from dayreel.footage.library.open_library import Library
from dayreel.footage.rules.paths import STATE_OF, ItemStage
from dayreel.footage.schemas.library import ItemManifest, StageMade
from dayreel.footage.stores.reads import get_item, jobs_of, name_of
from dayreel.rules.fingerprint import fingerprint
from dayreel.rules.lifecycle import UNDER_WAY
from dayreel.services.project import Project
from dayreel.stores.catalog.tables import state_transitions

BATCH = 100


@dataclass(frozen=True)
class StageStory:
    """One stage of one item, as recorded."""

    manifest: ItemManifest
    made: StageMade
    data_version: str


@dataclass(frozen=True)
class ItemMove:
    """One step of an item that Dagster has not recorded yet."""

    transition_id: int
    item_id: str
    stage: ItemStage
    trigger: str


def stage_story(library: Library, item_id: str, stage: ItemStage) -> StageStory:
    """Return what a stage has made.

    Raises:
        UsageError: there is no such item, or the stage is not done; says which job or question it waits for.
    """
    with library.project.catalog.read() as connection:
        row = get_item(connection, item_id)
        jobs = jobs_of(connection, item_id=item_id, states=UNDER_WAY)
    manifest = library.items.newest_manifest(name_of(row))
    made = manifest.stages.get(stage) if manifest is not None else None
    if manifest is None or made is None:
        waits = (
            f"its {jobs[0].role} job {jobs[0].id} is {jobs[0].state}" if jobs else row.error or "it waits for a person"
        )
        raise UsageError(
            f"{item_id} is not {STATE_OF[stage].replace('_', ' ')} yet: it is {row.state}, and {waits}.",
            next_step="Workers do that (`dayreel worker`); it is recorded here automatically when it is done.",
        )
    return StageStory(manifest, made, fingerprint(stage=stage, files=list(made.files)))


def new_moves(project: Project, after: int) -> list[ItemMove]:
    """Return the next steps of items after a transition, at most a hundred.

    Raises:
        StoreError: the catalog cannot be read.
    """
    stages: dict[str, ItemStage] = {state: stage for stage, state in STATE_OF.items()}
    query = (
        select(state_transitions)
        .where(
            state_transitions.c.id > after,
            state_transitions.c.entity == "media_item",
            state_transitions.c.to_state.in_(stages),
        )
        .order_by(state_transitions.c.id)
        .limit(BATCH)
    )
    with project.catalog.read() as connection:
        rows = connection.execute(query).mappings().all()
    return [
        ItemMove(
            row["id"], row["entity_id"], stages[row["to_state"]], f"{row['trigger']} by {row['actor']}: {row['notes']}"
        )
        for row in rows
    ]
