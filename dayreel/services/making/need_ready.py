"""What has to be there before anything of a channel's day is bought: the files it names, a price for every model.

Whatever is missed later than this has been paid for already. Keys are looked at where a vendor is connected, caps
by the ledger.
"""

from collections.abc import Iterator

from dayreel.errors import ConfigurationError
from dayreel.rules.pricing import seconds_cost
from dayreel.schemas.channel import Channel
from dayreel.services.studio import Studio
from dayreel.stores.channel_files import named_files
from dayreel.stores.price_list import PriceList


def need_ready(studio: Studio, channel: Channel) -> None:
    """Refuse to buy for a video that could not be finished.

    Raises:
        ConfigurationError: a file that the channel names is not there, or a model has no price; says which.
    """
    need_files(studio, channel)
    for _, problem in priced(studio.prices, channel):
        if problem is not None:
            raise problem


def need_files(studio: Studio, channel: Channel, part: str = "") -> None:
    """Refuse when a file that the channel names, in fields that begin with `part`, is not there.

    Raises:
        ConfigurationError: says which field names what.
    """
    for field, path in named_files(studio.settings.channels_dir, channel).items():
        if field.startswith(part) and not path.exists():
            raise ConfigurationError(
                f"Channel {channel.name!r} names {str(path)!r} as its {field}, and that is not there.",
                next_step=f"Put it there, or correct channels/{channel.name}.yaml; then the same command goes on.",
            )


def priced(prices: PriceList, channel: Channel) -> Iterator[tuple[str, ConfigurationError | None]]:
    """Give each model that a channel uses, and why nothing can be reserved for it, or None."""
    for part in (channel.ideas, channel.prompts, channel.video):
        if part is None or part.model is None:
            continue
        try:
            price = prices.of(part.provider, part.model)
            if part is channel.video:
                seconds_cost(price, duration_s=channel.segments.duration_s, resolution=channel.segments.resolution)
        except ConfigurationError as error:
            yield part.model, error
        else:
            yield part.model, None
