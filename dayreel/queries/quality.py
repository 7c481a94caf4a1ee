"""Which checks has a content's final video passed or failed, and which of them did a person waive?

What that means for approving and publishing is `rules.quality`. Every face, the gates and the decision ask here.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, select

from dayreel.queries.rows import ContentRow, as_row
from dayreel.rules.quality import JudgedCheck, Waiver, judged
from dayreel.schemas.content import FinalVideo
from dayreel.stores.catalog.tables import waivers


def waivers_of(connection: Connection, content_ids: Sequence[str]) -> dict[str, tuple[Waiver, ...]]:
    """Return the waivers of these contents' checks, of all their videos, the first one first."""
    query = select(waivers).where(waivers.c.content_id.in_(content_ids)).order_by(waivers.c.id)
    by_content: dict[str, tuple[Waiver, ...]] = {}
    for row in connection.execute(query).mappings() if content_ids else ():
        by_content[row["content_id"]] = (*by_content.get(row["content_id"], ()), as_row(Waiver, row))
    return by_content


def checks_of(connection: Connection, row: ContentRow, final: FinalVideo | None) -> tuple[JudgedCheck, ...]:
    """Return the checks of a content's final video, those that failed first; none where there is no video."""
    return judge(row, final, waivers_of(connection, [row.id]).get(row.id, ()))


def judge(row: ContentRow, final: FinalVideo | None, waived: Iterable[Waiver]) -> tuple[JudgedCheck, ...]:
    """Return the same as `checks_of`, from waivers that are at hand."""
    return () if final is None else judged(final.checks, waived, video_sha256=row.video_sha256)
