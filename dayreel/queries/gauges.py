"""How much is there of what is watched from outside? Numbers for a monitoring system: contents, posts, money, doubts.

How they are written for Prometheus is the desk's. What posts reached (views) is for the marts.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from dayreel.queries.config import read_config
from dayreel.queries.money import overall_caps
from dayreel.queries.silences import read_silences
from dayreel.queries.unknown_outcomes import read_unknown_outcomes
from dayreel.records import Records
from dayreel.stores.catalog.tables import content, platform_posts


@dataclass(frozen=True)
class Gauge:
    """One number that goes up and down, or several of a kind.

    Attributes:
        name: with its unit: `dayreel_oldest_seconds`.
        about: what it counts, in a sentence.
        samples: each with its labels; always the same names for one gauge.
    """

    name: str
    about: str
    samples: tuple[tuple[Mapping[str, str], float], ...]


def gauges(records: Records) -> list[Gauge]:
    """Return all of them, of the present world.

    Raises:
        StoreError: the catalog cannot be read.
    """
    with records.catalog.read() as connection:
        return [*_counts(records, connection), *_alarms(records, connection)]


def require_catalog(records: Records) -> None:
    """See that the catalog can be read, at next to no cost.

    Raises:
        StoreError: it cannot.
    """
    with records.catalog.read() as connection:
        connection.execute(select(content.c.id).limit(1))


def _counts(records: Records, connection: Connection) -> Iterator[Gauge]:
    ours, now = content.c.world == records.settings.world, records.clock.now()
    states = select(content.c.state, func.count(), func.min(content.c.updated_at)).where(ours).group_by(content.c.state)
    rows = connection.execute(states).all()
    yield Gauge("dayreel_contents", "Contents, by state.", tuple(({"state": state}, n) for state, n, _ in rows))
    yield Gauge(
        "dayreel_oldest_seconds",
        "How long the content has stood in a state that has stood there longest; of states that end by themselves "
        "or wait for somebody.",
        tuple(
            ({"state": state}, (now - since).total_seconds())
            for state, _, since in rows
            if state not in ("posted", "rejected", "expired", "failed")
        ),
    )
    posts = (
        select(platform_posts.c.platform, platform_posts.c.state, func.count())
        .join(content, content.c.id == platform_posts.c.content_id)
        .where(ours)
        .group_by(platform_posts.c.platform, platform_posts.c.state)
        .order_by(platform_posts.c.platform, platform_posts.c.state)
    )
    yield Gauge(
        "dayreel_posts",
        "Posts, by platform and state.",
        tuple(({"platform": name, "state": state}, n) for name, state, n in connection.execute(posts)),
    )


def _alarms(records: Records, connection: Connection) -> Iterator[Gauge]:
    caps = dict(zip(("day", "month"), overall_caps(records, connection), strict=True))
    yield Gauge(
        "dayreel_spent_usd",
        "Dollars settled and reserved in the present day and month, all channels together.",
        tuple(({"period": period}, float(cap.used_usd)) for period, cap in caps.items()),
    )
    yield Gauge(
        "dayreel_cap_usd",
        "Dollars that may be spent in the present day and month.",
        tuple(({"period": period}, float(cap.limit_usd)) for period, cap in caps.items()),
    )
    unknown = len(read_unknown_outcomes(records, connection).here)
    yield Gauge("dayreel_unknown_outcomes", "Acts whose outcome is not known.", (({}, unknown),))
    silences = len(read_silences(connection, records.settings.world))
    yield Gauge("dayreel_silences", "What should exist and does not, as of the last look.", (({}, silences),))
    is_on = read_config(connection, "switch").value == "on"
    yield Gauge("dayreel_switch_on", "1 while the kill switch lets dayreel buy and post, else 0.", (({}, is_on),))
