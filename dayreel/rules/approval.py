"""What an approval is bound to, and whether it still holds. Pure.

An approval is for exact bytes and exact words: the SHA-256 of the final video, the caption, and the fields of each
platform as they were shown. Change one and it is void; the refusal names what changed.
"""

from dataclasses import dataclass
from typing import Any

# What a person's word about a final video may be. `endorsed` is an approval that waits for another person's.
VERDICTS = ("approved", "rejected", "edited", "endorsed", "held", "recalled")


@dataclass(frozen=True)
class Bound:
    """What would go out, or what was approved to go out.

    Attributes:
        fields: per platform, the channel's fields as JSON (privacy, AI disclosure, hashtags, ...).
    """

    video_sha256: str
    caption: str
    fields: dict[str, dict[str, Any]]


def what_changed(approved: Bound, current: Bound, platform: str) -> list[str]:
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
    return changes
