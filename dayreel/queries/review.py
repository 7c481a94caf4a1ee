"""What does a person see before deciding about a content, and what can be decided?

What a decision is bound to is here too: an approval is for everything that would go out, so whoever shows a content and
whoever records the decision ask the same functions. Recording it is `services.reviewing.decide`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from dayreel.errors import UsageError
from dayreel.queries.rows import ContentRow
from dayreel.rules.approval import Bound
from dayreel.rules.fingerprint import fingerprint
from dayreel.rules.lifecycle import CONTENT
from dayreel.rules.post_words import post_words
from dayreel.schemas.channel import Channel
from dayreel.schemas.content import Idea

Verdict = Literal["approved", "rejected", "edited", "held", "recalled"]
EVENTS: Mapping[Verdict, str] = {
    "approved": "approve",
    "rejected": "reject",
    "edited": "edit",
    "held": "hold",
    "recalled": "recall",
}


@dataclass(frozen=True)
class Seen:
    """What a page showed: a decision made on it is refused when any of this has changed since.

    Attributes:
        revision: of the final video.
        version: of the content's row; every step of its lifecycle counts it up, an edited caption too.
        fields: fingerprint of the platforms' fields, see `seen_of`.
        words: fingerprint of what each platform would get; empty where the page did not show that.
    """

    revision: int
    version: int
    fields: str
    words: str = ""


def seen_of(row: ContentRow, channel: Channel, bound: Bound | None = None) -> Seen:
    """Return what somebody sees who is shown this content now.

    Args:
        bound: for a page that shows what each platform would get, word by word.
    """
    words = fingerprint(words=bound.words)[:16] if bound is not None else ""
    return Seen(row.revision, row.version, fingerprint(fields=bound_fields(channel))[:16], words)


def seen_text(seen: Seen) -> str:
    """Return what somebody was shown, as a page's hidden field or a message's button carries it."""
    return ".".join(filter(None, (str(seen.revision), str(seen.version), seen.fields, seen.words)))


def read_seen(text: str) -> Seen:
    """Read what `seen_text` wrote.

    Raises:
        UsageError: it is nothing that `seen_text` wrote.
    """
    match text.split("."):
        case [revision, version, fields, *words] if (
            revision.isdecimal() and version.isdecimal() and len(words) <= 1 and len(text) < 80  # noqa: PLR2004
        ):
            return Seen(int(revision), int(version), fields, *words)
    raise UsageError("It does not say which revision was seen.", next_step="Load the page again and repeat it.")


def possible_events(row: ContentRow, newest: str | None) -> frozenset[str]:
    """Return what may be decided about a content now, as events of its lifecycle.

    Args:
        newest: verdict of the newest decision on it, or None.
    """
    can = {event for event in EVENTS.values() if (row.state, event) in CONTENT}
    held = is_held(row, newest)
    if held:
        can.discard("hold")
    if row.state == "review_pending" and not held and newest != "endorsed":
        can.discard("recall")
    if row.state == "publishing" and newest not in ("held", "endorsed"):
        can.discard("approve")
    return frozenset(can)


def is_held(row: ContentRow, newest: str | None) -> bool:
    """Return whether a person keeps a content from going out and from expiring."""
    waits = row.state == "publishing" or (row.state == "review_pending" and row.review_deadline_at is None)
    return newest == "held" and waits


def bound_fields(channel: Channel) -> dict[str, dict[str, Any]]:
    """Return the fields of each of a channel's platforms, as an approval binds them."""
    return {name: fields.model_dump(mode="json") for name, fields in channel.platforms.chosen().items()}


def bound_of(row: ContentRow, channel: Channel, idea: Idea | None) -> Bound:
    """Return everything that would go out if the content went out now: what an approval given now is for."""
    caption = row.caption or ""
    words = post_words(channel, content_id=row.id, caption=caption, idea=idea)
    return Bound(row.video_sha256 or "", caption, bound_fields(channel), words)
