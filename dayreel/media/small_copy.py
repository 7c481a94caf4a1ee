"""A small copy of a video, for places with a limit on size. Only for looking at: it is never what is published."""

from pathlib import Path

import ffmpeg as graph

from dayreel.errors import MediaError
from dayreel.media.probe import probe
from dayreel.media.run import atomic_output, run_ffmpeg

_WIDTH = 540
_AUDIO_BIT_RATE = 64_000
_LEAST_VIDEO_BIT_RATE = 80_000
_MARGIN = 0.85
"""Rate control is not a promise, and the container wants some bytes too."""
_DEADLINE_S = 120.0


def small_copy(video: Path, dest: Path, *, most_bytes: int, ffmpeg: Path) -> Path:
    """Write a copy of at most `most_bytes` to `dest` and return it.

    Raises:
        MediaError: the video cannot be read, is too long for so few bytes, or ffmpeg failed.
    """
    facts = probe(video)
    lasts_s = facts.best_video_stream().duration_s
    doing = f"make a small copy of {str(video)!r}"
    rate = int(most_bytes * 8 * _MARGIN / lasts_s) - _AUDIO_BIT_RATE if lasts_s > 0 else 0
    if rate < _LEAST_VIDEO_BIT_RATE:
        raise MediaError(f"Tried to {doing}; {lasts_s:.0f} s do not go into {most_bytes} bytes.")
    source = graph.input(str(video))
    streams = [source.video.filter("scale", f"min(iw,{_WIDTH})", -2)]
    if facts.audio:
        streams.append(source.audio)
    options = {"vcodec": "libx264", "preset": "veryfast", "pix_fmt": "yuv420p", "movflags": "+faststart"}
    limits = {"video_bitrate": rate, "maxrate": rate, "bufsize": rate}
    sound = {"acodec": "aac", "audio_bitrate": _AUDIO_BIT_RATE}
    with atomic_output(dest, doing=doing) as written:
        spec = graph.output(*streams, str(written), **options, **limits, **sound)
        run_ffmpeg(spec, ffmpeg=ffmpeg, doing=doing, folder=dest.parent, deadline_s=_DEADLINE_S)
        size = written.stat().st_size
        if size > most_bytes:
            raise MediaError(f"Tried to {doing}; it came out as {size} bytes, and {most_bytes} are the most.")
    return dest
