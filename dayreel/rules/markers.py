"""Completion markers: their names, what they are for, and whether one belongs to a channel. Pure."""

import re
from dataclasses import dataclass
from typing import Literal

from dayreel.rules.fingerprint import fingerprint
from dayreel.schemas.channel import SegmentSpec
from dayreel.schemas.marker import Marker

SUFFIX = ".done"
_SEGMENT = re.compile(r"^raw_segment_([1-9]\d?)\.done$")

MarkedStage = Literal["raw_segments", "final_video"]


@dataclass(frozen=True)
class MarkerName:
    """What a marker's file name says: which stage, and which segment of it (0 for a final video)."""

    stage: MarkedStage
    sequence: int = 0

    def __str__(self) -> str:
        """Return the file name."""
        return "final_video.done" if self.stage == "final_video" else f"raw_segment_{self.sequence}.done"


def parse_marker_name(name: str) -> MarkerName | None:
    """Return what a file name says, or None when it is not a marker of ours."""
    if name == "final_video.done":
        return MarkerName("final_video")
    match = _SEGMENT.match(name)
    return None if match is None else MarkerName("raw_segments", int(match[1]))


def spec_hash(spec: SegmentSpec) -> str:
    """Return the SHA-256 (hex) of what a channel's segments must be: their number, length and resolution."""
    return fingerprint(segments=spec)


def mismatch_reason(name: MarkerName, marker: Marker, spec: SegmentSpec) -> str | None:
    """Return why a marker does not belong to a channel with this spec, or None when it does."""
    if marker.spec != spec_hash(spec):
        return (
            f"it was made for another spec ({marker.spec[:12]}, the channel's is {spec_hash(spec)[:12]}: "
            f"{spec.count} x {spec.duration_s} s, {spec.resolution})"
        )
    if name.stage == "raw_segments" and name.sequence > spec.count:
        return f"the channel has {spec.count} segments, and this is number {name.sequence}"
    return None
