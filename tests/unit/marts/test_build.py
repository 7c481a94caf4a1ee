"""The marts over a real catalog: what real services wrote is what the tables say, and twice is the same bytes."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dayreel.clock import day_begins
from dayreel.errors import TransientError
from dayreel.marts.build import build_mart, days_to_report, mart_files, read_mart, refresh_marts
from dayreel.marts.database import schema_of
from dayreel.marts.declared import MARTS
from dayreel.providers.platforms.contract import Counters
from dayreel.services.configure import write_config
from dayreel.services.measure_posts import measure_posts
from dayreel.services.project import Project
from dayreel.services.publishing.publish_post import publish_post
from dayreel.services.reviewing.decide import decide
from tests.fakes.clock import FakeClock
from tests.fakes.platform import FakePlatform
from tests.fakes.prepared import files_of, lay_out
from tests.fakes.project import channel_of, make_project, reviewable

pytestmark = pytest.mark.slow

DAY = date(2026, 11, 20)
BOTH = {"crafts": {"platforms": {"instagram": {}, "tiktok": {"privacy": "SELF_ONLY"}}}}


def posted(project: Project, clock: FakeClock) -> str:
    """Make, approve after three hours, and post one content on both platforms."""
    row = reviewable(project)
    clock.move(hours=3)
    decide(project, row.id, "approved", by="ana", via="cli", note="lovely")
    for name in ("instagram", "tiktok"):
        publish_post(project, channel_of(project), row.id, name, provider=project.connect(name))
    return row.id


def measure(project: Project, clock: FakeClock, views: int | None) -> None:
    """Measure: Instagram reports `views`, or cannot be asked; TikTok always reports 10."""
    now = clock.now()
    posts = {name: project.connect(name).world.live[0].post_id for name in ("instagram", "tiktok")}
    gone = TransientError(attempted="read insights", answer="HTTP 503")
    counts = {
        "instagram": gone if views is None else [Counters(posts["instagram"], now, views=views, likes=views // 10)],
        "tiktok": [Counters(posts["tiktok"], now, views=10)],
    }
    platforms = {name: FakePlatform(name, counts=counters) for name, counters in counts.items()}
    measure_posts(project, now.date(), platforms=platforms)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, bytes]:
    """One content of the 20th: posted at noon, measured on the 21st and the 23rd; on the 22nd Instagram was away."""
    root, clock = tmp_path_factory.mktemp("week"), FakeClock()
    platforms = {name: FakePlatform(name) for name in ("instagram", "tiktok")}
    project = make_project(root, channels=BOTH, clock=clock, providers=platforms)
    posted(project, clock)
    for views in (100, None, 250):
        clock.move(hours=24)
        measure(project, clock, views)
    refresh_marts(project, [DAY + timedelta(days=offset) for offset in range(4)])
    project.catalog.close()
    return files_of(root)


@pytest.fixture
def week(project: Mapping[str, bytes], make_project: Callable[..., Project], tmp_path: Path) -> Project:
    """That project for this test alone, three days and three hours after its content was made."""
    lay_out(project, tmp_path)
    clock = FakeClock()
    clock.move(days=3, hours=3)
    return make_project(channels={}, clock=clock)


def test_a_platform_outage_is_a_gap_that_the_next_gain_covers(week: Project) -> None:
    rows = read_mart(mart_files(week), "engagement/daily")
    rows = rows[rows["platform"] == "instagram"].sort_values("day")
    assert list(rows["status"]) == ["measured", "missing", "measured"]
    assert "HTTP 503" in rows["reason"].iloc[1]
    assert list(rows["views_gained"].dropna()) == [100, 150]
    # On the day of the outage three attempts were three seconds apart, and the clock went on.
    assert list(rows["hours_covered"].dropna().round(2)) == [24.0, 48.0]


def test_a_content_has_one_row_with_verdict_and_views_by_age(week: Project) -> None:
    (row,) = read_mart(mart_files(week), "content/performance").to_dict("records")
    assert (row["content_id"], row["topic"], row["verdict"], row["reason"]) == (
        "crafts-2026-11-20", "clay", "approved", "lovely",
    )  # fmt: skip
    assert (row["platforms"], row["views_24h"], row["views_latest"]) == (2, 110, 260)  # 100 + 10; 250 + 10
    assert (row["cost_usd"], row["simulated"]) == (Decimal("0.000000"), True)


def test_a_decision_shows_how_long_people_were_waited_for(week: Project) -> None:
    (row,) = read_mart(mart_files(week), "review/outcomes").to_dict("records")
    assert (row["verdict"], row["decided_by"], row["hours_to_decision"], row["reason"]) == (
        "approved",
        "ana",
        3,
        "lovely",
    )


def test_health_counts_posts_and_measurements(week: Project) -> None:
    mart = read_mart(mart_files(week), "factory/health")
    sent = mart[mart["layer"] == "distribution"]
    assert sorted(sent["provider"]) == ["instagram", "tiktok"]
    assert list(sent["success_rate"]) == [1.0, 1.0]
    away = mart[(mart["layer"] == "measurement") & (mart["failed"] == 1)]
    assert [(str(row.day), row.provider) for row in away.itertuples()] == [("2026-11-22", "instagram")]
    assert "HTTP 503" in away["last_error"].iloc[0]


def test_the_week_sums_its_days_and_names_the_missing_one(week: Project) -> None:
    (row,) = read_mart(mart_files(week), "summary/weekly", ["2026-11-16"]).to_dict("records")
    # the week ends on Sunday the 22nd: Instagram's 100 and TikTok's 10 of the 21st, nothing new on the 22nd
    assert (row["made"], row["approved"], row["posts"], row["views_gained"]) == (1, 1, 2, 110)
    assert (row["days_measured"], row["days_missing"]) == (2, 1)
    assert row["missing"].startswith("2026-11-22: ")
    (month,) = read_mart(mart_files(week), "summary/monthly", ["2026-11-01"]).to_dict("records")
    assert (month["views_gained"], month["days_measured"]) == (260, 3)


def test_building_a_partition_again_gives_the_same_bytes(week: Project) -> None:
    """For the one mart that grows with what is measured; the others keep to it in another world, see below."""
    files = mart_files(week)
    assert files.partitions("content/performance")
    for partition in files.partitions("content/performance"):
        path = files.path("content/performance", partition)
        before = path.read_bytes()
        files.write(
            "content/performance", partition, build_mart(week, files, "content/performance", [partition])[partition]
        )
        assert path.read_bytes() == before


def test_a_days_bytes_do_not_depend_on_build_day_caps_or_world(week: Project) -> None:
    """A month later, after both caps were raised, and in a project that has gone live: the past is what it was."""
    files = mart_files(week)
    names = [name for name in MARTS if name != "content/performance"]  # which grows with what is measured
    keys = {name: [key for key in files.partitions(name) if key >= "2026-11"] for name in names}
    assert all(keys.values())
    before = {name: [files.path(name, key).read_bytes() for key in keys[name]] for name in keys}
    clock = FakeClock()
    clock.move(days=35)
    with week.catalog.write("money") as connection:
        for name in ("cap.day_usd", "cap.month_usd"):
            write_config(connection, name, "999", by="ana", at=clock.now())
    live = replace(week, clock=clock, settings=week.settings.model_copy(update={"world": "live"}))
    for name, partitions in keys.items():
        for partition, content in zip(partitions, before[name], strict=True):
            files.write(name, partition, build_mart(live, files, name, [partition])[partition])
            assert files.path(name, partition).read_bytes() == content, (name, partition)


def test_a_file_says_nothing_of_when_and_where_it_was_written(week: Project) -> None:
    files = mart_files(week)
    for name in MARTS:
        footer = pq.read_metadata(files.path(name, files.partitions(name)[0]))
        assert set(footer.metadata or ()) <= {b"ARROW:schema"}, name


def doubled(project: Project, **changes: str) -> None:
    """Write the daily marts of the week once more, as if all had been made for real too, with these columns changed."""
    files = mart_files(project)
    with duckdb.connect() as connection:
        for name in MARTS["summary/weekly"].reads:
            for key in files.partitions(name):
                table = files.read(name, [key], schema=schema_of(MARTS[name]))
                changed = ", ".join(f"{sql} AS {c}" for c, sql in changes.items() if c in table.column_names)
                connection.register("mart", table)
                real = connection.sql(
                    f"SELECT * REPLACE (false AS simulated{', ' if changed else ''}{changed}) FROM mart"
                )
                files.write(name, key, pa.concat_tables([table, real.to_arrow_table().cast(table.schema)]))


def test_simulated_and_real_numbers_are_never_added_up(week: Project) -> None:
    """The same content once more, as if it had been made for real with nine times the views."""
    doubled(week, views_gained="views_gained * 9")
    (table,) = build_mart(week, mart_files(week), "summary/weekly", ["2026-11-16"]).values()
    assert [(row["simulated"], row["views_gained"], row["made"]) for row in table.to_pylist()] == [
        (False, 990, 1), (True, 110, 1),
    ]  # fmt: skip


def test_a_week_in_which_nothing_was_reported_has_no_known_gain(week: Project) -> None:
    """Not zero: a chart would show a channel that nobody watches."""
    doubled(week, views_gained="NULL")
    (table,) = build_mart(week, mart_files(week), "summary/weekly", ["2026-11-16"]).values()
    (row,) = (row for row in table.to_pylist() if not row["simulated"])
    assert (row["views_gained"], row["usd_per_1000_views"], row["engagement_rate"]) == (None, None, None)


def test_distant_days_built_together_equal_those_built_alone(week: Project) -> None:
    files = mart_files(week)
    days = [DAY - timedelta(days=70), DAY + timedelta(days=1), DAY + timedelta(days=40)]
    refresh_marts(week, days)
    for name in ("engagement/cohorts", "content/performance"):
        for day in days:
            path = files.path(name, day.isoformat())
            together = path.read_bytes()
            files.write(name, day.isoformat(), build_mart(week, files, name, [day.isoformat()])[day.isoformat()])
            assert path.read_bytes() == together, (name, day)


def test_days_to_report_run_from_first_content_to_last_measured(
    week: Project,
) -> None:
    """The newest measurement is of the 23rd: on the 24th it is not missing, it has not been made yet."""
    clock = FakeClock()
    clock.move(days=3, hours=12)
    on_the_23rd = replace(week, clock=clock)
    first, last = date(2026, 11, 1), date(2026, 11, 30)
    assert days_to_report(on_the_23rd, first, last) == [date(2026, 11, day) for day in (20, 21, 22, 23)]
    clock.move(hours=24)
    assert days_to_report(on_the_23rd, first, last)[-1] == date(2026, 11, 23)
    clock.move(hours=24)
    assert days_to_report(on_the_23rd, first, last)[-1] == date(2026, 11, 24)


def test_every_column_says_what_it_is_and_every_key_is_a_column() -> None:
    for mart in MARTS.values():
        assert set(mart.key) <= {column.name for column in mart.columns}, mart.name
        assert all(len(column.description) > 3 for column in mart.columns), mart.name


def test_a_mart_that_cannot_be_written_leaves_the_old_one(week: Project) -> None:
    files = mart_files(week)
    path = files.path("engagement/daily", "2026-11-21")
    before = path.read_bytes()
    with pytest.raises(AttributeError):
        files.write("engagement/daily", "2026-11-21", "no table")
    assert (path.read_bytes(), list(path.parent.glob(".*"))) == (before, [])


def test_a_day_is_23_or_25_hours_long_where_the_clocks_change() -> None:
    def hours(first: date) -> float:
        begins, ends = (day_begins(day, "Europe/Madrid") for day in (first, first + timedelta(days=1)))
        return (ends - begins).total_seconds() / 3600

    assert (hours(date(2026, 3, 29)), hours(date(2026, 10, 25))) == (23, 25)
