"""The questions that a screen asks before it acts: yes or no, a line of text, several, a caption.

A dialog answers with what was typed, or None when the person went back; it does nothing itself.
"""

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static, TextArea

from dayreel.queries.review import PlatformWords
from dayreel.rules.captions import UNIT_NAMES
from dayreel.tui.widgets import Keys
from dayreel.tui.words import plain

BACK = Binding("escape", "dismiss(None)", "Back")


class Confirm(ModalScreen[bool | None]):
    """Yes or no, to a question that names what it is about."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("y", "dismiss(True)", "Yes"), BACK]

    HINT: ClassVar[str] = "y does it, Esc goes back."

    def __init__(self, question: str) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        """Show the question and the keys."""
        with Vertical(classes="dialog"):
            yield Static(Content(plain(self._question)))
            yield Static(Content(self.HINT), classes="hint")
        yield Keys()


class MakeOrSkip(Confirm, inherit_bindings=False):
    """Have a day made, or leave it out."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("m", "dismiss(True)", "Make it now"),
        Binding("s", "dismiss(False)", "Skip it"),
        BACK,
    ]
    HINT = "m makes it now, s skips the day, Esc goes back."


class AskLine(ModalScreen[str | None]):
    """One line of text, which must not be empty."""

    BINDINGS: ClassVar[list[BindingType]] = [BACK]

    def __init__(self, question: str, *, placeholder: str = "", value: str = "") -> None:
        """Keep the question, what the empty field shows, and what is in it at first."""
        super().__init__()
        self._question = question
        self._placeholder = placeholder
        self._value = value

    def compose(self) -> ComposeResult:
        """Show the question, the field and the keys."""
        with Vertical(classes="dialog"):
            yield Static(Content(plain(self._question)))
            yield Input(self._value, placeholder=self._placeholder)
            yield Static(Content("Enter says it, Esc goes back."), classes="hint")
        yield Keys()

    @on(Input.Submitted)
    def take(self, event: Input.Submitted) -> None:
        """Answer with what was typed."""
        words = event.value.strip()
        if words:
            self.dismiss(words)


class EditCaption(ModalScreen[str | None]):
    """The caption, with what each platform would make of it while it is typed."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+s", "save", "Save", priority=True), BACK]

    def __init__(self, caption: str, preview: Callable[[str], Sequence[PlatformWords]]) -> None:
        """Keep the present caption, and the function that shows how each platform would get another one."""
        super().__init__()
        self._caption = caption
        self._preview = preview

    def compose(self) -> ComposeResult:
        """Show the text, the lengths and the keys."""
        with Vertical(classes="dialog"):
            yield Static(Content("Caption, without the channel's hashtags:"))
            yield TextArea(self._caption, soft_wrap=True)
            yield Static(id="lengths")
        yield Keys()

    def on_mount(self) -> None:
        """Show the lengths of what is there."""
        self._measure()

    @on(TextArea.Changed)
    def _measure(self) -> None:
        lengths = (_length(words) for words in self._preview(self.query_one(TextArea).text))
        self.query_one("#lengths", Static).update(Content("\n".join(lengths)))

    def action_save(self) -> None:
        """Answer with the text."""
        self.dismiss(self.query_one(TextArea).text)


def length_of(words: PlatformWords) -> str:
    """Return how long what a platform gets is, and how long it may be."""
    return "does not fit" if words.problem else f"{words.size}/{words.limit} {UNIT_NAMES[words.unit]}"


def _length(words: PlatformWords) -> str:
    dropped = f", leaves out {' '.join(words.dropped_hashtags)}" if words.dropped_hashtags else ""
    return f"{words.platform:10} {plain(words.problem) or length_of(words) + dropped}"
