"""`library/throughput`: the jobs of own footage that ended on a day: how long each waited and took, what it saved.

Beside `frames`, the only module of the marts that reads the catalog.
"""

from collections.abc import Mapping
from datetime import date

import pandas as pd
from sqlalchemy import func, select

from dayreel.clock import local_day
from dayreel.schemas.mart import ColumnKind
from dayreel.services.marts.frames import period_of
from dayreel.services.marts.shapes import frame_of
from dayreel.services.project import Project
from dayreel.stores.catalog.tables import jobs, state_transitions


def build(day: date, ended: pd.DataFrame) -> pd.DataFrame:
    """Return the mart of one day, from the jobs that ended on it."""
    rows = ended.assign(day=day, simulated=False)
    # The controller's clock asks and the worker's starts: hosts may disagree, but nothing starts before it is asked.
    rows["queue_wait_s"] = _seconds(rows["started_at"] - rows["requested_at"]).clip(lower=0)
    rows["seconds"] = _seconds(rows["finished_at"] - rows["started_at"]).clip(lower=0)
    is_done = (rows["outcome"] == "done") & (rows["input_bytes"] > 0)
    ratio = rows["output_bytes"].astype("Float64") / rows["input_bytes"].astype("Float64").where(is_done)
    rows["compression_ratio"] = ratio.round(6)
    return rows


def _seconds(spans: pd.Series) -> pd.Series:
    seconds: pd.Series = spans.dt.total_seconds().round(3).astype("Float64")
    return seconds


JOBS: Mapping[str, ColumnKind] = {
    "job": "text",
    "item_id": "text",
    "role": "text",
    "preset": "text",
    "worker": "text",
    "attempts": "int",
    "outcome": "text",
    "requested_at": "moment",
    "started_at": "moment",
    "finished_at": "moment",
    "ended_at": "moment",
    "input_bytes": "int",
    "output_bytes": "int",
}
_ENDED = ("completed", "failed")


def jobs_ended_on(project: Project, day: date) -> pd.DataFrame:
    """Return the jobs that ended on a day and have not been tried again since."""
    period = period_of(day, project.settings.timezone)
    moves = state_transitions
    event = (
        select(moves.c.event)
        .where(moves.c.entity == "job", moves.c.entity_id == jobs.c.id)
        .order_by(moves.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    # A job whose worker died at its last attempt has no result that could say when it ended.
    ended_at = func.coalesce(jobs.c.finished_at, jobs.c.updated_at)
    query = (
        select(jobs, event.label("event"))
        .where(jobs.c.state.in_(_ENDED), ended_at >= period.start_at, ended_at < period.end_at)
        .order_by(jobs.c.id)
    )
    with project.catalog.read() as connection:
        rows = [
            (
                row["id"],
                row["item_id"],
                row["role"],
                row["spec"].get("parameters", {}).get("preset"),
                row["worker"],
                row["fence"],
                "done" if row["state"] == "completed" else "cancelled" if row["event"] == "cancel" else "failed",
                row["requested_at"],
                row["started_at"],
                row["finished_at"],
                row["finished_at"] or row["updated_at"],
                row["input_bytes"],
                row["output_bytes"],
            )
            for row in connection.execute(query).mappings()
        ]
    return frame_of(JOBS, rows)


def first_job_day(project: Project) -> date | None:
    """Return the day on which the first job ended, or None where none has."""
    with project.catalog.read() as connection:
        first = connection.execute(select(func.min(jobs.c.finished_at)).where(jobs.c.state.in_(_ENDED))).scalar()
    return None if first is None else local_day(first, project.settings.timezone)
