"""The graph in words: what `graph.json` holds. `python -m tests.orchestration.graph_snapshot` writes it again."""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.definitions.freshness import CronFreshnessPolicy, TimeWindowFreshnessPolicy

from dayreel.settings import load_settings
from pipeline_assets.definitions import build_defs

HERE = Path(__file__).parent
SNAPSHOT = HERE / "graph.json"


def sample_defs(root: Path) -> dg.Definitions:
    """Return the graph of the shipped channels, with the example of own footage switched on."""
    shutil.copytree(HERE.parents[1] / "channels", root / "channels")
    (root / "channels" / "field_notes.yaml.example").rename(root / "channels" / "field_notes.yaml")
    shutil.copy(HERE.parents[1] / "workspace.yaml", root)
    return build_defs(load_settings(root))


def describe(defs: dg.Definitions) -> dict[str, Any]:
    """Return what people and other programs rely on: keys, dependencies, groups, checks, jobs, schedules, sensors."""
    graph = defs.resolve_asset_graph()
    assets = {
        node.key.to_user_string(): {
            "deps": sorted(key.to_user_string() for key in node.parent_keys),
            "group": node.group_name,
            "owners": sorted(node.owners),
            "kinds": sorted(tag.removeprefix("dagster/kind/") for tag in node.tags if tag.startswith("dagster/kind/")),
            "checks": sorted(key.name for key in graph.get_check_keys_for_assets({node.key})),
            "pools": sorted(node.pools or ()),
            "freshness": _in_words(node.freshness_policy),
        }
        for node in (graph.get(key) for key in graph.materializable_asset_keys)
    }
    repository = defs.get_repository_def()
    return {
        "assets": dict(sorted(assets.items())),
        "jobs": {
            job.name: {
                "assets": sorted(key.to_user_string() for key in job.asset_layer.selected_asset_keys),
                "priority": int(job.tags.get("dagster/priority", 0)),
            }
            for job in sorted(repository.get_all_jobs(), key=lambda job: job.name)
            if not job.name.startswith("__")
        },
        "schedules": {
            schedule.name: {
                "cron": schedule.cron_schedule,
                "zone": schedule.execution_timezone,
                "status": schedule.default_status.value,
            }
            for schedule in sorted(repository.schedule_defs, key=lambda schedule: schedule.name)
        },
        "sensors": {
            sensor.name: {"seconds": sensor.minimum_interval_seconds, "status": sensor.default_status.value}
            for sensor in sorted(repository.sensor_defs, key=lambda sensor: sensor.name)
        },
    }


def _in_words(policy: dg.FreshnessPolicy | None) -> str | None:
    if isinstance(policy, CronFreshnessPolicy):
        return f"{policy.deadline_cron} in {policy.timezone}"
    return f"within {policy.fail_window.to_timedelta()}" if isinstance(policy, TimeWindowFreshnessPolicy) else None


def main() -> None:
    """Write the snapshot of the graph as it is now."""
    with tempfile.TemporaryDirectory() as folder:
        graph = describe(sample_defs(Path(folder)))
    SNAPSHOT.write_text(json.dumps(graph, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
