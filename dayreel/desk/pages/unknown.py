"""Effects whose outcome nobody knows: the evidence, and the two buttons by which a person says what they found."""

from starlette.responses import Response

from dayreel.desk.pages.frame import Visit
from dayreel.errors import UsageError
from dayreel.queries.unknown_outcomes import unknown_outcomes
from dayreel.services.audit import note_act
from dayreel.services.upkeep.reconcile import Reconciled, reconcile, resolve

_LONGEST_ID = 300
_SHOWN_OF_A_REQUEST = ("title", "caption", "marker", "model", "prompt", "duration_s", "text")


def unknown(visit: Visit) -> Response:
    """List them."""
    return _show(visit, None)


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
    return _show(visit, told)


def _show(visit: Visit, looked_up: list[Reconciled] | None) -> Response:
    unknown = unknown_outcomes(visit.room.studio)
    return visit.show("unknown.html", unknown=unknown, shown_of_a_request=_SHOWN_OF_A_REQUEST, looked_up=looked_up)


def _resolve(visit: Visit, named: str | None) -> Response:
    number = visit.path("effect_id")
    note = visit.field("note").strip()[:500] or None
    told = resolve(visit.studio, int(number), found=named, by=visit.person.name, note=note)
    with visit.room.studio.catalog.write() as connection:
        detail = {"found": named, "note": note, "outcome": told.outcome}
        at, who = visit.room.studio.clock.now(), visit.person.name
        note_act(connection, "resolve effect", f"effect {number}", actor=who, at=at, via=visit.via, detail=detail)
    return visit.done("/unknown", "resolved", outcome=told.outcome)
