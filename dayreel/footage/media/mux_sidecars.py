"""Subtitles that lie beside a film put into its Matroska file; picture and sound keep every byte.

Which film they belong to and what their names say is `rules.sidecars`.
"""

import hashlib
from pathlib import Path
from typing import Any, Unpack

import av
import ffmpeg as graph

from dayreel.errors import MediaError
from dayreel.footage.media.remux import Running
from dayreel.footage.rules.sidecars import SidecarLabel
from dayreel.media.picture import source_input
from dayreel.media.probe import ONLY_FILES, Probe, probe
from dayreel.media.run import Pulse, atomic_output, run_ffmpeg

_COPIED = (".srt", ".ass", ".ssa", ".idx")


def mux_sidecars(film: Path, sidecars: list[tuple[Path, SidecarLabel]], **running: Unpack[Running]) -> Probe:
    """Put subtitles into a film, in its place, and return what it is then; a `.sub` comes with its `.idx`.

    Raises:
        MediaError: one of them is not subtitles, or what came out is not the film with them. The film is as it was.
        UnfinishedError: disk full, deadline, ended from outside.
    """
    doing = f"put {', '.join(path.name for path, _ in sidecars)} into {str(film)!r}"
    before = probe(film)
    inputs: list[Any] = [source_input(film, 0)]
    options: dict[str, Any] = {"c": "copy", "map_metadata": 0, "map_chapters": 0, "f": "matroska"}
    for n, (path, label) in enumerate(sidecars):
        inputs.append(graph.input(str(path.absolute()), thread_queue_size=17 + n, protocol_whitelist="file,pipe"))
        place = len(before.subtitles) + n
        options[f"c:s:{place}"] = "copy" if path.suffix.lower() in _COPIED else "srt"
        options[f"metadata:s:s:{place}"] = f"language={label.language}"
        options[f"disposition:s:{place}"] = "forced" if label.is_forced else 0
    with atomic_output(film, doing=doing) as written:
        run_ffmpeg(graph.output(*inputs, str(written), **options), doing=doing, folder=film.parent, **running)
        _refuse_other(film, written, len(before.subtitles) + len(sidecars), doing, running.get("pulse"))
    return probe(film)


def _refuse_other(film: Path, written: Path, subtitles: int, doing: str, pulse: Pulse | None) -> None:
    was, now = _packets(film, pulse), _packets(written, pulse)
    empty = [index for index, (kind, count, _) in now.items() if kind == "subtitle" and count == 0]
    is_same = all(now.get(index) == streams for index, streams in was.items())
    counted = sum(kind == "subtitle" for kind, _, _ in now.values())
    if not is_same or counted != subtitles or empty:
        raise MediaError(
            f"Tried to {doing}; what came out has {counted} subtitles of {subtitles}, {len(empty)} of them empty, and "
            f"the film's own streams are {'the same' if is_same else 'not the same'}.",
            next_step="Set `remux.sidecars` in library.yaml to `beside`, or correct the subtitles.",
        )


def _packets(path: Path, pulse: Pulse | None) -> dict[int, tuple[str, int, str]]:
    """Return kind, number and fingerprint of the packets of each stream that has any clock."""
    with av.open(str(path), options=ONLY_FILES) as container:
        kinds = {
            stream.index: stream.type for stream in container.streams if stream.type in ("video", "audio", "subtitle")
        }
        counts, digests = dict.fromkeys(kinds, 0), {index: hashlib.sha256() for index in kinds}
        for packet in container.demux():
            if pulse is not None:
                pulse()
            if packet.size and packet.stream.index in kinds:
                counts[packet.stream.index] += 1
                digests[packet.stream.index].update(bytes(packet))
    return {index: (kind, counts[index], digests[index].hexdigest()) for index, kind in kinds.items()}
