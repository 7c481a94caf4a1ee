"""What will it cost? Estimates, before anybody is asked for money; what was spent is `money`.

From `models.yaml` and the channel's file alone; only what today's videos cost still looks at what is made and paid.
The reservation of the real purchase is larger, for language models it is the most that an answer may take; what is
settled afterwards comes close to what stands here.
"""

from collections.abc import Container, Iterable
from datetime import date
from decimal import Decimal

from sqlalchemy import Connection

from dayreel.clock import local_day
from dayreel.errors import ConfigurationError, DayreelError
from dayreel.queries.expectations import unmade_today
from dayreel.queries.money import spent
from dayreel.records import Records
from dayreel.rules.answers import effort_of, usual_thinking
from dayreel.rules.pricing import narration_price, tokens_cost, video_cost
from dayreel.schemas.channel import Channel, NarrationVoice
from dayreel.stores.catalog.tables import effects
from dayreel.vendors.model_list import ModelList

# What a usual question and its answer take, in tokens, without the thinking.
_IDEA_TOKENS = (1500, 700)
_PROMPT_TOKENS = (1500, 1500)
_NARRATION_CHARACTERS = 250
_NARRATION_S = 16.0


def expected_day_cost(records: Records, channel: Channel) -> Decimal:
    """Return what a day of a channel usually costs, in dollars: segments, narration, questions to language models.

    Raises:
        ConfigurationError: a model has no price, or not the effort that is asked of it.
    """
    cost = channel.segments.count * expected_segment_cost(records, channel)
    for source, (asked, answered) in ((channel.ideas, _IDEA_TOKENS), (channel.prompts, _PROMPT_TOKENS)):
        if source is not None and source.model is not None:
            price = records.models.priced(source.provider, source.model)
            facts = records.models.text(source.provider, source.model)
            thought = usual_thinking(facts, effort_of(facts, source.effort))
            cost += tokens_cost(price, input_tokens=asked, output_tokens=answered + thought)
    text = "x" * _NARRATION_CHARACTERS
    return cost + narration_cost(records.models, channel.narration, text, duration_s=_NARRATION_S)


def narration_cost(
    models: ModelList, voice: NarrationVoice | None, text: str, *, duration_s: float | None = None
) -> Decimal:
    """Return the most that a text costs with a voice; nothing where the voice is free, or there is none.

    Args:
        duration_s: how long it has become, once it is spoken.

    Raises:
        ConfigurationError: the voice has no price.
    """
    from dayreel.vendors.registry import vendor_named  # noqa: PLC0415  brings records, only where one is wanted

    if voice is None or vendor_named(voice.provider).free:
        return Decimal(0)
    return narration_price(models.priced(voice.provider, voice.priced_as), text, duration_s, rate=voice.rate)


def known_day_cost(records: Records, channel_name: str) -> Decimal | None:
    """Return what a day of this channel usually costs; None where its file cannot be read, or a price is missing.

    For faces that offer to make a day: making it says what is wrong.
    """
    try:
        return expected_day_cost(records, records.channels.load(channel_name))
    except DayreelError:
        return None


def reserved_for_today(
    records: Records, connection: Connection, channels: Iterable[Channel], *, but: Container[tuple[str, date]] = ()
) -> Decimal:
    """Return what today's videos of these channels are expected to cost still, in dollars; each has its own today.

    Args:
        but: channels and days that are left out.
    """
    total = Decimal(0)
    for channel in channels:
        unmade = unmade_today(records, connection, channel)
        if unmade is None or (channel.name, local_day(records.clock.now(), channel.timezone)) in but:
            continue
        paid = Decimal(0) if unmade == "new" else spent(connection, effects.c.content_id == unmade.id)
        try:
            total += max(Decimal(0), expected_day_cost(records, channel) - paid)
        except ConfigurationError:  # without a price nothing is bought for it, and others go on
            continue
    return total


def expected_segment_cost(records: Records, channel: Channel) -> Decimal:
    """Return what one segment of a channel costs, in dollars; nothing where it comes from own footage.

    Raises:
        ConfigurationError: the model has no price.
    """
    if channel.video.model is None:
        return Decimal(0)
    return segment_cost(records.models, channel)


def segment_cost(models: ModelList, channel: Channel) -> Decimal:
    """Return what one bought segment of a channel costs, in dollars.

    Raises:
        ConfigurationError: the model has no price, or nobody has written down what it takes.
    """
    provider, model = channel.video.provider, str(channel.video.model)
    models.priced(provider, model)
    segments = channel.segments
    return video_cost(models.video(provider, model), duration_s=segments.duration_s, resolution=segments.resolution)
