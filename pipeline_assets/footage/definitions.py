"""What own footage adds to the graph."""

import dagster as dg

from pipeline_assets.footage.assets import build_library_assets, build_library_job
from pipeline_assets.footage.sensors import build_item_sensor


def footage_definitions() -> dg.Definitions:
    """Return the assets, the job and the sensor of own footage; they need the resource `project`."""
    return dg.Definitions(assets=build_library_assets(), jobs=[build_library_job()], sensors=[build_item_sensor()])
