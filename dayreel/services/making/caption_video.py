"""Captions of a content's final video: the narration's words at the times at which they are heard in it.

They are drawn on the picture where the channel asks for it, and stand beside the video as files in any case.
"""

from functools import reduce
from pathlib import Path
from typing import Final

from dayreel.atomic_write import atomic_write_text
from dayreel.errors import ConfigurationError, UsageError
from dayreel.media.audio import narration_tempo
from dayreel.media.captions import HOW_TO_SHOW, STRICT_ZONE, unknown_letters, write_ass
from dayreel.media.fonts import Fonts
from dayreel.media.probe import probe
from dayreel.media.subtitles import as_srt, as_vtt, cues
from dayreel.providers.speech.contract import estimated_words
from dayreel.schemas.channel import Channel
from dayreel.schemas.content import SpokenWord
from dayreel.schemas.manifest import Manifest
from dayreel.settings import Settings
from dayreel.vendors.record import SafeZone
from dayreel.vendors.registry import platform_named

CODE_VERSION = "1"
SUBTITLES: Final = ("captions.srt", "captions.vtt")
_LETTERS = """
am:ሰላም ar:مرحبا bn:বাংলা bo:བོད dv:ދިވެހި el:γεια fa:سلام
gu:ગુજરાતી he:שלום hi:हिन्दी hy:հայ ja:日本かな ka:ქარ km:ខ្មែរ
kn:ಕನ್ನಡ ko:한국 lo:ລາວ ml:മലയാളം mr:मराठी my:မြန်မာ ne:नेपाली
or:ଓଡ଼ିଆ pa:ਪੰਜਾਬੀ ps:پښتو ru:привет sd:سنڌي si:සිංහල ta:தமிழ்
te:తెలుగు th:ไทย ti:ትግርኛ ug:ئۇيغۇرچە uk:привіт ur:اردو yi:ייִדיש
zh:中文
"""
_SAMPLES: Final = dict(pair.split(":") for pair in _LETTERS.split())
"""A few letters of languages that are not written in Latin, by which to see whether there is a font for them at all."""


def captions_version(channel: Channel) -> dict[str, str]:
    """Return what of the captions decides whether a composed video is made again; nothing while they are off."""
    if channel.captions == "off":
        return {}
    return {"captions": CODE_VERSION if channel.captions == "words" else f"{channel.captions}-{CODE_VERSION}"}


def letters_without_font(settings: Settings, channel: Channel, text: str | None = None) -> list[str]:
    """Return the letters that this channel's captions could not show; none where it has no captions.

    Args:
        text: a narration; left out, letters of the channel's language are looked at.

    Raises:
        MediaError: the fonts are not there, or a file in `DAYREEL_FONTS` is not one.
    """
    if channel.captions == "off":
        return []
    sample = _SAMPLES.get(channel.language.partition("-")[0], "")
    return unknown_letters(sample if text is None else text, fonts_of(settings, channel))


def require_letters(settings: Settings, channel: Channel, narration: str) -> None:
    """Refuse a narration that the channel's captions could not show, before anything is bought for it.

    Raises:
        ConfigurationError: says which letters.
        MediaError: as `letters_without_font`.
    """
    if lost := letters_without_font(settings, channel, narration):
        raise ConfigurationError(
            f"The captions of channel {channel.name!r} cannot show {' '.join(lost[:20])!r} of the narration: no font "
            "has these letters. Nothing was bought.",
            next_step=HOW_TO_SHOW,
        )


def font_problem(settings: Settings, channel: Channel) -> str | None:
    """Return in words that there is no font for the language of a channel's captions; None where there is one."""
    if lost := letters_without_font(settings, channel):
        return f"captions in {channel.language!r}: no font that is installed has its letters ({' '.join(lost)})"
    return None


def fonts_of(settings: Settings, channel: Channel) -> Fonts:
    """Return the fonts of a channel's language."""
    return Fonts(channel.language, settings.fonts)


def safe_zone(channel: Channel) -> SafeZone:
    """Return where none of the channel's platforms draws anything over the video."""
    zones = [zone for name in channel.platforms.chosen() if (zone := platform_named(name).safe_zone) is not None]
    return reduce(SafeZone.within, zones) if zones else STRICT_ZONE


def write_captions(
    settings: Settings, channel: Channel, manifest: Manifest, *, folder: Path, intro: Path | None
) -> Path | None:
    """Write `captions.ass` into a content's folder and return it; None where the channel wants none.

    Composition may speak the narration a little faster so that it fits, and begins it after the intro. What is heard
    stands in `captions.srt` and `captions.vtt` too, whatever the channel draws.

    Raises:
        UsageError: there is no narration, or its voice gave no word timings.
        MediaError: the narration does not fit, or no font has its letters.
    """
    words, total_s = _heard(channel, manifest, folder, intro)
    spoken = manifest.idea.narration if manifest.idea is not None else ""
    _write_subtitles(words, folder, total_s=total_s, narration=spoken)
    if channel.captions == "off":
        return None
    if not words:
        raise UsageError(
            f"{manifest.content_id} has no word timings to make captions from.",
            next_step="Materialize its narration again, or set `captions: off` in the channel's file.",
        )
    width, height = channel.segments.size
    dest = folder / "captions.ass"
    write_ass(
        words,
        dest,
        width=width,
        height=height,
        total_s=total_s,
        style=channel.captions,
        zone=safe_zone(channel),
        fonts=fonts_of(settings, channel),
        narration=spoken,
    )
    return dest


def sample_captions(
    settings: Settings, channel: Channel, dest: Path, narration: str = "", *, intro: Path | None = None
) -> Path | None:
    """Write how a channel's captions look to `dest` and return it; None where it has none. Nothing is spoken for it.

    Args:
        narration: shown as if it were spoken evenly; left out, a sentence and some letters of the channel's language.

    Raises:
        MediaError: no font has the letters.
    """
    if channel.captions == "off":
        return None
    sample = _SAMPLES.get(channel.language.partition("-")[0], "")
    text = narration or f"{sample} This is how the captions of {channel.title} look.".strip()
    width, height = channel.segments.size
    starts_at_s = _intro_s(intro)
    write_ass(
        [
            word.model_copy(update={"start_s": starts_at_s + word.start_s, "end_s": starts_at_s + word.end_s})
            for word in estimated_words(text, channel.segments_s)
        ],
        dest,
        width=width,
        height=height,
        total_s=starts_at_s + channel.segments_s,
        style=channel.captions,
        zone=safe_zone(channel),
        fonts=fonts_of(settings, channel),
        narration=text,
    )
    return dest


def _heard(channel: Channel, manifest: Manifest, folder: Path, intro: Path | None) -> tuple[list[SpokenWord], float]:
    """Return the words with their times in the video, and how long that is without an outro."""
    starts_at_s = _intro_s(intro)
    total_s = starts_at_s + channel.segments_s
    track = manifest.narration
    if track is None or not track.words:
        return [], total_s
    path = folder / track.file.path
    heard = probe(path).best_audio_stream()
    tempo = narration_tempo(track.duration_s if heard is None else heard.duration_s, channel.segments_s, path=path)
    return [
        SpokenWord(text=word.text, start_s=starts_at_s + word.start_s / tempo, end_s=starts_at_s + word.end_s / tempo)
        for word in track.words
    ], total_s


def _intro_s(intro: Path | None) -> float:
    return 0.0 if intro is None else probe(intro).best_video_stream().ends_s


def _write_subtitles(words: list[SpokenWord], folder: Path, *, total_s: float, narration: str) -> None:
    lines = cues(words, total_s=total_s, narration=narration)
    for name, text in zip(SUBTITLES, (as_srt(lines), as_vtt(lines)), strict=True):
        if lines:
            atomic_write_text(folder / name, text)
        else:
            (folder / name).unlink(missing_ok=True)
