"""People who may use the desk: one-time links, passwords, and adding, disabling and listing users.

Sessions and API tokens are `services.desk.sessions`. No password and no link is ever kept in the clear: passwords as
argon2 hashes, links as SHA-256 of 256 random bits.
"""

import hashlib
import secrets
import unicodedata
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, RowMapping, delete, func, insert, select, update

from dayreel.clock import Clock
from dayreel.errors import GateClosedError, StaleState, UsageError
from dayreel.queries.people import name_behind
from dayreel.rules.roles import Role, role_named
from dayreel.schemas.person import LOGIN, LONGEST_NAME, name_key
from dayreel.services.audit import note_act
from dayreel.stores.catalog.engine import Catalog
from dayreel.stores.catalog.tables import api_tokens, invitations, person_accounts, sessions, users
from dayreel.vendors.registry import vendors

LINK_LIFETIME = timedelta(hours=24)
SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 500
LONGEST_ACCOUNT = 100
FIRST_LINK = "first start"


@dataclass(frozen=True)
class User:
    """One person at the desk."""

    id: int
    name: str
    role: Role
    has_password: bool
    created_at: datetime
    created_by: str
    disabled_at: datetime | None
    accounts: tuple[tuple[str, str], ...] = ()
    """Kind and id of each account elsewhere that is mapped to them; `list` alone fills it in."""


class Users:
    """The people of one catalog."""

    def __init__(self, catalog: Catalog, clock: Clock, *, hasher: PasswordHasher | None = None) -> None:
        """Prepare.

        Args:
            hasher: argon2 with other costs; tests hand in a quick one.
        """
        self._catalog = catalog
        self._clock = clock
        self._hasher = hasher or PasswordHasher()

    @cached_property
    def _nobody(self) -> str:
        """Verified for names that do not exist, so that they take as long as those that do."""
        return self._hasher.hash(secrets.token_urlsafe(16))

    def is_empty(self) -> bool:
        """Return whether nobody can log in with a password yet, and a first link is due."""
        with self._catalog.read() as connection:
            return _count(connection) == 0

    def list(self) -> list[User]:
        """Return everybody, in the order of their names."""
        with self._catalog.read() as connection:
            accounts: dict[int, list[tuple[str, str]]] = {}
            for row in connection.execute(select(person_accounts).order_by(person_accounts.c.kind)).mappings():
                accounts.setdefault(row["user_id"], []).append((row["kind"], row["account_id"]))
            everybody = connection.execute(select(users).order_by(users.c.name_key)).mappings()
            return [replace(_user(row), accounts=tuple(accounts.get(row["id"], ()))) for row in everybody]

    def named(self, name: str) -> User:
        """Return one person.

        Raises:
            UsageError: there is nobody of that name.
        """
        with self._catalog.read() as connection:
            return _user(_named(connection, name))

    def first_link(self) -> str | None:
        """Return a token that makes the first admin, or None when there are people already; older ones are void."""
        with self._catalog.write("users") as connection:
            if _count(connection):
                return None
            # Each start prints a new link. The ones before it may be in a scrollback or a log, so they end.
            connection.execute(update(invitations).where(invitations.c.used_at.is_(None)).values(used_at=self._now()))
            return self._invite(connection, None, by=FIRST_LINK)

    def add(self, name: str, role: str, *, by: str) -> str:
        """Add a person and return the token of the one-time link with which they set their password.

        Raises:
            UsageError: the name is taken or unusable, or there is no such role.
        """
        shown, chosen = _usable_name(name), role_named(role)
        with self._catalog.write("users") as connection:
            user_id = self._insert(connection, shown, chosen, password_hash=None, by=by)
            note_act(connection, "add user", shown, actor=by, at=self._now(), detail={"role": chosen})
            return self._invite(connection, user_id, by=by)

    def invite_again(self, name: str, *, by: str) -> str:
        """Return a new one-time link for somebody who lost password or link; the old password holds until it is used.

        Raises:
            UsageError: there is nobody of that name, or they are disabled.
        """
        with self._catalog.write("users") as connection:
            row = _named(connection, name)
            if row["disabled_at"] is not None:
                raise UsageError(f"{row['name']!r} is disabled.", next_step="`dayreel users enable NAME` first.")
            self._end_links(connection, row["id"])
            note_act(connection, "new link", row["name"], actor=by, at=self._now())
            return self._invite(connection, row["id"], by=by)

    def disable(self, name: str, *, by: str) -> User:
        """Lock somebody out: every session and token of theirs ends with this call.

        Raises:
            UsageError: there is nobody of that name, or they are the last admin.
        """
        with self._catalog.write("users") as connection:
            row = _named(connection, name)
            _require_another_admin(connection, row)
            now = self._now()
            connection.execute(update(users).where(users.c.id == row["id"]).values(disabled_at=now))
            for table in (sessions, api_tokens):
                # In the same transaction: a request between two of them would still be let in.
                open_ones = (table.c.user_id == row["id"], table.c.revoked_at.is_(None))
                connection.execute(update(table).where(*open_ones).values(revoked_at=now))
            note_act(connection, "disable user", row["name"], actor=by, at=now)
            return _user(_named(connection, name))

    def enable(self, name: str, *, by: str) -> User:
        """Let a disabled person in again; they log in again.

        Raises:
            UsageError: there is nobody of that name.
        """
        with self._catalog.write("users") as connection:
            row = _named(connection, name)
            connection.execute(update(users).where(users.c.id == row["id"]).values(disabled_at=None))
            note_act(connection, "enable user", row["name"], actor=by, at=self._now())
            return _user(_named(connection, name))

    def change_role(self, name: str, role: str, *, by: str, via: str = "desk") -> User:
        """Give somebody another role; their sessions end, and their tokens do no more than the new role may.

        Raises:
            UsageError: there is nobody of that name, no such role, or they are the last admin.
        """
        chosen = role_named(role)
        with self._catalog.write("users") as connection:
            row = _named(connection, name)
            if row["role"] == chosen:
                return _user(row)
            if chosen != "admin":
                _require_another_admin(connection, row)
            connection.execute(update(users).where(users.c.id == row["id"]).values(role=chosen))
            self._end_sessions(connection, row["id"])
            detail = {"from": row["role"], "to": chosen}
            note_act(connection, "change role", row["name"], actor=by, at=self._now(), via=via, detail=detail)
            return _user(_named(connection, name))

    def change_password(
        self, name: str, password: str, *, by: str, present: str | None = None, via: str = "desk"
    ) -> User:
        """Set somebody's password; their sessions and pending links end, their tokens stay.

        Args:
            present: the password there is, for people who change their own; None for whoever runs the machine.

        Raises:
            UsageError: there is nobody of that name, they are disabled, or the password is too short or too long.
            GateClosedError: `present` is not the password.
        """
        _require_good_password(password)
        if present is not None and self.check_password(name, present) is None:
            raise GateClosedError(
                "The password was not changed: the present one is another.",
                next_step="Try again, or ask an admin for a new link.",
            )
        made = self._hasher.hash(password)
        with self._catalog.write("users") as connection:
            row = _named(connection, name)
            if row["disabled_at"] is not None:
                raise UsageError(f"{row['name']!r} is disabled.", next_step="`dayreel users enable NAME` first.")
            connection.execute(update(users).where(users.c.id == row["id"]).values(password_hash=made))
            self._end_sessions(connection, row["id"])
            self._end_links(connection, row["id"])
            note_act(connection, "set password", row["name"], actor=by, at=self._now(), via=via)
            return _user(_named(connection, name))

    def connect(self, name: str, kind: str, account_id: str, *, by: str, via: str = "desk") -> None:
        """Map an account elsewhere to a person: what it decides is then theirs.

        Args:
            kind: a chat's name, or `login`.

        Raises:
            UsageError: there is nobody of that name, no such kind, or the account is empty or another person's.
        """
        account = account_id.strip()
        if kind not in account_kinds():
            raise UsageError(
                f"{kind!r} is not a kind of account.", next_step=f"Kinds are: {', '.join(account_kinds())}."
            )
        if not 1 <= len(account) <= LONGEST_ACCOUNT or not account.isprintable():
            raise UsageError(
                f"{account_id!r} is not an account of {kind}.", next_step="Give the user id, not the name."
            )
        with self._catalog.write("users") as connection:
            row = _named(connection, name)
            holder = name_behind(connection, kind, account)
            if holder is not None and holder != row["name"]:
                raise UsageError(
                    f"The {kind} account {account!r} is {holder!r}'s already, and one account is one person's.",
                    next_step=f"`dayreel users disconnect {holder!r} {kind} {account}` first.",
                )
            if holder is None:
                values = {"kind": kind, "account_id": account, "user_id": row["id"]}
                connection.execute(insert(person_accounts).values(**values, added_at=self._now(), added_by=by))
                self._note_account(connection, "connect account", row["name"], kind, account, by=by, via=via)

    def disconnect(self, name: str, kind: str, account_id: str, *, by: str, via: str = "desk") -> None:
        """Take an account from a person; decisions that it made stay theirs.

        Raises:
            UsageError: there is nobody of that name, or the account is not theirs.
        """
        with self._catalog.write("users") as connection:
            row = _named(connection, name)
            its = (person_accounts.c.kind == kind, person_accounts.c.account_id == account_id)
            if not connection.execute(
                delete(person_accounts).where(*its, person_accounts.c.user_id == row["id"])
            ).rowcount:
                raise UsageError(
                    f"{row['name']!r} has no {kind} account {account_id!r}.",
                    next_step="`dayreel users list` shows them.",
                )
            self._note_account(connection, "disconnect account", row["name"], kind, account_id, by=by, via=via)

    def _note_account(
        self, connection: Connection, act: str, name: str, kind: str, account: str, *, by: str, via: str
    ) -> None:
        detail = {"kind": kind, "account": account}
        note_act(connection, act, name, actor=by, at=self._now(), via=via, detail=detail)

    def _end_sessions(self, connection: Connection, user_id: int) -> None:
        past = (sessions.c.user_id == user_id, sessions.c.revoked_at.is_(None))
        connection.execute(update(sessions).where(*past).values(revoked_at=self._now()))

    def _end_links(self, connection: Connection, user_id: int) -> None:
        pending = (invitations.c.user_id == user_id, invitations.c.used_at.is_(None))
        connection.execute(update(invitations).where(*pending).values(used_at=self._now()))

    def invited(self, token: str) -> str | None:
        """Return whom a link is for: a name, or an empty string when the first admin may choose one; None: no link."""
        with self._catalog.read() as connection:
            row = self._open_invitation(connection, token)
            return None if row is None else self._name_of(connection, row["user_id"])

    def accept(self, token: str, *, name: str, password: str) -> User:
        """Use a one-time link: set the password, and make the first admin when nobody is there yet.

        Raises:
            StaleState: the link was used, has run out, or never existed; the answer is the same for all three.
            UsageError: name or password cannot be used; the link still can.
        """
        _require_good_password(password)
        made = self._hasher.hash(password)
        with self._catalog.write("users") as connection:
            row = self._open_invitation(connection, token)
            if row is None:
                raise StaleState(
                    "This link was used already or has run out.",
                    next_step="`dayreel users link NAME` makes a new one; without any user, `dayreel desk` makes one.",
                )
            now, user_id = self._now(), row["user_id"]
            if user_id is None:
                shown = _usable_name(name)
                user_id = self._insert(connection, shown, "admin", password_hash=made, by=FIRST_LINK)
            else:
                connection.execute(update(users).where(users.c.id == user_id).values(password_hash=made))
                self._end_sessions(connection, user_id)
            used = invitations.c.token_sha256 == row["token_sha256"]
            connection.execute(update(invitations).where(used).values(used_at=now))
            user = _user(connection.execute(select(users).where(users.c.id == user_id)).mappings().one())
            note_act(connection, "set password", user.name, actor=user.name, at=now)
            return user

    def check_password(self, name: str, password: str) -> User | None:
        """Return whoever has this name and password, or None; equally long for names that do not exist."""
        with self._catalog.read() as connection:
            query = select(users).where(users.c.name_key == name_key(name))
            row = connection.execute(query).mappings().one_or_none()
        usable = row is not None and row["disabled_at"] is None and row["password_hash"] is not None
        nobody = self._nobody  # whoever it is: the first hash that is checked makes it, and takes twice as long
        against = row["password_hash"] if row is not None and usable else nobody
        try:
            self._hasher.verify(against, password[:LONGEST_PASSWORD])
        except (VerificationError, InvalidHashError):
            return None
        return _user(row) if row is not None and usable else None

    def _now(self) -> datetime:
        return self._clock.now()

    def _invite(self, connection: Connection, user_id: int | None, *, by: str) -> str:
        token, now = secrets.token_urlsafe(32), self._now()
        values = {"created_at": now, "created_by": by, "expires_at": now + LINK_LIFETIME, "user_id": user_id}
        connection.execute(insert(invitations).values(token_sha256=hashed(token), **values))
        return token

    def _open_invitation(self, connection: Connection, token: str) -> RowMapping | None:
        query = select(invitations).where(invitations.c.token_sha256 == hashed(token))
        row = connection.execute(query).mappings().one_or_none()
        if row is None or row["used_at"] is not None or row["expires_at"] <= self._now():
            return None
        if row["user_id"] is None:
            return None if _count(connection) else row
        invited = connection.execute(select(users.c.disabled_at).where(users.c.id == row["user_id"])).one()
        return row if invited.disabled_at is None else None

    @staticmethod
    def _name_of(connection: Connection, user_id: int | None) -> str:
        if user_id is None:
            return ""
        return str(connection.execute(select(users.c.name).where(users.c.id == user_id)).scalar_one())

    def _insert(self, connection: Connection, name: str, role: Role, *, password_hash: str | None, by: str) -> int:
        if connection.execute(select(users.c.id).where(users.c.name_key == name_key(name))).first() is not None:
            raise UsageError(f"There is already a user {name!r}.", next_step="Choose another name.")
        values = {"name": name, "name_key": name_key(name), "role": role, "password_hash": password_hash}
        connection.execute(insert(users).values(**values, created_at=self._now(), created_by=by))
        return int(connection.execute(select(users.c.id).where(users.c.name_key == name_key(name))).scalar_one())


def account_kinds() -> tuple[str, ...]:
    """Return where people can have accounts: every chat in which people decide, and this machine."""
    return (*(vendor.name for vendor in vendors("notifiers") if vendor.chat is not None), LOGIN)


def require_users(users_of: Users, host: str) -> None:
    """Refuse to be reachable from other machines while anybody who comes first would become the admin.

    Raises:
        GateClosedError: `host` is not loopback and nobody has an account yet; says how to make one.
    """
    if host not in ("127.0.0.1", "::1", "localhost") and users_of.is_empty():
        raise GateClosedError(
            f"The desk was asked to listen on {host!r}, which other machines can reach, and it has no users yet.",
            next_step="First use the one-time link on loopback, or `dayreel users add NAME --role admin`.",
        )


def hashed(token: str) -> str:
    """Return what is kept of a random token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _usable_name(name: str) -> str:
    shown = " ".join(unicodedata.normalize("NFC", name).split())
    if not 1 <= len(shown) <= LONGEST_NAME or any(
        unicodedata.category(character).startswith("C") for character in shown
    ):
        raise UsageError(f"{name!r} is not a valid name for a person.", next_step="Choose 1 to 80 ordinary characters.")
    return shown


def _require_good_password(password: str) -> None:
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise UsageError(
            f"The password has {len(password)} characters; it needs {SHORTEST_PASSWORD} to {LONGEST_PASSWORD}.",
            next_step="Choose a longer one, such as three or four words.",
        )


def _count(connection: Connection) -> int:
    return int(connection.execute(select(func.count()).select_from(users)).scalar_one())


def _require_another_admin(connection: Connection, row: RowMapping) -> None:
    admins = (users.c.role == "admin", users.c.disabled_at.is_(None), users.c.id != row["id"])
    others = connection.execute(select(func.count()).select_from(users).where(*admins)).scalar_one()
    if row["role"] == "admin" and row["disabled_at"] is None and others == 0:
        raise UsageError(f"{row['name']!r} is the last admin.", next_step="Add another admin first.")


def _named(connection: Connection, name: str) -> RowMapping:
    row = connection.execute(select(users).where(users.c.name_key == name_key(name))).mappings().one_or_none()
    if row is None:
        raise UsageError(f"There is no user {name!r}.", next_step="`dayreel users list` lists them.")
    return row


def _user(row: RowMapping) -> User:
    return User(
        id=row["id"],
        name=row["name"],
        role=row["role"],
        has_password=row["password_hash"] is not None,
        created_at=row["created_at"],
        created_by=row["created_by"],
        disabled_at=row["disabled_at"],
    )
