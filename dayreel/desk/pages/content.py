"""One content: everything there is to see of it, and what a reviewer may say."""

from starlette.responses import JSONResponse, Response

from dayreel.desk.pages.frame import Visit, tell
from dayreel.errors import BusyError, GateClosedError, StaleState, UsageError
from dayreel.queries.review import EVENTS, Seen, Verdict, read_seen, review_of, seen_text, words_of
from dayreel.queries.rows import get_content
from dayreel.rules.content_ids import parse_content_id
from dayreel.rules.gates import closed
from dayreel.services.making.open_content import open_new_take
from dayreel.services.publishing.plan_posts import Plan, plan_posts
from dayreel.services.reviewing.decide import decide
from dayreel.services.upkeep.retry_content import regenerate_segment
from dayreel.services.upkeep.start_work import making_of, publishing_of

_WORDS: dict[str, Verdict] = {event: verdict for verdict, event in EVENTS.items()}


def show(visit: Visit) -> Response:
    """Show a content."""
    return _shown(visit, draft=None)


def preview(visit: Visit) -> Response:
    """Show how each platform would get a caption that is not saved yet."""
    text = visit.field("caption")
    if not visit.wants_json:
        return _shown(visit, draft=text)
    words = words_of(visit.room.studio, visit.path("content_id"), caption=text)
    return JSONResponse({"captions": [vars(one) for one in words]})


def approve(visit: Visit) -> Response:
    """Approve what was shown."""
    return _decide(visit, "approve")


def reject(visit: Visit) -> Response:
    """Reject what was shown, with a reason.

    Raises:
        UsageError: there is no reason.
    """
    if not visit.field("note").strip():
        raise UsageError("A rejection needs a reason.", next_step="Say in a few words what is wrong.")
    return _decide(visit, "reject")


def edit(visit: Visit) -> Response:
    """Change the caption."""
    return _decide(visit, "edit")


def hold(visit: Visit) -> Response:
    """Keep it from going out and from expiring."""
    return _decide(visit, "hold")


def recall(visit: Visit) -> Response:
    """Take an approval or a hold back."""
    return _decide(visit, "recall")


def regenerate(visit: Visit) -> Response:
    """Have one segment made again, beginning now.

    Raises:
        UsageError: there is no such segment, or its content is out already.
        BusyError: its content is being made right now.
    """
    content_id, sequence = visit.path("content_id"), visit.field("segment")
    if not sequence.isdecimal() or len(sequence) > 3:  # noqa: PLR2004
        raise UsageError(f"{sequence!r} is no segment.", next_step="Choose one of those on the page.")
    found = review_of(visit.room.studio, content_id)
    if not found.can_regenerate:
        raise UsageError(
            f"No segment of {content_id} can be made again now (it is {found.row.state}).",
            next_step="Only the newest take of a day, before it goes out.",
        )
    seen = _seen(visit)
    if seen is not None and (found.row.revision, found.row.version) != (seen.revision, seen.version):
        raise StaleState(f"{content_id} has changed since you saw it.", next_step="Look at it as it is now.")
    row = regenerate_segment(visit.studio, content_id, int(sequence))
    visit.note("regenerate segment", f"{content_id}#{sequence}")
    visit.room.start(visit.studio, making_of(row.channel, row.day), visit.person.name)
    return visit.done(f"/content/{content_id}", "regenerating", content_id=content_id)


def retake(visit: Visit) -> Response:
    """Have another take of the day made, beginning now.

    Raises:
        UsageError: this take is still open, or not the newest of its day.
    """
    content_id = visit.path("content_id")
    with visit.room.studio.catalog.read() as connection:
        previous = get_content(connection, content_id)
    row = open_new_take(visit.studio, previous)
    visit.note("new take", row.id)
    visit.room.start(visit.studio, making_of(row.channel, row.day), visit.person.name)
    return visit.done(f"/content/{row.id}", "retaking", content_id=row.id)


def publish(visit: Visit) -> Response:
    """Have an approved content published now instead of by the sensor's next look, through every gate.

    Raises:
        GateClosedError: nothing of it may go out now; says why, platform by platform.
        UsageError: there is no such content.
    """
    content_id = visit.path("content_id")
    plans = plan_posts(visit.studio, visit.studio.channels.load(parse_content_id(content_id).channel), content_id)
    if not any(plan.may_go_out for plan in plans):
        raise GateClosedError(
            f"Nothing of {content_id} may go out now. {' '.join(map(_why_not, plans))}".strip(),
            next_step="What an open window or a free place holds back goes out by itself then.",
        )
    visit.note("publish now", content_id)
    visit.room.start(visit.studio, publishing_of(content_id), visit.person.name)
    return visit.done(f"/content/{content_id}", "publishing", content_id=content_id)


def _why_not(plan: Plan) -> str:
    if plan.posted is not None:
        return f"{plan.platform}: it is out already."
    reasons = [gate.message for gate in closed(plan.gates)] or [plan.problem or "there is nothing to send"]
    return f"{plan.platform}: {'; '.join(reasons)}."


def _shown(visit: Visit, *, draft: str | None, status: int = 200) -> Response:
    page = review_of(visit.room.studio, visit.path("content_id"))
    seen = seen_text(page.seen) if page.seen else ""
    words = page.words if draft is None else page.words_for(draft)
    return visit.show("content.html", status=status, page=page, words=words, seen=seen, draft=draft)


def _decide(visit: Visit, word: str) -> Response:
    content_id, caption = visit.path("content_id"), visit.field("caption")
    try:
        row = decide(
            visit.studio,
            content_id,
            _WORDS[word],
            by=visit.person.name,
            via="api" if visit.via == "api" else "desk",
            seen=_seen(visit),
            revision=_revision(visit),
            caption=caption if word == "edit" else None,
            note=visit.field("note").strip()[:2000] or None,
        )
    except (StaleState, BusyError, UsageError) as error:
        return tell(visit, error, draft=caption or visit.field("note"), back=f"/content/{content_id}")
    return visit.done(f"/content/{content_id}", row.verdict, content_id=content_id, decision_id=row.id)


def _seen(visit: Visit) -> Seen | None:
    """Return what the person saw; a page must say it, a script may name the revision alone."""
    if visit.person.how == "token" and not visit.field("seen") and visit.field("revision"):
        return None
    return read_seen(visit.field("seen"))


def _revision(visit: Visit) -> int | None:
    text = visit.field("revision")
    return int(text) if text.isdecimal() and len(text) < 7 else None  # noqa: PLR2004
