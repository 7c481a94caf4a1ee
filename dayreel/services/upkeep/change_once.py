"""Changing the making of one content once: another model or template, a seed, a segment again, a new take.

What is asked is checked as the channel's own file would be, before anything is written down. It holds for this content
from then on and for no other. Buying is left to the stage, with every cap.
"""

import re
from dataclasses import dataclass
from datetime import date

from dayreel.clock import local_day
from dayreel.errors import UsageError
from dayreel.providers.video.contract import VideoGenerator
from dayreel.queries.renders import renders_of
from dayreel.queries.rows import ContentRow, current_content
from dayreel.schemas.channel import Channel
from dayreel.schemas.manifest import Override, Stage
from dayreel.services.audit import note_act
from dayreel.services.making.open_content import content_scope, open_content, open_new_take, require_may_begin
from dayreel.services.making.overrides import override_of, with_override
from dayreel.services.making.preflight import usable
from dayreel.services.making.render_segments import segment_request
from dayreel.services.making.templating import template_names
from dayreel.services.project import Project
from dayreel.services.upkeep.retry_content import regenerate_segment

MOST_SEED = 2**31 - 1
_TEMPLATE = re.compile(r"[a-z0-9_]{1,60}")


@dataclass(frozen=True)
class Change:
    """What a run asks to change; a field that is None, empty or false changes nothing.

    Attributes:
        request_id: the run that asks, the same for its retries: what it asks is done once.
        template: name of a template in `channels/templates/<content type>/`, without `.md.j2`.
        seed: for the segments that are named, or for all.
        segments: numbers of segments to make again; without a seed each gets its next one.
    """

    request_id: str
    model: str | None = None
    template: str | None = None
    seed: int | None = None
    segments: tuple[int, ...] = ()
    new_take: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing is asked."""
        return self == Change(self.request_id)


def change_once(project: Project, channel: Channel, day: date, stage: Stage, change: Change) -> None:
    """Change a stage of a channel's day as asked; the stage itself is made afterwards.

    Raises:
        UsageError: the day cannot be made, the content is out already or needs no new take, there is no such segment or
            template, the seed is out of range.
        ConfigurationError: the model has no price or cannot make such segments.
        BusyError: a process is making the content right now.
    """
    if change.is_empty:
        return
    row = _content(project, channel, day, stage, change)
    before = override_of(project, row.id, stage)
    if before.request_id == change.request_id:
        return
    if row.state in ("publishing", "posted"):
        raise UsageError(
            f"{row.id} is {row.state}; its {stage} can no longer change.",
            next_step="Another video of that day needs another take.",
        )
    override = Override(
        model=change.model or before.model,
        template=change.template or before.template,
        seed=before.seed if change.seed is None or change.segments else change.seed,
        segments=change.segments,
        rewrite=before.rewrite,
        request_id=change.request_id,
        asked_by=project.actor,
        asked_at=project.clock.now(),
    )
    changed = with_override(channel, stage, override)
    _require_usable(project, changed, change)
    prompts = project.contents.manifest(row.id).prompts
    if stage == "raw_segments" and prompts is not None:
        generator: VideoGenerator = project.connect(changed.video.provider)
        for prompt in prompts.prompts:
            generator.check(segment_request(project.settings, changed, prompt, seed=change.seed))
    made_again = _made_again(project, row, change)
    if made_again:
        regenerate_segment(project, row.id, *made_again, seed=change.seed)
    with project.leases.held(content_scope(row.id), what=f"change {stage} of {row.id}", at=project.clock.now()):
        overrides = {**project.contents.manifest(row.id).overrides, stage: override}
        project.contents.update(row.id, overrides=overrides)
        project.contents.keep(row.id)
    with project.catalog.write() as connection:
        asked = {name: value for name, value in vars(change).items() if value and name != "request_id"}
        note_act(
            connection,
            f"change {stage}",
            row.id,
            actor=project.actor,
            at=project.clock.now(),
            via="dagster",
            detail={**asked, "run": change.request_id},
        )


def _content(project: Project, channel: Channel, day: date, stage: Stage, change: Change) -> ContentRow:
    with project.catalog.read() as connection:
        newest = current_content(connection, channel.name, day)
    if change.new_take and newest is not None and newest.run_id != change.request_id:
        _require_usable(project, with_override(channel, stage, Override(model=change.model)), change)
        require_may_begin(project, channel, day)
        open_new_take(project, newest)
    return open_content(project, channel, day)


def _made_again(project: Project, row: ContentRow, change: Change) -> tuple[int, ...]:
    """Return the segments whose seed changes: those that are named, or with a seed alone all that were begun."""
    if change.segments or change.seed is None:
        return change.segments
    with project.catalog.read() as connection:
        return tuple(render.sequence for render in renders_of(connection, [row.id]).get(row.id, ()))


def _require_usable(project: Project, channel: Channel, change: Change) -> None:
    today = local_day(project.clock.now(), channel.timezone)
    for _model, problem in usable(project.models, channel, today):
        if problem is not None:
            raise problem
    if change.template is not None:
        known = template_names(project.settings.channels_dir, channel.content_type)
        if not _TEMPLATE.fullmatch(change.template) or change.template not in known:
            raise UsageError(
                f"There is no template {change.template!r} for {channel.content_type!r}.",
                next_step=f"Known are: {', '.join(known)}. Another is a file "
                f"channels/templates/{channel.content_type}/NAME.md.j2.",
            )
    if change.seed is not None and not 0 <= change.seed <= MOST_SEED:
        raise UsageError(f"{change.seed} is not a seed.", next_step=f"A seed is a number from 0 to {MOST_SEED}.")
    video = channel.video
    if (
        change.seed is not None
        and video.model
        and "seed" not in project.models.video(video.provider, video.model).fields
    ):
        raise UsageError(
            f"{video.provider} model {video.model!r} takes no seed.",
            next_step="Name the segments without a seed: they are made again all the same.",
        )
