"""A channel's pause: a person's decision that it makes, buys and posts nothing for a while. Pure.

Apart from `calendar`, so that those who only list contents need no channel schema.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from dayreel.clock import local_day

if TYPE_CHECKING:
    from dayreel.schemas.channel import Channel


@dataclass(frozen=True)
class Pause:
    """A person's word that a channel makes and posts nothing for a while.

    Attributes:
        until_on: the last day of it, in the channel's zone; None: until somebody resumes the channel.
    """

    until_on: date | None
    by: str
    at: datetime
    note: str | None = None

    def covers(self, day: date) -> bool:
        """Return whether it holds on a day of the channel."""
        return self.until_on is None or day <= self.until_on


@dataclass(frozen=True)
class PauseSpan:
    """A span in which a channel is or was paused.

    Attributes:
        ended_at: when somebody resumed it, or the pause's last day was over; None while it lasts without an end.
    """

    began_at: datetime
    ended_at: datetime | None
    until_on: date | None
    by: str

    def covers(self, moment: datetime) -> bool:
        """Return whether the channel rests at a moment."""
        return self.began_at <= moment and (self.ended_at is None or moment < self.ended_at)


def why_paused(channel: "Channel", pause: Pause | None, now: datetime) -> str | None:
    """Return in a sentence why a channel is paused now, or None when it is not."""
    if pause is None or not pause.covers(local_day(now, channel.timezone)):
        return None
    until = f" until {pause.until_on}" if pause.until_on else ""
    note = f" ({pause.note})" if pause.note else ""
    return f"channel {channel.name!r} is paused{until} by {pause.by}{note}"
