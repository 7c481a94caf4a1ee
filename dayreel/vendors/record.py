"""A vendor's record: every fact about it that something else than its own client wants to know.

One record a vendor, at the end of the vendor's own file. Settings, choices in channel files, Dagster resources, key
checks, lists and messages are derived from it. What a vendor answers and how it is spoken to is the client's.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel

from dayreel.vendors.access import Access
from dayreel.vendors.consent import Consent
from dayreel.vendors.models import Source
from dayreel.vendors.token import Token

Family = Literal["llm", "video", "speech", "platforms", "public_urls", "lookup", "notifiers"]
CaptionUnit = Literal["characters", "utf16", "bytes"]
Variable = Callable[[str], str | None]
"""Reads a variable by its name; None when it is not set."""


@dataclass(frozen=True)
class Setting:
    """One variable of a vendor.

    Attributes:
        variable: its name in the environment and in `.env`.
        help: where the value comes from or what it is for, as a clause.
        secret: whether it must never be shown.
        required: whether the live world cannot use the vendor without it.
        sandbox: the value that the vendor's stand-in takes; it opens nothing anywhere else.
        replaces: required variables that are not needed where this one is set.
        asked: whether `dayreel setup` asks for it: not for what a first day does without.
    """

    variable: str
    help: str
    secret: bool = True
    required: bool = True
    sandbox: str | None = None
    replaces: tuple[str, ...] = ()
    asked: bool = True


@dataclass(frozen=True)
class Proof:
    """What a vendor answered to a free question.

    Attributes:
        found: what works.
        problem: what will not work although the keys do.
        next_step: what to do about the problem.
    """

    found: str
    problem: str = ""
    next_step: str = ""


@dataclass(frozen=True)
class PlatformLimits:
    """What a platform takes of a video file, of what goes with it, and of posts a day; None: no limit is known.

    Attributes:
        tag_characters, tags_characters: of one tag, and of all together, counted as the platform does.
        collaborators: how many accounts may be named as co-authors.
        cover_formats, cover_bytes: of a picture file as the cover, `jpeg` and `png`; empty where it takes none.
        source: where the limits were read, and when.
        extras_source: likewise of tags, collaborators and covers.
    """

    max_size_bytes: int | None = None
    min_duration_s: float | None = None
    max_duration_s: float | None = None
    max_bit_rate: int | None = None
    min_fps: float | None = None
    max_fps: float | None = None
    max_width: int | None = None
    takes_edit_lists: bool = True
    posts_per_day: int | None = None
    tag_characters: int | None = None
    tags_characters: int | None = None
    collaborators: int | None = None
    cover_formats: tuple[str, ...] = ()
    cover_bytes: int | None = None
    source: Source | None = None
    extras_source: Source | None = None


@dataclass(frozen=True)
class SafeZone:
    """Where a platform draws nothing of its own over a 9:16 video, as shares of width and height from the upper left.

    Below `bottom` the apps draw text, sound and progress; right of `right` their buttons.

    Attributes:
        source: where that was read, and when.
    """

    left: float
    right: float
    top: float
    bottom: float
    source: Source | None = None

    def within(self, other: "SafeZone") -> "SafeZone":
        """Return what two platforms both leave free."""
        return SafeZone(
            max(self.left, other.left),
            min(self.right, other.right),
            max(self.top, other.top),
            min(self.bottom, other.bottom),
        )


@dataclass(frozen=True)
class CaptionRules:
    """What a platform takes of a caption; None means that no limit is known.

    Attributes:
        source: where the limits were read, and when.
        reported_hashtags: how many it is said to take, not in its own words: no more of the channel's are added, and a
            person's text with more is not refused.
        reported_mentions: likewise; nothing is left out.
        reported_by: who says so, and when that was read.
    """

    limit: int
    unit: CaptionUnit
    hashtag_limit: int | None = None
    mention_limit: int | None = None
    title_limit: int | None = None
    forbidden: str = ""
    source: Source | None = None
    reported_hashtags: int | None = None
    reported_mentions: int | None = None
    reported_by: Source | None = None


@dataclass(frozen=True)
class RenewalRule:
    """When a platform's access tokens are renewed.

    Attributes:
        every: an access token older than that is renewed.
        spare: one that ends within that time is renewed, however young.
        youngest: the vendor renews none younger than that.
        after_expiry: whether a token that has ended can still be renewed (with a refresh token it can).
    """

    every: timedelta
    spare: timedelta
    youngest: timedelta
    after_expiry: bool


@dataclass(frozen=True)
class TokenRenewal:
    """How a platform's access tokens are kept alive.

    Attributes:
        access: variable of the access token.
        refresh: variable of what a new one is asked for with; None where the access token itself is renewed.
        prefix: what an access token begins with that can be renewed without a person.
        prove: shows that tokens a person has just given work, and returns those to keep.
        renew: returns new tokens.
    """

    access: str
    refresh: str | None
    prefix: str
    rule: RenewalRule
    prove: Callable[[Access, Token], Token]
    renew: Callable[[Access, Token], Token]


@dataclass(frozen=True)
class PlatformMetric:
    """One metric as a platform counts it.

    Attributes:
        metric: of `schemas.metric`, or `followers`.
        theirs: the platform's own name of it.
        counts: what it counts there.
        source: where that was read, and when.
        scale: what the platform's number is multiplied with.
        since: since when it is counted like that; None where the platform does not say.
        before: how it was counted until then.
        late_h: so many hours may pass until it is reported.
        scope: the permission without which it is not reported, where posting does without.
    """

    metric: str
    theirs: str
    counts: str
    source: Source
    scale: float = 1
    since: date | None = None
    before: str = ""
    late_h: int = 0
    scope: str = ""


@dataclass(frozen=True)
class Platform:
    """What is particular to a vendor where videos are posted.

    Attributes:
        fields: the shape of its part of a channel file; has `hashtags` and `ai_disclosure` at least.
        follow_ups: what is done with a post once it is out, each an act of its own: by the kind of the effect what is
            asked for, as JSON. Gets the post's fields; its client is a `FollowsUp`.
        by_hand: whether people post from what is left there: nothing leaves this machine, so that it needs no
            permission first, there are no counters, and the channel's title stands above the text.
        has_counters: whether it reports how posts do; by hand there are none anyway.
        read_report: reads what is called back at `/callbacks/NAME/...` about a post, as a
            `providers.platforms.contract.PostReport`; raises ValueError with a sentence for the sender. Left out,
            nobody calls back.
        consents: how an account is connected in a browser; the first one where nobody chooses.
        colour: of its line in charts, as `#rrggbb`.
        metrics: what it reports of a post, and of the account.
        safe_zone: where it draws nothing over a vertical video; None where nothing is known.
    """

    fields: type[BaseModel]
    captions: CaptionRules
    limits: PlatformLimits = PlatformLimits()
    safe_zone: SafeZone | None = None
    token: TokenRenewal | None = None
    follow_ups: Callable[[Mapping[str, Any]], Mapping[str, dict[str, Any]]] | None = None
    by_hand: bool = False
    has_counters: bool = True
    read_report: Callable[[Mapping[str, Any]], Any] | None = None
    consents: tuple[Consent, ...] = ()
    colour: str | None = None
    metrics: tuple[PlatformMetric, ...] = ()


@dataclass(frozen=True)
class Chat:
    """What is particular to a notifier in which people decide with buttons; its client is a `ReviewNotifier`.

    Attributes:
        room: the variable with the id of the room where reviews are decided; a press elsewhere decides nothing.
        person: what its ids of people are, for `review.NAME` of channel files: "Slack user id (`U0123ABCD`)".
        callbacks: returns how its presses are proven, read and answered (`providers.notifiers.contract.Callbacks`);
            None where what proves them is not set.
    """

    room: str
    person: str
    callbacks: Callable[[Variable], Any]


@dataclass(frozen=True)
class Billed:
    """One line of a vendor's bill: what it charges for one model on one UTC day. A day and model may have several."""

    day: date
    model: str
    usd: Decimal


@dataclass(frozen=True)
class Bill:
    """How a vendor's bill is read, see `providers.bills`.

    Attributes:
        key: the variable without which it is not read.
        read: returns what was billed from the first to the last of these UTC days, both included.
    """

    key: str
    read: Callable[[Access, date, date], Sequence[Billed]]


@dataclass(frozen=True, eq=False)
class Vendor:
    """One vendor.

    Attributes:
        name: by which channel files and commands choose it, and the key of its resource.
        label: its name as people write it; left out, its name with a capital.
        about: what it is, in a sentence or two.
        connect: returns the client, which follows the contract of the family (`providers/<family>/contract.py`).
        can: what it does for dayreel, in words.
        prove: asks whether keys, account and scopes are good, free of charge, given the models that channels want.
        rehearse: goes as far towards a post with these fields as nothing is posted, for `dayreel doctor --first-day`.
        first_day: what a first day meets there and no question shows, each a problem with its next step.
        where_to_look: where a person finds out what became of a request, when no program can.
        uses: the other vendors that its client connects to, given the variables.
        account: the vendor to whose account its purchases are billed, where that is another one.
        order: its place in its family: of the notifiers the first one that is set up is used; one of another package
            has to need a variable for that.
        free: whether it never bills; a voice that is not free needs a price, and what it says is paid through the caps.
        models: rows as in `models.yaml` (`vendors.models`), without `provider`; those of our own vendors stand there.
        bill: how what it bills is read, where it reports that; booked beside it is `queries.bills`.
        handle: the name of the vendor's own id of a paid request, where one that a person has found is followed.
        poll_s: how often a request may be followed: so many seconds apart at least.
        refusals: the codes whose meaning the client knows, or a mapping from them to their `ErrorRow`;
            docs/reference/vendors/ explains each.
        stand_in: `module:function` that returns the routes of the stand-in, given the sandbox world.
    """

    name: str
    family: Family
    about: str
    connect: Callable[[Access], Any]
    label: str = ""
    settings: tuple[Setting, ...] = ()
    can: tuple[str, ...] = ()
    prove: Callable[[Access, Sequence[str]], Proof] | None = None
    rehearse: Callable[[Access, Any], Proof] | None = None
    first_day: tuple[Proof, ...] = ()
    where_to_look: str = ""
    uses: Callable[[Variable], tuple[str, ...]] | None = None
    account: str = ""
    order: int = 100
    free: bool = False
    models: tuple[Mapping[str, Any], ...] = ()
    bill: Bill | None = None
    handle: str = "request_id"
    poll_s: float = 0.5
    refusals: frozenset[str] | Mapping[str, Any] = frozenset()
    stand_in: str | None = None
    platform: Platform | None = None
    chat: Chat | None = None

    def __post_init__(self) -> None:
        """Fill in the label."""
        object.__setattr__(self, "label", self.label or self.name.capitalize())

    @property
    def needs(self) -> tuple[str, ...]:
        """Variables without which the live world cannot use it."""
        return tuple(setting.variable for setting in self.settings if setting.required)

    @property
    def takes(self) -> tuple[str, ...]:
        """Variables that it uses when they are set."""
        return tuple(setting.variable for setting in self.settings if not setting.required)

    def needs_given(self, variable: Variable) -> tuple[str, ...]:
        """Return the variables of `needs` that none which is set replaces."""
        replaced = {name for setting in self.settings if variable(setting.variable) for name in setting.replaces}
        return tuple(name for name in self.needs if name not in replaced)

    def is_set_up(self, variable: Variable) -> bool:
        """Return whether somebody has chosen it: its first variable is set, or it has none."""
        return not self.needs or bool(variable(self.needs[0]))
