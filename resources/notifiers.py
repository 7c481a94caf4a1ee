"""Who is told that something waits: Slack, Discord, ntfy, a webhook, or the log."""

import dagster as dg

from dayreel.providers.notifiers.contract import Notifier
from dayreel.services.studio import Studio


class SlackResource(dg.ConfigurableResource):
    """A Slack channel. The live world needs SLACK_BOT_TOKEN and SLACK_CHANNEL_ID."""

    def open(self, studio: Studio) -> Notifier:
        """Return the client of the studio's world."""
        notifier: Notifier = studio.connect("slack")
        return notifier


class DiscordResource(dg.ConfigurableResource):
    """A channel of a Discord server. The live world needs DISCORD_BOT_TOKEN and DISCORD_CHANNEL_ID."""

    def open(self, studio: Studio) -> Notifier:
        """Return the client of the studio's world."""
        notifier: Notifier = studio.connect("discord")
        return notifier


class NtfyResource(dg.ConfigurableResource):
    """A topic of an ntfy server. The live world needs NTFY_TOPIC."""

    def open(self, studio: Studio) -> Notifier:
        """Return the client of the studio's world."""
        notifier: Notifier = studio.connect("ntfy")
        return notifier


class WebhookResource(dg.ConfigurableResource):
    """Any address that takes JSON. The live world needs WEBHOOK_URL."""

    def open(self, studio: Studio) -> Notifier:
        """Return the client of the studio's world."""
        notifier: Notifier = studio.connect("webhook")
        return notifier


class LogResource(dg.ConfigurableResource):
    """The log: for those who look there, or have nothing else."""

    def open(self, studio: Studio) -> Notifier:
        """Return the log."""
        notifier: Notifier = studio.connect("log")
        return notifier
