"""Going on with a content that stopped: refused acts are opened again, one segment is made anew, a render is cancelled.

Each is a person's word; nothing here is done by itself, and nothing here sends anything.
"""

from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, select, update

from dayreel.errors import UsageError
from dayreel.providers.video.contract import VideoGenerator
from dayreel.services.effects import effect_of, has_handle
from dayreel.services.renders import fire, render_id, render_status
from dayreel.services.studio import Studio
from dayreel.stores.catalog.reads import ContentRow, get_content
from dayreel.stores.catalog.tables import effects, platform_posts, renders


def reopen_refused(studio: Studio, content_id: str) -> int:
    """Let what was refused be tried again and what could not be used be asked again; return how many acts that are.

    A refusal means that certainly nothing happened, so trying again is safe; whether it helps is for the person to say.
    Answers of a language model that no stage was made from are set aside: they are paid, and asked for again.

    Raises:
        UsageError: there is no such content.
    """
    used = {number for stage in studio.contents.fetched(content_id).stages.values() for number in stage.effect_ids}
    with studio.catalog.write("money") as connection:
        get_content(connection, content_id)
        unused = _unused_answers(connection, content_id, used)
        for number, result in unused:
            connection.execute(
                update(effects).where(effects.c.id == number).values(result={**result, "set_aside": True})
            )
        opened = connection.execute(
            update(effects)
            .where(effects.c.content_id == content_id, effects.c.state == "refused")
            .values(
                state="intended",
                handle={},
                reserved_usd=Decimal(0),
                settled_usd=None,
                spent_on=None,
                version=effects.c.version + 1,
            )
        )
        connection.execute(
            update(platform_posts)
            .where(platform_posts.c.content_id == content_id, platform_posts.c.state == "failed")
            .values(error_message=None)
        )
    return opened.rowcount + len(unused)


def _unused_answers(connection: Connection, content_id: str, used: set[int]) -> list[tuple[int, dict[str, Any]]]:
    query = select(effects.c.id, effects.c.result).where(
        effects.c.content_id == content_id, effects.c.kind == "llm", effects.c.state == "confirmed"
    )
    rows = connection.execute(query)
    return [(row.id, row.result) for row in rows if row.id not in used and not row.result.get("set_aside")]


def regenerate_segment(studio: Studio, content_id: str, sequence: int) -> ContentRow:
    """Ask for one segment to be made anew, with another seed; the other segments stay as they are.

    What was decided about the old video is void as soon as the new one is composed.

    Raises:
        UsageError: no such segment, or the content is already posted.
    """
    with studio.catalog.write() as connection:
        row = get_content(connection, content_id)
        if row.state in ("publishing", "posted"):
            raise UsageError(
                f"{content_id} is {row.state}; its video can no longer change.",
                next_step="Another video of that day needs another take.",
            )
        known = [render.sequence for render in render_status(connection, content_id)]
        if sequence not in known:
            raise UsageError(
                f"{content_id} has no segment {sequence}.",
                next_step=f"It has: {', '.join(map(str, known)) or 'none yet'}.",
            )
        key = render_id(content_id, sequence)
        seed = connection.execute(select(renders.c.seed).where(renders.c.id == key)).scalar()
        connection.execute(update(renders).where(renders.c.id == key).values(seed=(seed or 0) + 1))
    return row


def cancel_renders(studio: Studio, content_id: str) -> list[str]:
    """Ask the generation service to stop every running request of a content; return a sentence for each.

    A request that had already finished is paid, and is kept for the next run.

    Raises:
        ProviderError: the service could not be asked.
    """
    with studio.catalog.read() as connection:
        get_content(connection, content_id)
        query = select(effects).where(
            effects.c.content_id == content_id, effects.c.kind == "segment", effects.c.state.in_(("sent", "unknown"))
        )
        running = [effect_of(row) for row in connection.execute(query.order_by(effects.c.sequence)).mappings()]
        # One that was left at its deadline has failed already as a render, while its request still runs.
        waiting = {
            render.sequence
            for render in render_status(connection, content_id)
            if render.state in ("queued", "rendering")
        }
    told: list[str] = []
    for effect in running:
        if not has_handle(effect.handle):
            told.append(f"segment {effect.key.sequence}: nobody knows its id; `dayreel reconcile` first")
            continue
        generator: VideoGenerator = studio.connect(effect.key.target)
        if generator.cancel(effect.handle):
            studio.ledger.withdraw(effect.id, "cancelled by a person")
            if effect.key.sequence in waiting:
                fire(studio, content_id, effect.key.sequence, "cancel", progress=0, detail="cancelled")
            told.append(f"segment {effect.key.sequence}: {effect.key.target} stops it")
        else:
            told.append(f"segment {effect.key.sequence}: it had already finished, and is kept")
    return told
