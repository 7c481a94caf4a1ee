"""The code location: dayreel's assets as specs, and the team's own tables, which are made of them."""

from pathlib import Path

import dagster as dg

from dayreel.settings import Settings, load_settings
from dayreel_team.prompt_views import build_prompt_views
from pipeline_assets.published import asset_specs, sql_marts, table_resources


def build_defs(settings: Settings) -> dg.Definitions:
    """Return the team's definitions for a project of dayreel."""
    specs = asset_specs(settings)
    marts = sql_marts(Path(__file__).parent / "sql", settings, owner="team:data")
    prompt_views = [build_prompt_views(spec) for spec in specs if spec.key.path[-1] == "prompts"]
    rebuild = dg.AutomationConditionSensorDefinition(
        "team_automation_sensor",
        target=dg.AssetSelection.assets(*marts),
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    return dg.Definitions(
        assets=[*specs, *marts, *prompt_views],
        sensors=[rebuild],
        resources=table_resources(settings),
        executor=dg.in_process_executor,
    )


defs = build_defs(load_settings())
