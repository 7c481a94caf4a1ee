"""What `dayreel demo` made without a run, as the events that its assets would have written. For that command alone."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from dayreel.marts.database import schema_of
from dayreel.marts.declared import MARTS
from dayreel.stores.mart_files import ALWAYS, MartFiles
from pipeline_assets.chart_assets import CHARTS, shown
from pipeline_assets.engagement_assets import ALL_ANSWERED, CHECK, SNAPSHOTS
from pipeline_assets.mart_assets import facts_of, mart_key

_TAGS = {"made_by": "demo"}


def events_of(
    files: MartFiles,
    recorded: Sequence[tuple[tuple[str, ...], str, dict[str, Any]]],
    measured: Sequence[tuple[str, list[str]]],
) -> list[dg.AssetMaterialization | dg.AssetCheckEvaluation]:
    """Return a materialization for everything that was made, and the check of every measurement.

    Args:
        files: the project's marts and charts, which are recorded as their assets record them.
        recorded: asset path, partition and facts of everything else.
        measured: day of each measurement, and what was missing in it.
    """
    made = [
        dg.AssetMaterialization(dg.AssetKey(list(path)), partition=day, metadata=facts, tags=_TAGS)
        for path, day, facts in recorded
    ]
    marts = [
        dg.AssetMaterialization(
            mart_key(name),
            partition=None if partition == ALWAYS else partition,
            metadata=facts_of(files.read(name, [partition], schema=schema_of(mart))),
            tags=_TAGS,
        )
        for name, mart in MARTS.items()
        for partition in files.partitions(name)
    ]
    charts = [
        dg.AssetMaterialization(
            CHARTS, partition=week, metadata=shown(files, week, files.chart_names(week, ALWAYS)), tags=_TAGS
        )
        for week in files.partitions("summary/weekly")
    ]
    checks = [
        dg.AssetCheckEvaluation(
            SNAPSHOTS,
            CHECK,
            passed=not gaps,
            severity=dg.AssetCheckSeverity.WARN,
            description="; ".join(gaps) or ALL_ANSWERED,
            partition=day,
        )
        for day, gaps in measured
    ]
    return [*made, *marts, *charts, *checks]
