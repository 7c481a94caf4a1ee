"""Making the day's idea: from a language model, different from those of the last months, from a calendar, or pinned."""

import csv
import json
from datetime import date, timedelta
from pathlib import Path

from pydantic import ValidationError

from dayreel.atomic_write import atomic_write_text
from dayreel.errors import ConfigurationError
from dayreel.providers.llm.contract import LanguageModel, Question
from dayreel.queries.rows import ContentRow, PinnedIdea, earlier_ideas, pinned_idea
from dayreel.rules.experiments import is_held_out
from dayreel.rules.fingerprint import fingerprint
from dayreel.rules.novelty import closest
from dayreel.schemas.channel import HOW_TO_ASK, Channel
from dayreel.schemas.content import Idea
from dayreel.schemas.manifest import Override
from dayreel.services.making.ask import Unusable, ask
from dayreel.services.making.caption_video import fonts_of, letters_without_font, require_letters
from dayreel.services.making.content_safety import SafetyGate, refuse_blocked, texts_of_idea
from dayreel.services.making.experiments import Trial, recorded, trial_of, write_down
from dayreel.services.making.open_content import open_content
from dayreel.services.making.overrides import override_of, with_override
from dayreel.services.making.performance_feedback import Lessons, lessons_for
from dayreel.services.making.plan_days import as_idea
from dayreel.services.making.preflight import keep_for_today, preflight
from dayreel.services.making.rejections import rejection_words
from dayreel.services.making.speakable import narration_words, why_not_speakable
from dayreel.services.making.stages import Product, StageResult, Work, run_stage
from dayreel.services.making.templating import render, source_of
from dayreel.services.making.title_video import letters_without_font as title_letters
from dayreel.services.project import Project

CODE_VERSION = "1"
_SHOWN_TO_THE_MODEL = 30
_CALENDAR_COLUMNS = ("day", "idea", "caption", "hashtags", "topic")


def make_idea(project: Project, channel: Channel, day: date, *, model: LanguageModel | None) -> StageResult:
    """Make the idea of a channel's day, or return the one it has. One that a person pinned to the day comes first.

    Args:
        model: the channel's language model; None where ideas come from a calendar.

    Raises:
        UsageError: the channel is not made on this day.
        ConfigurationError: what the channel names is not there, or has no price, or its calendar has no row for the
            day: nothing was bought.
        ProviderError, GateClosedError: as in `services.making.ask`.
    """
    row = open_content(project, channel, day)
    override = override_of(project, row.id, "ideas")
    channel = with_override(channel, "ideas", override)
    trial = trial_of(project, channel, "idea", row, override.template or "idea")
    with project.catalog.read() as connection:
        pinned = pinned_idea(connection, channel.name, row.day)
    work = Work(
        stage="ideas",
        fingerprint=fingerprint(
            code=CODE_VERSION,
            content_id=row.id,
            source=channel.ideas.model_dump(exclude={"avoid_days", "max_similarity", *HOW_TO_ASK}),
            topic=channel.topic,
            language=channel.language,
            written=_calendar_row(project, channel, day) if model is None and pinned is None else None,
            **({"pinned": [pinned.idea, pinned.caption]} if pinned is not None else {}),
            **({"learns": True} if channel.learn_from_results else {}),
            **({"trial": trial.inputs} if trial is not None else {}),
            **({"template": _template(project, channel, override)} if override.template is not None else {}),
        ),
        provider=channel.ideas.provider,
        model=channel.ideas.model,
    )

    def make() -> Product:
        write_down(project, row.id, trial)
        if model is not None:
            product = _from_model(project, channel, row, model, pinned, override.template, trial)
        elif pinned is not None:
            product = Product({"idea": as_idea(channel, pinned.idea, pinned.caption)})
        else:
            product = _from_calendar(project, channel, day)
        idea: Idea = product.manifest["idea"]
        require_letters(project.settings, channel, idea.narration)
        if lost := title_letters(channel, fonts_of(project.settings, channel), idea):
            raise ConfigurationError(
                f"The hook or end card of channel {channel.name!r} would show {' '.join(lost[:20])!r} of the idea's "
                "caption or topic: no font has these letters. No prompt, voice or segment was bought.",
                next_step="Write caption and topic without them, put a font of that script into the folder that "
                "DAYREEL_FONTS names, or change `edit.hook` and `edit.end_card` in the channel's file.",
            )
        file = {
            "id": row.id,
            "timestamp": project.clock.now().isoformat(timespec="seconds"),
            "status": "for_production",
            **idea.model_dump(mode="json"),
        }
        text = json.dumps(file, ensure_ascii=False, indent=2)
        atomic_write_text(project.contents.folder(row.id) / "idea.json", text)
        columns = {"idea": idea.idea, "topic": idea.topic, "caption": idea.caption}
        return Product(
            product.manifest,
            columns,
            product.cost_usd,
            product.effect_ids,
            {
                "hashtags": list(idea.hashtags),
                **product.parameters,
                **recorded(trial),
                **({"pinned_by": pinned.pinned_by} if pinned is not None else {}),
                **({"template": override.template} if override.template is not None else {}),
            },
        )

    return run_stage(project, row, work, make)


def _from_model(
    project: Project,
    channel: Channel,
    row: ContentRow,
    model: LanguageModel,
    pinned: PinnedIdea | None,
    template: str | None,
    trial: Trial | None,
) -> Product:
    since = row.day - timedelta(days=channel.ideas.avoid_days)
    with project.catalog.read() as connection:
        earlier = earlier_ideas(connection, channel.name, since, but=row.id)
    held_out = is_held_out(channel.holdout, channel=channel.name, day=row.day)
    lessons = None
    if channel.learn_from_results and not held_out:
        tried = trial or trial_of(project, channel, "prompt", row, "prompts")
        lessons = lessons_for(project, channel, row.day, tried)

    preflight(project, channel)
    keep_for_today(project, channel, row)
    gate = SafetyGate(project, channel, row, "idea", model, str(channel.ideas.model))

    def accept(idea: Idea) -> None:
        nearest = None if pinned is not None else closest(idea.idea, earlier)
        if nearest is not None and nearest.score > channel.ideas.max_similarity:
            raise Unusable(
                f"too similar ({nearest.score:.0f} of 100) to the idea of {nearest.content_id}",
                f"Your last idea was too similar to this earlier one, find another subject: {nearest.idea}",
            )
        unspeakable = why_not_speakable(channel, idea.narration)
        if unspeakable is not None:
            had = len(idea.narration.split())
            asked_for = (
                f"have at most {narration_words(channel)} words; your last one had {had}" if had else "not be empty"
            )
            raise Unusable(unspeakable, f"The narration must {asked_for}.")
        if lost := letters_without_font(project.settings, channel, idea.narration):
            shown = " ".join(lost[:20])
            raise Unusable(
                f"its captions cannot show {shown!r} of the narration: no font has these letters",
                f"The narration must not hold these letters: {shown}",
            )
        if lost := title_letters(channel, fonts_of(project.settings, channel), idea):
            shown = " ".join(lost[:20])
            raise Unusable(
                f"its title cannot show {shown!r} of caption or topic: no font has these letters",
                f"Caption and topic must not hold these letters: {shown}",
            )
        gate.admit(texts_of_idea(idea))

    asked = ask(
        project,
        channel,
        row,
        layer="idea",
        model=model,
        question=_question(
            project,
            channel,
            row,
            [idea for _, idea in earlier[:_SHOWN_TO_THE_MODEL]],
            lessons,
            pinned,
            template or "idea",
            trial,
        ),
        document=Idea,
        accept=accept,
    )
    return Product(
        {"idea": asked.document if pinned is None else _in_the_persons_words(asked.document, pinned)},
        cost_usd=asked.cost_usd + gate.cost_usd,
        effect_ids=(*asked.effect_ids, *gate.effect_ids),
        parameters={
            **({} if lessons is None else {"learned_from": lessons.recorded()}),
            **({"held_out": True} if held_out else {}),
        },
    )


def _template(project: Project, channel: Channel, override: Override) -> str:
    return source_of(project.settings.channels_dir, channel.content_type, str(override.template))


def _in_the_persons_words(idea: Idea, pinned: PinnedIdea) -> Idea:
    return idea.model_copy(update={"idea": pinned.idea, "caption": pinned.caption or idea.caption})


def _question(
    project: Project,
    channel: Channel,
    row: ContentRow,
    avoid: list[str],
    lessons: Lessons | None,
    pinned: PinnedIdea | None,
    template: str,
    trial: Trial | None,
) -> Question:
    weekday = row.day.strftime("%A")
    prompt = render(
        project.settings.channels_dir,
        channel.content_type,
        template,
        channel=channel,
        topic=channel.topic.replace("{date}", row.day.isoformat()).replace("{weekday}", weekday),
        day=row.day.isoformat() + (f", take {row.take}" if row.take > 1 else ""),
        weekday=weekday,
        # A number, with which a channel's own template may count; whole where nothing overlaps.
        total_s=int(channel.segments_s) if channel.segments_s.is_integer() else round(channel.segments_s, 2),
        narrates=channel.narration is not None,
        narration_words=narration_words(channel),
        avoid=[] if pinned is not None else avoid,
    )
    # After the template, not in it: a channel's own template must not leave them out while they are on record.
    added = [
        lessons.words() if lessons else "",
        trial.words if trial else "",
        rejection_words(project, row),
        _given(pinned),
    ]
    prompt = "\n\n".join(part for part in (prompt, *added) if part)
    return Question(
        model=str(channel.ideas.model),
        system="You answer with one JSON document that follows the given schema, and nothing else.",
        prompt=prompt,
        schema=Idea.model_json_schema(),
        schema_name="idea",
        max_tokens=2000,
    )


def _given(pinned: PinnedIdea | None) -> str:
    if pinned is None:
        return ""
    caption = f"\nThe caption is given too, write this: {pinned.caption}" if pinned.caption else ""
    asked = "The idea of this day is given; write everything else around it, and change nothing of it:"
    return f"{asked}\n{pinned.idea}{caption}"


def _calendar_row(project: Project, channel: Channel, day: date) -> dict[str, str]:
    path = project.settings.channels_dir / str(channel.ideas.file)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except FileNotFoundError:
        raise ConfigurationError(
            f"Channel {channel.name!r} takes its ideas from a calendar, and there is no {str(path)!r}.",
            next_step=f"Write it: a CSV file in UTF-8 whose first line is {','.join(_CALENDAR_COLUMNS)}.",
        ) from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigurationError(
            f"Tried to read the calendar {_shown(path)} of {channel.name!r}; it answered: {error}.",
            next_step=f"It is a CSV file in UTF-8 with the columns {', '.join(_CALENDAR_COLUMNS)}.",
        ) from error
    matching = [row for row in rows if (row.get("day") or "").strip() == day.isoformat()]
    if len(matching) != 1:
        raise ConfigurationError(
            f"The calendar {_shown(path)} has {len(matching) or 'no'} rows for {day}; there must be exactly one.",
            next_step=f"Write one row that begins with {day.isoformat()}, then run again.",
        )
    return {
        str(key).strip(): (value or "").strip() for key, value in matching[0].items() if isinstance(value, str | None)
    }


def _from_calendar(project: Project, channel: Channel, day: date) -> Product:
    row = _calendar_row(project, channel, day)
    try:
        idea = Idea(
            idea=row.get("idea", ""),
            caption=row.get("caption", ""),
            hashtags=tuple(row.get("hashtags", "").split()),
            topic=row.get("topic") or channel.title,
            narration=row.get("narration", ""),
        )
    except ValidationError as error:
        faults = "; ".join(f"{fault['loc'][0]}: {fault['msg']}" for fault in error.errors())
        raise ConfigurationError(
            f"The calendar row of {channel.name!r} for {day} cannot be used: {faults}.",
            next_step=f"Fix the row in channels/{channel.ideas.file}.",
        ) from None
    unspeakable = why_not_speakable(channel, idea.narration)
    if unspeakable is not None:
        raise ConfigurationError(
            f"The calendar row of {channel.name!r} for {day} cannot be used: {unspeakable}.",
            next_step=f"Write 1 to {narration_words(channel)} words into its column `narration`.",
        )
    refuse_blocked(channel, idea, source=f"The calendar row of {channel.name!r} for {day}")
    return Product({"idea": idea})


def _shown(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"
