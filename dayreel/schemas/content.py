"""What is made on the way to a video: ideas, prompts, segments, narration, the final video, checks.

These are the shapes inside `idea.json`, `prompts.json` and the manifest; the manifest itself is `schemas.manifest`.
"""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

# Money leaves Python as a string: JSON has no decimals, and a float would round.
Money = Annotated[Decimal, PlainSerializer(str, return_type=str)]

Layer = Literal["idea", "prompt", "voice", "video", "composition", "review", "distribution", "measurement"]


class Shape(BaseModel):
    """Base of what is stored: unknown keys are errors, so that a typo in a hand-edited file is seen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Idea(Shape):
    """One idea for one video (seed 001, layer 1)."""

    idea: str = Field(min_length=10, max_length=600, description="the concept in one or two sentences")
    caption: str = Field(min_length=3, max_length=1500, description="the post's text, with emoji, without hashtags")
    hashtags: tuple[str, ...] = Field((), max_length=12, description="with the leading #")
    topic: str = Field(min_length=2, max_length=80, description="two to five words, for statistics")
    cultural_context: str = Field("", max_length=400)
    environment: str = Field("", max_length=400, description="the scene")
    sound_concept: str = Field("", max_length=400, description="what is heard")
    narration: str = Field("", max_length=600, description="the spoken text; empty where the channel does not speak")


class VideoPrompt(Shape):
    """One prompt for one segment (seed 001, layer 2)."""

    video_prompt: str = Field(description="100 to 200 words: what is seen")
    audio_prompt: str = Field(description="what is heard")


class PromptSet(Shape):
    """The prompts of one content, in the order of the segments."""

    prompts: tuple[VideoPrompt, ...]


class FileRecord(Shape):
    """A file inside a content's folder. `path` is relative to that folder."""

    path: str
    sha256: str
    size_bytes: int


NOT_MEASURABLE = "not measurable"


class CheckResult(Shape):
    """One quality check: what was measured against what was asked.

    What cannot be measured has passed, and its `value` begins with `NOT_MEASURABLE`.
    """

    name: str
    passed: bool
    value: str
    expected: str
    message: str

    @property
    def is_measured(self) -> bool:
        """Return whether there was anything to measure."""
        return not self.value.startswith(NOT_MEASURABLE)


class Segment(Shape):
    """One raw segment as it lies on disk."""

    sequence: int = Field(ge=1)
    file: FileRecord
    duration_s: float
    width: int
    height: int
    has_audio: bool
    provider: str
    model: str | None = None
    request_id: str | None = None
    seed: int | None = None
    origin: str = Field("made", description="`made` here, or the producer named by a completion marker")
    in_sync: CheckResult | None = Field(None, description="of own footage: picture and sound against the source's")


class SpokenWord(Shape):
    """When a word of the narration is heard, in seconds from its start."""

    text: str
    start_s: float
    end_s: float


class NarrationTrack(Shape):
    """The spoken track of one content."""

    file: FileRecord
    duration_s: float
    provider: str
    voice: str
    words: tuple[SpokenWord, ...] = ()


class UsedMusic(Shape):
    """The music of one video: which file, with its bytes' hash, and by what right."""

    file: str
    sha256: str
    licence: str


class FinalVideo(Shape):
    """The composed video. `revision` counts up whenever the bytes change; a decision names the revision it saw."""

    file: FileRecord
    revision: int = Field(ge=1)
    duration_s: float
    width: int
    height: int
    loudness_lufs: float | None
    true_peak_dbtp: float | None
    mode: Literal["copy", "encode", "adopted"]
    music: UsedMusic | None = Field(None, description="the music that was laid under it")
    poster: str
    contact_sheet: str
    subtitles: tuple[FileRecord, ...] = ()
    checks: tuple[CheckResult, ...] = ()
    made_at: datetime
