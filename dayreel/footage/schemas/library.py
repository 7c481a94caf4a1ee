"""Own footage: the plan of a shared folder (`library.yaml`), and the manifest of one item (`.pipeline/metadata.json`).

Names of folders and markers are `dayreel.footage.rules.paths`; reading the plan is `dayreel.footage.stores.plan`, items
are read and written by `dayreel.footage.stores.items`.
"""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from dayreel.footage.schemas.job import HOURS_PATTERN, JobFile
from dayreel.schemas.choices import VendorOf
from dayreel.schemas.content import Shape
from dayreel.schemas.strict import Strict

VideoPreset = Literal["h264", "h265", "av1"]
Loss = Literal["sound_tracks", "channels", "subtitles", "picture_size", "loudness"]


class RolePlan(Strict):
    """What every role has: how it is claimed, and the script that does it instead of dayreel, if any."""

    script: tuple[str, ...] | None = Field(
        None,
        description="a command (a list, no shell) that does it instead of dayreel, see docs/how-to/workers.md",
    )
    may_lose: tuple[Loss, ...] = Field(
        (),
        description="what a script leaves out on purpose; its sources may be removed all the same",
    )
    hours: str | None = Field(None, pattern=HOURS_PATTERN, description="claimed only then, like `22:00-06:00`")
    lease_s: float = Field(120.0, gt=0, le=3600, description="seconds that a silent worker keeps a job")
    max_attempts: int = Field(3, ge=1, le=20, description="attempts before a job fails for good")
    deadline_s: float = Field(6 * 3600.0, gt=0, description="longest time of one attempt, in seconds")


class RemuxPlan(RolePlan):
    """Which streams a remux keeps. Languages are ISO 639-2 (`eng`); a stream without one counts as `und`."""

    languages: tuple[str, ...] = Field((), description="of sound and subtitles; empty keeps all")
    subtitles: bool = Field(default=True, description="keep subtitles")
    commentary: bool = Field(default=False, description="keep streams that are marked as comments")
    sidecars: Literal["beside", "mux"] = Field(
        "beside", description="subtitles in files beside a film stay there under its name, or are put into it"
    )


class TranscodePlan(RolePlan):
    """How a transcode encodes. HDR is kept (10 bit, not with h264), mapped to SDR, or refused; never silently wrong."""

    preset: VideoPreset = Field("h265", description="the codec")
    quality: int | None = Field(None, ge=0, le=63, description="the encoder's CRF; left out, a good one for the preset")
    target_vmaf: float | None = Field(
        None, ge=70, le=99, description="how good it has to look: the CRF is searched for each film, in its place"
    )
    min_saving: float | None = Field(
        None, ge=0, lt=1, description="a film that would become smaller by less than this share stays as it is"
    )
    efficient_bits_per_pixel: float | None = Field(
        None, gt=0, le=1, description="a film in H.265 or AV1 with at most so many bits a pixel stays as it is"
    )
    hardware: Literal["never", "prefer", "require"] = Field(
        "never", description="encode with NVENC, QSV or VAAPI, where the worker's machine has one that works"
    )
    sound: Literal["keep", "opus", "flac"] = Field(
        "keep", description="what items of sound alone become; only what is lossless is encoded, the rest stays"
    )
    max_height: int | None = Field(None, ge=144, le=4320, description="higher pictures are scaled down to it")
    hdr: Literal["refuse", "keep", "tonemap"] = Field("refuse", description="what becomes of HDR")

    @model_validator(mode="after")
    def _has_one_quality(self) -> Self:
        if self.quality is not None and self.target_vmaf is not None:
            raise ValueError("`quality` and `target_vmaf` exclude each other: leave one of them out")
        if self.quality is not None and self.hardware != "never":
            raise ValueError("`quality` is a CRF, which hardware encoders do not have: give `target_vmaf` instead")
        return self


class FilePlan(RolePlan):
    """How finished items are put into the library."""

    lookup: Annotated[str, VendorOf("lookup", ("none",))] = Field(
        "none", description="who is asked for titles, years and names of episodes before `naming_confirm`"
    )


class LibraryPlan(Strict):
    """`library.yaml` in the shared folder: the same for the controller and every worker."""

    timezone: str = Field("UTC", description="zone of `hours`")
    remux: RemuxPlan = Field(RemuxPlan(), description="how discs become Matroska files")
    transcode: TranscodePlan = Field(TranscodePlan(), description="how they are encoded")
    file: FilePlan = Field(FilePlan(), description="how they get into the library")
    remux_review: bool = Field(default=True, description="ask a person about streams before the transcode")
    naming_confirm: bool = Field(default=True, description="ask a person about names before filing")
    remove_sources: tuple[Literal["rip", "remux", "transcode"], ...] = Field(
        (),
        description="stages whose films are removed once each is proved to be in the library: compared at every step, "
        "with the evidence kept, and read back",
    )
    keep_jobs_days: int | None = Field(
        90, ge=1, le=36500, description="days that the folder of a job that ended is kept; `null` for ever"
    )
    min_size_ratio: float = Field(0.005, ge=0, lt=1, description="outputs below this share of their source are refused")
    max_duration_gap_s: float = Field(2.0, ge=0, description="seconds by which an output's length may differ")


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
    priority: int | None = Field(None, ge=0, le=9, description="of its jobs: 0 is the most urgent; None is 5")
    stages: dict[Literal["rip", "remux", "transcode", "file"], StageMade] = Field(default_factory=dict)
    answers: tuple[GateAnswer, ...] = ()
