"""Every vendor, one line each: its family, its file, the variables it needs, what it can do. Chosen by name.

A vendor's module has `connect(access)`, which returns the family's contract. What each wants, costs and refuses is in
docs/reference/vendors/, which a test holds equal to this list.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

from dayreel.errors import UsageError
from dayreel.vendors.access import Access

Family = Literal["llm", "video", "speech", "platforms", "public_urls", "lookup", "notifiers"]


@dataclass(frozen=True)
class Vendor:
    """One vendor.

    Attributes:
        needs: variables without which the live world cannot use it.
        takes: variables that it uses when they are set.
        can: what it does for dayreel, in words; what a single model can is in the vendor's file.
    """

    name: str
    family: Family
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    can: tuple[str, ...] = ()

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


_WRITES = ("ideas", "prompts", "structured answers with their usage")
_TELLS = ("messages", "looks up lost messages")
_ASKS = (*_TELLS, "reviews with buttons and a preview")
_POSTS = ("posts", "looks up lost posts", "counters")

VENDORS: Mapping[str, Vendor] = {
    vendor.name: vendor
    for vendor in (
        Vendor("anthropic", "llm", ("ANTHROPIC_API_KEY",), can=_WRITES),
        Vendor("openai", "llm", ("OPENAI_API_KEY",), can=_WRITES),
        Vendor("fal", "video", ("FAL_KEY",), can=("video from text", "follows and cancels by id")),
        Vendor(
            "kling",
            "video",
            ("KLING_ACCESS_KEY", "KLING_SECRET_KEY"),
            can=("video from text", "follows by id", "looks up lost requests"),
        ),
        Vendor("clips", "video", can=("segments from own footage",)),
        Vendor("edge", "speech", can=("narration", "word timings")),
        Vendor("espeak", "speech", can=("narration", "estimated word timings", "offline")),
        Vendor(
            "instagram",
            "platforms",
            ("INSTAGRAM_ACCESS_TOKEN", "INSTAGRAM_ACCOUNT_ID"),
            can=(*_POSTS, "tells its quota", "renews its token"),
        ),
        Vendor(
            "tiktok",
            "platforms",
            ("TIKTOK_ACCESS_TOKEN",),
            ("TIKTOK_REFRESH_TOKEN", "TIKTOK_CLIENT_KEY", "TIKTOK_CLIENT_SECRET", "TIKTOK_OPEN_ID"),
            can=(*_POSTS, "renews its token"),
        ),
        Vendor(
            "youtube",
            "platforms",
            ("YOUTUBE_CLIENT_ID", "YOUTUBE_CLIENT_SECRET", "YOUTUBE_REFRESH_TOKEN"),
            ("YOUTUBE_CHANNEL_ID",),
            can=(*_POSTS, "resumes uploads"),
        ),
        Vendor("outbox", "platforms", can=("a folder to post from by hand",)),
        Vendor("quick_tunnel", "public_urls", takes=("DAYREEL_CLOUDFLARED",), can=("a public address for one file",)),
        Vendor(
            "presigned_s3",
            "public_urls",
            ("STORAGE_BUCKET", "STORAGE_ACCESS_KEY_ID", "STORAGE_SECRET_ACCESS_KEY"),
            ("STORAGE_ENDPOINT", "STORAGE_REGION"),
            can=("a public address for one file",),
        ),
        Vendor("tmdb", "lookup", ("TMDB_TOKEN",), can=("titles and years", "names of episodes")),
        Vendor("slack", "notifiers", ("SLACK_BOT_TOKEN", "SLACK_CHANNEL_ID"), ("SLACK_SIGNING_SECRET",), _ASKS),
        Vendor("discord", "notifiers", ("DISCORD_BOT_TOKEN", "DISCORD_CHANNEL_ID"), ("DISCORD_PUBLIC_KEY",), _ASKS),
        Vendor("ntfy", "notifiers", ("NTFY_TOPIC",), ("NTFY_SERVER", "NTFY_TOKEN"), _TELLS),
        Vendor("webhook", "notifiers", ("WEBHOOK_URL",), ("WEBHOOK_SECRET",), ("messages",)),
        Vendor("log", "notifiers", can=("lines of the log",)),
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
