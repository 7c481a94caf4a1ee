"""The first screen: every content by how it stands, those that wait for a person first, a hundred more at a time."""

from datetime import datetime
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from dayreel.queries.contents import ContentStatus
from dayreel.queries.queue import Dashboard, Group, dashboard
from dayreel.rules.pricing import usd
from dayreel.services.project import Project
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
        show_options(contents, [*(option for group in day.groups for option in _options(group, now)), *more])
        alarms = []
        if day.alarms.stopped:
            alarms.append(f"{day.alarms.stopped} Press 4.")
        alarms += day.alarms.held
        alarms += [f"{silence.text} {silence.next_step}" for silence in day.alarms.silent]
        if day.alarms.unknown.here:
            alarms.append(f"Outcomes that nobody knows: {len(day.alarms.unknown.here)}; press 3.")
        if not day.groups:
            alarms.append("There is nothing yet: `dayreel run` makes the day.")
        self.note(" ".join(alarms), bad=bool(day.groups))

    @on(OptionList.OptionSelected)
    def open_content(self, event: OptionList.OptionSelected) -> None:
        """Show one content, or the next page of them."""
        if event.option_id is not None and event.option_id.startswith("more "):
            self._limit += PAGE
            self.look_now()
        elif event.option_id is not None:
            self.app.push_screen(ReviewScreen(event.option_id))


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
