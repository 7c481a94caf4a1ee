"""Who may do what at the desk: four roles, each with everything that the one before it may. Pure.

Who may decide on one channel is that channel's `review.who`; it is asked by `services.reviewing.decide`, whatever the
role.
"""

from typing import Literal, get_args

from dayreel.errors import UsageError

Role = Literal["viewer", "reviewer", "operator", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)

# viewer: sees everything, Dagster too. reviewer: approves, rejects, edits, has a segment made again.
# operator: kill switch, unknown effects, launches in Dagster. admin: people, their roles, the record of acts.


def role_named(text: str) -> Role:
    """Return the role of that name.

    Raises:
        UsageError: there is none.
    """
    for role in ROLES:
        if role == text:
            return role
    raise UsageError(f"There is no role {text!r}.", next_step=f"Roles are: {', '.join(ROLES)}.")


def may(role: Role, needed: Role) -> bool:
    """Return whether somebody of `role` may do what `needed` may."""
    return ROLES.index(role) >= ROLES.index(needed)


def lesser(role: Role, other: Role) -> Role:
    """Return the role of the two that may do less."""
    return role if may(other, role) else other
