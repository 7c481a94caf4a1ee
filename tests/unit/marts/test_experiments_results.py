"""What the table of experiments says: by edition, of what is old enough, with what was rejected."""

import math
import random
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from dayreel.marts.build import build_mart, mart_files
from dayreel.marts.database import schema_of
from dayreel.marts.declared import MARTS
from dayreel.rules.experiments import MATURE_DAYS
from dayreel.services.making.experiments import trial_of
from dayreel.services.making.open_content import open_content
from dayreel.services.project import Project
from tests.fakes.project import channel_of, today
from tests.unit.marts.hand_made import MakeProject

FIRST = date(2026, 7, 1)


def performance(number: int, variant: str | None, views: int | None, **changes: Any) -> dict[str, Any]:
    """One content of a day; None views: it was rejected."""
    day = FIRST + timedelta(days=number)
    made: dict[str, Any] = {
        "day": day, "channel": "crafts", "content_id": f"crafts-{day}-{variant}", "take": 1, "state": "posted",
        "experiment": variant and "hooks", "variant": variant, "edition": variant and "abc",
        "assigned_by": variant and "blocked", "detect_percent": 100.0, "is_held_out": False,
        "cost_usd": Decimal("0.5"), "verdict": "approved" if views is not None else "rejected",
        "platforms": int(views is not None), "views_7d": views, "simulated": True,
    }  # fmt: skip
    return made | changes


def drawn(count: int, *, lift: float = 1.0, first: int = 30, **changes: Any) -> list[dict[str, Any]]:
    """A and B of the same days."""
    dice = random.Random(8)
    views = [int(math.exp(dice.gauss(7, 0.5))) for _ in range(2 * count)]
    return [
        performance(first + number // 2, "AB"[number % 2], int(each * (lift if number % 2 else 1)), **changes)
        for number, each in enumerate(views)
    ]


def results(project: Project, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    files, mart = mart_files(project), MARTS["content/performance"]
    by_day = defaultdict(list)
    newest = performance((today(project) - FIRST).days, None, None)
    for row in [*rows, newest]:
        by_day[row["day"].isoformat()].append(row)
    for key, of_day in by_day.items():
        files.write(mart.name, key, pa.Table.from_pylist(of_day, schema=schema_of(mart)))
    (table,) = build_mart(project, files, "experiments/results", ["all"]).values()
    files.write("experiments/results", "all", table)
    return [dict(row) for row in table.to_pylist()]


def test_a_winner_is_named_with_what_it_is_known_from(make_project: MakeProject) -> None:
    (row,) = results(make_project(channels={"crafts": {}}), drawn(40, lift=3))
    assert (row["edition"], row["began_on"], row["n_a"], row["n_b"]) == ("abc", FIRST + timedelta(days=30), 40, 40)
    assert row["verdict"] == "B beats A"
    assert 1 < row["ratio_low"] < row["ratio"] < row["ratio_high"]
    assert (row["final_low"], row["days_left"], row["is_lopsided"]) == (None, None, False)


def test_the_days_that_are_left_are_named(make_project: MakeProject) -> None:
    """There is no history: 181 contents are needed for twice the views; 80 are there, at their pace so far."""
    project = make_project(channels={"crafts": {}})
    (row,) = results(project, drawn(40))
    assert (row["verdict"], row["needed"]) == ("not enough data", 181)
    pace = 80 / (today(project) - FIRST - timedelta(days=30)).days
    assert row["days_left"] == math.ceil((181 - 80) / pace) + MATURE_DAYS


def test_the_horizon_is_set_by_what_was_before(make_project: MakeProject) -> None:
    """Thirty contents that hardly differ; what the experiment itself is like does not move it."""
    before = [performance(number - 20, None, 1000 + number % 3) for number in range(30)]
    (row,) = results(make_project(channels={"crafts": {}}), [*before, *drawn(10)])
    assert row["needed"] == 16


def test_what_is_not_old_enough_does_not_count(make_project: MakeProject) -> None:
    """A rejection is known on the first day and views on the seventh: counted at once, every new day looks rejected."""
    project = make_project(channels={"crafts": {}})
    young = (today(project) - FIRST).days - MATURE_DAYS + 1
    (row,) = results(project, [*drawn(20), performance(young, "A", None), performance(young - 1, "B", None)])
    assert (row["assigned_a"], row["n_a"], row["assigned_b"], row["n_b"]) == (21, 20, 21, 21)


def test_what_is_out_and_not_measured_does_not_count(make_project: MakeProject) -> None:
    (row,) = results(
        make_project(channels={"crafts": {}}), [*drawn(20), performance(60, "A", None, platforms=1, verdict="approved")]
    )
    assert (row["assigned_a"], row["n_a"]) == (21, 20)


def test_editions_are_never_mixed(make_project: MakeProject) -> None:
    """Nor is what was assigned before there were any."""
    rows = [*drawn(10), *drawn(12, first=50, edition="def"), *drawn(14, first=70, edition=None)]
    by_edition = results(make_project(channels={"crafts": {}}), rows)
    assert {row["edition"]: row["n_a"] for row in by_edition} == {"abc": 10, "def": 12, "before": 14}


def test_missing_contents_stop_a_verdict_from_being_read(make_project: MakeProject) -> None:
    rows = [row for number, row in enumerate(drawn(60)) if row["variant"] == "A" or number % 6 == 1]
    (row,) = results(make_project(channels={"crafts": {}}), rows)
    assert row["is_lopsided"]


def test_thompson_begins_when_the_comparison_has_ended(make_project: MakeProject) -> None:
    """It draws from what nobody has beaten."""
    experiment = {"name": "hooks", "variants": {"A": "a", "B": "b"}, "allocate": "thompson"}
    project = make_project(channels={"crafts": {"experiment": experiment}})
    channel = channel_of(project)
    row = open_content(project, channel, today(project))
    trial = trial_of(project, channel, "idea", row, "idea")
    assert trial is not None
    assert trial.record.chosen_by == "blocked"
    rows = drawn(60, lift=4, edition=trial.record.edition)
    results(project, [row for number, row in enumerate(rows) if row["variant"] == "A" or number % 6 == 1])
    trial = trial_of(project, channel, "idea", row, "idea")
    assert trial is not None
    assert trial.record.chosen_by == "blocked", "most of B is missing, so nothing was concluded"
    results(project, rows)
    trial = trial_of(project, channel, "idea", row, "idea")
    assert trial is not None
    assert (trial.record.chosen_by, trial.record.variant) == ("thompson", "B")


def test_what_thompson_drew_is_in_no_verdict(make_project: MakeProject) -> None:
    """It moves the chance by which the next is drawn."""
    project = make_project(channels={"crafts": {}})
    (before,) = results(project, drawn(20))
    (after,) = results(project, [*drawn(20), *drawn(20, lift=1.5, first=60, assigned_by="thompson")])
    assert (after["n_b"], after["ratio"], after["verdict"]) == (20, before["ratio"], before["verdict"])
    assert after["chance_b"] > before["chance_b"]


def test_what_was_written_before_there_were_editions_counts(make_project: MakeProject) -> None:
    """Files of old days have no such columns: everything was blocked then."""
    rows = drawn(40, lift=3, edition=None, assigned_by=None, detect_percent=None)
    (row,) = results(make_project(channels={"crafts": {}}), rows)
    assert (row["edition"], row["assigned_a"], row["n_b"], row["verdict"]) == ("before", 40, 40, "B beats A")


def test_an_edition_of_which_nothing_was_blocked_has_no_pace(make_project: MakeProject) -> None:
    """Contents keep what they were given when the words change: then all of the new edition were drawn."""
    (row,) = results(make_project(channels={"crafts": {}}), drawn(2, assigned_by="thompson"))
    assert (row["assigned_a"], row["verdict"], row["days_left"]) == (0, "not enough data", None)


def test_an_experiment_that_nothing_comes_of_has_no_days_left(make_project: MakeProject) -> None:
    """As many contents as were needed are there, and of B none is out: waiting brings nothing."""
    rows = [row if row["variant"] == "A" else row | {"views_7d": None, "platforms": 0} for row in drawn(100)]
    (row,) = results(make_project(channels={"crafts": {}}), rows)
    assert (row["verdict"], row["n_b"], row["days_left"]) == ("not enough data", 100, None)
