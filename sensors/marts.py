"""What rebuilds the marts and their charts: Dagster's declarative automation, switched on, over nothing else.

See https://docs.dagster.io/guides/automate/declarative-automation. The sensor that Dagster creates by default is
switched off, and would cover every asset; nothing that pays or publishes may hang on it.
"""

import dagster as dg

from dayreel.marts.declared import MARTS
from pipeline_assets.chart_assets import CHARTS
from pipeline_assets.mart_assets import mart_key
from pipeline_assets.run_queue import MARTS as MARTS_LAST

INTERVAL_S = 60


def build_mart_sensor() -> dg.AutomationConditionSensorDefinition:
    """Return the sensor that keeps the marts up to date."""
    return dg.AutomationConditionSensorDefinition(
        "marts_automation_sensor",
        target=dg.AssetSelection.assets(*(mart_key(name) for name in MARTS), CHARTS),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=INTERVAL_S,
        run_tags=MARTS_LAST,
        description="Rebuilds each mart when what it is made from has changed.",
    )
