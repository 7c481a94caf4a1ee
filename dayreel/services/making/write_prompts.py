"""Turning an idea into one prompt per segment."""

from collections.abc import Container
from datetime import date

from pydantic import Field, create_model

from dayreel.atomic_write import atomic_write_text
from dayreel.errors import UsageError
from dayreel.providers.llm.contract import LanguageModel, Question
from dayreel.rules.fingerprint import fingerprint
from dayreel.rules.segment_words import WORDS, PromptRoom, prompt_room, segment_prompt
from dayreel.schemas.channel import HOW_TO_ASK, Channel
from dayreel.schemas.content import Idea, PromptSet, VideoPrompt
from dayreel.services.making.ask import Unusable, ask
from dayreel.services.making.content_safety import SafetyGate, texts_of_prompts
from dayreel.services.making.experiments import Trial, recorded, trial_of, write_down
from dayreel.services.making.open_content import open_content
from dayreel.services.making.overrides import override_of, with_override
from dayreel.services.making.rejections import rejection_words
from dayreel.services.making.rewrites import kept_prompts, merged, recorded_rewrites, rewrite_words, unchanged
from dayreel.services.making.stages import Product, StageResult, Work, run_stage
from dayreel.services.making.templating import render
from dayreel.services.project import Project
from dayreel.vendors.models import VideoModel

CODE_VERSION = "1"


def write_prompts(project: Project, channel: Channel, day: date, *, model: LanguageModel) -> StageResult:
    """Write the prompts of a channel's day, or return those it has.

    Raises:
        UsageError: there is no idea yet, or the channel is not made on this day.
        ProviderError, GateClosedError: as in `services.making.ask`.
    """
    row = open_content(project, channel, day)
    idea = require_idea(project, row.id)
    override = override_of(project, row.id, "prompts")
    channel = with_override(channel, "prompts", override)
    source = channel.prompts
    if source is None:
        raise UsageError(f"Channel {channel.name!r} uses no prompts.", next_step="Its segments come from its idea.")
    trial = trial_of(project, channel, "prompt", row, override.template or "prompts")
    prompt = _prompt(project, channel, idea, override.template or "prompts", trial)
    base = fingerprint(code=CODE_VERSION, source=source.model_dump(exclude=set(HOW_TO_ASK)), prompt=prompt)
    # Added only where something was refused, so that what was written before stays what it is.
    rewrite = {number: refused.model_dump() for number, refused in override.rewrite.items()}
    work = Work(
        stage="prompts",
        fingerprint=fingerprint(base=base, rewrite=rewrite) if rewrite else base,
        provider=source.provider,
        model=source.model,
    )
    kept = kept_prompts(project.contents.manifest(row.id), override, base=base)
    refused = "" if kept is None else rewrite_words(override, kept)
    gate = SafetyGate(project, channel, row, "prompt", model, source.model)
    room = segment_room(project, channel, row.id)

    def accept(written: PromptSet) -> None:
        prompt_set = merged(written, kept or {})
        for number in unchanged(prompt_set, override):
            raise Unusable(
                f"prompt {number} is the one that was refused", f"Prompt {number} must be written in other words."
            )
        _accept(prompt_set, channel.segments.count, room, kept or {})
        gate.admit(texts_of_prompts(prompt_set))

    def make() -> Product:
        write_down(project, row.id, trial)
        asked = ask(
            project,
            channel,
            row,
            layer="prompt",
            model=model,
            question=Question(
                model=source.model,
                system="You answer with one JSON document that follows the given schema, and nothing else.",
                # Outside the fingerprint: what was made of an earlier take's day stays what it is.
                prompt="\n\n".join(
                    part for part in (prompt, str(room or ""), rejection_words(project, row), refused) if part
                ),
                schema=_exactly(channel.segments.count).model_json_schema(),
                schema_name="prompts",
                max_tokens=1000 + 700 * channel.segments.count,
            ),
            document=PromptSet,
            accept=accept,
        )
        prompts = merged(asked.document, kept or {})
        atomic_write_text(project.contents.folder(row.id) / "prompts.json", prompts.model_dump_json(indent=2))
        return Product(
            {"prompts": prompts},
            cost_usd=asked.cost_usd + gate.cost_usd,
            effect_ids=(*asked.effect_ids, *gate.effect_ids),
            parameters={
                **recorded(trial),
                **({"template": override.template} if override.template is not None else {}),
                **recorded_rewrites(override, base),
            },
        )

    return run_stage(project, row, work, make)


def _prompt(project: Project, channel: Channel, idea: Idea, template: str, trial: Trial | None) -> str:
    prompt = render(
        project.settings.channels_dir,
        channel.content_type,
        template,
        channel=channel,
        idea=idea,
        segments=channel.segments,
        narrates=channel.narration is not None,
    )
    return f"{prompt}\n\n{trial.words}" if trial is not None and trial.words else prompt


def require_idea(project: Project, content_id: str) -> Idea:
    """Return a content's idea.

    Raises:
        UsageError: it has none yet.
    """
    idea = project.contents.manifest(content_id).idea
    if idea is None:
        raise UsageError(f"{content_id} has no idea yet.", next_step="Materialize its ideas first, or `dayreel run`.")
    return idea


def _exactly(count: int) -> type[PromptSet]:
    """Return `PromptSet` with the number of prompts in its schema, which is all the model gets to see of it."""
    prompts = (tuple[VideoPrompt, ...], Field(min_length=count, max_length=count))
    exact: type[PromptSet] = create_model("PromptSet", __base__=PromptSet, prompts=prompts)
    return exact


def segment_room(project: Project, channel: Channel, content_id: str) -> PromptRoom | None:
    """Return what the model of a content's segments takes of words; None where nothing is known of it."""
    channel = with_override(channel, "raw_segments", override_of(project, content_id, "raw_segments"))
    model = project.models.find(channel.video.provider, channel.video.model or "")
    if not isinstance(model, VideoModel) or model.prompt_limit is None:
        return None
    return prompt_room(model.prompt_limit, is_second_hand=model.is_second_hand("prompt_limit"))


def _accept(prompt_set: PromptSet, count: int, room: PromptRoom | None, kept: Container[int]) -> None:
    if len(prompt_set.prompts) != count:
        raise Unusable(f"{len(prompt_set.prompts)} prompts instead of {count}", f"Write exactly {count} prompts.")
    least, most = WORDS if room is None else room.words
    for number, prompt in enumerate(prompt_set.prompts, start=1):
        if number in kept:  # by another model's limit, perhaps: no answer can change it
            continue
        words = len(prompt.video_prompt.split())
        if not least <= words <= most:
            raise Unusable(
                f"video prompt {number} has {words} words, not {least} to {most}",
                f"Each video prompt must have {least} to {most} words; number {number} had {words}.",
            )
        if not prompt.audio_prompt.strip():
            raise Unusable(f"audio prompt {number} is empty", "Every clip needs an audio prompt.")
        length = len(segment_prompt(prompt))
        if room is not None and not room.is_second_hand and length > room.total:
            raise Unusable(
                f"the prompts of clip {number} have {length} characters together, and the video model takes "
                f"{room.total}",
                f"{room} Those of clip {number} had {len(prompt.video_prompt)} and {len(prompt.audio_prompt)}.",
            )
