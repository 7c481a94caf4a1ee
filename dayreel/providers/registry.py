"""Every vendor, one line each: its family, its file, the variables it needs. Channel files choose by name.

A vendor's module has `connect(access)`, which returns the family's contract.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

from dayreel.errors import UsageError
from dayreel.providers.access import Access

Family = Literal["llm", "video", "speech", "platforms", "notifiers"]


@dataclass(frozen=True)
class Vendor:
    """One vendor. `needs` are the variables without which the live world cannot use it."""

    name: str
    family: Family
    needs: tuple[str, ...] = ()

    @property
    def module(self) -> str:
        """The vendor's file, as a module name."""
        return f"dayreel.providers.{self.family}.{self.name}"

    def connect(self, access: Access) -> Any:
        """Return the vendor's client, which follows its family's contract.

        Raises:
            ConfigurationError: a variable is missing.
        """
        return import_module(self.module).connect(access)


VENDORS: Mapping[str, Vendor] = {
    vendor.name: vendor
    for vendor in (
        Vendor("anthropic", "llm", ("ANTHROPIC_API_KEY",)),
        Vendor("openai", "llm", ("OPENAI_API_KEY",)),
        Vendor("fal", "video", ("FAL_KEY",)),
        Vendor("kling", "video", ("KLING_ACCESS_KEY", "KLING_SECRET_KEY")),
        Vendor("clips", "video"),
        Vendor("edge", "speech"),
        Vendor("espeak", "speech"),
        Vendor("instagram", "platforms", ("INSTAGRAM_ACCESS_TOKEN", "INSTAGRAM_ACCOUNT_ID")),
        Vendor("tiktok", "platforms", ("TIKTOK_ACCESS_TOKEN",)),
        Vendor("youtube", "platforms", ("YOUTUBE_CLIENT_ID", "YOUTUBE_CLIENT_SECRET", "YOUTUBE_REFRESH_TOKEN")),
        Vendor("outbox", "platforms"),
        Vendor("slack", "notifiers", ("SLACK_BOT_TOKEN", "SLACK_CHANNEL_ID")),
        Vendor("log", "notifiers"),
    )
}


def vendor_named(name: str) -> Vendor:
    """Return a vendor.

    Raises:
        UsageError: there is none of that name; lists those that are.
    """
    if name not in VENDORS:
        raise UsageError(f"There is no provider {name!r}.", next_step=f"Providers are: {', '.join(VENDORS)}.")
    return VENDORS[name]
