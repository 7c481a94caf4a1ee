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
        parts = [part for part in Formatter().parse(text) if part[1] is not None]
    except ValueError as error:
        raise ValueError(f"{text!r} has a brace too many or too few: {error}") from None
    for _, field, form, conversion in parts:
        if field not in FILLED_IN:
            raise ValueError(f"{{{field}}} is not known; {PLACEHOLDERS}")
        # What Python would do with it is seen when it is filled in, which is after everything was bought.
        if form or conversion:
            raise ValueError(f"{{{field}}} stands in {text!r} with more than its name; {PLACEHOLDERS}")
    return text


TitleText = Annotated[str, AfterValidator(_require_known_fields)]


class MusicBed(Strict):
    """Music under segments and end card."""

    file: str | None = Field(None, description="path of a sound file; begins again where it is shorter")
    folder: str | None = Field(None, description="instead of `file`: each video takes one file of this folder")
    licence: str = Field(
        min_length=3,
        max_length=300,
        description="who made it, by what right it is used",
    )
    licence_in_posts: bool = Field(default=False, description="end every post with `licence`")
    below_db: float = Field(8, ge=0, le=30, description="how much quieter than voice or segments")
    duck_db: float = Field(8, ge=0, le=18, description="how much quieter again under a voice")
    fade_in_s: float = Field(0.5, ge=0, le=10, description="seconds in which it comes")
    fade_out_s: float = Field(1.5, ge=0, le=10, description="seconds in which it goes")

    @model_validator(mode="after")
    def _has_one_source(self) -> "MusicBed":
        if (self.file is None) == (self.folder is None):
            raise ValueError("music needs either `file` or `folder`")
        return self


class TransitionSpec(Strict):
    """How one segment becomes the next; each transition makes the video shorter."""

    kind: TransitionKind = Field("crossfade", description="what it looks like")
    duration_s: float = Field(0.5, ge=0.1, le=2, description="seconds")


class GradeSpec(Strict):
    """The colours of the segments."""

    look: Look | None = Field(None, description="a grade by name")
    file: str | None = Field(None, description="instead of `look`: path of a 3D LUT (.cube)")
    strength: float = Field(1, gt=0, le=1, description="how much of it")

    @model_validator(mode="after")
    def _has_one_source(self) -> "GradeSpec":
        if (self.look is None) == (self.file is None):
            raise ValueError("a grade needs either `look` or `file`")
        return self


class HookSpec(Strict):
    """Large words over the first seconds."""

    text: TitleText = Field("{title}", min_length=1, max_length=120, description=f"what is written; {PLACEHOLDERS}")
    duration_s: float = Field(2.5, ge=0.5, le=6, description="seconds")


class EndCardSpec(Strict):
    """What stands at the end, before an outro: a picture, words, or both."""

    text: TitleText | None = Field(None, min_length=1, max_length=120, description="as `edit.hook.text`")
    picture: str | None = Field(None, description="path of a picture")
    background: str = Field("#22304f", pattern="^#[0-9a-fA-F]{6}$", description="colour where there is no picture")
    duration_s: float = Field(2, ge=0.5, le=5, description="seconds")

    @model_validator(mode="after")
    def _shows_something(self) -> "EndCardSpec":
        if self.text is None and self.picture is None:
            raise ValueError("an end card needs `text` or `picture`")
        return self


class EditSpec(Strict):
    """How the segments become a video: see [the edit](../how-to/edit.md)."""

    music: MusicBed | None = Field(None, description="music under the whole")
    transition: TransitionSpec | None = Field(None, description="left out, a cut")
    hook: HookSpec | None = Field(None, description="words at the beginning")
    end_card: EndCardSpec | None = Field(None, description="left out, there is none")
    grade: GradeSpec | None = Field(None, description="left out, the colours as they come")
