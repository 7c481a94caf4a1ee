"""What is written over a video, and its end card: the texts of the channel's file, filled in for one content.

How words look is `media.titles`; where they come in the whole, `media.edit_plan`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image

from dayreel.media.edit_plan import ComposePlan
from dayreel.media.fonts import Fonts
from dayreel.media.picture import usual_rate
from dayreel.media.probe import probe
from dayreel.media.stills_as_film import film_of_still
from dayreel.media.titles import Title, write_titles
from dayreel.rules.captions import derive_title
from dayreel.schemas.channel import Channel
from dayreel.schemas.content import Idea

_CARD_SIZE, _CARD_MIDDLE = 0.05, 0.45
_ROUNDING_S = 0.3


def title_words(channel: Channel, idea: Idea | None) -> dict[str, str]:
    """Return what is filled into a channel's texts; without an idea, words that say what will stand there."""
    if idea is None:
        return {"title": "What the caption begins with", "topic": "The topic of the day", "channel": channel.title}
    return {"title": derive_title(idea.caption), "topic": idea.topic, "channel": channel.title}


def with_titles(
    channel: Channel,
    plan: ComposePlan,
    *,
    idea: Idea | None,
    segments: Sequence[Path],
    card_picture: Path | None,
    fonts: Fonts,
    folder: Path,
    ffmpeg: Path,
) -> ComposePlan:
    """Return the plan with its hook and end card, whose files are written into `folder`.

    Raises:
        MediaError: no font has a letter of the text, or the picture cannot be read.
    """
    if has_titles(channel):
        titles = _titles(channel, plan, title_words(channel, idea))
        folder.mkdir(exist_ok=True)
        write_titles(titles, folder / "titles.ass", width=plan.width, height=plan.height, fonts=fonts)
        plan = replace(plan, titles=folder / "titles.ass")
    if channel.edit.end_card is not None:
        plan = replace(plan, end_card=_card(channel, plan, segments, card_picture, folder, ffmpeg))
    return plan


def letters_without_font(channel: Channel, fonts: Fonts, idea: Idea | None = None) -> list[str]:
    """Return the letters of a channel's texts that no font can show, with what an idea fills in where there is one.

    Raises:
        UsageError: the idea's caption has no word to make a title from.
    """
    hook, card = channel.edit.hook, channel.edit.end_card
    texts = [text for text in (hook and hook.text, card and card.text) if text]
    words = title_words(channel, idea) if texts and idea is not None else None
    return fonts.missing("".join(text.format(**words) if words else text for text in texts))


def has_titles(channel: Channel) -> bool:
    """Return whether words are written over a channel's videos."""
    card = channel.edit.end_card
    return channel.edit.hook is not None or (card is not None and card.text is not None)


def plain_end_s(channel: Channel) -> float:
    """Return for how long a channel's videos stand still at their end, of one colour: an end card with no picture."""
    card = channel.edit.end_card
    return 0.0 if card is None or card.picture else card.duration_s + _ROUNDING_S


def _titles(channel: Channel, plan: ComposePlan, words: Mapping[str, str]) -> list[Title]:
    begins_s = 0.0 if plan.intro is None else probe(plan.intro).best_video_stream().ends_s
    hook, card = channel.edit.hook, channel.edit.end_card
    titles = []
    if hook is not None:
        titles.append(Title(hook.text.format(**words), begins_s, begins_s + hook.duration_s))
    if card is not None and card.text is not None:
        ends_s = begins_s + channel.length_s
        shown_s = ends_s - card.duration_s + (plan.transition.duration_s if plan.transition else 0)
        titles.append(Title(card.text.format(**words), shown_s, ends_s, size=_CARD_SIZE, middle=_CARD_MIDDLE))
    return titles


def _card(
    channel: Channel, plan: ComposePlan, segments: Sequence[Path], picture: Path | None, folder: Path, ffmpeg: Path
) -> Path:
    card = channel.edit.end_card
    assert card is not None  # noqa: S101 - asked by its caller
    folder.mkdir(exist_ok=True)
    if picture is None:
        picture = folder / "end_card.png"
        Image.new("RGB", (plan.width, plan.height), card.background).save(picture)
    return film_of_still(
        picture,
        folder / "end_card.mp4",
        duration_s=card.duration_s,
        width=plan.width,
        height=plan.height,
        # The segments' own rate: another one would be that of the whole video.
        fps=max(usual_rate(probe(path).best_video_stream().fps) for path in segments),
        motion="none" if card.picture is None else "zoom_in",
        ffmpeg=ffmpeg,
    )
