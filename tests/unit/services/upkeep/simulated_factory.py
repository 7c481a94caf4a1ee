"""A factory that does everything it should, by a clock: whatever the watch finds silent in it is a false alarm."""

import os
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

from sqlalchemy import insert, update

from dayreel.clock import local_day
from dayreel.queries.expectations import Silence
from dayreel.rules.calendar import make_due_at, why_not_made
from dayreel.services.making.open_content import why_left_out
from dayreel.services.making.plan_days import pause_channel, resume_channel, skip_day
from dayreel.services.measure_posts import PULL_TIMES, measurable_posts
from dayreel.services.upkeep.due_work import due_posts
from dayreel.services.upkeep.morning_message import look_at_morning
from dayreel.services.upkeep.report_silences import EveryDay, SchedulerHealth, find_silences
from dayreel.stores.catalog.tables import content, metric_snapshots, processing_logs
from tests.fakes.clock import FakeClock
from tests.fakes.project import make_project
from tests.fakes.rows import add_content, add_decision, add_post

ZONE = "Pacific/Auckland"
CHANNELS = {
    "daily": {"timezone": "Europe/Madrid", "make_at": "02:30", "publish_windows": ["01:00-04:00"]},
    "weekdays": {"timezone": "America/New_York", "make_at": "09:00", "weekdays": ["mon", "wed", "fri"]},
    "half": {"timezone": "Australia/Lord_Howe", "make_at": "02:15", "publish_windows": ["18:00-21:30"]},
    "west": {"timezone": "Pacific/Pago_Pago", "make_at": "23:45", "publish_windows": ["22:00-02:00"]},
}
BEGINS = date(2026, 1, 1)
EIGHT = 8


class SimulatedFactory:
    """Channels in several zones; people pause, skip, approve late and have past days made."""

    def __init__(self, root: Path, first: date, *, step: timedelta, seed: int) -> None:
        self._random = Random(seed)
        self._step = step
        self.clock = FakeClock(datetime(first.year, first.month, first.day, tzinfo=ZoneInfo("UTC")))
        channels = {name: {**changes, "active_from": BEGINS} for name, changes in CHANNELS.items()}
        self.project = make_project(root, channels=channels, clock=self.clock, timezone=ZONE)
        for name in channels:
            # A channel of which nothing was made yet is expected to begin once its file is there.
            began_s = self.clock.now().timestamp()
            os.utime(root / "channels" / f"{name}.yaml", (began_s, began_s))
        self._channels = {name: self.project.channels.load(name) for name in CHANNELS}
        self._waiting: dict[str, datetime] = {}
        self._made: set[tuple[str, date]] = set()
        self._resume: dict[str, datetime] = {}
        self._measured: date | None = None
        self._began_at = self.clock.now()
        add_post(self.project.catalog, f"daily-{first - timedelta(days=1)}", 1, at=self._began_at - timedelta(hours=30))
        self._message_on: date | None = None
        self.looks = self.pauses = self.backfills = self.mornings = 0

    def run(self, duration: timedelta) -> list[str]:
        """Let time pass; return every false alarm."""
        alarms: list[str] = []
        ends_at = self.clock.now() + duration
        while self.clock.now() < ends_at:
            self.clock.move(seconds=self._step.total_seconds())
            self._people()
            self._schedules()
            self._sensors()
            self.looks += 1
            now = self.clock.now()
            alarms += [f"{now}: {silence}" for silence in find_silences(self.project, SchedulerHealth())]
            alarms += [f"{now}: {silence}" for silence in self._morning()]
        return alarms

    def _morning(self) -> Sequence[Silence]:
        """Return what the morning's message calls missing, once a day at eight."""
        shown = self.clock.now().astimezone(ZoneInfo(ZONE))
        if shown.date() == self._message_on or shown.hour < EIGHT:
            return ()
        self._message_on = shown.date()
        morning = look_at_morning(self.project, SchedulerHealth(), targets=["log"])
        self.mornings += 1
        assert morning.videos.there == morning.videos.due, morning
        return morning.missing

    def _schedules(self) -> None:
        now = self.clock.now()
        for name, channel in self._channels.items():
            day = local_day(now, channel.timezone)
            for ticked in (day - timedelta(days=1), day):
                due_at = make_due_at(channel, ticked)
                if due_at is None or not now - self._step < due_at <= now or due_at <= self._began_at:
                    continue
                if not why_not_made(channel, ticked, due_at) and not why_left_out(
                    self.project, channel, ticked, due_at
                ):
                    self._make(name, ticked)
        today = local_day(now, ZONE)
        if self._measured != today and now >= datetime.combine(today, PULL_TIMES[0], tzinfo=ZoneInfo(ZONE)):
            self._measured = today
            with self.project.catalog.write() as connection:
                row = {
                    "layer": "measurement",
                    "status": "completed",
                    "started_at": now,
                    "metadata": {"world": "sandbox"},
                }
                connection.execute(insert(processing_logs).values(row))
            for post in measurable_posts(self.project, today):
                row = {"post_row_id": post["id"], "content_id": post["content_id"], "platform": post["platform"]}
                row |= {"post_id": post["post_id"], "observed_at": now, "observed_on": today, "age_h": 1.0}
                with self.project.catalog.write() as connection:
                    connection.execute(insert(metric_snapshots).values(**row, simulated=True))

    def _make(self, name: str, day: date) -> None:
        if (name, day) not in self._made:
            self._made.add((name, day))
            content_id = add_content(self.project.catalog, f"{name}-{day}", "review_pending", at=self.clock.now())
            self._waiting[content_id] = self.clock.now() + timedelta(hours=self._random.uniform(0, 20))

    def _people(self) -> None:
        now = self.clock.now()
        for content_id in [content_id for content_id, at in self._waiting.items() if at <= now]:
            del self._waiting[content_id]
            self._set(content_id, state="approved", revision=1)
            add_decision(self.project.catalog, content_id, at=now)
        for name in [name for name, at in self._resume.items() if at <= now]:
            del self._resume[name]
            resume_channel(self.project, name, by="ana", via="cli")
        name = self._random.choice([*CHANNELS])
        channel, chance = self._channels[name], self._random.random() * timedelta(days=10) / self._step
        today = local_day(now, channel.timezone)
        if chance < 1 and name not in self._resume:
            self.pauses += 1
            until = self._random.choice([None, today + timedelta(days=2)])
            pause_channel(self.project, name, until=until, by="ana", via="cli")
            if until is None:
                self._resume[name] = now + timedelta(hours=self._random.uniform(1, 100))
        elif chance < 2 and not why_not_made(channel, today + timedelta(days=2), now + timedelta(days=3)):
            skip_day(self.project, name, today + timedelta(days=2), by="ana", via="cli")
        elif chance < 3 and name not in self._resume and not why_not_made(channel, today - timedelta(days=4), now):
            self.backfills += 1
            self._make(name, today - timedelta(days=4))

    def _sensors(self) -> None:
        for post in due_posts(self.project, days=EveryDay()):
            self._set(post.content_id, state="posted")

    def _set(self, content_id: str, **values: object) -> None:
        with self.project.catalog.write() as connection:
            connection.execute(update(content).where(content.c.id == content_id).values(**values))
