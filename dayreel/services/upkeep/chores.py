"""The periodic maintenance: unknown outcomes, unanswered reviews, messages, money, stalled work, own footage.

`due_chores` only reads the catalog, so a sensor may ask it every few seconds; `do_chore` asks vendors and people, and
belongs into a run. What fails is due again later, ever more rarely, and never in a loop.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, or_, select

from dayreel.providers.notifiers.contract import Notifier
from dayreel.queries.holds import holds
from dayreel.queries.rows import posts_without_public_id
from dayreel.queries.unknown_outcomes import read_unknown_outcomes
from dayreel.rules.backoff import backoff_slot
from dayreel.rules.fingerprint import fingerprint
from dayreel.services.footage_hooks import FootageChore, footage_hooks
from dayreel.services.notifier_routes import Routes
from dayreel.services.project import Project
from dayreel.services.publishing.follow_ups import do_due_follow_ups, due_follow_ups
from dayreel.services.reporting.send_weekly import is_weekly_late, send_weekly
from dayreel.services.reviewing.expire_reviews import overdue_reviews, remind_or_expire
from dayreel.services.reviewing.review_cards import send_waiting, waiting_messages
from dayreel.services.upkeep.backups import is_backup_due, make_daily_backup
from dayreel.services.upkeep.budget_alerts import budget_alerts, notify_budgets
from dayreel.services.upkeep.morning_message import is_morning_late, send_morning
from dayreel.services.upkeep.read_bills import due_bills, due_since, read_bills
from dayreel.services.upkeep.reconcile import LOOK_FOR_NAMES, reconcile
from dayreel.services.upkeep.report_silences import SchedulerHealth, report_silences
from dayreel.services.upkeep.search_accounts import search_accounts
from dayreel.services.upkeep.stalled_work import notify_stalled, stalled_work
from dayreel.stores.catalog.tables import content, platform_posts

CHORES: Final = ("reconcile", "follow_ups", "reviews", "messages", "budgets", "stalled", "backup", "bills")
WATCH: Final = "watch"
"""Reporting what should exist and does not. Whoever looks decides when that is due: they know of Dagster too."""
MOST_EFFECTS = 100
MORNING: Final = "morning"
"""The morning's message. A schedule sends it; here it is due where that did not."""
WEEKLY: Final = "weekly"
"""The weekly report's message; as of the morning's."""
_RECENT = timedelta(days=30)


@dataclass(frozen=True)
class Chore:
    """A chore that is due. The same `key` need not be done twice."""

    name: str
    key: str
    about: str


def due_chores(project: Project, *, targets: Routes[str]) -> list[Chore]:
    """Return what is due now. Reads the catalog and nothing else.

    Args:
        targets: the notifiers' names.
    """
    now = project.clock.now()
    chores: list[Chore] = []
    doubtful = _doubtful(project)
    if doubtful:
        # By the youngest, so that something new is looked at soon; the key holds every name, so that it is another
        # chore when the set changes.
        youngest = max(since for _, since in doubtful)
        key = f"{fingerprint(doubtful=[name for name, _ in doubtful])[:12]}:{backoff_slot(now, youngest)}"
        chores.append(Chore("reconcile", f"reconcile:{key}", ", ".join(name for name, _ in doubtful)))
    overdue = overdue_reviews(project, targets=targets.of("review"))
    if overdue:
        ids = sorted(f"{review.act} {review.row.id} r{review.row.revision}" for review in overdue)
        key = f"{fingerprint(overdue=ids)[:12]}:{backoff_slot(now, now)}"
        chores.append(Chore("reviews", f"reviews:{key}", "; ".join(ids)))
    waiting = waiting_messages(project, targets=targets.of("review"))
    if waiting:
        ids = sorted({about for about, _ in waiting})
        key = f"{fingerprint(waiting=ids)[:12]}:{backoff_slot(now, max(since for _, since in waiting))}"
        chores.append(Chore("messages", f"messages:{key}", f"messages about {', '.join(ids)}"))
    alerts = budget_alerts(project, targets=targets.of("budget"))
    if alerts:
        subjects = [alert.subject for alert in alerts]
        key = f"{fingerprint(alerts=subjects)[:12]}:{backoff_slot(now, now)}"
        chores.append(Chore("budgets", f"budgets:{key}", "; ".join(subjects)))
    stalled = stalled_work(project, targets=targets.of("failure"))
    if stalled:
        ids = sorted(row.id for row in stalled)
        key = f"{fingerprint(stalled=ids)[:12]}:{backoff_slot(now, now)}"
        chores.append(Chore("stalled", f"stalled:{key}", "; ".join(ids)))
    late = {"the morning's message": (MORNING, is_morning_late), "the weekly report": (WEEKLY, is_weekly_late)}
    chores += [
        Chore(name, f"{name}:{backoff_slot(now, now)}", f"{what}, which nobody has sent")
        for what, (name, is_late) in late.items()
        if is_late(project, targets=targets.of("report"))
    ]
    if is_backup_due(project):
        chores.append(Chore("backup", f"backup:{backoff_slot(now, now)}", "the day's backup of the catalog"))
    chores += [*_bills(project, now), *_follow_ups(project, now)]
    for name, chore in _of_footage(project).items():
        due = chore.due(project, targets.of("review"))
        if due is not None:
            chores.append(Chore(name, f"{name}:{due[0]}", due[1]))
    return chores


def chore_names(project: Project) -> list[str]:
    """Return the name of every chore that there is here, in the order in which they are done."""
    return [*CHORES, *_of_footage(project), WATCH, MORNING, WEEKLY]


def do_chore(
    project: Project, name: str, *, notifiers: Routes[Notifier], health: SchedulerHealth | None = None
) -> list[str]:
    """Do one chore; return a sentence for everything that was checked.

    Args:
        health: what Dagster is doing, for `watch` and `morning`; None where it is not known.

    Raises:
        DayreelError: as the services say.
    """
    acts: dict[str, Callable[[], list[str]]] = {
        "reconcile": lambda: [
            *map(str, search_accounts(project)),
            *(
                f"{effect.content_id}: {effect.kind} at {effect.target}: {effect.outcome}: "
                f"{effect.evidence} {effect.next_step}".strip()
                for effect in reconcile(project, limit=MOST_EFFECTS)
            ),
        ],
        "follow_ups": lambda: do_due_follow_ups(project),
        "reviews": lambda: remind_or_expire(project, notifiers=notifiers.of("review")),
        "messages": lambda: send_waiting(project, notifiers=notifiers.of("review")),
        "budgets": lambda: notify_budgets(project, notifiers=notifiers.of("budget")),
        "backup": lambda: make_daily_backup(project),
        "bills": lambda: read_bills(project),
        "stalled": lambda: notify_stalled(project, notifiers=notifiers.of("failure")),
        MORNING: lambda: send_morning(project, health, notifiers=notifiers.of("report")),
        WEEKLY: lambda: send_weekly(project, notifiers=notifiers.of("report")),
        WATCH: lambda: list(report_silences(project, health, notifiers=notifiers.of("failure")).sentences),
    }
    if name in acts:
        return acts[name]()
    return _of_footage(project)[name].act(project, notifiers.of("review"))


def _bills(project: Project, now: datetime) -> list[Chore]:
    unread = [vendor.name for vendor in due_bills(project)]
    key = f"{fingerprint(unread=unread)[:12]}:{backoff_slot(now, due_since(project))}"
    return [Chore("bills", f"bills:{key}", f"what {', '.join(unread)} bill")] if unread else []


def _follow_ups(project: Project, now: datetime) -> list[Chore]:
    due = due_follow_ups(project)
    posts = [f"{content_id} on {platform}" for content_id, platform in due]
    key = f"{fingerprint(posts=posts)[:12]}:{backoff_slot(now, max(due.values(), default=now))}"
    return [Chore("follow_ups", f"follow_ups:{key}", ", ".join(posts))] if posts else []


def _of_footage(project: Project) -> Mapping[str, FootageChore]:
    footage = footage_hooks(project.settings)
    return {} if footage is None else footage.chores


def _doubtful(project: Project) -> list[tuple[str, datetime]]:
    """Return a name and the moment of everything that somebody should look up, the newest hundred of each kind."""
    now = project.clock.now()
    # A content that was rejected or is reviewed again while a post of it was processed does not say so in its state.
    going_out = select(content.c.id).where(
        content.c.world == project.settings.world,
        or_(content.c.state.in_(("publishing", "approved", "review_pending")), content.c.created_at >= now - _RECENT),
    )
    # From when it was posted on, not from the last look: otherwise no look would ever make it older.
    since = func.coalesce(platform_posts.c.posted_at, platform_posts.c.updated_at).label("since")
    processing = select(platform_posts.c.id, since).where(
        platform_posts.c.content_id.in_(going_out),
        platform_posts.c.state == "processing",
    )
    with project.catalog.read() as connection:
        unknown = read_unknown_outcomes(project, connection).here[-MOST_EFFECTS:]
        posts = sorted(connection.execute(processing))[-MOST_EFFECTS:]
        unnamed = posts_without_public_id(connection, world=project.settings.world, since=now - LOOK_FOR_NAMES)
    held = holds(project)
    other_time = [("a catalog of another time", now)] if held.is_of_other_time else []
    return [
        *other_time,
        *((f"{hold.target} is held", hold.since_at) for hold in held.vendors),
        *((f"effect {effect.effect_id} {effect.state}", effect.sent_at or now) for effect in unknown),
        *((f"post {post.id}", post.since) for post in posts),
        *((f"public id of post {post.id}", post.posted_at or now) for post in unnamed),
    ]
