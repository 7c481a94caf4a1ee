"""Marts of a channel whose videos were posted and counted, written as Parquet without the catalog they come from."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from dayreel.marts.build import mart_files
from dayreel.marts.database import schema_of
from dayreel.marts.declared import MARTS
from dayreel.services.project import Project
from tests.fakes.project import DAY

VIEWS = (100, 200, 300, 400, 500, 600, 1200)
"""Of seven videos on Instagram at 24 h, the first on the oldest day; 400 is the usual."""


def day_of(number: int, last: date = DAY) -> date:
    """Return the day of a video; the ten days up to `last` are 0 to 10."""
    return last - timedelta(days=10 - number)


def content_of(number: int, last: date = DAY) -> str:
    """Return the id of a video."""
    return f"crafts-{day_of(number, last)}"


def write_mart(project: Project, mart: str, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows into a mart, a partition per day; what they do not say is null."""
    shared = {"channel": "crafts", "simulated": True}
    for on in {row["day"] for row in rows}:
        of_day = [{**shared, **row} for row in rows if row["day"] == on]
        table = pa.Table.from_pylist(of_day, schema=schema_of(MARTS[mart]))
        mart_files(project).write(mart, on.isoformat(), table)


def video(number: int, last: date = DAY, **facts: Any) -> dict[str, Any]:
    """Return a row of `content/performance`, posted on one platform ten days ago."""
    counted = {"platforms": 1, "latest_age_h": 240.0, "cost_usd": Decimal("0.50"), "state": "posted"}
    ids = {"day": day_of(number, last), "content_id": content_of(number, last), "verdict": "approved"}
    return {**ids, **counted, **facts}


def mark(number: int, views: int, platform: str = "instagram", last: date = DAY) -> dict[str, Any]:
    """Return a row of `engagement/cohorts` at 24 h."""
    where = {"content_id": content_of(number, last), "platform": platform, "post_row_id": number, "age": "24h"}
    return {"day": day_of(number, last) + timedelta(days=1), **where, "mark_h": 24.0, "views": views}


def count(number: int, age_d: int, views: int, last: date = DAY) -> dict[str, Any]:
    """Return a row of `engagement/daily` on Instagram."""
    post = {"content_id": content_of(number, last), "platform": "instagram", "post_row_id": number}
    measured = {"status": "measured", "age_h": 24.0 * age_d, "views": views}
    return {"day": day_of(number, last) + timedelta(days=age_d), **post, **measured}


def write_counted(project: Project, last: date = DAY) -> None:
    """Write seven posted videos with three topics, counted for three days, and another that was rejected."""
    topics = ("jars", "jars", "kites", "kites", "kites", "ropes", "ropes")
    contents = [video(number, last, topic=topic, hook=f"Hook {number}") for number, topic in enumerate(topics)]
    rejected = video(8, last, platforms=0, state="rejected", verdict="rejected", cost_usd=Decimal("0.70"))
    write_mart(project, "content/performance", [*contents, rejected])
    write_mart(project, "engagement/cohorts", [mark(number, views, last=last) for number, views in enumerate(VIEWS)])
    counts = [count(number, age, views * age, last) for number, views in enumerate(VIEWS) for age in (1, 2, 3)]
    write_mart(project, "engagement/daily", counts)
