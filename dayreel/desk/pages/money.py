"""Spend against caps, and the kill switch."""

from starlette.responses import Response

from dayreel.desk.pages.page import PageRequest
from dayreel.queries.bills import READ_DAYS, vendor_bills
from dayreel.queries.money import money_of
from dayreel.services.turn_switch import turn_switch


def money(request: PageRequest) -> Response:
    """Show what was spent, and what vendors bill."""
    project = request.desk.project
    return request.show("money.html", money=money_of(project), bills=vendor_bills(project), days=READ_DAYS)


def switch(request: PageRequest) -> Response:
    """Turn the kill switch.

    Raises:
        UsageError: the position is none.
    """
    value = turn_switch(
        request.project,
        request.field("position"),
        by=request.person.name,
        via=request.via,
        note=request.field("note")[:500] or None,
    )
    return request.done("/money", f"switched-{value.value}", switch=value.value, origin=value.origin)
