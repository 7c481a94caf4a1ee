"""`library/throughput` over a real catalog, against rows worked out by hand, and the question the docs ask it."""

import re
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from dayreel.footage.library.ingest import ingest, movie_name
from dayreel.footage.library.jobs import cancel_job
from dayreel.footage.library.open_library import Library
from dayreel.footage.library.run_pass import run_pass
from dayreel.marts.build import build_mart, days_to_report, mart_files, read_mart, refresh_marts
from dayreel.marts.query import answer, opened_marts
from dayreel.services.project import Project
from dayreel.stores.catalog.tables import jobs, media_items
from dayreel.stores.mart_files import MartFiles
from tests.fakes.library import make_library, pretend_to_work
from tests.fakes.project import DAY
from tests.unit.marts.hand_made import at, rows_of

NAME = "library/throughput"
HAND_MADE = date(2026, 11, 10)
DOCS = Path(__file__).parents[3] / "docs" / "how-to" / "analytics.md"


def put(project: Project, *rows: dict[str, Any]) -> None:
    """Write jobs down as the controller does, each of an item of its own."""
    with project.catalog.write("library") as connection:
        for row in rows:
            item = {"id": row["item_id"], "kind": "movie", "leaf": row["item_id"], "title": row["item_id"]}
            moments = {"created_at": row["requested_at"], "updated_at": row["requested_at"]}
            connection.execute(insert(media_items).values(**item, state="ripped", version=1, metadata={}, **moments))
            connection.execute(insert(jobs).values(version=3, progress=0, updated_at=at("2026-11-10 23:00"), **row))


def job(number: int, role: str, state: str, *times: str | None, **other: Any) -> dict[str, Any]:
    """A job's row; `times` are when it was asked for, started and finished, on the tenth."""
    requested, started, finished = (None if time is None else moment(time) for time in times)
    values: dict[str, Any] = {"input_bytes": 1000, "output_bytes": None, "worker": "attic", "fence": 1, "spec": {}}
    ended = {"requested_at": requested, "started_at": started, "finished_at": finished}
    return {
        "id": f"p5-{number}",
        "item_id": f"movie-{number}",
        "role": role,
        "state": state,
        **values,
        **ended,
        **other,
    }


def moment(time: str) -> datetime:
    return at(f"2026-11-{time}" if time[2] == " " else f"2026-11-10 {time}")


@pytest.fixture
def by_hand(make_project: Callable[..., Project]) -> Project:
    """Seven jobs: the fifth was run by a host whose clock is late, the sixth lost its worker, the last ended later."""
    project = make_project()
    h265 = {"parameters": {"preset": "h265"}}
    av1 = {"parameters": {"preset": "av1"}}
    put(
        project,
        job(1, "remux", "completed", "09:00:00", "09:00:30", "09:02:00.500", output_bytes=990),
        job(
            2, "transcode", "completed", "10:00", "12:00", "13:30", output_bytes=330, fence=2, spec=h265, worker="barn"
        ),
        job(3, "transcode", "failed", "10:00", "10:00", "10:00:05", spec=av1),
        job(4, "file", "failed", "11:00", None, "11:05", worker=None, fence=1),
        job(5, "file", "completed", "11:00:00", "10:59:50", "11:00:20", output_bytes=1000),
        job(6, "remux", "failed", "12:00", "12:10", None),
        job(7, "remux", "completed", "23:50", "23:55", "11 00:10", output_bytes=1),
    )
    return project


def write(project: Project, files: MartFiles) -> None:
    for key, table in build_mart(project, files, NAME, [HAND_MADE.isoformat()]).items():
        files.write(NAME, key, table)


def test_a_job_shows_its_wait_its_time_and_what_it_saved(by_hand: Project) -> None:
    files = mart_files(by_hand)
    write(by_hand, files)
    mart = read_mart(files, NAME)
    columns = ("job", "role", "preset", "worker", "attempts", "outcome", "queue_wait_s", "seconds", "compression_ratio")
    assert rows_of(mart, *columns, by=("job",)) == [
        ("p5-1", "remux", None, "attic", 1, "done", 30.0, 90.5, 0.99),
        ("p5-2", "transcode", "h265", "barn", 2, "done", 7200.0, 5400.0, 0.33),
        ("p5-3", "transcode", "av1", "attic", 1, "failed", 0.0, 5.0, None),
        ("p5-4", "file", None, None, 1, "failed", None, None, None),
        ("p5-5", "file", None, "attic", 1, "done", 0.0, 30.0, 1.0),
        ("p5-6", "remux", None, "attic", 1, "failed", 600.0, None, None),
    ]
    assert rows_of(mart, "ended_at", by=("job",))[5] == (at("2026-11-10 23:00"),), "when it was found out"
    assert not mart["simulated"].any()
    (next_day,) = build_mart(by_hand, files, NAME, ["2026-11-11"])["2026-11-11"].to_pylist()
    assert (next_day["job"], next_day["day"], next_day["input_bytes"]) == ("p5-7", date(2026, 11, 11), 1000)


def test_the_docs_example_query_gives_the_hand_computed_answer(by_hand: Project) -> None:
    """Remuxes waited 30 and 600 s, median 315; the done one took 90.5 s. The h265 made 330 bytes of 1,000."""
    files = mart_files(by_hand)
    write(by_hand, files)
    _, _, section = DOCS.read_text(encoding="utf-8").partition("## Own footage")
    (query,) = re.findall(r"```sql\n(.*?)```", section.partition("\n## ")[0], flags=re.DOTALL)
    with opened_marts(files) as connection:
        rows = answer(connection, query).to_pylist()
    assert rows == [
        {"role": "transcode", "preset": "av1", "jobs": 1, "failed": 1, "wait_s": 0.0, "run_s": None, "size": None},
        {
            "role": "transcode",
            "preset": "h265",
            "jobs": 1,
            "failed": 0,
            "wait_s": 7200.0,
            "run_s": 5400.0,
            "size": 0.33,
        },
        {"role": "remux", "preset": None, "jobs": 2, "failed": 1, "wait_s": 315.0, "run_s": 90.5, "size": 0.99},
        {"role": "file", "preset": None, "jobs": 2, "failed": 1, "wait_s": 0.0, "run_s": 30.0, "size": 1.0},
    ]


def test_what_the_controller_writes_down_is_what_the_mart_shows(
    make_project: Callable[..., Project], tiny_clip: Path
) -> None:
    library: Library = make_library(make_project(), remux_review=False)
    project = library.project
    assert days_to_report(project, DAY, DAY) == []
    ingest(library, movie_name("Hidden Falls", 2019), [tiny_clip])
    run_pass(library)
    done = pretend_to_work(library, "remux")
    run_pass(library)
    (waiting,) = library.queue.jobs("pending")
    cancel_job(library, waiting.job)
    run_pass(library)
    day = project.clock.now().date()
    project.clock.sleep(86_400)
    assert days_to_report(project, day, day) == [day]
    refresh_marts(project, [day])
    mart = read_mart(mart_files(project), NAME)
    size = tiny_clip.stat().st_size
    assert sorted(rows_of(mart, "job", "outcome", "worker", "input_bytes", "output_bytes", by=("job",))) == sorted(
        [(done, "done", "pretender", size, size), (waiting.job, "cancelled", "test", size, None)]
    )
