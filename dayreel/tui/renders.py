"""The renders screen: every segment's generation with its progress; a person can have them stopped."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from dayreel.queries.renders import ContentRenders, Render, newest_renders
from dayreel.services.project import Project
from dayreel.services.upkeep.retry_content import cancel_renders
from dayreel.tui.dialogs import Confirm
from dayreel.tui.live import PLACES, LiveScreen
from dayreel.tui.review import ReviewScreen
from dayreel.tui.widgets import ContentList, show_options
from dayreel.tui.words import bar, one_line


class RendersScreen(LiveScreen[tuple[ContentRenders, ...]]):
    """How far every segment is."""

    name_shown = "renders"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x", "stop", "Stop"),
        *PLACES,
    ]

    def body(self) -> ComposeResult:
        """Make the list."""
        yield ContentList(id="renders", markup=False)

    def look(self, project: Project) -> tuple[ContentRenders, ...]:
        """Read the renders."""
        return newest_renders(project)

    def show(self, view: tuple[ContentRenders, ...]) -> None:
        """Fill the list again."""
        show_options(
            self.query_one("#renders", OptionList),
            [Option(_lines(view_row), id=view_row.content_id) for view_row in view],
        )
        self.note("" if view else "Nothing was rendered yet.")

    @on(OptionList.OptionSelected)
    def open_content(self, event: OptionList.OptionSelected) -> None:
        """Show one content."""
        if event.option_id is not None:
            self.app.push_screen(ReviewScreen(event.option_id))

    def action_stop(self) -> None:
        """Ask, then have the generation service stop what it is at."""
        chosen = self.query_one("#renders", OptionList).highlighted_option
        if chosen is None or chosen.id is None:
            return
        content_id = chosen.id

        def stop(project: Project) -> str:
            return "; ".join(cancel_renders(project, content_id)) or f"Nothing of {content_id} is being rendered."

        self.ask(
            Confirm(f"Stop every render of {content_id} that is under way?"),
            lambda _yes: self.act(stop, meanwhile=f"Stopping the renders of {content_id} ..."),
        )


def _lines(rendered: ContentRenders) -> Content:
    lines = [Content.styled(f"{rendered.content_id}  {rendered.state.replace('_', ' ')}", "bold")]
    return Content("\n").join([*lines, *(Content(_line(part)) for part in rendered.renders)])


def _line(part: Render) -> str:
    drawn = bar(part.progress / 100, 20)
    return f"  {part.sequence:>2}  {part.state:10} {drawn} {part.progress:>3} %  {one_line(part.detail)}"
