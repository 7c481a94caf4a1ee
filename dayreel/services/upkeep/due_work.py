"""What is due to be started: decisions that no run has recorded, approved posts whose gates are open.

Pure reading; the sensors turn what comes back into runs, and the runs ask every gate again.
"""

from collections.abc import Container
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, ScalarSelect, and_, func, select

from dayreel.errors import ConfigurationError
from dayreel.queries.accounts import newest_accounts
from dayreel.queries.config import read_config
from dayreel.queries.holds import holds
from dayreel.queries.rows import decisions_after, get_content, list_contents, newest_verdict, pause_of
from dayreel.rules.backoff import backoff_slot
from dayreel.rules.calendar import window_state
from dayreel.rules.flags import uploads_now, why_nothing_is_posted, why_nothing_starts
from dayreel.rules.pauses import why_paused
from dayreel.schemas.channel import Channel, Platform
from dayreel.services.project import Project
from dayreel.services.publishing.gate_facts import posted_today
from dayreel.stores.catalog.tables import decisions, effects, platform_posts
from dayreel.vendors.registry import platform_named, vendor_named

BATCH = 100
TRY_AGAIN_AFTER = timedelta(minutes=10)
MOST_ATTEMPTS = 6


@dataclass(frozen=True)
class DueReview:
    """A decision that should become a materialization of `reviews`."""

    decision_id: int
    content_id: str
    channel: str
    day: date
    verdict: str
    decided_by: str
    via: str


@dataclass(frozen=True)
class DuePost:
    """An approved content that may go out on one platform now.

    Attributes:
        attempt: how many sends there were before.
        due_at: since when it is approved and its window open.
        turn: the number of the present turn (see `rules.backoff`): what was started in one and came to nothing before
            anything was sent (a gate, a vendor that could not be asked) is started again in the next.
    """

    decision_id: int
    content_id: str
    channel: str
    day: date
    platform: Platform
    attempt: int
    turn: int
    decided_by: str
    via: str
    due_at: datetime

    @property
    def key(self) -> str:
        """What is started once."""
        return f"post:{self.content_id}:{self.platform}:{self.decision_id}:{self.attempt}:{self.turn}"


@dataclass(frozen=True)
class NewDecisions:
    """The next decisions, where to continue from, and those that were left out, each with its reason."""

    due: list[DueReview]
    cursor: int
    left_out: list[str]


def new_decisions(project: Project, cursor: int, *, days: Container[str]) -> NewDecisions:
    """Return the decisions after `cursor`, at most a hundred, leaving out those that no run could record.

    Args:
        days: the partition keys that exist.
    """
    names = set(project.channels.names())
    # The graph has no assets of theirs: a run for one would stop the tick, and with it every later decision.
    without_assets = project.channels.left_out()
    due: list[DueReview] = []
    left_out: list[str] = []
    with project.catalog.read() as connection:
        rows = decisions_after(connection, cursor, limit=BATCH)
        for row in rows:
            content = get_content(connection, row.content_id)
            if content.channel not in names:
                left_out.append(f"decision {row.id}: there is no channel {content.channel!r} any more")
            elif content.channel in without_assets:
                left_out.append(f"decision {row.id}: {without_assets[content.channel]}")
            elif content.day.isoformat() not in days:
                left_out.append(f"decision {row.id}: {content.day} is not a partition")
            else:
                due.append(
                    DueReview(row.id, content.id, content.channel, content.day, row.verdict, row.decided_by, row.via)
                )
    return NewDecisions(due, rows[-1].id if rows else cursor, left_out)


def due_posts(
    project: Project, *, days: Container[str], left_out: list[str] | None = None, even_without_keys: bool = False
) -> list[DuePost]:
    """Return the posts that should be started now: approved, in this world, in a window with room, not out yet.

    A post that certainly did not happen is due again after ten minutes, six times at the most. One that was refused, or
    whose outcome is not known, is not: that takes a person (`dayreel retry`, or another approval), or a look
    (`dayreel reconcile`).

    Args:
        days: the partition keys that exist.
        left_out: gets a sentence for each content that cannot go out because its channel file is broken,
            and for what is held.
        even_without_keys: also return what only waits for its platform's variables, or for another upload: it is due,
            and cannot be started.
    """
    now = project.clock.now()
    names = set(project.channels.names())
    due: list[DuePost] = []
    held = holds(project)
    stopped = why_nothing_starts(project.settings)
    if left_out is not None:
        left_out += [*filter(None, [stopped]), *held.sentences()]
    # Everything is held then, and each run would only find that out for itself.
    if stopped is not None or held.is_of_other_time:
        return []
    with project.catalog.read() as connection:
        if read_config(connection, "switch").value == "off":
            return []
        waiting = list_contents(connection, states=("approved", "publishing"))
        attempts, tried, sending = _attempts(
            project, connection, [row.id for row in waiting], before=now - TRY_AGAIN_AFTER
        )
        accounts = {
            name: (account.id,) for name, account in newest_accounts(connection, project.settings.world).items()
        }
        channels: dict[str, Channel] = {}
        without_keys: dict[Platform, list[str]] = {}
        for row in waiting:
            decision = newest_verdict(connection, row.id)
            fits = row.channel in names and row.day.isoformat() in days and row.world == project.settings.world
            if not fits or decision is None or decision.verdict != "approved":
                continue
            try:
                channel = channels.get(row.channel) or project.channels.load(row.channel)
            except ConfigurationError as error:
                if left_out is not None:
                    left_out.append(f"{row.id}: {error}")
                continue
            channels[row.channel] = channel
            without_keys |= {name: _missing_keys(project, name) for name in channel.platforms.chosen()}
            is_paused = why_paused(channel, pause_of(connection, channel.name), now) is not None
            window = window_state(channel, now)
            if is_paused or not window.is_open:
                continue
            of_content = [
                DuePost(
                    decision.id,
                    row.id,
                    row.channel,
                    row.day,
                    platform,
                    attempts.get((row.id, platform), 0),
                    backoff_slot(now, decision.decided_at),
                    decision.decided_by,
                    decision.via,
                    max(decision.decided_at, window.opened_at or decision.decided_at),
                )
                for platform in channel.platforms.chosen()
                if (row.id, platform) not in tried
                and held.reason(platform) is None
                and (even_without_keys or not without_keys[platform])
                and (
                    project.settings.world == "sandbox"
                    or read_config(connection, f"publish.{platform}").value == "live"
                )
                and posted_today(
                    connection, channel, row, platform, now, account_ids=accounts.get(platform, ()), channels=names
                )
                < channel.max_posts_per_day
                and why_nothing_is_posted(project.settings, by_hand=platform_named(platform).by_hand) is None
            ]
            # Whoever asks what should be out by now asks for all of it.
            due += (
                of_content
                if even_without_keys
                else uploads_now(
                    project.settings,
                    of_content,
                    under_way=row.id in sending,
                    turn=backoff_slot(now, decision.decided_at)
                    - backoff_slot(decision.decided_at, decision.decided_at),
                )
            )
    if left_out is not None:
        left_out += [
            f"{platform}: nothing is posted there before its variables are set: {', '.join(missing)}"
            for platform, missing in without_keys.items()
            if missing
        ]
    return due[:BATCH]


def _missing_keys(project: Project, platform: Platform) -> list[str]:
    """Return what the live world needs for a platform and nobody has set: each run would only find that out again."""
    if project.settings.world == "sandbox":
        return []
    return [variable for variable in vendor_named(platform).needs if project.settings.variable(variable) is None]


def _attempts(
    project: Project, connection: Connection, content_ids: list[str], *, before: datetime
) -> tuple[dict[tuple[str, str], int], set[tuple[str, str]], set[str]]:
    """Return how often each post was sent, those that must not be started automatically (again), and the contents of
    which one is being sent.

    What was refused may be started by a newer decision than the one it was refused under: it goes out as it is now.
    """
    refused_before = and_(
        platform_posts.c.state.in_(("failed", "sending")),  # a process may have died before it said so of the post
        effects.c.state == "refused",
        platform_posts.c.decision_id < _newest_approval(),
    )
    query = select(
        platform_posts.c.content_id,
        platform_posts.c.platform,
        platform_posts.c.state,
        platform_posts.c.updated_at,
        effects.c.id,
        effects.c.owner,
        effects.c.lease_until_at,
        effects.c.state.label("effect"),
        effects.c.attempts,
        refused_before.label("refused_before"),
    ).join(effects, effects.c.id == platform_posts.c.effect_id)
    attempts: dict[tuple[str, str], int] = {}
    tried: set[tuple[str, str]] = set()
    sending: set[str] = set()
    for post in connection.execute(query.where(platform_posts.c.content_id.in_(content_ids))).all():
        attempts[(post.content_id, post.platform)] = post.attempts
        if post.refused_before:
            continue
        # An effect that is only intended is certainly not out, whatever its row was left with by a process that died.
        certainly_not_out = post.state in ("failed", "sending") and post.effect == "intended"
        if not certainly_not_out or post.updated_at > before or post.attempts >= MOST_ATTEMPTS:
            tried.add((post.content_id, post.platform))
        # One that was given up, or whose process is gone, holds no other back; nor does one that never got to its send.
        is_sent = post.effect == "sent" and project.ledger.is_at_work(connection, post._mapping)  # noqa: SLF001  public
        is_about_to_be = post.state == "sending" and post.effect == "intended" and post.updated_at > before
        if is_sent or is_about_to_be:
            sending.add(post.content_id)
    return attempts, tried, sending


def _newest_approval() -> ScalarSelect[int | None]:
    approved = (decisions.c.content_id == platform_posts.c.content_id, decisions.c.verdict == "approved")
    return select(func.max(decisions.c.id)).where(*approved).scalar_subquery()
