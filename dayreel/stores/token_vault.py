"""Tokens at rest: sealed with a key that is never stored, one row a vendor, one process at a time.

When a token is renewed and with what is not decided here. Both tokens of a renewal are written in one transaction: a
vendor that hands out a new refresh token with every access token would otherwise lock us out for good.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import SecretStr
from sqlalchemy import delete, insert, select, update

from dayreel.errors import ConfigurationError, StaleState
from dayreel.stores import locks
from dayreel.stores.catalog.engine import Catalog
from dayreel.stores.catalog.tables import oauth_tokens
from dayreel.vendors.token import Token

KEY_VARIABLE = "DAYREEL_TOKEN_KEY"
_WAIT_S = 90.0


@dataclass(frozen=True)
class Kept:
    """One row: the token, what it was made from, and what became of the last renewal.

    Attributes:
        seed_sha256: hash of the token a person gave us, from which this one descends.
        refused_seed_sha256: hash of a newer one that was tried and refused, so that it is not tried again.
        error: why the last renewal did not work; None when it did.
        version: counts every write.
    """

    token: Token
    seed_sha256: str
    refused_seed_sha256: str | None
    error: str | None
    version: int


def new_key() -> str:
    """Return a fresh key for DAYREEL_TOKEN_KEY."""
    return Fernet.generate_key().decode()


class TokenVault:
    """The sealed tokens of one catalog.

    Args:
        key: DAYREEL_TOKEN_KEY; several separated by commas: the first seals, all of them open.
    """

    def __init__(self, catalog: Catalog, key: SecretStr, *, wait_s: float = _WAIT_S) -> None:
        """Read the key.

        Raises:
            ConfigurationError: it is not a valid Fernet key; the message never shows it.
        """
        self._catalog = catalog
        self._wait_s = wait_s
        try:
            self._seal = MultiFernet([Fernet(part.strip()) for part in key.get_secret_value().split(",")])
        except ValueError:
            raise ConfigurationError(
                f"{KEY_VARIABLE} is not a valid key: it must be 32 bytes in URL-safe base64.",
                next_step="`dayreel setup` makes one. If tokens are stored already, put the old key back instead.",
            ) from None

    @contextmanager
    def alone(self, vendor: str) -> Iterator[None]:
        """Let nobody else, in any process, renew this vendor's token while the block runs; waits for its turn.

        Raises:
            BusyError, StoreError: somebody else has been at it for too long.
        """
        if not self._catalog.is_sqlite:
            with self._catalog.write(f"token {vendor}"):
                yield
            return
        # Not the database's own lock: nothing else could be written while the vendor takes its time to answer.
        path = Path(f"{self._catalog.engine.url.database}.token-{vendor}.lock")
        too_long = f"Another process has been renewing the token of {vendor} for more than {self._wait_s:g} s."
        with locks.alone(path, wait_s=self._wait_s, busy=lambda: too_long):
            yield

    def read(self, vendor: str) -> Kept | None:
        """Return a vendor's row, or None.

        Raises:
            ConfigurationError: it was sealed with another key.
        """
        with self._catalog.read() as connection:
            row = connection.execute(select(oauth_tokens).where(oauth_tokens.c.vendor == vendor)).mappings().first()
        if row is None:
            return None
        token = Token(
            access=self._opened(row["access_sealed"], vendor),
            refresh=None if row["refresh_sealed"] is None else self._opened(row["refresh_sealed"], vendor),
            expires_at=row["expires_at"],
            refresh_expires_at=row["refresh_expires_at"],
            obtained_at=row["obtained_at"],
        )
        return Kept(token, row["seed_sha256"], row["refused_seed_sha256"], row["error"], row["version"])

    def keep(
        self,
        vendor: str,
        token: Token,
        *,
        seed_sha256: str,
        before: Kept | None,
        at: datetime,
        refused_seed_sha256: str | None = None,
    ) -> None:
        """Put a token that is known to work in the place of `before`, in one transaction.

        Args:
            refused_seed_sha256: hash of one that must not be tried again although a process may still have it.

        Raises:
            StaleState: somebody else has written since `before` was read; nothing was changed.
        """
        values = {
            "access_sealed": self._sealed(token.access),
            "refresh_sealed": None if token.refresh is None else self._sealed(token.refresh),
            "expires_at": token.expires_at,
            "refresh_expires_at": token.refresh_expires_at,
            "obtained_at": token.obtained_at,
            "seed_sha256": seed_sha256,
            "refused_seed_sha256": refused_seed_sha256,
            "error": None,
        }
        self._write(vendor, values, before, at)

    def note(self, vendor: str, before: Kept, *, error: str, at: datetime, refused_seed_sha256: str | None) -> None:
        """Write down what went wrong beside a token that stays as it is.

        Raises:
            StaleState: as with `keep`.
        """
        self._write(vendor, {"error": error, "refused_seed_sha256": refused_seed_sha256}, before, at)

    def forget(self, vendor: str) -> None:
        """Take a vendor's row away: what is used from now on is not renewed."""
        with self._catalog.write("tokens") as connection:
            connection.execute(delete(oauth_tokens).where(oauth_tokens.c.vendor == vendor))

    def _write(self, vendor: str, values: Mapping[str, object], before: Kept | None, at: datetime) -> None:
        with self._catalog.write("tokens") as connection:
            if before is None:
                connection.execute(insert(oauth_tokens).values(vendor=vendor, version=1, updated_at=at, **values))
                return
            changed = connection.execute(
                update(oauth_tokens)
                .where(oauth_tokens.c.vendor == vendor, oauth_tokens.c.version == before.version)
                .values(version=before.version + 1, updated_at=at, **values)
            )
            if changed.rowcount == 0:
                raise StaleState(
                    f"The token of {vendor} was changed by somebody else in the meantime.", next_step="Try again."
                )

    def _sealed(self, secret: str) -> str:
        return self._seal.encrypt(secret.encode()).decode()

    def _opened(self, sealed: str, vendor: str) -> str:
        try:
            return self._seal.decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise ConfigurationError(
                f"The stored token of {vendor} cannot be opened with {KEY_VARIABLE}; nothing was changed.",
                next_step=f"Put the key back that it was sealed with; {KEY_VARIABLE}=new,old opens with either.",
            ) from None
