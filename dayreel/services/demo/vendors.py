"""The vendors of `dayreel demo`, inside this process: they write, make, post and count at once, on the demo's clock.

They say what the sandbox world says: texts come from its writer, counters from its counters, and every post is written
into its memory, so that the world knows these posts when it is started afterwards. What is simplified is in
`make_demo`.
"""

import hashlib
import json
import random
import shutil
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dayreel.errors import PermanentError, TransientError, UnknownOutcomeError
from dayreel.providers.llm.contract import Answer, Question
from dayreel.providers.platforms.contract import Counters, PostRequest, Quota, Receipt
from dayreel.providers.speech.contract import Speech, SpeechRequest
from dayreel.providers.video.contract import Job, SegmentRequest
from dayreel.sandbox import instagram, tiktok, youtube
from dayreel.sandbox.counters import SandboxCounters, counters, followers
from dayreel.sandbox.world import SandboxWorld
from dayreel.sandbox.writer import write
from dayreel.schemas.effect import Permit, RecordHandle
from dayreel.schemas.metric import METRICS
from dayreel.schemas.posts import PlatformAccount
from dayreel.vendors.registry import platform_named

CANDIDATES = 5
TYPICAL_VIEWS = {
    "instagram": instagram.TYPICAL_VIEWS,
    "tiktok": tiktok.TYPICAL_VIEWS,
    "youtube": youtube.TYPICAL_VIEWS,
}
FAMILIES = {
    "wood": ("wood carving", "violin making", "cooperage", "broom making", "umbrella making", "fan making"),
    "clay and glass": ("wheel pottery", "glassblowing", "mosaic", "enamelling", "kintsugi", "stained glass"),
    "cloth": ("indigo dyeing", "lace making", "felting", "spinning", "handloom weaving", "quilting", "block printing"),
    "fibre": ("basketry", "thatching", "rope walking", "shoemaking", "leather tooling"),
    "paper": ("paper marbling", "bookbinding", "letterpress", "origami", "calligraphy"),
    "metal": ("blacksmithing", "knife making", "silversmithing", "clock repair", "instrument bell casting", "gilding"),
    "food": ("tea rolling", "bread shaping", "noodle pulling", "sugar pulling", "salt harvesting", "cheese making"),
}
# How much luck a topic has, 0 to 1: what makes one topic's views cheaper than another's.
LUCK = {"food": 0.95, "metal": 0.75, "clay and glass": 0.6, "wood": 0.45, "cloth": 0.35, "paper": 0.2, "fibre": 0.15}
_AT_HOME = "home"
Luck = Callable[[str], float]


class DemoClock:
    """A clock that is set, and that moves on when somebody sleeps on it."""

    def __init__(self, at: datetime) -> None:
        self._start = self._now = at
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Return the moment it shows."""
        return self._now

    def monotonic(self) -> float:
        """Return seconds since the first moment."""
        return (self._now - self._start).total_seconds()

    def sleep(self, seconds: float) -> None:
        """Let the seconds pass at once."""
        with self._lock:
            self._now += timedelta(seconds=max(0.0, seconds))

    def move_to(self, moment: datetime) -> None:
        """Show a later moment; one that has passed already changes nothing."""
        with self._lock:
            self._now = max(self._now, moment.astimezone(UTC))


class DemoModel:
    """Follows `LanguageModel` with the sandbox world's writer."""

    def __init__(self, name: str, clock: DemoClock, dice: random.Random) -> None:
        self.name = name
        self._clock = clock
        self._dice = dice

    def ask(self, _permit: Permit, question: Question) -> Answer:
        """Answer after a few seconds of the demo's time."""
        self._clock.sleep(self._dice.uniform(2, 9))
        document = write(question.schema, f"{question.system}\n{question.prompt}")
        if isinstance(document, dict) and "topic" in document:
            document["topic"] = family_of(str(document["topic"]))
        text = json.dumps(document, ensure_ascii=False)
        asked = len(question.system) + len(question.prompt) + len(json.dumps(question.schema))
        number = hashlib.sha256(f"{question.prompt}/{self._clock.now()}".encode()).hexdigest()[:20]
        return Answer(text, "complete", question.model, asked // 4, len(text) // 4, f"demo_{number}")


class DemoGenerator:
    """The parts of `VideoGenerator` that a healthy day uses; every file is the one shared clip."""

    def __init__(self, clip: Path, clock: DemoClock, dice: random.Random) -> None:
        """Deliver `clip` for every request."""
        self.name = "fal"
        self._clip = clip
        self._clock = clock
        self._dice = dice

    def check(self, _request: SegmentRequest) -> None:
        """Take every request."""

    def submit(self, permit: Permit, request: SegmentRequest) -> dict[str, Any]:
        """Take a request; it is done some seconds of the demo's time later."""
        self._clock.sleep(self._dice.uniform(12, 30))
        return {"request_id": f"demo-{permit.effect_id}", "model": request.model}

    def follow(self, _handle: dict[str, Any]) -> Job:
        """Say that it is done."""
        return Job("done", file_url="demo://shared-clip", seed=7)

    def fetch(self, _url: str, dest: Path) -> None:
        """Copy the shared clip."""
        dest.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self._clip, dest)


class DemoSpeech:
    """Follows `SpeechProvider` with one shared sound."""

    name = "edge"

    def __init__(self, sound: Path, duration_s: float, clock: DemoClock) -> None:
        """Speak `sound`, whatever the text is."""
        self._sound = sound
        self._duration_s = duration_s
        self._clock = clock

    def speak(self, _permit: Permit, _request: SpeechRequest, *, dest: Path) -> Speech:
        """Copy the shared sound to `dest`."""
        self._clock.sleep(3)
        path = dest.with_suffix(self._sound.suffix)
        shutil.copyfile(self._sound, path)
        return Speech(path, self._duration_s, ())


class DemoPlatform:
    """The parts of `PlatformProvider` that posting and measuring use, remembered by the sandbox world.

    Args:
        luck: 0 to 1 per content; it decides which of several possible ids a post gets, and the sandbox world's counters
            hang on the id.
        away: moments (days) on which it cannot be asked.
        losing: contents whose post's answer is lost; refusing: contents that it refuses.
        gone: contents whose post was deleted there, and from when.
    """

    counters_per_call = 50

    def __init__(
        self,
        name: str,
        world: SandboxWorld,
        clock: DemoClock,
        *,
        luck: Luck,
        away: Sequence[str] = (),
        losing: Sequence[str] = (),
        refusing: Sequence[str] = (),
        gone: dict[str, datetime] | None = None,
    ) -> None:
        self.name = name
        self._world = world
        self._clock = clock
        self._luck = luck
        self._away = set(away)
        self._losing = set(losing)
        self._refusing = set(refusing)
        self._gone = gone or {}

    def account(self) -> str:
        """Return the demo's account."""
        return f"demo_{self.name}"

    def read_account(self) -> PlatformAccount:
        """Return the demo's account."""
        return PlatformAccount(self.account(), "")

    def quota(self) -> Quota | None:
        """Report no quota."""
        return None

    def post(self, _permit: Permit, request: PostRequest, *, handle: dict[str, Any], record: RecordHandle) -> Receipt:
        """Post after a few seconds of the demo's time, or fail as scripted."""
        del handle
        self._clock.sleep(6)
        attempted = f"post {request.content_id} to {self.name}"
        if request.content_id in self._refusing:  # before there is a container, so nothing has to be looked up
            raise PermanentError(attempted=attempted, answer="HTTP 400 the caption was refused", code="36104")
        record({"container": f"demo-{request.marker}"})
        if request.content_id in self._losing:
            raise UnknownOutcomeError(attempted=attempted, answer="the connection closed before the answer")
        post_id = self._id_of(request.content_id, request.duration_s)
        path = {"instagram": "/instagram/p/{}/", "tiktok": "/tiktok/@demo/video/{}", "youtube": "/youtube/shorts/{}"}
        facts = {
            "caption": request.caption, "privacy": "public", "ai_label": True, "sha256": request.video_sha256,
            "size_bytes": request.size_bytes, "duration_s": request.duration_s, "width": 720, "height": 1280,
            "title": request.title, "snippet": {"title": request.title, "description": request.caption},
            "made_for_kids": False, "share_to_feed": True, "failure": None, "content_id": request.content_id,
        }  # fmt: skip
        self._world.go_live(platform=self.name, id_=post_id, path=path[self.name].format(post_id), **facts)
        url = f"http://127.0.0.1:8765{path[self.name].format(post_id)}"
        return Receipt("posted", post_id, url, {"simulated": True})

    def counters(self, post_ids: Sequence[str]) -> list[Counters]:
        """Return the sandbox world's counters as of the demo's moment."""
        now = self._asked()
        counted = [(post_id, self._world.post(self.name, post_id)) for post_id in post_ids]
        return [self._counted(post_id, post, now) for post_id, post in counted if post and not self._is_gone(post, now)]

    def _asked(self) -> datetime:
        now = self._clock.now()
        if now.date().isoformat() in self._away:
            raise TransientError(attempted=f"read counters from {self.name}", answer="HTTP 503 service unavailable")
        return now

    def _is_gone(self, post: dict[str, Any], now: datetime) -> bool:
        since = self._gone.get(str(post["content_id"]))
        return since is not None and now >= since

    def _counted(self, post_id: str, post: dict[str, Any], now: datetime) -> Counters:
        age_s = (now - datetime.fromisoformat(post["created_at"])).total_seconds()
        reported: dict[str, Any] = {}
        for metric in (metric for metric in platform_named(self.name).metrics if metric.metric in METRICS):
            # What is read elsewhere, with a scope of its own, comes as late there as the vendor says.
            known_s = age_s - 3600 * metric.late_h if metric.scope else age_s
            if known_s > 0:
                counted = self._counted_at(post_id, known_s, float(post["duration_s"]))
                reported[metric.metric] = getattr(counted, metric.metric)
        return Counters(post_id, now, **reported)

    def followers(self) -> int:
        """Return how many follow the demo's account at the demo's moment."""
        posts = self._world.posts(self.name)
        return followers(self.name, posts, self._asked(), typical_views=TYPICAL_VIEWS[self.name])

    def _counted_at(self, post_id: str, age_s: float, duration_s: float) -> SandboxCounters:
        return counters(f"{self.name}/{post_id}", age_s, duration_s, typical_views=TYPICAL_VIEWS[self.name])

    def _id_of(self, content_id: str, duration_s: float) -> str:
        """Return one of several possible ids: the luckier the content, the more views its id will have."""
        month_s = 30 * 86_400.0
        names = [hashlib.sha256(f"{content_id}/{self.name}/{n}".encode()).hexdigest() for n in range(CANDIDATES)]
        made = {
            "instagram": [str(10**16 + int(name[:12], 16)) for name in names],
            "tiktok": [str(7 * 10**18 + int(name[:12], 16)) for name in names],
            "youtube": [f"Sb{name[:9]}" for name in names],
        }[self.name]
        ordered = sorted(made, key=lambda post_id: self._counted_at(post_id, month_s, duration_s).views)
        return ordered[min(CANDIDATES - 1, int(self._luck(content_id) * CANDIDATES))]


def family_of(topic: str) -> str:
    """Return the family of a craft, so that topics come again; any other topic is kept."""
    craft = topic.split(":", maxsplit=1)[0].strip()
    if ":" not in topic:
        return topic
    return next((family for family, crafts in FAMILIES.items() if craft in crafts), _AT_HOME)
