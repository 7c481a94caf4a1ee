"""What the publishing gates look at: the catalog's facts inside the caller's transaction, the account's before it.

What each fact means for a post is `rules.gates`; posting is `publish_post`, showing the gates `plan_posts`.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, and_, func, or_, select

from dayreel.clock import local_day
from dayreel.errors import PermanentError
from dayreel.providers.platforms.contract import PlatformProvider, Quota
from dayreel.queries.config import read_config
from dayreel.queries.people import approvers
from dayreel.queries.quality import checks_of
from dayreel.queries.review import approval_scope
from dayreel.queries.rows import ContentRow, newest_verdict, pause_of
from dayreel.rules.approval import ApprovalScope
from dayreel.rules.calendar import window_state
from dayreel.rules.gates import Facts
from dayreel.rules.pauses import why_paused
from dayreel.schemas.channel import Channel, Platform
from dayreel.services.project import Project
from dayreel.services.retry_transient import retry_transient
from dayreel.stores.catalog.tables import content, effects, platform_posts

OUT = ("sent", "confirmed", "unknown")
"""States of an effect in which it is out, or may be."""


@dataclass(frozen=True)
class Account:
    """A platform's account as it answers now.

    Attributes:
        id: its stable id; empty when there is no way to it.
        problem: why it cannot be posted to: its token has ended or was refused. None as far as could be checked.
    """

    id: str
    quota: Quota | None = None
    problem: str | None = None


def ask_account(project: Project, provider: PlatformProvider) -> Account:
    """Ask what the platform takes now. A refused token is a fact for the gates, not an error.

    Raises:
        TransientError: it could not be asked.
    """
    try:
        return Account(provider.account(), retry_transient(project.clock, provider.quota))
    except PermanentError as error:
        return Account(provider.account(), problem=error.message)


def facts_of(
    project: Project, connection: Connection, channel: Channel, row: ContentRow, platform: Platform, account: Account
) -> Facts:
    """Return everything the gates of one platform look at, as of this transaction; the manifest as it is here."""
    now = project.clock.now()
    newest = newest_verdict(connection, row.id)
    approved = newest if newest is not None and newest.verdict == "approved" else None
    manifest = project.contents.manifest(row.id)
    current = approval_scope(row, channel, manifest.idea)
    quota = account.quota
    return Facts(
        platform=platform,
        state=row.state,
        switch_on=read_config(connection, "switch").value == "on",
        made_in=row.world,
        world=project.settings.world,
        live_allowed=read_config(connection, f"publish.{platform}").value == "live",
        account_problem=account.problem,
        newest_verdict=newest.verdict if newest else None,
        decided_by=newest.decided_by if newest else None,
        approved=ApprovalScope(approved.video_sha256, approved.caption, approved.fields, approved.words)
        if approved
        else None,
        current=current,
        window=window_state(channel, now),
        posted_today=posted_today(connection, channel, row, platform, now),
        max_posts_per_day=channel.max_posts_per_day,
        quota_used=quota.used if quota else None,
        quota_total=quota.total if quota else None,
        same_video_at=_same_video(connection, row, platform, account.id),
        paused=why_paused(channel, pause_of(connection, channel.name), now),
        approvers=approvers(connection, channel, row.id, current),
        approvals_needed=channel.review.approvals,
        checks=checks_of(connection, row, manifest.final_video),
    )


def posted_today(connection: Connection, channel: Channel, row: ContentRow, platform: str, now: datetime) -> int:
    """Return how many other contents of the channel went out on this platform today, or may have.

    One that is just being sent counts, and so does one whose answer was lost: otherwise two that go out at the same
    moment would both find the day empty.
    """
    today = local_day(now, channel.timezone)
    midnight = datetime.combine(today, time(0), ZoneInfo(channel.timezone)).astimezone(UTC)
    posts = platform_posts
    query = (
        select(func.count())
        .select_from(
            posts.join(content, content.c.id == posts.c.content_id).join(effects, effects.c.id == posts.c.effect_id)
        )
        .where(
            posts.c.platform == platform,
            posts.c.content_id != row.id,
            content.c.channel == channel.name,
            content.c.world == row.world,
            effects.c.state.in_(OUT),
            or_(posts.c.posted_on == today, and_(posts.c.posted_on.is_(None), effects.c.sent_at >= midnight)),
        )
    )
    return int(connection.execute(query).scalar_one())


def _same_video(connection: Connection, row: ContentRow, platform: str, account: str) -> str | None:
    posts = platform_posts
    query = (
        select(posts.c.content_id, posts.c.post_url)
        .join(effects, effects.c.id == posts.c.effect_id)
        .where(
            posts.c.account == account,
            posts.c.platform == platform,
            posts.c.video_sha256 == row.video_sha256,
            posts.c.content_id != row.id,
            effects.c.state.in_(OUT),
        )
    )
    twin = connection.execute(query.limit(1)).one_or_none()
    return None if twin is None else f"{twin.content_id} {twin.post_url or ''}".strip()
