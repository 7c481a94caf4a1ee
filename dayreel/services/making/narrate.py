"""Speaking the idea's narration to a file, paid through the ledger where the voice is billed.

What a voice has spoken lies on disk alone and cannot be fetched again: where a paid file is gone, or a person has found
that a lost one was billed, it is bought again under the next sequence number, within the caps.
"""

from datetime import date
from decimal import Decimal
from typing import Any

from dayreel.errors import UsageError
from dayreel.providers.speech.contract import SpeechProvider
from dayreel.queries.prices import narration_cost
from dayreel.queries.rows import ContentRow
from dayreel.rules.fingerprint import fingerprint
from dayreel.schemas.channel import Channel, Narration
from dayreel.schemas.content import NarrationTrack
from dayreel.schemas.effect import Effect, EffectKey, Permit, RecordHandle
from dayreel.services.effects.intent import Done, Intent
from dayreel.services.making.open_content import open_content
from dayreel.services.making.stages import Product, StageResult, Work, run_stage
from dayreel.services.making.write_prompts import require_idea
from dayreel.services.project import Project

CODE_VERSION = "1"


def narrate(project: Project, channel: Channel, day: date, *, speech: SpeechProvider) -> StageResult:
    """Speak the narration of a channel's day, or return the one it has.

    Raises:
        UsageError: there is no idea yet, or the channel does not speak.
        ConfigurationError: the voice is billed and has no price.
        ProviderError, GateClosedError: as in `services.effects.ledger`.
    """
    row = open_content(project, channel, day)
    idea = require_idea(project, row.id)
    voice = channel.narration
    if voice is None:
        raise UsageError(f"Channel {channel.name!r} does not speak.", next_step="Its `narration` is off.")
    work = Work(
        stage="narration",
        fingerprint=fingerprint(code=CODE_VERSION, text=idea.narration, voice=voice),
        provider=voice.provider,
    )

    def make() -> Product:
        paid: list[Effect] = []
        track = None
        while track is None:
            paid.append(_buy(project, channel, row, voice, idea.narration, speech, sequence=len(paid) + 1))
            track = _kept(project, row, paid[-1])
        return Product(
            {"narration": track},
            cost_usd=sum((effect.settled_usd or Decimal(0) for effect in paid), Decimal(0)),
            effect_ids=tuple(effect.id for effect in paid),
            parameters={"words": len(idea.narration.split())},
        )

    return run_stage(project, row, work, make)


def _buy(
    project: Project,
    channel: Channel,
    row: ContentRow,
    voice: Narration,
    text: str,
    speech: SpeechProvider,
    *,
    sequence: int,
) -> Effect:
    most_usd = narration_cost(project.models, channel, text)
    intent = Intent(
        key=EffectKey(row.id, "narration", speech.name, sequence, fingerprint(text=text, voice=voice)),
        channel=channel,
        day=row.day,
        layer="voice",
        model=voice.voice,
        most_usd=most_usd,
        request={"text": text, "voice": voice.voice, "rate": voice.rate},
        records_first=most_usd == 0,  # a free voice may be asked twice: nothing is lost with its answer
    )

    def act(permit: Permit, _handle: dict[str, Any], _record: RecordHandle) -> Done:
        dest = project.contents.folder(row.id) / "narration.mp3"
        spoken = speech.speak(permit, text, voice=voice.voice, rate=voice.rate, dest=dest)
        track = NarrationTrack(
            file=project.contents.record(row.id, spoken.path),
            duration_s=round(spoken.duration_s, 3),
            provider=voice.provider,
            voice=voice.voice,
            words=spoken.words,
        )
        return Done({"track": track.model_dump(mode="json")}, most_usd)

    return project.ledger.perform(intent, act)


def _kept(project: Project, row: ContentRow, effect: Effect) -> NarrationTrack | None:
    """Return what an effect has brought, where its file is still there."""
    document = effect.result.get("track")
    track = None if document is None else NarrationTrack.model_validate(document)
    return track if track is not None and project.contents.is_intact(row.id, track.file) else None
