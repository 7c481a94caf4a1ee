"""TikTok's chunk arithmetic (protocol reference, 5.3): how a file is divided and which bytes a PUT carries.

Pure; sending is `tiktok_api.py`.
"""

import math
import re
from dataclasses import dataclass

from dayreel.errors import UsageError

MIN_CHUNK_BYTES = 5 * 1024 * 1024
MAX_CHUNK_BYTES = 64_000_000  # TikTok says "64 MB": the smaller reading fits both
MAX_CHUNKS = 1000

_HELD = re.compile(r"bytes\s+(?:0-(\d+)|\*)/")


@dataclass(frozen=True)
class ChunkPlan:
    """How a file of `size_bytes` is sent. The last chunk also carries the remainder, so it may be the largest."""

    size_bytes: int
    chunk_size: int
    total_chunk_count: int

    def chunk_from(self, position: int) -> tuple[int, int]:
        """Return first and last byte (inclusive) of what a PUT from `position` carries: up to that chunk's end."""
        index = min(position // self.chunk_size, self.total_chunk_count - 1)
        is_final = index == self.total_chunk_count - 1
        return position, (self.size_bytes if is_final else (index + 1) * self.chunk_size) - 1


def plan_chunks(size_bytes: int, *, chunk_bytes: int = MAX_CHUNK_BYTES) -> ChunkPlan:
    """Return the plan for a file: one chunk where it fits into `chunk_bytes`, else equal ones of that size at most.

    Equal, since a remainder goes with the last chunk: 66 MB in chunks of 64 MB would be one of 66 MB, which TikTok
    refuses since 2026-08-12 ("The chunk size is invalid").

    Raises:
        UsageError: an empty file, a chunk size TikTok does not take, or more than 1000 chunks.
    """
    if not MIN_CHUNK_BYTES <= chunk_bytes <= MAX_CHUNK_BYTES:
        raise UsageError(f"TikTok takes chunks of {MIN_CHUNK_BYTES} to {MAX_CHUNK_BYTES} bytes, not {chunk_bytes}.")
    # No chunk but the only one is smaller than the smallest, so that two of them take ten megabytes at least.
    count = min(max(1, size_bytes // MIN_CHUNK_BYTES), math.ceil(size_bytes / chunk_bytes))
    if not 1 <= count <= MAX_CHUNKS:
        raise UsageError(f"A file of {size_bytes} bytes makes {count} chunks; TikTok takes 1 to {MAX_CHUNKS}.")
    return ChunkPlan(size_bytes, size_bytes // count, count)


def held_bytes(content_range: str | None) -> int | None:
    """Return how many bytes the server has by its `Content-Range: bytes 0-N/TOTAL` (or `*/TOTAL`: none), or None."""
    match = _HELD.match(content_range or "")
    if match is None:
        return None
    return int(match[1]) + 1 if match[1] else 0
