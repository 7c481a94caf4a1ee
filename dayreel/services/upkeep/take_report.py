"""What a platform calls back with about one post: who may say it, what of it counts, and what is done with it.

The key in the address is good for one delivery of one post, for a time (`rules.deliveries`); it decides nothing and
approves nothing: it says what became of what was sent already. A report is written into the effect's handle before
anything is done with it. The same one again changes nothing. `posted` is believed at any time, also after `failed`;
`failed` never takes back `posted`, and is shown beside it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, select, update

from dayreel.errors import ConfigurationError, GateClosedError, UsageError
from dayreel.providers.platforms.contract import PostReport, Receipt
from dayreel.rules.deliveries import delivery_of
from dayreel.schemas.channel import Platform
from dayreel.schemas.effect import REPORTS
from dayreel.services.project import Project
from dayreel.services.publishing.publish_post import whose_post
from dayreel.services.upkeep.reconcile import settle_reported
from dayreel.stores.catalog.tables import effects
from dayreel.vendors.registry import platform_named


class UnknownKeyError(GateClosedError):
    """The key is for no delivery, or no longer; says nothing of which there are."""


class ContradictionError(UsageError):
    """The report says something else than what is known already, and was not believed."""


@dataclass(frozen=True)
class Taken:
    """What a report has come to; `is_new` is False where the same had been said before."""

    content_id: str
    status: str
    is_new: bool
    outcome: str


def take_report(project: Project, platform: Platform, key: str, document: Mapping[str, Any]) -> Taken:
    """Take a platform's report about one delivery, once, and settle the post by it.

    Args:
        key: as it stood in the callback's address: the effect's number, a dot, and the delivery's key.

    Raises:
        UnknownKeyError: the key is forged, over, or of another platform.
        UsageError: the report cannot be read, or is about another content or delivery; nothing was changed.
        ContradictionError: it says `failed` of a post that was reported as posted; noted, and shown with the post.
    """
    read = _reader(platform)
    with project.catalog.read() as connection:
        row, delivery = _delivery(project, connection, platform, key)
    try:
        report = read(document)
    except ValueError as error:
        raise UsageError(f"The report cannot be read: {error}.", next_step="Correct it behind the webhook.") from error
    _refuse_anothers(project, platform, row, delivery, report, document)
    with project.catalog.write("money") as connection:
        row, delivery = _delivery(project, connection, platform, key)
        reports: dict[str, dict[str, Any]] = dict(row["handle"].get(REPORTS) or {})
        known = reports.get(delivery)
        reported = vars(report)
        is_new = known is None or any(known[name] != value for name, value in reported.items())
        is_denied = False
        if is_new:
            # The first address of a post stays: what follows is noted beside it.
            is_denied = known is not None and known["status"] == "posted"
            reports[delivery] = {**(known or {}), "later": _in_words(report)} if is_denied else reported
            values: dict[str, Any] = {"handle": {**row["handle"], REPORTS: reports}}
            if report.status == "posted" and row["state"] in ("intended", "refused"):
                # Settled right below, or by `reconcile` where this process ends first; nobody sends it until then.
                values |= {"state": "unknown", "version": row["version"] + 1}
            connection.execute(update(effects).where(effects.c.id == row["id"]).values(**values))
    settled = settle_reported(project, row["id"])
    if is_denied:
        raise ContradictionError(
            f"{row['content_id']} was reported as posted before, which stands; now it was reported as "
            f"{_in_words(report)}.",
            next_step="A person sees both with the post.",
        )
    return Taken(row["content_id"], report.status, is_new, settled.outcome)


def _delivery(project: Project, connection: Connection, platform: Platform, key: str) -> tuple[RowMapping, str]:
    number, _, secret = key.partition(".")
    row = None
    if number.isascii() and number.isdigit() and len(number) <= 18:  # noqa: PLR2004  as the catalog counts
        query = select(effects).where(
            effects.c.id == int(number),
            effects.c.kind == "post",
            effects.c.target == platform,
            effects.c.world == project.settings.world,
        )
        row = connection.execute(query).mappings().one_or_none()
    delivery = delivery_of(row["handle"] if row is not None else {}, secret, now=project.clock.now())
    if row is None or delivery is None:
        raise UnknownKeyError(
            "The key is not known, or is over.", next_step="Use the address of the document as it is."
        )
    return row, delivery


def _reader(platform: Platform) -> Callable[[Mapping[str, Any]], PostReport]:
    try:
        read = platform_named(platform).read_report
    except (UsageError, ConfigurationError):
        read = None
    if read is None:
        raise UnknownKeyError("Nobody calls back from there.", next_step="Use the address of the document as it is.")
    return read


def _refuse_anothers(
    project: Project,
    platform: Platform,
    row: RowMapping,
    delivery: str,
    report: PostReport,
    document: Mapping[str, Any],
) -> None:
    """Refuse what is about another content or delivery than its key, and a post that another content has."""
    for name, own in (("content_id", row["content_id"]), ("idempotency_key", delivery)):
        if document.get(name) not in (None, "", own):
            raise UsageError(
                f"`{name}` is {str(document[name])[:80]!r}, and the address is that of {own!r}.",
                next_step="Use `callback_url` of the same document.",
            )
    receipt = Receipt("posted", report.post_id or report.url, report.url)
    if report.status == "posted" and (other := whose_post(project, row["content_id"], platform, receipt)):
        raise UsageError(
            f"That is the post of {other}, not of {row['content_id']}.",
            next_step="Look at what the webhook posts; a person settles this one.",
        )


def _in_words(report: PostReport) -> str:
    if report.status == "failed":
        return f"failed, {report.reason or 'no reason given'}"
    return f"posted as {report.url or report.post_id}"
