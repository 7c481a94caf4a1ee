"""What the flags of a process (`PIPELINE_ENGINE`, `ENABLE_DISTRIBUTION`, `DAYREEL_UPLOADS`) keep from happening. Pure.

They are read by `dayreel.settings`; who starts something by itself, or posts, asks here. What people change while
dayreel runs (the kill switch, dry runs, pauses) is in the catalog.
"""

from collections.abc import Sequence
from typing import TypeVar

from dayreel.settings import Settings

TAKE_AWAY = "Take the variable away where dayreel runs (.env), and start it again."
"""What ends what a flag stops."""
_Post = TypeVar("_Post")


def why_nothing_starts(settings: Settings) -> str | None:
    """Return why nothing is made or posted by itself, or None. What people start themselves is not meant."""
    if settings.pipeline_engine == "alt":
        return None
    return "PIPELINE_ENGINE=v1 leaves everything to the older system: nothing is made or posted here by itself"


def why_nothing_is_posted(settings: Settings, *, by_hand: bool = False) -> str | None:
    """Return why nothing is posted, whoever starts it, or None.

    Args:
        by_hand: whether people post there themselves, from files on this machine.
    """
    if settings.enable_distribution or by_hand:
        return None
    return "ENABLE_DISTRIBUTION=false: nothing is posted from here; upload what is approved by hand"


def flag_notices(settings: Settings) -> tuple[str, ...]:
    """Return what every face shows of the flags, as sentences."""
    reasons = (why_nothing_starts(settings), why_nothing_is_posted(settings))
    return tuple(f"{reason}." for reason in reasons if reason is not None)


def uploads_now(settings: Settings, due: Sequence[_Post], *, under_way: bool, turn: int) -> Sequence[_Post]:
    """Return which of a content's posts that are due are started now: all, or one after the other.

    Args:
        under_way: whether one of its posts is being sent.
        turn: counts how often they were due; one that cannot begin has the next turn go to another.
    """
    if settings.uploads == "parallel":
        return due
    return () if under_way or not due else (due[turn % len(due)],)
