"""How everything that dayreel encodes is written: the options of x264, AAC and MP4 in one place.

What goes into a graph belongs in `picture`, `audio` and `edit_graph`; running it in `run`.
"""

from fractions import Fraction
from typing import Any

_HIGHEST_VIDEO_BIT_RATE = 20_000_000  # Instagram takes at most 25 Mbit/s


def output_options(*, preset: str, crf: int, fps: Fraction, audio_bit_rate: int) -> dict[str, Any]:
    """Return the output options of everything dayreel encodes: H.264 High, closed GOP, AAC 48 kHz, moov first.

    No edit list is written, because Instagram refuses files with one; negative composition offsets keep the first
    picture at zero without it.
    """
    return {
        **encoder_options(preset=preset, crf=crf, fps=fps),
        **container_options(audio_bit_rate),
    }


def encoder_options(*, preset: str, crf: int, fps: Fraction) -> dict[str, Any]:
    """Return the x264 options alone; two files made with the same ones can be joined without encoding."""
    return {
        "c:v": "libx264",
        "preset": preset,
        "crf": crf,
        "profile:v": "high",
        "pix_fmt": "yuv420p",
        "g": round(fps * 2),
        # Noise or confetti at constant quality can exceed what platforms accept, so CRF gets a ceiling.
        "maxrate": _HIGHEST_VIDEO_BIT_RATE,
        "bufsize": _HIGHEST_VIDEO_BIT_RATE,
        # Untagged video is guessed by every player; browsers and phones then show different colours for the same
        # file.
        "colorspace": "bt709",
        "color_primaries": "bt709",
        "color_trc": "bt709",
        "color_range": "tv",
        "video_track_timescale": 90_000,
    }


def container_options(audio_bit_rate: int) -> dict[str, Any]:
    """Return the options of the sound and of the MP4 around it, whether the picture is encoded or copied."""
    return {
        "c:a": "aac",
        "b:a": audio_bit_rate,
        "ar": 48_000,
        "ac": 2,
        "copyts": None,  # the graphs count from zero themselves, see `picture.at_zero`
        "map_metadata": -1,  # own footage often carries the place where it was filmed
        "map_chapters": -1,
        "movflags": "+faststart+negative_cts_offsets",
        "use_editlist": 0,
        "f": "mp4",
    }
