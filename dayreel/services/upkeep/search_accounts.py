"""Searching what is held since the catalog lost its memory: each vendor's own list against what is known here.

A hold begins in `services.upkeep.recover`, for acts that were counted and that neither catalog nor copies know. Where a
vendor lists everything that an account has (`ListsWhatItHas`), that list shows them: a post with the words of a content
of ours is written down as what it is, and where nothing strange is left the hold ends by itself. Anything else waits
for a person, who is shown what was seen.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from dayreel.errors import DayreelError
from dayreel.providers.listings import ListedItem, Listing, ListsWhatItHas, is_post
from dayreel.queries.holds import VendorHold, holds
from dayreel.queries.rows import ContentRow, all_rows
from dayreel.schemas.channel import Channel
from dayreel.schemas.effect import OUT
from dayreel.services.project import Project
from dayreel.services.publishing.publish_post import adopt_post, post_request
from dayreel.services.upkeep.recover import release
from dayreel.stores.catalog.tables import content, effects, epochs, platform_posts
from dayreel.vendors.registry import vendor_named

SETTLED = timedelta(hours=1)
"""So long after the hold began, what was sent before it is on its vendor's list."""


@dataclass(frozen=True)
class Searched:
    """What searching one held vendor has shown."""

    target: str
    is_released: bool
    evidence: str

    def __str__(self) -> str:
        """Return it for people."""
        return f"{self.target} was searched{' and is released' if self.is_released else ''}: {self.evidence}."


def search_accounts(project: Project) -> list[Searched]:
    """Search every vendor that is held, and release those whose lists hold nothing that is not known here."""
    return [_search(project, hold) for hold in holds(project).vendors]


def _search(project: Project, hold: VendorHold) -> Searched:
    since, from_at = _since(project, hold), hold.since_at + SETTLED
    if since is None:
        return _remains(hold, "nobody knows since when, because this catalog is a new one")
    if project.clock.now() < from_at:
        return _remains(hold, f"its list is believed from {from_at:%H:%M} UTC on, because things may come late there")
    try:
        client = project.connect(hold.target)
        if not isinstance(client, ListsWhatItHas) or not client.lists_everything:
            return _remains(hold, "it has no list that shows everything")
        listing = client.list_since(since)
        strange = _left_strange(project, hold.target, listing)
    except DayreelError as error:
        return _remains(hold, f"it could not be read: {error}")
    seen = f"{len(listing.items)} listed since {since:%Y-%m-%d %H:%M} UTC"
    if strange or not listing.is_whole:
        unknown = f", nobody here knows {', '.join(strange)}" if strange else ""
        goes_on = "" if listing.is_whole else ", and the list goes on further than one may read"
        return _remains(hold, f"{seen}{unknown}{goes_on}")
    evidence = f"{seen}, each of them known here"
    release(project, hold.target, by=project.actor, note=evidence, via="search")
    return Searched(hold.target, is_released=True, evidence=evidence)


def _remains(hold: VendorHold, evidence: str) -> Searched:
    return Searched(hold.target, is_released=False, evidence=evidence)


def _since(project: Project, hold: VendorHold) -> datetime | None:
    """Return when the epoch began that the catalog was in before the hold: what came before is in it."""
    # The newest of those is the one that began with the hold, a moment before it.
    begun = select(epochs.c.began_at).where(epochs.c.began_at <= hold.since_at).order_by(epochs.c.id.desc())
    with project.catalog.read() as connection:
        return connection.execute(begun.offset(1).limit(1)).scalar()


def _left_strange(project: Project, target: str, listing: Listing) -> list[str]:
    """Write down what of a list is certainly a content's post, and return the ids of what nobody here knows."""
    if vendor_named(target).family != "platforms":
        known = _known_requests(project, target)
        return [item.id for item in listing.items if item.id not in known]
    known = _known_posts(project, target)
    strange = [item for item in listing.items if item.id not in known]
    waiting = list(_waiting(project, target)) if strange and listing.is_whole else []
    left = []
    for item in strange:
        fitting = [of_content for of_content in waiting if of_content[2](item)]
        if len(fitting) != 1 or sum(map(fitting[0][2], strange)) != 1:
            left.append(item.id)
            continue
        channel, row, _can_be_it = fitting[0]
        adopt_post(project, channel, row, target, item)
    return left


def _known_posts(project: Project, target: str) -> set[str]:
    query = select(platform_posts.c.post_id).where(platform_posts.c.platform == target)
    with project.catalog.read() as connection:
        return set(connection.execute(query).scalars())


def _known_requests(project: Project, target: str) -> set[str]:
    name = vendor_named(target).handle
    query = select(effects.c.handle, effects.c.result).where(effects.c.kind == "segment", effects.c.target == target)
    with project.catalog.read() as connection:
        rows = list(connection.execute(query))
    return {str(facts[name]) for row in rows for facts in (row.handle, row.result) if facts.get(name)}


def _waiting(project: Project, target: str) -> Iterable[tuple[Channel, ContentRow, Callable[[ListedItem], bool]]]:
    """Yield the approved contents that are not known to be out on a platform, and what finds each on its list."""
    out = select(effects.c.content_id).where(
        effects.c.kind == "post", effects.c.target == target, effects.c.state.in_(OUT)
    )
    query = select(content).where(
        content.c.world == project.settings.world,
        content.c.state.in_(("approved", "publishing")),
        content.c.id.not_in(out),
    )
    with project.catalog.read() as connection:
        rows = all_rows(connection, ContentRow, query)
    for row in rows:
        try:
            channel = project.channels.load(row.channel)
            request = post_request(project, channel, row, target)
        except DayreelError:
            continue  # what cannot be posted now stays strange on the list, and is a person's
        yield channel, row, is_post(request.caption, request.duration_s)
