"""Effects whose outcome nobody knows: the evidence, and the two buttons by which a person says what they found."""

from starlette.responses import Response

from dayreel.desk.pages.frame import Visit
from dayreel.errors import UsageError
from dayreel.schemas.effect import HOUSE
from dayreel.services.audit import note_act
from dayreel.services.desk.money import doubts
from dayreel.services.upkeep.reconcile import reconcile, resolve

_LONGEST_ID = 300


def unknown(visit: Visit) -> Response:
    """List them."""
    return visit.show("unknown.html", house=HOUSE, doubts=doubts(visit.room.studio), outcomes=None)


def found(visit: Visit) -> Response:
    """Note that it is there, under this id.

    Raises:
        UsageError: no id was given, or the outcome is known already.
    """
    named = visit.field("found").strip()
    if not named or len(named) > _LONGEST_ID or not named.isprintable():
        raise UsageError("Under which id is it there?", next_step="Copy it from the provider's own page.")
    return _resolve(visit, named)


def not_there(visit: Visit) -> Response:
    """Note that it is not there; it may be sent again then.

    Raises:
        UsageError: nobody said that they looked, or the outcome is known already.
    """
    if visit.field("looked") != "yes":
        raise UsageError("Have you looked?", next_step="Tick the box when you have; it may be sent again after this.")
    return _resolve(visit, None)


def look_again(visit: Visit) -> Response:
    """Ask the providers once more; sends nothing and buys nothing."""
    told = reconcile(visit.studio)
    return visit.show("unknown.html", house=HOUSE, doubts=doubts(visit.room.studio), outcomes=told)


def _resolve(visit: Visit, named: str | None) -> Response:
    number = visit.path("effect_id")
    note = visit.field("note").strip()[:500] or None
    told = resolve(visit.studio, int(number), found=named, by=visit.person.name, note=note)
    with visit.room.studio.catalog.write() as connection:
        detail = {"found": named, "note": note, "outcome": told.outcome}
        at, who = visit.room.studio.clock.now(), visit.person.name
        note_act(connection, "resolve effect", f"effect {number}", actor=who, at=at, via=visit.via, detail=detail)
    return visit.done("/unknown", "resolved", outcome=told.outcome)
