"""Own footage as assets: one partition an item, one asset a stage, from the disc to the library.

    library/ripped → library/remuxed → library/transcoded → library/in_library (→ raw_segments of `clips` channels)

Workers make the files, on other machines and without Dagster; what is here records what they made, with its evidence.
See https://docs.dagster.io/guides/build/partitions-and-backfills and docs/how-to/library.md.
"""

from typing import Any

import dagster as dg

from dayreel.footage.library.open_library import open_library
from dayreel.footage.library.stage_story import StageStory, stage_story
from dayreel.footage.rules.paths import ITEM_STAGES, STATE_OF, ItemStage
from pipeline_assets.metadata import table
from pipeline_assets.run_queue import FOOTAGE_POOL
from pipeline_assets.steps import open_project

GROUP = "library"
ITEMS = dg.DynamicPartitionsDefinition(name="library_items")
RECORD_ITEMS = "record_items"
_SAID: dict[ItemStage, str] = {
    "rip": "Footage as it was taken in (`dayreel ingest`) or ripped by a script: decoded in full, hashed.",
    "remux": "The streams that are kept, copied into Matroska. A person looks at what was dropped before it goes on.",
    "transcode": "Encoded by a worker; its length, streams, colours and size were compared with the source's.",
    "file": "In the library under its name for people, copied and read back. Channels of own footage cut from it.",
}


def item_key(stage: ItemStage) -> dg.AssetKey:
    """Return the key of a stage's asset."""
    return dg.AssetKey([GROUP, STATE_OF[stage]])


def build_library_assets() -> list[dg.AssetsDefinition]:
    """Return the four assets, in order."""
    return [
        _stage_asset(stage, ITEM_STAGES[number - 1] if number else None) for number, stage in enumerate(ITEM_STAGES)
    ]


def build_library_job() -> Any:
    """Return the job in which the sensor records what items have become."""
    return dg.define_asset_job(
        RECORD_ITEMS,
        selection=dg.AssetSelection.groups(GROUP),
        description="Record an item's stages. Started by the item_moved_sensor; safe to repeat.",
    )


def _stage_asset(stage: ItemStage, before: ItemStage | None) -> dg.AssetsDefinition:
    @dg.asset(
        key=item_key(stage),
        deps=[item_key(before)] if before is not None else [],
        partitions_def=ITEMS,
        group_name=GROUP,
        owners=["team:content"],
        kinds={"ffmpeg"} if stage in ("remux", "transcode") else {"file"},
        pool=FOOTAGE_POOL,
        code_version="1",
        required_resource_keys={"project"},
        description=f"{_SAID[stage]} Runbook: docs/how-to/library.md",
    )
    def made(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        with open_project(context) as project:
            story = stage_story(open_library(project), context.partition_key, stage)
            return dg.MaterializeResult(
                data_version=dg.DataVersion(story.data_version), metadata=_metadata(story, trigger=project.actor)
            )

    return made


def _metadata(story: StageStory, *, trigger: str) -> dict[str, dg.MetadataValue]:
    made = story.made
    size = sum(file.size_bytes for file in made.files)
    metadata: dict[str, dg.MetadataValue] = {
        "title": dg.MetadataValue.text(story.manifest.title),
        "trigger": dg.MetadataValue.text(trigger),
        "made_by": dg.MetadataValue.text(made.made_by),
        "made_at": dg.MetadataValue.timestamp(made.made_at),
        "folder": dg.MetadataValue.path(made.folder),
        "files": table([file.model_dump() for file in made.files]),
        "size_bytes": dg.MetadataValue.int(size),
        "evidence": dg.MetadataValue.json(made.facts),
    }
    if made.job is not None:
        metadata["job"] = dg.MetadataValue.text(made.job)
    answers = [answer.model_dump(mode="json") for answer in story.manifest.answers]
    if answers:
        metadata["answers"] = dg.MetadataValue.json(answers)
    return metadata
