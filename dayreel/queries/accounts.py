"""Which account does each platform answer for, and which one is an approval for?

An account is read back from the platform, never taken from the settings: keys can be exchanged. Every change of it is a
row of `accounts`.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select

from dayreel.schemas.posts import PlatformAccount
from dayreel.stores.catalog.tables import accounts


def newest_accounts(connection: Connection, world: str) -> dict[str, PlatformAccount]:
    """Return the account of each platform of a world, as it was last read back."""
    query = select(accounts).where(accounts.c.world == world).order_by(accounts.c.id)
    return {row["platform"]: _account(row) for row in connection.execute(query).mappings()}


def approved_account(
    connection: Connection, world: str, platform: str, bound: Mapping[str, Mapping[str, str]] | None
) -> PlatformAccount | None:
    """Return the account that an approval is for; None while no account of the platform was ever read.

    Args:
        bound: what the approval holds. One that holds none of this platform (it is older than schema 0012, or the
            platform could not be asked by then) is for the first account there is a record of.
    """
    if bound and platform in bound:
        return PlatformAccount(**bound[platform])
    its = (accounts.c.world == world, accounts.c.platform == platform)
    row = connection.execute(select(accounts).where(*its).order_by(accounts.c.id).limit(1)).mappings().one_or_none()
    return None if row is None else _account(row)


def _account(row: Any) -> PlatformAccount:
    return PlatformAccount(row["account_id"], row["name"])
