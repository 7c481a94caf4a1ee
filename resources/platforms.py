"""Where videos are posted and measured: Instagram, TikTok, YouTube, and the outbox."""

import dagster as dg

from dayreel.providers.platforms.contract import PlatformProvider
from dayreel.services.studio import Studio


class InstagramResource(dg.ConfigurableResource):
    """Instagram Reels through the Graph API. The live world needs INSTAGRAM_ACCESS_TOKEN and INSTAGRAM_ACCOUNT_ID."""

    def open(self, studio: Studio) -> PlatformProvider:
        """Return the client of the studio's world."""
        platform: PlatformProvider = studio.connect("instagram")
        return platform


class TikTokResource(dg.ConfigurableResource):
    """TikTok through the Content Posting API. The live world needs TIKTOK_ACCESS_TOKEN."""

    def open(self, studio: Studio) -> PlatformProvider:
        """Return the client of the studio's world."""
        platform: PlatformProvider = studio.connect("tiktok")
        return platform


class YouTubeResource(dg.ConfigurableResource):
    """YouTube Shorts through the Data API v3. The live world needs the three YOUTUBE_ variables."""

    def open(self, studio: Studio) -> PlatformProvider:
        """Return the client of the studio's world."""
        platform: PlatformProvider = studio.connect("youtube")
        return platform


class OutboxResource(dg.ConfigurableResource):
    """A folder with video, caption and a checklist, for accounts that are posted by hand."""

    def open(self, studio: Studio) -> PlatformProvider:
        """Return the folder."""
        platform: PlatformProvider = studio.connect("outbox")
        return platform
