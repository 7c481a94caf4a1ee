"""One content: everything there is to see of it, and what a reviewer may say."""

from starlette.responses import JSONResponse, Response

from dayreel.desk.pages.page import PageHandler, PageRequest, show_error
from dayreel.errors import BusyError, GateClosedError, StaleState, UsageError
from dayreel.queries.review import (
    DecisionVerdict,
    ReviewSnapshot,
    parse_snapshot,
    review_of,
    snapshot_text,
    words_of,
)
from dayreel.queries.rows import get_content
from dayreel.rules.content_ids import parse_content_id
from dayreel.rules.gates import closed
from dayreel.services.making.open_content import open_new_take
from dayreel.services.publishing.plan_posts import Plan, plan_posts
from dayreel.services.reviewing.decide import Via, decide
from dayreel.services.reviewing.post_settings import parse_settings
from dayreel.services.reviewing.waive import waive_check
from dayreel.services.upkeep.retry_content import regenerate_segment
from dayreel.services.upkeep.start_work import continuing_of, making_of, publishing_of


def show(request: PageRequest) -> Response:
    """Show a content."""
    return _shown(request, draft=None)


def preview(request: PageRequest) -> Response:
    """Show how each platform would get a caption that is not saved yet."""
    text = request.field("caption")
    if not request.wants_json:
        return _shown(request, draft=text)
    words = words_of(request.desk.project, request.path("content_id"), caption=text)
    return JSONResponse({"captions": [vars(item) for item in words]})


def decide_by(verdict: DecisionVerdict) -> PageHandler:
    """Return what records such a decision on what was shown.

    A rejection without a reason raises UsageError.
    """

    def record(request: PageRequest) -> Response:
        content_id, caption = request.path("content_id"), request.field("caption")
        note = request.field("note").strip()[:2000] or None
        typed = [
            f"{name.removeprefix('set.')}={request.field(name)}" for name in request.form if name.startswith("set.")
        ]
        settings = parse_settings(typed) if verdict == "edited" else {}
        if verdict == "rejected" and note is None:
            raise UsageError("A rejection needs a reason.", next_step="Say in a few words what is wrong.")
        try:
            row = decide(
                request.project,
                content_id,
                verdict,
                by=request.person.name,
                via=_via(request),
                seen=_seen(request),
                revision=_revision(request),
                caption=(caption or None if settings else caption) if verdict == "edited" else None,
                settings=settings or None,
                note=note,
            )
        except (StaleState, BusyError, UsageError) as error:
            return show_error(request, error, draft=caption or request.field("note"), back=f"/content/{content_id}")
        return request.done(f"/content/{content_id}", row.verdict, content_id=content_id, decision_id=row.id)

    return record


def waive(request: PageRequest) -> Response:
    """Let the video be approved although a check failed, with a reason."""
    content_id, reason = request.path("content_id"), request.field("reason")
    try:
        check = waive_check(
            request.project,
            content_id,
            request.field("check"),
            by=request.person.name,
            via=_via(request),
            reason=reason,
            revision=_revision(request),
        )
    except (StaleState, BusyError, UsageError) as error:
        return show_error(request, error, draft=reason, back=f"/content/{content_id}")
    return request.done(f"/content/{content_id}", "waived", content_id=content_id, check=check.name)


def regenerate(request: PageRequest) -> Response:
    """Have one segment made again, beginning now.

    Raises:
        UsageError: there is no such segment, or its content is out already.
        BusyError: its content is being made right now.
    """
    content_id, sequence = request.path("content_id"), request.field("segment")
    if not sequence.isdecimal() or len(sequence) > 3:  # noqa: PLR2004
        raise UsageError(f"{sequence!r} is not a segment.", next_step="Choose one of those on the page.")
    review = review_of(request.desk.project, content_id)
    if not review.can_regenerate:
        raise UsageError(
            f"No segment of {content_id} can be made again now (it is {review.row.state}).",
            next_step="Only the newest take of a day, before it goes out.",
        )
    seen = _seen(request)
    if seen is not None and (review.row.revision, review.row.version) != (seen.revision, seen.version):
        raise StaleState(f"{content_id} has changed since you saw it.", next_step="Review the current version.")
    row = regenerate_segment(request.project, content_id, int(sequence))
    request.note("regenerate segment", f"{content_id}#{sequence}")
    request.desk.start(request.project, making_of(row.channel, row.day), request.person.name)
    return request.done(f"/content/{content_id}", "regenerating", content_id=content_id)


def retake(request: PageRequest) -> Response:
    """Have another take of the day made, beginning now.

    Raises:
        UsageError: this take is still open, or not the newest of its day.
    """
    content_id = request.path("content_id")
    with request.desk.project.catalog.read() as connection:
        previous = get_content(connection, content_id)
    row = open_new_take(request.project, previous)
    request.note("new take", row.id)
    request.desk.start(request.project, making_of(row.channel, row.day), request.person.name)
    return request.done(f"/content/{row.id}", "retaking", content_id=row.id)


def retry(request: PageRequest) -> Response:
    """Have a content that stopped go on, beginning now; what is done and paid is kept.

    Raises:
        UsageError: it has not stopped, waits for an approval, or a newer take of its day is there.
        GateClosedError: what failed is a post, and this person may not publish.
    """
    content_id = request.path("content_id")
    status = review_of(request.desk.project, content_id).status
    if not status.can_continue:
        raise UsageError(f"{content_id} cannot go on: it is {status.standing}.", next_step="Load the page again.")
    if (status.has_failed_post or status.has_left) and not request.may("operator"):
        raise GateClosedError("Publishing takes the role operator.", next_step="Ask an admin of this desk.")
    request.note("retry", content_id)
    request.desk.start(request.project, continuing_of(content_id), request.person.name)
    return request.done(f"/content/{content_id}", "continuing", content_id=content_id)


def publish(request: PageRequest) -> Response:
    """Have an approved content published now instead of by the sensor's next look, through every gate.

    Raises:
        GateClosedError: nothing of it may go out now; says why, platform by platform.
        UsageError: there is no such content.
    """
    content_id = request.path("content_id")
    plans = plan_posts(request.project, request.project.channels.load(parse_content_id(content_id).channel), content_id)
    if not any(plan.may_go_out for plan in plans):
        raise GateClosedError(
            f"Nothing of {content_id} may go out now. {' '.join(map(_why_not, plans))}".strip(),
            next_step="What waits for a window or a free slot then goes out automatically.",
        )
    request.note("publish now", content_id)
    request.desk.start(request.project, publishing_of(content_id), request.person.name)
    return request.done(f"/content/{content_id}", "publishing", content_id=content_id)


def _why_not(plan: Plan) -> str:
    if plan.posted is not None:
        return f"{plan.platform}: it is out already."
    reasons = [gate.message for gate in closed(plan.gates)] or [plan.problem or "there is nothing to send"]
    return f"{plan.platform}: {'; '.join(reasons)}."


def _shown(request: PageRequest, *, draft: str | None, status: int = 200) -> Response:
    page = review_of(request.desk.project, request.path("content_id"))
    seen = snapshot_text(page.seen) if page.seen else ""
    words = page.words if draft is None else page.words_for(draft)
    return request.show("content.html", status=status, page=page, words=words, seen=seen, draft=draft)


def _via(request: PageRequest) -> Via:
    return "api" if request.via == "api" else "desk"


def _seen(request: PageRequest) -> ReviewSnapshot | None:
    """Return what the person saw; a page must say it, a script may name the revision alone."""
    if request.person.how == "token" and not request.field("seen") and request.field("revision"):
        return None
    return parse_snapshot(request.field("seen"))


def _revision(request: PageRequest) -> int | None:
    text = request.field("revision")
    return int(text) if text.isdecimal() and len(text) < 7 else None  # noqa: PLR2004
