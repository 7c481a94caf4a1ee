"""One caption per platform: the person's text, the channel's hashtags and the marker, within the platform's own limits.

Here belongs what a platform counts (characters, UTF-16 units, bytes) and what gives way when it does not fit: first
the channel's hashtags, from the last one back; never the person's text, which is refused with the figures instead. A
YouTube title is the one thing that is shortened, because the description below it holds the text in full. Sending and
approving captions belong elsewhere. Limits: sections 4.2, 5.2 and 6.2 of the protocol reference.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from dayreel.errors import UsageError
from dayreel.vendors.record import CaptionRules, CaptionUnit
from dayreel.vendors.registry import platform_named

ELLIPSIS = "…"
MOST_CHARACTERS = 5000  # no platform takes more
_HASHTAG = re.compile(r"(?<![\w&])#(\w[^\s#]*)")
_BEFORE_A_WORD = re.compile(r"^\W+")
_MENTION = re.compile(r"(?<![\w.@])@\w[\w.]*")
_JOINER = "\u200d"
_SKIN_TONE_TAG_OR_JAMO = re.compile("[\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f\u1160-\u11ff]")
_REGIONAL = re.compile("[\U0001f1e6-\U0001f1ff]")
_REGIONALS_AT_END = re.compile("[\U0001f1e6-\U0001f1ff]+$")
_TURNS_THE_REST_ROUND = "\u202d\u202e"  # the two overrides of Unicode's bidirectional algorithm
UNIT_NAMES: dict[CaptionUnit, str] = {"characters": "characters", "utf16": "UTF-16 units", "bytes": "bytes"}


@dataclass(frozen=True)
class FormattedCaption:
    """A caption as the platform will get it, with what a preview wants to show.

    Attributes:
        text: what is sent: Instagram's and TikTok's caption, YouTube's description.
        title: YouTube only, else None.
        dropped_hashtags: the channel's hashtags that did not fit, in their order.
        size: length of `text` in `unit`; never above `limit`.
        doubts: what of the text may be too much, by what others report of the platform; it is sent all the same.
    """

    platform: str
    text: str
    title: str | None
    dropped_hashtags: tuple[str, ...]
    size: int
    limit: int
    unit: CaptionUnit
    doubts: tuple[str, ...] = ()


def format_caption(
    platform: str, text: str, *, hashtags: Sequence[str] = (), credit: str = "", marker: str = ""
) -> FormattedCaption:
    """Put text, hashtags, the credit of the music and marker together for one platform.

    Formatting a formatted caption again changes nothing: what is already there is not added twice.

    Raises:
        UsageError: the text does not fit or holds what the platform refuses; the message says what and by how much.
    """
    rules = platform_named(platform).captions
    text = text.replace("\r\n", "\n").strip()
    _refuse_unsendable(platform, "caption", text, rules)
    _refuse_unsendable(platform, "credit of the music", credit, rules)
    ends = (credit if credit not in text else "", "" if carries_marker(text, marker) else marker)
    tail = "\n\n".join(filter(None, ends))
    _refuse_what_does_not_fit(platform, _assemble(text, (), tail), rules)
    kept, dropped = _fit_hashtags(text, _new_hashtags(text, hashtags), tail, rules)
    whole = _assemble(text, kept, tail)
    return FormattedCaption(
        platform=platform,
        text=whole,
        title=None if rules.title_limit is None else derive_title(text, marker=marker, limit=rules.title_limit),
        dropped_hashtags=tuple(dropped),
        size=measure(whole, rules.unit),
        limit=rules.limit,
        unit=rules.unit,
        doubts=tuple(_doubts(platform, whole, rules)),
    )


def kept_caption(text: str) -> str:
    """Return what a person typed as it is kept: one kind of line end, nothing around it.

    Raises:
        UsageError: it is empty, longer than any platform takes, or has characters that nobody sees: control characters,
            and those that show what follows in another order than it is sent.
    """
    text = text.replace("\r\n", "\n").strip()
    if not text:
        raise UsageError("The caption is empty.", next_step="Write at least a word; nothing was changed.")
    if len(text) > MOST_CHARACTERS:
        raise UsageError(
            f"The caption has {len(text)} characters, and no platform takes more than {MOST_CHARACTERS}.",
            next_step="Make it shorter; nothing was changed.",
        )
    require_visible("The caption", text)
    return text


def require_visible(what: str, text: str) -> None:
    """Refuse a text with characters that nobody sees.

    Raises:
        UsageError: names the first one.
    """
    for position, character in enumerate(text):
        if _is_control(character) or character in _TURNS_THE_REST_ROUND:
            raise UsageError(
                f"{what} has {character!r} at position {position}, which nobody sees.",
                next_step="Leave that character out; nothing was changed.",
            )


def measure(text: str, unit: CaptionUnit) -> int:
    """Return the length of `text` as a platform counts it."""
    if unit == "characters":
        return len(text)
    if unit == "utf16":
        return len(text.encode("utf-16-le")) // 2
    return len(text.encode())


def hashtags_in(text: str) -> list[str]:
    """Return the hashtags of a text, each with its `#`, in their order."""
    return [f"#{word}" for word in _HASHTAG.findall(text)]


def as_hashtags(listed: Iterable[str]) -> list[str]:
    """Return what a language model or a table lists as hashtags in their form: words joined, what is none left out."""
    # Small models answer `slow living` or `#rain #roof` for one hashtag, and nobody can edit an idea's hashtags.
    pieces = ("".join(piece.split()) for raw in listed for piece in raw.split("#"))
    return [tag for piece in pieces if _HASHTAG.fullmatch(tag := f"#{_BEFORE_A_WORD.sub('', piece)}")]


def carries_marker(text: str, marker: str) -> bool:
    """Say whether `text` holds `marker` as a token of its own, not merely as the beginning of a longer one."""
    return bool(marker) and re.search(rf"(?<![\w-]){re.escape(marker)}(?![\w-])", text) is not None


def derive_title(text: str, *, marker: str = "", limit: int = 100) -> str:
    """Return the first line of `text` as a title of at most `limit` characters, hashtags at its end left off.

    Raises:
        UsageError: the text has no word to make a title from.
    """
    line = next((line.strip() for line in text.splitlines() if line.strip() and line.strip() != marker), "")
    words = [word for word in line.split() if word != marker]
    while len(words) > 1 and words[-1].startswith("#"):
        words.pop()
    if not words:
        raise UsageError(
            "The caption is empty, and a YouTube video needs a title, which is made from its first line.",
            next_step="Edit the caption so that its first line can be the title.",
        )
    return shorten(" ".join(words), limit)


def shorten(text: str, limit: int) -> str:
    """Return `text` within `limit` characters: cut after a word, with an ellipsis, never inside a grapheme."""
    if len(text) <= limit:
        return text
    room = limit - len(ELLIPSIS)
    space = text.rfind(" ", 0, room + 1)
    if space > 0:
        return text[:space].rstrip(" ,;:-") + ELLIPSIS
    return text[: _grapheme_boundary(text, room)] + ELLIPSIS


def _assemble(text: str, hashtags: Sequence[str], tail: str) -> str:
    return "\n\n".join(part for part in (text, " ".join(hashtags), tail) if part)


def _new_hashtags(text: str, hashtags: Iterable[str]) -> list[str]:
    seen = {tag.casefold() for tag in _HASHTAG.findall(text)}
    fresh = []
    for raw in hashtags:
        word = raw.strip().removeprefix("#")
        if not word or not _HASHTAG.fullmatch(f"#{word}"):
            raise UsageError(
                f"{raw!r} is not a valid hashtag: it has to be one word of letters, digits and underscores.",
                next_step="Correct `hashtags` in the channel's file.",
            )
        if word.casefold() not in seen:
            seen.add(word.casefold())
            fresh.append(f"#{word}")
    return fresh


def _doubts(platform: str, text: str, rules: CaptionRules) -> Iterator[str]:
    counts = (
        ("hashtags", len(_HASHTAG.findall(text)), rules.reported_hashtags),
        ("mentions", len(_MENTION.findall(text)), rules.reported_mentions),
    )
    for what, count, limit in counts:
        if limit is not None and count > limit and rules.reported_by is not None:
            yield f"{count} {what}: {platform} is said to take {limit} ({rules.reported_by.source})"


def _fit_hashtags(text: str, hashtags: list[str], tail: str, rules: CaptionRules) -> tuple[list[str], list[str]]:
    # The channel lists its hashtags by importance, so the last ones give way.
    used = len(_HASHTAG.findall(_assemble(text, (), tail)))
    limits = [limit for limit in (rules.hashtag_limit, rules.reported_hashtags) if limit is not None]
    count = max(0, min(len(hashtags), *(limit - used for limit in limits))) if limits else len(hashtags)
    while count and measure(_assemble(text, hashtags[:count], tail), rules.unit) > rules.limit:
        count -= 1
    return hashtags[:count], hashtags[count:]


def _refuse_unsendable(platform: str, what: str, text: str, rules: CaptionRules) -> None:
    for position, character in enumerate(text):
        if _is_control(character) or character in rules.forbidden:
            raise UsageError(
                f"The {what} has {character!r} at position {position}, which {platform} does not take.",
                next_step=f"Edit the {what} and leave that character out.",
            )


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cs") and character not in "\n\t"


def _refuse_what_does_not_fit(platform: str, text: str, rules: CaptionRules) -> None:
    counts = (
        ("hashtags", len(_HASHTAG.findall(text)), rules.hashtag_limit),
        ("mentions", len(_MENTION.findall(text)), rules.mention_limit),
        (UNIT_NAMES[rules.unit], measure(text, rules.unit), rules.limit),
    )
    for what, length, limit in counts:
        if limit is not None and length > limit:
            raise UsageError(
                f"The caption has {length} {what} and {platform} takes {limit}; dayreel does not cut a person's text.",
                next_step=f"Edit the caption and take out {length - limit} {what}.",
            )


def _grapheme_boundary(text: str, end: int) -> int:
    # Walk back until the cut falls between two graphemes; a text that is one single grapheme is kept out altogether.
    while end > 0 and _sticks_together(text, end):
        end -= 1
    return end


def _sticks_together(text: str, cut: int) -> bool:
    before, after = text[cut - 1], text[cut]
    if _JOINER in (before, after) or _extends(after):
        return True
    if _REGIONAL.match(before) and _REGIONAL.match(after):
        # Flags are pairs: an odd number of regional letters before the cut means that it would split one.
        run = _REGIONALS_AT_END.search(text, 0, cut)
        return run is not None and len(run[0]) % 2 == 1
    return False


def _extends(character: str) -> bool:
    is_mark = unicodedata.category(character) in ("Mn", "Me", "Mc")
    return is_mark or _SKIN_TONE_TAG_OR_JAMO.match(character) is not None
