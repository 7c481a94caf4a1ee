"""The first screen: every content by how it stands, those that wait for a person first, a hundred more at a time."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from dayreel.errors import UsageError
from dayreel.queries.contents import ContentStatus
from dayreel.queries.expectations import OpenDay
from dayreel.queries.prices import known_day_cost
from dayreel.queries.queue import Dashboard, Group, dashboard
from dayreel.rules.pricing import usd
from dayreel.services.making.open_content import why_not_begun
from dayreel.services.making.plan_days import skip_day
from dayreel.services.project import Project
from dayreel.services.upkeep.start_work import making_of
from dayreel.tui.dialogs import MakeOrSkip
from dayreel.tui.live import PLACES, LiveScreen
from dayreel.tui.review import ReviewScreen
from dayreel.tui.widgets import ContentList, show_options
from dayreel.tui.words import left, one_line, plain

PAGE = 100


class DashboardScreen(LiveScreen[tuple[Dashboard, datetime]]):
    """Where everything stands."""

    name_shown = "the day"
    BINDINGS: ClassVar[list[BindingType]] = PLACES

    def __init__(self) -> None:
        super().__init__()
        self._limit = PAGE

    def body(self) -> ComposeResult:
        """Make the list."""
        yield ContentList(id="contents", markup=False)

    def look(self, project: Project) -> tuple[Dashboard, datetime]:
        """Read every group, and to the minute when: how long is left is shown again every minute."""
        return dashboard(project, limit=self._limit), project.clock.now().replace(second=0, microsecond=0)

    def show(self, view: tuple[Dashboard, datetime]) -> None:
        """Fill the list again; the same content stays highlighted wherever it has moved to."""
        contents = self.query_one("#contents", OptionList)
        day, now = view
        # Its id differs from page to page, so that the highlight goes on to the first content that it brings.
        more = [Option(f" {day.more} more: Enter shows them", id=f"more {self._limit}")] if day.more else []
        groups = [option for group in day.groups for option in _options(group, now)]
        show_options(contents, [*_days(day.days), *groups, *more])
        alarms = []
        if day.alarms.stopped:
            alarms.append(f"{day.alarms.stopped} Press 4.")
        alarms += day.alarms.held
        alarms += [f"{silence.text} {silence.next_step}" for silence in day.alarms.silent]
        if day.alarms.unknown.here:
            alarms.append(f"Outcomes that nobody knows: {len(day.alarms.unknown.here)}; press 3.")
        if not day.groups and not day.days:
            alarms.append("There is nothing yet: `dayreel run` makes the day.")
        self.note(" ".join(alarms), bad=bool(day.groups))

    @on(OptionList.OptionSelected)
    def open_content(self, event: OptionList.OptionSelected) -> None:
        """Show one content, or the next page of them; of a day without one, ask what is to become of it."""
        if event.option_id is not None and event.option_id.startswith("more "):
            self._limit += PAGE
            self.look_now()
        elif event.option_id is not None and event.option_id.startswith("day "):
            _, name, day = event.option_id.split(" ")
            self._decide_day(name, date.fromisoformat(day))
        elif event.option_id is not None:
            self.app.push_screen(ReviewScreen(event.option_id))

    def _decide_day(self, name: str, day: date) -> None:
        """Ask, naming the price, then have a day made or skip it."""
        person = self.terminal.link.person

        def make(project: Project) -> str:
            refusal = why_not_begun(project, project.channels.load(name), day)
            if refusal is not None:
                raise UsageError(f"It is not made: {refusal}.")
            self.terminal.start(project, making_of(name, day), person)
            return f"{name} is being made for {day}; its segments are on screen 2."

        def skip(project: Project) -> str:
            skip_day(project, name, day, by=person, via="tui")
            return f"{name} skips {day}."

        cost = known_day_cost(self.terminal.link.project, name)
        price = f"about {usd(cost)}" if cost is not None else "a price that is not known"
        self.ask(
            MakeOrSkip(f"Nothing is made of {name} for {day}. Make it for {price}, or skip the day?"),
            lambda is_wanted: self.act(make if is_wanted else skip, meanwhile=f"Recording {name} {day} ..."),
        )


def _days(days: Sequence[OpenDay]) -> list[Option]:
    if not days:
        return []
    head = Option(Content.styled(f"due or missed ({len(days)})", "bold"), disabled=True)
    return [
        head,
        *(Option(f" {day.channel}  {day.day}  {day.standing}", id=f"day {day.channel} {day.day}") for day in days),
    ]


def _options(group: Group, now: datetime) -> list[Option]:
    head = Option(Content.styled(f"{group.standing} ({group.total})", "bold"), disabled=True)
    return [head, *(Option(_lines(status, now), id=status.row.id) for status in group.contents)]


def _lines(status: ContentStatus, now: datetime) -> Content:
    """Return one content: its whole id with what fits beside it on 80 columns, then its idea or errors, wrapped."""
    row = status.row
    errors = [one_line(row.error)] if row.state == "failed" else []
    errors += [f"not out on {post.platform}: {one_line(post.error)}" for post in status.failed_posts]
    lines = [Content(f" {row.id}  {usd(status.cost_usd)}  {_note(status, now)}".rstrip())]
    lines += [Content.styled(f"   {text}", "$error" if errors else "dim") for text in errors or [one_line(row.idea)]]
    return Content("\n").join(line for line in lines if line.plain.strip())


def _note(status: ContentStatus, now: datetime) -> str:
    """Return what there is to know about a content in its state."""
    row = status.row
    match row.state:
        case "review_pending":
            waits = f", {left(row.review_deadline_at, now)} left" if row.review_deadline_at else ""
            return f"revision {row.revision}{waits}"
        case "rendering":
            done = sum(render.state == "completed" for render in status.renders)
            return f"{done} of {len(status.renders)} segments" if status.renders else "starting"
        case "approved" | "rejected":
            return f"by {plain(status.newest.decided_by)}" if status.newest else ""
        case "publishing" | "posted":
            return ", ".join(f"{post.platform} {post.state}" for post in status.posts)
        case _:
            return ""
