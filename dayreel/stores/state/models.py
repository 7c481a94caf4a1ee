"""The shape of a `pipeline.json` whose owner brings no schema: phases by number, and what they say.

Members other than phases are the owner's, and stay as they are. Imported only by documents that are validated with it.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

PhaseStatus = Literal["pending", "running", "success", "partial_success", "failed", "skipped"]


class PipelinePhase(BaseModel):
    """One phase; further members are its own."""

    model_config = ConfigDict(extra="allow")

    status: PhaseStatus | None = Field(None, description="where the phase stands")
    files: dict[str, Any] | None = Field(None, description="what it read or made, by file name")
    metrics: dict[str, Any] | None = Field(None, description="what was measured, by name")


class PipelineDocument(BaseModel):
    """The phases of a pipeline; every other member is free."""

    model_config = ConfigDict(extra="allow")

    phase1: PipelinePhase | None = Field(None, description="the first phase")
    phase2: PipelinePhase | None = Field(None, description="the second phase")
    phase3: PipelinePhase | None = Field(None, description="the third phase")
    phase4: PipelinePhase | None = Field(None, description="the fourth phase")
    phase5: PipelinePhase | None = Field(None, description="the fifth phase")
    phase6: PipelinePhase | None = Field(None, description="the sixth phase")
