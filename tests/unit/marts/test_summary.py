"""What a week says of all its posts together."""

from datetime import timedelta
from typing import Any

import pyarrow as pa

from dayreel.marts.build import build_mart, mart_files
from dayreel.marts.database import schema_of
from dayreel.marts.declared import MARTS
from tests.unit.marts.hand_made import DAY, MakeProject


def test_a_rate_divides_only_what_was_reported(make_project: MakeProject) -> None:
    """TikTok reported its views alone; they once were in the divisor, and 10 likes of 100 views were 1 %."""
    project = make_project(channels={"crafts": {}})
    files, mart = mart_files(project), MARTS["engagement/daily"]
    row: dict[str, Any] = {"day": DAY, "channel": "crafts", "status": "measured", "simulated": True}
    rows = [
        {**row, "post_row_id": 1, "platform": "instagram", "views_gained": 100, "likes_gained": 10},
        {**row, "post_row_id": 2, "platform": "tiktok", "views_gained": 900},
    ]
    files.write(mart.name, DAY.isoformat(), pa.Table.from_pylist(rows, schema=schema_of(mart)))
    monday = DAY - timedelta(days=DAY.weekday())
    (table,) = build_mart(project, files, "summary/weekly", [monday.isoformat()]).values()
    (week,) = table.to_pylist()
    assert (week["views_gained"], week["engagement_rate"]) == (1000, 0.1)
