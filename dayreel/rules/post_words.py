"""The words of a content's posts: what every platform of its channel is given, in full. Pure.

One place for showing, approving and sending them. How a platform counts and what gives way is `rules.captions`.
"""

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pydantic import ValidationError

from dayreel.errors import UsageError
from dayreel.rules.approval import Words
from dayreel.rules.captions import FormattedCaption, as_hashtags, format_caption
from dayreel.schemas.channel import Channel, Platform
from dayreel.schemas.content import Idea
from dayreel.vendors.registry import platform_named

# A queue asks the same of every caption again each time that it is shown.
_formatted = lru_cache(maxsize=2000)(format_caption)


def with_own_fields(channel: Channel, own: Mapping[str, Mapping[str, Any]] | None) -> Channel:
    """Return a channel with what people have set of one content's posts for that content alone.

    What does not fit the channel's file any more is left out, here as in what is sent: an approval of it is void then.
    """
    chosen = channel.platforms.chosen()
    changed = {}
    for platform, values in (own or {}).items():
        if platform in chosen:
            try:
                changed[platform] = type(chosen[platform]).model_validate({**chosen[platform].model_dump(), **values})
            except ValidationError:
                continue
    if not changed:
        return channel
    platforms = channel.platforms.model_copy(update={"root": {**chosen, **changed}})
    return channel.model_copy(update={"platforms": platforms})


def post_marker(content_id: str) -> str:
    """Return the short token of a content, which its captions end with where the channel wants it."""
    return f"dr-{hashlib.sha256(content_id.encode()).hexdigest()[:8]}"


def post_hashtags(channel: Channel, idea: Idea | None, platform: Platform) -> tuple[str, ...]:
    """Return the hashtags that are added to a caption on a platform: the idea's, then the channel's."""
    return (*(as_hashtags(idea.hashtags) if idea else ()), *channel.platforms.chosen()[platform].hashtags)


def music_credit(channel: Channel) -> str:
    """Return what every post says about the music of its video; empty where nothing is to be said."""
    music = channel.edit.music
    return music.licence.strip() if music is not None and music.licence_in_posts else ""


def post_caption(
    channel: Channel, platform: Platform, *, content_id: str, caption: str, idea: Idea | None
) -> FormattedCaption:
    """Return a content's caption as a platform of its channel gets it.

    Raises:
        UsageError: the platform does not take it; says why.
    """
    marker = post_marker(content_id) if channel.caption_marker else ""
    hashtags = post_hashtags(channel, idea, platform)
    return _formatted(platform, caption, hashtags=hashtags, credit=music_credit(channel), marker=marker)


def post_words(channel: Channel, *, content_id: str, caption: str, idea: Idea | None) -> Words:
    """Return every word that would go out, per platform: what an approval binds."""
    words: dict[str, dict[str, str | None]] = {}
    for platform in channel.platforms.chosen():
        try:
            made = post_caption(channel, platform, content_id=content_id, caption=caption, idea=idea)
        except UsageError:
            words[platform] = {"title": None, "text": None}
            continue
        words[platform] = {"title": post_title(channel, made), "text": made.text}
    return words


def post_title(channel: Channel, made: FormattedCaption) -> str | None:
    """Return the title that a platform shows with a caption, None where it shows none."""
    # Elsewhere a title is made from the caption, or there is none.
    return channel.title if platform_named(made.platform).by_hand else made.title
