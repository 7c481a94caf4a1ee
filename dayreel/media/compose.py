"""One final video from its segments: copied where they fit together, encoded exactly once where they do not.

The picture is copied when all parts share their codec parameters and nothing is changed in it; the sound is always
brought to its loudness and encoded. What was written is measured before it gets its name. What plays when is
`edit_plan`, the graphs are `edit_graph` and `mix`.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Literal

import ffmpeg as graph

from dayreel.errors import MediaError
from dayreel.media.audio import Level, corrected_level, first_level, joined, levelled
from dayreel.media.edit_graph import PictureOutput, copied, picture_of
from dayreel.media.edit_plan import LONGEST_MISS_S, ComposePlan, Edit, plan_edit
from dayreel.media.encoding import container_options
from dayreel.media.loudness import AudioPart, Loudness, measure
from dayreel.media.mix import MixRun, sound_of
from dayreel.media.picture import Node
from dayreel.media.probe import Probe, probe
from dayreel.media.run import DEADLINE_S, ProgressCallback, atomic_output, run_ffmpeg

_LOUDNESS_ROUNDS = 3
_MOST_ROUNDS = 7


@dataclass(frozen=True)
class Composed:
    """What was written. Loudness and peak are None for a silent video; `why_encoded` is empty for a copy."""

    path: Path
    sha256: str
    size_bytes: int
    duration_s: float
    width: int
    height: int
    fps: Fraction
    loudness_lufs: float | None
    true_peak_dbtp: float | None
    mode: Literal["copy", "encode"]
    why_encoded: str


def compose(
    segments: Sequence[Path],
    dest: Path,
    *,
    plan: ComposePlan,
    ffmpeg: Path,
    progress: ProgressCallback | None = None,
    deadline_s: float = DEADLINE_S,
) -> Composed:
    """Make the final video at `dest` from `segments`, in order, and return what was measured on it.

    Args:
        segments: at least one media file with video.
        dest: an .mp4 path; it appears whole at the end or not at all. An existing file is replaced.
        progress: called with the finished share, 0.0 to 1.0.
        deadline_s: for each single run of ffmpeg.

    Raises:
        MediaError: a segment is missing, damaged or too short; the narration does not fit; the disk is full;
            ffmpeg failed. Nothing is left under `dest` that was not there before.
    """
    doing = f"compose {str(dest)!r}"
    if not segments:
        raise MediaError(f"Tried to {doing}; the list of segments is empty.")
    edit = plan_edit(segments, plan)
    with atomic_output(dest, doing=doing) as written:
        run = MixRun(doing, ffmpeg, written.parent, deadline_s)
        sound = sound_of(edit, run)
        # The sources' sound is measured before anything is encoded, so that most files are right after one pass;
        # `_corrected` repairs the rest on the sound alone.
        level = first_level(measure(sound, true_peak=False), plan.target)
        _write(edit, run, picture_of(edit, run.folder), levelled(joined(sound, 0), level), written, progress)
        measured = _corrected(edit, run, sound, level, written)
        result = _result(edit, doing, probe(written), measured)
    if progress is not None:
        progress(1.0)
    return replace(result, path=dest)


def _write(
    edit: Edit, run: MixRun, picture: PictureOutput, heard: Node, to: Path, progress: ProgressCallback | None = None
) -> None:
    tags = {f"metadata:g:{n}": f"{key}={value}" for n, (key, value) in enumerate(edit.plan.metadata.items())}
    options = {**container_options(edit.plan.audio_bit_rate), **picture.options, **tags}
    run_ffmpeg(
        graph.output(picture.node, heard, str(to), **options),
        ffmpeg=run.ffmpeg,
        doing=run.doing,
        folder=run.folder.parent,
        deadline_s=run.deadline_s,
        progress=progress,
        duration_s=edit.total_s,
    )


def _corrected(edit: Edit, run: MixRun, sound: Sequence[AudioPart], level: Level | None, written: Path) -> Loudness:
    """Measure what was written and encode the sound again until it holds; the picture is copied from then on.

    What is returned is always measured on the file. Sound that cannot be brought to its target (a single click in
    silence) keeps under its peak and is returned as loud as it is, for the checks to report.
    """
    for round_number in range(_MOST_ROUNDS):
        # Encoding to AAC changes peaks, so only the encoded file says whether the limit holds.
        measured = measure([AudioPart(written, 1, 0.0, edit.total_s + 1, header_suffices=True)], true_peak=True)
        if level is not None:
            # Loudness and peak can contradict each other (one click in silence). After three rounds the peak wins,
            # because platforms limit what exceeds it.
            peak_only = round_number >= _LOUDNESS_ROUNDS
            level = corrected_level(level, measured, edit.plan.target, peak_only=peak_only)
        if level is None or round_number == _MOST_ROUNDS - 1:
            return measured
        again = written.with_name(f"again{round_number}.mp4")
        _write(edit, run, copied(graph.input(str(written))["v:0"]), levelled(joined(sound, 0), level), again)
        again.replace(written)
    raise AssertionError("the loop returns in its last round")


def _result(edit: Edit, doing: str, facts: Probe, measured: Loudness) -> Composed:
    """Compare what was written with the plan and describe it.

    Raises:
        MediaError: frames are missing, which means that a segment holds less than it announces.
    """
    video = facts.best_video_stream()
    due = edit.due_frames
    # ffmpeg ends with 0 when an input is cut off: only counting frames notices it.
    if video.frames != due or abs(facts.duration_s - edit.total_s) > LONGEST_MISS_S:
        raise MediaError(
            f"Tried to {doing}; {video.frames} frames and {facts.duration_s:.2f} s came out where {due} frames "
            f"and {edit.total_s:.2f} s were due: a segment holds less picture than it announces.",
            next_step="Check the segments ("
            + ", ".join(part.path.name for part in edit.parts)
            + ") and make the damaged one again.",
        )
    return Composed(
        path=facts.path,
        sha256=_sha256(facts.path),
        size_bytes=facts.size_bytes,
        duration_s=facts.duration_s,
        width=video.width,
        height=video.height,
        fps=video.fps,
        loudness_lufs=measured.integrated_lufs,
        true_peak_dbtp=measured.peak_db,
        mode="encode" if edit.why_encoded else "copy",
        why_encoded=edit.why_encoded,
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
