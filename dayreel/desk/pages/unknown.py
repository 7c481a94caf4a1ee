"""Effects whose outcome nobody knows: the evidence, and the two buttons by which a person says what they found."""

from starlette.responses import Response

from dayreel.desk.pages.page import PageRequest
from dayreel.errors import UsageError
from dayreel.queries.unknown_outcomes import unknown_outcomes
from dayreel.services.audit import note_act
from dayreel.services.upkeep.reconcile import Reconciled, reconcile, resolve

_LONGEST_ID = 300
_SHOWN_OF_A_REQUEST = ("title", "caption", "marker", "model", "prompt", "duration_s", "text")


def unknown(request: PageRequest) -> Response:
    """List them."""
    return _show(request, None)


def found(request: PageRequest) -> Response:
    """Note that it is there, under this id.

    Raises:
        UsageError: no id was given, or the outcome is known already.
    """
    named = request.field("found").strip()
    if not named or len(named) > _LONGEST_ID or not named.isprintable():
        raise UsageError("Under which id is it there?", next_step="Copy it from the provider's own page.")
    return _resolve(request, named)


def not_there(request: PageRequest) -> Response:
    """Note that it is not there; it may be sent again then.

    Raises:
        UsageError: nobody said that they looked, or the outcome is known already.
    """
    if request.field("looked") != "yes":
        raise UsageError("Have you looked?", next_step="Tick the box when you have; it may be sent again after this.")
    return _resolve(request, None)


def look_again(request: PageRequest) -> Response:
    """Ask the providers once more; sends nothing and buys nothing."""
    outcomes = reconcile(request.project)
    return _show(request, outcomes)


def _show(request: PageRequest, looked_up: list[Reconciled] | None) -> Response:
    unknown = unknown_outcomes(request.desk.project)
    return request.show("unknown.html", unknown=unknown, shown_of_a_request=_SHOWN_OF_A_REQUEST, looked_up=looked_up)


def _resolve(request: PageRequest, named: str | None) -> Response:
    number = request.path("effect_id")
    note = request.field("note").strip()[:500] or None
    outcome = resolve(request.project, int(number), reference=named, by=request.person.name, note=note)
    with request.desk.project.catalog.write() as connection:
        detail = {"found": named, "note": note, "outcome": outcome.outcome}
        at, who = request.desk.project.clock.now(), request.person.name
        note_act(connection, "resolve effect", f"effect {number}", actor=who, at=at, via=request.via, detail=detail)
    return request.done("/unknown", "resolved", outcome=outcome.outcome)
