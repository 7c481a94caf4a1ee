"""The first screen: every content, grouped by state, those that wait for a person first."""

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
from dayreel.services.project import Project
from dayreel.tui.lists import ContentList, show_options
from dayreel.tui.live import PLACES, LiveScreen
from dayreel.tui.review import ReviewScreen
from dayreel.tui.words import left, one_line, plain, usd

TITLES = {
    "review_pending": "waits for your decision",
    "failed": "failed",
    "rendering": "rendering",
    "composing": "composing",
    "voicing": "voicing",
    "scripting": "scripting",
    "pending": "pending",
    "approved": "approved",
    "publishing": "publishing",
    "expired": "nobody decided in time",
    "rejected": "rejected",
    "posted": "posted",
}


class DashboardScreen(LiveScreen[tuple[Dashboard, datetime]]):
    """Where everything stands."""

    name_shown = "the day"
    BINDINGS: ClassVar[list[BindingType]] = PLACES

    def body(self) -> ComposeResult:
        """Make the list."""
        yield ContentList(id="contents", markup=False)

    def look(self, project: Project) -> tuple[Dashboard, datetime]:
        """Read every group, and to the minute when: how long is left is shown again every minute."""
        return dashboard(project), project.clock.now().replace(second=0, microsecond=0)

    def show(self, view: tuple[Dashboard, datetime]) -> None:
        """Fill the list again; the same content stays highlighted wherever it has moved to."""
        contents = self.query_one("#contents", OptionList)
        day, now = view
        show_options(contents, [option for group in day.groups for option in _options(group, now)])
        alarms = []
        if day.alarms.stopped:
            alarms.append(f"{day.alarms.stopped} Press 4.")
        if day.alarms.unknown.here:
            alarms.append(f"Outcomes that nobody knows: {len(day.alarms.unknown.here)}; press 3.")
        if not day.groups:
            alarms.append("There is nothing yet: `dayreel run` makes the day.")
        self.note(" ".join(alarms), bad=bool(day.groups))

    @on(OptionList.OptionSelected)
    def open_content(self, event: OptionList.OptionSelected) -> None:
        """Show one content."""
        if event.option_id is not None:
            self.app.push_screen(ReviewScreen(event.option_id))


def _options(group: Group, now: datetime) -> list[Option]:
    more = f", the newest {len(group.contents)}" if group.total > len(group.contents) else ""
    head = Option(Content.styled(f"{TITLES[group.state]} ({group.total}{more})", "bold"), disabled=True)
    return [head, *(Option(_line(status, now), id=status.row.id) for status in group.contents)]


def _line(status: ContentStatus, now: datetime) -> Content:
    row, unknown = status.row, f"{len(status.unknown)} unknown! " if status.unknown else ""
    note, idea = _note(status, now), one_line(row.idea)
    line = f" {row.id:26} {usd(status.cost_usd):>7}  {unknown}{note:18} {idea}"
    return Content.styled(line, "$error") if status.standing in ("post failed", "failed") else Content(line)


def _note(status: ContentStatus, now: datetime) -> str:
    """Return what there is to know about a content in its state."""
    row = status.row
    match row.state:
        case "review_pending":
            waits = f"{left(row.review_deadline_at, now)} left" if row.review_deadline_at else "on hold"
            return f"r{row.revision}, {waits}"
        case "failed":
            return one_line(row.error)
        case "rendering":
            done = sum(render.state == "completed" for render in status.renders)
            return f"{done} of {len(status.renders)} segments" if status.renders else "starting"
        case "approved" | "rejected":
            return f"by {plain(status.newest.decided_by)}" if status.newest else ""
        case "publishing" | "posted":
            posts = ", ".join(f"{post.platform} {post.state}" for post in status.posts)
            return f"on hold, {posts}" if status.is_held else posts
        case _:
            return ""
