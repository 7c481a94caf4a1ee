"""When a token should be renewed, and when it no longer can be. Pure; who renews is `services.keep_tokens`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from dayreel.vendors.token import Token


@dataclass(frozen=True)
class RenewalRule:
    """How a vendor's access tokens are renewed.

    Attributes:
        every: an access token older than that is renewed.
        spare: one that ends within that time is renewed, however young.
        youngest: the vendor renews none younger than that.
        after_expiry: whether a token that has ended can still be renewed (with a refresh token it can).
    """

    every: timedelta
    spare: timedelta
    youngest: timedelta
    after_expiry: bool


# Protocol reference: TikTok's access tokens live 24 h (5.8); Instagram Login's 60 days, renewed from 24 h old on, never
# once they have ended (4.6).
RULES: Mapping[str, RenewalRule] = {
    "tiktok": RenewalRule(timedelta(hours=18), timedelta(hours=6), timedelta(0), after_expiry=True),
    "instagram": RenewalRule(timedelta(days=7), timedelta(days=30), timedelta(hours=24), after_expiry=False),
}


def is_due(rule: RenewalRule, token: Token, now: datetime) -> bool:
    """Say whether the token should be renewed now."""
    age = now - token.obtained_at
    if age < rule.youngest or (has_ended(token, now) and not rule.after_expiry):
        return False
    ends_soon = token.expires_at is not None and token.expires_at - now < rule.spare
    return ends_soon or age >= rule.every


def has_ended(token: Token, now: datetime) -> bool:
    """Say whether the access token has ended; one without a known end has not."""
    return token.expires_at is not None and token.expires_at <= now


def cannot_be_renewed(rule: RenewalRule, token: Token, now: datetime) -> bool:
    """Say whether only a person who logs in again can help."""
    if token.refresh_expires_at is not None and token.refresh_expires_at <= now:
        return True
    return has_ended(token, now) and not rule.after_expiry
