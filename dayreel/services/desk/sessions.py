"""Who is at the desk right now: sessions that can be revoked, API tokens, and how often a login may be tried."""

import secrets
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import RowMapping, insert, select, update

from dayreel.clock import Clock
from dayreel.errors import BusyError, UsageError
from dayreel.rules.roles import Role, lesser
from dayreel.schemas.person import name_key
from dayreel.services.audit import note_act
from dayreel.services.desk.users import User, hashed
from dayreel.stores.catalog.engine import Catalog
from dayreel.stores.catalog.tables import api_tokens, sessions, users

LONGEST = timedelta(days=14)
IDLE = timedelta(days=3)
_NOTE_EVERY = timedelta(minutes=5)
ASK_AGAIN_S = 30.0
"""So often it is asked again who holds a stream of events or a websocket open."""
TOKEN_PREFIX = "dr_"  # noqa: S105  what a token begins with, so that scanners for leaked secrets recognise it
How = Literal["session", "token", "header"]


@dataclass(frozen=True)
class Visitor:
    """Somebody who is known: their name for the record, their role, and what says so.

    Attributes:
        key: the session's or token's key, which the CSRF token is bound to.
    """

    user_id: int
    name: str
    role: Role
    how: How
    key: str


@dataclass(frozen=True)
class Credential:
    """One session or API token, for the page that revokes them."""

    key: str
    label: str
    role: Role | None
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None


class Sessions:
    """Sessions and tokens of one catalog."""

    def __init__(self, catalog: Catalog, clock: Clock) -> None:
        self._catalog = catalog
        self._clock = clock

    def begin(self, user: User, *, agent: str) -> str:
        """Start a session and return its secret, which only the cookie keeps."""
        secret, now = secrets.token_urlsafe(32), self._clock.now()
        with self._catalog.write("users") as connection:
            connection.execute(
                insert(sessions).values(
                    id=hashed(secret),
                    user_id=user.id,
                    agent=agent[:200],
                    created_at=now,
                    last_seen_at=now,
                    expires_at=now + LONGEST,
                )
            )
            note_act(connection, "log in", user.name, actor=user.name, at=now)
        return secret

    def visitor(self, secret: str) -> Visitor | None:
        """Return whose session this is, or None when it ended, ran out, or never was."""
        now, key = self._clock.now(), hashed(secret)
        query = select(sessions.c.last_seen_at, sessions.c.expires_at, users).join(
            users, users.c.id == sessions.c.user_id
        )
        with self._catalog.read() as connection:
            row = (
                connection.execute(query.where(sessions.c.id == key, sessions.c.revoked_at.is_(None)))
                .mappings()
                .one_or_none()
            )
        if row is None or row["disabled_at"] is not None:
            return None
        if row["expires_at"] <= now or row["last_seen_at"] + IDLE <= now:
            return None
        if row["last_seen_at"] + _NOTE_EVERY <= now:
            with self._catalog.write("users") as connection:
                connection.execute(update(sessions).where(sessions.c.id == key).values(last_seen_at=now))
        return Visitor(row["id"], row["name"], row["role"], "session", key)

    def end(self, key: str, *, user_id: int, by: str) -> None:
        """Revoke one of somebody's sessions; one that is over already stays so."""
        with self._catalog.write("users") as connection:
            now = self._clock.now()
            its = (sessions.c.id == key, sessions.c.user_id == user_id, sessions.c.revoked_at.is_(None))
            if connection.execute(update(sessions).where(*its).values(revoked_at=now)).rowcount:
                note_act(connection, "end session", by, actor=by, at=now)

    def sessions_of(self, user_id: int) -> list[Credential]:
        """Return somebody's open sessions, newest first."""
        now = self._clock.now()
        query = select(sessions).where(
            sessions.c.user_id == user_id, sessions.c.revoked_at.is_(None), sessions.c.expires_at > now
        )
        with self._catalog.read() as connection:
            rows = connection.execute(query.order_by(sessions.c.created_at.desc())).mappings().all()
        return [
            Credential(row["id"], row["agent"], None, row["created_at"], row["last_seen_at"], row["expires_at"])
            for row in rows
        ]

    def make_token(self, user: User, label: str, *, role: Role | None = None, by: str, days: int | None = 365) -> str:
        """Make an API token and return it, the only time it can be seen.

        Args:
            role: what it may do, never more than its person may at the time it is used.
            days: how long it holds; None for ever.

        Raises:
            UsageError: the label is empty or the person is disabled.
        """
        if not label.strip() or user.disabled_at is not None:
            raise UsageError("A token needs a label and somebody who may log in.", next_step="Say what it is for.")
        token, now = TOKEN_PREFIX + secrets.token_urlsafe(32), self._clock.now()
        with self._catalog.write("users") as connection:
            connection.execute(
                insert(api_tokens).values(
                    user_id=user.id,
                    label=label.strip()[:80],
                    token_sha256=hashed(token),
                    role=lesser(role or user.role, user.role),
                    created_at=now,
                    expires_at=None if days is None else now + timedelta(days=days),
                )
            )
            note_act(connection, "make token", user.name, actor=by, at=now, detail={"label": label.strip()[:80]})
        return token

    def bearer(self, token: str) -> Visitor | None:
        """Return on whose behalf a script with this token acts, or None."""
        now = self._clock.now()
        query = (
            select(api_tokens, users.c.name, users.c.disabled_at, users.c.role.label("user_role"))
            .join(users, users.c.id == api_tokens.c.user_id)
            .where(api_tokens.c.token_sha256 == hashed(token), api_tokens.c.revoked_at.is_(None))
        )
        with self._catalog.read() as connection:
            row = connection.execute(query).mappings().one_or_none()
        if row is None or row["disabled_at"] is not None or _is_over(row["expires_at"], now):
            return None
        self._note_use(row, now)
        return Visitor(row["user_id"], row["name"], lesser(row["role"], row["user_role"]), "token", str(row["id"]))

    def named(self, name: str) -> Visitor | None:
        """Return the person whom a trusted proxy names, or None when there is none or they are disabled."""
        query = select(users).where(users.c.name_key == name_key(name), users.c.disabled_at.is_(None))
        with self._catalog.read() as connection:
            row = connection.execute(query).mappings().one_or_none()
        return None if row is None else Visitor(row["id"], row["name"], row["role"], "header", f"header:{row['id']}")

    def tokens_of(self, user_id: int) -> list[Credential]:
        """Return somebody's usable tokens, newest first."""
        query = select(api_tokens).where(api_tokens.c.user_id == user_id, api_tokens.c.revoked_at.is_(None))
        with self._catalog.read() as connection:
            rows = connection.execute(query.order_by(api_tokens.c.id.desc())).mappings().all()
        return [
            Credential(
                str(row["id"]), row["label"], row["role"], row["created_at"], row["last_used_at"], row["expires_at"]
            )
            for row in rows
        ]

    def revoke_token(self, token_id: int, *, user_id: int, by: str) -> None:
        """Revoke one of somebody's tokens; one that is revoked stays so."""
        with self._catalog.write("users") as connection:
            now = self._clock.now()
            its = (api_tokens.c.id == token_id, api_tokens.c.user_id == user_id, api_tokens.c.revoked_at.is_(None))
            if connection.execute(update(api_tokens).where(*its).values(revoked_at=now)).rowcount:
                note_act(connection, "revoke token", str(token_id), actor=by, at=now)

    def _note_use(self, row: RowMapping, now: datetime) -> None:
        if row["last_used_at"] is None or row["last_used_at"] + _NOTE_EVERY <= now:
            with self._catalog.write("users") as connection:
                connection.execute(update(api_tokens).where(api_tokens.c.id == row["id"]).values(last_used_at=now))


class Throttle:
    """How often something may be tried: `most` failures within `window`, then a pause; per key, in this process.

    A key names what is tried and from where, together: a key of the name alone lets anybody lock that person out, and
    one of the address alone lets one person lock out everybody behind the same router.
    """

    def __init__(self, clock: Clock, *, most: int = 5, window_s: float = 300.0, keys: int = 10_000) -> None:
        """Prepare.

        Args:
            keys: how many keys are remembered; the oldest are forgotten first.
        """
        self._clock = clock
        self._most = most
        self._window_s = window_s
        self._keys = keys
        self._failed: dict[str, list[float]] = {}
        self._lock = threading.Lock()

    def try_once(self, key: str) -> None:
        """Count one try, before it is known how it ends, so that tries at the same time cannot slip through.

        Raises:
            BusyError: the key was tried too often; says how long to wait.
        """
        now = self._clock.monotonic()
        with self._lock:
            recent = [at for at in self._failed.pop(key, []) if at > now - self._window_s]
            self._failed[key] = recent
            if len(recent) >= self._most:
                wait_s = int(recent[0] + self._window_s - now) + 1
                raise BusyError("Too many tries.", next_step=f"Wait {wait_s} s, then try again.")
            recent.append(now)
            while len(self._failed) > self._keys:
                self._failed.pop(next(iter(self._failed)))

    def forget(self, key: str) -> None:
        """Clear a key: the try went well."""
        with self._lock:
            self._failed.pop(key, None)


def _is_over(moment: datetime | None, now: datetime) -> bool:
    return moment is not None and moment <= now
