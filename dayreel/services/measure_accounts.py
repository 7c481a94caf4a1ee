"""Measuring accounts: how many follow each, once a day. A count that is not reported is a row with the reason.

Posts are `measure_posts`.
"""

from collections.abc import Mapping
from datetime import date

from sqlalchemy import insert, select

from dayreel.errors import ProviderError
from dayreel.providers.platforms.contract import CountsFollowers, PlatformProvider
from dayreel.services.project import Project
from dayreel.services.retry_transient import retry_transient
from dayreel.stores.catalog.tables import account_snapshots


def measure_accounts(project: Project, day: date, platforms: Mapping[str, PlatformProvider]) -> dict[str, int]:
    """Ask each platform that reports it how many follow its account, where today's count is not known yet.

    Returns:
        what is known of today, by platform.
    """
    counts = followers_on(project, day)
    for name, provider in platforms.items():
        if name in counts or not isinstance(provider, CountsFollowers):
            continue
        followers, refused = None, None
        try:
            followers = retry_transient(project.clock, provider.followers)
        except ProviderError as error:
            refused = error.answer
        if followers is not None:
            counts[name] = followers
        row = {
            "world": project.settings.world,
            "platform": name,
            "account_id": provider.account(),
            "observed_at": project.clock.now(),
            "observed_on": day,
            "followers": followers,
            "refused": refused,
            "run_id": project.run_id,
        }
        with project.catalog.write() as connection:
            connection.execute(insert(account_snapshots).values(**row))
    return counts


def followers_on(project: Project, day: date) -> dict[str, int]:
    """Return how many followed each platform's account on a day, as far as that was reported."""
    rows = account_snapshots.c
    query = select(rows.platform, rows.followers).where(
        rows.world == project.settings.world, rows.observed_on == day, rows.followers.is_not(None)
    )
    with project.catalog.read() as connection:
        return {row.platform: row.followers for row in connection.execute(query.order_by(rows.id))}
