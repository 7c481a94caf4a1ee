"""Setting up keys: what to ask for each vendor, testing the answers, and writing those that work into `.env`.

How a person is asked is the command's work. No value is ever in a message, and answers that a vendor refuses are not
written over ones that it takes.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Any, get_args

from pydantic import AliasChoices, SecretStr

from dayreel.clock import Clock
from dayreel.providers.registry import VENDORS, vendor_named
from dayreel.services.setting_up.prove_keys import Proven, prove, vendors_in_use
from dayreel.services.tell_people import TOLD_BY
from dayreel.settings import Settings
from dayreel.stores.channel_files import ChannelFiles
from dayreel.stores.env_file import write_env
from dayreel.vendors.access import Access


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
    used = {*vendors_in_use(live, ChannelFiles(settings.channels_dir).load_all()), *TOLD_BY}
    return [name for name, vendor in VENDORS.items() if name in used and (vendor.needs or vendor.takes)]


def wanted_variables(settings: Settings, vendor: str) -> list[Wanted]:
    """Return what to ask for a vendor.

    Raises:
        UsageError: there is no such vendor.
    """
    described = vendor_named(vendor)
    return [_wanted(settings, name, is_needed=name in described.needs) for name in (*described.needs, *described.takes)]


def check_answers(settings: Settings, clock: Clock, vendor: str, answers: Mapping[str, str]) -> Proven:
    """Ask the vendor whether the answers work, together with what is set already. Free.

    With DAYREEL_SANDBOX_URL set, it is that world which is asked: for trying this out.
    """

    def variable(name: str) -> str | None:
        return answers.get(name) or _value(settings, name)

    # No models: which ones a channel may use is another question than whether the key works.
    return prove(Access("live", variable, settings.sandbox_url, clock, settings.root), vendor, [])


def needs_token_key(settings: Settings, answers: Mapping[str, str]) -> bool:
    """Say whether there is a token to renew now, and no key to keep it with."""
    login = answers.get("INSTAGRAM_ACCESS_TOKEN") or _value(settings, "INSTAGRAM_ACCESS_TOKEN") or ""
    refresh = answers.get("TIKTOK_REFRESH_TOKEN") or _value(settings, "TIKTOK_REFRESH_TOKEN")
    return settings.token_key is None and (bool(refresh) or login.startswith("IGA"))


def keep_answers(settings: Settings, answers: Mapping[str, str]) -> None:
    """Write answers into the project's `.env`, mode 600.

    Raises:
        UsageError: a value has a line break.
    """
    write_env(settings.root / ".env", answers, template=settings.root / ".env.example")


def _wanted(settings: Settings, name: str, *, is_needed: bool) -> Wanted:
    for field_name, field in Settings.model_fields.items():
        alias = field.validation_alias
        called = str(alias.choices[0]) if isinstance(alias, AliasChoices) else f"DAYREEL_{field_name}".upper()
        if called == name:
            return Wanted(
                name=name,
                hint=field.description or "",
                is_secret=_is_secret(field.annotation),
                is_needed=is_needed,
                is_set=bool(_value(settings, name)),
                wins_in_environment=name in os.environ,
            )
    raise AssertionError(f"{name} is no setting; a test holds the registry to them")


def _is_secret(annotation: Any) -> bool:
    return annotation is SecretStr or (isinstance(annotation, UnionType) and SecretStr in get_args(annotation))


def _value(settings: Settings, name: str) -> str | None:
    value = getattr(settings, name.removeprefix("DAYREEL_").lower(), None)
    return value.get_secret_value() if isinstance(value, SecretStr) else value
