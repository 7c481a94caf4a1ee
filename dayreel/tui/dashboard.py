"""The first screen: every content, grouped by state, those that wait for a person first."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from dayreel.services.studio import Studio
from dayreel.tui.lists import ContentList, show_options
from dayreel.tui.live import PLACES, LiveScreen
from dayreel.tui.review import ReviewScreen
from dayreel.tui.views import Dashboard, Entry, Group, dashboard
from dayreel.tui.words import usd


class DashboardScreen(LiveScreen[Dashboard]):
    """Where everything stands."""

    name_shown = "the day"
    BINDINGS: ClassVar[list[BindingType]] = PLACES

    def body(self) -> ComposeResult:
        """Make the list."""
        yield ContentList(id="contents", markup=False)

    def look(self, studio: Studio) -> Dashboard:
        """Read every group."""
        return dashboard(studio)

    def show(self, view: Dashboard) -> None:
        """Fill the list again; the same content stays highlighted wherever it has moved to."""
        contents = self.query_one("#contents", OptionList)
        show_options(contents, [option for group in view.groups for option in _options(group)])
        alarms = []
        if view.stopped:
            alarms.append(f"{view.stopped} Press 4.")
        if view.unknown:
            alarms.append(f"Outcomes that nobody knows: {view.unknown}; press 3.")
        if not view.groups:
            alarms.append("There is nothing yet: `dayreel run` makes the day.")
        if not self.busy:
            self.say(" ".join(alarms), bad=bool(view.groups))

    @on(OptionList.OptionSelected)
    def open_content(self, event: OptionList.OptionSelected) -> None:
        """Show one content."""
        if event.option_id is not None:
            self.app.push_screen(ReviewScreen(event.option_id))


def _options(group: Group) -> list[Option]:
    more = f", the newest {len(group.entries)}" if group.total > len(group.entries) else ""
    head = Option(Content.styled(f"{group.title} ({group.total}{more})", "bold"), disabled=True)
    return [head, *(Option(_line(entry), id=entry.content_id) for entry in group.entries)]


def _line(entry: Entry) -> Content:
    doubt = f"{entry.unknown} unknown! " if entry.unknown else ""
    return Content(f" {entry.content_id:26} {usd(entry.cost_usd):>7}  {doubt}{entry.note:18} {entry.idea}")
