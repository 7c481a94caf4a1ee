"""The first page: what waits for somebody, and approving several of them at once."""

from starlette.responses import JSONResponse, Response

from dayreel.desk.pages.frame import Visit
from dayreel.errors import DayreelError, UsageError
from dayreel.queries.queue import VIEWS, queue_of
from dayreel.queries.review import read_seen
from dayreel.services.reviewing.decide import decide

_MOST_AT_ONCE = 100


def queue(visit: Visit) -> Response:
    """Show one page of one view."""
    number = visit.query("page", "1")
    found = queue_of(
        visit.room.studio,
        visit.room.queue_cache,
        view=visit.query("view", "review"),
        page=int(number) if number.isdecimal() and len(number) < 7 else 1,  # noqa: PLR2004
        channel=visit.query("channel") or None,
    )
    return visit.show("queue.html", queue=found, views=VIEWS, channel=visit.query("channel"))


def approve_many(visit: Visit) -> Response:
    """Approve each of the chosen contents as it was shown; one that has changed is left, and the others are not.

    Raises:
        UsageError: nothing was chosen.
    """
    chosen = list(visit.form.get("item", ()))
    if not chosen or len(chosen) > _MOST_AT_ONCE:
        raise UsageError(f"{len(chosen)} contents were chosen.", next_step=f"Tick 1 to {_MOST_AT_ONCE} of them.")
    told = [_approve(visit, item) for item in chosen]
    refused = [one for one in told if one["refusal"]]
    status = 409 if refused else 200
    if visit.wants_json:
        return JSONResponse({"outcomes": told}, status)
    return visit.show("batch.html", status=status, outcomes=told)


def _approve(visit: Visit, item: str) -> dict[str, str | None]:
    content_id, _at, seen = item.partition("@")
    try:
        decide(
            visit.studio,
            content_id,
            "approved",
            by=visit.person.name,
            via="api" if visit.via == "api" else "desk",
            seen=read_seen(seen),
        )
    except DayreelError as error:
        return {"content_id": content_id, "refusal": str(error)}
    return {"content_id": content_id, "refusal": None}
