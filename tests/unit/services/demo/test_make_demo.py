"""A short demo, made once, and everything analysts are promised over it: the project, the report, SQL, the docs."""

import csv
import html
import io
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import matplotlib.pyplot as plt
import pandas as pd
import pytest
from sqlalchemy import func, select

from dayreel.cli import run
from dayreel.errors import UsageError
from dayreel.marts.build import mart_files, read_mart
from dayreel.marts.declared import MARTS
from dayreel.marts.query import answer, opened_marts
from dayreel.media.probe import decode_fully
from dayreel.services.demo.make_demo import Demo, make_demo
from dayreel.services.project import Project
from dayreel.services.reporting import write_report
from dayreel.services.reporting.draw_charts import CHARTS
from dayreel.services.reporting.write_report import WeeklyReport, parse_week, write_reports
from dayreel.settings import load_settings
from dayreel.stores.catalog.engine import open_catalog
from dayreel.stores.catalog.tables import effects, metric_snapshots, processing_logs, state_transitions
from dayreel.stores.mart_bucket import open_mart_files
from tests.fakes.clock import FakeClock
from tests.fakes.project import status_documents

ROOT = Path(__file__).parents[4]
DAYS = 10
WEEK = date(2026, 11, 16)
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)  # a Monday, so that one week has everything that went wrong

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    days: list[date] = []
    made = make_demo(
        tmp_path_factory.mktemp("demos") / "demo", ROOT, days=DAYS, clock=FakeClock(NOW), on_day=days.append
    )
    assert (days[0], days[-1], len(days)) == (made.first, made.last, DAYS)  # each is reported to whoever waits
    return made


@pytest.fixture(scope="module")
def project(demo: Demo) -> Iterator[Project]:
    settings = load_settings(demo.root)
    with open_catalog(settings.catalog) as catalog:
        yield Project(settings, FakeClock(NOW), catalog, actor="ana")


@pytest.fixture(scope="module")
def sql(project: Project) -> Iterator[duckdb.DuckDBPyConnection]:
    with opened_marts(mart_files(project)) as connection:
        yield connection


def test_a_demo_has_a_content_per_channel_and_day_mostly_posted(demo: Demo, project: Project) -> None:
    documents = status_documents(project)
    assert (len(documents), demo.contents) == (2 * DAYS, 2 * DAYS)
    states = {document["state"] for document in documents}
    assert states <= {"posted", "rejected", "publishing", "failed"}
    posted = sum(document["state"] == "posted" for document in documents)
    assert posted > DAYS * 1.3
    assert {document["world"] for document in documents} == {"sandbox"}


def test_its_rows_are_those_that_the_real_path_writes(project: Project) -> None:
    """Every purchase went through the ledger, every step through the lifecycle, every stage through the log."""
    with project.catalog.read() as connection:
        counted = connection.execute(select(effects.c.kind, func.count().label("number")).group_by(effects.c.kind))
        kinds = {row.kind: row.number for row in counted}
        layers = set(connection.execute(select(processing_logs.c.layer)).scalars())
        moves = set(connection.execute(select(state_transitions.c.event)).scalars())
        unknown = connection.execute(select(func.count()).where(effects.c.state == "unknown")).scalar()
        real = connection.execute(select(func.count()).where(~metric_snapshots.c.simulated)).scalar()
    assert kinds["segment"] == 3 * 2 * DAYS
    assert layers == {"idea", "prompt", "voice", "video", "composition", "measurement"}
    assert {"script", "render", "compose", "request_review", "approve", "reject", "publish", "finish"} <= moves
    assert unknown == 1
    assert real == 0


def test_every_final_video_plays_and_is_a_file_of_its_own(project: Project) -> None:
    documents = status_documents(project)
    videos = [project.settings.content_dir / document["final_video"] for document in documents]
    assert len({path.read_bytes() for path in videos}) == len(videos)
    decode_fully(videos[0])


def test_what_was_spent_in_the_marts_is_what_the_ledger_says(project: Project) -> None:
    with project.catalog.read() as connection:
        settled = connection.execute(select(func.sum(effects.c.settled_usd))).scalar()
    spend = read_mart(mart_files(project), "finance/spend")["settled_usd"]
    contents = read_mart(mart_files(project), "content/performance")["cost_usd"]
    assert sum(spend, Decimal(0)) == sum(contents, Decimal(0)) == Decimal(settled or 0)


def test_the_promised_gaps_are_in_the_marts_with_their_reasons(demo: Demo, sql: duckdb.DuckDBPyConnection) -> None:
    rows = answer(
        sql,
        "SELECT DISTINCT day::VARCHAR AS day, reason FROM engagement_daily "
        "WHERE status = 'missing' AND reason NOT LIKE '%did not answer for this post%'",
    ).to_pylist()
    gaps = {row["day"]: row["reason"] for row in rows}
    assert set(gaps) == set(demo.gaps)
    assert any("HTTP 503" in reason for reason in gaps.values())
    assert any("nothing was measured" in reason for reason in gaps.values())


def test_the_sandbox_world_knows_the_posts_afterwards(demo: Demo, project: Project) -> None:
    from dayreel.sandbox.world import SandboxWorld

    world = SandboxWorld(project.settings.sandbox_dir)
    try:
        assert len(world.store.all("post")) == demo.posts
    finally:
        world.store.close()


def test_a_demo_refuses_a_folder_that_holds_anything(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        make_demo(tmp_path, ROOT, days=8)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(UsageError, match="not possible"):
        make_demo(tmp_path / "new", ROOT, days=3)


def test_a_demo_is_refused_outside_a_project(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no workspace"):
        make_demo(tmp_path / "new", tmp_path, days=8)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def reports(project: Project) -> list[WeeklyReport]:
    return write_reports(project, WEEK)


def test_every_channel_has_a_page_that_needs_nothing_else(reports: list[WeeklyReport]) -> None:
    assert [report.channel for report in reports] == ["demo_crafts", "demo_histories"]
    for report in reports:
        page = report.path.read_text(encoding="utf-8")
        assert "SIMULATED" in page
        assert page.count('src="data:image/') >= 5
        assert not re.search(r"""(src|href)=["'](?!data:)""", page), "a page that is sent must not load anything"
        assert 'name="viewport"' in page


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs a chromium on the PATH")
def test_the_page_opens_without_errors_or_sideways_scrolling(reports: list[WeeklyReport], tmp_path: Path) -> None:
    """A script that only the test adds reports how wide the page is and what could not be shown.

    The page is in frames as wide as a phone and a desk's screen: a browser's own window may be no narrower than 500.
    """
    look = (
        "<script>const failed = []; addEventListener('error', event => failed.push(event.message));"
        "addEventListener('load', () => { const broken = [...document.images].filter(i => !i.naturalWidth).length;"
        "const width = document.documentElement.scrollWidth;"
        "parent.measured[innerWidth] = [width, broken, failed.length];"
        "parent.document.title = JSON.stringify(parent.measured); })</script>"
    )
    page = reports[0].path.read_text(encoding="utf-8").replace("<meta charset", f"{look}<meta charset", 1)
    frame = tmp_path / "frame.html"
    frames = [
        f'<iframe style="border:0;width:{width}px;height:900px" srcdoc="{html.escape(page)}"></iframe>'
        for width in (390, 1280)
    ]
    frame.write_text(
        f"<script>const measured = {{}}; window.measured = measured;</script>{''.join(frames)}", encoding="utf-8"
    )
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    command = ["chromium", *flags, f"--user-data-dir={tmp_path / 'browser'}", "--window-size=1400,1000"]
    done = subprocess.run(
        [*command, "--virtual-time-budget=5000", "--dump-dom", frame.as_uri()],
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    )
    match = re.search(r"<title>({.*?})</title>", done.stdout)
    assert match, done.stderr[-500:]
    report = json.loads(match[1])
    assert sorted(report, key=int) == ["390", "1280"]
    for width, (needed, broken, failed) in report.items():
        assert (broken, failed) == (0, 0), width
        assert needed <= int(width)


def test_the_text_says_what_was_made_spent_and_missing(reports: list[WeeklyReport]) -> None:
    text = reports[0].text
    assert text.startswith("[SIMULATED] Crafts you can hear (demo), week 2026-W47\nMade 7, approved ")
    assert "Month: $" in text
    assert "Slowest stage: " in text
    assert "Missing: 2026-11-17 tiktok" in text
    assert "Best: " in text


def test_refused_and_unknown_posts_are_shown_in_page_and_text(reports: list[WeeklyReport]) -> None:
    """One Instagram post of the 16th was refused; the answer to one YouTube post of the 19th was lost."""
    crafts, histories = reports
    assert ", refused 1. Views" in histories.text
    assert "Posts that a platform refused: 1." in histories.path.read_text(encoding="utf-8")
    assert ", of unknown outcome 1. Views" in crafts.text
    assert "<b>1</b>posts of unknown outcome" in crafts.path.read_text(encoding="utf-8")


def test_every_week_has_its_charts_beside_the_marts(project: Project) -> None:
    files = mart_files(project)
    for week in files.partitions("summary/weekly"):
        assert sorted(files.chart_names(week, "all")) == sorted(CHARTS)


def test_dagsters_pages_show_charts_short_tables_and_checks(demo: Demo, monkeypatch: Any) -> None:
    import dagster as dg

    from dayreel.cli.launch import instance_of, report_history

    monkeypatch.setenv("DAGSTER_HOME", str(demo.root / "dagster_home"))
    monkeypatch.chdir(demo.root)
    settings = load_settings(demo.root)
    weeks = open_mart_files(settings).partitions("summary/weekly")
    assert report_history(settings, demo.materialized[-3:], demo.measured) > 9 * DAYS
    with instance_of(settings) as instance:
        charts = instance.fetch_materializations(dg.AssetKey(["summary", "charts"]), limit=20).records
        assert {record.partition_key for record in charts} == set(weeks)
        metadata = dict(charts[0].asset_materialization.metadata)
        assert metadata.pop("files").value.endswith(f"/charts/{charts[0].partition_key}/all")
        assert sorted(metadata) == sorted(CHARTS)
        assert all(value.value.startswith(f"[![{name}](/charts/") for name, value in metadata.items())
        (results,) = instance.fetch_materializations(dg.AssetKey(["experiments", "results"]), limit=5).records
        facts = results.asset_materialization.metadata
        assert {row.data["verdict"] for row in facts["rows"].records} == {"not enough data"}
        assert facts["simulated"].value is True
        check = dg.AssetCheckKey(dg.AssetKey(["engagement", "snapshots"]), "every_platform_answered")
        evaluations = instance.event_log_storage.get_asset_check_execution_history(check, limit=50)
        failed = [
            evaluation.event.dagster_event.asset_check_evaluation_data
            for evaluation in evaluations
            if evaluation.status.name == "FAILED"
        ]
        assert any("HTTP 503" in str(evaluation.description) for evaluation in failed)


def test_a_report_is_the_same_when_it_is_written_again(
    project: Project, reports: list[WeeklyReport], monkeypatch: Any
) -> None:
    """Marts and charts are not made again here: see `test_build_marts`, `test_draw_charts`."""
    files, scope = mart_files(project), (WEEK.isoformat(), reports[0].channel)
    charts = {name: files.chart(*scope, name) for name in CHARTS}
    before = reports[0].path.read_bytes()
    monkeypatch.setattr(write_report, "refresh_marts", lambda *_days, **_more: 0)
    monkeypatch.setattr(write_report, "draw_all", lambda _data: charts)
    (again,) = write_reports(project, WEEK, channels=[reports[0].channel])
    assert again.path.read_bytes() == before


def test_a_week_is_its_name_or_a_day_in_it() -> None:
    assert parse_week("2026-W47") == parse_week("2026-11-18") == WEEK


@pytest.mark.parametrize("week", ["2026-W60", "last", "2026-13-01"])
def test_what_is_no_week_is_refused(week: str) -> None:
    with pytest.raises(UsageError, match="is not a valid week"):
        parse_week(week)


def test_every_mart_is_a_view_with_its_columns(sql: duckdb.DuckDBPyConnection) -> None:
    for mart in MARTS.values():
        table = answer(sql, f"SELECT * FROM {mart.view} LIMIT 1")
        assert table.column_names == [column.name for column in mart.columns]


def test_a_query_can_read_nothing_but_the_marts(sql: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("a\n1\n")
    for query in (
        f"SELECT * FROM read_csv('{tmp_path / 'secret.csv'}')",
        f"COPY (SELECT 1) TO '{tmp_path / 'out.csv'}'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
    ):
        with pytest.raises(UsageError, match="DuckDB could not run"):
            answer(sql, query)
    assert not (tmp_path / "out.csv").exists()


def test_a_query_that_is_wrong_says_which_views_there_are(sql: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(UsageError, match="engagement_daily"):
        answer(sql, "SELECT * FROM nothing_here")


def on_the_command_line(demo: Demo, monkeypatch: Any, capsys: Any, *arguments: str) -> tuple[int, str]:
    monkeypatch.chdir(demo.root)
    code = run(list(arguments))
    printed = capsys.readouterr()
    if arguments[0] == "sql":
        assert printed.err == "SIMULATED: this project is in the sandbox world.\n"  # beside the answer, never in it
    return code, printed.out


def test_dayreel_sql_prints_csv_and_json(demo: Demo, monkeypatch: Any, capsys: Any) -> None:
    query = "SELECT channel, count(*) AS contents FROM content_performance GROUP BY channel ORDER BY channel"
    code, printed = on_the_command_line(demo, monkeypatch, capsys, "sql", "--query", query)
    assert (code, list(csv.reader(io.StringIO(printed)))) == (
        0, [["channel", "contents"], ["demo_crafts", str(DAYS)], ["demo_histories", str(DAYS)]],
    )  # fmt: skip
    code, printed = on_the_command_line(demo, monkeypatch, capsys, "sql", "-q", query, "--format", "json")
    assert json.loads(printed)[0] == {"channel": "demo_crafts", "contents": DAYS}


def test_dayreel_report_shows_the_pages_path_and_its_text(demo: Demo, monkeypatch: Any, capsys: Any) -> None:
    chosen = ("--week", "2026-07-22", "--channel", "demo_crafts", "--json")
    code, printed = on_the_command_line(demo, monkeypatch, capsys, "report", *chosen)
    (document,) = json.loads(printed)
    assert (code, document["channel"], document["week"]) == (0, "demo_crafts", "2026-W30")
    assert Path(document["path"]).is_file()
    assert "Nothing was made, measured or spent" in document["text"]


def worked_questions() -> list[tuple[str, str]]:
    """Return (heading, query) of every question of the two pages that have some, in their order."""
    pages = [ROOT / "docs" / "how-to" / f"{name}.md" for name in ("analytics", "more-questions")]
    text = "".join(page.read_text(encoding="utf-8") for page in pages)
    return re.findall(r"^### (\d+\. [^\n]+)\n.*?```sql\n(.*?)```", text, flags=re.DOTALL | re.MULTILINE)


def test_the_docs_have_twenty_worked_questions() -> None:
    assert [int(heading.split(".")[0]) for heading, _ in worked_questions()] == list(range(1, 21))


@pytest.mark.parametrize(("question", "query"), worked_questions())
def test_every_worked_question_is_answered(sql: duckdb.DuckDBPyConnection, question: str, query: str) -> None:
    assert answer(sql, query).num_rows > 0, question


def rows_of_question(sql: duckdb.DuckDBPyConnection, number: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = answer(sql, worked_questions()[number - 1][1]).to_pylist()
    return rows


def test_the_cheapest_topic_is_the_one_that_the_ledger_says(project: Project, sql: duckdb.DuckDBPyConnection) -> None:
    """Worked out again: dollars of the ledger over views, per topic; one video alone is never the cheapest topic."""
    paid = select(effects.c.content_id, func.sum(effects.c.settled_usd)).group_by(effects.c.content_id)
    with project.catalog.read() as connection:
        cost = dict(connection.execute(paid).all())
    topics: dict[str, list[tuple[float, int]]] = {}
    for record in read_mart(mart_files(project), "content/performance").to_dict("records"):
        if not pd.isna(record["views_7d"]) and record["views_7d"] > 0:
            topics.setdefault(record["topic"], []).append((float(cost[record["content_id"]]), int(record["views_7d"])))
    rows = rows_of_question(sql, 1)
    assert {row["topic"]: (row["contents"], row["usd_per_1000_views"]) for row in rows} == {
        topic: (len(some), round(sum(usd for usd, _ in some) * 1000 / sum(views for _, views in some), 2))
        for topic, some in topics.items()
    }
    order = [(row["contents"] < 3, row["usd_per_1000_views"]) for row in rows]
    assert order == sorted(order)


def test_no_winner_is_reported_before_there_is_enough_data(sql: duckdb.DuckDBPyConnection) -> None:
    (row,) = rows_of_question(sql, 2)
    assert (row["verdict"], row["ratio"]) == ("not enough data", None)
    assert row["n_a"] + row["n_b"] < row["needed"]
    assert row["days_left"] > 10


def test_last_weeks_spending_is_the_ledgers_against_the_caps(
    demo: Demo, project: Project, sql: duckdb.DuckDBPyConnection
) -> None:
    rows = rows_of_question(sql, 3)
    since = demo.last - timedelta(days=6)
    with project.catalog.read() as connection:
        paid = connection.execute(select(func.sum(effects.c.settled_usd)).where(effects.c.spent_on >= since)).scalar()
    assert (len(rows), rows[0]["day"], {row["week_usd"] for row in rows}) == (7, since, {paid})
    assert {(row["cap_day_usd"], row["cap_month_usd"]) for row in rows} == {(Decimal(25), Decimal(300))}


def test_missing_days_are_the_promised_gaps_and_a_deleted_post(demo: Demo, sql: duckdb.DuckDBPyConnection) -> None:
    rows = rows_of_question(sql, 4)
    deleted = {str(row["day"]) for row in rows if "deleted" in row["reason"]}
    whole = {(str(row["day"]), row["platform"]) for row in rows if "deleted" not in row["reason"]}
    away, silent = demo.gaps
    assert whole == {(away, "tiktok"), *((silent, name) for name in ("instagram", "tiktok", "youtube"))}
    assert deleted
    assert [day for day, gaps in demo.measured if gaps] == sorted({away, *deleted})


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # pandas, of the way in which DuckDB uses it
def test_the_notebook_of_the_tutorial_runs_on_a_demo(demo: Demo, monkeypatch: Any) -> None:
    text = (ROOT / "docs" / "tutorials" / "analyse-in-a-notebook.md").read_text(encoding="utf-8")
    monkeypatch.chdir(demo.root)
    plt.switch_backend("agg")
    names: dict[str, Any] = {}
    for cell in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL):
        exec(compile(cell, "the tutorial", "exec"), names)
    assert set(names["marts"].sql("SHOW TABLES").df()["name"]) == {mart.view for mart in MARTS.values()}
    assert names["growth"].loc[24.0].notna().all()
    assert len(names["best_by_chance"]) == 1000
    assert (demo.root / "growth.png").stat().st_size > 1000
    plt.close("all")
