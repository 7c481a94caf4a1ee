"""What the morning's message says of a week with a gap, a pause and a backfill; that it is sent once, at its time."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from sqlalchemy import insert, update

from dayreel.clock import day_begins, local_day
from dayreel.errors import TransientError
from dayreel.queries.expectations import Silence
from dayreel.services.making.plan_days import pause_channel
from dayreel.services.measure_posts import measurable_posts
from dayreel.services.notifier_routes import everything_to
from dayreel.services.project import Project
from dayreel.services.turn_switch import turn_switch
from dayreel.services.upkeep.chores import MORNING, do_chore, due_chores
from dayreel.services.upkeep.morning_message import Morning, is_morning_late, look_at_morning, send_morning, text_of
from dayreel.services.upkeep.report_silences import Backfill, SchedulerHealth
from dayreel.stores.catalog.engine import Catalog
from dayreel.stores.catalog.tables import content, metric_snapshots, processing_logs
from tests.fakes.clock import FakeClock
from tests.fakes.notifier import FakeNotifier
from tests.fakes.rows import add_content, add_post, add_try

EIGHT = datetime(2026, 11, 20, 8, tzinfo=UTC)
MADE_AT = {"make_at": "06:00"}
YESTERDAY, TODAY = "2026-11-19", "2026-11-20"


@pytest.fixture
def project(make_project: Callable[..., Project]) -> Project:
    """Two channels at eight o'clock: yesterday's videos are out and counted, and today's wait for their reviews."""
    channels = {"crafts": MADE_AT, "notes": MADE_AT}
    project = make_project(clock=FakeClock(EIGHT), channels=channels, morning_at="08:00")
    for number, name in enumerate(("crafts", "notes"), start=1):
        add_post(project.catalog, f"{name}-{YESTERDAY}", number, at=EIGHT - timedelta(hours=20))
        add_content(project.catalog, f"{name}-{TODAY}", "review_pending", at=EIGHT - timedelta(hours=2))
    measure(project)
    return project


def measure(project: Project) -> None:
    """Count every post today at half past seven."""
    at = EIGHT - timedelta(minutes=30)
    with project.catalog.write() as connection:
        log = {"layer": "measurement", "status": "completed", "started_at": at, "metadata": {"world": "sandbox"}}
        connection.execute(insert(processing_logs).values(log))
    for post in measurable_posts(project, at.date()):
        row = {"post_row_id": post["id"], "content_id": post["content_id"], "platform": post["platform"]}
        moment = {"post_id": post["post_id"], "observed_at": at, "observed_on": at.date(), "age_h": 20.0}
        with project.catalog.write() as connection:
            connection.execute(insert(metric_snapshots).values(**row, **moment, views=7, simulated=True))


def look(project: Project, **health: Any) -> Morning:
    return look_at_morning(project, SchedulerHealth(**health), targets=["log"])


def lines(project: Project, **health: Any) -> list[str]:
    return text_of(look(project, **health), "http://desk").splitlines()


def clock_of(project: Project) -> FakeClock:
    assert isinstance(project.clock, FakeClock)
    return project.clock


def test_all_well_is_a_sentence_and_who_is_waited_for(project: Project) -> None:
    head, waits = lines(project)
    assert head == (
        "Everything that should exist does: 2 of 2 videos, 2 of 2 posts, 2 of 2 posts measured on 2026-11-20; "
        "$0.00 spent ($0.00 of $25.00 today, $0.00 of $300.00 this month)."
    )
    assert waits == "Waits for a person: crafts-2026-11-20, notes-2026-11-20. `dayreel review list`, or http://desk/"


def test_a_project_of_which_nothing_was_due_says_so(make_project: Callable[..., Project]) -> None:
    project = make_project(clock=FakeClock(EIGHT), channels={"crafts": {"make_at": "09:00"}})
    (line,) = lines(project)
    assert line.startswith("Everything that should exist does: nothing was due; $0.00 spent")


def test_what_is_missing_stands_there_with_its_next_step(make_project: Callable[..., Project]) -> None:
    clock = FakeClock(EIGHT)
    project = make_project(clock=clock, channels={"crafts": MADE_AT, "notes": MADE_AT})
    add_post(project.catalog, f"crafts-{YESTERDAY}", 1, at=EIGHT - timedelta(hours=20))
    add_post(project.catalog, f"notes-{YESTERDAY}", 2, at=EIGHT - timedelta(hours=20))
    add_content(project.catalog, f"crafts-{TODAY}", "failed", at=EIGHT - timedelta(hours=2), error="No answer.")
    add_try(project.catalog, "crafts-2026-11-18", state="failed", effect="intended", error="HTTP 503.")
    head, *listed = lines(project)
    assert head.startswith("4 missing or silent: 0 of 2 videos, 2 of 3 posts, 0 of 2 posts measured on 2026-11-20;")
    failed, not_out, not_begun, not_measured, _backfilled = listed
    assert failed == "- crafts-2026-11-20 failed: No answer. `dayreel retry crafts-2026-11-20`"
    assert not_out == "- crafts-2026-11-18 is not out on instagram: HTTP 503. `dayreel retry crafts-2026-11-18`"
    assert "The video of notes for 2026-11-20 was due to be begun at 06:00 (UTC), and nothing has begun." in not_begun
    assert "`dayreel run --channel notes --date 2026-11-20` makes it" in not_begun
    assert not_measured.startswith("- The posts were due to be measured at 07:30 (UTC) on 2026-11-20, and were not.")


def test_what_failed_yesterday_is_still_missing_today(project: Project) -> None:
    add_content(project.catalog, "notes-2026-11-20-t2", "failed", at=EIGHT, error="No answer.")
    clock_of(project).move(days=1)
    assert "notes-2026-11-20-t2 failed" in "\n".join(lines(project))


@pytest.mark.parametrize("make_at", ["07:45", "07:50", "07:55", "08:00", "08:05"])
def test_every_day_is_counted_by_one_message(make_project: Callable[..., Project], make_at: str) -> None:
    clock = FakeClock(EIGHT)
    project = make_project(clock=clock, channels={"crafts": {"make_at": make_at}}, morning_at="08:00")
    counted: list[date] = []
    for number in range(3):
        day = (EIGHT + timedelta(days=number)).date()
        add_content(project.catalog, f"crafts-{day}", "posted", at=clock.now())
        counted += [due.day for due in look(project).days]
        clock.move(days=1)
    assert counted == [date(2026, 11, 20) + timedelta(days=number) for number in range(len(counted))]
    assert len(counted) >= 2


def test_what_is_being_made_is_not_missing(project: Project) -> None:
    add_content(project.catalog, f"crafts-{TODAY}-t2", "rendering", at=EIGHT)
    head, *_, making = lines(project)
    assert head.startswith("Everything that should exist exists or is being made: 1 of 2 videos,")
    assert making == "Being made: crafts 2026-11-20."


def test_what_waits_in_dagsters_queue_is_not_missing(make_project: Callable[..., Project]) -> None:
    project = make_project(clock=FakeClock(EIGHT), channels={"crafts": MADE_AT})
    add_content(project.catalog, f"crafts-{YESTERDAY}", "posted", at=EIGHT - timedelta(hours=26))
    waits = {("crafts", date(2026, 11, 20))}
    assert lines(project, under_way=waits)[-1] == "Being made: crafts 2026-11-20."
    assert [day.standing for day in look(project, under_way=waits).days] == ["queued"]
    assert [day.standing for day in look(project).days] == ["missing"]


def test_nothing_is_expected_of_a_paused_channel(make_project: Callable[..., Project]) -> None:
    clock = FakeClock(EIGHT - timedelta(days=1))
    project = make_project(clock=clock, channels={"crafts": MADE_AT, "notes": MADE_AT})
    for name in ("crafts", "notes"):
        add_content(project.catalog, f"{name}-{YESTERDAY}", "posted", at=EIGHT - timedelta(hours=26))
    pause_channel(project, "notes", by="ana", via="cli")
    clock.move(days=1)
    add_content(project.catalog, f"crafts-{TODAY}", "posted", at=EIGHT - timedelta(hours=2))
    head, paused = lines(project)
    assert head.startswith("Everything that should exist does: 1 of 1 videos;")
    assert paused == "Nothing is expected: channel 'notes' is paused by ana."


def test_a_backfill_says_how_many_of_its_days_are_made(project: Project) -> None:
    days = [date(2026, 11, number) for number in (2, 3, 4)]
    for day in days[:2]:
        add_content(project.catalog, f"crafts-{day}", "review_pending", at=EIGHT - timedelta(hours=1))
    asked = Backfill({("crafts", day) for day in days}, EIGHT - timedelta(hours=3), is_over=True)
    head, missing, _waits, done = lines(project, backfills=[asked])
    assert head.startswith("1 missing or silent: 2 of 2 videos")
    assert missing == (
        "- 1 days of crafts that were to be made afterwards are not: 2026-11-04. "
        "`dayreel backfill --channel crafts --from 2026-11-04 --to 2026-11-04` continues."
    )
    assert done == "Backfilled: crafts 2026-11-02 to 2026-11-04, 2 of 3 days."
    head, *_, done = lines(project, backfills=[asked], under_way=asked.days)
    assert head.startswith("Everything that should exist exists or is being made: 2 of 2 videos")
    assert done == "Backfilled: crafts 2026-11-02 to 2026-11-04, 2 of 3 days; 1 more are being made."
    failed = add_content(project.catalog, "crafts-2026-11-04", "failed", at=EIGHT)
    head, *_, done = lines(project, backfills=[asked], under_way=asked.days)
    assert head.startswith("1 missing or silent"), "nobody makes it, though the backfill goes on"
    assert done == "Backfilled: crafts 2026-11-02 to 2026-11-04, 2 of 3 days."
    with project.catalog.write() as connection:
        connection.execute(update(content).where(content.c.id == failed).values(state="review_pending"))
    head, *_, done = lines(project)
    assert head.startswith("Everything that should exist does: 2 of 2 videos")
    assert done == "Backfilled: crafts 2026-11-02 to 2026-11-04, 3 of 3 days."


def test_a_long_error_leaves_room_for_the_next_step(project: Project) -> None:
    add_content(project.catalog, "notes-2026-11-20-t2", "failed", at=EIGHT, error="It\nfailed " * 200)
    failed = next(line for line in lines(project) if "failed" in line)
    assert failed.endswith("... `dayreel retry notes-2026-11-20-t2`")
    assert len(failed) < 300


def test_a_long_list_is_cut_where_it_is_sent_alone(project: Project) -> None:
    silent = [Silence(f"dagster stopped s{number}", f"s{number} is stopped.", "Start it.") for number in range(12)]
    assert "- s11 is stopped. Start it." in lines(project, silences=silent)
    notifier = FakeNotifier()
    send_morning(project, SchedulerHealth(silences=silent), notifiers=[notifier])
    assert "... and 2 more: `dayreel watch --morning`." in notifier.messages[0].text


def test_a_kill_switch_and_an_unknown_outcome_are_named(project: Project) -> None:
    add_try(project.catalog, "crafts-2026-11-18", state="unknown", effect="unknown", error="The answer was lost")
    turn_switch(project, "off", by="ana", via="cli", note=None)
    text = "\n".join(lines(project))
    assert "`dayreel switch on`" in text
    assert "crafts-2026-11-18: what became of post at instagram is not known: The answer was lost." in text
    assert "2 of 3 posts" in text


def test_it_is_sent_once_a_day_whoever_sends_it(project: Project) -> None:
    notifier = FakeNotifier()
    assert len(send_morning(project, None, notifiers=[notifier])) == 1
    assert send_morning(project, None, notifiers=[notifier]) == []
    clock_of(project).move(hours=15)
    assert not is_morning_late(project, targets=["log"])
    clock_of(project).move(hours=9)
    assert len(send_morning(project, None, notifiers=[notifier])) == 1
    assert [message.marker for message in notifier.messages] == [
        "project/morning/2026-11-20",
        "project/morning/2026-11-21",
    ]


def test_two_processes_send_one(make_project: Callable[..., Project], catalog: Catalog) -> None:
    projects = [make_project(clock=FakeClock(EIGHT), catalog=catalog, morning_at="08:00") for _ in range(4)]
    notifier, together = FakeNotifier(), Barrier(len(projects))

    def send(project: Project) -> None:
        together.wait()
        send_morning(project, None, notifiers=[notifier])

    threads = [Thread(target=send, args=(project,)) for project in projects]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(notifier.messages) == 1


def test_a_message_that_nobody_sent_is_a_chore_until_midnight(project: Project) -> None:
    clock, notifier = clock_of(project), FakeNotifier([TransientError(attempted="send", answer="HTTP 503")] * 9)

    def due() -> list[str]:
        return [chore.key for chore in due_chores(project, targets=everything_to("log")) if chore.name == MORNING]

    clock.move(minutes=9)
    assert due() == []
    clock.move(minutes=1)
    (key,) = due()
    do_chore(project, MORNING, notifiers=everything_to(notifier))
    assert notifier.messages == []
    clock.move(hours=12)
    (later,) = due()
    assert later != key
    do_chore(project, MORNING, notifiers=everything_to(FakeNotifier()))
    assert due() == []


def test_before_its_time_nothing_is_sent(project: Project) -> None:
    clock_of(project).move(minutes=-1)
    assert send_morning(project, None, notifiers=[FakeNotifier()]) == []


@pytest.mark.parametrize(
    ("at", "day", "earlier"),
    [
        ("02:30", date(2027, 3, 28), datetime(2027, 3, 28, 0, 30, tzinfo=UTC)),  # the clocks skip it
        ("02:30", date(2026, 10, 25), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),  # they show it twice
        ("08:00", date(2027, 3, 28), datetime(2027, 3, 28, 6, tzinfo=UTC)),
    ],
)
def test_a_day_on_which_clocks_change_has_one_message(
    make_project: Callable[..., Project], at: str, day: date, earlier: datetime
) -> None:
    """Every ten minutes of the day before, the day and the day after: one message each, none before its time."""
    clock, notifier = FakeClock(day_begins(day - timedelta(days=1), "Europe/Madrid")), FakeNotifier()
    project = make_project(clock=clock, timezone="Europe/Madrid", channels={}, morning_at=at)
    sent: list[datetime] = []
    for _ in range(6 * 72):
        if is_morning_late(project, targets=["log"]) and send_morning(project, None, notifiers=[notifier]):
            sent.append(clock.now())
        clock.move(minutes=10)
    assert [local_day(moment, "Europe/Madrid") - day for moment in sent] == [timedelta(number) for number in (-1, 0, 1)]
    assert timedelta(minutes=10) <= sent[1] - earlier <= timedelta(minutes=70)


def test_off_sends_none(make_project: Callable[..., Project]) -> None:
    project = make_project(clock=FakeClock(EIGHT + timedelta(hours=3)), morning_at="off")
    assert not is_morning_late(project, targets=["log"])
    assert send_morning(project, None, notifiers=[FakeNotifier()]) == []
