"""Rows of the catalog made by hand, one short line a row, for marts whose numbers are worked out in the tests."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pandas as pd
from sqlalchemy import insert

from dayreel.marts.build import build_mart, mart_files
from dayreel.marts.database import schema_of
from dayreel.marts.declared import MARTS
from dayreel.services.project import Project
from dayreel.stores.catalog.tables import content, decisions, effects, metric_snapshots, platform_posts, processing_logs
from tests.fakes.clock import NINE

DAY = date(2026, 11, 10)
MakeProject = Callable[..., Project]


def at(text: str) -> datetime:
    """Return `2026-11-10 07:30` as a moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@dataclass(frozen=True)
class Catalogued:
    """A project whose catalog holds what a test puts there."""

    project: Project

    def put(self, table: Any, *rows: dict[str, Any]) -> None:
        """Write rows."""
        with self.project.catalog.write() as connection:
            for row in rows:
                connection.execute(insert(table).values(**row))

    def contents(self, *ids: str, channel: str = "crafts", day: date = DAY, world: str = "sandbox") -> None:
        """Write contents, each a take of its own."""
        self.put(
            content,
            *(
                {
                    "id": content_id, "channel": channel, "day": day, "take": take, "world": world, "state": "posted",
                    "storage_path": content_id, "revision": 1, "created_at": NINE, "updated_at": NINE,
                }
                for take, content_id in enumerate(ids, 1)
            ),
        )  # fmt: skip

    def posts(self, *rows: tuple[int, str, str], channel: str = "crafts") -> None:
        """Write posts from (row id, platform, when posted in UTC); each is of a content of its own, `crafts-1`."""
        self.contents(*(f"{channel}-{number}" for number, _platform, _when in rows), channel=channel)
        for number, platform, when in rows:
            content_id = f"{channel}-{number}"
            self.effects(
                (platform, "distribution", "confirmed", "0", None), id=number, content_id=content_id, kind="post"
            )
            self.decisions((content_id, "approved", "2026-11-01 09:00"), id=number)
            self.put(
                platform_posts,
                {
                    "id": number, "content_id": content_id, "platform": platform, "account": "a", "effect_id": number,
                    "decision_id": number, "state": "posted", "post_id": f"p{number}", "video_sha256": "0" * 64,
                    "posted_at": at(when), "posted_on": at(when).date(), "updated_at": NINE,
                },
            )  # fmt: skip

    def snapshots(self, *rows: tuple[int, str, dict[str, Any]], day: date | None = None) -> None:
        """Write snapshots from (post row id, when observed in UTC, counters), in the order in which they arrive.

        Args:
            day: the observation day, where it is not the day of the moment in UTC.
        """
        with self.project.catalog.read() as connection:
            posts = {row["id"]: row for row in connection.execute(platform_posts.select()).mappings()}
        self.put(
            metric_snapshots,
            *(
                {
                    "post_row_id": number, "content_id": posts[number]["content_id"], "simulated": True,
                    "platform": posts[number]["platform"], "post_id": f"p{number}", "observed_at": at(when),
                    "observed_on": day or at(when).date(), **counters,
                    "age_h": round((at(when) - posts[number]["posted_at"]).total_seconds() / 3600, 4),
                }
                for number, when, counters in rows
            ),
        )  # fmt: skip

    def failures(self, *rows: tuple[str, str], when: str = "2026-11-10 07:30") -> None:
        """Write down that platforms could not be asked, with what they answered."""
        for platform, error in rows:
            log = {
                "layer": "measurement",
                "status": "failed",
                "started_at": at(when),
                "metadata": {"platform": platform},
            }
            self.put(processing_logs, {**log, "error_message": error})

    def unread(self, platform: str, missing: dict[str, str], *, when: str = "2026-11-10 07:30") -> None:
        """Write down a pull that counted some posts and not these, each with its reason."""
        log = {"layer": "measurement", "status": "completed", "started_at": at(when)}
        self.put(processing_logs, log | {"metadata": {"platform": platform, "missing": missing}})

    def effects(self, *rows: tuple[str, str, str, str, str | None], **columns: Any) -> None:
        """Write acts from (who is paid, layer, state, reserved, settled)."""
        for target, layer, state, held, paid in rows:
            with self.project.catalog.read() as connection:
                sequence = len(connection.execute(effects.select()).all()) + 1
            row = {
                "content_id": "c-1", "kind": "llm", "target": target, "sequence": sequence, "fingerprint": "f",
                "channel": "crafts", "day": DAY, "layer": layer, "world": "live", "state": state, "request": {},
                "handle": {}, "result": {}, "reserved_usd": Decimal(held), "spent_on": DAY, "created_at": NINE,
                "settled_usd": None if paid is None else Decimal(paid),
            }  # fmt: skip
            self.put(effects, row | columns)

    def decisions(self, *rows: tuple[str, str, str], **columns: Any) -> None:
        """Write decisions of ana's from (content, verdict, when in UTC)."""
        for content_id, verdict, when in rows:
            row = {
                "content_id": content_id, "verdict": verdict, "revision": 1, "video_sha256": "0" * 64, "caption": "c",
                "fields": {}, "decided_by": "ana", "via": "cli", "decided_at": at(when),
            }  # fmt: skip
            self.put(decisions, row | columns)

    def built(self, name: str, *days: date) -> pd.DataFrame:
        """Return a mart's partitions, as they would be on disk."""
        tables = build_mart(self.project, mart_files(self.project), name, [day.isoformat() for day in days or (DAY,)])
        assert all(table.schema.equals(schema_of(MARTS[name])) for table in tables.values())
        return pd.DataFrame([row for table in tables.values() for row in table.to_pylist()], dtype=object)


def rows_of(frame: pd.DataFrame, *columns: str, by: Sequence[str] = ("post_row_id",)) -> list[tuple[Any, ...]]:
    """Return these columns as plain tuples, null as None."""
    if frame.empty:
        return []
    ordered = frame.sort_values(list(by))
    return [
        tuple(None if pd.isna(value) else value for value in row)
        for row in zip(*(ordered[c] for c in columns), strict=True)
    ]
