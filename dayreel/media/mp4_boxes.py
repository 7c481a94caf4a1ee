"""The outline of an MP4 or MOV file, read from its box headers: order, completeness, rotation of each track.

Only headers and the small boxes inside `moov` are read, never the media data, so a file of any size costs the same.
Box layout: ISO/IEC 14496-12, sections 4.2 (box), 8.3.2 (tkhd) and 8.6.6 (elst).
"""

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_FOLDERS = {b"moov", b"trak", b"edts"}
_LARGE = 1  # a size of 1 announces a 64 bit size after the name
_TO_THE_END = 0


@dataclass(frozen=True)
class Mp4Outline:
    """What the box headers of a file say.

    `missing_bytes` is how much of the last top-level box lies beyond the end of the file: above zero, the file was
    cut off. `rotation` maps a track id to clockwise degrees.
    """

    has_moov: bool
    moov_before_mdat: bool
    has_edit_list: bool
    missing_bytes: int
    rotation: dict[int, int]


def read_outline(path: Path) -> Mp4Outline | None:
    """Return the outline of the MP4 or MOV file at `path`, or None when it does not begin like one.

    Raises:
        OSError: the file cannot be read.
    """
    size_bytes = path.stat().st_size
    order: list[bytes] = []
    missing = 0
    rotation: dict[int, int] = {}
    has_edit_list = False
    with path.open("rb") as file:
        if file.read(8)[4:8] not in (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"styp"):
            return None
        for name, start, end in _boxes(file, 0, size_bytes):
            order.append(name)
            missing = max(missing, end - size_bytes)
            if name == b"moov" and end <= size_bytes:
                for inner, inner_start, _ in _inside(file, start, end):
                    has_edit_list = has_edit_list or inner == b"elst"
                    if inner == b"tkhd":
                        rotation.update([_track_rotation(file, inner_start)])
    moov = order.index(b"moov") if b"moov" in order else None
    mdat = order.index(b"mdat") if b"mdat" in order else None
    return Mp4Outline(
        has_moov=moov is not None,
        moov_before_mdat=moov is not None and (mdat is None or moov < mdat),
        has_edit_list=has_edit_list,
        missing_bytes=missing,
        rotation=rotation,
    )


def _boxes(file: IO[bytes], start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield (name, start of the content, end) of the boxes between two positions."""
    while start + 8 <= end:
        file.seek(start)
        header = file.read(16)
        size, name = struct.unpack(">I4s", header[:8])
        content = start + 8
        if size == _LARGE and len(header) == 16:  # noqa: PLR2004 - a whole large header
            size = struct.unpack(">Q", header[8:])[0]
            content = start + 16
        elif size == _TO_THE_END:
            size = end - start
        if size < content - start:
            return
        yield name, content, start + size
        start += size


def _inside(file: IO[bytes], start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    for name, inner_start, inner_end in _boxes(file, start, end):
        yield name, inner_start, inner_end
        if name in _FOLDERS:
            yield from _inside(file, inner_start, min(inner_end, end))


def _track_rotation(file: IO[bytes], start: int) -> tuple[int, int]:
    """Return (track id, clockwise degrees rounded to quarter turns) from a tkhd box."""
    file.seek(start)
    content = file.read(96)
    is_long = bool(content) and content[0] == 1
    if len(content) < (96 if is_long else 84):
        return 0, 0
    track_id = struct.unpack(">I", content[20:24] if is_long else content[12:16])[0]
    matrix = 52 if is_long else 40
    a, b = struct.unpack(">ii", content[matrix : matrix + 8])
    return track_id, round(math.degrees(math.atan2(b, a)) / 90) * 90 % 360
