"""Own footage: questions first, items by state, the work on them; one item; answering, stopping and retrying."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from starlette.responses import Response

from dayreel.desk.pages.page import PageRequest, show_error
from dayreel.errors import BusyError, StaleState, UsageError
from dayreel.footage.library.gates import GateVerdict, answer, look_up_again
from dayreel.footage.library.jobs import cancel_job, retry_job
from dayreel.footage.library.open_library import open_library
from dayreel.footage.library.prioritise import set_priority
from dayreel.footage.library.views import item_page, library_page, work_of
from dayreel.services.footage_hooks import DeskPages


def library(request: PageRequest) -> Response:
    """Show everything.

    Raises:
        UsageError: there is no such state.
    """
    state = request.query("state") or None
    return request.show("library.html", page=library_page(request.desk.project, state=state), state=state)


def item(request: PageRequest) -> Response:
    """Show one item.

    Raises:
        UsageError: there is no such item.
    """
    return request.show("library_item.html", page=item_page(request.desk.project, request.path("item_id")))


def work(request: PageRequest) -> Response:
    """Show the work alone, for a page that follows along."""
    item_id = request.query("item") or None
    return request.show("library_work.html", work=work_of(request.desk.project, item_id=item_id))


def approve(request: PageRequest) -> Response:
    """Say yes, with the names as they were typed where names were asked for.

    Raises:
        UsageError: no such question, or a name cannot be one.
    """
    files, names = request.form.get("file", ()), request.form.get("name", ())
    if len(files) != len(names):
        raise UsageError(
            f"{len(files)} files came with {len(names)} names.", next_step="Send the form as the page does."
        )
    response = {"names": dict(zip(files, (" ".join(name.split()) for name in names), strict=True))} if files else {}
    return _answer(request, "approved", response, typed="\n".join(names))


def reject(request: PageRequest) -> Response:
    """Say no."""
    return _answer(request, "rejected", {})


def keep_others(request: PageRequest) -> Response:
    """Have a remux made again with the streams that are ticked.

    Raises:
        UsageError: nothing is ticked, or something that is not a stream of it.
    """
    ticked = request.form.get("keep", ())
    if not all(index.isdecimal() and len(index) < 5 for index in ticked):  # noqa: PLR2004
        raise UsageError("A stream is named by its number.", next_step="Send the form as the page does.")
    return _answer(request, "rejected", {"keep": [int(index) for index in ticked]}, notice="again")


def look_again(request: PageRequest) -> Response:
    """Ask for titles again.

    Raises:
        UsageError: there is no such question, or nobody is asked for titles.
    """
    number = int(request.path("gate_id"))
    try:
        gate = look_up_again(open_library(request.project), number, by=request.person.name, via=request.via)
    except (StaleState, BusyError) as error:
        return show_error(request, error, back="/library")
    return request.done("/library", "question-looked-up", question=gate.id, item_id=gate.item_id)


def cancel(request: PageRequest) -> Response:
    """Stop a job.

    Raises:
        UsageError: there is no such job.
    """
    return _act_on_job(request, cancel_job, "job-cancelled")


def retry(request: PageRequest) -> Response:
    """Try a job again.

    Raises:
        UsageError: there is no such job.
    """
    return _act_on_job(request, retry_job, "job-retried")


def prioritise(request: PageRequest) -> Response:
    """Have an item's next jobs go before or behind those of others.

    Raises:
        UsageError: there is no such item, or no such priority.
    """
    item_id, typed = request.path("item_id"), request.form.get("priority", ("",))[0]
    if not (typed.isdecimal() and len(typed) == 1):
        raise UsageError(f"{typed!r} is not a priority.", next_step="0 goes first, 9 last; 5 is as usual.")
    words = set_priority(open_library(request.project), item_id, int(typed), via=request.via)
    return request.done(f"/library/items/{item_id}", "item-priority", item_id=item_id, told=words)


def _act_on_job(request: PageRequest, act: Callable[..., str], notice: str) -> Response:
    job = request.path("job")
    return request.done("/library", notice, job=job, told=act(open_library(request.project), job, via=request.via))


def _answer(
    request: PageRequest, verdict: GateVerdict, response: dict[str, Any], *, notice: str | None = None, typed: str = ""
) -> Response:
    number = int(request.path("gate_id"))
    try:
        gate = answer(
            open_library(request.project), number, verdict, by=request.person.name, via=request.via, response=response
        )
    except (StaleState, BusyError, UsageError) as error:
        return show_error(request, error, draft=typed or None, back="/library")
    return request.done("/library", f"question-{notice or verdict}", question=number, item_id=gate.item_id)


PAGES: Final = DeskPages(
    routes=(
        ("GET", "/library", library, "viewer"),
        ("GET", "/library/work", work, "viewer"),
        ("GET", "/library/items/{item_id}", item, "viewer"),
        ("POST", "/library/questions/{gate_id:int}/approve", approve, "reviewer"),
        ("POST", "/library/questions/{gate_id:int}/reject", reject, "reviewer"),
        ("POST", "/library/questions/{gate_id:int}/keep", keep_others, "reviewer"),
        ("POST", "/library/questions/{gate_id:int}/look-up", look_again, "reviewer"),
        ("POST", "/library/items/{item_id}/priority", prioritise, "operator"),
        ("POST", "/library/jobs/{job}/cancel", cancel, "operator"),
        ("POST", "/library/jobs/{job}/retry", retry, "operator"),
    ),
    templates=Path(__file__).with_name("templates"),
    nav=("/library", "Library", "library"),
    notices={
        "question-approved": "Approved. It continues automatically.",
        "question-rejected": "Rejected. It stays as it is until somebody makes it again.",
        "question-again": "It is made again with those streams, and asked again.",
        "question-looked-up": "Looked up again. The result is shown with the question.",
        "job-cancelled": "The job stops as soon as its worker notices; a waiting job is cancelled at once.",
        "job-retried": "The job is queued again.",
        "item-priority": "Its next jobs have that priority; one that waits keeps its place.",
    },
)
