"""Connecting a platform's account: somebody consents in a browser, the account is read back and proved, then kept.

No token is kept before the platform has answered to it, and none of another account before somebody has seen whose it
is. Tokens go into `.env` and, where dayreel renews them, sealed into the catalog; no value is ever in a message. What
a platform's consent is like is in its record; faces open the browser and bring its answer.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import SecretStr
from sqlalchemy import delete, insert

from dayreel.errors import ConfigurationError, PermanentError, UsageError
from dayreel.providers.consent import Pending, ask_consent, exchange_code
from dayreel.queries.accounts import newest_accounts
from dayreel.queries.connections import approved_for_others
from dayreel.schemas.posts import PlatformAccount
from dayreel.services.audit import note_act
from dayreel.services.keep_tokens import Seed, seed_of
from dayreel.services.project import Project
from dayreel.services.publishing.gate_facts import record_account
from dayreel.services.retry_transient import retry_transient
from dayreel.services.setting_up.prove_keys import prove
from dayreel.services.setting_up.set_up import keep_answers
from dayreel.settings import Settings, World
from dayreel.stores.catalog.tables import connections
from dayreel.vendors.access import Access
from dayreel.vendors.consent import Consent, ReadBack
from dayreel.vendors.record import Setting
from dayreel.vendors.registry import label_of, platform_named, vendor_named, vendors

if TYPE_CHECKING:
    from dayreel.stores.token_vault import Kept

WAIT: Final = timedelta(minutes=10)
"""So long somebody may take to log in and consent."""


@dataclass(frozen=True)
class Attempt:
    """A consent that was asked for.

    Attributes:
        app: the app's id and secret, as far as they were typed just now.
    """

    platform: str
    consent: Consent
    pending: Pending
    begun_at: datetime
    app: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True)
class ConsentedAccount:
    """An account whose owner has consented, read back and proved; nothing of it is kept yet.

    Attributes:
        proof: what the platform has answered to the new tokens.
        missing: what is not possible without scopes that were not allowed, by scope; posting is.
        before: the account that is connected now, where it is another one.
        voided: contents whose approval is for that other account, and ends with this one.
    """

    attempt: Attempt
    brought: ReadBack
    account: PlatformAccount
    proof: str
    missing: Mapping[str, str]
    before: PlatformAccount | None
    voided: tuple[str, ...]

    @property
    def warning(self) -> str:
        """What keeping it would change for the worse; empty where nothing does."""
        if self.before is None:
            return ""
        label = label_of(self.attempt.platform)
        lost = f" Its approvals end: {', '.join(self.voided)} must be approved again." if self.voided else ""
        return f"{label} is connected to {self.before} now, and this is {self.account}.{lost}"


def connectable() -> list[str]:
    """Return the platforms whose accounts are connected in a browser."""
    return [vendor.name for vendor in vendors("platforms") if vendor.platform is not None and vendor.platform.consents]


def consent_of(platform: str, way: str | None = None) -> Consent:
    """Return a platform's consent; its first one where nobody chooses.

    Raises:
        UsageError: there is no such platform, it has none, or none of that name.
    """
    consents = platform_named(platform).consents
    if not consents:
        raise UsageError(
            f"{label_of(platform)} needs no consent in a browser.",
            next_step=f"Connected in a browser are: {', '.join(connectable())}.",
        )
    matching = [consent for consent in consents if way in (None, consent.name)]
    if not matching:
        names = ", ".join(consent.name for consent in consents)
        raise UsageError(f"{label_of(platform)} has no way {way!r}.", next_step=f"Its ways are: {names}.")
    return matching[0]


def missing_app(settings: Settings, platform: str, consent: Consent) -> list[Setting]:
    """Return what of the app has no value yet: its id, its secret."""
    variable, of_app = as_of_now(settings).variable, (consent.app_id, consent.app_secret)
    parts = vendor_named(platform).settings
    return [part for part in parts if part.variable in of_app and variable(part.variable) is None]


def why_not_here(consent: Consent, redirect_uri: str) -> str:
    """Return why a platform would not send a browser back to an address; empty where it would."""
    address, takes_http = urlsplit(redirect_uri), consent.loopback == "http"
    is_here = f".{address.hostname}".endswith((".localhost", ".127.0.0.1", ".::1"))
    if address.scheme == "https" or (takes_http and is_here):
        return ""
    places = "https addresses and to this machine" if takes_http else "https addresses alone"
    return f"It sends the browser back to {places}, and {address.netloc} is not among them."


def begin(project: Project, platform: str, *, way: str | None, redirect_uri: str, app: Mapping[str, str]) -> Attempt:
    """Return what somebody has to open, and what their answer is held against. Sends nothing.

    Args:
        app: the app's id and secret, where they are not set yet.

    Raises:
        UsageError: the platform has no such consent.
        ConfigurationError: the app's id or secret is missing, the platform refuses the address, or the environment has
            values that would win over what is kept; or `.env` cannot be written.
    """
    consent, label = consent_of(platform, way), label_of(platform)
    problem = why_not_here(consent, redirect_uri)
    if problem:
        raise ConfigurationError(
            f"{label} cannot be connected here. {problem}",
            next_step=f"`dayreel connect {platform}` in a terminal on the machine with your browser can; or set "
            "DAYREEL_DESK_URL to the https address of the desk.",
        )
    of_app = {name for other in platform_named(platform).consents for name in (other.app_id, other.app_secret)}
    winning = [part.variable for part in vendor_named(platform).settings if part.variable in os.environ]
    winning = [name for name in winning if name not in of_app]
    if winning:
        raise ConfigurationError(
            f"The environment sets {', '.join(winning)}, which would win over what connecting writes into .env.",
            next_step="Take them out of the environment of this process and of dayreel's services; then connect again.",
        )
    if not os.access(project.settings.root, os.W_OK):
        raise ConfigurationError(
            f"The tokens could not be kept: this process may not write into {project.settings.root}.",
            next_step=f"`dayreel connect {platform}` as the owner of that folder can.",
        )
    access = _access(project, app)
    return Attempt(platform, consent, ask_consent(consent, access, redirect_uri), project.clock.now(), dict(app))


def finish(project: Project, attempt: Attempt, answer_url: str) -> ConsentedAccount:
    """Exchange the code, read back whose account it is and what may be done there, and prove the tokens.

    Keeps the app's id and secret, once the platform has taken them, and nothing else.

    Args:
        answer_url: the address to which the platform has sent the browser.

    Raises:
        UsageError: it is not the answer to this attempt, or came too late.
        PermanentError, TransientError, ConfigurationError: no consent, a code that is worth nothing, scopes without
            which nothing works, or tokens that the platform does not answer to.
    """
    platform, consent, label = attempt.platform, attempt.consent, label_of(attempt.platform)
    if project.clock.now() - attempt.begun_at > WAIT:
        raise UsageError(
            f"The answer came more than {WAIT.seconds // 60} minutes after it was asked for.",
            next_step="Nothing was changed; begin again.",
        )
    access = _access(project, attempt.app)
    answer = exchange_code(consent, access, attempt.pending, answer_url, vendor=label)
    if attempt.app:  # the platform has taken them, so that nobody types them again whatever comes next
        keep_answers(project.settings, attempt.app)
    brought = consent.finish(access, answer)
    granted = brought.granted or (*consent.scopes, *consent.optional)  # a platform that does not say takes all or none
    needed = [scope for scope in consent.scopes if scope not in granted]
    if needed:
        raise PermanentError(
            attempted=f"connect the {label} account",
            answer=f"these scopes were not allowed: {', '.join(needed)}",
            next_step="Nothing was changed. Connect again and leave every box ticked; a scope that is not offered "
            "has to be added to the app first.",
            code="missing_scope",
        )
    access = _access(project, {**attempt.app, **brought.variables})
    account = retry_transient(project.clock, vendor_named(platform).connect(access).read_account)
    proof = prove(access, platform, [])
    if proof.verdict != "ok":
        raise ConfigurationError(
            f"{label} has given tokens that do not work yet: {proof.found}", next_step=f"{proof.next_step} Then again."
        )
    world = world_asked(project.settings)
    with project.catalog.read() as connection:
        now_known = newest_accounts(connection, world).get(platform)
        voided = approved_for_others(connection, world, platform, account.id)
    return ConsentedAccount(
        attempt=attempt,
        brought=brought,
        account=account,
        proof=proof.found,
        missing={scope: lost for scope, lost in consent.optional.items() if scope not in granted},
        before=now_known if now_known is not None and now_known.id != account.id else None,
        voided=tuple(voided),
    )


def keep(project: Project, consented: ConsentedAccount, *, via: str) -> None:
    """Keep the tokens, note whose they are, and write the act down with the name of whoever did it.

    Raises:
        StoreError, OSError: it could not be written; what was there before is used as it was.
    """
    from dayreel.stores.token_vault import new_key  # noqa: PLC0415  brings cryptography

    attempt, brought = consented.attempt, consented.brought
    settings, now, world = as_of_now(project.settings), project.clock.now(), world_asked(project.settings)
    key, old = settings.token_key, _seed(attempt.platform, settings)
    made = {} if key is not None or brought.token is None else {"DAYREEL_TOKEN_KEY": new_key()}
    answers = {**brought.variables, **made}
    keep_answers(settings, {name: value for name, value in answers.items() if value})
    _seal(project, consented, key or SecretStr(made.get("DAYREEL_TOKEN_KEY", "")), old)
    record_account(project, attempt.platform, consented.account, world=world)
    row = {
        "way": attempt.consent.name,
        "account_id": consented.account.id,
        "account_name": consented.account.name,
        "account_kind": brought.kind,
        "app": brought.app,
        "granted": list(brought.granted),
        "missing": list(consented.missing),
        "ends": {what: at.isoformat() for what, at in brought.ends.items()},
        "connected_at": now,
        "connected_by": project.actor,
    }
    with project.catalog.write() as connection:
        here = (connections.c.world == world, connections.c.platform == attempt.platform)
        connection.execute(delete(connections).where(*here))
        connection.execute(insert(connections).values(world=world, platform=attempt.platform, **row))
        detail = {"account": str(consented.account), "scopes": list(brought.granted)}
        note_act(connection, "connect", attempt.platform, actor=project.actor, at=now, via=via, detail=detail)


def _seal(project: Project, consented: ConsentedAccount, key: SecretStr, old: Seed | None) -> None:
    """Put the tokens that are renewed into the catalog, so that no process goes back to those before."""
    from dayreel.stores.token_vault import TokenVault  # noqa: PLC0415  brings cryptography

    platform, token = consented.attempt.platform, consented.brought.token
    renewal = platform_named(platform).token
    if renewal is None or not key.get_secret_value():
        return
    vault, now = TokenVault(project.catalog, key), project.clock.now()
    with vault.alone(platform):
        if token is None:
            vault.forget(platform)
            return
        seed = Seed(platform, token.access, token.refresh, renewal)
        try:
            before: Kept | None = vault.read(platform)
        except ConfigurationError:  # sealed with a key that is lost: what it opens to is worth nothing any more
            vault.forget(platform)
            before = None
        if before is not None and before.seed_sha256 == seed.sha256:  # somebody has read `.env` since, and renewed them
            token = before.token
        # A process that began before this one knows the seed before: it would take it for a newer one.
        superseded = None if old is None or old.sha256 == seed.sha256 else old.sha256
        vault.keep(platform, token, seed_sha256=seed.sha256, before=before, at=now, refused_seed_sha256=superseded)


def _seed(platform: str, settings: Settings) -> Seed | None:
    renewal = platform_named(platform).token
    return None if renewal is None else seed_of(renewal.access, settings.variable)


def as_of_now(settings: Settings) -> Settings:
    """Return the settings with vendors' variables as `.env` has them now: a desk has read them when it began."""
    written = dotenv_values(settings.root / ".env")
    key = os.environ.get("DAYREEL_TOKEN_KEY") or written.get("DAYREEL_TOKEN_KEY")
    changed = settings if not key else settings.model_copy(update={"token_key": SecretStr(key)})
    return changed.with_variables(**{**written, **os.environ})


def _access(project: Project, given: Mapping[str, str]) -> Access:
    """Return the way to the real platforms, by what is set and what was just given.

    With DAYREEL_SANDBOX_URL set, it is that world which is asked: for trying this out.
    """
    settings = as_of_now(project.settings)

    def variable(name: str) -> str | None:
        return given.get(name) or settings.variable(name)

    return Access("live", variable, settings.sandbox_url, project.clock, settings.root)


def world_asked(settings: Settings) -> World:
    """Return the world whose accounts are connected: the live one, unless a sandbox world stands in for it."""
    return "live" if settings.sandbox_url is None else settings.world
