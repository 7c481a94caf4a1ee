"""Own footage: the plan of a shared folder (`library.yaml`), and the manifest of one item (`.pipeline/metadata.json`).

Names of folders and markers are `dayreel.footage.rules.paths`; reading the plan is `dayreel.footage.stores.plan`, items
are read and written by `dayreel.footage.stores.items`.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from dayreel.footage.schemas.job import HOURS_PATTERN, JobFile
from dayreel.schemas.choices import VendorOf
from dayreel.schemas.content import Shape
from dayreel.schemas.strict import Strict

VideoPreset = Literal["h264", "h265", "av1"]


class RolePlan(Strict):
    """What every role has: how it is claimed, and the script that does it instead of dayreel, if any.

    Attributes:
        script: a command line (a list, no shell) run by the worker instead of dayreel's own ffmpeg; see
            docs/how-to/workers.md for what it finds in its environment.
    """

    script: tuple[str, ...] | None = None
    hours: str | None = Field(None, pattern=HOURS_PATTERN)
    lease_s: float = Field(120.0, gt=0, le=3600)
    max_attempts: int = Field(3, ge=1, le=20)
    deadline_s: float = Field(6 * 3600.0, gt=0, description="longest time one attempt may take")


class RemuxPlan(RolePlan):
    """Which streams a remux keeps. Languages are ISO 639-2 (`eng`); a stream without one counts as `und`.

    Attributes:
        commentary: keep streams that are marked as comments.
    """

    languages: tuple[str, ...] = Field((), description="of sound and subtitles; empty keeps all")
    subtitles: bool = True
    commentary: bool = False


class TranscodePlan(RolePlan):
    """How a transcode encodes. HDR is kept (10 bit, not with h264), mapped to SDR, or refused; never silently wrong."""

    preset: VideoPreset = "h265"
    quality: int | None = Field(None, ge=0, le=63, description="the encoder's CRF; left out, a good one for the preset")
    max_height: int | None = Field(None, ge=144, le=4320)
    hdr: Literal["refuse", "keep", "tonemap"] = "refuse"


class FilePlan(RolePlan):
    """How finished items are put into the library."""

    lookup: Annotated[str, VendorOf("lookup", ("none",))] = Field(
        "none", description="who is asked for titles and years"
    )


class LibraryPlan(Strict):
    """`library.yaml` in the shared folder: the same for the controller and every worker.

    Attributes:
        remux_review, naming_confirm: ask a person before transcoding, and before filing.
        remove_sources: stages whose folder is removed once a later stage's files have been read back and match; none by
            default.
        keep_jobs_days: how long the folder of a job that ended stays in the queue; None for ever.
        min_size_ratio: outputs smaller than this share of their source are refused.
        max_duration_gap_s: how much an output's length may differ from its source's.
    """

    timezone: str = "UTC"
    remux: RemuxPlan = RemuxPlan()
    transcode: TranscodePlan = TranscodePlan()
    file: FilePlan = FilePlan()
    remux_review: bool = True
    naming_confirm: bool = True
    remove_sources: tuple[Literal["rip", "remux", "transcode"], ...] = ()
    keep_jobs_days: int | None = Field(90, ge=1, le=36500)
    min_size_ratio: float = Field(0.005, ge=0, lt=1)
    max_duration_gap_s: float = Field(2.0, ge=0)


class StageMade(Shape):
    """What one stage has made: its files, who made them, and the evidence."""

    folder: str
    files: tuple[JobFile, ...]
    made_by: str
    made_at: datetime
    job: str | None = None
    facts: dict[str, Any] = Field(default_factory=dict)


class GateAnswer(Shape):
    """What a person said at a gate; kept here too, so that the catalog can be rebuilt from the folder.

    Attributes:
        subject: fingerprint of what the question was about: an answer holds for that alone.
    """

    subject: str
    approval_type: Literal["remux_review", "naming_confirm"]
    status: Literal["approved", "rejected"]
    by: str
    via: str
    at: datetime
    response: dict[str, Any] = Field(default_factory=dict)


class ItemManifest(BaseModel):
    """One item of own footage. It lies in the folder of the newest stage; earlier ones keep theirs as it was then."""

    model_config = ConfigDict(extra="forbid")

    schema_version: Literal[1] = 1
    item_id: str
    kind: Literal["movie", "tv"]
    leaf: str
    title: str
    year: int | None = None
    series: str | None = None
    season: int | None = None
    disc: int | None = None
    created_at: datetime
    origin: tuple[str, ...] = Field((), description="where ingested files came from: their names then")
    perceptual_hash: str | None = None
    stages: dict[Literal["rip", "remux", "transcode", "file"], StageMade] = Field(default_factory=dict)
    answers: tuple[GateAnswer, ...] = ()
