"""The calendar without JavaScript: past and planned days, pinning an idea, letting a channel rest."""

import re
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest

from dayreel.queries.rows import pinned_idea
from dayreel.services.making.open_content import why_not_begun
from dayreel.services.project import Project
from dayreel.services.reviewing.decide import decide
from dayreel.services.upkeep.report_silences import SchedulerHealth
from tests.fakes.clock import FakeClock
from tests.fakes.desk import Browser, desk_on, person
from tests.fakes.project import DAY, channel_of, reviewable, write_channel
from tests.fakes.rows import add_content

CONTENT = "crafts-2026-11-20"
JAR = "A potter mends a cracked jar with gold"
AHEAD = "/calendar/crafts/2026-11-22"


def cells(page: str) -> dict[int, tuple[str, str]]:
    """Return, per day of the month, the kind of the cell and where it leads to."""
    matches = re.findall(r'<td class="([^"]+)">\s*<a href="([^"]+)".*?class="number">(\d+)<', page, re.DOTALL)
    return {int(number): (kind, href) for kind, href, number in matches}


def test_a_month_shows_made_missed_and_planned_days(ana: Browser, project: Project) -> None:
    write_channel(
        project.settings.root, "crafts", active_from="2026-11-10", weekdays=["mon", "tue", "wed", "thu", "fri"]
    )
    reviewable(project, day=DAY.replace(day=12))
    days = cells(ana.open("/calendar"))
    assert days[20] == ("made is-review_pending today", f"/content/{CONTENT}")
    assert days[19][0] == "missed"
    assert days[11][0] == "before", "it had made nothing yet"
    assert days[21][0] == "off", "a Saturday"
    assert days[9][0] == "off", "before it began"
    assert days[23] == ("planned", "/calendar/crafts/2026-11-23")
    assert len(days) == 30


@pytest.mark.parametrize(("month", "shown"), [
    ("2026-12", "December 2026"), ("2026-01", "January 2026"), ("soon", "November 2026"), ("2026-99", "November 2026"),
])  # fmt: skip
def test_months_are_turned_and_nonsense_is_this_one(ana: Browser, month: str, shown: str) -> None:
    assert f'<h2 id="month">{shown}</h2>' in ana.open(f"/calendar?channel=crafts&month={month}")


def test_an_idea_is_pinned_shown_and_taken_away_again(ana: Browser, vera: Browser, project: Project) -> None:
    assert 'name="idea"' not in vera.open(AHEAD)
    assert vera.submit(f"{AHEAD}/pin", idea=JAR).status_code == 403
    assert ana.submit(f"{AHEAD}/pin", AHEAD, idea=JAR, caption=" ").status_code == 303
    with project.catalog.read() as connection:
        pin = pinned_idea(connection, "crafts", DAY.replace(day=22))
    assert pin is not None
    assert (pin.idea, pin.caption, pin.pinned_by) == (JAR, None, "Ana")
    page = ana.open("/calendar")
    assert cells(page)[22][0] == "pinned"
    assert JAR in page
    assert JAR in ana.open(AHEAD)
    assert ana.submit(f"{AHEAD}/unpin", AHEAD).status_code == 303
    assert cells(ana.open("/calendar"))[22][0] == "planned"


def test_what_cannot_be_pinned_is_refused_with_its_reason(ana: Browser) -> None:
    assert "at least 10" in ana.submit(f"{AHEAD}/pin", AHEAD, idea="short").text
    made = ana.submit("/calendar/crafts/2026-11-20/pin", AHEAD, idea=JAR)
    assert made.status_code == 409
    assert "has its idea already" in made.text
    for path in ("/calendar/crafts/yesterday", "/calendar/nobody/2026-11-22", "/calendar?channel=../crafts"):
        assert ana.get(path).status_code == 404


def test_operators_pause_a_channel_and_each_paused_day_shows_it(ana: Browser, olga: Browser, project: Project) -> None:
    assert ana.submit("/calendar/crafts/pause").status_code == 403
    answer = olga.submit("/calendar/crafts/pause", "/calendar", until="2026-11-24", note="holidays")
    assert answer.status_code == 303
    page = ana.open("/calendar")
    assert "by Olga" in page
    assert "holidays" in page
    days = cells(page)
    assert (days[24][0], days[25][0]) == ("paused", "planned")
    assert why_not_begun(project, channel_of(project), DAY) is not None
    assert olga.submit("/calendar/crafts/resume", "/calendar").status_code == 303
    assert why_not_begun(project, channel_of(project), DAY) is None
    assert olga.submit("/calendar/crafts/pause", "/calendar", until="2026-11-01").status_code == 400


def test_a_rejected_day_takes_an_idea_for_its_next_take(ana: Browser, project: Project) -> None:
    page = "/calendar/crafts/2026-11-20"
    assert 'name="idea"' not in ana.open(page)
    decide(project, CONTENT, "rejected", by="Ana", via="desk")
    assert 'name="idea"' in ana.open(page)


MISSED = "/calendar/crafts/2026-11-19"


def test_a_missed_day_offers_making_with_its_price_and_skipping(project: Project) -> None:
    started: list[tuple[Sequence[str], str]] = []
    app = desk_on(project, start=lambda _project, line, by: started.append((line, by)))
    reviewable(project, day=DAY.replace(day=12))
    ana, vera = person(app, "Ana", "reviewer"), person(app, "Vera", "viewer")
    page = ana.open(MISSED)
    assert "Missed: the day is over" in page
    assert "It costs about $1.58." in page
    assert "dayreel run" not in page, "no shell command"
    assert "Make it now" not in vera.open(MISSED)
    assert vera.submit(f"{MISSED}/make").status_code == 403
    assert ana.submit(f"{MISSED}/make", MISSED).status_code == 303
    assert started == [(("run", "--date", "2026-11-19", "--channel", "crafts"), "Ana")]
    assert ana.submit(f"{MISSED}/skip", MISSED, note="a holiday").status_code == 303
    page = ana.open(MISSED)
    assert "Skipped by Ana" in page
    assert "a holiday" in page
    assert cells(ana.open("/calendar"))[19][0] == "skipped"
    refused = ana.submit(f"{MISSED}/make", MISSED)
    assert (refused.status_code, len(started)) == (400, 1)
    assert "is skipped by Ana (a holiday)" in refused.text
    assert ana.submit(f"{MISSED}/unskip", MISSED).status_code == 303
    assert cells(ana.open("/calendar"))[19][0] == "missed"


def test_today_is_due_from_its_hour_on_and_planned_before(make_project: Callable[..., Project]) -> None:
    clock = FakeClock()
    project = make_project(channels={"crafts": {"make_at": "10:00"}}, clock=clock)
    ana = person(desk_on(project), "Ana", "reviewer")
    today = f"/calendar/crafts/{DAY}"
    assert cells(ana.open("/calendar"))[20][0] == "planned today"
    assert "Make it now" in ana.open(today)
    clock.move(hours=1)
    assert cells(ana.open("/calendar"))[20][0] == "due today"
    assert "Due since 10:00" in ana.open(today)
    assert "Make it now" not in ana.open(AHEAD), "a day to come"
    assert "Skip this day" in ana.open(AHEAD)
    assert cells(ana.open("/calendar"))[19][0] == "before"


def test_a_day_that_is_made_or_off_cannot_be_skipped(ana: Browser) -> None:
    made = ana.submit(f"/calendar/crafts/{DAY}/skip", AHEAD)
    assert made.status_code == 400
    assert "was begun already" in made.text
    assert ana.submit("/calendar/crafts/2026-10-01/skip", AHEAD).status_code == 400, "before active_from"
    assert ana.submit(f"{AHEAD}/unskip", AHEAD).status_code == 400


def test_the_morning_shows_what_was_due(vera: Browser, project: Project) -> None:
    write_channel(project.settings.root, "crafts", make_at="06:00")
    assert 'href="/morning"' in vera.open("/calendar")
    reviewable(project)
    page = vera.open("/morning")
    assert "<p>Everything that should exist does: 1 of 1 videos; $0.00 spent" in page
    assert f'<a href="/content/{CONTENT}">' in page
    assert "none yet" in page


def test_the_morning_knows_what_dagster_is_at(make_project: Callable[..., Project]) -> None:
    project = make_project()
    write_channel(project.settings.root, "crafts", make_at="06:00")
    add_content(project.catalog, "crafts-2026-11-19", "posted", at=project.clock.now() - timedelta(hours=26))
    queued = SchedulerHealth(under_way={("crafts", DAY)})
    page = person(desk_on(project, scheduler_health=lambda: queued), "Vera", "viewer").open("/morning")
    assert "Being made: crafts 2026-11-20." in page
    assert '<span class="state state-queued"' in page
    assert "missing" not in page
