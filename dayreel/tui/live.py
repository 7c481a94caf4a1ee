"""What every screen has: a first line, live data, the outcome of the last act, a banner while the catalog is away.

A screen says what it reads (`look`, in a thread) and how it is laid out (`show`); asking once a second, keeping what
was there when that fails, and going on by itself afterwards is here. What is shown on one screen only is not.
"""

from collections.abc import Callable
from typing import ClassVar, Generic, TypeVar, cast

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from dayreel.errors import DayreelError
from dayreel.services.footage_hooks import footage_hooks, no_library
from dayreel.services.project import Project
from dayreel.tui.terminal import Terminal
from dayreel.tui.widgets import Keys
from dayreel.tui.words import plain

PATIENCE_S = 3.0
PLACES: list[BindingType] = [
    Binding("1", "app.switch_mode('day')", "Day"),
    Binding("2", "app.switch_mode('renders')", "Renders"),
    Binding("3", "app.switch_mode('unknown')", "Unknown"),
    Binding("4", "app.switch_mode('money')", "Money"),
    Binding("5", "library", "Library"),
    Binding("q", "app.quit", "Quit"),
]

View = TypeVar("View")
Answer = TypeVar("Answer")


class LiveScreen(Screen[None], Generic[View]):
    """A screen that follows the catalog."""

    name_shown: ClassVar[str] = ""

    def __init__(self) -> None:
        super().__init__()
        self.view: View | None = None
        self.busy = False
        self._asked_at_s: float | None = None
        self._troubled = ""

    # -- for each screen to say

    def look(self, project: Project) -> View:
        """Read what is to be shown; runs in a thread.

        Raises:
            DayreelError: shown as the banner; what was there stays.
        """
        raise NotImplementedError

    def show(self, view: View) -> None:
        """Lay out what was read; called when it differs from what is shown."""
        raise NotImplementedError

    def body(self) -> ComposeResult:
        """Make the widgets between the first line and the last ones."""
        raise NotImplementedError

    # -- what they share

    @property
    def terminal(self) -> Terminal:
        """The app, by its own type."""
        return cast("Terminal", self.app)

    def compose(self) -> ComposeResult:
        """Put the first line above and outcome, banner and keys below the screen's own part."""
        yield Static(id="head")
        yield from self.body()
        yield Static(id="note")
        yield Static(id="said")
        yield Static(id="trouble")
        yield Keys()

    def on_mount(self) -> None:
        """Begin to follow the catalog."""
        self._say_head()
        self.set_interval(self.terminal.every_s, self._tick)
        self.look_now()

    def on_screen_resume(self) -> None:
        """Be up to date when a person comes back."""
        if self.is_mounted:
            self._tick()

    def look_now(self) -> None:
        """Read at once, unless an answer is already being waited for."""
        if self._asked_at_s is None:
            self._asked_at_s = self.terminal.link.project.clock.monotonic()
            self._look()

    def accept(self, view: View) -> None:
        """Take what was read; a screen that must not change under a person's hands overrides this."""
        if view != self.view:
            self.view = view
            self.show(view)
            self.refresh_bindings()

    def say(self, words: str, *, bad: bool = False) -> None:
        """Show the outcome of what a person did, until the next one."""
        self._line("#said", words, bad=bad)

    def note(self, words: str, *, bad: bool = False) -> None:
        """Show what there is to know about what is on the screen; it takes no outcome's place."""
        self._line("#note", words, bad=bad)

    def _line(self, name: str, words: str, *, bad: bool) -> None:
        line = self.query_one(name, Static)
        line.update(Content(plain(words)))
        line.set_class(bad, "-bad")
        line.display = bool(words)

    def ask(self, question: ModalScreen[Answer | None], then: Callable[[Answer], object]) -> None:
        """Put a question before the person, and call `then` with the answer unless they went back."""

        def answered(answer: Answer | None) -> None:
            if answer is not None:
                then(answer)

        self.app.push_screen(question, answered)

    @work(group="act")
    async def act(self, what: Callable[[Project], str], *, meanwhile: str) -> None:
        """Do what a person asked for in a thread, one thing at a time, and say how it went in a sentence."""
        if self.busy:
            self.say("The one before is still being done; it was not asked for again.", bad=True)
            return
        self.busy = True
        self.say(meanwhile)
        try:
            answer, bad = await self.terminal.link.ask(what), False
        except DayreelError as error:
            answer, bad = str(error), True
        finally:
            self.busy = False
        if self.is_running:
            self.say(answer, bad=bad)
            self.look_now()
        else:  # the person went back before the outcome was there; it is not lost
            self.app.notify(answer, severity="error" if bad else "information", markup=False)

    def action_library(self) -> None:
        """Go to own footage, or say what it takes."""
        if footage_hooks(self.terminal.link.project.settings) is None:
            self.say(str(no_library()), bad=True)
        else:
            self.app.switch_mode("library")

    def _tick(self) -> None:
        visible = next((screen for screen in reversed(self.app.screen_stack) if not screen.is_modal), None)
        if visible is not self:
            return
        if self._asked_at_s is None:
            self.look_now()
            return
        waited_s = self.terminal.link.project.clock.monotonic() - self._asked_at_s
        if waited_s > PATIENCE_S:
            self._trouble(f"The catalog has not answered for {waited_s:.0f} s.")

    @work(group="look")
    async def _look(self) -> None:
        view: View | None = None
        trouble = ""
        try:
            view = await self.terminal.link.ask(self.look)
        except DayreelError as error:
            trouble = str(error)
        finally:
            self._asked_at_s = None
        if not self.is_running:
            return  # the person has left this screen meanwhile
        self._trouble(trouble)
        if view is not None:
            self._say_head()
            self.accept(view)

    def _trouble(self, words: str) -> None:
        if words == self._troubled:
            return  # laying the screen out again each second would keep a slow line busy
        self._troubled = words
        banner = self.query_one("#trouble", Static)
        kept = " What is shown is from before; asking again every second." if self.view is not None else ""
        banner.update(Content(plain(words) + kept))
        banner.display = bool(words)

    def _say_head(self) -> None:
        project = self.terminal.link.project
        where = f"{project.settings.world} · {self.terminal.link.person} · {project.clock.now():%H:%M:%S} UTC"
        name = f" dayreel  {self.name_shown}"
        room = max(1, self.app.size.width - len(name) - len(where) - 1)
        self.query_one("#head", Static).update(Content(plain(name + " " * room + where)), layout=False)
