"""What was decided about a channel's day, for those who need a decision to go on."""

from datetime import date

from dayreel.errors import UsageError
from dayreel.queries.rows import DecisionRow, current_content, newest_verdict
from dayreel.schemas.channel import Channel
from dayreel.services.project import Project


def require_decision(project: Project, channel: Channel, day: date) -> DecisionRow:
    """Return the newest decision on the current take of a channel's day.

    Raises:
        UsageError: nothing was made for this day, or nobody has decided yet.
    """
    with project.catalog.read() as connection:
        row = current_content(connection, channel.name, day)
        decision = None if row is None else newest_verdict(connection, row.id)
    if row is None:
        raise UsageError(
            f"Nothing was made of {channel.name!r} for {day}.",
            next_step=f"`dayreel run --date {day} --channel {channel.name}` makes it.",
        )
    if decision is None:
        raise UsageError(
            f"Nobody has decided about {row.id} yet (it is {row.state}).",
            next_step=f"`dayreel review approve {row.id}` or `dayreel review reject {row.id}`.",
        )
    return decision
