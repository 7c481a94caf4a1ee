"""Who is a person of this project, may they decide on a channel, and who has approved exactly this?

A person is known by one name, however it is typed (`schemas.person.name_key`), and by the accounts that are mapped to
it. People are the users of the desk and the names in a channel's `review.who`. Adding and mapping them is
`services.desk.users`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, select

from dayreel.errors import GateClosedError
from dayreel.rules.approval import ApprovalScope
from dayreel.rules.roles import Role, may
from dayreel.schemas.channel import Channel
from dayreel.schemas.person import name_key
from dayreel.stores.catalog.tables import decisions, person_accounts, users


@dataclass(frozen=True)
class KnownPerson:
    """A user of the desk, as decisions on any face look at them."""

    name: str
    role: Role
    is_disabled: bool

    @property
    def may_decide(self) -> bool:
        """Whether their role lets them decide, and nobody has disabled them."""
        return not self.is_disabled and may(self.role, "reviewer")


def known_person(connection: Connection, name: str) -> KnownPerson | None:
    """Return the user of the desk with this name, however it is typed, a disabled one too; None where there is none."""
    query = select(users.c.name, users.c.role, users.c.disabled_at).where(users.c.name_key == name_key(name))
    row = connection.execute(query).one_or_none()
    return None if row is None else KnownPerson(row.name, row.role, row.disabled_at is not None)


def name_behind(connection: Connection, kind: str, account_id: str) -> str | None:
    """Return the name of the person to whom an account is mapped, or None."""
    query = select(users.c.name).join(person_accounts, person_accounts.c.user_id == users.c.id)
    its = (person_accounts.c.kind == kind, person_accounts.c.account_id == account_id)
    return connection.execute(query.where(*its)).scalar()


def decider(connection: Connection, channel: Channel, name: str) -> str:
    """Return the name under which a person's decision on a channel is recorded: one for all spellings of it.

    Raises:
        GateClosedError: this person may not decide on the channel; says who may.
    """
    person = known_person(connection, name)
    if not channel.review.allows(name):
        raise GateClosedError(
            f"{name!r} may not decide on channel {channel.name!r}.",
            next_step=f"Those who may: {', '.join(channel.review.who)} (`review.who` in its file).",
        )
    if person is not None and not person.may_decide:
        reason = "this person is disabled" if person.is_disabled else f"the role at the desk is {person.role}"
        raise GateClosedError(
            f"{person.name!r} may not decide on channel {channel.name!r}: {reason}.",
            next_step="An admin can change that at the desk, or with `dayreel users`.",
        )
    written = {name_key(allowed): allowed for allowed in channel.review.who}
    return person.name if person is not None else written.get(name_key(name), name.strip())


def counts_as_person(connection: Connection, channel: Channel, name: str) -> bool:
    """Return whether an approval under this name counts where a channel asks for several people."""
    person = known_person(connection, name)
    if person is not None:
        return person.may_decide
    return bool(channel.review.who) and channel.review.allows(name)


def approvers(
    connection: Connection,
    channel: Channel,
    content_id: str,
    current: ApprovalScope,
    *,
    is_for: Callable[[Mapping[str, Mapping[str, str]] | None], bool] = lambda _accounts: True,
) -> tuple[str, ...]:
    """Return who has approved exactly this since the newest other decision, the first one first; nobody twice.

    Where a channel asks for several people, only known ones count, and none who has been disabled since. An approval
    from before approvals bound the words of every platform counts for what it did bind.

    Args:
        is_for: whether an approval that binds these accounts is for the one that is meant; left out, for any.
    """
    query = select(decisions).where(decisions.c.content_id == content_id).order_by(decisions.c.id.desc())
    names: dict[str, str] = {}
    for row in connection.execute(query).mappings():
        if row["verdict"] not in ("approved", "endorsed"):
            break
        words = current.words if row["words"] is None else row["words"]
        if ApprovalScope(row["video_sha256"], row["caption"], row["fields"], words) == current and is_for(
            row["accounts"]
        ):
            names[name_key(row["decided_by"])] = row["decided_by"]
    several = channel.review.approvals > 1
    return tuple(
        name for name in reversed(names.values()) if not several or counts_as_person(connection, channel, name)
    )
