"""Frames made by hand, one short line a row, for marts whose numbers are worked out in the tests."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd

from dayreel.services.marts import frames
from dayreel.services.marts.shapes import frame_of

DAY = date(2026, 11, 10)


def at(text: str) -> datetime:
    """Return `2026-11-10 07:30` as a moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def posts(*rows: tuple[int, str, str], channel: str = "crafts") -> pd.DataFrame:
    """Return posts from (row id, platform, when posted in UTC); each is of a content of its own."""
    return frame_of(
        frames.POSTS,
        [
            (number, channel, f"{channel}-{number}", platform, f"p{number}", at(when), at(when).date(), True)
            for number, platform, when in rows
        ],
    )


def snapshots(
    of: pd.DataFrame, *rows: tuple[int, str, dict[str, Any]], day: date | None = None, first_id: int = 1
) -> pd.DataFrame:
    """Return snapshots from (post row id, when observed in UTC, counters); counters that are left out are null.

    Args:
        day: the observation day, where it is not the day of the moment in UTC.
        first_id: ids count up from here, in the order in which the rows arrived.
    """
    known = of.set_index("post_row_id")
    made = []
    for offset, (number, when, counters) in enumerate(rows):
        post = known.loc[number]
        age_h = (at(when) - post["posted_at"]).total_seconds() / 3600
        made.append(
            (
                first_id + offset,
                number,
                post["content_id"],
                post["platform"],
                at(when),
                day or at(when).date(),
                round(age_h, 4),
                *(counters.get(name) for name in list(frames.SNAPSHOTS)[7:]),
            )
        )
    return frame_of(frames.SNAPSHOTS, made)


def no_failures() -> pd.DataFrame:
    """Return that every platform could be asked."""
    return frame_of(frames.FAILURES, [])


def failures(*rows: tuple[str, str]) -> pd.DataFrame:
    """Return platforms that could not be asked, with what they said."""
    return frame_of(frames.FAILURES, rows)


def rows_of(frame: pd.DataFrame, *columns: str, by: Sequence[str] = ("post_row_id",)) -> list[tuple[Any, ...]]:
    """Return these columns as plain tuples, null as None."""
    ordered = frame.sort_values(list(by))
    return [
        tuple(None if pd.isna(value) else value for value in row)
        for row in zip(*(ordered[c] for c in columns), strict=True)
    ]
