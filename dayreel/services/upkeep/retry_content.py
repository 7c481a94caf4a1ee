"""Continuing a content that stopped: refused acts are opened again, one segment is made again, a render is cancelled.

Each is a person's decision; nothing here runs automatically, and nothing here sends anything.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, RowMapping, func, select, update

from dayreel.errors import BusyError, UsageError
from dayreel.processes import in_words
from dayreel.providers.video.contract import VideoGenerator
from dayreel.queries.renders import renders_of
from dayreel.queries.rows import ContentRow, current_content, get_content
from dayreel.services.effects.ledger import CONTENT_REFUSED, effect_of, has_handle, reopen
from dayreel.services.making.open_content import content_scope, day_scope
from dayreel.services.making.renders import end_render, render_id
from dayreel.services.project import Project
from dayreel.services.upkeep.reconcile import look_up_segment
from dayreel.services.upkeep.rewrite_prompts import ask_for_rewrites
from dayreel.stores.catalog.tables import effects, platform_posts, renders


def reopen_refused(project: Project, content_id: str) -> int:
    """Let what was refused be tried again and what could not be used be asked again; return how many acts that are.

    Whether that helps is for the person to say.
    Answers of a language model that no stage was made from are set aside: they are paid, and asked for again. Instead
    of a segment that was refused for its content, another prompt is asked for (`rewrite_prompts`).

    Raises:
        UsageError: there is no such content, or a newer take of its day.
        BusyError: a process makes it right now, and one of its prompts is to be written again.
    """
    project.contents.fetch(content_id)
    with project.catalog.read() as connection:
        row = _newest_take(connection, content_id)
    ask_for_rewrites(project, row)
    # A take that was only just opened has no manifest: nothing of it is made.
    stages = project.contents.manifest(content_id).stages if project.contents.exists(content_id) else {}
    used = {number for stage in stages.values() for number in stage.effect_ids}
    with project.catalog.write("money") as connection:
        _newest_take(connection, content_id)
        unused = _unused_answers(connection, content_id, used)
        for number, result in unused:
            connection.execute(
                update(effects).where(effects.c.id == number).values(result={**result, "set_aside": True})
            )
        stay = _refused_for_content(connection, content_id)
        opened = reopen(connection, effects.c.content_id == content_id, effects.c.id.not_in(stay))
        # The old reason would stand beside a post that is being tried again.
        connection.execute(
            update(platform_posts)
            .where(platform_posts.c.content_id == content_id, platform_posts.c.state == "failed")
            .values(error_message=None)
        )
    return opened + len(unused)


def _refused_for_content(connection: Connection, content_id: str) -> list[int]:
    of_content = (effects.c.content_id == content_id, effects.c.kind == "segment", effects.c.state == "refused")
    rows = connection.execute(select(effects.c.id, effects.c.result).where(*of_content))
    return [row.id for row in rows if CONTENT_REFUSED in row.result]


def _unused_answers(connection: Connection, content_id: str, used: set[int]) -> list[tuple[int, dict[str, Any]]]:
    query = select(effects.c.id, effects.c.result).where(
        effects.c.content_id == content_id, effects.c.kind == "llm", effects.c.state == "confirmed"
    )
    rows = connection.execute(query)
    return [(row.id, row.result) for row in rows if row.id not in used and not row.result.get("set_aside")]


def regenerate_segment(project: Project, content_id: str, *sequences: int, seed: int | None = None) -> ContentRow:
    """Ask for segments to be made again, all or none, with this seed or their next ones; the others stay as they are.

    What was decided about the old video is void as soon as the new one is composed. While somebody makes the content,
    nothing is changed: what they are just buying would be bought twice.

    Raises:
        UsageError: no such segment, a newer take is there, or the content is out already.
        BusyError: a living process makes it right now; says which, and since when.
    """
    with project.catalog.read() as connection:
        row = _newest_take(connection, content_id)
    with (
        _nobody_makes(project, row, f"make segment {', '.join(map(str, sequences))} of {content_id} again"),
        project.catalog.write() as connection,
    ):
        row = _newest_take(connection, content_id)
        if row.state in ("publishing", "posted"):
            raise UsageError(
                f"{content_id} is {row.state}; its video can no longer change.",
                next_step="Another video of that day needs another take.",
            )
        known = [render.sequence for render in renders_of(connection, [content_id]).get(content_id, ())]
        for sequence in sequences:
            if sequence not in known:
                raise UsageError(
                    f"{content_id} has no segment {sequence}.",
                    next_step=f"It has: {', '.join(map(str, known)) or 'none yet'}.",
                )
            _refuse_while_it_is_made(project, connection, content_id, sequence)
        its = renders.c.id.in_([render_id(content_id, sequence) for sequence in sequences])
        next_seed = func.coalesce(renders.c.seed, 0) + 1 if seed is None else seed
        connection.execute(update(renders).where(its).values(seed=next_seed))
    return row


@contextmanager
def _nobody_makes(project: Project, row: ContentRow, what: str) -> Iterator[None]:
    """Keep everybody from making a content, or its day, while the block runs."""
    held, now = project.leases.held, project.clock.now()
    with held(day_scope(row.channel, row.day), what=what, at=now), held(content_scope(row.id), what=what, at=now):
        yield


def _newest_take(connection: Connection, content_id: str) -> ContentRow:
    row = get_content(connection, content_id)
    newest = current_content(connection, row.channel, row.day)
    if newest is not None and newest.id != row.id:
        raise UsageError(f"{content_id} is not the newest take of its day.", next_step=f"That is {newest.id}.")
    return row


def _refuse_while_it_is_made(project: Project, connection: Connection, content_id: str, sequence: int) -> None:
    """Refuse to buy a second clip of a segment whose first one is just being made: it would be paid for nothing.

    A purchase may go on where nobody makes the content any more.
    """
    query = select(effects).where(
        effects.c.content_id == content_id,
        effects.c.kind == "segment",
        effects.c.sequence == sequence,
        effects.c.state == "sent",
    )
    for row in connection.execute(query).mappings().all():
        if project.ledger.is_at_work(connection, row):
            who, since = in_words(row["owner"]), row["sent_at"].isoformat(timespec="seconds")
            raise BusyError(
                f"Segment {sequence} of {content_id} is being made right now, by {who} since {since}.",
                next_step=f"Wait for it, or `dayreel retry {content_id} --cancel` first; nothing was changed.",
            )


def cancel_renders(project: Project, content_id: str) -> list[str]:
    """Ask the generation service to stop every running request of a content; return a sentence for each.

    A service that takes the wish may still finish the request, and bills it then: what became of it is asked at once,
    and a request that was made after all is paid and kept for the next run.

    Raises:
        ProviderError: the service could not be asked.
    """
    with project.catalog.read() as connection:
        get_content(connection, content_id)
        query = select(effects).where(
            effects.c.content_id == content_id, effects.c.kind == "segment", effects.c.state.in_(("sent", "unknown"))
        )
        running = list(connection.execute(query.order_by(effects.c.sequence)).mappings())
    return [f"segment {row['sequence']}: {_cancel(project, row)}" for row in running]


def _cancel(project: Project, row: RowMapping) -> str:
    effect = effect_of(row)
    if not has_handle(effect.handle):
        return "nobody knows its id; `dayreel reconcile` first"
    generator: VideoGenerator = project.connect(effect.key.target)
    if not generator.cancel(effect.handle):
        return f"{effect.key.target} has finished it or cannot stop it; it is kept"
    with project.catalog.read() as connection:
        is_followed = effect.state == "sent" and project.ledger.is_at_work(connection, row)
    if is_followed:
        return f"{effect.key.target} is asked to stop it; {in_words(row['owner'])}, which follows it, sees how it ends"
    end_render(project, effect.key.content_id, effect.key.sequence, "cancel", detail="cancelled by a person")
    lookup = look_up_segment(project, effect)
    if lookup.outcome in ("refused", "released"):
        return f"{effect.key.target} stops it; it is not billed"
    if lookup.outcome == "confirmed":
        return f"{effect.key.target} had made it by then; it is paid and kept"
    return f"{effect.key.target} is asked to stop it; `dayreel reconcile` says how it ended"
