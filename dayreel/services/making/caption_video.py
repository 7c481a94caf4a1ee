"""Captions of a content's final video: the narration's words at the times at which they are heard in it."""

from pathlib import Path

from dayreel.errors import UsageError
from dayreel.media.audio import narration_tempo
from dayreel.media.captions import write_ass
from dayreel.media.probe import probe
from dayreel.schemas.channel import Channel
from dayreel.schemas.content import SpokenWord
from dayreel.schemas.manifest import Manifest

CODE_VERSION = "1"


def write_captions(channel: Channel, manifest: Manifest, *, folder: Path, intro: Path | None) -> Path | None:
    """Write `captions.ass` into a content's folder and return it; None where the channel wants none.

    Composition may speak the narration a little faster so that it fits, and begins it after the intro.

    Raises:
        UsageError: there is no narration, or its voice gave no word timings.
        MediaError: the narration does not fit, or its letters are not in the font.
    """
    if channel.captions == "off":
        return None
    track = manifest.narration
    if track is None or not track.words:
        raise UsageError(
            f"{manifest.content_id} has no word timings to make captions from.",
            next_step="Materialize its narration again, or set `captions: off` in the channel's file.",
        )
    path = folder / track.file.path
    heard = probe(path).best_audio_stream()
    tempo = narration_tempo(track.duration_s if heard is None else heard.duration_s, channel.segments_s, path=path)
    starts_at_s = 0.0 if intro is None else probe(intro).best_video_stream().duration_s
    words = [
        SpokenWord(text=word.text, start_s=starts_at_s + word.start_s / tempo, end_s=starts_at_s + word.end_s / tempo)
        for word in track.words
    ]
    width, height = channel.segments.size
    dest = folder / "captions.ass"
    write_ass(words, dest, width=width, height=height, total_s=starts_at_s + channel.segments_s)
    return dest
