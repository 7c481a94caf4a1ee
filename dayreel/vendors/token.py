"""Tokens that expire and are renewed: when is `rules.tokens`, how they are kept is `stores.token_vault`."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Token:
    """One account's tokens at one vendor; what is secret is never shown.

    Attributes:
        refresh: what a new access token is asked for with; None where the access token itself is renewed.
        expires_at: when the access token ends; None when the vendor has not said.
        obtained_at: when dayreel first had this access token.
    """

    access: str = field(repr=False)
    refresh: str | None = field(repr=False)
    expires_at: datetime | None
    refresh_expires_at: datetime | None
    obtained_at: datetime
