"""The manifest of one content, `content/<content-id>/metadata.json`: what was produced, with hashes and fingerprints.

It is written only through `dayreel.stores.contents`, which goes through the state manager. Where a content stands, who
decided and what was sent outside are facts of the catalog, not of the manifest.
"""

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from dayreel.schemas.content import FinalVideo, Idea, Money, NarrationTrack, PromptSet, Segment, VideoPrompt

Stage = Literal["ideas", "prompts", "raw_segments", "narration", "final_video"]
STAGES: tuple[Stage, ...] = ("ideas", "prompts", "raw_segments", "narration", "final_video")


class StageRecord(BaseModel):
    """One finished stage: from what it was made (`fingerprint`) and by whom."""

    model_config = ConfigDict(extra="forbid")

    fingerprint: str = Field(description="hash of inputs, prompt, model, parameters and code version")
    finished_at: datetime
    duration_s: float
    provider: str
    model: str | None = None
    cost_usd: Money
    run_id: str | None = Field(None, description="the Dagster run that did it")
    effect_ids: tuple[int, ...] = ()
    parameters: dict[str, Any] = Field(default_factory=dict)


class RefusedPrompt(BaseModel):
    """A prompt that a video model would not make, or could not take, and why."""

    model_config = ConfigDict(extra="forbid")

    prompt: VideoPrompt
    reason: str


class Override(BaseModel):
    """What a person has changed of one stage for this content alone; None is as the channel's file says."""

    model_config = ConfigDict(extra="forbid")

    model: str | None = None
    template: str | None = Field(None, description="name of a prompt template, without `.md.j2`")
    seed: int | None = Field(None, description="of every segment that has no seed of its own")
    segments: tuple[int, ...] = Field((), description="what the newest request had made again")
    rewrite: dict[int, RefusedPrompt] = Field(
        default_factory=dict, description="prompts that are written again, by the number of their segment"
    )
    request_id: str | None = Field(None, description="the run that asked last")
    asked_by: str = ""
    asked_at: datetime | None = None

    def sentences(self) -> list[str]:
        """Return what was changed, in words."""
        named = {name: getattr(self, name) for name in ("model", "template", "seed")}
        changed = [f"{name} {value}" for name, value in named.items() if value is not None]
        again = [f"segments {', '.join(map(str, self.segments))}"] if self.segments else []
        return [
            *changed,
            *again,
            *(f"prompt {number} written again: {refused.reason}" for number, refused in self.rewrite.items()),
        ]


class TrialRecord(BaseModel):
    """Which variant of an experiment a content was given, before anything of it was asked for."""

    model_config = ConfigDict(extra="forbid")

    experiment: str
    variant: str
    edition: str = Field(description="hash of the words of all variants, template, model and settings")
    chosen_by: Literal["blocked", "thompson"]
    detect_percent: float


class Manifest(BaseModel):
    """Everything that was produced for one content."""

    model_config = ConfigDict(extra="forbid")

    schema_version: Literal[1] = 1
    content_id: str
    channel: str
    day: date
    take: int = Field(ge=1)
    world: Literal["sandbox", "live"]
    simulated: bool = Field(description="true for everything the sandbox world had a hand in")
    created_at: datetime
    idea: Idea | None = None
    prompts: PromptSet | None = None
    segments: tuple[Segment, ...] = ()
    narration: NarrationTrack | None = None
    final_video: FinalVideo | None = None
    stages: dict[Stage, StageRecord] = Field(default_factory=dict)
    overrides: dict[Stage, Override] = Field(default_factory=dict)
    trial: TrialRecord | None = None
