"""Asking for other prompts where a video model refused one for its content, or cannot take it as it is written.

A person's retry asks for it, nothing else: each rewrite is paid, and changes what people will see. The prompts that
were not refused stay word for word, and with them the segments that are paid. Writing them is `making.write_prompts`.
"""

from sqlalchemy import select

from dayreel.providers.video.model_input import unfit_prompt
from dayreel.queries.rows import ContentRow
from dayreel.schemas.channel import Channel
from dayreel.schemas.content import PromptSet
from dayreel.schemas.manifest import RefusedPrompt
from dayreel.services.audit import note_act
from dayreel.services.effects.ledger import CONTENT_REFUSED
from dayreel.services.making.open_content import content_scope
from dayreel.services.making.overrides import override_of, with_override
from dayreel.services.making.render_segments import segment_request
from dayreel.services.project import Project
from dayreel.stores.catalog.tables import effects


def ask_for_rewrites(project: Project, row: ContentRow) -> dict[int, RefusedPrompt]:
    """Note which prompts of a failed content are to be written again, and return them by the number of their segment.

    Raises:
        BusyError: a process makes the content right now.
    """
    if row.state != "failed" or not project.contents.exists(row.id):
        return {}
    prompts = project.contents.manifest(row.id).prompts
    channel = with_override(
        project.channels.load(row.channel), "raw_segments", override_of(project, row.id, "raw_segments")
    )
    if prompts is None or channel.video.model is None:
        return {}
    wanted = _refused_prompts(project, channel, row, prompts)
    if not wanted:
        return {}
    now = project.clock.now()
    with project.leases.held(content_scope(row.id), what=f"change prompts of {row.id}", at=now):
        before = override_of(project, row.id, "prompts")
        changed = before.model_copy(update={"rewrite": wanted, "asked_by": project.actor, "asked_at": now})
        overrides = {**project.contents.manifest(row.id).overrides, "prompts": changed}
        project.contents.update(row.id, overrides=overrides)
        project.contents.keep(row.id)
    with project.catalog.write() as connection:
        because = {str(number): refused.reason for number, refused in wanted.items()}
        note_act(
            connection, "rewrite prompts", row.id, actor=project.actor, at=now, via="retry", detail={"because": because}
        )
    return wanted


def _refused_prompts(
    project: Project, channel: Channel, row: ContentRow, prompts: PromptSet
) -> dict[int, RefusedPrompt]:
    query = select(effects.c.sequence, effects.c.request, effects.c.result).where(
        effects.c.content_id == row.id, effects.c.kind == "segment", effects.c.state == "refused"
    )
    with project.catalog.read() as connection:
        refused = [act for act in connection.execute(query.order_by(effects.c.id)) if CONTENT_REFUSED in act.result]
    reasons = {(act.sequence, act.request.get("prompt")): act.result[CONTENT_REFUSED] for act in refused}
    model = project.models.video(channel.video.provider, str(channel.video.model))
    wanted: dict[int, RefusedPrompt] = {}
    for number, prompt in enumerate(prompts.prompts, start=1):
        request = segment_request(project.settings, channel, prompt, seed=None)
        reason = unfit_prompt(request, model) or reasons.get((number, request.prompt))
        if reason is not None:
            wanted[number] = RefusedPrompt(prompt=prompt, reason=reason)
    return wanted
