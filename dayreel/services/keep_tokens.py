"""Keeping access tokens alive: renewed before they end, by one process at a time, never exchanged for a worse one.

What a person puts into the environment is a seed. A new seed takes the place of the stored token only after the vendor
has answered to it; one that is refused is remembered and reported by `dayreel doctor`, and the stored one keeps
working. Without DAYREEL_TOKEN_KEY nothing is stored, and tokens are used as they stand in the environment.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import SecretStr

from dayreel.errors import DayreelError, PermanentError, ProviderError
from dayreel.queries.connections import ANNOUNCED_AHEAD
from dayreel.rules.tokens import cannot_be_renewed, has_ended, is_due
from dayreel.schemas.check import Check
from dayreel.settings import Settings
from dayreel.stores.catalog.engine import Catalog, schema_level
from dayreel.vendors.access import Access
from dayreel.vendors.record import RenewalRule, TokenRenewal, Variable
from dayreel.vendors.registry import vendors
from dayreel.vendors.token import Token

if TYPE_CHECKING:
    from dayreel.stores.token_vault import Kept, TokenVault

SCHEMA_LEVEL = "0003"
"""From this step of the catalog's schema on there is a table for tokens."""
_RELOGIN = "`dayreel connect {platform}` makes new ones."


@dataclass(frozen=True)
class Seed:
    """The tokens of one vendor as the environment has them."""

    vendor: str
    access: str
    refresh: str | None
    renewal: TokenRenewal

    @property
    def sha256(self) -> str:
        """What the seed is known by, without being it."""
        return hashlib.sha256(f"{self.vendor}\n{self.refresh or self.access}".encode()).hexdigest()


def seeds(variable: Variable) -> Iterator[Seed]:
    """Yield what the environment has of every platform whose tokens can be renewed, where it has what that takes."""
    for vendor in vendors("platforms"):
        token = vendor.platform.token if vendor.platform is not None else None
        if token is None:
            continue
        access = (variable(token.access) or "").strip()
        refresh = (variable(token.refresh) or "").strip() if token.refresh else None
        if access.startswith(token.prefix) if refresh is None and access else refresh:
            yield Seed(vendor.name, access, refresh, token)


def seed_of(name: str, variable: Variable) -> Seed | None:
    """Return what a variable is the access token of, where that can be renewed; None for every other variable."""
    return next((seed for seed in seeds(variable) if seed.renewal.access == name), None)


def usable_token(catalog: Catalog, key: SecretStr, access: Access, seed: Seed) -> str:
    """Return an access token that works now, renewed first where it is time.

    Args:
        access: the way to the vendors; what it says about the token's own variable is not asked for.

    Raises:
        PermanentError: the token has ended and cannot be renewed; a person has to log in again.
        TransientError: it has ended and the vendor could not be asked.
        ConfigurationError: DAYREEL_TOKEN_KEY is none, or is another one.
    """
    from dayreel.stores.token_vault import TokenVault  # noqa: PLC0415  brings cryptography

    work = _Work(TokenVault(catalog, key), seed.renewal.rule, access, seed)
    kept = work.vault.read(seed.vendor)
    if kept is not None and not work.is_new_seed(kept) and not work.is_due(kept):
        return work.good(kept)
    with work.vault.alone(seed.vendor):
        kept = work.vault.read(seed.vendor)  # somebody else may have renewed it while we waited
        if kept is None:
            return work.take_seed(None)
        if work.is_new_seed(kept):
            try:
                return work.take_seed(kept)
            except PermanentError as error:
                kept = work.refuse_seed(kept, error)
        return work.renew(kept) if work.is_due(kept) else work.good(kept)


@dataclass(frozen=True)
class _Work:
    """One vendor's token in our hands, its lock held wherever something is written."""

    vault: "TokenVault"
    rule: RenewalRule
    access: Access
    seed: Seed

    @property
    def _now(self) -> datetime:
        return self.access.clock.now()

    def is_new_seed(self, kept: "Kept") -> bool:
        return self.seed.sha256 not in (kept.seed_sha256, kept.refused_seed_sha256)

    def is_due(self, kept: "Kept") -> bool:
        return is_due(self.rule, kept.token, self._now)

    def take_seed(self, before: "Kept | None") -> str:
        """Keep what a person has given us, once the vendor has answered to it."""
        given = Token(self.seed.access, self.seed.refresh, None, None, self._now)
        token = self.seed.renewal.prove(self.access, given)
        self.vault.keep(self.seed.vendor, token, seed_sha256=self.seed.sha256, before=before, at=self._now)
        return token.access

    def refuse_seed(self, kept: "Kept", why: PermanentError) -> "Kept":
        """Remember that a newer token does not work; the one that does stays."""
        error = f"a newer token in the environment was refused, so the stored one is used: {why.message}"
        self.vault.note(self.seed.vendor, kept, error=error, at=self._now, refused_seed_sha256=self.seed.sha256)
        return replace(kept, refused_seed_sha256=self.seed.sha256, error=error, version=kept.version + 1)

    def renew(self, kept: "Kept") -> str:
        """Renew; while the old token still works, a renewal that does not is only written down."""
        try:
            token = self.seed.renewal.renew(self.access, kept.token)
        except ProviderError as error:
            refused = kept.refused_seed_sha256
            self.vault.note(self.seed.vendor, kept, error=error.message, at=self._now, refused_seed_sha256=refused)
            if has_ended(kept.token, self._now):
                raise
            return kept.token.access
        self.vault.keep(
            self.seed.vendor,
            token,
            seed_sha256=kept.seed_sha256,
            before=kept,
            at=self._now,
            refused_seed_sha256=kept.refused_seed_sha256,
        )
        return token.access

    def good(self, kept: "Kept") -> str:
        """Return the stored token, unless it has ended for good."""
        if has_ended(kept.token, self._now):
            raise PermanentError(
                attempted=f"use the stored token of {self.seed.vendor}",
                answer=f"it ended at {kept.token.expires_at:%Y-%m-%d %H:%M} UTC, and an ended one is not renewed",
                next_step=_RELOGIN.format(platform=self.seed.vendor),
                code="token_ended",
            )
        return kept.token.access


def token_findings(settings: Settings, now: datetime) -> Iterator[Check]:
    """Say of every token that can be renewed how long it lasts, with days left. Reads only; asks no vendor.

    `services.setting_up.examine` shows these.
    """
    for seed in seeds(settings.variable):
        yield _finding(settings, seed, seed.renewal.rule, now)


def _finding(settings: Settings, seed: Seed, rule: RenewalRule, now: datetime) -> Check:
    name, relogin = f"token of {seed.vendor}", _RELOGIN.format(platform=seed.vendor)
    if settings.token_key is None:
        detail = "it can be renewed, but there is no DAYREEL_TOKEN_KEY to keep it with"
        return Check(name, "warn", detail, "`dayreel setup` makes the key; until then the token simply ends.")
    try:
        kept = _stored(settings.catalog, settings.token_key, seed.vendor)
    except DayreelError as error:
        return Check(name, "fail", error.message, error.next_step)
    if kept is None:
        return Check(name, "ok", "not stored yet; the first use stores it")
    left = _left(kept.token, now)
    if cannot_be_renewed(rule, kept.token, now):
        return Check(name, "fail", f"{left}; it can no longer be renewed", relogin)
    ends = kept.token.refresh_expires_at if rule.after_expiry else kept.token.expires_at
    ends_soon = ends is not None and ends - now < ANNOUNCED_AHEAD
    problem = kept.error
    if problem is None and seed.sha256 == kept.refused_seed_sha256:
        problem = "the token in the environment was refused or replaced, so the stored one is used"
    if problem is not None or ends_soon:
        return Check(name, "warn", "; ".join(part for part in (left, problem) if part), relogin)
    return Check(name, "ok", left)


def _stored(url: str, key: SecretStr, vendor: str) -> "Kept | None":
    from dayreel.stores.token_vault import TokenVault  # noqa: PLC0415  brings cryptography

    with Catalog(url) as catalog:
        level = schema_level(catalog)
        if level is None or level < SCHEMA_LEVEL:
            return None
        return TokenVault(catalog, key).read(vendor)


def _left(token: Token, now: datetime) -> str:
    def days(end: datetime | None) -> str:
        if end is None:
            return "until an unknown day"
        left = (end - now).total_seconds() / 86_400
        return f"{left:.1f} days left" if left > 0 else f"ended {-left:.1f} days ago"

    access = f"access token: {days(token.expires_at)}"
    return access if token.refresh_expires_at is None else f"{access}; refresh token: {days(token.refresh_expires_at)}"
