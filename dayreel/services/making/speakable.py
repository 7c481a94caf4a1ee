"""Whether a narration can be spoken within the video: the same rule for what a model writes and what people do.

Composing says so too, from the spoken sound, but only after the segments were paid for.
"""

from dayreel.media.audio import MAX_TEMPO
from dayreel.schemas.channel import Channel

_WORDS_PER_SECOND = 2.3


def narration_words(channel: Channel) -> int:
    """Return how many words a channel's voice speaks within its video at ease."""
    rate = 0 if channel.narration is None else int(channel.narration.rate.removesuffix("%"))
    return int(channel.segments_s * _WORDS_PER_SECOND * (1 + rate / 100))


def why_not_speakable(channel: Channel, narration: str) -> str | None:
    """Return why a channel cannot speak a narration, or None when it can, or does not speak at all."""
    if channel.narration is None:
        return None
    words, most = len(narration.split()), narration_words(channel)
    if not words:
        return "it has no narration"
    if words > most * MAX_TEMPO:
        return f"its narration has {words} words and at most {most} fit into the video"
    return None
