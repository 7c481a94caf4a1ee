"""When a token should be renewed, and when it no longer can be. Pure; who renews is `services.keep_tokens`."""

from datetime import datetime

from dayreel.vendors.record import RenewalRule
from dayreel.vendors.token import Token


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
