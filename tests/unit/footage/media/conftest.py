"""The clips of the other media tests."""

from tests.unit.media.conftest import base, encoded, ffmpeg, make_clip, make_clip_in, run

__all__ = ["base", "encoded", "ffmpeg", "make_clip", "make_clip_in", "run"]
