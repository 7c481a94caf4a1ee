"""The shape of `edit:` in a channel file: how the segments become a video. Everything in it is off until it is written.

What a file looks like is `dayreel.schemas.channel`; how each part is rendered, `dayreel.media`.
"""

from typing import Literal

from pydantic import Field, model_validator

from dayreel.schemas.strict import Strict

TransitionKind = Literal["crossfade", "dip_to_black", "dip_to_white", "slide", "wipe", "blur", "circle"]

Look = Literal["warm", "cool", "film", "vivid", "mono"]


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


class EditSpec(Strict):
    """How the segments become a video. What is left out is not done: segments follow one another with a cut."""

    music: MusicBed | None = Field(None, description="music under the whole")
    transition: TransitionSpec | None = Field(None, description="left out, a cut")
    grade: GradeSpec | None = Field(None, description="left out, the colours as they come")
