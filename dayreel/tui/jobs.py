"""The jobs screen: what own footage waits for, how far each job is, and which workers are there. Changes nothing."""

from dataclasses import dataclass
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from dayreel.services.library.look_up import jobs_document
from dayreel.services.studio import Studio
from dayreel.services.worker.presence import WorkerStatus, list_workers
from dayreel.tui.live import PLACES, LiveScreen
from dayreel.tui.words import bar, one_line, plain

_SHOWN = 40


@dataclass(frozen=True)
class Jobs:
    """The newest jobs, and the workers of the shared folder; `folder` is empty where none is set."""

    folder: str
    jobs: list[dict[str, Any]]
    workers: list[tuple[str, str, bool]]


class JobsScreen(LiveScreen[Jobs]):
    """Who does what for the library."""

    name_shown = "jobs"
    BINDINGS: ClassVar[list[BindingType]] = PLACES

    def body(self) -> ComposeResult:
        """Make the page."""
        with VerticalScroll(can_focus=True):
            yield Static(id="jobs")

    def look(self, studio: Studio) -> Jobs:
        """Read the jobs from the catalog, the workers from the shared folder."""
        folder = studio.settings.library
        workers = [] if folder is None else [_worker(one) for one in list_workers(folder)]
        return Jobs(str(folder or ""), jobs_document(studio.catalog, most=_SHOWN), workers)

    def show(self, view: Jobs) -> None:
        """Lay the page out."""
        self.query_one("#jobs", Static).update(Content("\n").join(_lines(view)))
        if not self.busy:
            self.say("" if view.folder else "No shared folder of own footage is set (DAYREEL_LIBRARY).")


def _worker(status: WorkerStatus) -> tuple[str, str, bool]:
    doing = f"  {status.seen.job}" if status.seen.job else ""
    return status.seen.name, ", ".join(status.seen.roles) + doing, status.is_alive


def _lines(view: Jobs) -> list[Content]:
    lines = [Content.styled("workers", "bold $accent")]
    for name, roles, is_alive in view.workers:
        lines.append(Content(f"  {plain(name):24} {'at work ' if is_alive else 'not seen'}  {roles}"))
    if not view.workers:
        lines.append(Content("  none: `dayreel worker` starts one"))
    lines += [Content(""), Content.styled("jobs", "bold $accent")]
    lines += [Content(_line(job)) for job in view.jobs]
    if not view.jobs:
        lines.append(Content("  none yet"))
    return lines


def _line(job: dict[str, Any]) -> str:
    told = one_line(job["error"] or job["detail"])
    who = f"  {plain(job['worker'])}" if job["worker"] else ""
    drawn = bar(job["progress"] / 100, 10)
    return f"  {plain(job['item_id']):26} {job['role']:9} {job['state']:9} {drawn} {job['progress']:>3} %{who}  {told}"
