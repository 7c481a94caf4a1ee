"""What an approval is bound to, and whether it still holds. Pure.

An approval is for exact bytes and exact words: the SHA-256 of the final video, the caption, and for each platform its
fields and every word that it gets. Change one and it is void; the refusal names what changed.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Words = Mapping[str, Mapping[str, str | None]]
"""Per platform `title` and `text` as they would go out; both None where the platform does not take the caption."""

# What a person's word about a final video may be. `endorsed` is an approval that waits for another person's.
VERDICTS = ("approved", "rejected", "edited", "endorsed", "held", "recalled")


@dataclass(frozen=True)
class ApprovalScope:
    """What would go out, or what was approved to go out.

    Attributes:
        fields: per platform, the channel's fields as JSON (privacy, AI disclosure, hashtags, ...).
        words: per platform, the title and the text in full; None in an approval that was given before they were bound.
    """

    video_sha256: str
    caption: str
    fields: dict[str, dict[str, Any]]
    words: Words | None = None


def what_changed(approved: ApprovalScope, current: ApprovalScope, platform: str) -> list[str]:
    """Return in words what differs between the approval and what would go out on `platform`; empty when it holds."""
    changes: list[str] = []
    if approved.video_sha256 != current.video_sha256:
        changes.append(f"the final video (approved {approved.video_sha256[:12]}, now {current.video_sha256[:12]})")
    if approved.caption != current.caption:
        changes.append("the caption")
    before, now = approved.fields.get(platform), current.fields.get(platform)
    if before is None and now is not None:
        changes.append(f"{platform} was not among the platforms that were approved")
    elif now is None:
        changes.append(f"{platform} is no longer a platform of the channel")
    elif before is not None:
        changes += [
            f"{platform}.{name} (approved {before.get(name)!r}, now {now.get(name)!r})"
            for name in sorted(before.keys() | now.keys())
            if before.get(name) != now.get(name)
        ]
        changes += _changed_words(approved, current, platform, is_explained=bool(changes))
    return changes


def _changed_words(approved: ApprovalScope, current: ApprovalScope, platform: str, *, is_explained: bool) -> list[str]:
    """Return in words what a platform would get that was not approved; an older approval binds none of it.

    Args:
        is_explained: something that words are made from is named already.
    """
    if approved.words is None or current.words is None:
        return []
    before, now = approved.words.get(platform, {}), current.words.get(platform, {})
    changes = []
    if before.get("title") != now.get("title"):
        changes.append(f"the title on {platform} (approved {before.get('title')!r}, now {now.get('title')!r})")
    tags_before, tags_now = _hashtags(before), _hashtags(now)
    if tags_before != tags_now:
        changes.append(f"the hashtags on {platform} (approved {tags_before!r}, now {tags_now!r})")
    if before.get("text") != now.get("text") and not changes and not is_explained:
        changes.append(f"the text on {platform}, which is put together in another way now")
    return changes


def _hashtags(words: Mapping[str, str | None]) -> str:
    return " ".join(re.findall(r"(?<![\w&])#\w[^\s#]*", words.get("text") or ""))
