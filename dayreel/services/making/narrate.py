"""Speaking the idea's narration to a file, paid through the ledger where the voice is billed.

What a voice has spoken lies on disk, and few vendors keep it: where a paid file is gone, or a person has found that a
lost one was billed, it is bought again under the next sequence number, within the caps. What a vendor still has is
fetched there.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import select

from dayreel.errors import (
    ConfigurationError,
    ContentRefusedError,
    PermanentError,
    ProviderError,
    TransientError,
    UnknownOutcomeError,
    UsageError,
)
from dayreel.providers.speech.contract import (
    LookedUpSpeech,
    QueuedSpeech,
    Speech,
    SpeechFailed,
    SpeechProvider,
    SpeechRequest,
)
from dayreel.queries.prices import narration_cost
from dayreel.queries.rows import ContentRow
from dayreel.rules.fingerprint import fingerprint
from dayreel.schemas.channel import Channel, NarrationVoice
from dayreel.schemas.content import NarrationTrack
from dayreel.schemas.effect import Effect, EffectKey, Permit, RecordHandle
from dayreel.services.effects.intent import Done, Intent, VendorFailed
from dayreel.services.effects.ledger import CONTENT_REFUSED, effect_of, has_handle
from dayreel.services.making.caption_video import require_letters
from dayreel.services.making.open_content import open_content
from dayreel.services.making.stages import Product, StageResult, Work, run_stage
from dayreel.services.making.write_prompts import require_idea
from dayreel.services.project import Project
from dayreel.stores.catalog.tables import effects
from dayreel.vendors.models import AnyModel, Voice
from dayreel.vendors.registry import vendor_named

CODE_VERSION = "1"
FALLBACK = ("fallback_for", "because")
"""In the parameters of a narration that another voice has spoken: in whose place, and why."""


def narrate(project: Project, channel: Channel, day: date, *, speech: SpeechProvider | QueuedSpeech) -> StageResult:
    """Speak the narration of a channel's day, or return the one it has.

    Where the voice fails for good or stays away, the channel's `narration.fallback` speaks, and the record says so.

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
        fingerprint=fingerprint(code=CODE_VERSION, text=idea.narration, voice=voice.as_asked()),
        provider=voice.provider,
        model=voice.model,
    )

    def make() -> Product:
        require_letters(project.settings, channel, idea.narration)
        instead = voice.fallback
        because = None if instead is None else _why_it_goes_on(project, row, voice, instead, idea.narration)
        if because is None:
            try:
                return _spoken(project, channel, row, voice, idea.narration, speech)
            except ProviderError as error:
                if instead is None or not _may_fall_back(project, row, voice, idea.narration, error):
                    raise
                because = str(error)
        assert instead is not None  # noqa: S101  only a fallback has a reason
        product = _spoken(project, channel, row, instead, idea.narration, project.connect(instead.provider))
        why = dict(zip(FALLBACK, (f"{voice.provider} {voice.voice}", because), strict=True))
        parameters = {**product.parameters, **why}
        return replace(product, provider=instead.provider, model=instead.model, parameters=parameters)

    return run_stage(project, row, work, make)


def _may_fall_back(project: Project, row: ContentRow, voice: NarrationVoice, text: str, error: ProviderError) -> bool:
    """Return whether another voice may speak: not while a narration of this content may be billed and nobody knows, and
    not where it is the words that were refused, now or in an earlier run.
    """
    first = _newest(project, row, voice, text)
    are_words_refused = first is not None and first.state == "refused" and CONTENT_REFUSED in first.result
    if are_words_refused or isinstance(error, UnknownOutcomeError | ContentRefusedError):
        return False
    in_doubt = select(effects.c.id).where(
        effects.c.content_id == row.id,
        effects.c.kind == "narration",
        effects.c.state.in_(("sent", "unknown")),
        effects.c.reserved_usd > 0,
    )
    with project.catalog.read() as connection:
        return connection.execute(in_doubt).first() is None


def _why_it_goes_on(
    project: Project, row: ContentRow, voice: NarrationVoice, instead: NarrationVoice, text: str
) -> str | None:
    """Return why a fallback spoke in an earlier run that did not come to its end; None where it did not, or has left
    nothing. It goes on, as the first voice would be paid beside it.
    """
    first, second = (_newest(project, row, each, text) for each in (voice, instead))
    if first is None or second is None or first.sent_at is None or second.sent_at is None:
        return None
    is_after = first.state in ("intended", "refused") and second.sent_at >= first.sent_at
    if is_after and (second.state in ("sent", "unknown") or _kept(project, row, second) is not None):
        return first.error
    return None


def _newest(project: Project, row: ContentRow, voice: NarrationVoice, text: str) -> Effect | None:
    asked = fingerprint(text=text, voice=voice.as_asked())
    query = select(effects).where(
        effects.c.content_id == row.id, effects.c.kind == "narration", effects.c.fingerprint == asked
    )
    with project.catalog.read() as connection:
        newest = connection.execute(query.order_by(effects.c.sequence.desc()).limit(1)).mappings().one_or_none()
    return None if newest is None else effect_of(newest)


def _spoken(
    project: Project,
    channel: Channel,
    row: ContentRow,
    voice: NarrationVoice,
    text: str,
    speech: SpeechProvider | QueuedSpeech,
) -> Product:
    paid: list[Effect] = []
    track = None
    while track is None:
        paid.append(_buy(project, channel, row, voice, text, speech, sequence=len(paid) + 1))
        track = _kept(project, row, paid[-1])
    for path in project.contents.folder(row.id).glob("narration.*"):
        if path.name != track.file.path:  # of a voice that writes another kind of file
            path.unlink()
    return Product(
        {"narration": track},
        cost_usd=sum((effect.settled_usd or Decimal(0) for effect in paid), Decimal(0)),
        effect_ids=tuple(effect.id for effect in paid),
        parameters={"words": len(text.split())},
    )


def _require_room(model: AnyModel | None, text: str) -> None:
    """Refuse a text that is longer than its model takes, before it is paid.

    Raises:
        ConfigurationError: says by how much. A limit that is known at second hand refuses nothing.
    """
    limit = model.text_limit if isinstance(model, Voice) and not model.is_second_hand("text_limit") else None
    if limit is not None and len(text) > limit:
        raise ConfigurationError(
            f"The narration has {len(text)} characters, and {model and model.model} takes {limit}; nothing was bought.",
            next_step="Shorten it, or choose another `narration.model`.",
        )


def _buy(
    project: Project,
    channel: Channel,
    row: ContentRow,
    voice: NarrationVoice,
    text: str,
    speech: SpeechProvider | QueuedSpeech,
    *,
    sequence: int,
) -> Effect:
    _require_room(project.models.find(voice.provider, voice.priced_as), text)
    most_usd = narration_cost(project.models, voice, text)
    request = SpeechRequest(text, voice.voice, voice.rate, voice.model)
    intent = Intent(
        key=EffectKey(row.id, "narration", speech.name, sequence, fingerprint(text=text, voice=voice.as_asked())),
        channel=channel,
        day=row.day,
        layer="voice",
        model=voice.priced_as,
        most_usd=most_usd,
        request=request.as_json(),
        records_first=most_usd == 0,  # a free voice may be asked twice: nothing is lost with its answer
    )

    def act(permit: Permit, handle: dict[str, Any], record: RecordHandle) -> Done:
        dest = project.contents.folder(row.id) / "narration"
        if isinstance(speech, QueuedSpeech):
            if not has_handle(handle):
                handle = speech.submit(permit, request)
                record(handle)
            try:
                spoken = _fetched(speech, permit, handle, request, dest)
            except SpeechFailed as ended:
                raise VendorFailed(ended.error) from None
        elif has_handle(handle) and isinstance(speech, LookedUpSpeech):
            spoken = _fetched(speech, permit, handle, request, dest)
        else:
            try:
                spoken = speech.speak(permit, request, dest=dest)
            except UnknownOutcomeError as error:
                if most_usd:
                    raise
                raise TransientError(
                    attempted=error.attempted, answer=error.answer, next_step=error.next_step, code=error.code
                ) from None
        track = NarrationTrack(
            file=project.contents.record(row.id, spoken.path),
            duration_s=round(spoken.duration_s, 3),
            provider=voice.provider,
            voice=voice.voice,
            words=spoken.words,
        )
        cost_usd = narration_cost(project.models, voice, text, duration_s=spoken.duration_s)
        return Done({"track": track.model_dump(mode="json")}, cost_usd)

    return project.ledger.perform(intent, act)


def _fetched(
    speech: LookedUpSpeech | QueuedSpeech,
    permit: Permit,
    handle: Mapping[str, Any],
    request: SpeechRequest,
    dest: Path,
) -> Speech:
    """Return what a vendor has spoken; where it has it no longer, the error names the way out.

    Raises:
        SpeechFailed, TransientError, PermanentError: as in the contract.
    """
    try:
        return speech.collect(handle, request, dest=dest)
    except PermanentError as error:
        reference = handle.get(vendor_named(speech.name).handle)
        booked = f"`dayreel reconcile --effect {permit.effect_id} --found {reference}` books it"
        step = f"{error.next_step} Where it is gone for good {booked}, and `dayreel retry` buys it again.".strip()
        raise PermanentError(
            attempted=error.attempted, answer=error.answer, reference=error.reference, next_step=step, code=error.code
        ) from None


def _kept(project: Project, row: ContentRow, effect: Effect) -> NarrationTrack | None:
    """Return what an effect has brought, where its file is still there."""
    document = effect.result.get("track")
    track = None if document is None else NarrationTrack.model_validate(document)
    return track if track is not None and project.contents.is_intact(row.id, track.file) else None
