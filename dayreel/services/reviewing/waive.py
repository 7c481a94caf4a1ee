"""Waiving a failed check of a final video: a named person takes it upon themselves, with a reason.

What a waiver lets pass is `rules.quality`. It is for exactly these bytes and this measure: a re-render has to pass, or
be waived, again.
"""

import logging
from typing import Final

from sqlalchemy import insert

from dayreel.errors import StaleState, UsageError
from dayreel.queries.people import decider
from dayreel.queries.rows import get_content
from dayreel.rules.content_ids import parse_content_id
from dayreel.rules.quality import JudgedCheck, Waiver
from dayreel.services.project import Project
from dayreel.services.reviewing.decide import Via, fetched_manifest, present_checks, saw_this
from dayreel.services.reviewing.review_cards import redraw_cards
from dayreel.stores.catalog.tables import waivers

LONGEST_REASON: Final = 2000
_LOG = logging.getLogger("dayreel.reviews")


def waive_check(
    project: Project, content_id: str, check_name: str, *, by: str, via: Via, reason: str, revision: int | None = None
) -> JudgedCheck:
    """Record that a failed check does not keep the present video of a content from being approved; return it.

    Args:
        revision: the revision of the final video the person saw; left out, the one there is now.

    Raises:
        UsageError: no such content or failed check, no name, or no reason.
        GateClosedError: `by` may not decide on this channel.
        StaleState: the person saw another revision, or somebody has waived it already.
        StoreError: the manifest cannot be read.
    """
    words = reason.strip()
    if not words or len(words) > LONGEST_REASON or not by.strip():
        raise UsageError(
            f"Check {check_name!r} of {content_id} was not waived: a waiver needs a name and a reason of at most "
            f"{LONGEST_REASON} characters.",
            next_step="Say in a few words why this failed check does not matter; nothing was recorded.",
        )
    channel = project.channels.load(parse_content_id(content_id).channel)
    manifest = fetched_manifest(project, content_id)
    with project.catalog.write("decisions") as connection:
        row = get_content(connection, content_id, lock=True)
        by = decider(connection, channel, by)
        saw_this(connection, row, revision)
        checks = {check.name: check for check in present_checks(connection, row, manifest)}
        check = checks.get(check_name)
        if check is None or check.result.passed:
            failed = ", ".join(name for name, other in checks.items() if other.is_failed)
            raise UsageError(
                f"{row.id} (revision {row.revision}) has no failed check {check_name!r}.",
                next_step=f"Failed checks that nobody has waived: {failed or 'none'}; nothing was recorded.",
            )
        if check.waiver is not None:
            raise StaleState(
                f"Check {check_name!r} of {row.id} is waived already, by {check.waiver.waived_by!r} at "
                f"{check.waiver.waived_at:%Y-%m-%d %H:%M:%S} UTC: {check.waiver.reason}",
                next_step="Nothing was recorded; it needs no second waiver.",
            )
        waiver = Waiver(
            content_id=row.id,
            check_name=check_name,
            video_sha256=row.video_sha256 or "",
            value=check.result.value,
            expected=check.result.expected,
            reason=words,
            waived_by=by,
            via=via,
            waived_at=project.clock.now(),
        )
        connection.execute(insert(waivers).values(**vars(waiver)))
    for trouble in redraw_cards(project, content_id):
        _LOG.warning("%s: %s", content_id, trouble)
    return JudgedCheck(check.result, waiver)
