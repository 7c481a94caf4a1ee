"""What a vendor's model takes, makes and costs, and until when: the shapes of a row of `models.yaml`.

Rows are data: which there are is `vendors.model_list`, what a request costs `rules.pricing`, what a model cannot make
`providers.video.model_input`. What a platform takes of a post stands in its vendor's record.
"""

from collections.abc import Collection, Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_validator, model_validator

_ONE_KIND = "a price is per million tokens (input and output), per second, per video or per million characters"
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Shape):
    """Where a fact was read, and when."""

    source: str = Field(min_length=1, description="page, file or person")
    checked_on: date = Field(description="day on which it was read there")
    second_hand: bool = Field(
        default=False, description="not the vendor's own word: such a limit is warned of and refuses nothing"
    )


class Price(_Shape):
    """What a request costs to which all of its conditions apply; one that it leaves out applies to every request."""

    resolution: str | None = Field(None, description="condition: of the picture")
    sound: bool | None = Field(None, description="condition: made with sound, or without")
    duration_s: int | None = Field(None, description="condition: exactly so many seconds")
    up_to_input_tokens: int | None = Field(None, description="condition: no longer question than so many tokens")
    input_per_mtok_usd: Decimal | None = Field(None, ge=0, description="per million tokens of a question, and")
    output_per_mtok_usd: Decimal | None = Field(None, ge=0, description="per million tokens of its answer")
    cached_input_per_mtok_usd: Decimal | None = Field(None, ge=0, description="of a question, read from the cache")
    cache_write_per_mtok_usd: Decimal | None = Field(None, ge=0, description="of a question, kept in the cache")
    per_second_usd: Decimal | None = Field(None, ge=0, description="per second of video, or of speech")
    per_video_usd: Decimal | None = Field(None, ge=0, description="per video, or per narration")
    per_mchar_usd: Decimal | None = Field(None, ge=0, description="per million characters that are spoken")

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> "Price":
        tokens = self.input_per_mtok_usd is not None and self.output_per_mtok_usd is not None
        half = (self.input_per_mtok_usd is None) != (self.output_per_mtok_usd is None)
        others = sum(amount is not None for amount in (self.per_second_usd, self.per_video_usd, self.per_mchar_usd))
        if half or tokens + others != 1:
            raise ValueError(_ONE_KIND)
        return self


class ModelRow(_Shape):
    """One model of one provider.

    Attributes:
        sources: fact to where it was read. In a file `source`, `checked_on` and `second_hand` of the row stand for all
            of its facts, and `sources` for single ones.
    """

    provider: str = Field(description="the vendor's name, as channel files have it")
    model: str = Field(description="the vendor's own name of the model")
    price: tuple[Price, ...] = Field((), description="its tiers, the first that applies holds; none: cannot be used")
    ends_on: date | None = Field(None, description="last day on which the vendor offers it")
    replaced_by: tuple[str, ...] = Field((), description="models to use instead")
    sources: dict[str, Source] = Field({}, description="facts that were read elsewhere than the others of the row")

    @field_validator("price", mode="before")
    @classmethod
    def _one_tier_needs_no_list(cls, price: object) -> object:
        return [price] if isinstance(price, Mapping) else price

    def is_second_hand(self, fact: str) -> bool:
        """Return whether a fact is not the vendor's own word."""
        source = self.sources.get(fact)
        return source is not None and source.second_hand


class TextModel(ModelRow):
    """A language model."""

    family: Literal["llm"] = Field(description="`llm`")
    context_tokens: int | None = Field(None, gt=0, description="question and answer together")
    max_output_tokens: int | None = Field(None, gt=0, description="the longest answer, thinking included")
    thinks: Literal["never", "on_request", "default", "always"] = Field(
        "never", description="thinking is billed as output and counts towards the answer's budget"
    )
    efforts: tuple[Effort, ...] = Field(
        (), description="those it can be asked for, the least first; `none` where thinking can be switched off"
    )
    default_effort: Effort | None = Field(None, description="what it does when asked for none")
    structured_output: Literal["json_schema", "json_object", "none"] = Field(
        "json_schema",
        description="what an OpenAI-compatible server's `response_format` takes",
    )
    tokens_per_s: float | None = Field(
        None,
        gt=0,
        description="how fast a slow server writes, for how long it is waited for",
    )

    @model_validator(mode="after")
    def _default_is_one_of_the_efforts(self) -> "TextModel":
        if self.default_effort is not None and self.default_effort not in self.efforts:
            raise ValueError(f"default_effort {self.default_effort!r} is not among the efforts")
        return self


FIELDS: Mapping[str, str] = {name: name for name in ("prompt", "duration", "resolution", "aspect_ratio")}
"""What a video model's fields are called unless its row says otherwise."""
Picture = Literal["first_frame", "last_frame", "reference"]
PICTURES: tuple[Picture, ...] = ("first_frame", "last_frame", "reference")
"""The pictures that a segment can be made from."""
VideoField = Literal[
    "prompt",
    "duration",
    "resolution",
    "aspect_ratio",
    "sound",
    "seed",
    "negative_prompt",
    "first_frame",
    "last_frame",
    "reference",
]


class VideoModel(ModelRow):
    """A model that makes video.

    Attributes:
        resolutions: resolution of a channel file to the vendor's word for it; in a file also a plain list.
        fields: what is asked for, to the vendor's field for it; one that is left out cannot be asked for. In a file
            `prompt`, `duration`, `resolution` and `aspect_ratio` need not be written where the vendor calls them so,
            and `resolution: null` says that there is no such field.
        sound: whether it makes sound, or only at these resolutions.
    """

    family: Literal["video"] = Field(description="`video`")
    prompt_limit: int | None = Field(None, gt=0, description="characters, everything that is appended included")
    negative_prompt_limit: int | None = Field(None, gt=0, description="characters of the negative prompt")
    durations_s: tuple[int, ...] = Field((), description="seconds that can be asked for")
    resolutions: dict[str, str] = Field({}, description="`[720p, 1080p]`, or to the vendor's words: `{720p: 768p}`")
    aspect_ratios: tuple[str, ...] = Field(("9:16",), description="those it makes")
    sound: bool | tuple[str, ...] = Field(default=False, description="true, false, or the resolutions that have it")
    fields: dict[VideoField, str] = Field(
        {}, validate_default=True, description="what can be asked for, to the vendor's name of the field"
    )
    needs: tuple[Picture, ...] = Field((), description="pictures without which it makes nothing")
    duration_form: Literal["string", "integer", "with_s"] = Field("string", description='`"5"`, `5` or `"5s"`')
    sound_values: tuple[Any, Any] = Field((True, False), description="what its sound field takes for yes and for no")
    reference_form: Literal["list", "single"] = Field("list", description="whether `reference` takes several pictures")
    constants: dict[str, Any] = Field({}, description="fields that are always sent, as they are")

    @field_validator("resolutions", mode="before")
    @classmethod
    def _a_list_is_in_the_vendors_words(cls, resolutions: object) -> object:
        return {name: name for name in resolutions} if isinstance(resolutions, list | tuple) else resolutions

    @field_validator("fields", mode="before")
    @classmethod
    def _usual_fields_need_not_be_written(cls, fields: object) -> object:
        if not isinstance(fields, Mapping):
            return fields
        return {name: field for name, field in {**FIELDS, **fields}.items() if field is not None}

    @model_validator(mode="after")
    def _facts_fit_together(self) -> "VideoModel":
        if isinstance(self.sound, tuple) and (unknown := set(self.sound) - set(self.resolutions)):
            raise ValueError(f"sound names {', '.join(sorted(unknown))}, which are not among the resolutions")
        priced = {tier.resolution for tier in self.price if tier.resolution is not None}
        if self.resolutions and (unknown := priced - set(self.resolutions)):
            raise ValueError(f"price names {', '.join(sorted(unknown))}, which are not among the resolutions")
        if missing := [name for name in self.needs if name not in self.fields]:
            raise ValueError(f"it needs {', '.join(missing)} and has no field for it")
        return self

    def has_sound(self, resolution: str) -> bool:
        """Return whether what it makes at this resolution has sound."""
        return resolution in self.sound if isinstance(self.sound, tuple) else self.sound


class Voice(ModelRow):
    """A model that speaks, or a voice: `model` is a channel's `narration.model`, or `narration.voice` without one."""

    family: Literal["speech"] = Field(description="`speech`")
    text_limit: int | None = Field(None, gt=0, description="characters of one narration")
    fields: dict[Literal["text", "voice", "speed"], str] = Field(
        {}, description="of voices on fal: what each is called there, a dot before what is inside"
    )


AnyModel = TextModel | VideoModel | Voice
_ANY_MODEL: TypeAdapter[AnyModel] = TypeAdapter(Annotated[AnyModel, Field(discriminator="family")])
_NO_FACTS = {"provider", "model", "family", "sources"}
_OF_ALL_FACTS = ("source", "checked_on", "second_hand")
_OLD_PRICES = {
    "input_per_mtok_usd": "llm",
    "output_per_mtok_usd": "llm",
    "per_second_usd": "video",
    "per_mchar_usd": "speech",
}


def laid_over(base: Mapping[str, Any] | None, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as a file has it, laid over another of the same model: fact by fact, each with its own source."""
    of_all = {name: row[name] for name in _OF_ALL_FACTS if name in row}
    facts = {name: fact for name, fact in row.items() if name not in _OF_ALL_FACTS}
    own = {name: {**of_all, **facts.get("sources", {}).get(name, {})} for name in facts if name not in _NO_FACTS}
    beside = {name: source for name, source in facts.get("sources", {}).items() if name not in own}
    base = base or {}
    return {**base, **facts, "sources": {**base.get("sources", {}), **own, **beside}}


def price_row(row: Mapping[str, Any], resolutions: Collection[str]) -> dict[str, Any]:
    """Return a row of an older project's `prices.yaml` as one of `models.yaml`: its price and nothing else.

    Args:
        resolutions: those that the model is known for, none where nothing is known. Such a file could price others;
            nobody can ask for them, so they are left out and stop no project.

    Raises:
        ValueError: it has no price, or several.
    """
    kinds = [name for name in _OLD_PRICES if row.get(name) is not None]
    rest = {name: value for name, value in row.items() if name not in _OLD_PRICES}
    seconds = row.get("per_second_usd")
    if not kinds or (isinstance(seconds, Mapping) and len(kinds) > 1):
        raise ValueError(_ONE_KIND)
    if isinstance(seconds, Mapping):
        price: Any = [
            {"resolution": name, "per_second_usd": usd}
            for name, usd in seconds.items()
            if name in resolutions or not resolutions
        ]
    else:
        price = {name: row[name] for name in kinds}
    return {"family": _OLD_PRICES[kinds[0]], **rest, "price": price}


def model_of(row: Mapping[str, Any]) -> AnyModel:
    """Return a row that `laid_over` has made whole.

    Raises:
        ValidationError: names the fact.
    """
    return _ANY_MODEL.validate_python(row)
