"""What another code location imports: dayreel's assets as specs, its IO manager, and marts of a team's own.

A spec has key, partitions, columns and group of an asset that the location `dayreel` makes, so that assets elsewhere
can depend on it and load it; nothing is made or started by it. `examples/dayreel-team` shows all of it.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg

from dayreel.marts.declared import marts_of
from dayreel.schemas.channel import Channel
from dayreel.services.making.code_versions import code_versions
from dayreel.settings import Settings
from dayreel.stores.channel_files import ChannelFiles
from pipeline_assets.channel_assets import build_channel_assets
from pipeline_assets.engagement_assets import build_snapshots
from pipeline_assets.mart_assets import build_marts
from pipeline_assets.partitions import daily_partitions
from resources.project import ProjectResource
from resources.table_io import TableIOManager


def asset_specs(settings: Settings) -> list[dg.AssetSpec]:
    """Return a spec of everything that dayreel makes and that loads as a table.

    Raises:
        ConfigurationError: a channel file has problems.
    """
    with chosen_warnings_ignored():
        assets = table_assets(_channels(settings), daily_partitions(settings), settings)
        return [
            spec.replace_attributes(
                deps=[], code_version=None, automation_condition=None, freshness_policy=None
            ).with_io_manager_key("tables")
            for asset in assets
            for spec in asset.specs
        ]


def sql_marts(folder: Path, settings: Settings, *, owner: str) -> list[dg.AssetsDefinition]:
    """Return an asset for each mart of a folder of SQL files, which are written as those in `dayreel/marts/sql/`.

    They have checks, columns, dependencies and conditions of automation as dayreel's own have. Their location needs
    `table_resources`, and a sensor that evaluates the conditions.

    Args:
        owner: `team:name`, or an address.

    Raises:
        ConfigurationError: a channel file has problems.
    """
    marts = [mart for path in sorted(folder.glob("*.sql")) for mart in marts_of(path)]
    with chosen_warnings_ignored():
        return build_marts(_channels(settings), daily_partitions(settings), settings, marts=marts, owner=owner)


def table_resources(settings: Settings) -> dict[str, Any]:
    """Return the resources of assets that load, store and build tables: `tables` and `project`."""
    return {"tables": TableIOManager(root=str(settings.root)), "project": project_resource(settings)}


def project_resource(settings: Settings) -> ProjectResource:
    """Return where dayreel works: on this machine's disk alone, or with a bucket behind it."""
    if settings.content_bucket is None:
        return ProjectResource(root=str(settings.root))
    from dagster_aws.s3 import S3Resource  # noqa: PLC0415  AWS's SDK, only where it is wanted

    from resources.content_bucket import BucketProjectResource  # noqa: PLC0415

    return BucketProjectResource(root=str(settings.root), s3=S3Resource())


def table_assets(
    channels: Sequence[Channel], partitions: dg.DailyPartitionsDefinition, settings: Settings
) -> list[dg.AssetsDefinition]:
    """Return every asset that loads as a table: those of the channels, the measurements and the marts."""
    return [
        *(
            asset
            for channel in channels
            for asset in build_channel_assets(
                channel, partitions, versions=code_versions(settings.channels_dir, channel)
            )
        ),
        build_snapshots(channels, partitions),
        *build_marts(channels, partitions, settings),
    ]


@contextmanager
def chosen_warnings_ignored() -> Iterator[None]:
    """Say nothing of beta and preview parameters while definitions are built.

    They are chosen knowingly, pinned by the lock file, and otherwise thirty lines in front of what Dagster has to say.
    """
    with warnings.catch_warnings():
        for category in (dg.BetaWarning, dg.PreviewWarning):
            warnings.simplefilter("ignore", category)
        yield


def _channels(settings: Settings) -> list[Channel]:
    return list(ChannelFiles(settings.channels_dir).load_all().values())
