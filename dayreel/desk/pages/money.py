"""Spend against caps, and the kill switch."""

from starlette.responses import Response

from dayreel.desk.pages.frame import Visit
from dayreel.queries.money import money_of
from dayreel.services.turn_switch import turn_switch


def money(visit: Visit) -> Response:
    """Show what was spent."""
    return visit.show("money.html", money=money_of(visit.room.studio))


def switch(visit: Visit) -> Response:
    """Turn the kill switch.

    Raises:
        UsageError: the position is none.
    """
    value = turn_switch(
        visit.studio,
        visit.field("position"),
        by=visit.person.name,
        via=visit.via,
        note=visit.field("note")[:500] or None,
    )
    return visit.done("/money", f"switched-{value.value}", switch=value.value, origin=value.origin)
