"""The first page: what waits for somebody, and approving several of them at once."""

from starlette.responses import JSONResponse, Response

from dayreel.desk.pages.page import PageRequest
from dayreel.errors import DayreelError, UsageError
from dayreel.queries.queue import VIEWS, queue_of
from dayreel.queries.review import parse_snapshot
from dayreel.services.reviewing.decide import decide

_MOST_AT_ONCE = 100


def queue(request: PageRequest) -> Response:
    """Show one page of one view."""
    number = request.query("page", "1")
    view = queue_of(
        request.desk.project,
        request.desk.queue_cache,
        view=request.query("view", "review"),
        page=int(number) if number.isdecimal() and len(number) < 7 else 1,  # noqa: PLR2004
        channel=request.query("channel") or None,
    )
    return request.show("queue.html", queue=view, views=VIEWS, channel=request.query("channel"))


def approve_many(request: PageRequest) -> Response:
    """Approve each of the chosen contents as it was shown; one that has changed is left, and the others are not.

    Raises:
        UsageError: nothing was chosen.
    """
    chosen = list(request.form.get("item", ()))
    if not chosen or len(chosen) > _MOST_AT_ONCE:
        raise UsageError(f"{len(chosen)} contents were chosen.", next_step=f"Tick 1 to {_MOST_AT_ONCE} of them.")
    outcomes = [_approve(request, item) for item in chosen]
    refused = [outcome for outcome in outcomes if outcome["refusal"]]
    status = 409 if refused else 200
    if request.wants_json:
        return JSONResponse({"outcomes": outcomes}, status)
    return request.show("batch.html", status=status, outcomes=outcomes)


def _approve(request: PageRequest, item: str) -> dict[str, str | None]:
    content_id, _at, seen = item.partition("@")
    try:
        decide(
            request.project,
            content_id,
            "approved",
            by=request.person.name,
            via="api" if request.via == "api" else "desk",
            seen=parse_snapshot(seen),
        )
    except DayreelError as error:
        return {"content_id": content_id, "refusal": str(error)}
    return {"content_id": content_id, "refusal": None}
