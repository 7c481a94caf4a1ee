"""The picture of an edit as one graph: its parts joined, with what is drawn over them, copied where nothing is.

Bringing a source to the frame is `picture`; which part plays when is `edit_plan`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ffmpeg as graph

from dayreel.media.edit_plan import TRANSITIONS, Edit
from dayreel.media.encoding import encoder_options
from dayreel.media.grade import graded, write_lut
from dayreel.media.picture import Node, Watermark, picture_chain, with_captions, with_watermark


@dataclass(frozen=True)
class PictureOutput:
    """The picture of an output: a node, and the options that encode or copy it."""

    node: Node
    options: dict[str, Any]


def copied(node: Node) -> PictureOutput:
    """Return a picture that is written as it is."""
    return PictureOutput(node, {"c:v": "copy"})


def picture_of(edit: Edit, scratch: Path) -> PictureOutput:
    """Return the picture of an edit; `scratch` is a folder for what FFmpeg has to read from a file."""
    if not edit.why_encoded:
        return copied(_parts_as_one(edit, scratch))
    node = _joined(edit, None if edit.plan.grade is None else write_lut(edit.plan.grade, scratch))
    if edit.plan.watermark:
        node = with_watermark(node, Watermark(edit.plan.watermark), edit.frame, 300)
    for written in (edit.plan.captions, edit.plan.titles):
        node = node if written is None else with_captions(node, written)
    return PictureOutput(node, encoder_options(preset=edit.plan.preset, crf=edit.plan.crf, fps=edit.frame.fps))


def _parts_as_one(edit: Edit, scratch: Path) -> Node:
    listed = scratch / "parts.ffconcat"
    lines = ["ffconcat version 1.0"]
    for part in edit.parts:
        # The quoting of ffconcat: a quote inside a quoted name is closed, escaped and opened again.
        quoted = str(part.path.absolute()).replace("'", r"'\''")
        lines += [f"file '{quoted}'", f"duration {part.duration_s:.6f}"]
    listed.write_text("\n".join(lines) + "\n", encoding="utf-8")
    # `safe=0` permits absolute paths; the whitelist keeps a crafted list from opening a network address. The demuxer
    # looks into each part by itself: what it makes of them need not be looked into again.
    source = graph.input(str(listed), f="concat", safe=0, protocol_whitelist="file,pipe", nofind_stream_info=None)
    return source[str(edit.parts[0].video.index)]


def _joined(edit: Edit, lut: Path | None) -> Node:
    """Join the parts: those that follow on a cut one after the other, the others over the end of what is before."""
    runs: list[tuple[float, float, list[Node]]] = []
    for n, (part, frames, start_s) in enumerate(zip(edit.parts, edit.frames, edit.starts_s, strict=True)):
        chain = picture_chain(part.path, 100 + n, part.video, edit.frame, frames=frames)
        if lut is not None and part.role == "segment":
            chain = graded(chain, lut)
        if part.overlap_s or not runs:
            runs.append((start_s, part.overlap_s, [chain]))
        else:
            runs[-1][2].append(chain)
    (_, _, first), *following = runs
    node = _one_after_another(first)
    for start_s, overlap_s, chains in following:
        node = _into(edit, node, _one_after_another(chains), start_s, overlap_s)
    return node


def _one_after_another(chains: list[Node]) -> Node:
    return chains[0] if len(chains) == 1 else graph.concat(*chains, v=1, a=0)


def _into(edit: Edit, before: Node, after: Node, start_s: float, overlap_s: float) -> Node:
    kind = TRANSITIONS[edit.plan.transition.kind] if edit.plan.transition else "fade"
    # xfade refuses pictures whose clocks tick differently, as they do after `concat`.
    tick = f"{edit.frame.fps.denominator}/{edit.frame.fps.numerator}"
    both = [node.filter("settb", tick) for node in (before, after)]
    return graph.filter(both, "xfade", transition=kind, duration=f"{overlap_s:.6f}", offset=f"{start_s:.6f}")
