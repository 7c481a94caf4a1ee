"""One question about own footage: the streams with what becomes of each, or the names, and the keys that answer it.

An answer names its question. When it was answered or superseded meanwhile, the screen says so, and nothing is recorded.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static, TextArea

from dayreel.footage.library.gates import GateVerdict, answer, look_up_again
from dayreel.footage.library.open_library import open_library
from dayreel.footage.library.views import GateView, question_of
from dayreel.services.project import Project
from dayreel.tui.dialogs import BACK, AskLine, Confirm
from dayreel.tui.live import LiveScreen
from dayreel.tui.widgets import Keys
from dayreel.tui.words import one_line, plain


class QuestionScreen(LiveScreen[GateView]):
    """One question."""

    name_shown = "question"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "approve", "Approve"),
        Binding("r", "reject", "Reject"),
        Binding("k", "keep", "Keep others"),
        Binding("e", "edit", "Edit names"),
        Binding("l", "look_up", "Look up again"),
        Binding("escape", "app.pop_screen", "Back"),
        Binding("q", "app.quit", "Quit", show=False),
    ]

    def __init__(self, gate_id: int) -> None:
        super().__init__()
        self.gate_id = gate_id
        self._names: dict[str, str] | None = None

    def body(self) -> ComposeResult:
        """Make the page."""
        with VerticalScroll(id="page", can_focus=True):
            yield Static(id="detail")

    def look(self, project: Project) -> GateView:
        """Read the question."""
        return question_of(project, self.gate_id)

    def show(self, view: GateView) -> None:
        """Lay the page out."""
        self.query_one("#detail", Static).update(Content("\n").join(_page(view, self._names)))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Dim the keys of what is not possible now; leave out those of the other kind of question."""
        del parameters
        gate = self.view.gate if self.view is not None else None
        if action in ("keep", "edit"):
            wanted = "remux_review" if action == "keep" else "naming_confirm"
            if gate is not None and gate["type"] != wanted:
                return False
        if action == "look_up" and (gate is None or "looked_up" not in gate["prompt"]):
            return False
        if action in ("approve", "reject", "keep", "edit", "look_up"):
            return True if gate is not None and gate["status"] == "pending" else None
        return True

    # -- what the keys do

    def action_approve(self) -> None:
        """Ask, then say yes to what is on the screen."""
        if self.view is None:
            return
        response = {"names": self._names} if self._names is not None else {}
        what = "these names" if self.view.gate["type"] == "naming_confirm" else "these streams"
        self._ask(f"Approve {what} of {self.view.gate['title']}?", "approved", response)

    def action_reject(self) -> None:
        """Ask, then say no."""
        if self.view is not None:
            title = self.view.gate["title"]
            self._ask(
                f"Reject? {title} stays as it is until somebody makes it again and touches its marker.", "rejected", {}
            )

    def action_keep(self) -> None:
        """Ask which streams to keep, then have the remux made again with them."""
        if self.view is None:
            return

        def keep(words: str) -> None:
            numbers = words.replace(",", " ").split()
            if all(number.isdecimal() for number in numbers):
                self._answer("rejected", {"keep": [int(number) for number in numbers]})
            else:
                self.say(f"{words!r} is not a valid list of numbers; like 0,1,3. Nothing was recorded.", bad=True)

        kept = ",".join(str(stream["index"]) for stream in self.view.streams if stream["is_kept"])
        question = "Which streams are kept? It is made again with them, and asked again."
        self.ask(AskLine(question, value=kept), keep)

    def action_edit(self) -> None:
        """Let the person change the names; they are what an approval is of then."""
        if self.view is None:
            return
        names = self._names or dict(self.view.gate["prompt"]["names"])

        def rename(lines: list[str]) -> None:
            self._names = dict(zip(names, lines, strict=True))
            self.say("The names on the screen are yours; a approves them.")
            if self.view is not None:
                self.show(self.view)

        self.ask(EditLines("Names in the library, one line for each file:", list(names.values())), rename)

    def action_look_up(self) -> None:
        """Ask for titles again; a question that says something else has another number, and is shown."""
        person, gate_id = self.terminal.link.person, self.gate_id

        def say(project: Project) -> str:
            gate = look_up_again(open_library(project), gate_id, by=person, via="tui")
            self.gate_id, self._names = gate.id, None
            return f"{gate.prompt_data['looked_up']['said']} (question {gate.id})"

        self.act(say, meanwhile="Looking up titles ...")

    def _ask(self, question: str, verdict: GateVerdict, response: dict[str, Any]) -> None:
        self.ask(Confirm(question), lambda _yes: self._answer(verdict, response))

    def _answer(self, verdict: GateVerdict, response: dict[str, Any]) -> None:
        person, gate_id = self.terminal.link.person, self.gate_id

        def say(project: Project) -> str:
            outcome = answer(open_library(project), gate_id, verdict, by=person, via="tui", response=response)
            return f"Recorded: question {gate_id} about {outcome.item_id} {outcome.status} by {person}."

        self.act(say, meanwhile="Recording your answer ...")


class EditLines(ModalScreen[list[str] | None]):
    """Several lines of text, of which none can be left empty, added or taken away."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+s", "save", "Keep", priority=True), BACK]

    def __init__(self, question: str, lines: Sequence[str]) -> None:
        super().__init__()
        self._question = question
        self._lines = lines

    def compose(self) -> ComposeResult:
        """Show the question, the lines and the keys."""
        with Vertical(classes="dialog"):
            yield Static(Content(plain(self._question)))
            yield TextArea("\n".join(self._lines), soft_wrap=False)
            yield Static(id="problem", classes="hint")
        yield Keys()

    def action_save(self) -> None:
        """Answer with the lines, or say why these cannot be an answer."""
        lines = [line.strip() for line in self.query_one(TextArea).text.strip().split("\n")]
        if len(lines) == len(self._lines) and all(lines):
            self.dismiss(lines)
        else:
            self.query_one("#problem", Static).update(Content(f"It has to be {len(self._lines)} lines, none empty."))


def _page(view: GateView, names: Mapping[str, str] | None) -> Iterator[Content]:
    gate = view.gate
    yield Content.styled(plain(f"{gate['title']}: {gate['asked']}"), "bold")
    yield Content(plain(f"{gate['item_id']}  question {gate['id']}  {gate['prompt'].get('folder', '')}"))
    if gate["status"] != "pending":
        who = f" by {gate['responded_by']} via {gate['via']}" if gate["responded_by"] else ""
        kept = f", to keep {gate['response']['keep']}" if gate["response"] and "keep" in gate["response"] else ""
        yield Content.styled(plain(f"{gate['status']}{who}{kept}"), "bold $accent")
    for layout in view.layouts:
        yield Content("")
        yield Content.styled(plain(", ".join(layout.files)), "bold")
        yield from (Content(_stream(stream)) for stream in layout.streams)
        if not layout.streams:
            yield Content("  its streams were not recorded: a script made it")
    for file, name in (names or (gate["response"] or {}).get("names") or gate["prompt"].get("names", {})).items():
        yield Content("")
        yield Content.styled(plain(file), "bold")
        yield Content(f"  {plain(name)}")
    if "looked_up" in gate["prompt"]:
        yield Content("")
        yield Content(plain(gate["prompt"]["looked_up"]["said"]))


def _stream(stream: Mapping[str, Any]) -> str:
    text = " ".join(str(stream[name]) for name in ("kind", "codec", "language", "title", "detail") if stream.get(name))
    fate = "kept" if stream["is_kept"] else "DROPPED"
    return f"  {stream['index']:>2}  {fate:7}  {one_line(text)}  ({one_line(stream['reason'])})"
