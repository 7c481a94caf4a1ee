"""The shape of one `channels/*.yaml`: what is made, by which providers, when and where it may go out.

Reading files and merging `extends:` is `dayreel.stores.channel_files`; what a day or a window means is
`dayreel.rules.calendar`.
"""

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Platform = Literal["instagram", "tiktok", "youtube", "outbox"]
PLATFORMS: tuple[Platform, ...] = ("instagram", "tiktok", "youtube", "outbox")
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Usd = Annotated[Decimal, Field(gt=0, max_digits=10, decimal_places=4)]

_WINDOW = re.compile(r"^([01]\d|2[0-3]):([0-5]\d)-(([01]\d|2[0-3]):([0-5]\d)|24:00)$")


class Strict(BaseModel):
    """Base of every part: unknown keys are errors, values cannot change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class IdeaSource(Strict):
    """Where the day's idea comes from: a language model, or a `calendar.csv` that people write."""

    provider: Literal["anthropic", "openai", "calendar"]
    model: str | None = None
    file: str | None = Field(None, description="calendar only: path of the CSV, relative to the channel file")
    avoid_days: int = Field(90, ge=0, le=3650, description="too-similar ideas of so many days are refused")
    max_similarity: float = Field(80, ge=0, le=100, description="0 to 100; above it two ideas are too similar")

    @model_validator(mode="after")
    def _fields_fit_the_provider(self) -> "IdeaSource":
        if self.provider == "calendar":
            if self.file is None:
                raise ValueError("ideas from a calendar need `file`")
        elif self.model is None:
            raise ValueError(f"ideas from {self.provider} need `model`")
        return self


class PromptSource(Strict):
    """Which language model turns an idea into one prompt per segment."""

    provider: Literal["anthropic", "openai"]
    model: str


class SegmentSpec(Strict):
    """How many segments one video has and what each looks like; always 9:16."""

    count: int = Field(3, ge=1, le=12)
    duration_s: int = Field(5, ge=1, le=20)
    resolution: Literal["480p", "720p", "1080p"] = "720p"

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return {"480p": (480, 854), "720p": (720, 1280), "1080p": (1080, 1920)}[self.resolution]

    @property
    def total_s(self) -> int:
        """Length of the final video, without intro and outro, in seconds."""
        return self.count * self.duration_s


class VideoSource(Strict):
    """Who makes the raw segments: a generation service, or own footage from a folder (`clips`)."""

    provider: Literal["fal", "kling", "clips"]
    model: str | None = None
    folder: str | None = Field(None, description="clips only: folder of own footage, relative to the channel file")
    library: tuple[str, ...] = Field((), description="clips only, instead of `folder`: titles of items, * for any part")
    fit: Literal["crop", "pad"] = "crop"

    @model_validator(mode="after")
    def _fields_fit_the_provider(self) -> "VideoSource":
        if self.provider == "clips":
            if (self.folder is None) == (not self.library):
                raise ValueError("segments from own footage need either `folder` or `library`")
        elif self.model is None:
            raise ValueError(f"segments from {self.provider} need `model`")
        return self


class Narration(Strict):
    """A voice that reads the idea's narration over the video."""

    provider: Literal["edge", "espeak"] = "edge"
    voice: str
    rate: str = Field("+0%", pattern=r"^[+-]\d{1,3}%$")


class Brand(Strict):
    """What is drawn on or added around every video, and how loud it is."""

    watermark: str | None = None
    intro: str | None = None
    outro: str | None = None
    loudness_lufs: float = Field(-14, ge=-31, le=-5)
    true_peak_dbtp: float = Field(-1, ge=-9, le=0)


class Safety(Strict):
    """What no idea and no prompt may hold, and whether the model looks a second time before segments are bought."""

    blocked_terms: tuple[str, ...] = Field((), description="whole words or phrases, any case")
    default_terms: bool = Field(default=True, description="whether the packaged list holds too")
    second_look: bool = Field(default=False, description="one more question per idea and per set of prompts")

    @field_validator("blocked_terms")
    @classmethod
    def _terms_have_letters(cls, terms: tuple[str, ...]) -> tuple[str, ...]:
        for term in terms:
            if not any(letter.isalnum() for letter in term):
                raise ValueError(f"{term!r} is no term")
        return terms


class Review(Strict):
    """Who may decide and how long the question stays open."""

    timeout_h: float = Field(24, gt=0, le=24 * 30)
    who: tuple[str, ...] = Field((), description="names that may decide; empty means anybody who can reach dayreel")
    approvals: int = Field(1, ge=1, le=5, description="how many different people have to approve before it goes out")
    slack: dict[str, str] = Field({}, description="Slack user id (`U0123ABCD`) to the name that decides")
    discord: dict[str, str] = Field({}, description="Discord user id, in quotes, to the name that decides")

    @model_validator(mode="after")
    def _there_are_enough_people(self) -> "Review":
        if self.who and len({name.casefold() for name in self.who}) < self.approvals:
            raise ValueError(f"`approvals: {self.approvals}` needs that many names in `who`")
        return self


class InstagramPost(Strict):
    """How a content is posted as an Instagram Reel."""

    ai_disclosure: bool = True
    share_to_feed: bool = True
    hashtags: tuple[str, ...] = ()


class TikTokPost(Strict):
    """How a content is posted on TikTok. `privacy` has no default there by TikTok's rules: it must be chosen.

    With `mode: inbox` TikTok gets the video alone; its owner finishes the post in the app, with caption and privacy.
    """

    mode: Literal["direct", "inbox"] = "direct"
    privacy: Literal["PUBLIC_TO_EVERYONE", "MUTUAL_FOLLOW_FRIENDS", "FOLLOWER_OF_CREATOR", "SELF_ONLY"] | None = None
    ai_disclosure: bool = True
    allow_comments: bool = False
    allow_duet: bool = False
    allow_stitch: bool = False
    promotes_own_brand: bool = False
    paid_partnership: bool = False
    hashtags: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _direct_posts_say_who_sees_them(self) -> "TikTokPost":
        if self.mode == "direct" and self.privacy is None:
            raise ValueError("a direct post needs `privacy`; TikTok's rules want it chosen")
        return self


class YouTubePost(Strict):
    """How a content is posted as a YouTube Short. Left out, YouTube would publish; so `privacy` is explicit."""

    privacy: Literal["public", "unlisted", "private"] = "private"
    ai_disclosure: bool = True
    made_for_kids: bool = False
    category_id: str = "24"
    notify_subscribers: bool = True
    hashtags: tuple[str, ...] = ("#Shorts",)


class OutboxPost(Strict):
    """A folder with video, caption and a checklist, for accounts posted by hand."""

    ai_disclosure: bool = False
    folder: str = Field("outbox", description="relative to the project root")
    hashtags: tuple[str, ...] = ()


class Platforms(Strict):
    """Where a channel publishes; a platform that is left out is not published to."""

    instagram: InstagramPost | None = None
    tiktok: TikTokPost | None = None
    youtube: YouTubePost | None = None
    outbox: OutboxPost | None = None

    def chosen(self) -> dict[Platform, InstagramPost | TikTokPost | YouTubePost | OutboxPost]:
        """Return the platforms that are set, in the order of `PLATFORMS`."""
        return {name: fields for name in PLATFORMS if (fields := getattr(self, name)) is not None}


class Budget(Strict):
    """Spending caps of this channel; left out, those of `dayreel config` hold. Caps over all channels hold always."""

    per_content_usd: Usd | None = None
    per_day_usd: Usd | None = Field(None, description="per content day, all takes together")


class Experiment(Strict):
    """Two or more variants of a prompt, tried in turn; which one a day gets is `rules.experiments`."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,40}$", description="a new name begins a new comparison")
    layer: Literal["idea", "prompt"] = Field("idea", description="whose request the variant's words are added to")
    variants: dict[str, str] = Field(
        min_length=2, description="name to words that are added to the request; empty words change nothing"
    )


class Channel(Strict):
    """One channel: one video a day."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{1,40}$", description="the file's name without .yaml")
    title: str = Field(min_length=1, max_length=80)
    description: str = ""
    topic: str = Field(min_length=3, description="the topic template; `{date}` and `{weekday}` are filled in")
    content_type: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="which prompt templates are used")
    language: str = Field("en", pattern=r"^[a-z]{2}(-[A-Z]{2})?$")
    timezone: str = "UTC"
    active_from: date
    active_until: date | None = None
    weekdays: tuple[Weekday, ...] = WEEKDAYS
    make_at: str = Field("09:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="local time the day is made")
    ideas: IdeaSource
    prompts: PromptSource | None = None
    segments: SegmentSpec = SegmentSpec()
    video: VideoSource
    narration: Narration | None = Field(None, description="`off` or a voice")
    captions: Literal["off", "words"] = Field("off", description="`words` burns the spoken words in")
    brand: Brand = Brand()
    safety: Safety = Safety()
    review: Review = Review()
    platforms: Platforms = Platforms()
    publish_windows: tuple[str, ...] = Field(("00:00-24:00",), description="local times, `HH:MM-HH:MM`")
    max_posts_per_day: int = Field(3, ge=1, le=50, description="per platform and local day")
    budget: Budget = Budget()
    experiment: Experiment | None = Field(None, description="variants of a prompt that are compared")
    learn_from_results: bool = Field(
        default=False, description="show the best and worst measured ideas of the last 30 days to the next idea"
    )

    @field_validator("timezone")
    @classmethod
    def _zone_exists(cls, zone: str) -> str:
        try:
            return ZoneInfo(zone).key
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{zone!r} is no IANA time zone; write it like `Europe/Madrid`") from None

    @field_validator("narration", mode="before")
    @classmethod
    def _off_means_none(cls, value: object) -> object:
        # YAML 1.1 reads a bare `off` as False.
        return None if value in ("off", False) else value

    @field_validator("captions", mode="before")
    @classmethod
    def _off_is_a_word(cls, value: object) -> object:
        return "off" if value is False else value

    @field_validator("publish_windows")
    @classmethod
    def _windows_are_readable(cls, windows: tuple[str, ...]) -> tuple[str, ...]:
        for window in windows:
            if not _WINDOW.match(window):
                raise ValueError(f"{window!r} is no window; write it like `18:00-21:30` (end at most 24:00)")
            start, end = window.split("-")
            if start == end:
                raise ValueError(f"{window!r} is empty: it starts and ends at the same minute")
        return windows

    @model_validator(mode="after")
    def _parts_fit_together(self) -> "Channel":
        if self.active_until is not None and self.active_until < self.active_from:
            raise ValueError("active_until is before active_from")
        if self.video.provider != "clips" and self.prompts is None:
            raise ValueError(f"segments from {self.video.provider} need `prompts`")
        if self.captions == "words" and self.narration is None:
            raise ValueError("captions from words need a `narration`")
        if self.ideas.provider == "calendar" and (self.learn_from_results or _wants(self.experiment, "idea")):
            raise ValueError("ideas from a calendar are written by people: no learn_from_results, no idea experiment")
        if self.prompts is None and _wants(self.experiment, "prompt"):
            raise ValueError("an experiment on prompts needs `prompts`")
        if not self.weekdays:
            raise ValueError("weekdays is empty: this channel would never be made")
        return self


def _wants(experiment: Experiment | None, layer: str) -> bool:
    return experiment is not None and experiment.layer == layer
