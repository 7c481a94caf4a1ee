"""Setting up keys: what to ask for each vendor, testing the answers, and writing those that work into `.env`.

How a person is asked is the command's work. No value is ever in a message, and answers that a vendor refuses are not
written over ones that it takes.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from dayreel.clock import Clock
from dayreel.schemas.check import Check
from dayreel.services.keep_tokens import seeds
from dayreel.services.setting_up.prove_keys import prove, vendors_in_use
from dayreel.settings import Settings
from dayreel.stores.channel_files import ChannelFiles
from dayreel.stores.env_file import write_env
from dayreel.vendors.access import Access
from dayreel.vendors.registry import names, vendor_named, vendors


@dataclass(frozen=True)
class Wanted:
    """One variable to ask for. `is_secret` ones are never echoed."""

    name: str
    hint: str
    is_secret: bool
    is_needed: bool
    is_set: bool
    wins_in_environment: bool


def vendors_to_set_up(settings: Settings) -> list[str]:
    """Return the vendors with variables that the channels name, in the order of the registry; then the notifiers.

    Raises:
        ConfigurationError: a channel file has problems.
    """
    live = settings.model_copy(update={"world": "live"})
    used = {*vendors_in_use(live, ChannelFiles(settings.channels_dir).load_all()), *names("notifiers")}
    return [vendor.name for vendor in vendors() if vendor.name in used and vendor.settings]


def wanted_variables(settings: Settings, vendor: str) -> list[Wanted]:
    """Return what to ask for a vendor.

    Raises:
        UsageError: there is no such vendor.
    """
    return [
        Wanted(
            name=setting.variable,
            hint=setting.help,
            is_secret=setting.secret,
            is_needed=setting.required,
            is_set=settings.variable(setting.variable) is not None,
            wins_in_environment=setting.variable in os.environ,
        )
        for setting in vendor_named(vendor).settings
        if setting.asked
    ]


def check_answers(settings: Settings, clock: Clock, vendor: str, answers: Mapping[str, str]) -> Check:
    """Ask the vendor whether the answers work, together with what is set already. Free.

    With DAYREEL_SANDBOX_URL set, it is that world which is asked: for trying this out.
    """

    def variable(name: str) -> str | None:
        return answers.get(name) or settings.variable(name)

    # No models: which ones a channel may use is another question than whether the key works.
    access = Access("live", variable, settings.sandbox_url, clock, settings.root, settings.callback_origin)
    return prove(access, vendor, [])


def needs_token_key(settings: Settings, answers: Mapping[str, str]) -> bool:
    """Say whether there is a token to renew now, and no key to keep it with."""
    renewable = seeds(lambda name: answers.get(name) or settings.variable(name))
    return settings.token_key is None and any(True for _ in renewable)


def keep_answers(settings: Settings, answers: Mapping[str, str]) -> None:
    """Write answers into the project's `.env`, mode 600.

    Raises:
        UsageError: a value has a line break.
    """
    write_env(settings.root / ".env", answers, template=settings.root / ".env.example")
