"""What the publishing gates look at: the catalog's facts inside the caller's transaction, the account's before it.

What each fact means for a post is `rules.gates`; posting is `publish_post`, showing the gates `plan_posts`.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, func, insert, or_, select

from dayreel.clock import day_begins, local_day
from dayreel.errors import ConfigurationError, PermanentError, ProviderError
from dayreel.providers.platforms.contract import PlatformProvider, Quota
from dayreel.queries.accounts import approved_account, newest_accounts
from dayreel.queries.config import read_config
from dayreel.queries.holds import read_holds
from dayreel.queries.people import approvers
from dayreel.queries.quality import checks_of
from dayreel.queries.review import approval_scope, as_approved
from dayreel.queries.rows import ContentRow, newest_verdict, pause_of
from dayreel.rules.approval import ApprovalScope
from dayreel.rules.calendar import window_state
from dayreel.rules.flags import why_nothing_is_posted
from dayreel.rules.gates import Facts
from dayreel.rules.pauses import why_paused
from dayreel.schemas.channel import Channel, Platform
from dayreel.schemas.effect import OUT
from dayreel.schemas.posts import PlatformAccount
from dayreel.services.project import Project
from dayreel.services.retry_transient import retry_transient
from dayreel.settings import World
from dayreel.stores.catalog.tables import accounts, content, effects, platform_posts
from dayreel.vendors.registry import platform_named


@dataclass(frozen=True)
class Account:
    """A platform's account as it answers now.

    Attributes:
        identity: whose it is, as the platform says; None when it could not be asked.
        configured: its id as the settings have it, under which older posts stand; empty when there is no way to it.
        problem: why it cannot be posted to: its token has ended or was refused. None as far as could be checked.
    """

    identity: PlatformAccount | None
    configured: str
    quota: Quota | None = None
    problem: str | None = None

    @property
    def id(self) -> str:
        """The platform's id of it, else the settings'."""
        return self.configured if self.identity is None else self.identity.id

    @property
    def ids(self) -> frozenset[str]:
        """Every id under which it is known here."""
        return frozenset({self.id, self.configured})


def ask_account(project: Project, provider: PlatformProvider) -> Account:
    """Ask what the platform takes now. A refused token is a fact for the gates, not an error.

    Raises:
        TransientError: it could not be asked.
    """
    try:
        identity = retry_transient(project.clock, provider.read_account)
        return Account(identity, provider.account(), retry_transient(project.clock, provider.quota))
    except PermanentError as error:
        return Account(None, provider.account(), problem=error.message)


def record_account(
    project: Project, platform: Platform, identity: PlatformAccount | None, *, world: World | None = None
) -> None:
    """Write down the account that a platform has answered for, where it is another one than before.

    Args:
        world: in which it was asked; None is the project's.
    """
    if identity is None:
        return
    world = world or project.settings.world
    with project.catalog.write("decisions") as connection:
        if newest_accounts(connection, world).get(platform) != identity:
            read = {"account_id": identity.id, "name": identity.name, "read_at": project.clock.now()}
            connection.execute(insert(accounts).values(world=world, platform=platform, **read))


def read_accounts(project: Project, channel: Channel, open_client: Callable[[Platform], PlatformProvider]) -> list[str]:
    """Ask each platform of a channel whose account this is, and write that down; return what came back, in sentences.

    An approval that is given afterwards is for these accounts. One that cannot be asked holds nothing up.
    """
    answers = []
    for platform in channel.platforms.chosen():
        try:
            identity = open_client(platform).read_account()
        except (ProviderError, ConfigurationError) as error:
            answers.append(f"{platform}: its account could not be read: {error.message}")
            continue
        record_account(project, platform, identity)
        answers.append(f"{platform}: {identity}")
    return answers


def facts_of(
    project: Project, connection: Connection, channel: Channel, row: ContentRow, platform: Platform, account: Account
) -> Facts:
    """Return everything the gates of one platform look at, as of this transaction; the manifest as it is here."""
    now = project.clock.now()
    newest = newest_verdict(connection, row.id)
    approved = newest if newest is not None and newest.verdict == "approved" else None
    manifest = project.contents.manifest(row.id)
    current = approval_scope(row, as_approved(channel, row, newest), manifest.idea)
    quota = account.quota

    def is_for(bound: Mapping[str, Mapping[str, str]] | None) -> bool:
        wanted = approved_account(connection, project.settings.world, platform, bound)
        # An account that could not be asked is held by its own gate (`account_problem`), with the better sentence.
        return wanted is None or account.identity is None or wanted.id in account.ids

    other_account = None
    if approved is not None and not is_for(approved.accounts):
        wanted = approved_account(connection, project.settings.world, platform, approved.accounts)
        other_account = f"the account (approved {wanted}, and the keys are now those of {account.identity})"
    return Facts(
        platform=platform,
        state=row.state,
        switch_on=read_config(connection, "switch").value == "on",
        made_in=row.world,
        world=project.settings.world,
        distribution_off=why_nothing_is_posted(project.settings, by_hand=platform_named(platform).by_hand),
        live_allowed=read_config(connection, f"publish.{platform}").value == "live",
        account_problem=account.problem,
        newest_verdict=newest.verdict if newest else None,
        decided_by=newest.decided_by if newest else None,
        approved=ApprovalScope(approved.video_sha256, approved.caption, approved.fields, approved.words)
        if approved
        else None,
        current=current,
        window=window_state(channel, now),
        posted_today=posted_today(
            connection, channel, row, platform, now, account_ids=account.ids, channels=project.channels.names()
        ),
        max_posts_per_day=channel.max_posts_per_day,
        quota_used=quota.used if quota else None,
        quota_total=quota.total if quota else None,
        same_video_at=_same_video(connection, row, platform, account.ids),
        paused=why_paused(channel, pause_of(connection, channel.name), now),
        approvers=approvers(connection, channel, row.id, current, is_for=is_for),
        approvals_needed=channel.review.approvals,
        other_account=other_account,
        held=read_holds(connection, project.copies.epoch()).reason(platform),
        checks=checks_of(connection, row, manifest.final_video),
    )


def posted_today(
    connection: Connection,
    channel: Channel,
    row: ContentRow,
    platform: str,
    now: datetime,
    *,
    account_ids: Collection[str],
    channels: Collection[str],
) -> int:
    """Return how many other contents of the channel went out on this platform today, or may have.

    One that is just being sent counts, and so does one whose answer was lost: otherwise two that go out at the same
    moment would both find the day empty. What a channel that is not there any more has posted to the same account
    counts too: it may be this one under another file name.

    Args:
        account_ids: the ids under which the platform's account is known.
        channels: every channel there is now.
    """
    today = local_day(now, channel.timezone)
    midnight = day_begins(today, channel.timezone)
    posts = platform_posts
    query = (
        select(func.count())
        .select_from(
            posts.join(content, content.c.id == posts.c.content_id).join(effects, effects.c.id == posts.c.effect_id)
        )
        .where(
            posts.c.platform == platform,
            posts.c.content_id != row.id,
            or_(
                content.c.channel == channel.name,
                and_(posts.c.account.in_(account_ids), content.c.channel.not_in(channels)),
            ),
            content.c.world == row.world,
            effects.c.state.in_(OUT),
            or_(posts.c.posted_on == today, and_(posts.c.posted_on.is_(None), effects.c.sent_at >= midnight)),
        )
    )
    return int(connection.execute(query).scalar_one())


def _same_video(connection: Connection, row: ContentRow, platform: str, ids: Collection[str]) -> str | None:
    posts = platform_posts
    query = (
        select(posts.c.content_id, posts.c.post_url)
        .join(effects, effects.c.id == posts.c.effect_id)
        .where(
            posts.c.account.in_(ids),
            posts.c.platform == platform,
            posts.c.video_sha256 == row.video_sha256,
            posts.c.content_id != row.id,
            effects.c.state.in_(OUT),
        )
    )
    twin = connection.execute(query.limit(1)).one_or_none()
    return None if twin is None else f"{twin.content_id} {twin.post_url or ''}".strip()
