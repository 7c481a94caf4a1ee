"""How urgent an item is: a number in its manifest that its next jobs carry. Who is claimed first, the queue decides."""

from dayreel.errors import UsageError
from dayreel.footage.library.open_library import Library
from dayreel.footage.rules.paths import STATE_OF
from dayreel.footage.stores.job_queue import DEFAULT_PRIORITY
from dayreel.footage.stores.reads import get_item, jobs_of, name_of
from dayreel.rules.lifecycle import UNDER_WAY
from dayreel.services.audit import note_act


def set_priority(library: Library, item_id: str, priority: int, *, via: str = "cli") -> str:
    """Have an item's next jobs go before or behind those of others; return a sentence.

    Args:
        priority: 0 for the most urgent to 9; 5 is as usual.
        via: where the person did it, for the record.

    Raises:
        UsageError: there is no such item, it has no files yet, or the number is another.
        StateError, StoreError: its manifest or the catalog cannot be written.
    """
    if not 0 <= priority <= 9:  # noqa: PLR2004  one digit of a job's name
        raise UsageError(f"{priority} is not a priority.", next_step="0 goes first, 9 last; 5 is as usual.")
    project = library.project
    with project.catalog.write("library") as connection:
        row = get_item(connection, item_id)
        name = name_of(row)
        stage = next((stage for stage, state in STATE_OF.items() if state == row.state), None)
        manifest = library.items.manifest(name, stage) if stage is not None else None
        if stage is None or manifest is None:
            raise UsageError(f"{item_id} has no manifest now ({row.state}).", next_step="`dayreel library scan` looks.")
        waiting = [job.id for job in jobs_of(connection, states=UNDER_WAY, item_id=item_id)]
        note_act(connection, "set priority", item_id, actor=project.actor, at=project.clock.now(), via=via)
        changed = None if priority == DEFAULT_PRIORITY else priority
        library.items.save(name, stage, manifest.model_copy(update={"priority": changed}))
    keeps = f" {waiting[0]} keeps its place." if waiting else ""
    return f"{item_id}: its next jobs have priority {priority}.{keeps}"
