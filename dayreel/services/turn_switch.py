"""Turning the kill switch, from whichever face. What it holds back is asked in `spending` and in `rules.gates`."""

from dayreel.errors import StaleState
from dayreel.queries.config import Value, read_config
from dayreel.services.configure import write_config
from dayreel.services.project import Project


def turn_switch(
    project: Project, position: str, *, by: str, via: str, note: str | None = None, seen: str | None = None
) -> Value:
    """Turn the kill switch, effective at the next send, and record who did.

    Args:
        position: `off` stops every purchase and every post, `on` allows them.
        seen: how it stood when the person looked; None turns it in any case.

    Raises:
        UsageError: the position is neither `on` nor `off`.
        StaleState: somebody turned it meanwhile; says who. Nothing was changed.
    """
    with project.catalog.write("money") as connection:
        before = read_config(connection, "switch")
        if seen is not None and before.value != seen:
            raise StaleState(
                f"The kill switch is {before.value} already, by {before.updated_by}.", next_step="Nothing was changed."
            )
        return write_config(connection, "switch", position, by=by, at=project.clock.now(), note=note, via=via)
