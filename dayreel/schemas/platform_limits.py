"""What each platform takes of a video file, as data. What it takes of a caption is `rules.captions`."""

from collections.abc import Mapping
from dataclasses import dataclass

from dayreel.schemas.channel import Platform


@dataclass(frozen=True)
class PlatformLimits:
    """What one platform takes; None means that no limit is known."""

    name: str
    max_size_bytes: int | None = None
    min_duration_s: float | None = None
    max_duration_s: float | None = None
    max_bit_rate: int | None = None
    min_fps: float | None = None
    max_fps: float | None = None
    max_width: int | None = None
    takes_edit_lists: bool = True


# Sections 4.3, 5.7 and 6.2 of the protocol notes: Meta's content-publishing guide, TikTok's media-transfer guide,
# YouTube's rules for Shorts (three minutes) and its upload size.
PLATFORM_LIMITS: Mapping[Platform, PlatformLimits] = {
    "instagram": PlatformLimits(
        "instagram",
        max_size_bytes=300_000_000,
        min_duration_s=3,
        max_duration_s=900,
        max_bit_rate=25_000_000,
        min_fps=23,
        max_fps=60,
        max_width=1920,
        takes_edit_lists=False,
    ),
    "tiktok": PlatformLimits(
        "tiktok", max_size_bytes=4_000_000_000, min_duration_s=1, max_duration_s=600, min_fps=23, max_fps=60
    ),
    "youtube": PlatformLimits(
        "youtube", max_size_bytes=256_000_000_000, min_duration_s=1, max_duration_s=180, max_fps=60
    ),
    "outbox": PlatformLimits("outbox"),
}
