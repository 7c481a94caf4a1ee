"""What reviewers said of the takes before this one, for the questions that the next take asks.

The note of a rejection is a person's wish. Whatever is learned from figures is `services.making.performance_feedback`.
"""

from sqlalchemy import select

from dayreel.queries.rows import ContentRow
from dayreel.rules.content_ids import ContentId
from dayreel.services.project import Project
from dayreel.stores.catalog.tables import content, decisions


def rejection_words(project: Project, row: ContentRow) -> str:
    """Return a paragraph for the model about the rejected takes of this day; empty where none was rejected with a note.

    Only what was said before this take was begun: a later word must not turn a paid question into another one.

    Raises:
        StoreError: the catalog cannot be read.
    """
    earlier = [str(ContentId(row.channel, row.day, take)) for take in range(1, row.take)]
    if not earlier:
        return ""
    query = (
        select(decisions.c.content_id, decisions.c.verdict, decisions.c.note, content.c.idea)
        .join(content, content.c.id == decisions.c.content_id)
        .where(decisions.c.content_id.in_(earlier), decisions.c.decided_at <= row.created_at)
        .order_by(content.c.take, decisions.c.id)
    )
    with project.catalog.read() as connection:
        newest = {decision.content_id: decision for decision in connection.execute(query)}
    rejected = [decision for decision in newest.values() if decision.verdict == "rejected" and decision.note]
    if not rejected:
        return ""
    lines = [f'- "{decision.idea or "no idea yet"}" was rejected because: {decision.note}' for decision in rejected]
    return "\n".join(
        ["A reviewer has seen earlier videos of this day. Do not repeat what was wrong with them:", *lines]
    )
