"""How an account is connected in a browser: what a vendor's consent is like, and what it brings.

The facts stand in the vendor's record, and what is asked afterwards in the vendor's own file. The mechanism (addresses,
state, PKCE, code against token) is `providers.consent`; who may connect, and what is kept, `services.setting_up`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from dayreel.vendors.access import Access
from dayreel.vendors.token import Token


@dataclass(frozen=True)
class ReadBack:
    """What a consent has brought, as the vendor itself answers for it.

    Attributes:
        variables: what goes into `.env`, by variable.
        token: the tokens, where dayreel renews them.
        granted: the scopes that the account's owner has allowed.
        ends: when each token ends that nothing renews by itself, by what it is: `refresh token`, `data access`.
        kind: what kind of account it is, in the vendor's words; empty where it does not say.
        app: how far the vendor has let the app in, in a sentence: audited or not, in testing or not.
        advice: what a person should do next although everything works, in sentences.
    """

    variables: Mapping[str, str] = field(repr=False)
    token: Token | None
    granted: tuple[str, ...]
    ends: Mapping[str, datetime]
    kind: str
    app: str
    advice: tuple[str, ...] = ()


@dataclass(frozen=True)
class Consent:
    """One way to connect an account: OAuth's authorization code (RFC 6749, 4.1).

    Attributes:
        name: what people choose it by, where a vendor has several.
        app_id, app_secret: the variables of the app that asks.
        authorize, token: where people consent, and where the code is exchanged; the live address and the stand-in's
            path, as `Access.url` takes them.
        scopes: those without which dayreel cannot work there.
        optional: further scopes that are asked for, and what is not possible without each.
        loopback: the scheme that the vendor takes of an address on the same machine.
        register: where the vendor's console wants the redirect address, as a clause.
        finish: exchanges what the code has brought for long-lived tokens and reads back whose they are. Gets the way to
            the vendor and the answer to the code.
        pkce: how the code's challenge is written: as RFC 7636 says, as hexadecimal digits, or not at all.
        id_field: what the vendor calls the app's id.
        separator: what stands between two scopes.
        method: how the code is sent.
        more: further parameters of the address where people consent.
    """

    name: str
    app_id: str
    app_secret: str
    authorize: tuple[str, str]
    token: tuple[str, str]
    scopes: tuple[str, ...]
    optional: Mapping[str, str]
    loopback: Literal["http", "https"]
    register: str
    finish: Callable[[Access, Mapping[str, Any]], ReadBack]
    pkce: Literal["base64url", "hex"] | None = "base64url"
    id_field: str = "client_id"
    separator: str = " "
    method: Literal["GET", "POST"] = "POST"
    more: Mapping[str, str] = field(default_factory=dict)
