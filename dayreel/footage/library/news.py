"""What people should hear of own footage without looking: questions, refused footage, jobs that failed for good.

It is read from the catalog and sent by the project's notifier, never by the controller or a worker: those hold no key
of any messenger, and the shared folder may be away. What is new is sent together, in one message; each thing once.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from dayreel.footage.library.chat_gates import ask_gate
from dayreel.footage.library.gate_cards import FOOTAGE
from dayreel.footage.rules.flow import ASKED
from dayreel.footage.stores.reads import GateRow, ItemRow, JobRow, gates_of, jobs_of, list_items
from dayreel.providers.notifiers.contract import Notifier, ReviewNotifier
from dayreel.rules.fingerprint import fingerprint
from dayreel.services.notify_people import notified_about, notify_once
from dayreel.services.project import Project
from dayreel.stores.catalog.tables import state_transitions

_FEW = 8
_LONGEST = 300


@dataclass(frozen=True)
class LibraryNews:
    """One thing to report: `key` is what makes it new, `since` when it came up, `gate` the question that it is."""

    key: str
    words: str
    since: datetime
    gate: GateRow | None = None


def library_news(project: Project, *, target: str) -> list[LibraryNews]:
    """Return what was not reported yet, the oldest first. Reads the catalog and nothing else.

    Args:
        target: the notifier's name.
    """
    with project.catalog.read() as connection:
        items = {row.id: row for row in list_items(connection)}
        news = [*_questions(connection, items), *_refused(items), *_failed(connection, items)]
    if not news:
        return []
    known = notified_about(project, target=target)
    return sorted((item for item in news if item.key not in known), key=lambda item: (item.since, item.key))


def notify_news(project: Project, *, notifier: Notifier) -> list[str]:
    """Notify of what is new: in a chat each question as a card with buttons, the rest in one message; return sentences.

    Raises:
        BusyError: another process is sending it.
    """
    now = project.clock.now()
    with project.leases.held("library-news", what="notify people about own footage", at=now):
        news = library_news(project, target=notifier.name)
        sentences = []
        if isinstance(notifier, ReviewNotifier):
            asked = [(item, item.gate) for item in news if item.gate is not None]
            sentences = [
                ask_gate(project, gate, gate_news.words, about=gate_news.key, notifier=notifier)
                for gate_news, gate in asked
            ]
            news = [item for item in news if item.gate is None]
        if news:
            keys = [item.key for item in news]
            text = _text(news, f"{project.settings.desk_address}/library")
            subject = f"news/{fingerprint(news=keys)[:12]}"
            sentences.append(notify_once(project, None, subject, text, notifiers=[notifier], name=FOOTAGE, about=keys))
        return sentences


def _questions(connection: Connection, items: dict[str, ItemRow]) -> list[LibraryNews]:
    return [
        LibraryNews(
            # Not by number: a catalog that was made again gives others to the same questions.
            f"question {gate.item_id} {gate.approval_type} {gate.subject_sha256[:12]}",
            f"{items[gate.item_id].title}: {ASKED[gate.approval_type]} "
            f"`dayreel library gates` shows question {gate.id}.",
            gate.requested_at,
            gate,
        )
        for gate in gates_of(connection, status="pending")
    ]


def _refused(items: dict[str, ItemRow]) -> list[LibraryNews]:
    return [
        LibraryNews(
            f"refused {row.id} {_which(row)}",
            f"{row.title}: {_short(row.error)} `dayreel library show {row.id}`",
            row.updated_at,
        )
        for row in items.values()
        if row.error is not None and (row.state == "quarantined" or {"refused", "trouble"} & row.metadata.keys())
    ]


def _which(row: ItemRow) -> str:
    """Return what distinguishes this from another: which trouble, the markers refused, or when an ingest was."""
    refused, trouble = row.metadata.get("refused"), row.metadata.get("trouble")
    if trouble is not None:  # once, however often it is tried again
        return fingerprint(trouble=[trouble["kind"], trouble["doing"], trouble["since"]])[:12]
    return fingerprint(refused=refused)[:12] if refused else row.updated_at.isoformat()


def _failed(connection: Connection, items: dict[str, ItemRow]) -> list[LibraryNews]:
    """Return the failed jobs that still hold up their item; what a person has cancelled is not news to people."""
    failed = [job for job in jobs_of(connection, states=["failed"]) if items[job.item_id].error is not None]
    cancelled = _cancelled(connection, failed)
    return [
        LibraryNews(
            f"failed {job.id} {job.fence}",
            f"{items[job.item_id].title}: its {job.role} job failed for good: {_short(job.error)} "
            f"`dayreel jobs retry {job.id}` tries it again.",
            job.finished_at or job.updated_at,
        )
        for job in failed
        if job.id not in cancelled
    ]


def _cancelled(connection: Connection, failed: list[JobRow]) -> set[str]:
    """Return which of the jobs ended because somebody said so."""
    moves = state_transitions
    newest = (
        select(func.max(moves.c.id))
        .where(moves.c.entity == "job", moves.c.entity_id.in_([job.id for job in failed]))
        .group_by(moves.c.entity_id)
    )
    query = select(moves.c.entity_id).where(moves.c.id.in_(newest), moves.c.event == "cancel")
    return set(connection.execute(query).scalars()) if failed else set()


def _text(news: list[LibraryNews], page: str) -> str:
    lines = [f"- {item.words}" for item in news[:_FEW]]
    if len(news) > _FEW:
        lines.append(f"- and {len(news) - _FEW} more: `dayreel library list`")
    return "\n".join(["Own footage needs somebody:", *lines, page])


def _short(error: str | None) -> str:
    reason = error or "no reason was given"
    return reason if len(reason) <= _LONGEST else reason[:_LONGEST] + " ..."
