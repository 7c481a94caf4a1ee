"""Which account of each platform was connected in a browser, and when does what dayreel has of it end?

Whose account a platform answers for now is `queries.accounts`; renewing tokens is `services.keep_tokens`.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, RowMapping, select

from dayreel.queries.rows import ContentRow, all_rows, newest_verdict
from dayreel.schemas.effect import OUT
from dayreel.schemas.posts import PlatformAccount
from dayreel.stores.catalog.tables import connections, content, effects, oauth_tokens
from dayreel.vendors.registry import vendors

ANNOUNCED_AHEAD: Final = timedelta(days=14)
"""So long before something ends people hear of it."""


@dataclass(frozen=True)
class ConnectedAccount:
    """One platform's account as it was connected.

    Attributes:
        way: which of the platform's consents it was.
        kind: what kind of account it is; empty where the platform does not say.
        app: how far the platform has let the app in.
        missing: scopes that are asked for and that it lacks; nothing that posting needs.
        ends: when that ends which nothing renews by itself, by what it is.
    """

    platform: str
    way: str
    account: PlatformAccount
    kind: str
    app: str
    granted: tuple[str, ...]
    missing: tuple[str, ...]
    ends: dict[str, datetime]
    connected_at: datetime
    connected_by: str


def connected_accounts(connection: Connection, world: str) -> dict[str, ConnectedAccount]:
    """Return what was connected, by platform."""
    query = select(connections).where(connections.c.world == world).order_by(connections.c.platform)
    rows = [
        ConnectedAccount(
            platform=row["platform"],
            way=row["way"],
            account=PlatformAccount(row["account_id"], row["account_name"]),
            kind=row["account_kind"],
            app=row["app"],
            granted=tuple(row["granted"]),
            missing=_missing(row),
            ends={what: datetime.fromisoformat(at) for what, at in row["ends"].items()},
            connected_at=row["connected_at"],
            connected_by=row["connected_by"],
        )
        for row in connection.execute(query).mappings()
    ]
    renewed = {row["vendor"]: row for row in connection.execute(select(oauth_tokens)).mappings()}
    return {row.platform: _as_renewed(row, renewed.get(row.platform)) for row in rows}


def _missing(row: RowMapping) -> tuple[str, ...]:
    """Return what an account lacks: not allowed, or asked for only since it was connected."""
    ways = [
        way for v in vendors("platforms") if v.name == row["platform"] and v.platform for way in v.platform.consents
    ]
    wanted = [scope for way in ways if way.name == row["way"] for scope in way.optional]
    return tuple(scope for scope in wanted if scope not in row["granted"]) if row["granted"] else tuple(row["missing"])


def _as_renewed(account: ConnectedAccount, tokens: RowMapping | None) -> ConnectedAccount:
    """Return an account with the ends of its tokens as they were last renewed."""
    if tokens is None:
        return account
    kept = {"access token": tokens["expires_at"], "refresh token": tokens["refresh_expires_at"]}
    return replace(account, ends={what: kept.get(what) or at for what, at in account.ends.items()})


def token_ends(connection: Connection, world: str) -> dict[str, dict[str, datetime]]:
    """Return when what dayreel has of each platform ends and nothing renews it, by platform and by what it is.

    That of accounts which were connected, and of tokens that somebody has put into the environment and dayreel renews.
    """
    ends = {platform: account.ends for platform, account in connected_accounts(connection, world).items()}
    for row in connection.execute(select(oauth_tokens)).mappings():
        renewal = next((v.platform.token for v in vendors("platforms") if v.name == row["vendor"] and v.platform), None)
        if renewal is not None and row["vendor"] not in ends:
            by_refresh = renewal.rule.after_expiry
            at = row["refresh_expires_at"] if by_refresh else row["expires_at"]
            ends[row["vendor"]] = {} if at is None else {"refresh token" if by_refresh else "access token": at}
    return ends


def approved_for_others(connection: Connection, world: str, platform: str, account_id: str) -> list[str]:
    """Return the contents whose approval is for another account of a platform, and that are not out there yet."""
    out = select(effects.c.content_id).where(
        effects.c.kind == "post", effects.c.target == platform, effects.c.state.in_(OUT)
    )
    query = select(content).where(
        content.c.world == world, content.c.state.in_(("approved", "publishing")), content.c.id.not_in(out)
    )
    bound = [(row.id, newest_verdict(connection, row.id)) for row in all_rows(connection, ContentRow, query)]
    return [
        content_id
        for content_id, verdict in bound
        if verdict is not None
        and verdict.verdict == "approved"
        and (verdict.accounts or {}).get(platform, {"id": account_id})["id"] != account_id
    ]
