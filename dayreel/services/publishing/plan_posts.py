"""What publishing would do, gate by gate and request by request. Nothing here sends; posting is `publish_post`."""

from dataclasses import dataclass

from sqlalchemy import Connection

from dayreel.errors import ConfigurationError, ProviderError, TransientError, UsageError
from dayreel.providers.platforms.approved import approved_file
from dayreel.providers.platforms.contract import PlannedCall, PlatformProvider
from dayreel.queries.rows import get_content, posts_of
from dayreel.rules.gates import Gate, check_gates, closed
from dayreel.schemas.channel import Channel, Platform
from dayreel.schemas.effect import OUT
from dayreel.services.project import Project
from dayreel.services.publishing.gate_facts import Account, ask_account, facts_of
from dayreel.services.publishing.publish_post import post_request


@dataclass(frozen=True)
class Plan:
    """What publishing to one platform would do: each gate, and the exact requests. Nothing was sent.

    Attributes:
        problem: why nothing could be sent although every gate is open, or None.
        posted: where the post is, when it is out already; then publishing again sends nothing.
    """

    content_id: str
    platform: Platform
    gates: list[Gate]
    calls: list[PlannedCall]
    problem: str | None = None
    posted: str | None = None

    @property
    def may_go_out(self) -> bool:
        """Whether every gate is open and there is something to send."""
        return not closed(self.gates) and self.problem is None and self.posted is None


def plan_posts(project: Project, channel: Channel, content_id: str) -> list[Plan]:
    """Return the plan of every platform of a channel; one that cannot be asked holds no other back.

    Raises:
        UsageError: no such content.
    """
    with project.catalog.read() as connection:
        get_content(connection, content_id)
    project.contents.fetch(content_id)
    return [_plan(project, channel, content_id, platform) for platform in channel.platforms.chosen()]


def _plan(project: Project, channel: Channel, content_id: str, platform: Platform) -> Plan:
    provider: PlatformProvider | None = None
    try:
        provider = project.connect(platform)
        account = ask_account(project, provider)
    except TransientError as error:
        account = Account(
            None, provider.account() if provider else "", problem=f"could not be asked now: {error.message}"
        )
    except (ProviderError, ConfigurationError) as error:
        account = Account(None, "", problem=error.message)
    with project.catalog.read() as connection:
        row = get_content(connection, content_id)
        gates = check_gates(facts_of(project, connection, channel, row, platform, account))
        posted, doubt = _standing(project, connection, content_id, platform)
    if provider is None or not row.video_sha256 or posted or doubt:
        return Plan(content_id, platform, gates, [], doubt, posted)
    try:
        request = post_request(project, channel, row, platform)
        with approved_file(request):
            return Plan(content_id, platform, gates, provider.plan(request))
    except (UsageError, ConfigurationError) as error:
        return Plan(content_id, platform, gates, [], str(error))


def _standing(
    project: Project, connection: Connection, content_id: str, platform: Platform
) -> tuple[str | None, str | None]:
    """Return where the post is that is out, and why another try would wait, each None where it is not so."""
    for post in posts_of(connection, [content_id]):
        if post.platform != platform:
            continue
        if post.state in ("posted", "processing"):
            return str(post.post_url or post.post_id or post.state), None
        effect = project.ledger.get(post.effect_id)
        if effect.state in OUT:
            return None, f"It may be out (effect {effect.id} is {effect.state}): `dayreel reconcile` looks first."
    return None, None
