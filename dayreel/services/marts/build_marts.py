"""Every mart by name, and how each is built for one partition; refreshing them without an orchestrator.

The assets and `refresh_marts` both come through `build_mart`, so that a file is the same whoever wrote it.
"""

import calendar
from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pandas as pd

from dayreel.clock import local_day
from dayreel.queries.config import config_at
from dayreel.schemas.mart import Every
from dayreel.services.marts import (
    content_performance,
    engagement_cohorts,
    engagement_daily,
    experiment_results,
    factory_health,
    finance_spend,
    frames,
    library_throughput,
    review_outcomes,
    rollups,
)
from dayreel.services.marts.shapes import frame_from, schema_of, table_of
from dayreel.services.marts.tables import MARTS
from dayreel.services.project import Project
from dayreel.stores.mart_bucket import open_mart_files
from dayreel.stores.mart_files import ALWAYS, MartFiles

# Less than the window of posts: the windows of the first and the last day then hold every post in between.
_TOGETHER = 31
_BY_DAY = [name for name, mart in MARTS.items() if mart.every == "day"]


def mart_files(project: Project) -> MartFiles:
    """Return the project's marts, wherever they are kept."""
    return open_mart_files(project.settings)


def build_mart(project: Project, files: MartFiles, name: str, partition: str) -> Any:
    """Return one partition of a mart as its Arrow table.

    Args:
        files: where roll-ups find the daily marts they sum up.
        partition: the day, the first day of the week or month, or `all`.

    Raises:
        StoreError: the catalog cannot be read.
        StateError: a manifest is damaged (`content/performance` only).
    """
    return table_of(MARTS[name], _BUILDERS[name](project, files, partition))


def days_to_report(project: Project, first: date, last: date) -> list[date]:
    """Return the days of a range that marts have something to say about: from the first content or job to yesterday.

    Today is one of them once it was measured; before that every number of it would look missing.
    """
    today = local_day(project.clock.now(), project.settings.timezone)
    begun = [
        day for day in (frames.first_content_day(project), library_throughput.first_job_day(project)) if day is not None
    ]
    if not begun:
        return []
    newest = today if frames.was_measured(project, today) else today - timedelta(days=1)
    first, last = max(first, min(begun)), min(last, newest)
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def refresh_marts(project: Project, days: Iterable[date], *, contents_of: Iterable[date] = ()) -> int:
    """Build and write every mart of these days, and the weeks and months they are in; return how many files.

    Args:
        contents_of: days before, of which only `content/performance` is built: their posts were still measured.
    """
    files = mart_files(project)
    wanted = sorted(set(days))
    earlier = sorted(set(contents_of) - set(wanted))
    together = ("content/performance", "engagement/cohorts")
    _write_performance(project, files, sorted({*earlier, *wanted}))
    _write_cohorts(project, files, wanted)
    jobs = [(name, day.isoformat()) for day in wanted for name in _BY_DAY if name not in together]
    for mart in MARTS.values():
        if mart.every in ("week", "month"):
            jobs += [(mart.name, key) for key in sorted({period_key(day, mart.every) for day in wanted})]
    jobs += [(mart.name, ALWAYS) for mart in MARTS.values() if mart.every == "always"]
    for name, partition in jobs:
        files.write(name, partition, build_mart(project, files, name, partition))
    return len(jobs) + len(together) * len(wanted) + len(earlier)


def read_mart(files: MartFiles, name: str, partitions: Iterable[str] | None = None) -> pd.DataFrame:
    """Return partitions of a mart (default: all there are) as one frame with nullable types."""
    wanted = files.partitions(name) if partitions is None else partitions
    return frame_from(files.read(name, wanted, schema=schema_of(MARTS[name])))


def period_key(day: date, every: Every) -> str:
    """Return the partition that a day falls into: itself, its Monday, or the first of its month."""
    if every == "week":
        return (day - timedelta(days=day.weekday())).isoformat()
    if every == "month":
        return day.replace(day=1).isoformat()
    return day.isoformat() if every == "day" else ALWAYS


def days_of(partition: str, every: Every) -> list[date]:
    """Return the days of a week or month, given by its first day."""
    first = date.fromisoformat(partition)
    count = 7 if every == "week" else calendar.monthrange(first.year, first.month)[1]
    return [first + timedelta(days=offset) for offset in range(count)]


def _engagement(project: Project, partition: str) -> tuple[date, dict[str, pd.DataFrame]]:
    day = date.fromisoformat(partition)
    posts = frames.posts_in_window(project, day)
    return day, {
        "posts": posts,
        "snapshots": frames.snapshots_of_day(project, day),
        "earlier": frames.last_snapshots_before(project, day, posts),
    }


def _daily(project: Project, _files: MartFiles, partition: str) -> pd.DataFrame:
    day, read = _engagement(project, partition)
    return engagement_daily.build(day, **read, failures=frames.failed_measurements(project, day))


def _cohorts(project: Project, _files: MartFiles, partition: str) -> pd.DataFrame:
    day, read = _engagement(project, partition)
    return engagement_cohorts.build(day, **read)


def _performance(project: Project, _files: MartFiles, partition: str) -> pd.DataFrame:
    day = date.fromisoformat(partition)
    return _performance_of(project, frames.contents_between(project, day, day))


def _performance_of(project: Project, contents: pd.DataFrame) -> pd.DataFrame:
    ids = list(contents["content_id"])
    return content_performance.build(
        contents=contents,
        made=frames.made_from(project, ids),
        spent=frames.spent_by_contents(project, ids),
        verdicts=frames.newest_verdicts(project, ids),
        posts=frames.posts_of_contents(project, ids),
        snapshots=frames.snapshots_of_contents(project, ids),
    )


def _write_performance(project: Project, files: MartFiles, days: list[date]) -> None:
    """Write the partitions of several days from one build: a content's row depends on nothing but itself."""
    name = "content/performance"
    for some in _groups(days):
        rows = _performance_of(project, frames.contents_between(project, some[0], some[-1]))
        for day in some:
            files.write(name, day.isoformat(), table_of(MARTS[name], rows[rows["day"] == day]))


def _write_cohorts(project: Project, files: MartFiles, days: list[date]) -> None:
    """Write the partitions of several days from one build: a row depends on the two snapshots around its mark alone."""
    name = "engagement/cohorts"
    for some in _groups(days):
        every = [some[0] + timedelta(days=number) for number in range((some[-1] - some[0]).days + 1)]
        windows = [frames.posts_in_window(project, day) for day in (some[0], some[-1])]
        posts = pd.concat(windows, ignore_index=True).drop_duplicates("post_row_id")
        earlier = frames.last_snapshots_before(project, some[0], posts)
        snapshots = pd.concat([earlier, *(frames.snapshots_of_day(project, day) for day in every)], ignore_index=True)
        rows = engagement_cohorts.at_marks(posts, snapshots)
        for day in some:
            files.write(name, day.isoformat(), table_of(MARTS[name], rows[rows["observed_on"] == day].assign(day=day)))


def _groups(days: list[date]) -> list[list[date]]:
    """Return the days in groups that span no more than `_TOGETHER` days, so that memory does not grow with history."""
    groups: list[list[date]] = []
    for day in days:
        if groups and (day - groups[-1][0]).days < _TOGETHER:
            groups[-1].append(day)
        else:
            groups.append([day])
    return groups


def _spend(project: Project, _files: MartFiles, partition: str) -> pd.DataFrame:
    day = date.fromisoformat(partition)
    return finance_spend.build_spend(day, frames.spent_between(project, day, day))


def _projection(project: Project, _files: MartFiles, partition: str) -> pd.DataFrame:
    day = date.fromisoformat(partition)
    ended_at = frames.period_of(day, project.settings.timezone).end_at
    with project.catalog.read() as connection:
        caps = {name: Decimal(config_at(connection, f"cap.{name}_usd", ended_at)) for name in ("day", "month")}
    month = (day.replace(day=1), day)
    worlds = frames.worlds_between(project, *month)
    return finance_spend.build_projection(day, frames.spent_between(project, *month), worlds=worlds, caps_usd=caps)


def _outcomes(project: Project, _files: MartFiles, partition: str) -> pd.DataFrame:
    day = date.fromisoformat(partition)
    decided = frames.decisions_on(project, day)
    ids = sorted(set(decided["content_id"]))
    return review_outcomes.build(day, decided=decided, requests=frames.review_requests(project, ids))


def _health(project: Project, _files: MartFiles, partition: str) -> pd.DataFrame:
    day = date.fromisoformat(partition)
    return factory_health.build(day, frames.work_on(project, day))


def _throughput(project: Project, _files: MartFiles, partition: str) -> pd.DataFrame:
    day = date.fromisoformat(partition)
    return library_throughput.build(day, library_throughput.jobs_ended_on(project, day))


def _rollup(every: Every) -> Callable[[Project, MartFiles, str], pd.DataFrame]:
    def build(_project: Project, files: MartFiles, partition: str) -> pd.DataFrame:
        days = days_of(partition, every)
        parts = {name: read_mart(files, name, [day.isoformat() for day in days]) for name in rollups.PARTS}
        return rollups.build(days[0], days[-1], parts)

    return build


def _experiments(_project: Project, files: MartFiles, _partition: str) -> pd.DataFrame:
    return experiment_results.build(read_mart(files, "content/performance"))


_BUILDERS: Mapping[str, Callable[[Project, MartFiles, str], pd.DataFrame]] = {
    "engagement/daily": _daily,
    "engagement/cohorts": _cohorts,
    "content/performance": _performance,
    "finance/spend": _spend,
    "finance/projection": _projection,
    "review/outcomes": _outcomes,
    "factory/health": _health,
    "library/throughput": _throughput,
    "summary/weekly": _rollup("week"),
    "summary/monthly": _rollup("month"),
    "experiments/results": _experiments,
}
