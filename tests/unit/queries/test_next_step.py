"""The step that every face advises is one that the service behind it takes, in every state that a content can be in."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date, timedelta
from itertools import product
from typing import Any

import pytest
from sqlalchemy import insert, update

from dayreel.errors import UsageError
from dayreel.queries.contents import ContentStatus, status_of
from dayreel.rules.content_ids import parse_content_id, parse_day
from dayreel.rules.gates import closed
from dayreel.rules.lifecycle import CONTENT_STATES
from dayreel.schemas.content import CheckResult
from dayreel.services.making.open_content import open_content, open_new_take
from dayreel.services.making.plan_days import pause_channel, resume_channel, unskip_day
from dayreel.services.project import Project
from dayreel.services.publishing.plan_posts import plan_posts
from dayreel.services.reviewing.decide import decide
from dayreel.services.reviewing.waive import waive_check
from dayreel.services.turn_switch import turn_switch
from dayreel.services.upkeep.retry_content import reopen_refused
from dayreel.stores.catalog.tables import content, skipped_days
from tests.fakes.clock import NINE
from tests.fakes.platform import FakePlatform
from tests.fakes.project import channel_of, check_result, reviewable
from tests.fakes.rows import add_content

MakeProject = Callable[..., Project]
FIRST = date(2026, 1, 1)
HAS_VIDEO = ("review_pending", "approved", "publishing")
ALIKE = ("scripting", "voicing", "composing")
"""States that differ in nothing here from `pending` and `rendering`."""
FACTS = ("nothing", "newer take", "other world", "switch off", "paused", "skipped")
OF_VIDEOS = ("failed check", "on hold")
CASES = [
    *product([state for state in CONTENT_STATES if state not in ALIKE], FACTS),
    *product(HAS_VIDEO, OF_VIDEOS),
]
BY: Any = {"by": "ben", "via": "cli"}


@pytest.fixture
def project(make_project: MakeProject) -> Project:
    channels = {"crafts": {"active_from": FIRST}}
    return make_project(channels=channels, providers={"instagram": FakePlatform()})


def begun(project: Project, state: str, day: date, *, checks: tuple[CheckResult, ...] = ()) -> str:
    """Bring a content to a state; what has a video has it, and the decision that belongs to the state."""
    if state not in HAS_VIDEO:
        return add_content(project.catalog, f"crafts-{day}", state)
    row = reviewable(project, day=day, checks=checks)
    if checks and state != "review_pending":
        waive_check(project, row.id, checks[0].name, reason="it is meant", **BY)
    if state != "review_pending":
        decide(project, row.id, "approved", **BY)
    change(project, row.id, state=state)
    return row.id


def change(project: Project, content_id: str, **columns: Any) -> None:
    with project.catalog.write() as connection:
        connection.execute(update(content).where(content.c.id == content_id).values(**columns))


def let(project: Project, content_id: str, fact: str) -> None:
    """Let something be so about a content, its day, its channel or everything."""
    day = parse_content_id(content_id).day
    match fact:
        case "newer take":
            add_content(project.catalog, f"{content_id}-t2", "scripting")
        case "other world":
            change(project, content_id, world="live")
        case "switch off":
            turn_switch(project, "off", **BY)
        case "paused":
            pause_channel(project, "crafts", until=None, note=None, **BY)
        case "skipped":
            with project.catalog.write() as connection:  # at the prompt only a day that is not begun yet is skipped
                skip = {"channel": "crafts", "day": day, "skipped_by": "ben", "skipped_at": NINE}
                connection.execute(insert(skipped_days).values(skip))
        case "on hold" if status(project, content_id).row.state in ("review_pending", "publishing"):
            decide(project, content_id, "held", **BY)


def status(project: Project, content_id: str) -> ContentStatus:
    day = parse_content_id(content_id).day
    return next(known for known in status_of(project, day=day).contents if known.row.id == content_id)


def steps(project: Project, content_id: str) -> Iterator[str]:
    """Type what is advised, as long as it only clears the way, and yield it; a refusal is raised."""
    for _ in range(4):
        step = status(project, content_id).next_step
        if step is None:
            return
        yield step
        if take(project, content_id, step.split()[1:]):
            return
    raise AssertionError(f"{content_id}: the steps lead nowhere")


def take(project: Project, content_id: str, words: list[str]) -> bool:
    """Do what the command does first, which is where it is refused; return whether it has led on."""
    row = status(project, content_id).row
    match words:
        case ["switch", "on"]:
            turn_switch(project, "on", **BY)
        case ["channels", "resume", name]:
            resume_channel(project, name, **BY)
        case ["channels", "skip", name, day, "--remove"]:
            unskip_day(project, name, parse_day(day), **BY)
        case ["review", "waive", whose, check, "--reason", "TEXT"]:
            waive_check(project, whose, check, reason="it is meant", **BY)
        case ["review", "approve", whose]:
            decide(project, whose, "approved", **BY)
            return True
        case ["retry", whose, "--new-take"] if whose == content_id:
            return open_new_take(project, row).take > row.take
        case ["retry", whose] if row.state == "failed":
            reopen_refused(project, whose)
            return open_content(project, channel_of(project), row.day).id == whose
        case ["retry" | "publish", whose]:
            reopen_refused(project, whose)
            assert [
                gate.message for plan in plan_posts(project, channel_of(project), whose) for gate in closed(plan.gates)
            ] == []
            return True
        case ["run", "--date", day, "--channel", "crafts"]:
            return open_content(project, channel_of(project), parse_day(day)).id == content_id
        case _:
            raise AssertionError(f"nobody knows {words}")
    return False


def test_no_advised_step_is_refused(project: Project) -> None:
    taken: dict[str, set[str]] = {}
    for number, (state, fact) in enumerate(CASES):
        checks = (check_result("black"),) if fact == "failed check" else ()
        content_id = begun(project, state, FIRST + timedelta(days=number), checks=checks)
        let(project, content_id, fact)
        for step in steps(project, content_id):
            taken.setdefault(step.split()[1] + " --new-take" * ("--new-take" in step), set()).add(fact)
        turn_switch(project, "on", **BY)
        with suppress(UsageError):  # a step has resumed it
            resume_channel(project, "crafts", **BY)
    assert taken == {
        "run": {"nothing", "skipped", "switch off", "paused"},
        "switch": {"switch off"},
        "channels": {"paused", "skipped"},
        "review": {"nothing", "switch off", "paused", "skipped", "failed check", "on hold"},
        "publish": {"nothing", "switch off", "paused", "skipped", "failed check", "on hold"},
        "retry": {"nothing", "switch off", "paused", "skipped"},
        "retry --new-take": {"nothing", "other world", "switch off", "paused", "skipped"},
    }, "what has a newer take asks for nothing"
