"""The shape of one `channels/*.yaml`: what is made, by which providers, when and where it may go out.

Reading files and merging `extends:` is `dayreel.stores.channel_files`; what a day or a window means is
`dayreel.rules.calendar`.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from functools import cache, lru_cache
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    RootModel,
    SerializeAsAny,
    create_model,
    field_validator,
    model_validator,
)
from pydantic_core import CoreSchema

from dayreel.clock import zone_named
from dayreel.errors import ConfigurationError, UsageError
from dayreel.schemas.choices import UnusableVendorError, VendorOf
from dayreel.schemas.edit import EditSpec
from dayreel.schemas.person import name_key
from dayreel.schemas.posts import FrameCover, PostFields
from dayreel.schemas.strict import Strict
from dayreel.vendors.models import PICTURES, Effort
from dayreel.vendors.record import Vendor
from dayreel.vendors.registry import vendor_named, vendors

Platform = str
"""A platform's name."""
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
UsdAmount = Annotated[Decimal, Field(gt=0, max_digits=10, decimal_places=4)]

CHANNEL_ID = r"^[a-z][a-z0-9_]{1,40}$"
_PICTURE = "an https address or a path; where the model takes one"
_WINDOW = re.compile(r"^([01]\d|2[0-3]):([0-5]\d)-(([01]\d|2[0-3]):([0-5]\d)|24:00)$")


AskedEffort = Annotated[
    Effort | None, Field(description="how hard the model thinks; left out, as its row in `models.yaml` says")
]
AnswerTokens = Annotated[
    int | None,
    Field(
        ge=1000,
        le=128_000,
        description="first budget of an answer, thinking included; it doubles when an answer is cut",
    ),
]


AskedTemperature = Annotated[
    float | None,
    Field(ge=0, le=2, description="how freely words are chosen; only with `effort: none`"),
]
_NO_DAY = 8
_CRON = re.compile(r"^([0-5]?\d) ([01]?\d|2[0-3]) \* \* (\*|[0-7a-z](?:[0-7a-z,-]*[0-7a-z])?)$")


def is_address(picture: str) -> bool:
    """Return whether a picture is named by its address, and not by its path."""
    return picture.startswith("https://")


class IdeaSource(Strict):
    """Where the day's idea comes from: a language model, or a `calendar.csv` that people write."""

    provider: Annotated[str, VendorOf("llm", ("calendar",))] = Field(description="who writes ideas")
    model: str | None = Field(None, description="the language model; not for a calendar")
    file: str | None = Field(None, description="calendar only: path of the CSV, relative to the channel file")
    avoid_days: int = Field(90, ge=0, le=3650, description="too-similar ideas of so many days are refused")
    max_similarity: float = Field(80, ge=0, le=100, description="0 to 100; above it two ideas are too similar")
    effort: AskedEffort = None
    max_tokens: AnswerTokens = None
    temperature: AskedTemperature = None

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

    provider: Annotated[str, VendorOf("llm")] = Field(description="who writes prompts")
    model: str = Field(description="the language model")
    effort: AskedEffort = None
    max_tokens: AnswerTokens = None
    temperature: AskedTemperature = None


HOW_TO_ASK = frozenset({"effort", "max_tokens", "temperature"})
"""Fields of both sources that say how a model is asked, not for what: what was made stays when they change."""


class SegmentSpec(Strict):
    """How many segments one video has and what each looks like; always 9:16."""

    count: int = Field(3, ge=1, le=12, description="segments per video")
    duration_s: int = Field(5, ge=1, le=20, description="seconds per segment")
    resolution: Literal["480p", "720p", "1080p"] = Field("720p", description="width of the picture, as 9:16")

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return {"480p": (480, 854), "720p": (720, 1280), "1080p": (1080, 1920)}[self.resolution]

    @property
    def total_s(self) -> int:
        """Length of the segments one after the other, in seconds; that of the video is `Channel.length_s`."""
        return self.count * self.duration_s


class VideoSource(Strict):
    """Who makes the raw segments: a generation service, or own footage from a folder (`clips`)."""

    provider: Annotated[str, VendorOf("video")] = Field(description="who makes the segments")
    model: str | None = Field(None, description="the video model; not for clips")
    folder: str | None = Field(None, description="clips only: folder of own footage, relative to the channel file")
    library: tuple[str, ...] = Field((), description="clips only, instead of `folder`: titles of items, * for any part")
    fit: Literal["crop", "pad"] = Field("crop", description="clips only: how another shape becomes 9:16")
    stills: bool = Field(
        default=False, description="clips only: pictures in `folder` are footage too, with a slow move over each"
    )
    in_points: Literal["spread", "scene"] = Field(
        "spread",
        description="clips only: where in a file a segment begins; `scene`: with one of its scenes, and stays in it",
    )
    first_frame: str | None = Field(None, description=f"begin every segment with this picture: {_PICTURE}")
    last_frame: str | None = Field(None, description=f"end every segment with this picture: {_PICTURE}")
    reference: str | None = Field(None, description=f"show what is in this picture: {_PICTURE}")
    negative_prompt: str | None = Field(None, min_length=1, description="what is not to be seen in a segment")

    @property
    def pictures(self) -> dict[str, str]:
        """The pictures that segments are made from, by field."""
        return {name: picture for name in PICTURES if (picture := getattr(self, name)) is not None}

    @model_validator(mode="after")
    def _fields_fit_the_provider(self) -> "VideoSource":
        if self.provider == "clips":
            if (self.folder is None) == (not self.library):
                raise ValueError("segments from own footage need either `folder` or `library`")
            if self.stills and self.folder is None:
                raise ValueError("`stills` are taken from a `folder`, not from the library")
            for field in (*PICTURES, "negative_prompt"):
                if getattr(self, field) is not None:
                    raise ValueError(f"`{field}` is for segments that are made, not for own footage")
        elif self.model is None:
            raise ValueError(f"segments from {self.provider} need `model`")
        elif self.stills or self.in_points != "spread":
            field = "stills" if self.stills else "in_points"
            raise ValueError(f"`{field}` is for own footage, not for segments that are made")
        return self


class NarrationVoice(Strict):
    """Who speaks, with which voice."""

    provider: Annotated[str, VendorOf("speech")] = Field("edge", description="who speaks")
    voice: str = Field(description="the voice's name, as its provider calls it")
    model: str | None = Field(None, description="what speaks with that voice, where the provider has several models")
    rate: str = Field("+0%", pattern=r"^[+-]\d{1,3}%$", description="faster or slower than the voice's own speed")

    @property
    def priced_as(self) -> str:
        """The name of its row in `models.yaml`."""
        return self.model or self.voice

    def as_asked(self) -> dict[str, Any]:
        """Return what decides about the sound. What came later is left out where it is not set: nothing that was made
        before is made, or paid, again.
        """
        unset = {"model"} if self.model is None else set()
        return self.model_dump(mode="json", exclude={"fallback", *unset})


class Narration(NarrationVoice):
    """A voice that reads the idea's narration over the video."""

    fallback: NarrationVoice | None = Field(
        None, description="the voice that speaks where this one fails for good or stays away"
    )

    @property
    def voices(self) -> tuple[NarrationVoice, ...]:
        """The voice, and the one that may speak in its place."""
        return (self,) if self.fallback is None else (self, self.fallback)


class Brand(Strict):
    """What is drawn on or added around every video, and how loud it is."""

    watermark: str | None = Field(None, description="path of a picture in `channels/`, drawn on every frame")
    intro: str | None = Field(None, description="path of a video in `channels/`, played first")
    outro: str | None = Field(None, description="path of a video in `channels/`, played last")
    loudness_lufs: float = Field(-14, ge=-31, le=-5, description="integrated loudness of the final video")
    true_peak_dbtp: float = Field(-1, ge=-9, le=0, description="loudest peak of the final video")


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
                raise ValueError(f"{term!r} is not a valid term")
        return terms


class Review(Strict):
    """Who may decide and how long the question stays open."""

    timeout_h: float = Field(24, gt=0, le=24 * 30, description="hours until the review expires")
    who: tuple[str, ...] = Field((), description="names that may decide; empty means anybody who can reach dayreel")
    approvals: int = Field(1, ge=1, le=5, description="how many different people have to approve before it goes out")

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return the schema of a file's part, with every chat that there is."""
        return handler(_review_with(vendors("notifiers")).__pydantic_core_schema__ if cls is Review else schema)

    def deciders(self, chat: str) -> dict[str, str]:
        """Return whom a chat's ids of people stand for."""
        return getattr(self, chat, {})

    def allows(self, name: str) -> bool:
        """Return whether `who` lets somebody of this name decide, however it is typed."""
        return not self.who or name_key(name) in map(name_key, self.who)

    @model_validator(mode="after")
    def _there_are_enough_people(self) -> "Review":
        if self.who and len({name_key(name) for name in self.who}) < self.approvals:
            raise ValueError(f"`approvals: {self.approvals}` needs that many different names in `who`")
        return self


def _read_review(part: object) -> object:
    """Return the part of a channel file with a field for every chat that it names: whom its ids of people stand for."""
    if not isinstance(part, Mapping):
        return part
    chats = [vendor for name in map(str, part) if name not in Review.model_fields and (vendor := _vendor(name))]
    return _review_with(tuple(chats)).model_validate(dict(part))


@cache
def _review_with(chats: tuple[Vendor, ...]) -> type[Review]:
    fields: dict[str, Any] = {
        vendor.name: (dict[str, str], Field({}, description=f"{vendor.chat.person} to the name that decides"))
        for vendor in chats
        if vendor.chat is not None
    }
    return create_model("Review", __base__=Review, __doc__=Review.__doc__, **fields)


class Platforms(RootModel[dict[str, SerializeAsAny[PostFields]]]):
    """Where a channel publishes, by the platform's name; one that is left out is not published to.

    Each part has the shape that the platform's record names.
    """

    model_config = ConfigDict(frozen=True)

    root: dict[str, SerializeAsAny[PostFields]] = {}

    def chosen(self) -> dict[str, PostFields]:
        """Return the platforms that are set, in the order of their records."""
        return dict(self.root)

    @model_validator(mode="before")
    @classmethod
    def _have_the_shape_of_their_platform(cls, parts: object) -> object:
        if not isinstance(parts, Mapping):
            return parts
        shape = _shape_of([vendor for name in map(str, parts) if (vendor := _vendor(name))])
        posts = shape.model_validate(dict(parts))
        return {name: fields for name, fields in posts if fields is not None}

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return the schema of a file's part, with every platform that there is."""
        return handler(_shape_of(vendors("platforms")).__pydantic_core_schema__)


def _vendor(name: str) -> Vendor | None:
    """Return a vendor's record; None where there is none of that name."""
    try:
        return vendor_named(name)
    except UsageError:
        return None
    except ConfigurationError as error:
        raise UnusableVendorError(str(error)) from None


def _shape_of(platforms: Iterable[Vendor]) -> type[Strict]:
    """Return the shape that the part of a channel file about these platforms has."""
    ordered = sorted(platforms, key=lambda vendor: (vendor.order, vendor.name))
    return _shape_with(tuple((each.name, each.platform.fields, each.about) for each in ordered if each.platform))


@lru_cache
def _shape_with(parts: tuple[tuple[str, type[BaseModel], str], ...]) -> type[Strict]:
    """Return the shape with these parts: made once, since that takes longer than reading a file."""
    fields: dict[str, Any] = {name: (part | None, Field(None, description=about)) for name, part, about in parts}
    return create_model("Platforms", __base__=Strict, **fields)


class Budget(Strict):
    """Spending caps of this channel; left out, those of `dayreel config` hold. Caps over all channels hold always."""

    per_content_usd: UsdAmount | None = Field(None, description="per content: one take of one day")
    per_day_usd: UsdAmount | None = Field(None, description="per content day, all takes together")


class Experiment(Strict):
    """Two or more variants of a prompt, tried in turn; which one a day gets is `rules.experiments`."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,40}$", description="a new name begins a new comparison")
    layer: Literal["idea", "prompt"] = Field("idea", description="whose request the variant's words are added to")
    variants: dict[str, str] = Field(
        min_length=2, description="name to words that are added to the request; empty words change nothing"
    )
    detect_percent: float = Field(
        50, ge=5, le=1000, description="the smallest difference worth seeing; it says how long the comparison takes"
    )
    allocate: Literal["blocked", "thompson"] = Field(
        "blocked", description="`thompson`: when the comparison has ended, better variants get more days"
    )


class Channel(Strict):
    """One channel: one video a day."""

    name: str = Field(pattern=CHANNEL_ID, description="the file's `id`, or its name without .yaml")
    id: str | None = Field(
        None,
        pattern=CHANNEL_ID,
        description="what contents, posts and caps go by; left out, the file's name. Written before a file is renamed",
    )
    title: str = Field(min_length=1, max_length=80, description="the channel's name for people")
    description: str = Field("", description="for people")
    topic: str = Field(min_length=3, description="the topic template; `{date}` and `{weekday}` are filled in")
    content_type: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="which prompt templates are used")
    language: str = Field("en", pattern=r"^[a-z]{2}(-[A-Z]{2})?$", description="of ideas, captions and narration")
    timezone: str = Field("UTC", description="whose days and clock times these are, like `Europe/Madrid`")
    active_from: date = Field(description="first day that is made; earlier ones never cost anything")
    active_until: date | None = Field(None, description="last day that is made")
    weekdays: tuple[Weekday, ...] = Field(WEEKDAYS, description="days of the week that are made")
    make_at: str = Field("09:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="local time the day is made")
    cron: str | None = Field(
        None,
        description="`make_at` and `weekdays` as a cron line of one time a day, like `0 9 * * 1-5`",
    )
    ideas: IdeaSource = Field(description="where ideas come from")
    prompts: PromptSource | None = Field(None, description="who writes the prompts; not for own footage")
    segments: SegmentSpec = Field(SegmentSpec(), description="how many segments, how long, how large")
    video: VideoSource = Field(description="who makes the segments")
    narration: Narration | None = Field(None, description="`off` or a voice")
    captions: Literal["off", "words", "highlight", "box", "pop"] = Field(
        "off", description="how the spoken words are burned in"
    )
    brand: Brand = Field(Brand(), description="watermark, intro, outro, loudness")
    edit: EditSpec = Field(EditSpec(), description="music, transitions, grade, hook, end card; left out, cuts alone")
    safety: Safety = Field(Safety(), description="what no idea and no prompt may hold")
    review: Annotated[SerializeAsAny[Review], BeforeValidator(_read_review)] = Field(
        Review(), description="who may decide, and until when"
    )
    platforms: Platforms = Field(Platforms(), description="where the channel publishes; left out means not there")
    caption_marker: bool = Field(
        default=False, description="end every caption with a token like dr-7120e9f7, by which people find a post again"
    )
    publish_windows: tuple[str, ...] = Field(("00:00-24:00",), description="local times, `HH:MM-HH:MM`")
    max_posts_per_day: int = Field(3, ge=1, le=50, description="per platform and local day")
    budget: Budget = Field(Budget(), description="spending caps of this channel")
    experiment: Experiment | None = Field(None, description="variants of a prompt that are compared")
    learn_from_results: bool = Field(
        default=False, description="show the best and worst measured ideas of the last 30 days to the next idea"
    )
    holdout: float = Field(
        0, ge=0, le=0.5, description="share of days that no variant and no measured idea touches, to compare with"
    )

    @property
    def _overlap_s(self) -> float:
        return self.edit.transition.duration_s if self.edit.transition else 0.0

    @property
    def segments_s(self) -> float:
        """From the first segment's beginning to the last one's end in the video, in seconds: what can be spoken in."""
        return self.segments.total_s - (self.segments.count - 1) * self._overlap_s

    @property
    def length_s(self) -> float:
        """Length of the final video, without intro and outro, in seconds."""
        card = self.edit.end_card
        return self.segments_s + (card.duration_s - self._overlap_s if card else 0)

    @model_validator(mode="before")
    @classmethod
    def _cron_is_a_time_and_days(cls, document: object) -> object:
        if not isinstance(document, Mapping) or document.get("cron") is None:
            return document
        twice = [name for name in ("make_at", "weekdays") if name in document]
        if twice:
            raise ValueError(
                f"`cron` says what `{twice[0]}` says: leave one of them out (`{twice[0]}: null` where a file that is "
                "extended says it)"
            )
        make_at, weekdays = read_cron(str(document["cron"]))
        return {**document, "make_at": make_at, "weekdays": weekdays}

    @field_validator("timezone")
    @classmethod
    def _zone_exists(cls, zone: str) -> str:
        return zone_named(zone)

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
                raise ValueError(f"{window!r} is not a valid window; write it like `18:00-21:30` (end at most 24:00)")
            start, end = window.split("-")
            if start == end:
                raise ValueError(f"{window!r} is empty: it starts and ends at the same minute")
        return windows

    @model_validator(mode="after")
    def _transitions_fit_between_segments(self) -> "Channel":
        if self.edit.end_card and 2 * self._overlap_s > self.edit.end_card.duration_s:
            raise ValueError(f"edit.end_card of {self.edit.end_card.duration_s:g} s is too short for the transition")
        if 2 * self._overlap_s > self.segments.duration_s:
            lasts = f"{self.segments.duration_s} s"
            raise ValueError(f"edit.transition: {self._overlap_s:g} s are too long at both ends of segments of {lasts}")
        return self

    @model_validator(mode="after")
    def _parts_fit_together(self) -> "Channel":
        if self.active_until is not None and self.active_until < self.active_from:
            raise ValueError("active_until is before active_from")
        if self.video.provider != "clips" and self.prompts is None:
            raise ValueError(f"segments from {self.video.provider} need `prompts`")
        # An intro and an outro make it longer; how long footage is, only its files say.
        if self.video.provider != "clips" and self.brand.intro is None and self.brand.outro is None:
            for platform, fields in self.platforms.chosen().items():
                if isinstance(fields, FrameCover) and (fields.cover_at_s or 0) >= self.length_s:
                    raise ValueError(f"{platform}.cover_at_s is after the end of a video of {self.length_s:g} s")
        if self.captions != "off" and self.narration is None:
            raise ValueError("captions from words need a `narration`")
        if self.ideas.provider == "calendar" and (self.learn_from_results or _wants(self.experiment, "idea")):
            raise ValueError("ideas from a calendar are written by people: no learn_from_results, no idea experiment")
        if self.prompts is None and _wants(self.experiment, "prompt"):
            raise ValueError("an experiment on prompts needs `prompts`")
        if not self.weekdays:
            raise ValueError("weekdays is empty: this channel would never be made")
        return self


def read_cron(line: str) -> tuple[str, tuple[Weekday, ...]]:
    """Return the clock time and the weekdays of a cron line.

    Raises:
        ValueError: it is not one, or not one of a video a day.
    """
    match = _CRON.match(" ".join(line.lower().split()))
    if match is None:
        raise ValueError(f"{line!r} is not a cron line of one video a day; write it like `0 9 * * *` or `30 7 * * 1-5`")
    minute, hour, days = match.groups()
    return f"{int(hour):02d}:{int(minute):02d}", WEEKDAYS if days == "*" else _cron_days(days)


def _cron_days(text: str) -> tuple[Weekday, ...]:
    """Return the days of a cron line, in which 0 and 7 are Sunday."""
    names = {"sun": 0, **{name: number for number, name in enumerate(WEEKDAYS[:6], start=1)}}
    wanted: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        try:
            begin, end = (names[day] if day in names else int(day) for day in (first, last if dash else first))
        except ValueError:
            begin = end = _NO_DAY
        if max(begin, end) >= _NO_DAY:
            raise ValueError(f"{part!r} in `cron` is not a day of the week; write 1 to 7 or mon to sun")
        if end < begin:
            end += 7
        wanted |= {day % 7 for day in range(begin, end + 1)}
    return tuple(name for number, name in enumerate(WEEKDAYS, start=1) if number % 7 in wanted)


def _wants(experiment: Experiment | None, layer: str) -> bool:
    return experiment is not None and experiment.layer == layer
