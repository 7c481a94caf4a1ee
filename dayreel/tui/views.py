"""What each screen shows, as frozen data read through the services; two views that are equal look the same.

No terminal here, and nothing that changes anything. The approval screen's is `review_view`.
"""

from dataclasses import dataclass

from dayreel.queries.config import Value, read_config, switch_sentence
from dayreel.services.effects.caps import Cap, caps_of
from dayreel.services.studio import Studio
from dayreel.tui.words import one_line, plain

# -- money -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Money:
    """Spending against caps, the kill switch, and which platforms get real posts."""

    world: str
    caps: list[Cap]
    switch: str
    switch_told: str
    switch_by: str
    publishing: tuple[tuple[str, str], ...]


def money(studio: Studio) -> Money:
    """Return what was spent in this world against every cap that holds today.

    Raises:
        StoreError: the catalog cannot be read.
        ConfigurationError: a channel file cannot be read.
        UsageError: a setting in the environment cannot be read.
    """
    channels = studio.channels.load_all().values()
    platforms = sorted({name for channel in channels for name in channel.platforms.chosen()})
    with studio.catalog.read() as connection:
        switch = read_config(connection, "switch")
        return Money(
            world=studio.settings.world,
            caps=caps_of(studio, connection),
            switch=switch.value,
            switch_told=switch_sentence(switch),
            switch_by=_who(switch),
            publishing=tuple((name, read_config(connection, f"publish.{name}").value) for name in platforms),
        )


def _who(value: Value) -> str:
    if value.updated_at is None:
        return ""
    note = f": {one_line(value.note)}" if value.note else ""
    return f"{plain(value.updated_by)}, {value.updated_at:%Y-%m-%d %H:%M} UTC{note}"
