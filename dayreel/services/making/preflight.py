"""What has to be there before anything of a channel's day is bought: room, the files it names, a price for every model.

Whatever is missed later than this has been paid for already. Keys are looked at where a vendor is connected, caps
by the ledger.
"""

import shutil
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from dayreel.clock import local_day
from dayreel.errors import ConfigurationError, GateClosedError, StoreError
from dayreel.media.captions import HOW_TO_SHOW
from dayreel.media.ffmpeg_binary import find_ffmpeg
from dayreel.media.scenes import HOW_TO_FIND_SCENES
from dayreel.providers.platforms.approved import cover_problem
from dayreel.queries.money import overall_caps, spent
from dayreel.queries.prices import expected_day_cost, narration_cost, reserved_for_today, segment_cost
from dayreel.queries.rows import ContentRow
from dayreel.rules.answers import effort_of, temperature_of
from dayreel.rules.retirement import require_current
from dayreel.schemas.channel import Channel, VideoSource
from dayreel.schemas.posts import PictureCover
from dayreel.services.making.caption_video import font_problem, fonts_of
from dayreel.services.making.own_footage import scene_problem
from dayreel.services.making.plan_video import edit_problems
from dayreel.services.making.title_video import has_titles, letters_without_font
from dayreel.services.project import Project
from dayreel.settings import Settings
from dayreel.stores.catalog.tables import effects
from dayreel.stores.channel_files import named_files
from dayreel.vendors.model_list import ModelList
from dayreel.vendors.registry import platform_named

NO_SPACE_BYTES = 500 * 10**6
"""Below this a day cannot be made."""


def preflight(project: Project, channel: Channel, *, free_bytes: int | None = None) -> None:
    """Refuse to buy for a video that could not be finished.

    Args:
        free_bytes: room on the disk; left out, it is looked up.

    Raises:
        ConfigurationError: a file that the channel names is not there, a model has no price, or what finds scenes is
            not installed; says which.
        StoreError: the disk is full.
        MediaError: the ffmpeg that is set is not there.
    """
    free = shutil.disk_usage(project.settings.root).free if free_bytes is None else free_bytes
    if free < NO_SPACE_BYTES:
        raise StoreError(
            f"{free / 10**6:.0f} MB are free at {project.settings.root}, and a day needs up to "
            f"{NO_SPACE_BYTES / 10**6:.0f} while it is made; nothing was bought.",
            next_step="Free some space, then the same command continues.",
        )
    find_ffmpeg(project.settings.ffmpeg)
    require_files(project.settings, channel)
    covers = cover_problems(project.settings, channel)
    if unusable := [
        *covers,
        *edit_problems(project.settings.channels_dir, channel),
        *_titles_unshown(project, channel),
    ]:
        raise ConfigurationError(
            f"Channel {channel.name!r}: {'; '.join(unusable)}.",
            next_step=f"Put another {'picture' if covers else 'file'} there, or correct channels/{channel.name}.yaml; "
            "nothing was bought.",
        )
    if scenes := scene_problem(channel):
        raise ConfigurationError(
            f"Channel {channel.name!r}: {scenes}; nothing was bought.", next_step=HOW_TO_FIND_SCENES
        )
    if fonts := font_problem(project.settings, channel):
        raise ConfigurationError(f"Channel {channel.name!r}: {fonts}; nothing was bought.", next_step=HOW_TO_SHOW)
    today = local_day(project.clock.now(), channel.timezone)
    for _, unusable_model in usable(project.models, channel, today):
        if unusable_model is not None:
            raise unusable_model


def _titles_unshown(project: Project, channel: Channel) -> list[str]:
    if not has_titles(channel):
        return []
    lost = letters_without_font(channel, fonts_of(project.settings, channel))
    return [f"its hook or end card has {' '.join(lost)!r}, and no font has these letters"] if lost else []


def keep_for_today(project: Project, channel: Channel, row: ContentRow) -> None:
    """Refuse to buy for a past day what the caps have to leave for today's videos, whoever has started it.

    Raises:
        GateClosedError: says what is left, and what of it is kept.
        ConfigurationError: a model has no price.
    """
    if row.day >= local_day(project.clock.now(), channel.timezone):
        return
    with project.catalog.read() as connection:
        kept = reserved_for_today(project, connection, project.channels.load_readable()[0].values())
        left = min(cap.limit_usd - cap.used_usd for cap in overall_caps(project, connection))
        paid = spent(connection, effects.c.content_id == row.id)
    cost = max(Decimal(0), expected_day_cost(project, channel) - paid)
    if kept and cost and left - cost < kept:
        raise GateClosedError(
            f"The caps leave ${left:.2f}, of which ${kept:.2f} are kept for today's videos: too little for {row.id}, "
            f"which is expected to cost ${cost:.2f} still. Nothing was bought.",
            next_step=f"`dayreel backfill --from {row.day} --to {row.day}` makes it once there is room.",
        )


def require_files(settings: Settings, channel: Channel, part: str = "") -> None:
    """Refuse when a file that the channel names, in fields that begin with `part`, is not there.

    Raises:
        ConfigurationError: says which field names what.
    """
    for field, path in named_files(settings.channels_dir, channel).items():
        if field.startswith(part) and not path.exists():
            raise ConfigurationError(
                f"Channel {channel.name!r} names {str(path)!r} as its {field}, and that is not there.",
                next_step=f"Put it there, or correct channels/{channel.name}.yaml; then the same command continues.",
            )


def cover_problems(settings: Settings, channel: Channel) -> list[str]:
    """Return in words which pictures a channel names as covers that a platform does not take."""
    problems = []
    for platform, fields in channel.platforms.chosen().items():
        path = fields.cover_path if isinstance(fields, PictureCover) else None
        if path and (problem := cover_problem(settings.channels_dir / path, platform_named(platform).limits)):
            problems.append(f"{path!r} cannot be the cover on {platform}: {problem}")
    return problems


def usable(models: ModelList, channel: Channel, today: date) -> Iterator[tuple[str, ConfigurationError | None]]:
    """Give each model of a channel, and a voice without a price; and why nothing can be bought from it, or None."""
    for part in (channel.ideas, channel.prompts, channel.video):
        if part is None or part.model is None:
            continue
        try:
            require_current(models.find(part.provider, part.model), today)
            models.priced(part.provider, part.model)
            if isinstance(part, VideoSource):
                segment_cost(models, channel)
            else:
                facts = models.text(part.provider, part.model)
                temperature_of(facts, part.temperature, effort_of(facts, part.effort))
        except ConfigurationError as error:
            yield part.model, error
        else:
            yield part.model, None
    for voice in channel.narration.voices if channel.narration is not None else ():
        try:
            require_current(models.find(voice.provider, voice.priced_as), today)
            narration_cost(models, voice, "")
        except ConfigurationError as error:
            yield voice.priced_as, error
