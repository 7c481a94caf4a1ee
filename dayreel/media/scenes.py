"""Where a film cuts from one shot to the next, found by PySceneDetect (the extra `scenes`) in one decode.

Which scene a segment is taken from is `rules.in_points`; keeping the list is `services.making.own_footage`.
"""

from fractions import Fraction
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import av.error
from av.video.reformatter import VideoReformatter

from dayreel.errors import MediaError
from dayreel.media.probe import Jumps, open_picture, probe
from dayreel.media.streams import zero_s

_SEEN_WIDTH = 256
"""PySceneDetect's own: wider pictures are made smaller before they are compared."""
_SHORTEST_S = 0.5
NO_SCENES = "`video.in_points: scene` needs PySceneDetect, which is not installed"
HOW_TO_FIND_SCENES = (
    "`pip install 'dayreel[scenes]'` (in a checkout `.venv/bin/pip install scenedetect-headless`), or take `in_points` "
    "out of the channel's file."
)


def can_find_scenes() -> bool:
    """Return whether PySceneDetect is installed."""
    return find_spec("scenedetect") is not None


def scene_finder() -> str:
    """Return what finds scenes, with its version: another one may find others.

    Raises:
        MediaError: nothing that does is installed.
    """
    if not can_find_scenes():
        raise MediaError(f"Looked for scenes; {NO_SCENES}.", next_step=HOW_TO_FIND_SCENES)
    return f"scenedetect {version('scenedetect-headless')} adaptive"


def find_scenes(path: Path) -> list[float]:
    """Return when each scene of the best video stream begins, in seconds on the file's clock, the first one included.

    A scene lasts until the next one begins, at least half a second. Every picture is decoded, and none kept.

    Raises:
        MediaError: PySceneDetect is not installed, or the file cannot be read.
    """
    scene_finder()
    facts = probe(path)
    video = facts.best_video_stream()
    rate = video.fps or Fraction(25)
    detector = import_module("scenedetect.detectors").AdaptiveDetector(min_scene_len=round(_SHORTEST_S * rate))
    timecode = import_module("scenedetect.common").FrameTimecode
    size = (_SEEN_WIDTH, max(2, round(_SEEN_WIDTH * video.height / video.width)))
    smaller = VideoReformatter()  # of a frame's own, each frame would set up one again
    moments: list[float] = []
    cuts: list[Any] = []
    try:
        with open_picture(path, video) as (container, stream):
            zero, jumps = zero_s(container), Jumps(container)
            for packet in container.demux(stream):
                if facts.clock_jumps:
                    jumps.straighten(packet)
                for frame in packet.decode():
                    # Where nothing says when a picture is shown, they come at an even rate.
                    shown_s = None if frame.pts is None or frame.time_base is None else frame.pts * frame.time_base
                    even_s = video.start_s + len(moments) / float(rate)
                    moments.append(even_s if shown_s is None else float(shown_s) - zero)
                    seen = smaller.reformat(frame, *size, format="bgr24", interpolation="AREA").to_ndarray()
                    cuts += detector.process_frame(timecode(len(moments) - 1, rate), seen)
    except av.error.FFmpegError as error:
        raise MediaError(
            f"Looked for scenes in {str(path)!r}; after {len(moments)} pictures it answered: {error.strerror}.",
            next_step="The file is damaged: fetch or export it again.",
        ) from error
    return [video.start_s, *(moments[cut.frame_num] for cut in cuts if moments[cut.frame_num] > video.start_s)]
