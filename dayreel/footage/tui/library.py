"""The screen of own footage: what waits for a person first, then the work, the workers, and every item by its state.

Enter opens a question, or says what an item waits for; a question itself is `dayreel.footage.tui.question`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from dayreel.footage.library.jobs import cancel_job, retry_job
from dayreel.footage.library.open_library import open_library
from dayreel.footage.library.views import LibraryPage, WorkView, library_page
from dayreel.footage.tui.question import QuestionScreen
from dayreel.rules.lifecycle import UNDER_WAY
from dayreel.services.project import Project
from dayreel.tui.dialogs import Confirm
from dayreel.tui.live import PLACES, LiveScreen
from dayreel.tui.widgets import ContentList, show_options
from dayreel.tui.words import bar, one_line, plain

_DONE_TO: Mapping[str, tuple[str, ...]] = {"cancel": UNDER_WAY, "retry": ("failed",)}


@dataclass(frozen=True)
class ListLine:
    """One line of the list.

    Attributes:
        about: kind and name of what it is of: `question 3`, `item movie-a`, `job p5-…`; empty: it cannot be chosen.
        note: what there is to know about it, shown when it is opened.
        state: of a job.
    """

    about: str
    words: str
    note: str = ""
    state: str = ""


@dataclass(frozen=True)
class Shelf:
    """Everything on the screen; `trouble` says why a part of it is missing."""

    lines: tuple[ListLine, ...]
    trouble: str


class LibraryScreen(LiveScreen[Shelf]):
    """Own footage."""

    name_shown = "own footage"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x", "cancel", "Cancel"),
        Binding("t", "retry", "Try again"),
        *PLACES,
    ]

    def body(self) -> ComposeResult:
        """Make the list."""
        yield ContentList(id="library", markup=False)

    def look(self, project: Project) -> Shelf:
        """Read the catalog, and the shared folder for the work."""
        page = library_page(project)
        return Shelf(tuple(_lines(page)), page.work.trouble)

    def show(self, view: Shelf) -> None:
        """Fill the list again; the same thing stays highlighted wherever it has moved to."""
        show_options(self.query_one("#library", OptionList), [_option(line) for line in view.lines])
        self.note(view.trouble, bad=True)

    @on(OptionList.OptionSelected)
    def open(self) -> None:
        """Open a question, or show what there is to know."""
        line = self._chosen()
        if line is None:
            return
        kind, _, name = line.about.partition(" ")
        if kind == "question":
            self.app.push_screen(QuestionScreen(int(name)))
        else:
            self.say(f"{name}: {line.note or 'there is nothing to say about it'}")

    @on(OptionList.OptionHighlighted)
    def _moved(self) -> None:
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Dim the keys of what cannot be done to the highlighted line."""
        del parameters
        if action not in _DONE_TO:  # asked by the screen before, too, when the list may not be there yet
            return True
        line = self._chosen()
        return True if line is not None and line.state in _DONE_TO[action] else None

    def action_cancel(self) -> None:
        """Ask, then stop a job."""
        job = self._job()
        if job is None:
            return

        def stop(project: Project) -> str:
            return cancel_job(open_library(project), job, via="tui")

        self.ask(Confirm(f"Cancel {job}?"), lambda _yes: self.act(stop, meanwhile=f"Stopping {job} ..."))

    def action_retry(self) -> None:
        """Try a job again."""
        job = self._job()
        if job is None:
            return

        def again(project: Project) -> str:
            return retry_job(open_library(project), job, via="tui")

        self.act(again, meanwhile=f"Trying {job} again ...")

    def _job(self) -> str | None:
        line = self._chosen()
        return line.about.partition(" ")[2] if line is not None and line.state else None

    def _chosen(self) -> ListLine | None:
        option = self.query_one("#library", OptionList).highlighted_option
        wanted = None if option is None else option.id
        return next((line for line in self.view.lines if line.about == wanted), None) if self.view and wanted else None


def _option(line: ListLine) -> Option:
    if line.about:
        return Option(Content(line.words), id=line.about)
    return Option(Content.styled(line.words, "bold"), disabled=True)


def _lines(page: LibraryPage) -> Iterator[ListLine]:
    if page.questions:
        yield ListLine("", f"waits for your answer ({len(page.questions)})")
    for question in page.questions:
        gate = question.gate
        yield ListLine(f"question {gate['id']}", f"  {gate['id']:>4}  {plain(gate['title']):34} {gate['asked']}")
    yield from _work(page.work)
    for group in page.groups:
        more = f", the first {len(group.items)}" if group.total > len(group.items) else ""
        yield ListLine("", f"{group.title.lower()} ({group.total}{more})")
        for item in group.items:
            waits = f"waits for answer {item['gate']}" if item["gate"] else one_line(item["error"] or item["next"])
            yield ListLine(f"item {item['item_id']}", f"  {plain(item['item_id']):32} {waits}", note=waits)


def _work(work: WorkView) -> Iterator[ListLine]:
    yield ListLine("", "workers" if work.workers else "workers: none; `dayreel worker` starts one")
    for status in work.workers:
        seen, doing = status.seen, f"  {status.seen.job}" if status.seen.job else ""
        is_here = "at work " if status.is_alive else "not seen"
        yield ListLine(f"worker {seen.name}", f"  {plain(seen.name):24} {is_here}  {', '.join(seen.roles)}{doing}")
    jobs = [*work.open_jobs, *(job for job in work.ended if job["state"] == "failed")]
    yield ListLine("", "jobs" if jobs else "jobs: nothing is being done")
    for job in jobs:
        note = one_line(job["error"] or job["detail"])
        yield ListLine(f"job {job['job']}", _job(job, note), note=note, state=job["state"])


def _job(job: Mapping[str, Any], note: str) -> str:
    drawn = bar(job["progress"] / 100, 10)
    head = f"  {plain(job['item_id']):32} {job['role']:9} {job['state']:9} {drawn} {job['progress']:>3} %"
    parts = [plain(job["worker"])] if job["worker"] else []
    parts += [f"{job['fps']} fps"] if job.get("fps") else []
    parts += [f"{round(job['eta_s'] / 60)} min left"] if job.get("eta_s") else []
    parts += [note] if note else []
    return f"{head}\n      {', '.join(parts)}" if parts else head
