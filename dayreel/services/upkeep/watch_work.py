"""What `dayreel run --watch` does next: the work of the schedules and sensors, for a machine without Dagster's daemon.

The same questions are asked of the same services (`due_work`, `watch_markers`, `chores`), so both may even run at once:
what is done is done once, because the ledger and the locks say so. Here only is remembered what was started.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from dayreel.clock import local_day
from dayreel.errors import ConfigurationError
from dayreel.rules.calendar import make_due_at
from dayreel.rules.flags import why_nothing_starts
from dayreel.services.making.open_content import why_not_begun
from dayreel.services.measure_posts import ONLY_DUE, PULL_TIMES
from dayreel.services.notifier_routes import Routes
from dayreel.services.project import Project
from dayreel.services.upkeep.chores import WATCH, due_chores
from dayreel.services.upkeep.due_work import due_posts, new_decisions
from dayreel.services.upkeep.report_silences import LOOK_EVERY, is_news
from dayreel.services.upkeep.watch_markers import new_markers

_REMEMBERED = 1000


@dataclass(frozen=True)
class Task:
    """One piece of work: a run of a job for a day, or a chore (`job` is then empty). `key` is done once."""

    key: str
    about: str
    job: str = ""
    day: date | None = None
    assets: tuple[tuple[str, ...], ...] = ()
    trigger: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    chore: str | None = None


@dataclass
class Memory:
    """What was started, kept between starts; bounded. Since when nobody looked for silences (`looked`) is not kept."""

    decisions: int = 0
    done: list[str] = field(default_factory=list)
    looked: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {"decisions": self.decisions, "done": self.done[-_REMEMBERED:]}


class _Days:
    """The days that are partitions: from the first one up to and with today."""

    def __init__(self, first: str, last: date) -> None:
        self._first, self._last = first, last.isoformat()

    def __contains__(self, day: object) -> bool:
        return isinstance(day, str) and self._first <= day <= self._last


def next_work(project: Project, memory: Memory, *, targets: Routes[str]) -> tuple[list[Task], list[str]]:
    """Return what is to be done now and was not started yet, and a sentence for everything that is left out.

    Updates `memory` with how far decisions are done; whoever does a task adds its key to `memory.done`.

    Args:
        targets: the notifiers' names.
    """
    today = local_day(project.clock.now(), project.settings.timezone)
    days = _Days(project.settings.first_day, today)
    left_out: list[str] = []
    tasks = [*_makings(project, left_out), *_reviews(project, memory, days, left_out)]
    tasks += [*_posts(project, days, left_out), *_markers(project, days, left_out), *_chores(project, memory, targets)]
    tasks += _pulls(project, today)
    # Only what was started is remembered. That nothing is bought or posted twice is held by the ledger, not by this
    # list.
    done = set(memory.done)
    return [task for task in tasks if task.key not in done], left_out


def _makings(project: Project, left_out: list[str]) -> list[Task]:
    tasks: list[Task] = []
    if why_nothing_starts(project.settings) is not None:
        return tasks  # `due_posts` says why
    now = project.clock.now()
    for name in project.channels.names():
        try:
            channel = project.channels.load(name)
        except ConfigurationError as error:
            left_out.append(str(error))
            continue
        day = local_day(now, channel.timezone)
        due_at = make_due_at(channel, day)
        if due_at is not None and due_at <= now and not why_not_begun(project, channel, day):
            about = f"make {name} for {day}"
            tasks.append(Task(f"make:{name}:{day}", about, f"make_day_{name}", day, (), "watch", {"channel": name}))
    return tasks


def _reviews(project: Project, memory: Memory, days: _Days, left_out: list[str]) -> list[Task]:
    news = new_decisions(project, memory.decisions, days=days)
    left_out += news.left_out
    if all(f"decision:{decision.decision_id}" in memory.done for decision in news.due):
        memory.decisions = news.cursor  # only past what was done: a stop in between forgets nobody's decision
    return [
        Task(
            f"decision:{decision.decision_id}",
            f"record that {decision.decided_by} {decision.verdict} {decision.content_id}",
            "publish",
            decision.day,
            ((decision.channel, "reviews"),),
            f"decision {decision.decision_id} by {decision.decided_by} via {decision.via}",
            {"channel": decision.channel},
        )
        for decision in news.due
    ]


def _posts(project: Project, days: _Days, left_out: list[str]) -> list[Task]:
    return [
        Task(
            post.key,
            f"post {post.content_id} to {post.platform}",
            "publish",
            post.day,
            ((post.channel, "posts", post.platform),),
            f"decision {post.decision_id} by {post.decided_by} via {post.via}",
            {"channel": post.channel, "platform": post.platform},
        )
        for post in due_posts(project, days=days, left_out=left_out)
    ]


def _markers(project: Project, days: _Days, left_out: list[str]) -> list[Task]:
    news = new_markers(project, {}, days=days)
    left_out += news.left_alone
    return [
        Task(
            f"marker:{marker.content_id}:{marker.stage}:{marker.digest}",
            f"take over {marker.stage} of {marker.content_id}, made by {marker.producer}",
            "make_day",
            marker.day,
            tuple((marker.channel, name) for name in marker.assets),
            f"marker {marker.stage} by {marker.producer}",
            {"channel": marker.channel},
        )
        for marker in news.ready
    ]


def _pulls(project: Project, today: date) -> list[Task]:
    """Return the newest of the day's measurements: after downtime, one makes up for those before it."""
    now = project.clock.now().astimezone(ZoneInfo(project.settings.timezone)).time()
    passed = [pull for pull in PULL_TIMES if now >= pull]
    return [
        Task(f"measure:{today}T{pull:%H:%M}", f"measure posts on {today}", "measure", today, (), "watch", ONLY_DUE)
        for pull in passed[-1:]
    ]


def _chores(project: Project, memory: Memory, targets: Routes[str]) -> list[Task]:
    tasks = [
        Task(chore.key, f"{chore.name}: {chore.about}", chore=chore.name)
        for chore in due_chores(project, targets=targets)
    ]
    slot = int(project.clock.now().timestamp() // LOOK_EVERY.total_seconds())
    is_due, memory.looked = slot != memory.looked, slot
    # Without Dagster's daemon there is none whose health could be looked at.
    if is_due and is_news(project, None):
        tasks.append(Task(f"{WATCH}:{slot}", "report what should exist and does not", chore=WATCH))
    return tasks
