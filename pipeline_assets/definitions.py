"""The only assembler: assets, jobs, schedules, sensors and resources become one `Definitions`.

Loaded by workspace.yaml, the tests and the one launcher of the CLI. `build_defs` takes replacements by keyword, so that
tests and notebooks work on the same graph with other resources.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import dagster as dg

from dayreel.clock import SystemClock, local_day
from dayreel.rules.calendar import check_zones
from dayreel.services.notifier_routes import notifier_routes
from dayreel.settings import Settings, load_settings
from dayreel.stores.channel_files import ChannelFiles
from dayreel.vendors.record import Family
from dayreel.vendors.registry import vendors
from pipeline_assets.chart_assets import build_charts
from pipeline_assets.contracts import left_to_others
from pipeline_assets.jobs import build_jobs
from pipeline_assets.maintenance_jobs import maintenance, notify_run_failure_job, old_names
from pipeline_assets.mart_assets import build_periods
from pipeline_assets.partitions import daily_partitions
from pipeline_assets.prune_logs import prune_logs_job
from pipeline_assets.published import chosen_warnings_ignored, table_assets, table_resources
from pipeline_assets.schedules import build_schedules
from resources.vendors import notifier_resource, vendor_resource
from sensors.chores import build_chore_sensor
from sensors.decisions import build_decision_sensors
from sensors.failures import build_failure_sensor
from sensors.markers import build_marker_sensor
from sensors.marts import build_mart_sensor
from sensors.watch import build_watch_sensor

_LOG = logging.getLogger(__name__)
MADE_BY: tuple[Family, ...] = ("llm", "video", "speech", "platforms")
"""The families that assets use. Titles are looked up where a person is asked about names, and an address for a file is
opened by the platform that needs one: never by an asset."""

_OLD_NAMES = {"studio": "project", "marts": "tables"}


def default_resources(settings: Settings) -> dict[str, Any]:
    """Return every resource by its key; the key is the vendor's name in channel files."""
    return {
        **table_resources(settings),
        **{vendor.name: vendor_resource(vendor) for vendor in vendors() if vendor.family in MADE_BY},
        "notifier": notifier_resource(notifier_routes(settings)),
    }


def build_sensors(settings: Settings, partitions: dg.DailyPartitionsDefinition) -> list[dg.SensorDefinition]:
    """Return every sensor."""
    return [
        *build_decision_sensors(partitions),
        build_marker_sensor(partitions),
        build_chore_sensor(notifier_routes(settings)),
        build_failure_sensor(),
        build_mart_sensor(),
        build_watch_sensor(),
    ]


def build_defs(
    settings: Settings,
    *,
    assets: Sequence[dg.AssetsDefinition] = (),
    checks: Sequence[dg.AssetChecksDefinition] = (),
    jobs: Sequence[Any] = (),
    schedules: Sequence[dg.ScheduleDefinition] = (),
    sensors: Sequence[dg.SensorDefinition] = (),
    resources: Mapping[str, Any] | None = None,
) -> dg.Definitions:
    """Return the whole graph of a project, with replacements and additions of the caller's.

    Args:
        assets: each takes the place of ours with any of its keys.
        checks: each takes the place of ours with its key; a blocking one of ours stops nothing then, but a mart whose
            key is not unique is not written all the same.
        jobs, schedules, sensors: each takes the place of ours with its name.
        resources: replacements, by resource key.

    Raises:
        ConfigurationError: a channel file has problems, or a channel is made before its partition begins.
    """
    with chosen_warnings_ignored(), left_to_others(key for check in checks for key in check.check_keys):
        ours = dg.Definitions.merge(_assembled(settings, resources or {}), *_footage(settings))
        return dg.Definitions(
            assets=_replaced(ours.assets, assets, lambda asset: asset.keys),
            asset_checks=checks,
            jobs=_replaced(ours.jobs, jobs, lambda job: {job.name}),
            schedules=_replaced(ours.schedules, schedules, lambda schedule: {schedule.name}),
            sensors=_replaced(ours.sensors, sensors, lambda sensor: {sensor.name}),
            resources=ours.resources,
            executor=ours.executor,
        )


def _replaced(ours: Iterable[Any] | None, theirs: Sequence[Any], names: Callable[[Any], AbstractSet[Any]]) -> list[Any]:
    """Return theirs, and those of ours that none of them takes the place of."""
    taken = {name for definition in theirs for name in names(definition)}
    return [*(definition for definition in ours or () if not names(definition) & taken), *theirs]


def _footage(settings: Settings) -> list[dg.Definitions]:
    if settings.library is None:
        return []
    from pipeline_assets.footage.definitions import footage_definitions  # noqa: PLC0415  only where it is wanted

    return [footage_definitions()]


def _assembled(settings: Settings, resources: Mapping[str, Any]) -> dg.Definitions:
    files = ChannelFiles(settings.channels_dir)
    channels = files.load_all()
    for sentence in files.left_out().values():
        _LOG.warning("%s", sentence)
    check_zones(channels, settings.timezone, local_day(SystemClock().now(), settings.timezone))
    partitions = daily_partitions(settings)
    everyone = list(channels.values())
    weeks = build_periods(partitions, settings)["week"]
    charts = [build_charts(weeks, settings.timezone)] if weeks is not None else []
    return dg.Definitions(
        assets=[*table_assets(everyone, partitions, settings), *charts],
        jobs=[*build_jobs(everyone), maintenance, notify_run_failure_job, prune_logs_job, *old_names],
        schedules=build_schedules(everyone, settings),
        sensors=build_sensors(settings, partitions) if everyone or settings.library is not None else [],
        resources=_with_old_names({**default_resources(settings), **_with_old_names(resources)}),
        executor=dg.in_process_executor,
    )


def _with_old_names(resources: Mapping[str, Any]) -> dict[str, Any]:
    """Return the resources under their old keys as well, whichever were given; that goes with 0.2."""
    named = dict(resources)
    for old, new in _OLD_NAMES.items():
        if (resource := resources.get(new, resources.get(old))) is not None:
            named |= {new: resource, old: resource}
    return named


defs = build_defs(load_settings())
