"""The shape of `edit:` in a channel file: how the segments become a video. Everything in it is off until it is written.

What a file looks like is `dayreel.schemas.channel`; how each part is rendered, `dayreel.media`.
"""

from string import Formatter
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from dayreel.schemas.strict import Strict

TransitionKind = Literal["crossfade", "dip_to_black", "dip_to_white", "slide", "wipe", "blur", "circle"]

Look = Literal["warm", "cool", "film", "vivid", "mono"]

PLACEHOLDERS = "`{title}` is the caption's first line, `{topic}` the idea's topic, `{channel}` the channel's title"
FILLED_IN = frozenset({"title", "topic", "channel"})
"""What may stand in braces in a text."""


def _require_known_fields(text: str) -> str:
    try:
        fields = {field for _, field, _, _ in Formatter().parse(text) if field is not None}
    except ValueError as error:
        raise ValueError(f"{text!r} has a brace too many or too few: {error}") from None
    if unknown := sorted(fields - FILLED_IN):
        raise ValueError(f"{{{unknown[0]}}} is not known; {PLACEHOLDERS}")
    return text


TitleText = Annotated[str, AfterValidator(_require_known_fields)]


class MusicBed(Strict):
    """Music under segments and end card. Whose it is and by what right it is used has to be written beside it."""

    file: str | None = Field(None, description="path of a sound file in `channels/`; repeated where it is shorter")
    folder: str | None = Field(None, description="instead of `file`: path of a folder, each video takes one file of it")
    licence: str = Field(
        min_length=3,
        max_length=300,
        description="who made it and by what right it is used; recorded with every video that has it",
    )
    licence_in_posts: bool = Field(default=False, description="end every post's text with the words of `licence`")
    below_db: float = Field(
        8, ge=0, le=30, description="how much quieter than the voice; without one, than the segments' own sound"
    )
    duck_db: float = Field(8, ge=0, le=18, description="how much quieter again while somebody speaks")
    fade_in_s: float = Field(0.5, ge=0, le=10, description="seconds in which it comes")
    fade_out_s: float = Field(1.5, ge=0, le=10, description="seconds in which it goes")

    @model_validator(mode="after")
    def _has_one_source(self) -> "MusicBed":
        if (self.file is None) == (self.folder is None):
            raise ValueError("music needs either `file` or `folder`")
        return self


class TransitionSpec(Strict):
    """How one segment becomes the next, and the last one the end card. Both are seen: each makes the video shorter."""

    kind: TransitionKind = Field("crossfade", description="what it looks like")
    duration_s: float = Field(0.5, ge=0.1, le=2, description="seconds in which both are seen and heard")


class GradeSpec(Strict):
    """The colours of the segments; intro, end card, outro and what is drawn over the picture keep theirs."""

    look: Look | None = Field(None, description="a grade by name")
    file: str | None = Field(None, description="instead of `look`: path of a 3D LUT in `channels/`, a .cube file")
    strength: float = Field(1, gt=0, le=1, description="how much of it: 0 would leave the picture as it is")

    @model_validator(mode="after")
    def _has_one_source(self) -> "GradeSpec":
        if (self.look is None) == (self.file is None):
            raise ValueError("a grade needs either `look` or `file`")
        return self


class HookSpec(Strict):
    """Large words over the first seconds."""

    text: TitleText = Field("{title}", min_length=1, max_length=120, description=f"what is written; {PLACEHOLDERS}")
    duration_s: float = Field(2.5, ge=0.5, le=6, description="seconds that it stands, from the first segment on")


class EndCardSpec(Strict):
    """What stands at the end, before an outro: a picture, words, or words over a picture."""

    text: TitleText | None = Field(None, min_length=1, max_length=120, description=f"what is written; {PLACEHOLDERS}")
    picture: str | None = Field(None, description="path of a picture in `channels/`; left out, a plain ground")
    background: str = Field("#22304f", pattern="^#[0-9a-fA-F]{6}$", description="colour of the plain ground")
    duration_s: float = Field(2, ge=0.5, le=5, description="seconds; the video is so much longer")

    @model_validator(mode="after")
    def _shows_something(self) -> "EndCardSpec":
        if self.text is None and self.picture is None:
            raise ValueError("an end card needs `text` or `picture`")
        return self


class EditSpec(Strict):
    """How the segments become a video. What is left out is not done: segments follow one another with a cut."""

    music: MusicBed | None = Field(None, description="music under the whole")
    transition: TransitionSpec | None = Field(None, description="left out, a cut")
    hook: HookSpec | None = Field(None, description="left out, nothing is written at the beginning")
    end_card: EndCardSpec | None = Field(None, description="left out, it ends with the last segment")
    grade: GradeSpec | None = Field(None, description="left out, the colours as they come")
